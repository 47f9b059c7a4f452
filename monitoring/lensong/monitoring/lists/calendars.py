"""Sessions out of an iCalendar file: every event is checked, and all are taken or none.

References
----------
.. [1] RFC 5545, "Internet Calendaring and Scheduling Core Object Specification (iCalendar)", 2009.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from icalendar import Calendar, Component

from lensong.monitoring.lists.recurrence import Recurrence
from lensong.monitoring.lists.rows import (
    MOST_ROWS,
    CellError,
    KnownSessions,
    RowErrors,
    SessionRows,
    WantedSession,
    find_site,
)
from lensong.monitoring.records import LONGEST_SESSION, Session
from lensong.propagation.errors import DataError

__all__ = ["HORIZON", "instance_uid", "parse_calendar"]

HORIZON = timedelta(days=366)
"""How far ahead events that come again are written out."""

_MOST_DAYS = 1_000_000
"""Days held against the rules of a file, all events together: a year for each of 2,000 events."""

_LONGEST_UID = 255
_CANCELLED = "CANCELLED"


def instance_uid(uid: str, starts_at: datetime) -> str:
    """Return by what one day of an event that comes again is known.

    Examples
    --------
    >>> instance_uid("cho-phien", datetime(2026, 11, 28, 2, 0, tzinfo=UTC))
    'cho-phien::20261128T020000Z'
    """
    return f"{uid}::{starts_at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def parse_calendar(data: bytes, known: KnownSessions) -> SessionRows:
    """Return the sessions of an iCalendar file.

    Parameters
    ----------
    data : bytes
        The file. The site is ``X-LENSONG-SITE`` or ``LOCATION``, the stream profile
        ``X-LENSONG-PROFILE`` or one of the ``CATEGORIES``. Times without a zone are local ones.

    Raises
    ------
    DataError
        It is no iCalendar file.
    RowsError
        An event cannot be taken; every one that cannot is told, by its place in the file.

    Notes
    -----
    Events that come again are written out for `HORIZON`, by rules of whole days (`Recurrence`).
    """
    errors = RowErrors()
    series: defaultdict[str, _Series] = defaultdict(_Series)
    over = 0
    for number, (event, called_off) in enumerate(_events(data), start=1):
        if number > MOST_ROWS:
            errors.add(number, "", f"more than {MOST_ROWS} events: send them in parts")
            break
        with errors.kept(number):
            parsed = _event(number, event, known, called_off=called_off)
            if parsed is None:
                over += 1
            else:
                series[parsed.uid].add(parsed)
    sessions: list[WantedSession] = []
    days = 0
    for uid, found in series.items():
        days += found.days_looked_at(known)
        if days > _MOST_DAYS:
            errors.add(found.row, "RRULE", "the events come again on too many days: send fewer")
            break
        with errors.kept(found.row):
            for wanted in found.sessions(uid, known):
                if wanted.session.ends_at <= known.now:
                    over += 1
                else:
                    sessions.append(wanted)
                if len(sessions) > MOST_ROWS:
                    break
        if len(sessions) > MOST_ROWS:  # what follows is not unfolded
            errors.add(found.row, "", f"more than {MOST_ROWS} sessions: send them in parts")
            break
    errors.raise_if_any()
    return SessionRows(sessions=tuple(sessions), series=frozenset(series), over=over)


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
    """The events of one UID: the event itself, and days on which it is otherwise."""

    event: _Event | None = None
    others: dict[datetime, _Event] = field(default_factory=dict)
    row: int = 0

    def add(self, event: _Event) -> None:
        """Take another event of the UID."""
        self.row = self.row or event.row
        if event.replaces is not None:
            self.others[event.replaces] = event
        elif self.event is not None:
            raise CellError("UID", f"has the UID of event {self.event.row}: give each its own")
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
        # the time of day stays, whatever the zone does between
        for day in event.rule.days(*_bounds(event, known)):
            start = datetime.combine(day, first.timetz())
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


def _events(data: bytes) -> Iterator[tuple[Component, bool]]:
    """Yield the events of a file, and whether its author calls all of them off."""
    try:
        text = data.decode("utf-8-sig")
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
        for event in calendar.walk("VEVENT"):
            yield event, called_off


def _event(
    number: int, event: Component, known: KnownSessions, *, called_off: bool
) -> _Event | None:
    """Return an event, None where it is over; of those, nothing but the time is looked at."""
    for name, problem in event.errors:
        raise CellError(str(name), str(problem))
    uid = str(event.get("UID", "")).strip()
    if not uid or len(uid) > _LONGEST_UID or not uid.isprintable():
        raise CellError("UID", f"is {uid[:40]!r}, wanted 1 to {_LONGEST_UID} printable characters")
    cancelled = called_off or str(event.get("STATUS", "")).upper() == _CANCELLED
    starts_at = _moment(event, "DTSTART", known)
    ends_at = _end(event, starts_at, known)
    if ends_at <= known.now and "RRULE" not in event and "RDATE" not in event:
        return None
    replaces = event.get("RECURRENCE-ID")
    if replaces is not None and "RANGE" in replaces.params:
        raise CellError("RECURRENCE-ID", "changes all that follow: change the event itself instead")
    rule = event.get("RRULE")
    if isinstance(rule, list):
        raise CellError("RRULE", "comes twice, wanted one rule")
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
            except ValueError as error:
                if name == "LOCATION" and known.site_id is not None:
                    break  # a room, perhaps: the whole calendar is of one site
                raise CellError(name, str(error)) from error
    if known.site_id is None:
        raise CellError("LOCATION", "is missing: name the site, or give one for the whole file")
    return known.site_id


def _profile(event: Component, known: KnownSessions) -> str:
    if named := str(event.get("X-LENSONG-PROFILE", "")).strip():
        if named not in known.profiles:
            raise CellError("X-LENSONG-PROFILE", f"{named[:80]!r} is no stream profile")
        return named
    given = event.get("CATEGORIES", [])
    categories = [
        str(name) for item in (given if isinstance(given, list) else [given]) for name in item.cats
    ]
    found = next((name for name in categories if name in known.profiles), known.profile_code)
    if found is None:
        raise CellError(
            "CATEGORIES",
            "names no stream profile: add one, or give one for the whole file",
        )
    return found


def _title(event: Component) -> str:
    text = "".join(
        " " if unicodedata.category(letter) == "Cc" else letter
        for letter in str(event.get("SUMMARY", ""))
    ).strip()
    if not text:
        raise CellError("SUMMARY", "is missing: give the session a title")
    return text if len(text) <= 200 else f"{text[:199]}…"


def _moment(event: Component, name: str, known: KnownSessions) -> datetime:
    found = event.get(name)
    if found is None or isinstance(found, list):
        raise CellError(name, "is missing or comes twice: give it once")
    return _aware(found, name, known)


def _end(event: Component, starts_at: datetime, known: KnownSessions) -> datetime:
    if event.get("DTEND") is not None:
        return _moment(event, "DTEND", known)
    lasts = getattr(event.get("DURATION"), "dt", None)
    if not isinstance(lasts, timedelta):
        raise CellError("DTEND", "is missing: give an end or a DURATION")
    try:
        return starts_at + lasts
    except OverflowError:
        raise CellError("DURATION", "ends after the year 9999") from None


def _aware(value: Any, name: str, known: KnownSessions) -> datetime:
    """Return a time of the file with its zone; one without is a local one."""
    moment = value.dt
    if _is_day(moment):
        raise CellError(name, "is a whole day: give the session a start and an end")
    if not isinstance(moment, datetime):
        raise CellError(name, f"is {str(moment)[:40]!r}, wanted a date and time")
    if moment.tzinfo is not None:
        return moment
    if (zone := value.params.get("TZID")) is not None:
        raise CellError(name, f"has the time zone {str(zone)[:40]!r}, which nobody knows")
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
