"""Stream profiles and sessions."""

from __future__ import annotations

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import ConflictError, NotFoundError
from lensong.monitoring.records import (
    LONGEST_SESSION,
    Motion,
    Session,
    SessionOutcome,
    SessionStatus,
    StreamProfile,
    Transport,
)
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
    profiles,
    sessions,
    sites,
    to_microseconds,
    verdicts,
)

__all__ = [
    "all_profiles",
    "coming_sessions",
    "delete_profile",
    "get_profile",
    "get_session",
    "list_sessions",
    "moved_ahead_of",
    "open_sessions",
    "open_without_verdict",
    "outcomes_of",
    "put_first_profiles",
    "put_profile",
    "put_session",
    "report_of",
    "set_report",
    "set_status",
]


def _profile(row: Any) -> StreamProfile:
    return from_row(StreamProfile, {**row, "transport": Transport(row["transport"])})


def _session(row: Any) -> Session:
    words = {"status": SessionStatus(row["status"]), "motion": Motion(row["motion"])}
    return from_row(Session, {**row, **words})


async def all_profiles(connection: AsyncConnection) -> tuple[StreamProfile, ...]:
    """Return every stream profile, the lightest first."""
    rows = await connection.execute(
        select(profiles).order_by(profiles.c.video_bps + profiles.c.audio_bps, profiles.c.code)
    )
    return tuple(_profile(row) for row in rows.mappings())


async def get_profile(connection: AsyncConnection, code: str) -> StreamProfile:
    """Return a stream profile.

    Raises
    ------
    NotFoundError
        There is none of that code.
    """
    rows = await connection.execute(select(profiles).where(profiles.c.code == code))
    if (row := rows.mappings().first()) is None:
        raise NotFoundError(f"there is no stream profile {code[:80]!r}: GET /api/v1/profiles")
    return _profile(row)


async def put_profile(
    connection: AsyncConnection, profile: StreamProfile, *, keep: bool = False
) -> None:
    """Add a stream profile or change it; ``keep`` leaves one that is there as it is."""
    row = to_row(profile)
    statement = upsert(connection, profiles).values(**row)
    if keep:
        statement = statement.on_conflict_do_nothing()
    else:
        changed = {name: value for name, value in row.items() if name != "code"}
        statement = statement.on_conflict_do_update(index_elements=["code"], set_=changed)
    await connection.execute(statement)


async def put_first_profiles(
    connection: AsyncConnection, *, given: Sequence[StreamProfile]
) -> None:
    """Add stream profiles where there is none yet; what somebody deleted does not come back."""
    if not (await connection.execute(select(profiles.c.code).limit(1))).first():
        for profile in given:
            await put_profile(connection, profile, keep=True)


async def delete_profile(connection: AsyncConnection, code: str) -> None:
    """Delete a stream profile that no session uses.

    Raises
    ------
    NotFoundError, ConflictError
        There is none; a session uses it.
    """
    used = select(sessions.c.session_id).where(sessions.c.profile_code == code).limit(1)
    if (await connection.execute(used)).first():
        raise ConflictError(f"sessions use the profile {code!r}: give them another", "in_use")
    gone = await connection.execute(
        delete(profiles).where(profiles.c.code == code).returning(profiles.c.code)
    )
    if not gone.first():
        raise NotFoundError(f"there is no stream profile {code[:80]!r}")


async def get_session(connection: AsyncConnection, session_id: str) -> Session:
    """Return a session.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    """
    rows = await connection.execute(select(sessions).where(sessions.c.session_id == session_id))
    if (row := rows.mappings().first()) is None:
        raise NotFoundError(f"there is no session {session_id[:80]!r}")
    return _session(row)


async def open_sessions(
    connection: AsyncConnection,
    *,
    site_id: str | None = None,
    site_ids: Collection[str] | None = None,
    until: datetime | None = None,
) -> tuple[Session, ...]:
    """Return the sessions that are planned or live, of one, some or all sites, the earliest first.

    Parameters
    ----------
    until : datetime, optional
        Those that begin by then.
    """
    wanted = select(sessions).where(sessions.c.status.in_(["planned", "live"]))
    if site_id is not None:
        wanted = wanted.where(sessions.c.site_id == site_id)
    if site_ids is not None:
        wanted = wanted.where(sessions.c.site_id.in_(sorted(site_ids)))
    if until is not None:
        wanted = wanted.where(sessions.c.starts_at <= until)
    rows = await connection.execute(wanted.order_by(sessions.c.starts_at, sessions.c.session_id))
    return tuple(_session(row) for row in rows.mappings())


async def coming_sessions(
    connection: AsyncConnection,
    site_ids: Container[str],
    *,
    after: datetime,
    until: datetime,
    most: int,
) -> tuple[tuple[Session, ...], int]:
    """Return what begins at some sites within a time: the first sessions, and how many there are.

    Parameters
    ----------
    most : int
        As many are returned; the others are only counted.
    """
    rows = await connection.execute(
        select(sessions.c.session_id, sessions.c.site_id)
        .where(
            sessions.c.status.in_(["planned", "live"]),
            sessions.c.starts_at > after,
            sessions.c.starts_at <= until,
        )
        .order_by(sessions.c.starts_at, sessions.c.session_id)
    )
    found = [row.session_id for row in rows if row.site_id in site_ids]
    first = await connection.execute(
        select(sessions)
        .where(sessions.c.session_id.in_(found[:most]))
        .order_by(sessions.c.starts_at, sessions.c.session_id)
    )
    return tuple(_session(row) for row in first.mappings()), len(found)


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """A session as one looks for it among thousands."""

    session_id: str
    site_id: str
    title: str
    starts_at: datetime


async def sessions_between(
    connection: AsyncConnection, site_ids: Container[str], after: datetime, before: datetime
) -> list[SessionEntry]:
    """Return what runs at some sites within a time, by start: all of it, and little of each."""
    rows = await connection.execute(
        select(sessions.c.session_id, sessions.c.site_id, sessions.c.title, sessions.c.starts_at)
        .where(sessions.c.ends_at >= after, sessions.c.starts_at < before)
        .order_by(sessions.c.starts_at, sessions.c.session_id)
    )
    return [SessionEntry(*row) for row in rows if row.site_id in site_ids]


async def sessions_named(
    connection: AsyncConnection, session_ids: Sequence[str]
) -> tuple[Session, ...]:
    """Return some sessions, by start."""
    found: list[Session] = []
    for at in range(0, len(session_ids), 500):
        rows = await connection.execute(
            select(sessions).where(sessions.c.session_id.in_(session_ids[at : at + 500]))
        )
        found += (_session(row) for row in rows.mappings())
    return tuple(sorted(found, key=lambda item: (item.starts_at, item.session_id)))


async def open_without_verdict(
    connection: AsyncConnection, *, until: datetime
) -> tuple[Session, ...]:
    """Return the planned and live sessions that begin by a moment and were never judged."""
    judged = select(verdicts.c.session_id).where(verdicts.c.session_id == sessions.c.session_id)
    rows = await connection.execute(
        select(sessions).where(
            sessions.c.status.in_(["planned", "live"]),
            sessions.c.starts_at <= until,
            ~judged.exists(),
        )
    )
    return tuple(_session(row) for row in rows.mappings())


async def moved_ahead_of(connection: AsyncConnection, now: datetime) -> tuple[Session, ...]:
    """Return sessions that a false clock began or ended: at a moment that has not come yet."""
    soon = sessions.c.starts_at > now - LONGEST_SESSION
    began = and_(
        sessions.c.status == "live", sessions.c.starts_at > now, sessions.c.updated_at > now
    )
    ended = and_(
        sessions.c.status == "ended", sessions.c.ends_at > now, sessions.c.updated_at > now
    )
    rows = await connection.execute(select(sessions).where(soon, or_(began, ended)))
    return tuple(_session(row) for row in rows.mappings())


async def list_sessions(
    connection: AsyncConnection,
    *,
    site_ids: Collection[str] | None = None,
    status: SessionStatus | None = None,
    after: datetime | None = None,
    before: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Session]:
    """Return sessions by start, a page at a time.

    Parameters
    ----------
    site_ids : collection of str, optional
        Sites that the asker may see; None is all.
    after, before : datetime, optional
        Ends after, starts before.
    """
    wanted = select(sessions)
    if site_ids is not None:
        wanted = wanted.where(sessions.c.site_id.in_(sorted(site_ids)))
    if status is not None:
        wanted = wanted.where(sessions.c.status == status.value)
    if after is not None:
        wanted = wanted.where(sessions.c.ends_at >= after)
    if before is not None:
        wanted = wanted.where(sessions.c.starts_at < before)
    if (last := cursor_values(cursor, int, str)) is not None:
        starts_at = from_microseconds(last[0])
        wanted = wanted.where(
            or_(
                sessions.c.starts_at > starts_at,
                and_(sessions.c.starts_at == starts_at, sessions.c.session_id > last[1]),
            )
        )
    rows = await connection.execute(
        wanted.order_by(sessions.c.starts_at, sessions.c.session_id).limit(limit + 1)
    )
    return page_of(
        (_session(row) for row in rows.mappings()),
        limit,
        lambda item: make_cursor(to_microseconds(item.starts_at), item.session_id),
    )


async def put_session(
    connection: AsyncConnection,
    session: Session,
    *,
    now: datetime,
    calendar_uid: str | None = None,
) -> Session:
    """Add a session or change it, and return it with its lane.

    A session that names no lane keeps the one that it has, where that is free, else it gets the
    lowest that is free all the time. Another session may begin in a lane when the one before ends.

    Raises
    ------
    ConflictError
        Other sessions of the site lie in the same time: in the lane that is wanted, or in all
        that the site has.
    """
    await get_profile(connection, session.profile_code)
    session = replace(session, lane=await _lane_for(connection, session))
    row = to_row(session) | {
        "created_at": now,
        "updated_at": now,
        "calendar_uid": calendar_uid,
    }
    changed = {
        name: value
        for name, value in row.items()
        if name not in ("session_id", "created_at")
        and not (name == "calendar_uid" and value is None)
    }
    await connection.execute(
        upsert(connection, sessions)
        .values(**row)
        .on_conflict_do_update(index_elements=["session_id"], set_=changed)
    )
    return session


async def _lane_for(connection: AsyncConnection, session: Session) -> int:
    """Return the lane for a session, or refuse it where there is none.

    Other sessions of the same time are in one lane each: lanes that one of them holds at any
    moment of this session are taken.
    """
    found = await connection.execute(
        select(sessions.c.lane).where(sessions.c.session_id == session.session_id)
    )
    before: int | None = found.scalar()
    if session.status not in (SessionStatus.PLANNED, SessionStatus.LIVE):
        return session.lane or before or 1
    most = await connection.execute(
        select(sites.c.sessions_at_once).where(sites.c.site_id == session.site_id)
    )
    at_once: int = most.scalar() or 1
    rows = await connection.execute(
        select(sessions.c.session_id, sessions.c.lane, sessions.c.title)
        .where(
            sessions.c.site_id == session.site_id,
            sessions.c.session_id != session.session_id,
            sessions.c.status.in_(["planned", "live"]),
            sessions.c.starts_at < session.ends_at,
            sessions.c.ends_at > session.starts_at,
        )
        .order_by(sessions.c.lane, sessions.c.starts_at)
    )
    taken: dict[int, str] = {}
    for row in rows:
        taken.setdefault(row.lane, f"{row.title} ({row.session_id})")
    takes = f"{session.site_id} takes {at_once} session{'' if at_once == 1 else 's'} at once"
    if session.lane is not None:
        if session.lane > at_once:
            raise ConflictError(
                f"lane is {session.lane}, but {takes}: "
                f"choose a lane from 1 to {at_once}, or raise sessions_at_once of the site",
                "no_such_lane",
            )
        if session.lane in taken:
            raise ConflictError(
                f"{taken[session.lane]} lies in the same time in lane {session.lane} of "
                f"{session.site_id}: choose another lane or time, or cancel that one",
                "overlap",
            )
        return session.lane
    free = [lane for lane in range(1, at_once + 1) if lane not in taken]
    if not free:
        raise ConflictError(
            f"{takes}, and {', '.join(taken.values())} "
            f"{'lies' if len(taken) == 1 else 'lie'} in the same time: choose another time, cancel "
            "one, or raise sessions_at_once of the site",
            "overlap",
        )
    return before if before in free else free[0]


async def set_status(
    connection: AsyncConnection, session_id: str, status: SessionStatus, *, now: datetime
) -> None:
    """Move a session to another status."""
    await connection.execute(
        sessions.update()
        .where(sessions.c.session_id == session_id)
        .values(status=status.value, updated_at=now)
    )


async def report_of(connection: AsyncConnection, session_id: str) -> dict[str, Any] | None:
    """Return what was kept of a session after its end, None where there is nothing."""
    rows = await connection.execute(
        select(sessions.c.report).where(sessions.c.session_id == session_id)
    )
    found: dict[str, Any] | None = rows.scalar()
    return found


async def outcomes_of(
    connection: AsyncConnection, session_ids: Collection[str]
) -> dict[str, SessionOutcome]:
    """Return what became of each of some sessions, where that is known."""
    found: dict[str, SessionOutcome] = {}
    wanted = sorted(session_ids)
    for at in range(0, len(wanted), 500):
        rows = await connection.execute(
            select(past_sessions.c.session_id, past_sessions.c.outcome).where(
                past_sessions.c.session_id.in_(wanted[at : at + 500])
            )
        )
        found |= {row.session_id: SessionOutcome(row.outcome) for row in rows}
    return found


async def set_report(connection: AsyncConnection, session_id: str, report: dict[str, Any]) -> None:
    """Keep the report of a session."""
    await connection.execute(
        sessions.update().where(sessions.c.session_id == session_id).values(report=report)
    )
