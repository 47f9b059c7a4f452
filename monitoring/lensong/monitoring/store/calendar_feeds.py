"""Calendars that are read again and again from their addresses, and how the last reading went."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.store.rows import from_row, to_row
from lensong.monitoring.store.tables import calendar_feeds

__all__ = [
    "CalendarFeed",
    "add_feed",
    "all_feeds",
    "delete_feed",
    "due_feeds",
    "get_feed",
    "keep_feed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarFeed:
    """A calendar, and what became of it when it was read last.

    Parameters
    ----------
    url : str
        Whoever has it may read the calendar: it is shown to nobody.
    commune_code : str, optional
        Only sessions at sites of that commune are taken.
    site_id, profile_code : str, optional
        Of sessions that name none.
    next_at : datetime, optional
        When it is asked next; None where it is paused.
    asked_at, read_at, taken_at : datetime, optional
        When it was asked last, when it answered last, and when what it held was taken in last.
    etag, last_modified : str
        Of the answer that was taken in; empty where there was none.
    moved : bool
        The answer came from another address, to which a redirect led.
    failures : int
        How often in a row it could not be read.
    failure, failure_detail : str
        Why, by a stable word and in a sentence; empty where it could.
    told : mapping
        What became of its sessions: ``counts``, ``over``, ``refused`` and ``notes``.
    """

    feed_id: str
    label: str
    url: str
    commune_code: str | None
    site_id: str | None
    profile_code: str | None
    created_by: str
    created_at: datetime
    next_at: datetime | None
    asked_at: datetime | None = None
    read_at: datetime | None = None
    taken_at: datetime | None = None
    etag: str = ""
    last_modified: str = ""
    moved: bool = False
    failures: int = 0
    failure: str = ""
    failure_detail: str = ""
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def uid_prefix(self) -> str:
        """Return what stands before each of its UIDs, so that no other list means the same."""
        return f"feed-{self.feed_id}/"


async def add_feed(connection: AsyncConnection, feed: CalendarFeed) -> None:
    """Add a calendar."""
    await connection.execute(calendar_feeds.insert(), to_row(feed))


async def keep_feed(connection: AsyncConnection, feed: CalendarFeed) -> None:
    """Keep how a calendar stands; one that was deleted meanwhile stays deleted."""
    values = to_row(feed)
    del values["feed_id"]
    await connection.execute(
        calendar_feeds.update().where(calendar_feeds.c.feed_id == feed.feed_id).values(**values)
    )


async def delete_feed(connection: AsyncConnection, feed_id: str) -> None:
    """Read a calendar no more."""
    await connection.execute(delete(calendar_feeds).where(calendar_feeds.c.feed_id == feed_id))


async def all_feeds(connection: AsyncConnection) -> tuple[CalendarFeed, ...]:
    """Return every calendar, by the time when it was added."""
    rows = await connection.execute(
        select(calendar_feeds).order_by(calendar_feeds.c.created_at, calendar_feeds.c.feed_id)
    )
    return tuple(from_row(CalendarFeed, row) for row in rows.mappings())


async def due_feeds(connection: AsyncConnection, now: datetime) -> tuple[CalendarFeed, ...]:
    """Return the calendars that are to be read now, the one that waits longest first."""
    rows = await connection.execute(
        select(calendar_feeds)
        .where(calendar_feeds.c.next_at <= now)
        .order_by(calendar_feeds.c.next_at, calendar_feeds.c.feed_id)
    )
    return tuple(from_row(CalendarFeed, row) for row in rows.mappings())


async def get_feed(connection: AsyncConnection, feed_id: str) -> CalendarFeed:
    """Return a calendar.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    """
    rows = await connection.execute(
        select(calendar_feeds).where(calendar_feeds.c.feed_id == feed_id)
    )
    if (row := rows.mappings().first()) is None:
        raise NotFoundError(f"there is no calendar {feed_id[:80]!r}: GET /api/v1/calendar-feeds")
    return from_row(CalendarFeed, row)
