"""A light watch as a client sees it. The protocol is docs/reference/watch.md."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from lensong.monitoring.clock import Clock
from lensong.monitoring.probe.client import NotMeasuredError
from lensong.monitoring.probe.modem import NO_SIGNAL, Signal
from lensong.monitoring.records import Motion
from lensong.monitoring.watch.messages import EVERY_S, SUBPROTOCOL, pack_tick, unpack_answer

__all__ = ["WatchNews", "WatchSummary", "watch_network"]

_OPEN_S = 8.0
_SILENT_S = 8.0
"""Without an answer for so long a new connection is tried: the old one may wait for minutes [s]."""

_LONGEST_PAUSE_S = 15.0
_LATE_S = 1.0
"""Later than that by its own clock, this program or the machine was asleep [s]."""

_ENDING_S = 60.0
_FOR_LATER = frozenset({"unavailable", "too_many_watches", "too_many_strangers", "stopping"})
_WRAP = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchNews:
    """How a watch stands.

    Parameters
    ----------
    elapsed_s, slept_s : float
        Since it began, and how much of that this machine slept [s].
    gone_s : float
        Since the last answer, 0 while they come [s].
    rtt_ms : float or None
        The last round trip [ms].
    """

    elapsed_s: float
    slept_s: float
    gone_s: float
    rtt_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSummary:
    """What the server counted, or None where it was not reached at the end.

    Parameters
    ----------
    sent, answered : int
        Messages, by this side's count.
    slept_s : float
        How long this machine slept: not watched [s].
    connections : int
    """

    server: Mapping[str, Any] | None
    sent: int
    answered: int
    slept_s: float
    connections: int


async def watch_network(
    server: str,
    token: str,
    *,
    seconds: float,
    client_id: str,
    clock: Clock,
    motion: Motion = Motion.UNKNOWN,
    signal: Signal = NO_SIGNAL,
    news: Callable[[WatchNews], None] = lambda _: None,
) -> WatchSummary:
    """Watch the network of a site for a time and return what the server counted.

    Parameters
    ----------
    server : str
        Address as of `lensong.monitoring.probe.client.server_address`.
    token : str
        Of the site.
    news : callable
        Called once a second.

    Raises
    ------
    NotMeasuredError
        The server refuses the watch, or was never reached.
    """
    watching = _Watching(server, token, client_id, clock, motion, signal, news)
    return await watching.run(seconds)


class _Watching:
    def __init__(
        self,
        server: str,
        token: str,
        client_id: str,
        clock: Clock,
        motion: Motion,
        signal: Signal,
        news: Callable[[WatchNews], None],
    ) -> None:
        self._url = server.replace("http", "ws", 1) + "/uplink/v1/watch"
        self._server, self._clock, self._news = server, clock, news
        self._hello: dict[str, Any] = {
            "type": "hello",
            "token": token,
            "method": "cli",
            "client_id": client_id,
            "motion": motion.value,
            "technology": signal.technology,
            "operator": signal.operator,
        }
        self._began_s = self._before_s = self._heard_s = clock.monotonic_s()
        self._before_at = clock.now()
        self._slept_s = self._untold_s = self._awake_s = 0.0
        self._sent_s: dict[int, float] = {}
        self._seq = self._sent = self._answered = self._connections = 0
        self._rtt_ms: float | None = None
        self._known = False

    async def run(self, seconds: float) -> WatchSummary:
        pulse = asyncio.create_task(self._pulse())
        until_s, pause_s = self._began_s + seconds, 1.0
        summary: Mapping[str, Any] | None = None
        try:
            while summary is None and self._now_s() < until_s + (_ENDING_S if self._known else 0):
                answered = self._answered
                try:
                    summary = await self._connected(until_s)
                except (OSError, TimeoutError, InvalidHandshake, InvalidURI):
                    pass  # tried again: that is what a watch is for
                except ConnectionClosed as closed:
                    self._refused(closed)
                pause_s = 1.0 if self._answered > answered else min(_LONGEST_PAUSE_S, 2 * pause_s)
                if summary is None:
                    await asyncio.sleep(min(pause_s, max(0.0, until_s + _ENDING_S - self._now_s())))
        finally:
            pulse.cancel()
            await asyncio.gather(pulse, return_exceptions=True)
        if not self._known:
            raise NotMeasuredError(
                "failure",
                "unreachable",
                f"{self._server} was not reached in all that time: check the network and the "
                "address",
            )
        return WatchSummary(
            server=summary,
            sent=self._sent,
            answered=self._answered,
            slept_s=self._slept_s,
            connections=self._connections,
        )

    def _now_s(self) -> float:
        return self._clock.monotonic_s()

    def _notice(self) -> None:
        """See how long this machine slept; a clock that stands still in sleep does not tell."""
        now_s, now_at = self._now_s(), self._clock.now()
        passed_s = max(now_s - self._before_s, (now_at - self._before_at).total_seconds())
        if passed_s > EVERY_S + _LATE_S:
            self._slept_s += passed_s - EVERY_S
            self._untold_s += passed_s - EVERY_S
        self._awake_s += min(passed_s, EVERY_S) if passed_s > EVERY_S + _LATE_S else passed_s
        self._before_s, self._before_at = now_s, now_at

    async def _pulse(self) -> None:
        while True:
            self._notice()
            gone_s = self._now_s() - self._heard_s
            self._news(
                WatchNews(
                    elapsed_s=self._now_s() - self._began_s,
                    slept_s=self._slept_s,
                    gone_s=gone_s if gone_s > 2.0 * EVERY_S else 0.0,
                    rtt_ms=self._rtt_ms,
                )
            )
            await asyncio.sleep(EVERY_S)

    async def _connected(self, until_s: float) -> Mapping[str, Any] | None:
        """Watch over one connection; return the summary if the watch came to its end."""
        async with connect(
            self._url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            open_timeout=_OPEN_S,
            close_timeout=1.0,
            ping_interval=None,
            max_size=65_536,
        ) as socket:
            try:
                self._notice()
                said = self._hello | {"unwatched_s": round(self._untold_s, 3)}
                await socket.send(json.dumps({k: v for k, v in said.items() if v is not None}))
                async with asyncio.timeout(_OPEN_S):
                    told = json.loads(await socket.recv())
                if told.get("type") != "watching":
                    raise self._told(told)
                self._hello["watch"] = told["watch"]
                self._known, self._untold_s = True, 0.0
                self._connections += 1
                self._heard_s = self._now_s()
                return await self._talk(socket, until_s)
            except TimeoutError:
                socket.transport.abort()  # a proper close would wait for the network, and end it
                raise

    async def _talk(self, socket: ClientConnection, until_s: float) -> Mapping[str, Any] | None:
        ticking = asyncio.create_task(self._tick(socket, until_s))
        try:
            while True:
                async with asyncio.timeout(_SILENT_S):
                    message = await socket.recv()
                if isinstance(message, bytes):
                    self._take(unpack_answer(message))
                    continue
                told: dict[str, Any] = json.loads(message)
                if told.get("type") == "summary":
                    return told
                if told.get("type") == "error":
                    raise self._told(told)
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)

    async def _tick(self, socket: ClientConnection, until_s: float) -> None:
        seq = self._seq
        with suppress(ConnectionClosed):  # the reader says why
            while self._now_s() < until_s:
                self._notice()
                if self._untold_s > 0.0:
                    told = {"type": "unwatched", "seconds": round(self._untold_s, 3)}
                    self._untold_s = 0.0
                    await socket.send(json.dumps(told))
                # a number for every second that this machine was awake, connected or not
                seq = max(seq + 1, round(self._awake_s / EVERY_S))
                self._sent_s[seq % _WRAP] = self._now_s()
                if len(self._sent_s) > 60:
                    del self._sent_s[next(iter(self._sent_s))]
                await socket.send(pack_tick(seq, self._rtt_ms))
                self._sent, self._seq = self._sent + 1, seq
                await asyncio.sleep(EVERY_S)
            await socket.send(json.dumps({"type": "end"}))

    def _take(self, seq: int | None) -> None:
        sent_s = None if seq is None else self._sent_s.pop(seq, None)
        if sent_s is not None:
            self._heard_s = self._now_s()
            self._rtt_ms = 1e3 * (self._heard_s - sent_s)
            self._answered += 1

    def _refused(self, closed: ConnectionClosed) -> None:
        """Raise what the server said with its close, unless it is worth another try."""
        if closed.rcvd is not None and closed.rcvd.reason.startswith("{"):
            with suppress(ValueError):
                error = self._told(json.loads(closed.rcvd.reason))
                if error.code not in _FOR_LATER:
                    raise error

    def _told(self, message: Mapping[str, Any]) -> NotMeasuredError:
        code, text = str(message.get("code", "unknown")), message.get("text")
        said = text.get("en") if isinstance(text, dict) else None
        return NotMeasuredError("refused", code, str(said or f"the server refused: {code}"))
