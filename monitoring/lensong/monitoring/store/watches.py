"""Light watches: kept by quarters of an hour, read as evidence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.readiness.past import Watch
from lensong.monitoring.records import Method, Motion, WatchPart
from lensong.monitoring.store.rows import from_row, to_row, upsert
from lensong.monitoring.store.tables import sessions, watches

__all__ = [
    "WatchedSite",
    "as_evidence",
    "put_watch_parts",
    "watch_parts_between",
    "watch_parts_of_sessions",
    "watched_by_site",
]

_KEY = ("site_id", "watch_id", "started_at")
_SESSIONS_AT_ONCE = 500


async def put_watch_parts(connection: AsyncConnection, parts: Sequence[WatchPart]) -> None:
    """Keep parts of watches; what was kept of the same part before is replaced."""
    if not parts:
        return
    rows = [to_row(part) for part in parts]
    insert: Any = upsert(connection, watches)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in _KEY}
    await connection.execute(
        insert.on_conflict_do_update(index_elements=list(_KEY), set_=changed), rows
    )


async def watch_parts_between(
    connection: AsyncConnection,
    site_ids: Collection[str],
    since: datetime,
    until: datetime,
    *,
    newest: int,
) -> tuple[WatchPart, ...]:
    """Return the newest parts that ended between two times at some sites, the oldest first."""
    if not site_ids:
        return ()
    found = await connection.execute(
        select(watches)
        .where(
            watches.c.site_id.in_(sorted(site_ids)),
            watches.c.ended_at >= since,
            watches.c.ended_at <= until,
        )
        .order_by(watches.c.ended_at.desc(), watches.c.watch_id)
        .limit(newest)
    )
    return tuple(_part(row) for row in reversed(found.mappings().all()))


async def watch_parts_of_sessions(
    connection: AsyncConnection, session_ids: Sequence[str]
) -> dict[str, list[WatchPart]]:
    """Return by session the parts that were watched at its site during its time, oldest first."""
    found: dict[str, list[WatchPart]] = {}
    for at in range(0, len(session_ids), _SESSIONS_AT_ONCE):
        rows = await connection.execute(
            select(sessions.c.session_id, watches)
            .join(
                watches,
                (watches.c.site_id == sessions.c.site_id)
                & (watches.c.ended_at > sessions.c.starts_at)
                & (watches.c.started_at < sessions.c.ends_at),
            )
            .where(sessions.c.session_id.in_(session_ids[at : at + _SESSIONS_AT_ONCE]))
            .order_by(watches.c.started_at, watches.c.watch_id)
        )
        for row in rows.mappings():
            found.setdefault(row["session_id"], []).append(_part(row))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedSite:
    """How long a site was watched at rest, and the parts in which the network was away.

    Parameters
    ----------
    watched_s : float
        In all [s].
    parts_with_outages : tuple of (float, tuple of float)
        Of each such part how long it was watched, and its outages [s].
    """

    watched_s: float
    parts_with_outages: tuple[tuple[float, tuple[float, ...]], ...]


async def watched_by_site(
    connection: AsyncConnection, since: datetime, until: datetime
) -> dict[str, WatchedSite]:
    """Return what was watched at rest at each site, of parts begun between two times.

    The database adds up; only parts with outages, which are few, are read.
    """
    at_rest = (
        watches.c.started_at >= since,
        watches.c.started_at <= until,
        watches.c.motion != Motion.MOVING.value,
    )
    sums = await connection.execute(
        select(watches.c.site_id, func.sum(watches.c.watched_s).label("watched_s"))
        .where(*at_rest)
        .group_by(watches.c.site_id)
    )
    away: dict[str, list[tuple[float, tuple[float, ...]]]] = {}
    for row in await connection.execute(
        select(watches.c.site_id, watches.c.watched_s, watches.c.outages_s)
        .where(*at_rest, cast(watches.c.outages_s, Text) != "[]")
        .order_by(watches.c.site_id, watches.c.started_at, watches.c.watch_id)
    ):
        away.setdefault(row.site_id, []).append((row.watched_s, tuple(row.outages_s)))
    return {
        row.site_id: WatchedSite(
            watched_s=row.watched_s, parts_with_outages=tuple(away.get(row.site_id, ()))
        )
        for row in sums
    }


def _part(row: Any) -> WatchPart:
    words = {"method": Method(row["method"]), "motion": Motion(row["motion"])}
    return from_row(WatchPart, {**row, **words})


def as_evidence(parts: Sequence[WatchPart]) -> tuple[Watch, ...]:
    """Return watches as a verdict wants them: parts of one that say the same of it together."""
    together: dict[tuple[object, ...], list[WatchPart]] = {}
    for part in parts:
        day = part.ended_at.date()  # a watch of a week does not all age as its end
        key = (part.site_id, part.watch_id, day, part.motion, part.technology, part.operator)
        together.setdefault(key, []).append(part)
    return tuple(_together(some) for some in together.values() if _watched_s(some) > 0.0)


def _watched_s(parts: Sequence[WatchPart]) -> float:
    return sum(part.watched_s for part in parts)


def _together(parts: Sequence[WatchPart]) -> Watch:
    last = max(parts, key=lambda part: part.ended_at)
    return Watch(
        ended_at=last.ended_at,
        watched_s=_watched_s(parts),
        outages_s=tuple(length_s for part in parts for length_s in part.outages_s),
        motion=last.motion,
        technology=last.technology,
        operator=last.operator,
        rtt_p50_ms=last.rtt_p50_ms,
        rtt_p95_ms=last.rtt_p95_ms,
    )
