"""The status of a commune for everybody: off unless it is set, and nothing private on it."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.standing import STANDINGS, standing_of
from lensong.monitoring.web.guards import Running, anybody
from lensong.monitoring.web.pages.rendering import render

__all__ = ["router"]

router = APIRouter(dependencies=[Depends(anybody)])


@router.get("/status/{code}")
async def show(code: str, request: Request, service: Running) -> Response:
    """Show how the sites of a commune stand, where that is to be public.

    Raises
    ------
    NotFoundError
        There is no such commune, or it is not public: the answer does not tell which.
    """
    commune = service.directory.communes.get(code)
    if commune is None or code not in service.config.public_status:
        raise NotFoundError("there is no public status of that commune")
    now = service.clock.now()
    members = [site for site in service.directory.sites.values() if site.commune_code == code]
    # of each site only these three leave this function
    shown = [
        (site.name, standing_of(site).state, site.session_starts_at, site.session_live)
        for site in map(partial(as_of, now=now), service.board.snapshot(now, members).sites)
    ]
    return render(
        request,
        "public_status.html",
        principal=None,
        commune=commune.name,
        sites=sorted(shown, key=lambda item: (STANDINGS.index(item[1]), item[0])),
        synthetic=any(site.synthetic for site in members),
    )
