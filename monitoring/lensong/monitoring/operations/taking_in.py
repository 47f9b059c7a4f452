"""Taking lists of sites and sessions into the store: all of a list, or what of it is fine."""

from __future__ import annotations

import contextlib
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.errors import ConflictError, NotFoundError
from lensong.monitoring.lists.calendars import instance_uid
from lensong.monitoring.lists.csv_lists import KnownPlaces
from lensong.monitoring.lists.fetching import FeedError
from lensong.monitoring.lists.rows import KnownSessions, SessionRows, WantedSession
from lensong.monitoring.lists.told import CellError, RowErrors, RowNote
from lensong.monitoring.records import Session, SessionStatus
from lensong.monitoring.service import Service
from lensong.monitoring.store.calendars import KeptSession, forget_uid, sessions_for_import
from lensong.monitoring.store.events import Event, add_event
from lensong.monitoring.store.map_bases import put_outlines
from lensong.monitoring.store.people import note
from lensong.monitoring.store.places import (
    archived_places,
    put_commune,
    put_province,
    put_site,
)
from lensong.monitoring.store.sessions import put_session, set_status

__all__ = [
    "Fate",
    "FeedOrigin",
    "Imported",
    "ImportedItem",
    "import_communes",
    "import_sessions",
    "import_sites",
]

Gone = Callable[[], Awaitable[None]]
Fate = Literal["created", "updated", "unchanged", "cancelled", "left_cancelled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedItem:
    """What became of one row; ``id`` is the site's or the session's."""

    row: int
    id: str
    name: str
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a list.

    Parameters
    ----------
    dry_run : bool
        Nothing was stored: it is what would become of it.
    over : int
        Sessions that were over already and were left out.
    refused, notes : tuple of RowNote
        Rows that cannot be taken, and what was noticed in others.
    outlines : int
        Communes that came with their outline.
    """

    dry_run: bool
    items: tuple[ImportedItem, ...]
    over: int = 0
    ignored_columns: tuple[str, ...] = ()
    refused: tuple[RowNote, ...] = ()
    notes: tuple[RowNote, ...] = ()
    outlines: int = 0

    def counts(self) -> dict[str, int]:
        """Return how many rows met each fate."""
        counted: dict[str, int] = {}
        for item in self.items:
            counted[item.fate] = counted.get(item.fate, 0) + 1
        return counted


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedOrigin:
    """Of a calendar that is read from its address: what it no longer has was called off.

    Parameters
    ----------
    prefix : str
        Before its UIDs, so that no two calendars mean the same session.
    believed : bool
        Also where it has nothing left of several: somebody asked for that.
    """

    prefix: str
    believed: bool


class _DryRunError(Exception):
    """Undoes a transaction that was only tried."""


async def import_sites(
    service: Service,
    principal: Principal,
    data: bytes,
    *,
    gone: Gone,
    dry_run: bool = False,
    skip: bool = False,
) -> Imported:
    """Take a list of sites in, with the communes and provinces that it names.

    Parameters
    ----------
    data : bytes
        CSV or a workbook.
    gone : callable
        Returns when nobody waits for the answer any more: the list is read no further then.
    skip : bool
        Take the rows that are fine although others cannot be taken.

    Raises
    ------
    DataError, RowsError
        It is no table; a row cannot be taken, and so none was.
    """
    directory = service.directory
    async with service.database.reading() as connection:
        archived = await archived_places(connection)
    known = KnownPlaces(
        provinces=directory.provinces,
        communes=directory.communes,
        sites=directory.sites,
        province_code=None if principal.role is Role.ADMIN else principal.scope,
        archived=frozenset(item.code for item in archived if item.kind == "site"),
    )
    rows = await service.lists.read("sites", data, known, gone, skip=skip)
    items = []
    for row, site in rows.sites:
        before = directory.sites.get(site.site_id)
        fate: Fate = "created" if before is None else "updated"
        fate = "unchanged" if before == site else fate
        items.append(ImportedItem(row=row, id=site.site_id, name=site.name, fate=fate))
    report = Imported(
        dry_run=dry_run,
        items=tuple(items),
        ignored_columns=rows.ignored_columns,
        refused=rows.refused,
        notes=rows.notes,
    )
    if dry_run:
        return report

    async def work(connection: AsyncConnection) -> None:
        now = service.clock.now()
        for province in rows.provinces:
            await put_province(connection, province)
        for commune in rows.communes:
            await put_commune(connection, commune)
        for (_, site), item in zip(rows.sites, items, strict=True):
            if item.fate != "unchanged":
                await put_site(connection, site, now=now)
        await note(
            connection,
            at=now,
            actor=principal.actor,
            action="import.sites",
            subject=principal.scope or "all",
            detail={
                **report.counts(),
                "communes": len(rows.communes),
                "refused": len(rows.refused),
            },
        )

    await service.writer.run(work)
    await service.reload()
    await service.judge_soon(item.id for item in items if item.fate == "updated")
    return report


async def import_communes(
    service: Service,
    principal: Principal,
    data: bytes,
    *,
    gone: Gone,
    layer: str = "",
    dry_run: bool = False,
    skip: bool = False,
) -> Imported:
    """Take a list of communes in, with the provinces that it names.

    Parameters
    ----------
    data : bytes
        CSV, a workbook, or a file of boundaries: the outlines are kept with the communes.
    gone, skip
        As in `import_sites`.
    layer : str
        Of a file of boundaries that has several.

    Raises
    ------
    DataError, RowsError
        It is no table; a row cannot be taken, and so none was.
    """
    directory = service.directory
    known = KnownPlaces(
        provinces=directory.provinces,
        communes=directory.communes,
        sites=directory.sites,
        province_code=None if principal.role is Role.ADMIN else principal.scope,
    )
    rows = await service.lists.read("communes", data, known, gone, skip=skip, layer=layer)
    outlines = {outline.commune_code: outline for outline in rows.outlines}
    items = []
    for row, commune in rows.communes:
        before = directory.communes.get(commune.code)
        drawn = service.map_bases.outlines.get(commune.code)
        same = before == commune and outlines.get(commune.code, drawn) == drawn
        fate: Fate = "created" if before is None else "unchanged" if same else "updated"
        items.append(ImportedItem(row=row, id=commune.code, name=commune.name, fate=fate))
    report = Imported(
        dry_run=dry_run,
        items=tuple(items),
        outlines=len(outlines),
        ignored_columns=rows.ignored_columns,
        refused=rows.refused,
        notes=rows.notes,
    )
    if dry_run:
        return report

    async def work(connection: AsyncConnection) -> None:
        for province in rows.provinces:
            await put_province(connection, province)
        for (_, commune), item in zip(rows.communes, items, strict=True):
            if item.fate != "unchanged":
                await put_commune(connection, commune)
        await put_outlines(connection, outlines.values(), now=service.clock.now())
        await note(
            connection,
            at=service.clock.now(),
            actor=principal.actor,
            action="import.communes",
            subject=principal.scope or "all",
            detail={
                **report.counts(),
                "refused": len(rows.refused),
                "outlines": len(outlines),
            },
        )

    await service.writer.run(work)
    await service.reload()
    if outlines:
        await service.reload_maps()
    return report


async def import_sessions(
    service: Service,
    principal: Principal,
    data: bytes,
    *,
    calendar: bool,
    gone: Gone,
    site_id: str | None = None,
    profile_code: str | None = None,
    dry_run: bool = False,
    skip: bool = False,
    feed: FeedOrigin | None = None,
) -> Imported:
    """Take a list of sessions in, as a table or as an iCalendar file.

    Parameters
    ----------
    gone, skip
        As in `import_sites`.
    site_id, profile_code : str, optional
        Of sessions that name none.

    Raises
    ------
    DataError, RowsError
        It is no such list; a session cannot be taken, and so none was.
    NotFoundError
        ``site_id`` or ``profile_code`` is none.
    FeedError
        Nothing is left of several sessions of a feed, and that is not believed.

    Notes
    -----
    A session is known again by its UID, so that a list may come again and again. What was called
    off here stays so, unless the calendar says that it was changed since.
    """
    directory = service.directory
    if site_id is not None:
        directory.site_for(principal, site_id)
    if profile_code is not None and profile_code not in directory.profiles:
        raise NotFoundError(f"there is no stream profile {profile_code!r}: GET /api/v1/profiles")
    known = KnownSessions(
        sites={site.site_id: site for site in directory.visible_to(principal)},
        communes=directory.communes,
        profiles=directory.profiles,
        zone=ZoneInfo(service.config.time_zone),
        now=service.clock.now(),
        site_id=site_id,
        profile_code=profile_code,
    )
    kind: Literal["calendar", "sessions"] = "calendar" if calendar else "sessions"
    rows = await service.lists.read(kind, data, known, gone, skip=skip)
    if feed is not None:
        rows = rows.of_feed(feed.prefix)
    taking = _Taking(service, principal, known, rows, skip, feed)

    async def work(connection: AsyncConnection) -> list[Event]:
        events = await taking.take(connection)
        if dry_run:
            raise _DryRunError
        return events

    try:
        events = await service.writer.run(work)
    except _DryRunError:
        events = []
    for event in events:
        service.bus.publish(event)
    touched = {*(str(event.site_id) for event in events), *taking.left_sites}
    await service.judge_soon(directory.with_those_beside(touched))
    return Imported(
        dry_run=dry_run,
        items=tuple(taking.items),
        over=rows.over,
        ignored_columns=rows.ignored_columns,
        refused=tuple(sorted([*rows.refused, *taking.refused], key=lambda item: item.row)),
        notes=rows.notes,
    )


@dataclass(slots=True)
class _Taking:
    """One list on its way into the store, within one transaction."""

    service: Service
    principal: Principal
    known: KnownSessions
    rows: SessionRows
    skip: bool
    feed: FeedOrigin | None = None
    refused: tuple[RowNote, ...] = ()
    items: list[ImportedItem] = field(default_factory=list)
    left_sites: set[str] = field(default_factory=set)
    _events: list[Event] = field(default_factory=list)

    async def take(self, connection: AsyncConnection) -> list[Event]:
        """Write what changed and return the events that tell of it."""
        kept = _Kept(
            await sessions_for_import(
                connection,
                site_ids=self.known.sites.keys(),
                uids={item.uid for item in self.rows.sessions},
                now=self.known.now,
            ),
            self.known.now,
        )
        matched = [(item, kept.match(item)) for item in self.rows.sessions]
        for gone in self._gone(kept, [before for _, before in matched]):
            await self._cancel(connection, 0, gone)
            if self.feed is not None:  # should it come back, it is planned anew
                await forget_uid(connection, gone.session.session_id)
        changes: list[_Change] = []
        for item, before in matched:
            if item.cancelled:
                if before is not None:
                    await self._cancel(connection, item.row, before)
            elif (change := self._change(item, before, kept)) is not None:
                changes.append(change)
        # out of each other's way first: two sessions of a site may have changed places
        for change in changes:
            if not change.new:
                session_id = change.session.session_id
                await set_status(
                    connection, session_id, SessionStatus.CANCELLED, now=self.known.now
                )
        errors = RowErrors()
        # those that name a lane, then by start: as many lanes as sessions at once are enough then
        changes.sort(key=lambda item: (item.session.lane is None, item.session.starts_at))
        for change in changes:
            with errors.kept(change.row, change.session.title):
                await self._put(connection, change)
        self.refused = errors.left(self.skip)
        await self._put_back(connection, changes)
        if self.feed is None or self._events:  # one that is read every hour fills no trail
            await note(
                connection,
                at=self.known.now,
                actor=self.principal.actor,
                action="import.sessions",
                subject=self.principal.scope or "all",
                detail={
                    **Imported(dry_run=False, items=tuple(self.items)).counts(),
                    "refused": len(self.rows.refused) + len(self.refused),
                },
            )
        return self._events

    def _gone(self, kept: _Kept, matched: Sequence[KeptSession | None]) -> list[KeptSession]:
        """Return the sessions that the list no longer has."""
        gone = list(kept.called_off(self.rows, matched))
        if self.feed is not None and self.rows.named is not None:
            gone += kept.vanished(self.feed.prefix, self.rows.named)
            if len(gone) > 1 and not self.rows.sessions and not self.feed.believed:
                raise FeedError(
                    "emptied",
                    f"the calendar has none of its {len(gone)} coming sessions any more, and none "
                    "was called off: read it by hand to take that in",
                )
        return gone

    def _change(
        self, wanted: WantedSession, before: KeptSession | None, kept: _Kept
    ) -> _Change | None:
        """Return what to write for a row, None where nothing changes."""
        if before is None:
            session = replace(wanted.session, session_id=secrets.token_hex(8))
            return _Change(wanted.row, session, kept.free_uid(wanted), kind="planned")
        old = before.session
        if old.status is SessionStatus.CANCELLED:
            if wanted.modified_at is None or wanted.modified_at <= before.updated_at:
                self._tell(wanted.row, old, "left_cancelled")
                return None
            status, kind = SessionStatus.PLANNED, "planned"
        else:
            live = old.status is SessionStatus.LIVE and wanted.session.starts_at <= self.known.now
            status = SessionStatus.LIVE if live else SessionStatus.PLANNED
            kind = "changed"
        session = replace(
            wanted.session,
            session_id=old.session_id,
            status=status,
            motion=old.motion,
            operator=wanted.session.operator or old.operator,
        )
        if session.site_id != old.site_id:
            self.left_sites.add(old.site_id)
        if replace(session, lane=session.lane or old.lane) == old:
            self._tell(wanted.row, old, "unchanged")
            return None
        return _Change(wanted.row, session, before.calendar_uid, kind=kind, before=old)

    async def _put(self, connection: AsyncConnection, change: _Change) -> None:
        session, now = change.session, self.known.now
        try:
            session = await put_session(
                connection, session, now=now, calendar_uid=change.calendar_uid
            )
        except ConflictError as error:
            if error.code in ("overlap", "no_such_lane") and self.skip:
                at_once = self.known.sites[session.site_id].sessions_at_once
                raise CellError("", error.code, n=at_once) from error
            raise
        self._events.append(await self._event(connection, session, change.kind))
        self._tell(change.row, session, "created" if change.new else "updated")

    async def _put_back(self, connection: AsyncConnection, changes: Sequence[_Change]) -> None:
        """Let sessions whose rows cannot be taken stand as they stood."""
        rows = {item.row for item in self.refused}
        for change in changes:
            if change.row in rows and change.before is not None:
                kept = change.before
                with contextlib.suppress(ConflictError):  # another row has taken its place
                    await put_session(
                        connection, kept, now=self.known.now, calendar_uid=change.calendar_uid
                    )
                    continue
                self._events.append(await self._event(connection, kept, "cancelled"))
                self._tell(change.row, kept, "cancelled")

    async def _cancel(self, connection: AsyncConnection, row: int, kept: KeptSession) -> None:
        session = kept.session
        if session.status is SessionStatus.CANCELLED:
            self._tell(row, session, "unchanged")
            return
        await set_status(
            connection, session.session_id, SessionStatus.CANCELLED, now=self.known.now
        )
        self._events.append(await self._event(connection, session, "cancelled"))
        self._tell(row, session, "cancelled")

    async def _event(self, connection: AsyncConnection, session: Session, kind: str) -> Event:
        return await add_event(
            connection,
            at=self.known.now,
            kind=f"session.{kind}",
            site_id=session.site_id,
            session_id=session.session_id,
            body={"session_id": session.session_id, "title": session.title},
        )

    def _tell(self, row: int, session: Session, fate: Fate) -> None:
        self.items.append(
            ImportedItem(row=row, id=session.session_id, name=session.title, fate=fate)
        )


@dataclass(frozen=True, slots=True)
class _Change:
    """A session to be written."""

    row: int
    session: Session
    calendar_uid: str | None
    kind: str
    before: Session | None = None

    @property
    def new(self) -> bool:
        """Return whether there is none yet."""
        return self.before is None


class _Kept:
    """What is in the store already, to be found by identifier or UID."""

    def __init__(self, kept: Sequence[KeptSession], now: datetime) -> None:
        self._by_id = {item.session.session_id: item for item in kept}
        self._by_uid: defaultdict[str, list[KeptSession]] = defaultdict(list)
        for item in kept:
            if item.calendar_uid is not None:
                self._by_uid[item.calendar_uid].append(item)
        self._now = now

    def match(self, wanted: WantedSession) -> KeptSession | None:
        """Return the session that a row is about; what is over stays as it was."""
        named = [self._by_id[i] for i in (wanted.session_id,) if i in self._by_id]
        for uid in (wanted.uid, instance_uid(wanted.uid, wanted.session.starts_at)):
            named += self._by_uid.get(uid, [])
        coming = [
            item
            for item in named
            if item.session.ends_at > self._now and item.session.status is not SessionStatus.ENDED
        ]
        here = [item for item in coming if item.session.site_id == wanted.session.site_id]
        return next(iter(here or coming), None)

    def free_uid(self, wanted: WantedSession) -> str:
        """Return the UID for a new session: of one that is over, the place is taken."""
        for item in self._by_uid.get(wanted.uid, []):
            if item.session.site_id == wanted.session.site_id:
                return instance_uid(wanted.uid, wanted.session.starts_at)
        return wanted.uid

    def called_off(
        self, rows: SessionRows, matched: Iterable[KeptSession | None]
    ) -> Iterator[KeptSession]:
        """Yield planned sessions of the list's series that the list no longer has."""
        there = {item.session.session_id for item in matched if item is not None}
        for uid, kept in self._by_uid.items():
            if uid not in rows.series and uid.rpartition("::")[0] not in rows.series:
                continue
            if uid in rows.untouched:
                continue
            for item in kept:
                coming = item.session.starts_at > self._now
                planned = item.session.status is SessionStatus.PLANNED
                if coming and planned and item.session.session_id not in there:
                    yield item

    def vanished(self, prefix: str, named: Collection[str]) -> Iterator[KeptSession]:
        """Yield planned sessions of a feed that it does not name at all any more."""
        for uid, kept in self._by_uid.items():
            if not uid.startswith(prefix) or uid in named or uid.rpartition("::")[0] in named:
                continue
            for item in kept:
                coming = item.session.starts_at > self._now
                if coming and item.session.status is SessionStatus.PLANNED:
                    yield item
