"""The page of what happened: of a site, a commune, or all that somebody sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.errors import FieldError
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.operations.timelines import timeline_for
from lensong.monitoring.store.timeline import KINDS, TimelineEntry
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.event_texts import alert_text, notice_text
from lensong.monitoring.web.pages.rendering import PageNeeds, render, words_of
from lensong.monitoring.web.pages.site_search import site_choices
from lensong.monitoring.web.pages.words import Words

__all__ = ["Line", "lines_of", "router"]

router = APIRouter()

_ROWS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An entry as people read it.

    Parameters
    ----------
    look : str
        Which shape stands before it; empty for none.
    """

    at: datetime
    look: str
    what: str
    text: str
    site_id: str | None
    site_name: str
    session_id: str | None


@router.get("/timeline")
async def show(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
    site: str | None = None,
    commune: str | None = None,
    province: str | None = None,
    group: Annotated[list[str], Query()] = [],  # noqa: B006 (FastAPI copies it)
    before: str | None = None,
) -> Response:
    """Show what happened, the latest first, a page at a time."""
    site, commune, province = site or None, commune or None, province or None
    moment = _moment(before)
    found = await timeline_for(
        service,
        principal,
        site_id=site,
        commune_code=None if site else commune,
        province_code=None if site else province,
        groups=[name for name in group if name in KINDS],
        before=moment,
        limit=_ROWS,
    )
    directory = service.directory
    seen = {item.commune_code for item in directory.visible_to(principal)}
    provinces = {directory.communes[code].province_code for code in seen}
    return render(
        request,
        "timeline.html",
        principal=principal,
        lines=lines_of(found, directory, words_of(request)),
        chosen_site=site,
        chosen_commune=commune,
        chosen_province=province,
        chosen_groups=group,
        groups=list(KINDS),
        sites=site_choices(directory, principal, site),
        communes=sorted(
            (item for item in directory.communes.values() if item.code in seen),
            key=lambda item: item.name,
        ),
        provinces=sorted(
            (directory.provinces[code] for code in provinces), key=lambda item: item.name
        ),
        older=found[-1].at.isoformat() if len(found) >= _ROWS else None,
        is_older=moment is not None,
    )


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year < 2200:
        raise FieldError(
            f"before is {text[:40]!r}, wanted a time with its zone",
            field="before",
            reason="invalid",
        )
    return moment


def lines_of(entries: Sequence[TimelineEntry], directory: Directory, words: Words) -> list[Line]:
    """Return entries as people read them."""
    return [_line(entry, directory, words) for entry in entries]


def _line(entry: TimelineEntry, directory: Directory, words: Words) -> Line:
    site = directory.sites.get(entry.site_id or "")
    look, text = _told(entry, words)
    return Line(
        at=entry.at,
        look=look,
        what=words.t(f"timeline.{entry.kind}"),
        text=text,
        site_id=entry.site_id,
        site_name="" if site is None else site.name,
        session_id=entry.session_id,
    )


def _told(entry: TimelineEntry, words: Words) -> tuple[str, str]:
    body: dict[str, Any] = dict(entry.body)
    match entry.kind.partition(".")[0]:
        case "verdict":
            after = body["verdict"]["state"]
            before = body.get("before")
            now = words.t(f"state.{after}")
            then = "" if before is None else f"{words.t(f'state.{before}')} → "
            return after, f"{then}{now} · {body.get('title', '')}"
        case "stream":
            after, before = body["health"]["state"], body.get("before")
            then = "" if before is None else f"{words.t(f'stream_state_{before}')} → "
            return after, then + words.t(f"stream_state_{after}")
        case "test":
            if entry.kind != "test.success":
                return "at_risk" if entry.kind == "test.failure" else "", " ".join(
                    str(body[name]) for name in ("operator", "technology") if body[name]
                )
            network = " ".join(str(body[n]) for n in ("operator", "technology") if body[n])
            rate = words.t(
                "timeline.rates",
                p10=words.mbps(body["uplink_p10_bps"]),
                p50=words.mbps(body["uplink_p50_bps"]),
            )
            return "", f"{rate} {network}".strip()
        case "notice":
            return "", notice_text(entry.kind, body, words)
        case "operator":
            told = words.t(
                "outage.sites",
                n=len(body["site_ids"]),
                of=body["of_sites"],
                share=words.share(body["share"]),
            )
            look = "not_ready" if entry.kind == "operator.fell" else "ready"
            return look, f"{body['operator']}: {told} ({', '.join(body['commune_names'])})"
        case "alert":
            look = body["state"] if entry.kind == "alert.raised" else "ready"
            return look, f"{alert_text(body, words)} · {body.get('title') or ''}"
    return "", str(body.get("title", ""))
