"""Days and times at which an event of a calendar comes again.

Rules of days are read, with times of day (BYHOUR, BYMINUTE) and a choice among what a period has
(BYSETPOS). Each day between two bounds is held against the rule, so that
the work is bounded whatever the rule says; a search for the next match, as libraries do it, runs
on to the year 9999 for a rule that never matches (every 7 days from a Tuesday, on Mondays).

References
----------
.. [1] RFC 5545, "Internet Calendaring and Scheduling", section 3.3.10.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import product
from typing import Any

from lensong.propagation.errors import InvalidInputError

__all__ = ["Recurrence"]

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_KNOWN = {
    "FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST", "BYSETPOS",
    "BYHOUR", "BYMINUTE", "BYSECOND",
}  # fmt: skip
_CHOSEN_FROM = {"BYDAY", "BYMONTHDAY", "BYMONTH", "BYHOUR", "BYMINUTE", "BYSECOND"}
_MOST_POSITION = 366
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_BYDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")

_MOST_ENTRIES = 800
"""Of one part of a rule: no more weekdays with a number differ (7 by 53 from either end)."""

_MOST_TIMES = 48
"""Times of one day: every half hour."""

_LONGEST = timedelta(days=3_660)
"""How far back an event with a COUNT may begin: its days have to be counted from there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """A rule of days, and of times of day.

    Parameters
    ----------
    by_weekday : tuple of (int, int)
        Which one of its kind in the month or year (0: every one, -1: the last), and weekday,
        Monday being 0.
    by_month_day : tuple of int
        1..31, or -1..-31 from the end of the month.
    by_hour, by_minute, by_second : tuple of int
        Parts of the time of day; what is empty is as in the event itself.
    by_position : tuple of int
        Which of what a period (a day, week, month, year) has: 1 the first, -1 the last.
    """

    frequency: str
    interval: int = 1
    count: int | None = None
    by_weekday: tuple[tuple[int, int], ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_month: tuple[int, ...] = ()
    week_starts: int = 0
    by_hour: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_second: tuple[int, ...] = ()
    by_position: tuple[int, ...] = ()

    @classmethod
    def parse(cls, rule: Mapping[str, Sequence[Any]]) -> Recurrence:
        """Return the rule of an RRULE's parts; UNTIL is left to the caller, who knows the zone.

        Raises
        ------
        InvalidInputError
            It is finer than days, has parts that are not read, or makes no sense.
        """
        for name, values in rule.items():
            if len(values) > _MOST_ENTRIES:
                raise InvalidInputError(
                    f"{name} of the recurrence has {len(values)} entries, wanted {_MOST_ENTRIES} "
                    "at most"
                )
        parts = {name.upper(): [str(value) for value in values] for name, values in rule.items()}
        if unknown := sorted(parts.keys() - _KNOWN):
            raise InvalidInputError(
                f"the recurrence has {', '.join(unknown)}, which is not read: list the sessions "
                "one by one"
            )
        frequency = "".join(parts.get("FREQ", ()))
        if frequency not in _FREQUENCIES:
            raise InvalidInputError(
                f"the recurrence is {frequency or 'without FREQ'}, wanted one of "
                f"{', '.join(_FREQUENCIES)}"
            )
        weekdays = tuple(_weekday(text) for text in parts.get("BYDAY", ()))
        if frequency in ("DAILY", "WEEKLY") and any(which for which, _ in weekdays):
            raise InvalidInputError(f"BYDAY with a number makes no sense in a {frequency} rule")
        count = parts.get("COUNT")
        hours, minutes, seconds = (
            tuple(sorted({_part(text, name, most) for text in parts.get(name, ())}))
            for name, most in (("BYHOUR", 23), ("BYMINUTE", 59), ("BYSECOND", 59))
        )
        if len(hours or (0,)) * len(minutes or (0,)) * len(seconds or (0,)) > _MOST_TIMES:
            raise InvalidInputError(
                f"the recurrence has more than {_MOST_TIMES} times a day: list the sessions one by "
                "one"
            )
        if "BYSETPOS" in parts and not parts.keys() & _CHOSEN_FROM:
            raise InvalidInputError("BYSETPOS makes no sense without another BY… to choose from")
        return cls(
            by_hour=hours,
            by_minute=minutes,
            by_second=seconds,
            by_position=tuple(
                _whole(text, "BYSETPOS", -_MOST_POSITION, _MOST_POSITION)
                for text in parts.get("BYSETPOS", ())
            ),
            frequency=frequency,
            interval=_whole(parts.get("INTERVAL", ["1"])[0], "INTERVAL", 1, 1_000),
            count=None if count is None else _whole(count[0], "COUNT", 1, 10_000),
            by_weekday=weekdays,
            by_month_day=tuple(
                _whole(text, "BYMONTHDAY", -31, 31) for text in parts.get("BYMONTHDAY", ())
            ),
            by_month=tuple(_whole(text, "BYMONTH", 1, 12) for text in parts.get("BYMONTH", ())),
            week_starts=_weekday(parts.get("WKST", ["MO"])[0])[1],
        )

    def days(self, start: date, after: date, until: date) -> Iterator[date]:
        """Yield the days of the rule from ``after`` to ``until``, the first day among them.

        As `starts`, of an event that begins at midnight.
        """
        for moment in self.starts(datetime.combine(start, time()), after, until):
            yield moment.date()

    def starts(self, first: datetime, after: date, until: date) -> Iterator[datetime]:
        """Yield the starts from ``after`` to ``until``, the first one among them.

        Parameters
        ----------
        first : datetime
            Naive: of the event itself, which counts as the first whether or not the rule names it.
        after, until : date
            The earliest and the latest day that is wanted.

        Raises
        ------
        InvalidInputError
            The rule has a COUNT and begins too long ago.
        """
        start = first.date()
        day = start
        if self.count is None:
            day = max(start, after)
        elif after - start > _LONGEST:
            raise InvalidInputError(
                f"the recurrence is counted from {start}, more than ten years ago: begin it anew"
            )
        times = self._times(first.time())
        chosen: tuple[date | None, frozenset[datetime]] = (None, frozenset())
        seen = 0
        while day <= until:
            matches = self._matches(day, start)
            if matches and self.by_position:
                period = self._period(day)
                if chosen[0] != period[0]:
                    chosen = (period[0], self._chosen(*period, start, times))
            for at in sorted({*times, first.time()}) if day == start else times:
                moment = datetime.combine(day, at)
                named = matches and at in times
                named = named and (not self.by_position or moment in chosen[1])
                if moment < first or not (named or moment == first):
                    continue
                seen += 1
                if self.count is not None and seen > self.count:
                    return
                if day >= after:
                    yield moment
            day += timedelta(days=1)

    def _times(self, own: time) -> tuple[time, ...]:
        """Return the times of day of the rule; what it leaves open is as in the event itself."""
        return tuple(
            time(*parts)
            for parts in product(
                self.by_hour or (own.hour,),
                self.by_minute or (own.minute,),
                self.by_second or (own.second,),
            )
        )

    def _period(self, day: date) -> tuple[date, date]:
        """Return the first day of the period in which a day lies, and its last one."""
        if self.frequency == "DAILY":
            return day, day
        if self.frequency == "WEEKLY":
            week = self._week(day)
            return week, week + timedelta(days=6)
        if self.frequency == "MONTHLY":
            length = calendar.monthrange(day.year, day.month)[1]
            return day.replace(day=1), day.replace(day=length)
        return date(day.year, 1, 1), date(day.year, 12, 31)

    def _chosen(
        self, begin: date, end: date, start: date, times: Sequence[time]
    ) -> frozenset[datetime]:
        """Return what BYSETPOS chooses of a period."""
        days = [begin + timedelta(days=n) for n in range((end - begin).days + 1)]
        found = [
            datetime.combine(day, at) for day in days if self._matches(day, start) for at in times
        ]
        return frozenset(
            found[position - 1 if position > 0 else position]
            for position in self.by_position
            if abs(position) <= len(found)
        )

    def days_looked_at(self, start: date, after: date, until: date) -> int:
        """Return how many days `days` holds against the rule, at most."""
        if self.count is not None and after - start > _LONGEST:
            return 0  # refused
        first = start if self.count is not None else max(start, after)
        return max(0, (until - first).days + 1)

    def _matches(self, day: date, start: date) -> bool:
        if self._periods(day, start) % self.interval:
            return False
        if self.by_month and day.month not in self.by_month:
            return False
        if self.by_month_day and not self._has_month_day(day):
            return False
        if self.by_weekday:
            return any(self._is_weekday(day, which, weekday) for which, weekday in self.by_weekday)
        if self.by_month_day or self.frequency == "DAILY":
            return True
        # what the rule leaves open is as in the event itself
        if self.frequency == "WEEKLY":
            return day.weekday() == start.weekday()
        same_month = self.frequency == "MONTHLY" or bool(self.by_month) or day.month == start.month
        return day.day == start.day and same_month

    def _periods(self, day: date, start: date) -> int:
        """Return how many days, weeks, months or years a day is after the first one."""
        if self.frequency == "DAILY":
            return (day - start).days
        if self.frequency == "WEEKLY":
            return (self._week(day) - self._week(start)).days // 7
        years = day.year - start.year
        return years if self.frequency == "YEARLY" else 12 * years + day.month - start.month

    def _week(self, day: date) -> date:
        return day - timedelta(days=(day.weekday() - self.week_starts) % 7)

    def _has_month_day(self, day: date) -> bool:
        length = calendar.monthrange(day.year, day.month)[1]
        return day.day in self.by_month_day or day.day - length - 1 in self.by_month_day

    def _is_weekday(self, day: date, which: int, weekday: int) -> bool:
        if day.weekday() != weekday:
            return False
        if not which:
            return True
        in_year = self.frequency == "YEARLY" and not self.by_month
        place = day.timetuple().tm_yday if in_year else day.day
        length = (
            (366 if calendar.isleap(day.year) else 365)
            if in_year
            else calendar.monthrange(day.year, day.month)[1]
        )
        return which in ((place - 1) // 7 + 1, -((length - place) // 7 + 1))


def _weekday(text: str) -> tuple[int, int]:
    found = _BYDAY.fullmatch(text.upper())
    if found is None or (found[1] is not None and int(found[1]) == 0):
        raise InvalidInputError(f"{text[:20]!r} is no weekday, wanted one like SA or -1SU")
    return int(found[1] or 0), _DAYS.index(found[2])


def _whole(text: str, name: str, low: int, high: int) -> int:
    value = int(text) if re.fullmatch(r"[+-]?\d{1,6}", text) else 0
    if not (low <= value <= high and value):
        raise InvalidInputError(f"{name} is {text[:20]!r}, wanted a number from {low} to {high}")
    return value


def _part(text: str, name: str, most: int) -> int:
    """Return a part of a time of day; other than `_whole`, it may be 0."""
    value = int(text) if re.fullmatch(r"\d{1,2}", text) else -1
    if not 0 <= value <= most:
        raise InvalidInputError(f"{name} is {text[:20]!r}, wanted a number from 0 to {most}")
    return value
