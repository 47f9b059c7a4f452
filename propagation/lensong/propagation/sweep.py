"""Path loss from one mast to every pixel in range, by any model of the registry."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from math import isnan
from typing import Literal

import numpy as np

from lensong.propagation.errors import ConfigError, InvalidInputError, OutOfRangeError
from lensong.propagation.itm_sweep import sweep_itm
from lensong.propagation.models import model as model_info
from lensong.propagation.p1812_pixel import Climate, carrier_table
from lensong.propagation.p1812_sweep import sweep_p1812
from lensong.propagation.p1812_terms import median_earth_radius_km
from lensong.propagation.pixel_order import OWN_SAMPLES, PixelOrder, order_pixels
from lensong.propagation.radial import Rasters, new_radial
from lensong.propagation.statistical_sweep import STATISTICAL_MODELS
from lensong.propagation.types import Float32Array, FloatArray, UInt8Array

__all__ = [
    "MODELS",
    "SweepRequest",
    "SweepResult",
    "Terrain",
    "pixel_order",
    "sweep",
    "sweep_carriers",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """The land under a sweep, on square cells; row 0 is north.

    Parameters
    ----------
    ground_m : shape (rows, cols), float32, at least 2 x 2
        Above sea level [m]; NaN where unknown: a ray ends there.
    clutter_m : shape (rows, cols), float32, or None
        Representative clutter height above ground [m].
    zone : shape (rows, cols), uint8, or None
        Radio-climatic zone, 1 sea, 3 coastal land, 4 inland; None: all inland.
    cell_m : float
        Side of a cell [m].
    """

    ground_m: Float32Array
    clutter_m: Float32Array | None = None
    zone: UInt8Array | None = None
    cell_m: float

    def __post_init__(self) -> None:
        shape = self.ground_m.shape
        if len(shape) != 2 or min(shape) < 2:
            raise InvalidInputError(f"ground_m has shape {shape}, wanted at least 2 x 2 cells")
        for name, layer in (("clutter_m", self.clutter_m), ("zone", self.zone)):
            if layer is not None and layer.shape != shape:
                raise InvalidInputError(f"{name} has shape {layer.shape}, wanted {shape}")
        if not self.cell_m > 0.0:
            raise InvalidInputError(f"cell_m is {self.cell_m}, wanted a size above 0 m")

    def rasters(self) -> Rasters:
        """Return the form that the kernels read."""
        return Rasters(
            np.ascontiguousarray(self.ground_m, dtype=np.float32),
            np.zeros((2, 2), dtype=np.float32)
            if self.clutter_m is None
            else np.ascontiguousarray(self.clutter_m, dtype=np.float32),
            np.zeros((2, 2), dtype=np.uint8)
            if self.zone is None
            else np.ascontiguousarray(self.zone, dtype=np.uint8),
            self.clutter_m is not None,
            self.zone is not None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRequest:
    """One mast, height and frequency, and how far to look.

    Parameters
    ----------
    row, col : float
        Fractional position of the mast; integers are cell centres.
    tx_height_agl_m, rx_height_agl_m : float
        Above ground [m].
    freq_mhz : float
        [MHz]. Frequency and heights must lie in the range of the model, which `sweep` checks.
    radius_m : float
        250 or more [m].
    delta_n_per_km, n0 : float
        Refractivity lapse rate [N-units/km], positive, and sea-level refractivity [N-units].
    time_percent : float
        Share of time for which the loss is not exceeded [%].
    polarization : {"vertical", "horizontal"}
    tx_lat_deg, lat_per_row_deg, lat_per_col_deg : float
        Latitude at the mast and its change per cell; only the climate of a path needs it.
    tx_coast_distance_m, rx_coast_distance_m : float
        Distance to the coast [m].
    """

    row: float
    col: float
    tx_height_agl_m: float
    rx_height_agl_m: float
    freq_mhz: float
    radius_m: float
    delta_n_per_km: float
    n0: float
    time_percent: float = 50.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    tx_lat_deg: float
    lat_per_row_deg: float = 0.0
    lat_per_col_deg: float = 0.0
    tx_coast_distance_m: float = 500e3
    rx_coast_distance_m: float = 500e3

    def __post_init__(self) -> None:
        for name, low, high in (
            ("tx_height_agl_m", 0.5, 100_000.0),
            ("rx_height_agl_m", 0.5, 100_000.0),
            ("freq_mhz", 1.0, 1_000_000.0),
            ("radius_m", 250.0, 1_000_000.0),
            ("time_percent", 0.001, 99.999),
            ("delta_n_per_km", 0.0, 150.0),
            ("n0", 100.0, 500.0),
            ("tx_lat_deg", -90.0, 90.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise OutOfRangeError(name, value, low, high)
        if self.polarization not in ("vertical", "horizontal"):
            raise InvalidInputError(
                f"polarization is {self.polarization!r}, wanted 'vertical' or 'horizontal'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """Path loss around a mast, on a window of the raster.

    Parameters
    ----------
    row0, col0 : int
        Raster position of the window's top left cell.
    path_loss_db : shape (h, w), float64
        Basic transmission loss [dB]; NaN out of range and behind missing elevation.
    departure_deg : shape (h, w), float32
        Elevation of the ray at the mast [deg], negative down: toward the horizon where the bare
        ground blocks the path, toward the receiver where it is clear.
    diffraction_db : shape (h, w), float32
        Diffraction loss that the path loss contains [dB].
    terrain_db : shape (h, w), float32
        Delta-Bullington loss of the bare ground alone, at the median [dB].
    hidden_pixels : int
        Pixels in range whose own elevation is known but not that of the way to them: they have
        no loss, and nothing was interpolated.
    """

    row0: int
    col0: int
    path_loss_db: FloatArray
    departure_deg: Float32Array
    diffraction_db: Float32Array
    terrain_db: Float32Array
    hidden_pixels: int = 0


def _window(request: SweepRequest, terrain: Terrain) -> tuple[int, int, int, int]:
    """Return row0, col0, rows, cols of the cells within the radius."""
    rows, cols = terrain.ground_m.shape
    reach = request.radius_m / terrain.cell_m
    row0 = max(0, int(np.ceil(request.row - reach)))
    col0 = max(0, int(np.ceil(request.col - reach)))
    row1 = min(rows, int(np.floor(request.row + reach)) + 1)
    col1 = min(cols, int(np.floor(request.col + reach)) + 1)
    return row0, col0, max(0, row1 - row0), max(0, col1 - col0)


def pixel_order(request: SweepRequest, terrain: Terrain) -> PixelOrder:
    """Return the order in which a sweep serves its pixels.

    It depends only on the mast's position and the radius: carriers of one mast may share it.
    """
    row0, col0, rows, cols = _window(request, terrain)
    return order_pixels(
        request.row, request.col, row0, col0, rows, cols, request.radius_m / terrain.cell_m
    )


def _p1812_carriers(
    requests: Sequence[SweepRequest],
    terrain: Terrain,
    order: PixelOrder,
    results: SweepResult,
) -> None:
    """Fill results whose losses have one layer per request; requests differ in frequency alone."""
    request = requests[0]
    climate = Climate(
        percent=float(request.time_percent),
        n0=float(request.n0),
        earth_radius_km=median_earth_radius_km(float(request.delta_n_per_km)),
        horizontal=request.polarization == "horizontal",
        tx_lat_deg=float(request.tx_lat_deg),
        lat_per_row_deg=float(request.lat_per_row_deg),
        lat_per_col_deg=float(request.lat_per_col_deg),
        tx_coast_km=request.tx_coast_distance_m / 1000.0,
        rx_coast_km=request.rx_coast_distance_m / 1000.0,
    )
    samples = int(request.radius_m / terrain.cell_m) + 2
    sweep_p1812(
        terrain.rasters(),
        order,
        new_radial(samples, terrain.cell_m),
        np.empty((3, OWN_SAMPLES)),
        climate,
        carrier_table([r.freq_mhz / 1000.0 for r in requests], climate.n0),
        float(request.row),
        float(request.col),
        float(terrain.cell_m),
        float(request.tx_height_agl_m),
        float(request.rx_height_agl_m),
        results.row0,
        results.col0,
        results.path_loss_db,
        results.departure_deg,
        results.diffraction_db,
        results.terrain_db,
    )


def _itu_r_p1812(
    request: SweepRequest, terrain: Terrain, order: PixelOrder, result: SweepResult
) -> None:
    layered = replace(
        result,
        path_loss_db=result.path_loss_db[None],
        diffraction_db=result.diffraction_db[None],
        terrain_db=result.terrain_db[None],
    )
    _p1812_carriers([request], terrain, order, layered)


SweepModel = Callable[[SweepRequest, Terrain, PixelOrder, SweepResult], None]

MODELS: dict[str, SweepModel] = {
    "itu_r_p1812": _itu_r_p1812,
    "itm": sweep_itm,
    **STATISTICAL_MODELS,
}
"""Models by the name that scenarios use; each fills a result in place."""


def sweep(
    request: SweepRequest,
    terrain: Terrain,
    *,
    model: str = "itu_r_p1812",
    order: PixelOrder | None = None,
    workers: int = 1,
) -> SweepResult:
    """Return the path loss from a mast to every pixel within a radius.

    Parameters
    ----------
    request : SweepRequest
    terrain : Terrain
    model : str
        A key of `MODELS`.
    order : PixelOrder, optional
        From `pixel_order` with the same position and radius.
    workers : int
        Threads that share the radials, 1 or more. The result does not depend on it.

    Returns
    -------
    SweepResult

    Raises
    ------
    ConfigError
        For an unknown model.
    OutOfRangeError
        When frequency, heights or time lie outside the model's range.
    InvalidInputError
        When the mast stands outside the terrain or where there is no elevation.

    Notes
    -----
    With P.1812, pixels nearer than 0.25 km, where the Recommendation does not hold, get free space
    and the diffraction term. Distances are those of the projected grid.
    """
    _check(request, terrain, model, workers)
    row0, col0, height, width = _window(request, terrain)
    result = SweepResult(
        row0=row0,
        col0=col0,
        path_loss_db=np.full((height, width), np.nan),
        departure_deg=np.full((height, width), np.nan, dtype=np.float32),
        diffraction_db=np.full((height, width), np.nan, dtype=np.float32),
        terrain_db=np.full((height, width), np.nan, dtype=np.float32),
    )
    order = order or pixel_order(request, terrain)
    _in_threads(workers, order, lambda part: MODELS[model](request, terrain, part, result))
    return replace(result, hidden_pixels=_hidden(result, terrain, order))


def sweep_carriers(
    requests: Sequence[SweepRequest],
    terrain: Terrain,
    *,
    model: str = "itu_r_p1812",
    workers: int = 1,
) -> list[SweepResult]:
    """Return the sweeps of several carriers of one antenna.

    With P.1812 they share everything that does not depend on the frequency: terrain, horizons,
    obstacles. A second carrier then costs a fraction of the first. The numbers are those of
    `sweep`, bit by bit.

    Parameters
    ----------
    requests : sequence of SweepRequest
        At least one; they may differ in ``freq_mhz`` alone.
    terrain, model, workers
        As for `sweep`.

    Raises
    ------
    InvalidInputError
        When requests differ in more than the frequency, and as `sweep` does.
    """
    if not requests:
        raise InvalidInputError("no request was given, wanted at least one carrier")
    first = requests[0]
    if any(replace(r, freq_mhz=first.freq_mhz) != first for r in requests):
        raise InvalidInputError(
            "the requests differ in more than freq_mhz: sweep other places, heights or climates "
            "one by one"
        )
    order = pixel_order(first, terrain)
    if model != "itu_r_p1812":
        return [sweep(r, terrain, model=model, order=order, workers=workers) for r in requests]
    for request in requests:
        _check(request, terrain, model, workers)
    row0, col0, height, width = _window(first, terrain)
    stack = (len(requests), height, width)
    together = SweepResult(
        row0=row0,
        col0=col0,
        path_loss_db=np.full(stack, np.nan),
        departure_deg=np.full((height, width), np.nan, dtype=np.float32),
        diffraction_db=np.full(stack, np.nan, dtype=np.float32),
        terrain_db=np.full(stack, np.nan, dtype=np.float32),
    )
    _in_threads(workers, order, lambda part: _p1812_carriers(requests, terrain, part, together))
    results = [
        replace(
            together,
            path_loss_db=together.path_loss_db[c],
            diffraction_db=together.diffraction_db[c],
            terrain_db=together.terrain_db[c],
        )
        for c in range(len(requests))
    ]
    hidden = _hidden(results[0], terrain, order)
    return [replace(result, hidden_pixels=hidden) for result in results]


def _in_threads(workers: int, order: PixelOrder, work: Callable[[PixelOrder], None]) -> None:
    parts = [order] if workers == 1 else _shared_out(order, workers)
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for done in [pool.submit(work, part) for part in parts]:
            done.result()


def _hidden(result: SweepResult, terrain: Terrain, order: PixelOrder) -> int:
    """Count the pixels that have elevation but, for want of it on their way, no loss."""
    lost = np.isnan(result.path_loss_db[order.row - result.row0, order.col - result.col0])
    known = ~np.isnan(terrain.ground_m[order.row[lost], order.col[lost]])
    return int(np.count_nonzero(known))


def _check(request: SweepRequest, terrain: Terrain, model: str, workers: int) -> None:
    if workers < 1:
        raise InvalidInputError(f"workers is {workers}, wanted 1 or more")
    if model not in MODELS:
        raise ConfigError(f"model is {model!r}, wanted one of {', '.join(sorted(MODELS))}")
    _check_range(request, model)
    rows, cols = terrain.ground_m.shape
    if not (0.0 <= request.row <= rows - 1 and 0.0 <= request.col <= cols - 1):
        raise InvalidInputError(
            f"the mast is at row {request.row:.1f}, column {request.col:.1f}, wanted a place on "
            f"the {rows} x {cols} terrain: check its coordinates or enlarge the area"
        )
    if np.isnan(terrain.ground_m[round(request.row), round(request.col)]):
        raise InvalidInputError(
            "the mast stands where there is no elevation: fill the void or correct its coordinates"
        )


def _check_range(request: SweepRequest, name: str) -> None:
    """Refuse what the model does not hold for, and name the one that does."""
    info = model_info(name)
    for field, (low, high) in (
        ("freq_mhz", info.freq_mhz),
        ("tx_height_agl_m", info.tx_height_m),
        ("rx_height_agl_m", info.rx_height_m),
    ):
        value = getattr(request, field)
        if not isnan(low) and not low <= value <= high:
            raise OutOfRangeError(
                field,
                value,
                low,
                high,
                source=f"{info.name}, {info.source}",
                hint=f"use {info.instead}",
            )
    if name == "itu_r_p1812" and not 1.0 <= request.time_percent <= 50.0:
        raise OutOfRangeError(
            "time_percent",
            request.time_percent,
            1.0,
            50.0,
            source=f"{info.name}, {info.source}",
            hint="the model knows the loss not exceeded for up to half the time; use itm beyond",
        )


def _shared_out(order: PixelOrder, parts: int) -> list[PixelOrder]:
    """Return orders that serve about equally many pixels each, whole radials together."""
    first = order.first
    edges = np.searchsorted(first, np.linspace(0, first[-1], parts + 1))
    edges[0], edges[-1] = 0, first.size - 1
    return [
        order._replace(first=np.clip(first, first[begin], first[end]))
        for begin, end in pairwise(edges)
    ]
