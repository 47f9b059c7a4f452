"""Free space and the parts of P.526, each on its own."""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.diffraction import (
    bullington_loss_db,
    delta_bullington_loss_db,
    knife_edge_loss_db,
)
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.free_space import free_space_loss_db

RADIUS_M = 8_500_000.0


def test_knife_edge_at_grazing_is_six_decibels() -> None:
    # ITU-R P.526-15 figure 9: 6 dB at grazing incidence; eq. (31) gives 6.03
    assert float(knife_edge_loss_db(0.0)) == pytest.approx(6.03, abs=0.01)


def test_knife_edge_is_nothing_below_the_limit_and_passes_nan() -> None:
    values = knife_edge_loss_db(np.array([-2.0, -0.78, np.nan]))
    assert values[0] == values[1] == 0.0
    assert np.isnan(values[2])


@given(st.floats(-0.77, 50.0), st.floats(0.001, 10.0))
def test_knife_edge_grows_with_obstruction(nu: float, more: float) -> None:
    assert knife_edge_loss_db(nu + more) > knife_edge_loss_db(nu)


def test_free_space_at_one_kilometre_and_one_gigahertz() -> None:
    # ITU-R P.525-4 eq. (4): 32.4 + 20 log 1000 + 20 log 1
    assert float(free_space_loss_db(1000.0, 1000.0)) == pytest.approx(92.4, abs=1e-12)


@given(st.floats(1.0, 1e6), st.floats(30.0, 6000.0))
def test_free_space_doubles_by_six_decibels(distance_m: float, freq_mhz: float) -> None:
    step = free_space_loss_db(2.0 * distance_m, freq_mhz) - free_space_loss_db(distance_m, freq_mhz)
    assert float(step) == pytest.approx(20.0 * np.log10(2.0), abs=1e-9)


def test_free_space_refuses_no_distance_and_no_frequency() -> None:
    with pytest.raises(InvalidInputError, match="above 0 m"):
        free_space_loss_db(np.array([10.0, 0.0]), 1800.0)
    with pytest.raises(OutOfRangeError, match="freq_mhz"):
        free_space_loss_db(10.0, 0.0)


def one_edge(height_m: float) -> tuple[np.ndarray, np.ndarray]:
    distance = np.linspace(0.0, 10_000.0, 101)
    height = np.zeros(101)
    height[50] = height_m
    return distance, height


def test_bullington_of_one_edge_is_that_edge() -> None:
    distance, height = one_edge(200.0)
    bulge_m = 5000.0 * 5000.0 / (2.0 * RADIUS_M)
    nu = (200.0 + bulge_m - 30.0) * sqrt(2.0 * 10_000.0 / (0.2998 / 1.8 * 5000.0 * 5000.0))
    edge = float(knife_edge_loss_db(nu))
    wanted = edge + (1.0 - np.exp(-edge / 6.0)) * (10.0 + 0.02 * 10.0)
    given_db = bullington_loss_db(
        distance,
        height,
        freq_mhz=1800.0,
        tx_amsl_m=30.0,
        rx_amsl_m=30.0,
        effective_radius_m=RADIUS_M,
    )
    assert given_db == pytest.approx(wanted, abs=1e-9)


@given(st.integers(0, 1000))
def test_bullington_is_reciprocal(seed: int) -> None:
    rng = np.random.default_rng(seed)
    distance = np.concatenate([[0.0], np.cumsum(rng.uniform(20.0, 80.0, 60))])
    height = rng.uniform(0.0, 300.0, 61)
    loss = [
        bullington_loss_db(
            d, h, freq_mhz=900.0, tx_amsl_m=tx, rx_amsl_m=rx, effective_radius_m=RADIUS_M
        )
        for d, h, tx, rx in (
            (distance, height, 320.0, 250.0),
            ((distance[-1] - distance)[::-1], height[::-1], 250.0, 320.0),
        )
    ]
    assert loss[0] == pytest.approx(loss[1], abs=1e-7)


def test_delta_bullington_is_never_less_than_bullington() -> None:
    distance, height = one_edge(20.0)
    common: dict[str, Any] = {"freq_mhz": 800.0, "tx_amsl_m": 20.0, "rx_amsl_m": 3.0}
    alone = bullington_loss_db(distance, height, **common, effective_radius_m=RADIUS_M)
    both = delta_bullington_loss_db(
        distance,
        height,
        **common,
        smooth_tx_amsl_m=0.0,
        smooth_rx_amsl_m=0.0,
        effective_radius_m=RADIUS_M,
    )
    assert both >= alone


def test_over_the_horizon_of_a_flat_earth_the_sphere_adds_loss() -> None:
    distance, height = np.linspace(0.0, 60_000.0, 601), np.zeros(601)
    common: dict[str, Any] = {"freq_mhz": 800.0, "tx_amsl_m": 20.0, "rx_amsl_m": 3.0}
    alone = bullington_loss_db(distance, height, **common, effective_radius_m=RADIUS_M)
    both = delta_bullington_loss_db(
        distance,
        height,
        **common,
        smooth_tx_amsl_m=0.0,
        smooth_rx_amsl_m=0.0,
        effective_radius_m=RADIUS_M,
    )
    assert both > alone + 3.0


@pytest.mark.parametrize(
    ("distance", "height", "words"),
    [
        ([0.0, 10.0], [0.0, 0.0], "at least 3 points"),
        ([5.0, 10.0, 20.0], [0.0, 0.0, 0.0], "begin at 0"),
        ([0.0, 10.0, 10.0], [0.0, 0.0, 0.0], "grow"),
        ([0.0, 10.0, 20.0], [0.0, np.nan, 0.0], "fill voids"),
    ],
)
def test_bad_profiles_are_refused(distance: list[float], height: list[float], words: str) -> None:
    with pytest.raises(InvalidInputError, match=words):
        bullington_loss_db(
            distance,
            height,
            freq_mhz=800.0,
            tx_amsl_m=20.0,
            rx_amsl_m=3.0,
            effective_radius_m=RADIUS_M,
        )


def test_an_antenna_under_the_smooth_surface_is_refused() -> None:
    distance, height = one_edge(20.0)
    with pytest.raises(InvalidInputError, match="above the smooth surface"):
        delta_bullington_loss_db(
            distance,
            height,
            freq_mhz=800.0,
            tx_amsl_m=20.0,
            rx_amsl_m=3.0,
            smooth_tx_amsl_m=25.0,
            smooth_rx_amsl_m=0.0,
            effective_radius_m=RADIUS_M,
        )
