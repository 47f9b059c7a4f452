"""What is somebody's own: the tokens of their command line."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.operations.person_tokens import person_tokens_for
from lensong.monitoring.operations.push import pushes_for
from lensong.monitoring.store.people import digest
from lensong.monitoring.web.addresses import public_url
from lensong.monitoring.web.api.push import PushOut
from lensong.monitoring.web.guards import Running, anybody, browser_cookie
from lensong.monitoring.web.pages.assets import asset_text
from lensong.monitoring.web.pages.rendering import PageNeeds, render

__all__ = ["router"]

router = APIRouter()


@router.get("/account")
async def account(
    request: Request,
    service: Running,
    principal: Annotated[Principal, Depends(PageNeeds(Action.READ))],
) -> Response:
    """Show the asker's browsers that are told and tokens of the command line, and end them.

    To an administrator everybody's tokens.
    """
    browser = request.cookies.get(browser_cookie(service.config.root))
    browsers = [
        (PushOut.of(found), browser is not None and found.browser_sha256 == digest(browser))
        for found in await pushes_for(service, principal)
    ]
    return render(
        request,
        "account.html",
        principal=principal,
        tokens=await person_tokens_for(service, principal),
        everybody=principal.may(Action.ADMIN),
        browsers=browsers,
        push_key=service.push.key.public,
        public_url=public_url(service, request),
        person_id=principal.actor.partition(":")[2],
    )


@router.get("/account/push-worker.js", dependencies=[Depends(anybody)])
async def push_worker() -> Response:
    """Return the script that shows what the service tells while no page is open."""
    return Response(
        asset_text("push-worker.js"),
        media_type="text/javascript; charset=utf-8",
        headers={"Cache-Control": "no-cache"},
    )
