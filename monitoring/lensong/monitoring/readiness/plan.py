"""A plan that works: what to do before a session so that it will be READY, asked of the model.

Each candidate is tried: its tests and hours of watching are added to the evidence as they would
come in if the network stayed as it was seen, and the question is judged at the time they are
done. Only what would be READY then is advised.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lensong.monitoring.readiness.case import Case, case_of
from lensong.monitoring.readiness.days import P10_SIGMAS, own_spread
from lensong.monitoring.readiness.decades import weighted_mean
from lensong.monitoring.readiness.evidence import Evidence, Question, UplinkTest
from lensong.monitoring.readiness.past import Watch
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.verdict import Plan, State, Step
from lensong.monitoring.records import Motion

__all__ = ["WATCH_MB_AN_HOUR", "plans_for", "ready_until"]

WATCH_MB_AN_HOUR = 1.0
"""What a watch may cost at most."""

_BEFORE = timedelta(minutes=10)
"""The last test is taken so long before a session."""
_AROUND = timedelta(hours=1)
_WATCHES_H = (1.0, 2.0, 4.0, 8.0, 12.0)
_MOST_DAYS = 14
_MARGIN = 0.03
"""What tests to come are taken to be lower than those that were made [decades]."""
_STEP = timedelta(minutes=30)
_DAY = timedelta(days=1)


def plans_for(
    question: Question,
    evidence: Evidence,
    case: Case,
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> tuple[Plan, ...]:
    """Return what would make a session READY: at most two plans, the easiest first.

    The second one takes another kind of step than the first. Nothing where nothing that can be
    done before the session would.
    """
    if now >= question.starts_at and now >= question.ends_at:
        return ()
    level = min(level.likeliest() + level.drop for level in case.expected.levels) - _MARGIN
    if not math.isfinite(level):
        return ()
    spread = _usual_spread(evidence, case)
    candidates = list(_candidates(question, now))

    def tried(steps: Sequence[Step]) -> float | None:
        return _tried(question, evidence, steps, level, spread, now=now, settings=settings)

    if tried(candidates[-1]) is None:
        return ()  # the most that can be done is not enough
    found: list[Plan] = []
    for steps in candidates:
        kinds = {step.kind for step in steps}
        if any(kinds >= {step.kind for step in plan.steps} for plan in found):
            continue  # no easier than what is there
        probability = tried(steps)
        if probability is not None:
            found.append(Plan(steps=steps, probability=probability))
        if len(found) == 2:
            break
    return tuple(found)


def ready_until(
    question: Question, judged: Callable[[Question], State | None], *, now: datetime
) -> datetime | None:
    """Return until when a shorter session would be READY: whole half hours, or None."""
    starts_at = max(question.starts_at, now)
    halves = math.ceil((question.ends_at - starts_at) / _STEP) - 1
    low, high = 0, halves  # the longer, the less likely: halve
    while low < high:
        middle = (low + high + 1) // 2
        if judged(replace(question, ends_at=starts_at + middle * _STEP)) is State.READY:
            low = middle
        else:
            high = middle - 1
    return starts_at + low * _STEP if low > 0 else None


def _candidates(question: Question, now: datetime) -> Iterator[tuple[Step, ...]]:
    """Yield what could be done before a session, the easiest first."""
    starts_at = max(question.starts_at, now)
    left = starts_at - now
    last = max(now, starts_at - _BEFORE)
    test = Step(kind="test", n=1, hours=0.0, from_at=max(now, last - _AROUND), until_at=last)
    yield (test,)
    watches = [
        Step(kind="watch", n=1, hours=hours, from_at=now, until_at=starts_at)
        for hours in _WATCHES_H
        if timedelta(hours=hours) <= left
    ]
    for watch in watches:
        yield (watch,)
        yield (watch, test)
    days = [
        Step(
            kind="test",
            n=n,
            hours=0.0,
            from_at=max(now, last - (n - 1) * _DAY - _AROUND),
            until_at=last,
        )
        for n in range(2, _MOST_DAYS + 1)
        if last - (n - 1) * _DAY >= now
    ]
    for tests in days:
        yield (tests,)
        if watches:
            yield (watches[-1], tests)


def _usual_spread(evidence: Evidence, case: Case) -> float:
    """Return the mean spread of the seconds of the tests that were made [decades]."""
    made = [
        *(own_spread(t.uplink_p10_bps, t.uplink_p50_bps) for t in case.known.strong),
        *(own_spread(h.uplink_p10_bps, h.uplink_p50_bps) for h in evidence.site_history),
    ]
    mean, weight = weighted_mean((1.0, spread) for spread in made if spread is not None)
    return mean if weight > 0.0 else 0.0


def _tried(
    question: Question,
    evidence: Evidence,
    steps: Sequence[Step],
    level: float,
    spread: float,
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> float | None:
    """Return the probability after steps that go as expected; None where it is not READY."""
    motion = question.motion if question.motion is not Motion.UNKNOWN else Motion.AT_REST
    # as unsteady as those that were made: what their seconds take is in the level already
    p10 = level + settings.drop_per_spread * max(spread - settings.free_spread, 0.0)
    tests, watches = list(evidence.tests), list(evidence.watches)
    done_at = now
    for step in steps:
        if step.kind == "watch":
            ended_at = now + timedelta(hours=step.hours)
            watches.append(
                Watch(
                    ended_at=ended_at,
                    watched_s=3_600.0 * step.hours,
                    motion=motion,
                    technology=question.technology,
                    operator=question.operator,
                )
            )
            done_at = max(done_at, ended_at)
            continue
        for day in range(step.n):
            measured_at = step.until_at - day * _DAY
            tests.append(
                UplinkTest(
                    measured_at=measured_at,
                    succeeded=True,
                    technology=question.technology,
                    operator=question.operator,
                    uplink_p10_bps=10.0**p10,
                    uplink_p50_bps=10.0 ** (p10 + P10_SIGMAS * spread),
                    bins=27,
                    motion=motion,
                )
            )
            done_at = max(done_at, measured_at)
    after = replace(evidence, tests=tuple(tests), watches=tuple(watches))
    case = case_of(question, after, now=done_at, settings=settings)
    if case is None:
        return None
    answer = case.answer(question.need)
    return answer.probability if answer.state is State.READY else None
