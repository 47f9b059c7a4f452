"""One piece of land on four grids: what stands near an antenna is placed in metres."""

from __future__ import annotations

import numpy as np
import pytest

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.models import MODELS
from lensong.propagation.p1812 import PathProfile
from lensong.propagation.profile import path_profile
from lensong.propagation.sweep import sweep
from lensong.propagation.sweep_request import SweepRequest
from lensong.propagation.sweep_result import SweepResult
from lensong.propagation.terminal import samples_within
from lensong.propagation.terrain import Terrain
from lensong.propagation.types import FloatArray

STEPS_M = (5.0, 15.0, 30.0, 60.0, 100.0)
SIDE_M = 3_600.0
RADIUS_M = 1_200.0


def land(cell_m: float, *, canopy_m: float | None) -> Terrain:
    """Return the same gentle hills (synthetic) on cells of a size, with or without forest."""
    n = round(SIDE_M / cell_m)
    at = (np.arange(n) + 0.5) * cell_m
    hills = 400.0 + 12.0 * np.sin(at / 500.0)[:, None] + 12.0 * np.cos(at / 700.0)[None, :]
    return Terrain(
        ground_m=hills.astype(np.float32),
        clutter_m=None if canopy_m is None else np.full((n, n), canopy_m, dtype=np.float32),
        cell_m=cell_m,
    )


def swept(terrain: Terrain, terminal_clearing_m: float = 50.0) -> SweepResult:
    middle = SIDE_M / 2.0 / terrain.cell_m - 0.5
    return sweep(
        SweepRequest(
            row=middle,
            col=middle,
            tx_height_agl_m=30.0,
            rx_height_agl_m=1.5,
            freq_mhz=800.0,
            radius_m=RADIUS_M,
            delta_n_per_km=44.0,
            n0=365.5,
            tx_lat_deg=22.35,
            terminal_clearing_m=terminal_clearing_m,
        ),
        terrain,
    )


def ring(result: SweepResult, terrain: Terrain, near_m: float, far_m: float) -> FloatArray:
    """Return the losses between two distances from the mast [dB]."""
    middle = SIDE_M / 2.0 / terrain.cell_m - 0.5
    rows, cols = np.indices(result.path_loss_db.shape)
    far = terrain.cell_m * np.hypot(rows + result.row0 - middle, cols + result.col0 - middle)
    return np.asarray(result.path_loss_db[(far >= near_m) & (far <= far_m)])


@pytest.mark.parametrize("cell_m", STEPS_M)
def test_forest_does_not_follow_the_grid_and_bare_ground_ignores_the_clearing(
    cell_m: float,
) -> None:
    forest, bare = land(cell_m, canopy_m=15.0), land(cell_m, canopy_m=None)
    reference = land(30.0, canopy_m=15.0)
    wanted = ring(swept(reference), reference, 600.0, 1_200.0)
    found = ring(swept(forest), forest, 600.0, 1_200.0)
    # one step of 100 m on slopes of 1 in 40 is 2.5 m of ground
    assert np.median(found) == pytest.approx(np.median(wanted), abs=0.5)
    open_ground = swept(bare).path_loss_db
    np.testing.assert_array_equal(open_ground, swept(bare, terminal_clearing_m=0.0).path_loss_db)
    # a forest without height is open ground, but for the samples at the rims
    flat = land(cell_m, canopy_m=0.0)
    np.testing.assert_array_equal(swept(flat).path_loss_db, open_ground)


def test_by_the_letter_forest_follows_the_grid() -> None:
    medians = [
        np.median(ring(swept(terrain, terminal_clearing_m=0.0), terrain, 600.0, 1_200.0))
        for terrain in (land(15.0, canopy_m=15.0), land(100.0, canopy_m=15.0))
    ]
    assert medians[0] - medians[1] > 5.0


def test_pixels_beside_the_mast_of_a_coarse_grid_see_the_trees_between() -> None:
    # one cell of 100 m away no sample lies between: the trees at 50 m do
    coarse = Terrain(
        ground_m=np.full((9, 9), 400.0, np.float32),
        clutter_m=np.full((9, 9), 30.0, np.float32),
        cell_m=100.0,
    )
    result = sweep(
        SweepRequest(
            row=4.0,
            col=4.0,
            tx_height_agl_m=10.0,
            rx_height_agl_m=1.5,
            freq_mhz=800.0,
            radius_m=300.0,
            delta_n_per_km=44.0,
            n0=365.5,
            tx_lat_deg=22.35,
        ),
        coarse,
    )
    beside = (4 - result.row0, 5 - result.col0)
    assert result.diffraction_db[beside] > 20.0
    assert result.terrain_db[beside] == 0.0
    assert np.isfinite(result.path_loss_db[beside])


@pytest.mark.parametrize(
    ("clearing_m", "step_m", "within"),
    [(50.0, 30.0, 1), (50.0, 25.0, 1), (50.0, 50.0, 0), (50.0, 100.0, 0), (0.0, 30.0, 0)],
)
def test_samples_within_a_clearing(clearing_m: float, step_m: float, within: int) -> None:
    assert samples_within(clearing_m, step_m) == within


def test_a_profile_is_bare_in_its_clearings_and_has_a_point_at_each_rim() -> None:
    terrain = land(30.0, canopy_m=15.0)
    profile = path_profile(terrain, row=20.0, col=20.0, end_row=20.0, end_col=40.0)
    assert profile.clutter_height_m.tolist() == [0.0, 0.0, *[15.0] * 17, 0.0, 0.0]
    assert profile.rim_distance_m == pytest.approx([50.0, 550.0])
    ground = np.interp([50.0, 550.0], profile.distance_m, profile.terrain_amsl_m)
    assert profile.rim_surface_amsl_m == pytest.approx(ground + 15.0, abs=0.01)
    d, heights = profile.surface()
    assert d.size == profile.distance_m.size + 2
    assert np.all(np.diff(d) > 0.0)
    assert heights[[0, -1]] == pytest.approx(profile.terrain_amsl_m[[0, -1]])


def test_a_profile_without_clutter_has_no_rims() -> None:
    terrain = land(30.0, canopy_m=0.0)
    profile = path_profile(terrain, row=20.0, col=20.0, end_row=20.0, end_col=40.0)
    assert profile.rim_distance_m.size == 0


def test_a_clearing_wider_than_half_the_path_leaves_no_clutter() -> None:
    terrain = land(30.0, canopy_m=15.0)
    profile = path_profile(
        terrain, row=20.0, col=20.0, end_row=20.0, end_col=30.0, terminal_clearing_m=200.0
    )
    assert not profile.clutter_height_m.any()
    assert profile.rim_distance_m.size == 0


@pytest.mark.parametrize("clearing_m", [-1.0, 500.1, float("nan")])
def test_a_clearing_out_of_range_is_refused(clearing_m: float) -> None:
    terrain = land(30.0, canopy_m=15.0)
    with pytest.raises(OutOfRangeError, match="terminal_clearing_m"):
        path_profile(
            terrain,
            row=20.0,
            col=20.0,
            end_row=20.0,
            end_col=40.0,
            terminal_clearing_m=clearing_m,
        )
    with pytest.raises(OutOfRangeError, match="terminal_clearing_m"):
        swept(terrain, terminal_clearing_m=clearing_m)


@pytest.mark.parametrize("name", ["itu_r_p1812", "itu_r_p452"])
def test_models_over_a_profile_see_the_rims(name: str) -> None:
    from lensong.propagation.link import Climate, Link

    terrain = land(100.0, canopy_m=15.0)
    profile = path_profile(terrain, row=5.0, col=5.0, end_row=5.0, end_col=25.0)
    without = PathProfile(
        distance_m=profile.distance_m,
        terrain_amsl_m=profile.terrain_amsl_m,
        clutter_height_m=profile.clutter_height_m,
        zone=profile.zone,
    )
    loss = MODELS[name].over_profile
    assert loss is not None
    link, air = Link(800.0, 30.0, 1.5), Climate(44.0, 365.5, centre_lat_deg=22.0)
    assert loss(profile, link, air) > loss(without, link, air) + 1.0
