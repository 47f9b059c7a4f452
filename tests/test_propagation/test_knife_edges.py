"""Knife edges and rounded obstacles against closed forms, limits and each other."""

from __future__ import annotations

from math import atan, inf, log10, pi, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.diffraction import knife_edge_loss_db
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.knife_edges import (
    double_knife_edge_loss_db,
    knife_edge_nu,
    multiple_knife_edge_loss_db,
    rounded_obstacle_loss_db,
)

RADIUS_M = 8_500_000.0
legs = st.floats(500.0, 20_000.0)
rises = st.floats(-100.0, 500.0)


def double(
    edges: tuple[tuple[float, float], tuple[float, float]],
    path_m: float,
    *,
    method: str,
    tx_m: float = 0.0,
    rx_m: float = 0.0,
    freq_mhz: float = 900.0,
    radius_m: float = inf,
) -> float:
    return double_knife_edge_loss_db(
        (edges[0][0], edges[1][0]),
        (edges[0][1], edges[1][1]),
        path_m=path_m,
        freq_mhz=freq_mhz,
        tx_amsl_m=tx_m,
        rx_amsl_m=rx_m,
        effective_radius_m=radius_m,
        method=method,
    )


def multiple(
    distance: list[float],
    height: list[float],
    *,
    tx_m: float = 0.0,
    rx_m: float = 0.0,
    radius_m: float = inf,
    for_terrain: bool = False,
) -> float:
    return multiple_knife_edge_loss_db(
        distance,
        height,
        freq_mhz=900.0,
        tx_amsl_m=tx_m,
        rx_amsl_m=rx_m,
        effective_radius_m=radius_m,
        for_terrain=for_terrain,
    )


def test_nu_of_a_known_edge() -> None:
    # ITU-R P.526-15 eq. (26) by hand: 30 m, 4 km + 6 km, 0.2998 m: 30 sqrt(2 / 0.2998 / 2400)
    nu = knife_edge_nu(30.0, tx_distance_m=4000.0, rx_distance_m=6000.0, freq_mhz=1000.0)
    assert float(nu) == pytest.approx(30.0 * sqrt(2.0 / 0.2998 / 2400.0), rel=1e-12)


def test_nu_and_rounded_loss_broadcast_and_pass_nan() -> None:
    heights = np.array([[0.0, 20.0, np.nan]])
    freq = np.array([[450.0], [1800.0]])
    nu = knife_edge_nu(heights, tx_distance_m=3000.0, rx_distance_m=5000.0, freq_mhz=freq)
    loss = rounded_obstacle_loss_db(
        heights, tx_distance_m=3000.0, rx_distance_m=5000.0, radius_m=100.0, freq_mhz=freq
    )
    assert nu.shape == loss.shape == (2, 3)
    assert np.isnan(nu[:, 2]).all()
    assert np.isnan(loss[:, 2]).all()
    alone = rounded_obstacle_loss_db(
        20.0, tx_distance_m=3000.0, rx_distance_m=5000.0, radius_m=100.0, freq_mhz=1800.0
    )
    assert float(alone) == float(loss[1, 1])


@given(st.floats(0.0, 300.0), legs, legs, st.floats(100.0, 6000.0))
def test_an_obstacle_without_radius_is_a_knife_edge(
    height: float, tx: float, rx: float, freq: float
) -> None:
    nu = knife_edge_nu(height, tx_distance_m=tx, rx_distance_m=rx, freq_mhz=freq)
    loss = rounded_obstacle_loss_db(
        height, tx_distance_m=tx, rx_distance_m=rx, radius_m=0.0, freq_mhz=freq
    )
    assert float(loss) == pytest.approx(float(knife_edge_loss_db(nu)), abs=1e-12)


@given(st.floats(0.0, 300.0), legs, legs, st.floats(1.0, 500.0), st.floats(1.01, 3.0))
def test_a_wider_top_loses_more_and_either_end_may_send(
    height: float, tx: float, rx: float, radius: float, wider: float
) -> None:
    def loss(tx_m: float, rx_m: float, radius_m: float) -> float:
        return float(
            rounded_obstacle_loss_db(
                height, tx_distance_m=tx_m, rx_distance_m=rx_m, radius_m=radius_m, freq_mhz=900.0
            )
        )

    assert loss(tx, rx, radius * wider) > loss(tx, rx, radius)
    assert loss(tx, rx, radius) == pytest.approx(loss(rx, tx, radius), abs=1e-9)


def test_rounding_of_a_known_obstacle() -> None:
    # ITU-R P.526-15 §4.2 by hand for R = 200 m, 30 m, 4 km + 6 km, 1 GHz
    turns = pi * 200.0 / 0.2998
    m = 200.0 * (1e4 / 24e6) / turns ** (1.0 / 3.0)
    n = 30.0 * turns ** (2.0 / 3.0) / 200.0
    added = 7.2 * sqrt(m) - (2.0 - 12.5 * n) * m + 3.6 * m**1.5 - 0.8 * m * m
    nu = knife_edge_nu(30.0, tx_distance_m=4000.0, rx_distance_m=6000.0, freq_mhz=1000.0)
    loss = rounded_obstacle_loss_db(
        30.0, tx_distance_m=4000.0, rx_distance_m=6000.0, radius_m=200.0, freq_mhz=1000.0
    )
    assert m * n <= 4.0
    assert float(loss) == pytest.approx(float(knife_edge_loss_db(nu)) + added, abs=1e-9)


def test_rounding_joins_where_the_formula_changes() -> None:
    # mn = h (1/d1 + 1/d2) (pi R / lambda)^(1/3) crosses 4; the two formulas differ by 0.04 dB
    slope = (1.0 / 1000.0 + 1.0 / 1000.0) * np.cbrt(pi * 100.0 / 0.2998)
    heights = 4.0 / slope * np.array([1.0 - 1e-9, 1.0 + 1e-9])
    loss = rounded_obstacle_loss_db(
        heights, tx_distance_m=1000.0, rx_distance_m=1000.0, radius_m=100.0, freq_mhz=1000.0
    )
    assert abs(float(loss[1] - loss[0])) < 0.05


@given(legs, legs, legs)
def test_two_grazing_edges_have_the_exact_loss(a: float, b: float, c: float) -> None:
    # two half planes that touch the line: the field is (1 - alpha / pi) / 2 of free space
    alpha = atan(sqrt(b * (a + b + c) / (a * c)))
    exact = 20.0 * log10(2.0 / (1.0 - alpha / pi))
    loss = double(((a, 0.0), (a + b, 0.0)), a + b + c, method="deygout")
    assert loss == pytest.approx(exact, abs=0.1)  # J(0) is 6.03 for 6.02, and 12 for 12.04


@given(legs, legs, legs, rises, rises, st.sampled_from(["epstein_peterson", "deygout"]))
def test_two_edges_are_reciprocal(
    a: float, b: float, c: float, h1: float, h2: float, method: str
) -> None:
    def there() -> float:
        edges = (a, h1), (a + b, h2)
        return double(edges, a + b + c, tx_m=40.0, rx_m=10.0, radius_m=RADIUS_M, method=method)

    def back() -> float:
        edges = (c, h2), (b + c, h1)
        return double(edges, a + b + c, tx_m=10.0, rx_m=40.0, radius_m=RADIUS_M, method=method)

    try:
        loss = there()
    except InvalidInputError:
        with pytest.raises(InvalidInputError, match="below the line"):
            back()
        return
    assert loss == pytest.approx(back(), abs=1e-6)


@given(legs, legs, legs, st.floats(10.0, 500.0))
def test_deygout_of_an_edge_and_a_deep_pit_is_the_edge(
    a: float, b: float, c: float, height: float
) -> None:
    nu = knife_edge_nu(height, tx_distance_m=a, rx_distance_m=b + c, freq_mhz=900.0)
    loss = double(((a, height), (a + b, -1e4)), a + b + c, method="deygout")
    assert loss == pytest.approx(float(knife_edge_loss_db(nu)), abs=1e-9)


@given(legs, legs, legs, st.floats(0.0, 300.0), st.floats(0.0, 300.0))
def test_epstein_peterson_adds_both_edges_and_at_most_their_distance(
    a: float, b: float, c: float, h1: float, h2: float
) -> None:
    nu1 = knife_edge_nu(h1 - h2 * a / (a + b), tx_distance_m=a, rx_distance_m=b, freq_mhz=900.0)
    nu2 = knife_edge_nu(h2 - h1 * c / (b + c), tx_distance_m=b, rx_distance_m=c, freq_mhz=900.0)
    alone = [float(knife_edge_loss_db(nu)) for nu in (nu1, nu2)]
    loss = double(((a, h1), (a + b, h2)), a + b + c, method="epstein_peterson")
    together = 10.0 * log10((a + b) * (b + c) / (b * (a + b + c)))
    wanted = sum(alone) + (together if min(alone) > 15.0 else 0.0)
    assert loss == pytest.approx(wanted, abs=1e-9)


def test_epstein_peterson_of_two_deep_edges_by_hand() -> None:
    # ITU-R P.526-15 §4.3: 3 + 4 + 5 km, 300 m each, 900 MHz
    wavelength = 299.8 / 900.0
    nu1 = (300.0 - 300.0 * 3.0 / 7.0) * sqrt(2.0 / wavelength * (1 / 3000.0 + 1 / 4000.0))
    nu2 = (300.0 - 300.0 * 5.0 / 9.0) * sqrt(2.0 / wavelength * (1 / 4000.0 + 1 / 5000.0))
    together = 10.0 * log10(7.0 * 9.0 / (4.0 * 12.0))
    wanted = float(knife_edge_loss_db(nu1) + knife_edge_loss_db(nu2)) + together
    loss = double(((3000.0, 300.0), (7000.0, 300.0)), 12_000.0, method="epstein_peterson")
    assert loss == pytest.approx(wanted, abs=1e-9)


@given(legs, legs, rises)
def test_one_edge_of_a_profile_is_that_edge(a: float, b: float, height: float) -> None:
    above = height + a * b / (2.0 * RADIUS_M) - (40.0 * b + 10.0 * a) / (a + b)
    nu = knife_edge_nu(above, tx_distance_m=a, rx_distance_m=b, freq_mhz=900.0)
    wanted = float(knife_edge_loss_db(nu))
    profile = [0.0, a, a + b], [0.0, height, 0.0]
    loss = multiple(*profile, tx_m=40.0, rx_m=10.0, radius_m=RADIUS_M)
    assert loss == pytest.approx(wanted, abs=1e-9)
    for_terrain = multiple(*profile, tx_m=40.0, rx_m=10.0, radius_m=RADIUS_M, for_terrain=True)
    share = 1.0 - np.exp(-wanted / 6.0)
    assert for_terrain == pytest.approx(wanted + share * (10.0 + 4e-5 * (a + b)), abs=1e-9)


@given(st.integers(0, 500), st.booleans())
def test_a_profile_is_reciprocal_where_no_two_edges_tie(seed: int, for_terrain: bool) -> None:
    rng = np.random.default_rng(seed)
    distance = np.concatenate([[0.0], np.cumsum(rng.uniform(50.0, 900.0, 15))])
    height = rng.uniform(0.0, 400.0, 16)
    there = multiple(
        distance.tolist(), height.tolist(), tx_m=300.0, rx_m=200.0, for_terrain=for_terrain
    )
    back = multiple(
        (distance[-1] - distance)[::-1].tolist(),
        height[::-1].tolist(),
        tx_m=200.0,
        rx_m=300.0,
        for_terrain=for_terrain,
    )
    assert there == pytest.approx(back, abs=1e-6)


def test_three_edges_are_the_main_one_and_one_on_either_side() -> None:
    distance, height = [0.0, 2000.0, 5000.0, 9000.0, 12_000.0], [0.0, 180.0, 400.0, 200.0, 0.0]
    main = knife_edge_nu(400.0, tx_distance_m=5e3, rx_distance_m=7e3, freq_mhz=900.0)
    tx = knife_edge_nu(180.0 - 160.0, tx_distance_m=2e3, rx_distance_m=3e3, freq_mhz=900.0)
    rx = knife_edge_nu(
        200.0 - 400.0 * 3.0 / 7.0, tx_distance_m=4e3, rx_distance_m=3e3, freq_mhz=900.0
    )
    wanted = sum(float(knife_edge_loss_db(nu)) for nu in (main, tx, rx))
    assert multiple(distance, height) == pytest.approx(wanted, abs=1e-9)


def test_a_clear_profile_loses_nothing() -> None:
    assert multiple([0.0, 500.0, 1000.0], [0.0, 0.0, 0.0], tx_m=200.0, rx_m=200.0) == 0.0
    assert (
        multiple([0.0, 500.0, 1000.0], [0.0, 0.0, 0.0], tx_m=200.0, rx_m=200.0, for_terrain=True)
        == 0.0
    )


def test_what_cannot_be_computed_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="tx_distance_m"):
        knife_edge_nu(1.0, tx_distance_m=0.0, rx_distance_m=1.0, freq_mhz=900.0)
    with pytest.raises(OutOfRangeError, match="radius_m"):
        rounded_obstacle_loss_db(
            1.0, tx_distance_m=1e3, rx_distance_m=1e3, radius_m=-1.0, freq_mhz=900.0
        )
    with pytest.raises(OutOfRangeError, match="delta_bullington"):
        rounded_obstacle_loss_db(
            1.0, tx_distance_m=500.0, rx_distance_m=500.0, radius_m=1e6, freq_mhz=900.0
        )
    edges = ((1000.0, 50.0), (2000.0, 50.0))
    with pytest.raises(InvalidInputError, match="method"):
        double(edges, 3000.0, method="bullington")
    with pytest.raises(InvalidInputError, match="growing"):
        double((edges[1], edges[0]), 3000.0, method="deygout")
    with pytest.raises(InvalidInputError, match="growing"):
        double(edges, 1500.0, method="deygout")
    with pytest.raises(OutOfRangeError, match="freq_mhz"):
        double(edges, 3000.0, method="deygout", freq_mhz=0.0)
    with pytest.raises(InvalidInputError, match="not numbers"):
        double(edges, 3000.0, method="deygout", tx_m=float("nan"))
    with pytest.raises(InvalidInputError, match="epstein_peterson"):
        double(edges, 3000.0, method="deygout", tx_m=500.0, rx_m=500.0)
    with pytest.raises(InvalidInputError, match="grow"):
        multiple([0.0, 10.0, 10.0], [0.0, 0.0, 0.0])
