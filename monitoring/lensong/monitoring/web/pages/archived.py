"""What stands for the pages of a site that is archived: since when, what is kept, the way back."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from lensong.monitoring.access import Action
from lensong.monitoring.errors import ArchivedError
from lensong.monitoring.service import Service
from lensong.monitoring.store.measurements import count_measurements
from lensong.monitoring.store.sessions import list_sessions
from lensong.monitoring.web.guards import still_may
from lensong.monitoring.web.pages.rendering import render
from lensong.monitoring.web.problems import problem, wants_page

__all__ = ["archived_page"]

_MOST = 20


async def archived_page(request: Request, error: Exception) -> Response:
    """Answer whoever asks for something of an archived site."""
    assert isinstance(error, ArchivedError)
    if not wants_page(request):
        return problem(request, 404, error.code, str(error))
    service: Service = request.app.state.service
    principal = await still_may(request, Action.READ)
    async with service.database.reading() as connection:
        tests = await count_measurements(connection, error.site_id)
        held = await list_sessions(connection, site_ids=[error.site_id], limit=_MOST)
    return render(
        request,
        "archived.html",
        principal=principal,
        status=404,
        site=error,
        tests=tests,
        sessions=held.items,
        more=held.next_cursor is not None,
        profiles=service.directory.profiles,
    )
