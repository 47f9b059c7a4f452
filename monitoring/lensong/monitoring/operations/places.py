"""Adding, changing, archiving and deleting provinces, communes and sites."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import NotAllowedError, NotFoundError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.operations.once import once
from lensong.monitoring.records import Commune, Province, SessionStatus, Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import Event, add_event
from lensong.monitoring.store.people import keep_out_of_site
from lensong.monitoring.store.places import (
    ArchivedPlace,
    Kind,
    archived_places,
    delete_site,
    put_commune,
    put_province,
    put_site,
    set_archived,
)
from lensong.monitoring.store.sessions import open_sessions, set_status

__all__ = [
    "add_site",
    "archive_place",
    "archived_for",
    "change_site",
    "keep_commune",
    "keep_province",
    "remove_site",
    "restore_place",
]


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


async def archive_place(service: Service, principal: Principal, kind: Kind, code: str) -> None:
    """Put a place out of sight: what was measured there is kept, and it can be restored.

    Sessions that are planned at a site are called off. Its tokens and links do nothing until it is
    restored.

    Raises
    ------
    NotFoundError
        There is none in the asker's area.
    NotAllowedError
        It lies in no province of the asker's.
    ConflictError
        A session is live there; sites or communes lie in it.
    """
    _check_place(service, principal, kind, code)
    told: list[Event] = []

    async def change(connection: AsyncConnection) -> None:
        now = service.clock.now()
        await set_archived(connection, kind, code, now)
        for session in await open_sessions(connection) if kind == "site" else ():
            if session.site_id == code:
                await set_status(connection, session.session_id, SessionStatus.CANCELLED, now=now)
                body = {"session_id": session.session_id, "title": session.title}
                event = await add_event(
                    connection,
                    at=now,
                    kind="session.cancelled",
                    site_id=code,
                    session_id=session.session_id,
                    body=body,
                )
                told.append(event)

    await _change(service, principal, change, f"{kind}.archive", code)
    for event in told:
        service.bus.publish(event)
    if kind == "site":
        await service.judge.show_next(code)  # none
        await service.streams.reload()


async def restore_place(service: Service, principal: Principal, kind: Kind, code: str) -> None:
    """Bring a place back that was archived.

    Raises
    ------
    NotFoundError
        None such is archived in the asker's area.
    ConflictError
        What it lies in is archived too.
    """
    if not any(
        item.kind == kind and item.code == code for item in await archived_for(service, principal)
    ):
        raise NotFoundError(f"no {kind} {code[:80]!r} is archived in your area")
    await _change(
        service,
        principal,
        lambda connection: set_archived(connection, kind, code, None),
        f"{kind}.restore",
        code,
    )
    if kind == "site":
        await service.streams.reload()
        await service.judge_soon([code])


async def archived_for(service: Service, principal: Principal) -> tuple[ArchivedPlace, ...]:
    """Return what is archived in the asker's area, the latest first."""
    async with service.database.reading() as connection:
        found = await archived_places(connection)
    if principal.role is Role.ADMIN:
        return found
    communes = {code: item.province_code for code, item in service.directory.communes.items()}
    communes |= {item.code: item.within for item in found if item.kind == "commune"}
    return tuple(
        item
        for item in found
        if principal.scope
        == {"commune": item.within, "site": communes.get(item.within)}.get(item.kind)
    )


def _check_place(service: Service, principal: Principal, kind: Kind, code: str) -> None:
    if kind == "site":
        service.directory.site_for(principal, code)
        return
    commune = service.directory.communes.get(code)
    if kind == "province":
        if principal.role is not Role.ADMIN:
            raise NotAllowedError("provinces are the administrator's: ask one")
    elif commune is not None:
        _check_province(principal, commune.province_code)


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
