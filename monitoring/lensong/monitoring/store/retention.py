"""Forgetting: raw measurements after three months, hourly sums after two years, a bit at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Table, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.config import Retention
from lensong.monitoring.store.rows import upsert
from lensong.monitoring.store.tables import (
    audit,
    deliveries,
    events,
    hourly,
    idempotency,
    marks,
    measurements,
    stream_samples,
    watches,
    web_sessions,
    word_links,
)

__all__ = ["last_mark", "mark", "marked", "prune"]

_AT_ONCE = 2_000
"""Rows deleted in one commit, so that reports hardly wait."""

_IDEMPOTENCY = timedelta(days=7)


async def marked(connection: AsyncConnection, name: str) -> datetime | None:
    """Return how far a job has come, None where it never ran."""
    found: datetime | None = (
        await connection.execute(select(marks.c.at).where(marks.c.name == name))
    ).scalar()
    return found


async def last_mark(connection: AsyncConnection) -> datetime | None:
    """Return the last moment at which a job is known to have run."""
    found: datetime | None = (await connection.execute(select(func.max(marks.c.at)))).scalar()
    return found


async def mark(connection: AsyncConnection, name: str, at: datetime) -> None:
    """Keep how far a job has come."""
    await connection.execute(
        upsert(connection, marks)
        .values(name=name, at=at)
        .on_conflict_do_update(index_elements=["name"], set_={"at": at})
    )


async def prune(connection: AsyncConnection, retention: Retention, now: datetime) -> int:
    """Delete some of what is too old and return how many rows that were; 0 when all is done."""
    raw = now - timedelta(days=retention.raw_days)
    heard = now - timedelta(days=retention.events_days)
    deleted = 0
    for table, column, oldest in (
        (measurements, "started_at", raw),
        (stream_samples, "at", raw),
        (events, "at", heard),
        (idempotency, "created_at", now - _IDEMPOTENCY),
        (audit, "at", now - timedelta(days=retention.hourly_days)),
        (hourly, "hour_starts_at", now - timedelta(days=retention.hourly_days)),
        (watches, "started_at", now - timedelta(days=retention.hourly_days)),
        (web_sessions, "expires_at", now),
        (word_links, "expires_at", now),
    ):
        deleted += await _delete_some(connection, table, column, oldest)
    first = select(func.coalesce(func.min(events.c.id), 2**62)).scalar_subquery()
    gone = await connection.execute(
        delete(deliveries).where(
            deliveries.c.event_id < first, deliveries.c.next_attempt_at.is_(None)
        )
    )
    return deleted + max(0, gone.rowcount)


async def _delete_some(
    connection: AsyncConnection, table: Table, column: str, oldest: datetime
) -> int:
    keys = list(table.primary_key.columns)
    some = select(*keys).where(table.c[column] < oldest).limit(_AT_ONCE)
    if len(keys) == 1:
        gone = await connection.execute(delete(table).where(keys[0].in_(some)))
        return max(0, gone.rowcount)
    old = (
        (
            await connection.execute(
                select(table.c[column])
                .where(table.c[column] < oldest)
                .order_by(table.c[column])
                .limit(_AT_ONCE)
            )
        )
        .scalars()
        .all()
    )
    if not old:
        return 0
    gone = await connection.execute(delete(table).where(table.c[column] <= old[-1]))
    return max(0, gone.rowcount)
