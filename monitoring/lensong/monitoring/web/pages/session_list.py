"""All sessions of a month, as a list or a calendar, with what became of each."""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.standing import standing_of
from lensong.monitoring.records import Session, SessionStatus, Site
from lensong.monitoring.store.events import latest_verdicts
from lensong.monitoring.store.sessions import list_sessions, outcomes_of
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render, words_of

__all__ = ["router"]

router = APIRouter()

_MOST = 1_000
_MONTH = re.compile(r"(20[0-9]{2}|21[0-9]{2})-(0[1-9]|1[0-2])")
_LOOKS = {"held": "ready", "froze": "not_ready", "lost": "not_ready"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A session as the list shows it.

    Parameters
    ----------
    state : str
        Colour and shape: a readiness state.
    word : str
        Key of what stands beside it.
    status : str
        Planned, over, called off; of the one whose time it is, what is seen of it.
    """

    session: Session
    site: Site
    commune: str
    profile: str
    state: str
    word: str
    status: str

    @property
    def open(self) -> bool:
        """Return whether it can still be changed."""
        return self.session.status in (SessionStatus.PLANNED, SessionStatus.LIVE)


@router.get("/sessions")
async def listed(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
    month: str = "",
    view: Literal["list", "calendar"] = "list",
) -> Response:
    """Show the sessions of a month in the asker's area."""
    zone = ZoneInfo(service.config.time_zone)
    now, words = service.clock.now(), words_of(request)
    today = now.astimezone(zone).date()
    found = _MONTH.fullmatch(month)
    first = date(int(found[1]), int(found[2]), 1) if found else today.replace(day=1)
    before, after = _month_off(first, -1), _month_off(first, 1)
    directory = service.directory
    sites = {site.site_id: site for site in directory.visible_to(principal)}
    async with service.database.reading() as connection:
        page = await list_sessions(
            connection,
            site_ids=sites.keys(),
            after=datetime(first.year, first.month, 1, tzinfo=zone),
            before=datetime(after.year, after.month, 1, tzinfo=zone),
            limit=_MOST,
        )
        ids = [item.session_id for item in page.items]
        outcomes = await outcomes_of(connection, ids)
        verdicts = await latest_verdicts(
            connection,
            [
                item.session_id
                for item in page.items
                if item.status in (SessionStatus.PLANNED, SessionStatus.LIVE)
            ],
        )
    rows = []
    for session in page.items:
        site = sites[session.site_id]
        if (outcome := outcomes.get(session.session_id)) is not None:
            state, word = _LOOKS[outcome], f"word.after.{outcome}"
        elif session.session_id in verdicts:
            state = verdicts[session.session_id].verdict.state.value
            word = f"state.{state}"
        else:
            state, word = "unknown", f"status.{session.status}"
        status = words.t(f"status.{session.status}")
        if session.status is SessionStatus.LIVE:
            (shown,) = (as_of(seen, now) for seen in service.board.snapshot(now, [site]).sites)
            status = words.status(session, shown)
            if shown.session_id == session.session_id:
                standing = standing_of(shown)
                state, word = standing.state, standing.key
        rows.append(
            Listed(
                session=session,
                site=site,
                commune=directory.communes[site.commune_code].name,
                profile=directory.profiles[session.profile_code].name,
                state=state,
                word=word,
                status=status,
            )
        )
    by_day: defaultdict[date, list[Listed]] = defaultdict(list)
    for row in rows:
        by_day[row.session.starts_at.astimezone(zone).date()].append(row)
    return render(
        request,
        "sessions.html",
        principal=principal,
        rows=rows,
        by_day=by_day,
        weeks=calendar.Calendar().monthdatescalendar(first.year, first.month),
        view=view,
        first=first,
        today=today,
        months=(f"{before:%Y-%m}", f"{first:%Y-%m}", f"{after:%Y-%m}"),
        more=page.next_cursor is not None,
        most=_MOST,
    )


def _month_off(first: date, months: int) -> date:
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
