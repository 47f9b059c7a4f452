"""The rules: which limits a stream breaks at this moment."""

from __future__ import annotations

from collections.abc import Iterator

from lensong.monitoring.streams.health_state import HealthState, Reason, State, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.pace import Stretch, step_rates, stretch
from lensong.monitoring.streams.sample import StreamSample
from lensong.monitoring.streams.window import Point, grows, rise, spanning

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
_UNCOUNTED_S = 15.0
"""A count of bytes that has never moved for so long is not kept by the server, or stands [s]."""
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
    still_s = _still_s(state, sample, lag_s, limits)
    if still_s is not None:  # what does not arrive at all is not late
        lag_s = None
    received_bps = _received_bps(sample, state)
    least_lag_s = _least_lag_s(state, sample)
    growth = grows(
        points,
        limits.at_risk_growth_s_per_s,
        limits.at_risk_growth_window_s,
        parts=2,
        least_lag_s=least_lag_s,
    )
    if lag_s is None or not state.flow.looks:  # what stands still does not fall behind by growing
        growth = None
    loss_ratio = _loss_ratio(state)
    reasons: list[Reason] = []
    if still_s is not None:
        reasons.append(_stopped(still_s, limits))
    else:
        moves = state.flow.looks > 0
        reasons += _lag_reasons(points, lag_s, growth, least_lag_s, limits, moves=moves)
        reasons += _rate_reasons(state, sample, received_bps, configured_bps, limits)
    reasons += _frame_reasons(state, sample, limits, still=still_s is not None)
    reasons += _srt_reasons(points, sample, loss_ratio, limits)
    reasons += _forward_reasons(points, sample, state)
    reasons += _view_reasons(sample, state)
    if len(state.reconnected_at) >= limits.reconnects:
        count = len(state.reconnected_at)
        minutes = limits.reconnects_window_s / 60.0
        reasons.append(_at_risk("reconnects", n=count, window_min=minutes))
    if not points:
        reasons.append(Reason(code="settling", severity="info"))
    told = _state(reasons)
    measured_hz = _rate(_stretch(state, "frames", _COUNT_WINDOW_S), "frames")
    frames = state.paces.get("frames")
    return StreamHealth(
        at=sample.at,
        state=told,
        since=sample.at,
        reasons=tuple(reasons),
        up=told != "down",
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
        # a counter that never moves, as that of SRS for SRT publishers, counts nothing
        frames_total=sample.frames_total if frames is not None and frames.moved else None,
        frames_dropped_total=sample.frames_dropped_total,
        reconnects_total=state.reconnects_total,
    )


def _state(reasons: list[Reason]) -> State:
    severities = {reason.severity for reason in reasons}
    told: tuple[State, ...] = ("down", "not_ok", "at_risk")
    return next((state for state in told if state in severities), "ok")


def _still_s(
    state: HealthState, sample: StreamSample, lag_s: float | None, limits: StreamLimits
) -> float | None:
    """Return for how long nothing has arrived [s], None while something does."""
    flow = state.flow
    if not flow.stopped or flow.flowed_at_s is None:
        return None
    still_s = sample.at.timestamp() - flow.flowed_at_s
    if lag_s is not None and lag_s - still_s < limits.at_risk_lag_s:
        still_s = max(still_s, lag_s)  # it stopped somewhat before the look that first saw it
    return still_s


def _stopped(still_s: float, limits: StreamLimits) -> Reason:
    if still_s >= limits.ended_after_s:
        return Reason(code="ended", severity="down", values={"interval_s": still_s})
    if still_s > limits.not_ok_lag_s:
        return _not_ok("stopped", interval_s=still_s)
    return _at_risk("stopped", interval_s=still_s)


def _view_reasons(sample: StreamSample, state: HealthState) -> Iterator[Reason]:
    """Yield what is known of parts of the media server that a look does not see."""
    if sample.view is not None and state.workers.count > 1:
        yield Reason(code="several_workers", severity="warning", values={"n": state.workers.count})


def _lag_reasons(
    points: tuple[Point, ...],
    lag_s: float | None,
    growth: float | None,
    least_lag_s: float,
    limits: StreamLimits,
    *,
    moves: bool,
) -> Iterator[Reason]:
    if lag_s is not None and lag_s > limits.not_ok_lag_s:
        yield _not_ok("lag", lag_s=lag_s, limit_s=limits.not_ok_lag_s)
    elif lag_s is not None and lag_s > limits.at_risk_lag_s:
        yield _at_risk("lag", lag_s=lag_s, limit_s=limits.at_risk_lag_s)
    if not moves:
        return
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
    state: HealthState,
    sample: StreamSample,
    received_bps: float | None,
    configured_bps: float | None,
    limits: StreamLimits,
) -> Iterator[Reason]:
    points, pace = state.points, state.paces.get("received_bytes")
    if not points:
        return
    if pace is not None and not pace.moved and sample.at.timestamp() - pace.since_s > _UNCOUNTED_S:
        yield Reason(code="bytes_not_counted", severity="warning")
    if not configured_bps or received_bps is None:
        return
    counted = pace is not None and pace.moved
    steps = step_rates(points, "received_bytes", pace, limits.starving_window_s)
    starving = limits.starving_ratio * configured_bps
    if steps and max(steps) * _BITS_PER_BYTE < starving:
        yield _not_ok("starving", received_bps=received_bps, configured_bps=configured_bps)
        return
    mean = _rate(_stretch(state, "received_bytes", limits.reduced_window_s), "received_bytes")
    mean_bps = None if mean is None else mean * _BITS_PER_BYTE
    if not counted and spanning(points, limits.reduced_window_s):
        mean_bps = sample.received_bps  # the server's own window is all there is
        if mean_bps is not None and mean_bps < starving:
            yield _not_ok("starving", received_bps=mean_bps, configured_bps=configured_bps)
            return
    if mean_bps is not None and mean_bps < limits.reduced_ratio * configured_bps:
        yield _at_risk("bitrate_reduced", received_bps=mean_bps, configured_bps=configured_bps)


def _frame_reasons(
    state: HealthState, sample: StreamSample, limits: StreamLimits, *, still: bool
) -> Iterator[Reason]:
    interval_s = sample.keyframe_interval_s
    if interval_s is not None and interval_s > limits.longest_keyframe_interval_s:
        yield Reason(
            code="keyframe_interval",
            severity="warning",
            values={"interval_s": interval_s, "limit_s": limits.longest_keyframe_interval_s},
        )
    broken = rise(state.points, lambda point: point.frames_in_error, _COUNT_WINDOW_S)
    if broken:
        yield Reason(code="frames_in_error", severity="warning", values={"n": broken})
    if still:
        return
    counted = _stretch(state, "frames", _COUNT_WINDOW_S)
    frames, dropped = _risen(counted, "frames"), _risen(counted, "frames_dropped")
    if frames and dropped and dropped / frames > limits.frames_dropped_ratio:
        yield _at_risk("frames_dropped", dropped_ratio=min(1.0, dropped / frames))
    rate_hz, wanted_hz = _rate(counted, "frames"), limits.frame_rate_hz
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
    """Yield what is known of the ways to the media server and from it to the platforms."""
    if not points:
        return
    missing = 0 if sample.forwards is None else state.forwards_most - sample.forwards
    if missing > 0:
        yield _not_ok("forward_gone", n=missing, all=state.forwards_most)
    elif sample.forwards:
        yield Reason(code="forwarded", severity="info", values={"n": sample.forwards})
    dropped = rise(points, lambda point: point.forward_frames_dropped, _COUNT_WINDOW_S)
    if dropped and dropped > 0:
        yield _at_risk("forward_dropping", n=dropped)
    if sample.links is not None and sample.links < state.links_most:
        yield Reason(
            code="links_gone",
            severity="warning",
            values={"n": state.links_most - sample.links, "all": state.links_most},
        )


def _stretch(state: HealthState, name: str, window_s: float) -> Stretch | None:
    return stretch(state.points, name, state.paces.get(name), window_s)


def _risen(told: Stretch | None, name: str) -> int | None:
    """Return how far a counter rose over a stretch, which may be another counter's."""
    if told is None:
        return None
    first, last = getattr(told.first, name), getattr(told.last, name)
    return None if first is None or last is None else max(0, last - first)


def _rate(told: Stretch | None, name: str) -> float | None:
    risen = _risen(told, name)
    return None if told is None or risen is None else risen / told.duration_s


def _received_bps(sample: StreamSample, state: HealthState) -> float | None:
    rate = _rate(_stretch(state, "received_bytes", _RATE_WINDOW_S), "received_bytes")
    return sample.received_bps if rate is None else rate * _BITS_PER_BYTE


def _loss_ratio(state: HealthState) -> float | None:
    """Return the share of packets that were missing at first."""
    counted = _stretch(state, "packets", _COUNT_WINDOW_S)
    received, lost = _risen(counted, "packets"), _risen(counted, "packets_lost")
    if received is None or lost is None or received < _FEWEST_PACKETS:
        return None
    return min(1.0, lost / received)


def _at_risk(code: str, **values: float) -> Reason:
    return Reason(code=code, severity="at_risk", values=values)


def _not_ok(code: str, **values: float) -> Reason:
    return Reason(code=code, severity="not_ok", values=values)
