"""The account of an import: what each row and each value of the file became."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lensong.coverage.cellplan.rows import CellRow, ReadRows, RowReader
from lensong.coverage.network import AsRead, Cell, Mast

__all__ = ["Made", "as_read"]

_NAMED_CELLS = 12
_NO_COLUMN = "no column of the list"
_WHY_UNUSED = {
    "has_2g": "2G is not planned",
    "has_3g": "3G is not planned",
    "range": "how far phones heard it says nothing of the mast",
    "created": "decides nothing",
    "updated": "decides nothing",
    "averageSignal": "decides nothing",
    "unit": "decides nothing",
}
_EMPTY = "empty in the list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A row and one of the cells made of it."""

    row: CellRow
    cell: Cell
    mast: Mast


def as_read(read: ReadRows, made: Sequence[Made]) -> tuple[AsRead, ...]:
    """Return what became of every row of a cell plan, in the order of the file.

    Parameters
    ----------
    read : ReadRows
        What the reader of the format handed on.
    made : sequence of Made
        Every cell with its row.
    """
    entries: list[tuple[int, AsRead]] = []
    by_row: dict[int, list[Made]] = {}  # by the file's row: a site is one row per technology
    for one in made:
        by_row.setdefault(id(one.row.records[0]), []).append(one)
    for group in by_row.values():
        row = group[0].row
        for reader in row.records[:1] if not row.uncertain else row.records:
            entries += [(reader.line, entry) for entry in _of_row(reader, read, group)]
    for reader, reason in read.left_out:
        entry = AsRead(where=reader.where, text=_summary(reader), fate="left out", why=reason)
        entries.append((reader.line, entry))
    for reader, reason in read.merged:
        entry = AsRead(where=reader.where, text=_summary(reader), fate="merged", why=reason)
        entries.append((reader.line, entry))
    return tuple(entry for _, entry in sorted(entries, key=lambda pair: pair[0]))


def _of_row(reader: RowReader, read: ReadRows, group: Sequence[Made]) -> Iterator[AsRead]:
    row, first = group[0].row, group[0]
    ids = [one.cell.cell_id for one in group]
    more = (f"and {len(ids) - _NAMED_CELLS} more",) if len(ids) > _NAMED_CELLS else ()
    cells = (*ids[:_NAMED_CELLS], *more)
    assumed = {name for one in group for name in one.cell.assumed}
    for field, column in reader.columns.columns.items():
        text = reader.row[column]
        if field in read.unused:
            yield AsRead(
                where=reader.where, column=column, text=text, field=field, fate="not used",
                why=_WHY_UNUSED.get(field, "another column says it"), cells=cells,
            )  # fmt: skip
        elif text:
            fate, why = _fate(field, row, first, assumed)
            yield AsRead(
                where=reader.where, column=column, text=text, field=field,
                value=_value(field, row, first), fate=fate, why=why, cells=cells,
            )  # fmt: skip
    for name in sorted(assumed):
        column = reader.columns.columns.get(name, "")
        if not column or not reader.row[column]:
            yield AsRead(
                where=reader.where, column=column, field=name, value=_assumed(name, group),
                fate="assumed", why=_EMPTY if column else _NO_COLUMN, cells=cells,
            )  # fmt: skip
    for column in reader.columns.ignored:
        if reader.row.get(column):
            yield AsRead(
                where=reader.where, column=column, text=reader.row[column], fate="not used",
                why="no field of a cell plan, or a better named column has it", cells=cells,
            )  # fmt: skip


def _fate(field: str, row: CellRow, made: Made, assumed: set[str]) -> tuple[Any, str]:
    """Return the fate of a value that the file gives, and why where it is not simply taken."""
    cell = made.cell
    if field == "antenna" and "antenna" in assumed:
        return "assumed", f"network.antennas has no such file: {cell.antenna.name}"
    if field in ("band", "carrier") and "channel" in assumed:
        return "given", "the channel in it is assumed"
    if row.uncertain:
        return "given", f"one of {len(row.records)} rows of a site" if len(row.records) > 1 else ""
    if field == "listed_ground_m":
        return "given", "only held against the elevation"
    if field == "on_air_since":
        if cell.on_air_since is None:
            return "not used", "no day: wanted one such as 2024-05-31 or 31/05/2024"
        return "given", "only held against measurements"
    if field == "radius_m" and row.radius_m is not None and row.radius_m > cell.radius_m:
        return "given", "cut to network.radius_m"
    if field in ("rs_power_dbm", "eirp_dbm", "erp_dbm"):
        return "given", f"{cell.total_power_dbm:.2f} dBm of the whole carrier"
    if field in ("band", "earfcn", "nr_arfcn", "arfcn", "freq_mhz", "ssb_arfcn", "carrier"):
        return "given", cell.carrier.name
    return "given", ""


def _value(field: str, row: CellRow, made: Made) -> str:
    """Return what the plan computes with for a field of a row."""
    if field in ("lat_deg", "lon_deg"):
        return f"{getattr(made.mast, field):.7f}"
    if field in ("x_m", "y_m", "position", "lat", "lon"):
        return f"{made.mast.lat_deg:.7f}, {made.mast.lon_deg:.7f}"
    if field == "cell_id":
        return made.cell.cell_id
    if field == "site_id":
        return made.mast.mast_id
    if field == "antenna":
        return made.cell.antenna.name
    if field == "operator":
        return row.operator
    if field in ("has_4g", "has_5g"):
        return field[-2:].upper()
    if field == "technology":
        return made.cell.carrier.technology
    if field == "bandwidth_mhz":
        return _shown(made.cell.carrier.bandwidth_mhz)
    if field == "total_downtilt_deg":
        return _shown(made.cell.mechanical_downtilt_deg)
    if field == "radius_m":
        return _shown(made.cell.radius_m)
    return _shown(getattr(row, field, ""))


def _assumed(name: str, group: Sequence[Made]) -> str:
    """Return what an assumed field became on the cells of a row."""
    values: dict[str, None] = {}
    for one in group:
        cell = one.cell
        if name in ("carrier", "channel"):
            shown = cell.carrier.name
        elif name == "bandwidth_mhz":
            shown = _shown(cell.carrier.bandwidth_mhz)
        elif name == "technology":
            shown = cell.carrier.technology
        elif name == "antenna":
            shown = cell.antenna.name
        else:
            shown = _shown(getattr(cell, name, ""))
        values.setdefault(shown)
    return "; ".join(values)


def _summary(reader: RowReader) -> str:
    return _short(reader.row)


def _short(row: Mapping[str, str]) -> str:
    text = "; ".join(f"{name}={value}" for name, value in row.items() if value)
    return text if len(text) <= 200 else text[:199] + "…"


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def counted(entries: Iterable[AsRead]) -> dict[str, int]:
    """Return fate to number of rows of the file (not of values)."""
    rows: dict[str, set[str]] = {}
    for entry in entries:
        kind = entry.fate if entry.fate in ("left out", "merged") else "used"
        rows.setdefault(kind, set()).add(entry.where)
    return {kind: len(found) for kind, found in rows.items()}
