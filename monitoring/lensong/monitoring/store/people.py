"""Who may come in: people, tokens, one-time links, sessions of the pages; and what they did.

Of every secret only its SHA-256 is kept: the secrets are random, 256 bits long, so that no slow
hash is needed. Passwords are another matter; they are hashed with Argon2 before they get here.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import ConflictError, NotFoundError
from lensong.monitoring.store.rows import (
    Page,
    cursor_values,
    from_row,
    make_cursor,
    page_of,
    to_row,
)
from lensong.monitoring.store.tables import (
    audit,
    joins,
    people,
    person_tokens,
    push_subscriptions,
    sites,
    tokens,
    web_sessions,
)

__all__ = [
    "AuditEntry",
    "Join",
    "Person",
    "Token",
    "WebSession",
    "add_join",
    "add_person",
    "add_token",
    "add_web_session",
    "all_people",
    "count_people",
    "delete_web_sessions",
    "digest",
    "disable_person",
    "get_person",
    "get_token",
    "join_of",
    "keep_out_of_site",
    "keep_out_of_sites_gone",
    "list_audit",
    "new_secret",
    "note",
    "revoke_token",
    "session_of",
    "set_password",
    "token_of",
    "tokens_alive",
    "tokens_of",
    "use_join",
    "used_join_of",
]

TOKENS_ALIVE = 2
"""Tokens of a site that may be alive at once: the old one and the new one while they change."""


def new_secret() -> str:
    """Return a fresh secret of 256 random bits, fit for an address."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who signs in to the pages."""

    person_id: str
    name: str
    role: str
    scope: str
    password_hash: str | None
    disabled_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a probe or a scraper shows; the secret itself is known to its holder alone."""

    token_id: str
    sha256: str
    role: str
    site_id: str | None
    label: str
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A link that works once: it gives a phone its site, or a person a password."""

    sha256: str
    site_id: str | None
    person_id: str | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSession:
    """Somebody who is signed in."""

    sha256: str
    person_id: str
    csrf: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to what."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any]


async def note(
    connection: AsyncConnection,
    *,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Keep who did what, in the transaction that does it."""
    await connection.execute(
        audit.insert(),
        {
            "at": at,
            "actor": actor,
            "action": action,
            "subject": subject,
            "detail": dict(detail or {}),
        },
    )


async def list_audit(
    connection: AsyncConnection, *, cursor: str | None = None, limit: int = 100
) -> Page[AuditEntry]:
    """Return what was done, the latest first, a page at a time."""
    wanted = select(audit)
    if (last := cursor_values(cursor, int)) is not None:
        wanted = wanted.where(audit.c.id < last[0])
    rows = await connection.execute(wanted.order_by(audit.c.id.desc()).limit(limit + 1))
    return page_of(
        (from_row(AuditEntry, row) for row in rows.mappings()),
        limit,
        lambda entry: make_cursor(entry.id),
    )


async def count_people(connection: AsyncConnection) -> int:
    """Return how many people there are."""
    return int((await connection.execute(select(func.count()).select_from(people))).scalar_one())


async def all_people(connection: AsyncConnection) -> tuple[Person, ...]:
    """Return everybody."""
    rows = await connection.execute(select(people).order_by(people.c.person_id))
    return tuple(from_row(Person, row) for row in rows.mappings())


async def get_person(connection: AsyncConnection, person_id: str) -> Person:
    """Return a person.

    Raises
    ------
    NotFoundError
        There is nobody of that identifier.
    """
    rows = await connection.execute(select(people).where(people.c.person_id == person_id))
    if (row := rows.mappings().first()) is None:
        raise NotFoundError(f"there is nobody called {person_id[:80]!r}")
    return from_row(Person, row)


async def add_person(connection: AsyncConnection, person: Person) -> None:
    """Add a person.

    Raises
    ------
    ConflictError
        There is somebody of that identifier already.
    """
    there = select(people.c.person_id).where(people.c.person_id == person.person_id)
    if (await connection.execute(there)).first():
        raise ConflictError(
            f"there is somebody called {person.person_id!r} already: choose another person_id",
            "exists",
        )
    await connection.execute(people.insert(), to_row(person))


async def set_password(connection: AsyncConnection, person_id: str, password_hash: str) -> None:
    """Give a person a new password; their sessions, tokens and links to choose one end."""
    await connection.execute(
        people.update().where(people.c.person_id == person_id).values(password_hash=password_hash)
    )
    await _end_everything_of(connection, person_id)


async def disable_person(connection: AsyncConnection, person_id: str, now: datetime) -> None:
    """Keep a person out from now on."""
    await get_person(connection, person_id)
    await connection.execute(
        people.update().where(people.c.person_id == person_id).values(disabled_at=now)
    )
    await _end_everything_of(connection, person_id)


async def _end_everything_of(connection: AsyncConnection, person_id: str) -> None:
    for table in (joins, person_tokens, push_subscriptions):
        await connection.execute(delete(table).where(table.c.person_id == person_id))
    await delete_web_sessions(connection, person_id=person_id)


async def keep_out_of_site(
    connection: AsyncConnection, site_id: str, now: datetime
) -> tuple[str, ...]:
    """Keep the people of a site out from now on, and return who that is."""
    rows = await connection.execute(
        select(people.c.person_id).where(
            people.c.role == "site", people.c.scope == site_id, people.c.disabled_at.is_(None)
        )
    )
    found = tuple(rows.scalars())
    for person_id in found:
        await disable_person(connection, person_id, now)
    return found


async def keep_out_of_sites_gone(connection: AsyncConnection, now: datetime) -> tuple[str, ...]:
    """Keep the people of sites out that are there no more, and return who that is."""
    rows = await connection.execute(
        select(people.c.person_id).where(
            people.c.role == "site",
            people.c.disabled_at.is_(None),
            people.c.scope.not_in(select(sites.c.site_id)),
        )
    )
    found = tuple(rows.scalars())
    for person_id in found:
        await disable_person(connection, person_id, now)
    return found


async def tokens_of(connection: AsyncConnection, site_id: str | None) -> tuple[Token, ...]:
    """Return the tokens of a site, or those of scrapers."""
    rows = await connection.execute(
        select(tokens).where(tokens.c.site_id == site_id).order_by(tokens.c.created_at)
        if site_id is not None
        else select(tokens).where(tokens.c.site_id.is_(None)).order_by(tokens.c.created_at)
    )
    return tuple(from_row(Token, row) for row in rows.mappings())


async def add_token(
    connection: AsyncConnection,
    *,
    role: str,
    site_id: str | None,
    label: str,
    now: datetime,
    secret: str | None = None,
) -> tuple[Token, str]:
    """Add a token and return it with its secret, which is shown this once.

    Parameters
    ----------
    secret : str, optional
        One that was made already; a new one where none was.

    Raises
    ------
    ConflictError
        As many tokens of the site are alive as may be.
    """
    alive = [token for token in await tokens_of(connection, site_id) if token.revoked_at is None]
    same = [token for token in alive if token.label == label]
    if role == "site" and len(same) >= TOKENS_ALIVE:
        raise ConflictError(
            f"{len(same)} tokens of {site_id} called {label!r} are alive: revoke one first",
            "too_many_tokens",
        )
    secret = secret or new_secret()
    token = Token(
        token_id=secrets.token_hex(8),
        sha256=digest(secret),
        role=role,
        site_id=site_id,
        label=label,
        created_at=now,
        revoked_at=None,
    )
    await connection.execute(tokens.insert(), to_row(token))
    return token, secret


async def token_of(connection: AsyncConnection, secret: str) -> Token | None:
    """Return the token of a secret, None where there is none that is alive."""
    rows = await connection.execute(
        select(tokens).where(tokens.c.sha256 == digest(secret), tokens.c.revoked_at.is_(None))
    )
    row = rows.mappings().first()
    return None if row is None else from_row(Token, row)


async def tokens_alive(connection: AsyncConnection) -> set[str]:
    """Return the hash of every token that is alive."""
    alive = select(tokens.c.sha256).where(tokens.c.revoked_at.is_(None))
    rows = await connection.execute(union_all(alive, select(person_tokens.c.sha256)))
    return {str(row.sha256) for row in rows}


async def get_token(connection: AsyncConnection, token_id: str) -> Token:
    """Return a token by its identifier.

    Raises
    ------
    NotFoundError
        There is none.
    """
    rows = await connection.execute(select(tokens).where(tokens.c.token_id == token_id))
    if (row := rows.mappings().first()) is None:
        raise NotFoundError(f"there is no token {token_id[:80]!r}")
    return from_row(Token, row)


async def revoke_token(connection: AsyncConnection, token_id: str, now: datetime) -> Token:
    """End a token and return it as it was.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    """
    token = await get_token(connection, token_id)
    await connection.execute(
        tokens.update()
        .where(tokens.c.token_id == token_id, tokens.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    return token


async def add_join(
    connection: AsyncConnection,
    *,
    now: datetime,
    valid_for: timedelta,
    site_id: str | None = None,
    person_id: str | None = None,
) -> str:
    """Return the secret of a link that works once."""
    secret = new_secret()
    join = Join(
        sha256=digest(secret),
        site_id=site_id,
        person_id=person_id,
        created_at=now,
        expires_at=now + valid_for,
        used_at=None,
    )
    await connection.execute(joins.insert(), to_row(join))
    return secret


async def join_of(connection: AsyncConnection, secret: str, now: datetime) -> Join | None:
    """Return the link of a secret, None where there is none that still works."""
    rows = await connection.execute(
        select(joins).where(
            joins.c.sha256 == digest(secret), joins.c.used_at.is_(None), joins.c.expires_at > now
        )
    )
    row = rows.mappings().first()
    return None if row is None else from_row(Join, row)


async def used_join_of(
    connection: AsyncConnection, secret: str, *, used_since: datetime
) -> Join | None:
    """Return the link of a secret that was used since a moment, None where there is none."""
    rows = await connection.execute(
        select(joins).where(joins.c.sha256 == digest(secret), joins.c.used_at >= used_since)
    )
    row = rows.mappings().first()
    return None if row is None else from_row(Join, row)


async def use_join(connection: AsyncConnection, secret: str, now: datetime) -> Join:
    """Use a link up and return it.

    Raises
    ------
    NotFoundError
        It was used, it is too old, or there never was one.
    """
    used = await connection.execute(
        joins.update()
        .where(
            joins.c.sha256 == digest(secret), joins.c.used_at.is_(None), joins.c.expires_at > now
        )
        .values(used_at=now)
        .returning(*joins.c)
    )
    if (row := used.mappings().first()) is None:
        raise NotFoundError("this link was used already or is too old: ask for a new one")
    return from_row(Join, row)


async def add_web_session(
    connection: AsyncConnection, person_id: str, *, now: datetime, valid_for: timedelta
) -> tuple[WebSession, str]:
    """Sign a person in; return the session and its secret."""
    secret = new_secret()
    session = WebSession(
        sha256=digest(secret),
        person_id=person_id,
        csrf=new_secret(),
        created_at=now,
        expires_at=now + valid_for,
    )
    await connection.execute(delete(web_sessions).where(web_sessions.c.expires_at <= now))
    await connection.execute(web_sessions.insert(), to_row(session))
    return session, secret


async def session_of(
    connection: AsyncConnection, secret: str, now: datetime
) -> tuple[WebSession, Person] | None:
    """Return who is signed in with a secret, None where nobody is."""
    rows = await connection.execute(
        select(web_sessions).where(
            web_sessions.c.sha256 == digest(secret), web_sessions.c.expires_at > now
        )
    )
    if (row := rows.mappings().first()) is None:
        return None
    session = from_row(WebSession, row)
    person = await get_person(connection, session.person_id)
    return None if person.disabled_at is not None else (session, person)


async def delete_web_sessions(
    connection: AsyncConnection, *, person_id: str | None = None, secret: str | None = None
) -> None:
    """Sign out: one session by its secret, or all of a person."""
    which = (
        web_sessions.c.sha256 == digest(secret)
        if secret is not None
        else web_sessions.c.person_id == person_id
    )
    await connection.execute(delete(web_sessions).where(which))
