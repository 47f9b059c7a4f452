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
    _sources: dict[str, StreamSource] = field(init=False, default_factory=dict)
    _states: dict[str, HealthState] = field(init=False, default_factory=dict)
    _watched: dict[str, WatchedStream] = field(init=False, default_factory=dict)
    _health: dict[str, StreamHealth] = field(init=False, default_factory=dict)
    _kept: dict[str, tuple[datetime, str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.poller = StreamPoller(self.http, self._seen, clock=self.clock, every_s=self.every_s)

    async def load(self) -> None:
        """Read the sources, and what was remembered before a restart."""
        async with self.database.reading() as connection:
            kept = await all_health_states(connection)
        for site_id, body in kept.items():
            try:
                self._states[site_id] = HealthState.from_dict(body)
            except DataError:
                continue  # of another version: the stream is looked at afresh
        await self.reload()

    async def reload(self) -> None:
        """Read the sources anew, after they were changed."""
        async with self.database.reading() as connection:
            self._sources = {item.site_id: item for item in await all_sources(connection)}
        self.choose()

    def choose(self) -> None:
        """Watch the streams of the sessions that are live or about to begin, and no others."""
        chosen: dict[str, WatchedStream] = {}
        now = self.clock.now()
        for site_id, source in self._sources.items():
            session = self.board.session_of(site_id)
            if session is not None and _is_near(session, now):
                chosen[site_id] = self._watch(session, source)
        for site_id in self._watched.keys() - chosen.keys():
            self._forget(site_id)
        self._watched = chosen
        self.poller.watch(chosen.values())

    def pause(self) -> None:
        """Watch nothing until `choose` is called, and remember nothing: lags lie by then."""
        for site_id in tuple(self._watched):
            self._forget(site_id)
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
            state=self._states.get(session.site_id, HealthState()),
        )

    def _forget(self, site_id: str) -> None:
        for of_site in (self._states, self._health, self._kept):
            of_site.pop(site_id, None)
        self.board.streaming(site_id, None)

    def health_of(self, site_id: str) -> StreamHealth | None:
        """Return the health of a site's stream as it was last seen, None where nothing was."""
        return self._health.get(site_id)

    async def pushed(self, site_id: str, kind: str, text: str) -> StreamHealth:
        """Take figures that were sent to us, and return the health that follows.

        Raises
        ------
        NotFoundError
            No source of that kind is set for the site, or no session is near.
        """
        source = self._sources.get(site_id)
        if source is None or source.target.kind != kind or source.target.url is not None:
            raise NotFoundError(
                f"{site_id} has no {kind} that sends its figures: an administrator sets it by PUT "
                f"/api/v1/sites/{site_id}/stream-source"
            )
        if site_id not in self._watched:
            self.choose()
        watched = self._watched.get(site_id)
        if watched is None:
            raise NotFoundError(f"no session is live at {site_id}, nor begins within 30 minutes")
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
        before = self._health.get(site_id)
        self._health[site_id] = health
        self.board.streaming(site_id, _snapshot(health))
        changed = before is None or before.state != health.state
        kept_at, kept_state = self._kept.get(site_id, (None, ""))
        due = kept_at is None or (health.at - kept_at).total_seconds() >= _KEEP_EVERY_S
        if not due and kept_state == health.state:
            return
        self._kept[site_id] = (health.at, health.state)
        state = self.poller.state_of(site_id, session_id)

        async def keep(connection: AsyncConnection) -> Event | None:
            await add_health(connection, site_id, session_id, health)
            if state is not None:
                await keep_health_state(connection, site_id, state.to_dict(), health.at)
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
