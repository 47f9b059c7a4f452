"""Planning sessions, changing them and calling them off; each is judged at once."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import (
    ArchivedError,
    ConflictError,
    NotFoundError,
    StoreUnavailableError,
)
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.operations.once import once
from lensong.monitoring.records import Motion, Session, SessionStatus
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import Event, add_event
from lensong.monitoring.store.sessions import get_session, put_session

__all__ = ["SessionChanges", "SessionPlan", "change_session", "plan_session", "session_for"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan:
    """A session that is wanted."""

    site_id: str
    title: str
    profile_code: str
    starts_at: datetime
    ends_at: datetime
    motion: Motion = Motion.UNKNOWN
    lane: int | None = None
    operator: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChanges:
    """What of a session is to change; None stays as it is, the lane where it is free.

    An empty ``operator`` is any.
    """

    title: str | None = None
    profile_code: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    status: SessionStatus | None = None
    motion: Motion | None = None
    lane: int | None = None
    operator: str | None = None


async def session_for(service: Service, principal: Principal, session_id: str) -> Session:
    """Return a session of a site in somebody's area.

    Raises
    ------
    NotFoundError
        There is none, or it is none of theirs.
    """
    async with service.database.reading() as connection:
        session = await get_session(connection, session_id)
    _check_area(service, principal, session)
    return session


async def plan_session(
    service: Service, principal: Principal, plan: SessionPlan, *, key: str | None = None
) -> Session:
    """Plan a session and judge it at once.

    Parameters
    ----------
    key : str, optional
        The same plan under the same key is planned once (`once`).

    Raises
    ------
    NotFoundError
        There is no such site in the asker's area, or no such stream profile.
    ConflictError
        It would be over already, or another session is in its way.
    InvalidInputError
        It is no session: it ends before it begins, or lasts too long.
    """
    site = service.directory.site_for(principal, plan.site_id)
    if plan.profile_code not in service.directory.profiles:
        raise NotFoundError(
            f"there is no stream profile {plan.profile_code!r}: GET /api/v1/profiles"
        )
    session = Session(session_id=secrets.token_hex(8), **{**asdict(plan), "site_id": site.site_id})
    if session.ends_at <= service.clock.now():
        raise ConflictError("the session would be over already: choose a time to come")

    told: list[Event] = []

    async def work(connection: AsyncConnection) -> str:
        await put_session(connection, session, now=service.clock.now())
        told.append(await _tell(connection, service, principal, session, "session.planned"))
        return session.session_id

    session_id = await once(service, principal, key, plan, work)
    for event in told:
        service.bus.publish(event)
    async with service.database.reading() as connection:
        kept = await get_session(connection, session_id)
    await _judge(service, kept, "planned")
    service.judge_beside(kept)
    return kept


async def change_session(
    service: Service, principal: Principal, before: Session, changes: SessionChanges
) -> Session:
    """Change a session, or call it off, and judge it anew.

    Parameters
    ----------
    before : Session
        As it is kept.

    Raises
    ------
    NotFoundError
        It is none of the asker's area.
    ConflictError
        It is over or was called off, or another session is in its way.
    """
    _check_area(service, principal, before)
    if before.status in (SessionStatus.ENDED, SessionStatus.CANCELLED):
        raise ConflictError(f"the session is {before.status}: plan a new one", "session_over")
    given = {k: v for k, v in asdict(changes).items() if v is not None}
    if "operator" in given:
        given["operator"] = given["operator"].strip() or None
    wanted = replace(before, **{"lane": None, **given})

    async def work(connection: AsyncConnection) -> tuple[Session, Event]:
        kept = await put_session(connection, wanted, now=service.clock.now())
        kind = "session.changed" if before.status is kept.status else f"session.{kept.status}"
        return kept, await _tell(connection, service, principal, kept, kind)

    session, event = await service.writer.run(work)
    service.bus.publish(event)
    if session.status in (SessionStatus.PLANNED, SessionStatus.LIVE):
        await _judge(service, session, "changed")
    else:
        await service.judge.show_next(session.site_id)
    service.judge_beside(session)
    return session


def _check_area(service: Service, principal: Principal, session: Session) -> None:
    try:
        service.directory.site_for(principal, session.site_id)
    except ArchivedError:
        raise
    except NotFoundError:
        raise NotFoundError(f"there is no session {session.session_id[:80]!r}") from None


async def _judge(service: Service, session: Session, trigger: str) -> None:
    try:
        await service.judge.rejudge(session, trigger)
        await service.judge.show_next(session.site_id)
    except StoreUnavailableError:  # the session is stored, so that is the answer
        service.board.came_in(session)
        service.ingest.put_back(session.site_id, set())  # judged as soon as that can be


async def _tell(
    connection: AsyncConnection,
    service: Service,
    principal: Principal,
    session: Session,
    kind: str,
) -> Event:
    await noted(connection, service, principal.actor, kind, session.session_id)
    return await add_event(
        connection,
        at=service.clock.now(),
        kind=kind,
        site_id=session.site_id,
        session_id=session.session_id,
        body={"session_id": session.session_id, "title": session.title},
    )
