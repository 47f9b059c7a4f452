"""Notices: trouble that is acknowledged, maintenance, muted messages."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from lensong.monitoring.notices import Notice, NoticeKind
from lensong.monitoring.operations import notices as operations
from lensong.monitoring.store.notices import notices_between
from lensong.monitoring.web.api.shapes import (
    Body,
    Code,
    IdempotencyKey,
    Identifier,
    Line,
    Moment,
    Text,
    Time,
)
from lensong.monitoring.web.guards import HandledNotice, Handler, Reader, Running
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["notices"], route_class=DocumentedRoute)


class NoticeIn(Body):
    """A notice about one of a site, a commune, or an operator in a province.

    It ends at a time, or so many minutes after its begin, which is now unless it is given.
    """

    kind: NoticeKind
    site_id: Identifier | None = None
    commune_code: Code | None = None
    operator: Text | None = None
    province_code: Code | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    minutes: Annotated[int | None, Field(ge=5, le=44_640)] = None
    note: Annotated[Line, Field(max_length=300)]


class NoticeOut(Body):
    """A notice as it is kept."""

    notice_id: str
    kind: NoticeKind
    site_id: str | None
    commune_code: str | None
    operator: str | None
    province_code: str | None
    starts_at: Time
    ends_at: Time
    note: str
    author: str
    created_at: Time
    ended_at: Time | None
    ended_by: str | None

    @classmethod
    def of(cls, notice: Notice) -> NoticeOut:
        """Return the body of a notice."""
        return cls(**{name: getattr(notice, name) for name in cls.model_fields})


@router.get("/notices", responses=refusals(404))
async def list_notices(
    service: Running,
    principal: Reader,
    site: Identifier | None = None,
    past_days: Annotated[int, Field(ge=0, le=400)] = 0,
) -> list[NoticeOut]:
    """Return the notices about what the asker sees that hold or will, and those of days past."""
    if site is not None:
        service.directory.site_for(principal, site)
    found = service.board.notices
    if past_days:
        now = service.clock.now()
        async with service.database.reading() as connection:
            found = await notices_between(
                connection, now - timedelta(days=past_days), now + timedelta(days=400)
            )
    return [
        NoticeOut.of(notice)
        for notice in found
        if operations.is_seen(service, principal, notice)
        and (site is None or site in service.notices.sites_of(notice))
    ]


@router.post("/notices", status_code=201, responses=refusals(404, 409))
async def announce(
    body: NoticeIn, service: Running, principal: Handler, key: IdempotencyKey = None
) -> NoticeOut:
    """Acknowledge a site's trouble, announce maintenance, or mute messages for a while."""
    wanted = operations.NoticeWanted(
        kind=body.kind,
        ends_at=body.ends_at,
        minutes=body.minutes,
        note=body.note,
        starts_at=body.starts_at,
        site_id=body.site_id,
        commune_code=body.commune_code,
        operator=body.operator,
        province_code=body.province_code,
    )
    return NoticeOut.of(await operations.announce(service, principal, wanted, key=key))


@router.delete("/notices/{notice_id}", status_code=204, responses=refusals(409))
async def end_notice(notice: HandledNotice, service: Running, principal: Handler) -> None:
    """End a notice before its time."""
    await operations.end_notice(service, principal, notice)
