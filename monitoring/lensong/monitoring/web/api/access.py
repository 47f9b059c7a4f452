"""Tokens, join links, people, the audit trail."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import Field, TypeAdapter

from lensong.monitoring.operations import people, tokens
from lensong.monitoring.operations.tokens import OneTimeLink
from lensong.monitoring.store.people import Person, Token, all_people, list_audit, tokens_of
from lensong.monitoring.web.addresses import link_url
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
from lensong.monitoring.web.guards import (
    Admin,
    EquippedSite,
    EquippedToken,
    Equipper,
    Running,
)
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["access"], route_class=DocumentedRoute)


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


@router.get("/sites/{site_id}/tokens")
async def list_tokens(site: EquippedSite, service: Running) -> list[TokenOut]:
    """Return the tokens of a site, without their secrets."""
    async with service.database.reading() as connection:
        return [TokenOut.of(token) for token in await tokens_of(connection, site.site_id)]


@router.post("/sites/{site_id}/tokens", status_code=201, responses=refusals(409))
async def make_token(
    site: EquippedSite, body: TokenIn, service: Running, principal: Equipper
) -> NewToken:
    """Make a token of a site; two of one label may be alive at once, to change them."""
    return _new(*await tokens.make_site_token(service, principal, site.site_id, body.label))


@router.get("/scrapers")
async def list_scrapers(service: Running, principal: Admin) -> list[TokenOut]:  # noqa: ARG001 (who asks is checked)
    """Return the tokens of Prometheus servers, without their secrets."""
    async with service.database.reading() as connection:
        return [TokenOut.of(token) for token in await tokens_of(connection, None)]


@router.post("/scrapers", status_code=201)
async def make_scraper(body: TokenIn, service: Running, principal: Admin) -> NewToken:
    """Make a token with which Prometheus reads metrics."""
    return _new(*await tokens.make_scraper_token(service, principal, body.label))


@router.delete("/tokens/{token_id}", status_code=204)
async def end_token(token: EquippedToken, service: Running, principal: Equipper) -> None:
    """Revoke a token; it is refused from now on."""
    await tokens.revoke(service, principal, token)


@router.post("/sites/{site_id}/joins", status_code=201)
async def make_join(
    site: EquippedSite, body: JoinIn, request: Request, service: Running, principal: Equipper
) -> JoinOut:
    """Make a one-time link that gives a phone this site."""
    address = link_url(service, request)  # first of all: a refusal makes nothing
    valid_for = timedelta(hours=body.valid_hours)
    link = await tokens.make_join(service, principal, site.site_id, valid_for)
    return _link(address, "p", link)


@router.get("/people")
async def list_people(service: Running, principal: Admin) -> list[PersonOut]:  # noqa: ARG001 (who asks is checked)
    """Return everybody who may sign in."""
    async with service.database.reading() as connection:
        return [PersonOut.of(person) for person in await all_people(connection)]


@router.post("/people", status_code=201, responses=refusals(404, 409))
async def make_person(
    body: PersonIn, request: Request, service: Running, principal: Admin
) -> NewPerson:
    """Add a person; the answer holds the one-time link by which they choose a password."""
    address = link_url(service, request)
    person, link = await people.add_person(service, principal, **dict(body))
    return NewPerson(
        **PersonOut.of(person).model_dump(),
        link=_link(address, "welcome", link),
    )


@router.post("/people/{person_id}/link", status_code=201)
async def make_person_link(
    person_id: Identifier, request: Request, service: Running, principal: Admin
) -> JoinOut:
    """Make a new one-time link by which a person chooses a password."""
    address = link_url(service, request)
    link = await people.make_person_link(service, principal, person_id)
    return _link(address, "welcome", link)


@router.delete("/people/{person_id}", status_code=204)
async def end_person(person_id: Identifier, service: Running, principal: Admin) -> None:
    """Keep a person out from now on; what they did stays in the audit trail."""
    await people.keep_out(service, principal, person_id)


@router.get("/audit")
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


def _new(token: Token, secret: str) -> NewToken:
    return NewToken(**TokenOut.of(token).model_dump(), secret=secret)


def _link(address: str, page: str, link: OneTimeLink) -> JoinOut:
    return JoinOut(url=f"{address}/{page}/{link.secret}", expires_at=link.expires_at)
