"""One session, and planning a new one with its verdict before it is saved."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.clock import rfc3339
from lensong.monitoring.errors import ConflictError, NotFoundError
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.operations.session_words import linked_session, may_be_linked, stage_of
from lensong.monitoring.operations.sessions import session_for
from lensong.monitoring.records import Motion, Session, SessionStatus
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import list_verdicts
from lensong.monitoring.store.session_words import words_on
from lensong.monitoring.store.sessions import report_of
from lensong.monitoring.store.streams import health_of_session
from lensong.monitoring.store.watches import watch_parts_of_sessions
from lensong.monitoring.streams.health_state import describe
from lensong.monitoring.streams.live_advice import live_advice
from lensong.monitoring.watch.session_watch import session_watch
from lensong.monitoring.web.guards import Running, anybody
from lensong.monitoring.web.pages.charts import lag_chart
from lensong.monitoring.web.pages.rendering import PageNeeds, page_session, render, words_of
from lensong.monitoring.web.pages.site_search import site_choices
from lensong.propagation.errors import InvalidInputError

__all__ = ["router"]

router = APIRouter()
Planner = Annotated[Principal, Depends(PageNeeds(Action.PLAN))]


@router.get("/sessions/new")
async def new(
    request: Request,
    service: Running,
    principal: Planner,
    site: str | None = None,
    copy: Annotated[str | None, Query(max_length=64)] = None,
) -> Response:
    """Show the form of a new session, which may be like another one."""
    like = None if copy is None else await session_for(service, principal, copy)
    return _form(request, service, principal, site=site, like=like)


@router.get("/sessions/{session_id}/edit")
async def edit(
    session: Annotated[Session, page_session(Action.PLAN)],
    request: Request,
    service: Running,
    principal: Planner,
) -> Response:
    """Show the form in which a session is changed."""
    if session.status not in (SessionStatus.PLANNED, SessionStatus.LIVE):
        raise ConflictError(f"the session is {session.status}: plan a new one", "session_over")
    return _form(request, service, principal, like=session, editing=True)


def _form(
    request: Request,
    service: Service,
    principal: Principal,
    *,
    site: str | None = None,
    like: Session | None = None,
    editing: bool = False,
) -> Response:
    zone = ZoneInfo(service.config.time_zone)
    local = service.clock.now().astimezone(zone)
    begin = (local + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    minutes = 120.0
    if like is not None:
        begin = like.starts_at.astimezone(zone)
        minutes = (like.ends_at - like.starts_at).total_seconds() / 60.0
        while not editing and begin <= local:  # a copy is for the next such day of the week
            begin += timedelta(days=7)
    return render(
        request,
        "new_session.html",
        principal=principal,
        sites=site_choices(
            service.directory, principal, site if like is None else like.site_id, only=True
        ),
        profiles=service.directory.profiles.values(),
        chosen_profile="tiktok-720p30" if like is None else like.profile_code,
        motion="unknown" if like is None else like.motion.value,
        name=None if like is None else like.title,
        minutes=f"{minutes:g}",
        begin=begin.strftime("%Y-%m-%dT%H:%M"),
        zone=service.config.time_zone,
        editing=like if editing else None,
        operator=None if like is None else like.operator,
        operators=sorted(
            {name for place in service.directory.visible_to(principal) for name in place.operators}
        ),
        lane=like.lane if like is not None and editing else None,
        most_lanes=max(
            (place.sessions_at_once for place in service.directory.visible_to(principal)),
            default=1,
        ),
    )


@router.get("/sessions/new/verdict")
async def verdict_before(
    request: Request,
    service: Running,
    principal: Planner,
    site: Annotated[str, Query(max_length=64)],
    profile: Annotated[str, Query(max_length=64)],
    start: Annotated[str, Query(max_length=40)],
    minutes: Annotated[float, Query(gt=0.0, le=1_440.0)],
    motion: Motion = Motion.UNKNOWN,
    operator: Annotated[str, Query(max_length=60)] = "",
    besides: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """Return the verdict on a session that is not saved yet, as a part of the page.

    One that is changed is not beside itself (``besides``).
    """
    place = service.directory.site_for(principal, site)
    wanted = service.directory.profiles.get(profile)
    if wanted is None:
        raise NotFoundError(f"there is no stream profile {profile!r}")
    starts_at = _local(start, service.config.time_zone)
    ends_at = starts_at + timedelta(minutes=minutes)
    verdict = await service.judge.what_if(
        place,
        wanted,
        starts_at,
        ends_at,
        motion=motion,
        operator=operator.strip() or None,
        besides=besides or None,
    )
    return render(
        request,
        "verdict_part.html",
        principal=principal,
        verdict=verdict,
        profiles=service.directory.profiles,
        sites=service.directory.sites,
        starts_at=rfc3339(starts_at),
        ends_at=rfc3339(ends_at),
        begun=starts_at < service.clock.now(),
        over=ends_at <= service.clock.now(),
    )


@router.get("/sessions/{session_id}")
async def one(
    session: Annotated[Session, page_session(Action.READ)],
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
) -> Response:
    """Show a session: promised, measured, happened."""
    site = service.directory.sites[session.site_id]
    async with service.database.reading() as connection:
        history = await list_verdicts(connection, session.session_id, limit=50)
        seen = await health_of_session(connection, session.session_id)
        report = await report_of(connection, session.session_id)
        said = await words_on(connection, session.session_id)
        watched = await watch_parts_of_sessions(connection, [session.session_id])
    words, now = words_of(request), service.clock.now()
    language, profiles = words.language, service.directory.profiles
    health = seen[-1] if seen and session.status is SessionStatus.LIVE else None
    return render(
        request,
        "session.html",
        principal=principal,
        session=session,
        site=site,
        commune=service.directory.communes[site.commune_code],
        verdict=history.items[0].verdict if history.items else None,
        history=history.items,
        profiles=profiles,
        sites=service.directory.sites,
        health=health,
        live_advice=live_advice(health, profiles[session.profile_code], profiles.values(), language)
        if health is not None
        else [],
        lag=lag_chart(seen, words) if seen else None,
        report=report,
        watch=session_watch(
            watched.get(session.session_id, ()),
            session.starts_at,
            session.ends_at,
            tolerance=profiles[session.profile_code].tolerance,
            now=now,
        ),
        snapshot=as_of(service.board.snapshot(now, [site]).sites[0], now),
        beside=[
            other
            for other, _ in service.board.coming(site.site_id)
            if other.session_id != session.session_id
            and other.starts_at < session.ends_at
            and other.ends_at > session.starts_at
        ],
        stream_reasons=[describe(reason, language) for reason in seen[-1].reasons] if seen else [],
        words=said,
        stage=stage_of(service, session),
        linkable=may_be_linked(service, session),
        over=session.status is SessionStatus.ENDED,
        open=session.status in (SessionStatus.PLANNED, SessionStatus.LIVE),
    )


@router.get("/held/{secret}", dependencies=[Depends(anybody)])
async def held(secret: str, request: Request, service: Running) -> Response:
    """Ask whoever has the link of a session whether it held."""
    session, teller = await linked_session(service, secret)
    async with service.database.reading() as connection:
        words = await words_on(connection, session.session_id)
    return render(
        request,
        "held.html",
        principal=None,
        secret=secret,
        session=session,
        site=service.directory.sites[session.site_id],
        stage=stage_of(service, session),
        words=[word for word in words if word.teller == teller],
    )


def _local(text: str, zone: str) -> datetime:
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(
            f"start is {text!r}, wanted a date and time like 2026-11-28T09:00"
        ) from None
    return given if given.tzinfo is not None else given.replace(tzinfo=ZoneInfo(zone))
