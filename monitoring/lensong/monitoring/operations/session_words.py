"""One tap of a person: how a session goes, and whether it held."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import ConflictError, NotFoundError
from lensong.monitoring.live.after_session import told_session
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.operations.sessions import session_for
from lensong.monitoring.operations.tokens import OneTimeLink
from lensong.monitoring.records import Session, SessionOutcome, SessionStatus, SessionWord
from lensong.monitoring.service import Service
from lensong.monitoring.store.session_words import (
    add_word_link,
    put_word,
    session_of_link,
    words_on,
)
from lensong.monitoring.store.sessions import get_session
from lensong.monitoring.store.streams import put_finished_session

__all__ = [
    "LINK_AFTER",
    "Stage",
    "linked_session",
    "make_word_link",
    "may_be_linked",
    "say",
    "say_by_link",
    "stage_of",
]

Stage = Literal["before", "during", "after", "cancelled"]

LINK_AFTER = timedelta(days=2)
"""A link for words on a session works until so long after its planned end."""


def stage_of(service: Service, session: Session, at: datetime | None = None) -> Stage:
    """Return how far a session has come by the clock: what may be said of it.

    Parameters
    ----------
    at : datetime, optional
        How far it had come then, by its plan; by default how far it has come now.
    """
    if session.status is SessionStatus.CANCELLED:
        return "cancelled"
    ended = session.status is SessionStatus.ENDED and at is None
    moment = at or service.clock.now()
    if ended or moment >= session.ends_at:
        return "after"
    return "before" if moment < session.starts_at else "during"


def may_be_linked(service: Service, session: Session) -> bool:
    """Return whether a link for words on a session would still work."""
    return (
        session.status is not SessionStatus.CANCELLED
        and session.ends_at + LINK_AFTER > service.clock.now()
    )


async def say(
    service: Service,
    principal: Principal,
    session: Session,
    word: SessionOutcome,
    *,
    said_ago_s: float = 0.0,
) -> SessionWord:
    """Keep somebody's word on a session; said after its end it is evidence.

    Parameters
    ----------
    said_ago_s : float
        How long ago it was said: a phone without a network keeps it until there is one [s].

    Raises
    ------
    NotFoundError
        It is none of the asker's area.
    ConflictError
        It has not begun, or was called off.
    BusyError
        Too many words on it came within a minute.
    """
    await session_for(service, principal, session.session_id)
    return await _say(service, principal.actor, session, word, said_ago_s)


async def make_word_link(service: Service, principal: Principal, session: Session) -> OneTimeLink:
    """Make a link by which whoever has it says whether one session held, and nothing else.

    Raises
    ------
    NotFoundError
        It is none of the asker's area.
    ConflictError
        The session is over for longer than a link works, or was called off.
    """
    await session_for(service, principal, session.session_id)
    expires_at = session.ends_at + LINK_AFTER
    if not may_be_linked(service, session):
        raise ConflictError("nobody is asked about it any more", "session_over")

    async def work(connection: AsyncConnection) -> str:
        secret = await add_word_link(connection, session.session_id, expires_at=expires_at)
        await noted(connection, service, principal.actor, "word_link.make", session.session_id)
        return secret

    return OneTimeLink(secret=await service.writer.run(work), expires_at=expires_at)


async def linked_session(service: Service, secret: str) -> tuple[Session, str]:
    """Return the session of a link, and what the link is called in the audit trail.

    Raises
    ------
    NotFoundError
        There is no such link, or it is too old.
    """
    async with service.database.reading() as connection:
        found = await session_of_link(connection, secret, service.clock.now())
        if found is None:
            raise NotFoundError("this link is too old, or none: ask for a new one")
        session = await get_session(connection, found[0])
    if session.site_id not in service.directory.sites:
        raise NotFoundError("the site of this session is archived: ask for it to be restored")
    return session, found[1]


async def say_by_link(
    service: Service, secret: str, word: SessionOutcome, *, said_ago_s: float = 0.0
) -> SessionWord:
    """Keep the word of whoever has a link.

    Raises
    ------
    NotFoundError
        There is no such link, or it is too old.
    ConflictError
        The session has not begun, or was called off.
    BusyError
        Too many words on it came within a minute.
    """
    session, teller = await linked_session(service, secret)
    return await _say(service, teller, session, word, said_ago_s)


async def _say(
    service: Service, teller: str, session: Session, word: SessionOutcome, said_ago_s: float
) -> SessionWord:
    at = service.clock.now() - timedelta(seconds=said_ago_s)
    stage = stage_of(service, session, at if said_ago_s > 0.0 else None)
    if stage == "cancelled":
        raise ConflictError("the session was called off: there is nothing to tell", "session_over")
    if stage == "before":
        raise ConflictError("the session has not begun: say so when it runs, or after it")
    service.pushed_limit.take(f"words:{session.session_id}", "words on a session")
    during = stage == "during"
    said = SessionWord(
        session_id=session.session_id, teller=teller, during=during, word=word, at=at
    )

    async def work(connection: AsyncConnection) -> None:
        await put_word(connection, said)
        detail = {"word": word.value, "during": during}
        await noted(connection, service, teller, "session.word", session.session_id, detail)
        words = await words_on(connection, session.session_id)
        past = await told_session(connection, service.directory, session, words)
        if past is not None:
            await put_finished_session(connection, session.session_id, past)

    await service.writer.run(work)
    if not during:
        await service.judge_soon([session.site_id])
    return said
