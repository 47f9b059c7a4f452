"""Land and network in memory, so that an edit of one mast answers at once.

    session = PlanningSession(land, network)
    edit = session.pick_up("M12")                 # seconds, once: the others around this mast
    mast = replace(edit.mast, height_agl_m=45.0)
    local = edit.layers(mast, [replace(c, height_agl_m=45.0) for c in edit.cells])

What the other masts do around the one in hand is kept per carrier. An edit makes the sweeps of
that mast again (only those whose place, height or carrier changed), lays its cells over what is
kept, and judges the services in the window around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from math import inf
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.indoor import level_shadowing
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import Tile, TileLayers
from lensong.coverage.layers import Layers, sweep_order
from lensong.coverage.network import Cell, Mast, Network, Technology
from lensong.coverage.probability import check_median
from lensong.coverage.result import ServiceLayers, TechnologyLayers
from lensong.coverage.service import DEFAULT_SERVICES, Handset, Service
from lensong.coverage.sweeps import (
    AntennaPlace,
    PackedSweep,
    PropagationSettings,
    SweepCache,
    SweepJob,
    Window,
    antenna_place,
    run_sweeps,
    sweep_jobs,
    sweep_together,
)
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

__all__ = ["LocalLayers", "MastEdit", "PlanningSession"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLayers:
    """The layers of a window around a mast.

    Parameters
    ----------
    row0, col0 : int
        Where the window begins on the land's grid.
    grid : Grid
        Of the window.
    layers : dict
        Technology to its layers; ``best_server`` counts in the network as edited, whose cells
        stand in the order of the session's network, with those that were added at its end.
    services : dict
        Service to its layers over all technologies.
    links : PlaceLinks or None
        Where they were asked for: at those of the places that lie in the window.
    """

    row0: int
    col0: int
    grid: Grid
    layers: dict[Technology, TechnologyLayers]
    services: dict[str, ServiceLayers]
    links: PlaceLinks | None = None


class _Kept:
    """A cache of sweeps in memory before the one that was given."""

    def __init__(self, behind: SweepCache | None) -> None:
        self._kept: dict[str, dict[str, NDArray[Any]]] = {}
        self._behind = behind

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        if key not in self._kept and self._behind is not None:
            found = self._behind.get(key)
            if found is not None:
                self._kept[key] = found
        return self._kept.get(key)

    def put(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        self._kept[key] = arrays
        if self._behind is not None:
            self._behind.put(key, arrays)


class PlanningSession:
    """A land and its network, ready for edits.

    Parameters
    ----------
    land, network : Land, Network
    services : sequence of Service
    handset, propagation
        None: the defaults of their classes.
    cache : SweepCache or None
        Where sweeps are kept beyond the session.
    workers : int
        Threads, 1 or more.

    Raises
    ------
    InvalidInputError
        When a mast stands outside the grid, path loss is not asked as a median, or a setting is
        out of its range.
    """

    def __init__(
        self,
        land: Land,
        network: Network,
        *,
        services: Sequence[Service] = DEFAULT_SERVICES,
        handset: Handset | None = None,
        propagation: PropagationSettings | None = None,
        cache: SweepCache | None = None,
        workers: int = 2,
    ) -> None:
        self.land, self.network, self.services = land, network, tuple(services)
        self.handset = handset or Handset()
        self.propagation = propagation or PropagationSettings()
        if workers < 1:
            raise InvalidInputError(f"workers is {workers}, wanted 1 or more threads")
        self.workers = workers
        check_median(self.propagation)
        self._cache = _Kept(cache)
        self._jobs = sweep_order(sweep_jobs(network, land), land.grid)

    def pick_up(
        self, mast_id: str, *, slack_m: float = 2000.0, boxes: Sequence[Window] | None = None
    ) -> MastEdit:
        """Return one mast in hand, with what all others offer around it.

        Parameters
        ----------
        mast_id : str
        slack_m : float
            How far it may be moved before it must be picked up again [m].
        boxes : sequence of Window or None
            The parts of the land's grid that are looked at; elsewhere layers stay as where no
            cell reaches. None: all around the mast.

        Raises
        ------
        InvalidInputError
            When there is no such mast, it has no cell, or ``slack_m`` is no length.
        """
        if not 0.0 <= slack_m < inf:
            raise InvalidInputError(f"slack_m is {slack_m}, wanted a length of 0 m or more")
        return MastEdit(self, mast_id, slack_m, boxes)

    def sweeps(self, jobs: Sequence[SweepJob]) -> list[PackedSweep]:
        """Return sweeps in the order of their jobs; carriers of one antenna share their work."""
        carriers: dict[AntennaPlace, list[SweepJob]] = {}
        for job in jobs:
            carriers.setdefault(antenna_place(job), []).append(job)
        made: dict[tuple[AntennaPlace, float], PackedSweep] = {}
        for together in carriers.values():
            swept = sweep_together(
                together,
                self.land,
                self.propagation,
                rx_height_agl_m=self.handset.height_agl_m,
                cache=self._cache,
                workers=self.workers,
            )
            made |= {
                (antenna_place(job), job.freq_mhz): packed
                for job, (packed, _) in zip(together, swept, strict=True)
            }
        return [made[antenna_place(job), job.freq_mhz] for job in jobs]

    def others(self, mast_id: str, near: _Window) -> Iterable[tuple[SweepJob, PackedSweep]]:
        """Yield the sweeps of all other masts that reach into a window, cut to it."""
        jobs = [
            j for j in self._jobs if j.mast.mast_id != mast_id and near.meets(j, self.land.grid)
        ]
        height = self.handset.height_agl_m
        for job, packed, _ in run_sweeps(
            jobs,
            self.land,
            self.propagation,
            rx_height_agl_m=height,
            cache=self._cache,
            workers=self.workers,
        ):
            yield job, near.cut(packed)


class MastEdit:
    """One mast in hand; made by `PlanningSession.pick_up`.

    Attributes
    ----------
    mast : Mast
    cells : tuple of Cell
        As they are in the session's network.
    """

    def __init__(
        self,
        session: PlanningSession,
        mast_id: str,
        slack_m: float,
        boxes: Sequence[Window] | None = None,
    ) -> None:
        network = session.network
        jobs = [job for job in session._jobs if job.mast.mast_id == mast_id]
        if not jobs:
            known = ", ".join(sorted(m.mast_id for m in network.masts)[:10])
            raise InvalidInputError(
                f"mast {mast_id!r} has no cell in this network, wanted one of: {known}"
            )
        self.mast = network.mast(mast_id)
        self.cells = tuple(cell for cell in network.cells if cell.mast_id == mast_id)
        self._session = session
        reach = (max(job.radius_m for job in jobs) + slack_m) / session.land.grid.cell_m
        self._window = _Window.around(jobs[0].row, jobs[0].col, reach, session.land.grid)
        self._parts = self._window.parts(boxes, session.workers)
        self._model = self._model_of(network)
        self._base = self._tiles_of_others(mast_id, self._model)
        self._rest: dict[frozenset[str], list[TileLayers]] = {}
        session.sweeps(jobs)

    def _model_of(self, network: Network) -> LayerModel:
        session = self._session
        return LayerModel.build(
            session.land.grid.crs,
            network,
            session.handset,
            session.services,
            level_shadowing(session.propagation, session.handset, network),
        )

    def _tiles_of_others(self, mast_id: str, model: LayerModel) -> list[Tile]:
        tiles = [
            Tile(row0=row0, col0=col0, rows=row1 - row0, cols=col1 - col0)
            for row0, col0, row1, col1 in self._parts
        ]
        for job, packed in self._session.others(mast_id, self._window):
            for tile in tiles:
                tile.add(packed, job.cells, model)
        return tiles

    def layers(
        self,
        mast: Mast,
        cells: Sequence[Cell],
        *,
        added: Sequence[Cell] = (),
        links: PlaceLinks | None = None,
    ) -> LocalLayers:
        """Return the layers around the mast as edited.

        Parameters
        ----------
        mast : Mast
            The same mast, moved or raised.
        cells : sequence of Cell
            The same cells, changed in anything but their ids.
        added : sequence of Cell
            Cells that the mast gets besides.
        links : PlaceLinks or None
            Places whose links are wanted; they are not changed.

        Raises
        ------
        InvalidInputError
            When mast or cells are other ones, or the mast reaches out of what was picked up.
        """
        session = self._session
        network = self._edited(mast, cells, added)
        cells = (*cells, *added)
        index = {cell.cell_id: i for i, cell in enumerate(network.cells)}
        alone = Network(masts=(mast,), cells=cells)
        jobs = sweep_order(sweep_jobs(alone, session.land), session.land.grid)
        self._window.check(jobs, session.land.grid)
        model = self._model_of(network)
        if model.operators.keys() != self._model.operators.keys() or any(
            own.keys != self._model.operators[name].keys for name, own in model.operators.items()
        ):  # a cell went to a carrier that was not there, or was the last on its own
            self._model, self._rest = model, {}
            self._base = self._tiles_of_others(self.mast.mast_id, model)
        rides = [
            (tuple(index[alone.cells[i].cell_id] for i in job.cells), self._window.cut(swept))
            for job, swept in zip(jobs, session.sweeps(jobs), strict=True)
        ]
        touched = frozenset(model.operator_of[index[cell.cell_id]] for cell in cells)
        if touched not in self._rest:
            self._rest[touched] = _in_threads(
                session.workers, self._base, lambda _, tile: _without(tile, touched).layers(model)
            )

        def fold(k: int, base: Tile) -> tuple[Tile, TileLayers]:
            tile = _only(base, touched)
            for indices, packed in rides:
                tile.add(packed, indices, model)
            return tile, tile.layers(model, onto=_copied(self._rest[touched][k]))

        window = self._window
        found = Layers.empty(window.grid, model)
        seen = None
        if links is not None:
            seen = links.in_window(window.row0, window.col0, window.grid)
        for base, (tile, layers) in zip(
            self._base, _in_threads(session.workers, self._base, fold), strict=True
        ):
            row0, col0, row1, col1 = tile.window
            found.put(np.s_[row0:row1, col0:col1], layers, model)
            if seen is not None:
                seen.take(tile, model, {**base.operators, **tile.operators})
        return LocalLayers(
            row0=window.row0,
            col0=window.col0,
            grid=window.grid,
            layers=dict(found.technologies),
            services=dict(found.services),
            links=seen,
        )

    def _edited(self, mast: Mast, cells: Sequence[Cell], added: Sequence[Cell]) -> Network:
        network = self._session.network
        given, wanted = sorted(c.cell_id for c in cells), sorted(c.cell_id for c in self.cells)
        if mast.mast_id != self.mast.mast_id or given != wanted:
            raise InvalidInputError(
                f"mast {mast.mast_id!r} with cells {', '.join(given)} was given, wanted "
                f"{self.mast.mast_id!r} with {', '.join(wanted)}: pick up the mast to be edited"
            )
        changed = {cell.cell_id: cell for cell in cells}
        return replace(
            network,
            masts=tuple(mast if m.mast_id == mast.mast_id else m for m in network.masts),
            cells=(*(changed.get(cell.cell_id, cell) for cell in network.cells), *added),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """A part of the land's grid."""

    row0: int
    col0: int
    grid: Grid

    @classmethod
    def around(cls, row: float, col: float, reach: float, grid: Grid) -> _Window:
        row0, col0 = max(0, int(row - reach)), max(0, int(col - reach))
        row1 = min(grid.rows, int(row + reach) + 2)
        col1 = min(grid.cols, int(col + reach) + 2)
        cut = replace(
            grid,
            west_m=grid.west_m + col0 * grid.cell_m,
            north_m=grid.north_m - row0 * grid.cell_m,
            rows=row1 - row0,
            cols=col1 - col0,
        )
        return cls(row0=row0, col0=col0, grid=cut)

    def parts(self, boxes: Sequence[Window] | None, workers: int) -> list[Window]:
        """Return the parts of the window that are looked at, in its rows and columns.

        Boxes of the whole grid, cut to the window; bands over all of it where there are none or
        they are no less.
        """
        rows, cols = self.grid.shape
        cut = [
            (
                max(0, top - self.row0),
                max(0, left - self.col0),
                min(rows, bottom - self.row0),
                min(cols, right - self.col0),
            )
            for top, left, bottom, right in boxes or ()
        ]
        inside = [(t, le, b, r) for t, le, b, r in cut if b > t and r > le]
        if boxes is not None and sum((b - t) * (r - le) for t, le, b, r in inside) < rows * cols:
            return inside
        edges = np.linspace(0, rows, workers + 1).astype(int).tolist()
        return [(begin, 0, end, cols) for begin, end in pairwise(edges) if end > begin]

    def meets(self, job: SweepJob, grid: Grid) -> bool:
        reach = job.radius_m / grid.cell_m
        return (
            self.row0 - reach < job.row < self.row0 + self.grid.rows + reach
            and self.col0 - reach < job.col < self.col0 + self.grid.cols + reach
        )

    def check(self, jobs: Iterable[SweepJob], grid: Grid) -> None:
        """Refuse a sweep that reaches out of the window where the land goes on."""
        for job in jobs:
            reach = job.radius_m / grid.cell_m
            inside = (
                (job.row - reach >= self.row0 or self.row0 == 0)
                and (job.col - reach >= self.col0 or self.col0 == 0)
                and (
                    job.row + reach <= self.row0 + self.grid.rows - 1
                    or self.row0 + self.grid.rows == grid.rows
                )
                and (
                    job.col + reach <= self.col0 + self.grid.cols - 1
                    or self.col0 + self.grid.cols == grid.cols
                )
            )
            if not inside:
                raise InvalidInputError(
                    f"mast {job.mast.mast_id!r} now reaches out of what was picked up: pick it up "
                    "with more slack_m, or commit the move and pick it up again"
                )

    def cut(self, packed: PackedSweep) -> PackedSweep:
        """Return the part of a sweep that lies in the window, in the window's rows and columns."""
        height, width = packed.loss_cdb.shape
        top, left = max(self.row0, packed.row0), max(self.col0, packed.col0)
        bottom = max(top, min(self.row0 + self.grid.rows, packed.row0 + height))
        right = max(left, min(self.col0 + self.grid.cols, packed.col0 + width))
        part = np.s_[
            top - packed.row0 : bottom - packed.row0, left - packed.col0 : right - packed.col0
        ]
        return replace(
            packed,
            row0=top - self.row0,
            col0=left - self.col0,
            mast_row=packed.mast_row - self.row0,
            mast_col=packed.mast_col - self.col0,
            loss_cdb=np.ascontiguousarray(packed.loss_cdb[part]),
            departure_cdeg=np.ascontiguousarray(packed.departure_cdeg[part]),
            diffraction_cdb=np.ascontiguousarray(packed.diffraction_cdb[part]),
            terrain_cdb=np.ascontiguousarray(packed.terrain_cdb[part]),
        )


def _only(tile: Tile, names: frozenset[str]) -> Tile:
    """Return a tile with copies of what these operators bring."""
    kept = {name: own.copy() for name, own in tile.operators.items() if name in names}
    return replace(tile, operators=kept)


def _without(tile: Tile, names: frozenset[str]) -> Tile:
    return replace(tile, operators={n: own for n, own in tile.operators.items() if n not in names})


def _copied(layers: TileLayers) -> TileLayers:
    arrays: dict[str, Any] = {  # Any: replace() is typed by field
        f.name: value.copy()
        for f in fields(layers)
        if isinstance(value := getattr(layers, f.name), np.ndarray)
    }
    own: dict[str, Any] = {
        name: dict(getattr(layers, name))
        for name in ("level_cdbm", "own_probability", "own_reason")
    }
    return replace(layers, **arrays, **own)


Made = TypeVar("Made")


def _in_threads(workers: int, tiles: list[Tile], work: Callable[[int, Tile], Made]) -> list[Made]:
    """Do the same work on every tile, each in a thread."""
    if workers == 1 or len(tiles) < 2:
        return [work(k, tile) for k, tile in enumerate(tiles)]
    with ThreadPoolExecutor(max_workers=workers) as pool:
        return list(pool.map(work, range(len(tiles)), tiles))
