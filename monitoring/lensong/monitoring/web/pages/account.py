"""What is somebody's own: the tokens of their command line."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.operations.person_tokens import person_tokens_for
from lensong.monitoring.web.addresses import public_url
from lensong.monitoring.web.guards import Running
from lensong.monitoring.web.pages.rendering import PageNeeds, render

__all__ = ["router"]

router = APIRouter()


@router.get("/account")
async def account(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
) -> Response:
    """Show the asker's tokens of the command line, and end them; to an administrator all."""
    return render(
        request,
        "account.html",
        principal=principal,
        tokens=await person_tokens_for(service, principal),
        everybody=principal.may(Action.ADMIN),
        public_url=public_url(service, request),
        person_id=principal.actor.partition(":")[2],
    )
