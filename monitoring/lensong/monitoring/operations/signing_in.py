"""Signing in and out, and using one-time links, as people and phones come in by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import NotFoundError, NotSignedInError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.passwords import hash_password, matches
from lensong.monitoring.records import Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import (
    Join,
    Person,
    WebSession,
    add_token,
    add_web_session,
    delete_web_sessions,
    get_person,
    join_of,
    set_password,
)
from lensong.monitoring.store.people import use_join as use_up

__all__ = ["SIGNED_IN_FOR", "SignedIn", "choose_password", "sign_in", "sign_out", "use_join"]

SIGNED_IN_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody who is signed in now, and the secret that proves it."""

    person: Person
    session: WebSession
    secret: str


async def sign_in(service: Service, person_id: str, password: str, *, address: str) -> SignedIn:
    """Sign a person in.

    Parameters
    ----------
    address : str
        From which it is tried: so many attempts are let through from one, and for one name.

    Raises
    ------
    NotSignedInError
        The name or the password is wrong, or the person is kept out: the answer does not tell.
    BusyError
        It was tried too often.
    """
    # one limit for the name, from wherever it is tried, and one for the address
    service.sign_in_limit.take(f"name {person_id}", "attempts to sign in")
    service.sign_in_limit.take(f"from {address}", "attempts to sign in")
    person = await _person(service, person_id)
    active = person is not None and person.disabled_at is None
    kept = person.password_hash if person is not None and active else None
    if not await matches(password, kept) or person is None:
        raise NotSignedInError("the name or the password is wrong: try again, or ask for a link")
    return await _begin(service, person)


async def choose_password(
    service: Service, secret: str, password: str, *, address: str
) -> SignedIn:
    """Choose a password by a one-time link, and be signed in.

    Raises
    ------
    NotFoundError
        The link is none, is used up or too old.
    BusyError
        It was tried too often from that address.
    """
    service.sign_in_limit.take(f"link {address}", "attempts to use a link")
    async with service.database.reading() as connection:
        join = await join_of(connection, secret, service.clock.now())
    if join is None or join.person_id is None:
        raise NotFoundError("this link was used already or is too old: ask for a new one")
    kept = await hash_password(password)

    async def work(connection: AsyncConnection) -> Person:
        used = await use_up(connection, secret, service.clock.now())
        assert used.person_id is not None  # looked at above
        person = await get_person(connection, used.person_id)
        if person.disabled_at is not None:
            raise NotFoundError("this link was used already or is too old: ask for a new one")
        await set_password(connection, person.person_id, kept)
        actor = f"person:{person.person_id}"
        await noted(connection, service, actor, "password.set", actor)
        return person

    person = await service.writer.run(work)
    service.identities.forget()
    return await _begin(service, person)


async def sign_out(service: Service, principal: Principal, secret: str) -> None:
    """End the session that a secret proves."""

    async def work(connection: AsyncConnection) -> None:
        await delete_web_sessions(connection, secret=secret)
        await noted(connection, service, principal.actor, "sign-out", principal.actor)

    await service.writer.run(work)
    service.identities.forget()


async def use_join(service: Service, secret: str, label: str, *, address: str) -> tuple[Site, str]:
    """Trade a one-time link for a token of its site, and return both: what a phone does once.

    Raises
    ------
    NotFoundError
        The link is none, is too old, or a person's.
    ConflictError
        It is used up.
    BusyError
        It was tried too often from that address.
    """
    service.sign_in_limit.take(f"join {address}", "attempts to use a link")

    async def work(connection: AsyncConnection) -> tuple[Join, str]:
        used = await use_up(connection, secret, service.clock.now())
        if used.site_id is None:
            raise NotFoundError("this link is a person's, not a phone's: open it in a browser")
        _, token = await add_token(
            connection,
            role="site",
            site_id=used.site_id,
            # every phone gets a label of its own: two alive are for one that is changed
            label=f"{label or 'phone'} {used.sha256[:6]}",
            now=service.clock.now(),
        )
        actor = f"join:{used.sha256[:8]}"
        await noted(connection, service, actor, "join.use", used.site_id)
        return used, token

    used, token = await service.writer.run(work)
    return service.directory.sites[str(used.site_id)], token


async def _begin(service: Service, person: Person) -> SignedIn:
    async def work(connection: AsyncConnection) -> tuple[WebSession, str]:
        begun = await add_web_session(
            connection, person.person_id, now=service.clock.now(), valid_for=SIGNED_IN_FOR
        )
        actor = f"person:{person.person_id}"
        await noted(connection, service, actor, "sign-in", actor)
        return begun

    session, secret = await service.writer.run(work)
    return SignedIn(person=person, session=session, secret=secret)


async def _person(service: Service, person_id: str) -> Person | None:
    async with service.database.reading() as connection:
        try:
            return await get_person(connection, person_id)
        except NotFoundError:
            return None
