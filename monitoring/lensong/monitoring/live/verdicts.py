"""Judging sessions when evidence arrives and when they come near, and telling who listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from weakref import WeakValueDictionary
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.clock import Clock
from lensong.monitoring.live.board import Board, Planned
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.events import EventBus
from lensong.monitoring.live.evidence import evidence_for, question_for
from lensong.monitoring.live.outage_priors import OutagePriors
from lensong.monitoring.readiness.judge import judge
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.readiness.verdict import State, Verdict
from lensong.monitoring.records import Motion, Session, SessionStatus, Site, StreamProfile
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import (
    Event,
    KeptVerdict,
    add_event,
    add_verdict,
    latest_verdicts,
    verdict_of,
)
from lensong.monitoring.store.measurements import roll_up
from lensong.monitoring.store.sessions import open_sessions, open_without_verdict
from lensong.monitoring.store.writer import Writer

__all__ = ["CHECKPOINTS", "JUDGED_AHEAD", "Judge", "coming_near", "show_coming"]

CHECKPOINTS = (timedelta(hours=24), timedelta(hours=2), timedelta(minutes=15))
"""How long before a session its verdict is looked at again, whatever arrived."""

JUDGED_AHEAD = timedelta(days=14)
"""Sessions that begin within this time are judged whenever evidence arrives."""

_SHOWN_AHEAD = timedelta(days=1)

_SAME_PROBABILITY = 0.01
"""A verdict that moves by less, in the same state, is no news and is not kept again."""


@dataclass(slots=True)
class Judge:
    """Gathers evidence, judges, keeps the verdict and publishes what changed."""

    database: Database
    writer: Writer
    directory: Directory
    board: Board
    bus: EventBus
    clock: Clock
    time_zone: str
    on_change: Callable[[State | None, State], None] = lambda _before, _after: None
    outage_priors: OutagePriors = field(default_factory=OutagePriors)
    _in_turn: WeakValueDictionary[str, asyncio.Lock] = field(
        init=False, default_factory=WeakValueDictionary
    )

    async def what_if(
        self,
        site: Site,
        profile: StreamProfile,
        starts_at: datetime,
        ends_at: datetime,
        *,
        technology: str | None = None,
        operator: str | None = None,
        motion: Motion = Motion.UNKNOWN,
        previous: Verdict | None = None,
        besides: str | None = None,
    ) -> Verdict:
        """Return the verdict on a session that nobody planned; nothing is kept.

        Parameters
        ----------
        besides : str, optional
            The planned session that it is about: the others are beside it. Without one, where a
            site takes one session at once, it stands in the place of what is planned there.
        """
        now = self.clock.now()
        question = question_for(
            self.directory,
            site,
            profile,
            starts_at,
            ends_at,
            technology=technology,
            operator=operator,
            motion=motion,
        )
        async with self.database.reading() as connection:
            prior = await self.outage_priors.of(connection, self.directory, site, now)
            evidence = await evidence_for(
                connection,
                self.directory,
                site,
                now,
                self._safe_bps,
                outage_prior=prior,
                besides=besides,
                until=ends_at,
            )
        if besides is None and site.sessions_at_once == 1:
            others = tuple(one for one in evidence.beside if not one.here)
            evidence = replace(evidence, beside=others)
        return await asyncio.to_thread(
            judge, question, evidence, now=now, previous=previous, settings=self._settings(now)
        )

    def _settings(self, now: datetime) -> ReadinessSettings:
        offset = now.astimezone(ZoneInfo(self.time_zone)).utcoffset()
        return replace(
            ReadinessSettings(), utc_offset_s=offset.total_seconds() if offset is not None else 0.0
        )

    def _safe_bps(self, site_id: str) -> float | None:
        verdict = self.board.verdict_of(site_id)
        return None if verdict is None else verdict.uplink_safe_bps

    async def rejudge(self, session: Session, trigger: str) -> KeptVerdict:
        """Judge a session anew and keep the verdict, unless it says just what the last one said.

        Who plans a session and what the service does by itself may judge it at once: they take
        turns, or the history would tell the same change twice.
        """
        turn = self._in_turn.setdefault(session.session_id, asyncio.Lock())
        async with turn:
            return await self._rejudged(session, trigger)

    async def _rejudged(self, session: Session, trigger: str) -> KeptVerdict:
        site = self.directory.sites[session.site_id]
        profile = self.directory.profiles[session.profile_code]
        async with self.database.reading() as connection:
            before = await verdict_of(connection, session.session_id)
        verdict = await self.what_if(
            site,
            profile,
            session.starts_at,
            session.ends_at,
            operator=session.operator,
            motion=session.motion,
            previous=None if before is None else before.verdict,
            besides=session.session_id,
        )
        unasked = trigger in ("planned", "evidence")
        if before is not None and unasked and _same(before.verdict, verdict):
            return before
        trigger = "planned" if before is None else trigger
        changed = before is None or before.verdict.state is not verdict.state

        async def keep(connection: AsyncConnection) -> tuple[KeptVerdict, Event | None]:
            kept = await add_verdict(connection, session.session_id, verdict, trigger)
            if not changed:
                return kept, None
            event = await add_event(
                connection,
                at=verdict.judged_at,
                kind="verdict.changed",
                site_id=session.site_id,
                session_id=session.session_id,
                body={
                    "site_id": session.site_id,
                    "site_name": site.name,
                    "session_id": session.session_id,
                    "title": session.title,
                    "before": None if before is None else before.verdict.state.value,
                    "verdict": verdict.to_dict(),
                },
            )
            return kept, event

        kept, event = await self.writer.run(keep)
        self.board.judged(session.session_id, verdict)
        if event is not None:
            self.on_change(None if before is None else before.verdict.state, verdict.state)
            self.bus.publish(event)
        return kept

    async def evidence_arrived(self, site_id: str, hours: set[datetime]) -> None:
        """Sum up the hours that changed and judge the open sessions of a site anew."""
        if site_id not in self.directory.sites:
            return

        async def sum_up(connection: AsyncConnection) -> None:
            await roll_up(connection, {(site_id, hour) for hour in hours})

        if hours:
            await self.writer.run(sum_up)
        # the store says whether there is a session: the board may not have heard of it yet
        await self.rejudge_site(site_id, "evidence")

    async def rejudge_site(self, site_id: str, trigger: str) -> None:
        """Judge the open sessions of a site anew and show the next one on the board.

        Those of the next `JUDGED_AHEAD`, and the next one whenever it is: no site shows a session
        without a verdict.
        """
        now = self.clock.now()
        async with self.database.reading() as connection:
            found = await open_sessions(connection, site_id=site_id)
        coming = sorted((session for session in found if session.ends_at > now), key=_comes)
        for number, session in enumerate(coming):
            if number == 0 or session.starts_at <= now + JUDGED_AHEAD:
                await self.rejudge(session, trigger)
        await self.show_next(site_id)

    async def never_judged(self) -> frozenset[str]:
        """Return the sites with a session of the next `JUDGED_AHEAD` that has no verdict.

        However it came in: planned while the store was away, imported before a restart, or far
        ahead at the time and near now.
        """
        now = self.clock.now()
        async with self.database.reading() as connection:
            found = await open_without_verdict(connection, until=now + JUDGED_AHEAD)
        return frozenset(
            session.site_id
            for session in found
            if session.ends_at > now and session.site_id in self.directory.sites
        )

    async def show_next(self, site_id: str) -> None:
        """Put the sessions that are live or come next on the board, with their verdicts."""
        now = self.clock.now()
        async with self.database.reading() as connection:
            found = await open_sessions(connection, site_id=site_id)
            coming = coming_near(found, now)
            kept = await latest_verdicts(connection, [session.session_id for session in coming])
        show_coming(self.board, site_id, coming, kept)


def coming_near(found: Iterable[Session], now: datetime) -> list[Session]:
    """Return of a site's open sessions the next one and those within a day of it.

    Those that are live go first. What comes later is asked for when one of these begins or ends.
    """
    coming = sorted((session for session in found if session.ends_at > now), key=_comes)
    if not coming:
        return []
    until = max(coming[0].starts_at, now) + _SHOWN_AHEAD
    return [session for session in coming if session.starts_at <= until]


def show_coming(
    board: Board, site_id: str, coming: Sequence[Session], kept: Mapping[str, KeptVerdict]
) -> None:
    """Put sessions with their verdicts on the board."""
    shown: list[Planned] = [
        (session, kept[session.session_id].verdict if session.session_id in kept else None)
        for session in coming
    ]
    if not shown:
        board.planned(site_id, None, None)
        return
    board.planned(site_id, *shown[0], then=shown[1:])


def _comes(session: Session) -> tuple[bool, datetime]:
    return session.status is not SessionStatus.LIVE, session.starts_at


def _same(before: Verdict, after: Verdict) -> bool:
    if before.state is not after.state or before.profile_code != after.profile_code:
        return False
    if (before.starts_at, before.ends_at) != (after.starts_at, after.ends_at):
        return False
    if (before.others, before.more_sellers) != (after.others, after.more_sellers):
        return False
    if before.more_sellers_until != after.more_sellers_until:
        return False
    if before.probability is None or after.probability is None:
        return before.probability is after.probability
    return abs(before.probability - after.probability) < _SAME_PROBABILITY
