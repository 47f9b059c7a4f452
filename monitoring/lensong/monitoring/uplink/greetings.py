"""Who has connected and not yet said who they are: those who say nothing give way."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Any

from lensong.monitoring.rate_limit import network_of
from lensong.monitoring.uplink.channel import Channel
from lensong.monitoring.uplink.refusals import Refusal

__all__ = ["Greetings"]


@dataclass(slots=True, eq=False)
class _Silent:
    network: str
    deadline: asyncio.Timeout
    sent_away: bool = False


class Greetings:
    """Places of connections until their first message, which says who they are.

    Nobody is refused for want of a place. Where there are too many, the one that has been silent
    longest goes: among those of the newcomer's own address where that has too many, else among
    those of the address that has most. A client that means to test says its hello at once and is
    counted here for one round trip; thereafter it is known by its token, and no longer counted.

    Parameters
    ----------
    most : int
        Places altogether.
    of_one : int
        Places of one address (IPv6: of one /64).
    within_s : float
        How long a first message may take [s].
    """

    def __init__(self, most: int, of_one: int, within_s: float) -> None:
        self._most, self._of_one, self.within_s = most, of_one, within_s
        self._silent: dict[_Silent, None] = {}  # the longest silent one first

    def __len__(self) -> int:
        """Return how many are silent now."""
        return len(self._silent)

    async def hello(
        self, channel: Channel, busy: str = "too_many_waiting"
    ) -> dict[str, Any] | Refusal:
        """Return a client's first message, or why it cannot be taken.

        Parameters
        ----------
        busy : str
            Code of the refusal of one that gives way.

        Raises
        ------
        Gone
            The client has left.
        """
        place: _Silent | None = None
        try:
            async with asyncio.timeout(None) as deadline:
                place = self._enter(network_of(channel.address), deadline)
                return await channel.receive_hello(self.within_s)
        except TimeoutError:
            if place is None or not place.sent_away:
                raise
            return Refusal(busy, retry_after_s=self.within_s)
        finally:
            if place is not None:
                self._silent.pop(place, None)

    def _enter(self, network: str, deadline: asyncio.Timeout) -> _Silent:
        held = Counter(one.network for one in self._silent)
        if held[network] >= self._of_one:
            self._send_away(network)
        elif len(self._silent) >= self._most:
            self._send_away(max(held, key=held.__getitem__))
        place = _Silent(network, deadline)
        self._silent[place] = None
        return place

    def _send_away(self, network: str) -> None:
        oldest = next(one for one in self._silent if one.network == network)
        del self._silent[oldest]
        if not oldest.deadline.expired():
            oldest.sent_away = True
            oldest.deadline.reschedule(asyncio.get_running_loop().time())
