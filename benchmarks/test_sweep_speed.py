"""Cost of a sweep per pixel, by radius, and against the single path for every pixel.

python -m pytest benchmarks/test_sweep_speed.py -m benchmark -s
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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


@pytest.mark.benchmark
def test_two_threads(cevennes: Terrain) -> None:
    terrain = replace(cevennes, clutter_m=patchwork_clutter(cevennes.ground_m))
    request = sweep_request("slope")
    sweep(request, terrain)

    def in_turn() -> None:
        for _ in range(2):
            sweep(request, terrain)

    def side_by_side() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: sweep(request, terrain), range(2)))

    two = _least_s(in_turn) / _least_s(side_by_side)
    shared = _least_s(lambda: sweep(request, terrain)) / _least_s(
        lambda: sweep(request, terrain, workers=2)
    )
    print(f"\ntwo sweeps on two threads: {two:.2f} times as fast as in turn")
    print(f"one sweep shared by two threads: {shared:.2f} times as fast as on one")


def _least_s(work: Callable[[], object], rounds: int = 5) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best
