"""Signing in and out, and the one-time links by which phones and people come in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from lensong.monitoring.access import Role
from lensong.monitoring.operations import signing_in
from lensong.monitoring.operations.signing_in import SIGNED_IN_FOR, SignedIn
from lensong.monitoring.web.api.shapes import Body, Line
from lensong.monitoring.web.guards import (
    Reader,
    Running,
    anybody,
    browser_cookie,
    check_origin,
    session_cookie,
)
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["sign-in"], route_class=DocumentedRoute)
Open = Depends(anybody)

Secret = Annotated[str, Field(min_length=20, max_length=100)]


class Credentials(Body):
    """Who signs in."""

    person_id: Annotated[Line, Field(max_length=64)]
    password: Annotated[str, Field(max_length=1_000)]


class Me(Body):
    """Who is signed in, and what the page's scripts send along as ``X-CSRF-Token``."""

    actor: str
    name: str
    role: str
    scope: str
    csrf: str | None


class Welcome(Body):
    """A one-time link, and the password that its person chooses."""

    secret: Secret
    password: Annotated[str, Field(min_length=10, max_length=1_000)]


class JoinUse(Body):
    """A one-time link, used by a phone."""

    secret: Secret
    label: Annotated[Line, Field(max_length=60)] = ""
    phone_key: Annotated[
        str | None,
        Field(
            min_length=22,
            max_length=100,
            description="Random, 128 bits or more, kept by the phone before it asks: with it the "
            "same phone may ask again for ten minutes and gets the same answer.",
        ),
    ] = None


class Joined(Body):
    """What a phone keeps: its site, and the token with which it reports."""

    site_id: str
    site_name: str
    commune_name: str
    token: str


@router.post("/sign-in", dependencies=[Open], responses=refusals(401, 403))
async def sign_in(body: Credentials, request: Request, response: Response, service: Running) -> Me:
    """Sign a person in: sets the session's cookie."""
    check_origin(request)
    signed_in = await signing_in.sign_in(
        service,
        body.person_id,
        body.password,
        address=_address(request),
        browser=request.cookies.get(browser_cookie(service.config.root)),
    )
    return _begun(request, response, signed_in)


@router.post("/welcome", dependencies=[Open], responses=refusals(403, 404))
async def welcome(body: Welcome, request: Request, response: Response, service: Running) -> Me:
    """Choose a password by a one-time link, and be signed in."""
    check_origin(request)
    signed_in = await signing_in.choose_password(
        service,
        body.secret,
        body.password,
        address=_address(request),
        browser=request.cookies.get(browser_cookie(service.config.root)),
    )
    return _begun(request, response, signed_in)


@router.post("/sign-out", status_code=204)
async def sign_out(
    request: Request, response: Response, service: Running, principal: Reader
) -> None:
    """End the session of this browser."""
    if secret := request.cookies.get(session_cookie(request.scope["root_path"])):
        browser = request.cookies.get(browser_cookie(service.config.root))
        await signing_in.sign_out(service, principal, secret, browser=browser)
    for cookie in (session_cookie, browser_cookie):
        response.delete_cookie(cookie(service.config.root), path=service.config.root or "/")


@router.get("/me")
async def me(principal: Reader) -> Me:
    """Return who asks."""
    return Me(
        actor=principal.actor,
        name=principal.name,
        role=principal.role.value,
        scope=principal.scope,
        csrf=principal.csrf,
    )


@router.post("/join", dependencies=[Open], status_code=201, responses=refusals(404, 429))
async def join(body: JoinUse, request: Request, service: Running) -> Joined:
    """Trade a one-time link for a token of its site: what a phone does once."""
    site, token = await signing_in.use_join(
        service,
        body.secret,
        body.label,
        address=_address(request),
        phone_key=body.phone_key,
    )
    return Joined(
        site_id=site.site_id,
        site_name=site.name,
        commune_name=service.directory.communes[site.commune_code].name,
        token=token,
    )


def _begun(request: Request, response: Response, signed_in: SignedIn) -> Me:
    response.set_cookie(
        session_cookie(request.scope["root_path"]),
        signed_in.secret,
        max_age=int(SIGNED_IN_FOR.total_seconds()),
        path=request.scope["root_path"] or "/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    person = signed_in.person
    return Me(
        actor=f"person:{person.person_id}",
        name=person.name,
        role=Role(person.role).value,
        scope=person.scope,
        csrf=signed_in.session.csrf,
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
