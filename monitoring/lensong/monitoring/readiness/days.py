"""What tests of other days say: how many of them, at that time of day, reached a level."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lensong.monitoring.readiness.decades import decades, weighted_mean
from lensong.monitoring.readiness.evidence import HourSample, UplinkTest
from lensong.monitoring.readiness.settings import ReadinessSettings

__all__ = [
    "HOURS_A_DAY",
    "P10_SIGMAS",
    "Days",
    "Sample",
    "days_at",
    "freshness",
    "full_hour",
    "hour_of_day",
    "hours_of_session",
    "own_spread",
    "sample_of_test",
    "samples_of",
]

HOURS_A_DAY = 24
_HOUR_S = 3_600
_DAY_S = 86_400.0
P10_SIGMAS = 1.2816
"""How far below the median the 10th percentile of a normal distribution lies [sigma]."""


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
        Weight of each and all above it; one day weighs at most 1, and the first one nothing: it
        is what the others are held against.
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
        """Return how many days of today those beyond the first are worth."""
        return self.weight_from[0] if self.weight_from else 0.0

    def weight_at_least(self, level: float) -> float:
        """Return the weight of the days whose level was at least so much."""
        first = bisect_left(self.levels, level)
        return self.weight_from[first] if first < len(self.levels) else 0.0


def own_spread(p10_bps: float | None, p50_bps: float | None) -> float | None:
    """Return the spread of a test's seconds by its percentiles [decades]; None if not known."""
    if p10_bps is None or p50_bps is None:
        return None
    return max(decades(p50_bps) - decades(p10_bps), 0.0) / P10_SIGMAS


def sample_of_test(test: UplinkTest, settings: ReadinessSettings) -> Sample:
    """Return a test with a rate as a sample of the level, alone."""
    (sample,) = samples_of((test,), (), settings)
    return sample


def samples_of(
    tests: Sequence[UplinkTest], hours: Sequence[HourSample], settings: ReadinessSettings
) -> tuple[Sample, ...]:
    """Return tests with a rate, and hours of tests, of one site as samples of the level.

    Notes
    -----
    What the spread of the seconds takes stands for what half a minute does not see: slow fading.
    Tests of many days see it themselves, as they fall on its heights and depths, and what their
    seconds take is less. The spread of half a minute is a poor estimate: each one counts half, and
    half the mean of all.
    """
    taken = [
        *((t.measured_at, t.uplink_p10_bps, t.uplink_p50_bps) for t in tests),
        *((h.hour_starts_at, h.uplink_p10_bps, h.uplink_p50_bps) for h in hours),
    ]
    over = [max((own_spread(p10, p50) or 0.0) - settings.free_spread, 0.0) for _, p10, p50 in taken]
    mean_over, _ = weighted_mean((1.0, value) for value in over)
    count = len({_local_day(at, settings) for at, _, _ in taken})
    many = settings.drop_per_spread_of_days
    samples = []
    for (at, p10, _), own in zip(taken, over, strict=True):
        assert p10 is not None
        per_spread = many + (settings.drop_per_spread - many) / count
        level = decades(p10) - per_spread * 0.5 * (own + mean_over)
        samples.append(Sample(at=at, level=level))
    return tuple(samples)


def days_at(
    begins_at: datetime,
    samples: Iterable[Sample],
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> Days:
    """Return what samples of all days say about an hour.

    All samples of one local day share the weight of that day, at most 1: those within an hour of
    the time of day, or, little, the others of a day that has none.

    Parameters
    ----------
    begins_at : datetime
        Begin of the hour in question.

    Notes
    -----
    Weights depend on when the samples were taken, never on their values: a better sample must not
    make the answer worse by counting less. For the same reason today's tests are in here too, and
    a single day counts nothing beyond its mean: else a test would say more as it grows old.
    """
    hour = hour_of_day(begins_at, settings)
    by_day: dict[int, list[tuple[float, float, bool]]] = defaultdict(list)
    for sample in samples:
        local_s = sample.at.timestamp() + settings.utc_offset_s
        away = abs(int(local_s // _HOUR_S) % HOURS_A_DAY - hour)
        near = min(away, HOURS_A_DAY - away) <= 1
        age_s = max((now - sample.at).total_seconds(), 0.0)
        weight = 0.5 ** (age_s / settings.half_life_s)
        weight *= 1.0 if near else settings.other_hour_weight
        by_day[_local_day(sample.at, settings)].append((sample.level, weight, near))
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
    beyond_first = max(running - 1.0, 0.0) / running if running > 0.0 else 0.0
    mean, _ = weighted_mean((weight, level) for level, weight in shared)
    return Days(
        levels=tuple(level for level, _ in shared),
        weight_from=tuple(weight * beyond_first for weight in from_above),
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


def _local_day(time: datetime, settings: ReadinessSettings) -> int:
    return int((time.timestamp() + settings.utc_offset_s) // _DAY_S)
