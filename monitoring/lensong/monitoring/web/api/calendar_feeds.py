"""Calendars that the service reads from their addresses."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import AfterValidator, Field

from lensong.monitoring.operations import calendar_feeds as operations
from lensong.monitoring.operations.feed_reading import note_of, read_feed
from lensong.monitoring.store.calendar_feeds import CalendarFeed, all_feeds, get_feed
from lensong.monitoring.web.api.imports import RowOut
from lensong.monitoring.web.api.shapes import Body, Identifier, Line, Text, Time
from lensong.monitoring.web.guards import Admin, Running
from lensong.monitoring.web.problems import language_of
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["lists"], route_class=DocumentedRoute)

Address = Annotated[Line, Field(min_length=1, max_length=2_000)]
Place = Annotated[
    Annotated[Line, Field(max_length=64)] | None, AfterValidator(lambda it: it or None)
]
"""Empty is none, as forms send it."""


class FeedIn(Body):
    """A calendar to be read; ``site_id`` and ``profile_code`` are of events that name none.

    Without a commune it may hold sessions of any site.
    """

    label: Text
    url: Address
    commune_code: Place = None
    site_id: Place = None
    profile_code: Place = None


class FeedChange(Body):
    """What of a calendar is to be changed."""

    label: Text | None = None
    url: Address | None = None
    commune_code: Place = None
    site_id: Place = None
    profile_code: Place = None


class FeedOut(Body):
    """A calendar and how its last reading went; of its address the host alone is shown.

    ``failure`` is a stable word, empty where it could be read. ``next_at`` is null where it is
    paused after many failures. ``counts``, ``over``, ``refused`` and ``notes`` are of the last time
    when it had changed, as in `ImportOut`; of ``refused_count`` the first 200 are listed.
    """

    feed_id: str
    label: str
    host: str
    commune_code: str | None
    site_id: str | None
    profile_code: str | None
    created_by: str
    created_at: Time
    next_at: Time | None
    asked_at: Time | None
    read_at: Time | None
    taken_at: Time | None
    moved: bool
    failures: int
    failure: str
    failure_detail: str
    counts: dict[str, int]
    over: int
    refused_count: int
    refused: list[RowOut]
    notes: list[RowOut]

    @classmethod
    def of(cls, feed: CalendarFeed, language: str) -> FeedOut:
        """Return the body of a calendar."""
        told = feed.told

        def rows(name: str) -> list[RowOut]:
            return [RowOut.of(note_of(kept), language) for kept in told.get(name, [])]

        return cls(
            feed_id=feed.feed_id,
            label=feed.label,
            host=operations.shown_host(feed),
            commune_code=feed.commune_code,
            site_id=feed.site_id,
            profile_code=feed.profile_code,
            created_by=feed.created_by,
            created_at=feed.created_at,
            next_at=feed.next_at,
            asked_at=feed.asked_at,
            read_at=feed.read_at,
            taken_at=feed.taken_at,
            moved=feed.moved,
            failures=feed.failures,
            failure=feed.failure,
            failure_detail=feed.failure_detail,
            counts=told.get("counts", {}),
            over=told.get("over", 0),
            refused_count=told.get("refused_count", 0),
            refused=rows("refused"),
            notes=rows("notes"),
        )


@router.get("/calendar-feeds")
async def list_feeds(
    request: Request,
    service: Running,
    principal: Admin,  # noqa: ARG001 (who asks is checked)
) -> list[FeedOut]:
    """Return the calendars that are read from their addresses."""
    async with service.database.reading() as connection:
        feeds = await all_feeds(connection)
    return [FeedOut.of(feed, language_of(request)) for feed in feeds]


@router.post("/calendar-feeds", status_code=201, responses=refusals(404))
async def make_feed(body: FeedIn, request: Request, service: Running, principal: Admin) -> FeedOut:
    """Add a calendar, read it at once, and then every ``calendars.every_s``.

    Its host must be allowed by the configuration. A calendar that cannot be read is added all the
    same: ``failure`` says why.
    """
    plan = operations.FeedPlan(**body.model_dump())
    feed = await operations.add_feed(service, principal, plan)
    return FeedOut.of(await read_feed(service, feed.feed_id), language_of(request))


@router.get("/calendar-feeds/{feed_id}", responses=refusals(404))
async def give_feed(
    feed_id: Identifier,
    request: Request,
    service: Running,
    principal: Admin,  # noqa: ARG001 (who asks is checked)
) -> FeedOut:
    """Return a calendar and how its last reading went."""
    async with service.database.reading() as connection:
        return FeedOut.of(await get_feed(connection, feed_id), language_of(request))


@router.patch("/calendar-feeds/{feed_id}", responses=refusals(404))
async def change_feed(
    feed_id: Identifier, body: FeedChange, request: Request, service: Running, principal: Admin
) -> FeedOut:
    """Change a calendar and read it at once; one that was paused goes on."""
    changes: dict[str, Any] = body.model_dump(exclude_unset=True)
    # a calendar without name or address is none
    changes = {k: v for k, v in changes.items() if v is not None or k not in ("label", "url")}
    await operations.change_feed(service, principal, feed_id, changes)
    return FeedOut.of(await read_feed(service, feed_id), language_of(request))


@router.post("/calendar-feeds/{feed_id}/read", responses=refusals(404))
async def read_now(
    feed_id: Identifier, request: Request, service: Running, principal: Admin
) -> FeedOut:
    """Read a calendar now, changed or not; one that was paused goes on.

    What it no longer has is called off, also where that is everything.
    """
    feed = await read_feed(service, feed_id, asked_by=principal)
    return FeedOut.of(feed, language_of(request))


@router.delete("/calendar-feeds/{feed_id}", status_code=204, responses=refusals(404))
async def remove_feed(
    feed_id: Identifier, service: Running, principal: Admin, call_off: bool = False
) -> None:
    """Read a calendar no more; its coming sessions stay, unless `call_off`."""
    await operations.remove_feed(service, principal, feed_id, call_off=call_off)
