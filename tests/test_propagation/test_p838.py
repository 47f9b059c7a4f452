"""ITU-R P.838 against the ITU's validation examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.p838 import rain_coefficients, rain_specific_attenuation_db_per_km


def test_rain_is_that_of_the_validation_examples(shared_dir: Path) -> None:
    table = np.genfromtxt(
        shared_dir / "reference/p838/ITURP838-3_rain_specific_attenuation.csv",
        delimiter=",",
        skip_header=2,
    )
    assert len(table) == 11
    path = {"elevation_deg": table[:, 0], "tilt_deg": table[:, 3]}
    freq_mhz = table[:, 1] * 1e3
    k, alpha = rain_coefficients(freq_mhz, **path)
    rain = rain_specific_attenuation_db_per_km(table[:, 2], freq_mhz=freq_mhz, **path)
    for found, printed in ((k, table[:, 4]), (alpha, table[:, 5]), (rain, table[:, 6])):
        # printed to 1e-8
        np.testing.assert_allclose(found, printed, rtol=0.0, atol=6e-9)


@given(freq=st.floats(10_000.0, 100_000.0), low=st.floats(0.0, 200.0), more=st.floats(0.0, 100.0))
def test_more_rain_takes_more(freq: float, low: float, more: float) -> None:
    less = rain_specific_attenuation_db_per_km(low, freq_mhz=freq)
    assert rain_specific_attenuation_db_per_km(low + more, freq_mhz=freq) >= less


@given(freq=st.floats(10_000.0, 100_000.0), rain=st.floats(5.0, 200.0))
def test_flat_drops_take_more_of_horizontal_polarization(freq: float, rain: float) -> None:
    horizontal, circular, vertical = rain_specific_attenuation_db_per_km(
        rain, freq_mhz=freq, tilt_deg=np.array([0.0, 45.0, 90.0])
    )
    assert horizontal >= vertical
    assert vertical - 1e-9 <= circular <= horizontal + 1e-9


def test_no_rain_takes_nothing_and_nan_stays_nan() -> None:
    found = rain_specific_attenuation_db_per_km([0.0, np.nan], freq_mhz=18e3)
    assert found[0] == 0.0
    assert np.isnan(found[1])


@pytest.mark.parametrize(
    ("name", "value"),
    [("freq_mhz", 999.0), ("freq_mhz", 1_000_001.0), ("elevation_deg", 91.0)],
)
def test_each_bound_is_kept(name: str, value: float) -> None:
    with pytest.raises(OutOfRangeError, match=name):
        rain_coefficients(**({"freq_mhz": 18e3} | {name: value}))


def test_a_negative_rain_rate_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="rain_mm_per_h"):
        rain_specific_attenuation_db_per_km(-1.0, freq_mhz=18e3)
