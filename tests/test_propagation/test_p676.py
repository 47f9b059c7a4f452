"""ITU-R P.676 against the ITU's validation examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.p676 import gas_attenuation_db, gas_specific_attenuation_db_per_km


def test_attenuation_is_that_of_the_validation_examples(shared_dir: Path) -> None:
    table = np.genfromtxt(
        shared_dir / "reference/p676/ITURP676-12_gamma.csv", delimiter=",", skip_header=2
    )
    assert len(table) > 200
    oxygen, water = gas_specific_attenuation_db_per_km(
        table[:, 0] * 1e3,
        dry_pressure_hpa=table[:, 1],
        temperature_k=table[:, 2],
        water_vapour_g_per_m3=table[:, 3],
    )
    # printed to 1e-8 dB/km
    np.testing.assert_allclose(oxygen, table[:, 4], rtol=0.0, atol=1e-8)
    np.testing.assert_allclose(water, table[:, 5], rtol=0.0, atol=1e-8)


def test_attenuation_is_that_of_the_second_set_up_to_1000_ghz(shared_dir: Path) -> None:
    table = np.genfromtxt(
        shared_dir / "reference/p676/specific_attenuation_v12_itur.csv",
        delimiter=",",
        skip_header=1,
    )
    assert len(table) == 1000
    oxygen, water = gas_specific_attenuation_db_per_km(
        table[:, 0] * 1e3,
        dry_pressure_hpa=table[:, 1],
        water_vapour_g_per_m3=table[:, 2],
        temperature_k=table[:, 3],
    )
    np.testing.assert_allclose(oxygen, table[:, 4], rtol=1e-12)
    np.testing.assert_allclose(water, table[:, 5], rtol=1e-12)


@given(freq=st.floats(1000.0, 1e6), distance=st.floats(0.0, 60_000.0))
def test_a_path_is_its_kilometres(freq: float, distance: float) -> None:
    oxygen, water = gas_specific_attenuation_db_per_km(freq)
    whole = gas_attenuation_db(distance, freq_mhz=freq)
    assert whole == pytest.approx((oxygen + water) * distance / 1000.0)
    assert oxygen > 0.0
    assert water > 0.0


@given(freq=st.floats(1000.0, 350_000.0))
def test_dry_air_has_no_water_vapour(freq: float) -> None:
    assert gas_specific_attenuation_db_per_km(freq, water_vapour_g_per_m3=0.0)[1] == 0.0


def test_gases_do_not_matter_to_phones() -> None:
    assert gas_attenuation_db(30_000.0, freq_mhz=3500.0) < 0.3


def test_nan_stays_nan_and_an_array_is_its_scalars() -> None:
    oxygen, _ = gas_specific_attenuation_db_per_km([18e3, np.nan])
    assert np.isnan(oxygen[1])
    assert oxygen[0] == gas_specific_attenuation_db_per_km(18e3)[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("freq_mhz", 999.0),
        ("freq_mhz", 1_000_001.0),
        ("dry_pressure_hpa", 0.0),
        ("dry_pressure_hpa", 101_325.0),
        ("temperature_k", 15.0),
        ("water_vapour_g_per_m3", -0.1),
    ],
)
def test_each_bound_is_kept(name: str, value: float) -> None:
    with pytest.raises(OutOfRangeError, match=name):
        gas_specific_attenuation_db_per_km(**({"freq_mhz": 18e3} | {name: value}))
