"""From evidence to a chance that a constant bit rate holds from the start to the end.

    P(hold) = P(level is enough, in the weakest hour) x P(no outage beyond tolerance)

at rest, the model of `readiness.moving` on the move, and what past sessions say of the model on
top (`readiness.calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lensong.monitoring.readiness.beside import SessionBeside, StreamsAtOnce
from lensong.monitoring.readiness.calibration import Calibration, calibrate, told_weight
from lensong.monitoring.readiness.days import hours_of_session
from lensong.monitoring.readiness.decades import LEAST_BPS, decades
from lensong.monitoring.readiness.level import Level, level_at, plan_part
from lensong.monitoring.readiness.moving import as_fitted_moving, holds_moving
from lensong.monitoring.readiness.outages import OutagePrior, Outages
from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.sharing import busiest, spans
from lensong.monitoring.readiness.sift import Known
from lensong.monitoring.records import Motion
from lensong.monitoring.tolerance import Tolerance

__all__ = ["Outlook", "others_by_hour", "outlook"]

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
    others_bps : tuple of float
        What others ask for at the same time, the most within each hour; empty without any.
    plan : StreamsAtOnce or None
        How many a coverage plan lets hold at once.
    """

    levels: tuple[Level, ...]
    hours: float
    outages: Outages
    calibration: Calibration
    motion: Motion
    here: tuple[FinishedSession, ...]
    settings: ReadinessSettings
    others_bps: tuple[float, ...] = ()
    plan: StreamsAtOnce | None = None

    def alone(self) -> Outlook:
        """Return the outlook as if nobody else were on the air."""
        return replace(self, others_bps=())

    def beside(self, others_bps: float) -> Outlook:
        """Return the outlook beside others that ask for so much together all the time."""
        return replace(self, others_bps=(others_bps,) * len(self.levels))

    def probability(self, uplink_required_bps: float) -> float:
        """Return the probability that a constant bit rate holds within the tolerance, 0..1."""
        return self.calibration.applied(self._by_model(decades(uplink_required_bps)))

    def level_probability(self, uplink_required_bps: float) -> float:
        """Return the probability that the rate alone is enough, 0..1."""
        return self._weakest(decades(uplink_required_bps))

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
        """Return the level of the hour that decides."""
        return self.levels[self._deciding(uplink_required_bps)]

    def together_bps(self, uplink_required_bps: float) -> float:
        """Return what all ask for in the hour that decides [bit/s]."""
        if not self.others_bps:
            return uplink_required_bps
        return uplink_required_bps + self.others_bps[self._deciding(uplink_required_bps)]

    def by_plan(self, uplink_required_bps: float) -> bool:
        """Return whether in the hour that decides more hold by the plan than by division."""
        if self.motion is Motion.MOVING:
            return False  # what is measured on the move is divided, see `_by_model`
        hour = self._deciding(uplink_required_bps)
        return self._enough(hour, decades(uplink_required_bps)) > self._divided(
            hour, decades(uplink_required_bps)
        )

    def _deciding(self, uplink_required_bps: float) -> int:
        rate = decades(uplink_required_bps)
        return min(
            range(len(self.levels)),
            key=lambda hour: (self._enough(hour, rate), self.levels[hour].likeliest()),
        )

    def _weakest(self, rate: float) -> float:
        return min(self._enough(hour, rate) for hour in range(len(self.levels)))

    def _enough(self, hour: int, rate: float) -> float:
        """Return the chance that in an hour the level holds a rate [log10] beside the others."""
        divided = self._divided(hour, rate)
        if self.plan is None or not self.others_bps or self.others_bps[hour] <= 0.0:
            return divided
        together = self.plan.together(10.0**rate, self.others_bps[hour])
        return max(divided, self.levels[hour].enough(rate) * together)

    def _divided(self, hour: int, rate: float) -> float:
        """Return it where the measured uplink is divided among all by their need."""
        return self.levels[hour].enough(self._with_others(hour, rate))

    def _with_others(self, hour: int, rate: float) -> float:
        if not self.others_bps or self.others_bps[hour] <= 0.0:
            return rate
        return decades(10.0**rate + self.others_bps[hour])

    def _by_model(self, rate: float) -> float:
        if self.motion is not Motion.MOVING:
            return self._weakest(rate) * self.stays_up()
        rate = max(self._with_others(hour, rate) for hour in range(len(self.levels)))
        held_h = math.fsum(
            told_weight(session.told_by, self.settings) * session.watched_s / 3_600.0
            for session in self.here
            if session.held
            and decades(session.uplink_required_bps + session.beside_held_bps) >= rate
        )
        failed = math.fsum(
            told_weight(session.told_by, self.settings)
            for session in self.here
            if not session.held
            and decades(session.uplink_required_bps + session.beside_bps) <= rate
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
    beside: Sequence[SessionBeside] = (),
    streams: StreamsAtOnce | None = None,
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
        others_bps=others_by_hour(beside, starts_at, ends_at, settings),
        plan=streams,
    )


def others_by_hour(
    beside: Sequence[SessionBeside],
    starts_at: datetime,
    ends_at: datetime,
    settings: ReadinessSettings,
) -> tuple[float, ...]:
    """Return what others ask for, the most in each hour of a session; empty without any [bit/s]."""
    found = []
    for begin in hours_of_session(starts_at, ends_at, settings) if beside else ():
        end = max(min(begin + timedelta(hours=1), ends_at), begin)
        found.append(busiest(spans(beside, begin, end)).others_bps)
    return tuple(found) if any(found) else ()


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
