"""People's words on sessions: how it goes, and whether it held."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import Field

from lensong.monitoring.operations import session_words as operations
from lensong.monitoring.records import SessionOutcome, SessionWord
from lensong.monitoring.web.addresses import link_url
from lensong.monitoring.web.api.shapes import Body, Time
from lensong.monitoring.web.api.sign_in import Secret
from lensong.monitoring.web.guards import (
    PlannedSession,
    Planner,
    Reporter,
    ReportingSession,
    Running,
    anybody,
)
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["WordOut", "router"]

router = APIRouter(prefix="/api/v1", tags=["sessions"], route_class=DocumentedRoute)


class WordIn(Body):
    """What somebody says: during a session how it goes, after it what became of it."""

    word: SessionOutcome
    said_ago_s: Annotated[
        float,
        Field(
            ge=0.0,
            le=172_800.0,
            description="How long ago it was said, where there was no network then [s].",
        ),
    ] = 0.0


class LinkedWordIn(WordIn):
    """What whoever has a link says."""

    secret: Secret


class WordOut(Body):
    """What was said: ``during`` the session of that moment, otherwise of the whole session."""

    session_id: str
    teller: str
    during: bool
    word: SessionOutcome
    at: Time

    @classmethod
    def of(cls, word: SessionWord) -> WordOut:
        """Return the body of a word."""
        return cls(
            session_id=word.session_id,
            teller=word.teller,
            during=word.during,
            word=word.word,
            at=word.at,
        )


class WordLinkOut(Body):
    """A link by which whoever has it says whether one session held."""

    url: str
    expires_at: Time


@router.put("/sessions/{session_id}/word", responses=refusals(409))
async def say(
    session: ReportingSession, body: WordIn, service: Running, principal: Reporter
) -> WordOut:
    """Say how a session goes, or after it whether it held; the latest word of each counts."""
    return WordOut.of(
        await operations.say(service, principal, session, body.word, said_ago_s=body.said_ago_s)
    )


@router.post("/sessions/{session_id}/word-links", status_code=201, responses=refusals(409))
async def make_link(
    session: PlannedSession, request: Request, service: Running, principal: Planner
) -> WordLinkOut:
    """Make a link for words on one session; it works until two days after its end."""
    address = link_url(service, request)
    link = await operations.make_word_link(service, principal, session)
    return WordLinkOut(url=f"{address}/held/{link.secret}", expires_at=link.expires_at)


@router.post("/words", dependencies=[Depends(anybody)], responses=refusals(404, 409, 429))
async def say_by_link(body: LinkedWordIn, service: Running) -> WordOut:
    """Say by a link how its session goes, or after it whether it held."""
    return WordOut.of(
        await operations.say_by_link(service, body.secret, body.word, said_ago_s=body.said_ago_s)
    )
