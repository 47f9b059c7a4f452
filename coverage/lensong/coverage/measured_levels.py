"""Measured RSRP by place, as phones log it: what a map shows beside what a plan predicts.

No transmitter is asked for, as `lensong.coverage.measurements` does: a place and a level suffice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lensong.coverage.measurement_columns import PLAUSIBLE, find_columns
from lensong.coverage.network import Technology
from lensong.gis_data.tables import GEOMETRY_LAT, GEOMETRY_LON, Table, parse_number
from lensong.propagation.errors import DataError
from lensong.propagation.types import FloatArray

__all__ = ["MeasuredLevels", "holds_levels", "read_levels"]

_QUANTITY = "rsrp_dbm"
_TECHNOLOGY_COLUMNS = frozenset(
    ("technology", "tech", "rat", "networktech", "networktype", "network", "system", "radio")
)
_OF_COLUMN: dict[str, Technology] = {"ltersrp": "4G", "nrrsrp": "5G", "ssrsrp": "5G"}
_OF_TEXT: tuple[tuple[str, Technology], ...] = (
    ("5g", "5G"), ("nr", "5G"), ("4g", "4G"), ("lte", "4G"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredLevels:
    """Levels with their places, one per row that has both.

    Parameters
    ----------
    lat_deg, lon_deg : shape (n,)
        WGS 84 [deg].
    rsrp_dbm : shape (n,)
        Per resource element [dBm].
    technologies : tuple of str
        Of each row; empty where the file does not say.
    columns : dict
        ``lat_deg``, ``lon_deg``, ``rsrp_dbm`` and, if there is one, ``technology`` to the column.
    rows : int
        Of the file.
    left_out : dict
        Reason to number of rows.
    """

    lat_deg: FloatArray
    lon_deg: FloatArray
    rsrp_dbm: FloatArray
    technologies: tuple[Technology | str, ...]
    columns: dict[str, str]
    rows: int
    left_out: dict[str, int]


def holds_levels(table: Table) -> bool:
    """Return whether a table has RSRP by place, so that it is no list of cells."""
    return {"lat_deg", "lon_deg", _QUANTITY} <= _columns(table).keys()


def read_levels(table: Table) -> MeasuredLevels:
    """Return the levels of a table.

    Parameters
    ----------
    table : Table
        As `lensong.gis_data.lists.read_list` gives it; ``-`` and empty fields are missing.

    Raises
    ------
    DataError
        A column is missing, a number cannot be read, or no row has place and level.
    """
    columns = _columns(table)
    missing = [name for name in ("lat_deg", "lon_deg", _QUANTITY) if name not in columns]
    if missing:
        raise DataError(
            f"no column tells {', '.join(missing)}; the file has {', '.join(table.columns)}: name "
            "the columns latitude, longitude and RSRP [dBm]"
        )
    lat, lon, rsrp = (_numbers(table, columns[n]) for n in ("lat_deg", "lon_deg", _QUANTITY))
    technologies = _technologies(table, columns)
    low, high = PLAUSIBLE[_QUANTITY]
    with np.errstate(invalid="ignore"):
        # a receiver without a fix logs 0, 0
        placed = (np.abs(lat) <= 90.0) & (np.abs(lon) <= 180.0) & ((lat != 0.0) | (lon != 0.0))
        why = {
            "no position": ~placed,
            "no RSRP": np.isnan(rsrp),
            "RSRP not plausible": (rsrp < low) | (rsrp > high),
            "neither 4G nor 5G": np.array([t == "other" for t in technologies], dtype=np.bool_),
        }
    keep, left_out = np.ones(lat.size, dtype=np.bool_), {}
    for reason, bad in why.items():
        if count := int((keep & bad).sum()):
            left_out[reason] = count
        keep &= ~bad
    if not keep.any():
        told = ", ".join(f"{reason} in {count} rows" for reason, count in left_out.items())
        raise DataError(f"no row can be shown ({told or 'the file has none'}): check the columns")
    return MeasuredLevels(
        lat_deg=lat[keep],
        lon_deg=lon[keep],
        rsrp_dbm=rsrp[keep],
        technologies=tuple(t for t, kept in zip(technologies, keep, strict=True) if kept),
        columns=columns,
        rows=len(table.rows),
        left_out=left_out,
    )


def _columns(table: Table) -> dict[str, str]:
    found = find_columns(table, {})
    columns = {
        ours: found[role]
        for ours, role in (("lat_deg", "rx_lat_deg"), ("lon_deg", "rx_lon_deg"))
        if role in found
    }
    if GEOMETRY_LAT in table.columns:
        columns |= {"lat_deg": GEOMETRY_LAT, "lon_deg": GEOMETRY_LON}
    if _QUANTITY in found:
        columns[_QUANTITY] = found[_QUANTITY]
    named = next((name for name in table.columns if _plain(name) in _TECHNOLOGY_COLUMNS), None)
    return columns if named is None else columns | {"technology": named}


def _plain(name: str) -> str:
    return "".join(c for c in name.lower() if c.isascii() and c.isalnum())


def _technologies(table: Table, columns: dict[str, str]) -> list[Technology | str]:
    of_column = _OF_COLUMN.get(_plain(columns[_QUANTITY]), "")
    if of_column or "technology" not in columns:
        return [of_column] * len(table.rows)
    return [_technology(row[columns["technology"]]) for row in table.rows]


def _technology(text: str) -> Technology | str:
    """Return the technology that a row says, empty where it says none."""
    plain = text.strip().lower()
    if plain in ("", "-"):
        return ""
    return next((found for part, found in _OF_TEXT if part in plain), "other")


def _numbers(table: Table, name: str) -> FloatArray:
    out = np.empty(len(table.rows))
    for i, row in enumerate(table.rows):
        try:
            out[i] = parse_number(row[name], table.decimal_comma)
        except DataError as error:
            raise DataError(f"line {table.line_numbers[i]}, column {name}: {error}") from error
    return out
