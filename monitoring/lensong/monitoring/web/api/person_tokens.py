"""Tokens with which people use the command line."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from lensong.monitoring.operations import person_tokens as operations
from lensong.monitoring.store.person_tokens import PersonToken
from lensong.monitoring.web.api.shapes import Body, Identifier, Text, Time
from lensong.monitoring.web.guards import Reader, Running
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["sign-in"], route_class=DocumentedRoute)


class PersonTokenIn(Body):
    """A token to be made; its label says which machine it is on."""

    label: Text
    days: Annotated[int, Field(ge=1, le=366)] = 90


class PersonTokenOut(Body):
    """A token, without its secret."""

    token_id: str
    person_id: str
    label: str
    created_at: Time
    expires_at: Time
    used_at: Time | None

    @classmethod
    def of(cls, token: PersonToken) -> PersonTokenOut:
        """Return the body of a token."""
        return cls(
            token_id=token.token_id,
            person_id=token.person_id,
            label=token.label,
            created_at=token.created_at,
            expires_at=token.expires_at,
            used_at=token.used_at,
        )


class NewPersonToken(PersonTokenOut):
    """A token with its secret, which is shown this once."""

    secret: str


@router.get("/my-tokens")
async def list_person_tokens(service: Running, principal: Reader) -> list[PersonTokenOut]:
    """Return the asker's tokens of the command line; to an administrator everybody's."""
    found = await operations.person_tokens_for(service, principal)
    return [PersonTokenOut.of(token) for token in found]


@router.post("/my-tokens", status_code=201, responses=refusals(409))
async def make_person_token(
    body: PersonTokenIn, service: Running, principal: Reader
) -> NewPersonToken:
    """Make a token by which its holder is the asker; who asks has signed in by their password."""
    token, secret = await operations.make_person_token(service, principal, body.label, body.days)
    return NewPersonToken(**PersonTokenOut.of(token).model_dump(), secret=secret)


@router.delete("/my-tokens/{own_token_id}", status_code=204)
async def end_person_token(own_token_id: Identifier, service: Running, principal: Reader) -> None:
    """Let a token of the command line work no more."""
    await operations.end_person_token(service, principal, own_token_id)
