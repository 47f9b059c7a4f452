"""How far the sweep is from each pixel's own full profile, beside the noise of that profile.

    python -m pytest benchmarks/test_sweep_accuracy.py -m benchmark -s

Every elevation in ``../shared/data``, masts on a hill and in a valley at places that a seed gives,
10 and 30 km, bare and in synthetic clutter, 700, 1800 and 3500 MHz. "Own profile" is the single
path on equal steps of about a cell, bilinear, from the mast to the pixel's centre. Its noise is
what it changes by when the steps are 3 % longer: a pixel whose own path changes by more than 4 dB
has no loss that is known to 4 dB.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from own_paths import own_losses_db
from sweep_lands import SOURCES, mast, read_land, request_at, with_clutter

from lensong.propagation.p1812 import path_terms
from lensong.propagation.profile import path_profile
from lensong.propagation.sweep import sweep_carriers
from lensong.propagation.terrain import Terrain

# of rasterio, where it reads a land that does not lie on metres
pytestmark = pytest.mark.filterwarnings("ignore:Use `@` matmul:PendingDeprecationWarning")

PIXELS = int(os.environ.get("LENSONG_BENCH_PIXELS", "4000"))
SEEDS = [int(s) for s in os.environ.get("LENSONG_BENCH_SEEDS", "11,12").split(",")]
FREQS_MHZ = (700.0, 1800.0, 3500.0)
RMS_DB, P99_DB, MAX_DB = 0.15, 0.6, 4.0


@pytest.fixture(scope="module", params=sorted(SOURCES))
def land(request: pytest.FixtureRequest) -> tuple[str, Terrain]:
    return request.param, read_land(request.param)


@pytest.mark.benchmark
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("radius_m", [10_000.0, 30_000.0], ids=["10km", "30km"])
@pytest.mark.parametrize("covered", [False, True], ids=["bare", "clutter"])
@pytest.mark.parametrize("kind", ["hill", "valley"])
def test_error_against_own_profiles(
    land: tuple[str, Terrain], kind: str, covered: bool, radius_m: float, seed: int
) -> None:
    name, terrain = land
    if covered:
        terrain = with_clutter(terrain)
    place = mast(terrain, kind, seed)
    if seed % 2 == 0:  # every second mast stands exactly on the middle of a cell
        place = (float(round(place[0])), float(round(place[1])))
    requests = [request_at(name, place, radius_m, f) for f in FREQS_MHZ]
    results = sweep_carriers(requests, terrain)
    row0, col0 = results[0].row0, results[0].col0
    rows, cols = np.nonzero(np.isfinite(results[0].path_loss_db))
    metres = np.hypot(rows + row0 - place[0], cols + col0 - place[1]) * terrain.cell_m
    far = np.flatnonzero(metres > max(250.0, 9.0 * terrain.cell_m))
    chosen = np.random.default_rng(seed).choice(far, min(PIXELS, far.size), replace=False)
    rows, cols = rows[chosen], cols[chosen]
    own, clear = own_losses_db(terrain, requests, rows + row0, cols + col0)
    moved, _ = own_losses_db(terrain, requests, rows + row0, cols + col0, 1.03 * terrain.cell_m)
    for f, (freq_mhz, result) in enumerate(zip(FREQS_MHZ, results, strict=True)):
        error, noise = result.path_loss_db[rows, cols] - own[f], np.abs(moved[f] - own[f])
        size = np.abs(error)
        rms = float(np.sqrt(np.mean(error**2)))
        p99, greatest = float(np.percentile(size, 99)), float(size.max())
        print(
            f"\n{name:14s} {'clutter' if covered else 'bare':7s} {kind:6s} "
            f"{radius_m / 1000:.0f} km {freq_mhz:.0f} MHz: "
            f"rms {rms:.3f}  p99 {p99:.2f}  max {greatest:.1f}   noise: "
            f"rms {np.sqrt(np.mean(noise**2)):.2f}  p99 {np.percentile(noise, 99):.2f}  "
            f"max {noise.max():.1f} dB; {size.size} pixels, {clear.mean():.0%} in sight",
            end="",
        )
        assert rms <= RMS_DB
        assert p99 <= P99_DB
        assert np.all((size <= MAX_DB) | (noise > MAX_DB))


@pytest.mark.benchmark
def test_the_compiled_paths_are_those_of_the_library() -> None:
    terrain = with_clutter(read_land("cevennes"))
    requests = [request_at("cevennes", (800.3, 700.6), 10_000.0, f) for f in FREQS_MHZ]
    rng = np.random.default_rng(5)
    rows, cols = rng.integers(600, 780, 50), rng.integers(500, 690, 50)
    own, _ = own_losses_db(terrain, requests, rows, cols)
    for n, (row, col) in enumerate(zip(rows.tolist(), cols.tolist(), strict=True)):
        profile = path_profile(terrain, row=800.3, col=700.6, end_row=row, end_col=col)
        for f, one in enumerate(requests):
            terms = path_terms(
                profile,
                freq_mhz=one.freq_mhz,
                tx_height_agl_m=one.tx_height_agl_m,
                rx_height_agl_m=one.rx_height_agl_m,
                tx_lat_deg=one.tx_lat_deg,
                tx_lon_deg=3.7,
                rx_lat_deg=one.tx_lat_deg,
                rx_lon_deg=3.7 + 1e-9,
                delta_n_per_km=one.delta_n_per_km,
                n0=one.n0,
            )
            assert abs(own[f, n] - terms.basic_transmission_loss_db) < 1e-3
