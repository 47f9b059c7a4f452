"""Every number that the verdict turns on, with where it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["ReadinessSettings"]

_DAY_S = 86_400.0
_SIGNED = ("utc_offset_s", "prior_p10_shift", "client_shift", "moving_full_log10")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessSettings:
    """Settings of `judge`; spreads and shifts are in decades of the uplink (log10 of bit/s).

    Parameters
    ----------
    utc_offset_s : float
        Local time of the province less UTC: days and hours are local.
    ready_probability, not_ready_probability : float
        READY from the first up, NOT READY from the second down.
    hysteresis : float
        How far the probability must pass a threshold before a state that was given is taken back.
    stale_after_s : float
        With nothing newer than this the verdict is UNKNOWN.
    future_tolerance_s : float
        Evidence from further in the future than this comes from a wrong clock and is left out.
    prior_p10_shift : float
        From the mean uplink that a plan predicts down to its 10th percentile over seconds.
    least_bins : int
        One-second bins that a test needs.
    client_shift, weak_weight : float
        What a client's own count is lowered by, and how much a weak test may lower the level,
        against a strong one that counts 1; it never raises it.
    limit_memory_s : float
        How long loss and delay of a test, sensed motion and a failed test count.
    loss_fresh_s : float
        Loss that breaks a stream forbids it for so long, and only warns afterwards.
    test_full_s, test_faded_s : float
        A test speaks for the same day in full up to the first distance, and from the second on
        only as one of other days.
    same_day_scale, same_day_tails, wander_s : float
        Student t of what the level does after a test: scale, degrees of freedom, and the time
        after which its variance has doubled.
    steady_sd : float
        Spread between tests of one day without those tails: as far as a test of today clears the
        need by it, the days of the history count in full (NUWiNS: 0.08 to 0.13).
    other_day_scale, other_day_tails : float
        Likewise between days.
    other_site_sd : float
        What is added where the other sites of a commune stand in.
    prior_days : float
        How many days that t weighs as much as, against further days that held or fell short.
    days_beside_test : float
        What a day of the history weighs beside a fresh test.
    other_hour_weight : float
        What a sample more than an hour of the day away weighs: the hour shifts the level by a
        tenth of a decade, a day by more (NUWiNS).
    half_life_s : float
        After which a day, a session or an hour that was watched counts half.
    unseen_excess : float
        How much more than what they sent links carry of which sessions are all that is known.
    session_drop, session_drop_per_decade : float
        How much lower than the level the rate is that holds a minute, and what each further
        decade of duration takes.
    drop_per_spread, drop_per_spread_of_days, free_spread : float
        What the spread of a test's own seconds takes besides, above the last: of a single test,
        and of tests on very many days.
    outage_shape, outage_hours : float
        Gamma prior of the rate of outages beyond tolerance at rest: shape, and hours of watching.
    short_shape, short_hours : float
        The same of short freezes, which the tolerance bears.
    commune_watch_weight : float
        What an hour watched elsewhere in the commune counts.
    person_weight, watch_told_weight : float
        What a session told by a person, or by a watch, counts against a media server's 1.
    moving_hours, moving_shape, moving_per_decade, moving_full_log10 : float
        The model of a phone that moves, see `readiness.moving`.
    better_ratio : float
        An alternative is worth mentioning from this much more safe uplink on.
    """

    utc_offset_s: float = 7 * 3600.0
    ready_probability: float = 0.90
    not_ready_probability: float = 0.50
    hysteresis: float = 0.05
    stale_after_s: float = 30 * _DAY_S
    future_tolerance_s: float = 300.0
    prior_p10_shift: float = -0.1
    least_bins: int = 10
    client_shift: float = -0.12
    weak_weight: float = 0.1
    limit_memory_s: float = _DAY_S
    loss_fresh_s: float = 3600.0
    test_full_s: float = 6 * 3600.0
    test_faded_s: float = _DAY_S
    same_day_scale: float = 0.063
    same_day_tails: float = 1.32
    wander_s: float = 4 * 3600.0
    steady_sd: float = 0.09
    other_day_scale: float = 0.276
    other_day_tails: float = 2.3
    other_site_sd: float = 0.35
    prior_days: float = 2.0
    days_beside_test: float = 0.25
    other_hour_weight: float = 0.5
    half_life_s: float = 60 * _DAY_S
    unseen_excess: float = 0.31
    session_drop: float = 0.03
    session_drop_per_decade: float = 0.04
    drop_per_spread: float = 7.0
    drop_per_spread_of_days: float = 3.5
    free_spread: float = 0.02
    outage_shape: float = 0.12
    outage_hours: float = 2.3
    short_shape: float = 0.5
    short_hours: float = 2.5
    commune_watch_weight: float = 0.1
    person_weight: float = 0.5
    watch_told_weight: float = 0.8
    moving_hours: float = 0.061
    moving_shape: float = 1.15
    moving_per_decade: float = 0.90
    moving_full_log10: float = 0.5
    better_ratio: float = 1.25

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not math.isfinite(value):
                raise InvalidInputError(f"{item.name} is {value}, wanted a finite number")
            if value < 0.0 and item.name not in _SIGNED:
                raise InvalidInputError(f"{item.name} is {value}, wanted 0 or more")
        if not self.not_ready_probability + 2.0 * self.hysteresis < self.ready_probability < 1.0:
            raise InvalidInputError(
                f"ready_probability {self.ready_probability} and not_ready_probability "
                f"{self.not_ready_probability} lie closer than twice the hysteresis "
                f"{self.hysteresis}, or the first is not below 1: the states would overlap"
            )
        for name in (
            "same_day_scale",
            "same_day_tails",
            "wander_s",
            "steady_sd",
            "other_day_scale",
            "other_day_tails",
            "prior_days",
            "half_life_s",
            "outage_shape",
            "outage_hours",
            "short_shape",
            "short_hours",
            "moving_hours",
            "moving_shape",
        ):
            if getattr(self, name) <= 0.0:
                raise InvalidInputError(f"{name} is 0, wanted a number above 0: nothing is certain")
        for name in (
            "weak_weight",
            "days_beside_test",
            "other_hour_weight",
            "commune_watch_weight",
            "person_weight",
            "watch_told_weight",
        ):
            if getattr(self, name) > 1.0:
                raise OutOfRangeError(name, getattr(self, name), 0.0, 1.0)
        if self.test_faded_s <= self.test_full_s:
            raise InvalidInputError(
                f"test_faded_s {self.test_faded_s} is not above test_full_s {self.test_full_s}"
            )
        if self.better_ratio < 1.0:
            raise OutOfRangeError("better_ratio", self.better_ratio, 1.0, float("inf"))
        if abs(self.utc_offset_s) > _DAY_S:
            raise OutOfRangeError("utc_offset_s", self.utc_offset_s, -_DAY_S, _DAY_S)
