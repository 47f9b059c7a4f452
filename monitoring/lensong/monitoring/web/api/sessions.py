"""Sessions: planned, changed, called off; their verdicts and reports."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.live.after_session import what_was_told
from lensong.monitoring.operations import sessions as operations
from lensong.monitoring.records import Session, SessionOutcome, SessionStatus
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import latest_verdicts, list_verdicts, verdict_of
from lensong.monitoring.store.session_words import words_on
from lensong.monitoring.store.sessions import list_sessions, report_of
from lensong.monitoring.store.watches import watch_parts_of_sessions
from lensong.monitoring.watch.session_watch import session_watch
from lensong.monitoring.web.api.session_words import WordOut
from lensong.monitoring.web.api.shapes import (
    Body,
    Cursor,
    IdempotencyKey,
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
from lensong.monitoring.web.guards import (
    PlannedSession,
    Planner,
    Reader,
    Running,
    SeenSession,
)
from lensong.monitoring.web.pages.rendering import words_of
from lensong.monitoring.web.problems import language_of
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/sessions", tags=["sessions"], route_class=DocumentedRoute)


class KeptVerdictOut(Body):
    """A verdict of a session's history, and what made us judge."""

    id: int
    trigger: str
    verdict: VerdictOut


class SessionReport(Body):
    """What was promised before a session and what happened; null while there is nothing.

    ``report`` is of its stream, ``watch`` of the network as light watches saw it; ``told`` is what
    people said, the latest word of each.
    """

    session_id: str
    report: dict[str, Any] | None
    watch: dict[str, Any] | None
    told: list[WordOut]
    told_outcome: SessionOutcome | None


@router.get("", responses=refusals(404))
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
    words = words_of(request)
    return Paged(
        items=[
            SessionOut.of(
                item,
                verdicts[item.session_id].verdict if item.session_id in verdicts else None,
                words,
                seen=service.seen_of(item),
            )
            for item in page.items
        ],
        next_cursor=page.next_cursor,
    )


@router.post("", status_code=201, responses=refusals(404, 409))
async def plan_session(
    body: SessionIn,
    request: Request,
    response: Response,
    service: Running,
    principal: Planner,
    key: IdempotencyKey = None,
) -> SessionOut:
    """Plan a session; the answer holds its first verdict."""
    session = await operations.plan_session(service, principal, body.record(), key=key)
    response.headers["Location"] = f"{service.config.root}/api/v1/sessions/{session.session_id}"
    return await _out(service, session, request)


@router.get("/{session_id}")
async def get_one(session: SeenSession, request: Request, service: Running) -> SessionOut:
    """Return a session with its last verdict."""
    return await _out(service, session, request)


@router.patch("/{session_id}", responses=refusals(409))
async def change_one(
    session: PlannedSession,
    body: SessionChange,
    request: Request,
    service: Running,
    principal: Planner,
) -> SessionOut:
    """Change a session or call it off; it is judged anew."""
    changed = await operations.change_session(service, principal, session, body.record())
    return await _out(service, changed, request)


@router.get(
    "/{session_id}/verdict",
    responses={304: {"description": "It is the one that the asker has, by If-None-Match."}},
)
async def get_verdict(
    session: SeenSession, request: Request, response: Response, service: Running
) -> VerdictOut:
    """Return the last verdict of a session; its ETag changes with the verdict alone."""
    async with service.database.reading() as connection:
        kept = await verdict_of(connection, session.session_id)
    if kept is None:
        raise NotFoundError(f"the session {session.session_id} was not judged yet")
    language = language_of(request)
    tag = f'"{kept.id}-{language}"'
    headers = {"ETag": tag, "Vary": "Accept-Language, Cookie", "Cache-Control": "private, no-cache"}
    if tag in [part.strip() for part in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)  # type: ignore[return-value]  # FastAPI passes a Response on
    response.headers.update(headers)
    return verdict_out(kept.verdict, words_of(request))


@router.get("/{session_id}/verdicts")
async def get_verdicts(
    session: SeenSession,
    request: Request,
    service: Running,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Paged[KeptVerdictOut]:
    """Return every verdict of a session, the latest first."""
    async with service.database.reading() as connection:
        page = await list_verdicts(connection, session.session_id, cursor=cursor, limit=limit)
    words = words_of(request)
    return Paged(
        items=[
            KeptVerdictOut(
                id=item.id, trigger=item.trigger, verdict=verdict_out(item.verdict, words)
            )
            for item in page.items
        ],
        next_cursor=page.next_cursor,
    )


@router.get("/{session_id}/report")
async def get_report(session: SeenSession, service: Running) -> SessionReport:
    """Return what was kept of a session after its end."""
    async with service.database.reading() as connection:
        found = await report_of(connection, session.session_id)
        words = await words_on(connection, session.session_id)
        watched = await watch_parts_of_sessions(connection, [session.session_id])
    seen = session_watch(
        watched.get(session.session_id, ()),
        session.starts_at,
        session.ends_at,
        tolerance=service.directory.profiles[session.profile_code].tolerance,
        now=service.clock.now(),
    )
    return SessionReport(
        session_id=session.session_id,
        report=found,
        watch=None if seen is None else seen.to_dict(),
        told=[WordOut.of(word) for word in words],
        told_outcome=what_was_told(words),
    )


async def _out(service: Service, session: Session, request: Request) -> SessionOut:
    async with service.database.reading() as connection:
        kept = await verdict_of(connection, session.session_id)
    return SessionOut.of(
        session,
        None if kept is None else kept.verdict,
        words_of(request),
        seen=service.seen_of(session),
    )
