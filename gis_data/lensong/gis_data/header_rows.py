"""Headers of two rows: groups over names, or names over units, joined into one row of names."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

__all__ = ["Record", "with_one_header"]

Record: TypeAlias = tuple[int, list[str]]
"""A line of the file and its fields."""

_NUMBER = re.compile(r"[+-]?\d+(?:[.,]\d+)?")
_UNITS = {
    "m", "km", "ft", "feet", "metre", "metres", "meter", "meters", "deg", "degree", "degrees", "do",
    "grad", "grados", "degres", "dbm", "dbw", "db", "dbi", "dbd", "w", "kw", "mw", "watt", "watts",
    "mhz", "khz", "ghz", "hz", "pct", "percent", "text", "string", "number", "integer", "float",
    "double", "wgs84", "asl", "agl", "amsl", "m agl", "m asl", "m amsl", "id", "name", "dd", "dms",
}  # fmt: skip
_LEAST_UNITS = 2
_WORDS = {"text", "string", "number", "integer", "float", "double", "wgs84", "id", "name", "dd"}


def with_one_header(records: Sequence[Record], at: int) -> tuple[list[Record], int, str]:
    """Return a table's rows with one row of names, the rows above it, and what was joined.

    Parameters
    ----------
    records : sequence of (line number, fields)
        Titles, header, values.
    at : int
        Where the header begins: how many rows are taken as titles.

    Returns
    -------
    records, at, sentence
        The sentence is empty where the header has one row.

    Notes
    -----
    A second row belongs to the header where it holds no number and

    - names what the first leaves blank (cells that were merged over several columns) and nothing
      that has a name already, or
    - holds units alone, two or more.

    A row of two or more values right above the header, such as ``Site,,,Antenna``, tells columns
    of one name apart and names those that have a unit or nothing.
    """
    if at + 1 < len(records) and _goes_on(records[at][1], records[at + 1][1]):
        upper, lower, first = records[at], records[at + 1], at
    elif (
        at >= 1 and sum(1 for field in records[at - 1][1] if field) >= 2 and _needs(records[at][1])
    ):
        upper, lower, first = records[at - 1], records[at], at - 1
    else:
        return list(records), at, ""
    names = _joined(upper[1], lower[1])
    joined = [*records[:first], (lower[0], names), *records[first + 2 :]]
    shown = ", ".join(filter(None, names))
    return joined, first, f"the header has two lines, {upper[0]} and {lower[0]}, read as {shown}"


def _goes_on(upper: Sequence[str], lower: Sequence[str]) -> bool:
    """Return whether the row below a header's first row is part of the header."""
    told = [field for field in lower if field]
    if not told or any(_NUMBER.fullmatch(field) for field in (*told, *upper)):
        return False
    if len(told) < _LEAST_UNITS:
        return False
    if all(_is_unit(field) for field in told):
        return True
    above = [*upper, *[""] * (len(lower) - len(upper))]
    blank = [bool(below) and not above[i] for i, below in enumerate(lower)]
    # what stands under a name of its own is a value, unless that name spans the next column too
    belongs = [blank[i] or any(blank[i + 1 : i + 2]) for i in range(len(lower))]
    return any(blank) and all(
        belongs[i] or _is_unit(below) for i, below in enumerate(lower) if below
    )


def _needs(names: Sequence[str]) -> bool:
    """Return whether names alone do not tell what their columns are."""
    counts = Counter(_folded(name) for name in names if name)
    return any(n > 1 for n in counts.values()) or any(_is_unit(name) for name in names if name)


def _joined(upper: Sequence[str], lower: Sequence[str]) -> list[str]:
    width = max(len(upper), len(lower))
    above = [*upper, *[""] * (width - len(upper))]
    below = [*lower, *[""] * (width - len(lower))]
    groups, group = [], ""
    for one, other in zip(above, below, strict=True):
        group = one or (group if other else "")
        groups.append(group)
    counts = Counter(_folded(name) for name in below)
    names = []
    for own, group, name in zip(above, groups, below, strict=True):
        if not name or (own and _folded(name) in _WORDS):
            names.append(own)
        elif _is_unit(name):
            bare = name.strip("()[] ")
            names.append(f"{group} ({bare})" if group else name)
        else:
            names.append(f"{group} {name}" if counts[_folded(name)] > 1 and group else name)
    return names


def _is_unit(field: str) -> bool:
    return _folded(field) in _UNITS or field.strip("()[] ") in ("°", "%", "'", "-")


def _folded(field: str) -> str:
    plain = unicodedata.normalize("NFKD", field.strip("()[] ").casefold().replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))
