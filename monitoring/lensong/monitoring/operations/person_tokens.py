"""Signing the command line in: tokens that people make for themselves, and end."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import ConflictError, NotAllowedError, NotFoundError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.service import Service
from lensong.monitoring.store.person_tokens import (
    PersonToken,
    add_person_token,
    delete_person_token,
    person_tokens_of,
)

__all__ = ["PERSON_TOKENS", "end_person_token", "make_person_token", "person_tokens_for"]

PERSON_TOKENS = 20
"""Tokens that one person may have at once."""


async def make_person_token(
    service: Service, principal: Principal, label: str, days: int
) -> tuple[PersonToken, str]:
    """Make a token by which its holder is the asker, and return it with its secret.

    Raises
    ------
    NotAllowedError
        The asker shows a token: only a password makes one, or a stolen one would last for ever.
    ConflictError
        They have as many as may be.
    """
    person_id = _person(principal)
    if principal.csrf is None:
        raise NotAllowedError("a token makes no token: sign in with the password")
    now = service.clock.now()

    async def work(connection: AsyncConnection) -> tuple[PersonToken, str]:
        if len(await person_tokens_of(connection, person_id, now)) >= PERSON_TOKENS:
            raise ConflictError(
                f"{person_id} has {PERSON_TOKENS} tokens already: revoke one first",
                "too_many_tokens",
            )
        token, secret = await add_person_token(
            connection, person_id, label, now=now, expires_at=now + timedelta(days=days)
        )
        await noted(connection, service, principal.actor, "person_token.make", token.token_id)
        return token, secret

    token, secret = await service.writer.run(work)
    service.identities.expect(secret)
    return token, secret


async def person_tokens_for(service: Service, principal: Principal) -> tuple[PersonToken, ...]:
    """Return the asker's tokens that work, the latest first; to an administrator everybody's."""
    kind, _, person_id = principal.actor.partition(":")
    whose = None if principal.role is Role.ADMIN else person_id if kind == "person" else ""
    async with service.database.reading() as connection:
        return await person_tokens_of(connection, whose, service.clock.now())


async def end_person_token(service: Service, principal: Principal, token_id: str) -> None:
    """Let a token work no more.

    Raises
    ------
    NotFoundError
        It is none of the asker's; an administrator ends anybody's.
    """
    found = {token.token_id: token for token in await person_tokens_for(service, principal)}
    if token_id not in found:
        raise NotFoundError(f"you have no token {token_id[:80]!r}")

    async def work(connection: AsyncConnection) -> None:
        await delete_person_token(connection, token_id)
        detail = {"person_id": found[token_id].person_id}
        await noted(connection, service, principal.actor, "person_token.end", token_id, detail)

    await service.writer.run(work)
    service.identities.forget()


def _person(principal: Principal) -> str:
    kind, _, person_id = principal.actor.partition(":")
    if kind != "person":
        raise NotAllowedError("tokens of the command line are people's: sign in as a person")
    return person_id
