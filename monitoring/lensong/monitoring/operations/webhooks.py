"""Adding and deleting webhooks."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal
from lensong.monitoring.errors import FieldError
from lensong.monitoring.operations.audit import noted
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import Webhook, delete_webhook
from lensong.monitoring.store.events import add_webhook as put_webhook
from lensong.monitoring.store.people import new_secret

__all__ = ["add_webhook", "remove_webhook", "shown_url"]


_NEEDED = {
    "telegram": ("to", "credential"),
    "zalo": ("to", "credential"),
    "email": ("to", "sender"),
}
_SCHEMES = {"email": ("smtp", "smtps")}


async def add_webhook(
    service: Service,
    principal: Principal,
    url: str,
    kinds: Iterable[str],
    *,
    form: str = "lensong",
    options: Mapping[str, str] | None = None,
    language: str = "vi",
) -> Webhook:
    """Add an address to which events of some kinds are sent; its secret signs the messages.

    Raises
    ------
    InvalidInputError
        It is no address, or lacks what its format needs.
    """
    given = dict(options or {})
    _check(url, form, given)
    webhook = Webhook(
        webhook_id=secrets.token_hex(8),
        url=url,
        secret=new_secret(),
        kinds=tuple(dict.fromkeys(kinds)),
        created_at=service.clock.now(),
        form=form,
        options=given,
        language=language,
    )

    async def work(connection: AsyncConnection) -> None:
        await put_webhook(connection, webhook)
        await noted(connection, service, principal.actor, "webhook.add", webhook.webhook_id)

    await service.writer.run(work)
    return webhook


def shown_url(webhook: Webhook) -> str:
    """Return the address of a webhook as it may be shown: what is secret in it is left out."""
    address = urlsplit(webhook.url)
    if webhook.form == "teams":  # whoever has the address may write there
        return f"{address.scheme}://{address.hostname}/…"
    return webhook.url


def _check(url: str, form: str, options: Mapping[str, str]) -> None:
    schemes = _SCHEMES.get(form, ("http", "https"))
    try:
        address = urlsplit(url)
        good = address.scheme in schemes and bool(address.hostname) and address.port != 0
    except ValueError:
        good = False
    if not good or any(letter.isspace() for letter in url):
        raise FieldError(
            f"url is {url[:80]!r}, wanted an address that begins with {' or '.join(schemes)}://",
            field="url",
            reason="url_scheme",
            schemes=", ".join(schemes),
        )
    if address.username or address.password:
        raise FieldError(
            "url holds a name or password: put them into options.user and options.credential",
            field="url",
            reason="url_password",
        )
    for name in _NEEDED.get(form, ()):
        if not options.get(name):
            raise FieldError(
                f"options.{name} is missing, {form} needs it", field=name, reason="required"
            )
    if form == "ntfy" and not address.path.strip("/"):
        raise FieldError(
            "url names no topic, wanted https://server/topic", field="url", reason="url_malformed"
        )


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
