"""Tiles that were laid in an earlier run, found again by all that decides what is in them.

A tile is kept by operator. What an operator brings to it rests on the sweeps that may reach it with
the operator's cells, on these cells, on what is asked of the network and on where the villages lie.
A hash of these and of the code is its name in the cache, so that after a change of one mast its
operator is laid anew in the tiles around it, and all else is read. What is kept is exact: a plan
has the same bytes with such a cache, without, and whatever was laid before.

Sweeps that reach read tiles only are not looked at; what else a plan counts in them is kept by
sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from threading import Lock
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.causes.links import PlaceLinks
from lensong.coverage.content_names import (
    cell_digests,
    digest_of,
    first_seen,
    frame_digest,
    operator_digest,
)
from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import Coming, TileLayers
from lensong.coverage.layers import (
    TILE,
    TILES_IN_MEMORY,
    Key,
    LaidOwn,
    Layers,
    job_window,
    take_laid,
    tile_at,
    tile_window,
    touched,
)
from lensong.coverage.plan_setup import PlanSetup
from lensong.coverage.reach import Edge, RadiusCut, add_hidden
from lensong.coverage.site_heard import by_carrier
from lensong.coverage.streams.heard import Heard, OperatorHeard
from lensong.coverage.streams.kept import KeptStreams
from lensong.coverage.sweeps import (
    PackedSweep,
    SweepCache,
    SweepJob,
    Window,
    run_sweeps,
    sweep_keys,
)
from lensong.propagation.types import BoolArray, IntArray

__all__ = ["KeptTiles", "Seen", "TileCache"]

_PIXEL_BYTES = 35.0
"""What an operator takes of a pixel on disk where it is heard, and some room."""

_BY_OPERATOR = ("level_cdbm", "own_probability", "own_reason")
_SERVICES = ("probability", "limiting", "reason")
_LEVELS = tuple(
    f.name for f in fields(TileLayers) if f.name not in (*_BY_OPERATOR, *_SERVICES, "band_cdbm")
)
_HEARD = tuple(f.name for f in fields(OperatorHeard))

_Part: TypeAlias = tuple[Key, str]  # of a tile, an operator


class TileCache(SweepCache, Protocol):
    """Where tiles are kept between runs: `lensong.gis_data.array_cache.ArrayCache`."""

    def room_for(self, more_bytes: float) -> bool:
        """Return whether as much may be kept and leave room for path loss."""

    def touch(self, key: str) -> bool:
        """Count what is kept under a key as used now, and return whether anything is."""


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
    cache : TileCache
    workers : int
        Threads.
    keys : sequence of str, optional
        Of `sweep_keys`, where they are known already.
    """

    def __init__(
        self, setup: PlanSetup, cache: TileCache, workers: int, keys: Sequence[str] | None = None
    ) -> None:
        self._setup, self._cache, self._workers = setup, cache, workers
        self.sweep_keys = keys or sweep_keys(
            setup.jobs,
            setup.land,
            setup.propagation,
            rx_height_agl_m=setup.handset.height_agl_m,
            workers=workers,
        )
        self.streams = KeptStreams(setup, cache)
        model, cells = setup.model, cell_digests(setup.model)
        self._frame = frame_digest(setup)
        self._frames = {
            name: digest_of(self._frame, operator_digest(model, name)) for name in model.operators
        }
        self._rides: list[dict[str, bytes]] = [
            {
                name: digest_of(key, job.row, job.col, job.radius_m, _measured(setup, job), riders)
                for name, riders in _riders(job, model, cells).items()
            }
            for key, job in zip(self.sweep_keys, setup.jobs, strict=True)
        ]
        self._reaching: dict[_Part, list[int]] = {}
        for number, job in enumerate(setup.jobs):
            for key in touched(job_window(job, setup.land.grid)):
                for name in self._rides[number]:
                    self._reaching.setdefault((key, name), []).append(number)
        self._names: dict[_Part, str] = {}
        self._missing: dict[Key, frozenset[str]] = {}
        self._places: tuple[Heard | None, PlaceLinks | None] = (None, None)
        self._read, self._lock = 0, Lock()

    @classmethod
    def of(
        cls,
        setup: PlanSetup,
        cache: TileCache | None,
        workers: int,
        keys: Sequence[str] | None = None,
    ) -> KeptTiles | None:
        """Return those of a plan; None where none are kept.

        That is without a cache, or where they would leave too little room for path loss.
        """
        if cache is None:
            return None
        kept = cls(setup, cache, workers, keys)
        return kept if cache.room_for(_PIXEL_BYTES * TILE**2 * len(kept._reaching)) else None

    def missing(self, heard: Heard, links: PlaceLinks | None) -> dict[Key, frozenset[str]]:
        """Return the tiles of which something is not kept, and the operators; nothing is read."""
        found: dict[Key, frozenset[str]] = {}
        for key, names in self._named(heard, links).items():
            if gone := [n for n in names if not self._cache.touch(self._names[key, n])]:
                found[key] = frozenset(gone)
        return found

    def restore(
        self,
        layers: Layers,
        heard: Heard,
        links: PlaceLinks | None,
        window: Window | None = None,
    ) -> dict[Key, frozenset[str]]:
        """Put in the tiles that are kept whole; return of the others the operators to be laid.

        Those of a window of whole tiles; None: all.
        """
        grid, model = self._setup.land.grid, self._setup.model
        here = self._named(heard, links, window)

        def one(key: Key) -> frozenset[str]:
            kept = {name: self._get(key, name) for name in here[key]}
            missing = frozenset(name for name, found in kept.items() if found is None)
            if missing:
                return missing
            own = {name: laid for found in kept.values() if found for name, laid in found.items()}
            try:
                take_laid(layers, tile_window(key, grid), own, model, heard, links)
            except (KeyError, IndexError, ValueError, TypeError):
                return frozenset(kept)  # what was taken of it is laid over
            with self._lock:
                for laid in own.values():
                    layers.count(laid.footprints)
                self._read += 1
                if self._read % TILES_IN_MEMORY == 0:
                    layers.room.let_go()
            return missing

        with ThreadPoolExecutor(self._workers, thread_name_prefix="kept") as pool:
            found = dict(zip(here, pool.map(one, here), strict=True))
        missing = {key: names for key, names in found.items() if names}
        self._missing |= missing
        return missing

    def _named(
        self, heard: Heard, links: PlaceLinks | None, window: Window | None = None
    ) -> dict[Key, list[str]]:
        """Give the parts of the tiles in a window their names; return tiles and operators."""
        self._places = heard, links
        inside = None if window is None else set(touched(window))
        here: dict[Key, list[str]] = {}
        for key, name in sorted(self._reaching):
            if inside is None or key in inside:
                here.setdefault(key, []).append(name)
        for key, names in here.items():
            of_tile = self._tile_digest(key, heard, links)
            self._names |= {(key, name): self._name(key, name, of_tile) for name in names}
        return here

    def keep(self, key: Key, own: Mapping[str, LaidOwn]) -> None:
        """Keep what was laid of a tile."""
        for name in self._missing[key]:
            self._cache.put(self._names[key, name], self._packed(key, name, own.get(name)))

    def others(self, key: Key) -> dict[str, LaidOwn]:
        """Return what operators bring to a tile that are not laid there."""
        found: dict[str, LaidOwn] = {}
        for name in self._setup.model.operators:
            if (key, name) in self._reaching and name not in self._missing[key]:
                kept = self._get(key, name)
                found |= self._laid_again(key, name) if kept is None else kept
        return found

    def _laid_again(self, key: Key, name: str) -> dict[str, LaidOwn]:
        """Lay what was kept when the plan began and is gone from the cache."""
        setup, numbers = self._setup, self._reaching[key, name]
        tile, model = tile_at(key, setup.land.grid), setup.model
        sweeps = run_sweeps(
            [setup.jobs[number] for number in numbers],
            setup.land,
            setup.propagation,
            rx_height_agl_m=setup.handset.height_agl_m,
            cache=self._cache,
            workers=1,
            keys=[self.sweep_keys[number] for number in numbers],
        )
        coming = []
        for job, sweep, _ in sweeps:
            part, groups = sweep.cut(tile.window), by_carrier(job.cells, model)
            if part is not None:
                mine = {group: codes for group, codes in groups.items() if group[0] == name}
                coming.append(Coming(part, mine))
        tile.lay(coming, model)
        if name not in tile.operators:
            return {}
        return {name: LaidOwn.of(tile, name, model, setup.people, *self._places)}

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

    def jobs_for(self, missing: Mapping[Key, Iterable[str]]) -> set[int]:
        """Return the numbers of the sweeps that some operators bring to some tiles."""
        parts = [(key, name) for key, names in missing.items() for name in names]
        return {number for part in parts for number in self._reaching[part]}

    def _carriers(self, job: SweepJob) -> list[str]:
        cells = self._setup.network.cells
        return list(dict.fromkeys(cells[index].carrier.name for index in job.cells))

    def _seen_name(self, number: int) -> str:
        land = self._setup.land
        row0, col0, row1, col1 = job_window(self._setup.jobs[number], land.grid)
        names = self._carriers(self._setup.jobs[number])
        area = digest_of(land.aoi[row0:row1, col0:col1], (row0, col0), names)
        rides = sorted(self._rides[number].items())
        return f"seen {digest_of(self._frame, rides, area).hex()}"

    def _tile_digest(self, key: Key, heard: Heard, links: PlaceLinks | None) -> bytes:
        """Return a hash of what a tile is asked for, whichever operator is laid."""
        row0, col0, row1, col1 = window = tile_window(key, self._setup.land.grid)
        at = None if links is None else links.within(window)
        return digest_of(
            window,
            self._setup.people[row0:row1, col0:col1],
            *heard.row_col(heard.places_in(window)),
            None if links is None or at is None else (links.service, links.row[at], links.col[at]),
        )

    def _name(self, key: Key, name: str, of_tile: bytes) -> str:
        """Return the name of what is kept: a hash of all that decides what is in it."""
        of_sites = [self._setup.model.cells.site[c + 1] for c in self._cells(key, name)]
        decides = digest_of(
            self._frames[name],
            of_tile,
            [self._rides[number][name] for number in self._reaching[key, name]],
            first_seen(of_sites),
        )
        return f"tile {decides.hex()}"

    def _cells(self, key: Key, name: str) -> list[int]:
        """Return an operator's cells on the sweeps that may reach a tile, in order."""
        model, jobs = self._setup.model, self._setup.jobs
        return [
            index
            for number in self._reaching[key, name]
            for index in jobs[number].cells
            if model.operator_of[index] == name
        ]

    def _packed(self, key: Key, name: str, own: LaidOwn | None) -> dict[str, NDArray[Any]]:
        """Return what is kept of a tile; cells count as they stand in `_cells`, from 1 on.

        Rows of technologies and bands that the operator does not have are left out. Chances of the
        operator are those of all its technologies together. None: no cell of it is heard.
        """
        if own is None:
            return {}
        cells = np.array(self._cells(key, name), dtype=np.int64)
        number_of = np.zeros(len(self._setup.network.cells) + 1, np.uint16)
        number_of[cells + 1] = np.arange(1, cells.size + 1)
        rows = _Rows.of(self._setup.model, name)
        arrays: dict[str, NDArray[Any]] = {
            "level_cdbm": own.layers.level_cdbm[name],
            "band_cdbm": own.layers.band_cdbm[rows.bands],
        }
        for field in _LEVELS:
            arrays[field] = getattr(own.layers, field)[rows.technologies]
        for field in ("best", "second"):
            arrays[field] = number_of[arrays[field] + 1]
        for field in _SERVICES:
            arrays[field] = getattr(own.layers, field)[rows.scopes]
        for part in _HEARD if own.heard is not None else ():
            array = getattr(own.heard, part)
            arrays[f"heard {part}"] = number_of[array] if part == "code" else array
        for field, array in own.links.items():
            arrays[f"link {field}"] = number_of[array] if field == "code" else array
        pixels, people = own.footprints
        arrays["footprints"] = np.stack([pixels[cells], people[cells]])
        return arrays

    def _get(self, key: Key, name: str) -> dict[str, LaidOwn] | None:
        """Return what is kept of an operator, by its name, which is silent if not there."""
        kept = self._cache.get(self._names[key, name])
        if not kept:
            return kept if kept is None else {}
        try:
            return {name: self._unpacked(key, name, kept)}
        except (KeyError, IndexError, ValueError, TypeError):
            return None

    def _unpacked(self, key: Key, name: str, kept: Mapping[str, NDArray[Any]]) -> LaidOwn:
        """Return what was kept; KeyError and its like where it is none of this plan."""
        model, count = self._setup.model, len(self._setup.network.cells)
        cells = np.array(self._cells(key, name), dtype=np.int64)
        code_of = np.concatenate([[0], cells + 1])
        rows = _Rows.of(model, name)
        row0, col0, row1, col1 = tile_window(key, self._setup.land.grid)
        layers = TileLayers.empty(model, row1 - row0, col1 - col0)
        layers.band_cdbm[rows.bands] = kept["band_cdbm"]
        for field in _LEVELS:
            array = kept[field]
            if field in ("best", "second"):
                array = code_of[array] - 1
            getattr(layers, field)[rows.technologies] = array
        for field in _SERVICES:
            of = getattr(layers, field)
            of[rows.scopes] = kept[field]
            of[rows.also] = kept[field][rows.also_from]
        layers.level_cdbm[name] = kept["level_cdbm"]
        layers.own_probability[name] = layers.probability[0]
        layers.own_reason[name] = layers.reason[0]
        heard = None
        if self._places[0] is not None and self._places[0].places_in((row0, col0, row1, col1)).size:
            of_heard = {part: kept[f"heard {part}"] for part in _HEARD}
            of_heard["code"] = code_of[of_heard["code"]].astype(np.uint16)
            heard = OperatorHeard(**of_heard)
        links = {field[5:]: array for field, array in kept.items() if field.startswith("link ")}
        if links:
            links["code"] = code_of[links["code"]]
        pixels, people = np.zeros(count), np.zeros(count)
        pixels[cells], people[cells] = kept["footprints"]
        return LaidOwn(layers=layers, heard=heard, links=links, footprints=(pixels, people))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """The rows of a tile's layers that an operator has; ``also`` repeat those of scopes."""

    technologies: IntArray
    bands: IntArray
    scopes: IntArray
    also: IntArray
    also_from: IntArray

    @classmethod
    def of(cls, model: LayerModel, name: str) -> _Rows:
        operator = model.operators[name]
        also_from = np.flatnonzero(operator.also_row >= 0)
        return cls(
            technologies=np.unique(operator.technology),
            bands=np.unique(operator.band),
            scopes=operator.scope_row,
            also=operator.also_row[also_from],
            also_from=also_from,
        )


def _measured(setup: PlanSetup, job: SweepJob) -> tuple[object, ...]:
    """Return by what a calibration knows a mast again; nothing without one."""
    mast = job.mast
    known = setup.propagation.calibration is not None
    return (mast.mast_id, mast.lat_deg, mast.lon_deg) if known else ()


def _riders(
    job: SweepJob, model: LayerModel, cells: Sequence[bytes]
) -> dict[str, list[tuple[object, ...]]]:
    """Return by operator what decides what the cells of a job bring, in the order of hearing."""
    turn_deg = model.turn_deg[job.mast.mast_id]
    found: dict[str, list[tuple[object, ...]]] = {}
    for (name, carrier), codes in by_carrier(job.cells, model).items():
        found.setdefault(name, []).append((turn_deg, carrier, [cells[code] for code in codes]))
    return found
