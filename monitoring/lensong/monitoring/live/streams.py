"""Streams while they are live: which are watched, what is kept of them, what they came to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.clock import Clock
from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.live.board import Board
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.events import EventBus
from lensong.monitoring.live.snapshot import StreamSnapshot
from lensong.monitoring.records import Session, SessionStatus
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import Event, add_event
from lensong.monitoring.store.streams import (
    StreamSource,
    add_health,
    all_health_states,
    all_sources,
    keep_health_state,
)
from lensong.monitoring.store.writer import Writer
from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.collecting import read_pushed
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.polling import StreamPoller, WatchedStream
from lensong.monitoring.streams.sample import StreamSample
from lensong.propagation.errors import DataError

__all__ = ["LiveStreams"]

_Lane = tuple[str, int]
"""A site and one of its lanes: the key of a stream."""

_BEFORE = timedelta(minutes=30)
"""A stream is watched from so long before its session: sellers test their camera then."""

_KEEP_EVERY_S = 10.0
"""What is seen is kept this often, and at once where the state changes [s]."""


@dataclass(slots=True)
class LiveStreams:
    """Watches the streams of sessions that are live or about to begin.

    Streams outside a session are nobody's business here: nothing is asked about them.
    """

    database: Database
    writer: Writer
    directory: Directory
    board: Board
    bus: EventBus
    clock: Clock
    http: GuardedClient
    every_s: float = 2.0
    poller: StreamPoller = field(init=False)
    _sources: dict[_Lane, StreamSource] = field(init=False, default_factory=dict)
    _states: dict[_Lane, HealthState] = field(init=False, default_factory=dict)
    _watched: dict[_Lane, WatchedStream] = field(init=False, default_factory=dict)
    _health: dict[_Lane, StreamHealth] = field(init=False, default_factory=dict)
    _kept: dict[_Lane, tuple[datetime, str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.poller = StreamPoller(self.http, self._seen, clock=self.clock, every_s=self.every_s)

    async def load(self) -> None:
        """Read the sources, and what was remembered before a restart."""
        async with self.database.reading() as connection:
            kept = await all_health_states(connection)
        for lane, body in kept.items():
            try:
                self._states[lane] = HealthState.from_dict(body)
            except DataError:
                continue  # of another version: the stream is looked at afresh
        await self.reload()

    async def reload(self) -> None:
        """Read the sources anew, after they were changed."""
        async with self.database.reading() as connection:
            self._sources = {
                (item.site_id, item.lane): item for item in await all_sources(connection)
            }
        self.choose()

    def choose(self) -> None:
        """Watch the streams of the sessions that are live or about to begin, and no others."""
        chosen: dict[_Lane, WatchedStream] = {}
        now = self.clock.now()
        for lane, source in self._sources.items():
            # the one that is live goes first, then the next
            for session, _ in self.board.coming(source.site_id):
                if (session.lane or 1) == source.lane and _is_near(session, now):
                    chosen[lane] = self._watch(session, source)
                    break
        for lane in self._watched.keys() - chosen.keys():
            self._forget(lane)
        self._watched = chosen
        self.poller.watch(chosen.values())

    def pause(self) -> None:
        """Watch nothing until `choose` is called, and remember nothing: lags lie by then."""
        for lane in tuple(self._watched):
            self._forget(lane)
        self._watched = {}
        self.poller.watch(())

    def _watch(self, session: Session, source: StreamSource) -> WatchedStream:
        profile = self.directory.profiles[session.profile_code]
        return WatchedStream(
            site_id=session.site_id,
            session_id=session.session_id,
            target=source.target,
            configured_bps=profile.video_bps + profile.audio_bps,
            limits=StreamLimits.of(profile),
            state=self._states.get((source.site_id, source.lane), HealthState()),
        )

    def _forget(self, lane: _Lane) -> None:
        for of_lane in (self._states, self._health, self._kept):
            of_lane.pop(lane, None)
        self.board.streaming(lane[0], None, lane[1])

    def health_of(self, site_id: str, lane: int = 1) -> StreamHealth | None:
        """Return the health of a lane's stream as it was last seen, None where nothing was."""
        return self._health.get((site_id, lane))

    async def pushed(self, site_id: str, kind: str, text: str, lane: int = 1) -> StreamHealth:
        """Take figures that were sent to us, and return the health that follows.

        Raises
        ------
        NotFoundError
            No source of that kind is set for the lane, or no session of it is near.
        """
        source = self._sources.get((site_id, lane))
        if source is None or source.target.kind != kind or source.target.url is not None:
            raise NotFoundError(
                f"lane {lane} of {site_id} has no {kind} that sends its figures: an administrator "
                f"sets it by PUT /api/v1/sites/{site_id}/stream-source"
            )
        if (site_id, lane) not in self._watched:
            self.choose()
        watched = self._watched.get((site_id, lane))
        if watched is None:
            raise NotFoundError(
                f"no session is live in lane {lane} of {site_id}, nor begins within 30 minutes"
            )
        return await self.poller.push(watched, read_pushed(kind, text, at=self.clock.now()))

    async def _seen(
        self,
        site_id: str,
        session_id: str | None,
        sample: StreamSample | None,  # noqa: ARG002 (the poller's signature)
        health: StreamHealth,
    ) -> None:
        if site_id not in self.directory.sites:
            return
        lane = self._lane_of(site_id, session_id)
        if lane is None:  # its session ended, or moved to another lane, while it was looked at
            return
        before = self._health.get(lane)
        self._health[lane] = health
        self.board.streaming(site_id, _snapshot(health), lane[1])
        changed = before is None or before.state != health.state
        kept_at, kept_state = self._kept.get(lane, (None, ""))
        due = kept_at is None or (health.at - kept_at).total_seconds() >= _KEEP_EVERY_S
        if not due and kept_state == health.state:
            return
        self._kept[lane] = (health.at, health.state)
        state = self.poller.state_of(site_id, session_id)

        async def keep(connection: AsyncConnection) -> Event | None:
            await add_health(connection, site_id, session_id, health)
            if state is not None:
                await keep_health_state(connection, *lane, state.to_dict(), health.at)
            if not changed:
                return None
            return await add_event(
                connection,
                at=health.at,
                kind="stream.changed",
                site_id=site_id,
                session_id=session_id,
                body={
                    "site_name": self.directory.sites[site_id].name,
                    "session_id": session_id,
                    "before": None if before is None else before.state,
                    "health": health.to_dict(),
                },
            )

        event = await self.writer.run(keep)
        if event is not None:
            self.bus.publish(event)

    def _lane_of(self, site_id: str, session_id: str | None) -> _Lane | None:
        found = (
            lane
            for lane, watched in self._watched.items()
            if lane[0] == site_id and watched.session_id == session_id
        )
        return next(found, None)


def _is_near(session: Session, now: datetime) -> bool:
    if session.status is SessionStatus.LIVE:
        return True
    return session.status is SessionStatus.PLANNED and session.starts_at - _BEFORE <= now


def _snapshot(health: StreamHealth) -> StreamSnapshot:
    return StreamSnapshot(
        up=health.up,
        state=health.state,
        lag_s=health.lag_s,
        received_bytes=health.received_bytes_total,
        received_video_bytes=health.video_bytes_total,
        received_audio_bytes=health.audio_bytes_total,
        received_bps=health.received_bps,
        frames=health.frames_total,
        frames_dropped=health.frames_dropped_total,
        frame_rate_hz=health.frame_rate_hz,
        keyframe_interval_s=health.keyframe_interval_s,
        reconnects=health.reconnects_total,
        unseen=any(reason.code.startswith("unseen_") for reason in health.reasons),
        sampled_at=health.at,
    )
