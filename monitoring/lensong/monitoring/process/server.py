"""Serving the app over sockets: patience and memory of every connection have an end.

uvicorn waits for the head of a request as long as a client likes, and keeps as much of it as comes.
A proxy in front would not; a service that is reached directly has to defend itself.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import resource
import socket
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Literal

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.service import Service
from lensong.monitoring.uplink.transport import MeteredWebSocketProtocol
from lensong.monitoring.web.problem_document import MEDIA_TYPE, problem_document

__all__ = ["DrainingServer", "PatientProtocol", "make_server", "server_config"]

_LOG = logging.getLogger("lensong.server")

_HEAD_BYTES = 65_536
_FILES = 16_384

_KEEP_ALIVE_S = 65
"""Longer than proxies keep a connection that is idle (60 s), so that they end it, not we [s]."""

_DRAIN_S = 8
"""Requests that still run after this are cut off [s]."""

_SWITCH_S = 0.00025
"""A thread that computes hands over after this: the reports do not wait for a scrape or a wall [s].

On its way to the disk a report changes threads about ten times, and waits so long at each change.
"""


class PatientProtocol(HttpToolsProtocol):
    """HTTP/1.1 with limits to the number of connections and to the head of a request.

    Attributes
    ----------
    head_s : float
        Time for the head of a request, from its first byte or from the connection [s].
    most_connections : int
        One more is refused at once.
    """

    head_s = 15.0
    most_connections = 2_000
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Wait for a request, a while."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(503, "busy", "too many connections: try again")
        else:
            self._await_head()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        if self.transport.is_closing():
            return
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing() or not self._waits_for_head:
            self._head_bytes = 0
        elif self._head_bytes > _HEAD_BYTES:
            self._refuse(431, "head_too_large", f"the head is larger than {_HEAD_BYTES} bytes")
        elif self._deadline is None:
            self._await_head()

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_waiting()
        super().connection_lost(exc)

    @property
    def _waits_for_head(self) -> bool:
        return self.transport.get_protocol() is self and (
            self.cycle is None or self.cycle.response_complete
        )

    def _await_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_s, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self._refuse(408, "request_timeout", f"the head took over {self.head_s:g} s")

    def _refuse(self, status: int, code: str, detail: str) -> None:
        """Answer before there is a request that the app could see, and hang up."""
        self._stop_waiting()
        body = json.dumps(problem_document(status, code, "en", detail)).encode()
        self.transport.write(
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nretry-after: 5\r\nconnection: close\r\n\r\n".encode()
            + body
        )
        self.transport.close()


class DrainingServer(uvicorn.Server):
    """A server that tells the service to drain before it waits for what still runs."""

    def __init__(
        self, config: uvicorn.Config, service: Service, on_started: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._service, self._on_started = service, on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the service and listen."""
        await super().startup(sockets)
        # a full round of the garbage collector over what never becomes garbage stops everything
        # for 0.1 s, several times a minute
        gc.collect()
        gc.freeze()
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self._on_started(f"{'https' if self.config.is_ssl else 'http'}://{shown}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nothing new on, let what runs come to its end, stop the service."""
        self._service.drain()  # streams of events would never end by themselves
        await super().shutdown(sockets)


def make_server(
    service: Service, app: ASGIApp, on_started: Callable[[str], None] = lambda _url: None
) -> DrainingServer:
    """Return a server of an app as its service's settings want it; `run` serves until a signal.

    Parameters
    ----------
    on_started : callable
        Takes the address once it listens, with the port where the settings leave that open.
    """
    config = server_config(service.config, app, lifespan="on")
    sys.setswitchinterval(_SWITCH_S)
    _raise_file_limit()
    return DrainingServer(config, service, on_started)


def server_config(
    settings: ServiceConfig, app: Any, *, lifespan: Literal["on", "off"]
) -> uvicorn.Config:
    """Return how an app is served by the service's settings.

    Parameters
    ----------
    app : ASGI application
    """

    class Protocol(PatientProtocol):
        head_s = settings.limits.head_seconds
        most_connections = settings.limits.connections

    limits: dict[str, Any] = {
        "timeout_keep_alive": _KEEP_ALIVE_S,
        "timeout_graceful_shutdown": _DRAIN_S,
        "ws_per_message_deflate": False,  # the bytes of an uplink test are counted
    }
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Protocol,
        ws=MeteredWebSocketProtocol,
        lifespan=lifespan,
        log_config=None,
        access_log=False,  # its lines would hold the secrets of links
        server_header=False,
        proxy_headers=settings.behind_proxy,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        **limits,
    )


def _raise_file_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            _LOG.warning("may open %d files only: `ulimit -n %d`", soft, _FILES)
