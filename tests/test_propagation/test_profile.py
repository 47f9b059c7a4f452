"""Profiles out of terrain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.profile import earth_bulge_m, fresnel_radius_m, path_profile
from lensong.propagation.terrain import Terrain


def ramp() -> Terrain:
    rows, cols = np.indices((40, 60))
    return Terrain(
        ground_m=(100.0 + 2.0 * rows + 3.0 * cols).astype(np.float32),
        clutter_m=np.full((40, 60), 5.0, dtype=np.float32),
        zone=np.where(cols < 30, 3, 4).astype(np.uint8),
        cell_m=30.0,
    )


def test_a_slope_is_read_exactly_between_cell_centres() -> None:
    profile = path_profile(ramp(), row=3.5, col=7.25, end_row=33.0, end_col=50.0)
    share = profile.distance_m / profile.distance_m[-1]
    wanted = 100.0 + 2.0 * (3.5 + share * 29.5) + 3.0 * (7.25 + share * 42.75)
    np.testing.assert_allclose(profile.terrain_amsl_m, wanted, atol=1e-4)  # float32 terrain
    assert profile.distance_m[-1] == pytest.approx(30.0 * np.hypot(29.5, 42.75))
    assert np.all(profile.clutter_height_m[2:-2] == 5.0)  # beyond 50 m
    assert set(profile.zone.tolist()) == {3, 4}


def test_steps_are_equal_and_near_the_wanted_one() -> None:
    profile = path_profile(ramp(), row=3.0, col=3.0, end_row=3.0, end_col=50.0, step_m=17.0)
    steps = np.diff(profile.distance_m)
    assert np.ptp(steps) < 1e-9
    assert steps[0] == pytest.approx(17.0, rel=0.02)


def test_a_path_out_of_the_terrain_or_too_short_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="enlarge it"):
        path_profile(ramp(), row=3.0, col=3.0, end_row=3.0, end_col=70.0)
    with pytest.raises(OutOfRangeError, match="path length"):
        path_profile(ramp(), row=3.0, col=3.0, end_row=3.0, end_col=5.0)
    with pytest.raises(OutOfRangeError, match="step_m"):
        path_profile(ramp(), row=3.0, col=3.0, end_row=3.0, end_col=50.0, step_m=0.0)


def test_the_middle_of_a_pixel_beside_a_void_is_known_from_every_side() -> None:
    whole = ramp()
    ground = whole.ground_m.copy()
    ground[:, 41:] = np.nan
    ground[31:, :] = np.nan
    holed = replace(whole, ground_m=ground)
    for row in np.linspace(1.0, 20.0, 39):  # ends that are no sums of floats without rounding
        profile = path_profile(holed, row=row, col=7.3, end_row=30.0, end_col=40.0)
        assert profile.terrain_amsl_m[-1] == 100.0 + 2.0 * 30.0 + 3.0 * 40.0
    told = path_profile(holed, row=5.0, col=7.3, end_row=30.004, end_col=40.004)  # to a decimetre
    assert told.terrain_amsl_m[-1] == 100.0 + 2.0 * 30.0 + 3.0 * 40.0
    with pytest.raises(InvalidInputError, match="no elevation"):
        path_profile(holed, row=5.0, col=7.3, end_row=30.0, end_col=40.1)


def test_first_fresnel_zone_is_widest_in_the_middle() -> None:
    # 17.3 m: 0.5 sqrt(lambda d) with 0.1666 m and 7.2 km
    radius = fresnel_radius_m(np.array([0.0, 3600.0, 7200.0]), 7200.0, freq_mhz=1800.0)
    assert radius[0] == radius[2] == 0.0
    assert radius[1] == pytest.approx(17.32, abs=0.01)
    second = fresnel_radius_m(3600.0, 7200.0, freq_mhz=1800.0, zone=2)
    assert float(second) == pytest.approx(17.32 * np.sqrt(2.0), abs=0.02)
    with pytest.raises(InvalidInputError, match="leaves the path"):
        fresnel_radius_m(8000.0, 7200.0, freq_mhz=1800.0)


def test_the_bulge_of_ten_kilometres_is_about_a_metre_and_a_half() -> None:
    bulge = earth_bulge_m(5000.0, 10_000.0, effective_radius_m=8.5e6)
    assert float(bulge) == pytest.approx(1.47, abs=0.01)
    with pytest.raises(InvalidInputError, match="above 0"):
        earth_bulge_m(5000.0, 0.0, effective_radius_m=8.5e6)
