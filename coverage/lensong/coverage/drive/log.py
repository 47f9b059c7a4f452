"""Drive-test logs as one table of levels with what each row says of its cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite, nan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.drive.log_columns import find_log_columns
from lensong.gis_data.moments import read_moment
from lensong.gis_data.tables import Table, parse_number
from lensong.propagation.errors import ConfigError, DataError
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["DriveLog", "LogOptions", "TextArray", "read_logs"]

TextArray = NDArray[np.object_]

_PLAUSIBLE_DBM = {"rsrp": (-160.0, -20.0), "total": (-140.0, 20.0)}
_GNETTRACK_TIME = re.compile(
    r"(\d{4})\.(\d{1,2})\.(\d{1,2})_(\d{1,2})\.(\d{1,2})\.(\d{1,2})", re.ASCII
)
_MOST_CHANNEL = 3_279_165.0  # of NR; modems write 2147483647 for none
_NOT_SAID = {"", "-", "–", "n/a", "na", "nan", "null", "none", "unknown", "2147483647"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """What the files do not say, or say wrongly.

    Parameters
    ----------
    columns : mapping
        Role (a key of `lensong.coverage.drive.log_columns.LOG_ALIASES`) to column.
    where : mapping
        Column to the text that a row must have in it.
    quantity : {"rsrp", "total"}
        Whether levels are per resource element, or of the whole carrier with all its resource
        elements in use.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, str] = field(default_factory=dict)
    quantity: Literal["rsrp", "total"] = "rsrp"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveLog:
    """Levels as logged, one entry per row that has a place and a level.

    Parameters
    ----------
    lat_deg, lon_deg : shape (n,)
        WGS 84 [deg].
    level_dbm : shape (n,)
        As logged [dBm].
    quantity : {"rsrp", "total"}
    technology : shape (n,)
        ``"4G"``, ``"5G"`` or empty.
    cell_id : shape (n,)
        What the row calls its cell; empty where nothing.
    station : shape (n,)
        Number of the base station, NaN unknown.
    pci, earfcn, nr_arfcn, freq_mhz : shape (n,)
        NaN unknown.
    operator : shape (n,)
        Empty where not known.
    serving : shape (n,), bool
        False where the row says that its cell was a neighbour.
    phone : shape (n,), int
        Index into ``phones``.
    phones : tuple of str
    moment : shape (n,), datetime64[s]
        NaT unknown; of a time with a zone, in UTC.
    row : shape (n,), int
        Number among the rows of all files, from 0.
    rows : int
        Rows of all files.
    level_columns : tuple of str
        The columns that levels came from.
    left_out : dict
        Reason to number of rows.
    """

    lat_deg: FloatArray
    lon_deg: FloatArray
    level_dbm: FloatArray
    quantity: Literal["rsrp", "total"]
    technology: TextArray
    cell_id: TextArray
    station: FloatArray
    pci: FloatArray
    earfcn: FloatArray
    nr_arfcn: FloatArray
    freq_mhz: FloatArray
    operator: TextArray
    serving: NDArray[np.bool_]
    phone: IntArray
    phones: tuple[str, ...]
    moment: NDArray[np.datetime64]
    row: IntArray
    rows: int
    level_columns: tuple[str, ...]
    left_out: dict[str, int]


@dataclass(slots=True)
class _Row:
    lat_deg: float
    lon_deg: float
    level_dbm: float
    technology: str
    cell_id: str
    station: float
    pci: float
    earfcn: float
    nr_arfcn: float
    freq_mhz: float
    operator: str
    serving: bool
    phone: str
    moment: datetime | None
    row: int


def read_logs(tables: Sequence[tuple[str, Table]], options: LogOptions | None = None) -> DriveLog:
    """Return the levels in the logs of one drive test.

    Parameters
    ----------
    tables : sequence of (name, Table)
        One per file; where a file has no column for the phone, its name is the phone's.
    options : LogOptions, optional

    Raises
    ------
    DataError
        A file has no column for place or level, a field is no number, or no row has both.
    ConfigError
        An option names a role or column that does not exist.
    """
    options = options or LogOptions()
    rows: list[_Row] = []
    left_out: dict[str, int] = {}
    columns: list[str] = []
    total = 0
    for name, table in tables:
        reader = _FileReader(name, table, options)
        columns += [column for column in reader.level_columns if column not in columns]
        rows += reader.rows(total, left_out)
        total += len(table.rows)
    if not rows:
        why = "; ".join(f"{reason}: {count}" for reason, count in left_out.items())
        raise DataError(
            f"no row of {', '.join(name for name, _ in tables)} has a place and a level "
            f"({why or 'the files are empty'}): check the columns, or name them with --column"
        )
    phones = tuple(dict.fromkeys(row.phone for row in rows))
    number = {phone: i for i, phone in enumerate(phones)}

    def numbers(name: str) -> FloatArray:
        return np.array([getattr(row, name) for row in rows], dtype=np.float64)

    def texts(name: str) -> TextArray:
        return np.array([getattr(row, name) for row in rows], dtype=object)

    return DriveLog(
        lat_deg=numbers("lat_deg"),
        lon_deg=numbers("lon_deg"),
        level_dbm=numbers("level_dbm"),
        quantity=options.quantity,
        technology=texts("technology"),
        cell_id=texts("cell_id"),
        station=numbers("station"),
        pci=numbers("pci"),
        earfcn=numbers("earfcn"),
        nr_arfcn=numbers("nr_arfcn"),
        freq_mhz=numbers("freq_mhz"),
        operator=texts("operator"),
        serving=np.array([row.serving for row in rows], dtype=np.bool_),
        phone=np.array([number[row.phone] for row in rows], dtype=np.int64),
        phones=phones,
        moment=np.array([_naive_utc(row.moment) for row in rows], dtype="datetime64[s]"),
        row=np.array([row.row for row in rows], dtype=np.int64),
        rows=total,
        level_columns=tuple(columns),
        left_out=left_out,
    )


class _FileReader:
    """One file: its columns, and its rows in our terms."""

    def __init__(self, name: str, table: Table, options: LogOptions) -> None:
        self._name, self._table, self._options = name, table, options
        self._found = find_log_columns(table.columns, options.columns)
        for column in options.where:
            if column not in table.columns:
                raise ConfigError(
                    f"there is no column {column!r} to choose rows by: {name} has "
                    f"{', '.join(table.columns)}"
                )
        for role in ("lat_deg", "lon_deg"):
            if role not in self._found:
                raise DataError(
                    f"{name} has no column for {role} among {', '.join(table.columns)}: name it "
                    f"with --column {role}=COLUMN"
                )
        wanted = ("rsrp_dbm", "nr_rsrp_dbm") if options.quantity == "rsrp" else ("total_dbm",)
        self._levels = [role for role in wanted if role in self._found]
        if not self._levels:
            raise DataError(self._no_level())
        self.level_columns = [self._found[role] for role in self._levels]

    def rows(self, before: int, left_out: dict[str, int]) -> list[_Row]:
        """Return the rows that have place and level; count the others by reason."""
        found = []
        for i in range(len(self._table.rows)):
            row = self._row(i, before)
            if isinstance(row, str):
                left_out[row] = left_out.get(row, 0) + 1
            else:
                found.append(row)
        return found

    def _row(self, i: int, before: int) -> _Row | str:
        texts = self._table.rows[i]
        if any(texts[column] != text for column, text in self._options.where.items()):
            return "not chosen"
        lat, lon = self._number(i, "lat_deg"), self._number(i, "lon_deg")
        if not (isfinite(lat) and isfinite(lon)) or (lat == 0.0 and lon == 0.0):
            return "no position"
        if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
            return "position that is none on Earth (are latitude and longitude swapped?)"
        technology = _technology(self._text(i, "technology"))
        if technology == "other":
            return "neither 4G nor 5G"
        level, of_nr = self._level(i, technology)
        if not isfinite(level):
            return "no level"
        low, high = _PLAUSIBLE_DBM[self._options.quantity]
        if not low <= level <= high:
            return f"level not plausible (outside {low:g} to {high:g} dBm)"
        nr, lte = self._channel(i, "nr_arfcn"), self._channel(i, "earfcn")
        technology = technology or ("5G" if of_nr or (isfinite(nr) and not isfinite(lte)) else "")
        either = self._channel(i, "arfcn")
        if isfinite(either) and not (isfinite(nr) or isfinite(lte)):
            lte, nr = (nan, either) if technology == "5G" else (either, nan)
        return _Row(
            lat_deg=lat,
            lon_deg=lon,
            level_dbm=level,
            technology=technology,
            cell_id=self._text(i, "cell_id"),
            station=self._station(i),
            pci=self._within(i, "pci", 1007.0),
            earfcn=nan if technology == "5G" else lte,
            nr_arfcn=nan if technology == "4G" else nr,
            freq_mhz=self._number(i, "freq_mhz"),
            operator=self._operator(i),
            serving=self._text(i, "serving").lower() not in ("false", "0", "no", "neighbor"),
            phone=self._text(i, "phone") or self._name,
            moment=_moment(self._text(i, "moment")),
            row=before + i,
        )

    def _level(self, i: int, technology: str) -> tuple[float, bool]:
        """Return the level, and whether it is one of NR by its column's name."""
        first_nr = technology == "5G" and "nr_rsrp_dbm" in self._levels
        for role in sorted(self._levels, key=lambda r: (r == "nr_rsrp_dbm") != first_nr):
            level = self._number(i, role)
            if isfinite(level):
                return level, role == "nr_rsrp_dbm"
        return nan, False

    def _station(self, i: int) -> float:
        text = self._text(i, "station_hex")
        if text:
            try:
                return float(int(text, 16))
            except ValueError:
                return nan
        return self._whole(i, "station")

    def _operator(self, i: int) -> str:
        mcc, mnc = self._text(i, "mcc"), self._text(i, "mnc")
        return self._text(i, "operator") or (f"{mcc}-{int(mnc):02d}" if _digits(mcc, mnc) else "")

    def _channel(self, i: int, role: str) -> float:
        return self._within(i, role, _MOST_CHANNEL)

    def _within(self, i: int, role: str, most: float) -> float:
        value = self._whole(i, role)
        return value if 0.0 <= value <= most else nan

    def _whole(self, i: int, role: str) -> float:
        """Return a whole number, NaN where the field is none: identities may be any text."""
        text = self._text(i, role)
        digits = re.fullmatch(r"\d+(?:\.0+)?", text)
        return float(text) if digits else nan

    def _text(self, i: int, role: str) -> str:
        column = self._found.get(role)
        text = "" if column is None else self._table.rows[i][column].strip()
        return "" if text.lower() in _NOT_SAID else text

    def _number(self, i: int, role: str) -> float:
        column = self._found.get(role)
        if column is None:
            return nan
        try:
            return parse_number(self._table.rows[i][column], self._table.decimal_comma)
        except DataError as error:
            line = self._table.line_numbers[i]
            raise DataError(f"{self._name} line {line}, column {column}: {error}") from error

    def _no_level(self) -> str:
        if self._options.quantity == "rsrp" and "total_dbm" in self._found:
            return (
                f"{self._name} has {self._found['total_dbm']} and no RSRP; a plan's level is that "
                "of a resource element: give --column rsrp_dbm=COLUMN if one is RSRP by another "
                "name, or --quantity total if it is the power of the whole carrier"
            )
        return (
            f"no column of {self._name} tells the level, it has {', '.join(self._table.columns)}: "
            "name one with --column rsrp_dbm=COLUMN"
        )


def _technology(text: str) -> str:
    """Return ``"4G"``, ``"5G"``, empty where not said, ``"other"`` for older ones."""
    plain = text.upper().replace("-", "").replace("_", "").replace(" ", "")
    if not plain:
        return ""
    rules: tuple[tuple[str, Callable[[str], bool]], ...] = (
        ("5G", lambda t: "5G" in t or t.startswith("NR")),
        ("4G", lambda t: "4G" in t or "LTE" in t or "EUTRA" in t),
        ("other", lambda t: any(x in t for x in ("2G", "3G", "GSM", "UMTS", "WCDMA", "CDMA",
                                                 "EDGE", "HSPA", "GPRS", "HSDPA"))),
    )  # fmt: skip
    return next((name for name, holds in rules if holds(plain)), "")


def _digits(*texts: str) -> bool:
    return all(re.fullmatch(r"\d+", text) for text in texts)


def _moment(text: str) -> datetime | None:
    """Return when a row was written; None where it says a time of day only, or nothing."""
    if not text:
        return None
    if (match := _GNETTRACK_TIME.fullmatch(text)) is not None:
        try:
            return datetime(*(int(part) for part in match.groups()))  # type: ignore[arg-type]  # six numbers
        except ValueError:
            return None
    if re.fullmatch(r"\d{10}(?:\.\d+)?|\d{13}", text):
        seconds = float(text) / (1000.0 if len(text) == 13 else 1.0)
        return datetime.fromtimestamp(seconds, UTC)
    return read_moment(text)


def _naive_utc(moment: datetime | None) -> datetime | None:
    if moment is None or moment.tzinfo is None:
        return moment
    return moment.astimezone(UTC).replace(tzinfo=None)
