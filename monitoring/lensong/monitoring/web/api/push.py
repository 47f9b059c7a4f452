"""Browsers that are told by web push."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from pydantic import Field

from lensong.monitoring.operations import push as operations
from lensong.monitoring.store.push import PushSubscription
from lensong.monitoring.web.api.shapes import Body, Identifier, Line, Time
from lensong.monitoring.web.guards import Reader, Running, browser_cookie
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["sign-in"], route_class=DocumentedRoute)

_KEPT_S = 366 * 86_400


class PushIn(Body):
    """What a browser gave when its person allowed messages."""

    endpoint: Annotated[Line, Field(min_length=1, max_length=2_000)]
    p256dh: Annotated[Line, Field(min_length=80, max_length=100)]
    auth: Annotated[Line, Field(min_length=20, max_length=30)]
    language: Literal["vi", "en"] = "vi"


class PushOut(Body):
    """A browser that is told: its push service, not its address there, which is secret."""

    subscription_id: str
    push_service: str
    language: str
    created_at: Time
    failure: str

    @classmethod
    def of(cls, found: PushSubscription) -> PushOut:
        """Return the body of a browser."""
        return cls(
            subscription_id=found.subscription_id,
            push_service=urlsplit(found.endpoint).hostname or "",
            language=found.language,
            created_at=found.created_at,
            failure=found.failure,
        )


@router.get("/my-browsers")
async def list_browsers(service: Running, principal: Reader) -> list[PushOut]:
    """Return the asker's browsers that are told by web push."""
    return [PushOut.of(found) for found in await operations.pushes_for(service, principal)]


@router.post("/my-browsers", status_code=201, responses=refusals(409))
async def allow_browser(
    body: PushIn, request: Request, response: Response, service: Running, principal: Reader
) -> PushOut:
    """Let the browser that asks be told of trouble; its person has signed in there."""
    made, secret = await operations.allow_push(
        service,
        principal,
        endpoint=body.endpoint,
        p256dh=body.p256dh,
        auth=body.auth,
        language=body.language,
        browser=request.cookies.get(browser_cookie(service.config.root)),
    )
    response.set_cookie(
        browser_cookie(service.config.root),
        secret,
        max_age=_KEPT_S,
        path=service.config.root or "/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return PushOut.of(made)


@router.delete("/my-browsers/{own_browser_id}", status_code=204)
async def end_browser(own_browser_id: Identifier, service: Running, principal: Reader) -> None:
    """Tell a browser no more."""
    await operations.end_push(service, principal, own_browser_id)
