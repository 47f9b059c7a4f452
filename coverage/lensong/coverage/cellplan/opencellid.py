"""OpenCelliD rows as candidate sites.

A row is the average place of phones that heard a cell, along roads and kilometres off in
valleys. Rows are grouped to sites; every mast and cell made of them is marked ``uncertain``.
"""

from __future__ import annotations

from lensong.coverage.cellplan.aliases import match_columns
from lensong.coverage.cellplan.positions import group_by_distance
from lensong.coverage.cellplan.rows import CellRow, ReadRows, RowReader, table_readers
from lensong.gis_data.tables import Table

__all__ = ["is_opencellid", "read_opencellid"]

SPREAD_M = 3000.0
"""Cells of one base station farther apart than this count as two sites [m]."""

_NEEDED = ("radio", "mcc", "net", "cell", "lon", "lat")
_TECHNOLOGIES = {"LTE": "4G", "NR": "5G"}
# of MCC 452; other networks are named by their numbers
_VIETNAM = {1: "MobiFone", 2: "VinaPhone", 4: "Viettel", 5: "Vietnamobile", 7: "Gmobile"}
# The base station's number is the cell's without its last bits: 8 of 28 for LTE (TS 36.413). For
# NR the length is the operator's choice (22 to 32 bits of 36, TS 38.413); 24 is common.
_CELL_BITS = {"4G": 8, "5G": 12}


def is_opencellid(table: Table) -> bool:
    """Return whether a table has OpenCelliD's columns."""
    return {*_NEEDED, "range", "samples"} <= {column.lower() for column in table.columns}


def read_opencellid(table: Table) -> ReadRows:
    """Return one row per estimated site and technology.

    Cells of one operator and base station (eNB or gNB) within `SPREAD_M` of its first cell are one
    site. It stands where the operator said (``changeable = 0``), else at the mean of its cells,
    weighted by their samples.
    """
    columns = match_columns(table.columns, {name: (name,) for name in (*_NEEDED, "changeable",
                                                                       "samples")})  # fmt: skip
    read = ReadRows(
        format="opencellid", rows=[], mapped=dict(columns.columns), ignored=columns.ignored
    )
    stations: dict[tuple[str, str, int], list[RowReader]] = {}
    for reader in table_readers(table, columns):
        technology = _TECHNOLOGIES.get(reader.text("radio").upper())
        cell, lat, lon = reader.integer("cell"), reader.number("lat"), reader.number("lon")
        if technology is None:
            read.skip("2G or 3G")
        elif cell is None or lat is None or lon is None or (lat == 0.0 and lon == 0.0):
            read.skip("no cell number or no position")
        elif not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
            read.skip("impossible position")
        else:
            key = (_operator(reader), technology, cell >> _CELL_BITS[technology])
            stations.setdefault(key, []).append(reader)
    for (operator, technology, number), readers in stations.items():
        places = [(reader.number("lat") or 0.0, reader.number("lon") or 0.0) for reader in readers]
        groups = group_by_distance(places, SPREAD_M)
        for part, leader in enumerate(dict.fromkeys(groups)):
            members = [r for r, group in zip(readers, groups, strict=True) if group == leader]
            read.rows.append(_site(members, operator, technology, number, part))
    return read


def _site(
    members: list[RowReader], operator: str, technology: str, number: int, part: int
) -> CellRow:
    stated = [r for r in members if r.text("changeable") == "0"]
    used = stated or members
    weights = [max(r.number("samples") or 1.0, 1.0) for r in used]
    lat, lon = (
        sum(w * (r.number(name) or 0.0) for w, r in zip(weights, used, strict=True)) / sum(weights)
        for name in ("lat", "lon")
    )
    station = f"{operator}-{'eNB' if technology == '4G' else 'gNB'}{number}"
    return CellRow(
        where=f"{members[0].where} ({station})",
        site_id=station if part == 0 else f"{station}.{part + 1}",
        operator=operator,
        technology=technology,
        lat_deg=lat,
        lon_deg=lon,
        uncertain=True,
        is_site=True,
    )


def _operator(reader: RowReader) -> str:
    mcc, mnc = reader.integer("mcc") or 0, reader.integer("net") or 0
    name = _VIETNAM.get(mnc) if mcc == 452 else None
    return name or f"{mcc:03d}-{mnc:02d}"
