"""The page of what is acknowledged, under maintenance or muted."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.operations.notices import is_ended_by, is_seen
from lensong.monitoring.records import Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.notices import notices_between
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render

__all__ = ["notices_of_site", "router"]

router = APIRouter()

_PAST = timedelta(days=30)
_AHEAD = timedelta(days=400)


@router.get("/notices")
async def show(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
) -> Response:
    """Show what holds now or will, what held, and forms for a commune or an operator."""
    now, directory = service.clock.now(), service.directory
    async with service.database.reading() as connection:
        kept = await notices_between(connection, now - _PAST, now + _AHEAD)
    seen = [notice for notice in kept if is_seen(service, principal, notice)]
    coming = {notice.notice_id for notice in service.board.notices}
    return render(
        request,
        "notices.html",
        principal=principal,
        open=[notice for notice in seen if notice.notice_id in coming],
        past=[notice for notice in reversed(seen) if notice.notice_id not in coming],
        ending={item.notice_id for item in seen if is_ended_by(service, principal, item)},
        sites=directory.sites,
        communes=directory.communes,
        provinces=directory.provinces,
        own_communes=[
            commune
            for commune in sorted(directory.communes.values(), key=lambda item: item.name)
            if principal.governs(province_code=commune.province_code, commune_code=commune.code)
        ],
        own_provinces=[
            province
            for province in directory.provinces.values()
            if principal.governs(province_code=province.code)
        ],
        operators=sorted(
            {site.operators[0] for site in directory.visible_to(principal) if site.operators}
        ),
    )


def notices_of_site(service: Service, principal: Principal, site: Site) -> dict[str, Any]:
    """Return what the page of a site shows of notices."""
    found = [
        notice
        for notice in service.board.notices
        if site.site_id in service.notices.sites_of(notice)
    ]
    return {
        "notices": found,
        "trouble": service.notices.trouble_of(site.site_id, service.clock.now()),
        "ending": {item.notice_id for item in found if is_ended_by(service, principal, item)},
        "notice_places": (service.directory.communes, service.directory.provinces),
    }
