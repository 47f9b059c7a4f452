"""What past sessions say about the model, by how much more often they failed than it said.

    ratio = (failed + 1) / (expected to fail + 1),    at least 1
    P = 1 - ratio (1 - P of the model)

Sessions are counted apart by motion. One that held raises what was expected and never the
failures, so it never lowers a probability; sessions elsewhere take confidence away and never
make the model surer than it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.records import ToldBy

__all__ = ["Calibration", "calibrate", "told_weight"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How sessions went against what was said of them.

    Parameters
    ----------
    sessions : int
    failed, expected : float
        Weighted by who told.
    """

    sessions: int
    failed: float
    expected: float

    @property
    def ratio(self) -> float:
        """Return how many times as often as said sessions failed, 1 or more."""
        return max((self.failed + 1.0) / (self.expected + 1.0), 1.0)

    def applied(self, probability: float) -> float:
        """Return a probability of the model with what sessions say of the model, 0..1."""
        return max(1.0 - self.ratio * (1.0 - probability), 0.0)


def calibrate(sessions: Iterable[FinishedSession], settings: ReadinessSettings) -> Calibration:
    """Return the calibration by sessions that are over; those without a verdict say nothing.

    Parameters
    ----------
    sessions : iterable of FinishedSession
        Of the asked technology and motion; their order does not matter.
    """
    kept = [
        (told_weight(session.told_by, settings), session.predicted_probability, session.held)
        for session in sessions
        if session.predicted_probability is not None
    ]
    return Calibration(
        sessions=len(kept),
        failed=math.fsum(weight for weight, _, held in kept if not held),
        expected=math.fsum(weight * (1.0 - said) for weight, said, _ in kept),
    )


def told_weight(told_by: ToldBy, settings: ReadinessSettings) -> float:
    """Return what a session counts by who told of it, 0..1."""
    if told_by is ToldBy.PERSON:
        return settings.person_weight
    return settings.watch_told_weight if told_by is ToldBy.WATCH else 1.0
