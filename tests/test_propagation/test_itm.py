"""ITM for one path: properties, edges and the slow twins of its kernels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.itm import MODES, WARNINGS, area, area_loss_db, point_to_point
from lensong.propagation.itm_profile import (
    NO_GUESS,
    RESIDUALS,
    fit_bounds,
    fit_line,
    horizons,
    irregularity,
)
from lensong.propagation.itm_variability import CLIMATES, mode_deviates, normal_deviate
from lensong.propagation.types import FloatArray

PLAIN: dict[str, Any] = {
    "freq_mhz": 800.0,
    "tx_height_agl_m": 30.0,
    "rx_height_agl_m": 1.5,
    "n0": 301.0,
}

seeds = st.integers(0, 100_000)
reliefs_m = st.sampled_from([0.0, 5.0, 80.0, 900.0])


def rough_profile(seed: int, points: int, relief_m: float) -> FloatArray:
    rng = np.random.default_rng(seed)
    walk = np.cumsum(rng.normal(size=points))
    return np.asarray(600.0 + relief_m * walk / (np.abs(walk).max() + 1e-9))


def path(heights: FloatArray, step_m: float = 100.0, **changes: Any) -> Any:
    return point_to_point(np.arange(heights.size) * step_m, heights, **(PLAIN | changes))


@given(
    seed=seeds,
    relief_m=reliefs_m,
    points=st.integers(12, 300),
    freq_mhz=st.sampled_from([50.0, 800.0, 3500.0]),
)
def test_the_way_back_loses_as_much(
    seed: int, relief_m: float, points: int, freq_mhz: float
) -> None:
    heights = rough_profile(seed, points, relief_m)
    there = path(heights, freq_mhz=freq_mhz, rx_height_agl_m=4.0)
    back = path(heights[::-1], freq_mhz=freq_mhz, tx_height_agl_m=4.0, rx_height_agl_m=30.0)
    # a fit begins at a whole sample: rounding may choose its neighbour, but only one way
    assume(there.tx_horizon_m * 9 % 1000 != 0 and there.rx_horizon_m * 9 % 1000 != 0)
    assert there.basic_transmission_loss_db == pytest.approx(
        back.basic_transmission_loss_db, abs=1e-6
    )
    assert there.terrain_irregularity_m == pytest.approx(back.terrain_irregularity_m, abs=1e-6)


@given(
    seed=seeds,
    relief_m=reliefs_m,
    climate=st.sampled_from(CLIMATES),
    low=st.floats(1.0, 98.0),
    more=st.floats(0.1, 50.0),
    share=st.sampled_from(["time_percent", "location_percent", "situation_percent"]),
)
def test_a_greater_share_is_served_at_a_greater_loss(
    seed: int, relief_m: float, climate: str, low: float, more: float, share: str
) -> None:
    heights = rough_profile(seed, 200, relief_m)
    high = min(low + more, 99.0)
    few = path(heights, climate=climate, **{share: low})
    many = path(heights, climate=climate, **{share: high})
    # the approximation of the normal deviate turns by 1e-3 near the median
    assert many.basic_transmission_loss_db >= few.basic_transmission_loss_db - 0.02


@given(seed=seeds, relief_m=reliefs_m, points=st.integers(3, 400))
def test_horizons_equal_their_twin(seed: int, relief_m: float, points: int) -> None:
    h = rough_profile(seed, points, relief_m)
    step_m, curvature, last = 50.0, 1.2e-7, points - 1
    tx_m, rx_m = h[0] + 20.0, h[-1] + 2.0
    x = np.arange(points) * step_m
    from_tx = (h[1:] - tx_m) / x[1:] - 0.5 * curvature * x[1:]
    from_tx[-1] = (rx_m - tx_m) / x[-1] - 0.5 * curvature * x[-1]
    back = x[-1] - x[:-1]
    from_rx = (h[:-1] - rx_m) / back - 0.5 * curvature * back
    from_rx[0] = (tx_m - rx_m) / x[-1] - 0.5 * curvature * x[-1]
    tx_rad, rx_rad, tx_at, rx_at = horizons(h, last, step_m, tx_m, rx_m, curvature)
    assert tx_rad == pytest.approx(from_tx.max(), abs=1e-12)
    assert rx_rad == pytest.approx(from_rx.max(), abs=1e-12)
    assert tx_at == x[1:][np.argmax(from_tx)]
    assert rx_at == back[np.argmax(from_rx)]


@given(seed=seeds, start=st.floats(0.0, 60.0), length=st.floats(0.0, 60.0))
def test_the_line_equals_its_twin(seed: int, start: float, length: float) -> None:
    h = rough_profile(seed, 100, 300.0)
    first, to = fit_bounds(start, min(start + length, 99.0), 99)
    assert 0 <= first < to <= 99
    # weights of one half at the ends; the slope's denominator is Hufford's, section 53
    at = np.arange(first, to + 1) - 0.5 * (first + to)
    weight = np.ones(at.size)
    weight[[0, -1]] = 0.5
    count = to - first
    mean = float(weight @ h[first : to + 1]) / count
    slope = float((weight * at) @ h[first : to + 1]) * 12.0 / ((count**2 + 2.0) * count)
    centre = 0.5 * (first + to)
    given_tx, given_rx = fit_line(h, first, to, 99)
    assert given_tx == pytest.approx(mean - slope * centre, abs=1e-8)
    assert given_rx == pytest.approx(mean + slope * (99 - centre), abs=1e-8)


def deciles_of(h: FloatArray, start: float, end: float) -> tuple[float, float]:
    tenth = min(max(4, int(0.1 * (end - start + 8.0))), 25)
    count = 10 * tenth - 5
    at = np.linspace(start, end, count)
    value = np.interp(at, np.arange(h.size), h)
    on_line = np.array(fit_line(value, 0, count - 1, count - 1))
    above = np.sort(value - np.linspace(on_line[0], on_line[1], count))
    return float(above[-tenth]), float(-above[tenth - 1])


@given(
    seed=seeds,
    relief_m=reliefs_m,
    points=st.integers(3, 600),
    start=st.floats(0.0, 0.4),
    guess=st.tuples(st.floats(-500.0, 500.0), st.floats(-500.0, 500.0)),
    near=st.booleans(),
)
def test_irregularity_equals_its_twin_whatever_the_guess(
    seed: int,
    relief_m: float,
    points: int,
    start: float,
    guess: tuple[float, float],
    near: bool,
) -> None:
    h = rough_profile(seed, points, relief_m)
    begin, end = start * (points - 1), 0.9 * (points - 1)
    span_m = 100.0 * (end - begin)
    work = np.empty(RESIDUALS + 1), np.empty(RESIDUALS + 1)
    none = (-NO_GUESS, -NO_GUESS)
    rough, deciles = irregularity(h, points - 1, begin, end, span_m, none, *work)
    if end - begin < 2.0:
        assert (rough, deciles) == (0.0, none)
        return
    assert deciles == pytest.approx(deciles_of(h, begin, end), abs=1e-8)
    assert rough == pytest.approx(sum(deciles) / (1.0 - 0.8 * np.exp(-span_m / 50e3)))
    if near:
        guess = (deciles[0] + 1e-3 * guess[0], deciles[1] + 1e-3 * guess[1])
    again, same = irregularity(h, points - 1, begin, end, span_m, guess, *work)
    assert (again, same) == (rough, deciles)


@given(
    irregularity_m=st.sampled_from([0.0, 30.0, 90.0, 500.0]),
    freq_mhz=st.sampled_from([30.0, 450.0, 3500.0]),
    tx_m=st.sampled_from([1.0, 30.0, 300.0]),
)
def test_loss_over_an_area_grows_with_distance(
    irregularity_m: float, freq_mhz: float, tx_m: float
) -> None:
    settings = PLAIN | {"freq_mhz": freq_mhz, "tx_height_agl_m": tx_m}
    loss = area_loss_db(
        np.geomspace(1e3, 900e3, 200), terrain_irregularity_m=irregularity_m, **settings
    )
    # the median of the climate swings by some dB around the horizon
    assert np.all(np.diff(loss) > -1.0)
    assert loss[-1] - loss[0] > 60.0


def test_area_row_equals_single_calls() -> None:
    distances = np.array([[2e3, 30e3], [np.nan, 250e3]])
    loss = area_loss_db(distances, terrain_irregularity_m=90.0, **PLAIN)
    assert loss.shape == (2, 2)
    for at in ((0, 0), (0, 1), (1, 1)):
        one = area(float(distances[at]), terrain_irregularity_m=90.0, **PLAIN)
        assert loss[at] == one.basic_transmission_loss_db
    assert np.isnan(loss[1, 0])


def test_a_ridge_costs_more_than_a_plain() -> None:
    plain = np.full(201, 600.0)
    ridge = plain.copy()
    ridge[100] += 300.0
    clear, blocked = path(plain), path(ridge)
    assert blocked.reference_attenuation_db > clear.reference_attenuation_db + 10.0
    assert blocked.tx_horizon_m == blocked.rx_horizon_m == 10_000.0
    assert blocked.tx_horizon_rad > 0.02


def test_careful_siting_gains() -> None:
    losses = [
        area(
            20e3, terrain_irregularity_m=90.0, tx_siting=siting, **PLAIN
        ).basic_transmission_loss_db
        for siting in ("random", "careful", "very_careful")
    ]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1]


def test_normal_deviate_is_close_to_the_exact_one() -> None:
    # scipy.stats.norm.isf at these shares; Abramowitz-Stegun 26.2.23 promises 4.5e-4
    for percent, exact in ((0.1, 3.090232), (10.0, 1.281552), (50.0, 0.0), (84.134475, -1.0)):
        assert normal_deviate(percent) == pytest.approx(exact, abs=4.5e-4)


def test_modes_take_one_share_for_another() -> None:
    time, place, situation = (normal_deviate(p) for p in (10.0, 20.0, 30.0))
    given = {mode: mode_deviates(i, 10.0, 20.0, 30.0) for i, mode in enumerate(MODES)}
    assert given == {
        "single_message": (situation, situation, situation),
        "accidental": (time, situation, situation),
        "mobile": (time, time, situation),
        "broadcast": (time, place, situation),
    }


@pytest.mark.parametrize(
    ("changes", "flag"),
    [
        ({"tx_height_agl_m": 0.6}, "tx_height_unusual"),
        ({"rx_height_agl_m": 1500.0}, "rx_height_unusual"),
        ({"freq_mhz": 25.0}, "frequency_unusual"),
        ({"tx_height_agl_m": 900.0, "step_m": 15.0}, "distance_short_for_heights"),
        ({"step_m": 4.0}, "distance_below_1_km"),
        ({"step_m": 6000.0}, "distance_above_1000_km"),
        ({"step_m": 11_000.0}, "distance_above_2000_km"),
        ({"time_percent": 0.05}, "extreme_share"),
        ({"n0": 255.0}, "refractivity_low"),
    ],
)
def test_unusual_paths_are_flagged(changes: dict[str, Any], flag: str) -> None:
    plain = np.full(201, 600.0)
    assert path(plain).warnings == ()
    terms = path(plain, **changes)
    assert flag in terms.warnings
    assert set(terms.warnings) <= set(WARNINGS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freq_mhz": 19.9}, "freq_mhz is 19.9"),
        ({"freq_mhz": 20_001.0}, "use itu_r_p452"),
        ({"tx_height_agl_m": 0.4}, "tx_height_agl_m"),
        ({"rx_height_agl_m": 3001.0}, "rx_height_agl_m"),
        ({"n0": 249.0}, "n0 is 249"),
        ({"n0": 401.0}, "n0 is 401"),
        ({"permittivity": 1.0}, "permittivity"),
        ({"conductivity_s_m": 0.0}, "conductivity_s_m"),
        ({"time_percent": 0.0}, "time_percent is 0.0"),
        ({"location_percent": 100.0}, "location_percent"),
        ({"situation_percent": float("nan")}, "situation_percent"),
    ],
)
def test_numbers_outside_the_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OutOfRangeError, match=message):
        path(np.full(201, 600.0), **changes)


@pytest.mark.parametrize("changes", [{"climate": "alpine"}, {"mode": "x"}, {"polarization": "v"}])
def test_unknown_names_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="wanted one of"):
        path(np.full(201, 600.0), **changes)


def test_very_high_ground_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="surface refractivity"):
        path(np.full(201, 5500.0), n0=255.0)


@pytest.mark.parametrize(
    ("distance", "height", "message"),
    [
        ([0.0, 100.0, 300.0], [1.0, 2.0, 3.0], "equal steps"),
        ([100.0, 200.0, 300.0], [1.0, 2.0, 3.0], "equal steps"),
        ([0.0, -100.0, -200.0], [1.0, 2.0, 3.0], "equal steps"),
        ([0.0, 100.0], [1.0, 2.0, 3.0], "shapes"),
        ([0.0], [1.0], "shapes"),
        ([0.0, 100.0, 200.0], [1.0, float("nan"), 3.0], "missing values"),
    ],
)
def test_profiles_that_itm_cannot_read_are_refused(
    distance: list[float], height: list[float], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        point_to_point(distance, height, **PLAIN)


@pytest.mark.parametrize("distance_m", [0.0, -1.0])
def test_an_area_has_a_distance(distance_m: float) -> None:
    with pytest.raises(InvalidInputError, match="distance_m"):
        area(distance_m, terrain_irregularity_m=90.0, **PLAIN)


def test_negative_irregularity_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="terrain_irregularity_m"):
        area(10e3, terrain_irregularity_m=-1.0, **PLAIN)


def test_terms_add_up() -> None:
    terms = path(np.full(201, 600.0))
    assert terms.effective_earth_radius_m == pytest.approx(8.29e6, rel=0.02)
    assert replace(terms).regime == "line_of_sight"
    above = terms.basic_transmission_loss_db - terms.free_space_db
    # the median of the climate alone stands between the two
    assert above == pytest.approx(terms.reference_attenuation_db, abs=1.0)
