"""Verdicts, the events that follow from them, and what is to be sent to webhooks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.readiness.verdict import Verdict
from lensong.monitoring.store.rows import (
    Page,
    cursor_values,
    from_row,
    make_cursor,
    page_of,
    to_row,
)
from lensong.monitoring.store.tables import deliveries, events, verdicts, webhooks

__all__ = [
    "Delivery",
    "Event",
    "KeptVerdict",
    "Webhook",
    "add_event",
    "add_verdict",
    "add_webhook",
    "all_webhooks",
    "delete_webhook",
    "due_deliveries",
    "events_after",
    "events_of_kinds",
    "is_known",
    "last_event_id",
    "latest_verdicts",
    "list_verdicts",
    "record_attempt",
    "verdict_before",
    "verdict_of",
    "webhooks_due",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVerdict:
    """A verdict with its place in the history, and what made us judge."""

    id: int
    session_id: str
    trigger: str
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that listeners hear of."""

    id: int
    at: datetime
    kind: str
    site_id: str | None
    session_id: str | None
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Somebody's address to which events are sent.

    Parameters
    ----------
    secret : str
        Signs what goes out in our own format.
    form : str
        Which format the receiver wants (`live.message_formats.FORMATS`).
    options : mapping
        What the format needs, its credential among it.
    language : str
        Of the sentences.
    """

    webhook_id: str
    url: str
    secret: str
    kinds: tuple[str, ...]
    created_at: datetime
    form: str = "lensong"
    options: Mapping[str, str] = field(default_factory=dict)
    language: str = "vi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event on its way to a webhook."""

    id: int
    webhook: Webhook
    event_id: int
    kind: str
    happened_at: datetime
    body: Mapping[str, Any]
    attempts: int


def _kept(row: Any) -> KeptVerdict:
    return KeptVerdict(
        id=row["id"],
        session_id=row["session_id"],
        trigger=row["trigger"],
        verdict=Verdict.from_dict(row["body"]),
    )


async def add_verdict(
    connection: AsyncConnection, session_id: str, verdict: Verdict, trigger: str
) -> KeptVerdict:
    """Keep a verdict; none is ever changed or replaced."""
    row = {
        "site_id": verdict.site_id,
        "session_id": session_id,
        "judged_at": verdict.judged_at,
        "state": verdict.state.value,
        "probability": verdict.probability,
        "trigger": trigger,
        "body": verdict.to_dict(),
    }
    added = await connection.execute(verdicts.insert().returning(verdicts.c.id), row)
    return KeptVerdict(
        id=added.scalar_one(), session_id=session_id, trigger=trigger, verdict=verdict
    )


async def verdict_of(connection: AsyncConnection, session_id: str) -> KeptVerdict | None:
    """Return the last verdict of a session."""
    rows = await connection.execute(
        select(verdicts)
        .where(verdicts.c.session_id == session_id)
        .order_by(verdicts.c.id.desc())
        .limit(1)
    )
    row = rows.mappings().first()
    return None if row is None else _kept(row)


async def verdict_before(
    connection: AsyncConnection, session_id: str, moment: datetime
) -> KeptVerdict | None:
    """Return the last verdict of a session that was given before a moment."""
    rows = await connection.execute(
        select(verdicts)
        .where(verdicts.c.session_id == session_id, verdicts.c.judged_at <= moment)
        .order_by(verdicts.c.id.desc())
        .limit(1)
    )
    row = rows.mappings().first()
    return None if row is None else _kept(row)


async def latest_verdicts(
    connection: AsyncConnection, session_ids: Collection[str]
) -> dict[str, KeptVerdict]:
    """Return the last verdict of each of some sessions."""
    found: dict[str, KeptVerdict] = {}
    wanted = sorted(session_ids)
    for at in range(0, len(wanted), 500):
        latest = (
            select(func.max(verdicts.c.id))
            .where(verdicts.c.session_id.in_(wanted[at : at + 500]))
            .group_by(verdicts.c.session_id)
        )
        rows = await connection.execute(select(verdicts).where(verdicts.c.id.in_(latest)))
        found |= {row["session_id"]: _kept(row) for row in rows.mappings()}
    return found


async def list_verdicts(
    connection: AsyncConnection, session_id: str, *, cursor: str | None = None, limit: int = 100
) -> Page[KeptVerdict]:
    """Return the verdicts of a session, the latest first, a page at a time."""
    wanted = select(verdicts).where(verdicts.c.session_id == session_id)
    if (last := cursor_values(cursor, int)) is not None:
        wanted = wanted.where(verdicts.c.id < last[0])
    rows = await connection.execute(wanted.order_by(verdicts.c.id.desc()).limit(limit + 1))
    return page_of(
        (_kept(row) for row in rows.mappings()), limit, lambda item: make_cursor(item.id)
    )


async def add_event(
    connection: AsyncConnection,
    *,
    at: datetime,
    kind: str,
    site_id: str | None,
    session_id: str | None,
    body: Mapping[str, Any],
) -> Event:
    """Keep an event, and put it on its way to every webhook that wants its kind."""
    added = await connection.execute(
        events.insert().returning(events.c.id),
        {"at": at, "kind": kind, "site_id": site_id, "session_id": session_id, "body": dict(body)},
    )
    event = Event(
        id=added.scalar_one(),
        at=at,
        kind=kind,
        site_id=site_id,
        session_id=session_id,
        body=dict(body),
    )
    wanting = [hook for hook in await all_webhooks(connection) if kind in hook.kinds]
    if wanting:
        await connection.execute(
            deliveries.insert(),
            [
                {
                    "webhook_id": hook.webhook_id,
                    "event_id": event.id,
                    "body": dict(body),
                    "attempts": 0,
                    "next_attempt_at": at,
                }
                for hook in wanting
            ],
        )
    return event


async def events_after(
    connection: AsyncConnection, event_id: int, limit: int = 500
) -> tuple[Event, ...]:
    """Return the events after one, the earliest first."""
    rows = await connection.execute(
        select(events).where(events.c.id > event_id).order_by(events.c.id).limit(limit)
    )
    return tuple(from_row(Event, row) for row in rows.mappings())


async def events_of_kinds(
    connection: AsyncConnection, kinds: Collection[str], since: datetime
) -> tuple[Event, ...]:
    """Return the events of some kinds since a moment, the earliest first."""
    rows = await connection.execute(
        select(events)
        .where(events.c.at >= since, events.c.kind.in_(sorted(kinds)))
        .order_by(events.c.at, events.c.id)  # as their index has them
    )
    return tuple(from_row(Event, row) for row in rows.mappings())


async def is_known(connection: AsyncConnection, event_id: int) -> bool:
    """Return whether all events after one are still kept, and it is of this database at all.

    Older events are deleted in time, and a database that was restored counts from where its copy
    was made.
    """
    first, last = (
        await connection.execute(select(func.min(events.c.id), func.max(events.c.id)))
    ).one()
    return first is None or first - 1 <= event_id <= last


async def last_event_id(connection: AsyncConnection) -> int:
    """Return the number of the last event, 0 where there is none."""
    return int((await connection.execute(select(func.max(events.c.id)))).scalar() or 0)


async def all_webhooks(connection: AsyncConnection) -> tuple[Webhook, ...]:
    """Return every webhook."""
    rows = await connection.execute(select(webhooks).order_by(webhooks.c.created_at))
    return tuple(from_row(Webhook, row) for row in rows.mappings())


async def add_webhook(connection: AsyncConnection, webhook: Webhook) -> None:
    """Add a webhook."""
    await connection.execute(webhooks.insert(), to_row(webhook))


async def delete_webhook(connection: AsyncConnection, webhook_id: str) -> None:
    """Delete a webhook and what was on its way to it.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    """
    gone = await connection.execute(
        delete(webhooks).where(webhooks.c.webhook_id == webhook_id).returning(webhooks.c.webhook_id)
    )
    if not gone.first():
        raise NotFoundError(f"there is no webhook {webhook_id[:80]!r}")


async def webhooks_due(connection: AsyncConnection, now: datetime) -> tuple[str, ...]:
    """Return the webhooks to which something is to be sent now."""
    rows = await connection.execute(
        select(deliveries.c.webhook_id)
        .where(and_(deliveries.c.next_attempt_at.is_not(None), deliveries.c.next_attempt_at <= now))
        .distinct()
        .order_by(deliveries.c.webhook_id)
    )
    return tuple(rows.scalars())


async def due_deliveries(
    connection: AsyncConnection, webhook_id: str, now: datetime, limit: int
) -> tuple[Delivery, ...]:
    """Return what is to be sent to a webhook now, the oldest first."""
    rows = await connection.execute(
        select(
            deliveries.c.id, deliveries.c.event_id, deliveries.c.body, deliveries.c.attempts,
            events.c.kind, events.c.at, *webhooks.columns,
        )
        .join(webhooks, webhooks.c.webhook_id == deliveries.c.webhook_id)
        .join(events, events.c.id == deliveries.c.event_id)
        .where(
            and_(
                deliveries.c.webhook_id == webhook_id,
                deliveries.c.next_attempt_at.is_not(None),
                deliveries.c.next_attempt_at <= now,
            )
        )
        .order_by(deliveries.c.next_attempt_at, deliveries.c.id)
        .limit(limit)
    )  # fmt: skip
    return tuple(
        Delivery(
            id=row["id"],
            webhook=from_row(Webhook, row),
            event_id=row["event_id"],
            kind=row["kind"],
            happened_at=row["at"],
            body=row["body"],
            attempts=row["attempts"],
        )
        for row in rows.mappings()
    )


async def record_attempt(
    connection: AsyncConnection,
    delivery: Delivery,
    *,
    delivered_at: datetime | None,
    next_attempt_at: datetime | None,
    error: str | None,
) -> None:
    """Keep how sending an event went, and when it is tried again."""
    await connection.execute(
        deliveries.update()
        .where(deliveries.c.id == delivery.id)
        .values(
            attempts=delivery.attempts + 1,
            delivered_at=delivered_at,
            next_attempt_at=next_attempt_at,
            last_error=error,
        )
    )
