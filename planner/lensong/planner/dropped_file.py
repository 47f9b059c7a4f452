"""A file dropped on the map: what became of each of its rows, and the edits that add it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lensong.coverage.antenna_file import parse_antennas
from lensong.coverage.cellplan import CellTables, build_network
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.scenario.inputs import read_antennas
from lensong.coverage.variant.catalogue import carrier_id
from lensong.gis_data.lists import read_list
from lensong.planner.open_plan import Ready
from lensong.planner.variants import MOST_MASTS_PER_SET
from lensong.propagation.errors import InvalidInputError

__all__ = ["read_dropped"]

_PATTERNS = (".msi", ".pln")
_FIELDS = (
    "operator", "azimuth_deg", "mechanical_downtilt_deg", "height_agl_m", "total_power_dbm",
    "feeder_loss_db", "downlink_load", "uplink_noise_rise_db",
)  # fmt: skip


def read_dropped(ready: Ready, network: Network, name: str, content: bytes) -> dict[str, Any]:
    """Return what a file holds, and the set of edits that adds or changes it; nothing is changed.

    Parameters
    ----------
    ready : Ready
    network : Network
        Of the variant.
    name : str
        Of the file; its ending says the form.
    content : bytes

    Raises
    ------
    LensongError
        It cannot be read; says why.
    """
    suffix = Path(name).suffix.lower()
    if suffix in _PATTERNS:
        patterns = parse_antennas({Path(name).name: content.decode("utf-8", "replace")})
        where = ready.scenario.settings["network"].get("antennas") or "a folder of your choice"
        rows = [
            {"where": name, "field": "antenna", "text": key, "value": f"{p.gain_dbi:g} dBi",
             "fate": "given", "cells": [],
             "why": f"put the file into network.antennas ({where}) and open the plan again: a "
             "variant refers to patterns, it does not hold them"}
            for key, p in patterns.items()
        ]  # fmt: skip
        return {"kind": "antenna", "rows": rows, "edits": [], "notes": []}
    with TemporaryDirectory(prefix="lensong-planner-") as folder:
        path = Path(folder) / f"dropped{suffix}"
        path.write_bytes(content)
        table = read_list(path)
    request = ready.scenario.network
    read, report = build_network(
        CellTables(main=table),
        antennas=read_antennas(request.antennas),
        assume=request.assume,
        radius_m=ready.variants.radius_m,
    )
    return {
        "kind": "cells",
        "rows": [{**asdict(row), "cells": list(row.cells)} for row in read.as_read],
        "edits": _edits(network, read),
        "notes": list(report.notes),
    }


def _edits(network: Network, read: Network) -> list[dict[str, Any]]:
    """Return the edits that make the masts and cells of a file part of a network."""
    known = {mast.mast_id: mast for mast in network.masts}
    cells = {cell.cell_id: cell for cell in network.cells}
    edits: list[dict[str, Any]] = []
    if len(read.masts) > MOST_MASTS_PER_SET:
        raise InvalidInputError(
            f"the file has {len(read.masts)} masts, wanted at most {MOST_MASTS_PER_SET} at once: "
            "put them into the scenario's cell list, or drop them in parts"
        )
    for mast in read.masts:
        own = [cell for cell in read.cells if cell.mast_id == mast.mast_id]
        there = known.get(mast.mast_id)
        if there is None:
            edits.append(_add_mast(mast, own))
            continue
        if (there.lat_deg, there.lon_deg) != (mast.lat_deg, mast.lon_deg):
            edits.append({"kind": "move_mast", "mast_id": mast.mast_id,
                          "lat_deg": mast.lat_deg, "lon_deg": mast.lon_deg})  # fmt: skip
        for cell in own:
            if cell.cell_id in cells:
                changed = _cell(cell)
                edits.append({"kind": "set_cell", **changed})
            else:
                edits.append({"kind": "add_cell", "mast_id": mast.mast_id, "cell": _cell(cell)})
    return edits


def _add_mast(mast: Mast, cells: list[Cell]) -> dict[str, Any]:
    return {
        "kind": "add_mast",
        "mast_id": mast.mast_id,
        "name": mast.name,
        "lat_deg": mast.lat_deg,
        "lon_deg": mast.lon_deg,
        "height_agl_m": mast.height_agl_m,
        "cells": [_cell(cell) for cell in cells],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "cell_id": cell.cell_id,
        "carrier": carrier_id(cell.carrier),
        "antenna": cell.antenna.name,
        **{name: getattr(cell, name) for name in _FIELDS},
    }
