"""ITU-R P.2109 against 4000 stored values."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.p2109 import BUILDINGS, building_entry_loss_db

Building = Literal["traditional", "thermally_efficient"]


@pytest.mark.parametrize(("code", "building"), [(1, "traditional"), (2, "thermally_efficient")])
def test_entry_loss_is_that_of_the_stored_values(
    shared_dir: Path, code: int, building: Building
) -> None:
    table = np.genfromtxt(
        shared_dir / "reference/p2109/validation.csv", delimiter=",", skip_header=1
    )
    rows = table[table[:, 2] == code]
    assert len(rows) > 1000
    found = building_entry_loss_db(
        rows[:, 0] * 1e3,
        probability_percent=rows[:, 1],
        building=building,
        elevation_deg=rows[:, 3],
    )
    # the other implementation agrees with these to 8e-8 dB
    np.testing.assert_allclose(found, rows[:, 4], rtol=0.0, atol=1e-7)


@pytest.mark.parametrize("building", BUILDINGS)
@given(freq=st.floats(80.0, 100_000.0), low=st.floats(0.1, 99.8), elevation=st.floats(-90.0, 90.0))
def test_more_places_are_served_at_more_loss(
    building: Building, freq: float, low: float, elevation: float
) -> None:
    loss = building_entry_loss_db(
        freq,
        probability_percent=np.array([low, low + 0.1]),
        building=building,
        elevation_deg=elevation,
    )
    assert loss[1] > loss[0]


@given(freq=st.floats(80.0, 100_000.0), elevation=st.floats(0.0, 90.0))
def test_the_sign_of_the_elevation_does_not_matter(freq: float, elevation: float) -> None:
    up, down = building_entry_loss_db(
        freq, probability_percent=50.0, elevation_deg=np.array([elevation, -elevation])
    )
    assert up == down


@given(freq=st.floats(80.0, 100_000.0))
def test_efficient_walls_lose_more_at_the_median(freq: float) -> None:
    plain, metal = (
        building_entry_loss_db(freq, probability_percent=50.0, building=kind)
        for kind in get_args(Building)
    )
    assert metal > plain


def test_nan_stays_nan_and_an_array_is_its_scalars() -> None:
    found = building_entry_loss_db(np.array([2000.0, np.nan]), probability_percent=50.0)
    assert np.isnan(found[1])
    assert found[0] == building_entry_loss_db(2000.0, probability_percent=50.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("freq_mhz", 79.9),
        ("freq_mhz", 100_001.0),
        ("probability_percent", 0.0),
        ("probability_percent", 100.0),
        ("elevation_deg", 90.1),
    ],
)
def test_each_bound_is_kept(name: str, value: float) -> None:
    with pytest.raises(OutOfRangeError, match=name):
        building_entry_loss_db(
            **({"freq_mhz": 900.0, "probability_percent": 50.0} | {name: value})  # type: ignore[arg-type]
        )


def test_an_unknown_building_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="wanted one of traditional, thermally_efficient"):
        building_entry_loss_db(900.0, probability_percent=50.0, building="tent")  # type: ignore[arg-type]
