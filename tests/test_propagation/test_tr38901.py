"""3GPP TR 38.901 against stored values, its own continuity and its ranges."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.tr38901 import (
    SCENARIOS,
    ScenarioName,
    expected_loss_db,
    los_probability,
    path_loss_db,
    shadow_sigma_db,
)

NAMES: tuple[ScenarioName, ...] = get_args(ScenarioName)
VECTOR_NAMES: dict[str, ScenarioName] = {"RMa": "rma", "UMa": "uma", "UMi-StreetCanyon": "umi"}
MAST = {"rma": 35.0, "uma": 25.0, "umi": 10.0}


def loss(name: ScenarioName, distance_m: float, *, clear: bool, freq_mhz: float = 3500.0) -> float:
    return float(
        path_loss_db(
            name,
            distance_m,
            line_of_sight=clear,
            freq_mhz=freq_mhz,
            tx_height_agl_m=MAST[name],
            rx_height_agl_m=1.5,
        )
    )


def test_path_loss_is_that_of_the_stored_values(shared_dir: Path) -> None:
    with (shared_dir / "reference/3gpp38901/pathloss.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    for row in rows:
        found = path_loss_db(
            VECTOR_NAMES[row["scenario"]],
            float(row["d2d_m"]),
            line_of_sight=row["los"] == "1",
            freq_mhz=float(row["f_hz"]) / 1e6,
            tx_height_agl_m=float(row["h_bs_m"]),
            rx_height_agl_m=float(row["h_ut_m"]),
        )
        # the values are printed to 1e-4 dB; the source itself asks for 0.05 dB
        assert found == pytest.approx(float(row["pathloss_db"]), abs=1e-3), row


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
def test_loss_grows_with_distance(name: ScenarioName, data: st.DataObject) -> None:
    low, high = SCENARIOS[name].distance_m
    near, far = sorted(data.draw(st.lists(st.floats(low, high), min_size=2, max_size=2)))
    for clear in (True, False):
        # the breakpoint formula takes the horizontal for the slant distance: a step of 0.02 dB
        assert loss(name, far, clear=clear) >= loss(name, near, clear=clear) - 0.02


@pytest.mark.parametrize("name", NAMES)
@given(distance=st.floats(10.0, 5000.0), freq=st.floats(500.0, 30_000.0))
def test_a_blocked_path_loses_at_least_as_much(
    name: ScenarioName, distance: float, freq: float
) -> None:
    blocked = loss(name, distance, clear=False, freq_mhz=freq)
    assert blocked >= loss(name, distance, clear=True, freq_mhz=freq)


@pytest.mark.parametrize("name", NAMES)
@given(distance=st.floats(10.0, 5000.0))
def test_the_expected_loss_is_between_both(name: ScenarioName, distance: float) -> None:
    found = float(
        expected_loss_db(
            name, distance, freq_mhz=3500.0, tx_height_agl_m=MAST[name], rx_height_agl_m=1.5
        )
    )
    low, high = loss(name, distance, clear=True), loss(name, distance, clear=False)
    assert low - 1e-9 <= found <= high + 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_line_of_sight_is_certain_near_and_rarer_farther(name: ScenarioName) -> None:
    distance = np.linspace(0.0, 5000.0, 501)
    probability = los_probability(name, distance)
    assert probability[0] == 1.0
    assert np.all(np.diff(probability) <= 1e-12)
    assert np.all((probability >= 0.0) & (probability <= 1.0))


def test_line_of_sight_follows_the_table() -> None:
    assert los_probability("rma", 1010.0) == pytest.approx(np.exp(-1.0))
    assert los_probability("umi", 36.0) == pytest.approx(0.5 + 0.5 * np.exp(-1.0))
    assert los_probability("uma", 63.0) == pytest.approx(18 / 63 + np.exp(-1.0) * 45 / 63)


def test_height_gives_more_line_of_sight_in_a_town() -> None:
    low, high = (los_probability("uma", 150.0, rx_height_agl_m=h) for h in (13.0, 22.5))
    assert high > low + 0.1


def test_the_shadow_sigma_is_that_of_the_table() -> None:
    def sigma(name: ScenarioName, distance_m: float, *, clear: bool) -> float:
        return float(
            shadow_sigma_db(
                name,
                distance_m,
                line_of_sight=clear,
                freq_mhz=700.0,
                tx_height_agl_m=MAST[name],
                rx_height_agl_m=1.5,
            )
        )

    # 2 pi 35 m 1.5 m 700 MHz / c = 770 m is the breakpoint
    assert sigma("rma", 700.0, clear=True) == 4.0
    assert sigma("rma", 800.0, clear=True) == 6.0
    assert sigma("rma", 800.0, clear=False) == 8.0
    assert sigma("uma", 800.0, clear=True) == 4.0
    assert sigma("uma", 800.0, clear=False) == 6.0
    assert sigma("umi", 800.0, clear=False) == 7.82


@pytest.mark.parametrize("name", NAMES)
def test_nan_stays_nan_and_an_array_is_its_scalars(name: ScenarioName) -> None:
    distance = np.array([[100.0, np.nan], [2000.0, 10.0]])
    found = path_loss_db(
        name,
        distance,
        line_of_sight=True,
        freq_mhz=3500.0,
        tx_height_agl_m=MAST[name],
        rx_height_agl_m=1.5,
    )
    assert np.array_equal(np.isnan(found), np.isnan(distance))
    assert found[1, 0] == loss(name, 2000.0, clear=True)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("distance_m", 9.9),
        ("distance_m", 10_001.0),
        ("freq_mhz", 499.0),
        ("freq_mhz", 30_001.0),
        ("tx_height_agl_m", 9.0),
        ("rx_height_agl_m", 11.0),
        ("building_height_m", 4.0),
        ("street_width_m", 51.0),
    ],
)
def test_each_bound_is_kept_and_the_message_names_another_model(
    argument: str, value: float
) -> None:
    given_values = {
        "distance_m": 100.0,
        "freq_mhz": 900.0,
        "tx_height_agl_m": 35.0,
        "rx_height_agl_m": 1.5,
    } | {argument: value}
    distance_m = given_values.pop("distance_m")
    with pytest.raises(OutOfRangeError, match=argument) as caught:
        path_loss_db("rma", distance_m, line_of_sight=True, **given_values)
    if argument not in ("building_height_m", "street_width_m"):
        assert "itu_r_p1812" in str(caught.value)


def test_an_unknown_scenario_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="wanted one of rma, uma, umi"):
        los_probability("rural", 100.0)  # type: ignore[arg-type]
