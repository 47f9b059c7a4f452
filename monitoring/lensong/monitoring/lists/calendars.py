"""Sessions out of an iCalendar file: every event is checked and told of.

References
----------
.. [1] RFC 5545, "Internet Calendaring and Scheduling Core Object Specification (iCalendar)", 2009.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Component

from lensong.monitoring.lists.recurrence import Recurrence
from lensong.monitoring.lists.rows import (
    MOST_ROWS,
    KnownSessions,
    SessionRows,
    WantedSession,
    destroyed,
    find_profile,
    find_site,
)
from lensong.monitoring.lists.told import CellError, ListError, RowErrors, RowNote
from lensong.monitoring.records import LONGEST_SESSION, Session
from lensong.propagation.errors import DataError

__all__ = ["HORIZON", "instance_uid", "parse_calendar"]

HORIZON = timedelta(days=366)
"""How far ahead events that come again are written out."""

_MOST_DAYS = 1_000_000
"""Days held against the rules of a file, all events together: a year for each of 2,000 events."""

_LONGEST_UID = 255
_FOLD = re.compile(rb"\r?\n[ \t]")
_CANCELLED = "CANCELLED"


def instance_uid(uid: str, starts_at: datetime) -> str:
    """Return by what one day of an event that comes again is known.

    Examples
    --------
    >>> instance_uid("cho-phien", datetime(2026, 11, 28, 2, 0, tzinfo=UTC))
    'cho-phien::20261128T020000Z'
    """
    return f"{uid}::{starts_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def parse_calendar(data: bytes, known: KnownSessions, *, skip: bool = False) -> SessionRows:
    """Return the sessions of an iCalendar file.

    Parameters
    ----------
    data : bytes
        The file. The site is ``X-LENSONG-SITE`` or ``LOCATION``, the stream profile
        ``X-LENSONG-PROFILE`` or one of the ``CATEGORIES``, by code or name. Times without a zone
        are those of ``X-WR-TIMEZONE`` where the file has it, else local ones; either is noted.
    skip : bool
        Return the sessions that can be taken although others cannot. Of a series of which one
        day cannot be read that day is left as it is.

    Raises
    ------
    DataError
        It is no iCalendar file.
    RowsError
        An event cannot be taken, and none is to be skipped; every one that cannot is told, by its
        place in the file.

    Notes
    -----
    Events that come again are written out for `HORIZON` (`Recurrence`). A day that was moved
    replaces its day of the series also when it is over.
    """
    errors = RowErrors()
    series: defaultdict[str, _Series] = defaultdict(_Series)
    over = coming = 0
    unnamed = cut = False
    notes: dict[str, RowNote] = {}
    for number, (event, called_off, zone) in enumerate(_events(data), start=1):
        if coming >= MOST_ROWS:  # those of years ago, which calendars keep, do not count
            errors.add(number, "", "too_many_events", most=str(MOST_ROWS))
            cut = True
            break
        local = known if zone is None else replace(known, zone=zone)
        title = str(event.get("SUMMARY", ""))[:200]
        try:
            with _told(errors, number, title):
                parsed = _event(number, event, local, called_off=called_off)
        except _RefusedError:
            coming += 1
            unnamed = unnamed or not str(event.get("UID", "")).strip()
            _leave(series, event, local)
            continue
        if _floats(event):
            notes.setdefault("zone", _zone_note(number, local, zone))
        if parsed is None:
            over += 1
            _leave(series, event, local, over=True)
        else:
            coming += 1
            with errors.kept(number, title):
                series[parsed.uid].add(parsed)
    sessions: list[WantedSession] = []
    days = 0
    for uid, found in series.items():
        days += found.days_looked_at(known)
        if days > _MOST_DAYS:
            errors.add(found.row, "RRULE", "too_many_days")
            break
        with errors.kept(found.row, found.title):
            for wanted in found.sessions(uid, known):
                if wanted.session.ends_at <= known.now:
                    over += 1
                else:
                    sessions.append(wanted)
                if len(sessions) > MOST_ROWS:
                    break
        if len(sessions) > MOST_ROWS:  # what follows is not unfolded
            errors.add(found.row, "", "too_many_sessions", most=str(MOST_ROWS))
            errors.raise_if_any()
    if days > _MOST_DAYS:
        errors.raise_if_any()
    refused = errors.left(skip)
    wrong_rows = {item.row for item in refused}
    return SessionRows(
        sessions=tuple(sessions),
        series=frozenset(
            uid for uid, found in series.items() if found.row not in wrong_rows and not found.unread
        ),
        named=None if cut or unnamed else frozenset(series),
        untouched=frozenset(
            instance_uid(uid, at) for uid, found in series.items() for at in found.left
        ),
        over=over,
        refused=refused,
        notes=tuple(notes.values()),
    )


class _RefusedError(Exception):
    """An event cannot be taken; why is told already."""


@contextlib.contextmanager
def _told(errors: RowErrors, number: int, title: str) -> Iterator[None]:
    count = len(errors.found)
    with errors.kept(number, title):
        yield
    if len(errors.found) > count:
        raise _RefusedError


def _leave(
    series: dict[str, _Series], event: Component, known: KnownSessions, *, over: bool = False
) -> None:
    """Leave the day of a series alone that an event stands for, as it is over or cannot be taken.

    Without that, the time from which it was moved would come back as a session of its own.
    """
    uid = str(event.get("UID", "")).strip()
    if not uid:
        return
    replaces = event.get("RECURRENCE-ID")
    if replaces is None:
        if not over:
            series[uid].unread = True
        return
    try:
        at = _aware(replaces, "RECURRENCE-ID", known)
    except CellError:
        series[uid].unread = True
    else:
        series[uid].left.add(at.astimezone(UTC))


def _floats(event: Component) -> bool:
    start = event.get("DTSTART")
    moment = getattr(start, "dt", None)
    return isinstance(moment, datetime) and moment.tzinfo is None


def _zone_note(number: int, known: KnownSessions, given: ZoneInfo | None) -> RowNote:
    return RowNote(
        row=number,
        column="DTSTART",
        reason="zone_of_file" if given is not None else "zone_of_service",
        values={"zone": known.zone.key},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    """One VEVENT that was read."""

    row: int
    uid: str
    session: Session
    session_id: str | None
    cancelled: bool
    modified_at: datetime | None
    replaces: datetime | None
    rule: Recurrence | None
    until: datetime | None
    more: frozenset[datetime]
    without: frozenset[datetime | date]
    starts_local: datetime


@dataclass(slots=True)
class _Series:
    """The events of one UID: the event itself, and days on which it is otherwise.

    Of ``left`` nothing is known but that the series itself says nothing of them; ``unread`` is a
    UID of which something cannot be read, so that what is missing was not called off.
    """

    event: _Event | None = None
    others: dict[datetime, _Event] = field(default_factory=dict)
    left: set[datetime] = field(default_factory=set)
    unread: bool = False
    row: int = 0
    title: str = ""

    def add(self, event: _Event) -> None:
        """Take another event of the UID."""
        self.row, self.title = self.row or event.row, self.title or event.session.title
        if event.replaces is not None:
            self.others[event.replaces] = event
        elif self.event is not None:
            raise CellError("UID", "uid_twice", event=str(self.event.row))
        else:
            self.event = event

    def days_looked_at(self, known: KnownSessions) -> int:
        """Return how many days are held against the rule, before any is."""
        if self.event is None or self.event.rule is None:
            return 0
        return self.event.rule.days_looked_at(*_bounds(self.event, known))

    def sessions(self, uid: str, known: KnownSessions) -> Iterator[WantedSession]:
        """Yield the sessions of all days."""
        left = dict(self.others)
        if self.event is not None:
            again = self.event.rule is not None or self.event.more
            for starts_at in _starts(self.event, known) if again else ():
                at = starts_at.astimezone(UTC)
                event = left.pop(at, None)
                if event is None and at in self.left:
                    continue
                yield _wanted(event or _moved(self.event, starts_at), instance_uid(uid, at))
            if not again:
                yield _wanted(self.event, uid)
        for at, event in left.items():
            yield _wanted(event, instance_uid(uid, at))


def _wanted(event: _Event, uid: str) -> WantedSession:
    return WantedSession(
        row=event.row,
        uid=uid,
        session=event.session,
        session_id=event.session_id,
        cancelled=event.cancelled,
        modified_at=event.modified_at,
    )


def _starts(event: _Event, known: KnownSessions) -> Iterator[datetime]:
    """Yield the starts of an event that comes again, from now to the horizon."""
    first = event.starts_local
    end = known.now + HORIZON
    found = set(event.more)
    if event.rule is None:
        found.add(first)
    else:
        until = _until_of(event, known)
        _, after, last = _bounds(event, known)
        # the time of day stays, whatever the zone does between
        for local in event.rule.starts(first.replace(tzinfo=None), after, last):
            start = local.replace(tzinfo=first.tzinfo)
            if start <= until:
                found.add(start)
    for start in sorted(found):
        if start not in event.without and start.date() not in event.without and start <= end:
            yield start


def _until_of(event: _Event, known: KnownSessions) -> datetime:
    end = known.now + HORIZON
    return min(end, event.until) if event.until is not None else end


def _bounds(event: _Event, known: KnownSessions) -> tuple[date, date, date]:
    """Return the first day of an event, and the days between which it is unfolded."""
    zone = event.starts_local.tzinfo
    return (
        event.starts_local.date(),
        (known.now - LONGEST_SESSION).astimezone(zone).date() - timedelta(days=1),
        _until_of(event, known).astimezone(zone).date(),
    )


def _moved(event: _Event, starts_at: datetime) -> _Event:
    lasts = event.session.ends_at - event.session.starts_at
    start = starts_at.astimezone(UTC)
    session = replace(event.session, starts_at=start, ends_at=start + lasts)
    return replace(event, session=session)


def _events(data: bytes) -> Iterator[tuple[Component, bool, ZoneInfo | None]]:
    """Yield the events of a file, whether its author calls all of them off, and their zone."""
    try:
        # lines are folded by octets, within a letter too [1]_, section 3.1
        text = _FOLD.sub(b"", data).decode("utf-8-sig")
        calendars = Calendar.from_ical(text, multiple=True)
    except (ValueError, IndexError, KeyError) as error:
        raise DataError(
            f"the file is no iCalendar file in UTF-8 ({str(error)[:120]}): export it again as .ics"
        ) from error
    if not calendars or any(calendar.name != "VCALENDAR" for calendar in calendars):
        raise DataError(
            "the file holds no whole VCALENDAR: it is cut short, or something else; export it "
            "again as .ics"
        )
    for calendar in calendars:
        called_off = str(calendar.get("METHOD", "")).upper() == "CANCEL"
        zone = _zone(str(calendar.get("X-WR-TIMEZONE", "")).strip())
        for event in calendar.walk("VEVENT"):
            yield event, called_off, zone


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ValueError, OSError):  # no such zone, or no name of one
        return None


def _event(
    number: int, event: Component, known: KnownSessions, *, called_off: bool
) -> _Event | None:
    """Return an event, None where it is over; of those, nothing but the time is looked at."""
    for name, problem in event.errors:
        raise CellError(str(name), "other", text=str(problem))
    uid = str(event.get("UID", "")).strip()
    if not uid or len(uid) > _LONGEST_UID or not uid.isprintable():
        raise CellError("UID", "no_uid", uid=uid[:40], most=str(_LONGEST_UID))
    cancelled = called_off or str(event.get("STATUS", "")).upper() == _CANCELLED
    starts_at = _moment(event, "DTSTART", known)
    ends_at = _end(event, starts_at, known)
    if ends_at <= known.now and "RRULE" not in event and "RDATE" not in event:
        return None
    replaces = event.get("RECURRENCE-ID")
    if replaces is not None and "RANGE" in replaces.params:
        raise CellError("RECURRENCE-ID", "changes_all")
    rule = event.get("RRULE")
    if isinstance(rule, list):
        raise CellError("RRULE", "rule_twice")
    if not timedelta(0) < ends_at - starts_at <= LONGEST_SESSION:
        raise CellError("", "no_duration")
    return _Event(
        row=number,
        uid=uid,
        session=Session(
            session_id="new",
            site_id=_site(event, known),
            title=_title(event),
            profile_code=_profile(event, known),
            starts_at=starts_at.astimezone(UTC),
            ends_at=ends_at.astimezone(UTC),
        ),
        session_id=str(event["X-LENSONG-SESSION"]) if "X-LENSONG-SESSION" in event else None,
        cancelled=cancelled,
        modified_at=_modified(event),
        replaces=None if replaces is None else _aware(replaces, "RECURRENCE-ID", known),
        rule=None if rule is None else Recurrence.parse(rule),
        until=None if rule is None else _until(rule, known),
        more=frozenset(_aware(item, "RDATE", known) for item in _listed(event, "RDATE")),
        without=frozenset(
            item.dt if _is_day(item.dt) else _aware(item, "EXDATE", known)
            for item in _listed(event, "EXDATE")
        ),
        starts_local=starts_at,
    )


def _site(event: Component, known: KnownSessions) -> str:
    for name in ("X-LENSONG-SITE", "LOCATION"):
        if text := str(event.get(name, "")).strip():
            try:
                return find_site(known, text).site_id
            except ListError as error:
                if name == "LOCATION" and known.site_id is not None:
                    break  # a room, perhaps: the whole calendar is of one site
                raise CellError.of(name, error) from error
    if known.site_id is None:
        raise CellError("LOCATION", "no_location")
    return known.site_id


def _profile(event: Component, known: KnownSessions) -> str:
    if named := str(event.get("X-LENSONG-PROFILE", "")).strip():
        try:
            return find_profile(known, named).code
        except ListError as error:
            raise CellError.of("X-LENSONG-PROFILE", error) from error
    given = event.get("CATEGORIES", [])
    for item in given if isinstance(given, list) else [given]:
        for name in item.cats:
            with contextlib.suppress(ListError):
                return find_profile(known, str(name)).code
    if known.profile_code is None:
        raise CellError("CATEGORIES", "no_category")
    return known.profile_code


def _title(event: Component) -> str:
    text = "".join(
        " " if unicodedata.category(letter) == "Cc" else letter
        for letter in str(event.get("SUMMARY", ""))
    ).strip()
    if not text:
        raise CellError("SUMMARY", "no_title")
    if destroyed(text):
        raise CellError("SUMMARY", "destroyed", text=text[:80])
    return text if len(text) <= 200 else f"{text[:199]}…"


def _moment(event: Component, name: str, known: KnownSessions) -> datetime:
    found = event.get(name)
    if found is None or isinstance(found, list):
        raise CellError(name, "not_once")
    return _aware(found, name, known)


def _end(event: Component, starts_at: datetime, known: KnownSessions) -> datetime:
    if event.get("DTEND") is not None:
        return _moment(event, "DTEND", known)
    lasts = getattr(event.get("DURATION"), "dt", None)
    if not isinstance(lasts, timedelta):
        raise CellError("DTEND", "no_dtend")
    try:
        return starts_at + lasts
    except OverflowError:
        raise CellError("DURATION", "no_duration") from None


def _aware(value: Any, name: str, known: KnownSessions) -> datetime:
    """Return a time of the file with its zone; one without is a local one."""
    moment = value.dt
    if _is_day(moment):
        raise CellError(name, "whole_day")
    if not isinstance(moment, datetime):
        raise CellError(name, "no_moment", text=str(moment)[:40])
    if moment.tzinfo is not None:
        return moment
    if (zone := value.params.get("TZID")) is not None:
        raise CellError(name, "no_zone", zone=str(zone)[:40])
    return moment.replace(tzinfo=known.zone)


def _is_day(value: Any) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _until(rule: Any, known: KnownSessions) -> datetime | None:
    """Return the last moment at which an event may still begin."""
    given = rule.get("UNTIL")
    if not given:
        return None
    last: datetime = given[0]
    if _is_day(last):
        return datetime.combine(last, time.max, tzinfo=known.zone)
    return last if last.tzinfo is not None else last.replace(tzinfo=known.zone)


def _listed(event: Component, name: str) -> Iterable[Any]:
    given = event.get(name)
    for part in given if isinstance(given, list) else [given] if given is not None else ():
        for item in part.dts:
            if "TZID" in part.params and "TZID" not in item.params:
                item.params["TZID"] = part.params["TZID"]
            yield item


def _modified(event: Component) -> datetime | None:
    found = getattr(event.get("LAST-MODIFIED"), "dt", None)
    return found.astimezone(UTC) if isinstance(found, datetime) and found.tzinfo else None
