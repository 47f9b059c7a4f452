"""The prior of outages of each province, out of its own watches, which are read seldom."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.live.directory import Directory
from lensong.monitoring.readiness.judge import DEFAULT_SETTINGS
from lensong.monitoring.readiness.outage_prior import estimated_prior
from lensong.monitoring.readiness.outages import OutagePrior, Watched
from lensong.monitoring.records import Site
from lensong.monitoring.store.watches import WatchedSite, watched_by_site
from lensong.monitoring.tolerance import Tolerance

__all__ = ["OutagePriors"]

_LEARNT_FROM = timedelta(days=90)
_KEPT = timedelta(hours=1)

_Place = tuple[str, bool]
"""Province and whether the sites are invented: those say nothing of real ones."""


@dataclass(slots=True)
class OutagePriors:
    """What each province's watches at rest tell of outages beyond the default tolerance."""

    _read_at: datetime | None = None
    _watched: dict[str, WatchedSite] = field(default_factory=dict)
    _found: dict[_Place, OutagePrior] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def of(
        self, connection: AsyncConnection, directory: Directory, site: Site, now: datetime
    ) -> OutagePrior:
        """Return the prior for a site: its province's, or the shipped one while that is little.

        All watches are read at most once an hour; in between nothing is read.
        """
        async with self._lock:
            if self._read_at is None or abs(now - self._read_at) >= _KEPT:
                self._watched = await watched_by_site(connection, now - _LEARNT_FROM, now)
                self._found = {}
                self._read_at = now
            place = (directory.province_of(site).code, site.synthetic)
            if place not in self._found:
                seen = [
                    _hours_and_outages(found)
                    for other_id, found in sorted(self._watched.items())
                    if (other := directory.sites.get(other_id)) is not None
                    and (directory.province_of(other).code, other.synthetic) == place
                ]
                self._found[place] = await asyncio.to_thread(
                    estimated_prior, seen, default=_shipped()
                )
            return self._found[place]


def _shipped() -> OutagePrior:
    return OutagePrior(shape=DEFAULT_SETTINGS.outage_shape, hours=DEFAULT_SETTINGS.outage_hours)


def _hours_and_outages(found: WatchedSite) -> tuple[float, int]:
    outages = sum(
        Watched(seconds=seconds, outages_s=outages_s).beyond(Tolerance())
        for seconds, outages_s in found.parts_with_outages
    )
    return found.watched_s / 3_600.0, outages
