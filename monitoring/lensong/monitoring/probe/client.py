"""One uplink test as a client sees it. The protocol is docs/reference/uplink-test.md."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from lensong.monitoring.clock import Clock, rfc3339
from lensong.monitoring.uplink.enough import Enough, EnoughWatcher
from lensong.monitoring.uplink.tcp_info import HasSocketOptions, read_tcp_info
from lensong.monitoring.uplink.upload import ENOUGH
from lensong.propagation.errors import ConfigError, ProbeError

__all__ = ["Measured", "NotMeasuredError", "Progress", "measure_uplink", "server_address"]

_SUBPROTOCOL = Subprotocol("lensong.uplink.v1")
_OPEN_S = 15.0
_PROBE_OPEN_S = 2.5
_ANSWER_S = 30.0
"""How long the server may take for a word when it is its turn to speak."""

_UNSENT_BYTES = 65_536
_LONGEST_QUEUE_S = 900.0

Progress = Callable[[str, float, float], None]
"""Called with a stage, how much of it is done, and the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the server counted, and what the sender's kernel adds.

    Parameters
    ----------
    result : mapping
        The server's ``result`` message.
    loss_ratio : float, optional
        Share of the sent bytes that the kernel had to send again, 0..1.
    """

    result: Mapping[str, Any]
    loss_ratio: float | None = None


class NotMeasuredError(ProbeError):
    """A test gave no figure.

    Parameters
    ----------
    kind : {"failure", "refused", "aborted"}
    code : str
        The server's code, or ``unreachable``, ``connection_lost``, ``no_answer``.
    detail : str
    test_id : str, optional
        Of the test that the server had begun.
    sent_bytes : int
        What it cost all the same [B].
    retry_after_s : float, optional
    """

    def __init__(
        self,
        kind: Literal["failure", "refused", "aborted"],
        code: str,
        detail: str,
        *,
        test_id: str | None = None,
        sent_bytes: int = 0,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.code = kind, code
        self.test_id, self.sent_bytes = test_id, sent_bytes
        self.retry_after_s = retry_after_s


def server_address(url: str) -> str:
    """Return the address of a server without a slash at its end, or refuse it.

    Examples
    --------
    >>> server_address("https://live.example.vn/")
    'https://live.example.vn'
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(
            f"server is {url!r}, wanted an address like https://live.example.vn: see where the "
            "pages of the service open in a browser"
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))


async def measure_uplink(
    server: str,
    token: str,
    *,
    seconds: int,
    client_id: str,
    clock: Clock,
    progress: Progress = lambda *_: None,
    language: Literal["vi", "en"] = "en",
    profile: str | None = None,
    whole: bool = False,
) -> Measured:
    """Run one test and return what the server counted.

    Parameters
    ----------
    server : str
        Address as of `server_address`.
    token : str
        Of the site.
    seconds : int
        Of the upload: 10, 30 or 60 [s].
    client_id : str
        Who measures.
    clock : Clock
    progress : callable
        Called with ``waiting`` and ``uploading``.
    language : {"vi", "en"}
        Of what the server says when it refuses.
    profile : str, optional
        Of the stream that the test is for; by default that of the site's next session.
    whole : bool
        Upload for all of the time, even where less is enough for that stream.

    Raises
    ------
    NotMeasuredError
        There is no figure.
    """
    test = _Test(server, clock, progress, language, whole=whole)
    hello = {
        "type": "hello",
        "token": token,
        "seconds": seconds,
        "method": "cli",
        "client_id": client_id,
        "sent_at": rfc3339(clock.now()),
    }
    if profile is not None:
        hello["profile"] = profile
    try:
        async with test.open("/uplink/v1/test", _OPEN_S) as socket:
            return await test.run(socket, hello)
    except ConnectionClosed as closed:
        raise test.closed(closed) from closed
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
        raise NotMeasuredError(
            "failure", "unreachable", f"{server} cannot be reached: {_told(error)}"
        ) from error


class _Test:
    def __init__(
        self,
        server: str,
        clock: Clock,
        progress: Progress,
        language: Literal["vi", "en"],
        *,
        whole: bool,
    ) -> None:
        self._base = "ws" + server.removeprefix("http")
        self._server, self._clock, self._language = server, clock, language
        self._progress, self._whole = progress, whole
        self._sent_bytes = 0
        self._test_id: str | None = None
        self._refused: dict[str, Any] | None = None

    def open(self, path: str, within_s: float) -> connect:
        return connect(
            self._base + path,
            subprotocols=[_SUBPROTOCOL],
            compression=None,
            max_size=65_536,
            open_timeout=within_s,
            close_timeout=10.0,
            ping_interval=None,  # a ping would wait behind our own upload
            write_limit=_UNSENT_BYTES,
        )

    async def run(self, socket: ClientConnection, hello: Mapping[str, Any]) -> Measured:
        await socket.send(json.dumps(hello))
        terms = await self._wait_for_turn(socket)
        self._test_id = str(terms["test_id"])
        beside = asyncio.create_task(self._answer_pings(str(terms["probe_key"])))
        try:
            await self._hear(socket, "go")
            return await self._upload(socket, terms)
        finally:
            beside.cancel()
            await asyncio.gather(beside, return_exceptions=True)

    async def _wait_for_turn(self, socket: ClientConnection) -> dict[str, Any]:
        until_s = self._clock.monotonic_s() + _LONGEST_QUEUE_S
        while True:
            message = await self._hear(socket, "queued", "admitted")
            if message["type"] == "admitted":
                return message
            wait_s = float(message["wait_s"])
            if self._clock.monotonic_s() + wait_s > until_s:
                raise self._failed(
                    "refused", "too_many_waiting", f"the queue is {wait_s:.0f} s long"
                )
            self._progress("waiting", 0.0, max(wait_s, 1.0))

    async def _upload(self, socket: ClientConnection, terms: Mapping[str, Any]) -> Measured:
        sending = asyncio.create_task(self._send(socket, terms))
        enough = EnoughWatcher(None if self._whole else _enough(terms))
        try:
            while True:
                message = await self._hear(socket, "measurement", "stop", "result")
                if message["type"] == "measurement":
                    elapsed_s = message["AppInfo"]["ElapsedTime"] / 1e6
                    self._progress("uploading", elapsed_s, float(terms["seconds"]))
                    if enough.heard(elapsed_s, int(message["AppInfo"]["NumBytes"])):
                        await _ended(sending)
                        await socket.send(ENOUGH)
                    continue
                if not sending.done():
                    sending.cancel()
                if message["type"] == "result":
                    self._progress("uploading", 1.0, 1.0)
                    return Measured(result=message, loss_ratio=_retransmitted(socket))
        finally:
            await _ended(sending)

    async def _send(self, socket: ClientConnection, terms: Mapping[str, Any]) -> None:
        """Send random bytes as fast as the link takes them, up to the agreed rate."""
        size, bytes_per_s = int(terms["message_bytes"]), float(terms["max_rate_bps"]) / 8.0
        begun_s = self._clock.monotonic_s()
        with suppress(ConnectionClosed):  # the reader says why
            while self._sent_bytes + size <= int(terms["max_bytes"]):
                await socket.send(os.urandom(size))
                self._sent_bytes += size
                ahead_s = self._sent_bytes / bytes_per_s - (self._clock.monotonic_s() - begun_s)
                # Even where the link takes everything, pings must be answered at once.
                await asyncio.sleep(max(0.0, ahead_s))

    async def _answer_pings(self, key: str) -> None:
        """Send every ping back; without this connection there is no round trip, no more."""
        with suppress(ConnectionClosed, OSError, TimeoutError, InvalidHandshake):
            async with self.open("/uplink/v1/probe", _PROBE_OPEN_S) as socket:
                await socket.send(json.dumps({"type": "hello", "probe_key": key}))
                async for ping in socket:
                    if isinstance(ping, bytes):
                        await socket.send(ping)

    async def _hear(self, socket: ClientConnection, *types: str) -> dict[str, Any]:
        """Return the next message of one of these types; an error is raised, others dropped."""
        while True:
            try:
                async with asyncio.timeout(_ANSWER_S):
                    text = await socket.recv()
            except TimeoutError:
                raise self._failed(
                    "failure", "no_answer", f"{self._server} said nothing for {_ANSWER_S:.0f} s"
                ) from None
            try:
                message = json.loads(text)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                raise self._failed(
                    "failure", "no_answer", f"{self._server} does not speak the uplink test"
                )
            if message.get("type") == "error":
                raise self._told_by_server(message)
            if message.get("type") in types:
                return message

    def closed(self, closed: ConnectionClosed) -> NotMeasuredError:
        if closed.rcvd is not None and closed.rcvd.reason.startswith("{"):
            with suppress(ValueError):
                return self._told_by_server(json.loads(closed.rcvd.reason))
        return self._failed(
            "failure", "connection_lost", "the connection was lost before the test ended"
        )

    def _told_by_server(self, message: Mapping[str, Any]) -> NotMeasuredError:
        code, retry = str(message.get("code", "unknown")), message.get("retry_after_s")
        text = message.get("text")
        said = text.get(self._language) if isinstance(text, dict) else None
        kind = message.get("kind")
        return self._failed(
            cast('Literal["failure", "refused", "aborted"]', kind)
            if kind in ("failure", "refused", "aborted")
            else "refused",
            code,
            str(said or f"the server refused the test: {code}"),
            retry_after_s=float(retry) if isinstance(retry, int | float) else None,
        )

    def _failed(
        self,
        kind: Literal["failure", "refused", "aborted"],
        code: str,
        detail: str,
        *,
        retry_after_s: float | None = None,
    ) -> NotMeasuredError:
        return NotMeasuredError(
            kind,
            code,
            detail,
            test_id=self._test_id,
            sent_bytes=self._sent_bytes,
            retry_after_s=retry_after_s,
        )


def _enough(terms: Mapping[str, Any]) -> Enough | None:
    """Return what the server calls enough; a server of before says nothing of it."""
    said = terms.get("enough")
    if not isinstance(said, dict):
        return None
    return Enough(rate_bps=float(said["rate_bps"]), seconds=float(said["seconds"]))


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _retransmitted(socket: ClientConnection) -> float | None:
    connection = socket.transport.get_extra_info("socket")
    info = read_tcp_info(cast("HasSocketOptions | None", connection))
    return None if info is None else info.retransmitted_ratio


def _told(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time: check the network and the address"
    if isinstance(error, OSError):
        return f"{error.strerror or error}: check the network and the address"
    return f"{error}: check the address"
