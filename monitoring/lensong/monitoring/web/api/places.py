"""Provinces, communes, sites."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import Field

from lensong.monitoring.operations import places as operations
from lensong.monitoring.records import Commune, Province
from lensong.monitoring.store.rows import cursor_values, make_cursor, page_of
from lensong.monitoring.web.api.shapes import (
    Body,
    CommuneBody,
    Cursor,
    IdempotencyKey,
    Identifier,
    Limit,
    Line,
    Paged,
    ProvinceBody,
    SiteBody,
    SiteChange,
    Time,
)
from lensong.monitoring.web.guards import Admin, ManagedSite, Manager, Reader, Running, SeenSite
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["places"], route_class=DocumentedRoute)


class PredictionOut(Body):
    """What a coverage plan says of a site."""

    technology: str
    operator: str
    coverage_run: str
    rsrp_dbm: float | None
    uplink_p50_bps: float | None
    sigma_db: float
    computed_at: Time
    synthetic: bool
    cell_id: str | None
    basis: str | None


class StreamsAtOnceOut(Body):
    """How many streams a coverage plan lets hold at once at a site, for a service and operator.

    ``chances`` are of 1, 2, 3 ... streams; ``streams`` is how many hold with ``probability``.
    """

    service: str
    operator: str
    village: str
    coverage_run: str
    uplink_bps: float
    probability: float
    streams: int
    chances: list[float]
    computed_at: Time
    synthetic: bool


class ArchivedOut(Body):
    """A place that is out of sight; ``within`` is the code of what it lies in."""

    kind: Literal["province", "commune", "site"]
    code: str
    name: str
    within: str
    archived_at: Time


class RestoreIn(Body):
    """Which place is to come back."""

    kind: Literal["province", "commune", "site"]
    code: Annotated[Line, Field(max_length=64)]


@router.get("/provinces")
async def list_provinces(service: Running, principal: Reader) -> list[ProvinceBody]:
    """Return the provinces in which the asker sees something."""
    directory = service.directory
    seen = {directory.province_of(site).code for site in directory.visible_to(principal)}
    return [
        ProvinceBody.of(item)
        for item in directory.provinces.values()
        if item.code in seen or principal.governs(province_code=item.code)
    ]


@router.put("/provinces/{code}")
async def keep_province(
    code: Identifier, body: ProvinceBody, service: Running, principal: Admin
) -> ProvinceBody:
    """Add a province or rename it."""
    province = Province(code=code, name=body.name)
    await operations.keep_province(service, principal, province)
    return ProvinceBody.of(province)


@router.get("/communes")
async def list_communes(service: Running, principal: Reader) -> list[CommuneBody]:
    """Return the communes in which the asker sees something."""
    seen = {site.commune_code for site in service.directory.visible_to(principal)}
    return [
        CommuneBody.of(item)
        for item in service.directory.communes.values()
        if item.code in seen
        or principal.governs(province_code=item.province_code, commune_code=item.code)
    ]


@router.put("/communes/{code}", responses=refusals(404))
async def keep_commune(
    code: Identifier, body: CommuneBody, service: Running, principal: Manager
) -> CommuneBody:
    """Add a commune or change it."""
    commune = Commune(code=code, name=body.name, province_code=body.province_code)
    await operations.keep_commune(service, principal, commune)
    return CommuneBody.of(commune)


@router.get("/sites")
async def list_sites(
    service: Running,
    principal: Reader,
    cursor: Cursor = None,
    limit: Limit = 100,
    commune: Annotated[Line | None, Field(max_length=20)] = None,
) -> Paged[SiteBody]:
    """Return the sites in the asker's area by identifier, a page at a time."""
    last = cursor_values(cursor, str)
    found = [
        site
        for site in service.directory.visible_to(principal)
        if (last is None or site.site_id > last[0])
        and (commune is None or site.commune_code == commune)
    ]
    page = page_of(found[: limit + 1], limit, lambda site: make_cursor(site.site_id))
    return Paged(items=[SiteBody.of(site) for site in page.items], next_cursor=page.next_cursor)


@router.post("/sites", status_code=201, responses=refusals(404, 409))
async def add_site(
    body: SiteBody,
    service: Running,
    principal: Manager,
    response: Response,
    key: IdempotencyKey = None,
) -> SiteBody:
    """Add a site."""
    site = body.record(body.site_id)
    await operations.add_site(service, principal, site, key=key)
    response.headers["Location"] = f"{service.config.root}/api/v1/sites/{site.site_id}"
    return SiteBody.of(site)


@router.get("/sites/{site_id}")
async def get_site(site: SeenSite) -> SiteBody:
    """Return a site."""
    return SiteBody.of(site)


@router.put("/sites/{site_id}")
async def change_site(
    before: ManagedSite, body: SiteChange, service: Running, principal: Manager
) -> SiteBody:
    """Change a site."""
    site = body.record(before.site_id)
    await operations.change_site(service, principal, site)
    return SiteBody.of(site)


@router.delete("/sites/{site_id}", status_code=204, responses=refusals(409))
async def remove_site(site: ManagedSite, service: Running, principal: Manager) -> None:
    """Delete a site with all that is kept of it."""
    await operations.remove_site(service, principal, site.site_id)


@router.post("/sites/{site_id}/archive", status_code=204, responses=refusals(409))
async def archive_site(site: ManagedSite, service: Running, principal: Manager) -> None:
    """Put a site out of sight: sessions planned there are called off, measurements are kept."""
    await operations.archive_place(service, principal, "site", site.site_id)


@router.post("/communes/{code}/archive", status_code=204, responses=refusals(404, 409))
async def archive_commune(code: Identifier, service: Running, principal: Manager) -> None:
    """Put a commune out of sight in which no site lies any more."""
    await operations.archive_place(service, principal, "commune", code)


@router.post("/provinces/{code}/archive", status_code=204, responses=refusals(404, 409))
async def archive_province(code: Identifier, service: Running, principal: Admin) -> None:
    """Put a province out of sight in which no commune lies any more."""
    await operations.archive_place(service, principal, "province", code)


@router.get("/archived")
async def list_archived(service: Running, principal: Manager) -> list[ArchivedOut]:
    """Return the provinces, communes and sites of the asker's area that are archived."""
    return [
        ArchivedOut(
            kind=item.kind,
            code=item.code,
            name=item.name,
            within=item.within,
            archived_at=item.archived_at,
        )
        for item in await operations.archived_for(service, principal)
    ]


@router.post("/archived/restore", status_code=204, responses=refusals(404, 409))
async def restore(body: RestoreIn, service: Running, principal: Manager) -> None:
    """Bring an archived province, commune or site back."""
    await operations.restore_place(service, principal, body.kind, body.code)


@router.get("/sites/{site_id}/predictions")
async def list_predictions(site: SeenSite, service: Running) -> list[PredictionOut]:
    """Return what coverage plans say of a site."""
    return [
        PredictionOut(
            technology=item.technology,
            operator=item.operator,
            coverage_run=item.coverage_run,
            rsrp_dbm=item.rsrp_dbm,
            uplink_p50_bps=item.uplink_p50_bps,
            sigma_db=item.sigma_db,
            computed_at=item.computed_at,
            synthetic=item.synthetic,
            cell_id=item.cell_id,
            basis=item.basis,
        )
        for item in service.directory.predictions.get(site.site_id, ())
    ]


@router.get("/sites/{site_id}/streams-at-once")
async def list_streams_at_once(site: SeenSite, service: Running) -> list[StreamsAtOnceOut]:
    """Return how many streams coverage plans let hold at once at a site."""
    return [
        StreamsAtOnceOut(
            service=item.service,
            operator=item.operator,
            village=item.village,
            coverage_run=item.coverage_run,
            uplink_bps=item.uplink_bps,
            probability=item.probability,
            streams=item.holding(),
            chances=list(item.chances),
            computed_at=item.computed_at,
            synthetic=item.synthetic,
        )
        for item in service.directory.plan_streams.get(site.site_id, ())
    ]
