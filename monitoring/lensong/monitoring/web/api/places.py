"""Provinces, communes, sites."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import NotAllowedError
from lensong.monitoring.records import Commune, Province
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import note
from lensong.monitoring.store.places import delete_site, put_commune, put_province, put_site
from lensong.monitoring.store.rows import cursor_values, make_cursor, page_of
from lensong.monitoring.web.api.idempotency import IdempotencyKey, once
from lensong.monitoring.web.api.shapes import (
    Body,
    CommuneBody,
    Cursor,
    Identifier,
    Limit,
    Line,
    Paged,
    ProvinceBody,
    SiteBody,
    SiteChange,
    Time,
)
from lensong.monitoring.web.guards import Admin, Manager, Reader, Running
from lensong.monitoring.web.problems import PROBLEM_RESPONSES

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["places"])


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


@router.get("/provinces", responses=PROBLEM_RESPONSES(401, 403, 503))
async def list_provinces(service: Running, principal: Reader) -> list[ProvinceBody]:
    """Return the provinces in which the asker sees something."""
    seen = {service.directory.province_of(site).code for site in _sites(service, principal)}
    return [
        ProvinceBody(code=item.code, name=item.name)
        for item in service.directory.provinces.values()
        if principal.role is Role.ADMIN or item.code in seen or item.code == principal.scope
    ]


@router.put("/provinces/{code}", responses=PROBLEM_RESPONSES(400, 401, 403, 413, 422, 503))
async def keep_province(
    code: Identifier, body: ProvinceBody, service: Running, principal: Admin
) -> ProvinceBody:
    """Add a province or rename it."""
    province = Province(code=code, name=body.name)

    async def work(connection: AsyncConnection) -> None:
        await put_province(connection, province)
        await _note(connection, service, principal, "province.put", code)

    await service.writer.run(work)
    await service.reload()
    return ProvinceBody(code=code, name=body.name)


@router.get("/communes", responses=PROBLEM_RESPONSES(401, 403, 503))
async def list_communes(service: Running, principal: Reader) -> list[CommuneBody]:
    """Return the communes in which the asker sees something."""
    seen = {site.commune_code for site in _sites(service, principal)}
    return [
        CommuneBody(code=item.code, name=item.name, province_code=item.province_code)
        for item in service.directory.communes.values()
        if principal.role is Role.ADMIN
        or item.code in seen
        or principal.scope in (item.code, item.province_code)
    ]


@router.put("/communes/{code}", responses=PROBLEM_RESPONSES(400, 401, 403, 404, 413, 422, 503))
async def keep_commune(
    code: Identifier, body: CommuneBody, service: Running, principal: Manager
) -> CommuneBody:
    """Add a commune or change it."""
    before = service.directory.communes.get(code)
    for province in {body.province_code, before.province_code if before else body.province_code}:
        _check_province(principal, province)
    commune = Commune(code=code, name=body.name, province_code=body.province_code)

    async def work(connection: AsyncConnection) -> None:
        await put_commune(connection, commune)
        await _note(connection, service, principal, "commune.put", code)

    await service.writer.run(work)
    await service.reload()
    return CommuneBody(code=code, name=body.name, province_code=body.province_code)


@router.get("/sites", responses=PROBLEM_RESPONSES(401, 403, 422, 503))
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
        for site in _sites(service, principal)
        if (last is None or site.site_id > last[0])
        and (commune is None or site.commune_code == commune)
    ]
    page = page_of(found[: limit + 1], limit, lambda site: make_cursor(site.site_id))
    return Paged(items=[SiteBody.of(site) for site in page.items], next_cursor=page.next_cursor)


@router.post(
    "/sites",
    status_code=201,
    responses=PROBLEM_RESPONSES(400, 401, 403, 404, 409, 413, 422, 429, 503),
)
async def add_site(
    body: SiteBody,
    service: Running,
    principal: Manager,
    response: Response,
    key: IdempotencyKey = None,
) -> SiteBody:
    """Add a site."""
    site = body.record(body.site_id)
    _check_commune(service, principal, site.commune_code)

    async def work(connection: AsyncConnection) -> SiteBody:
        await put_site(connection, site, now=service.clock.now(), new=True)
        await _note(connection, service, principal, "site.add", site.site_id)
        return SiteBody.of(site)

    answer = await once(service, principal, key, body, work)
    await service.reload()
    response.headers["Location"] = f"/api/v1/sites/{site.site_id}"
    return SiteBody.model_validate(answer)


@router.get("/sites/{site_id}", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def get_site(site_id: Identifier, service: Running, principal: Reader) -> SiteBody:
    """Return a site."""
    return SiteBody.of(service.directory.site_for(principal, site_id))


@router.put("/sites/{site_id}", responses=PROBLEM_RESPONSES(400, 401, 403, 404, 413, 422, 503))
async def change_site(
    site_id: Identifier, body: SiteChange, service: Running, principal: Manager
) -> SiteBody:
    """Change a site."""
    service.directory.site_for(principal, site_id)
    _check_commune(service, principal, body.commune_code)
    site = body.record(site_id)

    async def work(connection: AsyncConnection) -> None:
        await put_site(connection, site, now=service.clock.now())
        await _note(connection, service, principal, "site.put", site_id)

    await service.writer.run(work)
    await service.reload()
    return SiteBody.of(site)


@router.delete(
    "/sites/{site_id}",
    status_code=204,
    responses=PROBLEM_RESPONSES(401, 403, 404, 409, 422, 503),
)
async def remove_site(site_id: Identifier, service: Running, principal: Manager) -> None:
    """Delete a site with all that is kept of it."""
    service.directory.site_for(principal, site_id)

    async def work(connection: AsyncConnection) -> None:
        await delete_site(connection, site_id)
        await _note(connection, service, principal, "site.delete", site_id)

    await service.writer.run(work)
    await service.reload()
    service.board.forget(site_id)


@router.get("/sites/{site_id}/predictions", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def list_predictions(
    site_id: Identifier, service: Running, principal: Reader
) -> list[PredictionOut]:
    """Return what coverage plans say of a site."""
    service.directory.site_for(principal, site_id)
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
        )
        for item in service.directory.predictions.get(site_id, ())
    ]


def _sites(service: Service, principal: Principal) -> list[Any]:
    return list(service.directory.visible_to(principal))


def _check_commune(service: Service, principal: Principal, code: str) -> None:
    commune = service.directory.communes.get(code)
    if commune is not None:  # one that is missing is told by the store
        _check_province(principal, commune.province_code)


def _check_province(principal: Principal, code: str) -> None:
    if principal.role is not Role.ADMIN and principal.scope != code:
        raise NotAllowedError(f"your area is the province {principal.scope}, not {code[:20]}")


async def _note(
    connection: AsyncConnection, service: Service, principal: Principal, action: str, subject: str
) -> None:
    await note(
        connection,
        at=service.clock.now(),
        actor=principal.actor,
        action=action,
        subject=subject,
    )
