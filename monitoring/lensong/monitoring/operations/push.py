"""Allowing a browser to be told, and ending that."""

from __future__ import annotations

import ipaddress
import secrets
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import ConflictError, FieldError, NotAllowedError, NotFoundError
from lensong.monitoring.live.web_push import encrypted
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import last_event_id
from lensong.monitoring.store.people import digest, new_secret
from lensong.monitoring.store.push import PushSubscription, add_push, delete_push, pushes_of
from lensong.propagation.errors import InvalidInputError

__all__ = ["BROWSERS", "allow_push", "end_push", "pushes_for"]

BROWSERS = 20
"""Browsers that one person may have at once."""


async def allow_push(
    service: Service,
    principal: Principal,
    *,
    endpoint: str,
    p256dh: str,
    auth: str,
    language: str,
    browser: str | None,
) -> tuple[PushSubscription, str]:
    """Add a browser of the asker's; return it with the secret by which it is known again.

    Parameters
    ----------
    endpoint : str
        Where its push service takes messages for it.
    browser : str, optional
        The secret that it has already.

    Raises
    ------
    NotAllowedError
        Who asks is no person who has signed in with this browser.
    FieldError
        The address or the keys are none.
    ConflictError
        They have as many as may be.
    """
    kind, _, person_id = principal.actor.partition(":")
    if kind != "person" or principal.csrf is None:
        raise NotAllowedError("messages go to a browser in which a person has signed in")
    _check(service, endpoint)
    try:
        encrypted(b"", p256dh, auth)
    except InvalidInputError as error:
        raise FieldError(str(error), field="p256dh", reason="push_keys") from error
    secret = browser or new_secret()
    now = service.clock.now()

    async def work(connection: AsyncConnection) -> PushSubscription:
        others = [
            one
            for one in await pushes_of(connection, person_id)
            if one.endpoint != endpoint and one.browser_sha256 != digest(secret)
        ]
        if len(others) >= BROWSERS:
            raise ConflictError(
                f"{person_id} has {BROWSERS} browsers already: end one first", "too_many_browsers"
            )
        made = PushSubscription(
            subscription_id=secrets.token_hex(8),
            person_id=person_id,
            browser_sha256=digest(secret),
            endpoint=endpoint,
            p256dh=p256dh,
            auth=auth,
            language=language,
            created_at=now,
            seen_event_id=await last_event_id(connection),
            next_at=now,
        )
        await add_push(connection, made)
        await noted(connection, service, principal.actor, "push.allow", made.subscription_id)
        return made

    return await service.writer.run(work), secret


async def pushes_for(service: Service, principal: Principal) -> tuple[PushSubscription, ...]:
    """Return the browsers of the asker's that are told, the latest first."""
    kind, _, person_id = principal.actor.partition(":")
    async with service.database.reading() as connection:
        return await pushes_of(connection, person_id if kind == "person" else "")


async def end_push(service: Service, principal: Principal, subscription_id: str) -> None:
    """Tell a browser no more.

    Raises
    ------
    NotFoundError
        It is none of the asker's.
    """
    if subscription_id not in {one.subscription_id for one in await pushes_for(service, principal)}:
        raise NotFoundError(f"you have no browser {subscription_id[:80]!r} that is told")

    async def work(connection: AsyncConnection) -> None:
        await delete_push(connection, subscription_id)
        await noted(connection, service, principal.actor, "push.end", subscription_id)

    await service.writer.run(work)


def _check(service: Service, endpoint: str) -> None:
    """Refuse what is no address of a push service; each message is checked again."""
    try:
        parts = urlsplit(endpoint)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    secure = parts.scheme == "https" or (parts.scheme == "http" and _is_listed(service, host))
    bare = not (parts.username or parts.password or any(letter.isspace() for letter in endpoint))
    if not (host and secure and bare):
        raise FieldError(
            f"endpoint is {endpoint[:80]!r}, wanted the address that the browser gave, https://…",
            field="endpoint",
            reason="url_scheme",
            schemes="https",
        )


def _is_listed(service: Service, host: str) -> bool:
    """Return whether a host is an address of a network that the configuration lists."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return service.push.allowed.permits(host, host) and not ipaddress.ip_address(host).is_global
