from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.uplink.counting import (
    LEAST_BINS,
    WARM_UP_S,
    RoundTrip,
    RoundTrips,
    arrivals_by_segments,
    count_uplink,
)
from lensong.propagation.errors import InvalidInputError, ProbeError

Arrivals = list[tuple[float, int]]


def steady(rate_bps: float, seconds: float, step_s: float = 0.05) -> Arrivals:
    steps = round(seconds / step_s)
    return [(k * step_s, round(k * step_s * rate_bps / 8.0)) for k in range(steps + 1)]


@st.composite
def uploads(draw: st.DrawFn, longest_s: int = 40) -> Arrivals:
    """Return an upload of more than the warm-up: steps of random length and size."""
    start_s = draw(st.floats(0.0, 1e6))
    steps = draw(
        st.lists(
            st.tuples(st.floats(0.02, 2.0), st.integers(0, 400_000)), min_size=5, max_size=60
        ).filter(lambda steps: 4.5 < sum(s for s, _ in steps) < longest_s and steps[0][1] > 0)
    )
    arrivals, time_s, total = [(start_s, 0)], start_s, 0
    for step_s, size in steps:
        time_s, total = time_s + step_s, total + size
        arrivals.append((time_s, total))
    return arrivals


def test_a_steady_upload_is_counted_exactly() -> None:
    result = count_uplink(steady(3e6, 30.0))
    assert len(result.uplink_bins_bps) == 27
    for value in (result.uplink_p10_bps, result.uplink_min_bps, result.uplink_mean_bps):
        assert value == pytest.approx(3e6, rel=1e-4)  # totals are whole bytes
    assert result.sustained
    assert not result.burst_only
    assert result.duration_s == pytest.approx(30.0)
    assert result.received_bytes == round(30.0 * 3e6 / 8.0)
    assert result.counted_by == "server"
    assert result.loss_ratio is None


def test_the_first_seconds_do_not_count() -> None:
    first = [(0.0, 0), (0.05, 900_000), (2.95, 1_000_000)]
    later = [(2.95 + t, 1_000_000 + total) for t, total in steady(2e6, 27.05)[1:]]
    result = count_uplink([*first, *later])
    assert result.uplink_mean_bps == pytest.approx(2e6, rel=1e-4)


def test_time_counts_from_the_first_byte() -> None:
    idle = [(k * 0.5, 0) for k in range(20)]  # 9.5 s of nothing before
    upload = [(9.5 + time_s, total) for time_s, total in steady(1e6, 30.0)]
    result = count_uplink([*idle, *upload[1:]])
    assert len(result.uplink_bins_bps) == 27
    assert result.uplink_min_bps == pytest.approx(1e6, rel=1e-3)


def test_an_outage_is_a_second_of_zero_not_a_second_left_out() -> None:
    before, after = steady(4e6, 15.0), steady(4e6, 13.0)
    last = before[-1][1]
    result = count_uplink([*before, *((17.0 + t, last + total) for t, total in after)])
    assert result.uplink_min_bps == 0.0
    assert result.uplink_bins_bps.count(0.0) == 2
    assert len(result.uplink_bins_bps) == 27


def test_a_burst_at_the_beginning_is_flagged() -> None:
    burst, rest = steady(8e6, 3.0), steady(2e6, 27.0)
    arrivals = [*burst, *((3.0 + t, burst[-1][1] + total) for t, total in rest[1:])]
    assert count_uplink(arrivals).burst_only
    assert not count_uplink(steady(2e6, 30.0)).burst_only


def test_a_link_that_dies_after_a_burst_is_a_burst() -> None:
    burst = steady(8e6, 3.0)
    dead = [(3.0 + k, burst[-1][1]) for k in range(1, 28)]
    result = count_uplink([*burst, *dead])
    assert result.burst_only
    assert result.uplink_p50_bps == 0.0


def test_a_short_test_is_no_sustained_one() -> None:
    assert not count_uplink(steady(3e6, WARM_UP_S + LEAST_BINS - 1.0)).sustained
    assert count_uplink(steady(3e6, float(WARM_UP_S + LEAST_BINS))).sustained
    # too short for the last ten seconds to lie after the first three
    assert not count_uplink(steady(3e6, 12.0)).burst_only


@pytest.mark.parametrize("seconds", [0.0, 0.05, 2.0, 3.9])
def test_without_a_whole_second_after_the_first_there_is_no_figure(seconds: float) -> None:
    with pytest.raises(ProbeError):
        count_uplink(steady(3e6, seconds))


def test_nothing_received_is_no_figure() -> None:
    with pytest.raises(ProbeError, match="no byte"):
        count_uplink([(k * 0.05, 0) for k in range(900)])
    with pytest.raises(ProbeError, match="no byte"):
        count_uplink([])


@pytest.mark.parametrize(
    "arrivals",
    [
        [(0.0, 0), (1.0, 5), (0.5, 9)],
        [(0.0, 0), (1.0, 9), (2.0, 5)],
        [(0.0, 0), (math.nan, 9)],
        [(0.0, 0), (math.inf, 9)],
    ],
)
def test_a_clock_or_total_that_falls_is_refused(arrivals: Arrivals) -> None:
    with pytest.raises(InvalidInputError, match="falls or is not finite"):
        count_uplink(arrivals)


def test_a_paced_test_says_that_the_link_carries_at_least_this() -> None:
    assert count_uplink(steady(10e6, 30.0), max_rate_bps=10e6).rate_limited
    assert not count_uplink(steady(8e6, 30.0), max_rate_bps=10e6).rate_limited


@given(uploads())
def test_bins_hold_what_came_after_the_warm_up(arrivals: Arrivals) -> None:
    result = count_uplink(arrivals)
    counted = sum(result.uplink_bins_bps) / 8.0
    assert counted <= result.received_bytes * (1.0 + 1e-9) + 1e-6
    assert result.received_bytes == arrivals[-1][1]
    assert all(rate >= 0.0 for rate in result.uplink_bins_bps)


@given(uploads())
def test_figures_are_in_order(arrivals: Arrivals) -> None:
    result = count_uplink(arrivals)
    highest = max(result.uplink_bins_bps)
    assert result.uplink_min_bps <= result.uplink_p10_bps <= result.uplink_p50_bps <= highest
    slack = 1e-9 * highest
    assert result.uplink_min_bps - slack <= result.uplink_mean_bps <= highest + slack


@given(uploads(), st.integers(2, 9))
def test_twice_the_bytes_are_twice_the_rate(arrivals: Arrivals, factor: int) -> None:
    once = count_uplink(arrivals)
    more = count_uplink([(time_s, total * factor) for time_s, total in arrivals])
    assert more.uplink_p10_bps == pytest.approx(factor * once.uplink_p10_bps, abs=1e-6)
    assert more.burst_only == once.burst_only


@given(uploads(), st.floats(0.0, 1e5))
def test_when_the_test_ran_does_not_matter(arrivals: Arrivals, shift_s: float) -> None:
    here = count_uplink([(time_s - arrivals[0][0], total) for time_s, total in arrivals])
    there = count_uplink([(time_s - arrivals[0][0] + shift_s, total) for time_s, total in arrivals])
    if len(here.uplink_bins_bps) == len(there.uplink_bins_bps):  # rounding may move the end
        # a clock of 1e5 s resolves 15 ps: at 400 kB in 20 ms that is a few bit/s
        assert there.uplink_p50_bps == pytest.approx(here.uplink_p50_bps, rel=1e-6, abs=100.0)


@given(uploads(), st.integers(1, 59))
def test_more_bytes_never_lower_a_figure(arrivals: Arrivals, at: int) -> None:
    """Bytes that come on top from some moment on raise bins or leave them."""
    more = [
        (time_s, total + (50_000 if k >= min(at, len(arrivals) - 1) else 0))
        for k, (time_s, total) in enumerate(arrivals)
    ]
    before, after = count_uplink(arrivals), count_uplink(more)
    assert after.uplink_min_bps >= before.uplink_min_bps - 1e-3
    assert after.uplink_p10_bps >= before.uplink_p10_bps - 1e-3


def test_bytes_behind_a_lost_segment_count_when_they_came() -> None:
    # 3 Mbit/s; from 10.4 to 11.2 s the program gets nothing, then all of it at once
    link = steady(3e6, 30.0)
    held = [(time_s, link[208][1] if 10.4 < time_s < 11.2 else total) for time_s, total in link]
    segments: list[int | None] = [total // 1448 for _, total in link]
    assert count_uplink(held).uplink_min_bps == pytest.approx(0.4 * 3e6)
    spread = count_uplink(arrivals_by_segments(held, segments))
    assert spread.uplink_min_bps == pytest.approx(3e6, rel=0.01)  # a segment is 0.4 % of a second
    assert spread.received_bytes == link[-1][1]


@given(uploads(), st.data())
def test_segments_move_bytes_in_time_and_make_none(arrivals: Arrivals, data: st.DataObject) -> None:
    steps = st.lists(st.integers(0, 300), min_size=len(arrivals), max_size=len(arrivals))
    total, segments = 0, []
    for step in data.draw(steps):
        total += step
        segments.append(total)
    moved = arrivals_by_segments(arrivals, segments)
    assert moved[0][1] == arrivals[0][1]
    assert moved[-1][1] == pytest.approx(arrivals[-1][1])
    assert all(after[1] >= before[1] for before, after in itertools.pairwise(moved))
    assert [time_s for time_s, _ in moved] == [time_s for time_s, _ in arrivals]


def test_without_segments_the_arrivals_stay() -> None:
    link = steady(3e6, 5.0)
    assert arrivals_by_segments(link, [None] * len(link)) == link
    assert arrivals_by_segments(link, [7] * len(link)) == link
    with pytest.raises(InvalidInputError, match="as many"):
        arrivals_by_segments(link, [1])


def trips(*rtts_ms: float, gap_s: float = 0.1) -> tuple[RoundTrip, ...]:
    made, now_s = [], 100.0
    for rtt_ms in rtts_ms:
        made.append(RoundTrip(sent_s=now_s, heard_s=now_s + rtt_ms / 1e3))
        now_s += rtt_ms / 1e3 + gap_s
    return tuple(made)


def test_round_trips_are_medians() -> None:
    seen = RoundTrips(idle=trips(60.0, 61.0, 900.0), loaded=trips(100.0, 100.0, 100.0, 120.0))
    assert seen.rtt_idle_ms == pytest.approx(61.0)
    assert seen.rtt_loaded_ms == pytest.approx(100.0)
    assert seen.jitter_ms == pytest.approx(20.0 / 3.0)


def test_without_round_trips_nothing_is_said() -> None:
    assert RoundTrips().rtt_idle_ms is None
    assert RoundTrips().rtt_loaded_ms is None
    assert RoundTrips().jitter_ms is None


def test_a_slow_half_counts_half_although_fewer_pings_fit_into_it() -> None:
    # 5 s at 50 ms: 33 pings; 5 s at 1,000 ms: 4 or 5
    loaded = trips(*[50.0] * 33, *[1_000.0] * 5)
    assert RoundTrips(loaded=loaded).rtt_loaded_ms == pytest.approx(1_000.0)


def test_a_ping_that_never_came_back_counts_with_its_age() -> None:
    alive = trips(*[50.0] * 20)
    silent = RoundTrip(sent_s=alive[-1].heard_s, heard_s=alive[-1].heard_s + 30.0, answered=False)
    seen = RoundTrips(loaded=(*alive, silent))
    assert seen.rtt_loaded_ms == pytest.approx(30_000.0)
    assert seen.jitter_ms == pytest.approx(0.0, abs=1e-6)  # it is no difference of two answers


def test_what_was_answered_after_the_end_was_on_its_way_at_the_end() -> None:
    trip = RoundTrip(sent_s=1.0, heard_s=9.0)
    assert trip.seen_at(5.0) == RoundTrip(sent_s=1.0, heard_s=5.0, answered=False)
    assert trip.seen_at(9.0) is trip


def test_an_answer_before_the_question_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="clock"):
        RoundTrip(sent_s=2.0, heard_s=1.0)


@given(st.lists(st.floats(0.1, 5_000.0), min_size=1, max_size=50))
def test_the_loaded_round_trip_is_one_that_was_seen(rtts_ms: list[float]) -> None:
    seen = RoundTrips(loaded=trips(*rtts_ms))
    assert seen.rtt_loaded_ms is not None
    low, high = min(rtts_ms), max(rtts_ms)
    assert low - 1e-6 <= seen.rtt_loaded_ms <= high + 1e-6
