"""One WebSocket of a client that may vanish, stall or misbehave at any moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from lensong.monitoring.uplink.outcomes import FailureKind
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.uplink.transport import Wire, wire_of

__all__ = ["Channel", "Gone"]

_CLOSING_S = 5.0
_SENDING_S = 10.0
_LONGEST_HELLO = 4_096


class Gone(Exception):  # noqa: N818 (an event, not an error)
    """The client has left, with this close code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"close code {code}")
        self.code = code


class Channel:
    """A WebSocket whose sends never raise: what a client that left does not get, it does not get.

    Parameters
    ----------
    websocket : WebSocket
        Not yet accepted.
    """

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.open = False
        self.address = websocket.client.host if websocket.client else "unknown"
        self.wire: Wire | None = wire_of(websocket.scope)

    async def accept(self, subprotocol: str | None) -> None:
        """Agree to the WebSocket."""
        try:
            await self._websocket.accept(subprotocol)
            self.open = True
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: gone before the handshake
            self.open = False

    def offers(self, subprotocol: str) -> bool:
        """Return whether the client offered a subprotocol."""
        return subprotocol in self._websocket.scope.get("subprotocols", ())

    async def receive(self) -> bytes | str:
        """Return the next message.

        Raises
        ------
        Gone
            There is none any more.
        """
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self.open = False
            raise Gone(int(message.get("code") or 1005))
        data = message.get("bytes")
        return data if data is not None else str(message.get("text", ""))

    async def receive_hello(self, within_s: float) -> dict[str, Any] | Refusal:
        """Return the client's first message, or why it cannot be taken."""
        try:
            async with asyncio.timeout(within_s):
                message = await self.receive()
        except TimeoutError:
            return Refusal("bad_hello")
        if isinstance(message, bytes) or len(message) > _LONGEST_HELLO:
            return Refusal("bad_hello")
        try:
            hello = json.loads(message)
        except (ValueError, RecursionError):
            return Refusal("bad_hello")
        if not isinstance(hello, dict) or hello.get("type") != "hello":
            return Refusal("bad_hello")
        return hello

    async def say(self, message: Mapping[str, Any]) -> None:
        """Send a JSON message."""
        await self.send(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    async def send(self, message: str | bytes) -> None:
        """Send a message; a client that does not read what was sent before is dropped."""
        if not self.open:
            return
        try:
            async with asyncio.timeout(_SENDING_S):
                if isinstance(message, bytes):
                    await self._websocket.send_bytes(message)
                else:
                    await self._websocket.send_text(message)
        except TimeoutError:
            self._drop()
        except (WebSocketDisconnect, RuntimeError):
            # RuntimeError: the server closed the connection by itself, e.g. on a broken frame.
            self.open = False

    async def refuse(self, refusal: Refusal, kind: FailureKind = "refused") -> None:
        """Say why not, and close."""
        await self._end(refusal.message(kind), refusal.close_code, refusal.reason)

    async def close(self, last: Mapping[str, Any] | None = None) -> None:
        """Close, all being well, after a last message."""
        await self._end(last, 1000, "")

    async def _end(self, last: Mapping[str, Any] | None, code: int, reason: str) -> None:
        if not self.open:
            return
        try:
            async with asyncio.timeout(_CLOSING_S):
                if last is not None:
                    await self.say(last)
                if self.open:
                    await self._websocket.close(code, reason)
        except TimeoutError:
            self._drop()
        except (WebSocketDisconnect, RuntimeError):
            pass
        self.open = False

    def _drop(self) -> None:
        """End the connection without a word: what waits for a client that reads nothing stays."""
        self.open = False
        if self.wire is not None:
            self.wire.abort()
