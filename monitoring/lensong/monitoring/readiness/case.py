"""A question with all that is known about it: probability and state for any profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from lensong.monitoring.readiness.decades import decades
from lensong.monitoring.readiness.evidence import Evidence, Need, Question
from lensong.monitoring.readiness.limits import Limits, limits_of
from lensong.monitoring.readiness.outlook import Outlook, outlook
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.sharing import plan_for
from lensong.monitoring.readiness.sift import Known, age_s, sift
from lensong.monitoring.readiness.verdict import Reason, State, shown_percent

__all__ = ["Answer", "Case", "case_of"]

_A_PERCENT = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """State and probability, which never contradict, and the thresholds they went by."""

    state: State
    probability: float
    ready_from: float
    not_ready_to: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything about a question that does not depend on the profile.

    Parameters
    ----------
    known : Known
    expected : Outlook
    own : Outlook or None
        Without what is borrowed from other places and plans, which never make READY.
    limits : Limits
    caps : tuple of Reason
        What keeps every profile from READY, whatever the rate.
    """

    known: Known
    expected: Outlook
    own: Outlook | None
    limits: Limits
    caps: tuple[Reason, ...]
    settings: ReadinessSettings

    def beside(self, others_bps: float) -> Case:
        """Return the case beside others that ask for so much together; 0 is alone."""

        def of(outlook: Outlook) -> Outlook:
            return outlook.beside(others_bps) if others_bps > 0.0 else outlook.alone()

        own = None if self.own is None else of(self.own)
        return replace(self, expected=of(self.expected), own=own)

    def doubts(self, need: Need) -> tuple[Reason, ...]:
        """Return what besides the rate forbids a profile or keeps it from READY."""
        return (*self.limits.broken(need), *self.caps, *self._unmeasured(need))

    def answer(self, need: Need, standing: State | None = None) -> Answer:
        """Return the answer for a profile, where ``standing`` is the state that stands."""
        settings = self.settings
        ready_from, not_ready_to = settings.ready_probability, settings.not_ready_probability
        if standing is State.READY:
            ready_from -= settings.hysteresis
        if standing is State.NOT_READY:
            not_ready_to += settings.hysteresis
        probability = self.expected.probability(need.uplink_required_bps)
        severities = {reason.severity for reason in self.doubts(need)}
        if "error" in severities:
            probability = min(probability, not_ready_to)
        if "warning" in severities:
            probability = min(probability, ready_from - _A_PERCENT)
        shown = shown_percent(probability)
        if shown >= shown_percent(ready_from):
            state = State.READY
        elif shown <= shown_percent(not_ready_to):
            state = State.NOT_READY
        else:
            state = State.AT_RISK
        return Answer(
            state=state,
            probability=probability,
            ready_from=ready_from,
            not_ready_to=not_ready_to,
        )

    def safe_bps(self, ready_from: float) -> float | None:
        """Return the highest rate that would be READY as far as the rate decides, or None."""
        if self.own is None or not self.known.measured_lately:
            return None
        safe_bps, own_bps = self.expected.safe_bps(ready_from), self.own.safe_bps(ready_from)
        return None if safe_bps is None or own_bps is None else min(safe_bps, own_bps)

    def _unmeasured(self, need: Need) -> tuple[Reason, ...]:
        """Say so where only a plan, or the commune, would make a profile READY."""
        known = self.known
        if known.measured_at is None:
            return ()  # a cap says so already
        if self.own is not None and not any(level.borrowed for level in self.expected.levels):
            return ()
        wanted = self.settings.ready_probability
        if self.own is not None and self.own.probability(need.uplink_required_bps) >= wanted:
            return ()
        held = [s for s in known.here if s.held]
        enough = [
            s for s in held if decades(s.uplink_required_bps) >= decades(need.uplink_required_bps)
        ]
        return (Reason(code="few_sessions_here", severity="warning", values={"n": len(enough)}),)


def case_of(
    question: Question, evidence: Evidence, *, now: datetime, settings: ReadinessSettings
) -> Case | None:
    """Return the case of a question; None where nothing says anything about the rate."""
    known = sift(question, evidence, now=now, settings=settings)
    streams = plan_for(question, evidence.streams)

    def look(of: Known) -> Outlook | None:
        return outlook(
            question.starts_at,
            question.ends_at,
            of,
            now=now,
            tolerance=question.need.tolerance,
            prior=evidence.outage_prior,
            settings=settings,
            beside=evidence.beside,
            streams=streams,
        )

    expected = look(known)
    if expected is None:
        return None
    own: Outlook | None = expected
    if any(level.borrowed for level in expected.levels):
        own = look(known.own())
    return Case(
        known=known,
        expected=expected,
        own=own,
        limits=limits_of(known.tests, now=now, settings=settings),
        caps=_caps(known, now=now, settings=settings),
        settings=settings,
    )


def _caps(known: Known, *, now: datetime, settings: ReadinessSettings) -> tuple[Reason, ...]:
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
