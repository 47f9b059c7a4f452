"""ITU-R P.833 against its own measured numbers and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.p833 import (
    WOODS,
    single_vegetation_loss_db,
    slant_woodland_loss_db,
    woodland_loss_db,
    woodland_specific_attenuation_db_per_m,
)

# P.833-10 §2.1, St Petersburg: frequency [MHz], dB/m, largest loss [dB]
MEASURED = [
    (105.9, 0.04, 9.4),
    (466.475, 0.12, 18.0),
    (949.0, 0.17, 26.5),
    (1852.2, 0.30, 29.0),
    (2117.5, 0.34, 34.1),
]


@pytest.mark.parametrize(("freq", "per_metre", "largest"), MEASURED)
def test_the_fit_meets_the_measured_numbers(freq: float, per_metre: float, largest: float) -> None:
    assert woodland_specific_attenuation_db_per_m(freq) == pytest.approx(per_metre)
    # the curve A1 f^alpha runs through points that scatter by 3.5 dB
    assert woodland_loss_db(1e6, freq_mhz=freq) == pytest.approx(largest, abs=3.5)


@pytest.mark.parametrize("woods", WOODS)
def test_the_largest_loss_is_that_of_the_fit(woods: str) -> None:
    a1_db, alpha, _ = WOODS[woods]
    assert woodland_loss_db(1e6, freq_mhz=1500.0, woods=woods) == pytest.approx(
        a1_db * 1500.0**alpha
    )


@given(freq=st.floats(105.9, 2117.5), depth=st.floats(0.0, 0.5))
def test_a_short_path_loses_by_the_metre(freq: float, depth: float) -> None:
    per_metre = float(woodland_specific_attenuation_db_per_m(freq))
    # second order: (d gamma)² / (2 A_m), below 0.002 dB here
    assert woodland_loss_db(depth, freq_mhz=freq) == pytest.approx(depth * per_metre, abs=0.002)


@given(freq=st.floats(105.9, 2117.5), depth=st.floats(0.0, 1e4), more=st.floats(0.0, 1e3))
def test_a_deeper_wood_loses_more_up_to_the_largest(freq: float, depth: float, more: float) -> None:
    loss = woodland_loss_db(np.array([depth, depth + more]), freq_mhz=freq)
    assert loss[0] <= loss[1] <= 1.37 * freq**0.42


def test_a_measured_attenuation_replaces_the_table() -> None:
    loss = woodland_loss_db(10.0, freq_mhz=2200.0, specific_attenuation_db_per_m=0.4)
    largest = 1.37 * 2200.0**0.42
    assert loss == pytest.approx(largest * (1.0 - np.exp(-4.0 / largest)))


def test_the_slant_path_is_the_formula_worked_by_hand() -> None:
    found = slant_woodland_loss_db(16.0, freq_mhz=2600.0, elevation_deg=1.0)
    # 0.25 * 2600^0.39 * 16^0.25 = 0.25 * 21.4704 * 2
    assert found == pytest.approx(10.7352, abs=1e-3)


def test_one_stand_of_trees_loses_by_the_metre() -> None:
    assert single_vegetation_loss_db(10.0, freq_mhz=949.0) == pytest.approx(1.7)
    found = single_vegetation_loss_db(
        [0.0, 5.0, np.nan], freq_mhz=949.0, specific_attenuation_db_per_m=0.2
    )
    np.testing.assert_allclose(found, [0.0, 1.0, np.nan])


def test_nan_stays_nan() -> None:
    assert np.isnan(woodland_loss_db(np.nan, freq_mhz=900.0))
    assert np.isnan(slant_woodland_loss_db(np.nan, freq_mhz=2600.0, elevation_deg=10.0))


def test_each_bound_is_kept() -> None:
    with pytest.raises(OutOfRangeError, match="freq_mhz"):
        woodland_loss_db(10.0, freq_mhz=2600.0)
    with pytest.raises(OutOfRangeError, match="give specific_attenuation_db_per_m"):
        woodland_loss_db(10.0, freq_mhz=2200.0)
    with pytest.raises(OutOfRangeError, match="depth_m"):
        woodland_loss_db(-1.0, freq_mhz=900.0)
    with pytest.raises(OutOfRangeError, match="specific_attenuation"):
        woodland_loss_db(1.0, freq_mhz=900.0, specific_attenuation_db_per_m=0.0)
    with pytest.raises(OutOfRangeError, match="elevation_deg"):
        slant_woodland_loss_db(10.0, freq_mhz=2600.0, elevation_deg=0.0)
    with pytest.raises(OutOfRangeError, match="diffraction"):
        single_vegetation_loss_db(10.0, freq_mhz=1001.0)


def test_unknown_woods_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="woods is 'bamboo'"):
        woodland_loss_db(10.0, freq_mhz=900.0, woods="bamboo")
