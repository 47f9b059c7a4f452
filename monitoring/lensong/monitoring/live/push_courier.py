"""Telling browsers of people who allowed it, also while no page is open.

Each browser knows by itself how far it was told: what happened since, and no longer than an hour
ago, is sent in order, one message at a time. Whose browser it is and what they may see is asked
anew before each message.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import httpx

from lensong.monitoring.clock import Clock
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.identities import principal_of
from lensong.monitoring.live.message_formats import Told
from lensong.monitoring.live.web_push import VapidKey, encrypted, fresh_key, headers
from lensong.monitoring.live.webhooks import Tell, pause_after
from lensong.monitoring.outbound import FAILURES, PinnedTransport, asking, look_up
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import Event, events_of_kinds
from lensong.monitoring.store.push import (
    PushSubscription,
    delete_push,
    push_key,
    push_with_person,
    pushes_due,
    record_push,
)
from lensong.monitoring.store.writer import Writer
from lensong.monitoring.streams.allowed import AllowList
from lensong.monitoring.streams.sample import CollectorError

__all__ = ["KINDS", "PushCourier"]

KINDS = ("alert.raised", "alert.cleared", "operator.fell", "operator.recovered")
"""What browsers are told."""

_LOOK_EVERY_S = 1.0
_TOTAL_S = 10.0
"""From looking up the name to the head of the answer [s]."""

_TTL = timedelta(hours=1)
_LONGEST_PAUSE = timedelta(minutes=30)
_AT_ONCE = 8
"""Messages on their way to one push service."""

_MOST_BYTES = 2_900
"""Of a message; push services take 4,096 once it is encrypted (RFC 8030, section 7.2)."""

_GONE = frozenset({404, 410})


@dataclass(slots=True)
class PushCourier:
    """Sends what browsers have not been told yet.

    Parameters
    ----------
    allowed : AllowList
        Which addresses may be asked.
    contact : str, optional
        Whom a push service may write to.
    """

    database: Database
    writer: Writer
    directory: Directory
    clock: Clock
    allowed: AllowList
    contact: str | None = None
    tell: Tell = lambda kind, _body, _language: Told(title=kind)
    key: VapidKey = field(init=False)
    http: httpx.AsyncClient = field(init=False)
    _at_work: dict[str, asyncio.Task[None]] = field(init=False, default_factory=dict)
    _places: dict[str, asyncio.Semaphore] = field(init=False)

    def __post_init__(self) -> None:
        # none waits for another's connection: `_places` bounds those to one push service
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self.http = httpx.AsyncClient(
            transport=PinnedTransport(self._addresses, limits),
            timeout=_TOTAL_S,
            follow_redirects=False,
            trust_env=False,
        )
        self._places = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))

    async def _addresses(self, host: str, port: int) -> list[str]:
        return await self.allowed.addresses(host, port, look_up)

    async def load(self) -> None:
        """Read the key; it is made the first time."""
        kept = await self.writer.run(lambda connection: push_key(connection, fresh_key()))
        self.key = VapidKey.of(kept)

    async def work(self) -> None:
        """Send what is due, again and again, to each browser by a task of its own."""
        try:
            while True:
                await self._begin()
                for name in [name for name, task in self._at_work.items() if task.done()]:
                    await self._at_work.pop(name)  # what it failed by is told by who runs this
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            for task in self._at_work.values():
                task.cancel()
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)
            self._at_work.clear()

    async def send_due(self) -> None:
        """Send what is due now, and wait until that is done."""
        await self._begin()
        await asyncio.gather(*self._at_work.values())

    async def _begin(self) -> None:
        now = self.clock.now()
        async with self.database.reading() as connection:
            found = await events_of_kinds(connection, KINDS, now - _TTL)
            happened = tuple(sorted(found, key=lambda event: event.id))
            due = await pushes_due(connection, now, happened[-1].id) if happened else ()
        for name in due:
            task = self._at_work.get(name)
            if task is None or (task.done() and task.exception() is None):
                self._at_work[name] = asyncio.create_task(self._send_all(name, happened))

    async def _send_all(self, name: str, happened: tuple[Event, ...]) -> None:
        """Tell one browser what has happened since it was told last, until something fails."""
        for event in happened:
            # asked anew each time: rights end, and who looked before us may have told it
            async with self.database.reading() as connection:
                found = await push_with_person(connection, name)
            if found is None:
                return
            browser, person = found
            if browser.next_at > self.clock.now():
                return
            if event.id <= browser.seen_event_id:
                continue
            if self.directory.hears(principal_of(person), event):
                if not await self._told(browser, event):
                    return
            elif event is happened[-1]:
                await self._record(browser, event.id, failure=browser.failure)

    async def _told(self, browser: PushSubscription, event: Event) -> bool:
        """Send one message, keep how that went, and return whether it arrived."""
        async with self._places[urlsplit(browser.endpoint).netloc]:
            failure, wait = await self._hand_over(browser, event)
        if failure is None:
            await self._record(browser, event.id)
            return True
        if failure in {f"status {status}" for status in _GONE}:
            await self.writer.run(
                lambda connection: delete_push(connection, browser.subscription_id)
            )
            return False
        pause = wait or pause_after(browser.attempts + 1) or _LONGEST_PAUSE
        now = self.clock.now()
        await self.writer.run(
            lambda connection: record_push(
                connection,
                browser.subscription_id,
                seen_event_id=browser.seen_event_id,
                attempts=browser.attempts + 1,
                next_at=now + min(pause, _LONGEST_PAUSE),
                failure=failure,
            )
        )
        return False

    async def _hand_over(
        self, browser: PushSubscription, event: Event
    ) -> tuple[str | None, timedelta]:
        """Give a message to the push service; return what went wrong, and when to come again."""
        now = self.clock.now()
        told = self.tell(event.kind, event.body, browser.language)
        ttl_s = max(0, int((event.at + _TTL - now).total_seconds()))
        signed = self.key.authorization(browser.endpoint, self.contact, now)
        try:
            async with asking(
                self.http,
                "POST",
                browser.endpoint,
                total_s=_TOTAL_S,
                content=encrypted(_message(told, event), browser.p256dh, browser.auth),
                headers=headers(signed, ttl_s=ttl_s, urgent=told.urgent),
            ) as answer:
                if answer.is_success:
                    return None, timedelta()
                after = answer.headers.get("Retry-After", "")
                told_s = int(after) if after.isdecimal() and len(after) < 7 else 0
                return f"status {answer.status_code}", timedelta(seconds=told_s)
        except (*FAILURES, CollectorError) as error:
            return type(error).__name__, timedelta()

    async def _record(self, browser: PushSubscription, event_id: int, failure: str = "") -> None:
        now = self.clock.now()
        await self.writer.run(
            lambda connection: record_push(
                connection,
                browser.subscription_id,
                seen_event_id=event_id,
                attempts=browser.attempts if failure else 0,
                next_at=now,
                failure=failure,
            )
        )


def _message(told: Told, event: Event) -> bytes:
    """Return what the browser's script shows; a sentence that is too long is cut."""
    text = " – ".join(part for part in (told.text, told.todo) if part)
    title = told.title[:200]
    while True:
        shown = {"title": title, "text": text, "url": told.url, "tag": f"{event.id}"}
        content = json.dumps(shown, ensure_ascii=False).encode()
        if len(content) <= _MOST_BYTES or not text:
            return content
        text = text[: len(text) * 3 // 4]
