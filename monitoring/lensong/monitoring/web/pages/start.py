"""From a fresh server to the first verdict: what is done, what is to do, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.store.events import all_webhooks
from lensong.monitoring.store.people import all_people, tokens_of
from lensong.monitoring.store.sessions import list_sessions
from lensong.monitoring.store.streams import all_sources
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render

__all__ = ["router"]

router = APIRouter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to do.

    Parameters
    ----------
    name : str
        Of its texts.
    links : tuple of (str, str)
        Addresses and the keys of what they are called.
    wanted : bool
        The first verdict needs it.
    """

    name: str
    done: bool
    links: tuple[tuple[str, str], ...]
    wanted: bool = True


@router.get("/start")
async def start(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.ADMIN))],
) -> Response:
    """Lead from a fresh server to the first verdict."""
    directory, board = service.directory, service.board
    async with service.database.reading() as connection:
        people = await all_people(connection)
        scrapers = [item for item in await tokens_of(connection, None) if item.revoked_at is None]
        webhooks = await all_webhooks(connection)
        planned = (await list_sessions(connection, limit=1)).items
        sources = await all_sources(connection)
    tested = any(board.last_of(site_id) is not None for site_id in directory.sites)
    first = next(iter(sorted(directory.sites)), None)
    of_site = ((f"/sites/{first}", "page.sites"),) if first else (("/sites", "page.sites"),)
    steps = (
        Step(
            name="places",
            done=bool(directory.communes),
            links=(("/places", "page.places"), ("/import?kind=communes", "page.import")),
        ),
        Step(
            name="sites",
            done=bool(directory.sites),
            links=(("/sites", "page.sites"), ("/import?kind=sites", "page.import")),
        ),
        Step(name="profiles", done=bool(directory.profiles), links=(("/admin", "page.admin"),)),
        Step(
            name="people",
            done=sum(person.disabled_at is None for person in people) > 1,
            links=(("/admin", "page.admin"),),
        ),
        Step(name="test", done=tested, links=of_site),
        Step(
            name="session",
            done=bool(planned),
            links=(
                ("/sessions/new", "page.new_session"),
                ("/import?kind=sessions", "page.import"),
                ("/calendar-feeds", "page.feeds"),
            ),
        ),
        Step(name="media", done=bool(sources), links=of_site, wanted=False),
        Step(name="scrapers", done=bool(scrapers), links=(("/admin", "page.admin"),), wanted=False),
        Step(name="webhooks", done=bool(webhooks), links=(("/admin", "page.admin"),), wanted=False),
    )
    return render(request, "start.html", principal=principal, steps=steps)
