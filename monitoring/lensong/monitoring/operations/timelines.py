"""The timeline of a site, a commune, or all that somebody sees."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.service import Service
from lensong.monitoring.store.timeline import KINDS, TimelineEntry, timeline, up_to

__all__ = ["timeline_for"]


async def timeline_for(
    service: Service,
    principal: Principal,
    *,
    site_id: str | None = None,
    commune_code: str | None = None,
    province_code: str | None = None,
    groups: Collection[str] = (),
    before: datetime | None = None,
    limit: int = 100,
) -> list[TimelineEntry]:
    """Return what happened in somebody's area, the latest first.

    Parameters
    ----------
    groups : collection of str
        Of `store.timeline.KINDS`; without any all, but tests of one site alone: there are hundreds
        a day in a province.

    Raises
    ------
    NotFoundError
        There is no such site, commune or province in the asker's area.
    """
    directory = service.directory
    if site_id is not None:
        sites = {directory.site_for(principal, site_id).site_id}
    else:
        sites = {
            site.site_id
            for site in directory.visible_to(principal)
            if commune_code in (None, site.commune_code)
            and province_code in (None, directory.communes[site.commune_code].province_code)
        }
        for name, code in (("commune", commune_code), ("province", province_code)):
            if code is not None and not sites:
                raise NotFoundError(f"there is no site of {name} {code[:20]!r} in your area")
    everything = len(sites) == len(directory.sites)
    chosen = groups or [group for group in KINDS if group != "test" or site_id is not None]
    async with service.database.reading() as connection:
        kept: list[TimelineEntry] = []
        moment = before or service.clock.now() + timedelta(days=366)
        while True:
            found = await timeline(
                connection,
                None if everything else sites,
                groups=chosen,
                before=moment,
                limit=limit,
            )
            kept += [entry for entry in found if _is_of(entry, sites, service, principal)]
            if len(found) < limit or len(kept) >= limit:
                return up_to(limit, kept)
            # what is of many sites may be others': a page of theirs is not the end
            moment = found[-1].at


def _is_of(
    entry: TimelineEntry, sites: Collection[str], service: Service, principal: Principal
) -> bool:
    if entry.site_id is not None:
        return entry.site_id in sites
    # of many sites: shown with one of them, to whom all of them are open
    named = [service.directory.sites.get(name) for name in entry.body.get("site_ids", ())]
    there = [site for site in named if site is not None]
    return any(site.site_id in sites for site in there) and all(
        service.directory.sees(principal, site) for site in there
    )
