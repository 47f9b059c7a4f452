"""Maps by models that know distance and heights alone.

They see no terrain: behind a ridge the loss is what it would be on a plain. Against a model that
follows the ground they show what the ground does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from lensong.propagation.free_space import free_space_loss_db
from lensong.propagation.hata import (
    cost231_hata_loss_db,
    extended_hata_loss_db,
    okumura_hata_loss_db,
)
from lensong.propagation.p1812_terms import median_earth_radius_km
from lensong.propagation.sampling import bilinear
from lensong.propagation.tr38901 import SCENARIOS, ScenarioName, expected_loss_db
from lensong.propagation.types import FloatArray

if TYPE_CHECKING:
    from lensong.propagation.pixel_order import PixelOrder
    from lensong.propagation.sweep import SweepRequest, SweepResult, Terrain

__all__ = ["STATISTICAL_MODELS"]

ROWS_AT_ONCE = 256
"""Keeps the temporary arrays of a wide map small."""

Loss = Callable[["SweepRequest", FloatArray, FloatArray], FloatArray]
"""From the request, horizontal and slant distances [m]; NaN distances give NaN."""


def _fill(
    loss: Loss, request: SweepRequest, terrain: Terrain, order: PixelOrder, result: SweepResult
) -> None:
    """Fill a result row by row; the order of the pixels does not matter here."""
    del order
    rows, cols = result.path_loss_db.shape
    ground = np.asarray(terrain.ground_m, dtype=np.float32)
    tx_m = bilinear(ground, request.row, request.col) + request.tx_height_agl_m
    right_m = (np.arange(cols) + result.col0 - request.col) * terrain.cell_m
    earth_m = 1000.0 * median_earth_radius_km(request.delta_n_per_km)
    for start in range(0, rows, ROWS_AT_ONCE):
        part = slice(start, min(start + ROWS_AT_ONCE, rows))
        down_m = (np.arange(part.start, part.stop) + result.row0 - request.row) * terrain.cell_m
        distance = np.hypot(down_m[:, None], right_m[None, :])
        window = ground[
            result.row0 + part.start : result.row0 + part.stop, result.col0 : result.col0 + cols
        ]
        missing = (distance > request.radius_m) | np.isnan(window)
        distance = np.where(missing, np.nan, distance)
        rise = window + request.rx_height_agl_m - tx_m
        slant = np.hypot(distance, rise)
        slope = np.arctan2(rise - distance**2 / (2.0 * earth_m), distance)
        result.path_loss_db[part] = loss(request, distance, slant)
        result.departure_deg[part] = np.degrees(slope)
        zero = np.where(missing, np.nan, 0.0)
        result.diffraction_db[part] = zero
        result.terrain_db[part] = zero


def _free_space(request: SweepRequest, distance: FloatArray, slant: FloatArray) -> FloatArray:
    """Return free space along the slant; nearer than 1 m counts as 1 m."""
    del distance
    return free_space_loss_db(np.maximum(slant, 1.0), request.freq_mhz)


def _hata(
    function: Callable[..., FloatArray],
    area: str,
    nearest_m: float,
    farthest_m: float,
    request: SweepRequest,
    distance: FloatArray,
    slant: FloatArray,
) -> FloatArray:
    """Return a Hata loss; NaN where the formula does not reach."""
    del slant
    inside = (distance >= nearest_m) & (distance <= farthest_m)
    return function(
        np.where(inside, distance, np.nan),
        freq_mhz=request.freq_mhz,
        tx_height_agl_m=request.tx_height_agl_m,
        rx_height_agl_m=request.rx_height_agl_m,
        area=area,
    )


def _tr38901(
    scenario: ScenarioName, request: SweepRequest, distance: FloatArray, slant: FloatArray
) -> FloatArray:
    """Return the expected loss; nearer than 10 m counts as 10 m, NaN beyond the last distance."""
    del slant
    nearest_m, farthest_m = SCENARIOS[scenario].distance_m
    inside = distance <= farthest_m
    return expected_loss_db(
        scenario,
        np.where(inside, np.maximum(distance, nearest_m), np.nan),
        freq_mhz=request.freq_mhz,
        tx_height_agl_m=request.tx_height_agl_m,
        rx_height_agl_m=request.rx_height_agl_m,
    )


_LOSSES: dict[str, Loss] = {
    "free_space": _free_space,
    "okumura_hata": partial(_hata, okumura_hata_loss_db, "urban", 1000.0, 20_000.0),
    "okumura_hata_suburban": partial(_hata, okumura_hata_loss_db, "suburban", 1000.0, 20_000.0),
    "okumura_hata_open": partial(_hata, okumura_hata_loss_db, "open", 1000.0, 20_000.0),
    "cost231_hata": partial(_hata, cost231_hata_loss_db, "urban", 1000.0, 20_000.0),
    "extended_hata": partial(_hata, extended_hata_loss_db, "urban", 0.0, 100_000.0),
    "extended_hata_suburban": partial(_hata, extended_hata_loss_db, "suburban", 0.0, 100_000.0),
    "extended_hata_open": partial(_hata, extended_hata_loss_db, "open", 0.0, 100_000.0),
    "tr38901_rma": partial(_tr38901, "rma"),
    "tr38901_uma": partial(_tr38901, "uma"),
    "tr38901_umi": partial(_tr38901, "umi"),
}

STATISTICAL_MODELS = {name: partial(_fill, loss) for name, loss in _LOSSES.items()}
"""By the name that scenarios use; each fills a result in place.

A pixel is NaN beyond the radius, without elevation, and where the distance is outside the model:
nearer than 1 km or beyond 20 km (Okumura-Hata, COST-231-Hata), beyond 10 km (RMa) or 5 km (UMa,
UMi). A frequency or antenna height outside the model raises `OutOfRangeError`. Diffraction is 0 and
the departure angle is that of the straight line to the receiver over the effective Earth.
"""
