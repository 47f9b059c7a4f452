"""Round trips beside an upload: random pings over a connection of their own.

Over the upload's own connection a ping's answer would wait in the client's send buffer, which is
not the network. A second connection shares the link's queue only, as a stream's own messages do.

One ping at a time: Linux holds back a small write while an earlier packet of its connection waits
in the sender's own queue ("autocorking"), so a second ping's answer would add the first one's wait.
The gaps between are random: a loaded queue swings with the sender's own round trip, and pings in
step with it would see one phase only [1]_.

References
----------
.. [1] RFC 2330, "Framework for IP Performance Metrics", section 11.1, on periodic sampling.
"""

from __future__ import annotations

import asyncio
import os
import random

from lensong.monitoring.clock import Clock
from lensong.monitoring.uplink.channel import Channel, Gone
from lensong.monitoring.uplink.counting import WARM_UP_S, RoundTrip, RoundTrips

__all__ = ["PING_BYTES", "RoundTripMeter"]

PING_BYTES = 8
_IDLE_GAP_S = (0.01, 0.03)
_LOADED_GAP_S = (0.05, 0.15)


class RoundTripMeter:
    """Pings one client and keeps when each was answered.

    Parameters
    ----------
    clock : Clock
    generator : random.Random
        Of the gaps between pings.
    idle_count : int
        How many answers are wanted before the upload.
    """

    def __init__(self, clock: Clock, generator: random.Random, *, idle_count: int = 10) -> None:
        self._clock, self._random = clock, generator
        self._idle_count = idle_count
        self._pings: list[RoundTrip] = []
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
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
        Idle are those answered before the first, loaded those sent 3 s or more after the second: in
        between the queue is filling.
        """
        loaded_from_s = first_byte_s + WARM_UP_S
        # A ping that is still on its way at the end has taken its age at least.
        pings = [ping.seen_at(end_s) for ping in self._pings if ping.sent_s < end_s]
        return RoundTrips(
            idle=tuple(ping for ping in pings if ping.answered and ping.heard_s <= go_s),
            loaded=tuple(ping for ping in pings if ping.sent_s >= loaded_from_s),
        )

    async def _ping(self, channel: Channel) -> None:
        while channel.open:
            # Random, so that a client cannot answer before it was asked.
            ping, sent_s = os.urandom(PING_BYTES), self._clock.monotonic_s()
            self._pings.append(RoundTrip(sent_s=sent_s, heard_s=sent_s, answered=False))
            await channel.send(ping)
            while await self._answers.get() != ping:
                pass  # neither an answer that was late nor one that was made up
            heard_s = self._clock.monotonic_s()
            self._pings[-1] = RoundTrip(sent_s=sent_s, heard_s=heard_s, answered=True)
            idle = len(self._pings) < self._idle_count
            if not idle:
                self._enough.set()
            await asyncio.sleep(self._random.uniform(*(_IDLE_GAP_S if idle else _LOADED_GAP_S)))

    async def _hear(self, channel: Channel) -> None:
        while True:
            try:
                answer = await channel.receive()
            except Gone:
                return
            if isinstance(answer, bytes) and self._answers.empty():
                self._answers.put_nowait(answer)
