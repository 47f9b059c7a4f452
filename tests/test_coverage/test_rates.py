from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.rates import (
    DOWNLINK_CURVES,
    UPLINK_CURVES,
    ShannonCurve,
    downlink_mbps,
    free_share,
    required_sinr_db,
    required_uplink_snr_db,
    uplink_mbps,
    uplink_resource_blocks,
)
from lensong.propagation.errors import InvalidInputError

DOWN = DOWNLINK_CURVES["256QAM"]
UP = UPLINK_CURVES["64QAM"]


@pytest.mark.parametrize(
    ("curve", "cap"),
    [
        (DOWN, 5.98),  # ITU-R M.2101
        (UP, 2.93),
        (DOWNLINK_CURVES["64QAM"], 4.4),  # TR 36.942 table A.2
        (UPLINK_CURVES["16QAM"], 2.0),
    ],
)
def test_caps_are_the_published_ones(curve: ShannonCurve, cap: float) -> None:
    assert curve.max_bit_per_s_hz == pytest.approx(cap, abs=0.02)  # printed to two digits


def test_downlink_of_one_stream_by_hand() -> None:
    rate = downlink_mbps([-10.1, 0.0, 20.0, 50.0], bandwidth_hz=1e6, layers=1, curve=DOWN)
    by_hand = [0.0, 0.6, 0.6 * np.log2(101.0), 0.6 * np.log2(1001.0)]
    np.testing.assert_allclose(rate, by_hand, rtol=1e-12)


def test_a_second_stream_helps_near_the_mast_and_hardly_at_the_edge() -> None:
    one = downlink_mbps([-5.0, 40.0], bandwidth_hz=1e6, layers=1, curve=DOWN)
    two = downlink_mbps([-5.0, 40.0], bandwidth_hz=1e6, layers=2, curve=DOWN)
    assert two[0] / one[0] < 1.1
    assert two[1] / one[1] == pytest.approx(2.0)


def test_five_megabits_down_on_half_the_blocks_work_where_a_stream_does_not() -> None:
    # 20 MHz at load 0.5, noise-limited: about -124 dBm or better, 21 dB below the uplink's level
    rate = downlink_mbps(-124.0 + 125.2, bandwidth_hz=9e6, layers=1, curve=DOWN)
    assert 5.0 < float(rate) < 8.0


def test_a_full_cell_still_serves_a_tenth() -> None:
    assert free_share(0.5) == 0.5
    assert free_share(0.0) == 1.0
    assert free_share(1.0) == 0.1


def test_uplink_spreads_as_wide_as_each_block_gets_through() -> None:
    blocks = uplink_resource_blocks([-10.5, -10.0, 0.0, 3.0, 30.0], blocks=50, curve=UP)
    np.testing.assert_array_equal(blocks, [0, 1, 10, 19, 50])


@given(snr=st.floats(-20.0, 60.0), blocks=st.integers(1, 273))
def test_uplink_rate_is_that_of_the_best_number_of_blocks(snr: float, blocks: int) -> None:
    count = np.arange(1, blocks + 1)
    each = 10.0 ** (snr / 10.0) / count
    through = each >= 10.0 ** (UP.min_snr_db / 10.0) * (1.0 - 1e-12)
    capped = np.minimum(each, 10.0 ** (UP.max_snr_db / 10.0))
    every = np.where(through, count * 180e3 * UP.alpha * np.log2(1.0 + capped), 0.0) / 1e6
    rate = float(uplink_mbps(snr, block_hz=180e3, blocks=blocks, curve=UP))
    assert rate == pytest.approx(every.max(), rel=1e-9)


@given(levels=st.tuples(st.floats(-20.0, 60.0), st.floats(-20.0, 60.0)), blocks=st.integers(1, 273))
def test_uplink_rate_never_falls_with_less_path_loss(
    levels: tuple[float, float], blocks: int
) -> None:
    weak, strong = sorted(levels)
    rates = uplink_mbps([weak, strong], block_hz=180e3, blocks=blocks, curve=UP)
    assert rates[1] >= rates[0] * (1.0 - 1e-12)


@given(rate=st.floats(0.01, 60.0), blocks=st.integers(1, 273))
def test_required_uplink_snr_is_the_lowest_that_carries_the_rate(rate: float, blocks: int) -> None:
    snr = required_uplink_snr_db(rate, block_hz=180e3, blocks=blocks, curve=UP)
    most = blocks * 180e3 * UP.max_bit_per_s_hz / 1e6
    if np.isinf(snr):
        assert rate > most
        return
    at, below = uplink_mbps([snr + 1e-6, snr - 1e-6], block_hz=180e3, blocks=blocks, curve=UP)
    assert at >= rate * (1.0 - 1e-6)
    assert below < rate


@given(rate=st.floats(0.01, 60.0), layers=st.integers(1, 4))
def test_required_sinr_is_the_lowest_that_carries_the_rate(rate: float, layers: int) -> None:
    sinr = required_sinr_db(rate, bandwidth_hz=9e6, layers=layers, curve=DOWN)
    if np.isinf(sinr):
        assert rate > layers * 9.0 * DOWN.max_bit_per_s_hz
        return
    at, below = downlink_mbps(
        [sinr + 1e-6, sinr - 1e-6], bandwidth_hz=9e6, layers=layers, curve=DOWN
    )
    assert at >= rate * (1.0 - 1e-6)
    assert below < rate


def test_no_rate_needs_no_signal_and_an_impossible_one_needs_infinity() -> None:
    assert required_sinr_db(0.0, bandwidth_hz=9e6, layers=1, curve=DOWN) == -np.inf
    assert required_uplink_snr_db(4.4, block_hz=180e3, blocks=5, curve=UP) == np.inf
    assert required_uplink_snr_db(0.1, block_hz=0.0, blocks=5, curve=UP) == np.inf


def test_unknown_stays_unknown() -> None:
    assert np.isnan(downlink_mbps(np.nan, bandwidth_hz=9e6, layers=2, curve=DOWN))
    assert np.isnan(uplink_mbps(np.nan, block_hz=180e3, blocks=25, curve=UP))
    assert int(uplink_resource_blocks(np.nan, blocks=25, curve=UP)) == 0


def test_bad_counts_and_curves_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="layers is 0"):
        downlink_mbps(10.0, bandwidth_hz=9e6, layers=0, curve=DOWN)
    with pytest.raises(InvalidInputError, match="blocks is 0"):
        uplink_mbps(10.0, block_hz=180e3, blocks=0, curve=UP)
    with pytest.raises(InvalidInputError, match="alpha"):
        ShannonCurve(alpha=1.2, min_snr_db=-10.0, max_snr_db=22.0)
