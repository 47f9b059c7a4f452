"""Which sites there are and where they belong: small, asked on every request, kept in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import ArchivedError, NotFoundError
from lensong.monitoring.readiness.networks import why_left_out
from lensong.monitoring.records import Commune, Province, Site, StreamProfile
from lensong.monitoring.store.events import Event
from lensong.monitoring.store.places import (
    ArchivedPlace,
    PlanStreams,
    Prediction,
    all_communes,
    all_plan_streams,
    all_predictions,
    all_provinces,
    all_sites,
    archived_places,
)
from lensong.monitoring.store.sessions import all_profiles

__all__ = ["Directory"]


@dataclass(slots=True)
class Directory:
    """Places, profiles and predictions as the database has them; one process changes them."""

    provinces: dict[str, Province] = field(default_factory=dict)
    communes: dict[str, Commune] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    profiles: dict[str, StreamProfile] = field(default_factory=dict)
    predictions: dict[str, tuple[Prediction, ...]] = field(default_factory=dict)
    archived: dict[tuple[str, str], ArchivedPlace] = field(default_factory=dict)
    """What is out of sight, by kind and code."""
    plan_streams: dict[str, tuple[PlanStreams, ...]] = field(default_factory=dict)
    _on_cell: dict[str, set[str]] = field(default_factory=dict)

    async def load(self, connection: AsyncConnection) -> None:
        """Read everything anew."""
        self.provinces = {item.code: item for item in await all_provinces(connection)}
        self.communes = {item.code: item for item in await all_communes(connection)}
        found = sorted(await all_sites(connection), key=lambda item: item.site_id)
        self.sites = {item.site_id: item for item in found}
        gone = await archived_places(connection)
        self.archived = {(item.kind, item.code): item for item in gone}
        self.profiles = {item.code: item for item in await all_profiles(connection)}
        grouped: dict[str, tuple[Prediction, ...]] = {}
        for item in await all_predictions(connection):
            grouped[item.site_id] = (*grouped.get(item.site_id, ()), item)
        self.predictions = grouped
        streams: dict[str, tuple[PlanStreams, ...]] = {}
        for one in await all_plan_streams(connection):
            streams[one.site_id] = (*streams.get(one.site_id, ()), one)
        self.plan_streams = streams
        on_cell: defaultdict[str, set[str]] = defaultdict(set)
        for site in found:
            for cell_id in self.cells_of(site):
                on_cell[cell_id].add(site.site_id)
        self._on_cell = dict(on_cell)

    def cells_of(self, site: Site) -> frozenset[str]:
        """Return the cells by which a plan serves a site, of the networks that are used there."""
        return frozenset(
            item.cell_id
            for item in self.predictions.get(site.site_id, ())
            if item.cell_id
            and not (item.synthetic and not site.synthetic)
            and not why_left_out(item, operators=site.operators, technologies=site.technologies)
        )

    def on_the_same_cells(self, site: Site) -> frozenset[str]:
        """Return the other sites that a plan puts on a cell of a site.

        Invented places and real ones share nothing.
        """
        found = {name for cell_id in self.cells_of(site) for name in self._on_cell.get(cell_id, ())}
        return frozenset(
            name
            for name in found - {site.site_id}
            if name in self.sites and self.sites[name].synthetic is site.synthetic
        )

    def with_those_beside(self, site_ids: Iterable[str]) -> set[str]:
        """Return sites together with those that a plan puts on the same cells."""
        known = {site_id for site_id in site_ids if site_id in self.sites}
        beside = {name for one in known for name in self.on_the_same_cells(self.sites[one])}
        return known | beside

    def province_of(self, site: Site) -> Province:
        """Return the province in which a site lies."""
        return self.provinces[self.communes[site.commune_code].province_code]

    def visible_to(self, principal: Principal) -> Iterable[Site]:
        """Yield the sites in somebody's scope, by identifier."""
        if principal.role is Role.ADMIN:
            return tuple(self.sites.values())
        return (site for site in self.sites.values() if self.sees(principal, site))

    def sees(self, principal: Principal, site: Site) -> bool:
        """Return whether a site lies in somebody's scope."""
        return principal.sees(
            site_id=site.site_id,
            commune_code=site.commune_code,
            province_code=self.communes[site.commune_code].province_code,
        )

    def hears(self, principal: Principal, event: Event) -> bool:
        """Return whether an event is for somebody's ears.

        What is of many sites is told to whom all of them are open.
        """
        names = event.body.get("site_ids", ()) if event.site_id is None else [event.site_id]
        found = [self.sites.get(name) for name in names]
        return bool(found) and all(
            site is not None and self.sees(principal, site) for site in found
        )

    def site_for(self, principal: Principal, site_id: str) -> Site:
        """Return a site, if there is one of that identifier in somebody's scope.

        Raises
        ------
        ArchivedError
            It is archived.
        NotFoundError
            There is none, or it is none of theirs: the answer does not tell which.
        """
        site = self.sites.get(site_id)
        if site is None or not self.sees(principal, site):
            self._tell_archived(principal, site_id)
            raise NotFoundError(f"there is no site {site_id[:80]!r} in your area")
        return site

    def _tell_archived(self, principal: Principal, site_id: str) -> None:
        """Refuse by saying that a site is archived, to those who saw it before."""
        gone = self.archived.get(("site", site_id))
        if gone is None:
            return
        commune = self.communes.get(gone.within)
        archived = self.archived.get(("commune", gone.within))
        if commune is not None:
            name, province_code = commune.name, commune.province_code
        elif archived is not None:
            name, province_code = archived.name, archived.within
        else:
            return
        if principal.sees(site_id=site_id, commune_code=gone.within, province_code=province_code):
            raise ArchivedError(site_id, gone.name, name, gone.archived_at)
