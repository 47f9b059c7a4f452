"""What happened, the latest first."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from lensong.monitoring.operations.timelines import timeline_for
from lensong.monitoring.store.rows import cursor_values, make_cursor
from lensong.monitoring.store.tables import from_microseconds, to_microseconds
from lensong.monitoring.store.timeline import TimelineEntry
from lensong.monitoring.web.api.shapes import Body, Code, Cursor, Identifier, Limit, Paged, Time
from lensong.monitoring.web.guards import Reader, Running
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["Group", "router"]

router = APIRouter(prefix="/api/v1", tags=["timeline"], route_class=DocumentedRoute)

Group = Literal["state", "session", "alert", "notice", "operator", "test"]


class EntryOut(Body):
    """Something that happened; `body` holds what its kind has."""

    at: Time
    kind: str
    site_id: str | None
    session_id: str | None
    body: dict[str, Any]

    @classmethod
    def of(cls, entry: TimelineEntry) -> EntryOut:
        """Return the body of an entry."""
        return cls(
            at=entry.at,
            kind=entry.kind,
            site_id=entry.site_id,
            session_id=entry.session_id,
            body=dict(entry.body),
        )


@router.get("/timeline", responses=refusals(404))
async def read_timeline(
    service: Running,
    principal: Reader,
    site: Identifier | None = None,
    commune: Code | None = None,
    province: Code | None = None,
    group: Annotated[list[Group], Query(max_length=6)] = [],  # noqa: B006 (FastAPI copies it)
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Paged[EntryOut]:
    """Return what happened at a site, in a commune, a province or all one sees, latest first."""
    last = cursor_values(cursor, int)
    found = await timeline_for(
        service,
        principal,
        site_id=site,
        commune_code=commune,
        province_code=province,
        groups=group,
        before=None if last is None else from_microseconds(last[0]),
        limit=limit,
    )
    more = make_cursor(to_microseconds(found[-1].at)) if len(found) >= limit else None
    return Paged(items=[EntryOut.of(entry) for entry in found], next_cursor=more)
