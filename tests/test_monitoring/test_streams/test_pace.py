"""Counters that move in steps, or never: no rate is made of nothing, and trouble is still told."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.pace import Pace
from lensong.monitoring.streams.sample import StreamSample
from tests.test_monitoring.test_streams.simulated_stream import START, Server, Stream, samples

STREAM = Stream()
FINE = Server(tells_connected=False, tells_media_time=False, poll_s=0.1, poll_jitter_s=0.0)
FALL_S = 120.0


def looks(
    step_s: float,
    link_bps: Callable[[float], float],
    duration_s: float,
    *,
    seed: int = 1,
    frames: str = "steps",
) -> Iterator[tuple[float, StreamHealth]]:
    """Yield what is told of an SRS that brings its counters up to date once in ``step_s``."""
    rng = Random(seed)
    exact = list(samples(STREAM, FINE, link_bps, duration_s, seed))
    times = [(sample.at - START).total_seconds() for sample in exact]
    state, limits = HealthState(), StreamLimits(frame_rate_hz=25.0)
    now_s, offset_s = rng.uniform(0.0, 2.0), rng.uniform(0.0, step_s)
    while now_s < duration_s - 1.0:
        updated_s = (now_s - offset_s) // step_s * step_s + offset_s
        at = bisect_right(times, updated_s) - 1
        count = (exact[at].received_bytes_total or 0) if at >= 0 else 0
        sample = StreamSample(
            at=START + timedelta(seconds=now_s),
            collector="srs",
            publisher_id="vid-1",
            received_bytes_total=count,
            frames_total=0 if frames == "never" else int(count / (STREAM.bitrate_bps / 8) * 25),
        )
        state, health = advance(
            state, sample, limits=limits, configured_bps=STREAM.bitrate_bps, now=sample.at
        )
        if len(state.points) % 5 == 0:
            state = HealthState.from_dict(state.to_dict())
        yield now_s, health
        now_s += 2.0 + rng.uniform(-0.3, 0.3)


def plenty(_: float) -> float:
    return 3.5e6


@pytest.mark.parametrize("step_s", [3.0, 5.0, 7.0, 10.0, 12.0])
@pytest.mark.parametrize("frames", ["steps", "never"])
def test_a_healthy_stream_of_a_server_that_counts_in_steps_raises_nothing(
    step_s: float, frames: str
) -> None:
    for seed in range(2):
        told = list(looks(step_s, plenty, 600.0, seed=seed, frames=frames))
        assert {health.state for _, health in told} == {"ok"}
        rates = [health.received_bps for t, health in told if t > 45.0]
        # from change to change, each seen up to one look too late
        assert all(rate is not None and 0.8 < rate / 2.5e6 < 1.25 for rate in rates)
        hertz = {health.frame_rate_hz for _, health in told}
        totals = {health.frames_total for _, health in told}
        assert (hertz == totals == {None}) is (frames == "never")


@pytest.mark.parametrize("step_s", [5.0, 10.0])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_real_trouble_is_told_within_three_steps(step_s: float, share: float) -> None:
    def link_bps(t: float) -> float:
        return 3.5e6 if t < FALL_S else share * STREAM.bitrate_bps

    for seed in range(3):
        told = list(looks(step_s, link_bps, FALL_S + 100.0, seed=seed, frames="never"))
        assert {health.state for t, health in told if t < FALL_S} == {"ok"}
        first_s = next(t for t, health in told if t > FALL_S and health.state != "ok")
        assert first_s - FALL_S <= 3.0 * step_s + 5.0
        last = [health for t, health in told if t > FALL_S + 60.0]
        assert {health.state for health in last} == {"not_ok"}  # and it stays told
        assert {reason.code for health in last for reason in health.reasons} == {"starving"}


def run(given: Iterator[StreamSample] | list[StreamSample]) -> list[StreamHealth]:
    state, told = HealthState(), []
    for sample in given:
        state, health = advance(
            state,
            sample,
            limits=StreamLimits(frame_rate_hz=25.0),
            configured_bps=2e6,
            now=sample.at,
        )
        told.append(health)
    return told


def at(second: float, **given: object) -> StreamSample:
    base = StreamSample(at=START + timedelta(seconds=second), collector="srs", publisher_id="1")
    return replace(base, **given)  # type: ignore[arg-type] # fields given by name


def test_a_count_of_bytes_that_never_moves_is_named_and_no_rate() -> None:
    told = run([at(t, received_bytes_total=5_000) for t in range(0, 60, 2)])
    assert {health.state for health in told} == {"ok"}
    assert {health.received_bps for health in told} == {None}
    codes = [{reason.code for reason in health.reasons} for health in told]
    assert codes[-1] == {"bytes_not_counted"}
    assert "bytes_not_counted" not in codes[5]


def test_the_servers_own_rate_counts_where_its_bytes_never_move() -> None:
    told = run([at(t, received_bytes_total=0, received_bps=3e5) for t in range(0, 40, 2)])
    assert told[-1].state == "not_ok"


def test_frames_of_an_earlier_publisher_are_not_those_of_this_one() -> None:
    # the server keeps the count of an RTMP publisher for the SRT publisher after it
    told = run([
        at(t, received_bytes_total=t * 250_000, frames_total=12_345) for t in range(0, 60, 2)
    ])  # fmt: skip
    assert {health.state for health in told} == {"ok"}
    assert {health.frames_total for health in told} == {None}


def test_losses_are_shares_of_packets_that_were_counted_with_them() -> None:
    def counted(t: float) -> int:
        return int(t // 10.0) * 10  # brought up to date once in ten seconds

    told = run([
        at(t, received_bytes_total=counted(t) * 250_000, packets_received_total=counted(t) * 200,
           packets_lost_total=counted(t) * 10, packets_dropped_total=0)
        for t in range(0, 120, 2)
    ])  # fmt: skip
    assert {health.state for health in told} == {"ok"}
    ratios = {health.loss_ratio for health in told} - {None}
    assert ratios == {0.05}


def test_a_stall_of_a_steady_counter_is_a_stall() -> None:
    steady = Pace(value=0, since_s=0.0)
    for look in range(1, 10):
        steady = steady.seen(look, 2.0 * look)
    assert steady.rests_s == 0.0
    stalled = steady.seen(9, 20.0).seen(9, 22.0).seen(10, 24.0).seen(11, 26.0)
    assert stalled.rests_s == 0.0
    assert stalled.seen(5, 28.0).moved is False  # it began anew


def test_what_has_moved_once_may_rest_for_a_step() -> None:
    assert Pace(value=1, since_s=0.0, moved=True).rests_s == 15.0
    assert Pace(value=1, since_s=0.0, moved=True, steps=((10.0, True),) * 3).rests_s == 12.5
