"""Path-loss sweeps as the radio side keeps them, packed to 16 bit."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass
from threading import Lock
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from lensong.coverage.network import Mast, Network
from lensong.gis_data.land import Land
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.kernel import kernel
from lensong.propagation.sweep import sweep_carriers
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.sweep_result import SweepResult
from lensong.propagation.terminal import LONGEST_CLEARING_M, TERMINAL_CLEARING_M
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Float32Array, FloatArray, Grid, Int16Array

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
    "sweep_together",
]

UInt16Array = NDArray[np.uint16]

Window: TypeAlias = tuple[int, int, int, int]
"""First row and column of a part of the grid, and those after its last."""

NO_LOSS = 65535
"""Value of ``loss_cdb`` where there is no path loss (out of range or no elevation)."""


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
        Basic transmission loss [0.01 dB]; ``NO_LOSS`` where there is none.
    departure_cdeg : shape (h, w), int16
        Elevation of the ray at the mast above the horizontal, negative down [0.01 deg]: toward
        the mast's horizon where the path is blocked, toward the receiver where it is clear.
    diffraction_cdb : shape (h, w), uint16
        Diffraction loss by terrain and clutter that the path loss contains [0.01 dB].
    terrain_cdb : shape (h, w), uint16
        Diffraction loss of the bare terrain alone [0.01 dB]; what clutter adds is
        ``max(diffraction - terrain, 0)``.
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


SWEEP_VERSION = 6
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


def _content_key(request: SweepRequest, terrain: Terrain, model: str) -> str:
    """Return a hash of everything that a sweep depends on, the land within reach included."""
    digest = hashlib.blake2b(digest_size=20)
    digest.update(repr((SWEEP_VERSION, model, astuple(request), terrain.cell_m)).encode())
    digest.update(terrain.ground_m.tobytes())
    digest.update(b"bare" if terrain.clutter_m is None else terrain.clutter_m.tobytes())
    return digest.hexdigest()


@kernel
def _pack(
    loss_db: FloatArray,
    departure_deg: Float32Array,
    diffraction_db: Float32Array,
    terrain_db: Float32Array,
    loss_cdb: UInt16Array,
    departure_cdeg: Int16Array,
    diffraction_cdb: UInt16Array,
    terrain_cdb: UInt16Array,
) -> None:
    """Round to hundredths; what has no loss is left as it is."""
    for i in range(loss_db.shape[0]):
        for j in range(loss_db.shape[1]):
            if np.isnan(loss_db[i, j]):
                continue
            loss_cdb[i, j] = min(max(round(loss_db[i, j] * 100.0), 0), NO_LOSS - 1)
            departure_cdeg[i, j] = round(departure_deg[i, j] * 100.0)
            diffraction_cdb[i, j] = min(max(round(diffraction_db[i, j] * 100.0), 0), NO_LOSS - 1)
            terrain_cdb[i, j] = min(max(round(terrain_db[i, j] * 100.0), 0), NO_LOSS - 1)


def _packed_arrays(result: SweepResult) -> dict[str, NDArray[Any]]:
    shape = result.path_loss_db.shape
    packed: dict[str, NDArray[Any]] = {
        "loss_cdb": np.full(shape, NO_LOSS, dtype=np.uint16),
        "departure_cdeg": np.zeros(shape, dtype=np.int16),
        "diffraction_cdb": np.zeros(shape, dtype=np.uint16),
        "terrain_cdb": np.zeros(shape, dtype=np.uint16),
    }
    _pack(
        result.path_loss_db,
        result.departure_deg,
        result.diffraction_db,
        result.terrain_db,
        *packed.values(),
    )
    return {**packed, "rest": np.array([result.row0, result.col0, result.hidden_pixels])}


def sweep_together(
    jobs: Sequence[SweepJob],
    land: Land,
    settings: PropagationSettings,
    *,
    rx_height_agl_m: float,
    cache: SweepCache | None,
    workers: int = 1,
) -> list[tuple[PackedSweep, bool]]:
    """Return the sweeps of the carriers of one antenna, and which came from the cache.

    Those that did not share their geometry (`lensong.propagation.sweep.sweep_carriers`).
    ``workers`` threads share the radials; the other arguments are as for `run_sweeps`.
    """
    terrain = Terrain(ground_m=land.ground_m, clutter_m=land.clutter_m, cell_m=land.grid.cell_m)
    requests = []
    for job in jobs:
        request, cut, row0, col0 = _local(
            _sweep_request(job, land.grid, settings, rx_height_agl_m), terrain
        )
        requests.append(request)
    keys = [_content_key(r, cut, settings.model) if cache is not None else "" for r in requests]
    found = [
        None if cache is None else _as_kept(cache.get(key), land.grid, row0, col0) for key in keys
    ]
    missing = [i for i, arrays in enumerate(found) if arrays is None]
    made = list(found)
    if missing:
        swept = sweep_carriers(
            [requests[i] for i in missing], cut, model=settings.model, workers=workers
        )
        for i, result in zip(missing, swept, strict=True):
            made[i] = arrays = _packed_arrays(result)
            if cache is not None:
                cache.put(keys[i], arrays)
    return [
        (_unpacked(arrays, job, land.grid, row0, col0), before is not None)
        for job, arrays, before in zip(jobs, made, found, strict=True)
        if arrays is not None
    ]


_KEPT_AS = {
    "loss_cdb": np.uint16,
    "departure_cdeg": np.int16,
    "diffraction_cdb": np.uint16,
    "terrain_cdb": np.uint16,
}


def _as_kept(
    arrays: dict[str, NDArray[Any]] | None, grid: Grid, row0: int, col0: int
) -> dict[str, NDArray[Any]] | None:
    """Return the arrays if they are those of a sweep on this grid; others count as absent."""
    if arrays is None or set(arrays) != {*_KEPT_AS, "rest"}:
        return None
    rest, shape = arrays["rest"], arrays["loss_cdb"].shape
    if rest.shape != (3,) or rest.dtype.kind not in "iu" or len(shape) != 2:
        return None
    if any(arrays[n].dtype != t or arrays[n].shape != shape for n, t in _KEPT_AS.items()):
        return None
    first_row, first_col = row0 + int(rest[0]), col0 + int(rest[1])
    inside = (
        0 <= first_row <= grid.rows - shape[0]
        and 0 <= first_col <= grid.cols - shape[1]
        and rest[2] >= 0
    )
    return arrays if inside else None


def _unpacked(
    arrays: dict[str, NDArray[Any]], job: SweepJob, grid: Grid, row0: int, col0: int
) -> PackedSweep:
    return PackedSweep(
        row0=row0 + int(arrays["rest"][0]),
        col0=col0 + int(arrays["rest"][1]),
        mast_row=job.row,
        mast_col=job.col,
        cell_m=grid.cell_m,
        loss_cdb=arrays["loss_cdb"],
        departure_cdeg=arrays["departure_cdeg"],
        diffraction_cdb=arrays["diffraction_cdb"],
        terrain_cdb=arrays["terrain_cdb"],
        hidden_pixels=int(arrays["rest"][2]),
    )


AntennaPlace: TypeAlias = tuple[str, float, float, float, float]


def antenna_place(job: SweepJob) -> AntennaPlace:
    """Return what the carriers of one antenna have in common: mast, place, height, radius."""
    return (job.mast.mast_id, job.row, job.col, job.height_agl_m, job.radius_m)


class _Antennas:
    """Hands out sweeps; the first of an antenna's carriers makes all of them for the cache.

    Without a cache there is nowhere to keep the others, and each is made when it is asked for.
    """

    def __init__(
        self,
        jobs: Sequence[SweepJob],
        land: Land,
        settings: PropagationSettings,
        rx_height_agl_m: float,
        cache: SweepCache | None,
    ) -> None:
        self._land, self._settings = land, settings
        self._rx_height_agl_m, self._cache = rx_height_agl_m, cache
        self._carriers: dict[AntennaPlace, list[SweepJob]] = {}
        for job in jobs:
            self._carriers.setdefault(antenna_place(job), []).append(job)
        self._locks = {place: Lock() for place in self._carriers}
        self._reused: dict[tuple[AntennaPlace, float], bool] = {}

    def sweep(self, job: SweepJob) -> tuple[PackedSweep, bool]:
        """Return a sweep, and whether it was in the cache before this run."""
        place = antenna_place(job)
        with self._locks[place]:
            key = (place, job.freq_mhz)
            first = key not in self._reused
            together = self._carriers[place] if first and self._cache is not None else [job]
            made = sweep_together(
                together,
                self._land,
                self._settings,
                rx_height_agl_m=self._rx_height_agl_m,
                cache=self._cache,
            )
            for other, (_, reused) in zip(together, made, strict=True):
                self._reused.setdefault((place, other.freq_mhz), reused)
            return made[together.index(job)][0], self._reused[key]


def run_sweeps(
    jobs: Sequence[SweepJob],
    land: Land,
    settings: PropagationSettings,
    *,
    rx_height_agl_m: float,
    cache: SweepCache | None,
    workers: int,
    on_done: Callable[[int, int, bool], None] | None = None,
) -> Iterator[tuple[SweepJob, PackedSweep, bool]]:
    """Yield each job with its sweep and whether it came from the cache, in the order of the jobs.

    Sweeps run in threads (the kernels release the interpreter's lock), a few ahead of the reader,
    so memory does not grow with the number of jobs. What is done is in the cache at once: an
    interrupted run begins again where it stopped. With a cache, the carriers of one antenna are
    computed together when the first of them is needed.

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
    """
    if workers < 1:
        raise InvalidInputError(f"workers is {workers}, wanted 1 or more")
    antennas = _Antennas(jobs, land, settings, rx_height_agl_m, cache)
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="sweep")
    waiting: deque[tuple[SweepJob, Future[tuple[PackedSweep, bool]]]] = deque()
    todo = iter(jobs)
    try:
        for done in range(1, len(jobs) + 1):
            while len(waiting) < workers + 2 and (job := next(todo, None)) is not None:
                waiting.append((job, pool.submit(antennas.sweep, job)))
            job, future = waiting.popleft()
            packed, reused = future.result()
            if on_done is not None:
                on_done(done, len(jobs), reused)
            yield job, packed, reused
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
