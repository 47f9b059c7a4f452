"""The sweep against the single path: one number by two routes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lensong.propagation.errors import ConfigError, InvalidInputError, OutOfRangeError
from lensong.propagation.p1812 import path_terms
from lensong.propagation.profile import path_profile
from lensong.propagation.sweep import sweep, sweep_carriers
from lensong.propagation.sweep_request import SweepRequest, pixel_order
from lensong.propagation.sweep_result import SweepResult
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import FloatArray

CELL_M = 30.0


def fractal(rng: np.random.Generator, n: int, relief_m: float) -> np.ndarray:
    """Return rough terrain: noise whose power falls with frequency."""
    freq = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :])
    freq[0, 0] = 1.0
    spectrum = np.fft.rfft2(rng.normal(size=(n, n))) / freq**1.6
    z = np.fft.irfft2(spectrum, s=(n, n))
    return np.asarray((z - z.min()) / (np.ptp(z) + 1e-12) * relief_m)


def make_terrain(
    seed: int, relief_m: float, shape: str, *, clutter: bool, sea: bool, n: int = 161
) -> Terrain:
    rng = np.random.default_rng(seed)
    z = fractal(rng, n, relief_m) + 200.0
    if shape == "steps":
        z = np.round(z / 50.0) * 50.0  # ties and cliffs
    elif shape == "flat":
        z = np.full((n, n), 7.0)
    elif shape == "half-flat":
        z[:, : n // 2] = 210.0
    zone = None
    if sea:
        zone = np.where(z < np.quantile(z, 0.4), 1, np.where(z < np.quantile(z, 0.6), 3, 4))
        zone = zone.astype(np.uint8)
    heights = rng.choice([0.0, 0.0, 3.0, 10.0, 15.0], size=(n, n)).astype(np.float32)
    return Terrain(
        ground_m=z.astype(np.float32),
        clutter_m=heights if clutter else None,
        zone=zone,
        cell_m=CELL_M,
    )


def request(terrain: Terrain, **changes: Any) -> SweepRequest:
    n = terrain.ground_m.shape[0]
    base = SweepRequest(
        row=n // 2,
        col=n // 2,
        tx_height_agl_m=30.0,
        rx_height_agl_m=1.5,
        freq_mhz=1800.0,
        radius_m=(n // 2) * CELL_M,
        delta_n_per_km=44.0,
        n0=365.5,
        tx_lat_deg=22.35,
    )
    return replace(base, **changes)


def on_axis_difference_db(terrain: Terrain, wanted: SweepRequest, result: SweepResult) -> float:
    """Return the greatest difference to the single path over the four axes through the mast."""
    row, col = int(wanted.row), int(wanted.col)
    steps = int(wanted.radius_m / CELL_M)
    greatest = 0.0
    for d_row, d_col in ((-1, 0), (0, 1), (1, 0), (0, -1)):
        for k in range(9, steps + 1):
            rows, cols = row + d_row * np.arange(k + 1), col + d_col * np.arange(k + 1)
            profile = path_profile(
                terrain,
                row=row,
                col=col,
                end_row=float(rows[-1]),
                end_col=float(cols[-1]),
                terminal_clearing_m=wanted.terminal_clearing_m,
            )
            terms = path_terms(
                profile,
                freq_mhz=wanted.freq_mhz,
                tx_height_agl_m=wanted.tx_height_agl_m,
                rx_height_agl_m=wanted.rx_height_agl_m,
                # the same latitude at both ends and no way between them: the path's centre
                tx_lat_deg=wanted.tx_lat_deg,
                tx_lon_deg=103.0,
                rx_lat_deg=wanted.tx_lat_deg,
                rx_lon_deg=103.0 + 1e-9,
                delta_n_per_km=wanted.delta_n_per_km,
                n0=wanted.n0,
                time_percent=wanted.time_percent,
                polarization=wanted.polarization,
            )
            i, j = int(rows[-1]) - result.row0, int(cols[-1]) - result.col0
            difference = abs(terms.basic_transmission_loss_db - result.path_loss_db[i, j])
            assert np.isfinite(difference), (k, d_row, d_col)
            greatest = max(greatest, difference)
    return greatest


@settings(max_examples=25)
@example(  # flat ground between equal antennas: the points of least clearance tie
    seed=0,
    relief_m=60.0,
    shape="steps",
    clutter=False,
    sea=False,
    percent=10.0,
    freq_mhz=450.0,
    tx_height_agl_m=1.0,
    rx_height_agl_m=1.0,
    horizontal=False,
    clearing_m=50.0,
)
@given(
    seed=st.integers(0, 10_000),
    relief_m=st.sampled_from([1.0, 60.0, 400.0, 1500.0]),
    shape=st.sampled_from(["rough", "steps", "flat", "half-flat"]),
    clutter=st.booleans(),
    sea=st.booleans(),
    percent=st.sampled_from([1.0, 10.0, 50.0]),
    freq_mhz=st.sampled_from([95.0, 450.0, 800.0, 1800.0, 3700.0, 6000.0]),
    tx_height_agl_m=st.sampled_from([1.0, 12.0, 30.0, 200.0, 3000.0]),
    rx_height_agl_m=st.sampled_from([1.0, 1.5, 10.0, 30.0]),
    horizontal=st.booleans(),
    clearing_m=st.sampled_from([0.0, 20.0, 50.0, 60.0, 137.0, 500.0]),
)
def test_pixels_on_a_radial_equal_the_single_path(
    seed: int,
    relief_m: float,
    shape: str,
    clutter: bool,
    sea: bool,
    percent: float,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    horizontal: bool,
    clearing_m: float,
) -> None:
    terrain = make_terrain(seed, relief_m, shape, clutter=clutter, sea=sea)
    wanted = request(
        terrain,
        freq_mhz=freq_mhz,
        time_percent=percent,
        tx_height_agl_m=tx_height_agl_m,
        rx_height_agl_m=rx_height_agl_m,
        polarization="horizontal" if horizontal else "vertical",
        terminal_clearing_m=clearing_m,
    )
    result = sweep(wanted, terrain)
    # The centre of a single path lies half a path away along the great circle, due east here.
    assert on_axis_difference_db(terrain, wanted, result) < 1e-6


def test_a_ray_that_grazes_an_edge_exactly() -> None:
    # 480 m to 410 m over 14 cells passes the edge, 450 m at cell 6, at a height of 450 m: the
    # obstruction is zero but for rounding, and so are the slopes that it is divided by
    ground = np.full((41, 41), 400.0, dtype=np.float32)
    ground[:27, :] = 450.0
    terrain = Terrain(ground_m=ground, cell_m=CELL_M)
    for freq_mhz in (450.0, 1800.0, 3700.0):
        wanted = request(terrain, rx_height_agl_m=10.0, freq_mhz=freq_mhz)
        result = sweep(wanted, terrain)
        assert np.isfinite(result.diffraction_db[np.isfinite(result.path_loss_db)]).all()
        assert on_axis_difference_db(terrain, wanted, result) < 1e-6


def test_every_pixel_in_range_gets_a_loss_and_none_outside() -> None:
    terrain = make_terrain(3, 500.0, "rough", clutter=True, sea=False)
    wanted = request(terrain, radius_m=1500.0, row=70.3, col=91.8)
    result = sweep(wanted, terrain)
    rows, cols = np.indices(result.path_loss_db.shape)
    cells = np.hypot(rows + result.row0 - 70.3, cols + result.col0 - 91.8)
    assert np.array_equal(np.isfinite(result.path_loss_db), cells <= 1500.0 / CELL_M)


def test_no_pixel_is_better_than_free_space() -> None:
    terrain = make_terrain(4, 800.0, "rough", clutter=True, sea=False)
    wanted = request(terrain)
    result = sweep(wanted, terrain)
    rows, cols = np.indices(result.path_loss_db.shape)
    km = np.hypot(rows + result.row0 - wanted.row, cols + result.col0 - wanted.col) * 0.03
    with np.errstate(divide="ignore"):
        free_space = 92.4 + 20.0 * np.log10(1.8) + 20.0 * np.log10(km)
    known = np.isfinite(result.path_loss_db)
    assert known.sum() > 15_000
    # the slant distance is longer than the distance on the map, never shorter; the focusing term
    # is 0 at 50 % of time
    assert np.all(result.path_loss_db[known] >= free_space[known] - 1e-9)


def test_short_paths_are_free_space_and_diffraction() -> None:
    terrain = make_terrain(5, 300.0, "rough", clutter=True, sea=False)
    wanted = request(terrain)
    result = sweep(wanted, terrain)
    row, col = int(wanted.row), int(wanted.col)
    ground = terrain.ground_m
    rise_km = (ground[row, col] + 30.0 - ground[row - 5, col] - 1.5) / 1000.0
    slant_km = np.hypot(0.15, rise_km)
    free_space = 92.4 + 20.0 * np.log10(1.8) + 20.0 * np.log10(slant_km)
    i, j = row - 5 - result.row0, col - result.col0
    wanted_db = free_space + result.diffraction_db[i, j]
    assert result.path_loss_db[i, j] == pytest.approx(wanted_db, abs=1e-5)  # float32 diffraction


def test_departure_points_at_the_receiver_when_clear_and_at_the_ridge_when_blocked() -> None:
    n = 161
    ground = np.full((n, n), 100.0, dtype=np.float32)
    ground[40, :] = 300.0  # a wall 40 cells north of the mast
    terrain = Terrain(ground_m=ground, cell_m=CELL_M)
    result = sweep(request(terrain), terrain)
    near = result.departure_deg[60 - result.row0, 80 - result.col0]
    behind = result.departure_deg[10 - result.row0, 80 - result.col0]
    assert near == pytest.approx(np.degrees(np.arctan(-28.5 / 600.0)), abs=0.01)
    assert behind == pytest.approx(np.degrees(np.arctan(170.0 / 1200.0)), abs=0.01)
    assert result.terrain_db[10 - result.row0, 80 - result.col0] > 20.0


def test_clutter_adds_loss_that_bare_ground_does_not_have() -> None:
    terrain = make_terrain(6, 50.0, "rough", clutter=True, sea=False)
    bare = sweep(request(terrain), replace(terrain, clutter_m=None))
    grown = sweep(request(terrain), terrain)
    known = np.isfinite(bare.path_loss_db)
    assert np.nanmedian(grown.path_loss_db - bare.path_loss_db) > 3.0
    np.testing.assert_array_equal(bare.terrain_db[known], grown.terrain_db[known])


@pytest.mark.parametrize("shape", ["rough", "flat"])
def test_without_clutter_all_diffraction_is_that_of_the_ground(shape: str) -> None:
    # over flat ground the spherical Earth diffracts, and that is no clutter either
    terrain = make_terrain(6, 50.0, shape, clutter=False, sea=False)
    result = sweep(request(terrain, tx_height_agl_m=1.0, freq_mhz=95.0), terrain)
    np.testing.assert_array_equal(result.terrain_db, result.diffraction_db)
    assert np.nanmax(result.diffraction_db) > 3.0


def test_missing_elevation_ends_a_ray_and_nothing_else() -> None:
    terrain = make_terrain(7, 100.0, "rough", clutter=False, sea=False)
    ground = terrain.ground_m.copy()
    ground[40:44, 78:83] = np.nan
    holed = sweep(request(terrain), replace(terrain, ground_m=ground))
    whole = sweep(request(terrain), terrain)
    assert np.isnan(holed.path_loss_db[20, 80])
    behind = np.isnan(holed.path_loss_db) & np.isfinite(whole.path_loss_db) & np.isfinite(ground)
    assert holed.hidden_pixels == np.count_nonzero(behind) > 100
    assert whole.hidden_pixels == 0
    south = slice(90, None)
    np.testing.assert_array_equal(holed.path_loss_db[south], whole.path_loss_db[south])


def test_a_mast_on_the_middle_of_a_cell_beside_a_void_serves_what_it_sees() -> None:
    terrain = make_terrain(7, 100.0, "rough", clutter=True, sea=False)
    ground = terrain.ground_m.copy()
    ground[:, 81:] = np.nan  # the mast stands on column 80
    result = sweep(request(terrain), replace(terrain, ground_m=ground))
    assert result.hidden_pixels == 0
    assert np.isfinite(result.path_loss_db[:, :81]).sum() > 10_000
    # the same at the edge of the land: a radial along it must not leave it by a rounding
    edge = sweep(request(terrain, row=0.0, col=0.0), terrain)
    assert edge.hidden_pixels == 0
    assert np.isfinite(edge.path_loss_db[0, 1:]).all()


@pytest.mark.parametrize("turned", [1, 2, 3])
def test_a_turned_or_mirrored_land_has_a_turned_or_mirrored_map(turned: int) -> None:
    # with the mast on the middle of a cell many pixels lie midway between two radials
    terrain = make_terrain(12, 900.0, "rough", clutter=False, sea=False)
    wanted = request(terrain, terminal_clearing_m=0.0)
    straight = sweep(wanted, terrain).path_loss_db
    ground = np.rot90(terrain.ground_m[:, ::-1], turned)
    other = sweep(wanted, replace(terrain, ground_m=ground)).path_loss_db
    np.testing.assert_allclose(np.rot90(straight[:, ::-1], turned), other, atol=1e-6)


def from_own_paths_db(terrain: Terrain, wanted: SweepRequest, every: int) -> FloatArray:
    """Return how far each pixel is from its own path, every so many pixels."""
    result = sweep(wanted, terrain)
    rows, cols = np.nonzero(np.isfinite(result.path_loss_db))
    off = []
    for row, col in zip(rows[::every], cols[::every], strict=True):
        i, j = int(row) + result.row0, int(col) + result.col0
        if np.hypot(i - wanted.row, j - wanted.col) * CELL_M < 300.0:
            continue
        profile = path_profile(terrain, row=wanted.row, col=wanted.col, end_row=i, end_col=j)
        terms = path_terms(
            profile,
            freq_mhz=wanted.freq_mhz,
            tx_height_agl_m=wanted.tx_height_agl_m,
            rx_height_agl_m=wanted.rx_height_agl_m,
            tx_lat_deg=wanted.tx_lat_deg,
            tx_lon_deg=103.0,
            rx_lat_deg=wanted.tx_lat_deg,
            rx_lon_deg=103.0 + 1e-9,
            delta_n_per_km=wanted.delta_n_per_km,
            n0=wanted.n0,
        )
        off.append(abs(terms.basic_transmission_loss_db - result.path_loss_db[row, col]))
    return np.array(off)


def test_a_narrow_ridge_long_before_the_pixel_is_met_on_its_own_line() -> None:
    # a wall one cell wide across the way, 8 to 40 steps before the pixels, cut by gaps: what the
    # radial meets stands half a cell beside, before or behind what the pixel's own line meets
    ground = np.full((241, 241), 300.0, dtype=np.float32)
    rng = np.random.default_rng(3)
    ground[60, :] += rng.choice([20.0, 26.0, 32.0], 241).astype(np.float32)
    ground[90, :] += rng.choice([0.0, 6.0, 12.0], 241).astype(np.float32)
    terrain = Terrain(ground_m=ground, cell_m=CELL_M)
    wanted = request(terrain, row=200.37, col=120.61, radius_m=5_700.0, freq_mhz=3500.0)
    off_db = from_own_paths_db(terrain, wanted, 41)
    assert off_db.size > 700
    assert np.percentile(off_db, 99) < 1e-3


def test_what_lowers_the_smooth_earth_is_read_on_the_own_line() -> None:
    # long gentle land where the spherical Earth diffracts and a ridge decides by how much
    x = np.arange(321)
    ground = 40.0 + 25.0 * np.sin(x / 23.0)[:, None] + 18.0 * np.cos(x / 17.0)[None, :]
    terrain = Terrain(ground_m=ground.astype(np.float32), cell_m=CELL_M)
    wanted = request(
        terrain, row=300.41, col=160.23, radius_m=9_000.0, freq_mhz=450.0, tx_height_agl_m=10.0
    )
    assert from_own_paths_db(terrain, wanted, 97).max() < 0.25


def test_carriers_share_the_order_of_pixels() -> None:
    terrain = make_terrain(8, 300.0, "rough", clutter=False, sea=False)
    wanted = request(terrain, row=70.25, col=81.5)
    order = pixel_order(wanted, terrain)
    other = replace(wanted, freq_mhz=800.0)
    np.testing.assert_array_equal(
        sweep(other, terrain, order=order).path_loss_db, sweep(other, terrain).path_loss_db
    )


@pytest.mark.parametrize("percent", [10.0, 50.0])
def test_carriers_of_one_antenna_share_their_geometry(percent: float) -> None:
    terrain = make_terrain(11, 500.0, "rough", clutter=True, sea=True)
    requests = [
        request(terrain, row=70.25, col=81.5, freq_mhz=f, time_percent=percent)
        for f in (768.0, 1815.0, 3700.0)
    ]
    together = sweep_carriers(requests, terrain, workers=2)
    for one, shared in zip(requests, together, strict=True):
        alone = sweep(one, terrain)
        for name in ("path_loss_db", "departure_deg", "diffraction_db", "terrain_db"):
            np.testing.assert_array_equal(getattr(shared, name), getattr(alone, name))
        assert shared.hidden_pixels == alone.hidden_pixels
    with pytest.raises(InvalidInputError, match="more than freq_mhz"):
        sweep_carriers([requests[0], replace(requests[1], radius_m=900.0)], terrain)
    with pytest.raises(InvalidInputError, match="at least one"):
        sweep_carriers([], terrain)


@pytest.mark.parametrize("workers", [2, 3, 7])
def test_threads_share_the_radials_and_change_nothing(workers: int) -> None:
    terrain = make_terrain(10, 300.0, "rough", clutter=True, sea=False)
    wanted = request(terrain, row=70.25, col=81.5, radius_m=1800.0)
    alone, shared = sweep(wanted, terrain), sweep(wanted, terrain, workers=workers)
    np.testing.assert_array_equal(shared.path_loss_db, alone.path_loss_db)
    np.testing.assert_array_equal(shared.departure_deg, alone.departure_deg)
    with pytest.raises(InvalidInputError, match="workers"):
        sweep(wanted, terrain, workers=0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_percent": 90.0}, r"time_percent is 90.0, wanted 1.0 to 50.0 .*use itm"),
        ({"freq_mhz": 7000.0}, r"freq_mhz is 7000.0, wanted 30.0 to 6000.0 \(itu_r_p1812.*: use "),
        ({"tx_height_agl_m": 4000.0}, r"tx_height_agl_m is 4000.0, wanted 1.0 to 3000.0 .*: use "),
    ],
)
def test_outside_the_model_its_range_and_another_model_are_named(
    change: dict[str, Any], words: str
) -> None:
    terrain = make_terrain(9, 10.0, "rough", clutter=False, sea=False)
    with pytest.raises(OutOfRangeError, match=words):
        sweep(request(terrain, **change), terrain)


def test_unknown_model_names_the_known_ones() -> None:
    terrain = make_terrain(9, 10.0, "rough", clutter=False, sea=False)
    with pytest.raises(ConfigError, match="itu_r_p1812"):
        sweep(request(terrain), terrain, model="crystal_ball")


def test_a_mast_outside_the_terrain_is_refused() -> None:
    terrain = make_terrain(9, 10.0, "rough", clutter=False, sea=False)
    with pytest.raises(InvalidInputError, match="enlarge the area"):
        sweep(request(terrain, row=-5.0), terrain)
