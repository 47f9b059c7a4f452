"""At most so many in so long, for each key, in memory; failures counted so; and slow refusals."""

from __future__ import annotations

import asyncio
import ipaddress
import math
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from lensong.monitoring.errors import BusyError

__all__ = ["Attempts", "RateLimit", "SlowRefusals", "network_of"]

_KEYS = 50_000
"""Keys remembered; the one that was quiet longest is forgotten first."""

_UNDER_WAY = 64
"""Tries of one address that may wait for their turn."""

_QUICKLY, _QUICKLY_PER_S = 10, 60.0
_HELD, _HELD_S = 256, 2.0


class RateLimit:
    """A token bucket for each key.

    Parameters
    ----------
    most : int
        As many at once, and as many in ``per_s``.
    per_s : float
        Time in which an empty bucket fills [s].
    monotonic_s : callable
        Returns seconds of a clock that never jumps.
    """

    def __init__(self, most: int, per_s: float, monotonic_s: Callable[[], float]) -> None:
        self._most, self._rate, self._now = most, most / per_s, monotonic_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, what: str, count: int = 1) -> None:
        """Count something that is asked for.

        Parameters
        ----------
        what : str
            What there is too much of, for the message.

        Raises
        ------
        BusyError
            The bucket does not hold as many.
        """
        self.check(key, what, count)
        self.count(key, count)

    def check(self, key: str, what: str, count: int = 1) -> None:
        """Refuse what is asked for where the bucket does not hold it; nothing is taken from it.

        Raises
        ------
        BusyError
            The bucket does not hold as many.
        """
        left, wanted = self._left(key), min(count, self._most)
        if left < wanted:
            wait_s = (wanted - left) / self._rate
            raise BusyError(
                f"too many {what}: at most {self._most} at once, ask again in "
                f"{max(1, math.ceil(wait_s))} s",
                wait_s,
            )

    def count(self, key: str, count: int = 1) -> None:
        """Take from the bucket what it holds, at most as many."""
        left = self._left(key)
        self._buckets.pop(key, None)
        self._buckets[key] = (max(0.0, left - count), self._now())
        if len(self._buckets) > _KEYS:
            self._buckets.popitem(last=False)

    def _left(self, key: str) -> float:
        now = self._now()
        left, at = self._buckets.get(key, (float(self._most), now))
        return min(float(self._most), left + (now - at) * self._rate)


class SlowRefusals:
    """Refusals that come late to whoever asks for them over and over.

    An answer at once would let a loop take all the time that there is. Of an address ten refusals
    in a minute are told at once; each further one is held back for two seconds, which costs a place
    in memory. No more than 256 are held back.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._quick = RateLimit(_QUICKLY, _QUICKLY_PER_S, monotonic_s)
        self.held = 0

    async def pause(self, network: str) -> None:
        """Return when a refusal may be told."""
        try:
            self._quick.take(network, "refusals")
        except BusyError:
            if self.held >= _HELD:
                return
            self.held += 1
            try:
                await asyncio.sleep(_HELD_S)
            finally:
                self.held -= 1


class _Turn:
    """Whose turn it is among the tries of one address."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.under_way = 0


class Attempts:
    """Tries to come in: those that fail are counted, those that succeed never are.

    Failures are counted for a name at an address, and for the address: whoever fails elsewhere
    keeps nobody out here. Of one address one try is looked at after the other, so that no number
    of tries at once gets by, and sixty-four may wait for that.

    Parameters
    ----------
    most : int
        Failures of one name at one address, in 15 minutes.
    most_of_address : int
        Failures of one address, whatever the names, in 15 minutes.
    """

    def __init__(self, most: int, most_of_address: int, monotonic_s: Callable[[], float]) -> None:
        self._of_name = RateLimit(most, 900.0, monotonic_s)
        self._of_address = RateLimit(most_of_address, 900.0, monotonic_s)
        self._turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()
        self.refusals = SlowRefusals(monotonic_s)

    @asynccontextmanager
    async def one(
        self, address: str, what: str, name: str = "", *, fails: type[Exception]
    ) -> AsyncIterator[None]:
        """Let one try be made within; it failed where it ends in ``fails``.

        Raises
        ------
        BusyError
            Too many have failed, or are under way; it comes slowly where many came before.
        """
        network = network_of(address)
        pair = f"{network} {name}"
        turn = self._turns.setdefault(network, _Turn())
        try:
            # before the turn: who is to be refused waits for nobody's password
            self._check(network, pair if name else "", what)
            if turn.under_way >= _UNDER_WAY:
                raise BusyError(
                    f"{_UNDER_WAY} tries to come in are under way from this address: try again",
                    5.0,
                )
        except BusyError:
            await self.refusals.pause(network)
            raise
        turn.under_way += 1
        try:
            async with turn.lock:
                self._check(network, pair if name else "", what)
                try:
                    yield
                except fails:
                    self._of_address.count(network)
                    if name:
                        self._of_name.count(pair)
                    raise
        finally:
            turn.under_way -= 1

    def _check(self, network: str, pair: str, what: str) -> None:
        self._of_address.check(network, what)
        if pair:
            self._of_name.check(pair, what)


def network_of(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or 64 bits of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(ip)
