"""People's words on sessions, and the links by which they are said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.records import SessionOutcome, SessionWord
from lensong.monitoring.store.people import digest, new_secret
from lensong.monitoring.store.rows import from_row, to_row, upsert
from lensong.monitoring.store.tables import session_words, word_links

__all__ = ["add_word_link", "put_word", "session_of_link", "words_on"]

_KEY = ("session_id", "teller", "during")


async def put_word(connection: AsyncConnection, word: SessionWord) -> None:
    """Keep a word; what the same teller said before gives way, whenever it arrives."""
    insert: Any = upsert(connection, session_words).values(**to_row(word))
    changed = {name: insert.excluded[name] for name in ("word", "at")}
    await connection.execute(
        insert.on_conflict_do_update(
            index_elements=list(_KEY),
            set_=changed,
            where=session_words.c.at <= insert.excluded["at"],
        )
    )


async def words_on(connection: AsyncConnection, session_id: str) -> tuple[SessionWord, ...]:
    """Return the latest words of each teller on a session, the earliest first."""
    rows = await connection.execute(
        select(session_words)
        .where(session_words.c.session_id == session_id)
        .order_by(session_words.c.at, session_words.c.teller, session_words.c.during)
    )
    return tuple(
        from_row(SessionWord, {**row, "word": SessionOutcome(row["word"])})
        for row in rows.mappings()
    )


async def add_word_link(
    connection: AsyncConnection, session_id: str, *, expires_at: datetime
) -> str:
    """Return the secret of a link for words on one session."""
    secret = new_secret()
    await connection.execute(
        word_links.insert(),
        {
            "sha256": digest(secret),
            "session_id": session_id,
            "expires_at": expires_at,
        },
    )
    return secret


async def session_of_link(
    connection: AsyncConnection, secret: str, now: datetime
) -> tuple[str, str] | None:
    """Return the session of a link and what the link is called, None where it works no more."""
    found = await connection.execute(
        select(word_links.c.session_id, word_links.c.sha256).where(
            word_links.c.sha256 == digest(secret), word_links.c.expires_at > now
        )
    )
    row = found.first()
    return None if row is None else (row.session_id, f"link:{row.sha256[:8]}")
