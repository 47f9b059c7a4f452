"""What reading lists of sites and sessions has in common: rows, columns, places, times."""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lensong.gis_data.tables import Table, parse_number, parse_table, table_of
from lensong.gis_data.workbook import read_sheet
from lensong.monitoring.lists.told import CellError, ListError, RowErrors, RowNote
from lensong.monitoring.names import bare, bare_place
from lensong.monitoring.records import Commune, Session, Site, StreamProfile
from lensong.propagation.errors import ConfigError, DataError, LensongError

__all__ = [
    "MOST_ROWS",
    "KnownSessions",
    "Row",
    "SessionRows",
    "WantedSession",
    "destroyed",
    "find_profile",
    "find_site",
    "read_rows",
]

MOST_ROWS = 2_000

_ONE_SHEET = ": a list is read from a workbook of which one sheet has rows, or from CSV"
_WORKBOOKS = ((b"PK\x03\x04", ".xlsx"), (b"\xd0\xcf\x11\xe0", ".xls"))
_DESTROYED = re.compile(r"\w\?\w|\?\w|\b\w\?(?=\s|$)|\ufffd")


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

    def wrong(self, name: str, problem: str | LensongError, /, **values: Any) -> CellError:
        """Return the error that tells of a cell by what the file calls its column."""
        column = self.names.get(name, name)
        if isinstance(problem, LensongError):
            return CellError.of(column, problem)
        return CellError(column, problem, **values)

    def note(self, name: str, reason: str, title: str, /, **values: Any) -> RowNote:
        """Return a note on a cell that was taken nevertheless."""
        return RowNote(
            row=self.line,
            column=self.names.get(name, name),
            reason=reason,
            values=values,
            title=title,
        )

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
    """Return the rows of a table, and the columns that mean nothing to us.

    Parameters
    ----------
    data : bytes
        CSV, of which encoding, delimiter and decimal sign are found, or a workbook.
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
    table = _table(data)
    errors = RowErrors()
    names, ignored = _columns(table, aliases, errors)
    for group in wanted:
        if not any(name in names for name in group):
            seen = ", ".join(repr(column[:40]) for column in table.columns[:12])
            errors.add(1, "", "no_column", wanted=" or ".join(group), seen=seen)
    if len(table.rows) > MOST_ROWS:
        errors.add(1, "", "too_many_rows", rows=str(len(table.rows)), most=str(MOST_ROWS))
    errors.raise_if_any()
    rows = [
        Row(
            line,
            {name: cells[column] for name, column in names.items()},
            names,
            table.decimal_comma,
        )
        for line, cells in zip(table.line_numbers, table.rows, strict=True)
    ]
    return rows, ignored


def _table(data: bytes) -> Table:
    """Return the table of some bytes: text, or the one sheet of a workbook that has rows."""
    suffix = next((suffix for magic, suffix in _WORKBOOKS if data.startswith(magic)), None)
    if suffix is None:
        return parse_table(data, "the table")
    with tempfile.TemporaryDirectory(prefix="lensong-list-") as folder:
        path = Path(folder) / f"workbook{suffix}"
        path.write_bytes(data)
        try:
            name, records = read_sheet(path)
        except (ConfigError, DataError) as error:
            text = str(error).replace(f"{path}", "the workbook")
            raise DataError(text.partition(": say which one")[0] + _ONE_SHEET) from error
    return table_of(records, Path(f"sheet {name}"))


def destroyed(text: str) -> bool:
    """Return whether letters of a text were lost when it was saved: ``B?n T? Lèng``.

    Examples
    --------
    >>> destroyed("B?n T? Lèng"), destroyed("Bạn có biết?")
    (True, False)
    """
    return _DESTROYED.search(text) is not None


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
            errors.add(1, column, "same_column", other=names[name])
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
    untouched : frozenset of str
        UIDs of which the list says something that cannot be taken: what we hold stays.
    named : frozenset of str, optional
        All UIDs of events that are not over, be they taken or not; None where the list was not
        read to its end.
    over : int
        Sessions that were over already and were left out.
    refused, notes : tuple of RowNote
        Rows that cannot be taken, and what was noticed in others.
    """

    sessions: tuple[WantedSession, ...]
    series: frozenset[str] = frozenset()
    named: frozenset[str] | None = None
    untouched: frozenset[str] = frozenset()
    over: int = 0
    ignored_columns: tuple[str, ...] = ()
    refused: tuple[RowNote, ...] = ()
    notes: tuple[RowNote, ...] = ()

    def of_feed(self, prefix: str) -> SessionRows:
        """Return the sessions of a calendar that is read from an address of its own.

        What another list calls the same is something else: nobody's calendar changes the sessions
        of another's, be it by an identifier of ours.
        """
        return replace(
            self,
            sessions=tuple(
                replace(item, uid=prefix + item.uid, session_id=None) for item in self.sessions
            ),
            series=frozenset(prefix + uid for uid in self.series),
            untouched=frozenset(prefix + uid for uid in self.untouched),
            named=None if self.named is None else frozenset(prefix + uid for uid in self.named),
        )


def find_site(known: KnownSessions, text: str) -> Site:
    """Return the site that a text means: its identifier, its name, or name and commune.

    Raises
    ------
    ListError
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
    if found:
        raise ListError("several_sites", text=text[:80], n=len(found))
    if destroyed(text):
        raise ListError("destroyed", text=text[:80])
    raise ListError("no_site", text=text[:80])


def find_profile(known: KnownSessions, text: str) -> StreamProfile:
    """Return the stream profile that a text means: its code, or its name.

    Raises
    ------
    ListError
        There is none, or several of that name.
    """
    if (profile := known.profiles.get(text.strip())) is not None:
        return profile
    found = [item for item in known.profiles.values() if text and bare(item.name) == bare(text)]
    if len(found) == 1:
        return found[0]
    raise ListError("several_profiles" if found else "no_profile", text=text[:80])
