"""P.452: what it shares with P.1812, what it does not, and the bounds of its arguments."""

from __future__ import annotations

from dataclasses import replace
from math import log10
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensong.propagation import p1812
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.p452 import (
    PathTerms,
    basic_transmission_loss_db,
    path_terms,
)
from lensong.propagation.p452_terms import NO_CLUTTER_M
from lensong.propagation.p676 import gas_attenuation_db
from lensong.propagation.p1812 import PathProfile

LINK: dict[str, Any] = {
    "freq_mhz": 2000.0,
    "tx_height_agl_m": 30.0,
    "rx_height_agl_m": 10.0,
    "tx_lat_deg": 22.3,
    "tx_lon_deg": 103.3,
    "rx_lat_deg": 22.5,
    "rx_lon_deg": 103.3,
    "delta_n_per_km": 44.0,
    "n0": 365.5,
}


def flat(length_m: float = 20_000.0, step_m: float = 100.0) -> PathProfile:
    distance = np.arange(0.0, length_m + 1.0, step_m)
    return PathProfile.over_land(distance, np.full(distance.size, 600.0))


def ridge(height_m: float, length_m: float = 20_000.0) -> PathProfile:
    profile = flat(length_m)
    ground = profile.terrain_amsl_m.copy()
    ground[ground.size // 3] += height_m
    return replace(profile, terrain_amsl_m=ground)


def terms(profile: PathProfile, **changes: Any) -> PathTerms:
    return path_terms(profile, **(LINK | changes))


def test_a_short_clear_link_has_the_loss_of_free_space_and_gases() -> None:
    high = {"tx_height_agl_m": 200.0, "rx_height_agl_m": 200.0, "freq_mhz": 38_000.0}
    found = terms(flat(3000.0), **high)
    gas = gas_attenuation_db(3000.0, freq_mhz=38_000.0, dry_pressure_hpa=1013.25)
    assert found.line_of_sight
    # ITU-R P.525 with 92.4, and P.676
    wanted = 92.4 + 20.0 * log10(38.0 * 3.0) + float(gas)
    assert found.free_space_db == pytest.approx(wanted, abs=1e-9)
    assert found.basic_transmission_loss_db == pytest.approx(wanted, abs=0.2)


@settings(max_examples=30)
@given(st.floats(150.0, 800.0), st.floats(500.0, 6000.0), st.sampled_from([1.0, 10.0, 50.0]))
def test_behind_a_ridge_it_agrees_with_p1812(height: float, freq: float, percent: float) -> None:
    profile = ridge(height)
    changes = {"freq_mhz": freq, "time_percent": percent}
    loss = basic_transmission_loss_db(profile, **(LINK | changes))
    other = p1812.basic_transmission_loss_db(profile, **(LINK | changes))
    gas = terms(profile, **changes).gas_db
    # the constants of troposcatter differ by 0.1 dB, the coupling loss adds 0.05 dB
    assert -0.2 <= loss - other <= gas + 0.2


@settings(max_examples=30)
@given(st.floats(0.0, 500.0), st.floats(0.001, 49.0), st.floats(200.0, 50_000.0))
def test_loss_grows_with_the_share_of_time_beyond_the_horizon(
    height: float, percent: float, freq: float
) -> None:
    profile = ridge(100.0 + height, 60_000.0)
    less = terms(profile, freq_mhz=freq, time_percent=percent).basic_transmission_loss_db
    more = terms(profile, freq_mhz=freq, time_percent=50.0).basic_transmission_loss_db
    assert less < more


def test_gains_enter_troposcatter_alone() -> None:
    without = terms(ridge(300.0))
    with_gain = terms(ridge(300.0), tx_gain_dbi=40.0, rx_gain_dbi=35.0)
    # §4.3: 0.051 exp(0.055 (Gt + Gr))
    wanted = 0.051 * (np.exp(0.055 * 75.0) - 1.0)
    assert with_gain.troposcatter_db - without.troposcatter_db == pytest.approx(wanted, abs=1e-9)
    assert with_gain.modified_db == without.modified_db


def test_thicker_and_damper_air_takes_more() -> None:
    profile = flat(10_000.0)
    thin = terms(profile, freq_mhz=40_000.0, pressure_hpa=850.0).gas_db
    thick = terms(profile, freq_mhz=40_000.0, pressure_hpa=1013.0).gas_db
    assert 0.0 < thin < thick
    sea = replace(profile, zone=np.full(profile.zone.size, 1))
    assert terms(sea, freq_mhz=22_000.0).gas_db > terms(profile, freq_mhz=22_000.0).gas_db


def test_clutter_near_the_ends_does_not_count() -> None:
    bare = flat(5000.0, 10.0)
    clutter = np.zeros(bare.distance_m.size)
    clutter[1:5] = clutter[-5:-1] = 20.0  # 10 to 40 m from either end
    low = {"tx_height_agl_m": 3.0, "rx_height_agl_m": 3.0}
    assert terms(replace(bare, clutter_height_m=clutter), **low) == terms(bare, **low)
    clutter[5] = 20.0  # 50 m
    beyond = replace(bare, clutter_height_m=clutter)
    assert terms(beyond, **low).diffraction_db > terms(bare, **low).diffraction_db + 10.0
    assert beyond.surface(NO_CLUTTER_M)[1][:7].tolist() == [600.0] * 5 + [620.0, 600.0]


def test_an_antenna_at_sea_is_at_the_coast() -> None:
    profile = flat(60_000.0)
    zone = np.full(profile.zone.size, 1)
    wet = replace(profile, zone=zone, terrain_amsl_m=np.zeros(zone.size))
    assert terms(wet) == terms(wet, tx_coast_distance_m=0.0, rx_coast_distance_m=0.0)
    zone = zone.copy()
    zone[0] = 3
    moored = replace(wet, zone=zone)
    assert (
        terms(moored, tx_coast_distance_m=0.0).ducting_db
        < terms(moored, tx_coast_distance_m=10e3).ducting_db
    )


def test_the_loss_is_the_last_term() -> None:
    assert (
        basic_transmission_loss_db(ridge(200.0), **LINK)
        == terms(ridge(200.0)).basic_transmission_loss_db
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("freq_mhz", 99.9),
        ("freq_mhz", 50_001.0),
        ("freq_mhz", float("nan")),
        ("tx_height_agl_m", 0.5),
        ("rx_height_agl_m", -3.0),
        ("time_percent", 0.0),
        ("time_percent", 50.1),
        ("tx_gain_dbi", 90.0),
        ("rx_gain_dbi", -60.0),
        ("delta_n_per_km", -40.0),
        ("n0", 50.0),
        ("pressure_hpa", 101_325.0),
        ("temperature_c", 288.15),
        ("tx_lat_deg", 103.0),
        ("rx_lat_deg", -91.0),
        ("tx_coast_distance_m", -1.0),
    ],
)
def test_what_lies_outside_the_range_is_refused(name: str, value: float) -> None:
    with pytest.raises(OutOfRangeError, match=rf"{name} is .*P\.452-18"):
        terms(flat(), **{name: value})


def test_bounds_themselves_are_accepted() -> None:
    for changes in (
        {"freq_mhz": 100.0, "time_percent": 0.001},
        {"freq_mhz": 50_000.0, "time_percent": 50.0, "polarization": "horizontal"},
    ):
        assert np.isfinite(terms(ridge(100.0), **changes).basic_transmission_loss_db)


def test_below_its_range_it_names_p1812() -> None:
    with pytest.raises(OutOfRangeError, match="itu_r_p1812"):
        terms(flat(), freq_mhz=50.0)


def test_an_unknown_polarization_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="polarization"):
        terms(flat(), polarization="slant")
