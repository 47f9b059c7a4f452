"""A phone that moves: whether it does, and what can be promised then.

Half a minute of rates does not tell motion (on traces that nothing was fitted to the area under
the curve is 0.59), so it is told or sensed. A link on the move drops out often and for long, and
no test taken at one place speaks for the next. What fits the traces:

    P(hold) = ((b + E) / (b + E + T g(m))) ** (a + n)
    g(m) = 10 ** (-k (m - m0)),    m = log10(level / need)

with T the hours of the session, and E and n the hours of sessions that held the need on the move
and how many did not. It is fitted on half of the traces by car, uplinks and downlinks, and tried on
the other half (docs/accuracy-readiness.md). The watch counts no hours here: it sees gaps, and what
fails on the move is mostly the rate.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from lensong.monitoring.readiness.evidence import Evidence, Question
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.records import Motion

MotionBy = Literal["told", "sensed", "assumed"]

__all__ = ["MotionBy", "as_fitted_moving", "holds_moving", "motion_of"]


def motion_of(
    question: Question, evidence: Evidence, *, now: datetime, settings: ReadinessSettings
) -> tuple[Motion, MotionBy]:
    """Return at rest or moving, and how that is known: ``told``, ``sensed`` or ``assumed``.

    What was told goes first, then what the newest test or watch of the last day sensed. A site is
    a place: with neither it is at rest.
    """
    if question.motion is not Motion.UNKNOWN:
        return question.motion, "told"
    oldest = now - timedelta(seconds=settings.limit_memory_s)
    newest = now + timedelta(seconds=settings.future_tolerance_s)
    sensed = [
        (at, motion)
        for at, motion in (
            *((test.measured_at, test.motion) for test in evidence.tests),
            *((watch.ended_at, watch.motion) for watch in evidence.watches),
        )
        if motion is not Motion.UNKNOWN and oldest <= at <= newest
    ]
    if not sensed:
        return Motion.AT_REST, "assumed"
    # of two at the same moment the one that moves
    return max(sensed, key=lambda item: (item[0], item[1] is Motion.MOVING))[1], "sensed"


def as_fitted_moving(settings: ReadinessSettings) -> ReadinessSettings:
    """Return settings by which the level is the plain 10th percentile, as the fit had it."""
    return replace(settings, drop_per_spread=0.0, drop_per_spread_of_days=0.0)


def holds_moving(
    reserve_log10: float,
    hours: float,
    *,
    held_h: float,
    failed: float,
    settings: ReadinessSettings,
) -> float:
    """Return the chance that a stream holds on the move, 0..1.

    Parameters
    ----------
    reserve_log10 : float
        Level over need [decades].
    hours : float
        Duration of the session [h].
    held_h, failed : float
        Hours of sessions that held the need on the move, and how many did not.
    """
    stress = 10.0 ** min(
        -settings.moving_per_decade * (reserve_log10 - settings.moving_full_log10), 300.0
    )
    seen_h = settings.moving_hours + held_h
    return math.pow(seen_h / (seen_h + hours * stress), settings.moving_shape + failed)
