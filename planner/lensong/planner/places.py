"""What a variant offers at one place, beside the network as it was read."""

from __future__ import annotations

from math import atan2, degrees, hypot
from typing import Any

import numpy as np

from lensong.coverage.calibration.known import BASES
from lensong.coverage.layer_model import meridian_convergence_deg
from lensong.coverage.path.line import end_at
from lensong.planner.layer_list import KNOWN_QUANTITIES, Layer
from lensong.planner.measured import measured_at
from lensong.planner.open_plan import OpenPlan, layer_of
from lensong.planner.shown import Shown
from lensong.planner.variants import BASE, Variant
from lensong.planner.views import cell_under, values_at
from lensong.propagation.types import Grid

__all__ = ["point_said"]


def point_said(plan: OpenPlan, variant: Variant, lat_deg: float, lon_deg: float) -> dict[str, Any]:
    """Return the values of all layers at a place, and who serves it.

    Raises
    ------
    InvalidInputError
        It lies off the grid.
    """
    opened = plan.opened
    row, col = cell_under(opened.grid, lat_deg, lon_deg)
    revision, now = variant.revision, plan.shown(variant)
    base = plan.shown(opened.variants.get(BASE))
    ground = opened.ground_at(row, col)
    return {
        "revision": revision,
        "settled": now.settled,
        "place": {
            "lat_deg": lat_deg,
            "lon_deg": lon_deg,
            "row": row,
            "col": col,
            "ground_m": None if np.isnan(ground) else ground,
        },
        "values": _values(now, row, col),
        "base": _values(base, row, col),
        "known": _known(now, row, col),
        "measured": measured_at(plan.measured.all(), now, row, col),
        "server": _servers(opened.grid, now, row, col, lat_deg, lon_deg),
    }


def _values(now: Shown, row: int, col: int) -> dict[str, float | None]:
    """Return the values of a cell; of layers that are still being planned null."""
    at = np.array([row]), np.array([col])
    return {
        layer.layer_id: _plain(layer, values_at(now.tiles, layer, *at, now.tile_px)[0])
        if now.has(layer)
        else None
        for layer in now.layers.values()
        if layer.quantity not in ("server", "second", *KNOWN_QUANTITIES)
    }


def _known(now: Shown, row: int, col: int) -> dict[str, Any]:
    """Return on what the level of each technology rests, and how sure it is."""
    found = {} if now.known is None else now.known(row, col)
    return {
        technology: {
            "basis": BASES[int(of.basis) - 1],
            "interval_db": round(float(of.half_db), 1),
            "field_db": round(float(of.field_db), 1),
        }
        for technology, of in found.items()
        if int(of.basis)
    }


def _plain(layer: Layer, value: Any) -> float | int | None:
    """Return a value as JSON has it; none is null."""
    if np.isnan(value) or (layer.none is not None and value == layer.none):
        return None
    return float(value) if layer.dtype == "float32" else int(value)


def _servers(
    grid: Grid, now: Shown, row: int, col: int, lat_deg: float, lon_deg: float
) -> dict[str, Any]:
    network = now.network
    turn_deg = meridian_convergence_deg(grid.crs, network)
    place = end_at(grid, lat_deg, lon_deg, 1.0)
    found: dict[str, Any] = {}
    for technology in now.technologies:
        layer = layer_of(now.layers, f"server-{technology.lower()}")
        index = int(values_at(now.tiles, layer, np.array([row]), np.array([col]), now.tile_px)[0])
        if index < 0:
            found[technology] = None
            continue
        cell = network.cells[index]
        mast = network.mast(cell.mast_id)
        end = end_at(grid, mast.lat_deg, mast.lon_deg, 1.0)
        east, north = place.col - end.col, end.row - place.row
        found[technology] = {
            "cell_id": cell.cell_id,
            "mast_id": cell.mast_id,
            "distance_m": hypot(east, north) * grid.cell_m,
            "azimuth_deg": (degrees(atan2(east, north)) + turn_deg[mast.mast_id]) % 360.0,
        }
    return found
