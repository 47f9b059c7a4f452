"""People who may sign in: adding them, their links, keeping them out."""

from __future__ import annotations

from collections.abc import Container
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import NotAllowedError, NotFoundError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.operations.tokens import OneTimeLink
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import Person, add_join, disable_person, get_person
from lensong.monitoring.store.people import add_person as put_person
from lensong.monitoring.store.places import is_site

__all__ = ["add_person", "keep_out", "make_person_link"]

_LINK_FOR = timedelta(days=3)


async def add_person(
    service: Service, principal: Principal, *, person_id: str, name: str, role: str, scope: str
) -> tuple[Person, OneTimeLink]:
    """Add a person, with the one-time link by which they choose a password.

    Parameters
    ----------
    scope : str
        Code of a site, commune or province as ``role`` says; empty for an administrator.

    Raises
    ------
    NotFoundError
        The scope is none.
    ConflictError
        There is somebody of that identifier.
    """
    _check_scope(service, role, scope)
    person = Person(
        person_id=person_id,
        name=name,
        role=role,
        scope=scope,
        password_hash=None,
        disabled_at=None,
        created_at=service.clock.now(),
    )

    async def work(connection: AsyncConnection) -> OneTimeLink:
        # a site may have been deleted between the look above and this
        if role == "site" and not await is_site(connection, scope):
            raise NotFoundError(f"there is no site {scope!r}")
        await put_person(connection, person)
        return await _link(connection, service, principal, person_id, "person.add")

    return person, await service.writer.run(work)


async def make_person_link(service: Service, principal: Principal, person_id: str) -> OneTimeLink:
    """Make a new one-time link by which a person chooses a password.

    Raises
    ------
    NotFoundError
        There is nobody of that identifier.
    """

    async def work(connection: AsyncConnection) -> OneTimeLink:
        await get_person(connection, person_id)
        return await _link(connection, service, principal, person_id, "person.link")

    return await service.writer.run(work)


async def keep_out(service: Service, principal: Principal, person_id: str) -> None:
    """Keep a person out from now on; what they did stays in the audit trail.

    Raises
    ------
    NotAllowedError
        It is the asker.
    NotFoundError
        There is nobody of that identifier.
    """
    if principal.actor == f"person:{person_id}":
        raise NotAllowedError("you cannot keep yourself out: ask another administrator")

    async def work(connection: AsyncConnection) -> None:
        await disable_person(connection, person_id, service.clock.now())
        await noted(connection, service, principal.actor, "person.disable", person_id)

    await service.writer.run(work)
    service.identities.forget()


async def _link(
    connection: AsyncConnection, service: Service, principal: Principal, person_id: str, action: str
) -> OneTimeLink:
    now = service.clock.now()
    secret = await add_join(connection, now=now, valid_for=_LINK_FOR, person_id=person_id)
    await noted(connection, service, principal.actor, action, person_id)
    return OneTimeLink(secret=secret, expires_at=now + _LINK_FOR)


def _check_scope(service: Service, role: str, scope: str) -> None:
    known: dict[str, Container[str]] = {
        "site": service.directory.sites,
        "commune": service.directory.communes,
        "province": service.directory.provinces,
        "admin": {""},
    }
    if scope not in known[role]:
        raise NotFoundError(
            f"scope is {scope!r}, which is no {role}: give the code of one"
            if role != "admin"
            else "an admin has the empty scope"
        )
