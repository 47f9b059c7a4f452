"""Cost of a map by ITM against its single path computed afresh for every pixel.

python -m pytest benchmarks/test_itm_speed.py -m benchmark -s

The single path is the compiled kernel itself: profile read bilinearly at steps of about a cell,
then every quantity by a walk over it; no Python in between.
"""

from __future__ import annotations

import time
from dataclasses import replace
from math import hypot

import numpy as np
import pytest
from numba import njit
from terrain import sweep_request

from lensong.propagation.itm_profile import profile_geometry
from lensong.propagation.itm_setting import (
    AVERAGE_CONDUCTIVITY_S_M,
    AVERAGE_PERMITTIVITY,
    checked_setting,
)
from lensong.propagation.itm_sweep import BROADCAST, CLIMATE
from lensong.propagation.itm_terms import Setting, free_space_db, reference_attenuation
from lensong.propagation.itm_variability import Shares, mode_deviates, spread_loss_db
from lensong.propagation.sampling import bilinear
from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import pixel_order
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import Float32Array, FloatArray, IntArray

PIXELS = 20_000


@njit(nogil=True, error_model="numpy")
def path_by_path(
    ground_m: Float32Array,
    cell_m: float,
    row: float,
    col: float,
    pixels: IntArray,
    n0: float,
    setting: Setting,
    shares: Shares,
    out: FloatArray,
) -> None:
    for p in range(pixels.shape[0]):
        d_row, d_col = pixels[p, 0] - row, pixels[p, 1] - col
        cells = hypot(d_row, d_col)
        steps = max(1, int(cells + 0.5))
        height = np.empty(steps + 1)
        for i in range(steps + 1):
            height[i] = bilinear(ground_m, row + d_row * i / steps, col + d_col * i / steps)
        path = profile_geometry(height, cells * cell_m / steps, n0, setting)
        reference_db, _ = reference_attenuation(path, setting)
        out[p] = free_space_db(path.distance_m, setting.freq_mhz) + spread_loss_db(
            reference_db, path, setting.freq_mhz, shares
        )


@pytest.mark.benchmark
@pytest.mark.parametrize("radius_m", [5_000.0, 10_000.0])
def test_map_against_single_paths(cevennes: Terrain, radius_m: float) -> None:
    request = sweep_request("slope", radius_m)
    sweep(replace(request, radius_m=500.0), cevennes, model="itm")  # compiles
    map_s, result = np.inf, None
    for _ in range(3):
        began = time.process_time()
        result = sweep(request, cevennes, model="itm", order=pixel_order(request, cevennes, 1.5, 8))
        map_s = min(map_s, time.process_time() - began)
    assert result is not None

    setting = checked_setting(
        freq_mhz=request.freq_mhz,
        tx_height_agl_m=request.tx_height_agl_m,
        rx_height_agl_m=request.rx_height_agl_m,
        conductivity_s_m=AVERAGE_CONDUCTIVITY_S_M,
        permittivity=AVERAGE_PERMITTIVITY,
        polarization=request.polarization,
        known_profile=True,
    )
    deviates = mode_deviates(BROADCAST, request.time_percent, 50.0, 50.0)
    shares = Shares(CLIMATE, BROADCAST, True, True, *deviates)
    served = np.argwhere(np.isfinite(result.path_loss_db))
    chosen = np.random.default_rng(2).choice(served.shape[0], PIXELS, replace=False)
    at = served[chosen]
    pixels = at + np.array([result.row0, result.col0])
    loss = np.empty(PIXELS)

    def single_paths(part: IntArray) -> None:
        path_by_path(
            cevennes.ground_m,
            cevennes.cell_m,
            request.row,
            request.col,
            part,
            request.n0,
            setting,
            shares,
            loss,
        )

    single_paths(pixels[:1])
    began = time.process_time()
    single_paths(pixels)
    single_s = (time.process_time() - began) / PIXELS

    count = served.shape[0]
    error = np.abs(result.path_loss_db[at[:, 0], at[:, 1]] - loss)
    print(
        f"\n{radius_m / 1000:.0f} km: {count:,} pixels, map {count / map_s / 1e6:.2f} M pixels a "
        f"CPU-s, single paths {1e-6 / single_s:.3f} M: {single_s * count / map_s:.1f} times; "
        f"difference p50 {np.percentile(error, 50):.2f}, p95 {np.percentile(error, 95):.2f} dB"
    )
    assert single_s * count > map_s
    assert np.percentile(error, 50) < 0.2, "far above what has been measured"
