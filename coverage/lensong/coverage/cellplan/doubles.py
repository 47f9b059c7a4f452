"""One cell that a plan states twice: alike it is merged and counted, else it is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TypeAlias

from lensong.coverage.cellplan.rows import CellRow, ReadRows
from lensong.coverage.network import Technology, operator_key
from lensong.propagation.errors import InvalidInputError

__all__ = ["Chosen", "merge_rows", "with_one_spelling"]

Chosen: TypeAlias = tuple[CellRow, Technology, bool]

_NOT_COMPARED = {
    "where", "records", "lat_deg", "lon_deg", "site_name", "status", "backhaul", "power_supply",
    "site_id", "listed_ground_m", "on_air_since",
}  # fmt: skip
_ALL_OF_SITE = ("height_agl_m", "total_power_dbm", "bandwidth_mhz")


def with_one_spelling(rows: Sequence[CellRow]) -> list[CellRow]:
    """Return rows whose operators are spelled as each was first written."""
    first: dict[str, str] = {}
    for row in rows:
        first.setdefault(operator_key(row.operator), row.operator)
    return [replace(row, operator=first[operator_key(row.operator)]) for row in rows]


def merge_rows(
    read: ReadRows, chosen: Sequence[Chosen], mast_ids: Sequence[str]
) -> tuple[list[Chosen], list[str]]:
    """Return the rows without those that say of a cell or site what an earlier one says.

    Rows are one cell when they agree in mast, operator, technology, id, azimuth, carrier and
    physical cell id; without an azimuth only in a list of sites, or where the whole row is the
    same: three rows without azimuths can be three sectors.

    Raises
    ------
    InvalidInputError
        Two rows are one cell and contradict each other (named with their lines and values).
    """
    first: dict[tuple[object, ...], CellRow] = {}
    kept: list[Chosen] = []
    masts: list[str] = []
    faults: list[str] = []
    for (row, technology, is_assumed), mast_id in zip(chosen, mast_ids, strict=True):
        key = _identity(row, technology, mast_id)
        earlier = first.setdefault(key, row)
        if earlier is row:
            kept.append((row, technology, is_assumed))
            masts.append(mast_id)
            continue
        differing = _differences(earlier, row, read)
        if differing:
            faults.append(f"{earlier.where} and {row.where} differ in {', '.join(differing)}")
            continue
        read.merged += [(reader, f"the same as {earlier.where}") for reader in row.records]
    if faults:
        more = f" and {len(faults) - 5} more pairs" if len(faults) > 5 else ""
        raise InvalidInputError(
            f"the cell plan states a cell more than once and contradicts itself: "
            f"{'; '.join(faults[:5])}{more}: keep the right rows, or give each cell its own id"
        )
    return kept, masts


def _identity(row: CellRow, technology: Technology, mast_id: str) -> tuple[object, ...]:
    """Return what makes two rows one cell."""
    spectrum = (row.band, row.earfcn, row.nr_arfcn, row.arfcn, row.freq_mhz, row.carrier)
    base = (mast_id, row.operator, technology, row.cell_id, row.is_site, spectrum)
    if row.uncertain:
        return (*base, row.where)
    if row.is_site:
        return base
    if row.azimuth_deg is None and not row.is_omni and not row.cell_id:
        # sectors whose azimuths are assumed in turn: one only where the file's rows are equal
        return (*base, tuple(row.records[0].row.values()) if row.records else row.where)
    return (*base, row.azimuth_deg, row.is_omni, row.physical_cell_id)


def _differences(one: CellRow, other: CellRow, read: ReadRows) -> list[str]:
    """Return what two rows say differently, by the file's column where there is one."""
    found = []
    for field in fields(CellRow):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name in _NOT_COMPARED or a == b:
            continue
        column = read.mapped.get(field.name, field.name)
        found.append(f"{column} ({a!r} and {b!r})")
    return found
