"""All sessions of a month, as a list or a calendar, with what became of each."""

from __future__ import annotations

import calendar
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
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
from lensong.monitoring.service import Service
from lensong.monitoring.store.calendar_feeds import all_feeds
from lensong.monitoring.store.events import latest_verdicts
from lensong.monitoring.store.sessions import outcomes_of, sessions_between, sessions_named
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.paging import Asked, Paged, PageNumber, Search, finds
from lensong.monitoring.web.pages.rendering import PageNeeds, render, words_of

__all__ = ["router"]

router = APIRouter()

_IN_A_DAY = 5
"""Sessions that a day of the calendar shows; the others are counted, and listed on demand."""

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
    room : str, optional
        How many more sellers fit beside it, where that is known.
    """

    session: Session
    site: Site
    commune: str
    profile: str
    state: str
    word: str
    status: str
    room: str | None = None

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
    day: str = "",
    q: Search = "",
    page: PageNumber = 1,
) -> Response:
    """Show the sessions of a month or a day in the asker's area: a list in pages, or a calendar."""
    zone = ZoneInfo(service.config.time_zone)
    now, words = service.clock.now(), words_of(request)
    today = now.astimezone(zone).date()
    found = _MONTH.fullmatch(month)
    first = date(int(found[1]), int(found[2]), 1) if found else today.replace(day=1)
    chosen = _day(day, first) if view == "list" else None
    before, after = _month_off(first, -1), _month_off(first, 1)
    directory = service.directory
    sites = {site.site_id: site for site in directory.visible_to(principal)}

    def names_of(site: Site) -> tuple[str, str]:
        return site.name, directory.communes[site.commune_code].name

    async with service.database.reading() as connection:
        entries = await sessions_between(
            connection,
            sites,
            datetime(first.year, first.month, 1, tzinfo=zone),
            datetime(after.year, after.month, 1, tzinfo=zone),
        )
        if q:
            entries = [
                item
                for item in entries
                if finds(q, item.title, item.site_id, *names_of(sites[item.site_id]))
            ]
        days = [item.starts_at.astimezone(zone).date() for item in entries]
        if chosen is not None:
            entries = [item for item, on in zip(entries, days, strict=True) if on == chosen]
        asked = {"month": f"{first:%Y-%m}", "view": view, "day": chosen, "q": q}
        paged = Paged.of(entries, page, Asked(f"{service.config.root}/sessions", asked))
        of_day: Counter[date] = Counter()
        ids = [item.session_id for item in paged.items]
        if view == "calendar":
            ids = []
            for item, on in zip(entries, days, strict=True):
                of_day[on] += 1
                if of_day[on] <= _IN_A_DAY:
                    ids.append(item.session_id)
        shown_here = await sessions_named(connection, ids)
        outcomes = await outcomes_of(connection, ids)
        feeds = await all_feeds(connection) if principal.may(Action.ADMIN) else ()
        verdicts = await latest_verdicts(
            connection,
            [
                item.session_id
                for item in shown_here
                if item.status in (SessionStatus.PLANNED, SessionStatus.LIVE)
            ],
        )
    rows = []
    for session in shown_here:
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
            for lane in shown.by_lane:
                if lane.session_id == session.session_id:
                    standing = standing_of(lane)
                    state, word = standing.state, standing.key
        kept = verdicts.get(session.session_id)
        rows.append(
            Listed(
                room=None if kept is None else words.more_sellers(kept.verdict),
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
        chosen=chosen,
        q=q,
        paged=paged,
        coming=_next_of(service, sites),
        feeds_in_trouble=sum(bool(feed.failure) for feed in feeds),
        more_of={on: count - _IN_A_DAY for on, count in of_day.items() if count > _IN_A_DAY},
    )


def _next_of(service: Service, sites: Iterable[str]) -> datetime | None:
    """Return when the next session of some sites begins, None where none is planned."""
    found = (service.board.session_of(site_id) for site_id in sites)
    return min((session.starts_at for session in found if session is not None), default=None)


def _day(text: str, month: date) -> date | None:
    """Return a day of a month, None where none of it is asked for."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if (day.year, day.month) == (month.year, month.month) else None


def _month_off(first: date, months: int) -> date:
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)
