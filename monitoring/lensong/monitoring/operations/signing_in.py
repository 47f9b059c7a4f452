"""Signing in and out, and using one-time links, as people and phones come in by themselves."""

from __future__ import annotations

import base64
import hashlib
import hmac
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
    digest,
    get_person,
    join_of,
    set_password,
    token_of,
    used_join_of,
)
from lensong.monitoring.store.people import use_join as use_up
from lensong.monitoring.store.push import delete_push_of_browser

__all__ = ["SIGNED_IN_FOR", "SignedIn", "choose_password", "sign_in", "sign_out", "use_join"]

SIGNED_IN_FOR = timedelta(hours=12)

_JOIN_AGAIN_FOR = timedelta(minutes=10)
"""For so long a phone whose answer was lost gets the same one again."""

_LINK_GONE = "this link was used already or is too old: ask for a new one"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody who is signed in now, and the secret that proves it."""

    person: Person
    session: WebSession
    secret: str


async def sign_in(
    service: Service, person_id: str, password: str, *, address: str, browser: str | None = None
) -> SignedIn:
    """Sign a person in.

    Parameters
    ----------
    address : str
        From which it is tried: so many may fail from one, and of one name at one.
    browser : str, optional
        The secret of a browser that is told by web push: it tells nobody else's trouble any more.

    Raises
    ------
    NotSignedInError
        The name or the password is wrong, or the person is kept out: the answer does not tell.
    BusyError
        It failed too often.
    """
    async with service.attempts.one(
        address, "failed attempts to sign in", person_id, fails=NotSignedInError
    ):
        person = await _person(service, person_id)
        active = person is not None and person.disabled_at is None
        kept = person.password_hash if person is not None and active else None
        if not await matches(password, kept) or person is None:
            # who has taken the wrong field typed a password: what is no name is not kept
            subject = "nobody" if person is None else f"person:{person_id}"
            await _failed(service, "sign-in.failed", subject, address)
            raise NotSignedInError(
                "the name or the password is wrong: try again, or ask for a link"
            )
        return await _begin(service, person, browser)


async def choose_password(
    service: Service, secret: str, password: str, *, address: str, browser: str | None = None
) -> SignedIn:
    """Choose a password by a one-time link, and be signed in.

    Raises
    ------
    NotFoundError
        The link is none, is used up or too old.
    BusyError
        Too many links that are none were tried from that address.
    """
    async with service.attempts.one(address, "links that are none", fails=NotFoundError):
        async with service.database.reading() as connection:
            join = await join_of(connection, secret, service.clock.now())
        if join is None or join.person_id is None:
            await _failed(service, "link.failed", "welcome", address)
            raise NotFoundError(_LINK_GONE)
        kept = await hash_password(password)

    async def work(connection: AsyncConnection) -> Person:
        used = await use_up(connection, secret, service.clock.now())
        assert used.person_id is not None  # looked at above
        person = await get_person(connection, used.person_id)
        if person.disabled_at is not None:
            raise NotFoundError(_LINK_GONE)
        await set_password(connection, person.person_id, kept)
        actor = f"person:{person.person_id}"
        await noted(connection, service, actor, "password.set", actor)
        return person

    person = await service.writer.run(work)
    service.identities.forget()
    return await _begin(service, person, browser)


async def sign_out(
    service: Service, principal: Principal, secret: str, *, browser: str | None = None
) -> None:
    """End the session that a secret proves.

    Parameters
    ----------
    browser : str, optional
        The secret of a browser that is told by web push: it is told no more.
    """

    async def work(connection: AsyncConnection) -> None:
        await delete_web_sessions(connection, secret=secret)
        if browser is not None:
            await delete_push_of_browser(connection, digest(browser))
        await noted(connection, service, principal.actor, "sign-out", principal.actor)

    await service.writer.run(work)
    service.identities.forget()


async def use_join(
    service: Service, secret: str, label: str, *, address: str, phone_key: str | None = None
) -> tuple[Site, str]:
    """Trade a one-time link for a token of its site, and return both: what a phone does once.

    Parameters
    ----------
    phone_key : str, optional
        Random, and known to the phone alone. The token is made of it and of the link, so that the
        same phone gets the same token again for ten minutes, should the answer be lost, and
        nobody else gets any.

    Raises
    ------
    NotFoundError
        The link is none, is used up or too old, or a person's.
    BusyError
        Too many links that are none were tried from that address.
    """
    made = None if phone_key is None else _token_of(secret, phone_key)

    async def work(connection: AsyncConnection) -> tuple[Join, str]:
        now = service.clock.now()
        if made is not None:
            again = await used_join_of(connection, secret, used_since=now - _JOIN_AGAIN_FOR)
            if again is not None and await token_of(connection, made) is not None:
                _check_there(service, again.site_id)
                return again, made
        used = await use_up(connection, secret, now)
        if used.site_id is None:
            raise NotFoundError("this link is a person's, not a phone's: open it in a browser")
        _check_there(service, used.site_id)
        _, token = await add_token(
            connection,
            role="site",
            site_id=used.site_id,
            # every phone gets a label of its own: two alive are for one that is changed
            label=f"{label or 'phone'} {used.sha256[:6]}",
            now=now,
            secret=made,
        )
        actor = f"join:{used.sha256[:8]}"
        await noted(connection, service, actor, "join.use", used.site_id)
        return used, token

    async with service.attempts.one(address, "links that are none", fails=NotFoundError):
        try:
            used, token = await service.writer.run(work)
        except NotFoundError:
            await _failed(service, "link.failed", "join", address)
            raise
    service.identities.expect(token)
    return service.directory.sites[str(used.site_id)], token


def _check_there(service: Service, site_id: str | None) -> None:
    if site_id not in service.directory.sites:
        raise NotFoundError("the site of this link is archived: ask for it to be restored")


def _token_of(secret: str, phone_key: str) -> str:
    """Return the token that a link and a phone make together; neither tells it alone."""
    made = hmac.new(secret.encode(), b"lensong join " + phone_key.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made.digest()).rstrip(b"=").decode()


async def _failed(service: Service, action: str, subject: str, address: str) -> None:
    """Keep in the audit trail that somebody did not come in, and from where."""

    async def work(connection: AsyncConnection) -> None:
        await noted(connection, service, "nobody", action, subject, {"address": address})

    await service.writer.run(work)


async def _begin(service: Service, person: Person, browser: str | None) -> SignedIn:
    async def work(connection: AsyncConnection) -> tuple[WebSession, str]:
        if browser is not None:
            await delete_push_of_browser(connection, digest(browser), but_of=person.person_id)
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
