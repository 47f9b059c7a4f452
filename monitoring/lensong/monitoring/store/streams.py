"""Media servers of sites, what was seen of their streams, and what sessions came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.records import Motion, SessionOutcome, ToldBy
from lensong.monitoring.store.rows import (
    Page,
    cursor_values,
    from_row,
    make_cursor,
    page_of,
    to_row,
    upsert,
)
from lensong.monitoring.store.tables import (
    from_microseconds,
    past_sessions,
    sessions,
    stream_health,
    stream_samples,
    stream_sources,
    to_microseconds,
)
from lensong.monitoring.streams.health_state import StreamHealth
from lensong.monitoring.streams.target import CollectorTarget

__all__ = [
    "KeptHealth",
    "PastSession",
    "StreamSource",
    "add_health",
    "all_health_states",
    "all_sources",
    "delete_source",
    "finished_sessions",
    "health_of_session",
    "keep_health_state",
    "list_health",
    "put_finished_session",
    "put_source",
    "source_of",
    "sources_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSource:
    """Where the figures of the stream of a site's lane come from."""

    site_id: str
    target: CollectorTarget
    created_at: datetime
    lane: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHealth:
    """The health of a stream at a moment, as it is kept."""

    id: int
    site_id: str
    session_id: str | None
    health: StreamHealth


def _source(row: Any) -> StreamSource:
    return StreamSource(
        site_id=row["site_id"],
        target=from_row(CollectorTarget, row),
        created_at=row["created_at"],
        lane=row["lane"],
    )


async def all_sources(connection: AsyncConnection) -> tuple[StreamSource, ...]:
    """Return the media servers of all sites."""
    rows = await connection.execute(
        select(stream_sources).order_by(stream_sources.c.site_id, stream_sources.c.lane)
    )
    return tuple(_source(row) for row in rows.mappings())


async def sources_of(connection: AsyncConnection, site_id: str) -> tuple[StreamSource, ...]:
    """Return the media servers of a site, by lane."""
    rows = await connection.execute(
        select(stream_sources)
        .where(stream_sources.c.site_id == site_id)
        .order_by(stream_sources.c.lane)
    )
    return tuple(_source(row) for row in rows.mappings())


async def source_of(connection: AsyncConnection, site_id: str, lane: int = 1) -> StreamSource:
    """Return the media server of a site's lane.

    Raises
    ------
    NotFoundError
        It has none.
    """
    found = [one for one in await sources_of(connection, site_id) if one.lane == lane]
    if not found:
        raise NotFoundError(f"no media server is set for lane {lane} of {site_id}")
    return found[0]


async def put_source(connection: AsyncConnection, source: StreamSource) -> None:
    """Set the media server of a site's lane."""
    row = {
        "site_id": source.site_id,
        "lane": source.lane,
        "kind": source.target.kind,
        "url": source.target.url,
        "stream_key": source.target.stream_key,
        "secret": source.target.secret,
        "media_url": source.target.media_url,
        "created_at": source.created_at,
    }
    await connection.execute(
        upsert(connection, stream_sources)
        .values(**row)
        .on_conflict_do_update(
            index_elements=["site_id", "lane"],
            set_={k: v for k, v in row.items() if k not in ("site_id", "lane")},
        )
    )


async def delete_source(connection: AsyncConnection, site_id: str, lane: int = 1) -> None:
    """Ask the media server of a site's lane no more.

    Raises
    ------
    NotFoundError
        It has none.
    """
    await source_of(connection, site_id, lane)
    for table in (stream_sources, stream_health):
        await connection.execute(
            delete(table).where(table.c.site_id == site_id, table.c.lane == lane)
        )


async def add_health(
    connection: AsyncConnection, site_id: str, session_id: str | None, health: StreamHealth
) -> None:
    """Keep the health of a stream at a moment."""
    await connection.execute(
        stream_samples.insert(),
        {
            "site_id": site_id,
            "session_id": session_id,
            "at": health.at,
            "state": health.state,
            "lag_s": health.lag_s,
            "received_bps": health.received_bps,
            "body": health.to_dict(),
        },
    )


async def list_health(
    connection: AsyncConnection, session_id: str, *, cursor: str | None = None, limit: int = 100
) -> Page[KeptHealth]:
    """Return what was seen of a session's stream, the earliest first, a page at a time."""
    table = stream_samples.c
    wanted = select(stream_samples).where(table.session_id == session_id)
    if (last := cursor_values(cursor, int, int)) is not None:
        at = from_microseconds(last[0])
        wanted = wanted.where(or_(table.at > at, and_(table.at == at, table.id > last[1])))
    rows = await connection.execute(wanted.order_by(table.at, table.id).limit(limit + 1))
    return page_of(
        (_kept(row) for row in rows.mappings()),
        limit,
        lambda item: make_cursor(to_microseconds(item.health.at), item.id),
    )


async def health_of_session(
    connection: AsyncConnection, session_id: str
) -> tuple[StreamHealth, ...]:
    """Return all that was seen of a session's stream, the earliest first."""
    rows = await connection.execute(
        select(stream_samples)
        .where(stream_samples.c.session_id == session_id)
        .order_by(stream_samples.c.at, stream_samples.c.id)
    )
    return tuple(_kept(row).health for row in rows.mappings())


def _kept(row: Any) -> KeptHealth:
    return KeptHealth(
        id=row["id"],
        site_id=row["site_id"],
        session_id=row["session_id"],
        health=StreamHealth.from_dict(row["body"]),
    )


async def keep_health_state(
    connection: AsyncConnection, site_id: str, lane: int, state: Mapping[str, Any], at: datetime
) -> None:
    """Keep what is remembered of a stream, for after a restart."""
    await connection.execute(
        upsert(connection, stream_health)
        .values(site_id=site_id, lane=lane, body=dict(state), at=at)
        .on_conflict_do_update(
            index_elements=["site_id", "lane"], set_={"body": dict(state), "at": at}
        )
    )


async def all_health_states(connection: AsyncConnection) -> dict[tuple[str, int], dict[str, Any]]:
    """Return what is remembered of every stream, by site and lane."""
    rows = await connection.execute(select(stream_health))
    return {(row.site_id, row.lane): row.body for row in rows}


async def put_finished_session(
    connection: AsyncConnection, session_id: str, finished: FinishedSession
) -> None:
    """Keep what became of a session: the verdicts that follow learn from it.

    A session counts once: a person's word gives way to figures, and never replaces them.
    """
    # who was beside it is told by the sessions beside it
    row = {name: value for name, value in to_row(finished).items() if name in past_sessions.c}
    below = past_sessions.c.told_by == ToldBy.PERSON.value
    await connection.execute(
        upsert(connection, past_sessions)
        .values(session_id=session_id, **row)
        .on_conflict_do_update(
            index_elements=["session_id"],
            set_=row,
            where=below if finished.told_by is ToldBy.PERSON else None,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PastSession:
    """What became of a session, and when it began."""

    starts_at: datetime
    finished: FinishedSession


async def finished_sessions(
    connection: AsyncConnection, since: datetime, until: datetime, *, newest: int
) -> tuple[PastSession, ...]:
    """Return what became of the newest sessions that ended between two times."""
    rows = await connection.execute(
        select(past_sessions, sessions.c.starts_at)
        .join(sessions, sessions.c.session_id == past_sessions.c.session_id)
        .where(past_sessions.c.ended_at >= since, past_sessions.c.ended_at <= until)
        .order_by(past_sessions.c.ended_at.desc(), past_sessions.c.session_id)
        .limit(newest)
    )
    return tuple(
        PastSession(
            starts_at=row["starts_at"],
            finished=from_row(
                FinishedSession,
                {
                    **row,
                    "motion": Motion(row["motion"]),
                    "told_by": ToldBy(row["told_by"]),
                    "outcome": SessionOutcome(row["outcome"]),
                },
            ),
        )
        for row in rows.mappings()
    )
