"""Links for wall screens and calendars."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from lensong.monitoring.operations import shared_links as operations
from lensong.monitoring.store.shared_links import SharedLink
from lensong.monitoring.web.addresses import link_url
from lensong.monitoring.web.api.shapes import Body, Identifier, Line, Text, Time
from lensong.monitoring.web.guards import Equipper, Running
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=DocumentedRoute)


class SharedLinkIn(Body):
    """What a link is to show, and for how many days; without days until it is revoked."""

    kind: Literal["wall", "calendar"]
    area: Literal["site", "commune", "province", "all"]
    code: Annotated[Line, Field(max_length=64)] = ""
    label: Text
    days: Annotated[int, Field(ge=1, le=3_650)] | None = None


class SharedLinkOut(Body):
    """A link, without its secret."""

    link_id: str
    kind: Literal["wall", "calendar"]
    area: Literal["site", "commune", "province", "all"]
    code: str
    label: str
    created_by: str
    created_at: Time
    expires_at: Time | None

    @classmethod
    def of(cls, link: SharedLink) -> SharedLinkOut:
        """Return the body of a link."""
        return cls(
            link_id=link.link_id,
            kind=link.kind,
            area=link.area,
            code=link.code,
            label=link.label,
            created_by=link.created_by,
            created_at=link.created_at,
            expires_at=link.expires_at,
        )


class SharedLinkMade(SharedLinkOut):
    """A link with its address, which is shown this once."""

    url: str


@router.get("/links")
async def list_links(service: Running, principal: Equipper) -> list[SharedLinkOut]:
    """Return the links to walls and calendars of the asker's area that work."""
    return [SharedLinkOut.of(link) for link in await operations.links_for(service, principal)]


@router.post("/links", status_code=201, responses=refusals(404))
async def make_link(
    body: SharedLinkIn, request: Request, service: Running, principal: Equipper
) -> SharedLinkMade:
    """Make a link by which whoever has it sees a wall, or subscribes to a calendar."""
    address = link_url(service, request)
    plan = operations.LinkPlan(**body.model_dump())
    link, secret = await operations.make_link(service, principal, plan)
    path = f"/kiosk/{secret}" if link.kind == "wall" else f"/calendar/{secret}.ics"
    return SharedLinkMade(**SharedLinkOut.of(link).model_dump(), url=f"{address}{path}")


@router.delete("/links/{link_id}", status_code=204, responses=refusals(404))
async def revoke_link(link_id: Identifier, service: Running, principal: Equipper) -> None:
    """Let a link work no more."""
    await operations.revoke_shared_link(service, principal, link_id)
