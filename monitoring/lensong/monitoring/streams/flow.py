"""Whether media arrives at all: what lags keeps coming, what has ended does not."""

from __future__ import annotations

from dataclasses import replace

from lensong.monitoring.streams.health_state import Flow
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import StreamSample

__all__ = ["flow_after"]

_SHORTEST_LOOK_S = 0.5
_FLOWING_S_PER_S = 0.05
"""Media that advances by less, against the clock, is no stream but a last frame [s/s]."""
_STILL_S = 1.5
"""For how long nothing must have arrived [s]: a key frame of half a second takes no longer."""


def flow_after(flow: Flow, sample: StreamSample, lag_s: float | None, limits: StreamLimits) -> Flow:
    """Return whether media flows after one more look at its newest time stamp.

    Parameters
    ----------
    lag_s : float, optional
        Media lag at this look [s]; above the first limit, and made by the stillness alone, it is
        the sign that the stream has stopped.

    Notes
    -----
    It flows again once it has done so for two looks on end: encoders and servers that end a stream
    send one late frame, up to most of a minute after the last.
    """
    assert sample.media_time_s is not None
    at_s = sample.at.timestamp()
    if flow.seen_at_s is None or flow.media_s is None:
        return Flow(seen_at_s=at_s, media_s=sample.media_time_s, flowed_at_s=at_s)
    passed_s = at_s - flow.seen_at_s
    if passed_s < _SHORTEST_LOOK_S:
        return flow
    moves = sample.media_time_s - flow.media_s >= _FLOWING_S_PER_S * passed_s
    looks = min(2, flow.looks + 1) if moves else 0
    flow = replace(flow, seen_at_s=at_s, media_s=sample.media_time_s, looks=looks)
    if looks == 2:
        return replace(flow, flowed_at_s=at_s, stopped=False)
    assert flow.flowed_at_s is not None
    still_s = at_s - flow.flowed_at_s
    stops = (
        looks == 0
        and lag_s is not None
        and still_s >= _STILL_S
        and lag_s > limits.at_risk_lag_s
        and (lag_s - still_s < limits.at_risk_lag_s or still_s >= limits.ended_after_s)
    )
    return replace(flow, stopped=flow.stopped or stops)
