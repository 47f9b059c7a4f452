"""Path-loss sweeps as the radio side has them, packed to 16 bit, and how they are made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from lensong.coverage.network import Mast, Network
from lensong.coverage.sweep_planes import KEPT_VERSION, NO_LOSS, Put, SweepPlanes, UInt16Array
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.sweep import sweep_carriers
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.terminal import LONGEST_CLEARING_M, TERMINAL_CLEARING_M
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Grid, Int16Array

__all__ = [
    "NO_LOSS",
    "AntennaPlace",
    "PackedSweep",
    "PropagationSettings",
    "SweepCache",
    "SweepJob",
    "UInt16Array",
    "Window",
    "antenna_place",
    "run_sweeps",
    "sweep_jobs",
    "sweep_keys",
    "sweep_together",
]

Window: TypeAlias = tuple[int, int, int, int]
"""First row and column of a part of the grid, and those after its last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedSweep:
    """Path loss from one mast to a window of the grid, in hundredths of a decibel.

    Parameters
    ----------
    row0, col0 : int
        Grid position of the window's top left cell.
    mast_row, mast_col : float
        Fractional grid position of the mast (integers are cell centres).
    cell_m : float
        Side of a grid cell [m].
    loss_cdb : shape (h, w), uint16
        Basic transmission loss [0.01 dB], even numbers; ``NO_LOSS`` where there is none.
    departure_cdeg : shape (h, w), int16
        Elevation of the ray at the mast above the horizontal, negative down [0.01 deg]: toward
        the mast's horizon where the path is blocked, toward the receiver where it is clear.
    diffraction_cdb : shape (h, w), uint16
        Diffraction loss by terrain and clutter that the path loss contains [0.01 dB], within
        0.14 dB.
    terrain_cdb : shape (h, w), uint16
        Diffraction loss of the bare terrain alone [0.01 dB], no more than ``diffraction_cdb``;
        what clutter adds is the difference, within 0.13 dB.
    hidden_pixels : int
        Pixels in range that lie behind missing elevation; they have no loss.
    """

    row0: int
    col0: int
    mast_row: float
    mast_col: float
    cell_m: float
    loss_cdb: UInt16Array
    departure_cdeg: Int16Array
    diffraction_cdb: UInt16Array
    terrain_cdb: UInt16Array
    hidden_pixels: int = 0

    @property
    def window(self) -> Window:
        """Return the part of the grid that it covers."""
        rows, cols = self.loss_cdb.shape
        return self.row0, self.col0, self.row0 + rows, self.col0 + cols

    def cut(self, window: Window) -> PackedSweep | None:
        """Return a copy of the part within a window of the grid; None where nothing arrives."""
        row0, col0, row1, col1 = self.window
        top, left = max(row0, window[0]), max(col0, window[1])
        bottom, right = min(row1, window[2]), min(col1, window[3])
        part = np.s_[top - row0 : max(top, bottom) - row0, left - col0 : max(left, right) - col0]
        loss_cdb = self.loss_cdb[part]
        if bool((loss_cdb == NO_LOSS).all()):
            return None
        return replace(
            self,
            row0=top,
            col0=left,
            loss_cdb=loss_cdb.copy(),
            departure_cdeg=self.departure_cdeg[part].copy(),
            diffraction_cdb=self.diffraction_cdb[part].copy(),
            terrain_cdb=self.terrain_cdb[part].copy(),
        )


_WITH_CLUTTER = ("itu_r_p1812", "itu_r_p452")


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationSettings:
    """How path loss is computed and how far it may be trusted.

    Parameters
    ----------
    model : str
        Name of a model in ``lensong.propagation.models.MODELS`` that draws maps.
    delta_n_per_km, n0 : float
        Lapse rate of refractivity in the lowest kilometre [N-units/km] and sea-level surface
        refractivity [N-units] (ITU-R P.1812 §3.6), positive.
    time_percent : float
        Loss not exceeded for this share of an average year [%], 1..50.
    polarization : {"vertical", "horizontal"}
    terminal_clearing_m : float
        Trees and houses nearer than this to an antenna or a phone do not count, 0 to 500 [m]
        (`lensong.propagation.terminal`).
    location_sigma_db, model_sigma_db : float
        Standard deviation of the level inside a pixel, and of the model against measurement [dB].
    shadowing_correlation : float
        Correlation of that scatter between any two sites, 0..1; see `lensong.coverage.shadowing`.
    calibration : PathCorrection or None
        Applied to every sweep after the cache, which keeps what the model gives.
    """

    model: str = "itu_r_p1812"
    delta_n_per_km: float = 44.0
    n0: float = 365.5
    time_percent: float = 50.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    terminal_clearing_m: float = TERMINAL_CLEARING_M
    location_sigma_db: float = 4.0
    model_sigma_db: float = 7.0
    shadowing_correlation: float = 0.5
    calibration: PathCorrection | None = None

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("delta_n_per_km", self.delta_n_per_km, 1e-9, 1e3),
            ("n0", self.n0, 1e-9, 1e3),
            ("time_percent", self.time_percent, 1.0, 50.0),
            ("terminal_clearing_m", self.terminal_clearing_m, 0.0, LONGEST_CLEARING_M),
            ("location_sigma_db", self.location_sigma_db, 0.0, 100.0),
            ("model_sigma_db", self.model_sigma_db, 0.0, 100.0),
            ("shadowing_correlation", self.shadowing_correlation, 0.0, 1.0),
        ):
            if not low <= value <= high:
                raise OutOfRangeError(f"propagation.{name}", value, low, high)

    @property
    def total_sigma_db(self) -> float:
        """Return the root sum of squares of both deviations [dB]."""
        return float(np.hypot(self.location_sigma_db, self.model_sigma_db))

    def calibrated(self, network: Network) -> Network:
        """Return a network whose cells' levels are those that a calibration teaches."""
        return network if self.calibration is None else self.calibration.calibrated(network)

    def near_antennas(self, *, with_clutter: bool) -> tuple[str, ...]:
        """Say what becomes of trees and houses beside an antenna; nothing where none count."""
        if not with_clutter or self.model not in _WITH_CLUTTER:
            return ()
        if self.terminal_clearing_m == 0.0:
            return (
                "Trees and houses count from the grid cell next to an antenna or a phone on "
                "(propagation.terminal_clearing_m = 0): losses in forest follow the cell size.",
            )
        return (
            f"Trees and houses count from {self.terminal_clearing_m:g} m from an antenna or a "
            "phone on (propagation.terminal_clearing_m; 50 m is that of ITU-R P.452-18 "
            "eq. (6e)).",
        )


class PathCorrection(Protocol):
    """What measurements have taught of path loss: `lensong.coverage.calibration.apply`."""

    @property
    def length_m(self) -> float:
        """Return over which distance errors last [m]."""

    @property
    def learnt(self) -> object:
        """Return all that it rests on, as data classes: it is hashed."""

    def calibrated(self, network: Network) -> Network:
        """Return a network whose cells' levels are shifted by what was learnt of them.

        Asked again of a network that was edited: what was learnt of a cell holds as long as its
        antenna is the one that was measured.
        """

    def corrected(self, sweep: PackedSweep, job: SweepJob, land: Land) -> PackedSweep:
        """Return a sweep as it was measured to be."""


class SweepCache(Protocol):
    """Where sweeps are kept between runs: `lensong.gis_data.array_store.ArrayStore` on disk."""

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a key, or None."""

    def put(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Keep the arrays of a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepJob:
    """One sweep to make and the cells that ride on it.

    Parameters
    ----------
    mast : Mast
    row, col : float
        Fractional grid position (integers are cell centres).
    height_agl_m, freq_mhz, radius_m : float
        The radius is the greatest of the cells'.
    cells : tuple of int
        Indices into ``network.cells``.
    """

    mast: Mast
    row: float
    col: float
    height_agl_m: float
    freq_mhz: float
    radius_m: float
    cells: tuple[int, ...]


SWEEP_VERSION = 7
"""To be raised when computed losses change, so that caches of older versions are not read."""


def sweep_jobs(network: Network, land: Land) -> list[SweepJob]:
    """Return the sweeps of a network: one per mast, antenna height and downlink frequency.

    Raises
    ------
    InvalidInputError
        When a mast stands outside the grid.
    """
    to_grid = Transformer.from_crs("EPSG:4326", land.grid.crs, always_xy=True)
    masts = {mast.mast_id: mast for mast in network.masts}
    riders: dict[tuple[str, float, float], list[int]] = {}
    for index, cell in enumerate(network.cells):
        key = (cell.mast_id, cell.height_agl_m, cell.carrier.downlink_freq_mhz)
        riders.setdefault(key, []).append(index)
    jobs = []
    for (mast_id, height_agl_m, freq_mhz), cells in riders.items():
        mast = masts[mast_id]
        easting, northing = to_grid.transform(mast.lon_deg, mast.lat_deg)
        row, col = land.grid.row_col(easting, northing)
        if not land.grid.surrounds(easting, northing):
            raise InvalidInputError(
                f"mast {mast_id!r} at {mast.lat_deg:.5f} N, {mast.lon_deg:.5f} E lies outside the "
                "grid: correct its position, enlarge [area] or leave it out"
            )
        jobs.append(
            SweepJob(
                mast=mast,
                row=row,
                col=col,
                height_agl_m=height_agl_m,
                freq_mhz=freq_mhz,
                radius_m=max(network.cells[i].radius_m for i in cells),
                cells=tuple(cells),
            )
        )
    return jobs


def _sweep_request(
    job: SweepJob, grid: Grid, settings: PropagationSettings, rx_height_agl_m: float
) -> SweepRequest:
    to_degrees = Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)

    def lat_deg(row: float, col: float) -> float:
        return float(to_degrees.transform(*grid.easting_northing(row, col))[1])

    span = 100.0
    return SweepRequest(
        row=job.row,
        col=job.col,
        tx_height_agl_m=job.height_agl_m,
        rx_height_agl_m=rx_height_agl_m,
        freq_mhz=job.freq_mhz,
        radius_m=job.radius_m,
        delta_n_per_km=settings.delta_n_per_km,
        n0=settings.n0,
        time_percent=settings.time_percent,
        polarization=settings.polarization,
        terminal_clearing_m=settings.terminal_clearing_m,
        tx_lat_deg=job.mast.lat_deg,
        lat_per_row_deg=(lat_deg(job.row + span, job.col) - lat_deg(job.row - span, job.col))
        / (2.0 * span),
        lat_per_col_deg=(lat_deg(job.row, job.col + span) - lat_deg(job.row, job.col - span))
        / (2.0 * span),
    )


def _local(request: SweepRequest, terrain: Terrain) -> tuple[SweepRequest, Terrain, int, int]:
    """Return request and terrain cut to what the sweep reads, and where the cut begins."""
    rows, cols = terrain.ground_m.shape
    reach = request.radius_m / terrain.cell_m + 2.0
    row0, col0 = max(0, int(request.row - reach)), max(0, int(request.col - reach))
    row1, col1 = min(rows, int(request.row + reach) + 2), min(cols, int(request.col + reach) + 2)
    window = np.s_[row0:row1, col0:col1]
    fields = {name: getattr(request, name) for name in SweepRequest.__slots__}
    fields |= {"row": request.row - row0, "col": request.col - col0}
    cut = Terrain(
        ground_m=np.ascontiguousarray(terrain.ground_m[window]),
        clutter_m=None
        if terrain.clutter_m is None
        else np.ascontiguousarray(terrain.clutter_m[window]),
        cell_m=terrain.cell_m,
    )
    return SweepRequest(**fields), cut, row0, col0


def _content_keys(requests: Sequence[SweepRequest], terrain: Terrain, model: str) -> list[str]:
    """Return hashes of everything that sweeps depend on, the land within reach included."""
    ground = hashlib.blake2b(digest_size=20)
    ground.update(terrain.ground_m.data)
    ground.update(b"bare" if terrain.clutter_m is None else terrain.clutter_m.data)
    keys = []
    for request in requests:
        digest = ground.copy()
        digest.update(
            repr((SWEEP_VERSION, KEPT_VERSION, model, astuple(request), terrain.cell_m)).encode()
        )
        keys.append(digest.hexdigest())
    return keys


def sweep_keys(
    jobs: Sequence[SweepJob],
    land: Land,
    settings: PropagationSettings,
    *,
    rx_height_agl_m: float,
    workers: int = 1,
) -> list[str]:
    """Return the names under which sweeps are kept, in the order of the jobs.

    They are hashes of everything that sweeps depend on, but for a calibration.
    """
    together: dict[AntennaPlace, list[int]] = {}
    for number, job in enumerate(jobs):
        together.setdefault(antenna_place(job), []).append(number)

    def keys_of(numbers: list[int]) -> list[str]:
        carriers = [jobs[number] for number in numbers]
        requests, cut, _, _ = _requests(carriers, land, settings, rx_height_agl_m)
        return _content_keys(requests, cut, settings.model)

    found = [""] * len(jobs)
    with ThreadPoolExecutor(workers, thread_name_prefix="key") as pool:
        antennas = list(together.values())
        for numbers, keys in zip(antennas, pool.map(keys_of, antennas), strict=True):
            for number, key in zip(numbers, keys, strict=True):
                found[number] = key
    return found


def _requests(
    jobs: Sequence[SweepJob], land: Land, settings: PropagationSettings, rx_height_agl_m: float
) -> tuple[list[SweepRequest], Terrain, int, int]:
    """Return requests of the carriers of one antenna, the land they read, and where it begins."""
    terrain = Terrain(ground_m=land.ground_m, clutter_m=land.clutter_m, cell_m=land.grid.cell_m)
    request, cut, row0, col0 = _local(
        _sweep_request(jobs[0], land.grid, settings, rx_height_agl_m), terrain
    )
    return [replace(request, freq_mhz=job.freq_mhz) for job in jobs], cut, row0, col0


def sweep_together(
    jobs: Sequence[SweepJob],
    land: Land,
    settings: PropagationSettings,
    *,
    rx_height_agl_m: float,
    cache: SweepCache | None,
    workers: int = 1,
    keys: Sequence[str] | None = None,
    keep: Callable[[Callable[[Put], None]], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[tuple[PackedSweep, bool]]:
    """Return the sweeps of the carriers of one antenna, and which came from the cache.

    Those that did not share their geometry (`lensong.propagation.sweep.sweep_carriers`, which
    asks ``stop``). ``workers`` threads share the radials; ``keep`` is called with what puts new
    ones into the cache, given its ``put``, and may do so later: they are packed for it. None: it
    is done at once. The other arguments are as for `run_sweeps`.
    """
    requests, cut, row0, col0 = _requests(jobs, land, settings, rx_height_agl_m)
    found: list[SweepPlanes | None] = [None] * len(jobs)
    if cache is not None:
        keys = keys or _content_keys(requests, cut, settings.model)
        kept = SweepPlanes.get_together(keys, cache.get)
        found = [_inside(planes, land.grid, row0, col0) for planes in kept]
    missing = [i for i, planes in enumerate(found) if planes is None]
    made = list(found)
    if missing:
        swept = sweep_carriers(
            [requests[i] for i in missing],
            cut,
            model=settings.model,
            workers=workers,
            stop=stop,
        )
        new = [SweepPlanes.of(result) for result in swept]
        for i, planes in zip(missing, new, strict=True):
            made[i] = planes
        if cache is not None and keys is not None:
            named = [keys[i] for i in missing]
            if keep is None:
                SweepPlanes.put_together(named, new, cache.put)
            else:
                keep(partial(SweepPlanes.put_together, named, new))
    packed = [
        (job, _packed(planes, job, land.grid, row0, col0), before is not None)
        for job, planes, before in zip(jobs, made, found, strict=True)
        if planes is not None
    ]
    if settings.calibration is None:
        return [(sweep, reused) for _, sweep, reused in packed]
    learnt = settings.calibration
    return [(learnt.corrected(sweep, job, land), reused) for job, sweep, reused in packed]


def _inside(planes: SweepPlanes | None, grid: Grid, row0: int, col0: int) -> SweepPlanes | None:
    """Return what was kept if it is a part of this grid; else it counts as absent."""
    if planes is None:
        return None
    rows, cols = planes.known.shape
    inside = row0 + planes.row0 + rows <= grid.rows and col0 + planes.col0 + cols <= grid.cols
    return planes if inside else None


def _packed(planes: SweepPlanes, job: SweepJob, grid: Grid, row0: int, col0: int) -> PackedSweep:
    loss_cdb, departure_cdeg, diffraction_cdb, terrain_cdb = planes.expanded()
    return PackedSweep(
        row0=row0 + planes.row0,
        col0=col0 + planes.col0,
        mast_row=job.row,
        mast_col=job.col,
        cell_m=grid.cell_m,
        loss_cdb=loss_cdb,
        departure_cdeg=departure_cdeg,
        diffraction_cdb=diffraction_cdb,
        terrain_cdb=terrain_cdb,
        hidden_pixels=planes.hidden_pixels,
    )


AntennaPlace: TypeAlias = tuple[str, float, float, float, float]


def antenna_place(job: SweepJob) -> AntennaPlace:
    """Return what the carriers of one antenna have in common: mast, place, height, radius."""
    return (job.mast.mast_id, job.row, job.col, job.height_agl_m, job.radius_m)


def run_sweeps(
    jobs: Sequence[SweepJob],
    land: Land,
    settings: PropagationSettings,
    *,
    rx_height_agl_m: float,
    cache: SweepCache | None,
    workers: int,
    on_done: Callable[[int, int, bool], None] | None = None,
    keys: Sequence[str] | None = None,
) -> Iterator[tuple[SweepJob, PackedSweep, bool]]:
    """Yield each job with its sweep and whether it came from the cache, in the order of the jobs.

    Sweeps run in threads (the kernels release the interpreter's lock), a few antennas ahead of the
    reader, so memory does not grow with the number of jobs: the carriers of one antenna are
    computed together and should stand together (`lensong.coverage.layers.sweep_order`). What is
    done is in the cache at once: an interrupted run begins again where it stopped.

    Parameters
    ----------
    jobs : sequence of SweepJob
    land : Land
    settings : PropagationSettings
    rx_height_agl_m : float
        Height of the phone above ground [m].
    cache : SweepCache or None
    workers : int
        Threads, 1 or more.
    on_done : callable, optional
        Called with sweeps done, sweeps in all, and whether the last one came from the cache.
    keys : sequence of str, optional
        Of `sweep_keys`, where they are known already.
    """
    if workers < 1:
        raise InvalidInputError(f"workers is {workers}, wanted 1 or more")
    together: dict[AntennaPlace, list[SweepJob]] = {}
    keys_of: dict[AntennaPlace, list[str]] = {}
    for number, job in enumerate(jobs):
        together.setdefault(antenna_place(job), []).append(job)
        if keys is not None:
            keys_of.setdefault(antenna_place(job), []).append(keys[number])
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="sweep")
    running: dict[AntennaPlace, Future[list[tuple[PackedSweep, bool]]]] = {}
    todo = iter(together.items())

    def start() -> bool:
        place, carriers = next(todo, (None, []))
        if place is not None:
            running[place] = pool.submit(
                sweep_together,
                tuple(carriers),
                land,
                settings,
                rx_height_agl_m=rx_height_agl_m,
                cache=cache,
                keys=keys_of.get(place),
            )
        return place is not None

    try:
        for done, job in enumerate(jobs, start=1):
            place = antenna_place(job)
            while (place not in running or len(running) <= workers) and start():
                pass
            packed, reused = running[place].result().pop(0)
            together[place].pop(0)
            if not together[place]:
                del running[place]
            if on_done is not None:
                on_done(done, len(jobs), reused)
            yield job, packed, reused
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
