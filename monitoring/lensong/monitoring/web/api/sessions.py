"""Sessions: planned, changed, called off; their verdicts and reports."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import ConflictError, NotFoundError, StoreUnavailableError
from lensong.monitoring.records import Session, SessionStatus
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import (
    Event,
    add_event,
    latest_verdicts,
    list_verdicts,
    verdict_of,
)
from lensong.monitoring.store.people import note
from lensong.monitoring.store.sessions import (
    get_session,
    list_sessions,
    put_session,
    report_of,
)
from lensong.monitoring.web.api.idempotency import IdempotencyKey, once
from lensong.monitoring.web.api.shapes import (
    Body,
    Cursor,
    Identifier,
    Limit,
    Line,
    Moment,
    Paged,
    SessionChange,
    SessionIn,
    SessionOut,
    VerdictOut,
    verdict_out,
)
from lensong.monitoring.web.guards import Planner, Reader, Running
from lensong.monitoring.web.problems import PROBLEM_RESPONSES, language_of

__all__ = ["add_session", "change_session", "router", "session_for"]

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"])


class KeptVerdictOut(Body):
    """A verdict of a session's history, and what made us judge."""

    id: int
    trigger: str
    verdict: VerdictOut


class SessionReport(Body):
    """What was promised before a session and what happened; null while there is nothing."""

    session_id: str
    report: dict[str, Any] | None


async def session_for(service: Service, principal: Principal, session_id: str) -> Session:
    """Return a session of a site in somebody's area.

    Raises
    ------
    NotFoundError
        There is none, or it is none of theirs.
    """
    async with service.database.reading() as connection:
        session = await get_session(connection, session_id)
    try:
        service.directory.site_for(principal, session.site_id)
    except NotFoundError:
        raise NotFoundError(f"there is no session {session_id[:80]!r}") from None
    return session


async def add_session(
    service: Service, principal: Principal, body: SessionIn, key: str | None = None
) -> Session:
    """Plan a session and judge it at once."""
    site = service.directory.site_for(principal, body.site_id)
    if body.profile_code not in service.directory.profiles:
        raise NotFoundError(
            f"there is no stream profile {body.profile_code!r}: GET /api/v1/profiles"
        )
    session = Session(
        session_id=secrets.token_hex(8),
        site_id=site.site_id,
        title=body.title,
        profile_code=body.profile_code,
        starts_at=body.starts_at,
        ends_at=body.ends_at,
    )
    if session.ends_at <= service.clock.now():
        raise ConflictError("the session would be over already: choose a time to come")

    told: list[Event] = []

    async def work(connection: AsyncConnection) -> SessionOut:
        await put_session(connection, session, now=service.clock.now())
        told.append(await _tell(connection, service, principal, session, "session.planned"))
        return SessionOut.of(session, None, "en")

    answer = SessionOut.model_validate(await once(service, principal, key, body, work))
    for event in told:
        service.bus.publish(event)
    async with service.database.reading() as connection:
        kept = await get_session(connection, answer.session_id)
    await _judge(service, kept, "planned")
    return kept


async def change_session(
    service: Service, principal: Principal, session_id: str, body: SessionChange
) -> Session:
    """Change a session, or call it off, and judge it anew."""
    before = await session_for(service, principal, session_id)
    if before.status in (SessionStatus.ENDED, SessionStatus.CANCELLED):
        raise ConflictError(f"the session is {before.status}: plan a new one", "session_over")
    session = replace(before, **{k: v for k, v in body.model_dump().items() if v is not None})

    async def work(connection: AsyncConnection) -> Event:
        await put_session(connection, session, now=service.clock.now())
        kind = "session.changed" if before.status is session.status else f"session.{session.status}"
        return await _tell(connection, service, principal, session, kind)

    service.bus.publish(await service.writer.run(work))
    if session.status in (SessionStatus.PLANNED, SessionStatus.LIVE):
        await _judge(service, session, "changed")
    else:
        await service.judge.show_next(session.site_id)
    return session


async def _judge(service: Service, session: Session, trigger: str) -> None:
    try:
        await service.judge.rejudge(session, trigger)
        await service.judge.show_next(session.site_id)
    except StoreUnavailableError:  # the session is stored, so that is the answer
        service.board.planned(session.site_id, session, None)
        service.ingest.put_back(session.site_id, set())  # judged as soon as that can be


async def _tell(
    connection: AsyncConnection,
    service: Service,
    principal: Principal,
    session: Session,
    kind: str,
) -> Event:
    now = service.clock.now()
    await note(connection, at=now, actor=principal.actor, action=kind, subject=session.session_id)
    return await add_event(
        connection,
        at=now,
        kind=kind,
        site_id=session.site_id,
        session_id=session.session_id,
        body={"session_id": session.session_id, "title": session.title},
    )


@router.get("", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def list_all(
    request: Request,
    service: Running,
    principal: Reader,
    site: Annotated[Line | None, Query(max_length=64)] = None,
    status: SessionStatus | None = None,
    after: Moment | None = None,
    before: Moment | None = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Paged[SessionOut]:
    """Return sessions in the asker's area by start, with their last verdicts."""
    if site is not None:
        sites = [service.directory.site_for(principal, site).site_id]
    else:
        sites = [item.site_id for item in service.directory.visible_to(principal)]
    async with service.database.reading() as connection:
        page = await list_sessions(
            connection,
            site_ids=sites,
            status=status,
            after=after,
            before=before,
            cursor=cursor,
            limit=limit,
        )
        verdicts = await latest_verdicts(connection, [item.session_id for item in page.items])
    language = language_of(request)
    return Paged(
        items=[
            SessionOut.of(
                item,
                verdicts[item.session_id].verdict if item.session_id in verdicts else None,
                language,
            )
            for item in page.items
        ],
        next_cursor=page.next_cursor,
    )


@router.post(
    "", status_code=201, responses=PROBLEM_RESPONSES(400, 401, 403, 404, 409, 413, 422, 429, 503)
)
async def plan_session(
    body: SessionIn,
    request: Request,
    response: Response,
    service: Running,
    principal: Planner,
    key: IdempotencyKey = None,
) -> SessionOut:
    """Plan a session; the answer holds its first verdict."""
    session = await add_session(service, principal, body, key)
    response.headers["Location"] = f"/api/v1/sessions/{session.session_id}"
    return await _out(service, session, request)


@router.get("/{session_id}", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def get_one(
    session_id: Identifier, request: Request, service: Running, principal: Reader
) -> SessionOut:
    """Return a session with its last verdict."""
    return await _out(service, await session_for(service, principal, session_id), request)


@router.patch(
    "/{session_id}", responses=PROBLEM_RESPONSES(400, 401, 403, 404, 409, 413, 422, 429, 503)
)
async def change_one(
    session_id: Identifier,
    body: SessionChange,
    request: Request,
    service: Running,
    principal: Planner,
) -> SessionOut:
    """Change a session or call it off; it is judged anew."""
    return await _out(service, await change_session(service, principal, session_id, body), request)


@router.get(
    "/{session_id}/verdict",
    responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503)
    | {304: {"description": "It is the one that the asker has, by If-None-Match."}},
)
async def get_verdict(
    session_id: Identifier,
    request: Request,
    response: Response,
    service: Running,
    principal: Reader,
) -> VerdictOut:
    """Return the last verdict of a session; its ETag changes with the verdict alone."""
    session = await session_for(service, principal, session_id)
    async with service.database.reading() as connection:
        kept = await verdict_of(connection, session.session_id)
    if kept is None:
        raise NotFoundError(f"the session {session_id} was not judged yet")
    language = language_of(request)
    tag = f'"{kept.id}-{language}"'
    headers = {"ETag": tag, "Vary": "Accept-Language, Cookie", "Cache-Control": "private, no-cache"}
    if tag in [part.strip() for part in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)  # type: ignore[return-value]  # FastAPI passes a Response on
    response.headers.update(headers)
    return verdict_out(kept.verdict, language)


@router.get("/{session_id}/verdicts", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def get_verdicts(
    session_id: Identifier,
    request: Request,
    service: Running,
    principal: Reader,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Paged[KeptVerdictOut]:
    """Return every verdict of a session, the latest first."""
    session = await session_for(service, principal, session_id)
    async with service.database.reading() as connection:
        page = await list_verdicts(connection, session.session_id, cursor=cursor, limit=limit)
    language = language_of(request)
    return Paged(
        items=[
            KeptVerdictOut(
                id=item.id, trigger=item.trigger, verdict=verdict_out(item.verdict, language)
            )
            for item in page.items
        ],
        next_cursor=page.next_cursor,
    )


@router.get("/{session_id}/report", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def get_report(session_id: Identifier, service: Running, principal: Reader) -> SessionReport:
    """Return what was kept of a session after its end."""
    session = await session_for(service, principal, session_id)
    async with service.database.reading() as connection:
        found = await report_of(connection, session.session_id)
    return SessionReport(session_id=session.session_id, report=found)


async def _out(service: Service, session: Session, request: Request) -> SessionOut:
    async with service.database.reading() as connection:
        kept = await verdict_of(connection, session.session_id)
    return SessionOut.of(session, None if kept is None else kept.verdict, language_of(request))
