"""People, tokens of scrapers, webhooks, stream profiles and the audit trail."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.live.message_formats import FORMATS
from lensong.monitoring.operations.webhooks import shown_url
from lensong.monitoring.records import OVERHEAD_RATIO, Transport
from lensong.monitoring.store.events import all_webhooks
from lensong.monitoring.store.people import all_people, list_audit, tokens_of
from lensong.monitoring.store.timeline import KINDS
from lensong.monitoring.tolerance import Tolerance
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render, words_of
from lensong.monitoring.web.pages.site_search import site_choices

__all__ = ["router"]

router = APIRouter()


@router.get("/admin")
async def admin(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.ADMIN))],
) -> Response:
    """Show who may come in, what goes out, and who did what."""
    async with service.database.reading() as connection:
        people = await all_people(connection)
        scrapers = await tokens_of(connection, None)
        webhooks = await all_webhooks(connection)
        trail = await list_audit(connection, limit=50)
    directory, words = service.directory, words_of(request)
    return render(
        request,
        "admin.html",
        principal=principal,
        people=people,
        scrapers=scrapers,
        webhooks=webhooks,
        shown_url=shown_url,
        forms=FORMATS,
        hook_kinds=[kind for kinds in KINDS.values() for kind in kinds],
        trail=trail.items,
        profiles=directory.profiles.values(),
        transports=[transport.value for transport in Transport],
        overhead_ratio=OVERHEAD_RATIO,
        tolerance=Tolerance(),
        profile_fields=lambda profile: (
            asdict(profile) | {"platform": words.platform(profile.platform)}
        ),
        scopes={
            "province": [(p.code, p.name) for p in directory.provinces.values()],
            "commune": [(c.code, c.name) for c in directory.communes.values()],
        },
        sites=site_choices(directory, principal),
    )
