"""The wallboard of an operations centre: what is in trouble now, and whom it touches."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.metrics.snapshot import SiteSnapshot
from lensong.monitoring.records import Session
from lensong.monitoring.store.events import latest_verdicts
from lensong.monitoring.store.sessions import open_sessions
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.screens.charts import site_map
from lensong.monitoring.web.screens.rendering import PageNeeds, render, words_of

__all__ = ["router"]

router = APIRouter()

_STATES = ("not_ready", "at_risk", "unknown", "ready")
_SOON = timedelta(hours=24)
_STREAM_FRESH = timedelta(seconds=30)
_SESSIONS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A site as the wall shows it."""

    site: SiteSnapshot
    state: str
    word: str
    trouble: int  # 0 is the worst
    note: str


@router.get("/")
async def wallboard(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
    province: str | None = None,
) -> Response:
    """Show the wall."""
    now = service.clock.now()
    seen = list(service.directory.visible_to(principal))
    snapshot = service.board.snapshot(now, seen)
    chosen = [site for site in snapshot.sites if province is None or site.province_code == province]
    words = words_of(request)
    tiles = sorted((_tile(site, now, words) for site in chosen), key=_urgency)
    shown = {site.site_id for site in chosen}
    async with service.database.reading() as connection:
        coming = [
            session
            for session in await open_sessions(connection, until=now + timedelta(days=7))
            if session.site_id in shown and session.ends_at > now
        ]
        verdicts = await latest_verdicts(connection, [item.session_id for item in coming])
    coming.sort(key=lambda session: session.starts_at)
    return render(
        request,
        "wallboard.html",
        principal=principal,
        tiles=tiles,
        counts=Counter(site.readiness_state for site in chosen),
        states=_STATES,
        provinces=_provinces(snapshot.sites),
        communes=_communes(chosen),
        province=province,
        coming=[
            (session, service.directory.sites[session.site_id], verdicts.get(session.session_id))
            for session in coming[:_SESSIONS]
        ],
        more=max(0, len(coming) - _SESSIONS),
        streams=[tile for tile in tiles if tile.site.session_live or _is_streaming(tile.site, now)],
        alerts=[tile for tile in tiles if tile.trouble <= 2],
        map=site_map([(tile.site, tile.state) for tile in tiles], words),
        synthetic=any(site.synthetic for site in chosen),
        countdown=_countdown,
    )


def _tile(site: SiteSnapshot, now: datetime, words: Any) -> Tile:
    stream = site.stream
    fresh = stream is not None and now - stream.sampled_at <= _STREAM_FRESH
    if site.session_live and stream is not None and fresh and stream.state != "ok":
        state = {"at_risk": "at_risk", "unknown": "unknown"}.get(stream.state, "not_ready")
        note = (
            words.t("wall.lag", lag_s=stream.lag_s)
            if stream.lag_s is not None and stream.state in ("at_risk", "not_ok")
            else words.t(f"stream_state_{stream.state}")
        )
        trouble = {"not_ready": 0, "at_risk": 1}.get(state, 2)
        return Tile(site=site, state=state, word=words.t(f"stream_state_{stream.state}"),
                    trouble=trouble, note=note)  # fmt: skip
    state = site.readiness_state
    soon = site.session_starts_at is not None and site.session_starts_at - now <= _SOON
    trouble = {"not_ready": 1, "at_risk": 2, "unknown": 2}.get(state, 4) if soon else 3
    if state == "ready":
        trouble = 4
    note = "" if site.session_starts_at is None else words.time(site.session_starts_at)
    if site.session_live:
        note = words.t("wall.live")
    return Tile(site=site, state=state, word=words.t(f"state.{state}"), trouble=trouble, note=note)


def _urgency(tile: Tile) -> tuple[Any, ...]:
    far = datetime.max.replace(tzinfo=tile.site.session_starts_at.tzinfo) if (
        tile.site.session_starts_at
    ) else None  # fmt: skip
    return (
        tile.trouble,
        tile.site.session_starts_at is None,
        tile.site.session_starts_at or far or datetime.max,
        tile.site.name,
    )


def _is_streaming(site: SiteSnapshot, now: datetime) -> bool:
    return (
        site.stream is not None and site.stream.up and now - site.stream.sampled_at <= _STREAM_FRESH
    )


def _provinces(sites: tuple[SiteSnapshot, ...]) -> list[tuple[str, str]]:
    return sorted({(site.province_code, site.province_name) for site in sites})


def _communes(sites: list[SiteSnapshot]) -> list[tuple[str, Counter[str]]]:
    counted: dict[str, Counter[str]] = {}
    for site in sites:
        counted.setdefault(site.commune_name, Counter())[site.readiness_state] += 1
    return sorted(
        counted.items(),
        key=lambda item: (-item[1]["not_ready"], -item[1]["at_risk"], item[0]),
    )


def _countdown(session: Session, now: datetime) -> float:
    """Return how long until a session begins [s]; below 0 it has begun."""
    return (session.starts_at - now).total_seconds()
