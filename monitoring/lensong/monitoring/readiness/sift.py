"""Which of the evidence speaks about a question, and whether it can be judged at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lensong.monitoring.readiness.evidence import (
    Evidence,
    HourSample,
    PastSession,
    PredictedUplink,
    Question,
    UplinkTest,
)
from lensong.monitoring.readiness.history import History, gather_history, hours_from_tests
from lensong.monitoring.readiness.outlook import is_strong
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.verdict import Reason

__all__ = ["Known", "age_s", "sift", "why_unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Evidence of the asked technology and operator, without what lies in the future.

    Parameters
    ----------
    predictions : tuple of PredictedUplink
    tests : tuple of UplinkTest
        All of them, failed ones too.
    strong, weak : tuple of UplinkTest
        Successful tests with a rate: those that may lift to READY, and the others.
    samples : tuple of HourSample
        History of the site, with strong tests that are not rolled up yet.
    history : History
    sessions : tuple of PastSession
    newest_at : datetime or None
        Time of the newest piece that says anything about the rate.
    measured_at : datetime or None
        Time of the newest measurement at the site that may lift to READY.
    measured_lately : bool
        It is recent enough to promise anything.
    left_out : int
        Pieces that were dated in the future.
    """

    predictions: tuple[PredictedUplink, ...]
    tests: tuple[UplinkTest, ...]
    strong: tuple[UplinkTest, ...]
    weak: tuple[UplinkTest, ...]
    samples: tuple[HourSample, ...]
    history: History
    sessions: tuple[PastSession, ...]
    newest_at: datetime | None
    measured_at: datetime | None
    measured_lately: bool
    left_out: int


def sift(
    question: Question, evidence: Evidence, *, now: datetime, settings: ReadinessSettings
) -> Known:
    """Return what speaks about a question: of its technology and operator, and not of the future.

    A piece without a technology or operator fits every question, and a question without one takes
    every piece.
    """
    latest = now + timedelta(seconds=settings.future_tolerance_s)

    def fits(technology: str | None, operator: str | None) -> bool:
        return (question.technology is None or technology in (None, question.technology)) and (
            question.operator is None or operator in (None, question.operator)
        )

    predictions = tuple(
        p
        for p in evidence.predictions
        if p.computed_at <= latest and fits(p.technology, p.operator)
    )
    tests = tuple(
        t for t in evidence.tests if t.measured_at <= latest and fits(t.technology, t.operator)
    )
    rated = [t for t in tests if t.succeeded and t.uplink_p10_bps is not None]
    strong = tuple(t for t in rated if is_strong(t, settings))
    rolled_up = tuple(
        s
        for s in evidence.site_history
        if s.hour_starts_at <= latest and fits(s.technology, s.operator)
    )
    samples = (*rolled_up, *hours_from_tests(strong, rolled_up))
    commune = tuple(
        s
        for s in evidence.commune_history
        if s.hour_starts_at <= latest and fits(s.technology, s.operator)
    )
    at_site = [*(t.measured_at for t in strong), *(s.hour_starts_at for s in samples)]
    telling = [
        *at_site,
        *(t.measured_at for t in rated),
        *(s.hour_starts_at for s in commune),
        *(p.computed_at for p in predictions),
    ]
    stamps = [
        *(p.computed_at for p in evidence.predictions),
        *(t.measured_at for t in evidence.tests),
        *(s.hour_starts_at for s in (*evidence.site_history, *evidence.commune_history)),
    ]
    return Known(
        predictions=predictions,
        tests=tests,
        strong=strong,
        weak=tuple(t for t in rated if not is_strong(t, settings)),
        samples=samples,
        history=gather_history(samples, commune, now=now, settings=settings),
        sessions=tuple(
            s
            for s in evidence.past_sessions
            if question.technology in (None, s.technology) and s.ended_at <= latest
        ),
        newest_at=max(telling, default=None),
        measured_at=max(at_site, default=None),
        measured_lately=any(age_s(at, now) <= settings.stale_after_s for at in at_site),
        left_out=sum(stamp > latest for stamp in stamps),
    )


def why_unknown(
    evidence: Evidence, known: Known, *, now: datetime, settings: ReadinessSettings
) -> tuple[Reason, ...]:
    """Return why nothing can be said, or nothing when something can."""
    reasons = []
    if evidence.clock_fault:
        reasons.append(Reason(code="clock_fault", severity="error"))
    if evidence.auth_fault:
        reasons.append(Reason(code="auth_fault", severity="error"))
    if known.newest_at is None:
        reasons.append(Reason(code="no_evidence", severity="error"))
    elif age_s(known.newest_at, now) > settings.stale_after_s:
        days = age_s(known.newest_at, now) / 86_400.0
        reasons.append(Reason(code="evidence_stale", severity="error", values={"age_days": days}))
    return tuple(reasons)


def age_s(at: datetime, now: datetime) -> float:
    """Return the age of something, 0 for the near future that clocks a little off may give."""
    return max((now - at).total_seconds(), 0.0)
