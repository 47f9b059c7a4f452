"""What whoever has a link sees: a wall that is read only, and a calendar to subscribe to."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from markupsafe import Markup

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.lists.writing import sessions_calendar
from lensong.monitoring.operations.giving_out import sessions_given
from lensong.monitoring.operations.shared_links import links_for, reader_by_link
from lensong.monitoring.records import Commune, Province, Site
from lensong.monitoring.store.shared_links import SharedLink
from lensong.monitoring.web.addresses import public_url
from lensong.monitoring.web.guards import Running, anybody
from lensong.monitoring.web.pages.rendering import PageNeeds, render
from lensong.monitoring.web.pages.site_search import site_choices
from lensong.monitoring.web.pages.wall_filter import SiteFilter
from lensong.monitoring.web.pages.wallboard import wall_drawing
from lensong.monitoring.web.problems import language_of

__all__ = ["router"]

router = APIRouter()

_BEFORE, _AHEAD = timedelta(days=30), timedelta(days=366)
_PART = re.compile(r'\sdata-part="[^"]*"')


@router.get("/links")
async def links(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.EQUIP))],
) -> Response:
    """Show the links to walls and calendars, and make and revoke them."""
    directory = service.directory
    places = {
        "province": [
            (item.code, item.name)
            for item in directory.provinces.values()
            if principal.governs(province_code=item.code)
        ],
        "commune": [
            (item.code, item.name)
            for item in sorted(directory.communes.values(), key=lambda item: item.name)
            if principal.governs(province_code=item.province_code, commune_code=item.code)
        ],
    }
    sites = site_choices(directory, principal)
    areas = ["all"] if principal.may(Action.ADMIN) else []
    areas += [area for area, items in places.items() if items]
    areas += ["site"] if sites.total else []

    def name_of(link: SharedLink) -> str:
        known: dict[str, Mapping[str, Province | Commune | Site]] = {
            "province": directory.provinces,
            "commune": directory.communes,
            "site": directory.sites,
        }
        place = known[link.area].get(link.code)
        return link.code if place is None else place.name

    return render(
        request,
        "links.html",
        principal=principal,
        links=await links_for(service, principal),
        areas=areas,
        places={area: items for area, items in places.items() if items},
        sites=sites,
        name_of=name_of,
    )


@router.get("/kiosk/{secret}", dependencies=[Depends(anybody)])
async def kiosk(secret: str, request: Request, service: Running) -> Response:
    """Show a wall to whoever has its link: nothing on it leads anywhere or changes anything."""
    _, reader = await reader_by_link(service, "wall", secret, address=_address(request))
    drawing = await wall_drawing(request, service, reader, SiteFilter(), names=False)
    # what renews it is this address: the wall's own part wants somebody who is signed in
    live = Markup(_PART.sub("", str(drawing.text), count=1))
    return render(request, "kiosk.html", principal=None, live=live)


@router.get("/calendar/{secret}.ics", dependencies=[Depends(anybody)])
async def calendar(secret: str, request: Request, service: Running) -> Response:
    """Return the sessions of an area to calendars that subscribe, with the state in SUMMARY."""
    _, reader = await reader_by_link(service, "calendar", secret, address=_address(request))
    now = service.clock.now()
    found = await sessions_given(service, reader, now - _BEFORE, now + _AHEAD)
    data = await asyncio.to_thread(
        sessions_calendar,
        service.directory,
        found,
        language=language_of(request),
        public_url=public_url(service, request),
        now=now,
        subscribed=True,
    )
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="text/calendar; charset=utf-8", headers=headers)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
