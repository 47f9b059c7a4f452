"""A second process on a PostgreSQL database: it waits, says so, and takes over from the first.

All that can be made ready without the database is ready while it waits: what is left for the moment
in which the first one dies is the lock, the version of the tables, and what memory holds of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI

from lensong.monitoring.messages import preferred_language
from lensong.monitoring.process.starting import first_link, hold_while_serving
from lensong.monitoring.service import Service
from lensong.monitoring.store.migrate import head_revision
from lensong.monitoring.web.app import create_app
from lensong.monitoring.web.pages.rendering import load_templates
from lensong.monitoring.web.problem_document import MEDIA_TYPE, problem_document

__all__ = ["StandingBy"]

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_RETRY_AFTER_S = 2
_DETAIL = "this process stands by: another one serves the database"


class StandingBy:
    """An application that answers 503 to all but ``/-/healthy`` until the database is its own.

    The server keeps listening on the same socket while one becomes the other.

    Parameters
    ----------
    service : Service
        On a database of PostgreSQL, not started.
    on_waiting : callable
        Called once where another process serves the database.
    on_serving : callable
        Called once it serves, with its address and the secret of the first administrator's link or
        None.
    end : callable
        Ends the server: the database was lost, or cannot be served.
    """

    def __init__(
        self,
        service: Service,
        *,
        on_waiting: Callable[[], None],
        on_serving: Callable[[str, str | None], None],
        end: Callable[[], None],
    ) -> None:
        self._service, self._on_serving, self._end = service, on_serving, end
        self._app = create_app(service)
        self._serves = False
        self.lost = False
        """Another process took the database."""
        self.failed: BaseException | None = None
        """Why the database cannot be served."""
        self._address: asyncio.Future[str] | None = None
        hold_while_serving(self._app, service, self._lose, on_waiting)
        _load(self._app)

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer a request, or begin and end with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._serves:
            await self._app(scope, receive, send)
        else:
            await _answer(scope, receive, send)

    def _lose(self) -> None:
        self.lost = True
        self._end()

    def listens(self, url: str) -> None:
        """Take the address on which the server listens."""
        assert self._address is not None  # the server began with `_live`
        self._address.set_result(url)

    async def _live(self, receive: _Receive, send: _Send) -> None:
        await receive()
        self._address = asyncio.get_running_loop().create_future()
        ended = asyncio.Event()
        serving = asyncio.create_task(self._serve(self._address, ended))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        ended.set()
        if not self._serves:
            serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        if not self._serves:
            await self._service.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, address: asyncio.Future[str], ended: asyncio.Event) -> None:
        """Serve from the moment when the database is free until the server ends."""
        try:
            async with self._app.router.lifespan_context(self._app):
                link = await first_link(self._service)
                self._serves = True
                gc.freeze()  # what was read will not be garbage, and need not be gone through
                self._on_serving(await address, link)
                await ended.wait()
        except (
            Exception
        ) as error:  # the outermost loop of the task: told by whoever runs the server
            self.failed = error
            self._end()


def _load(app: FastAPI) -> None:
    """Do now what the first requests would have to wait for."""
    app.middleware_stack = app.build_middleware_stack()
    load_templates()
    head_revision()


async def _answer(scope: _Message, receive: _Receive, send: _Send) -> None:
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
