"""Links that show a wall or hand out a calendar: of them only a hash is kept."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.store.people import digest, new_secret
from lensong.monitoring.store.rows import from_row, to_row
from lensong.monitoring.store.tables import shared_links

__all__ = ["Area", "LinkKind", "SharedLink", "add_link", "all_links", "link_of", "revoke_link"]

LinkKind = Literal["wall", "calendar"]
Area = Literal["site", "commune", "province", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedLink:
    """A link that whoever has it may read by, until it runs out or is revoked.

    Parameters
    ----------
    area, code
        What it shows: a site, a commune, a province, or all (whose code is empty).
    expires_at : datetime, optional
        None where it runs out by being revoked alone.
    """

    link_id: str
    sha256: str
    kind: LinkKind
    area: Area
    code: str
    label: str
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None


async def add_link(
    connection: AsyncConnection,
    *,
    kind: LinkKind,
    area: Area,
    code: str,
    label: str,
    created_by: str,
    now: datetime,
    expires_at: datetime | None,
) -> tuple[SharedLink, str]:
    """Add a link and return it with its secret, which is shown this once."""
    secret = new_secret()
    link = SharedLink(
        link_id=secrets.token_hex(8),
        sha256=digest(secret),
        kind=kind,
        area=area,
        code=code,
        label=label,
        created_by=created_by,
        created_at=now,
        expires_at=expires_at,
    )
    await connection.execute(shared_links.insert(), to_row(link))
    return link, secret


async def all_links(connection: AsyncConnection, now: datetime) -> tuple[SharedLink, ...]:
    """Return the links that work, the latest first."""
    rows = await connection.execute(
        select(shared_links)
        .where(shared_links.c.revoked_at.is_(None), _not_over(now))
        .order_by(shared_links.c.created_at.desc(), shared_links.c.link_id)
    )
    return tuple(from_row(SharedLink, row) for row in rows.mappings())


async def link_of(
    connection: AsyncConnection, kind: LinkKind, secret: str, now: datetime
) -> SharedLink | None:
    """Return the link of a secret, None where there is none that works."""
    rows = await connection.execute(
        select(shared_links).where(
            shared_links.c.sha256 == digest(secret),
            shared_links.c.kind == kind,
            shared_links.c.revoked_at.is_(None),
            _not_over(now),
        )
    )
    row = rows.mappings().first()
    return None if row is None else from_row(SharedLink, row)


async def revoke_link(connection: AsyncConnection, link_id: str, now: datetime) -> None:
    """Let a link work no more."""
    await connection.execute(
        shared_links.update()
        .where(shared_links.c.link_id == link_id, shared_links.c.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def _not_over(now: datetime) -> ColumnElement[bool]:
    return or_(shared_links.c.expires_at.is_(None), shared_links.c.expires_at > now)
