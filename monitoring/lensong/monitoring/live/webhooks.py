"""Delivering events to webhooks: signed, retried with growing pauses, given up after a day.

The signature is ``sha256=<hex>`` of HMAC-SHA256 over ``<timestamp>.<body>`` with the webhook's
secret; the timestamp stands in a header of its own, so that an old message cannot be sent again.
Beside ours stand the headers of CloudEvents 1.0 [1]_. Messengers and mail servers get the same
event in their own format, as a sentence with a link (`message_formats`).

References
----------
.. [1] CloudEvents 1.0.2, "HTTP Protocol Binding", section 3.1.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import smtplib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx

from lensong.monitoring.clock import Clock, rfc3339
from lensong.monitoring.live.message_formats import Post, Told, mail_of, post_of, send_mail
from lensong.monitoring.outbound import FAILURES, asking, body_of
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import (
    Delivery,
    due_deliveries,
    record_attempt,
    webhooks_due,
)
from lensong.monitoring.store.writer import Writer

__all__ = ["Courier", "pause_after", "signature"]

_LOOK_EVERY_S = 1.0
_ATTEMPTS = 12
_AT_ONCE = 4
"""Messages on their way to one webhook."""

_TOTAL_S = 10.0
"""From looking up the name to the head of the answer [s]."""


_ANSWER_BYTES = 65_536
_SOURCE = "/lensong"

Tell = Callable[[str, Mapping[str, Any], str], Told]
"""Returns an event as people read it: of its kind, its body, and a language."""


def _unnamed(kind: str, _body: Mapping[str, Any], _language: str) -> Told:
    return Told(title=kind)


class _Count(Protocol):
    def __call__(self, *, delivered: bool) -> None: ...


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return what ``X-Lensong-Signature`` holds for a body."""
    signed = timestamp.encode() + b"." + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def pause_after(attempts: int) -> timedelta | None:
    """Return how long to wait after so many failures; None is to give up.

    Examples
    --------
    >>> [pause_after(n).total_seconds() for n in (1, 2, 3)]
    [5.0, 15.0, 45.0]
    """
    if attempts >= _ATTEMPTS:
        return None
    return timedelta(seconds=min(5.0 * 3.0 ** (attempts - 1), 14_400.0))


@dataclass(slots=True)
class Courier:
    """Sends what is due."""

    database: Database
    writer: Writer
    http: httpx.AsyncClient
    clock: Clock
    count: _Count
    source: str = _SOURCE
    tell: Tell = _unnamed

    async def work(self) -> None:
        """Send what is due, again and again, each webhook by a task of its own.

        A receiver that is slow, hangs or is not there delays nobody's messages but its own.
        """
        at_work: dict[str, asyncio.Task[int]] = {}
        try:
            while True:
                async with self.database.reading() as connection:
                    due = await webhooks_due(connection, self.clock.now())
                for webhook_id in due:
                    task = at_work.get(webhook_id)
                    if task is not None and not task.done():
                        continue
                    if task is not None:
                        await task  # what it failed by is told where all tasks of the service are
                    at_work[webhook_id] = asyncio.create_task(self._send_all(webhook_id))
                for webhook_id in [name for name, task in at_work.items() if task.done()]:
                    await at_work.pop(webhook_id)
                await asyncio.sleep(_LOOK_EVERY_S)
        finally:
            for task in at_work.values():
                task.cancel()
            await asyncio.gather(*at_work.values(), return_exceptions=True)

    async def send_due(self) -> int:
        """Send what is due now and return how many messages that were."""
        async with self.database.reading() as connection:
            due = await webhooks_due(connection, self.clock.now())
        return sum(await asyncio.gather(*(self._send_all(webhook_id) for webhook_id in due)))

    async def _send_all(self, webhook_id: str) -> int:
        """Send what is due to one webhook, a few messages at once, and return how many."""
        sent = 0
        while True:
            async with self.database.reading() as connection:
                due = await due_deliveries(connection, webhook_id, self.clock.now(), _AT_ONCE)
            if not due:
                return sent
            await asyncio.gather(*(self._send(delivery) for delivery in due))
            sent += len(due)

    async def _send(self, delivery: Delivery) -> None:
        now = self.clock.now()
        told = self.tell(delivery.kind, delivery.body, delivery.webhook.language)
        error = await self._hand_over(delivery, told, rfc3339(now))
        self.count(delivered=error is None)
        pause = pause_after(delivery.attempts + 1)
        next_at: datetime | None = now + pause if error is not None and pause is not None else None

        await self.writer.run(
            lambda connection: record_attempt(
                connection,
                delivery,
                delivered_at=now if error is None else None,
                next_attempt_at=next_at,
                error=error,
            )
        )

    async def _hand_over(self, delivery: Delivery, told: Told, timestamp: str) -> str | None:
        """Give a message to its receiver and return what went wrong, None where nothing did."""
        hook = delivery.webhook
        if hook.form == "email":
            mail = mail_of(hook.options, told, event_id=delivery.event_id)
            try:
                await asyncio.to_thread(send_mail, hook.url, hook.options, mail)
            except (smtplib.SMTPException, OSError, ValueError) as error:
                return type(error).__name__  # its text may hold what was sent
            return None
        if hook.form == "lensong":
            post = self._own(delivery, told, timestamp)
        else:
            post = post_of(hook.form, hook.url, hook.options, told, event_id=delivery.event_id)
        try:
            async with asking(
                self.http,
                "POST",
                post.url,
                total_s=_TOTAL_S,
                content=post.content,
                headers=post.headers,
            ) as answer:
                if not answer.is_success:
                    return f"status {answer.status_code}"
                return await _refusal(answer) if hook.form == "zalo" else None
        except FAILURES as error:
            return type(error).__name__

    def _own(self, delivery: Delivery, told: Told, timestamp: str) -> Post:
        kind, hook = delivery.kind, delivery.webhook
        body = json.dumps(
            {
                "event_id": delivery.event_id,
                "sent_at": timestamp,
                "kind": kind,
                "text": told.title if not told.text else f"{told.title} – {told.text}",
                "todo": told.todo or None,
                "url": told.url,
                **delivery.body,
            },
            ensure_ascii=False,
        ).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "lensong",
            "X-Lensong-Event": str(delivery.event_id),
            "X-Lensong-Kind": kind,
            "X-Lensong-Timestamp": timestamp,
            "X-Lensong-Signature": signature(hook.secret, timestamp, body),
            "ce-specversion": "1.0",
            "ce-id": str(delivery.event_id),
            "ce-source": self.source,
            "ce-type": f"lensong.{kind}",
            "ce-time": rfc3339(delivery.happened_at),
        }
        if site_id := delivery.body.get("site_id"):
            headers["ce-subject"] = str(site_id)
        return Post(url=hook.url, content=body, headers=headers)


async def _refusal(answer: httpx.Response) -> str | None:
    """Return what Zalo refuses by, with status 200: ``error`` other than 0 in its answer."""
    try:
        told = json.loads(await body_of(answer, _ANSWER_BYTES) or b"")
        code = told.get("error", 0)
    except (ValueError, AttributeError):
        return "no answer of Zalo"
    return None if code == 0 else f"error {str(code)[:20]}"
