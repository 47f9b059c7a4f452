"""Finding a site by a few letters: what a field offers in which one is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.records import Site
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.paging import Search, finds, folded, in_order
from lensong.monitoring.web.pages.rendering import PageNeeds

__all__ = ["Choice", "SiteChoices", "router", "site_choices"]

router = APIRouter()

_MOST = 12
"""Sites that are offered at once: who sees more types a letter, or another one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A site as it is offered: its identifier, and what people call it."""

    site_id: str
    shown: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteChoices:
    """What a field offers before anything is typed.

    Parameters
    ----------
    few : tuple of Choice, optional
        All sites, where they are few enough for a list.
    chosen : Choice, optional
        The site that is chosen already.
    total : int
        How many there are.
    """

    few: tuple[Choice, ...] | None
    chosen: Choice | None
    total: int


def site_choices(
    directory: Directory, principal: Principal, chosen: str | None = None, *, only: bool = False
) -> SiteChoices:
    """Return what a field offers to somebody.

    Parameters
    ----------
    chosen : str, optional
        Identifier of the site that is chosen already; one that is not theirs is none.
    only : bool
        Choose the first one where there are few and none is chosen.
    """
    seen = list(directory.visible_to(principal))
    few = None
    if len(seen) <= _MOST:
        few = tuple(_choice(directory, site) for site in sorted(seen, key=_by_name))
    site = directory.sites.get(chosen or "")
    if site is not None and directory.sees(principal, site):
        return SiteChoices(few=few, chosen=_choice(directory, site), total=len(seen))
    first = few[0] if few and only else None
    return SiteChoices(few=few, chosen=first, total=len(seen))


def _choice(directory: Directory, site: Site) -> Choice:
    commune = directory.communes[site.commune_code].name
    return Choice(site_id=site.site_id, shown=f"{site.name}, {commune}")


def _by_name(site: Site) -> tuple[tuple[int, str], ...]:
    return in_order(site.name)


@router.get("/find/sites")
async def find_sites(
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
    q: Search = "",
    site: Search = "",
) -> Response:
    """Return the first sites of the asker's area that a text finds, or the one of an identifier."""
    directory = service.directory
    seen = directory.visible_to(principal)
    if site:
        found = [item for item in seen if item.site_id == site]
    else:
        found = [
            item
            for item in seen
            if finds(q, item.name, directory.communes[item.commune_code].name, item.site_id)
        ]
    begins = folded(q)
    found.sort(key=lambda item: (not folded(item.name).startswith(begins), in_order(item.name)))
    offered = [_choice(directory, item) for item in found[:_MOST]]
    return JSONResponse(
        {
            "sites": [{"site_id": item.site_id, "shown": item.shown} for item in offered],
            "more": len(found) - len(offered),
        },
        headers={"Cache-Control": "private, no-store"},
    )
