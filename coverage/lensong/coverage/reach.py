"""How far cells are computed: what lies beyond every radius, and what the radius cuts off.

Nothing is computed beyond a cell's radius: no signal and no interference. How far a cell matters
depends on its band, its height and the land; a radius that is right for 3.5 GHz cuts a good part
of the interference of 700 MHz. So each run measures at the edge itself how much still arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from lensong.coverage.layer_model import meridian_convergence_deg
from lensong.coverage.link_budget import CellBudget, cell_budget
from lensong.coverage.network import Cell, Network
from lensong.coverage.result import REASONS, ServiceLayers
from lensong.coverage.service import Handset
from lensong.coverage.sweeps import NO_LOSS, PackedSweep, SweepJob
from lensong.coverage.village_weights import VillageWeights
from lensong.propagation.types import BoolArray, FloatArray, Grid

__all__ = ["RadiusCut", "beyond_every_radius", "mark_beyond", "some_names", "villages_beyond"]

_RING_CELLS = 1.5
_HEARD_SHARE = 0.05
_MANY_CELLS_SHARE = 0.1


@dataclass(slots=True)
class _Edge:
    """What the cells of one carrier still bring at their radius."""

    cells: int = 0
    still_heard: int = 0
    pixels: int = 0
    above_noise: int = 0
    radius_m: float = 0.0


@dataclass(slots=True, kw_only=True)
class RadiusCut:
    """Watches the sweeps go by and counts what their radius cuts off.

    A cell is *cut* where at its radius it still arrives above the thermal noise of the phone in
    more than one direction in twenty: beyond, it would serve or disturb.
    """

    network: Network
    handset: Handset
    _edges: dict[str, _Edge] = field(default_factory=dict)
    _turn_deg: dict[str, float] = field(default_factory=dict)
    _budgets: list[CellBudget] = field(default_factory=list)

    @classmethod
    def of(cls, grid: Grid, network: Network, handset: Handset) -> RadiusCut:
        """Return one that has seen no sweep yet."""
        return cls(
            network=network,
            handset=handset,
            _turn_deg=meridian_convergence_deg(grid.crs, network),
            _budgets=[cell_budget(cell, handset) for cell in network.cells],
        )

    def see(self, cells: Sequence[int], sweep: PackedSweep) -> None:
        """Count what the cells of a sweep still bring at their radius."""
        for index in cells:
            cell = self.network.cells[index]
            loss_db, azimuth_deg = _at_edge(sweep, cell.radius_m)
            if not loss_db.size:
                continue
            level_dbm = _level_dbm(
                cell, self._budgets[index], loss_db, azimuth_deg + self._turn_deg[cell.mast_id]
            )
            above = int(np.count_nonzero(level_dbm > self._budgets[index].noise_dbm))
            edge = self._edges.setdefault(cell.carrier.name, _Edge())
            edge.cells += 1
            edge.still_heard += above > _HEARD_SHARE * loss_db.size
            edge.pixels += loss_db.size
            edge.above_noise += above
            edge.radius_m = max(edge.radius_m, cell.radius_m)

    def sentences(self) -> tuple[list[str], list[str]]:
        """Return assumptions and warnings about what was cut, per carrier."""
        cut, whole = [], []
        for carrier, edge in sorted(self._edges.items()):
            if edge.still_heard <= _MANY_CELLS_SHARE * edge.cells:
                whole.append(carrier)
                continue
            cut.append(
                f"{edge.still_heard} of {edge.cells} cells of {carrier} still arrive above the "
                f"noise at their radius of {edge.radius_m / 1e3:g} km, in "
                f"{edge.above_noise / edge.pixels:.0%} of directions"
            )
        assumptions = [
            f"The radius cuts off next to nothing of {', '.join(whole)}: at its edge at most one "
            "cell in ten arrives above the noise."
        ]
        warnings = [
            f"{text}: signals and interference beyond are not counted; raise network.radius_m to "
            "count them"
            for text in cut
        ]
        return assumptions if whole else [], warnings


def beyond_every_radius(grid: Grid, network: Network, jobs: Sequence[SweepJob]) -> BoolArray:
    """Return the pixels that lie beyond the radius of every cell, shape of the grid."""
    beyond = np.ones(grid.shape, dtype=np.bool_)
    rows, cols = np.arange(grid.rows)[:, np.newaxis], np.arange(grid.cols)[np.newaxis]
    reach: dict[tuple[float, float], float] = {}
    for job in jobs:
        radius_m = max(network.cells[index].radius_m for index in job.cells)
        place = (job.row, job.col)
        reach[place] = max(reach.get(place, 0.0), radius_m / grid.cell_m)
    for (row, col), radius in reach.items():
        first, last = max(0, int(row - radius)), min(grid.rows, int(row + radius) + 2)
        left, right = max(0, int(col - radius)), min(grid.cols, int(col + radius) + 2)
        apart = np.hypot(rows[first:last] - row, cols[:, left:right] - col)
        beyond[first:last, left:right] &= apart > radius
    return beyond


def mark_beyond(layers: Iterable[ServiceLayers], beyond: BoolArray) -> None:
    """Tell in every layer's reasons "beyond the radius" from "no cell in reach"."""
    no_cell, code = REASONS.index("no_cell"), REASONS.index("beyond_radius")
    for judged in layers:
        judged.reason[beyond & (judged.reason == no_cell)] = code


def some_names(names: Sequence[str]) -> str:
    """Return the first five names, and how many more there are."""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more


def villages_beyond(
    weights: Sequence[VillageWeights], beyond: BoolArray, names: Sequence[str], radius_m: float
) -> Iterator[str]:
    """Yield a warning that names villages of which most people lie beyond every radius."""
    flat = beyond.ravel()
    found = [
        name
        for village, name in zip(weights, names, strict=True)
        if float(village.weight[flat[village.pixel]].sum()) > 0.5
    ]
    if found:
        yield (
            f"{len(found)} of {len(names)} villages lie beyond the radius of every mast "
            f"(up to {radius_m / 1e3:g} km), where nothing was computed: "
            f"{some_names(found)}; their class "
            "is beyond_radius, not no_signal: raise network.radius_m, or add the masts around them"
        )


def _at_edge(sweep: PackedSweep, radius_m: float) -> tuple[FloatArray, FloatArray]:
    """Return loss [dB] and grid azimuth [deg] of the pixels within a ring inside the radius."""
    height, width = sweep.loss_cdb.shape
    south = np.arange(height)[:, np.newaxis] + sweep.row0 - sweep.mast_row
    east = np.arange(width)[np.newaxis] + sweep.col0 - sweep.mast_col
    away = np.hypot(south, east) * sweep.cell_m
    ring = (away <= radius_m) & (away > radius_m - _RING_CELLS * sweep.cell_m)
    ring &= sweep.loss_cdb != NO_LOSS
    row, col = np.nonzero(ring)
    azimuth_deg = np.degrees(np.arctan2(east[0, col], -south[row, 0]))
    return sweep.loss_cdb[row, col] / 100.0, azimuth_deg


def _level_dbm(
    cell: Cell, budget: CellBudget, loss_db: FloatArray, azimuth_deg: FloatArray
) -> FloatArray:
    """Return the level of one resource element, by the horizontal pattern alone."""
    off = np.rint(azimuth_deg - cell.azimuth_deg).astype(np.int64) % 360
    pattern_db = cell.antenna.horizontal_loss_db[off]
    level_dbm: FloatArray = budget.level_offset_db + cell.antenna.gain_dbi - pattern_db - loss_db
    return level_dbm
