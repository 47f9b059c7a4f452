"""What the API says of plans, variants, masts and cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lensong.coverage.calibration.apply import CalibratedPaths
from lensong.coverage.network import Cell, Mast, Network
from lensong.coverage.variant.catalogue import Catalogue, carrier_id
from lensong.coverage.variant.coarse import coarse_step
from lensong.gis_data.gridding import bounds_deg
from lensong.planner.bodies import MOST_EDITS
from lensong.planner.open_plan import OpenPlan
from lensong.planner.shown import Opened
from lensong.planner.variants import BASE, MOST_MASTS_PER_SET, MOST_VARIANTS, Variant
from lensong.planner.views import Window, cell_under, corners_deg, lattice
from lensong.propagation.errors import InvalidInputError

__all__ = [
    "changed_network",
    "network_said",
    "plan_said",
    "settled_said",
    "touched_said",
    "variant_said",
]

_AROUND = 0.06  # of what masts and villages span
_LEAST_DEG = 0.01
_CELL = (
    "cell_id", "mast_id", "operator", "azimuth_deg", "mechanical_downtilt_deg",
    "electrical_downtilt_deg", "height_agl_m", "total_power_dbm", "feeder_loss_db",
    "downlink_load", "uplink_noise_rise_db", "radius_m", "uncertain",
)  # fmt: skip
_MAST = ("mast_id", "name", "operator", "lat_deg", "lon_deg", "height_agl_m", "uncertain")


def plan_said(plan: OpenPlan, *, may_edit: bool, live: bool = False) -> dict[str, Any]:
    """Return a plan for the page's start; as much as is known while it opens."""
    found: dict[str, Any] = {
        "plan_id": plan.plan_id,
        "title": plan.title,
        "state": plan.state,
        "why": plan.why,
        "progress": plan.progress if plan.state == "opening" else None,
        "last_event": plan.events.last,
        "has_picture": plan.has_picture,
    }
    if not plan.has_picture:
        return found
    opened = plan.opened
    grid, base = opened.grid, plan.shown(opened.variants.get(BASE))
    step = coarse_step(grid.cell_m)
    return found | {
        "synthetic": opened.synthetic,
        "live": live,
        "grid": {
            "crs": grid.crs,
            "west_m": grid.west_m,
            "north_m": grid.north_m,
            "cell_m": grid.cell_m,
            "rows": grid.rows,
            "cols": grid.cols,
            "corners_deg": corners_deg(grid, _all_of(grid.rows, grid.cols)),
            "lattice": lattice(grid),
        },
        "bounds_deg": list(bounds_deg(grid)),
        "view_deg": _view_deg(opened),
        "coarse": {"cell_m": grid.cell_m * step, "step": step},
        "services": [
            {
                "name": s.name,
                "downlink_mbps": s.downlink_mbps,
                "uplink_mbps": s.uplink_mbps,
                "probability": s.probability,
                "min_rsrp_dbm": s.min_rsrp_dbm,
                "technologies": list(s.technologies),
            }
            for s in opened.services
        ],
        "class_service": opened.classes.service,
        "technologies": list(base.technologies),
        "operators": list(base.operators),
        "carriers": [
            {
                "carrier_id": name,
                "technology": c.technology,
                "band": c.name.split()[0],
                "downlink_freq_mhz": c.downlink_freq_mhz,
                "uplink_freq_mhz": c.uplink_freq_mhz,
                "bandwidth_mhz": c.bandwidth_mhz,
                "duplex": c.duplex,
            }
            for name, c in opened.carriers.items()
        ],
        "antennas": [
            {
                "antenna_id": name,
                "gain_dbi": a.gain_dbi,
                "parametric": Catalogue.is_parametric(a),
                "horizontal_loss_db": a.horizontal_loss_db.round(3).tolist(),
                "vertical_loss_db": a.vertical_loss_db.round(3).tolist(),
            }
            for name, a in opened.antennas.items()
        ],
        "layers": [layer.as_json() for layer in base.layers.values()],
        "limits": {
            "edits_per_set": MOST_EDITS,
            "masts_per_set": MOST_MASTS_PER_SET,
            "variants": MOST_VARIANTS,
        },
        "radius_m": opened.radius_m,
        "warnings": list(opened.warnings),
        "may_edit": may_edit and plan.state == "ready",
        "proposals": plan.stored is None and opened.network.proposals is not None,
        "may_measure": may_edit,
    }


def variant_said(plan: OpenPlan, variant: Variant) -> dict[str, Any]:
    """Return a variant."""
    return {
        "variant_id": variant.variant_id,
        "name": variant.name,
        "comment": variant.comment,
        "revision": variant.revision,
        "settled": plan.settled(variant),
        "created_at": variant.created_at,
        "created_by": variant.created_by,
        "changed_at": variant.changed_at,
        "changed_by": variant.changed_by,
        "can_undo": variant.done > 0 and not variant.why,
        "can_redo": variant.done < len(variant.steps) and not variant.why,
        "edits": variant.done,
        "why": variant.why,
    }


def settled_said(plan: OpenPlan, variant: Variant) -> dict[str, Any]:
    """Return the revision and how far it is planned."""
    return {"revision": variant.revision, "settled": plan.settled(variant)}


def network_said(plan: OpenPlan, variant: Variant) -> dict[str, Any]:
    """Return the masts and cells of a variant."""
    base, network = plan.opened.network, variant.network
    masts = {mast.mast_id: mast for mast in network.masts}
    return {
        "revision": variant.revision,
        "masts": [_mast(plan, mast, base) for mast in network.masts],
        "cells": [_cell(plan, masts, cell, base) for cell in network.cells],
        "removed_masts": [mast.mast_id for mast in base.masts if mast.mast_id not in masts],
    }


def changed_network(plan: OpenPlan, variant: Variant, before: Network) -> dict[str, Any]:
    """Return the masts and cells that a change made or changed, and those that it took away."""
    base, network = plan.opened.network, variant.network
    masts = {mast.mast_id: mast for mast in before.masts}
    cells = {cell.cell_id: cell for cell in before.cells}
    standing = {mast.mast_id: mast for mast in network.masts}
    # what a calibration says of a cell changes with its mast's place
    moved = {m.mast_id for m in network.masts if masts.get(m.mast_id, m) != m}
    cells_now = {cell.cell_id for cell in network.cells}
    return {
        "masts": [
            _mast(plan, mast, base)
            for mast in network.masts
            if masts.get(mast.mast_id) is not mast and masts.get(mast.mast_id) != mast
        ],
        "cells": [
            _cell(plan, standing, cell, base)
            for cell in network.cells
            if cells.get(cell.cell_id) is not cell or cell.mast_id in moved
        ],
        "removed_masts": [mast_id for mast_id in masts if mast_id not in standing],
        "removed_cells": [cell_id for cell_id in cells if cell_id not in cells_now],
    }


def touched_said(plan: OpenPlan, before: Network, after: Network) -> dict[str, Any] | None:
    """Return the part of the grid whose layers a change may alter; None where there is none."""
    ready = plan.ready
    windows = ready.engine.windows_between(before, after)
    if not windows:
        return None
    top, left = min(w[0] for w in windows), min(w[1] for w in windows)
    bottom, right = max(w[2] for w in windows), max(w[3] for w in windows)
    part = Window(row0=top, col0=left, rows=bottom - top, cols=right - left)
    return part_said(plan, part)


def part_said(plan: OpenPlan, part: Window) -> dict[str, Any]:
    """Return a part of the grid."""
    return {
        "row0": part.row0,
        "col0": part.col0,
        "rows": part.rows,
        "cols": part.cols,
        "corners_deg": corners_deg(plan.opened.grid, part),
    }


def _view_deg(opened: Opened) -> list[float]:
    """Return west, south, east and north of what the map shows first: masts and villages.

    The grid reaches as far as cells do, and the elevation may end before it.
    """
    masts, villages = opened.network.masts, opened.villages
    lon = np.concatenate([[mast.lon_deg for mast in masts], villages["lon_deg"].to_numpy(float)])
    lat = np.concatenate([[mast.lat_deg for mast in masts], villages["lat_deg"].to_numpy(float)])
    west, south, east, north = lon.min(), lat.min(), lon.max(), lat.max()
    around = max(_AROUND * max(east - west, north - south), _LEAST_DEG)
    least_lon, least_lat, most_lon, most_lat = bounds_deg(opened.grid)
    return [
        max(float(west) - around, least_lon),
        max(float(south) - around, least_lat),
        min(float(east) + around, most_lon),
        min(float(north) + around, most_lat),
    ]


def _mast(plan: OpenPlan, mast: Mast, base: Network) -> dict[str, Any]:
    as_read = next((m for m in base.masts if m.mast_id == mast.mast_id), None)
    opened = plan.opened
    try:
        ground = opened.ground_at(*cell_under(opened.grid, mast.lat_deg, mast.lon_deg))
    except InvalidInputError:
        ground = float("nan")
    return {
        **{name: getattr(mast, name) for name in _MAST},
        "ground_m": ground if ground == ground else None,
        "state": "added" if as_read is None else "as_read" if as_read == mast else "edited",
    }


def _cell(plan: OpenPlan, masts: Mapping[str, Mast], cell: Cell, base: Network) -> dict[str, Any]:
    as_read = next((c for c in base.cells if c.cell_id == cell.cell_id), None)
    return {
        **{name: getattr(cell, name) for name in _CELL},
        "technology": cell.carrier.technology,
        "carrier": carrier_id(cell.carrier),
        "antenna": cell.antenna.name,
        "calibration": _calibration(plan, masts[cell.mast_id], cell),
        "state": "added" if as_read is None else "as_read" if as_read is cell else "edited",
    }


def _calibration(plan: OpenPlan, mast: Mast, cell: Cell) -> dict[str, Any] | None:
    """Return on what the levels of a cell rest, None for a plan without a calibration."""
    learnt = plan.calibration
    if not isinstance(learnt, CalibratedPaths):
        return None
    found = learnt.cells.of(cell, mast)
    return {"basis": found.basis, "why": found.why, "bias_db": round(found.bias_db, 2)}


def _all_of(rows: int, cols: int) -> Window:
    return Window(row0=0, col0=0, rows=rows, cols=cols)
