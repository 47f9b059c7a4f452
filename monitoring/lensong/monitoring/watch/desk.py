"""All watches of one server: who watches, what is to be kept, and how late the server itself is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from lensong.monitoring.clock import Clock
from lensong.monitoring.errors import ClockFaultError
from lensong.monitoring.records import WatchPart
from lensong.monitoring.uplink.channel import Channel
from lensong.monitoring.uplink.refusals import Refusal
from lensong.monitoring.watch.account import NetworkState, WatchAccount, Watcher
from lensong.propagation.errors import LensongError

__all__ = ["OpenWatch", "SiteWatch", "WatchDesk", "WatchTotals"]

_BEAT_S = 1.0
_LATE_S = 0.5
"""Where this program is later than that, it was the one who did not listen [s]."""

_KEEP_EVERY_S = 60.0
_REMEMBERED_S = 3_600.0
"""A client that was away for less and comes back was watching [s]."""


@dataclass(slots=True)
class OpenWatch:
    """A watch and the connection that it uses now, None while it has none."""

    account: WatchAccount
    channel: Channel | None = None
    stalled_seen_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWatch:
    """What the watches of a site say right now.

    Parameters
    ----------
    state : NetworkState
        ``there`` where one of them hears the network; ``gone`` where none does.
    gone_s : float or None
        How long nothing has come, where it is gone [s].
    rtt_ms : float or None
        The last round trip [ms].
    """

    state: NetworkState
    gone_s: float | None = None
    rtt_ms: float | None = None


@dataclass(slots=True)
class WatchTotals:
    """Counters of a site since this process began."""

    watched_s: float = 0.0
    outages: int = 0
    outage_s: float = 0.0


class WatchDesk:
    """Keeps the accounts of all watches.

    Parameters
    ----------
    authorize : coroutine function
        From a token to the site that it belongs to, or why nothing.
    keep : coroutine function
        Stores parts durably before it returns; raises a `LensongError` if that fails.
    clock : Clock
    most : int
        Connections at once.
    """

    def __init__(
        self,
        authorize: Callable[[str, str], Awaitable[str | Refusal]],
        keep: Callable[[list[WatchPart]], Awaitable[None]],
        clock: Clock,
        *,
        most: int,
    ) -> None:
        self.authorize = authorize
        self._keep, self._clock, self._most = keep, clock, most
        self._open: dict[tuple[str, str], OpenWatch] = {}
        self._left: list[WatchPart] = []
        self._totals: dict[str, WatchTotals] = {}
        self._keeping = asyncio.Lock()
        self._beat_s: float | None = None
        self._stalled_s = 0.0

    @property
    def connections(self) -> int:
        """Return the number of watches that are connected."""
        return sum(one.channel is not None for one in self._open.values())

    def begin(self, watcher: Watcher, channel: Channel) -> OpenWatch | Refusal:
        """Return the watch of a client: the one that it had, if it comes back to it."""
        key = (watcher.site_id, watcher.client_id)
        found = self._open.get(key)
        if (found is None or found.channel is None) and self.connections >= self._most:
            return Refusal("too_many_watches", retry_after_s=60.0)
        if found is not None and found.account.watcher.watch_id == watcher.watch_id:
            found.account.tell(watcher)
        else:
            if found is not None:
                found.account.lose_track()
                self._left += found.account.take_parts()
            found = self._open[key] = OpenWatch(
                WatchAccount(watcher), stalled_seen_s=self._stalled_s
            )
        found.channel = channel
        return found

    def knows(self, site_id: str, client_id: str, watch_id: str) -> bool:
        """Return whether a client that comes back has been heard by this process."""
        found = self._open.get((site_id, client_id))
        return found is not None and found.account.watcher.watch_id == watch_id

    def channel_of(self, site_id: str, client_id: str) -> Channel | None:
        """Return the connection that a client uses already."""
        found = self._open.get((site_id, client_id))
        return None if found is None else found.channel

    def heard(self, watch: OpenWatch, seq: int, rtt_ms: int | None) -> None:
        """Count a client's message."""
        self.beat()
        account = watch.account
        try:
            at: datetime = self._clock.now()
        except ClockFaultError:
            account.lose_track()  # what has no time cannot be kept
            return
        account.unwatched(self._stalled_s - watch.stalled_seen_s)
        watch.stalled_seen_s = self._stalled_s
        before_s = account.watched_s
        outage_s = account.heard(seq, rtt_ms, now_s=self._clock.monotonic_s(), at=at)
        totals = self._totals.setdefault(account.watcher.site_id, WatchTotals())
        totals.watched_s += account.watched_s - before_s
        if outage_s is not None:
            totals.outages += 1
            totals.outage_s += outage_s

    def leave(self, watch: OpenWatch, channel: Channel, *, over: bool) -> None:
        """Note that a connection is gone; ``over`` where its client said that it ends."""
        if watch.channel is not channel:
            return  # its client has come back over another one
        watch.channel = None
        if over:
            who = watch.account.watcher
            if self._open.get((who.site_id, who.client_id)) is watch:
                del self._open[who.site_id, who.client_id]
            watch.account.lose_track()
            self._left += watch.account.take_parts()

    def beat(self) -> None:
        """See how late this program is itself: in that time nobody was listening."""
        now_s = asyncio.get_running_loop().time()
        if self._beat_s is not None:
            late_s = now_s - self._beat_s - _BEAT_S
            if late_s > _LATE_S:
                self._stalled_s += late_s
        self._beat_s = now_s

    async def run(self) -> None:
        """Keep what was seen, once in a minute, until cancelled."""
        self._beat_s = None
        kept_s = self._clock.monotonic_s()
        while True:
            self.beat()
            await asyncio.sleep(_BEAT_S)
            if (now_s := self._clock.monotonic_s()) - kept_s >= _KEEP_EVERY_S:
                kept_s = now_s
                self.forget_silent()
                await self.keep()

    def forget_silent(self) -> None:
        """Let go of watches whose clients will not come back."""
        now_s = self._clock.monotonic_s()
        for key, one in list(self._open.items()):
            last_s = one.account.last_s
            if one.channel is None and (last_s is None or now_s - last_s > _REMEMBERED_S):
                one.account.lose_track()
                self._left += one.account.take_parts()
                del self._open[key]

    async def keep(self) -> None:
        """Store what is not stored yet.

        Raises
        ------
        LensongError
            It could not be stored, and waits.
        """
        async with self._keeping:
            left, self._left = self._left, []
            of = {key: one.account.take_parts() for key, one in self._open.items()}
            parts = [*left, *(part for some in of.values() for part in some)]
            if not parts:
                return
            try:
                await self._keep(parts)
            except LensongError:
                self._left = left + self._left
                for key, some in of.items():
                    if (one := self._open.get(key)) is not None and some:
                        one.account.put_back(some)
                    else:
                        self._left += some
                raise

    def all_totals(self) -> dict[str, WatchTotals]:
        """Return the counters of every site that was watched, since this process began."""
        return dict(self._totals)

    def sites(self) -> dict[str, SiteWatch]:
        """Return what is watched right now, by site."""
        now_s = self._clock.monotonic_s()
        by_site: dict[str, list[WatchAccount]] = {}
        for one in list(self._open.values()):
            if one.account.state(now_s) is not NetworkState.NOT_WATCHED:
                by_site.setdefault(one.account.watcher.site_id, []).append(one.account)
        return {site_id: _said(accounts, now_s) for site_id, accounts in by_site.items()}


def _said(accounts: list[WatchAccount], now_s: float) -> SiteWatch:
    last = max(accounts, key=lambda account: account.last_s or 0.0)
    state = last.state(now_s)
    gone_s = now_s - (last.last_s or now_s) if state is NetworkState.GONE else None
    return SiteWatch(state=state, gone_s=gone_s, rtt_ms=last.last_rtt_ms)
