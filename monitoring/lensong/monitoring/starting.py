"""What must hold before the service listens, and how the first administrator comes in."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit

from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Role
from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.service import Service
from lensong.monitoring.store.lock import only_connection
from lensong.monitoring.store.people import Person, add_join, add_person, all_people, note
from lensong.propagation.errors import ConfigError

__all__ = ["FIRST_ADMIN", "check_settings", "first_link", "keep_others_off"]

FIRST_ADMIN = "admin"
_LINK_HOLDS = timedelta(hours=24)


def check_settings(config: ServiceConfig) -> None:
    """Refuse settings under which passwords and tokens would travel in the open.

    Raises
    ------
    ConfigError
        Others can reach the address, and there is neither TLS nor a proxy in front; or certificate
        and key do not fit; or the public address is none.
    """
    if (config.tls_certificate is None) != (config.tls_key is None):
        raise ConfigError("TLS needs both: give --tls-certificate and --tls-key, or neither")
    if config.tls_certificate is not None and config.tls_key is not None:
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            # an empty password, lest it be asked for on a terminal that nobody watches
            context.load_cert_chain(config.tls_certificate, config.tls_key, password="")
        except OSError as error:  # an SSLError is one
            reason = error.strerror or str(error)
            raise ConfigError(
                f"{config.tls_certificate} and {config.tls_key} make no TLS ({reason}): "
                "wanted a certificate chain and its key, both PEM, readable, the key unencrypted"
            ) from error
    elif not config.is_loopback and not config.behind_proxy:
        raise ConfigError(
            f"--host {config.host} can be reached by others, and without TLS they could read "
            "passwords and tokens: give --tls-certificate and --tls-key, or --behind-proxy where a "
            "proxy with TLS stands in front, or listen on 127.0.0.1"
        )
    if config.public_url is not None:
        address = urlsplit(config.public_url)
        if address.scheme not in ("http", "https") or not address.netloc:
            raise ConfigError(
                f"--public-url is {config.public_url!r}, wanted one like https://lensong.example.org"
            )


def keep_others_off(app: FastAPI, service: Service) -> None:
    """Let an app hold its database as long as it lives, see `only_connection`."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with only_connection(service.database), inner(app):
            yield

    app.router.lifespan_context = lifespan


async def first_link(service: Service) -> str | None:
    """Return the secret of a one-time link for the first administrator.

    Returns
    -------
    str or None
        None where an administrator has a password already. Until then every start makes a new
        link, so that one that was lost locks nobody out.
    """
    async with service.database.reading() as connection:
        everybody = await all_people(connection)
    administrators = [
        person for person in everybody if person.role == Role.ADMIN and person.disabled_at is None
    ]
    if any(person.password_hash is not None for person in administrators):
        return None
    now = service.clock.now()
    taken = {person.person_id for person in everybody}
    person_id = (
        administrators[0].person_id
        if administrators
        else next(
            i
            for i in (FIRST_ADMIN, *(f"{FIRST_ADMIN}-{n}" for n in range(2, 99)))
            if i not in taken
        )
    )

    async def work(connection: AsyncConnection) -> str:
        if not administrators:
            person = Person(
                person_id=person_id,
                name="Administrator",
                role=Role.ADMIN.value,
                scope="",
                password_hash=None,
                disabled_at=None,
                created_at=now,
            )
            await add_person(connection, person)
        secret = await add_join(connection, now=now, valid_for=_LINK_HOLDS, person_id=person_id)
        await note(connection, at=now, actor="start", action="person.link", subject=person_id)
        return secret

    return await service.writer.run(work)
