"""The Hata family against values worked by hand, each other and their ranges."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.free_space import free_space_loss_db
from lensong.propagation.hata import (
    cost231_hata_loss_db,
    extended_hata_loss_db,
    extended_hata_sigma_db,
    okumura_hata_loss_db,
)
from lensong.propagation.types import FloatArray

Model = Callable[..., FloatArray]


def test_okumura_hata_at_900_mhz_is_the_sum_worked_by_hand() -> None:
    # 69.55 + 26.16 * 2.954243 - 13.82 * 1.698970 - a(1.5 m) + (44.9 - 6.55 * 1.698970) * 0.698970
    # with a = 2.549667 * 1.5 - 3.808618 = 0.015882
    found = okumura_hata_loss_db(5000.0, freq_mhz=900.0, tx_height_agl_m=50.0, rx_height_agl_m=1.5)
    assert found == pytest.approx(146.9428, abs=1e-3)


def test_okumura_hata_corrections_by_area_are_worked_by_hand() -> None:
    def loss(area: str) -> float:
        return float(
            okumura_hata_loss_db(
                5000.0, freq_mhz=900.0, tx_height_agl_m=50.0, rx_height_agl_m=1.5, area=area
            )
        )

    # 2 (log 900/28)² + 5.4 = 9.9427; 4.78 * 8.727551 - 18.33 * 2.954243 + 40.94 = 28.5064
    assert loss("urban") - loss("suburban") == pytest.approx(9.9427, abs=1e-3)
    assert loss("urban") - loss("open") == pytest.approx(28.5064, abs=1e-3)
    # 3.2 (log 17.625)² - 4.97 - 0.015882 = -0.0170
    assert loss("large_city") - loss("urban") == pytest.approx(0.0170, abs=1e-3)


def test_a_large_city_has_its_other_gain_below_300_mhz() -> None:
    found = okumura_hata_loss_db(
        1000.0, freq_mhz=200.0, tx_height_agl_m=100.0, rx_height_agl_m=2.0, area="large_city"
    )
    by_hand = 69.55 + 26.16 * np.log10(200.0) - 27.64 - (8.29 * np.log10(3.08) ** 2 - 1.1)
    assert found == pytest.approx(by_hand, abs=1e-9)


def test_cost231_hata_at_1800_mhz_is_the_sum_worked_by_hand() -> None:
    found = cost231_hata_loss_db(2000.0, freq_mhz=1800.0, tx_height_agl_m=30.0, rx_height_agl_m=1.5)
    # 46.3 + 110.3526 - 20.4136 - 0.0430 + 35.2249 * 0.30103
    assert found == pytest.approx(146.800, abs=2e-3)
    city = cost231_hata_loss_db(
        2000.0, freq_mhz=1800.0, tx_height_agl_m=30.0, rx_height_agl_m=1.5, area="large_city"
    )
    assert city - found == pytest.approx(3.0)


@given(
    distance=st.floats(1000.0, 20_000.0),
    freq=st.floats(150.0, 1500.0),
    mast=st.floats(30.0, 200.0),
    phone=st.floats(1.0, 10.0),
    area=st.sampled_from(["urban", "suburban", "open"]),
)
def test_the_extended_model_is_okumura_hata_where_both_hold(
    distance: float, freq: float, mast: float, phone: float, area: str
) -> None:
    heights = {"tx_height_agl_m": mast, "rx_height_agl_m": phone}
    old = okumura_hata_loss_db(distance, freq_mhz=freq, area=area, **heights)
    new = extended_hata_loss_db(distance, freq_mhz=freq, area=area, **heights)
    floor = free_space_loss_db(np.hypot(distance, mast - phone), freq)
    # 69.6 and 26.2 against Hata's 69.55 and 26.16
    assert new == pytest.approx(max(old, floor), abs=0.2)


@pytest.mark.parametrize("edge_m", [40.0, 100.0, 20_000.0])
@given(
    freq=st.floats(30.0, 3000.0),
    mast=st.floats(1.0, 200.0),
    phone=st.floats(1.0, 10.0),
    area=st.sampled_from(["urban", "suburban", "open"]),
)
def test_the_extended_model_has_no_step_in_distance(
    edge_m: float, freq: float, mast: float, phone: float, area: str
) -> None:
    loss = extended_hata_loss_db(
        np.array([edge_m * (1.0 - 1e-9), edge_m * (1.0 + 1e-9)]),
        freq_mhz=freq,
        tx_height_agl_m=mast,
        rx_height_agl_m=phone,
        area=area,
    )
    assert abs(loss[1] - loss[0]) < 1e-3


@pytest.mark.parametrize(("freq", "step"), [(150.0, 0.01), (2000.0, 0.01), (1500.0, 1.3)])
def test_the_extended_model_steps_in_frequency_only_at_1500_mhz(freq: float, step: float) -> None:
    below, above = (
        float(extended_hata_loss_db(3000.0, freq_mhz=f, tx_height_agl_m=40.0, rx_height_agl_m=1.5))
        for f in (freq, freq * (1.0 + 1e-9))
    )
    assert abs(above - below) < step


@given(
    distance=st.floats(0.0, 100_000.0),
    freq=st.floats(30.0, 3000.0),
    one=st.floats(1.0, 200.0),
    other=st.floats(1.0, 200.0),
    area=st.sampled_from(["urban", "suburban", "open"]),
)
def test_the_extended_model_is_the_same_both_ways_and_above_free_space(
    distance: float, freq: float, one: float, other: float, area: str
) -> None:
    there = extended_hata_loss_db(
        distance, freq_mhz=freq, tx_height_agl_m=one, rx_height_agl_m=other, area=area
    )
    back = extended_hata_loss_db(
        distance, freq_mhz=freq, tx_height_agl_m=other, rx_height_agl_m=one, area=area
    )
    assert there == back
    slant = max(float(np.hypot(distance, one - other)), 1e-3)
    assert there >= free_space_loss_db(slant, freq) - 1e-9


def test_the_extended_model_falls_off_faster_beyond_20_km() -> None:
    loss = extended_hata_loss_db(
        np.array([5e3, 10e3, 20e3, 40e3]), freq_mhz=900.0, tx_height_agl_m=50.0, rx_height_agl_m=1.5
    )
    steps = np.diff(loss)
    assert steps[0] == pytest.approx(steps[1])
    assert steps[2] > steps[1] + 1.0


def test_the_spread_is_that_of_the_report() -> None:
    found = extended_hata_sigma_db([10.0, 40.0, 70.0, 150.0, 400.0, 600.0, 50e3])
    assert found.tolist() == pytest.approx([3.5, 3.5, 7.75, 12.0, 10.5, 9.0, 9.0])
    assert extended_hata_sigma_db(150.0, above_roofs=False) == 17.0


@pytest.mark.parametrize(
    ("model", "freq", "mast", "phone", "distance"),
    [
        (okumura_hata_loss_db, (150.0, 1500.0), (30.0, 200.0), (1.0, 10.0), (1e3, 20e3)),
        (cost231_hata_loss_db, (1500.0, 2000.0), (30.0, 200.0), (1.0, 10.0), (1e3, 20e3)),
        (extended_hata_loss_db, (30.0, 3000.0), (1.0, 200.0), (1.0, 200.0), (0.0, 100e3)),
    ],
)
def test_each_bound_is_kept_and_the_message_names_another_model(
    model: Model,
    freq: tuple[float, float],
    mast: tuple[float, float],
    phone: tuple[float, float],
    distance: tuple[float, float],
) -> None:
    inside = {
        "distance_m": 5000.0,
        "freq_mhz": freq[0],
        "tx_height_agl_m": mast[1],
        "rx_height_agl_m": phone[0],
    }
    limits = {
        "freq_mhz": freq,
        "tx_height_agl_m": mast,
        "rx_height_agl_m": phone,
        "distance_m": distance,
    }
    for name, (low, high) in limits.items():
        for bound, outside in ((low, low - 0.1), (high, high + 0.1)):
            values = inside | {name: bound}
            assert np.isfinite(model(values.pop("distance_m"), **values))
            values = inside | {name: outside}
            with pytest.raises(OutOfRangeError, match=name) as caught:
                model(values.pop("distance_m"), **values)
            assert "itu_r_p1812" in str(caught.value)


@pytest.mark.parametrize("model", [okumura_hata_loss_db, extended_hata_loss_db])
def test_nan_stays_nan_and_an_array_is_its_scalars(model: Model) -> None:
    given_values = {"freq_mhz": 900.0, "tx_height_agl_m": 50.0, "rx_height_agl_m": 1.5}
    found = model(np.array([[1000.0, np.nan], [2000.0, 3000.0]]), **given_values)
    assert np.isnan(found[0, 1])
    assert found[1, 0] == model(2000.0, **given_values)


def test_an_unknown_area_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="area is 'forest'"):
        extended_hata_loss_db(
            1000.0, freq_mhz=900.0, tx_height_agl_m=50.0, rx_height_agl_m=1.5, area="forest"
        )
