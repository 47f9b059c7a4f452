"""Adding and changing provinces, communes and sites."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import NotAllowedError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.operations.once import once
from lensong.monitoring.records import Commune, Province, Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import keep_out_of_site
from lensong.monitoring.store.places import delete_site, put_commune, put_province, put_site

__all__ = ["add_site", "change_site", "keep_commune", "keep_province", "remove_site"]


async def keep_province(service: Service, principal: Principal, province: Province) -> None:
    """Add a province or rename it."""
    await _change(
        service,
        principal,
        lambda connection: put_province(connection, province),
        "province.put",
        province.code,
    )


async def keep_commune(service: Service, principal: Principal, commune: Commune) -> None:
    """Add a commune or change it.

    Raises
    ------
    NotAllowedError
        The province that it lies in, or lay in before, is none of the asker's.
    NotFoundError
        There is no such province.
    """
    before = service.directory.communes.get(commune.code)
    for province in {commune.province_code, (before or commune).province_code}:
        _check_province(principal, province)
    await _change(
        service,
        principal,
        lambda connection: put_commune(connection, commune),
        "commune.put",
        commune.code,
    )


async def add_site(
    service: Service, principal: Principal, site: Site, *, key: str | None = None
) -> None:
    """Add a site.

    Parameters
    ----------
    key : str, optional
        The same site under the same key is added once (`once`).

    Raises
    ------
    NotAllowedError
        It lies in no province of the asker's.
    NotFoundError
        There is no such commune.
    ConflictError
        There is a site of that identifier, or the key came with another request.
    """
    _check_commune(service, principal, site.commune_code)

    async def work(connection: AsyncConnection) -> str:
        await put_site(connection, site, now=service.clock.now(), new=True)
        await noted(connection, service, principal.actor, "site.add", site.site_id)
        return site.site_id

    await once(service, principal, key, site, work)
    await service.reload()


async def change_site(service: Service, principal: Principal, site: Site) -> None:
    """Change a site.

    Raises
    ------
    NotAllowedError
        It is to lie in no province of the asker's.
    NotFoundError
        There is no such site in the asker's area, or no such commune.
    """
    service.directory.site_for(principal, site.site_id)
    _check_commune(service, principal, site.commune_code)
    await _change(
        service,
        principal,
        lambda connection: put_site(connection, site, now=service.clock.now()),
        "site.put",
        site.site_id,
    )
    await service.judge_soon([site.site_id])


async def remove_site(service: Service, principal: Principal, site_id: str) -> None:
    """Delete a site with all that is kept of it.

    Its tokens and links end with it, and its people are kept out: a site that gets the same
    identifier later, perhaps elsewhere, is none of theirs.

    Raises
    ------
    NotFoundError
        There is none in the asker's area.
    ConflictError
        A session is live there.
    """
    service.directory.site_for(principal, site_id)

    async def change(connection: AsyncConnection) -> None:
        await delete_site(connection, site_id)
        for person_id in await keep_out_of_site(connection, site_id, service.clock.now()):
            detail = {"site_deleted": site_id}
            await noted(connection, service, principal.actor, "person.disable", person_id, detail)

    await _change(service, principal, change, "site.delete", site_id)
    service.identities.forget()
    service.board.forget(site_id)
    await service.streams.reload()


async def _change(
    service: Service,
    principal: Principal,
    change: Callable[[AsyncConnection], Awaitable[None]],
    action: str,
    subject: str,
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await change(connection)
        await noted(connection, service, principal.actor, action, subject)

    await service.writer.run(work)
    await service.reload()


def _check_commune(service: Service, principal: Principal, code: str) -> None:
    commune = service.directory.communes.get(code)
    if commune is not None:  # one that is missing is told by the store
        _check_province(principal, commune.province_code)


def _check_province(principal: Principal, code: str) -> None:
    if principal.role is not Role.ADMIN and principal.scope != code:
        raise NotAllowedError(f"your area is the province {principal.scope}, not {code[:20]}")
