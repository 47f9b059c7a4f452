"""Events as they happen (server-sent events), and webhooks."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import Field

from lensong.monitoring.access import Action, Principal
from lensong.monitoring.clock import rfc3339
from lensong.monitoring.errors import BusyError
from lensong.monitoring.operations import webhooks
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import (
    Event,
    Webhook,
    all_webhooks,
    events_after,
    is_known,
    last_event_id,
)
from lensong.monitoring.web.api.shapes import Body, Identifier, Line, Short, Text, Time
from lensong.monitoring.web.guards import Admin, Reader, Running, still_may
from lensong.monitoring.web.routes import DocumentedRoute, refusals

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["events"], route_class=DocumentedRoute)

_BEAT_S = 15.0
"""A comment that often keeps proxies from closing a quiet connection."""

_GATHER_S = 2.0
"""For up to so long what happens is gathered for pages of an area; of a site for half of it [s]."""

Kind = Literal[
    "verdict.changed",
    "session.planned",
    "session.changed",
    "session.live",
    "session.ended",
    "session.cancelled",
    "stream.changed",
    "notice.added",
    "notice.ended",
    "operator.fell",
    "operator.recovered",
    "alert.raised",
    "alert.cleared",
]


class WebhookOptions(Body):
    """What a messenger or mail server needs; `credential` is never told again."""

    to: Short | None = None
    sender: Short | None = None
    user: Short | None = None
    credential: Text | None = None


class WebhookIn(Body):
    """An address to which events are sent, in our own format or in that of a messenger."""

    url: Annotated[Line, Field(min_length=1, max_length=2_000)]
    kinds: Annotated[list[Kind], Field(min_length=1, max_length=20)]
    form: Literal["lensong", "telegram", "ntfy", "zalo", "teams", "email"] = "lensong"
    language: Literal["vi", "en"] = "vi"
    options: WebhookOptions = WebhookOptions()


class WebhookOut(Body):
    """A webhook without its secret; where the address itself is one, its server alone."""

    webhook_id: str
    url: str
    kinds: list[str]
    form: str
    language: str
    to: str | None
    created_at: Time


class NewWebhook(WebhookOut):
    """A webhook with the secret that signs its messages, which is shown this once."""

    secret: str


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses=refusals(429)
    | {200: {"content": {"text/event-stream": {}}, "description": "Events as they happen."}},
)
async def listen(
    request: Request,
    service: Running,
    principal: Reader,  # asked again with each event
    only: Annotated[
        Literal["changes"] | None,
        Query(description="Nothing but that something has changed, once in a second or two."),
    ] = None,
    site_id: Annotated[
        Identifier | None, Query(description="Of this site alone; of all where left out.")
    ] = None,
    last_event: Annotated[str | None, Header(alias="Last-Event-ID", pattern=r"^\d{1,15}$")] = None,
) -> StreamingResponse:
    """Send events of the asker's area as they happen, those since ``Last-Event-ID`` first.

    Where events since then are kept no more, or the number is not of this database, the first
    event is ``reload``: read anew what you show. With ``only=changes`` what happens is gathered
    for up to two seconds and told as one event ``changed`` without data. The stream ends when the
    asker's rights do: the person is kept out or signs out, the token is revoked.
    """
    if service.draining:
        raise BusyError("the service is stopping: try again", 5.0)
    asked = _Asked(
        service,
        lambda: still_may(request, Action.READ),
        site_id,
        None if last_event is None else int(last_event),
    )
    tell = _stream if only is None else _changes
    stream = tell(asked, principal.actor)
    await anext(stream)  # the place among the listeners, or the refusal, comes before the answer
    return StreamingResponse(
        stream,
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a listener asked for.

    Parameters
    ----------
    asking : coroutine function
        Returns who listens, None where they may no more.
    site_id : str, optional
        Of this site alone.
    after : int, optional
        The last event that the listener knows, where it has heard any.
    """

    service: Service
    asking: Callable[[], Awaitable[Principal | None]]
    site_id: str | None
    after: int | None

    async def last(self) -> int:
        """Return the last event there is."""
        async with self.service.database.reading() as connection:
            return await last_event_id(connection)

    def concerns(self, principal: Principal, event: Event) -> bool:
        """Return whether an event is for somebody's ears."""
        names = event.body.get("site_ids", ()) if event.site_id is None else [event.site_id]
        if self.site_id is not None and self.site_id not in names:
            return False
        return self.service.directory.hears(principal, event)


async def _stream(asked: _Asked, who: str) -> AsyncIterator[str]:
    """Yield every event."""
    service = asked.service
    seen = await asked.last() if asked.after is None else asked.after
    with service.bus.listening(who) as listener:
        yield ""
        yield _retry()
        async with service.database.reading() as connection:
            if not await is_known(connection, seen):
                seen = await last_event_id(connection)
                yield f"id: {seen}\nevent: reload\ndata: {{}}\n\n"
        # who waits already hears what comes meanwhile: pages are read until there is no more
        while True:
            async with service.database.reading() as connection:
                missed = await events_after(connection, seen)
            if not missed:
                break
            for event in missed:
                seen = event.id
                if (principal := await asked.asking()) is None:
                    return
                if asked.concerns(principal, event):
                    yield _told(event)
        while (heard := await listener.hear(_BEAT_S)) is not None:
            if await asked.asking() is None:
                return
            if not heard:
                yield ": alive\n\n"
            for event in heard:
                if (principal := await asked.asking()) is None:
                    return
                if event.id > seen and asked.concerns(principal, event):
                    yield _told(event)


async def _changes(asked: _Asked, who: str) -> AsyncIterator[str]:
    """Yield that something has changed, for pages that then ask for what they show.

    Whoever has heard nothing yet has just been given the page: no look into the database for each
    of hundreds of walls that come back together.
    """
    gather_s = _GATHER_S if asked.site_id is None else _GATHER_S / 2.0
    with asked.service.bus.listening(who, gather_s) as listener:
        yield ""
        yield _retry()
        if asked.after is not None and asked.after != (last := await asked.last()):
            yield _changed(last)  # whatever it was
        while (heard := await listener.hear(_BEAT_S)) is not None:
            if (principal := await asked.asking()) is None:
                return
            if any(asked.concerns(principal, event) for event in heard):
                yield _changed(max(event.id for event in heard))
            elif not heard:
                yield ": alive\n\n"


def _retry() -> str:
    """Return when to come again: after a restart not all at the same moment."""
    return f"retry: {random.randint(2_000, 8_000)}\n\n"


def _changed(event_id: int) -> str:
    return f"id: {event_id}\nevent: changed\ndata: {{}}\n\n"


def _told(event: Event) -> str:
    data = {"at": rfc3339(event.at), "site_id": event.site_id, **event.body}
    return (
        f"id: {event.id}\nevent: {event.kind}\n"
        f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
    )


LISTEN = next(
    route for route in router.routes if isinstance(route, APIRoute) and route.endpoint is listen
)
"""Found before the others, for all walls open it together after a power cut: see `EarlyRoute`."""


@router.get("/webhooks")
async def list_webhooks(service: Running, principal: Admin) -> list[WebhookOut]:  # noqa: ARG001 (who asks is checked)
    """Return every webhook, without its secret."""
    async with service.database.reading() as connection:
        return [_out(webhook) for webhook in await all_webhooks(connection)]


@router.post("/webhooks", status_code=201)
async def make_webhook(body: WebhookIn, service: Running, principal: Admin) -> NewWebhook:
    """Add a webhook; the answer holds the secret that signs its messages."""
    webhook = await webhooks.add_webhook(
        service,
        principal,
        body.url,
        body.kinds,
        form=body.form,
        options=body.options.model_dump(exclude_none=True),
        language=body.language,
    )
    return NewWebhook(**_out(webhook).model_dump(), secret=webhook.secret)


@router.delete("/webhooks/{webhook_id}", status_code=204)
async def remove_webhook(webhook_id: Identifier, service: Running, principal: Admin) -> None:
    """Delete a webhook and what was on its way to it."""
    await webhooks.remove_webhook(service, principal, webhook_id)


def _out(webhook: Webhook) -> WebhookOut:
    return WebhookOut(
        webhook_id=webhook.webhook_id,
        url=webhooks.shown_url(webhook),
        kinds=list(webhook.kinds),
        form=webhook.form,
        language=webhook.language,
        to=webhook.options.get("to"),
        created_at=webhook.created_at,
    )
