"""What would be better, out of what is known: another profile, hour, operator, spot or site."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from lensong.monitoring.readiness.decades import decades
from lensong.monitoring.readiness.evidence import Need, Question, SiteOption, UplinkTest
from lensong.monitoring.readiness.networks import is_operator
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.verdict import BetterHour, BetterOperator, BetterSpot

__all__ = ["best_profile", "better_hour", "better_operator", "better_site", "better_spot"]

_WAKING_HOURS = range(6, 22)  # local: nobody sells at three in the morning
_LEAST_SAMPLES = 2.0
_DAYS_AHEAD = 7


def best_profile(
    asked: Need, ladder: Iterable[Need], would_be_ready: Callable[[Need], bool]
) -> Need | None:
    """Return the profile with the highest rate that would be READY, or None.

    Only those of the asked platform: a seller on TikTok cannot choose Facebook's.
    """
    ready = [need for need in ladder if need.platform == asked.platform and would_be_ready(need)]
    return max(ready, key=lambda need: (need.uplink_required_bps, need.profile_code), default=None)


def better_hour(
    question: Question,
    near: Callable[[datetime], float],
    carries: Callable[[datetime, float], bool],
    safe_at: Callable[[datetime], float | None],
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> BetterHour | None:
    """Return the nearest other start within a week at which the history says that the need holds.

    Parameters
    ----------
    near : callable
        How many days were tested at that time of day.
    carries : callable
        Whether the same session at another start would carry a rate [bit/s], without tests of the
        same day.
    safe_at : callable
        The highest rate that it carries.

    Notes
    -----
    An hour that does not hold the need either is no advice. Only waking hours that were measured
    at least about twice count.
    """
    asked = safe_at(question.starts_at) or 0.0
    local = timedelta(seconds=settings.utc_offset_s)
    first = (now + local).replace(minute=0, second=0, microsecond=0) - local + timedelta(hours=1)
    starts = sorted(
        (first + timedelta(hours=step) for step in range(_DAYS_AHEAD * 24)),
        key=lambda start: (abs((start - question.starts_at).total_seconds()), start),
    )
    least_bps = max(question.need.uplink_required_bps, settings.better_ratio * asked)
    for start in starts:
        if (start + local).hour not in _WAKING_HOURS or near(start) < _LEAST_SAMPLES:
            continue
        if carries(start, least_bps) and (safe := safe_at(start)) is not None:
            return BetterHour(starts_at=start, uplink_safe_bps=safe)
    return None


def better_operator(
    asked: str | None,
    operators: Iterable[str],
    safe_of: Callable[[str], float | None],
    *,
    safe_bps: float | None,
    need: Need,
    settings: ReadinessSettings,
) -> BetterOperator | None:
    """Return the measured operator with the highest safe uplink, if better and enough."""
    options = [
        (safe, operator)
        for operator in sorted(set(operators))
        if not is_operator(asked, operator)
        and (safe := safe_of(operator)) is not None
        and safe >= max(settings.better_ratio * (safe_bps or 0.0), need.uplink_required_bps)
    ]
    if asked is None or not options:
        return None
    safe, operator = max(options)
    return BetterOperator(operator=operator, uplink_safe_bps=safe)


def better_site(neighbours: Iterable[SiteOption], need: Need) -> SiteOption | None:
    """Return the nearest neighbour whose safe uplink carries the need, or None."""
    ready = [
        site
        for site in neighbours
        if site.uplink_safe_bps is not None and site.uplink_safe_bps >= need.uplink_required_bps
    ]
    return min(
        ready,
        key=lambda site: (site.distance_m, site.site_id, -(site.uplink_safe_bps or 0.0), site.name),
        default=None,
    )


def better_spot(
    tests: Iterable[UplinkTest], need: Need, *, now: datetime, settings: ReadinessSettings
) -> BetterSpot | None:
    """Return the spot with the best test of the last day, if it beats the newest one's and holds.

    Only named spots compare, and a spot counts by the mean log of its tests.
    """
    by_spot: dict[str, list[float]] = {}
    newest: tuple[datetime, str] | None = None
    for test in tests:
        age_s = (now - test.measured_at).total_seconds()
        if test.spot is None or test.uplink_p10_bps is None or age_s > settings.limit_memory_s:
            continue
        by_spot.setdefault(test.spot, []).append(decades(test.uplink_p10_bps))
        here = (test.measured_at, test.spot)
        newest = here if newest is None else max(newest, here)
    if newest is None:
        return None
    means = {spot: math.fsum(values) / len(values) for spot, values in by_spot.items()}
    best = max(means, key=lambda spot: (means[spot], spot))
    enough = decades(need.uplink_required_bps)
    if means[best] < max(means[newest[1]] + math.log10(settings.better_ratio), enough):
        return None
    return BetterSpot(spot=best, uplink_p10_bps=10.0 ** means[best])
