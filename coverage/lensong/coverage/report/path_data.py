"""The path of each village that is short of a service, small enough for a thousand in one page.

A profile is at most `_MOST_POINTS` points, the highest of its stretch each, packed to two bytes a
number; the page draws it when it is opened (templates/paths.js).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from math import isnan
from typing import Any

import numpy as np

from lensong.coverage.network import Cell, Technology
from lensong.coverage.path.budget import path_budget
from lensong.coverage.path.clearance import K_LOW, Clearance, Edge, clearance, median_k
from lensong.coverage.path.levels import CellLevel, Levels
from lensong.coverage.path.line import End, Line
from lensong.coverage.report.headline import column, headline
from lensong.coverage.result import PlanResult
from lensong.propagation.errors import DataError, InvalidInputError, OutOfRangeError
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["path_data"]

_MOST_POINTS = 120
_CLUTTER_UNIT_M = 0.5
_STEPS = ("free_space", "terrain", "clutter", "earth")


def path_data(result: PlanResult) -> dict[str, Any]:
    """Return the effective Earth radii, and by row of the village table its path, JSON-ready.

    A village has one when less of its people than the covered share have some service. It begins
    at the cell that most of its people are served by, of the technology that serves most of them;
    where no cell reaches it, at the nearest mast. Villages whose path crosses a void have none, and
    none has one in air that bends rays as much as the Earth (Delta-N above 150).
    """
    try:
        k = median_k(result.propagation.delta_n_per_km)
    except OutOfRangeError:
        return {"median_k": None, "low_k": round(K_LOW, 4), "villages": {}}
    levels = Levels(result.land, result.network, result.handset, result.propagation)
    chosen = _BestCells(result, levels)
    covered = headline(result).covered_share
    paths: dict[str, Any] = {}
    for number, row in enumerate(result.villages.to_dict("records")):
        shares = [row[column("served_share", service.name)] for service in result.services]
        if min(shares, default=1.0) >= covered:
            continue
        place = _place(levels, row)
        found = None if place is None else chosen.level(row, place)
        if found is not None:
            paths[str(number)] = _record(result, *found)
    return {
        "median_k": round(k, 4),
        "low_k": round(K_LOW, 4),
        "villages": paths,
    }


def _place(levels: Levels, row: dict[Any, Any]) -> End | None:
    try:
        return levels.place(float(row["lat_deg"]), float(row["lon_deg"]), name=str(row["name"]))
    except DataError:
        return None


class _BestCells:
    """Chooses the cell from which a village's path is drawn."""

    def __init__(self, result: PlanResult, levels: Levels) -> None:
        self._levels = levels
        self._class_service = result.class_service
        self._technologies: list[Technology] = list(result.layers)
        self._cells = {cell.cell_id: cell for cell in result.network.cells}
        self._by_mast: dict[str, list[Cell]] = {}
        for cell in result.network.cells:
            self._by_mast.setdefault(cell.mast_id, []).append(cell)

    def level(self, row: dict[Any, Any], place: End) -> tuple[CellLevel, str] | None:
        """Return the chosen cell's level at a place, and why it is an odd choice if it is."""
        served = self._served_by(row)
        if served is not None:
            found = self._strongest([served], place)
            if found is None:
                return None
            return found, "" if found.in_radius else "beyond"
        for mast_id in self._nearest(place):
            found = self._strongest(self._by_mast[mast_id], place)
            if found is not None:
                return found, "nearest"
        return None

    def _served_by(self, row: dict[Any, Any]) -> Cell | None:
        best: tuple[float, float] | None = None
        cell = None
        for technology in self._technologies:
            tech = technology.lower()
            name = row.get(f"best_server_{tech}")
            if not name:
                continue
            share = row.get(f"{column('served_share', self._class_service)}_{tech}", 0.0)
            level = row.get(f"rsrp_p50_dbm_{tech}", float("nan"))
            rank = (float(share), -999.0 if isnan(level) else float(level))
            if best is None or rank > best:
                best, cell = rank, self._cells[name]
        return cell

    def _nearest(self, place: End) -> list[str]:
        away = {mast_id: self._levels.distance_m(mast_id, place) for mast_id in self._by_mast}
        return sorted(away, key=lambda mast_id: (away[mast_id], mast_id))[:3]

    def _strongest(self, cells: Sequence[Cell], place: End) -> CellLevel | None:
        try:
            found = [level for level in self._levels.at(place, cells) if level.loss.known]
        except (DataError, InvalidInputError):
            return None
        return max(found, key=lambda level: level.rsrp_dbm, default=None)


def _record(result: PlanResult, level: CellLevel, why: str) -> dict[str, Any]:
    line, cell = level.line, level.cell
    budget = path_budget(
        cell,
        result.handset,
        result.services,
        path_loss_db=level.loss.path_loss_db,
        gain_dbi=level.gain_dbi,
        learnt_db=level.learnt_db,
        sigma_db=result.level_sigma_db,
    )
    ladder = {term.key: term.loss_db for term in level.loss.ladder}
    steps = {key: ladder[key] for key in _STEPS if key in ladder}
    if steps:
        steps["rest"] = level.loss.path_loss_db - sum(steps.values())
        steps["learnt"] = -level.learnt_db
    low = clearance(line, freq_mhz=cell.carrier.downlink_freq_mhz, k=K_LOW)
    return {
        "cell": cell.cell_id,
        "mast": level.mast.name or level.mast.mast_id,
        "technology": cell.carrier.technology,
        "freq_mhz": cell.carrier.downlink_freq_mhz,
        "path_m": round(line.path_m, 1),
        "tx_m": round(line.tx_amsl_m, 1),
        "rx_m": round(line.rx_amsl_m, 1),
        "tx_agl_m": line.tx.height_agl_m,
        **_profile(line, level.clearance.edge),
        "edge": _edge(level.clearance.edge),
        "low_above_m": round(low.edge.above_line_m, 1),
        "horizons": _horizons(level.clearance),
        "model": level.loss.model,
        "loss_db": round(level.loss.path_loss_db - level.learnt_db, 1),
        "steps": [[key, round(db, 1)] for key, db in steps.items() if abs(db) >= 0.05],
        "rsrp_dbm": round(level.rsrp_dbm, 1),
        "off_beam_db": round(level.off_beam_db, 1),
        "services": [
            [m.service, _finite(m.uplink_db), round(m.level_db, 1), round(m.wanted_db, 1)]
            for m in budget.services
        ],
        "why": why,
    }


def _finite(value_db: float) -> float | None:
    return round(value_db, 1) if np.isfinite(value_db) else None


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "at_m": round(edge.distance_m, 1),
        "top_m": round(edge.ground_amsl_m + edge.clutter_m, 1),
        "clutter_m": round(edge.clutter_m, 1),
        "above_m": round(edge.above_line_m, 1),
        "radii": round(edge.clearance_share, 2),
        "edge_db": round(edge.edge_loss_db, 1),
    }


def _horizons(passes: Clearance) -> list[list[float]]:
    return [
        [round(edge.distance_m, 1), round(edge.ground_amsl_m + edge.clutter_m, 1)]
        for edge in (passes.tx_horizon, passes.rx_horizon)
        if edge is not None
    ]


def _profile(line: Line, edge: Edge) -> dict[str, Any]:
    """Return the points that are drawn: where [1/65535 of the path], ground [dm], clutter."""
    kept = _highest(line.surface_distance_m, line.surface_amsl_m, edge.distance_m)
    ground = line.surface_ground_m[kept]
    clutter = line.surface_amsl_m[kept] - ground
    base_m = float(np.floor(ground.min()))
    at = np.rint(line.surface_distance_m[kept] / line.path_m * 65535.0)
    return {
        "base_m": base_m,
        "at": _packed(at, "<u2"),
        "ground": _packed(np.minimum(np.rint((ground - base_m) * 10.0), 65535.0), "<u2"),
        "clutter": _packed(np.minimum(np.rint(clutter / _CLUTTER_UNIT_M), 255.0), "u1")
        if clutter.any()
        else "",
    }


def _highest(at_m: FloatArray, top_m: FloatArray, edge_m: float) -> IntArray:
    """Return which points to keep: the ends, the edge, and the highest of each stretch."""
    if at_m.size <= _MOST_POINTS:
        return np.arange(at_m.size)
    stretch = np.minimum((at_m / at_m[-1] * (_MOST_POINTS - 3)).astype(int), _MOST_POINTS - 4)
    order = np.lexsort((top_m, stretch))
    last = np.flatnonzero(np.r_[np.diff(stretch[order]) != 0, True])
    edge = int(np.argmin(np.abs(at_m - edge_m)))
    return np.unique(np.r_[0, order[last], edge, at_m.size - 1])


def _packed(values: FloatArray, kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode("ascii")
