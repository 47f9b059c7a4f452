"""What to do about each alert: the page that messages and rules may point at."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.web.pages.rendering import PageNeeds, render

__all__ = ["RUNBOOKS", "router"]

router = APIRouter()

RUNBOOKS = {
    "ApiDown": ("runbook.ApiDown",),
    "SiteNotReady": ("todo.not_ready",),
    "SessionAhead": ("todo.unknown", "todo.at_risk", "todo.not_ready"),
    "ProbeStale": ("todo.unknown", "todo.failed"),
    "OperatorDown": ("todo.operator",),
    "SiteHandled": ("runbook.SiteHandled",),
    "StreamLagging": ("todo.lagging", "todo.breaking"),
    "StreamDown": ("todo.down",),
    "StreamSourceDown": ("runbook.StreamSourceDown",),
}
"""What each alert of the shipped rules asks for; a test holds that none is missing."""


@router.get("/runbooks")
async def show(
    request: Request,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
) -> Response:
    """Show what to do, alert by alert."""
    return render(request, "runbooks.html", principal=principal, runbooks=RUNBOOKS)
