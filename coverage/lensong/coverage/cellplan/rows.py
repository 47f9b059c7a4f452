"""One row of a cell plan, whatever its form, and how it is read from a table."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from math import isnan, log10
from typing import Literal, TypeAlias

from lensong.coverage.cellplan.aliases import ColumnMap
from lensong.gis_data.angles import Axis, parse_angle
from lensong.gis_data.tables import Table, parse_number
from lensong.propagation.errors import DataError, InvalidInputError

__all__ = [
    "CellRow",
    "CellTables",
    "HeightUnit",
    "PowerKind",
    "ReadRows",
    "RowReader",
    "choose_power_columns",
]

PowerKind: TypeAlias = Literal["auto", "total", "per_re"]
HeightUnit: TypeAlias = Literal["m", "ft"]

METRES_PER_FOOT = 0.3048

# of MCC 452; other networks are named by their numbers
_VIETNAM = {1: "MobiFone", 2: "VinaPhone", 4: "Viettel", 5: "Vietnamobile", 7: "Gmobile"}
_TRAILING_UNIT = re.compile(
    r"(?<=[\d.,])\s*(?:°|deg|dbm|dbw|dbi|db|watts?|w|ghz|mhz|khz|m|%)\s*$", re.IGNORECASE
)
_POWER_UNIT = re.compile(r"\d\s*(dbm|dbw|watts?|w)\s*$", re.IGNORECASE)
_FREQUENCY_UNIT = re.compile(r"\d\s*(ghz|mhz|khz)\s*$", re.IGNORECASE)
_WATTS = {"w": 1.0, "watt": 1.0, "watts": 1.0, "kw": 1e3, "mw": 1e-3}
_MEGAHERTZ = {"ghz": 1e3, "khz": 1e-3, "hz": 1e-6}
_POWER_FIELDS = ("total_power_dbm", "rs_power_dbm", "power_dbm")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTables:
    """The tables of a cell plan.

    Parameters
    ----------
    main : Table or None
        A plan in one table.
    sites, transmitters, cells : Table or None
        Atoll's three; all or none.
    """

    main: Table | None = None
    sites: Table | None = None
    transmitters: Table | None = None
    cells: Table | None = None

    def __post_init__(self) -> None:
        atoll = {"sites": self.sites, "transmitters": self.transmitters, "cells": self.cells}
        missing = [name for name, table in atoll.items() if table is None]
        if (self.main is None) != (not missing) or len(missing) not in (0, 3):
            raise InvalidInputError(
                "a cell plan is either one table or Atoll's three, but "
                f"{'no table' if self.main is None else 'one table'} is given and of Atoll's "
                f"{', '.join(missing) or 'none'} missing: set network.cells to a file or "
                "network.atoll to {sites=…, transmitters=…, cells=…}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """What a plan says of one cell, or of one site where ``is_site``; None is unsaid.

    Parameters
    ----------
    where : str
        For messages: ``"line 12"``.
    records : tuple of RowReader
        The rows of the file that say it: several for a crowd-sourced site and for rows that were
        merged. Not compared.
    cell_id, site_id, site_name, operator, technology, status, antenna, band : str
        As written; empty is unsaid.
    is_site : bool
        The row is a position with an operator: it stands for one cell on every assumed carrier
        and azimuth.
    is_omni : bool
        The plan says that the antenna radiates alike all around.
    additional_electrical_downtilt_deg : float or None
        On top of the tilt inside the antenna's pattern [deg] (Atoll).
    carrier : str
        Text of a carrier as written, such as Atoll's ``"10 MHz - EARFCN 6400"``.
    ssb_arfcn : int or None
        Where the synchronisation block of an NR cell lies; not the carrier's centre.
    eirp_dbm : float or None
        Power of the whole carrier times the antenna's gain [dBm].
    listed_ground_m : float or None
        What the list says of the ground's height [m]; only held against the elevation.
    on_air_since : date or None
        The first day on which the cell was on the air; only held against measurements.
    """

    where: str = field(compare=False)
    records: tuple[RowReader, ...] = field(default=(), compare=False, repr=False)
    cell_id: str = ""
    site_id: str = ""
    site_name: str = ""
    operator: str = ""
    technology: str = ""
    status: str = ""
    lat_deg: float
    lon_deg: float
    azimuth_deg: float | None = None
    is_omni: bool = False
    height_agl_m: float | None = None
    mechanical_downtilt_deg: float | None = None
    electrical_downtilt_deg: float | None = None
    additional_electrical_downtilt_deg: float | None = None
    antenna: str = ""
    antenna_gain_dbi: float | None = None
    horizontal_beamwidth_deg: float | None = None
    vertical_beamwidth_deg: float | None = None
    band: str = ""
    earfcn: int | None = None
    nr_arfcn: int | None = None
    ssb_arfcn: int | None = None
    carrier: str = ""
    arfcn: int | None = None
    freq_mhz: float | None = None
    bandwidth_mhz: float | None = None
    subcarrier_spacing_khz: float | None = None
    physical_cell_id: int | None = None
    total_power_dbm: float | None = None
    rs_power_dbm: float | None = None
    power_dbm: float | None = None
    eirp_dbm: float | None = None
    reference_signal_boost_db: float | None = None
    feeder_loss_db: float | None = None
    noise_figure_db: float | None = None
    downlink_load: float | None = None
    uplink_noise_rise_db: float | None = None
    radius_m: float | None = None
    backhaul: str = ""
    power_supply: str = ""
    listed_ground_m: float | None = None
    on_air_since: date | None = None
    uncertain: bool = False
    is_site: bool = False


@dataclass(slots=True, kw_only=True)
class ReadRows:
    """What a reader of one format hands on.

    Parameters
    ----------
    columns : ColumnMap
        Which column holds which field.
    unused : frozenset of str
        Fields that have a column and are not used, such as latitude where x and y are.
    left_out : list of (RowReader, str)
        Rows, or the part of a row that speaks of one technology, and why they are left out.
    merged : list of (RowReader, str)
        Rows that say what another row says, and which.
    """

    format: str
    rows: list[CellRow]
    columns: ColumnMap
    unused: frozenset[str] = frozenset()
    left_out: list[tuple[RowReader, str]] = field(default_factory=list)
    merged: list[tuple[RowReader, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def mapped(self) -> dict[str, str]:
        """Return field to column, without the fields that are not used."""
        return {f: c for f, c in self.columns.columns.items() if f not in self.unused}

    @property
    def skipped(self) -> dict[str, int]:
        """Return reason to number of rows that are left out for it."""
        return dict(Counter(reason for _, reason in self.left_out))

    def skip(self, reason: str, *readers: RowReader) -> None:
        """Leave out rows for a reason."""
        self.left_out += [(reader, reason) for reader in readers]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReader:
    """Reads fields of one row of a table.

    Parameters
    ----------
    table : Table
    columns : ColumnMap
    where : str
        For messages.
    line : int
        Of the file.
    row : dict
        Column to text.
    """

    table: Table
    columns: ColumnMap
    where: str
    line: int
    row: Mapping[str, str]

    def text(self, name: str) -> str:
        """Return the text of a field, empty where the table has no such column."""
        column = self.columns.columns.get(name)
        return self.row[column] if column is not None else ""

    def number(self, name: str) -> float | None:
        """Return the number of a field; a unit behind it (``46 dBm``) is dropped."""
        text = _TRAILING_UNIT.sub("", self.text(name))
        try:
            value = parse_number(text, self.table.decimal_comma)
        except DataError as error:
            raise DataError(
                f"{self.where}, column {self.columns.columns[name]!r}: {error}"
            ) from error
        return None if isnan(value) else value

    def operator(self) -> str:
        """Return the operator, by its network's numbers where no column names it."""
        name = self.text("operator")
        mnc = self.text("mnc")
        if name or not mnc:
            return name
        return network_name(self.integer("mcc") or 0, self.integer("mnc") or 0)

    def integer(self, name: str) -> int | None:
        """Return the whole number of a field."""
        value = self.number(name)
        if value is not None and value != round(value):
            raise DataError(
                f"{self.where}, column {self.columns.columns[name]!r}: {self.text(name)!r} is no "
                "whole number: correct it or leave the field empty"
            )
        return None if value is None else int(value)

    def power_dbm(self, name: str) -> float | None:
        """Return a power field [dBm], converted where its column or its own text says watts."""
        value = self.number(name)
        own = _POWER_UNIT.search(self.text(name))
        unit = own[1].lower() if own else self.columns.units.get(name, "dbm")
        if value is None or unit not in _WATTS:
            return value if value is None or unit != "dbw" else value + 30.0
        if value <= 0.0:
            raise DataError(f"{self.where}: power is {value:g} {unit}, wanted above 0")
        return 10.0 * log10(1000.0 * value * _WATTS[unit])

    def megahertz(self, name: str) -> float | None:
        """Return a frequency or bandwidth [MHz] by the unit in the column's name."""
        value = self.number(name)
        own = _FREQUENCY_UNIT.search(self.text(name))
        unit = own[1].lower() if own else self.columns.units.get(name, "mhz")
        return None if value is None else value * _MEGAHERTZ.get(unit, 1.0)

    def downtilt_deg(self, name: str) -> float | None:
        """Return a tilt, positive down [deg]; ``[network.columns]`` may say that it counts up."""
        value = self.number(name)
        is_up = self.columns.units.get(name) == "up"
        return -value if value is not None and is_up else value

    def metres(self, name: str, height_unit: HeightUnit = "m") -> float | None:
        """Return a length [m]; the unit in the column's name goes before the setting."""
        value = self.number(name)
        unit = self.columns.units.get(name, height_unit)
        factor = {"ft": METRES_PER_FOOT, "feet": METRES_PER_FOOT, "km": 1000.0}.get(unit, 1.0)
        return None if value is None else value * factor

    def ground_m(self) -> float | None:
        """Return the height that the list gives for the ground [m], None where it is none."""
        try:
            height_m = self.metres("listed_ground_m")
        except DataError:
            return None  # it decides nothing
        return height_m if height_m is not None and -500.0 < height_m < 9_000.0 else None

    def angle(self, name: str, axis: Axis) -> float | None:
        """Return a latitude or longitude [deg], decimal or in minutes and seconds."""
        try:
            value = parse_angle(self.text(name), axis, decimal_comma=self.table.decimal_comma)
        except DataError as error:
            raise DataError(
                f"{self.where}, column {self.columns.columns[name]!r}: {error}"
            ) from error
        return None if isnan(value) else value


def network_name(mcc: int, mnc: int) -> str:
    """Return the name of a Vietnamese network, else its two numbers.

    Examples
    --------
    >>> network_name(452, 4), network_name(208, 1)
    ('Viettel', '208-01')
    """
    name = _VIETNAM.get(mnc) if mcc == 452 else None
    return name or f"{mcc:03d}-{mnc:02d}"


def table_readers(table: Table, columns: ColumnMap, label: str = "line") -> Iterator[RowReader]:
    """Yield a reader for each row."""
    for row, line in zip(table.rows, table.line_numbers, strict=True):
        yield RowReader(table=table, columns=columns, where=f"{label} {line}", line=line, row=row)


def choose_power_columns(columns: ColumnMap, power: PowerKind) -> ColumnMap:
    """Return the columns with the scenario's setting applied to those that hold a power.

    ``auto`` leaves the names to decide; a bare "power" beside a clear column is dropped. ``total``
    and ``per_re`` keep the column of that meaning, else give that meaning to the bare one, else to
    the only one there is.
    """
    present = [name for name in _POWER_FIELDS if name in columns.columns]
    if len(present) == 0 or (power == "auto" and present == ["power_dbm"]):
        return columns
    keep = {name: name for name in present if name != "power_dbm"}
    if power != "auto":
        wanted = "total_power_dbm" if power == "total" else "rs_power_dbm"
        source = next(
            name for name in (wanted, "power_dbm", *present) if name in present
        )  # the wanted meaning, the bare column, or the only one
        keep = {source: wanted}
    kept_columns = {f: c for f, c in columns.columns.items() if f not in present}
    kept_units = {f: u for f, u in columns.units.items() if f not in present}
    for source, target in keep.items():
        kept_columns[target] = columns.columns[source]
        if source in columns.units:
            kept_units[target] = columns.units[source]
    dropped = tuple(columns.columns[name] for name in present if name not in keep)
    return replace(
        columns, columns=kept_columns, units=kept_units, ignored=columns.ignored + dropped
    )
