"""The wallboard of an operations centre: what is in trouble now, and whom it touches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from markupsafe import Markup

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.operator_outages import OperatorOutage
from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.live.standing import (
    STANDINGS,
    STREAM_LOOKS_LIKE,
    Standing,
    seen_of,
    standing_of,
)
from lensong.monitoring.live.troubles import troubles_of
from lensong.monitoring.map_bases import VILLAGE_CLASSES
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import latest_verdicts
from lensong.monitoring.store.sessions import coming_sessions
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.map_base import MapBase, MapPictures
from lensong.monitoring.web.pages.rendering import PageNeeds, draw_part, render, words_in
from lensong.monitoring.web.pages.shared_drawings import (
    Drawing,
    SharedDrawings,
    packed,
    takes_gzip,
)
from lensong.monitoring.web.pages.site_map import site_map, village_mark
from lensong.monitoring.web.pages.wall_filter import AskedFor, SiteFilter, choices_of
from lensong.monitoring.web.pages.words import Words
from lensong.monitoring.web.problems import language_of

__all__ = ["router", "wall_drawing"]

router = APIRouter()

_SESSIONS = 6
_AHEAD = timedelta(days=7)
_MOST_TILES = 100
_ROWS = 25
"""Rows of a column that a screen of 1080 lines holds at a size to be read from four metres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A site as the wall shows it."""

    site: SiteSnapshot
    state: str
    word: str
    note: str


@router.get("/")
async def wallboard(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
    asked: AskedFor,
) -> Response:
    """Show the wall; what all walls of an area show alike is drawn once for all of them."""
    drawing = await wall_drawing(request, service, principal, asked)
    fresh = not service.directory.sites

    def draw() -> Response:
        page = render(
            request, "wallboard.html", principal=principal, live=drawing.text, fresh=fresh
        )
        return packed(page) if takes_gzip(request) else page

    # after a power cut all walls ask at once, and reports come in between
    drawings: SharedDrawings = request.app.state.drawings
    return await drawings.in_turn(draw)


WALL = next(
    route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is wallboard
)
"""Found before the others: see `EarlyRoute`."""

_may_read = PageNeeds(Action.READ)


class _PartRoute(APIRoute):
    """Answers many walls by the shortest way."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers."""

        async def handle(request: Request) -> Response:
            principal = await _may_read(request)
            service: Service = request.app.state.service
            asked = SiteFilter.of_query(service, principal, request.query_params)
            return await live_part(request, service, principal, asked)

        return handle


async def live_part(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(_may_read)],
    asked: AskedFor,
) -> Response:
    """Return what a wall that hangs puts in place of what it shows: bytes that all share."""
    drawing = await wall_drawing(request, service, principal, asked)
    headers = {"Cache-Control": "private, no-store", "Vary": "Accept-Encoding"}
    if not takes_gzip(request):
        return Response(drawing.plain, media_type="text/html", headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(drawing.packed, media_type="text/html", headers=headers)


router.add_api_route("/wall", live_part, route_class_override=_PartRoute)
LIVE_PART = next(route for route in router.routes if isinstance(route, _PartRoute))
"""Found before the others: see `EarlyRoute`."""


async def wall_drawing(
    request: Request,
    service: Service,
    principal: Principal,
    asked: SiteFilter,
    *,
    names: bool = True,
) -> Drawing:
    """Return the wall of somebody's area, drawn once for all who see the same.

    Parameters
    ----------
    names : bool
        Show who handles what and why, and what can be chosen: not for whoever passes by.
    """
    drawings: SharedDrawings = request.app.state.drawings
    language = language_of(request)
    return await drawings.get(
        ("wall", principal.role, principal.scope, asked, names, language),
        partial(_read, service, principal, asked, language, names, request.app.state.map_pictures),
    )


async def _read(
    service: Service,
    principal: Principal,
    asked: SiteFilter,
    language: str,
    names: bool,
    pictures: MapPictures,
) -> Callable[[], Markup]:
    """Return what draws the wall as it stands now."""
    now = service.clock.now()
    words = words_in(service, language)
    directory = service.directory
    seen = list(directory.visible_to(principal))
    outages = outages_seen(service, principal, asked.province)
    shown = {site.site_id for site in seen if asked.fits_site(service, site)}
    async with service.database.reading() as connection:
        coming, ahead = await coming_sessions(
            connection, shown, after=now, until=now + _AHEAD, most=_SESSIONS
        )
        verdicts = await latest_verdicts(connection, [item.session_id for item in coming])
    named = [
        (session, directory.sites[session.site_id], verdicts.get(session.session_id))
        for session in coming
        if session.site_id in directory.sites
    ]
    return partial(
        _draw,
        lambda: service.board.snapshot(now, seen).sites,
        words,
        pictures,
        asked=asked,
        coming=named,
        more=max(0, ahead - _SESSIONS),
        demo=service.config.demo,
        outages=outages,
        choices=choices_of(service, principal) if names else {},
        names=names,
    )


def _draw(
    read: Callable[[], Sequence[SiteSnapshot]],
    words: Words,
    pictures: MapPictures,
    *,
    asked: SiteFilter,
    **values: Any,
) -> Markup:
    """Draw the wall; the board is read in the same thread, as metrics read it in theirs."""
    assert words.now is not None
    now = words.now
    everything = [as_of(site, now) for site in read()]
    of_any_state = [(site, standing_of(site)) for site in everything if asked.fits(site)]
    standing = sorted(
        (item for item in of_any_state if asked.fits(item[0], item[1].state)), key=_order
    )
    chosen = [site for site, _ in standing]
    shown = [_tile(site, seen, words) for site, seen in standing[:_MOST_TILES]]
    groups = Counter(seen.state for _, seen in standing)
    # what nobody has taken on goes first
    alone = [site for site in chosen if site.outage is None]  # the others fell with an operator
    troubles = sorted(troubles_of(alone, now), key=lambda trouble: bool(trouble.site.notices))
    base = pictures.base(
        {site.province_code for site in chosen}, {site.commune_code for site in chosen}
    )
    villages = base.villages if base is not None and asked.villages else ()
    return draw_part(
        "wall_part.html",
        words=words,
        tiles=[(group, [tile for tile in shown if tile.state == group]) for group in STANDINGS],
        sites=len(standing),
        more_sites=len(standing) - len(shown),
        columns=max(1, min(4, math.ceil((len(shown) + len(groups)) / _ROWS))),
        counts=Counter(seen.state for _, seen in of_any_state),
        states=STANDINGS,
        provinces=sorted({(site.province_code, site.province_name) for site in everything}),
        communes=_communes(standing),
        asked=asked,
        streams=sorted(
            (
                # how many more fit is said once for a site, not by each of its lanes
                (lane, len(site.lanes) > 1, site if number == 0 else None)
                for site in chosen
                for number, lane in enumerate(site.by_lane)
                if lane.session_live
            ),
            key=lambda item: _stream_order(item[0]),
        ),
        looks=STREAM_LOOKS_LIKE,
        standing_of=standing_of,
        alerts=[trouble for trouble in troubles if not trouble.ahead],
        ahead=[trouble for trouble in troubles if trouble.ahead],
        map=site_map(
            [(site, seen.state) for site, seen in standing],
            words,
            {trouble.site.site_id for trouble in troubles},
            base,
            villages,
        ),
        base=base,
        villages=_villages_by_class(base) if asked.villages else [],
        village_mark=village_mark,
        synthetic=any(site.synthetic for site in chosen),
        **values,
    )


def _villages_by_class(base: MapBase | None) -> list[tuple[str, int]]:
    counted = Counter(name for *_, name in base.villages) if base is not None else Counter()
    return [(name, counted[name]) for name in VILLAGE_CLASSES if counted[name]]


def outages_seen(
    service: Service, principal: Principal, province: str | None = None
) -> list[tuple[OperatorOutage, list[str]]]:
    """Return the outages that touch what somebody sees, with the names of their communes there."""
    directory = service.directory
    found = []
    for outage in service.board.outages:
        codes = {
            site.commune_code
            for name in outage.site_ids
            if (site := directory.sites.get(name)) is not None and directory.sees(principal, site)
        }
        names = [directory.communes[code].name for code in outage.commune_codes if code in codes]
        if names and province in (None, outage.province_code):
            found.append((outage, names))
    return found


def _tile(site: SiteSnapshot, standing: Standing, words: Words) -> Tile:
    if standing.state == "idle":
        note = ""
    elif not site.session_live:
        note = words.soon(site.session_starts_at)
    else:
        # where nobody has seen a stream, that it is time for one is all that is known
        short = {"stream": "wall.live", "nothing": "wall.unwatched"}.get(seen_of(site) or "")
        note = words.on_air(site) if short is None else words.t(short)
    if site.lanes:
        note = f"{words.t('lane.count', n=len(site.lanes))} · {note}"
    return Tile(site=site, state=standing.state, word=words.t(standing.key), note=note)


def _order(item: tuple[SiteSnapshot, Standing]) -> tuple[Any, ...]:
    site, standing = item
    starts_at = site.session_starts_at
    return (
        STANDINGS.index(standing.state),
        0.0 if starts_at is None else starts_at.timestamp(),
        site.name,
    )


def _stream_order(site: SiteSnapshot) -> tuple[int, float, str]:
    if site.stream is None:
        return STANDINGS.index("unknown"), 0.0, site.name
    look = STREAM_LOOKS_LIKE[site.stream.state]
    return STANDINGS.index(look), -(site.stream.lag_s or 0.0), site.name


def _communes(
    sites: Iterable[tuple[SiteSnapshot, Standing]],
) -> list[tuple[str, str, Counter[str]]]:
    """Return code and name of each commune and its sites by state, the worst commune first."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for site, standing in sites:
        key = (site.commune_code, site.commune_name)
        counted.setdefault(key, Counter())[standing.state] += 1
    return sorted(
        ((code, name, states) for (code, name), states in counted.items()),
        key=lambda item: (
            *(-item[2][state] for state in ("not_ready", "at_risk", "unknown")),
            item[1],
        ),
    )
