"""Each rule of a stream's health by samples written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.messages import catalogue
from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState, Reason, StreamHealth, describe
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import (
    CollectorFailure,
    NotPublishing,
    Observation,
    StreamSample,
)
from lensong.propagation.errors import DataError, InvalidInputError, OutOfRangeError

START = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
CONFIGURED_BPS = 2.5e6
LIMITS = StreamLimits()


def sample(
    t_s: float, *, lag_s: float | None = 0.0, share: float | None = 1.0, **given: Any
) -> StreamSample:
    """A healthy stream at second ``t_s``, but for what is given; ``share`` of the bytes so far."""
    values: dict[str, Any] = {
        "connected_s": t_s,
        "media_time_s": None if lag_s is None else 100.0 + t_s - lag_s,
        "received_bytes_total": None if share is None else int(t_s * share * CONFIGURED_BPS / 8),
        "publisher_id": "7-1",
    }
    return StreamSample(at=START + timedelta(seconds=t_s), collector="test", **values | given)


def run(
    observations: Iterable[Observation],
    limits: StreamLimits = LIMITS,
    state: HealthState | None = None,
    configured_bps: float | None = CONFIGURED_BPS,
) -> tuple[HealthState, list[StreamHealth]]:
    told: list[StreamHealth] = []
    state = state or HealthState()
    for seen in observations:
        state, health = advance(
            state, seen, limits=limits, configured_bps=configured_bps, now=seen.at
        )
        told.append(health)
    return state, told


def seconds(last_s: float, first_s: float = 0.0, step_s: float = 2.0) -> list[float]:
    return [first_s + step_s * n for n in range(int((last_s - first_s) / step_s) + 1)]


def codes(health: StreamHealth) -> set[str]:
    return {reason.code for reason in health.reasons}


def test_a_healthy_stream_is_ok_and_its_figures_are_told() -> None:
    _, told = run(sample(t, frames_total=int(25 * t), keyframe_interval_s=2.0) for t in seconds(20))
    assert {health.state for health in told} == {"ok"}
    assert told[-1].lag_s == 0.0
    assert told[-1].received_bps == pytest.approx(CONFIGURED_BPS, rel=1e-6)
    assert told[-1].frame_rate_hz == pytest.approx(25.0)
    assert told[-1].since == START
    assert told[-1].publisher_since == START


@pytest.mark.parametrize(("lag_s", "state"), [(1.9, "ok"), (2.1, "at_risk"), (4.1, "not_ok")])
def test_lag_has_two_limits(lag_s: float, state: str) -> None:
    # nothing arrives for a while from second 10 on, then at the pace of the clock again
    _, told = run(sample(t, lag_s=min(lag_s, max(0.0, t - 10.0))) for t in seconds(24))
    assert told[-1].state == state
    assert told[-1].lag_s == pytest.approx(lag_s, abs=0.01)


def test_the_first_seconds_are_not_judged() -> None:
    # a relay sends what it had stored first: media runs from behind to the present
    early = [sample(t, lag_s=5.0 - t) for t in (0.0, 1.0, 2.0)]
    _, told = run([*early, *(sample(t) for t in seconds(20, 4))])
    assert {health.state for health in told} == {"ok"}
    assert [health.lag_s for health in told[:3]] == [None, None, None]


def test_a_lag_that_keeps_growing_is_not_ok_before_it_is_large() -> None:
    calm = [sample(t) for t in seconds(130)]
    growing = [sample(t, lag_s=0.15 * (t - 130)) for t in seconds(142, 132)]
    _, told = run([*calm, *growing])
    assert told[-1].lag_s == pytest.approx(1.8, abs=0.01)
    assert told[-1].state == "not_ok"
    assert "lag_growing" in codes(told[-1])
    assert told[-1].lag_growth_s_per_s == pytest.approx(0.15, rel=0.01)


def test_one_jump_is_no_growth() -> None:
    jumped = [sample(t, lag_s=1.5) for t in seconds(160, 132)]  # 0.5 s of media in 2 s
    _, told = run([*(sample(t) for t in seconds(130)), *jumped])
    assert {health.state for health in told} == {"ok"}


def test_time_stamps_need_not_begin_at_zero() -> None:
    # seen at nginx-rtmp behind a relay: timestamp 28 288 ms where the client's time was 13 101 ms
    far = [sample(t, media_time_s=t + 15.187) for t in seconds(60)]
    _, told = run(far)
    assert {health.state for health in told} == {"ok"}
    assert told[-1].lag_s == pytest.approx(0.0, abs=1e-9)


def test_a_wild_time_stamp_does_not_become_the_reference() -> None:
    wild = [sample(t, media_time_s=1e6 if t == 10 else 100.0 + t) for t in seconds(40)]
    _, told = run(wild)
    assert {health.state for health in told} == {"ok"}


def test_a_new_timeline_begins_a_new_reference() -> None:
    restarted = [sample(t, media_time_s=t - 30) for t in seconds(60, 30)]
    _, told = run([*(sample(t) for t in seconds(28)), *restarted])
    assert {health.state for health in told} == {"ok"}
    assert told[-1].lag_s == pytest.approx(0.0, abs=1e-9)


def test_a_slow_clock_of_the_phone_is_no_lag_in_a_day() -> None:
    drifting = [sample(t, lag_s=8e-5 * t) for t in seconds(86_400, step_s=6.0)]
    _, told = run(drifting)
    assert {health.state for health in told} == {"ok"}


@pytest.mark.parametrize(("share", "state"), [(0.75, "ok"), (0.6, "at_risk"), (0.4, "not_ok")])
def test_an_encoder_that_lowers_its_rate_is_seen_without_lag(share: float, state: str) -> None:
    before = 20 * CONFIGURED_BPS / 8
    lowered = [
        sample(t, received_bytes_total=int(before + (t - 20) * share * CONFIGURED_BPS / 8))
        for t in seconds(30, 22)
    ]
    _, told = run([*(sample(t) for t in seconds(20)), *lowered])
    assert told[-1].state == state
    assert told[-1].received_bps == pytest.approx(share * CONFIGURED_BPS, rel=0.01)
    changed = next((health.at for health in told if health.state == state), START)
    assert (changed - START).total_seconds() <= 30


def test_without_totals_the_servers_own_rate_counts() -> None:
    low = [sample(t, share=None, received_bps=0.4 * CONFIGURED_BPS) for t in seconds(20)]
    assert run(low)[1][-1].state == "not_ok"
    unknown = [sample(t, share=None) for t in seconds(20)]
    assert run(unknown)[1][-1].state == "ok"
    assert run(unknown)[1][-1].received_bps is None


def test_video_and_audio_add_up_where_there_is_no_other_total() -> None:
    parts = [
        sample(t, share=None, video_bytes_total=int(t * 250_000), audio_bytes_total=int(t * 12_000))
        for t in seconds(20)
    ]
    assert run(parts)[1][-1].received_bps == pytest.approx(262_000 * 8)


def test_without_a_configured_rate_nothing_is_called_starving() -> None:
    slow = [sample(t, share=0.01) for t in seconds(20)]
    assert run(slow, configured_bps=None)[1][-1].state == "ok"


def test_two_new_connections_in_five_minutes_are_a_risk_and_are_forgotten() -> None:
    def connection(number: int, first_s: float, last_s: float) -> list[StreamSample]:
        return [
            replace(sample(t - first_s), at=START + timedelta(seconds=t), publisher_id=str(number))
            for t in seconds(last_s, first_s)
        ]

    state, told = run([*connection(1, 0, 40), *connection(2, 42, 80)])
    assert told[-1].state == "ok"
    state, told = run(connection(3, 82, 120), state=state)
    assert told[-1].state == "at_risk"
    assert codes(told[-1]) == {"reconnects"}
    assert told[-1].reconnects_total == 2
    state, told = run(connection(3, 82, 420)[20:], state=state)
    assert told[-1].state == "ok"
    assert told[-1].reconnects_total == 2


def test_an_absence_is_down_and_coming_back_is_a_reconnect() -> None:
    nameless = [sample(t, publisher_id=None, connected_s=None) for t in seconds(20)]
    state, told = run([*nameless, NotPublishing(at=START + timedelta(seconds=22))])
    assert told[-1].state == "down"
    assert told[-1].up is False
    state, told = run([NotPublishing(at=START + timedelta(seconds=24))], state=state)
    assert told[-1].since == START + timedelta(seconds=22)
    back = [sample(t, publisher_id=None, connected_s=None) for t in seconds(30, 26)]
    _, told = run(back, state=state)
    assert told[0].state == "ok"
    assert told[0].reconnects_total == 1


def test_a_blink_of_the_media_server_is_no_reconnect() -> None:
    state, _ = run([*(sample(t) for t in seconds(20)), NotPublishing(at=START)])
    assert run([sample(24)], state=state)[1][-1].reconnects_total == 0


def test_a_collector_that_fails_leaves_the_state_for_a_while_and_then_it_is_unknown() -> None:
    failures = [
        CollectorFailure(at=START + timedelta(seconds=t), code="timeout", detail="no answer in 5 s")
        for t in seconds(30, 22)
    ]
    late = [sample(t, lag_s=min(3.0, max(0.0, t - 10.0))) for t in seconds(20)]
    state, told = run([*late, *failures])
    assert [health.state for health in told[-5:]] == ["at_risk"] * 3 + ["unknown"] * 2
    assert told[-1].lag_s is None
    assert told[-1].since == told[-2].at
    _, told = run([sample(40)], state=state)
    assert told[-1].state == "ok"
    assert told[-1].reconnects_total == 0


def test_a_first_failure_is_unknown_at_once() -> None:
    _, told = run([CollectorFailure(at=START, code="unreachable", detail="refused")])
    assert told[-1].state == "unknown"
    assert told[-1].up is None


def test_a_better_state_is_told_once_it_has_lasted() -> None:
    lags = {t: min(3.0, max(0.0, t - 10.0)) if t <= 20 else 0.0 for t in seconds(40)}
    _, told = run(sample(t, lag_s=lag) for t, lag in lags.items())
    by_second = dict(zip(lags, told, strict=True))
    assert by_second[20].state == by_second[22].state == by_second[26].state == "at_risk"
    assert "recovering" in codes(by_second[24])
    assert by_second[28].state == "ok"
    assert by_second[28].since == by_second[28].at


def test_a_long_keyframe_interval_is_a_warning_only() -> None:
    _, told = run(sample(t, keyframe_interval_s=8.0) for t in seconds(20))
    assert told[-1].state == "ok"
    assert told[-1].reasons == (
        Reason(code="keyframe_interval", severity="warning",
               values={"interval_s": 8.0, "limit_s": 4.0}),
    )  # fmt: skip


def test_dropped_and_missing_frames_are_a_risk() -> None:
    dropping = [
        sample(t, frames_total=int(30 * t), frames_dropped_total=int(3 * max(0, t - 10)))
        for t in seconds(24)
    ]
    _, told = run(dropping)
    assert told[-1].state == "at_risk"
    assert codes(told[-1]) == {"frames_dropped"}
    few = [sample(t, frames_total=int(15 * t)) for t in seconds(24)]
    _, told = run(few, replace(LIMITS, frame_rate_hz=30.0))
    assert codes(told[-1]) == {"frame_rate_low"}


def srt(t: float, **counters: float) -> StreamSample:
    values: dict[str, Any] = {
        "packets_received_total": int(230 * t),
        "packets_lost_total": 0,
        "packets_dropped_total": 0,
        "rtt_ms": 40.0,
        "srt_latency_ms": 200.0,
    }
    return sample(t, lag_s=None, **values | counters)


def test_srt_by_its_own_counters() -> None:
    assert run(srt(t) for t in seconds(20))[1][-1].state == "ok"
    _, told = run(srt(t, rtt_ms=60.0) for t in seconds(20))
    assert (told[-1].state, codes(told[-1])) == ("at_risk", {"srt_latency_short"})
    _, told = run(srt(t, packets_dropped_total=int(max(0, t - 10))) for t in seconds(20))
    assert (told[-1].state, codes(told[-1])) == ("at_risk", {"srt_dropped"})
    _, told = run(srt(t, packets_lost_total=int(30 * t)) for t in seconds(20))
    assert (told[-1].state, codes(told[-1])) == ("not_ok", {"srt_loss"})
    assert told[-1].loss_ratio == pytest.approx(30 / 230, rel=0.02)


def test_one_long_round_trip_is_no_alarm() -> None:
    spike = [srt(t, rtt_ms=400.0 if t == 12 else 40.0) for t in seconds(20)]
    assert {health.state for health in run(spike)[1]} == {"ok"}


def test_old_samples_change_nothing() -> None:
    state, told = run(sample(t) for t in seconds(20))
    again, health = advance(
        state, sample(10, lag_s=50.0), limits=LIMITS, configured_bps=CONFIGURED_BPS, now=START
    )
    assert again == state
    assert health == told[-1]


def test_a_platform_that_is_not_reached_any_more_is_told_until_it_is_reached_again() -> None:
    def forwards(t: float) -> int:
        return 2 if t < 20 or t >= 30 else 1

    _, told = run(sample(t, forwards=forwards(t)) for t in seconds(50))
    by_second = dict(zip(seconds(50), told, strict=True))
    assert codes(by_second[18]) == {"forwarded"}
    assert by_second[18].state == "ok"
    assert {by_second[t].state for t in seconds(28, 20)} == {"not_ok"}
    (gone,) = by_second[20].reasons
    assert (gone.code, gone.values) == ("forward_gone", {"n": 1, "all": 2})
    assert by_second[50].state == "ok"


def test_a_server_that_passes_nothing_on_is_not_asked_for_it() -> None:
    for forwards in (None, 0):
        _, told = run(sample(t, forwards=forwards) for t in seconds(20))
        assert codes(told[-1]) == set()


def test_frames_dropped_on_the_way_to_a_platform_are_a_risk() -> None:
    seen = [sample(t, forwards=1, forward_frames_dropped_total=int(5 * t)) for t in seconds(20)]
    _, told = run(seen)
    assert told[-1].state == "at_risk"
    assert codes(told[-1]) == {"forwarded", "forward_dropping"}


def test_the_state_survives_a_restart_and_is_small() -> None:
    seen = [sample(t, lag_s=0.0 if t < 30 else 0.2 * (t - 30)) for t in seconds(60)]
    kept: HealthState | None = None
    told_in_pieces = []
    for one in seen:
        state, told = run([one], state=kept)
        written = json.dumps(state.to_dict())
        assert len(written) < 8_000
        kept = HealthState.from_dict(json.loads(written))
        told_in_pieces += told
    assert told_in_pieces == run(seen)[1]
    assert told_in_pieces[-1].state == "not_ok"


def test_lag_is_right_after_the_service_was_away_for_a_minute() -> None:
    state, _ = run(sample(t) for t in seconds(20))
    state = HealthState.from_dict(state.to_dict())
    _, told = run([sample(t, lag_s=3.0) for t in seconds(90, 80)], state=state)
    assert told[0].lag_s == pytest.approx(3.0, abs=0.01)
    assert told[0].reconnects_total == 0


@pytest.mark.parametrize("broken", [{}, {"version": 99}, {"version": 1, "points": 7}])
def test_a_state_of_another_version_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="begin with HealthState"):
        HealthState.from_dict(broken)


@pytest.mark.parametrize("language", ["vi", "en"])
def test_every_reason_has_words(language: str) -> None:
    values: dict[str, float | str] = {
        "lag_s": 2.34, "limit_s": 2.0, "growth_s_per_s": 0.05, "received_bps": 1.2e6,
        "configured_bps": 2.5e6, "n": 3, "window_min": 5.0, "interval_s": 8.0,
        "dropped_ratio": 0.07, "frame_rate_hz": 12.0, "configured_hz": 30.0, "loss_ratio": 0.12,
        "limit_ratio": 0.1, "rtt_ms": 60.0, "latency_ms": 200.0, "code": "timeout",
        "all": 2,
    }  # fmt: skip
    keys = [key for key in catalogue() if key.startswith("stream_") and "state" not in key]
    assert len(keys) >= 15
    for key in keys:
        reason = Reason(code=key.removeprefix("stream_"), severity="info", values=values)
        text = describe(reason, language)
        assert "{" not in text
        assert "–" not in text, text
    lag = Reason(code="lag", severity="at_risk", values={"lag_s": 2.34, "limit_s": 2.0})
    assert ("2,3 giây" if language == "vi" else "2.3 s") in describe(lag, language)


def test_impossible_figures_and_limits_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="rtt_ms"):
        sample(1, rtt_ms=-1.0)
    with pytest.raises(InvalidInputError, match="received_bytes_total"):
        sample(1, received_bytes_total=float("nan"))
    with pytest.raises(InvalidInputError, match="connected_s"):
        sample(1, connected_s=1e12)
    with pytest.raises(InvalidInputError, match="zone"):
        NotPublishing(at=datetime(2026, 1, 1))
    with pytest.raises(OutOfRangeError, match="starving_ratio"):
        StreamLimits(starving_ratio=2.0)
    with pytest.raises(InvalidInputError, match="at least"):
        StreamLimits(not_ok_lag_s=1.0)


numbers = st.one_of(st.none(), st.floats(0, 1e12), st.floats(0, 100))
counts = st.one_of(st.none(), st.integers(0, 2**53))
moments = st.floats(0, 1e6).map(lambda t: START + timedelta(seconds=t))
any_sample = st.builds(
    StreamSample,
    at=moments,
    collector=st.just("test"),
    publisher_id=st.sampled_from([None, "1", "2"]),
    connected_s=st.one_of(st.none(), st.floats(0, 3e8)),
    media_time_s=st.one_of(st.none(), st.floats(-1e12, 1e12)),
    received_bytes_total=counts,
    video_bytes_total=counts,
    received_bps=numbers,
    frames_total=counts,
    frames_dropped_total=counts,
    rtt_ms=numbers,
    srt_latency_ms=numbers,
    packets_received_total=counts,
    packets_lost_total=counts,
    packets_dropped_total=counts,
    keyframe_interval_s=numbers,
)
any_observation = st.one_of(
    any_sample,
    st.builds(NotPublishing, at=moments),
    st.builds(CollectorFailure, at=moments, code=st.just("timeout"), detail=st.just("x")),
)


@given(st.lists(any_observation, max_size=25), st.one_of(st.none(), st.floats(0, 1e9)))
def test_whatever_is_seen_the_state_is_told_and_can_be_kept(
    seen: list[Observation], configured_bps: float | None
) -> None:
    state, told = run(seen, configured_bps=configured_bps)
    for health in told:
        assert health.state in ("ok", "at_risk", "not_ok", "down", "unknown")
        assert health.lag_s is None or health.lag_s >= 0.0
        assert health.received_bps is None or health.received_bps >= 0.0
        assert StreamHealth.from_dict(health.to_dict()).to_dict() == health.to_dict()
    assert HealthState.from_dict(json.loads(json.dumps(state.to_dict()))).to_dict() == (
        state.to_dict()
    )
