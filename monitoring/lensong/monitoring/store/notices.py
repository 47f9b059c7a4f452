"""Notices: what people say about trouble, now, in time to come, and in the past."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import ConflictError, NotFoundError
from lensong.monitoring.notices import Notice, NoticeKind
from lensong.monitoring.store.rows import from_row, to_row
from lensong.monitoring.store.tables import notices

__all__ = ["add_notice", "end_notice", "get_notice", "notices_between", "open_notices"]


def _notice(row: Any) -> Notice:
    return from_row(Notice, {**row, "kind": NoticeKind(row["kind"])})


async def add_notice(connection: AsyncConnection, notice: Notice) -> None:
    """Add a notice."""
    await connection.execute(notices.insert(), to_row(notice))


async def get_notice(connection: AsyncConnection, notice_id: str) -> Notice:
    """Return a notice.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    """
    rows = await connection.execute(select(notices).where(notices.c.notice_id == notice_id))
    row = rows.mappings().first()
    if row is None:
        raise NotFoundError(f"there is no notice {notice_id[:80]!r}")
    return _notice(row)


async def end_notice(connection: AsyncConnection, notice_id: str, *, at: datetime, by: str) -> None:
    """End a notice before its time.

    Raises
    ------
    ConflictError
        It is over already.
    """
    ended = await connection.execute(
        notices.update()
        .where(
            notices.c.notice_id == notice_id, notices.c.ended_at.is_(None), notices.c.ends_at > at
        )
        .values(ended_at=at, ended_by=by)
        .returning(notices.c.notice_id)
    )
    if not ended.first():
        raise ConflictError(f"the notice {notice_id[:80]} is over already", "notice_over")


async def open_notices(connection: AsyncConnection, now: datetime) -> tuple[Notice, ...]:
    """Return the notices that hold now or will, by their begin."""
    rows = await connection.execute(
        select(notices)
        .where(notices.c.ended_at.is_(None), notices.c.ends_at > now)
        .order_by(notices.c.starts_at, notices.c.notice_id)
    )
    return tuple(_notice(row) for row in rows.mappings())


async def notices_between(
    connection: AsyncConnection,
    since: datetime,
    until: datetime,
    *,
    site_ids: Collection[str] | None = None,
) -> tuple[Notice, ...]:
    """Return the notices that held at some time, by their begin.

    Parameters
    ----------
    site_ids : collection of str, optional
        Of notices of single sites those of these alone; those of communes and operators all.
    """
    wanted = select(notices).where(
        and_(
            notices.c.starts_at < until,
            notices.c.ends_at > since,
            or_(notices.c.ended_at.is_(None), notices.c.ended_at >= notices.c.starts_at),
        )
    )
    if site_ids is not None:
        named = notices.c.site_id.in_(sorted(site_ids))
        wanted = wanted.where(or_(notices.c.site_id.is_(None), named))
    rows = await connection.execute(wanted.order_by(notices.c.starts_at, notices.c.notice_id))
    return tuple(_notice(row) for row in rows.mappings())
