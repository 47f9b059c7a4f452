"""Media servers of sites, figures that are sent to us, and the health of streams."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi import Body as BodyOf
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import FieldError, NotFoundError
from lensong.monitoring.messages import say
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import note
from lensong.monitoring.store.streams import (
    StreamSource,
    delete_source,
    list_health,
    put_source,
    source_of,
)
from lensong.monitoring.streams.health_state import StreamHealth, describe
from lensong.monitoring.streams.sample import CollectorError
from lensong.monitoring.streams.target import CollectorTarget
from lensong.monitoring.web.api.sessions import session_for
from lensong.monitoring.web.api.shapes import Body, Cursor, Identifier, Limit, Line, Paged, Time
from lensong.monitoring.web.guards import Admin, Reader, Reporter, Running
from lensong.monitoring.web.problems import PROBLEM_RESPONSES, language_of

__all__ = ["health_out", "router"]

router = APIRouter(prefix="/api/v1", tags=["streams"])

Kind = Literal["nginx_rtmp", "srt", "mediamtx", "mediamtx_metrics", "srs", "obs", "ffmpeg"]
_Secret = Annotated[Line | None, Field(min_length=1, max_length=500)]


class SourceIn(Body):
    """Where the figures of a site's stream come from.

    Without ``url`` they are sent to us. At ``media_url`` the stream itself is played now and then,
    to see how far apart its key frames are. ``stream_key``, ``secret`` and ``media_url`` are kept
    and never shown.
    """

    kind: Kind
    url: Annotated[Line | None, Field(max_length=500)] = None
    stream_key: _Secret = None
    secret: _Secret = None
    media_url: _Secret = None


class SourceOut(Body):
    """A media server, without its secrets."""

    kind: str
    url: str | None
    has_stream_key: bool
    has_secret: bool
    has_media_url: bool
    created_at: Time


class StreamReason(Body):
    """Why a stream is in its state."""

    code: str
    severity: str
    text: str
    values: dict[str, Any]


class HealthOut(Body):
    """State of a stream at one moment; null is unknown."""

    at: Time
    state: str
    state_text: str
    since: Time
    reasons: list[StreamReason]
    up: bool | None
    configured_bps: float | None
    received_bps: float | None
    lag_s: float | None
    lag_growth_s_per_s: float | None
    frame_rate_hz: float | None
    keyframe_interval_s: float | None
    rtt_ms: float | None
    loss_ratio: float | None
    frames_total: int | None
    frames_dropped_total: int | None
    reconnects_total: int


def health_out(health: StreamHealth, language: str) -> HealthOut:
    """Return the body of a stream's health, its reasons in the reader's language."""
    plain = {
        name: getattr(health, name)
        for name in HealthOut.model_fields
        if name not in ("state_text", "reasons")
    }
    return HealthOut(
        **plain,
        state_text=say(f"stream_state_{health.state}", language),
        reasons=[
            StreamReason(
                code=reason.code,
                severity=reason.severity,
                text=describe(reason, language),
                values=dict(reason.values),
            )
            for reason in health.reasons
        ],
    )


@router.get("/sites/{site_id}/stream-source", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def get_source(site_id: Identifier, service: Running, principal: Admin) -> SourceOut:
    """Return where the figures of a site's stream come from."""
    service.directory.site_for(principal, site_id)
    async with service.database.reading() as connection:
        return _out(await source_of(connection, site_id))


@router.put(
    "/sites/{site_id}/stream-source",
    responses=PROBLEM_RESPONSES(400, 401, 403, 404, 413, 422, 503),
)
async def set_source(
    site_id: Identifier, body: SourceIn, service: Running, principal: Admin
) -> SourceOut:
    """Say which media server to ask about a site's stream.

    Only addresses that the configuration allows are ever asked (``collectors`` there); one that
    it does not allow now is refused.
    """
    service.directory.site_for(principal, site_id)
    source = StreamSource(
        site_id=site_id, target=CollectorTarget(**dict(body)), created_at=service.clock.now()
    )
    await _check_allowed(service, source.target)

    async def work(connection: AsyncConnection) -> None:
        await put_source(connection, source)
        await note(
            connection,
            at=service.clock.now(),
            actor=principal.actor,
            action="stream-source.put",
            subject=site_id,
            detail={"kind": body.kind},
        )

    await service.writer.run(work)
    await service.streams.reload()
    return _out(source)


@router.delete(
    "/sites/{site_id}/stream-source",
    status_code=204,
    responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503),
)
async def remove_source(site_id: Identifier, service: Running, principal: Admin) -> None:
    """Ask a site's media server no more."""
    service.directory.site_for(principal, site_id)

    async def work(connection: AsyncConnection) -> None:
        await delete_source(connection, site_id)
        await note(
            connection,
            at=service.clock.now(),
            actor=principal.actor,
            action="stream-source.delete",
            subject=site_id,
        )

    await service.writer.run(work)
    await service.streams.reload()


@router.post(
    "/sites/{site_id}/stream/{kind}",
    responses=PROBLEM_RESPONSES(400, 401, 403, 404, 408, 413, 415, 422, 429, 503),
)
async def push(
    site_id: Identifier,
    kind: Literal["srt", "ffmpeg"],
    text: Annotated[str, BodyOf(media_type="text/plain", max_length=65_536)],
    request: Request,
    service: Running,
    principal: Reporter,
) -> HealthOut:
    """Take figures that an encoder or srt-live-transmit wrote, and answer with the health."""
    service.directory.site_for(principal, site_id)
    health = await service.streams.pushed(site_id, kind, text)
    return health_out(health, language_of(request))


@router.get("/sites/{site_id}/stream", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def get_stream(
    site_id: Identifier, request: Request, service: Running, principal: Reader
) -> HealthOut:
    """Return the health of a site's stream as it was last seen."""
    service.directory.site_for(principal, site_id)
    health = service.streams.health_of(site_id)
    if health is None:
        raise NotFoundError(f"nothing was seen of a stream at {site_id} yet")
    return health_out(health, language_of(request))


@router.get("/sessions/{session_id}/stream", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def list_stream(
    session_id: Identifier,
    request: Request,
    service: Running,
    principal: Reader,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Paged[HealthOut]:
    """Return what was seen of a session's stream, the earliest first."""
    session = await session_for(service, principal, session_id)
    async with service.database.reading() as connection:
        page = await list_health(connection, session.session_id, cursor=cursor, limit=limit)
    language = language_of(request)
    return Paged(
        items=[health_out(item.health, language) for item in page.items],
        next_cursor=page.next_cursor,
    )


async def _check_allowed(service: Service, target: CollectorTarget) -> None:
    for field, url in (("url", target.url), ("media_url", target.media_url)):
        if url is None:
            continue
        try:
            await service.streams.http.check(url)
        except CollectorError as error:
            raise FieldError(error.detail, field=field, reason=error.code) from error


def _out(source: StreamSource) -> SourceOut:
    return SourceOut(
        kind=source.target.kind,
        url=source.target.url,
        has_stream_key=source.target.stream_key is not None,
        has_secret=source.target.secret is not None,
        has_media_url=source.target.media_url is not None,
        created_at=source.created_at,
    )
