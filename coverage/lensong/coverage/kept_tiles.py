"""Tiles that were laid in an earlier run, found again by all that decides what is in them.

A tile rests on the sweeps that may reach it, the cells that ride them, what is asked of the network
and where its villages lie. A hash of these and of the code is its name in the cache, so that after
a change of one mast the tiles around it are laid anew and the others are read. What is kept is
exact: a plan has the same bytes with such a cache, without, and whatever was laid before.

Sweeps that reach read tiles only are not looked at; what else a plan counts in them is kept by
sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.content_names import (
    cell_digests,
    digest_of,
    first_seen,
    frame_digest,
)
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import TileLayers
from lensong.coverage.layers import (
    TILES_IN_MEMORY,
    Key,
    LaidTile,
    Layers,
    job_window,
    take_laid,
    tile_window,
    touched,
)
from lensong.coverage.plan_setup import PlanSetup
from lensong.coverage.reach import Edge, RadiusCut, add_hidden
from lensong.coverage.site_heard import by_carrier
from lensong.coverage.streams.heard import Heard, OperatorHeard
from lensong.coverage.streams.kept import KeptStreams
from lensong.coverage.sweeps import PackedSweep, SweepCache, SweepJob, sweep_keys
from lensong.propagation.types import BoolArray

__all__ = ["KeptTiles", "Seen", "TileCache"]

_PIXEL_BYTES = 60.0
"""What a pixel of a plan of several operators takes on disk, and some room."""

_BY_OPERATOR = ("level_cdbm", "own_probability", "own_reason")
_ALL_OPERATORS = tuple(f.name for f in fields(TileLayers) if f.name not in _BY_OPERATOR)
_HEARD = tuple(f.name for f in fields(OperatorHeard))


class TileCache(SweepCache, Protocol):
    """Where tiles are kept between runs: `lensong.gis_data.array_cache.ArrayCache`."""

    def room_for(self, more_bytes: float) -> bool:
        """Return whether as much may be kept and leave room for path loss."""

    def touch(self, key: str) -> None:
        """Count what is kept under a key as used now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a plan counts in a sweep beside its layers.

    Parameters
    ----------
    edges : dict
        Of `RadiusCut`, by carrier.
    hidden_pixels : int
    hidden : shape of the window of the sweep's job, or None
        Of `add_hidden`; None where nothing is hidden.
    """

    edges: dict[str, Edge]
    hidden_pixels: int
    hidden: BoolArray | None

    @classmethod
    def of(cls, job: SweepJob, sweep: PackedSweep, cut: RadiusCut) -> Seen:
        """Look at a sweep; ``cut`` has seen nothing yet."""
        hidden = None
        if sweep.hidden_pixels:
            row0, col0, row1, col1 = window = job_window(job, cut.land.grid)
            hidden = np.zeros((row1 - row0, col1 - col0), np.bool_)
            add_hidden(hidden, sweep, job.radius_m, cut.land, window)
        cut.see(job.cells, sweep)
        return cls(edges=cut.edges, hidden_pixels=sweep.hidden_pixels, hidden=hidden)


class KeptTiles:
    """The tiles of one plan in a cache.

    Parameters
    ----------
    setup : PlanSetup
        Its path loss is not calibrated.
    cache : TileCache
    workers : int
        Threads.
    """

    def __init__(self, setup: PlanSetup, cache: TileCache, workers: int) -> None:
        self._setup, self._cache, self._workers = setup, cache, workers
        self.sweep_keys = sweep_keys(
            setup.jobs,
            setup.land,
            setup.propagation,
            rx_height_agl_m=setup.handset.height_agl_m,
            workers=workers,
        )
        self.streams = KeptStreams(setup, cache)
        cells = cell_digests(setup.model)
        self._rides = [
            digest_of(key, job.row, job.col, job.radius_m, _riders(job, setup.model, cells))
            for key, job in zip(self.sweep_keys, setup.jobs, strict=True)
        ]
        self._frame = frame_digest(setup)
        self._reaching: dict[Key, list[int]] = {}
        for number, job in enumerate(setup.jobs):
            for key in touched(job_window(job, setup.land.grid)):
                self._reaching.setdefault(key, []).append(number)
        self._names: dict[Key, str] = {}
        self._read, self._lock = 0, Lock()

    @classmethod
    def of(cls, setup: PlanSetup, cache: TileCache | None, workers: int) -> KeptTiles | None:
        """Return those of a plan; None where none are kept.

        That is without a cache, with a calibration, whose path loss no name in the cache tells, or
        where they would leave too little room for path loss.
        """
        if cache is None or setup.propagation.calibration is not None:
            return None
        grid = setup.land.grid
        if not cache.room_for(_PIXEL_BYTES * grid.rows * grid.cols):
            return None
        return cls(setup, cache, workers)

    def restore(self, layers: Layers, heard: Heard, links: PlaceLinks | None) -> set[Key]:
        """Put in what is kept, and return the tiles that are to be laid."""
        whole = touched((0, 0, *self._setup.land.grid.shape))
        names = {key: self._name(key, heard, links) for key in whole if key in self._reaching}
        self._names = names

        def one(key: Key) -> Key | None:
            kept = self._cache.get(names[key])
            if kept is None:
                return key
            window = tile_window(key, self._setup.land.grid)
            places = bool(heard.places_in(window).size)
            try:
                laid = self._unpacked(key, kept, places=places)
                take_laid(layers, window, laid, self._setup.model, heard, links)
            except (KeyError, IndexError, ValueError, TypeError):
                return key  # what was taken of it is laid over
            with self._lock:
                layers.count(laid.footprints)
                self._read += 1
                if self._read % TILES_IN_MEMORY == 0:
                    layers.room.let_go()
            return None

        with ThreadPoolExecutor(self._workers, thread_name_prefix="kept") as pool:
            return {key for key in pool.map(one, names) if key is not None}

    def keep(self, key: Key, laid: LaidTile) -> None:
        """Keep a tile that was laid."""
        self._cache.put(self._names[key], self._packed(key, laid))

    def seen(self, number: int) -> Seen | None:
        """Return what is known of a sweep, by its number among the jobs; None: nothing."""
        kept = self._cache.get(self._seen_name(number))
        if kept is None or set(kept) != {"edges", "hidden"} or kept["edges"].ndim != 2:
            return None
        job = self._setup.jobs[number]
        carriers = self._carriers(job)
        row0, col0, row1, col1 = job_window(job, self._setup.land.grid)
        size, bits = (row1 - row0) * (col1 - col0), kept["hidden"]
        if kept["edges"].shape != (len(carriers) + 1, 5) or bits.size not in (0, -(-size // 8)):
            return None
        *rows, (hidden_pixels, *_) = kept["edges"].tolist()
        self._cache.touch(self.sweep_keys[number])
        return Seen(
            edges={
                name: Edge(int(c), int(s), int(p), int(a), r)
                for name, (c, s, p, a, r) in zip(carriers, rows, strict=True)
                if c
            },
            hidden_pixels=int(hidden_pixels),
            hidden=np.unpackbits(bits, count=size).astype(np.bool_).reshape(row1 - row0, -1)
            if bits.size
            else None,
        )

    def keep_seen(self, number: int, seen: Seen) -> None:
        """Keep what is known of a sweep."""
        edges = [
            (e.cells, e.still_heard, e.pixels, e.above_noise, e.radius_m)
            for e in (
                seen.edges.get(name, Edge()) for name in self._carriers(self._setup.jobs[number])
            )
        ]
        self._cache.put(
            self._seen_name(number),
            {
                "edges": np.array([*edges, (seen.hidden_pixels, 0, 0, 0, 0)], np.float64),
                "hidden": np.zeros(0, np.uint8)
                if seen.hidden is None
                else np.packbits(seen.hidden),
            },
        )

    def jobs_for(self, missing: Iterable[Key]) -> set[int]:
        """Return the numbers of the sweeps that may reach some tiles."""
        return {number for key in missing for number in self._reaching[key]}

    def _carriers(self, job: SweepJob) -> list[str]:
        cells = self._setup.network.cells
        return list(dict.fromkeys(cells[index].carrier.name for index in job.cells))

    def _seen_name(self, number: int) -> str:
        land = self._setup.land
        row0, col0, row1, col1 = job_window(self._setup.jobs[number], land.grid)
        names = self._carriers(self._setup.jobs[number])
        area = digest_of(land.aoi[row0:row1, col0:col1], (row0, col0), names)
        return f"seen {digest_of(self._frame, self._rides[number], area).hex()}"

    def _name(self, key: Key, heard: Heard, links: PlaceLinks | None) -> str:
        """Return the name under which a tile is kept: a hash of all that decides what is in it."""
        setup, window = self._setup, tile_window(key, self._setup.land.grid)
        row0, col0, row1, col1 = window
        at = None if links is None else links.within(window)
        places = heard.places_in(window)
        of_sites = [setup.model.cells.site[c + 1] for c in self._cells(key)]
        decides = digest_of(
            self._frame,
            window,
            [self._rides[number] for number in self._reaching[key]],
            first_seen(of_sites),
            setup.people[row0:row1, col0:col1],
            *heard.row_col(places),
            None if links is None or at is None else (links.service, links.row[at], links.col[at]),
        )
        return f"tile {decides.hex()}"

    def _cells(self, key: Key) -> list[int]:
        """Return the cells of the sweeps that may reach a tile, in order."""
        return [index for number in self._reaching[key] for index in self._setup.jobs[number].cells]

    def _packed(self, key: Key, laid: LaidTile) -> dict[str, NDArray[Any]]:
        """Return what is kept of a tile; cells count as they stand in `_cells`, from 1 on."""
        cells = np.array(self._cells(key), dtype=np.int64)
        number_of = np.zeros(len(self._setup.network.cells) + 1, np.uint16)
        number_of[cells + 1] = np.arange(1, cells.size + 1)
        names = sorted(self._setup.model.operators)
        reached = [number for number, name in enumerate(names) if name in laid.layers.level_cdbm]
        arrays: dict[str, NDArray[Any]] = {"operators": np.array(reached, np.int64)}
        for name in _ALL_OPERATORS:
            arrays[name] = getattr(laid.layers, name)
        for name in ("best", "second"):
            arrays[name] = number_of[arrays[name] + 1]
        for name in self._own_fields():
            for number in reached:
                own = getattr(laid.layers, name)[names[number]]
                # chances as the layers of an operator hold them
                arrays[f"{name} {number}"] = (
                    own.astype(np.float16) if name == "own_probability" else own
                )
        for number, name in enumerate(names):
            for part in _HEARD if name in laid.heard else ():
                array = getattr(laid.heard[name], part)
                arrays[f"heard {part} {number}"] = number_of[array] if part == "code" else array
        for name, array in laid.links.items():
            arrays[f"link {name}"] = number_of[array] if name == "code" else array
        pixels, people = laid.footprints
        arrays["footprints"] = np.stack([pixels[cells], people[cells]])
        return arrays

    def _unpacked(self, key: Key, kept: Mapping[str, NDArray[Any]], *, places: bool) -> LaidTile:
        """Return a tile that was kept; KeyError and its like where it is none of this plan."""
        cells = np.array(self._cells(key), dtype=np.int64)
        code_of = np.concatenate([[0], cells + 1])
        names = sorted(self._setup.model.operators)
        layers: dict[str, Any] = {name: kept[name] for name in _ALL_OPERATORS}  # Any: of two kinds
        for name in ("best", "second"):
            layers[name] = (code_of[layers[name]] - 1).astype(np.int16)
        for name in self._own_fields():
            layers[name] = {
                names[number]: kept[f"{name} {number}"] for number in kept["operators"].tolist()
            }
        heard = {}
        for number, name in enumerate(names if places else ()):
            of = {part: kept[f"heard {part} {number}"] for part in _HEARD}
            of["code"] = code_of[of["code"]].astype(np.uint16)
            heard[name] = OperatorHeard(**of)
        links = {name[5:]: array for name, array in kept.items() if name.startswith("link ")}
        if links:
            links["code"] = code_of[links["code"]]
        count = len(self._setup.network.cells)
        pixels, people = np.zeros(count), np.zeros(count)
        pixels[cells], people[cells] = kept["footprints"]
        return LaidTile(
            layers=TileLayers(**layers), heard=heard, links=links, footprints=(pixels, people)
        )

    def _own_fields(self) -> tuple[str, ...]:
        """Return the layers of each operator that the plan takes of a tile."""
        return _BY_OPERATOR if len(self._setup.model.operators) > 1 else _BY_OPERATOR[:1]


def _riders(job: SweepJob, model: LayerModel, cells: Sequence[bytes]) -> list[object]:
    """Return what decides what the cells of a job bring, in the order in which they are heard."""
    turn_deg = model.turn_deg[job.mast.mast_id]
    return [
        (turn_deg, group, [cells[code] for code in codes])
        for group, codes in by_carrier(job.cells, model).items()
    ]
