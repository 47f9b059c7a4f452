"""The verdict: from a question and what is known to READY, AT RISK, NOT READY or UNKNOWN."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from lensong.monitoring.readiness import advice
from lensong.monitoring.readiness.calibration import Calibration, calibrate
from lensong.monitoring.readiness.evidence import Evidence, Need, Question, UplinkTest
from lensong.monitoring.readiness.limits import Limits, limits_of
from lensong.monitoring.readiness.outlook import (
    Outlook,
    Part,
    level_by_plan,
    outlook,
)
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.sift import Known, age_s, sift, why_unknown
from lensong.monitoring.readiness.verdict import EvidenceUsed, Reason, State, Verdict

__all__ = ["DEFAULT_SETTINGS", "MODEL_VERSION", "judge"]

MODEL_VERSION = "1"
"""Changes whenever the same evidence may give another verdict."""

DEFAULT_SETTINGS = ReadinessSettings()

_MANY_HOURS = 48
"""More than this nobody tests only to be told that a session is ready."""

_SEVERITIES = ("error", "warning", "info")


def judge(
    question: Question,
    evidence: Evidence,
    *,
    now: datetime,
    previous: Verdict | None = None,
    settings: ReadinessSettings = DEFAULT_SETTINGS,
) -> Verdict:
    """Return whether a session will hold, how sure that is, why, and what would be better.

    Parameters
    ----------
    question : Question
    evidence : Evidence
        What is known; the order within it does not matter. What lies in the future of ``now`` is
        left out.
    now : datetime
        Aware.
    previous : Verdict, optional
        The verdict that stands: for the same question it is taken back only when the probability
        passes a threshold by the hysteresis.
    settings : ReadinessSettings

    Returns
    -------
    Verdict
        The probability is that of one constant bitrate holding from the start (or now) to the
        end, as far as the rate decides; limits besides the rate may lower the state, and one that
        forbids the stream lowers the probability too.

    Notes
    -----
    READY takes a measurement at the site, counted by the server, within ``stale_after_s``: a plan,
    a neighbour or a browser's own count never gives it. UNKNOWN says that there is nothing to
    judge by, or that it cannot be trusted; it is never a bad rate.
    """
    known = sift(question, evidence, now=now, settings=settings)
    unknown = why_unknown(evidence, known, now=now, settings=settings)
    case = None if unknown else _case(question, known, now=now, settings=settings)
    if case is None:
        why = unknown or (Reason(code="no_evidence", severity="error"),)
        return _unknown_verdict(question, (*why, *_future(known)), now=now)

    need = question.need
    probability = case.expected.probability(need.uplink_required_bps)
    if any(reason.severity == "error" for reason in case.limits.broken(need)):
        probability = min(probability, settings.not_ready_probability)
    state = case.state(need, held=_standing(question, previous))
    best = advice.best_profile(question.ladder, lambda n: case.state(n) is State.READY)
    weakest = case.expected.weakest()
    verdict = Verdict(
        site_id=question.site_id,
        profile_code=need.profile_code,
        starts_at=question.starts_at,
        ends_at=question.ends_at,
        judged_at=now,
        state=state,
        probability=probability,
        uplink_required_bps=need.uplink_required_bps,
        uplink_safe_bps=case.safe_bps() if known.measured_lately else None,
        best_profile_code=None if best is None else best.profile_code,
        predicted_log10_bps=weakest.mean,
        predicted_sd_log10=weakest.sd,
        reasons=_sorted(
            (
                *case.doubts(need),
                _about_rate(case, need),
                *_capped(case, known, need),
                *_future(known),
            )
        ),
        evidence=_used(case, known, need, now=now),
        model_version=MODEL_VERSION,
    )
    if state is State.READY:
        return verdict
    return _with_advice(verdict, question, evidence, known, case, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """Everything about a question that does not depend on the profile."""

    expected: Outlook
    without_weak: Outlook | None
    calibration: Calibration
    limits: Limits
    caps: tuple[Reason, ...]
    settings: ReadinessSettings

    def carries(self, need: Need, at_least: float) -> bool:
        """Return whether the rate is enough, with and without the tests that are weak."""
        rate_bps = need.uplink_required_bps
        return (
            self.expected.carries(rate_bps, at_least)
            and self.without_weak is not None
            and self.without_weak.carries(rate_bps, at_least)
        )

    def safe_bps(self) -> float | None:
        """Return the highest rate that the case carries; None when it rests on weak tests only."""
        if self.without_weak is None:
            return None
        return min(self.expected.safe_bps(), self.without_weak.safe_bps())

    def doubts(self, need: Need) -> tuple[Reason, ...]:
        """Return what besides the rate forbids a profile or keeps it from READY."""
        return (*self.limits.broken(need), *self.caps)

    def state(self, need: Need, held: State | None = None) -> State:
        """Return the state for a profile, where ``held`` is the state that stands."""
        ready_from = self.settings.ready_probability
        not_ready_to = self.settings.not_ready_probability
        if held is State.READY:
            ready_from -= self.settings.hysteresis
        if held is State.NOT_READY:
            not_ready_to += self.settings.hysteresis
        severities = {reason.severity for reason in self.doubts(need)}
        probability = self.expected.probability(need.uplink_required_bps)
        if "error" in severities or probability <= not_ready_to:
            return State.NOT_READY
        if "warning" in severities or not self.carries(need, ready_from):
            return State.AT_RISK
        return State.READY


def _case(
    question: Question, known: Known, *, now: datetime, settings: ReadinessSettings
) -> _Case | None:
    calibration = calibrate(
        known.sessions,
        alpha=1.0 - settings.ready_probability,
        default_sd_log10=math.hypot(settings.test_sd, settings.session_sd),
        newest=settings.calibration_sessions,
    )
    everything = (*known.strong, *known.weak)
    expected = _look(question, known, everything, calibration, now=now, settings=settings)
    if expected is None:
        return None
    return _Case(
        expected=expected,
        without_weak=_look(question, known, known.strong, calibration, now=now, settings=settings)
        if known.weak
        else expected,
        calibration=calibration,
        limits=limits_of(known.tests, now=now, settings=settings),
        caps=_caps(known, now=now, settings=settings),
        settings=settings,
    )


def _look(
    question: Question,
    known: Known,
    tests: Sequence[UplinkTest],
    calibration: Calibration,
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> Outlook | None:
    return outlook(
        question.starts_at,
        question.ends_at,
        now=now,
        plan=level_by_plan(known.predictions, settings),
        history=known.history,
        tests=tests,
        calibration=calibration,
        settings=settings,
    )


def _caps(known: Known, *, now: datetime, settings: ReadinessSettings) -> tuple[Reason, ...]:
    """Return what keeps every profile from READY, whatever the rate."""
    caps = []
    if known.measured_at is None:
        code = "only_weak_tests" if known.weak else "never_measured"
        caps.append(Reason(code=code, severity="warning"))
    elif not known.measured_lately:
        days = age_s(known.measured_at, now) / 86_400.0
        caps.append(Reason(code="measured_long_ago", severity="warning", values={"age_days": days}))
    newest = max(known.tests, key=lambda t: (t.measured_at, t.succeeded), default=None)
    if newest is not None and not newest.succeeded:
        test_age_s = age_s(newest.measured_at, now)
        if test_age_s <= settings.limit_memory_s:
            values = {"age_minutes": test_age_s / 60.0}
            caps.append(Reason(code="test_failed", severity="warning", values=values))
    return tuple(caps)


def _capped(case: _Case, known: Known, need: Need) -> tuple[Reason, ...]:
    """Say so where a test that measured more might have told another state."""
    newest = max(known.strong, key=lambda test: test.measured_at, default=None)
    if newest is None or not newest.rate_limited or newest.uplink_p50_bps is None:
        return ()
    if case.carries(need, case.settings.ready_probability):
        return ()
    values = {"reached_mbps": newest.uplink_p50_bps / 1e6}
    return (Reason(code="test_capped", severity="info", values=values),)


def _future(known: Known) -> tuple[Reason, ...]:
    if not known.left_out:
        return ()
    return (Reason(code="dated_in_future", severity="info", values={"n": known.left_out}),)


def _standing(question: Question, previous: Verdict | None) -> State | None:
    """Return the state that stands for the very same question, None where there is none."""
    if previous is None:
        return None
    same = (
        previous.site_id == question.site_id
        and previous.profile_code == question.need.profile_code
        and previous.starts_at == question.starts_at
        and previous.ends_at == question.ends_at
    )
    return previous.state if same else None


def _about_rate(case: _Case, need: Need) -> Reason:
    settings, rate_bps = case.settings, need.uplink_required_bps
    probability = case.expected.probability(rate_bps)
    values = {
        "required_mbps": rate_bps / 1e6,
        "expected_mbps": 10.0 ** case.expected.weakest().mean / 1e6,
        "safe_mbps": case.expected.safe_bps() / 1e6,
        "probability_percent": 100.0 * probability,
    }
    if probability <= settings.not_ready_probability:
        if values["expected_mbps"] < values["required_mbps"]:
            return Reason(code="rate_short", severity="error", values=values)
        return Reason(code="rate_unsteady", severity="error", values=values)
    if case.carries(need, settings.ready_probability):
        return Reason(code="rate_enough", severity="info", values=values)
    if case.expected.carries(rate_bps, settings.ready_probability):
        return Reason(code="rate_by_weak_tests", severity="warning", values=values)
    lacking = case.expected.samples_lacking()
    if probability >= settings.ready_probability and case.calibration.reaches and lacking > 0:
        return Reason(code="few_tests", severity="warning", values={**values, "n": lacking})
    if probability >= settings.ready_probability:
        values |= {"n": case.calibration.n, "reserve_ratio": settings.reserve_ratio}
        return Reason(code="few_sessions", severity="warning", values=values)
    hours = case.expected.hours_to_test(rate_bps * settings.reserve_ratio)
    if hours is not None and 0 < hours <= _MANY_HOURS:
        return Reason(code="few_tests", severity="warning", values={**values, "n": hours})
    return Reason(code="rate_unsure", severity="warning", values=values)


def _used(case: _Case, known: Known, need: Need, *, now: datetime) -> tuple[EvidenceUsed, ...]:
    hour = case.expected.weakest()
    rated = (*known.strong, *known.weak)
    found: tuple[
        tuple[Literal["prediction", "history", "test"], Part | None, datetime | None, int], ...
    ] = (
        (
            "prediction",
            hour.plan,
            max((p.computed_at for p in known.predictions), default=None),
            len(known.predictions),
        ),
        ("history", hour.history, known.history.newest_at, len(known.samples)),
        ("test", hour.test, max((t.measured_at for t in rated), default=None), len(rated)),
    )
    used = [
        EvidenceUsed(
            kind=kind,
            age_s=None if newest_at is None else age_s(newest_at, now),
            weight=hour.weight(part),
            values={"uplink_bps": 10.0**part.mean, "sd_log10": part.sd, "n": n},
        )
        for kind, part, newest_at, n in found
        if part is not None
    ]
    newest_end = max((s.ended_at for s in known.sessions), default=None)
    used.append(
        EvidenceUsed(
            kind="sessions",
            age_s=None if newest_end is None else age_s(newest_end, now),
            weight=0.0,
            values={
                "n": case.calibration.n,
                "held": sum(s.held for s in known.sessions),
                "outage_probability": case.expected.outage_probability(need.uplink_required_bps),
            },
        )
    )
    return tuple(used)


def _with_advice(
    verdict: Verdict,
    question: Question,
    evidence: Evidence,
    known: Known,
    case: _Case,
    *,
    now: datetime,
) -> Verdict:
    settings = case.settings
    lasts = question.ends_at - question.starts_at

    def safe_at(start: datetime) -> float | None:
        other = replace(question, starts_at=start, ends_at=start + lasts)
        found = _look(other, known, (), case.calibration, now=now, settings=settings)
        return None if found is None else found.safe_bps()

    def safe_of(operator: str) -> float | None:
        other = replace(question, operator=operator)
        theirs = sift(other, evidence, now=now, settings=settings)
        if not theirs.measured_lately:
            return None
        found = _case(other, theirs, now=now, settings=settings)
        return None if found is None else found.safe_bps()

    operators = {s.operator for s in evidence.site_history if s.operator is not None}
    operators |= {t.operator for t in evidence.tests if t.operator is not None}
    return replace(
        verdict,
        better_hour=advice.better_hour(
            question, known.history, safe_at, now=now, settings=settings
        ),
        better_operator=advice.better_operator(
            question.operator,
            operators,
            safe_of,
            safe_bps=verdict.uplink_safe_bps,
            settings=settings,
        ),
        better_site=advice.better_site(evidence.neighbours, question.need),
        better_spot=advice.better_spot(known.strong, now=now, settings=settings),
    )


def _unknown_verdict(question: Question, reasons: Iterable[Reason], *, now: datetime) -> Verdict:
    return Verdict(
        site_id=question.site_id,
        profile_code=question.need.profile_code,
        starts_at=question.starts_at,
        ends_at=question.ends_at,
        judged_at=now,
        state=State.UNKNOWN,
        probability=None,
        uplink_required_bps=question.need.uplink_required_bps,
        uplink_safe_bps=None,
        reasons=_sorted(reasons),
        model_version=MODEL_VERSION,
    )


def _sorted(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda r: (_SEVERITIES.index(r.severity), r.code)))
