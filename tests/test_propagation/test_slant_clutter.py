"""Clutter under a mast that looks down."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.p2108 import slant_clutter_loss_db, terrestrial_clutter_loss_db
from lensong.propagation.slant_clutter import down_looking_clutter_loss_db

DISTANCES = st.floats(250.0, 50_000.0)
ELEVATIONS = st.floats(0.0, 90.0)
FREQUENCIES = st.floats(500.0, 67_000.0)
SHARES = st.floats(1.0, 99.0)


def equation_6(elevation_deg: float, freq_ghz: float, percent: float) -> float:
    """P.2108-1 eq. (6) written out, at any frequency."""
    share = percent / 100.0
    angle = 0.05 * (1.0 - elevation_deg / 90.0) + np.pi * elevation_deg / 180.0
    base = -93.0 * freq_ghz**0.175 * np.log(1.0 - share) * max(1.0 / np.tan(angle), 0.0)
    loss = base ** (0.5 * (90.0 - elevation_deg) / 90.0) - 1.0 - 0.6 * -ndtri(share)
    return float(loss)


@pytest.mark.parametrize("freq_mhz", [700.0, 3500.0, 9999.0, 28_000.0])
@pytest.mark.parametrize("elevation_deg", [4.0, 8.0, 30.0])
@pytest.mark.parametrize("percent", [20.0, 50.0, 80.0])
def test_a_steep_ray_follows_the_slant_formula_at_every_frequency(
    freq_mhz: float, elevation_deg: float, percent: float
) -> None:
    level = float(terrestrial_clutter_loss_db(5000.0, freq_mhz=freq_mhz, location_percent=percent))
    slant = equation_6(elevation_deg, freq_mhz / 1000.0, percent)
    found = down_looking_clutter_loss_db(
        5000.0, elevation_deg, freq_mhz=freq_mhz, location_percent=percent
    )
    assert float(found) == pytest.approx(max(min(level, slant), 0.0), abs=1e-9)


def test_where_both_sections_hold_nothing_is_carried_on() -> None:
    found = down_looking_clutter_loss_db(5000.0, 10.0, freq_mhz=28_000.0)
    assert float(found) == pytest.approx(
        float(slant_clutter_loss_db(10.0, freq_mhz=28_000.0)), abs=1e-12
    )


@given(DISTANCES, FREQUENCIES, SHARES)
def test_a_level_ray_loses_what_terrestrial_links_lose(
    distance_m: float, freq_mhz: float, percent: float
) -> None:
    level = terrestrial_clutter_loss_db(distance_m, freq_mhz=freq_mhz, location_percent=percent)
    found = down_looking_clutter_loss_db(
        distance_m, -3.0, freq_mhz=freq_mhz, location_percent=percent
    )
    assert 0.0 <= found <= max(float(level), 0.0) + 1e-9


@given(DISTANCES, st.tuples(ELEVATIONS, ELEVATIONS), FREQUENCIES)
def test_loss_never_grows_with_elevation(
    distance_m: float, elevations_deg: tuple[float, float], freq_mhz: float
) -> None:
    low, high = sorted(elevations_deg)
    at = down_looking_clutter_loss_db(distance_m, [low, high], freq_mhz=freq_mhz)
    assert at[1] <= at[0] + 1e-9


@given(ELEVATIONS, SHARES)
def test_loss_grows_with_the_share_of_places(elevation_deg: float, percent: float) -> None:
    at = down_looking_clutter_loss_db(
        2000.0, elevation_deg, freq_mhz=3500.0, location_percent=[percent, min(percent + 1, 99.5)]
    )
    assert at[1] >= at[0] - 1e-9


def test_arrays_are_taken_point_by_point_and_nan_stays() -> None:
    at = down_looking_clutter_loss_db([500.0, 2000.0, np.nan], [1.0, 6.0, 6.0], freq_mhz=3500.0)
    each = [
        float(down_looking_clutter_loss_db(d, e, freq_mhz=3500.0))
        for d, e in ((500.0, 1.0), (2000.0, 6.0))
    ]
    np.testing.assert_allclose(at[:2], each, rtol=1e-14)
    assert np.isnan(at[2])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("distance_m", {"distance_m": 249.0}),
        ("elevation_deg", {"elevation_deg": 91.0}),
        ("elevation_deg", {"elevation_deg": -91.0}),
        ("freq_mhz", {"freq_mhz": 499.0}),
        ("freq_mhz", {"freq_mhz": 68_000.0}),
        ("location_percent", {"location_percent": 100.0}),
    ],
)
def test_values_outside_the_range_are_refused(name: str, change: dict[str, float]) -> None:
    sound = {
        "distance_m": 1000.0,
        "elevation_deg": 5.0,
        "freq_mhz": 3500.0,
        "location_percent": 50.0,
    }
    wanted = sound | change
    with pytest.raises(OutOfRangeError, match=name):
        down_looking_clutter_loss_db(
            wanted["distance_m"],
            wanted["elevation_deg"],
            freq_mhz=wanted["freq_mhz"],
            location_percent=wanted["location_percent"],
        )
