"""Uploading lists: what would become of each row, then all of it or what is fine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.messages import catalogue
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render, words_of
from lensong.monitoring.web.pages.site_search import site_choices

__all__ = ["router"]

router = APIRouter()


@router.get("/import")
async def upload(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.PLAN))],
    kind: str = "sessions",
) -> Response:
    """Show the form that takes a list, of the kinds that the asker may upload."""
    manages = principal.may(Action.MANAGE)
    language = words_of(request).language
    return render(
        request,
        "import.html",
        principal=principal,
        kinds=("communes", "sites", "sessions") if manages else ("sessions",),
        chosen=kind,
        sites=site_choices(service.directory, principal),
        profiles=service.directory.profiles.values(),
        words={
            key: entry[language] for key, entry in catalogue().items() if key.startswith("import.")
        },
    )
