"""When a test knows enough, by what the server has counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.uplink.enough import Enough, EnoughWatcher, enough_for

ENOUGH = Enough(rate_bps=8.4e6, seconds=13.0)


def stops_at(rates_bps: list[float], enough: Enough | None = ENOUGH) -> int | None:
    """Return after how many seconds of such rates a client stops; None where it does not."""
    watcher, received = EnoughWatcher(enough), 0.0
    for second, rate_bps in enumerate(rates_bps, start=1):
        received += rate_bps / 8.0
        if watcher.heard(float(second), round(received)):
            return second
    return None


def test_a_link_of_ten_megabits_is_known_after_thirteen_seconds() -> None:
    assert stops_at([10e6] * 30) == 13
    assert stops_at([1e6, 2e6, 4e6] + [10e6] * 27) == 13  # slow start does not count


def test_one_second_below_is_tested_to_the_end() -> None:
    assert stops_at([20e6] * 8 + [8e6] + [20e6] * 21) is None
    assert stops_at([8.3e6] * 30) is None


def test_nobody_stops_who_was_told_nothing() -> None:
    assert stops_at([20e6] * 30, None) is None
    assert enough_for(None, seconds=30, max_rate_bps=20e6) is None
    assert enough_for(2.8e6, seconds=10, max_rate_bps=20e6) is None  # too short to be evidence
    assert enough_for(7e6, seconds=30, max_rate_bps=20e6) is None  # never reached


@given(st.lists(st.floats(1e5, 2e7), min_size=30, max_size=30))
def test_it_stops_only_where_every_counted_second_was_enough(rates_bps: list[float]) -> None:
    second = stops_at(rates_bps)
    enough = min(rates_bps[3:13]) > 8.4e6 + 16.0  # bytes are whole
    if second is not None:
        assert second == 13
        assert min(rates_bps[3:13]) > 8.4e6 - 16.0
    assert second is not None or not enough
