"""Every number that the verdict turns on, with where it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["ReadinessSettings"]

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadinessSettings:
    """Settings of `judge`; spreads and shifts are in decades of the uplink (log10 of bit/s).

    Parameters
    ----------
    utc_offset_s : float
        Local time of the province less UTC: hours of the week are local.
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
    half_life_s : float
        After which a sample of the history counts half.
    history_sd : float
        Between the true level of one hour and that of the same hour in another week.
    sample_sd : float
        Of one hourly sample around the level of its hour.
    other_hour_sd, other_site_sd : float
        What is added where samples of other hours, or of other sites of the commune, stand in.
    test_full_s, test_faded_s : float
        A test counts in full up to the first distance from the session, and only as a sample of
        the history from the second on.
    test_sd, weak_test_sd : float
        Of a test's 10th percentile around the level of its hour; the second for tests that a
        client counted or that are too short.
    client_shift : float
        What a client's own count is lowered by: browsers count what they queued.
    least_bins : int
        One-second bins that a test needs.
    limit_memory_s : float
        How long loss and delay of a test keep a site from READY.
    session_drop, session_drop_per_decade : float
        How much lower than the 10th percentile the rate is that holds a whole minute, and what
        each further decade of duration takes.
    longest_known_s : float
        Duration beyond which that drop no longer grows: no trace it was fitted to allows more, and
        what changes from hour to hour is the history's to say.
    session_sd : float
        Spread of that.
    outage_share : float
        Share of sessions of a minute that fail whatever the level says, at a site of which no
        more is known.
    outage_weight : float
        How many samples of the site's own history weigh as much as that share.
    outage_per_decade : float
        What each further decade of duration adds to the chance of such a failure, as a multiple.
    calibration_sd : float
        Doubt about the model itself as long as no session has tested it; falls with the root of
        the number of sessions.
    reserve_ratio : float
        Without calibration a rate this many times the need must be as likely to hold.
    enough_samples : float
        Of the site's own at that time of day, below which sessions held elsewhere do not spare it
        that reserve: they had a history.
    calibration_sessions : int
        The newest sessions that calibrate.
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
    half_life_s: float = 14 * _DAY_S
    history_sd: float = 0.12
    sample_sd: float = 0.20
    other_hour_sd: float = 0.15
    other_site_sd: float = 0.35
    test_full_s: float = 900.0
    test_faded_s: float = 3600.0
    test_sd: float = 0.10
    weak_test_sd: float = 0.30
    client_shift: float = -0.12
    least_bins: int = 20
    limit_memory_s: float = _DAY_S
    session_drop: float = -0.20
    session_drop_per_decade: float = 0.26
    longest_known_s: float = 600.0
    session_sd: float = 0.14
    outage_share: float = 0.014
    outage_weight: float = 9.0
    outage_per_decade: float = 3.0
    calibration_sd: float = 0.10
    reserve_ratio: float = 2.0
    enough_samples: float = 2.5
    calibration_sessions: int = 200
    better_ratio: float = 1.25

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not math.isfinite(value):
                raise InvalidInputError(f"{item.name} is {value}, wanted a finite number")
            if value < 0.0 and item.name not in (
                "utc_offset_s",
                "prior_p10_shift",
                "client_shift",
                "session_drop",
            ):
                raise InvalidInputError(f"{item.name} is {value}, wanted 0 or more")
        if not self.not_ready_probability + 2.0 * self.hysteresis < self.ready_probability < 1.0:
            raise InvalidInputError(
                f"ready_probability {self.ready_probability} and not_ready_probability "
                f"{self.not_ready_probability} lie closer than twice the hysteresis "
                f"{self.hysteresis}, or the first is not below 1: the states would overlap"
            )
        for name in (
            "sample_sd",
            "test_sd",
            "weak_test_sd",
            "session_sd",
            "half_life_s",
            "outage_weight",
        ):
            if getattr(self, name) <= 0.0:
                raise InvalidInputError(f"{name} is 0, wanted a number above 0: nothing is certain")
        if self.longest_known_s < 60.0:
            raise OutOfRangeError("longest_known_s", self.longest_known_s, 60.0, float("inf"))
        if not 0.0 < self.outage_share < 1.0:
            raise OutOfRangeError("outage_share", self.outage_share, 0.0, 1.0)
        if self.test_faded_s <= self.test_full_s:
            raise InvalidInputError(
                f"test_faded_s {self.test_faded_s} is not above test_full_s {self.test_full_s}"
            )
        for name in ("reserve_ratio", "better_ratio", "calibration_sessions"):
            if getattr(self, name) < 1:
                raise OutOfRangeError(name, getattr(self, name), 1, float("inf"))
        if abs(self.utc_offset_s) > _DAY_S:
            raise OutOfRangeError("utc_offset_s", self.utc_offset_s, -_DAY_S, _DAY_S)
