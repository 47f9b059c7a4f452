"""A dropped file: what became of each row, and the edits that take it into a variant."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from itertools import count
from math import isnan
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lensong.coverage.antenna_file import parse_antennas
from lensong.coverage.measured_levels import MeasuredLevels, holds_levels, read_levels
from lensong.coverage.network import AsRead, Cell, Mast, Network
from lensong.coverage.path.line import end_at
from lensong.coverage.scenario.inputs import read_network
from lensong.coverage.scenario.load import NetworkRequest
from lensong.coverage.variant.catalogue import carrier_id
from lensong.gis_data.land import Land
from lensong.gis_data.lists import read_list
from lensong.planner.antenna_files import PATTERNS
from lensong.planner.measured import of_levels
from lensong.planner.open_plan import OpenPlan
from lensong.planner.variants import BASE
from lensong.planner.why_here import CELL_FIELDS, cell_body
from lensong.propagation.errors import DataError, InvalidInputError, LensongError

__all__ = ["LISTS", "edits_of", "read_file"]

LISTS = (".csv", ".tsv", ".txt", ".xlsx", ".kml", ".kmz", ".gpkg", ".geojson", ".json")
_SAME_PLACE_DEG = 5e-7  # what six decimals cannot tell apart


def read_file(plan: OpenPlan, network: Network, name: str, content: bytes) -> dict[str, Any]:
    """Return the kind of a file, what became of its rows, and the edits that they are.

    A mast or a cell whose id the network has is changed where it differs, others are added.
    Nothing is kept.

    Parameters
    ----------
    plan : OpenPlan
        Its scenario says how lists are read: columns, units, what is assumed.
    network : Network
        That the edits are for.
    name : str
        Of the file; its ending decides what it may be.
    content : bytes

    Raises
    ------
    LensongError
        It is no list of cells, no drive test and no antenna, or a row cannot be read.
    """
    ending = PurePath(name).suffix.lower()
    if ending in PATTERNS:
        return _antennas(name, content)
    if ending not in LISTS:
        raise InvalidInputError(
            f"{name!r} is neither a list ({' '.join(LISTS)}) nor an antenna ({' '.join(PATTERNS)})"
        )
    with TemporaryDirectory(prefix="lensong-planner-") as folder:
        path = Path(folder) / f"list{ending}"
        path.write_bytes(content)
        try:
            levels = _levels(path, name)
            if levels is not None:
                return _drive_test(plan, levels)
            asked = replace(
                plan.ready.scenario.network, tables={"main": path}, format="auto", layer=""
            )
            read, assumed = _cells(asked, plan.opened.grid.crs)
        except LensongError as error:
            # not by the name of a file that nobody knows
            raise InvalidInputError(str(error).replace(str(path), name)) from error
    own, nowhere = _on_ground(_with_own_ids(read, network), plan.ready.land)
    return {
        "kind": "cells",
        "rows": [asdict(entry) for entry in (*assumed, *nowhere, *own.as_read)],
        "warnings": list(own.warnings),
        "edits": edits_of(network, own),
    }


def _cells(asked: NetworkRequest, crs: str) -> tuple[Network, list[AsRead]]:
    """Return the cells of a list; metres of no known system are those of the plan's grid."""
    entry = AsRead(where="", field="crs", value=crs, fate="assumed", why="no column says it")
    try:
        return read_network(asked)[0], []
    except LensongError as error:
        if asked.crs is None:
            with suppress(LensongError):  # what was wrong at first is told
                return read_network(replace(asked, crs=crs))[0], [entry]
        raise error


def _on_ground(read: Network, land: Land) -> tuple[Network, list[AsRead]]:
    """Return a network without the masts that the plan has no ground for, and who they are."""
    found: dict[str, str] = {}
    for mast in read.masts:
        try:
            end = end_at(land.grid, mast.lat_deg, mast.lon_deg, 1.0)
        except DataError:
            found[mast.mast_id] = "off the grid"
            continue
        if isnan(float(land.ground_m[round(end.row), round(end.col)])):
            found[mast.mast_id] = "no elevation there"
    told = [
        AsRead(
            where=entry.where, field="site_id", value=mast_id, fate="left out", why=why, cells=cells
        )
        for mast_id, why in found.items()
        for cells in [tuple(c.cell_id for c in read.cells if c.mast_id == mast_id)]
        for entry in [next(e for e in read.as_read if set(e.cells) & set(cells))]
    ]
    kept = replace(
        read,
        masts=tuple(mast for mast in read.masts if mast.mast_id not in found),
        cells=tuple(cell for cell in read.cells if cell.mast_id not in found),
    )
    return kept, told


def _levels(path: Path, name: str) -> MeasuredLevels | None:
    """Return the levels of a drive test, None where a list holds none."""
    table = read_list(path)
    return read_levels(table, name) if holds_levels(table) else None


def _drive_test(plan: OpenPlan, levels: MeasuredLevels) -> dict[str, Any]:
    technologies = plan.shown(plan.opened.variants.get(BASE)).technologies
    found = of_levels(levels, plan.opened.grid, technologies)
    rows: list[dict[str, Any]] = [
        {"field": name, "text": column, "fate": "given"} for name, column in found.columns.items()
    ]
    if found.assumed:
        rows.append(
            {
                "field": "technology",
                "value": found.assumed,
                "fate": "assumed",
                "why": "no column says it",
            }
        )
    rows += [
        {"where": f"{number} rows", "fate": "left out", "why": reason}
        for reason, number in found.left_out.items()
    ]
    empty: dict[str, Any] = {"where": "", "field": "", "text": "", "value": None, "why": ""}
    return {
        "kind": "measurements",
        "rows": [empty | {"cells": []} | row for row in rows],
        "warnings": [],
        "edits": [],
        "places": int(found.row.size),
        "measured_rows": found.rows,
    }


def _antennas(name: str, content: bytes) -> dict[str, Any]:
    patterns = parse_antennas({name: content.decode("utf-8", "replace")})
    rows = [
        {
            "where": name,
            "field": "antenna",
            "text": key,
            "value": f"{pattern.gain_dbi:g} dBi, {_width(pattern.horizontal_loss_db)} x "
            f"{_width(pattern.vertical_loss_db)} deg, {pattern.electrical_downtilt_deg} deg down",
            "fate": "given",
            "why": "",
            "cells": [],
        }
        for key, pattern in patterns.items()
    ]
    return {"kind": "antenna", "rows": rows, "warnings": [], "edits": []}


def _width(loss_db: Any) -> int:
    return int(np.count_nonzero(loss_db <= 3.0))


def _with_own_ids(read: Network, network: Network) -> Network:
    """Return what was read with ids that no mast of the network has, where the list gives none.

    Masts without an id are counted, so that those of two lists would have the same ones.
    """
    said = {entry.field for entry in read.as_read if entry.fate in ("given", "merged")}
    taken = {mast.mast_id for mast in network.masts}
    if "site_id" in said or not taken & {mast.mast_id for mast in read.masts}:
        return read
    numbers = (f"M{n}" for n in count(1) if f"M{n}" not in taken)
    new = {mast.mast_id: next(numbers) for mast in read.masts}

    def cell_id(cell: Cell) -> str:
        if "cell_id" in said or not cell.cell_id.startswith(f"{cell.mast_id}-"):
            return cell.cell_id
        return new[cell.mast_id] + cell.cell_id.removeprefix(cell.mast_id)

    ids = {cell.cell_id: cell_id(cell) for cell in read.cells}
    return replace(
        read,
        as_read=tuple(
            replace(entry, cells=tuple(ids.get(name, name) for name in entry.cells))
            for entry in read.as_read
        ),
        masts=tuple(replace(mast, mast_id=new[mast.mast_id]) for mast in read.masts),
        cells=tuple(
            replace(cell, cell_id=ids[cell.cell_id], mast_id=new[cell.mast_id])
            for cell in read.cells
        ),
    )


def edits_of(network: Network, read: Network) -> list[dict[str, Any]]:
    """Return the edits that bring the masts and cells of another network into one."""
    masts = {mast.mast_id: mast for mast in network.masts}
    cells = {cell.cell_id: cell for cell in network.cells}
    edits: list[dict[str, Any]] = []
    for mast in read.masts:
        own = [cell for cell in read.cells if cell.mast_id == mast.mast_id]
        if mast.mast_id not in masts:
            edits.append(_new_mast(mast, own))
            continue
        edits += _moved(masts[mast.mast_id], mast)
        for cell in own:
            edits += _changed(cells.get(cell.cell_id), cell)
    return edits


def _new_mast(mast: Mast, cells: list[Cell]) -> dict[str, Any]:
    return {
        "kind": "add_mast",
        "mast_id": mast.mast_id,
        "name": mast.name,
        "lat_deg": mast.lat_deg,
        "lon_deg": mast.lon_deg,
        "height_agl_m": mast.height_agl_m,
        "cells": [cell_body(cell) for cell in cells],
    }


def _moved(old: Mast, new: Mast) -> list[dict[str, Any]]:
    apart = max(abs(old.lat_deg - new.lat_deg), abs(old.lon_deg - new.lon_deg))
    if apart <= _SAME_PLACE_DEG:
        return []
    place = {"lat_deg": new.lat_deg, "lon_deg": new.lon_deg}
    return [{"kind": "move_mast", "mast_id": new.mast_id, **place}]


def _changed(old: Cell | None, new: Cell) -> list[dict[str, Any]]:
    if old is None:
        return [{"kind": "add_cell", "mast_id": new.mast_id, "cell": cell_body(new)}]
    if old.mast_id != new.mast_id:
        raise InvalidInputError(
            f"cell {new.cell_id!r} stands on {new.mast_id!r} in the file and on {old.mast_id!r} "
            "in this variant: give it another id, or remove it first"
        )
    fields: dict[str, Any] = {
        name: getattr(new, name)
        for name in CELL_FIELDS
        if name != "electrical_downtilt_deg" and getattr(new, name) != getattr(old, name)
    }
    if new.antenna.name != old.antenna.name:
        fields["antenna"] = new.antenna.name
    if carrier_id(new.carrier) != carrier_id(old.carrier):
        fields["carrier"] = carrier_id(new.carrier)
    return [{"kind": "set_cell", "cell_id": new.cell_id, **fields}] if fields else []
