"""Limits besides the rate: each transport breaks in its own way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lensong.monitoring.readiness import Evidence, Need, Question, State, UplinkTest, judge
from lensong.monitoring.readiness.limits import limits_of, loss_ratio_that_tcp_bears
from lensong.monitoring.readiness.settings import ReadinessSettings
from lensong.monitoring.records import Transport

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


def limit_test(*, minutes_ago: float = 5.0, **values: float | bool) -> UplinkTest:
    return UplinkTest(
        measured_at=NOW - timedelta(minutes=minutes_ago),
        succeeded=True,
        uplink_p10_bps=5e7,
        bins=27,
        **values,  # type: ignore[arg-type]  # mixed keywords of one class
    )


def verdict_of(
    transport: Transport, *tests: UplinkTest, srt_latency_ms: float | None = None
) -> tuple[State, str, float]:
    need = Need(
        profile_code="p",
        transport=transport,
        uplink_required_bps=2.5e6,
        srt_latency_ms=srt_latency_ms,
    )
    question = Question(site_id="s", need=need, starts_at=NOW, ends_at=NOW + timedelta(minutes=20))
    verdict = judge(question, Evidence(tests=tests), now=NOW)
    assert verdict.probability is not None
    return verdict.state, verdict.reasons[0].code, verdict.probability


@pytest.mark.parametrize(
    ("rate_bps", "rtt_ms", "loss"),
    [(2.5e6, 100.0, 0.0032), (4e6, 60.0, 0.0035)],
)
def test_loss_that_tcp_bears_is_that_of_mathis(rate_bps: float, rtt_ms: float, loss: float) -> None:
    # printed to two digits
    assert loss_ratio_that_tcp_bears(rate_bps, rtt_ms) == pytest.approx(loss, abs=5e-5)


def test_rtmp_bears_little_loss_over_a_long_way() -> None:
    short = limit_test(loss_ratio=0.01, rtt_idle_ms=20.0)
    long = limit_test(loss_ratio=0.01, rtt_idle_ms=100.0)
    assert verdict_of(Transport.RTMP, short)[0] is State.READY
    assert verdict_of(Transport.RTMP, long)[:2] == (State.AT_RISK, "loss_high_for_tcp")


def test_srt_needs_four_round_trips_of_latency() -> None:
    slow = limit_test(rtt_loaded_ms=500.0)
    assert verdict_of(Transport.SRT, slow, srt_latency_ms=2_000.0)[0] is State.READY
    assert verdict_of(Transport.SRT, slow, srt_latency_ms=1_900.0)[:2] == (
        State.AT_RISK,
        "srt_latency_low",
    )


@pytest.mark.parametrize("transport", [Transport.SRT, Transport.WEBRTC])
def test_a_tenth_lost_breaks_the_stream(transport: Transport) -> None:
    state, code, probability = verdict_of(transport, limit_test(loss_ratio=0.12))
    assert (state, code) == (State.NOT_READY, "loss_breaks_stream")
    assert probability <= 0.5


def test_webrtc_slows_down_at_some_loss_and_talks_late_at_some_delay() -> None:
    assert verdict_of(Transport.WEBRTC, limit_test(loss_ratio=0.05))[1] == "loss_slows_stream"
    assert verdict_of(Transport.WEBRTC, limit_test(rtt_loaded_ms=250.0))[1] == "talk_delayed"
    assert verdict_of(Transport.RTMP, limit_test(rtt_loaded_ms=250.0))[0] is State.READY


@pytest.mark.parametrize("transport", list(Transport))
def test_a_loaded_round_trip_above_a_second_is_at_risk(transport: Transport) -> None:
    state, _, _ = verdict_of(transport, limit_test(rtt_loaded_ms=1_200.0))
    assert state is State.AT_RISK


def test_a_burst_alone_is_at_risk() -> None:
    assert verdict_of(Transport.RTMP, limit_test(burst_only=True))[:2] == (
        State.AT_RISK,
        "burst_only",
    )


def test_a_broken_limit_stands_until_a_newer_test_has_the_value_again() -> None:
    lossy = limit_test(minutes_ago=240.0, loss_ratio=0.2)
    silent = limit_test(minutes_ago=5.0)
    fine = limit_test(minutes_ago=5.0, loss_ratio=0.0)
    assert verdict_of(Transport.SRT, lossy, silent)[:2] == (State.AT_RISK, "loss_breaks_stream")
    assert verdict_of(Transport.SRT, lossy, fine)[0] is State.READY


def test_values_that_no_test_has_stay_unknown() -> None:
    limits = limits_of([limit_test()], now=NOW, settings=ReadinessSettings())
    assert limits.loss_ratio is None
    assert limits.rtt_loaded_ms is None
    assert not limits.burst_only
