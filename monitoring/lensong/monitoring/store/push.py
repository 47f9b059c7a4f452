"""Web push: the service's key, and the browsers of people that are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.store.people import Person, get_person
from lensong.monitoring.store.rows import from_row, to_row, upsert
from lensong.monitoring.store.tables import push_keys, push_subscriptions

__all__ = [
    "PushSubscription",
    "add_push",
    "delete_push",
    "delete_push_of_browser",
    "push_key",
    "push_with_person",
    "pushes_due",
    "pushes_of",
    "record_push",
]

_KEY = "vapid"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSubscription:
    """A browser whose person wants to be told, also while no page is open.

    Parameters
    ----------
    browser_sha256 : str
        Of the cookie by which the browser is known when it signs out.
    p256dh, auth : str
        The browser's public key and secret (RFC 8291), base64url.
    seen_event_id : int
        The last event that was told, or was none of theirs.
    attempts : int
        Failures since something arrived.
    failure : str
        What went wrong the last time, empty where nothing did.
    """

    subscription_id: str
    person_id: str
    browser_sha256: str
    endpoint: str
    p256dh: str
    auth: str
    language: str
    created_at: datetime
    seen_event_id: int
    next_at: datetime
    attempts: int = 0
    failure: str = ""


async def push_key(connection: AsyncConnection, fresh: str) -> str:
    """Return the service's key; where there is none yet, the fresh one is kept."""
    await connection.execute(
        upsert(connection, push_keys)
        .values(name=_KEY, secret=fresh)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    rows = await connection.execute(select(push_keys.c.secret).where(push_keys.c.name == _KEY))
    return str(rows.scalar_one())


async def add_push(connection: AsyncConnection, subscription: PushSubscription) -> None:
    """Add a browser; what it had before goes, whoever was signed in then."""
    await connection.execute(
        delete(push_subscriptions).where(push_subscriptions.c.endpoint == subscription.endpoint)
    )
    await delete_push_of_browser(connection, subscription.browser_sha256)
    await connection.execute(push_subscriptions.insert(), to_row(subscription))


async def pushes_of(connection: AsyncConnection, person_id: str) -> tuple[PushSubscription, ...]:
    """Return the browsers of somebody, the latest first."""
    rows = await connection.execute(
        select(push_subscriptions)
        .where(push_subscriptions.c.person_id == person_id)
        .order_by(push_subscriptions.c.created_at.desc(), push_subscriptions.c.subscription_id)
    )
    return tuple(from_row(PushSubscription, row) for row in rows.mappings())


async def pushes_due(
    connection: AsyncConnection, now: datetime, last_event_id: int
) -> tuple[str, ...]:
    """Return which browsers have not been told up to an event, and are to be asked now."""
    rows = await connection.execute(
        select(push_subscriptions.c.subscription_id).where(
            push_subscriptions.c.seen_event_id < last_event_id, push_subscriptions.c.next_at <= now
        )
    )
    return tuple(rows.scalars())


async def push_with_person(
    connection: AsyncConnection, subscription_id: str
) -> tuple[PushSubscription, Person] | None:
    """Return a browser and whose it is, None where either is there no more or is kept out."""
    rows = await connection.execute(
        select(push_subscriptions).where(push_subscriptions.c.subscription_id == subscription_id)
    )
    if (row := rows.mappings().first()) is None:
        return None
    found = from_row(PushSubscription, row)
    person = await get_person(connection, found.person_id)
    return None if person.disabled_at is not None else (found, person)


async def record_push(
    connection: AsyncConnection,
    subscription_id: str,
    *,
    seen_event_id: int,
    attempts: int,
    next_at: datetime,
    failure: str,
) -> None:
    """Keep how far a browser was told, and how that went."""
    await connection.execute(
        push_subscriptions.update()
        .where(push_subscriptions.c.subscription_id == subscription_id)
        .values(seen_event_id=seen_event_id, attempts=attempts, next_at=next_at, failure=failure)
    )


async def delete_push(connection: AsyncConnection, subscription_id: str) -> None:
    """Tell a browser no more."""
    await connection.execute(
        delete(push_subscriptions).where(push_subscriptions.c.subscription_id == subscription_id)
    )


async def delete_push_of_browser(
    connection: AsyncConnection, browser_sha256: str, *, but_of: str = ""
) -> None:
    """Tell the browser of a cookie no more, unless it is a certain person's."""
    await connection.execute(
        delete(push_subscriptions).where(
            push_subscriptions.c.browser_sha256 == browser_sha256,
            push_subscriptions.c.person_id != but_of,
        )
    )
