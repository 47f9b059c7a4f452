"""The rules: which limits a stream breaks at this moment."""

from __future__ import annotations

from collections.abc import Iterator

from lensong.monitoring.streams.health_state import HealthState, Reason, State, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import StreamSample
from lensong.monitoring.streams.window import (
    Point,
    grows,
    interval_rates,
    mean_rate,
    rise,
    spanning,
)

__all__ = ["judge"]

_COUNT_WINDOW_S = 10.0
"""Over which frames and packets are counted [s]."""
_RATE_WINDOW_S = 5.0
"""Over which the received rate is told [s]: two groups of pictures of the usual 2 s."""
_ROUND_TRIP_WINDOW_S = 5.0
_FEWEST_PACKETS = 50
_LEAST_GROWN_S = 0.3
_SWING_MARGIN = 1.5
_LEARNING_S = 120.0
_UNKNOWN_SWING_S = 0.8
"""Swing reckoned with in the first two minutes of a connection, when it is not known [s]."""
_BITS_PER_BYTE = 8


def judge(
    sample: StreamSample,
    state: HealthState,
    *,
    lag_s: float | None,
    limits: StreamLimits,
    configured_bps: float | None,
) -> StreamHealth:
    """Return the health that the kept points and this sample show, whatever was told before."""
    points = state.points
    received_bps = _received_bps(sample, points)
    least_lag_s = _least_lag_s(state, sample)
    growth = grows(
        points,
        limits.at_risk_growth_s_per_s,
        limits.at_risk_growth_window_s,
        parts=2,
        least_lag_s=least_lag_s,
    )
    loss_ratio = _loss_ratio(points)
    reasons = [
        *_lag_reasons(points, lag_s, growth, least_lag_s, limits),
        *_rate_reasons(points, sample, received_bps, configured_bps, limits),
        *_frame_reasons(points, sample, limits),
        *_srt_reasons(points, sample, loss_ratio, limits),
        *_forward_reasons(points, sample, state),
    ]
    if len(state.reconnected_at) >= limits.reconnects:
        count = len(state.reconnected_at)
        minutes = limits.reconnects_window_s / 60.0
        reasons.append(_at_risk("reconnects", n=count, window_min=minutes))
    if not points:
        reasons.append(Reason(code="settling", severity="info"))
    severities = {reason.severity for reason in reasons}
    told: State = (
        "not_ok" if "not_ok" in severities else "at_risk" if "at_risk" in severities else "ok"
    )
    measured_hz = mean_rate(points, lambda point: point.frames, _COUNT_WINDOW_S)
    return StreamHealth(
        at=sample.at,
        state=told,
        since=sample.at,
        reasons=tuple(reasons),
        up=True,
        publisher_since=state.publisher_since,
        configured_bps=configured_bps,
        lag_s=lag_s,
        lag_growth_s_per_s=growth,
        received_bps=received_bps,
        frame_rate_hz=measured_hz if measured_hz is not None else sample.frame_rate_hz,
        keyframe_interval_s=sample.keyframe_interval_s,
        rtt_ms=sample.rtt_ms,
        loss_ratio=loss_ratio,
        received_bytes_total=sample.received_bytes_total,
        video_bytes_total=sample.video_bytes_total,
        audio_bytes_total=sample.audio_bytes_total,
        frames_total=sample.frames_total,
        frames_dropped_total=sample.frames_dropped_total,
        reconnects_total=state.reconnects_total,
    )


def _lag_reasons(
    points: tuple[Point, ...],
    lag_s: float | None,
    growth: float | None,
    least_lag_s: float,
    limits: StreamLimits,
) -> Iterator[Reason]:
    if lag_s is not None and lag_s > limits.not_ok_lag_s:
        yield _not_ok("lag", lag_s=lag_s, limit_s=limits.not_ok_lag_s)
    elif lag_s is not None and lag_s > limits.at_risk_lag_s:
        yield _at_risk("lag", lag_s=lag_s, limit_s=limits.at_risk_lag_s)
    fast = grows(
        points,
        limits.not_ok_growth_s_per_s,
        limits.not_ok_growth_window_s,
        parts=3,
        least_lag_s=least_lag_s,
    )
    if fast is not None:
        yield _not_ok("lag_growing", growth_s_per_s=fast, lag_s=lag_s or 0.0)
    elif growth is not None:
        yield _at_risk("lag_growing", growth_s_per_s=growth, lag_s=lag_s or 0.0)


def _least_lag_s(state: HealthState, sample: StreamSample) -> float:
    """Return the lag below which growth may still be swing [s].

    While a key frame of half a second is on its way the server's newest time stamp stands still,
    and looks that come a little later in each group of pictures see a lag that seems to grow.
    """
    least_s = max(_LEAST_GROWN_S, _SWING_MARGIN * state.swing_s + 0.1)
    began = state.publisher_since
    if began is None or (sample.at - began).total_seconds() < _LEARNING_S:
        return max(least_s, _UNKNOWN_SWING_S)
    return least_s


def _rate_reasons(
    points: tuple[Point, ...],
    sample: StreamSample,
    received_bps: float | None,
    configured_bps: float | None,
    limits: StreamLimits,
) -> Iterator[Reason]:
    if not configured_bps or received_bps is None or not points:
        return
    counted = any(point.received_bytes is not None for point in points)
    steps = interval_rates(points, lambda point: point.received_bytes, limits.starving_window_s)
    starving = limits.starving_ratio * configured_bps
    if steps and max(steps) * _BITS_PER_BYTE < starving:
        yield _not_ok("starving", received_bps=received_bps, configured_bps=configured_bps)
        return
    mean = mean_rate(points, lambda point: point.received_bytes, limits.reduced_window_s)
    mean_bps = None if mean is None else mean * _BITS_PER_BYTE
    if not counted and spanning(points, limits.reduced_window_s):
        mean_bps = sample.received_bps  # the server's own window is all there is
        if mean_bps is not None and mean_bps < starving:
            yield _not_ok("starving", received_bps=mean_bps, configured_bps=configured_bps)
            return
    if mean_bps is not None and mean_bps < limits.reduced_ratio * configured_bps:
        yield _at_risk("bitrate_reduced", received_bps=mean_bps, configured_bps=configured_bps)


def _frame_reasons(
    points: tuple[Point, ...], sample: StreamSample, limits: StreamLimits
) -> Iterator[Reason]:
    interval_s = sample.keyframe_interval_s
    if interval_s is not None and interval_s > limits.longest_keyframe_interval_s:
        yield Reason(
            code="keyframe_interval",
            severity="warning",
            values={"interval_s": interval_s, "limit_s": limits.longest_keyframe_interval_s},
        )
    frames = rise(points, lambda point: point.frames, _COUNT_WINDOW_S)
    dropped = rise(points, lambda point: point.frames_dropped, _COUNT_WINDOW_S)
    if frames and dropped and dropped / frames > limits.frames_dropped_ratio:
        yield _at_risk("frames_dropped", dropped_ratio=min(1.0, dropped / frames))
    rate_hz = mean_rate(points, lambda point: point.frames, _COUNT_WINDOW_S)
    wanted_hz = limits.frame_rate_hz
    if rate_hz is not None and wanted_hz and rate_hz < limits.frame_rate_ratio * wanted_hz:
        yield _at_risk("frame_rate_low", frame_rate_hz=rate_hz, configured_hz=wanted_hz)


def _srt_reasons(
    points: tuple[Point, ...],
    sample: StreamSample,
    loss_ratio: float | None,
    limits: StreamLimits,
) -> Iterator[Reason]:
    if loss_ratio is not None and loss_ratio > limits.not_ok_loss_ratio:
        yield _not_ok("srt_loss", loss_ratio=loss_ratio, limit_ratio=limits.not_ok_loss_ratio)
    dropped = rise(points, lambda point: point.packets_dropped, _COUNT_WINDOW_S)
    if dropped:
        yield _at_risk("srt_dropped", n=dropped)
    latency_ms = sample.srt_latency_ms or limits.srt_latency_ms
    recent = [point.rtt_ms for point in spanning(points, _ROUND_TRIP_WINDOW_S)]
    trips = [rtt_ms for rtt_ms in recent if rtt_ms is not None]
    if latency_ms and trips and limits.rtt_per_latency * min(trips) > latency_ms:
        yield _at_risk("srt_latency_short", rtt_ms=min(trips), latency_ms=latency_ms)


def _forward_reasons(
    points: tuple[Point, ...], sample: StreamSample, state: HealthState
) -> Iterator[Reason]:
    """Yield what is known of the way from the media server to the platforms."""
    if sample.forwards is None or not points:
        return
    missing = state.forwards_most - sample.forwards
    if missing > 0:
        yield _not_ok("forward_gone", n=missing, all=state.forwards_most)
    elif sample.forwards:
        yield Reason(code="forwarded", severity="info", values={"n": sample.forwards})
    dropped = rise(points, lambda point: point.forward_frames_dropped, _COUNT_WINDOW_S)
    if dropped and dropped > 0:
        yield _at_risk("forward_dropping", n=dropped)


def _received_bps(sample: StreamSample, points: tuple[Point, ...]) -> float | None:
    rate = mean_rate(points, lambda point: point.received_bytes, _RATE_WINDOW_S)
    return sample.received_bps if rate is None else rate * _BITS_PER_BYTE


def _loss_ratio(points: tuple[Point, ...]) -> float | None:
    """Return the share of packets that were missing at first."""
    received = rise(points, lambda point: point.packets, _COUNT_WINDOW_S)
    lost = rise(points, lambda point: point.packets_lost, _COUNT_WINDOW_S)
    if received is None or lost is None or received < _FEWEST_PACKETS:
        return None
    return min(1.0, lost / received)


def _at_risk(code: str, **values: float) -> Reason:
    return Reason(code=code, severity="at_risk", values=values)


def _not_ok(code: str, **values: float) -> Reason:
    return Reason(code=code, severity="not_ok", values=values)
