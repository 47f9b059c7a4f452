"""What would be better, out of what is known: another profile, hour, operator, spot or site."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from lensong.monitoring.readiness.decades import decades
from lensong.monitoring.readiness.evidence import Need, Question, SiteOption, UplinkTest
from lensong.monitoring.readiness.history import History, hour_of_week
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.verdict import BetterHour, BetterOperator, BetterSpot

__all__ = ["best_profile", "better_hour", "better_operator", "better_site", "better_spot"]

_WAKING_HOURS = range(6, 22)  # local: nobody sells at three in the morning
_LEAST_SAMPLES = 2.0
_DAYS_AHEAD = 7


def best_profile(ladder: Iterable[Need], would_be_ready: Callable[[Need], bool]) -> Need | None:
    """Return the profile with the highest rate that would be READY, or None."""
    ready = [need for need in ladder if would_be_ready(need)]
    return max(ready, key=lambda need: (need.uplink_required_bps, need.profile_code), default=None)


def better_hour(
    question: Question,
    history: History,
    safe_at: Callable[[datetime], float | None],
    *,
    now: datetime,
    settings: ReadinessSettings,
) -> BetterHour | None:
    """Return another start within a week at which the history promises clearly more.

    Parameters
    ----------
    safe_at : callable
        Safe uplink of the same session at another start [bit/s], from plan and history alone.

    Notes
    -----
    Among starts that carry the need the nearest to the asked one, otherwise the one with the
    highest safe uplink. Only waking hours that were measured at least about twice count.
    """
    asked = safe_at(question.starts_at)
    if asked is None:
        return None
    local = timedelta(seconds=settings.utc_offset_s)
    first = (now + local).replace(minute=0, second=0, microsecond=0) - local + timedelta(hours=1)
    options: list[tuple[float, float, datetime]] = []
    for step in range(_DAYS_AHEAD * 24):
        start = first + timedelta(hours=step)
        _, samples = history.samples_around(hour_of_week(start, settings))
        if samples < _LEAST_SAMPLES or (start + local).hour not in _WAKING_HOURS:
            continue
        safe = safe_at(start)
        if safe is not None and safe >= settings.better_ratio * asked:
            away_s = abs((start - question.starts_at).total_seconds())
            options.append((away_s, safe, start))
    if not options:
        return None
    enough = [option for option in options if option[1] >= question.need.uplink_required_bps]
    if enough:
        _, safe, start = min(enough)
    else:
        _, safe, start = min(options, key=lambda option: (-option[1], option[0], option[2]))
    return BetterHour(starts_at=start, uplink_safe_bps=safe)


def better_operator(
    asked: str | None,
    operators: Iterable[str],
    safe_of: Callable[[str], float | None],
    *,
    safe_bps: float | None,
    settings: ReadinessSettings,
) -> BetterOperator | None:
    """Return the measured operator with the highest safe uplink, where it is clearly better."""
    options = [
        (safe, operator)
        for operator in sorted(set(operators) - {asked})
        if (safe := safe_of(operator)) is not None
        and safe >= settings.better_ratio * (safe_bps or 0.0)
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
    tests: Iterable[UplinkTest], *, now: datetime, settings: ReadinessSettings
) -> BetterSpot | None:
    """Return the spot with the best test of the last day, if it clearly beats the newest one's.

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
    if means[best] < means[newest[1]] + math.log10(settings.better_ratio):
        return None
    return BetterSpot(spot=best, uplink_p10_bps=10.0 ** means[best])
