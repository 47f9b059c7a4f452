"""Times as people write them: day before month, 24 hours or halves of a day, in two languages."""

from __future__ import annotations

import re
from datetime import date, datetime

__all__ = ["read_clock", "read_day", "read_moment"]

_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}.*")
_DAY_FIRST = re.compile(r"(?<!\d)(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})(?!\d)", re.ASCII)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?!\d)", re.ASCII)
_MIDNIGHT = re.compile(r"[T ]00:00(?::00)?$")
_CLOCK = re.compile(
    r"(\d{1,2})\s*(?:(?:[:hg]|giờ)\s*(\d{2})?(?:\s*phút)?(?::(\d{2}))?)?\s*"
    r"(am|pm|a\.m\.|p\.m\.|sa|ch|sáng|trưa|chiều|tối)?",
    re.IGNORECASE | re.ASCII,
)
_MORNING = {"am", "a.m.", "sa", "sáng"}
_FIRST_CENTURY = 2000


def read_moment(text: str, day: str = "") -> datetime | None:
    """Return a time as people write it, None where the text is none or there is no such day.

    Parameters
    ----------
    text : str
        RFC 3339, ``2026-11-28 09:00``, ``28/11/2026 09:00``, ``09:00 28/11/26``, ``9h30``,
        ``2:30 CH``, ``9:00 AM``, ``7 giờ tối``; the day comes before the month, and a year of two
        digits is of this century. A time with a zone keeps it, any other has none.
    day : str
        Of a text that is a time of day only.

    Examples
    --------
    >>> read_moment("2:30 CH", "28/11/26").isoformat()
    '2026-11-28T14:30:00'
    """
    text, day = " ".join(text.split()), _MIDNIGHT.sub("", day.strip())
    return _iso(text) or _written(text) or _written(f"{day} {text}")


def read_day(text: str) -> date | None:
    """Return the day in a text, None where it names none: the day comes before the month.

    Examples
    --------
    >>> read_day("31/5/24"), read_day("2024-05-31 00:00:00"), read_day("Q3 2024")
    (datetime.date(2024, 5, 31), datetime.date(2024, 5, 31), None)
    """
    for form, day_first in ((_YEAR_FIRST, False), (_DAY_FIRST, True)):
        if (found := form.search(text)) is not None:
            parts = [int(part) for part in found.groups()]
            day, month, year = parts if day_first else reversed(parts)
            year += _FIRST_CENTURY if year < 100 else 0
            try:
                return date(year, month, day)
            except ValueError:
                return None
    return None


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if _ISO_TIME.fullmatch(text) else None
    except ValueError:
        return None


def _written(text: str) -> datetime | None:
    """Return a day and a time of day in either order, None where it is not that."""
    if (date := _DAY_FIRST.search(text)) is not None:
        day, month, year = (int(part) for part in date.groups())
        year += _FIRST_CENTURY if len(date[3]) == 2 else 0
    elif (date := _YEAR_FIRST.search(text)) is not None:
        year, month, day = (int(part) for part in date.groups())
    else:
        return None
    rest = f"{text[: date.start()]} {text[date.end() :]}".strip(" ,")
    clock = read_clock(rest)
    try:
        return None if clock is None else datetime(year, month, day, *clock)
    except ValueError:
        return None


def read_clock(text: str) -> tuple[int, int, int] | None:
    """Return hour, minute and second of a time of day, None where the text is none.

    Examples
    --------
    >>> read_clock("9h30"), read_clock("7 giờ tối"), read_clock("9")
    ((9, 30, 0), (19, 0, 0), None)
    """
    found = _CLOCK.fullmatch(text)
    half = (found[4] or "").lower() if found else ""
    if found is None or (not half and re.fullmatch(r"\d+", text)):
        return None  # "9" alone may be anything
    hour, minute, second = (int(found[n] or 0) for n in (1, 2, 3))
    if half in _MORNING:
        if hour > 12:
            return None
        hour %= 12
    elif half == "trưa":
        if not (hour in (10, 11, 12) or 1 <= hour <= 3):
            return None
        hour += 12 if hour < 4 else 0
    elif half:
        if hour == 0 or (half == "tối" and hour == 12):
            return None
        hour += 12 if hour < 12 else 0
    return hour, minute, second
