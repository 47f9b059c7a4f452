"""What reading lists of sites and sessions has in common: rows, columns, places, times."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from lensong.gis_data.csv_cells import unguarded
from lensong.gis_data.tables import Table, parse_number, parse_table
from lensong.monitoring.names import bare, bare_place
from lensong.monitoring.records import Commune, Session, Site, StreamProfile
from lensong.propagation.errors import DataError, InvalidInputError, LensongError

__all__ = [
    "MOST_ROWS",
    "CellError",
    "KnownSessions",
    "Row",
    "RowError",
    "RowErrors",
    "RowsError",
    "SessionRows",
    "WantedSession",
    "find_site",
    "moment",
    "read_rows",
]

MOST_ROWS = 2_000

_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{1,2}:\d{2}.*")
_DAY_FIRST = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})")
_YEAR_FIRST = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_CLOCK = re.compile(r"(\d{1,2})\s*[:hg]\s*(\d{2})?(?::(\d{2}))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """What is wrong with one row.

    Parameters
    ----------
    row : int
        Line of the table, the header being 1; number of the event in a calendar.
    column : str
        As the file calls it; empty where it is about the whole row.
    """

    row: int
    column: str
    problem: str

    def __str__(self) -> str:
        """Return the error on one line."""
        where = f"row {self.row}" + (f", {self.column}" if self.column else "")
        return f"{where}: {self.problem}"


class CellError(InvalidInputError):
    """A cell that cannot be taken.

    Parameters
    ----------
    column : str
        As the file calls it.
    problem : str
        What it is, what was wanted.
    """

    def __init__(self, column: str, problem: str) -> None:
        self.column = column
        super().__init__(problem)


class RowsError(InvalidInputError):
    """Rows that cannot be taken; because of them nothing was.

    Parameters
    ----------
    errors : sequence of RowError
        Of every row that was looked at.
    """

    def __init__(self, errors: Sequence[RowError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda item: item.row))
        more = len(self.errors) - 1
        tail = f" (and {more} more)" if more else ""
        super().__init__(f"{self.errors[0]}{tail}; nothing was imported: correct and send it again")


@dataclass(slots=True)
class RowErrors:
    """Gathers errors while rows are read."""

    found: list[RowError] = field(default_factory=list)

    def add(self, row: int, column: str, problem: str) -> None:
        """Keep an error."""
        self.found.append(RowError(row=row, column=column, problem=problem))

    @contextmanager
    def kept(self, row: int) -> Iterator[None]:
        """Keep an error that ends the reading of a row, and go on with the next row."""
        try:
            yield
        except CellError as error:
            self.add(row, error.column, str(error))
        except LensongError as error:
            self.add(row, "", str(error))

    def raise_if_any(self) -> None:
        """Refuse all rows if one is wrong.

        Raises
        ------
        RowsError
        """
        if self.found:
            raise RowsError(self.found)


@dataclass(frozen=True, slots=True)
class Row:
    """One row by our names of columns, whatever the file calls them."""

    line: int
    cells: Mapping[str, str]
    names: Mapping[str, str]
    decimal_comma: bool

    def get(self, name: str) -> str:
        """Return the text of a cell, empty where there is none."""
        return self.cells.get(name, "")

    def has(self, name: str) -> bool:
        """Return whether the file has such a column."""
        return name in self.names

    def wrong(self, name: str, problem: str | LensongError) -> CellError:
        """Return the error that tells of a cell by what the file calls its column."""
        return CellError(self.names.get(name, name), str(problem))

    def number(self, name: str) -> float | None:
        """Return the number of a cell, None where it is empty."""
        try:
            value = parse_number(self.get(name), self.decimal_comma)
        except DataError as error:
            raise self.wrong(name, error) from error
        return None if math.isnan(value) else value


def read_rows(
    data: bytes, aliases: Mapping[str, Sequence[str]], wanted: Sequence[tuple[str, ...]]
) -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows of a CSV table, and the columns that mean nothing to us.

    Parameters
    ----------
    data : bytes
        The table; encoding, delimiter and decimal sign are found.
    aliases : mapping
        Our name of a column to what people call it, bare.
    wanted : sequence of tuple of str
        Of each tuple one column at least must be there.

    Raises
    ------
    DataError
        It is no table.
    RowsError
        A column is missing or there twice, or there are too many rows.
    """
    table = parse_table(data, "the table")
    errors = RowErrors()
    names, ignored = _columns(table, aliases, errors)
    for group in wanted:
        if not any(name in names for name in group):
            seen = ", ".join(repr(column[:40]) for column in table.columns[:12])
            errors.add(1, "", f"no column {' or '.join(group)} among {seen}: add it")
    if len(table.rows) > MOST_ROWS:
        errors.add(1, "", f"{len(table.rows)} rows, wanted {MOST_ROWS} at most: send it in parts")
    errors.raise_if_any()
    rows = [
        Row(
            line,
            {name: unguarded(cells[column]) for name, column in names.items()},
            names,
            table.decimal_comma,
        )
        for line, cells in zip(table.line_numbers, table.rows, strict=True)
    ]
    return rows, ignored


def _columns(
    table: Table, aliases: Mapping[str, Sequence[str]], errors: RowErrors
) -> tuple[dict[str, str], tuple[str, ...]]:
    meaning = {bare(alias): name for name, given in aliases.items() for alias in (name, *given)}
    names: dict[str, str] = {}
    ignored: list[str] = []
    for column in table.columns:
        name = meaning.get(bare(column))
        if name is None:
            ignored.append(column)
        elif name in names:
            errors.add(1, column, f"means the same as the column {names[name]!r}: delete one")
        else:
            names[name] = column
    return names, tuple(ignored)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSessions:
    """What sessions of a list are held against.

    Parameters
    ----------
    sites : mapping
        Those of the asker's area, by identifier.
    zone : ZoneInfo
        Of times that name none.
    site_id, profile_code : str, optional
        Of rows that name none.
    """

    sites: Mapping[str, Site]
    communes: Mapping[str, Commune]
    profiles: Mapping[str, StreamProfile]
    zone: ZoneInfo
    now: datetime
    site_id: str | None = None
    profile_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedSession:
    """A session as a list has it.

    Parameters
    ----------
    uid : str
        By which the same session is known when the list comes again.
    session_id : str, optional
        Of our own, where the list was once exported from here.
    modified_at : datetime, optional
        When the list's author last changed it, where the list says so.
    """

    row: int
    uid: str
    session: Session
    session_id: str | None = None
    cancelled: bool = False
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRows:
    """The sessions of a list.

    Parameters
    ----------
    series : frozenset of str
        UIDs for which the list is complete: what we hold of them beyond it was called off.
    over : int
        Sessions that were over already and were left out.
    """

    sessions: tuple[WantedSession, ...]
    series: frozenset[str] = frozenset()
    over: int = 0
    ignored_columns: tuple[str, ...] = ()


def find_site(known: KnownSessions, text: str) -> Site:
    """Return the site that a text means: its identifier, its name, or name and commune.

    Raises
    ------
    InvalidInputError
        There is none in the area, or several.
    """
    if (site := known.sites.get(text.strip())) is not None:
        return site
    found = [site for site in known.sites.values() if bare(site.name) == bare(text)]
    if not found:  # "Chợ Bình Lư, xã Bình Lư, tỉnh Lai Châu"
        name, _, rest = text.partition(",")
        found = [site for site in known.sites.values() if bare(site.name) == bare(name)]
        found = [
            site
            for site in found
            if bare_place(known.communes[site.commune_code].name) in bare(rest)
        ] or found
    if len(found) == 1:
        return found[0]
    problem = f"the name of {len(found)} sites of your area" if found else "no site of your area"
    raise InvalidInputError(f"{text[:80]!r} is {problem}: give its site_id")


def moment(text: str, zone: ZoneInfo, day: str = "") -> datetime:
    """Return a time as people write it.

    Parameters
    ----------
    text : str
        RFC 3339, ``2026-11-28 09:00``, ``28/11/2026 09:00``, ``09:00 28/11/2026``, ``9h30``; the
        day comes before the month. A time with a zone keeps it.
    zone : ZoneInfo
        Where the text names none.
    day : str
        Of a text that is a time of day only.

    Raises
    ------
    InvalidInputError
        It is no time, or there is no such day.

    Examples
    --------
    >>> moment("9h30", ZoneInfo("Asia/Ho_Chi_Minh"), "28/11/2026").isoformat()
    '2026-11-28T09:30:00+07:00'
    """
    text = text.strip()
    found = _iso(text) or _written(text) or _written(f"{day} {text}")
    if found is None:
        given = f"{day} {text}".strip()[:40]
        raise InvalidInputError(
            f"{given!r} is no time, wanted one like 2026-11-28T09:00 or 28/11/2026 09:00"
        )
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if _ISO_TIME.fullmatch(text) else None
    except ValueError:
        return None


def _written(text: str) -> datetime | None:
    """Return a day and a time of day in either order, None where it is not that."""
    if (date := _DAY_FIRST.search(text)) is not None:
        day, month, year = (int(part) for part in date.groups())
    elif (date := _YEAR_FIRST.search(text)) is not None:
        year, month, day = (int(part) for part in date.groups())
    else:
        return None
    rest = f"{text[: date.start()]} {text[date.end() :]}".strip(" ,")
    if (clock := _CLOCK.fullmatch(rest)) is None:
        return None
    hour, minute, second = (int(part or 0) for part in clock.groups())
    try:
        return datetime(year, month, day, hour, minute, second)
    except ValueError:
        return None
