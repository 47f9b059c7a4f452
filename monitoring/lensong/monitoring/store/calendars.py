"""Sessions with what ties them to a calendar: how lists that come again find them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.records import Session, SessionStatus
from lensong.monitoring.store.rows import from_row
from lensong.monitoring.store.tables import sessions

__all__ = [
    "KeptSession",
    "forget_uid",
    "sessions_between",
    "sessions_for_import",
    "sessions_of_feed",
]

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptSession:
    """A session, the UID under which a calendar knows it, and when it was last changed."""

    session: Session
    calendar_uid: str | None
    updated_at: datetime


async def sessions_for_import(
    connection: AsyncConnection,
    *,
    site_ids: Collection[str],
    uids: Collection[str],
    now: datetime,
) -> tuple[KeptSession, ...]:
    """Return what a list may meet: sessions that are not over, and older ones of its UIDs."""
    found: dict[str, KeptSession] = {}
    conditions = [sessions.c.ends_at > now]
    wanted = sorted(uids)
    for at in range(0, len(wanted), _AT_ONCE):
        conditions.append(sessions.c.calendar_uid.in_(wanted[at : at + _AT_ONCE]))
    for condition in conditions:
        rows = await connection.execute(
            select(sessions).where(condition, sessions.c.site_id.in_(sorted(site_ids)))
        )
        for row in rows.mappings():
            found[row["session_id"]] = _kept(row)
    return tuple(found.values())


async def sessions_between(
    connection: AsyncConnection,
    *,
    site_ids: Collection[str],
    after: datetime | None,
    before: datetime | None,
    limit: int,
) -> tuple[KeptSession, ...]:
    """Return the sessions that end after one moment and start before another, by start."""
    wanted = select(sessions).where(sessions.c.site_id.in_(sorted(site_ids)))
    if after is not None:
        wanted = wanted.where(sessions.c.ends_at >= after)
    if before is not None:
        wanted = wanted.where(sessions.c.starts_at < before)
    rows = await connection.execute(
        wanted.order_by(sessions.c.starts_at, sessions.c.session_id).limit(limit)
    )
    return tuple(_kept(row) for row in rows.mappings())


async def sessions_of_feed(
    connection: AsyncConnection, uid_prefix: str, now: datetime
) -> tuple[Session, ...]:
    """Return the sessions of a calendar that are still to come, by start."""
    rows = await connection.execute(
        select(sessions)
        .where(
            sessions.c.starts_at > now,
            sessions.c.status == SessionStatus.PLANNED.value,
            sessions.c.calendar_uid.startswith(uid_prefix, autoescape=True),
        )
        .order_by(sessions.c.starts_at, sessions.c.session_id)
    )
    return tuple(_kept(row).session for row in rows.mappings())


async def forget_uid(connection: AsyncConnection, session_id: str) -> None:
    """Let a session belong to no calendar any more."""
    await connection.execute(
        sessions.update().where(sessions.c.session_id == session_id).values(calendar_uid=None)
    )


def _kept(row: Any) -> KeptSession:
    session = from_row(Session, {**row, "status": SessionStatus(row["status"])})
    return KeptSession(
        session=session, calendar_uid=row["calendar_uid"], updated_at=row["updated_at"]
    )
