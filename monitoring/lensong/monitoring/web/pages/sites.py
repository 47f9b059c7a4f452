"""The list of sites, one site, and the link for a phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from io import BytesIO
from typing import Annotated, Any
from urllib.parse import urlsplit

import segno
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.live.board import Planned
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.live.standing import STANDINGS, Standing, standing_of
from lensong.monitoring.operations.timelines import timeline_for
from lensong.monitoring.readiness.verdict import Verdict
from lensong.monitoring.records import Session, Site
from lensong.monitoring.store.measurements import hours_between, list_measurements
from lensong.monitoring.store.people import tokens_of
from lensong.monitoring.store.sessions import list_sessions
from lensong.monitoring.store.streams import StreamSource, sources_of
from lensong.monitoring.streams.health_state import describe
from lensong.monitoring.streams.target import KINDS, CollectorTarget
from lensong.monitoring.web.addresses import lan_address, public_url, reaches_nobody
from lensong.monitoring.web.api.shapes import Body, SiteBody
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.charts import heat_map, uplink_chart
from lensong.monitoring.web.pages.notices import notices_of_site
from lensong.monitoring.web.pages.paging import Paged, PageNumber, Search, finds, in_order
from lensong.monitoring.web.pages.places import communes_to_choose
from lensong.monitoring.web.pages.rendering import PageNeeds, page_site, render, words_of
from lensong.monitoring.web.pages.timeline import lines_of
from lensong.monitoring.web.pages.wall_filter import AskedFor, choices_of

__all__ = ["router"]

router = APIRouter()
Reader = Annotated[Principal, Depends(PageNeeds(Action.READ))]

_CHART = timedelta(days=30)
_HEAT = timedelta(days=56)
_GROUPS = ("state", "session", "alert", "notice", "operator")
"""What the page of a site tells of; tests have their own table there."""


class Link(Body):
    """What a QR code is to hold."""

    text: Annotated[str, Field(min_length=1, max_length=400)]


_SORTS: dict[str, Callable[[tuple[SiteSnapshot, Standing]], Any]] = {
    "name": lambda item: in_order(item[0].name),
    "commune": lambda item: in_order(item[0].commune_name),
    "state": lambda item: STANDINGS.index(item[1].state),
    "next": lambda item: item[0].session_starts_at,
    "safe": lambda item: item[0].uplink_safe_bps,
    "test": lambda item: item[0].probe_last_attempt_at,
}
"""Columns of the list by which it can be sorted; None is not known."""


@router.get("/sites")
async def list_all(
    request: Request,
    service: Running,
    principal: Reader,
    asked: AskedFor,
    q: Search = "",
    sort: Annotated[str, Query(pattern=f"^(-?({'|'.join(_SORTS)}))?$")] = "",
    page: PageNumber = 1,
) -> Response:
    """Show the sites in the asker's area, all or those that are asked for, in pages."""
    now, directory = service.clock.now(), service.directory
    named = [
        (site, directory.communes[site.commune_code].name)
        for site in directory.visible_to(principal)
        if asked.fits_site(service, site)
    ]
    if q:
        named = [
            (site, commune)
            for site, commune in named
            if finds(q, site.name, commune, directory.province_of(site).name, site.site_id)
        ]
    named.sort(key=lambda item: (in_order(item[1]), in_order(item[0].name), item[0].site_id))

    def shown(sites: Sequence[Site]) -> list[tuple[SiteSnapshot, Standing]]:
        found = (as_of(site, now) for site in service.board.snapshot(now, sites).sites)
        return [(site, standing_of(site)) for site in found]

    sites = [site for site, _ in named]
    address = asked.at(f"{service.config.root}/sites", q=q, sort=sort, page=page)
    paged: Paged[Any]  # of sites that are looked at because they are on the page, or before that
    if asked.state is None and not sort:
        paged = Paged.of(sites, page, address)
        rows = shown(paged.items)
    else:
        everything = [item for item in shown(sites) if asked.fits(item[0], item[1].state)]
        if sort:
            key = _SORTS[sort.lstrip("-")]
            # what is not known goes last, whichever way
            known = [item for item in everything if key(item) is not None]
            known.sort(key=key, reverse=sort.startswith("-"))
            everything = known + [item for item in everything if key(item) is None]
        paged = Paged.of(everything, page, address)
        rows = list(paged.items)
    return render(
        request,
        "sites.html",
        principal=principal,
        rows=rows,
        paged=paged,
        q=q,
        sort=sort,
        order=STANDINGS,
        communes=communes_to_choose(service.directory, principal),
        asked=asked,
        choices=choices_of(service, principal),
    )


@router.get("/sites/{site_id}")
async def one(
    site: Annotated[Site, page_site(Action.READ)],
    request: Request,
    service: Running,
    principal: Reader,
) -> Response:
    """Show a site: the verdict for its next session, and what it rests on."""
    site_id = site.site_id
    now, words = service.clock.now(), words_of(request)
    async with service.database.reading() as connection:
        hours = await hours_between(connection, [site_id], now - _HEAT)
        tests = await list_measurements(connection, site_id, limit=12)
        planned = await list_sessions(
            connection, site_ids=[site_id], after=now - timedelta(days=30), limit=30
        )
        tokens = await tokens_of(connection, site_id) if principal.may(Action.EQUIP) else ()
        sources = await sources_of(connection, site_id) if principal.may(Action.ADMIN) else ()
    happened = await timeline_for(service, principal, site_id=site_id, groups=_GROUPS, limit=8)
    snapshot = as_of(service.board.snapshot(now, [site]).sites[0], now)
    session, verdict = _shown(service.board.coming(site_id), snapshot)
    required_bps = None if verdict is None else verdict.uplink_required_bps
    recent = [hour for hour in hours if hour.hour_starts_at >= now - _CHART]
    commune = service.directory.communes[site.commune_code]
    streams = [
        (lane, health, [describe(reason, words.language) for reason in health.reasons])
        for lane in sorted(service.board.streams_of(site_id))
        if (health := service.streams.health_of(site_id, lane)) is not None
    ]
    return render(
        request,
        "site.html",
        principal=principal,
        site=site,
        commune=commune,
        province=service.directory.provinces[commune.province_code],
        snapshot=snapshot,
        lanes=[(lane, standing_of(lane)) for lane in snapshot.lanes],
        session=session,
        verdict=verdict,
        profiles=service.directory.profiles,
        streams=streams,
        sessions=sorted(planned.items, key=lambda item: item.starts_at, reverse=True),
        tests=tests.items,
        tokens=tokens,
        sources=_by_lane(site, sources),
        host_of=_host,
        streams_planned=service.directory.plan_streams.get(site_id, ()),
        beside=[
            service.directory.sites[name]
            for name in sorted(service.directory.on_the_same_cells(site))
            if service.directory.sees(principal, service.directory.sites[name])
        ],
        kinds=KINDS,
        public_url=public_url(service, request),
        predictions=service.directory.predictions.get(site_id, ()),
        chart=uplink_chart(recent, now - _CHART, now, required_bps, words),
        heat=heat_map(hours, required_bps, words),
        sites=service.directory.sites,
        communes=communes_to_choose(service.directory, principal),
        site_body=SiteBody.of(site).model_dump(mode="json", exclude={"site_id"}),
        lines=lines_of(happened, service.directory, words),
        **notices_of_site(service, principal, site),
    )


def _shown(
    coming: Sequence[Planned], snapshot: SiteSnapshot
) -> tuple[Session | None, Verdict | None]:
    """Return the session by which a site is called, with its verdict; by default the first."""
    for session, verdict in coming:
        if session.session_id == snapshot.session_id:
            return session, verdict
    return coming[0] if coming else (None, None)


def _by_lane(site: Site, sources: Sequence[StreamSource]) -> list[tuple[int, StreamSource | None]]:
    """Return the media server of each lane that the site has, or that has one."""
    found = {source.lane: source for source in sources}
    lanes = {*range(1, site.sessions_at_once + 1), *found}
    # of many lanes those with a server, and the first without one
    bare = [lane for lane in sorted(lanes) if lane not in found]
    return [(lane, found.get(lane)) for lane in sorted({*found, *bare[:1]})]


def _host(target: CollectorTarget) -> str:
    """Return the machine that is asked, or the file; empty where the figures are sent to us."""
    parts = urlsplit(target.url or "")
    return parts.netloc or parts.path


@router.get("/sites/{site_id}/join")
async def join(
    site: Annotated[Site, page_site(Action.EQUIP)],
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.EQUIP))],
) -> Response:
    """Show where a one-time link for a phone is made and printed."""
    commune = service.directory.communes[site.commune_code]
    return render(
        request,
        "join.html",
        principal=principal,
        site=site,
        sheet=(site.name, commune.name),
        lan_address=lan_address() if reaches_nobody(public_url(service, request)) else None,
    )


@router.post("/qr")
async def qr(
    link: Link,
    principal: Annotated[Principal, Depends(PageNeeds(Action.EQUIP))],  # noqa: ARG001 (who asks is checked)
) -> Response:
    """Return a QR code as SVG; asked for by POST, because logs of proxies hold addresses."""
    drawn = BytesIO()
    segno.make(link.text, error="m", micro=False).save(
        drawn, kind="svg", scale=6, border=4, dark="#000", light="#fff", xmldecl=False
    )
    return Response(
        drawn.getvalue(), media_type="image/svg+xml", headers={"Cache-Control": "no-store"}
    )
