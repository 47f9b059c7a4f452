"""The service without a server: a command opens its database and speaks HTTP to the application."""

from __future__ import annotations

import getpass
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.service import Service
from lensong.monitoring.store.lock import only_connection, only_process
from lensong.monitoring.store.migrate import head_revision, revision
from lensong.monitoring.store.upkeep import require_file
from lensong.monitoring.web.app import create_app
from lensong.propagation.errors import ConfigError

__all__ = ["ADDRESS", "in_process", "opened"]

ADDRESS = "http://in-process"
"""Of the application in this process; nothing leaves it."""

_BODY_BYTES = 67_108_864
"""Who may open the database need not be kept from filling the memory."""


@asynccontextmanager
async def in_process(config: ServiceConfig, *, writes: bool) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the application on its database, for whom nothing is forbidden.

    The application's lifespan is not entered: nothing that the service does by itself begins.

    Parameters
    ----------
    config : ServiceConfig
    writes : bool
        See `opened`.

    Raises
    ------
    ConfigError
        See `opened`.
    """
    limits = config.limits.model_copy(update={"body_bytes": _BODY_BYTES})
    config = config.model_copy(update={"limits": limits})
    async with opened(config, writes=writes) as service:
        transport = httpx.ASGITransport(create_app(service, asker=_administrator()))
        async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
            yield client


@asynccontextmanager
async def opened(config: ServiceConfig, *, writes: bool) -> AsyncIterator[Service]:
    """Yield the service on its database, without anything that it does by itself.

    Parameters
    ----------
    config : ServiceConfig
    writes : bool
        Keeps other processes off; else a service that runs may use the database besides.

    Raises
    ------
    ConfigError
        There is no such database, it has another version, or a service uses it.
    """
    async with AsyncExitStack() as held:
        if writes:
            held.enter_context(only_process(config.db))
        service = Service(config)
        held.push_async_callback(service.stop)
        require_file(service.database)
        if writes:
            await held.enter_async_context(only_connection(service.database))
        has = await revision(service.database)
        if has != head_revision():
            raise ConfigError(
                f"the database has version {has or 'none'}, this program wants {head_revision()}: "
                "`lensong db migrate`"
            )
        await service.open()
        yield service
        # what came in is judged here: nobody else does it before the service starts
        for site_id, hours in service.ingest.take_dirty().items():
            await service.judge.evidence_arrived(site_id, hours)


def _administrator() -> Principal:
    """Return who works on a database directly: whoever may open its file may do everything."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an identifier of a user without a name, as in containers
        name = str(os.getuid())
    return Principal(actor=f"cli:{name}"[:64], name=name, role=Role.ADMIN)
