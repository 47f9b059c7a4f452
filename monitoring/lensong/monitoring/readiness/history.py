"""What earlier tests say about each hour of the week."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from lensong.monitoring.readiness.decades import decades, weighted_mean
from lensong.monitoring.readiness.evidence import HourSample, UplinkTest
from lensong.monitoring.readiness.settings import ReadinessSettings

__all__ = [
    "HOURS_A_WEEK",
    "History",
    "Samples",
    "gather_history",
    "hour_of_week",
    "hours_from_tests",
    "hours_of_session",
]

HOURS_A_DAY, HOURS_A_WEEK = 24, 168
_HOUR_S = 3_600

Sums = tuple[float, float]
"""Sum of weight times log10 of the 10th percentile, and sum of the weights."""

_NO_WEIGHT = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Log10 of samples, ascending, and the weight of each and all below it."""

    values: tuple[float, ...]
    weight_up_to: tuple[float, ...]

    @property
    def weight(self) -> float:
        """Return how many samples of today they are worth."""
        return self.weight_up_to[-1] if self.weight_up_to else 0.0

    def weight_below(self, log10_bps: float) -> float:
        """Return the weight of the samples below a rate."""
        count = bisect_left(self.values, log10_bps)
        return self.weight_up_to[count - 1] if count else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Samples of the site by hour of the week, and those of its commune, weighted by age.

    Parameters
    ----------
    by_hour : tuple of Sums
        For each of the 168 hours of the week; a sample of today weighs 1.
    site, commune : Sums
        Over all hours, of the site and of the other sites of its commune.
    by_time : tuple of Samples
        For each of the 24 hours of the day: the site's samples of that hour of any day and the two
        beside it. What happens in the busy evening says little about dropping out in the morning.
    newest_at : datetime or None
        Start of the newest hour of the site, or else of the commune.
    """

    by_hour: tuple[Sums, ...]
    site: Sums
    commune: Sums
    by_time: tuple[Samples, ...]
    newest_at: datetime | None

    def samples_around(self, hour: int) -> Sums:
        """Return the sums over an hour of the week and the two beside it."""
        beside = [self.by_hour[(hour + step) % HOURS_A_WEEK] for step in (-1, 0, 1)]
        return _added(beside)

    def level(self, hour: int, settings: ReadinessSettings) -> tuple[float, float] | None:
        """Return the expected log10 uplink at an hour of the week and its standard deviation.

        Samples of that hour and the two beside it count most; the rest of the site's history, and
        then the commune's, stand in for what is missing, each with the deviation that standing in
        costs: at eight samples of the hour the rest counts for less than a fifth. None where there
        is no history at all.

        Notes
        -----
        The deviation depends on how many samples there are and how old, never on their values:
        a better sample must not make the answer worse by making it less certain.
        """
        near = self.samples_around(hour)
        groups = (
            (near, 0.0),
            ((self.site[0] - near[0], self.site[1] - near[1]), settings.other_hour_sd),
            (self.commune, math.hypot(settings.other_hour_sd, settings.other_site_sd)),
        )
        mean, precision = weighted_mean(
            (1.0 / (extra_sd**2 + settings.sample_sd**2 / weight), total / weight)
            for (total, weight), extra_sd in groups
            if weight > _NO_WEIGHT
        )
        if precision <= 0.0:
            return None
        return mean, math.hypot(settings.history_sd, 1.0 / math.sqrt(precision))


def gather_history(
    site: Iterable[HourSample],
    commune: Iterable[HourSample],
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> History:
    """Return the history of a site; the samples must be of the asked technology already."""
    buckets: dict[int, list[Sums]] = defaultdict(list)
    newest: datetime | None = None
    for sample in site:
        buckets[hour_of_week(sample.hour_starts_at, settings)].append(
            _weighted(sample, now, settings)
        )
        newest = _later(newest, sample.hour_starts_at)
    others: list[Sums] = []
    newest_other: datetime | None = None
    for sample in commune:
        others.append(_weighted(sample, now, settings))
        newest_other = _later(newest_other, sample.hour_starts_at)
    by_time: list[list[tuple[float, float]]] = [[] for _ in range(HOURS_A_DAY)]
    for hour, bucket in buckets.items():
        for total, weight in bucket:
            if weight > 0.0:
                by_time[hour % HOURS_A_DAY].append((total / weight, weight))
    return History(
        by_hour=tuple(_added(buckets.get(hour, ())) for hour in range(HOURS_A_WEEK)),
        site=_added([pair for bucket in buckets.values() for pair in bucket]),
        commune=_added(others),
        by_time=tuple(
            _ordered([pair for step in (-1, 0, 1) for pair in by_time[(hour + step) % HOURS_A_DAY]])
            for hour in range(HOURS_A_DAY)
        ),
        newest_at=newest or newest_other,
    )


def hour_of_week(time: datetime, settings: ReadinessSettings) -> int:
    """Return the hour of the week in local time, 0 to 167."""
    return int((time.timestamp() + settings.utc_offset_s) // _HOUR_S) % HOURS_A_WEEK


def hours_of_session(
    starts_at: datetime, ends_at: datetime, settings: ReadinessSettings
) -> tuple[datetime, ...]:
    """Return when each hour of a session begins: the start, then every full hour of local time."""
    local_s = starts_at.timestamp() + settings.utc_offset_s
    first_full = starts_at + timedelta(seconds=_HOUR_S - local_s % _HOUR_S)
    later = math.ceil((ends_at - first_full).total_seconds() / _HOUR_S)
    return (starts_at, *(first_full + timedelta(hours=step) for step in range(max(later, 0))))


def hours_from_tests(
    tests: Iterable[UplinkTest], known: Iterable[HourSample]
) -> tuple[HourSample, ...]:
    """Return tests as samples of their hours, except for hours that are rolled up already."""
    rolled_up = {
        (_full_hour(sample.hour_starts_at), sample.technology, sample.operator) for sample in known
    }
    by_hour: dict[tuple[datetime, str | None, str | None], list[float]] = defaultdict(list)
    for test in tests:
        key = (_full_hour(test.measured_at), test.technology, test.operator)
        if key not in rolled_up and test.uplink_p10_bps is not None:
            by_hour[key].append(decades(test.uplink_p10_bps))
    return tuple(
        HourSample(
            hour_starts_at=hour,
            technology=technology,
            operator=operator,
            uplink_p10_bps=10.0 ** (math.fsum(values) / len(values)),
            tests=len(values),
        )
        for (hour, technology, operator), values in by_hour.items()
    )


def _full_hour(time: datetime) -> datetime:
    return datetime.fromtimestamp(time.timestamp() // _HOUR_S * _HOUR_S, UTC)


def _later(newest: datetime | None, time: datetime) -> datetime:
    return time if newest is None else max(newest, time)


def _weighted(sample: HourSample, now: datetime, settings: ReadinessSettings) -> Sums:
    age_s = max((now - sample.hour_starts_at).total_seconds(), 0.0)
    weight = 0.5 ** (age_s / settings.half_life_s)
    return weight * decades(sample.uplink_p10_bps), weight


def _ordered(pairs: list[tuple[float, float]]) -> Samples:
    pairs.sort()
    return Samples(
        values=tuple(value for value, _ in pairs),
        weight_up_to=tuple(accumulate(weight for _, weight in pairs)),
    )


def _added(sums: Sequence[Sums]) -> Sums:
    # exactly rounded: the same samples in another order give the same bits
    return math.fsum(total for total, _ in sums), math.fsum(weight for _, weight in sums)
