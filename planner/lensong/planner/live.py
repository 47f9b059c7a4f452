"""What is measured where livestreams are held: told by whoever knows, shown beside a plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import geopandas as gpd

__all__ = ["NEAR_M", "LiveSite", "LiveSites", "MeasuredUplink", "NextSession", "sites_of_village"]

NEAR_M = 2_000.0
"""A site further from a village tells nothing of it [m]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredUplink:
    """The last uplink test of a site that succeeded.

    Parameters
    ----------
    p10_bps, p50_bps : float, optional
        What it had for 90 % and for half of its time [bit/s].
    at : datetime
        When it began.
    """

    p10_bps: float | None
    p50_bps: float | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NextSession:
    """The session of a site that runs or comes next.

    Parameters
    ----------
    verdict : {"ready", "at_risk", "not_ready", "unknown"}
    path : str
        Of its page, within the service.
    """

    title: str
    starts_at: datetime
    ends_at: datetime
    running: bool
    verdict: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSite:
    """A site with its place.

    Parameters
    ----------
    synthetic : bool
        It is invented.
    uplink : MeasuredUplink, optional
        None: never measured.
    session : NextSession, optional
    path : str
        Of its page, within the service.
    technology : str, optional
        That its phones use.
    rsrp_dbm, rsrp_at : float, datetime, optional
        As its client reported it with its last attempt, and when [dBm].
    """

    site_id: str
    name: str
    lat_deg: float
    lon_deg: float
    synthetic: bool
    uplink: MeasuredUplink | None
    session: NextSession | None
    path: str
    technology: str | None = None
    rsrp_dbm: float | None = None
    rsrp_at: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as the API says it."""
        up, next_one = self.uplink, self.session
        return {
            "site_id": self.site_id,
            "name": self.name,
            "lat_deg": self.lat_deg,
            "lon_deg": self.lon_deg,
            "synthetic": self.synthetic,
            "path": self.path,
            "uplink": None
            if up is None
            else {"p10_bps": up.p10_bps, "p50_bps": up.p50_bps, "at": up.at.isoformat()},
            "session": None
            if next_one is None
            else {
                "title": next_one.title,
                "starts_at": next_one.starts_at.isoformat(),
                "ends_at": next_one.ends_at.isoformat(),
                "running": next_one.running,
                "verdict": next_one.verdict,
                "path": next_one.path,
            },
        }


class LiveSites(Protocol):
    """The sites that somebody may see."""

    @property
    def now(self) -> datetime:
        """Return the time by which ages are told."""

    @property
    def time_zone(self) -> str:
        """Return the name of the zone in which times are told."""

    def located(self) -> Sequence[LiveSite]:
        """Return the sites whose place is known."""

    async def tests(self, site_ids: Collection[str]) -> Mapping[str, int]:
        """Return how many uplink tests that succeeded are kept of sites."""


def sites_of_village(
    villages: gpd.GeoDataFrame, row: int, sites: Sequence[LiveSite]
) -> list[tuple[LiveSite, float]]:
    """Return the sites that lie in a village, else the nearest within `NEAR_M`, with distances [m].

    A distance is that from the outline, 0 within it.

    Parameters
    ----------
    villages : GeoDataFrame
        In a projected CRS; where a village has no outline it is a circle.
    row : int
        Which of them.
    """
    if not sites:
        return []
    places = gpd.GeoSeries.from_xy(
        [site.lon_deg for site in sites], [site.lat_deg for site in sites], crs=4326
    ).to_crs(villages.crs)
    apart = places.distance(villages.geometry.iloc[row])
    found = sorted(zip(apart, range(len(sites)), strict=True))
    inside = [(sites[at], float(away_m)) for away_m, at in found if away_m == 0.0]
    away_m, at = found[0]
    return inside or ([(sites[at], float(away_m))] if away_m <= NEAR_M else [])
