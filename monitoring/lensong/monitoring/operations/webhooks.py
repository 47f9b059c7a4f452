"""Adding and deleting webhooks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import Webhook, delete_webhook
from lensong.monitoring.store.events import add_webhook as put_webhook
from lensong.monitoring.store.people import new_secret

__all__ = ["add_webhook", "remove_webhook"]


async def add_webhook(
    service: Service, principal: Principal, url: str, kinds: Iterable[str]
) -> Webhook:
    """Add an address to which events of some kinds are sent; its secret signs the messages."""
    webhook = Webhook(
        webhook_id=secrets.token_hex(8),
        url=url,
        secret=new_secret(),
        kinds=tuple(dict.fromkeys(kinds)),
        created_at=service.clock.now(),
    )

    async def work(connection: AsyncConnection) -> None:
        await put_webhook(connection, webhook)
        await noted(connection, service, principal.actor, "webhook.add", webhook.webhook_id)

    await service.writer.run(work)
    return webhook


async def remove_webhook(service: Service, principal: Principal, webhook_id: str) -> None:
    """Delete a webhook and what was on its way to it.

    Raises
    ------
    NotFoundError
        There is none of that identifier.
    """

    async def work(connection: AsyncConnection) -> None:
        await delete_webhook(connection, webhook_id)
        await noted(connection, service, principal.actor, "webhook.delete", webhook_id)

    await service.writer.run(work)
