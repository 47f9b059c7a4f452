"""Round trips beside an upload: random pings over a connection of their own.

Over the upload's own connection a ping's answer would wait in the client's send buffer, which is
not the network. A second connection shares the link's queue only, as a stream's own messages do.
"""

from __future__ import annotations

import asyncio
import os

from lensong.monitoring.clock import Clock
from lensong.monitoring.uplink.channel import Channel, Gone
from lensong.monitoring.uplink.counting import WARM_UP_S, RoundTrips

__all__ = ["PING_BYTES", "RoundTripMeter"]

PING_BYTES = 8
_EVERY_S = 0.1
_MOST_WAITING = 700
"""A minute of pings at that pace, and some: what an unresponsive client can make us keep."""


class RoundTripMeter:
    """Pings one client and keeps when each was answered.

    Parameters
    ----------
    clock : Clock
    idle_count : int
        How many answers are wanted before the upload.
    """

    def __init__(self, clock: Clock, *, idle_count: int = 10) -> None:
        self._clock = clock
        self._idle_count = idle_count
        self._waiting: dict[bytes, float] = {}
        self._answered: list[tuple[float, float]] = []
        self._over = asyncio.Event()
        self._enough = asyncio.Event()

    async def run(self, channel: Channel) -> None:
        """Ping over a channel until `end` is called or the client leaves."""
        pinging = asyncio.create_task(self._ping(channel))
        hearing = asyncio.create_task(self._hear(channel))
        over = asyncio.create_task(self._over.wait())
        tasks = (pinging, hearing, over)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self, within_s: float) -> None:
        """Wait until there are enough answers without load, or for so long."""
        try:
            async with asyncio.timeout(within_s):
                await self._enough.wait()
        except TimeoutError:
            pass  # a slow link, or a client that opens no second connection

    def end(self) -> None:
        """Stop pinging."""
        self._over.set()

    def round_trips(self, *, go_s: float, first_byte_s: float, end_s: float) -> RoundTrips:
        """Return the round trips of a test.

        Parameters
        ----------
        go_s, first_byte_s, end_s : float
            When the client was let go, when its first byte came and when the upload ended.

        Notes
        -----
        Idle are those answered before the first, loaded those sent 3 s or more after the second:
        in between the queue is filling.
        """
        loaded_from_s = first_byte_s + WARM_UP_S
        answered = sorted(self._answered)
        return RoundTrips(
            idle_ms=tuple(
                1e3 * (heard_s - sent_s) for sent_s, heard_s in answered if heard_s <= go_s
            ),
            loaded_ms=tuple(
                1e3 * (heard_s - sent_s)
                for sent_s, heard_s in answered
                if sent_s >= loaded_from_s and heard_s <= end_s
            ),
            waiting_ms=tuple(
                1e3 * (end_s - sent_s)
                for sent_s in self._waiting.values()
                if loaded_from_s <= sent_s <= end_s
            ),
        )

    async def _ping(self, channel: Channel) -> None:
        while channel.open and len(self._waiting) < _MOST_WAITING:
            # Random, so that a client cannot answer before it was asked.
            ping = os.urandom(PING_BYTES)
            self._waiting[ping] = self._clock.monotonic_s()
            await channel.send(ping)
            await asyncio.sleep(_EVERY_S)
        await self._over.wait()

    async def _hear(self, channel: Channel) -> None:
        while True:
            try:
                answer = await channel.receive()
            except Gone:
                return
            if not isinstance(answer, bytes):
                continue
            sent_s = self._waiting.pop(answer, None)
            if sent_s is not None:
                self._answered.append((sent_s, self._clock.monotonic_s()))
                if len(self._answered) >= self._idle_count:
                    self._enough.set()
