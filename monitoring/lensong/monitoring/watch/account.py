"""What one watch has seen: time watched, times away, round trips. Plain values, no network.

Messages leave the client a second apart while it is awake. Where the next one is late by more than
the network's usual swing, the network was away: for how long is known to half a second either way,
so half a second is taken off. A client says how long it slept or was hidden; that time is not
watched, and neither clean nor an outage.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from lensong.monitoring.records import Method, Motion, WatchPart
from lensong.monitoring.watch.messages import EVERY_S, ahead

__all__ = ["LEAST_OUTAGE_S", "PART", "SLOW_MS", "NetworkState", "WatchAccount", "Watcher"]

LEAST_OUTAGE_S = 2.0
PART = timedelta(minutes=15)
SLOW_MS = 1_000
"""A round trip of a second: a stream through that network lags."""

_GONE_AFTER_S = LEAST_OUTAGE_S + EVERY_S / 2.0
_FORGOTTEN_S = 600.0
"""After so long nobody knows whether the network is away or the phone [s]."""


class NetworkState(StrEnum):
    """What a watch says of the network right now."""

    THERE = "there"
    SLOW = "slow"
    GONE = "gone"
    NOT_WATCHED = "not_watched"


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Who watches, as it said when it began or came back."""

    site_id: str
    watch_id: str
    client_id: str
    method: Method
    motion: Motion = Motion.UNKNOWN
    technology: str | None = None
    operator: str | None = None


@dataclass(slots=True)
class _Running:
    """The part that is being filled."""

    started_at: datetime
    ended_at: datetime
    watched_s: float = 0.0
    outages_s: list[float] = field(default_factory=list)
    outage_starts_s: list[float] = field(default_factory=list)
    received: int = 0
    missed: int = 0
    rtts_ms: array[int] = field(default_factory=lambda: array("H"))


class WatchAccount:
    """The account of one watch over all its connections.

    Parameters
    ----------
    watcher : Watcher

    Attributes
    ----------
    watched_s, outages_s
        Over the whole watch, as far as this process has seen it [s].
    """

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self.watched_s = 0.0
        self.outages_s: list[float] = []
        self.received = 0
        self.missed = 0
        self.last_rtt_ms: int | None = None
        self.paused = False
        self._last_s: float | None = None
        self._last_seq = 0
        self._unwatched_s = 0.0
        self._running: _Running | None = None
        self._full: list[WatchPart] = []
        self._changed = False

    @property
    def last_s(self) -> float | None:
        """Return when the last message came, on the clock that never jumps [s]."""
        return self._last_s

    def tell(self, watcher: Watcher) -> None:
        """Take what the client says of itself from now on: what moves ends the part at rest."""
        if watcher != self.watcher:
            self._close_part()
            self.watcher = watcher

    def unwatched(self, length_s: float) -> None:
        """Take so long out of what is watched, since the last message [s]."""
        self._unwatched_s += max(0.0, length_s)

    def pause(self) -> None:
        """Note that the client stops looking, until its next message."""
        self.paused = True

    def lose_track(self) -> None:
        """Forget when the last message came: nobody knows what happened until the next one."""
        self._last_s = None
        self._close_part()

    def heard(self, seq: int, rtt_ms: int | None, *, now_s: float, at: datetime) -> float | None:
        """Count a message; return the length of the outage that it ended, None without one [s].

        Parameters
        ----------
        seq : int
            Its number, of 16 bits.
        now_s, at : float, datetime
            When it came, on a clock that never jumps and on the wall's.
        """
        self.received += 1
        if self.paused and self._last_s is not None:
            self._unwatched_s = now_s - self._last_s
        self.paused = False
        self._changed = True
        if rtt_ms is not None:
            self.last_rtt_ms = rtt_ms
        if self._running is not None and at - self._running.started_at > PART:
            self._close_part()
        if self._running is None:
            before = at if self._last_s is None else at - timedelta(seconds=now_s - self._last_s)
            self._running = _Running(started_at=before, ended_at=at)
        outage_s = self._seen(self._running, seq, now_s, at)
        if rtt_ms is not None:
            self._running.rtts_ms.append(rtt_ms)
        self._last_s, self._last_seq, self._unwatched_s = now_s, seq, 0.0
        return outage_s

    def _seen(self, running: _Running, seq: int, now_s: float, at: datetime) -> float | None:
        running.received += 1
        running.ended_at = max(at, running.started_at)
        if self._last_s is None:
            return None
        seen_s = max(0.0, now_s - self._last_s - self._unwatched_s)
        missed = max(0, ahead(seq, self._last_seq) - 1)
        running.watched_s += seen_s
        running.missed += missed
        self.watched_s += seen_s
        self.missed += missed
        outage_s = seen_s - EVERY_S / 2.0
        if outage_s < LEAST_OUTAGE_S:
            return None
        running.outages_s.append(round(outage_s, 3))
        since_start_s = (running.ended_at - running.started_at).total_seconds()
        running.outage_starts_s.append(round(max(0.0, since_start_s - outage_s), 3))
        self.outages_s.append(round(outage_s, 3))
        return outage_s

    def state(self, now_s: float) -> NetworkState:
        """Return what the watch says right now."""
        if self._last_s is None or self.paused or now_s - self._last_s > _FORGOTTEN_S:
            return NetworkState.NOT_WATCHED
        if now_s - self._last_s - self._unwatched_s >= _GONE_AFTER_S:
            return NetworkState.GONE
        slow = self.last_rtt_ms is not None and self.last_rtt_ms >= SLOW_MS
        return NetworkState.SLOW if slow else NetworkState.THERE

    def take_parts(self) -> list[WatchPart]:
        """Return the parts that are not kept yet; the running one as it stands, again and again."""
        parts, self._full = self._full, []
        if self._changed and self._running is not None:
            parts.append(self._part(self._running))
        self._changed = False
        return parts

    def put_back(self, parts: list[WatchPart]) -> None:
        """Take back parts that could not be kept."""
        kept = {part.started_at: part for part in (*parts, *self._full)}
        running_at = None if self._running is None else self._running.started_at
        self._changed |= kept.pop(running_at, None) is not None if running_at else False
        self._full = list(kept.values())

    def _close_part(self) -> None:
        if self._running is not None:
            self._full.append(self._part(self._running))
        self._running = None

    def _part(self, running: _Running) -> WatchPart:
        who = self.watcher
        low, high = (None, None)
        if running.rtts_ms:
            low, high = (float(v) for v in np.percentile(running.rtts_ms, (50, 95)))
        return WatchPart(
            site_id=who.site_id,
            watch_id=who.watch_id,
            client_id=who.client_id,
            started_at=running.started_at,
            ended_at=running.ended_at,
            watched_s=round(running.watched_s, 3),
            outages_s=tuple(running.outages_s),
            outage_starts_s=tuple(running.outage_starts_s),
            received=running.received,
            missed=running.missed,
            rtt_p50_ms=low,
            rtt_p95_ms=high,
            method=who.method,
            motion=who.motion,
            technology=who.technology,
            operator=who.operator,
        )
