"""What tests of other days say: how many of them, at that time of day, reached a level."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lensong.monitoring.readiness.decades import decades, weighted_mean
from lensong.monitoring.readiness.evidence import HourSample, UplinkTest
from lensong.monitoring.readiness.settings import ReadinessSettings

__all__ = [
    "HOURS_A_DAY",
    "Days",
    "Sample",
    "days_at",
    "freshness",
    "full_hour",
    "hour_of_day",
    "hours_of_session",
    "own_spread",
    "sample_of_hour",
    "sample_of_test",
]

HOURS_A_DAY = 24
_HOUR_S = 3_600
_DAY_S = 86_400.0
_P10_SIGMAS = 1.2816


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one test, or the tests of one hour, say about the level.

    Parameters
    ----------
    at : datetime
    level : float
        10th percentile over seconds, less what the spread of the seconds takes [log10 bit/s].
    """

    at: datetime
    level: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Levels of other days, and what those at or above a level weigh together.

    Parameters
    ----------
    levels : tuple of float
        Ascending [log10 bit/s].
    weight_from : tuple of float
        Weight of each and all above it; one day weighs at most 1.
    mean : float
        Weighted; NaN without any.
    near : float
        Weight of the samples at that time of day.
    """

    levels: tuple[float, ...]
    weight_from: tuple[float, ...]
    mean: float
    near: float

    @property
    def weight(self) -> float:
        """Return how many days of today they are worth."""
        return self.weight_from[0] if self.weight_from else 0.0

    def weight_at_least(self, level: float) -> float:
        """Return the weight of the days whose level was at least so much."""
        first = bisect_left(self.levels, level)
        return self.weight_from[first] if first < len(self.levels) else 0.0


def own_spread(p10_bps: float | None, p50_bps: float | None) -> float | None:
    """Return the spread of a test's seconds by its percentiles [decades]; None if not known."""
    if p10_bps is None or p50_bps is None:
        return None
    return max(decades(p50_bps) - decades(p10_bps), 0.0) / _P10_SIGMAS


def sample_of_test(test: UplinkTest, settings: ReadinessSettings) -> Sample:
    """Return a test with a rate as a sample of the level."""
    assert test.uplink_p10_bps is not None
    level = _level(test.uplink_p10_bps, test.uplink_p50_bps, settings)
    return Sample(at=test.measured_at, level=level)


def sample_of_hour(hour: HourSample, settings: ReadinessSettings) -> Sample:
    """Return the tests of an hour as one sample of the level."""
    level = _level(hour.uplink_p10_bps, hour.uplink_p50_bps, settings)
    return Sample(at=hour.hour_starts_at, level=level)


def days_at(
    begins_at: datetime,
    at: datetime,
    samples: Iterable[Sample],
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> Days:
    """Return what samples of other days say about an hour.

    All samples of one local day share the weight of that day, at most 1: those within an hour of
    the time of day, or, little, the others of a day that has none. What is fresh enough to speak
    for the same day counts there.

    Parameters
    ----------
    begins_at, at : datetime
        Begin and end of the hour in question.

    Notes
    -----
    Weights depend on when the samples were taken, never on their values: a better sample must not
    make the answer worse by counting less.
    """
    hour = hour_of_day(begins_at, settings)
    by_day: dict[int, list[tuple[float, float, bool]]] = defaultdict(list)
    for sample in samples:
        local_s = sample.at.timestamp() + settings.utc_offset_s
        away = abs(int(local_s // _HOUR_S) % HOURS_A_DAY - hour)
        near = min(away, HOURS_A_DAY - away) <= 1
        age_s = max((now - sample.at).total_seconds(), 0.0)
        weight = 0.5 ** (age_s / settings.half_life_s)
        weight *= 1.0 - freshness(sample.at, at, settings)
        weight *= 1.0 if near else settings.other_hour_weight
        by_day[int(local_s // _DAY_S)].append((sample.level, weight, near))
    shared = []
    near_weight = []
    for taken in by_day.values():
        of_day = taken
        if any(near for _, _, near in of_day):  # of the busy evening nothing for the morning
            of_day = [item for item in of_day if item[2]]
        total = math.fsum(weight for _, weight, _ in of_day)
        if total <= 0.0:
            continue
        most = max(weight for _, weight, _ in of_day)  # no more than one sample of that day
        shared += [(level, weight / total * most) for level, weight, _ in of_day]
        near_weight += [weight / total * most for _, weight, near in of_day if near]
    shared.sort()
    # exactly rounded from above: the same samples in another order give the same bits
    weights = [weight for _, weight in shared]
    from_above = [0.0] * len(weights)
    running = 0.0
    for position in range(len(weights) - 1, -1, -1):
        running += weights[position]
        from_above[position] = running
    mean, _ = weighted_mean((weight, level) for level, weight in shared)
    return Days(
        levels=tuple(level for level, _ in shared),
        weight_from=tuple(from_above),
        mean=mean,
        near=math.fsum(near_weight),
    )


def freshness(measured_at: datetime, at: datetime, settings: ReadinessSettings) -> float:
    """Return how much a test speaks for the same day at a time, 0..1."""
    away_s = max((at - measured_at).total_seconds(), 0.0)
    faded = (away_s - settings.test_full_s) / (settings.test_faded_s - settings.test_full_s)
    return 1.0 - min(max(faded, 0.0), 1.0)


def hour_of_day(time: datetime, settings: ReadinessSettings) -> int:
    """Return the hour of the day in local time, 0 to 23."""
    return int((time.timestamp() + settings.utc_offset_s) // _HOUR_S) % HOURS_A_DAY


def hours_of_session(
    starts_at: datetime, ends_at: datetime, settings: ReadinessSettings
) -> tuple[datetime, ...]:
    """Return when each hour of a session begins: the start, then every full hour of local time."""
    local_s = starts_at.timestamp() + settings.utc_offset_s
    first_full = starts_at + timedelta(seconds=_HOUR_S - local_s % _HOUR_S)
    later = math.ceil((ends_at - first_full).total_seconds() / _HOUR_S)
    return (starts_at, *(first_full + timedelta(hours=step) for step in range(max(later, 0))))


def full_hour(time: datetime) -> datetime:
    """Return the full hour that a time lies in, UTC."""
    return datetime.fromtimestamp(time.timestamp() // _HOUR_S * _HOUR_S, UTC)


def _level(p10_bps: float, p50_bps: float | None, settings: ReadinessSettings) -> float:
    spread = own_spread(p10_bps, p50_bps) or 0.0
    taken = settings.drop_per_spread * max(spread - settings.free_spread, 0.0)
    return decades(p10_bps) - taken
