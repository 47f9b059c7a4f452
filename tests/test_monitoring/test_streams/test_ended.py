"""A stream that has ended is no stream that lags, whatever comes as its last frame."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import NotPublishing, StreamSample
from lensong.monitoring.streams.session_report import SessionReport, report_session

START = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
BPS = 2.5e6
ENDS_S = 301.0
"""When the encoder stops."""


def seen(
    gap_s: float, *, late_stamp: bool, until_s: float, look_s: float = 2.0
) -> list[tuple[float, StreamHealth]]:
    """Return what is told of a stream whose last frame comes ``gap_s`` after the one before."""
    state, told, t = HealthState(), [], 0.0
    while t <= until_s:
        at = START + timedelta(seconds=t)
        media_s, size = min(t, ENDS_S), min(t, ENDS_S) * BPS / 8.0
        if t >= ENDS_S + gap_s:
            media_s = ENDS_S + (gap_s if late_stamp else 0.04)
            size += 20_000.0
        sample = StreamSample(
            at=at, collector="x", publisher_id="1", connected_s=t, media_time_s=media_s,
            received_bytes_total=int(size),
        )  # fmt: skip
        state, health = advance(state, sample, limits=StreamLimits(), configured_bps=BPS, now=at)
        if len(state.points) % 3 == 0:
            state = HealthState.from_dict(state.to_dict())
        told.append((t, health))
        t += look_s
    at = START + timedelta(seconds=t)
    _, health = advance(
        state, NotPublishing(at=at), limits=StreamLimits(), configured_bps=BPS, now=at
    )
    return [*told, (t, health)]


def codes(health: StreamHealth) -> set[str]:
    return {reason.code for reason in health.reasons}


def report(told: list[tuple[float, StreamHealth]]) -> SessionReport:
    return report_session(
        (health for _, health in told),
        starts_at=START,
        ends_at=START + timedelta(seconds=told[-1][0] + 60.0),
        configured_bps=BPS,
    )


@pytest.mark.parametrize("gap_s", [2.0, 3.0, 5.0, 9.0, 14.0, 23.0, 38.0])
@pytest.mark.parametrize("late_stamp", [False, True])
@pytest.mark.parametrize("look_s", [1.0, 2.0])
def test_a_late_last_frame_is_no_lag(gap_s: float, late_stamp: bool, look_s: float) -> None:
    told = seen(gap_s, late_stamp=late_stamp, until_s=ENDS_S + gap_s + 5.0, look_s=look_s)
    after = [health for t, health in told if t > ENDS_S]
    for health in after:
        assert not codes(health) & {"lag", "lag_growing"}
        assert (health.lag_s or 0.0) <= 2.0
    assert after[-1].state == "down"
    if gap_s >= 5.0:
        assert "stopped" in {code for health in after for code in codes(health)}
    over = report(told)
    assert (over.held, over.held_strictly) == (True, True)
    assert over.freezes == over.outages == 0
    assert (over.lag_max_s or 0.0) <= 2.0
    assert over.on_air_until is not None
    # a frame that bears its own time, within a look or two, is the stream's
    last_s = gap_s if late_stamp and gap_s <= 3.0 else 0.0
    assert over.on_air_until <= START + timedelta(seconds=ENDS_S + last_s + 2.5)


def test_nothing_for_long_is_off_air_although_the_connection_is_open() -> None:
    told = seen(1_000.0, late_stamp=False, until_s=ENDS_S + 60.0)
    by_still = {t - ENDS_S: health for t, health in told if t > ENDS_S}
    states = {still_s: health.state for still_s, health in by_still.items()}
    assert all(state != "ok" for still_s, state in states.items() if still_s > 4.1)
    assert {state for still_s, state in states.items() if 5.0 < still_s < 19.0} == {"not_ok"}
    assert {state for still_s, state in states.items() if still_s > 22.0} == {"down"}
    ended = by_still[max(still_s for still_s in by_still if still_s < 60.0)]
    assert (ended.up, codes(ended)) == (False, {"ended"})


def test_a_stall_that_ends_is_a_freeze_and_not_the_end() -> None:
    state, told = HealthState(), []
    for t in range(0, 400, 2):
        at = START + timedelta(seconds=t)
        media_s = float(t) if t < 200 else max(200.0, t - 12.0)  # 12 s, and as late from then on
        sample = StreamSample(
            at=at, collector="x", publisher_id="1", connected_s=float(t), media_time_s=media_s,
            received_bytes_total=int(media_s * BPS / 8.0),
        )  # fmt: skip
        state, health = advance(state, sample, limits=StreamLimits(), configured_bps=BPS, now=at)
        told.append((float(t), health))
    by_second = dict(told)
    assert codes(by_second[206.0]) == {"stopped"}
    assert by_second[206.0].state == "not_ok"
    assert "lag" in codes(by_second[220.0])
    over = report(told)
    assert over.held is False
    assert over.freezes == 1
    assert over.frozen_s == pytest.approx(10.0, abs=2.1)  # what the encoder queues is no freeze
    assert over.lag_max_s == pytest.approx(12.0, abs=2.1)  # by looks 2 s apart


def test_a_slow_link_lags_and_has_not_stopped() -> None:
    state, told = HealthState(), []
    for t in range(0, 100, 2):
        at = START + timedelta(seconds=t)
        media_s = t if t < 60 else 60.0 + 0.1 * (t - 60)  # a tenth of the rate
        sample = StreamSample(
            at=at, collector="x", publisher_id="1", connected_s=float(t),
            media_time_s=float(media_s), received_bytes_total=int(media_s * BPS / 8.0),
        )  # fmt: skip
        state, health = advance(state, sample, limits=StreamLimits(), configured_bps=BPS, now=at)
        told.append(health)
    assert told[-1].state == "not_ok"
    assert {"lag", "starving"} <= codes(told[-1])
    assert all("stopped" not in codes(health) for health in told)
