"""The WebSocket side of uvicorn, with what a test of the uplink needs to see of the connection.

Run the service with ``uvicorn.Config(app, ws=MeteredWebSocketProtocol)``. Every WebSocket then has
a `Wire` in its scope. Without it the tests still run, but count whole messages only, have no
TCP_INFO, and cannot end a client that has stopped reading.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode

from uvicorn.config import Config
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.http11 import Request

from lensong.monitoring.uplink.tcp_info import HasSocketOptions, TcpInfo, read_tcp_info

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

__all__ = ["NDT7_MESSAGE_BYTES", "MeteredWebSocketProtocol", "Wire", "wire_of"]

_EXTENSION = "lensong.wire"

NDT7_MESSAGE_BYTES = 1 << 24
"""ndt7 specification, "WebSocket channel usage": no limit below this."""

_MESSAGE_BYTES = 1 << 17
_METERED = ("/ndt/v7/", "/uplink/v1/")


class Wire:
    """What is seen of a connection below its messages.

    Attributes
    ----------
    received_bytes : int
        Bytes that arrived over TCP (TLS taken off): messages, complete or not, and 8 to 14 bytes
        of framing for each.
    access_token : str or None
        Taken out of the query, so that no log of requests shows it.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.received_bytes = 0
        self.access_token: str | None = None

    def tcp_info(self) -> TcpInfo | None:
        """Return what the kernel says about the connection, None where it says nothing."""
        return read_tcp_info(
            cast("HasSocketOptions | None", self._transport.get_extra_info("socket"))
        )

    def abort(self) -> None:
        """End the connection at once, whatever the other side does not read."""
        self._transport.abort()


class MeteredWebSocketProtocol(WebSocketsSansIOProtocol):
    """Counts bytes as they arrive, refuses compression, and hides tokens from the log."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        # What arrives must be what was sent: permessage-deflate would make any link fast.
        self.conn.available_extensions = None
        self._wire: Wire | None = None

    def data_received(self, data: bytes) -> None:
        """Count, then parse."""
        if self._wire is None:
            self._wire = Wire(self.transport)
        self._wire.received_bytes += len(data)
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        """Put the wire into the scope before the application sees it."""
        path = event.path.partition("?")[0]
        metered = path.startswith(_METERED)
        if metered:
            upload = path.endswith("/ndt/v7/upload")
            self.conn.max_message_size = NDT7_MESSAGE_BYTES if upload else _MESSAGE_BYTES
            # A ping would wait behind the upload in the client's buffers and be taken for lost.
            self.ping_interval = None
        super().handle_connect(event)
        if not hasattr(self, "scope") or self._wire is None:
            return  # no valid handshake, refused already
        extensions = cast("dict[str, Any]", self.scope["extensions"])
        extensions[_EXTENSION] = self._wire
        if metered:
            self._wire.access_token, rest = _without_token(self.scope["query_string"])
            self.scope["query_string"] = rest

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says.

        Notes
        -----
        uvicorn (0.54) takes a refusal that has a body for no answer at all, and logs an error.
        """
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    def shutdown(self) -> None:
        """End with the server.

        Notes
        -----
        uvicorn (0.54) sends a close frame here even where the client's close has just been
        answered, which its WebSocket library refuses; the error would end the server's own
        shutdown.
        """
        try:
            super().shutdown()
        except InvalidState:
            self.transport.close()


def wire_of(scope: Mapping[str, Any]) -> Wire | None:
    """Return the wire of a WebSocket's scope, None where the server does not give it."""
    wire = (scope.get("extensions") or {}).get(_EXTENSION)
    return wire if isinstance(wire, Wire) else None


def _without_token(query: bytes) -> tuple[str | None, bytes]:
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    token = next((value for name, value in pairs if name == "access_token"), None)
    rest = [(name, value) for name, value in pairs if name != "access_token"]
    return token, urlencode(rest).encode("ascii")
