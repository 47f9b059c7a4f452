"""Signing in and out, and the one-time links by which phones and people come in."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Role
from lensong.monitoring.errors import NotFoundError, NotSignedInError
from lensong.monitoring.passwords import hash_password, matches
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import (
    Join,
    Person,
    WebSession,
    add_token,
    add_web_session,
    delete_web_sessions,
    get_person,
    join_of,
    note,
    set_password,
    use_join,
)
from lensong.monitoring.web.api.shapes import Body, Line
from lensong.monitoring.web.guards import COOKIE, Gatekeeper, Reader, Running, anybody, check_origin
from lensong.monitoring.web.problems import PROBLEM_RESPONSES

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["sign-in"])
Open = Depends(anybody)

SIGNED_IN_FOR = timedelta(hours=12)

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


class Joined(Body):
    """What a phone keeps: its site, and the token with which it reports."""

    site_id: str
    site_name: str
    commune_name: str
    token: str


@router.post(
    "/sign-in",
    dependencies=[Open],
    responses=PROBLEM_RESPONSES(400, 401, 403, 413, 422, 429, 503),
)
async def sign_in(body: Credentials, request: Request, response: Response, service: Running) -> Me:
    """Sign a person in: sets the session's cookie."""
    check_origin(request)
    client = request.client.host if request.client else "unknown"
    # one limit for the name, from wherever it is tried, and one for the address
    service.sign_in_limit.take(f"name {body.person_id}", "attempts to sign in")
    service.sign_in_limit.take(f"from {client}", "attempts to sign in")
    person = await _person(service, body.person_id)
    active = person is not None and person.disabled_at is None
    kept = person.password_hash if person is not None and active else None
    if not await matches(body.password, kept) or person is None:
        raise NotSignedInError("the name or the password is wrong: try again, or ask for a link")
    return await _begin(service, request, response, person)


@router.post(
    "/welcome",
    dependencies=[Open],
    responses=PROBLEM_RESPONSES(400, 403, 404, 413, 422, 429, 503),
)
async def welcome(body: Welcome, request: Request, response: Response, service: Running) -> Me:
    """Choose a password by a one-time link, and be signed in."""
    check_origin(request)
    service.sign_in_limit.take(f"link {_address(request)}", "attempts to use a link")
    async with service.database.reading() as connection:
        join = await join_of(connection, body.secret, service.clock.now())
    if join is None or join.person_id is None:
        raise NotFoundError("this link was used already or is too old: ask for a new one")
    kept = await hash_password(body.password)

    async def work(connection: AsyncConnection) -> Person:
        used = await use_join(connection, body.secret, service.clock.now())
        assert used.person_id is not None  # looked at above
        person = await get_person(connection, used.person_id)
        if person.disabled_at is not None:
            raise NotFoundError("this link was used already or is too old: ask for a new one")
        await set_password(connection, person.person_id, kept)
        await _note(connection, service, f"person:{person.person_id}", "password.set")
        return person

    person = await service.writer.run(work)
    _gate(request).forget()
    return await _begin(service, request, response, person)


@router.post("/sign-out", status_code=204, responses=PROBLEM_RESPONSES(401, 403, 503))
async def sign_out(
    request: Request, response: Response, service: Running, principal: Reader
) -> None:
    """End the session of this browser."""
    secret = request.cookies.get(COOKIE)
    if secret:

        async def work(connection: AsyncConnection) -> None:
            await delete_web_sessions(connection, secret=secret)
            await _note(connection, service, principal.actor, "sign-out")

        await service.writer.run(work)
        _gate(request).forget()
    response.delete_cookie(COOKIE, path="/")


@router.get("/me", responses=PROBLEM_RESPONSES(401, 403, 503))
async def me(principal: Reader) -> Me:
    """Return who asks."""
    return Me(
        actor=principal.actor,
        name=principal.name,
        role=principal.role.value,
        scope=principal.scope,
        csrf=principal.csrf,
    )


@router.post(
    "/join",
    dependencies=[Open],
    status_code=201,
    responses=PROBLEM_RESPONSES(400, 404, 409, 413, 422, 429, 503),
)
async def join(body: JoinUse, request: Request, service: Running) -> Joined:
    """Trade a one-time link for a token of its site: what a phone does once."""
    service.sign_in_limit.take(f"join {_address(request)}", "attempts to use a link")

    async def work(connection: AsyncConnection) -> tuple[Join, str]:
        used = await use_join(connection, body.secret, service.clock.now())
        if used.site_id is None:
            raise NotFoundError("this link is a person's, not a phone's: open it in a browser")
        # every phone gets a label of its own: the limit of two alive is for one that is changed
        label = f"{body.label or 'phone'} {used.sha256[:6]}"
        _, secret = await add_token(
            connection,
            role="site",
            site_id=used.site_id,
            label=label,
            now=service.clock.now(),
        )
        await _note(connection, service, f"join:{used.sha256[:8]}", "join.use", used.site_id)
        return used, secret

    used, secret = await service.writer.run(work)
    site = service.directory.sites[str(used.site_id)]
    return Joined(
        site_id=site.site_id,
        site_name=site.name,
        commune_name=service.directory.communes[site.commune_code].name,
        token=secret,
    )


async def _begin(service: Service, request: Request, response: Response, person: Person) -> Me:
    async def work(connection: AsyncConnection) -> tuple[WebSession, str]:
        begun = await add_web_session(
            connection, person.person_id, now=service.clock.now(), valid_for=SIGNED_IN_FOR
        )
        await _note(connection, service, f"person:{person.person_id}", "sign-in")
        return begun

    session, secret = await service.writer.run(work)
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(SIGNED_IN_FOR.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return Me(
        actor=f"person:{person.person_id}",
        name=person.name,
        role=Role(person.role).value,
        scope=person.scope,
        csrf=session.csrf,
    )


async def _person(service: Service, person_id: str) -> Person | None:
    async with service.database.reading() as connection:
        try:
            return await get_person(connection, person_id)
        except NotFoundError:
            return None


async def _note(
    connection: AsyncConnection, service: Service, actor: str, action: str, subject: str = ""
) -> None:
    await note(
        connection, at=service.clock.now(), actor=actor, action=action, subject=subject or actor
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def _gate(request: Request) -> Gatekeeper:
    gate: Gatekeeper = request.app.state.gatekeeper
    return gate
