"""The map of ITM against its single path: one number by two routes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.itm import ItmTerms, point_to_point
from lensong.propagation.itm_profile import horizons
from lensong.propagation.models import model
from lensong.propagation.profile import path_profile
from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.sweep_result import SweepResult
from lensong.propagation.terrain import Terrain

CELL_M = 30.0
POINTS = 161


def make_terrain(seed: int, relief_m: float, shape: str) -> Terrain:
    rng = np.random.default_rng(seed)
    freq = np.hypot(np.fft.fftfreq(POINTS)[:, None], np.fft.rfftfreq(POINTS)[None, :])
    freq[0, 0] = 1.0
    z = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(POINTS, POINTS))) / freq**1.6, s=(POINTS,) * 2)
    z = (z - z.min()) / np.ptp(z) * relief_m + 200.0
    if shape == "steps":
        z = np.round(z / 50.0) * 50.0
    elif shape == "flat":
        z = np.full((POINTS, POINTS), 7.0)
    elif shape == "half-flat":
        z[:, : POINTS // 2] = 210.0
    return Terrain(ground_m=z.astype(np.float32), cell_m=CELL_M)


def make_request(**changes: Any) -> SweepRequest:
    base = SweepRequest(
        row=POINTS // 2,
        col=POINTS // 2,
        tx_height_agl_m=30.0,
        rx_height_agl_m=1.5,
        freq_mhz=1800.0,
        radius_m=(POINTS // 2) * CELL_M,
        delta_n_per_km=44.0,
        n0=365.5,
        tx_lat_deg=22.35,
    )
    return replace(base, **changes)


def path_of(request: SweepRequest, distance_m: Any, heights: Any) -> ItmTerms:
    return point_to_point(
        distance_m,
        heights,
        freq_mhz=request.freq_mhz,
        tx_height_agl_m=request.tx_height_agl_m,
        rx_height_agl_m=request.rx_height_agl_m,
        n0=request.n0,
        polarization=request.polarization,
        time_percent=request.time_percent,
    )


def on_axes(terrain: Terrain, request: SweepRequest, result: SweepResult) -> float:
    """Return the greatest difference to the single path over the axes through the mast [dB]."""
    row, col = int(request.row), int(request.col)
    greatest = 0.0
    for d_row, d_col in ((-1, 0), (0, 1), (1, 0), (0, -1)):
        for k in range(1, POINTS // 2 + 1):
            rows, cols = row + d_row * np.arange(k + 1), col + d_col * np.arange(k + 1)
            heights = terrain.ground_m[rows, cols].astype(np.float64)
            terms = path_of(request, np.arange(k + 1) * CELL_M, heights)
            i, j = int(rows[-1]) - result.row0, int(cols[-1]) - result.col0
            difference = abs(terms.basic_transmission_loss_db - result.path_loss_db[i, j])
            assert np.isfinite(difference), (k, d_row, d_col)
            greatest = max(greatest, difference)
            over = terms.basic_transmission_loss_db - terms.free_space_db
            assert result.diffraction_db[i, j] == pytest.approx(over, abs=1e-4)  # float32
            assert result.terrain_db[i, j] == result.diffraction_db[i, j]
    return greatest


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    relief_m=st.sampled_from([1.0, 60.0, 400.0, 1500.0]),
    shape=st.sampled_from(["rough", "steps", "flat", "half-flat"]),
    percent=st.sampled_from([1.0, 10.0, 50.0]),
    freq_mhz=st.sampled_from([95.0, 450.0, 1800.0, 6000.0]),
    tx_height_agl_m=st.sampled_from([1.0, 12.0, 30.0, 200.0]),
    rx_height_agl_m=st.sampled_from([1.0, 1.5, 10.0]),
    n0=st.sampled_from([250.0, 301.0, 390.0]),
    horizontal=st.booleans(),
)
def test_pixels_on_a_radial_equal_the_single_path(
    seed: int,
    relief_m: float,
    shape: str,
    percent: float,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    n0: float,
    horizontal: bool,
) -> None:
    terrain = make_terrain(seed, relief_m, shape)
    request = make_request(
        freq_mhz=freq_mhz,
        time_percent=percent,
        tx_height_agl_m=tx_height_agl_m,
        rx_height_agl_m=rx_height_agl_m,
        n0=n0,
        polarization="horizontal" if horizontal else "vertical",
    )
    assert on_axes(terrain, request, sweep(request, terrain, model="itm")) < 1e-6


def test_a_wide_map_equals_the_single_path() -> None:
    # 3 km steps: the curvature of the Earth and its change with height decide the horizons
    terrain = replace(make_terrain(3, 1500.0, "rough"), cell_m=3000.0)
    request = make_request(radius_m=(POINTS // 2) * 3000.0)
    result = sweep(request, terrain, model="itm")
    row = col = POINTS // 2
    for k in range(1, POINTS // 2 + 1):
        heights = terrain.ground_m[row, col : col + k + 1].astype(np.float64)
        terms = path_of(request, np.arange(k + 1) * 3000.0, heights)
        given = result.path_loss_db[row - result.row0, col + k - result.col0]
        assert given == pytest.approx(terms.basic_transmission_loss_db, abs=1e-6)


def test_pixels_off_the_radials_differ_less_than_their_own_path_at_half_the_step() -> None:
    terrain = make_terrain(11, 400.0, "rough")
    request = make_request(row=79.3, col=80.6, radius_m=2250.0)
    result = sweep(request, terrain, model="itm")
    error, noise = [], []
    for i, j in np.argwhere(np.isfinite(result.path_loss_db))[::50]:
        row, col = int(i) + result.row0, int(j) + result.col0
        if np.hypot(row - request.row, col - request.col) < 10.0:
            continue
        own = []
        for step_m in (CELL_M, 0.5 * CELL_M):
            profile = path_profile(
                terrain, row=request.row, col=request.col, end_row=row, end_col=col, step_m=step_m
            )
            terms = path_of(request, profile.distance_m, profile.terrain_amsl_m)
            own.append(terms.basic_transmission_loss_db)
        error.append(result.path_loss_db[i, j] - own[0])
        noise.append(own[1] - own[0])
    assert len(error) > 200
    assert np.percentile(np.abs(error), 90) < np.percentile(np.abs(noise), 90)
    assert abs(float(np.median(error))) < 0.05


def test_departure_is_the_horizon_or_the_direct_ray() -> None:
    terrain = make_terrain(5, 400.0, "rough")
    request = make_request(tx_height_agl_m=150.0)
    result = sweep(request, terrain, model="itm")
    row = col = POINTS // 2
    blocked = 0
    for k in range(10, POINTS // 2):
        heights = terrain.ground_m[row, col : col + k + 1].astype(np.float64)
        terms = path_of(request, np.arange(k + 1) * CELL_M, heights)
        tx_rad, _, at_m, _ = horizons(
            heights,
            k,
            CELL_M,
            heights[0] + request.tx_height_agl_m,
            heights[k] + request.rx_height_agl_m,
            1.0 / terms.effective_earth_radius_m,
        )
        blocked += at_m < k * CELL_M
        given = float(result.departure_deg[row - result.row0, col + k - result.col0])
        assert given == pytest.approx(np.degrees(np.arctan(tx_rad)), abs=1e-4)
    assert 5 < blocked < 65


def test_missing_elevation_ends_the_rays_behind_it() -> None:
    terrain = make_terrain(1, 60.0, "rough")
    ground = terrain.ground_m.copy()
    ground[:, 100] = np.nan
    result = sweep(make_request(), replace(terrain, ground_m=ground), model="itm")
    loss = result.path_loss_db[:, : 105 - result.col0]
    assert np.isnan(result.path_loss_db[:, 100 - result.col0 :]).all()
    assert np.isfinite(loss[80 - result.row0, : 98 - result.col0]).all()


def test_clutter_and_threads_change_nothing() -> None:
    terrain = make_terrain(2, 400.0, "rough")
    trees = np.full(terrain.ground_m.shape, 15.0, dtype=np.float32)
    bare = sweep(make_request(), terrain, model="itm")
    wooded = sweep(make_request(), replace(terrain, clutter_m=trees), model="itm", workers=3)
    np.testing.assert_array_equal(bare.path_loss_db, wooded.path_loss_db)


def test_every_pixel_in_range_has_a_value() -> None:
    terrain = make_terrain(4, 1500.0, "rough")
    request = make_request()
    loss = sweep(request, terrain, model="itm").path_loss_db
    rows, cols = np.indices(loss.shape)
    inside = np.hypot(rows - loss.shape[0] // 2, cols - loss.shape[1] // 2) <= POINTS // 2
    np.testing.assert_array_equal(np.isfinite(loss), inside)


def test_air_too_thin_for_the_model_stays_without_a_value() -> None:
    terrain = replace(
        make_terrain(4, 60.0, "rough"), ground_m=make_terrain(4, 60.0, "rough").ground_m + 5500.0
    )
    assert np.isnan(sweep(make_request(n0=255.0), terrain, model="itm").path_loss_db).all()


def test_refractivity_outside_the_range_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="n0"):
        sweep(make_request(n0=240.0), make_terrain(1, 60.0, "rough"), model="itm")


def test_the_registry_knows_it() -> None:
    assert model("itm").map_engine
