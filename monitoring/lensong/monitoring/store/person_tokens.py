"""Tokens with which people use the command line: of each only a hash is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.store.people import Person, digest, get_person, new_secret
from lensong.monitoring.store.rows import from_row, to_row
from lensong.monitoring.store.tables import person_tokens

__all__ = [
    "PersonToken",
    "add_person_token",
    "delete_person_token",
    "mark_used",
    "person_of_token",
    "person_tokens_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonToken:
    """What a person's command line shows, until it runs out or is revoked.

    Parameters
    ----------
    used_at : datetime, optional
        About when it was shown last, to some minutes; None where it never was.
    """

    token_id: str
    sha256: str
    person_id: str
    label: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None


async def add_person_token(
    connection: AsyncConnection, person_id: str, label: str, *, now: datetime, expires_at: datetime
) -> tuple[PersonToken, str]:
    """Add a token and return it with its secret, which is shown this once."""
    secret = new_secret()
    token = PersonToken(
        token_id=secrets.token_hex(8),
        sha256=digest(secret),
        person_id=person_id,
        label=label,
        created_at=now,
        expires_at=expires_at,
    )
    await connection.execute(delete(person_tokens).where(person_tokens.c.expires_at <= now))
    await connection.execute(person_tokens.insert(), to_row(token))
    return token, secret


async def person_tokens_of(
    connection: AsyncConnection, person_id: str | None, now: datetime
) -> tuple[PersonToken, ...]:
    """Return the tokens of somebody that work, or everybody's, the latest first."""
    wanted = select(person_tokens).where(person_tokens.c.expires_at > now)
    if person_id is not None:
        wanted = wanted.where(person_tokens.c.person_id == person_id)
    rows = await connection.execute(
        wanted.order_by(person_tokens.c.created_at.desc(), person_tokens.c.token_id)
    )
    return tuple(from_row(PersonToken, row) for row in rows.mappings())


async def person_of_token(
    connection: AsyncConnection, secret: str, now: datetime
) -> tuple[PersonToken, Person] | None:
    """Return whose token a secret is, None where it is nobody's who may come in."""
    rows = await connection.execute(
        select(person_tokens).where(
            person_tokens.c.sha256 == digest(secret), person_tokens.c.expires_at > now
        )
    )
    if (row := rows.mappings().first()) is None:
        return None
    token = from_row(PersonToken, row)
    person = await get_person(connection, token.person_id)
    return None if person.disabled_at is not None else (token, person)


async def mark_used(connection: AsyncConnection, token_id: str, at: datetime) -> None:
    """Keep when a token was shown."""
    await connection.execute(
        person_tokens.update().where(person_tokens.c.token_id == token_id).values(used_at=at)
    )


async def delete_person_token(connection: AsyncConnection, token_id: str) -> None:
    """Let a token work no more."""
    await connection.execute(delete(person_tokens).where(person_tokens.c.token_id == token_id))
