"""Links for wall screens and for calendars: made, listed, revoked, and read by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import NotAllowedError, NotFoundError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.service import Service
from lensong.monitoring.store.shared_links import (
    Area,
    LinkKind,
    SharedLink,
    add_link,
    all_links,
    link_of,
    revoke_link,
)

__all__ = ["LinkPlan", "links_for", "make_link", "reader_by_link", "revoke_shared_link"]

_ROLES = {
    "site": Role.SITE,
    "commune": Role.COMMUNE,
    "province": Role.PROVINCE,
    "all": Role.ADMIN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkPlan:
    """A link that is wanted.

    Parameters
    ----------
    days : int, optional
        How long it works; None until it is revoked.
    """

    kind: LinkKind
    area: Area
    code: str
    label: str
    days: int | None


async def make_link(
    service: Service, principal: Principal, plan: LinkPlan
) -> tuple[SharedLink, str]:
    """Make a link to a wall or a calendar, and return it with its secret, shown this once.

    Raises
    ------
    NotFoundError, NotAllowedError
        The area is none, or none of the asker's.
    """
    _check_area(service, principal, plan.area, plan.code)
    now = service.clock.now()
    expires_at = None if plan.days is None else now + timedelta(days=plan.days)

    async def work(connection: AsyncConnection) -> tuple[SharedLink, str]:
        link, secret = await add_link(
            connection,
            kind=plan.kind,
            area=plan.area,
            code=plan.code if plan.area != "all" else "",
            label=plan.label,
            created_by=principal.actor,
            now=now,
            expires_at=expires_at,
        )
        detail = {"kind": link.kind, "area": link.area, "code": link.code}
        await noted(connection, service, principal.actor, "link.make", link.link_id, detail)
        return link, secret

    return await service.writer.run(work)


async def links_for(service: Service, principal: Principal) -> tuple[SharedLink, ...]:
    """Return the links of the asker's area that work, the latest first."""
    async with service.database.reading() as connection:
        found = await all_links(connection, service.clock.now())
    return tuple(link for link in found if _is_theirs(service, principal, link))


async def revoke_shared_link(service: Service, principal: Principal, link_id: str) -> None:
    """Let a link work no more.

    Raises
    ------
    NotFoundError
        There is none in the asker's area.
    """
    if link_id not in {link.link_id for link in await links_for(service, principal)}:
        raise NotFoundError(f"there is no link {link_id[:80]!r} in your area")

    async def work(connection: AsyncConnection) -> None:
        await revoke_link(connection, link_id, service.clock.now())
        await noted(connection, service, principal.actor, "link.revoke", link_id)

    await service.writer.run(work)


async def reader_by_link(
    service: Service, kind: LinkKind, secret: str, *, address: str
) -> tuple[SharedLink, Principal]:
    """Return a link that works, and who reads by it: somebody who sees its area, and does nothing.

    Raises
    ------
    NotFoundError
        There is none, it has run out or was revoked.
    BusyError
        Too many links that are none were tried from that address.
    """
    async with service.attempts.one(address, "links that are none", fails=NotFoundError):
        async with service.database.reading() as connection:
            link = await link_of(connection, kind, secret, service.clock.now())
        if link is None:
            raise NotFoundError("this link has run out or was revoked: ask for a new one")
    reader = Principal(
        actor=f"link:{link.link_id}", name=link.label, role=_ROLES[link.area], scope=link.code
    )
    return link, reader


def _check_area(service: Service, principal: Principal, area: Area, code: str) -> None:
    if area == "site":
        service.directory.site_for(principal, code)
        return
    if area == "all":
        if principal.role is not Role.ADMIN:
            raise NotAllowedError("your area is not all: choose a province, a commune or a site")
        return
    commune = service.directory.communes.get(code)
    there = (
        commune is not None
        and principal.governs(province_code=commune.province_code, commune_code=code)
        if area == "commune"
        else code in service.directory.provinces and principal.governs(province_code=code)
    )
    if not there:
        raise NotFoundError(f"there is no {area} {code[:80]!r} in your area")


def _is_theirs(service: Service, principal: Principal, link: SharedLink) -> bool:
    try:
        _check_area(service, principal, link.area, link.code)
    except (NotFoundError, NotAllowedError):
        return principal.role is Role.ADMIN  # of a place that is archived: to be revoked still
    return True
