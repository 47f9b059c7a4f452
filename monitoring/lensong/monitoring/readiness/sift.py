"""Which of the evidence speaks about a question, and whether it can be judged at all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lensong.monitoring.readiness.calibration import told_weight
from lensong.monitoring.readiness.days import Sample, full_hour, samples_of
from lensong.monitoring.readiness.evidence import Evidence, PredictedUplink, Question, UplinkTest
from lensong.monitoring.readiness.moving import MotionBy, as_fitted_moving, motion_of
from lensong.monitoring.readiness.networks import (
    borrowed,
    is_operator,
    is_technology,
    speaks_for,
)
from lensong.monitoring.readiness.outages import Watched, counted_once
from lensong.monitoring.readiness.past import FinishedSession, Watch
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.verdict import Reason
from lensong.monitoring.records import CountedBy, Motion, SessionOutcome

__all__ = ["Known", "age_s", "sift", "why_unknown"]

_TEST_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Evidence of the asked technology, operator and motion, without what lies in the future.

    Parameters
    ----------
    motion : Motion
        At rest or moving.
    motion_by : str
        ``told``, ``sensed`` or ``assumed``.
    predictions : tuple of PredictedUplink
    tests : tuple of UplinkTest
        All of them, failed ones too.
    strong, weak : tuple of UplinkTest
        Successful tests with a rate: those that may lift to READY, and the others.
    samples, commune : tuple of Sample
        Of the site, strong tests and rolled-up hours, each test once; and of other sites.
    here, elsewhere : tuple of FinishedSession
    watched : tuple of Watched
        All that was watched, weighted.
    newest_at : datetime or None
        Time of the newest piece that says anything about the rate.
    measured_at : datetime or None
        Time of the newest measurement at the site that may lift to READY.
    measured_lately : bool
        It is recent enough to promise anything.
    left_out : int
        Pieces that were dated in the future.
    """

    motion: Motion
    motion_by: MotionBy
    predictions: tuple[PredictedUplink, ...]
    tests: tuple[UplinkTest, ...]
    strong: tuple[UplinkTest, ...]
    weak: tuple[UplinkTest, ...]
    samples: tuple[Sample, ...]
    commune: tuple[Sample, ...]
    here: tuple[FinishedSession, ...]
    elsewhere: tuple[FinishedSession, ...]
    watched: tuple[Watched, ...]
    newest_at: datetime | None
    measured_at: datetime | None
    measured_lately: bool
    left_out: int

    def own(self) -> Known:
        """Return what is known without what is borrowed from other places and from plans."""
        return replace(self, predictions=(), commune=())


def sift(
    question: Question, evidence: Evidence, *, now: datetime, settings: ReadinessSettings
) -> Known:
    """Return what speaks about a question: of its technology, operator and motion, not later.

    A piece without a technology or operator fits every question, and a question without one takes
    every piece that was measured at the site; of plans and of the commune only what is of the
    networks that are used there. What was measured on the move says little of a phone at rest, and
    is weak.
    """
    latest = now + timedelta(seconds=settings.future_tolerance_s)
    motion, motion_by = motion_of(question, evidence, now=now, settings=settings)
    if motion is Motion.MOVING:
        settings = as_fitted_moving(settings)

    def fits(technology: str | None, operator: str | None) -> bool:
        return is_technology(question.technology, technology) and is_operator(
            question.operator, operator
        )

    predictions = tuple(
        p
        for p in evidence.predictions
        if p.computed_at <= latest and speaks_for(question, p) is None
    )
    tests = tuple(
        t for t in evidence.tests if t.measured_at <= latest and fits(t.technology, t.operator)
    )
    hours, around = (
        tuple(s for s in history if s.hour_starts_at <= latest and fits(s.technology, s.operator))
        for history in (evidence.site_history, evidence.commune_history)
    )
    commune = tuple(s for s in around if borrowed(question, s))
    rated = [t for t in tests if t.succeeded and t.uplink_p10_bps is not None]
    strong = tuple(t for t in rated if _is_strong(t, motion, settings))
    tested = {(full_hour(t.measured_at), t.technology, t.operator) for t in strong}
    untested = tuple(
        s for s in hours if (full_hour(s.hour_starts_at), s.technology, s.operator) not in tested
    )
    samples = samples_of(strong, untested, settings)
    sessions = [
        s
        for s in evidence.sessions
        if s.ended_at <= latest
        and is_technology(question.technology, s.technology)
        and _same_motion(s.motion, motion)
    ]
    here = tuple(
        s for s in sessions if s.site_id == question.site_id and fits(s.technology, s.operator)
    )
    held_at = [s.ended_at for s in here if s.held]
    at_site = [*(sample.at for sample in samples), *held_at]
    telling = [
        *at_site,
        *(t.measured_at for t in rated),
        *(s.hour_starts_at for s in commune),
        *(s.ended_at for s in here),
        *(p.computed_at for p in predictions),
    ]
    watches, commune_watches = (
        tuple(
            w
            for w in kept
            if w.ended_at <= latest
            and fits(w.technology, w.operator)
            and _same_motion(w.motion, motion)
        )
        for kept in (
            evidence.watches,
            tuple(w for w in evidence.commune_watches if borrowed(question, w)),
        )
    )
    stamps = [
        *(p.computed_at for p in evidence.predictions),
        *(t.measured_at for t in evidence.tests),
        *(s.hour_starts_at for s in (*evidence.site_history, *evidence.commune_history)),
        *(w.ended_at for w in (*evidence.watches, *evidence.commune_watches)),
        *(s.ended_at for s in evidence.sessions),
    ]
    return Known(
        motion=motion,
        motion_by=motion_by,
        predictions=predictions,
        tests=tests,
        strong=strong,
        weak=tuple(t for t in rated if not _is_strong(t, motion, settings)),
        samples=samples,
        commune=samples_of((), commune, settings),
        here=here,
        elsewhere=tuple(s for s in sessions if s.site_id != question.site_id),
        watched=(
            *_watched_here(watches, here, now, settings),
            *_watched(commune_watches, settings.commune_watch_weight, now, settings),
            *(
                Watched(
                    seconds=float(t.bins or _TEST_S),
                    outages_s=t.outages_s,
                    weight=_aged(t.measured_at, now, settings),
                )
                for t in strong
            ),
            *(
                Watched(seconds=_TEST_S * s.tests, weight=_aged(s.hour_starts_at, now, settings))
                for s in untested
            ),
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


def _is_strong(test: UplinkTest, motion: Motion, settings: ReadinessSettings) -> bool:
    return (
        test.counted_by == CountedBy.SERVER
        and test.bins >= settings.least_bins
        and not (motion is Motion.AT_REST and test.motion is Motion.MOVING)
    )


def _same_motion(seen: Motion, motion: Motion) -> bool:
    """Return whether what was seen counts: of unknown motion it was at rest, as a site is."""
    return (seen is Motion.MOVING) == (motion is Motion.MOVING)


def _watched(
    watches: tuple[Watch, ...], weight: float, now: datetime, settings: ReadinessSettings
) -> tuple[Watched, ...]:
    return tuple(
        Watched(
            seconds=w.watched_s,
            outages_s=w.outages_s,
            weight=weight * _aged(w.ended_at, now, settings),
        )
        for w in watches
    )


def _watched_here(
    watches: tuple[Watch, ...],
    sessions: tuple[FinishedSession, ...],
    now: datetime,
    settings: ReadinessSettings,
) -> tuple[Watched, ...]:
    """Return watches and sessions of the site: what several of them saw at a time counts once."""
    seen = (
        *_watched(watches, 1.0, now, settings),
        *(
            Watched(
                seconds=s.watched_s,
                outages_s=s.outages_s,
                weight=told_weight(s.told_by, settings) * _aged(s.ended_at, now, settings),
                lost=s.outcome is SessionOutcome.LOST and not _seen_away(s, watches),
            )
            for s in sessions
        ),
    )
    ends = [*(w.ended_at.timestamp() for w in watches), *(s.ended_at.timestamp() for s in sessions)]
    counted = counted_once(
        [(end - one.seconds, end, one.weight) for end, one in zip(ends, seen, strict=True)]
    )
    return tuple(
        replace(one, counted_s=counted_s) for one, counted_s in zip(seen, counted, strict=True)
    )


def _seen_away(session: FinishedSession, watches: tuple[Watch, ...]) -> bool:
    """Return whether a watch beside a session saw the network away: that counts once."""
    began = session.ended_at - timedelta(seconds=session.watched_s)
    return any(
        w.outages_s
        and min(session.ended_at, w.ended_at)
        > max(began, w.ended_at - timedelta(seconds=w.watched_s))
        for w in watches
    )


def _aged(at: datetime, now: datetime, settings: ReadinessSettings) -> float:
    return float(0.5 ** (age_s(at, now) / settings.half_life_s))
