"""How far cells are computed: what lies beyond every radius, and what the radius cuts off.

Nothing is computed beyond a cell's radius: no signal and no interference. How far a cell matters
depends on its band, its height and the land; a radius that is right for 3.5 GHz cuts a good part
of the interference of 700 MHz. So each run measures at the edge itself how much still arrives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np

from lensong.coverage.layer_model import meridian_convergence_deg, operator_names
from lensong.coverage.layers import Layers
from lensong.coverage.link_budget import CellBudget, cell_budget
from lensong.coverage.network import Cell, Network, Technology
from lensong.coverage.result import REASONS
from lensong.coverage.service import Handset, Service
from lensong.coverage.sweeps import NO_LOSS, PackedSweep, SweepJob, Window
from lensong.coverage.village_weights import VillageWeights
from lensong.gis_data.land import Land
from lensong.propagation.models import model
from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray, UInt8Array

__all__ = [
    "Edge",
    "RadiusCut",
    "Reach",
    "add_hidden",
    "mark_beyond",
    "some_names",
    "villages_beyond",
    "villages_unknown",
    "what_hides",
]

_RING_CELLS = 1.5
_HEARD_SHARE = 0.05
_MANY_CELLS_SHARE = 0.1


@dataclass(slots=True)
class Edge:
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
    more than one direction in twenty: beyond, it would serve or disturb. Only directions in which
    the radius ends inside the area count: nothing is reported of the ground around it.
    """

    land: Land
    network: Network
    handset: Handset
    _edges: dict[str, Edge] = field(default_factory=dict)
    _turn_deg: dict[str, float] = field(default_factory=dict)
    _budgets: list[CellBudget] = field(default_factory=list)

    @classmethod
    def of(cls, land: Land, network: Network, handset: Handset) -> RadiusCut:
        """Return one that has seen no sweep yet."""
        return cls(
            land=land,
            network=network,
            handset=handset,
            _turn_deg=meridian_convergence_deg(land.grid.crs, network),
            _budgets=[cell_budget(cell, handset) for cell in network.cells],
        )

    def see(self, cells: Sequence[int], sweep: PackedSweep) -> None:
        """Count what the cells of a sweep still bring at their radius."""
        at_edge = {
            radius_m: _at_edge(sweep, radius_m, self.land.aoi)
            for radius_m in {self.network.cells[index].radius_m for index in cells}
        }
        for index in cells:
            cell = self.network.cells[index]
            loss_db, azimuth_deg, inside = at_edge[cell.radius_m]
            if not loss_db.size:
                continue
            level_dbm = _level_dbm(
                cell, self._budgets[index], loss_db, azimuth_deg + self._turn_deg[cell.mast_id]
            )
            heard = inside & (level_dbm > self._budgets[index].noise_dbm)
            above = int(np.count_nonzero(heard))
            edge = self._edges.setdefault(cell.carrier.name, Edge())
            edge.cells += 1
            edge.still_heard += above > _HEARD_SHARE * loss_db.size
            edge.pixels += loss_db.size
            edge.above_noise += above
            edge.radius_m = max(edge.radius_m, cell.radius_m)

    def fresh(self) -> RadiusCut:
        """Return one for the same network that has seen no sweep."""
        return replace(self, _edges={})

    @property
    def edges(self) -> dict[str, Edge]:
        """Return what was seen so far, by carrier."""
        return self._edges

    def add(self, edges: Mapping[str, Edge]) -> None:
        """Count what another has seen as well."""
        for carrier, seen in edges.items():
            edge = self._edges.setdefault(carrier, Edge())
            edge.cells += seen.cells
            edge.still_heard += seen.still_heard
            edge.pixels += seen.pixels
            edge.above_noise += seen.above_noise
            edge.radius_m = max(edge.radius_m, seen.radius_m)

    def sentences(self) -> tuple[list[str], list[str]]:
        """Return assumptions and warnings about what was cut, the carriers most cut off first."""
        cut, whole = [], []
        for carrier, edge in sorted(self._edges.items()):
            if edge.still_heard <= _MANY_CELLS_SHARE * edge.cells:
                whole.append(carrier)
                continue
            share = edge.above_noise / edge.pixels
            told = (
                f"{carrier} ({edge.still_heard} of {edge.cells} cells at {edge.radius_m / 1e3:g} "
                f"km, in {share:.0%} of directions)"
            )
            cut.append((-share, told))
        assumptions = [
            f"The radius cuts off next to nothing of {', '.join(whole)}: where it ends inside the "
            "area, at most one cell in ten arrives above the noise."
        ]
        warnings = [
            "cells still arrive above the noise where their radius ends inside the area: "
            f"{'; '.join(told for _, told in sorted(cut))}: signals and interference beyond are "
            "not counted; raise network.radius_m to count them"
        ]
        return assumptions if whole else [], warnings if cut else []


class Reach:
    """What lies beyond the radius of every cell: of all, of one operator, of one technology.

    Parameters
    ----------
    grid : Grid
    network : Network
    jobs : sequence of SweepJob
    window : Window or None
        The part of the grid that is asked about; None: all of it.
    """

    def __init__(
        self,
        grid: Grid,
        network: Network,
        jobs: Sequence[SweepJob],
        window: Window | None = None,
    ) -> None:
        self._window = window or (0, 0, grid.rows, grid.cols)
        self._outside: dict[tuple[str, Technology], BoolArray] = {}
        self._reach: dict[tuple[str, Technology], dict[tuple[float, float], float]] = {}
        names = operator_names(network)
        for job in jobs:
            for index in job.cells:
                cell = network.cells[index]
                reach = self._reach.setdefault((names[index], cell.carrier.technology), {})
                place = (job.row, job.col)
                reach[place] = max(reach.get(place, 0.0), cell.radius_m / grid.cell_m)

    def within(self, window: Window) -> Reach:
        """Return the same asked about another part of the grid."""
        other = copy(self)
        other._window, other._outside = window, {}
        return other

    def beyond(
        self, technologies: Iterable[Technology] | None = None, operator: str | None = None
    ) -> BoolArray:
        """Return the pixels beyond the radius of every cell of these, shape of the window.

        Parameters
        ----------
        technologies : iterable of str or None
            None: all.
        operator : str or None
            As the network first writes it; None: any.

        Notes
        -----
        Where there is no such cell at all, nothing lies beyond its radius.
        """
        wanted = None if technologies is None else set(technologies)
        row0, col0, row1, col1 = self._window
        found = np.ones((row1 - row0, col1 - col0), dtype=np.bool_)
        chosen = [
            key
            for key in self._reach
            if (wanted is None or key[1] in wanted) and operator in (None, key[0])
        ]
        for key in chosen:
            if key not in self._outside:
                self._outside[key] = _outside(self._window, self._reach[key])
            found &= self._outside[key]
        return found if chosen else ~found


def add_hidden(
    hidden: BoolArray,
    sweep: PackedSweep,
    radius_m: float,
    land: Land,
    window: Window | None = None,
) -> None:
    """Mark the pixels within a mast's radius that a void or the elevation's edge hides from it.

    ``hidden`` is of the whole grid, or of a window of it.
    """
    row0, col0, row1, col1 = sweep.window
    top, left, bottom, right = window or (0, 0, *land.grid.shape)
    first, last = max(row0, top), min(row1, bottom)
    start, end = max(col0, left), min(col1, right)
    if not sweep.hidden_pixels or first >= last or start >= end:
        return
    south = np.arange(first - row0, last - row0)[:, np.newaxis] + row0 - sweep.mast_row
    east = np.arange(start - col0, end - col0)[np.newaxis] + col0 - sweep.mast_col
    hidden[first - top : last - top, start - left : end - left] |= (
        (sweep.loss_cdb[first - row0 : last - row0, start - col0 : end - col0] == NO_LOSS)
        & (np.hypot(south, east) * sweep.cell_m <= radius_m)
        & ~np.isnan(land.ground_m[first:last, start:end])
    )


def mark_beyond(
    layers: Layers, services: Sequence[Service], reach: Reach, hidden: BoolArray
) -> None:
    """Tell in every layer's reasons "beyond the radius" and "hidden" from "no cell in reach".

    Each layer by the cells that it rests on: those of its operator, of the technologies that may
    carry its service.
    """
    no_cell, code = REASONS.index("no_cell"), REASONS.index("beyond_radius")
    void = REASONS.index("void")
    for service in services:
        of = service.technologies
        judged = [(layers.services[service.name], reach.beyond(of))]
        for technology, layer in layers.technologies.items():
            own = layer.services.get(service.name)
            if own is not None and own is not layers.services[service.name]:
                judged.append((own, reach.beyond([technology])))
        for name, operator in layers.operators.items():
            alone = operator.services[service.name]
            if alone is not layers.services[service.name]:
                judged.append((alone, reach.beyond(of, name)))
        for found, beyond in judged:
            found.reason[beyond & (found.reason == no_cell)] = code
            found.reason[hidden & (found.reason == no_cell)] = void


def _outside(window: Window, reach: Mapping[tuple[float, float], float]) -> BoolArray:
    """Return the pixels farther than its reach [cells] from every place (row, col)."""
    row0, col0, row1, col1 = window
    outside = np.ones((row1 - row0, col1 - col0), dtype=np.bool_)
    rows, cols = np.arange(row0, row1)[:, np.newaxis], np.arange(col0, col1)[np.newaxis]
    for (row, col), radius in reach.items():
        first, last = max(row0, int(row - radius)), min(row1, int(row + radius) + 2)
        left, right = max(col0, int(col - radius)), min(col1, int(col + radius) + 2)
        if first >= last or left >= right:
            continue
        here = np.s_[first - row0 : last - row0, left - col0 : right - col0]
        apart = (rows[here[0]] - row) ** 2 + (cols[:, here[1]] - col) ** 2
        outside[here] &= apart > radius**2
    return outside


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


def what_hides(name: str, radius_m: float) -> str:
    """Return what leaves a pixel in range without a loss: the elevation, or the model's range."""
    record = model(name)
    nearest_m, farthest_m = record.distance_m
    if record.kind == "statistical" and (nearest_m > 0.0 or farthest_m < radius_m):
        reach = f"{nearest_m / 1e3:g} to {farthest_m / 1e3:g} km"
        return f"a void, the edge of the elevation or the range of {record.name} ({reach})"
    return "a void or the edge of the elevation"


def villages_unknown(of_class: Sequence[str], names: Sequence[str], hides: str) -> Iterator[str]:
    """Yield a warning that names villages of which nothing is known for want of a loss."""
    found = [name for name, c in zip(names, of_class, strict=True) if c == "unknown"]
    if found:
        yield (
            f"{len(found)} of {len(names)} villages lie within the radius of a mast, but {hides} "
            f"hides them: {some_names(found)}; their class is unknown, not no_signal: add the "
            "missing elevation, fill the void (elevation.fill_voids), or choose a model that "
            "reaches them"
        )


def _at_edge(
    sweep: PackedSweep, radius_m: float, aoi: UInt8Array
) -> tuple[FloatArray, FloatArray, BoolArray]:
    """Return loss [dB], grid azimuth [deg] and "in the area" of a ring inside the radius."""
    row, col = _near_ring(sweep, radius_m / sweep.cell_m)
    south = row + (sweep.row0 - sweep.mast_row)
    east = col + (sweep.col0 - sweep.mast_col)
    away = np.hypot(south, east) * sweep.cell_m
    ring = (away <= radius_m) & (away > radius_m - _RING_CELLS * sweep.cell_m)
    ring &= sweep.loss_cdb[row, col] != NO_LOSS
    row, col = row[ring], col[ring]
    azimuth_deg = np.degrees(np.arctan2(east[ring], -south[ring]))
    inside = aoi[row + sweep.row0, col + sweep.col0] > 0
    return sweep.loss_cdb[row, col] / 100.0, azimuth_deg, inside


def _near_ring(sweep: PackedSweep, radius: float) -> tuple[IntArray, IntArray]:
    """Return rows and columns of a sweep's pixels near its ring: all of it, and some more."""
    rows, cols = sweep.loss_cdb.shape
    south = np.arange(rows) + sweep.row0 - sweep.mast_row
    middle = sweep.mast_col - sweep.col0
    outer, inner = (
        np.sqrt(np.maximum(reach**2 - south**2, 0.0)) for reach in (radius, radius - _RING_CELLS)
    )
    west = np.floor(middle - outer) - 1.0, np.ceil(middle - inner) + 2.0
    east = np.maximum(np.floor(middle + inner) - 1.0, west[1]), np.ceil(middle + outer) + 2.0
    row, col = [], []
    for begin, end in (west, east):
        first, last = np.clip(begin, 0, cols).astype(int), np.clip(end, 0, cols).astype(int)
        length = np.maximum(last - first, 0)
        row.append(np.repeat(np.arange(rows), length))
        start = np.cumsum(length) - length
        col.append(np.arange(row[-1].size) - np.repeat(start - first, length))
    return np.concatenate(row), np.concatenate(col)


def _level_dbm(
    cell: Cell, budget: CellBudget, loss_db: FloatArray, azimuth_deg: FloatArray
) -> FloatArray:
    """Return the level of one resource element, by the horizontal pattern alone."""
    off = np.rint(azimuth_deg - cell.azimuth_deg).astype(np.int64) % 360
    pattern_db = cell.antenna.horizontal_loss_db[off]
    level_dbm: FloatArray = budget.level_offset_db + cell.antenna.gain_dbi - pattern_db - loss_db
    return level_dbm
