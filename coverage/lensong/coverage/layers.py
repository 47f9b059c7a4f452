"""From path-loss sweeps to what each technology and each operator offers at every pixel.

The cells of one operator on one carrier serve the same phones and disturb each other, and so do
carriers of one operator whose channels overlap. Cells of different operators do neither: a phone
has the SIM of one operator. Layers of *any operator* show at every pixel the operator that is best
there; they are not what one phone gets all along a road.

Per technology and pixel one cell *serves*: of the strongest cells of all carriers the one with the
fastest uplink, ties by RSRP. Its level, SINR and rates are those at the median. The *level* of a
place is another thing: the strongest RSRP of any carrier, per band or over all.

A *service* holds with a chance that `lensong.coverage.shadowing` defines: on any carrier that the
phone may use, by the cell that is then the strongest, both directions at once. Per technology, and
over all technologies of the operator.

The grid is cut into tiles. A tile is laid and folded into the layers by a thread, as soon as the
last sweep that reaches it has come, and with it the parts of sweeps that lie in it are forgotten.
In the order of `sweep_order` those in memory lie before a front that moves over the land: memory
holds the layers of the result, and what sweeps bring to a strip as wide as half of one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import (
    Coming,
    OperatorTile,
    Tile,
    TileLayers,
    over_each_other,
)
from lensong.coverage.network import Network, Technology
from lensong.coverage.result import (
    OperatorLayers,
    ServiceLayers,
    TechnologyLayers,
)
from lensong.coverage.site_heard import by_carrier
from lensong.coverage.streams.heard import Heard, OperatorHeard
from lensong.coverage.sweeps import PackedSweep, SweepJob, Window
from lensong.coverage.threads import threads
from lensong.gis_data.array_room import ArrayRoom, MemoryRoom
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray, Grid

__all__ = [
    "TILE",
    "TILES_IN_MEMORY",
    "Footprints",
    "Key",
    "LaidOwn",
    "Layers",
    "cell_footprints",
    "job_window",
    "make_layers",
    "sweep_order",
    "take_laid",
    "tile_at",
    "tile_window",
    "touched",
]

Key: TypeAlias = tuple[int, int]
"""Row and column of a tile, counted in tiles."""

Footprints: TypeAlias = tuple[FloatArray, FloatArray]
"""Pixels and people where each cell is the strongest of its carrier."""

TILE = 128
"""Rows and columns of a tile."""

_TILES_AHEAD = 8
"""Tiles that wait, for each thread; they hold the sweeps that reach them."""

TILES_IN_MEMORY = 4
"""Tiles whose layers wait in memory where those of a plan are in files.

A tile's row is a part of a page in each layer: it holds eight times what is written, some 30 MB.
"""

_CRUMB = 2.0**-20
"""Parts of a person that are counted: their sums are exact, whatever order tiles come in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The layers of a plan.

    Parameters
    ----------
    technologies : dict
        Technology to its layers: of any operator, the best at each pixel.
    services : dict
        Service to its layers over all technologies: of any operator, the best at each pixel.
    operators : dict
        Operator to its own layers.
    footprint_px, footprint_people : shape (cells,)
        Pixels where each cell is the strongest of its carrier, and people there.
    row0, col0 : int
        The grid's row and column of the first pixel.
    room : ArrayRoom
        Where the arrays are.
    """

    technologies: dict[Technology, TechnologyLayers]
    services: dict[str, ServiceLayers]
    operators: dict[str, OperatorLayers]
    footprint_px: FloatArray
    footprint_people: FloatArray
    row0: int = 0
    col0: int = 0
    room: ArrayRoom = field(default_factory=MemoryRoom)

    @classmethod
    def empty(
        cls,
        grid: Grid,
        model: LayerModel,
        window: Window | None = None,
        room: ArrayRoom | None = None,
    ) -> Layers:
        """Return the layers of a grid, or of a part of it, before any tile is in."""
        row0, col0, row1, col1 = window or (0, 0, grid.rows, grid.cols)
        shape = (row1 - row0, col1 - col0)
        room = room or MemoryRoom()
        services = {s.name: ServiceLayers.empty(shape, room=room) for s in model.services}
        technologies = {}
        for technology in model.technologies:
            may = [s for s in model.services if technology in s.technologies]
            technologies[technology] = TechnologyLayers.empty(
                shape,
                technology,
                bands=[band for t, band in model.bands if t == technology],
                services={
                    s.name: services[s.name]
                    if model.service_rows == 1
                    else ServiceLayers.empty(shape, room=room)
                    for s in may
                },
                room=room,
            )
        names = list(model.operators)
        cells = len(model.network.cells)
        return cls(
            technologies=technologies,
            services=services,
            operators={
                name: OperatorLayers.empty(
                    shape, name, services if len(names) == 1 else None, list(services), room
                )
                for name in names
            },
            footprint_px=np.zeros(cells),
            footprint_people=np.zeros(cells),
            row0=row0,
            col0=col0,
            room=room,
        )

    def put(self, part: Any, found: TileLayers, model: LayerModel) -> None:
        """Put layers where an index of rows and columns says."""
        for t, (technology, layer) in enumerate(self.technologies.items()):
            layer.best_server[part] = found.best[t]
            layer.second_server[part] = found.second[t]
            layer.overlap[part] = found.overlap[t]
            layer.rsrp_dbm[part] = found.rsrp_dbm[t]
            layer.second_rsrp_dbm[part] = found.second_dbm[t]
            layer.rsrq_db[part] = found.rsrq_db[t]
            layer.sinr_db[part] = found.sinr_db[t]
            layer.downlink_mbps[part] = found.downlink_mbps[t]
            layer.uplink_mbps[part] = found.uplink_mbps[t]
            for b, (of, band) in enumerate(model.bands):
                if of == technology:
                    layer.band_cdbm[band][part] = found.band_cdbm[b]
        for q, service in enumerate(model.services):
            _place(self.services[service.name], part, found, 0, q)
            for technology, layer in self.technologies.items():
                row = model.service_row(technology)
                if row and service.name in layer.services:
                    _place(layer.services[service.name], part, found, row, q)
        for name, operator in self.operators.items():
            if name not in found.level_cdbm:
                continue
            operator.level_cdbm[part] = found.level_cdbm[name]
            if len(self.operators) > 1:
                for q, service in enumerate(model.services):
                    own = operator.services[service.name]
                    own.probability[part] = found.own_probability[name][q]
                    own.reason[part] = found.own_reason[name][q]

    def count(self, found: Footprints) -> None:
        """Add the footprints of a tile."""
        self.footprint_px[:] += found[0]
        self.footprint_people[:] += found[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOwn:
    """What one operator brings to one tile.

    Parameters
    ----------
    layers : TileLayers
        Of the operator alone.
    heard : OperatorHeard or None
        At the places in the tile; None where there is none.
    links : dict
        Of `PlaceLinks.alone`; empty where there is no place.
    footprints : Footprints
    """

    layers: TileLayers
    heard: OperatorHeard | None
    links: Mapping[str, NDArray[Any]]
    footprints: Footprints

    @classmethod
    def of(
        cls,
        tile: Tile,
        name: str,
        model: LayerModel,
        people: NDArray[np.floating[Any]] | None,
        heard: Heard | None,
        links: PlaceLinks | None,
    ) -> LaidOwn:
        """Return what an operator of a tile brings; ``people`` are those of the whole grid."""
        row0, col0, row1, col1 = tile.window
        heads = None if people is None else people[row0:row1, col0:col1]
        return cls(
            layers=tile.own_layers(name, model),
            heard=None if heard is None else heard.alone(tile, name),
            links={} if links is None else links.alone(tile, name, model),
            footprints=_footprints(tile.operators[name], model, heads),
        )


def take_laid(
    layers: Layers,
    window: Window,
    own: Mapping[str, LaidOwn],
    model: LayerModel,
    heard: Heard | None,
    links: PlaceLinks | None,
) -> None:
    """Put what operators bring to a tile where it belongs; footprints are not counted."""
    if not own:
        return
    row0, col0, row1, col1 = window
    part = np.s_[row0 - layers.row0 : row1 - layers.row0, col0 - layers.col0 : col1 - layers.col0]
    layers.put(part, over_each_other({name: one.layers for name, one in own.items()}), model)
    if heard is not None:
        there = {name: one.heard for name, one in own.items() if one.heard is not None}
        heard.put(heard.places_in(window), there)
    if links is not None:
        at = links.within(window)
        for name in sorted(own):
            if own[name].links:
                links.put_better(at, own[name].links)


def _footprints(
    kept: OperatorTile, model: LayerModel, people: NDArray[np.floating[Any]] | None
) -> Footprints:
    """Return pixels and people of a tile where each cell leads its carrier, enough for a phone."""
    floor_mw = float(model.attach_mw.min()) if model.attach_mw.size else 0.0
    codes = len(model.network.cells) + 1
    pixels, lives = np.zeros(codes), np.zeros(codes)
    for carrier in range(kept.code.shape[0]):
        lead = np.where(
            kept.level_mw[carrier, :, :, 0] >= floor_mw, kept.code[carrier, :, :, 0], 0
        ).ravel()
        pixels += np.bincount(lead, minlength=codes)
        if people is not None:
            heads = np.bincount(lead, weights=people.ravel(), minlength=codes)
            lives += np.rint(heads / _CRUMB) * _CRUMB
    return pixels[1:], lives[1:]


def make_layers(
    grid: Grid,
    model: LayerModel,
    *,
    rides: Iterable[tuple[tuple[int, ...], PackedSweep]],
    planned: Sequence[Window],
    people: NDArray[np.floating[Any]] | None = None,
    heard: Heard | None = None,
    links: PlaceLinks | None = None,
    window: Window | None = None,
    workers: int = 1,
    into: Layers | None = None,
    only: Mapping[Key, Collection[str]] | None = None,
    others: Callable[[Key], Mapping[str, LaidOwn]] | None = None,
    on_laid: Callable[[Key, Mapping[str, LaidOwn]], None] | None = None,
) -> Layers:
    """Return the layers of every technology and operator that has a cell.

    Parameters
    ----------
    grid : Grid
        Of the layers; sweeps are windows of it.
    model : LayerModel
        What transmits, what receives, what must work.
    rides : iterable of (cell indices, PackedSweep)
        Each sweep with the cells that ride it, in the order of ``planned``.
    planned : sequence of Window
        Where each sweep to come may reach; tells when a tile is complete.
    people : shape of the grid, or None
        People in each pixel, for the footprints of cells.
    heard : Heard or None
        Takes from each finished tile what its villages hear.
    links : PlaceLinks or None
        Filled with what its places hear.
    window : Window or None
        Whole tiles of the grid to which the layers are cut; None: all of it.
    workers : int
        Threads over tiles, 1 or more. The result does not depend on it.
    into : Layers or None
        Of the window, which are returned; None: new ones.
    only : mapping or None
        The tiles that are laid, each with the operators of which it is; None: all.
    others : callable, optional
        Returns what operators bring to a tile that are not laid there; asked by the threads.
    on_laid : callable, optional
        Called by the threads with every tile that they have laid, and what was laid of it.

    Raises
    ------
    InvalidInputError
        When a sweep reaches outside the grid, or out of its planned window.
    """
    layers = into or Layers.empty(grid, model, window)
    coming: dict[Key, list[Coming]] = {
        key: []
        for key in touched(window or (0, 0, grid.rows, grid.cols))
        if only is None or key in only
    }
    reached = [[key for key in touched(part) if key in coming] for part in planned]
    waiting = Counter(key for keys in reached for key in keys)

    def finish(key: Key, arrived: Sequence[Coming]) -> list[Footprints]:
        """Lay a tile and put it where it belongs; every tile writes to places of its own."""
        tile = tile_at(key, grid)
        tile.lay(arrived, model)
        own = {
            name: LaidOwn.of(tile, name, model, people, heard, links)
            for name in sorted(tile.operators)
        }
        if on_laid is not None:
            on_laid(key, own)
        if others is not None:
            own |= others(key)
        take_laid(layers, tile.window, own, model, heard, links)
        return [one.footprints for one in own.values()]

    running: deque[Future[list[Footprints]]] = deque()
    numbers = count(1)

    def counted() -> None:
        for found in running.popleft().result():
            layers.count(found)
        if next(numbers) % TILES_IN_MEMORY == 0:
            layers.room.let_go()

    pool = threads(workers, "tile")
    try:
        for (indices, sweep), part, keys in zip(rides, planned, reached, strict=True):
            _check_window(grid, sweep, part)
            groups = by_carrier(indices, model)
            for key in keys:
                asked = {
                    group: codes
                    for group, codes in groups.items()
                    if only is None or group[0] in only[key]
                }
                # a part of its own: what has been laid of a sweep is let go at once
                arriving = sweep.cut(tile_at(key, grid).window) if asked else None
                if arriving is not None:
                    coming[key].append(Coming(arriving, asked))
                waiting[key] -= 1
                if not waiting[key]:
                    running.append(pool.submit(finish, key, coming.pop(key)))
            while len(running) > _TILES_AHEAD * workers:
                counted()
        while running:
            counted()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return layers


def cell_footprints(network: Network, grid: Grid, layers: Layers) -> pd.DataFrame:
    """Return area and people where each cell is the strongest of its operator's carrier."""
    return pd.DataFrame(
        {
            "cell_id": [cell.cell_id for cell in network.cells],
            "footprint_km2": layers.footprint_px * grid.cell_m**2 / 1e6,
            "footprint_people": layers.footprint_people,
        }
    )


def sweep_order(jobs: Sequence[SweepJob], grid: Grid) -> list[SweepJob]:
    """Return jobs in an order that keeps few tiles in work and no file decides.

    Along the longer side of the grid.
    """
    tall = grid.rows >= grid.cols

    def key(job: SweepJob) -> tuple[object, ...]:
        along, across = (job.row, job.col) if tall else (job.col, job.row)
        return (along, across, job.freq_mhz, job.height_agl_m, job.mast.mast_id)

    return sorted(jobs, key=key)


def job_window(job: SweepJob, grid: Grid) -> Window:
    """Return the part of the grid that a job's sweep may reach."""
    reach = job.radius_m / grid.cell_m + 3.0
    return (
        max(0, int(job.row - reach)),
        max(0, int(job.col - reach)),
        min(grid.rows, int(job.row + reach) + 2),
        min(grid.cols, int(job.col + reach) + 2),
    )


def touched(window: Window, size: int = TILE) -> list[tuple[int, int]]:
    """Return row and column of the tiles of a size that a part of the grid touches."""
    row0, col0, row1, col1 = window
    return [
        (row, col)
        for row in range(row0 // size, -(-row1 // size))
        for col in range(col0 // size, -(-col1 // size))
    ]


def tile_window(key: Key, grid: Grid) -> Window:
    """Return the part of the grid that a tile is."""
    row0, col0 = key[0] * TILE, key[1] * TILE
    return row0, col0, min(row0 + TILE, grid.rows), min(col0 + TILE, grid.cols)


def tile_at(key: Key, grid: Grid) -> Tile:
    """Return a tile into which nothing was laid."""
    row0, col0, row1, col1 = tile_window(key, grid)
    return Tile(row0=row0, col0=col0, rows=row1 - row0, cols=col1 - col0)


def _place(layer: ServiceLayers, part: Any, found: TileLayers, row: int, q: int) -> None:
    layer.probability[part] = found.probability[row, q]
    layer.limiting[part] = found.limiting[row, q]
    layer.reason[part] = found.reason[row, q]


def _check_window(grid: Grid, sweep: PackedSweep, window: Window) -> None:
    height, width = sweep.loss_cdb.shape
    row0, col0, row1, col1 = window
    inside = (
        sweep.row0 >= max(0, row0)
        and sweep.col0 >= max(0, col0)
        and sweep.row0 + height <= min(grid.rows, row1)
        and sweep.col0 + width <= min(grid.cols, col1)
    )
    if not inside:
        raise InvalidInputError(
            f"a sweep covers rows {sweep.row0}..{sweep.row0 + height} and columns "
            f"{sweep.col0}..{sweep.col0 + width}, wanted rows {row0}..{row1} and columns "
            f"{col0}..{col1} of the {grid.rows} x {grid.cols} grid"
        )
