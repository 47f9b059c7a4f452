"""Delivering events to webhooks: signed, retried with growing pauses, given up after a day.

The signature is ``sha256=<hex>`` of HMAC-SHA256 over ``<timestamp>.<body>`` with the webhook's
secret; the timestamp stands in a header of its own, so that an old message cannot be sent again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import httpx

from lensong.monitoring.clock import Clock, rfc3339
from lensong.monitoring.outbound import FAILURES, asking
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
        timestamp = rfc3339(now)
        body = json.dumps(
            {"event_id": delivery.event_id, "sent_at": timestamp, **delivery.body},
            ensure_ascii=False,
        ).encode()
        error = await self._post(delivery, timestamp, body)
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

    async def _post(self, delivery: Delivery, timestamp: str, body: bytes) -> str | None:
        try:
            async with asking(
                self.http,
                "POST",
                delivery.webhook.url,
                total_s=_TOTAL_S,
                content=body,
                headers={
                    "Content-Type": "application/json",
                    "User-Agent": "lensong",
                    "X-Lensong-Event": str(delivery.event_id),
                    "X-Lensong-Timestamp": timestamp,
                    "X-Lensong-Signature": signature(delivery.webhook.secret, timestamp, body),
                },
            ) as answer:  # its body is nobody's business here, and is never read
                return None if answer.is_success else f"status {answer.status_code}"
        except FAILURES as error:
            return type(error).__name__
