"""What the planner is told of sites: their place, last test and next session, of one's own area."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from lensong.monitoring.access import Principal
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.service import Service
from lensong.monitoring.store.measurements import count_successes
from lensong.planner.live import LiveSite, MeasuredUplink, NextSession

__all__ = ["SitesForPlan"]


@dataclass(frozen=True, slots=True)
class SitesForPlan:
    """The sites that somebody may see, as the planner asks for them.

    Parameters
    ----------
    service : Service
    principal : Principal
    """

    service: Service
    principal: Principal

    @property
    def now(self) -> datetime:
        """Return the time by which ages are told."""
        return self.service.clock.now()

    @property
    def time_zone(self) -> str:
        """Return the name of the province's zone."""
        return self.service.config.time_zone

    def located(self) -> Sequence[LiveSite]:
        """Return the sites in the area whose place is known."""
        now, service = self.now, self.service
        seen = tuple(service.directory.visible_to(self.principal))
        found = service.board.snapshot(now, seen).sites
        return [site for one in found if (site := _site(one, now)) is not None]

    async def tests(self, site_ids: Collection[str]) -> Mapping[str, int]:
        """Return how many tests that succeeded are kept of sites."""
        if not site_ids:
            return {}
        async with self.service.database.reading() as connection:
            return await count_successes(connection, site_ids)


def _site(site: SiteSnapshot, now: datetime) -> LiveSite | None:
    if site.lat_deg is None or site.lon_deg is None:
        return None
    uplink = session = None
    if site.probe_last_success_at is not None:  # however old: its age is told with it
        uplink = MeasuredUplink(
            p10_bps=site.uplink_p10_bps,
            p50_bps=site.uplink_p50_bps,
            at=site.probe_last_success_at,
        )
    shown = as_of(site, now)
    if shown.session_id is not None and shown.session_starts_at and shown.session_ends_at:
        session = NextSession(
            title=shown.session_title or "",
            starts_at=shown.session_starts_at,
            ends_at=shown.session_ends_at,
            running=shown.session_live,
            verdict=shown.readiness_state,
            path=f"/sessions/{shown.session_id}",
        )
    return LiveSite(
        site_id=site.site_id,
        name=site.name,
        lat_deg=site.lat_deg,
        lon_deg=site.lon_deg,
        synthetic=site.synthetic,
        uplink=uplink,
        session=session,
        technology=site.technology,
        rsrp_dbm=site.rsrp_dbm,
        rsrp_at=site.probe_last_attempt_at,
        path=f"/sites/{site.site_id}",
    )
