"""OBS Studio: obs-websocket, protocol 5, with its password.

OBS drops frames when the network does not keep up, so the dropped frames and the bytes that were
sent tell what lag tells elsewhere. While OBS connects again by itself nothing is published.

References
----------
.. [1] obs-websocket 5.x protocol: "Connection steps", "Creating an authentication string",
   requests ``GetStreamStatus`` and ``GetVideoSettings``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidURI
from websockets.typing import Subprotocol

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import Answer, parsed_json
from lensong.monitoring.streams.sample import CollectorError, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["authentication", "collect"]

_LONGEST_MESSAGE_BYTES = 262_144
_MOST_MESSAGES = 20
_HELLO, _IDENTIFY, _IDENTIFIED, _REQUEST, _RESPONSE = 0, 1, 2, 6, 7
_AUTHENTICATION_FAILED = 4009


class _Direct(connect):
    """A connection that goes where it was told and nowhere else."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> list[StreamSample]:
    """Return the stream that OBS sends."""
    assert target.url is not None
    parts = urlsplit(target.url)
    secure = parts.scheme == "wss"
    host = parts.hostname or ""
    connection = await http.connect(host, parts.port or (443 if secure else 80))
    try:
        # from here on the socket is closed by whoever got it
        async with _Direct(
            target.url,
            sock=connection,
            server_hostname=host if secure else None,
            subprotocols=[Subprotocol("obswebsocket.json")],
            compression=None,
            max_size=_LONGEST_MESSAGE_BYTES,
            close_timeout=0.5,
            ping_interval=None,
            proxy=None,
        ) as socket:
            await _identify(socket, target.secret)
            status = await _ask(socket, "GetStreamStatus")
            video = await _ask(socket, "GetVideoSettings")
    except ConnectionClosed as error:
        code = error.rcvd.code if error.rcvd is not None else 1006
        if code == _AUTHENTICATION_FAILED:
            raise CollectorError("refused", "OBS refused the password") from error
        raise CollectorError("bad_answer", f"OBS closed the connection ({code})") from error
    except (InvalidHandshake, InvalidMessage) as error:
        raise CollectorError("bad_answer", "that is no obs-websocket") from error
    except InvalidURI as error:
        connection.close()
        raise CollectorError("bad_url", "the url is wanted as ws://host:4455") from error
    if not status.flag("outputActive") or status.flag("outputReconnecting"):
        return []
    top, bottom = video.number("fpsNumerator"), video.number("fpsDenominator")
    return [
        StreamSample(
            at=now(),
            collector="obs",
            received_bytes_total=status.count("outputBytes"),
            frame_rate_hz=top / bottom if top and bottom else None,
            width_px=video.count("outputWidth"),
            height_px=video.count("outputHeight"),
            frames_total=status.count("outputTotalFrames"),
            frames_dropped_total=status.count("outputSkippedFrames"),
        )
    ]


def authentication(password: str, *, salt: str, challenge: str) -> str:
    """Return what proves to OBS that the password is known."""
    secret = base64.b64encode(hashlib.sha256((password + salt).encode()).digest()).decode()
    return base64.b64encode(hashlib.sha256((secret + challenge).encode()).digest()).decode()


async def _identify(socket: ClientConnection, password: str | None) -> None:
    hello = await _receive(socket, _HELLO)
    # no events: only answers are wanted
    wish: dict[str, Any] = {"rpcVersion": 1, "eventSubscriptions": 0}
    if hello.has("authentication"):
        if password is None:
            raise CollectorError("refused", "OBS wants a password: give it as secret")
        asked = hello.inner("authentication")
        salt, challenge = asked.text("salt"), asked.text("challenge")
        if salt is None or challenge is None:
            raise CollectorError("bad_answer", "the hello of OBS has no salt or no challenge")
        wish["authentication"] = authentication(password, salt=salt, challenge=challenge)
    await socket.send(json.dumps({"op": _IDENTIFY, "d": wish}))
    await _receive(socket, _IDENTIFIED)


async def _ask(socket: ClientConnection, request: str) -> Answer:
    wish = {"requestType": request, "requestId": request}
    await socket.send(json.dumps({"op": _REQUEST, "d": wish}))
    answer = await _receive(socket, _RESPONSE)
    if answer.text("requestId") != request or not answer.inner("requestStatus").flag("result"):
        raise CollectorError("bad_answer", f"OBS did not answer {request}")
    return answer.inner("responseData")


async def _receive(socket: ClientConnection, wanted: int) -> Answer:
    for _ in range(_MOST_MESSAGES):
        message = parsed_json(await socket.recv())
        if message.count("op") == wanted:
            return message.inner("d")
    raise CollectorError("bad_answer", f"OBS sent {_MOST_MESSAGES} messages, and not the one")
