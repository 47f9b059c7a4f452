"""What the report of a month is made of."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.reports.monthly import OperatorHour, OperatorTime, SessionOfMonth
from lensong.monitoring.store.tables import hourly, past_sessions, sessions, verdicts, watches

__all__ = ["hours_of_month", "sessions_of_month", "times_of_month"]

_AT_ONCE = 5_000


async def sessions_of_month(
    connection: AsyncConnection, site_ids: Collection[str], since: datetime, until: datetime
) -> list[SessionOfMonth]:
    """Return the sessions that were to begin between two times, with promise and outcome."""
    found: list[SessionOfMonth] = []
    for named in _some(sessions.c.site_id, site_ids):
        in_time = (sessions.c.starts_at >= since, sessions.c.starts_at < until, named)
        last = (
            select(func.max(verdicts.c.id))
            .select_from(verdicts.join(sessions, sessions.c.session_id == verdicts.c.session_id))
            .where(*in_time, verdicts.c.judged_at <= sessions.c.starts_at)
            .group_by(verdicts.c.session_id)
        )
        said = (
            select(verdicts.c.session_id, verdicts.c.state, verdicts.c.probability)
            .where(verdicts.c.id.in_(last))
            .subquery()
        )
        rows = await connection.execute(
            select(
                sessions.c.session_id, sessions.c.site_id, sessions.c.status,
                said.c.state, said.c.probability,
                past_sessions.c.outcome, past_sessions.c.watched_s, past_sessions.c.outages_s,
            )
            .select_from(
                sessions.outerjoin(said, said.c.session_id == sessions.c.session_id).outerjoin(
                    past_sessions, past_sessions.c.session_id == sessions.c.session_id
                )
            )
            .where(*in_time)
            .order_by(sessions.c.starts_at, sessions.c.session_id)
        )  # fmt: skip
        found += [
            SessionOfMonth(
                session_id=row.session_id,
                site_id=row.site_id,
                status=row.status,
                state=row.state,
                probability=row.probability,
                outcome=row.outcome,
                watched_s=row.watched_s or 0.0,
                outages_s=tuple(row.outages_s or ()),
            )
            for row in rows
        ]
    return found


async def hours_of_month(
    connection: AsyncConnection, site_ids: Collection[str], since: datetime, until: datetime
) -> list[tuple[str, OperatorHour]]:
    """Return sites and the tests of their hours."""
    found: list[tuple[str, OperatorHour]] = []
    for named in _some(hourly.c.site_id, site_ids):
        rows = await connection.execute(
            select(
                hourly.c.site_id, hourly.c.operator, hourly.c.tests, hourly.c.failures,
                hourly.c.uplink_p50_bps,
            ).where(hourly.c.hour_starts_at >= since, hourly.c.hour_starts_at < until, named)
        )  # fmt: skip
        found += [
            (
                row.site_id,
                OperatorHour(
                    operator=row.operator or "",
                    tests=row.tests,
                    failures=row.failures,
                    uplink_p50_bps=row.uplink_p50_bps,
                ),
            )
            for row in rows
        ]
    return found


async def times_of_month(
    connection: AsyncConnection, site_ids: Collection[str], since: datetime, until: datetime
) -> list[tuple[str, OperatorTime]]:
    """Return sites and the times for which light watches watched their network."""
    found: list[tuple[str, OperatorTime]] = []
    for named in _some(watches.c.site_id, site_ids):
        rows = await connection.execute(
            select(
                watches.c.site_id, watches.c.operator, watches.c.watched_s, watches.c.outages_s
            ).where(watches.c.ended_at >= since, watches.c.ended_at < until, named)
        )
        found += [
            (
                row.site_id,
                OperatorTime(
                    operator=row.operator or "",
                    watched_s=row.watched_s,
                    outages_s=tuple(row.outages_s or ()),
                ),
            )
            for row in rows
        ]
    return found


def _some(column: ColumnElement[Any], site_ids: Collection[str]) -> Iterator[ColumnElement[bool]]:
    """Yield conditions that name all the sites, not too many at once."""
    wanted = sorted(site_ids)
    for at in range(0, len(wanted), _AT_ONCE):
        yield column.in_(wanted[at : at + _AT_ONCE])
