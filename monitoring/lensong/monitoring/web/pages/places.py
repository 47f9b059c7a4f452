"""Provinces, communes and what is archived: added, changed and put away by hand."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.operations.places import archived_for
from lensong.monitoring.records import Commune
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render

__all__ = ["communes_to_choose", "router"]

router = APIRouter()
Manager = Annotated[Principal, Depends(PageNeeds(Action.MANAGE))]


@router.get("/places")
async def places(request: Request, service: Running, principal: Manager) -> Response:
    """Show the provinces and communes of the asker's area, and what is archived of it."""
    directory = service.directory
    sites = Counter(site.commune_code for site in directory.sites.values())
    communes = [
        commune
        for commune in directory.communes.values()
        if principal.governs(province_code=commune.province_code)
    ]
    within = Counter(commune.province_code for commune in communes)
    sites_within: Counter[str] = Counter()
    for commune in communes:
        sites_within[commune.province_code] += sites[commune.code]
    return render(
        request,
        "places.html",
        principal=principal,
        provinces=[
            (province, within[province.code], sites_within[province.code])
            for province in sorted(directory.provinces.values(), key=lambda item: item.name)
            if principal.governs(province_code=province.code)
        ],
        communes=[
            (commune, directory.provinces[commune.province_code], sites[commune.code])
            for commune in sorted(communes, key=lambda item: item.name)
        ],
        archived=await archived_for(service, principal),
    )


def communes_to_choose(
    directory: Directory, principal: Principal
) -> list[tuple[str, list[Commune]]]:
    """Return the communes in which somebody may add sites, by the name of their province."""
    found: dict[str, list[Commune]] = {}
    for commune in sorted(directory.communes.values(), key=lambda item: item.name):
        if principal.governs(province_code=commune.province_code):
            name = directory.provinces[commune.province_code].name
            found.setdefault(name, []).append(commune)
    return sorted(found.items())
