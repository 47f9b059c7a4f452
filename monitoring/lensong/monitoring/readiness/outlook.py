"""From evidence to a chance that a constant bit rate holds from the start to the end.

    P(hold) = P(level is enough, in the weakest hour) x P(no outage beyond tolerance)

at rest, the model of `readiness.moving` on the move, and what past sessions say of the model on
top (`readiness.calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lensong.monitoring.readiness.calibration import Calibration, calibrate, told_weight
from lensong.monitoring.readiness.days import hours_of_session
from lensong.monitoring.readiness.decades import LEAST_BPS, decades
from lensong.monitoring.readiness.level import Level, level_at, plan_part
from lensong.monitoring.readiness.moving import as_fitted_moving, holds_moving
from lensong.monitoring.readiness.outages import OutagePrior, Outages
from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.sift import Known
from lensong.monitoring.records import Motion
from lensong.monitoring.tolerance import Tolerance

__all__ = ["Outlook", "outlook"]

_HIGHEST = 12.0  # log10 bit/s: no uplink is faster
_STEP = 1e-11


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is to be expected of a session, at any bit rate.

    Parameters
    ----------
    levels : tuple of Level
        One for each hour of the session; the weakest decides.
    hours : float
        Duration that is left [h].
    outages : Outages
    calibration : Calibration
    motion : Motion
    here : tuple of FinishedSession
        Of this site, of the same motion.
    """

    levels: tuple[Level, ...]
    hours: float
    outages: Outages
    calibration: Calibration
    motion: Motion
    here: tuple[FinishedSession, ...]
    settings: ReadinessSettings

    def probability(self, uplink_required_bps: float) -> float:
        """Return the probability that a constant bit rate holds within the tolerance, 0..1."""
        return self.calibration.applied(self._by_model(decades(uplink_required_bps)))

    def level_probability(self, uplink_required_bps: float) -> float:
        """Return the probability that the rate alone is enough, 0..1."""
        return min(level.enough(decades(uplink_required_bps)) for level in self.levels)

    def stays_up(self) -> float:
        """Return the chance of no outage beyond the tolerance at rest, 0..1."""
        return self.outages.none_within(self.hours)

    def safe_bps(self, wanted: float) -> float | None:
        """Return the highest rate whose probability is at least what is wanted [bit/s].

        None where no rate has it: then it is not the rate that is missing.
        """
        found = _highest(lambda rate: self.calibration.applied(self._by_model(rate)) >= wanted)
        return None if found is None else float(10.0**found)

    def weakest(self, uplink_required_bps: float) -> Level:
        """Return the hour that decides."""
        rate = decades(uplink_required_bps)
        return min(self.levels, key=lambda level: (level.enough(rate), level.likeliest()))

    def _by_model(self, rate: float) -> float:
        if self.motion is not Motion.MOVING:
            return min(level.enough(rate) for level in self.levels) * self.stays_up()
        held_h = math.fsum(
            told_weight(session.told_by, self.settings) * session.watched_s / 3_600.0
            for session in self.here
            if session.held and decades(session.uplink_required_bps) >= rate
        )
        failed = math.fsum(
            told_weight(session.told_by, self.settings)
            for session in self.here
            if not session.held and decades(session.uplink_required_bps) <= rate
        )
        reserve = min(level.likeliest() + level.drop for level in self.levels) - rate
        return holds_moving(
            reserve, self.hours, held_h=held_h, failed=failed, settings=self.settings
        )


def outlook(
    starts_at: datetime,
    ends_at: datetime,
    known: Known,
    *,
    now: datetime,
    tolerance: Tolerance,
    prior: OutagePrior | None,
    settings: ReadinessSettings,
) -> Outlook | None:
    """Return the outlook for a session, or what is left of it; None where nothing is known."""
    if known.motion is Motion.MOVING:
        settings = as_fitted_moving(settings)
    starts_at = max(starts_at, now)
    hours = max((ends_at - starts_at).total_seconds(), 60.0) / 3_600.0
    plan = plan_part(known.predictions, settings)
    begins = hours_of_session(starts_at, ends_at, settings)
    levels = []
    for begin in begins:
        at = max(min(begin + timedelta(hours=1), ends_at), begin)
        level = level_at(known, begin, at, now=now, hours=hours, plan=plan, settings=settings)
        if level is None:
            return None
        levels.append(level)
    return Outlook(
        levels=tuple(levels),
        hours=hours,
        outages=Outages.of(
            known.watched,
            tolerance,
            prior=prior or OutagePrior(shape=settings.outage_shape, hours=settings.outage_hours),
            short_prior=OutagePrior(shape=settings.short_shape, hours=settings.short_hours),
        ),
        calibration=calibrate((*known.here, *known.elsewhere), settings),
        motion=known.motion,
        here=known.here,
        settings=settings,
    )


def _highest(accepts: Callable[[float], bool]) -> float | None:
    """Return the highest log10 rate that is accepted, where every lower one is too, or None."""
    low, high = math.log10(LEAST_BPS), _HIGHEST
    if not accepts(low):
        return None
    while high - low > _STEP:
        middle = 0.5 * (low + high)
        if accepts(middle):
            low = middle
        else:
            high = middle
    return low
