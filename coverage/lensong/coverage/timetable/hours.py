"""Hours as people write them in a list: ``28/11/2026 8h-11h; 14:00-17:30``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from lensong.gis_data.moments import read_clock, read_moment
from lensong.propagation.errors import DataError

__all__ = ["Span", "joined", "read_length", "read_span", "read_spans"]

Span: TypeAlias = tuple[datetime, datetime]

_DATE = re.compile(
    r"(?<!\d)(?:\d{4}[/.-]\d{1,2}[/.-]\d{1,2}|\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2}))(?!\d)T?"
)
_PARTS = re.compile(r"[;,\n]|\bvà\b|\band\b|&", re.IGNORECASE)
_TO = re.compile(r"\s*(?:-|–|—|~|→|->|\bđến\b|\btới\b|\bto\b|\buntil\b)\s*", re.IGNORECASE)
_FROM = re.compile(r"^(?:từ|from)\b\s*|\bngày\b", re.IGNORECASE)
_WHOLE = re.compile(r"\d{1,2}")
_MIDNIGHT = re.compile(r"24(?:\s*(?:[:hg]|giờ)\s*(?:00)?)?", re.IGNORECASE)
_LENGTH = re.compile(
    r"(?:(\d+(?:\.\d+)?)\s*(?:h|hours?|giờ|tiếng|g))?\s*"
    r"(?:(\d+(?:\.\d+)?)\s*(?:m|min|mins|minutes?|phút|p|')?)?",
    re.IGNORECASE,
)
_CLOCK_LENGTH = re.compile(r"(\d{1,2}):(\d{2})(?::00)?")
_LONGEST_NIGHT = timedelta(hours=12)
_WANTED = "wanted a day and hours such as '28/11/2026 8:00-11:00; 14h-17h30'"


def read_spans(text: str, day: str = "") -> list[Span]:
    """Return the times in a cell, in their order.

    Parameters
    ----------
    text : str
        Parts set apart by ``;`` or ``,``; each has two times, and its day before, behind or from
        the part before it.
    day : str
        Of parts that name none.

    Raises
    ------
    DataError
        A part is no span of time; says which and what is wanted.

    Examples
    --------
    >>> [f"{a:%d %H:%M}-{b:%H:%M}" for a, b in read_spans("28/11/2026 8h-11h; 14:00-17:30")]
    ['28 08:00-11:00', '28 14:00-17:30']
    """
    spans = []
    for part in (piece.strip() for piece in _PARTS.split(text)):
        if not part:
            continue
        days = [found[0].removesuffix("T") for found in _DATE.finditer(part)]
        if len(days) > 2:
            raise DataError(f"{part[:60]!r} has {len(days)} days, {_WANTED}")
        day = days[0] if days else day
        ends = [end.strip(" .") for end in _TO.split(_FROM.sub("", _DATE.sub(" ", part).strip()))]
        if len(ends) != 2:
            raise DataError(f"{part[:60]!r} is no span of time, {_WANTED}")
        spans.append(read_span(ends[0], ends[1], day, days[-1] if days else day))
    if not spans:
        raise DataError(f"there are no hours, {_WANTED}")
    return spans


def read_span(begins: str, ends: str, day: str, last_day: str = "") -> Span:
    """Return the time between two times.

    Parameters
    ----------
    begins, ends : str
        Times of day, or with their day.
    day, last_day : str
        Of those that name none; no ``last_day``: the same.

    Raises
    ------
    DataError
        One is no time, no day is named, or the end is not after the start. Hours that go over
        midnight (``20:00-1:00``) are understood up to 12 hours.
    """
    last_day = last_day or day
    first = _moment(begins, day)
    last = _moment(ends, last_day)
    shown = f"{begins}-{ends}"
    if last <= first and last_day == day and timedelta(days=1) + last - first <= _LONGEST_NIGHT:
        last += timedelta(days=1)
    if last <= first:
        raise DataError(
            f"the hours {shown!r} are backwards: they end at {last:%H:%M} on {last:%d/%m/%Y}, not "
            f"after they begin at {first:%H:%M} on {first:%d/%m/%Y}"
        )
    return first, last


def _moment(text: str, day: str) -> datetime:
    text = text.strip()
    midnight = _MIDNIGHT.fullmatch(text) is not None
    clock = "0:00" if midnight else f"{text}:00" if _WHOLE.fullmatch(text) else text
    found = read_moment(clock, day)
    if found is None and not day and read_clock(clock) is not None:
        raise DataError(
            f"{text!r} names no day: add a column 'date', write the day before the hours, or give "
            "--day 2026-11-28"
        )
    if found is None:
        raise DataError(f"{f'{day} {text}'.strip()!r} is no time, {_WANTED}")
    if found.tzinfo is not None:
        raise DataError(f"{text!r} names a time zone, wanted local time without one")
    return found.replace(second=0) + timedelta(days=midnight)


def joined(spans: Sequence[Span]) -> list[Span]:
    """Return spans in order, those that touch or overlap made one."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def read_length(text: str) -> float:
    """Return a length of time in minutes; a number alone is minutes.

    Raises
    ------
    DataError
        It is none.

    Examples
    --------
    >>> read_length("1h30"), read_length("90 phút"), read_length("2 giờ"), read_length("1:30")
    (90.0, 90.0, 120.0, 90.0)
    """
    plain = text.strip().replace(",", ".")
    if (clock := _CLOCK_LENGTH.fullmatch(plain)) is not None:
        return 60.0 * int(clock[1]) + int(clock[2])
    found = _LENGTH.fullmatch(plain)
    if found is None or not any(found.groups()):
        raise DataError(f"{text!r} is no length of time, wanted minutes, or '1h30', '2 giờ'")
    return 60.0 * float(found[1] or 0.0) + float(found[2] or 0.0)
