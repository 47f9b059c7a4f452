"""Cost of a sweep per pixel, by radius, and against the single path for every pixel.

python -m pytest benchmarks/test_sweep_speed.py -m benchmark -s
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from terrain import own_profile_terms, patchwork_clutter, sweep_request

from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import pixel_order
from lensong.propagation.terrain import Terrain

RADII_M = (5_000.0, 10_000.0, 20_000.0, 30_000.0)


@pytest.fixture(scope="module")
def wide(cevennes: Terrain) -> Terrain:
    """Return the terrain mirrored at its edges, wide enough for a full disc of 30 km."""
    ground = np.pad(cevennes.ground_m, 400, mode="reflect")
    return Terrain(ground_m=ground, clutter_m=patchwork_clutter(ground), cell_m=cevennes.cell_m)


@pytest.mark.benchmark(group="sweep", timer=time.process_time)
@pytest.mark.parametrize("radius_m", RADII_M)
def test_sweep_by_radius(benchmark: BenchmarkFixture, wide: Terrain, radius_m: float) -> None:
    request = replace(sweep_request("slope", radius_m), row=1100.3, col=1200.6)
    sweep(replace(request, radius_m=500.0), wide)  # compiles
    result = benchmark.pedantic(
        lambda: sweep(request, wide, order=pixel_order(request, wide)), rounds=3
    )
    pixels = int(np.isfinite(result.path_loss_db).sum())
    seconds = benchmark.stats.stats.min
    benchmark.extra_info |= {"pixels": pixels, "microseconds_per_pixel": seconds / pixels * 1e6}
    print(
        f"\n{radius_m / 1000:.0f} km: {pixels:,} pixels, {seconds:.2f} CPU-s, "
        f"{seconds / pixels * 1e6:.2f} us a pixel, {pixels / seconds / 1e6:.2f} M pixels a CPU-s"
    )


@pytest.mark.benchmark
@pytest.mark.parametrize("radius_m", RADII_M)
def test_ratio_to_single_paths(wide: Terrain, radius_m: float) -> None:
    request = replace(sweep_request("slope", radius_m), row=1100.3, col=1200.6)
    sweep(replace(request, radius_m=500.0), wide)
    began = time.process_time()
    result = sweep(request, wide)
    sweep_s = time.process_time() - began
    rows, cols = np.nonzero(np.isfinite(result.path_loss_db))
    far = np.hypot(rows + result.row0 - request.row, cols + result.col0 - request.col) > 9.0
    chosen = np.random.default_rng(2).choice(np.flatnonzero(far), 1000, replace=False)
    own_profile_terms(wide, request, int(rows[0]), int(cols[0]), 30.0)
    began = time.process_time()
    for p in chosen:
        row, col = int(rows[p]) + result.row0, int(cols[p]) + result.col0
        own_profile_terms(wide, request, row, col, 30.0)
    path_s = (time.process_time() - began) / chosen.size
    ratio = path_s * rows.size / sweep_s
    print(f"\n{radius_m / 1000:.0f} km: single paths cost {ratio:.0f} times the sweep")
    assert ratio > 1.0
