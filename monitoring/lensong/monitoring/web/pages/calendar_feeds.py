"""The calendars that are read from their addresses: a list, and a page of each."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.operations.calendar_feeds import shown_host
from lensong.monitoring.operations.feed_reading import note_of
from lensong.monitoring.store.calendar_feeds import all_feeds, get_feed
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render
from lensong.monitoring.web.pages.site_search import site_choices

__all__ = ["router"]

router = APIRouter()

Asker = Annotated[Principal, Depends(PageNeeds(Action.ADMIN))]


@router.get("/calendar-feeds")
async def feeds(request: Request, service: Running, principal: Asker) -> Response:
    """Show the calendars that are read, and the form that adds one."""
    async with service.database.reading() as connection:
        found = await all_feeds(connection)
    settings = service.config.calendars
    return render(
        request,
        "calendar_feeds.html",
        principal=principal,
        feeds=found,
        shown_host=shown_host,
        communes=sorted(service.directory.communes.values(), key=lambda item: item.name),
        sites=site_choices(service.directory, principal),
        profiles=service.directory.profiles.values(),
        allowed=(*settings.allowed_hosts, *settings.allowed_networks),
        every_min=settings.every_s / 60.0,
    )


@router.get("/calendar-feeds/{feed_id}")
async def feed(feed_id: str, request: Request, service: Running, principal: Asker) -> Response:
    """Show how the last reading of a calendar went, each refused event by title and reason."""
    async with service.database.reading() as connection:
        found = await get_feed(connection, feed_id)
    directory = service.directory
    return render(
        request,
        "calendar_feed.html",
        principal=principal,
        feed=found,
        host=shown_host(found),
        refused=[note_of(kept) for kept in found.told.get("refused", [])],
        notes=[note_of(kept) for kept in found.told.get("notes", [])],
        commune=directory.communes.get(found.commune_code or ""),
        site=directory.sites.get(found.site_id or ""),
        profile=directory.profiles.get(found.profile_code or ""),
        communes=sorted(directory.communes.values(), key=lambda item: item.name),
        sites=site_choices(directory, principal, found.site_id),
        profiles=directory.profiles.values(),
    )
