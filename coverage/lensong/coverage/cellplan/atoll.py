"""Atoll's three tables, joined: sites, transmitters, cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lensong.coverage.cellplan.aliases import ALIASES, ColumnMap, match_columns
from lensong.coverage.cellplan.plain import cell_row
from lensong.coverage.cellplan.positions import Positions
from lensong.coverage.cellplan.rows import (
    CellTables,
    HeightUnit,
    PowerKind,
    ReadRows,
    RowReader,
    choose_power_columns,
)
from lensong.coverage.threegpp import LTE_BANDS, band_from_text, nr_arfcn_mhz
from lensong.gis_data.tables import Table
from lensong.propagation.errors import ConfigError, DataError, InvalidInputError

__all__ = ["read_atoll", "site_columns"]

_POSITION = {name: ALIASES[name] for name in ("lat_deg", "lon_deg", "x_m", "y_m")}
_SITES = _POSITION | {
    "site_id": ("name", "site", "siteid"),
    "listed_ground_m": ALIASES["listed_ground_m"],
}
_OF_CELLS = (
    "physical_cell_id", "total_power_dbm", "rs_power_dbm", "power_dbm",
    "reference_signal_boost_db", "downlink_load", "uplink_noise_rise_db", "bandwidth_mhz",
    "subcarrier_spacing_khz", "technology", "arfcn", "earfcn", "nr_arfcn", "ssb_arfcn", "eirp_dbm",
    "erp_dbm",
)  # fmt: skip
_CELLS = {name: ALIASES[name] for name in _OF_CELLS} | {
    "cell_id": ("name", "cell", "cellname"),
    "transmitter": ("transmitter", "transmitterid"),
    "carrier": ("carrier", "carriername", "carriers"),
    "cell_active": ("active",),
}
_TRANSMITTERS = {
    name: names
    for name, names in ALIASES.items()
    if name
    not in (
        *_POSITION,
        *_OF_CELLS,
        "cell_id",
        "site_id",
        "site_name",
        "status",
        "position",
        "carrier",
        "listed_ground_m",
    )
} | {
    "transmitter": ("transmitter", "name", "transmittername"),
    "site_id": ("site", "siteid", "sitename"),
    "status": ("active",),
    "dx_m": ("dx",),
    "dy_m": ("dy",),
}
_FALSE = {"false", "0", "no", "n", "faux", "falsch"}


def site_columns(table: Table) -> dict[str, str]:
    """Return which columns of Atoll's sites hold ids, places and heights of the ground."""
    return dict(match_columns(table.columns, _SITES).columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """One of the three tables with its columns and its rows by name."""

    label: str
    table: Table
    columns: ColumnMap

    def by(self, name: str) -> dict[str, Mapping[str, str]]:
        """Return the rows by the text of a field; refuse a text that stands twice."""
        rows: dict[str, Mapping[str, str]] = {}
        for row, line in zip(self.table.rows, self.table.line_numbers, strict=True):
            key = row[self.columns.columns[name]]
            if rows.get(key) == row:
                continue  # the same row twice says nothing new
            if key in rows:
                raise InvalidInputError(
                    f"{self.label} table, line {line}: {key!r} occurs more than once, wanted "
                    "unique names: the other tables refer to them"
                )
            rows[key] = row
        return rows


def read_atoll(
    tables: CellTables,
    *,
    power: PowerKind,
    height_unit: HeightUnit,
    crs: str | None,
    chosen: Mapping[str, str] | None = None,
) -> ReadRows:
    """Return one row per cell, with what its transmitter and its site say.

    Raises
    ------
    DataError
        A table lacks the columns that join it, or names a site or transmitter that is not there.
    """
    choice = _shared_out(chosen or {}, tables)
    sites = _source("sites", tables.sites, _SITES, ("site_id",), choice)
    transmitters = _source(
        "transmitters", tables.transmitters, _TRANSMITTERS, ("transmitter", "site_id"), choice
    )
    cells = _source("cells", tables.cells, _CELLS, ("transmitter",), choice)
    cells = replace(cells, columns=choose_power_columns(cells.columns, power))
    sources = (sites, transmitters, cells)
    columns = _joined_columns(sources)
    by_site, by_transmitter = sites.by("site_id"), transmitters.by("transmitter")
    readers = []
    for row, line in zip(cells.table.rows, cells.table.line_numbers, strict=True):
        where = f"cells table, line {line}"
        transmitter = _referred(
            by_transmitter, row[cells.columns.columns["transmitter"]], where, "transmitters"
        )
        site = _referred(
            by_site, transmitter[transmitters.columns.columns["site_id"]], where, "sites"
        )
        joined = {
            f"{source.label}: {column}": text
            for source, part in zip(sources, (site, transmitter, row), strict=True)
            for column, text in part.items()
        }
        readers.append(RowReader(table=_comma_table(sources), columns=columns, where=where,
                                 line=line, row=joined))  # fmt: skip
    positions = Positions(columns, crs, readers)
    read = ReadRows(
        format="atoll",
        rows=[],
        columns=columns,
        unused=positions.unused,
        notes=[*filter(None, (positions.note,)), *(n for src in sources for n in src.table.notes)],
    )
    for reader in readers:
        _add(reader, positions, height_unit, read)
    return read


def _add(reader: RowReader, positions: Positions, height_unit: HeightUnit, read: ReadRows) -> None:
    if {reader.text("status").lower(), reader.text("cell_active").lower()} & _FALSE:
        read.skip("not active", reader)
        return
    place = positions.lat_lon(reader, reader.number("dx_m") or 0.0, reader.number("dy_m") or 0.0)
    if place is None:
        read.skip("no position", reader)
        return
    scale = 0.01  # Atoll's loads are percentages
    row = cell_row(reader, place, height_unit=height_unit, load_scale=scale)
    read.rows.append(
        replace(
            row,
            cell_id=row.cell_id or reader.text("transmitter"),
            status="",
            arfcn=row.arfcn if row.arfcn is not None else _channel_of(reader),
        )
    )


def _channel_of(reader: RowReader) -> int | None:
    """Return the carrier as a channel number where it is one of the transmitter's band.

    Atoll's carrier may be a channel number, an index or a name; only the first says a frequency.
    """
    carrier, band_text = reader.text("carrier").strip(), reader.text("band")
    if not carrier.isdigit() or not band_text:
        return None
    channel = int(carrier)
    band = band_from_text(band_text)
    if band.name in LTE_BANDS:
        return channel if band.first_earfcn <= channel <= band.last_earfcn else None
    return channel if channel <= 3_279_165 and band.holds(nr_arfcn_mhz(channel)) else None


def _source(
    label: str,
    table: Table | None,
    aliases: Mapping[str, tuple[str, ...]],
    needed: tuple[str, ...],
    choice: Mapping[str, Mapping[str, str]],
) -> _Source:
    if table is None:
        raise InvalidInputError(f"Atoll's {label} table is missing, wanted all three")
    columns = match_columns(table.columns, aliases, choice[label])
    for name in needed:
        if name not in columns.columns:
            raise DataError(
                f"Atoll's {label} table has no column for {name!r} (wanted one named "
                f"{', '.join(aliases[name])}; it has {', '.join(table.columns)}): is it the "
                f"{label} table?"
            )
    return _Source(label=label, table=table, columns=columns)


def _shared_out(chosen: Mapping[str, str], tables: CellTables) -> dict[str, dict[str, str]]:
    """Return the user's choice of columns by the table that has them.

    Raises
    ------
    ConfigError
        None of the tables has a column.
    """
    by_table = {"sites": tables.sites, "transmitters": tables.transmitters, "cells": tables.cells}
    shared: dict[str, dict[str, str]] = {label: {} for label in by_table}
    for key, column in chosen.items():
        label, _, name = column.partition(": ") if ": " in column else ("", "", column)
        holders = [
            holder
            for holder, table in by_table.items()
            if table is not None
            and (not column or (name in table.columns and label in ("", holder)))
        ]
        if not holders:
            raise ConfigError(
                f"network.columns.{key} is {column!r}, but none of Atoll's tables has such a column"
            )
        for holder in holders if not column else holders[:1]:
            shared[holder][key] = name
    return shared


def _joined_columns(sources: tuple[_Source, ...]) -> ColumnMap:
    """Return all fields with the table's name before each column; later tables win."""
    return ColumnMap(
        columns={
            name: f"{source.label}: {column}"
            for source in sources
            for name, column in source.columns.columns.items()
        },
        units={n: unit for source in sources for n, unit in source.columns.units.items()},
        ignored=tuple(
            f"{source.label}: {column}" for source in sources for column in source.columns.ignored
        ),
        denied=frozenset().union(*(source.columns.denied for source in sources)),
    )


def _comma_table(sources: tuple[_Source, ...]) -> Table:
    """Return a table with decimal commas if one of the three has them, else any."""
    return next((s.table for s in sources if s.table.decimal_comma), sources[0].table)


def _referred(
    rows: Mapping[str, Mapping[str, str]], name: str, where: str, table: str
) -> Mapping[str, str]:
    if name not in rows:
        raise DataError(
            f"{where}: {name!r} is not in the {table} table: export the three tables together"
        )
    return rows[name]
