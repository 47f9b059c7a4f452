"""Crowd-sourced cells (OpenCelliD, Mozilla's location service, beaconDB) as candidate sites.

A row is the average place of phones that heard a cell, along roads and kilometres off in
valleys. Rows are grouped to sites; every mast and cell made of them is marked ``uncertain``.
"""

from __future__ import annotations

from collections.abc import Mapping

from lensong.coverage.cellplan.aliases import match_columns
from lensong.coverage.cellplan.positions import group_by_distance
from lensong.coverage.cellplan.rows import (
    CellRow,
    ReadRows,
    RowReader,
    network_name,
    table_readers,
)
from lensong.gis_data.tables import Table
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["is_opencellid", "read_opencellid", "structures_of"]

SPREAD_M = 3000.0
"""Cells of one base station farther apart than this count as two sites [m]."""

_COLUMNS: dict[str, tuple[str, ...]] = {
    "radio": ("radio", "radiotype", "rat"),
    "mcc": ("mcc", "mobilecountrycode"),
    "net": ("net", "mnc", "mobilenetworkcode"),
    "area": ("area", "lac", "tac", "lactac", "locationareacode", "trackingareacode"),
    "cell": ("cell", "cid", "cellid", "ci", "eci", "nci"),
    "unit": ("unit", "psc", "pci", "pscpci", "primaryscramblingcode"),
    "lon": ("lon", "lng", "long", "longitude"),
    "lat": ("lat", "latitude"),
    "range": ("range", "radius", "accuracy"),
    "samples": ("samples", "samplecount", "totalsamples", "nbsamples"),
    "changeable": ("changeable",),
    "created": ("created", "createdat", "firstseen"),
    "updated": ("updated", "updatedat", "lastseen"),
    "averageSignal": ("averagesignal", "averagesignalstrength", "avgsignal"),
}
_NEEDED = ("radio", "mcc", "net", "cell", "lon", "lat")
_STATISTICS = ("range", "samples", "changeable", "created", "updated", "averageSignal")
_OF_PLANS = {
    "azimuth_deg", "height_agl_m", "total_power_dbm", "rs_power_dbm", "power_dbm", "eirp_dbm",
    "antenna", "mechanical_downtilt_deg", "electrical_downtilt_deg", "total_downtilt_deg",
}  # fmt: skip
_UNUSED = ("range", "created", "updated", "averageSignal", "unit")
_TECHNOLOGIES = {"LTE": "4G", "NR": "5G"}
# Greatest cell and area numbers: 28 bits and 16 for LTE, 36 and 24 for NR (TS 23.003). The greatest
# stand for "unknown", as do 0 and the two numbers below the greatest area (TS 23.003 §4.1).
_MOST_CELL = {"4G": (1 << 28) - 1, "5G": (1 << 36) - 1}
_MOST_AREA = {"4G": (1 << 16) - 1, "5G": (1 << 24) - 1}
# The base station's number is the cell's without its last bits: 8 of 28 for LTE (TS 36.413). For
# NR the length is the operator's choice (22 to 32 bits of 36, TS 38.413); 24 is common.
_CELL_BITS = {"4G": 8, "5G": 12}


def is_opencellid(table: Table) -> bool:
    """Return whether a table is a crowd-sourced list: cells by number, seen but not described.

    OpenCelliD, Mozilla's location service, beaconDB and their like have these columns under
    several names.
    """
    columns = match_columns(table.columns, _COLUMNS).columns
    if not set(_NEEDED) <= columns.keys():
        return False
    has_statistics = bool(set(_STATISTICS) & columns.keys())
    return has_statistics or not _OF_PLANS & match_columns(table.columns).columns.keys()


def read_opencellid(table: Table, chosen: Mapping[str, str] | None = None) -> ReadRows:
    """Return one row per estimated site and technology.

    Cells of one operator and base station (eNB or gNB) within `SPREAD_M` of its first cell are one
    site. It stands where the operator said (``changeable = 0``), else at the mean of its cells,
    weighted by their samples. Numbers that no cell can have (``65535``, ``2147483647``, an area 0)
    and LTE numbers below 256, which name no base station, are left out.
    """
    _check_chosen(chosen)
    columns = match_columns(table.columns, _COLUMNS)
    if missing := [name for name in _NEEDED if name not in columns.columns]:
        raise DataError(
            f"the crowd-sourced list has no column for {', '.join(missing)} among "
            f"{', '.join(table.columns)}: set network.format, or rename the columns as OpenCelliD "
            f"does: {', '.join(_COLUMNS)}"
        )
    read = ReadRows(
        format="opencellid",
        rows=[],
        columns=columns,
        unused=frozenset(_UNUSED),
        notes=list(table.notes),
    )
    stations: dict[tuple[str, str, int], list[RowReader]] = {}
    seen: dict[tuple[str, ...], RowReader] = {}
    for reader in table_readers(table, columns):
        technology = _TECHNOLOGIES.get(reader.text("radio").upper())
        reason = "2G or 3G" if technology is None else _no_cell(reader, technology)
        if technology is None or reason:
            read.skip(reason, reader)
            continue
        same = tuple(reader.row.values())
        if same in seen:
            read.merged.append((reader, f"the same as {seen[same].where}"))
            continue
        seen[same] = reader
        cell = reader.integer("cell") or 0
        key = (_operator(reader), technology, cell >> _CELL_BITS[technology])
        stations.setdefault(key, []).append(reader)
    for (operator, technology, number), readers in stations.items():
        places = [(reader.number("lat") or 0.0, reader.number("lon") or 0.0) for reader in readers]
        groups = group_by_distance(places, SPREAD_M)
        for part, leader in enumerate(dict.fromkeys(groups)):
            members = [r for r, group in zip(readers, groups, strict=True) if group == leader]
            read.rows.append(_site(members, operator, technology, number, part))
    return read


def _no_cell(reader: RowReader, technology: str) -> str:
    """Return why a row is no cell that can be placed, empty where it is one."""
    cell, lat, lon = reader.integer("cell"), reader.number("lat"), reader.number("lon")
    if cell is None or lat is None or lon is None or (lat == 0.0 and lon == 0.0):
        return "no cell number or no position"
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        return "impossible position"
    if not 0 < cell < _MOST_CELL[technology] or cell in (65_535, 2_147_483_647):
        return f"a number that no {technology} cell has"
    if technology == "4G" and cell < 1 << _CELL_BITS["4G"]:
        return "a 4G number without its base station's (below 256)"
    area = reader.integer("area") if reader.text("area") else None
    if area is not None and not 0 < area < _MOST_AREA[technology] - 1:
        return f"an area number that no {technology} cell has"
    mcc, mnc = reader.integer("mcc") or 0, reader.integer("net")
    if not 200 <= mcc <= 799 or mnc is None or not 0 <= mnc <= 999:
        return "a network number that does not exist"
    return ""


def _check_chosen(chosen: Mapping[str, str] | None) -> None:
    if chosen:
        raise ConfigError(
            f"network.columns maps {', '.join(chosen)}, but the list is read as crowd-sourced "
            '(OpenCelliD), whose columns are fixed: set network.format = "plain" or "sites" if it '
            "is a list of cells or sites, or leave network.columns out"
        )


def structures_of(table: Table) -> Table:
    """Return where 2G and 3G cells of a crowd-sourced list seem to stand, as a list of sites.

    Cells of one operator and area whose numbers differ in the last digit alone, which by custom
    counts sectors, and that were seen within `SPREAD_M` of each other are one structure.
    """
    columns = match_columns(table.columns, _COLUMNS)
    stations: dict[tuple[str, str, int, int], list[RowReader]] = {}
    for reader in table_readers(table, columns):
        radio, cell = reader.text("radio").upper(), reader.integer("cell") or 0
        if radio in _TECHNOLOGIES or not 0 < cell < _MOST_CELL["4G"] or cell == 65_535:
            continue
        key = (_operator(reader), radio, reader.integer("area") or 0, cell // 10)
        stations.setdefault(key, []).append(reader)
    rows = []
    for (operator, radio, area, number), readers in stations.items():
        places = [(reader.number("lat") or 0.0, reader.number("lon") or 0.0) for reader in readers]
        groups = group_by_distance(places, SPREAD_M)
        for part, leader in enumerate(dict.fromkeys(groups)):
            members = [r for r, group in zip(readers, groups, strict=True) if group == leader]
            lat, lon = _middle(members)
            name = f"{operator}-{radio}-{area}-{number}"
            rows.append(
                {
                    "site_id": name if part == 0 else f"{name}.{part + 1}",
                    "operator": operator,
                    "lat": repr(lat),
                    "lon": repr(lon),
                    "uncertain": "yes",
                }
            )
    return Table(
        columns=("site_id", "operator", "lat", "lon", "uncertain"),
        rows=rows,
        line_numbers=tuple(range(1, len(rows) + 1)),
        encoding="utf-8",
        delimiter=",",
        decimal_comma=False,
        has_header=True,
    )


def _middle(members: list[RowReader]) -> tuple[float, float]:
    """Return where the operator said that cells stand, else their mean by samples."""
    stated = [r for r in members if r.text("changeable") == "0"]
    used = stated or members
    weights = [max(r.number("samples") or 1.0, 1.0) for r in used]
    lat, lon = (
        sum(w * (r.number(name) or 0.0) for w, r in zip(weights, used, strict=True)) / sum(weights)
        for name in ("lat", "lon")
    )
    return lat, lon


def _site(
    members: list[RowReader], operator: str, technology: str, number: int, part: int
) -> CellRow:
    """Return the site that some cells of one base station stand for."""
    lat, lon = _middle(members)
    station = f"{operator}-{'eNB' if technology == '4G' else 'gNB'}{number}"
    return CellRow(
        where=f"{members[0].where} ({station})",
        records=tuple(members),
        site_id=station if part == 0 else f"{station}.{part + 1}",
        operator=operator,
        technology=technology,
        lat_deg=lat,
        lon_deg=lon,
        uncertain=True,
        is_site=True,
    )


def _operator(reader: RowReader) -> str:
    return network_name(reader.integer("mcc") or 0, reader.integer("net") or 0)
