"""P.1812 for one path: what must hold on any profile, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.p1812 import (
    PathProfile,
    basic_transmission_loss_db,
    path_centre_lat_deg,
    path_terms,
)

COMMON: dict[str, Any] = {
    "freq_mhz": 1800.0,
    "tx_height_agl_m": 30.0,
    "rx_height_agl_m": 1.5,
    "tx_lat_deg": 22.35,
    "tx_lon_deg": 103.65,
    "rx_lat_deg": 22.37,
    "rx_lon_deg": 103.66,
    "delta_n_per_km": 44.0,
    "n0": 365.5,
}


def hilly(seed: int, points: int = 80) -> PathProfile:
    rng = np.random.default_rng(seed)
    terrain = 500.0 + np.cumsum(rng.normal(0.0, 12.0, points))
    return PathProfile.over_land(np.arange(points, dtype=np.float64) * 30.0, terrain)


@given(st.integers(0, 500), st.floats(1.0, 49.0))
def test_loss_not_exceeded_for_less_time_is_smaller(seed: int, percent: float) -> None:
    profile = hilly(seed)
    rare = basic_transmission_loss_db(profile, **COMMON, time_percent=percent)
    # inverse_normal is a rational approximation: its slope, not its value, is exact
    assert rare <= basic_transmission_loss_db(profile, **COMMON, time_percent=50.0) + 1e-3


@given(st.integers(0, 500), st.floats(1.0, 99.0), st.floats(0.0, 10.0))
def test_location_variability_is_symmetric_about_the_median(
    seed: int, percent: float, sigma_db: float
) -> None:
    profile = hilly(seed)
    terms = [
        path_terms(profile, **COMMON, location_percent=p, location_sigma_db=sigma_db)
        for p in (percent, 100.0 - percent)
    ]
    assert terms[0].location_db == pytest.approx(-terms[1].location_db, abs=1e-6)


def test_more_places_need_more_loss() -> None:
    loss = [
        basic_transmission_loss_db(
            hilly(1), **COMMON, location_percent=places, location_sigma_db=5.5
        )
        for places in (10.0, 50.0, 90.0)
    ]
    assert loss[0] < loss[1] < loss[2]
    # 90 % of places at 5.5 dB: 1.2816 * 5.5 above the median
    assert loss[2] - loss[1] == pytest.approx(7.05, abs=0.01)


def test_clutter_at_the_ends_does_not_count_and_between_it_does() -> None:
    bare = hilly(2)
    at_ends, between = np.zeros(80), np.zeros(80)
    at_ends[[0, -1]] = 25.0
    between[-2] = 25.0
    loss = [
        basic_transmission_loss_db(
            PathProfile.over_land(bare.distance_m, bare.terrain_amsl_m, clutter), **COMMON
        )
        for clutter in (np.zeros(80), at_ends, between)
    ]
    assert loss[1] == loss[0]
    assert loss[2] > loss[0] + 5.0


def test_over_sea_the_whole_path_is_sea() -> None:
    points = 200
    profile = PathProfile(
        distance_m=np.arange(points, dtype=np.float64) * 250.0,
        terrain_amsl_m=np.zeros(points),
        clutter_height_m=np.zeros(points),
        zone=np.full(points, 1),
    )
    terms = path_terms(profile, **COMMON, location_percent=90.0, location_sigma_db=8.0)
    assert terms.sea_share == 1.0
    assert terms.longest_land_km == terms.longest_inland_km == 0.0
    assert terms.location_db == 0.0


def test_path_centre_lies_between_the_ends() -> None:
    # halfway between 53.18333 N, 6.33333 W and 54.16667 N, 3.18333 W along 235.1 km:
    # 53.68658428 in the official log of b2iseac
    centre = path_centre_lat_deg(53.18333333, -6.333333333, 54.16666667, -3.183333333, 235_100.0)
    assert centre == pytest.approx(53.68658428, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("freq_mhz", 29.0),
        ("freq_mhz", 6001.0),
        ("tx_height_agl_m", -3.0),
        ("rx_height_agl_m", 0.5),
        ("time_percent", 0.5),
        ("time_percent", 51.0),
        ("location_percent", 99.5),
        ("tx_lat_deg", 103.0),
        ("freq_mhz", float("nan")),
    ],
)
def test_arguments_out_of_range_are_named(name: str, value: float) -> None:
    with pytest.raises(OutOfRangeError, match=name):
        basic_transmission_loss_db(hilly(3), **{**COMMON, name: value})


def test_unknown_polarization_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="slant"):
        basic_transmission_loss_db(hilly(3), **COMMON, polarization="slant")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"distance_m": np.arange(4) * 100.0}, "at least 5"),
        ({"terrain_amsl_m": np.zeros(9)}, "terrain_amsl_m has shape"),
        ({"terrain_amsl_m": np.full(10, np.nan)}, "fill voids"),
        ({"distance_m": np.arange(10) * 100.0 + 1.0}, "begin at 0"),
        ({"distance_m": np.arange(10) * 10.0}, "path length in m"),
        ({"clutter_height_m": np.full(10, -1.0)}, "wanted 0 m or more"),
        ({"zone": np.full(10, 2)}, "zone has \\[2\\]"),
    ],
)
def test_bad_profiles_are_refused(change: dict[str, Any], words: str) -> None:
    good: dict[str, Any] = {
        "distance_m": np.arange(10) * 100.0,
        "terrain_amsl_m": np.zeros(10),
        "clutter_height_m": np.zeros(10),
        "zone": np.full(10, 4),
    }
    PathProfile(**good)
    with pytest.raises(InvalidInputError, match=words):
        PathProfile(**{**good, **change})
