from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.protocol import State

from lensong.monitoring.uplink.transport import MeteredWebSocketProtocol, wire_of


class Transport(asyncio.Transport):
    """Remembers what is done to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        pass


def connected(kind: type[WebSocketsSansIOProtocol], path: str, **options: Any) -> Any:
    """Return a protocol after a handshake that the application has not seen yet."""
    config = uvicorn.Config(FastAPI(), log_config=None, **options)
    config.load()
    protocol = kind(config, ServerState(), {}, _loop=asyncio.get_running_loop())
    protocol.connection_made(Transport())
    protocol.data_received(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: DOdm+5/Cm3WwvhfcAlhJoQ==\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
    )
    return protocol


async def shut_down(kind: type[WebSocketsSansIOProtocol]) -> Any:
    protocol = connected(kind, "/uplink/v1/test")
    protocol.handshake_complete = True
    protocol.conn.state = State.CLOSING  # the client's close was answered, the way out is slow
    protocol.shutdown()
    await _end(protocol)
    return protocol


async def _end(protocol: Any) -> None:
    """End the application's task that a handshake starts."""
    for task in list(protocol.tasks):
        task.cancel()
    await asyncio.gather(*protocol.tasks, return_exceptions=True)


def test_a_closing_connection_does_not_keep_the_server_from_ending() -> None:
    protocol = asyncio.run(shut_down(MeteredWebSocketProtocol))
    assert protocol.transport.closed


def test_uvicorn_alone_still_fails_there() -> None:
    """When this passes no more, our workaround can go."""
    with pytest.raises(InvalidState):
        asyncio.run(shut_down(WebSocketsSansIOProtocol))


@pytest.mark.parametrize(
    ("path", "query", "token", "longest", "pings"),
    [
        ("/ndt/v7/upload?a=1&access_token=s%20t&b=", b"a=1&b=", "s t", 1 << 24, False),
        ("/ndt/v7/download", b"", None, 1 << 17, False),
        ("/uplink/v1/test", b"", None, 1 << 17, False),
        ("/elsewhere?access_token=kept", b"access_token=kept", None, 16_777_216, True),
    ],
)
def test_what_a_path_gets(
    path: str, query: bytes, token: str | None, longest: int, pings: bool
) -> None:
    async def look() -> None:
        protocol = connected(MeteredWebSocketProtocol, path, ws_per_message_deflate=True)
        wire = wire_of(protocol.scope)
        assert wire is not None
        assert wire.access_token == token
        assert wire.received_bytes > 150
        assert wire.tcp_info() is None  # this transport has no socket
        assert protocol.scope["query_string"] == query
        assert protocol.conn.max_message_size == longest
        assert (protocol.ping_interval is not None) == pings
        assert not protocol.conn.extensions
        await _end(protocol)

    asyncio.run(look())


def test_a_broken_handshake_is_refused_quietly(caplog: pytest.LogCaptureFixture) -> None:
    async def look() -> bytes:
        config = uvicorn.Config(FastAPI(), log_config=None)
        config.load()
        protocol = MeteredWebSocketProtocol(
            config, ServerState(), {}, _loop=asyncio.get_running_loop()
        )
        transport = Transport()
        protocol.connection_made(transport)
        protocol.data_received(b"GET /uplink/v1/test HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")
        return transport.written

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(look()).startswith(b"HTTP/1.1 4")
    assert not caplog.records


def test_a_scope_of_another_server_has_no_wire() -> None:
    assert wire_of({"type": "websocket"}) is None
    assert wire_of({"extensions": {"lensong.wire": "something else"}}) is None
