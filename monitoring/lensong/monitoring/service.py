"""The parts of the running service, and what it does by itself: judge, tidy up, deliver."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import httpx
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring import passwords
from lensong.monitoring.clock import Clock, SystemClock, TrustedClock
from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.errors import BusyError, ClockFaultError, StoreUnavailableError
from lensong.monitoring.lists.reader import ListReader
from lensong.monitoring.live.after_session import close_session
from lensong.monitoring.live.alerts import AlertKeeper
from lensong.monitoring.live.board import Board
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.events import EventBus
from lensong.monitoring.live.falling import FallWatcher
from lensong.monitoring.live.freshness import as_of
from lensong.monitoring.live.identities import Identities
from lensong.monitoring.live.ingest import Ingest
from lensong.monitoring.live.map_bases import MapBases
from lensong.monitoring.live.notices import NoticeKeeper
from lensong.monitoring.live.push_courier import PushCourier
from lensong.monitoring.live.snapshot import ServiceSnapshot
from lensong.monitoring.live.standing import Seen, seen_of
from lensong.monitoring.live.streams import LiveStreams
from lensong.monitoring.live.verdicts import CHECKPOINTS, Judge, coming_near, show_coming
from lensong.monitoring.live.watching import watch_desk, watched_sites
from lensong.monitoring.live.webhooks import Courier
from lensong.monitoring.metrics.exposition import Exposition
from lensong.monitoring.metrics.own_counters import ServiceMetrics
from lensong.monitoring.outbound import PinnedTransport, look_up
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.rate_limit import Attempts, RateLimit
from lensong.monitoring.records import Session, SessionStatus
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.events import Event, add_event, latest_verdicts
from lensong.monitoring.store.measurements import (
    hours_received_since,
    latest_by_site,
    roll_up,
)
from lensong.monitoring.store.migrate import migrate
from lensong.monitoring.store.people import keep_out_of_sites_gone
from lensong.monitoring.store.person_tokens import mark_used
from lensong.monitoring.store.retention import last_mark, mark, marked, prune
from lensong.monitoring.store.sessions import (
    moved_ahead_of,
    open_sessions,
    put_first_profiles,
    set_status,
)
from lensong.monitoring.store.submissions import store_submissions
from lensong.monitoring.store.writer import Writer
from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.watch.desk import WatchDesk

__all__ = ["Service", "outlive"]

_LOG = logging.getLogger("lensong.service")

_TICK_S = 5.0
_JUDGE_EVERY_S = 1.0
_HOURS_AT_ONCE = 10
"""Hours summed up in one commit, so that reports hardly wait."""

_PASSES, _PASS_S = 20, 0.01
"""However many reports come, five sites are judged in a second."""

_MARK_EVERY = timedelta(minutes=1)
_TELL_EVERY_S = 60.0
_LEAST_FREE_BYTES = 256 * 1024
"""With less on the disk of the database reports are refused, or are about to be [B]."""

_TOUCH_S = 2.5
"""A little longer than SQLite waits for a lock, so that its own words are heard [s]."""


@dataclass(slots=True)
class Service:
    """Everything that one process of the service holds.

    Parameters
    ----------
    config : ServiceConfig
    machine_clock : Clock
        The time; tests bring their own. All else asks `clock`, which tells no time that may be
        false.
    """

    config: ServiceConfig
    machine_clock: Clock = field(default_factory=SystemClock)
    clock: TrustedClock = field(init=False)
    database: Database = field(init=False)
    writer: Writer = field(init=False)
    directory: Directory = field(init=False)
    map_bases: MapBases = field(init=False, default_factory=MapBases)
    identities: Identities = field(init=False)
    board: Board = field(init=False)
    bus: EventBus = field(init=False)
    judge: Judge = field(init=False)
    notices: NoticeKeeper = field(init=False)
    falls: FallWatcher = field(init=False)
    alerts: AlertKeeper = field(init=False)
    ingest: Ingest = field(init=False)
    metrics: ServiceMetrics = field(init=False)
    exposition: Exposition = field(init=False)
    courier: Courier = field(init=False)
    push: PushCourier = field(init=False)
    streams: LiveStreams = field(init=False)
    watches: WatchDesk = field(init=False)
    http: httpx.AsyncClient = field(init=False)
    attempts: Attempts = field(init=False)
    pushed_limit: RateLimit = field(init=False)
    lists: ListReader = field(init=False)
    feed_http: GuardedClient = field(init=False)
    feeds_read: set[str] = field(init=False, default_factory=set)
    """Calendars that are being read from their addresses."""
    on_drain: list[Callable[[], None]] = field(init=False, default_factory=list)
    """What else ends when nothing new is taken on."""
    draining: bool = field(init=False, default=False)
    migrated: bool = field(init=False, default=False)
    _noting: set[asyncio.Task[None]] = field(init=False, default_factory=set)
    _tasks: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _checked: dict[str, set[timedelta]] = field(init=False, default_factory=dict)
    _summed_until: datetime | None = field(init=False, default=None)
    _held: bool = field(init=False, default=False)
    _judging: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)
    _keeping: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        limits = self.config.limits
        self.clock = TrustedClock(self.machine_clock)
        self.database = Database(self.config.db)
        self.metrics = ServiceMetrics()
        self.writer = Writer(
            self.database,
            store_submissions,
            capacity=limits.queued_writes,
            observe=self.metrics.observe_commit,
        )
        self.directory = Directory()
        self.board = Board(self.directory)
        self.bus = EventBus(limits.event_listeners, limits.event_listeners_of_one)
        self.identities = Identities(
            self.database,
            self.clock,
            RateLimit(
                limits.sign_in_attempts_per_address_per_15_min, 900.0, self.clock.monotonic_s
            ),
            self.bus.ask_again,
            self._token_used,
        )
        self.judge = Judge(
            self.database,
            self.writer,
            self.directory,
            self.board,
            self.bus,
            self.clock,
            self.config.time_zone,
            lambda _before, after: self.metrics.count_verdict_change(after.value),
        )
        parts = (self.database, self.writer, self.directory, self.board, self.bus, self.clock)
        self.notices = NoticeKeeper(*parts)
        self.falls = FallWatcher(*parts)
        self.alerts = AlertKeeper(*parts)
        self.ingest = Ingest(
            self.writer,
            self.board,
            self.clock,
            RateLimit(limits.reports_per_minute_per_site, 60.0, self.clock.monotonic_s),
            self.metrics.count_reports,
        )
        self.exposition = Exposition(
            self.snapshot,
            self.clock,
            service=self.metrics,
            zone=ZoneInfo(self.config.time_zone),
            public_url=self.config.public_url or "",
        )
        # every webhook has few connections of its own: none waits for another's
        limits_of_all = httpx.Limits(max_connections=None, max_keepalive_connections=20)
        self.http = httpx.AsyncClient(
            transport=PinnedTransport(look_up, limits_of_all),
            timeout=10.0,
            follow_redirects=False,
            trust_env=False,
        )
        self.courier = Courier(
            self.database, self.writer, self.http, self.clock, self.metrics.count_webhook
        )
        if self.config.public_url:
            self.courier.source = self.config.public_url
        told = self.config.push
        self.push = PushCourier(
            self.database,
            self.writer,
            self.directory,
            self.clock,
            AllowList.of(told.allowed_networks, setting="push", any_public=True),
            told.contact or _https(self.config.public_url),
        )
        asked = self.config.collectors
        allowed = AllowList.of(asked.allowed_networks, asked.allowed_hosts, asked.allowed_folders)
        self.streams = LiveStreams(
            self.database,
            self.writer,
            self.directory,
            self.board,
            self.bus,
            self.clock,
            GuardedClient(allowed),
            asked.every_s,
        )
        read = self.config.calendars
        self.feed_http = GuardedClient(
            AllowList.of(read.allowed_networks, read.allowed_hosts, setting="calendars")
        )
        self.lists = ListReader(limits.imports_at_once, limits.import_seconds)
        self.watches = watch_desk(
            self.identities,
            self.directory,
            self.writer,
            self.ingest,
            self.clock,
            most=limits.watches_at_once,
        )
        self.board.watched = lambda: watched_sites(self.watches)
        self.pushed_limit = RateLimit(
            limits.stream_figures_per_minute_per_site, 60.0, self.clock.monotonic_s
        )
        self.attempts = Attempts(
            limits.sign_in_attempts_per_15_min,
            limits.sign_in_attempts_per_address_per_15_min,
            self.clock.monotonic_s,
        )
        self.metrics.watch_writer_queue(lambda: float(self.writer.depth))

    def snapshot(self) -> ServiceSnapshot:
        """Return what is known of every site."""
        return self.board.snapshot(self.clock.now())

    async def open(self) -> None:
        """Bring the tables up to date and read what is known; nothing is done by itself yet."""
        before, after = await migrate(self.database)
        if before != after:
            _LOG.info("database brought from version %s to %s", before or "none", after)
        self.migrated = True
        self.writer.start()
        await self.writer.run(partial(put_first_profiles, given=DEFAULT_PROFILES))
        gone = await self.writer.run(
            lambda connection: keep_out_of_sites_gone(connection, self.clock.now())
        )
        if gone:
            _LOG.warning("kept out, because their site is there no more: %s", ", ".join(gone))
        await self.reload()
        await self.reload_maps()
        await self.identities.load()
        await self.push.load()
        await self._load_board()
        await self.notices.load()
        await self.falls.load()
        await self.alerts.load()
        await self.streams.load()
        async with self.database.reading() as connection:
            self.clock.arm(await last_mark(connection))

    async def start(self) -> None:
        """Open, and begin to work."""
        self.database.on_damage = partial(_LOG.error, "%s")
        await self.open()
        for work in (
            self._judge_arrivals,
            self._keep_time,
            self._tidy,
            self.courier.work,
            self.push.work,
            self.streams.poller.run,
            self.watches.run,
        ):
            self._tasks.append(asyncio.create_task(outlive(work), name=work.__name__))

    async def stop(self) -> None:
        """Let what was begun come to its end, then close."""
        self.drain()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*self._noting)
        with contextlib.suppress(StoreUnavailableError, BusyError):
            await self.watches.keep()
        await self.writer.stop()
        await self.http.aclose()
        await self.push.http.aclose()
        await self.streams.http.aclose()
        await self.feed_http.aclose()
        await self.database.close()

    def drain(self) -> None:
        """Take nothing new on, and end what would never end by itself."""
        self.draining = True
        self.bus.close()
        self.lists.close()
        for end in self.on_drain:
            end()

    async def reload(self) -> None:
        """Read places, profiles and predictions anew, after they were changed."""
        async with self.database.reading() as connection:
            await self.directory.load(connection)

    async def reload_maps(self) -> None:
        """Read anew what lies under the sites on maps, after it was changed."""
        async with self.database.reading() as connection:
            await self.map_bases.load(connection)

    async def judge_soon(self, site_ids: Iterable[str]) -> None:
        """Show what stands for sites now, and have their sessions judged in the background.

        Every way by which sessions, or what verdicts rest on, come in ends here or in the
        judge itself.
        """
        for site_id in sorted(set(site_ids)):
            if site_id in self.directory.sites:
                await self.judge.show_next(site_id)
                self.ingest.put_back(site_id, set())

    def judge_beside(self, session: Session) -> None:
        """Have others judged in the background that share an uplink with a session.

        It came, changed or went: that concerns those at its site, and those at sites that a plan
        puts on the same cells.
        """
        site = self.directory.sites.get(session.site_id)
        if site is None:
            return
        here = (other for other, _ in self.board.coming(site.site_id))
        others = {other.site_id for other in here if other.session_id != session.session_id}
        for site_id in others | self.directory.on_the_same_cells(site):
            self.ingest.put_back(site_id, set())

    async def problems(self) -> list[str]:
        """Return why the service is not ready; nothing where it is."""
        found = ["draining"] if self.draining else []
        if not self.migrated:
            found.append("migrations are not done")
        if (fault := self.clock.fault()) is not None:
            return [*found, fault]  # nothing is written by a false clock
        try:
            await asyncio.wait_for(self.writer.run(self._touch), _TOUCH_S)
        except (StoreUnavailableError, TimeoutError) as error:
            found.append(str(error) or "the database does not answer")
        else:
            # the log of the database may hold what is written here when a report no longer fits
            free_bytes = self.database.free_bytes()
            if free_bytes is not None and free_bytes < _LEAST_FREE_BYTES:
                found.append("the disk of the database is full: make room")
        threads = (asyncio.to_thread(int), passwords.answer())
        for what, thread in zip(("work", "passwords"), threads, strict=True):
            try:
                await asyncio.wait_for(thread, _TOUCH_S)
            except TimeoutError:
                found.append(f"all threads for {what} are busy")
        return found

    async def _touch(self, connection: AsyncConnection) -> None:
        """Write something, to see that the database can be written."""
        await mark(connection, "alive", self.clock.now())

    async def _load_board(self) -> None:
        now = self.clock.now()
        async with self.database.reading() as connection:
            latest = await latest_by_site(connection, now)
            coming = await open_sessions(connection)
            verdicts = await latest_verdicts(connection, [item.session_id for item in coming])
        self.board.start_from(latest)
        by_site: dict[str, list[Session]] = {}
        for session in coming:
            by_site.setdefault(session.site_id, []).append(session)
        for site_id, sessions in by_site.items():
            show_coming(self.board, site_id, coming_near(sessions, now), verdicts)

    def seen_of(self, session: Session) -> Seen | None:
        """Return what is seen right now of a session at its time, None before and after it."""
        if session.status is not SessionStatus.LIVE:
            return None
        now = self.clock.now()
        sites = [self.directory.sites[session.site_id]]
        (shown,) = (as_of(site, now) for site in self.board.snapshot(now, sites).sites)
        found = (lane for lane in shown.by_lane if lane.session_id == session.session_id)
        lane = next(found, None)
        return "nothing" if lane is None else seen_of(lane)

    async def _judge_arrivals(self) -> None:
        """Judge the sites of which evidence arrived, each at most once a second."""
        while True:
            await asyncio.sleep(_JUDGE_EVERY_S)
            began_at = self.clock.now()
            await self.judge_arrivals()
            # what came before need not be looked at again after a crash
            if self._summed_until and began_at - self._summed_until >= _MARK_EVERY:
                await self._summed(began_at)

    async def judge_arrivals(self) -> None:
        """Judge the sites of which evidence arrived since the last time.

        Reports go first: at least half of the time is theirs, and more while some wait for the
        disk. The more of them come, the later each is judged.
        """
        async with self._judging:
            await self._judge_waiting()

    async def _judge_waiting(self) -> None:
        waiting = self.ingest.take_dirty()
        with_session_first = sorted(
            waiting, key=lambda site_id: self.board.session_of(site_id) is None
        )
        try:
            for site_id in with_session_first:
                began_s, hours = self.clock.monotonic_s(), waiting.pop(site_id)
                try:
                    await self.judge.evidence_arrived(site_id, hours)
                except (StoreUnavailableError, BusyError):
                    waiting[site_id] = hours
                    raise
                await asyncio.sleep(self.clock.monotonic_s() - began_s)
                await self._let_reports_pass()
        finally:
            for site_id, hours in waiting.items():
                self.ingest.put_back(site_id, hours)

    async def _let_reports_pass(self) -> None:
        """Wait until no report waits for the disk, but not for long."""
        for _ in range(_PASSES):
            if self.writer.depth == 0:
                return
            await asyncio.sleep(_PASS_S)

    async def _keep_time(self) -> None:
        """Begin and end sessions on time, and judge them anew as they come near."""
        while True:
            try:
                await self.keep_time()
            except ClockFaultError as error:
                if not self._held:
                    _LOG.error("%s", error)
                    self._held = True
                    self.streams.pause()
            await asyncio.sleep(_TICK_S)

    async def keep_time(self) -> None:
        """Do what is due now, once whoever asks.

        Raises
        ------
        ClockFaultError
            Nobody knows what is due.
        """
        async with self._keeping:
            await self._do_what_is_due()

    async def _do_what_is_due(self) -> None:
        now = self.clock.now()
        if self._held:
            self._checked.clear()
            await self._load_board()
            self._held = False
            _LOG.warning("the clock of this machine has run steadily and is trusted again")
        async with self.database.reading() as connection:
            too_early = await moved_ahead_of(connection, now)
        for session in too_early:
            await self._move(session, SessionStatus.PLANNED)
        async with self.database.reading() as connection:
            found = await open_sessions(connection, until=now + max(CHECKPOINTS))
        for session in found:
            if session.ends_at <= now:
                await self._move(session, SessionStatus.ENDED)
            elif session.starts_at <= now and session.status is SessionStatus.PLANNED:
                await self._move(session, SessionStatus.LIVE)
            due = {point for point in CHECKPOINTS if session.starts_at - point <= now}
            if session.starts_at > now and due - self._checked.get(session.session_id, set()):
                self._checked[session.session_id] = due
                nearest_h = min(due).total_seconds() / 3600.0
                await self.judge.rejudge(session, f"t-{nearest_h:g}h")
                await self.judge.show_next(session.site_id)
        for site_id in await self.judge.never_judged():
            self.ingest.put_back(site_id, set())
        self.streams.choose()
        await self.notices.keep()
        await self.falls.look()
        await self.alerts.look()
        still_open = {session.session_id for session in found}
        self._checked = {k: v for k, v in self._checked.items() if k in still_open}

    async def _move(self, session: Session, status: SessionStatus) -> None:
        now = self.clock.now()

        async def keep(connection: AsyncConnection) -> Event:
            await set_status(connection, session.session_id, status, now=now)
            return await add_event(
                connection,
                at=now,
                kind=f"session.{status.value}",
                site_id=session.site_id,
                session_id=session.session_id,
                body={"session_id": session.session_id, "title": session.title},
            )

        self.bus.publish(await self.writer.run(keep))
        if status is SessionStatus.ENDED:
            await close_session(self.database, self.writer, self.directory, session)
        await self.judge.show_next(session.site_id)
        if status is SessionStatus.ENDED:
            self.judge_beside(session)

    async def _tidy(self) -> None:
        """Sum up what a crash left unsummed, then prune, again and again."""
        await self.catch_up()
        while True:
            await self.prune()
            await asyncio.sleep(self.config.retention.every_s)

    def _token_used(self, token_id: str) -> None:
        now = self.clock.now()
        task = asyncio.create_task(
            _as_far_as_it_goes(
                self.writer.run(lambda connection: mark_used(connection, token_id, now))
            )
        )
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def catch_up(self) -> None:
        """Sum up the hours of which something arrived since they were last known to be summed."""
        now = self.clock.now()
        async with self.database.reading() as connection:
            since = await marked(connection, "hourly") or datetime(1970, 1, 1, tzinfo=UTC)
            hours = await hours_received_since(connection, since - timedelta(minutes=5))
        waiting = sorted(hours)
        for at in range(0, len(waiting), _HOURS_AT_ONCE):
            began_s = self.clock.monotonic_s()
            some = waiting[at : at + _HOURS_AT_ONCE]
            await self.writer.run(partial(roll_up, hours=some))
            await asyncio.sleep(self.clock.monotonic_s() - began_s)  # reports arrive already
        await self._summed(now)

    async def _summed(self, until: datetime) -> None:
        await self.writer.run(lambda connection: mark(connection, "hourly", until))
        self._summed_until = until

    async def prune(self) -> None:
        """Delete what is older than it may be, a little at a time."""
        now = self.clock.now()
        while await self.writer.run(
            lambda connection: prune(connection, self.config.retention, now)
        ):
            await asyncio.sleep(0.05)


async def _as_far_as_it_goes(work: Coroutine[None, None, None]) -> None:
    """Do what nobody waits for, and nobody misses while the store is away."""
    with contextlib.suppress(StoreUnavailableError, BusyError):
        await work


async def outlive(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Begin again after the store was away: a background task must not end before the service."""
    told_s = -_TELL_EVERY_S
    while True:
        try:
            await work()
            return
        except (StoreUnavailableError, BusyError) as error:
            if (now_s := time.monotonic()) - told_s >= _TELL_EVERY_S:
                told_s = now_s
                _LOG.warning("%s waits: %s", work.__name__, error)
        except Exception:  # the outermost loop of the task: told, and begun again
            _LOG.exception("%s failed and begins again", work.__name__)
        await asyncio.sleep(2.0)


def _https(url: str | None) -> str | None:
    """Return an address where it is one that a push service takes for a contact."""
    return url if url is not None and url.startswith("https://") else None
