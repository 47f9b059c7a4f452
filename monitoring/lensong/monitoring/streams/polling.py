"""Look at many streams every two seconds; a slow one holds up no other.

Nothing is stored here: what is found is handed to a callback, and what is remembered of each stream
can be written down by it (`HealthState.to_dict`) and given back after a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from urllib.parse import urlsplit

from lensong.monitoring.clock import Clock
from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.collecting import Outcome, collect
from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.keyframes import KeyframeWatch
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import (
    CollectorFailure,
    NotPublishing,
    Observation,
    Publishers,
    StreamSample,
)
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["Collect", "OnHealth", "StreamPoller", "WatchedStream", "observation_of"]

Collect = Callable[[CollectorTarget], Awaitable[Outcome]]
OnHealth = Callable[[str, str | None, StreamSample | None, StreamHealth], Awaitable[None]]
"""Called with site, session, the sample where there is one, and the health."""

_SHORTEST_PAUSE_S = 0.1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedStream:
    """A stream to look at.

    Parameters
    ----------
    site_id, session_id : str, optional
        Whose it is; a new session at a site begins with a new state.
    configured_bps : float, optional
        What the encoder is set to, video and audio [bit/s].
    state : HealthState
        Kept from before a restart; used only when the poller does not know the stream yet.
    """

    site_id: str
    session_id: str | None = None
    target: CollectorTarget
    configured_bps: float | None = None
    limits: StreamLimits = field(default_factory=StreamLimits)
    state: HealthState = field(default_factory=HealthState)

    @property
    def key(self) -> tuple[str, str | None]:
        """Return what tells it from others."""
        return self.site_id, self.session_id


def observation_of(outcome: Outcome, at: datetime, *, holder: str | None = None) -> Observation:
    """Return one observation out of what a collector found.

    Of several publishers, as while one takes over from another, the newest connection counts.

    Parameters
    ----------
    holder : str, optional
        The process of the media server in which the stream was seen last: it goes before others,
        which may only play the stream on.
    """
    if isinstance(outcome, CollectorFailure):
        return outcome
    view = outcome.view if isinstance(outcome, Publishers) else None
    if not outcome:
        return NotPublishing(at=at, view=view)
    held = [sample for sample in outcome if holder is not None and sample.worker == holder]
    newest = min(
        held or outcome,
        key=lambda sample: float("inf") if sample.connected_s is None else sample.connected_s,
    )
    return newest if view is None else replace(newest, view=view)


class StreamPoller:
    """Looks at streams until it is cancelled.

    Parameters
    ----------
    http : GuardedClient
        Closed by whoever made it.
    on_health : async callable
        Awaited after each look; an exception in it is logged and ends nothing.
    every_s : float
        Time between two looks at one stream [s]; a look that takes longer delays only its own
        stream's next one.
    at_once : int
        Looks that may be under way at the same time. Streams whose last look failed share a
        quarter of it among themselves, so that servers which hang cannot take it all.
    """

    def __init__(
        self,
        http: GuardedClient,
        on_health: OnHealth,
        *,
        clock: Clock,
        every_s: float = 2.0,
        at_once: int = 64,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        collect_one: Collect | None = None,
        keyframes: KeyframeWatch | None = None,
    ) -> None:
        self._http, self._on_health, self._clock = http, on_health, clock
        self._every_s, self._sleep = every_s, sleep
        self._gate, self._slow_gate = (
            asyncio.Semaphore(count) for count in (at_once, max(1, at_once // 4))
        )
        self._collect = collect_one or self._collect_over_http
        self._keyframes = keyframes or KeyframeWatch(http, clock)
        self._watched: dict[tuple[str, str | None], WatchedStream] = {}
        self._states: dict[tuple[str, str | None], HealthState] = {}
        self._tasks: dict[tuple[str, str | None], asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._noted: set[tuple[str, str]] = set()

    def watch(self, streams: Iterable[WatchedStream]) -> None:
        """Set which streams are looked at from now on; states of those that stay are kept.

        Streams whose figures are sent to us belong here too: they become unknown when nothing
        comes any more.
        """
        self._watched = {stream.key: stream for stream in streams}
        for key, stream in self._watched.items():
            self._states.setdefault(key, stream.state)
        for key in [key for key in self._states if key not in self._watched]:
            del self._states[key]
        self._keyframes.keep(
            (stream.site_id, stream.target.media_url)
            for stream in self._watched.values()
            if stream.target.media_url is not None
        )
        self._changed.set()

    def state_of(self, site_id: str, session_id: str | None) -> HealthState | None:
        """Return what is remembered of a stream, to be kept over a restart."""
        return self._states.get((site_id, session_id))

    async def run(self) -> None:
        """Look at all watched streams until cancelled; then nothing is left under way."""
        try:
            while True:
                self._changed.clear()
                self._start_and_stop()
                await self._changed.wait()
        finally:
            tasks = list(self._tasks.values())
            self._tasks.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._keyframes.close()

    async def push(self, stream: WatchedStream, outcome: Outcome) -> StreamHealth:
        """Take in figures that were sent to us for a stream, and return its health."""
        self._states.setdefault(stream.key, stream.state)
        return await self._take(stream, outcome)

    def _start_and_stop(self) -> None:
        for key in [key for key in self._tasks if key not in self._watched]:
            self._tasks.pop(key).cancel()
        fresh = [key for key in self._watched if key not in self._tasks]
        for number, key in enumerate(fresh):
            # spread over the interval, so that they do not all ask at the same moment
            delay_s = self._every_s * number / len(fresh)
            self._tasks[key] = asyncio.create_task(self._look_again_and_again(key, delay_s))

    async def _look_again_and_again(self, key: tuple[str, str | None], delay_s: float) -> None:
        if delay_s:
            await self._sleep(delay_s)
        failed = False
        while (stream := self._watched.get(key)) is not None:
            begun_s = self._clock.monotonic_s()
            try:
                async with self._slow_gate if failed else self._gate:
                    outcome = await self._look(stream)
                failed = isinstance(outcome, CollectorFailure)
                if outcome is not None and key in self._states:
                    await self._take(stream, outcome)
                self._look_at_keyframes(stream)
            except Exception:  # the outermost loop: one stream's fault must not end its watch
                _log.exception("looking at the stream of site %s failed", stream.site_id)
            passed_s = self._clock.monotonic_s() - begun_s
            await self._sleep(max(_SHORTEST_PAUSE_S, self._every_s - passed_s))

    def _look_at_keyframes(self, stream: WatchedStream) -> None:
        url, state = stream.target.media_url, self._states.get(stream.key)
        if url is not None and state is not None and state.last is not None and state.last.up:
            limit_s = stream.limits.longest_keyframe_interval_s
            self._keyframes.look(stream.site_id, url, limit_s)

    async def _look(self, stream: WatchedStream) -> Outcome | None:
        """Return what the media server says, or that figures are no longer sent to us."""
        if stream.target.url is not None:
            return await self._collect(stream.target)
        now, answered_at = self._clock.now(), self._states[stream.key].answered_at
        silent_s = stream.limits.unknown_after_s
        if answered_at is not None and (now - answered_at).total_seconds() < silent_s:
            return None
        return CollectorFailure(at=now, code="silent", detail=f"nothing came for {silent_s:g} s")

    async def _take(self, stream: WatchedStream, outcome: Outcome) -> StreamHealth:
        now = self._clock.now()
        before = self._states[stream.key]
        observation = observation_of(outcome, now, holder=before.workers.holder)
        self._note_unknown(stream.target, outcome)
        url = stream.target.media_url
        if isinstance(observation, StreamSample) and url is not None:
            interval_s = self._keyframes.interval_s(stream.site_id, url)
            observation = replace(observation, keyframe_interval_s=interval_s)
        state, health = advance(
            before,
            observation,
            limits=stream.limits,
            configured_bps=stream.configured_bps,
            now=now,
        )
        self._states[stream.key] = state
        self._note_workers(stream.target, state)
        sample = observation if isinstance(observation, StreamSample) else None
        await self._on_health(stream.site_id, stream.session_id, sample, health)
        return health

    def _note_unknown(self, target: CollectorTarget, outcome: Outcome) -> None:
        """Log fields that mean nothing to us once for each kind: a release may have renamed one."""
        fields = outcome.unknown_fields if isinstance(outcome, Publishers) else frozenset()
        fresh = sorted(name for name in fields if (target.kind, name) not in self._noted)
        if fresh:
            self._noted |= {(target.kind, name) for name in fresh}
            _log.warning(
                "%d fields in an answer of kind %s are unknown and not read: %s",
                len(fresh), target.kind, ", ".join(fresh),
            )  # fmt: skip

    def _note_workers(self, target: CollectorTarget, state: HealthState) -> None:
        """Log once that a server's page shows a part of its streams only."""
        host = urlsplit(target.url or "").netloc
        if state.workers.count > 1 and ("several_workers", host) not in self._noted:
            self._noted.add(("several_workers", host))
            _log.warning(
                "the media server at %s answers from %d worker processes, and its page shows the "
                "streams of one: set worker_processes 1 in its nginx.conf",
                host, state.workers.count,
            )  # fmt: skip

    async def _collect_over_http(self, target: CollectorTarget) -> Outcome:
        return await collect(target, self._http, now=self._clock.now)
