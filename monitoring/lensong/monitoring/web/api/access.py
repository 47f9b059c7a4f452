"""Tokens, join links, people, the audit trail."""

from __future__ import annotations

from collections.abc import Container
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field, TypeAdapter
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import NotAllowedError, NotFoundError
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import (
    Person,
    Token,
    add_join,
    add_person,
    add_token,
    all_people,
    disable_person,
    get_person,
    list_audit,
    note,
    revoke_token,
    tokens_of,
)
from lensong.monitoring.web.addresses import public_url
from lensong.monitoring.web.api.shapes import (
    Body,
    Cursor,
    Identifier,
    Limit,
    Line,
    Paged,
    Text,
    Time,
)
from lensong.monitoring.web.guards import Admin, Equipper, Gatekeeper, Running
from lensong.monitoring.web.problems import PROBLEM_RESPONSES

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["access"])

_PERSON_LINK = timedelta(days=3)


class TokenIn(Body):
    """A token to be made; its label tells people which phone or probe it is for."""

    label: Text


class TokenOut(Body):
    """A token without its secret."""

    token_id: str
    role: str
    site_id: str | None
    label: str
    created_at: Time
    revoked_at: Time | None

    @classmethod
    def of(cls, token: Token) -> TokenOut:
        """Return the body of a token."""
        return cls(
            token_id=token.token_id,
            role=token.role,
            site_id=token.site_id,
            label=token.label,
            created_at=token.created_at,
            revoked_at=token.revoked_at,
        )


class NewToken(TokenOut):
    """A token with its secret, which is shown this once."""

    secret: str


class JoinIn(Body):
    """A one-time link for a phone."""

    valid_hours: Annotated[float, Field(gt=0.0, le=24.0 * 30.0)] = 72.0


class JoinOut(Body):
    """A link that works once; show it as a QR code."""

    url: str
    expires_at: Time


PersonRole = Literal["site", "commune", "province", "admin"]
_ROLE: TypeAdapter[PersonRole] = TypeAdapter(PersonRole)


class PersonIn(Body):
    """Somebody who may sign in; scope is a site, commune or province code, empty for an admin."""

    person_id: Identifier
    name: Text
    role: PersonRole
    scope: Annotated[Line, Field(max_length=64)] = ""


class PersonOut(PersonIn):
    """Somebody who may sign in."""

    created_at: Time
    disabled_at: Time | None
    has_password: bool

    @classmethod
    def of(cls, person: Person) -> PersonOut:
        """Return the body of a person."""
        return cls(
            person_id=person.person_id,
            name=person.name,
            role=_ROLE.validate_python(person.role),
            scope=person.scope,
            created_at=person.created_at,
            disabled_at=person.disabled_at,
            has_password=person.password_hash is not None,
        )


class NewPerson(PersonOut):
    """Somebody new, with the one-time link by which they choose a password."""

    link: JoinOut


class AuditOut(Body):
    """Who did what to what."""

    at: Time
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


@router.get("/sites/{site_id}/tokens", responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503))
async def list_tokens(site_id: Identifier, service: Running, principal: Equipper) -> list[TokenOut]:
    """Return the tokens of a site, without their secrets."""
    service.directory.site_for(principal, site_id)
    async with service.database.reading() as connection:
        return [TokenOut.of(token) for token in await tokens_of(connection, site_id)]


@router.post(
    "/sites/{site_id}/tokens",
    status_code=201,
    responses=PROBLEM_RESPONSES(400, 401, 403, 404, 409, 413, 422, 429, 503),
)
async def make_token(
    site_id: Identifier, body: TokenIn, service: Running, principal: Equipper
) -> NewToken:
    """Make a token of a site; two of one label may be alive at once, to change them."""
    service.directory.site_for(principal, site_id)
    return await _make_token(service, principal, "site", site_id, body.label)


@router.get("/scrapers", responses=PROBLEM_RESPONSES(401, 403, 503))
async def list_scrapers(service: Running, principal: Admin) -> list[TokenOut]:  # noqa: ARG001 (who asks is checked)
    """Return the tokens of Prometheus servers, without their secrets."""
    async with service.database.reading() as connection:
        return [TokenOut.of(token) for token in await tokens_of(connection, None)]


@router.post(
    "/scrapers",
    status_code=201,
    responses=PROBLEM_RESPONSES(400, 401, 403, 413, 422, 429, 503),
)
async def make_scraper(body: TokenIn, service: Running, principal: Admin) -> NewToken:
    """Make a token with which Prometheus reads metrics."""
    return await _make_token(service, principal, "scraper", None, body.label)


@router.delete(
    "/tokens/{token_id}", status_code=204, responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503)
)
async def end_token(
    token_id: Identifier, request: Request, service: Running, principal: Equipper
) -> None:
    """Revoke a token; it is refused from now on."""

    async def work(connection: AsyncConnection) -> None:
        token = await revoke_token(connection, token_id, service.clock.now())
        if token.site_id is None:
            if principal.role is not Role.ADMIN:
                raise NotFoundError(f"there is no token {token_id!r}")
        else:
            service.directory.site_for(principal, token.site_id)
        await _note(connection, service, principal, "token.revoke", token_id)

    await service.writer.run(work)
    _gate(request).forget()


@router.post(
    "/sites/{site_id}/joins",
    status_code=201,
    responses=PROBLEM_RESPONSES(400, 401, 403, 404, 413, 422, 429, 503),
)
async def make_join(
    site_id: Identifier, body: JoinIn, request: Request, service: Running, principal: Equipper
) -> JoinOut:
    """Make a one-time link that gives a phone this site."""
    service.directory.site_for(principal, site_id)
    now, valid_for = service.clock.now(), timedelta(hours=body.valid_hours)

    async def work(connection: AsyncConnection) -> str:
        secret = await add_join(connection, now=now, valid_for=valid_for, site_id=site_id)
        await _note(connection, service, principal, "join.make", site_id)
        return secret

    secret = await service.writer.run(work)
    return JoinOut(url=f"{public_url(service, request)}/p/{secret}", expires_at=now + valid_for)


@router.get("/people", responses=PROBLEM_RESPONSES(401, 403, 503))
async def list_people(service: Running, principal: Admin) -> list[PersonOut]:  # noqa: ARG001 (who asks is checked)
    """Return everybody who may sign in."""
    async with service.database.reading() as connection:
        return [PersonOut.of(person) for person in await all_people(connection)]


@router.post(
    "/people",
    status_code=201,
    responses=PROBLEM_RESPONSES(400, 401, 403, 404, 409, 413, 422, 429, 503),
)
async def make_person(
    body: PersonIn, request: Request, service: Running, principal: Admin
) -> NewPerson:
    """Add a person; the answer holds the one-time link by which they choose a password."""
    _check_scope(service, body.role, body.scope)
    now = service.clock.now()
    person = Person(
        person_id=body.person_id,
        name=body.name,
        role=body.role,
        scope=body.scope,
        password_hash=None,
        disabled_at=None,
        created_at=now,
    )

    async def work(connection: AsyncConnection) -> str:
        await add_person(connection, person)
        secret = await add_join(
            connection, now=now, valid_for=_PERSON_LINK, person_id=person.person_id
        )
        await _note(connection, service, principal, "person.add", person.person_id)
        return secret

    secret = await service.writer.run(work)
    return NewPerson(
        **PersonOut.of(person).model_dump(),
        link=_person_link(service, request, secret),
    )


@router.post(
    "/people/{person_id}/link",
    status_code=201,
    responses=PROBLEM_RESPONSES(401, 403, 404, 422, 429, 503),
)
async def make_person_link(
    person_id: Identifier, request: Request, service: Running, principal: Admin
) -> JoinOut:
    """Make a new one-time link by which a person chooses a password."""
    now = service.clock.now()

    async def work(connection: AsyncConnection) -> str:
        await get_person(connection, person_id)
        secret = await add_join(connection, now=now, valid_for=_PERSON_LINK, person_id=person_id)
        await _note(connection, service, principal, "person.link", person_id)
        return secret

    return _person_link(service, request, await service.writer.run(work))


@router.delete(
    "/people/{person_id}", status_code=204, responses=PROBLEM_RESPONSES(401, 403, 404, 422, 503)
)
async def end_person(
    person_id: Identifier, request: Request, service: Running, principal: Admin
) -> None:
    """Keep a person out from now on; what they did stays in the audit trail."""
    if principal.actor == f"person:{person_id}":
        raise NotAllowedError("you cannot keep yourself out: ask another administrator")

    async def work(connection: AsyncConnection) -> None:
        await disable_person(connection, person_id, service.clock.now())
        await _note(connection, service, principal, "person.disable", person_id)

    await service.writer.run(work)
    _gate(request).forget()


@router.get("/audit", responses=PROBLEM_RESPONSES(401, 403, 422, 503))
async def audit_trail(
    service: Running,
    principal: Admin,  # noqa: ARG001 (who asks is checked)
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Paged[AuditOut]:
    """Return who did what, the latest first."""
    async with service.database.reading() as connection:
        page = await list_audit(connection, cursor=cursor, limit=limit)
    return Paged(
        items=[
            AuditOut(
                at=entry.at,
                actor=entry.actor,
                action=entry.action,
                subject=entry.subject,
                detail=dict(entry.detail),
            )
            for entry in page.items
        ],
        next_cursor=page.next_cursor,
    )


async def _make_token(
    service: Service, principal: Principal, role: str, site_id: str | None, label: str
) -> NewToken:
    async def work(connection: AsyncConnection) -> tuple[Token, str]:
        token, secret = await add_token(
            connection, role=role, site_id=site_id, label=label, now=service.clock.now()
        )
        await _note(connection, service, principal, "token.make", token.token_id)
        return token, secret

    token, secret = await service.writer.run(work)
    return NewToken(**TokenOut.of(token).model_dump(), secret=secret)


def _person_link(service: Service, request: Request, secret: str) -> JoinOut:
    return JoinOut(
        url=f"{public_url(service, request)}/welcome/{secret}",
        expires_at=service.clock.now() + _PERSON_LINK,
    )


def _check_scope(service: Service, role: str, scope: str) -> None:
    known: dict[str, Container[str]] = {
        "site": service.directory.sites,
        "commune": service.directory.communes,
        "province": service.directory.provinces,
        "admin": {""},
    }
    if scope not in known[role]:
        raise NotFoundError(
            f"scope is {scope!r}, which is no {role}: give the code of one"
            if role != "admin"
            else "an admin has the empty scope"
        )


async def _note(
    connection: AsyncConnection, service: Service, principal: Principal, action: str, subject: str
) -> None:
    await note(
        connection, at=service.clock.now(), actor=principal.actor, action=action, subject=subject
    )


def _gate(request: Request) -> Gatekeeper:
    gate: Gatekeeper = request.app.state.gatekeeper
    return gate
