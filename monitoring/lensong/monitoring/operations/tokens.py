"""Handing out tokens and one-time links of phones, and revoking tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import (
    Token,
    add_join,
    add_token,
    get_token,
    revoke_token,
)

__all__ = [
    "OneTimeLink",
    "make_join",
    "make_scraper_token",
    "make_site_token",
    "revoke",
    "token_for",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeLink:
    """The secret of a link that works once, and until when it does."""

    secret: str
    expires_at: datetime


async def make_site_token(
    service: Service, principal: Principal, site_id: str, label: str
) -> tuple[Token, str]:
    """Make a token of a site and return it with its secret, which is kept nowhere.

    Raises
    ------
    NotFoundError
        There is no such site in the asker's area.
    ConflictError
        As many tokens of that label as may be are alive.
    """
    service.directory.site_for(principal, site_id)
    return await _make(service, principal, "site", site_id, label)


async def make_scraper_token(
    service: Service, principal: Principal, label: str
) -> tuple[Token, str]:
    """Make a token with which Prometheus reads metrics, and return it with its secret."""
    return await _make(service, principal, "scraper", None, label)


async def token_for(service: Service, principal: Principal, token_id: str) -> Token:
    """Return a token of a site in somebody's area; a scraper's is an administrator's.

    Raises
    ------
    NotFoundError
        There is none, or it is none of theirs.
    """
    async with service.database.reading() as connection:
        token = await get_token(connection, token_id)
    _check_area(service, principal, token)
    return token


async def revoke(service: Service, principal: Principal, token: Token) -> None:
    """Revoke a token; it is refused from now on.

    Raises
    ------
    NotFoundError
        It is none of the asker's area.
    """
    _check_area(service, principal, token)

    async def work(connection: AsyncConnection) -> None:
        await revoke_token(connection, token.token_id, service.clock.now())
        await noted(connection, service, principal.actor, "token.revoke", token.token_id)

    await service.writer.run(work)
    service.identities.forget()


async def make_join(
    service: Service, principal: Principal, site_id: str, valid_for: timedelta
) -> OneTimeLink:
    """Make a one-time link that gives a phone a site.

    Raises
    ------
    NotFoundError
        There is no such site in the asker's area.
    """
    service.directory.site_for(principal, site_id)
    now = service.clock.now()

    async def work(connection: AsyncConnection) -> str:
        secret = await add_join(connection, now=now, valid_for=valid_for, site_id=site_id)
        await noted(connection, service, principal.actor, "join.make", site_id)
        return secret

    return OneTimeLink(secret=await service.writer.run(work), expires_at=now + valid_for)


def _check_area(service: Service, principal: Principal, token: Token) -> None:
    if token.site_id is not None:
        service.directory.site_for(principal, token.site_id)
    elif principal.role is not Role.ADMIN:
        raise NotFoundError(f"there is no token {token.token_id!r}")


async def _make(
    service: Service, principal: Principal, role: str, site_id: str | None, label: str
) -> tuple[Token, str]:
    async def work(connection: AsyncConnection) -> tuple[Token, str]:
        token, secret = await add_token(
            connection, role=role, site_id=site_id, label=label, now=service.clock.now()
        )
        await noted(connection, service, principal.actor, "token.make", token.token_id)
        return token, secret

    token, secret = await service.writer.run(work)
    service.identities.expect(secret)
    return token, secret
