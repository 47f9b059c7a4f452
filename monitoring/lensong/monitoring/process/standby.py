"""A second process on a PostgreSQL database: it waits, says so, and takes over from the first."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.messages import preferred_language
from lensong.monitoring.process.server import server_config
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.lock import until_free
from lensong.monitoring.web.problem_document import MEDIA_TYPE, problem_document

__all__ = ["stand_by"]

_Message = MutableMapping[str, Any]
_RETRY_AFTER_S = 2
_DETAIL = "this process stands by: another one serves the database"


def stand_by(config: ServiceConfig, on_waiting: Callable[[], None] = lambda: None) -> bool:
    """Wait until nobody serves the database, answering 503 to all but ``/-/healthy`` meanwhile.

    Parameters
    ----------
    config : ServiceConfig
        With a database of PostgreSQL.
    on_waiting : callable
        Called once it listens; never where the database is free at once.

    Returns
    -------
    bool
        False where the wait was ended by a signal.
    """
    return asyncio.run(_stand_by(config, on_waiting))


async def _stand_by(config: ServiceConfig, on_waiting: Callable[[], None]) -> bool:
    database = Database(config.db)
    free = asyncio.create_task(until_free(database))
    try:
        done, _ = await asyncio.wait({free}, timeout=1.0)
        if not done:
            server = uvicorn.Server(server_config(config, _answer, lifespan="off"))
            serving = asyncio.create_task(server.serve())
            # what takes a second to load is loaded before it is needed
            await asyncio.to_thread(importlib.import_module, "lensong.monitoring.web.app")
            on_waiting()
            await asyncio.wait({free, serving}, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            await serving
        if not free.done():
            return False
        await free
        return True
    finally:
        free.cancel()
        await asyncio.gather(free, return_exceptions=True)
        await database.close()


async def _answer(
    scope: _Message,
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    """Say that the process is alive and does not serve."""
    if scope["type"] == "websocket":
        await receive()
        kind = "websocket.http.response"
    else:
        kind = "http.response"
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if scope["path"] == "/-/healthy":
        status, media_type, body = 200, "text/plain; charset=utf-8", b"healthy\n"
    else:
        language = preferred_language(headers.get("accept-language", ""))
        document = problem_document(503, "standby", language, _DETAIL)
        status, media_type, body = 503, MEDIA_TYPE, json.dumps(document).encode()
    await send(
        {
            "type": f"{kind}.start",
            "status": status,
            "headers": [
                (b"content-type", media_type.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"retry-after", str(_RETRY_AFTER_S).encode()),
                (b"cache-control", b"no-store"),
            ],
        }
    )
    await send({"type": f"{kind}.body", "body": body})
