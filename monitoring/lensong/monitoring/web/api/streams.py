"""Media servers of sites, figures that are sent to us, and the health of streams."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi import Body as BodyOf
from pydantic import Field

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.messages import say
from lensong.monitoring.operations import stream_sources as operations
from lensong.monitoring.records import MOST_AT_ONCE
from lensong.monitoring.store.streams import StreamSource, list_health, source_of
from lensong.monitoring.streams.health_state import StreamHealth, describe
from lensong.monitoring.streams.target import CollectorTarget
from lensong.monitoring.web.api.shapes import Body, Cursor, Limit, Line, Paged, Time
from lensong.monitoring.web.guards import (
    Admin,
    AdminSite,
    ReportingSite,
    Running,
    SeenSession,
    SeenSite,
)
from lensong.monitoring.web.problems import language_of
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["health_out", "router"]

router = APIRouter(prefix="/api/v1", tags=["streams"], route_class=DocumentedRoute)

Kind = Literal["nginx_rtmp", "srt", "mediamtx", "mediamtx_metrics", "srs", "sls", "obs", "ffmpeg"]
Lane = Annotated[
    int,
    Query(ge=1, le=MOST_AT_ONCE, description="Which of the sessions at once that a site takes."),
]
_Secret = Annotated[Line | None, Field(min_length=1, max_length=500)]


class SourceIn(Body):
    """Where the figures of a site's stream come from.

    Without ``url`` they are sent to us. At ``media_url`` the stream itself is played now and then,
    to see how far apart its key frames are. ``stream_key``, ``secret`` and ``media_url`` are kept
    and never shown.
    """

    lane: Annotated[
        int, Field(ge=1, le=MOST_AT_ONCE, description="Which of the site's sessions at once.")
    ] = 1
    kind: Kind
    url: Annotated[Line | None, Field(max_length=500)] = None
    stream_key: _Secret = None
    secret: _Secret = None
    media_url: _Secret = None


class SourceOut(Body):
    """The media server of a lane, without its secrets."""

    lane: int
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


@router.get("/sites/{site_id}/stream-source")
async def get_source(site: AdminSite, service: Running, lane: Lane = 1) -> SourceOut:
    """Return where the figures of a site's stream come from, of one lane."""
    async with service.database.reading() as connection:
        return _out(await source_of(connection, site.site_id, lane))


@router.put("/sites/{site_id}/stream-source")
async def set_source(
    site: AdminSite, body: SourceIn, service: Running, principal: Admin
) -> SourceOut:
    """Say which media server to ask about a site's stream, of one lane.

    Only addresses that the configuration allows are ever asked (``collectors`` there); one that
    it does not allow now is refused.
    """
    target = CollectorTarget(**{name: v for name, v in dict(body).items() if name != "lane"})
    return _out(await operations.set_source(service, principal, site.site_id, target, body.lane))


@router.delete("/sites/{site_id}/stream-source", status_code=204)
async def remove_source(
    site: AdminSite, service: Running, principal: Admin, lane: Lane = 1
) -> None:
    """Ask the media server of a site's lane no more."""
    await operations.remove_source(service, principal, site.site_id, lane)


@router.post("/sites/{site_id}/stream/{kind}", responses=refusals(429))
async def push(
    site: ReportingSite,
    kind: Literal["srt", "ffmpeg"],
    text: Annotated[str, BodyOf(media_type="text/plain", max_length=65_536)],
    request: Request,
    service: Running,
    lane: Lane = 1,
) -> HealthOut:
    """Take figures that an encoder or srt-live-transmit wrote, and answer with the health."""
    service.pushed_limit.take(f"{site.site_id} {lane}", "figures of a stream")
    health = await service.streams.pushed(site.site_id, kind, text, lane)
    return health_out(health, language_of(request))


@router.get("/sites/{site_id}/stream")
async def get_stream(
    site: SeenSite, request: Request, service: Running, lane: Lane = 1
) -> HealthOut:
    """Return the health of the stream of a site's lane as it was last seen."""
    health = service.streams.health_of(site.site_id, lane)
    if health is None:
        raise NotFoundError(f"nothing was seen of a stream in lane {lane} of {site.site_id} yet")
    return health_out(health, language_of(request))


@router.get("/sessions/{session_id}/stream")
async def list_stream(
    session: SeenSession,
    request: Request,
    service: Running,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Paged[HealthOut]:
    """Return what was seen of a session's stream, the earliest first."""
    async with service.database.reading() as connection:
        page = await list_health(connection, session.session_id, cursor=cursor, limit=limit)
    language = language_of(request)
    return Paged(
        items=[health_out(item.health, language) for item in page.items],
        next_cursor=page.next_cursor,
    )


def _out(source: StreamSource) -> SourceOut:
    return SourceOut(
        lane=source.lane,
        kind=source.target.kind,
        url=source.target.url,
        has_stream_key=source.target.stream_key is not None,
        has_secret=source.target.secret is not None,
        has_media_url=source.target.media_url is not None,
        created_at=source.created_at,
    )
