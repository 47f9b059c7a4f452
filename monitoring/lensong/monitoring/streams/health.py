"""Health of a stream, step by step: what was known, and one more look at it.

The main figure is the *media lag*: wall clock minus the time stamp of the newest media that has
arrived. An encoder of constant bit rate behind a link that carries less must fall behind, and the
server sees it without any help from the phone. Time stamps need not begin at 0, so the least
difference since the connection was made stands for no lag. Encoders that lower their bit rate
instead are seen by what is received against what was configured, and SRT, which drops late
packets, by its own counters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from lensong.monitoring.streams.flow import flow_after
from lensong.monitoring.streams.health_state import (
    Flow,
    HealthState,
    Reason,
    State,
    StreamHealth,
)
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.pace import paces_with
from lensong.monitoring.streams.rules import judge
from lensong.monitoring.streams.sample import (
    CollectorFailure,
    NotPublishing,
    Observation,
    StreamSample,
)
from lensong.monitoring.streams.tally import with_totals
from lensong.monitoring.streams.window import Point, kept

__all__ = ["advance"]

_RANK: dict[State, int] = {"ok": 0, "at_risk": 1, "not_ok": 2}

_CLOCK_DRIFT = 1e-4
"""By which the clock of a phone may be slow against ours: crystal oscillators of consumer goods are
specified for 100 parts per million at worst. Without it a stream of a day seems to lag."""

_TIMELINE_BREAK_S = 1.0
"""Media time that goes back by more is a new timeline, not late media [s]."""

_START_MOVED_S = 5.0
"""A connection whose reported start moves forward by more is another one [s]."""

_SWING_HALF_LIFE_S = 600.0
_SWING_AGE_S = 8.0
"""Newer lags than this may be the growth that is looked for, and do not count as swing [s]."""


def advance(
    state: HealthState,
    observation: Observation,
    *,
    limits: StreamLimits,
    configured_bps: float | None,
    now: datetime,
) -> tuple[HealthState, StreamHealth]:
    """Return what to remember of a stream and its health after one more look at it.

    Parameters
    ----------
    observation : StreamSample, NotPublishing or CollectorFailure
        Samples that are not newer than the last one change nothing.
    configured_bps : float, optional
        What the encoder is set to, video and audio [bit/s]; None where that is not known.
    now : datetime
        When this is judged; with a failure it tells how old the last answer is.

    Notes
    -----
    ========= =====================================================================================
    not ok    lag above 4 s, or growing by more than 0.1 s/s for 10 s; nothing arrives for 4 s;
              received below half of what was configured for 5 s; SRT: more than 10 % of packets
              missing at first; a platform that the media server passed the stream on to is not
              reached any more
    at risk   lag above 2 s, or growing by more than 0.03 s/s for 6 s; received below 0.7 of what
              was configured for 6 s; two new connections in 5 min; encoder, or the media server on
              the way to a platform, drops frames; SRT: packets lost for good, or a round trip above
              a quarter of the latency
    down      the media server says that nobody publishes; nothing has arrived for 20 s
    unknown   no answer for 7 s, or none that shows all the server's streams
    ========= =====================================================================================

    The figures are `StreamLimits`. Rates are told by counters that move, from one change to another
    (`streams.pace`). Media that is late keeps coming; where none comes at all, but for one late
    frame, the stream has stopped and does not lag (`streams.flow`). A better state is told once it
    has held for 6 s.
    """
    if isinstance(observation, CollectorFailure):
        return _without_answer(
            state, now, limits, code="collector_failed", values={"code": observation.code}
        )
    state = _with_workers(state, observation)
    if isinstance(observation, NotPublishing):
        doubt = None if observation.view is None else state.workers.doubt(observation.view)
        if doubt is not None:
            values = {"n": state.workers.count} if doubt == "several_workers" else {}
            return _without_answer(state, now, limits, code=f"unseen_{doubt}", values=values)
        return _after_absence(state, observation, configured_bps)
    if state.points and observation.at.timestamp() <= state.points[-1].at_s and state.last:
        return state, state.last
    state = _with_connection(state, observation, limits)
    state, observation = with_totals(state, observation)
    state, lag_s = _with_lag(state, observation, limits)
    state = _with_point(state, observation, lag_s, limits)
    health = judge(observation, state, lag_s=lag_s, limits=limits, configured_bps=configured_bps)
    return _settled(state, health, limits)


def _with_workers(state: HealthState, observation: StreamSample | NotPublishing) -> HealthState:
    if observation.view is None:
        return state
    seen_in = observation.worker if isinstance(observation, StreamSample) else None
    at_s = observation.at.timestamp()
    return replace(state, workers=state.workers.after(observation.view, at_s, seen_in))


def _with_connection(state: HealthState, sample: StreamSample, limits: StreamLimits) -> HealthState:
    window = timedelta(seconds=limits.reconnects_window_s)
    recent = tuple(at for at in state.reconnected_at if sample.at - at < window)
    if not _is_new_connection(state, sample):
        return replace(
            state, reconnected_at=recent, gone=False, publisher_id=sample.publisher_id,
            answered_at=sample.at,
        )  # fmt: skip
    first = state.publisher_since is None
    age = timedelta(seconds=sample.connected_s or 0.0)
    return replace(
        state,
        publisher_id=sample.publisher_id,
        publisher_since=sample.at - age,
        gone=False,
        reference_s=None,
        last_offset_s=None,
        last_media_time_s=None,
        swing_s=0.0,
        points=(),
        paces={},
        flow=Flow(),
        tally=None,
        links_most=0,
        reconnected_at=recent if first else (*recent, sample.at)[-20:],
        reconnects_total=state.reconnects_total + (not first),
        answered_at=sample.at,
    )


def _is_new_connection(state: HealthState, sample: StreamSample) -> bool:
    if state.publisher_since is None:
        return True
    if state.publisher_id is not None and sample.publisher_id is not None:
        if state.publisher_id == sample.publisher_id:
            return False
        return not _is_played_on(state, sample)
    if state.gone:
        return True
    if sample.connected_s is not None:
        began = sample.at - timedelta(seconds=sample.connected_s)
        return began - state.publisher_since > timedelta(seconds=_START_MOVED_S)
    last = state.points[-1].received_bytes if state.points else None
    return last is not None and (sample.received_bytes_total or last) < last


def _is_played_on(state: HealthState, sample: StreamSample) -> bool:
    """Return whether another worker shows the same stream, which the workers play to each other."""
    assert state.publisher_id is not None
    if sample.worker is None or state.publisher_id.startswith(f"{sample.worker}-"):
        return False
    if sample.connected_s is None or state.publisher_since is None or state.gone:
        return False
    began = sample.at - timedelta(seconds=sample.connected_s)
    return began - state.publisher_since <= timedelta(seconds=_START_MOVED_S)


def _is_settling(state: HealthState, sample: StreamSample, limits: StreamLimits) -> bool:
    age_s = sample.connected_s
    if age_s is None and state.publisher_since is not None:
        age_s = (sample.at - state.publisher_since).total_seconds()
    return (age_s or 0.0) < limits.settling_s


def _with_lag(
    state: HealthState, sample: StreamSample, limits: StreamLimits
) -> tuple[HealthState, float | None]:
    """Return the state with the reference of no lag brought up to date, and the lag [s]."""
    if sample.media_time_s is None:
        return state, None
    if _is_settling(state, sample, limits):
        return replace(state, flow=Flow()), None
    by_server = sample.connected_s is not None
    wall_s = sample.connected_s if sample.connected_s is not None else sample.at.timestamp()
    offset_s = wall_s - sample.media_time_s
    back = (
        state.last_media_time_s is not None
        and sample.media_time_s < state.last_media_time_s - _TIMELINE_BREAK_S
    )
    state = replace(state, last_media_time_s=sample.media_time_s)
    if state.last_offset_s is None or back or by_server != state.wall_is_servers:
        return replace(
            state,
            reference_s=None,
            last_offset_s=offset_s,
            wall_is_servers=by_server,
            flow=flow_after(Flow(), sample, None, limits),
        ), None
    # one reading that runs ahead, as after a wild time stamp, must not become the reference
    steady_s = max(offset_s, state.last_offset_s)
    reference_s = state.reference_s
    if reference_s is None:
        reference_s = steady_s
    else:
        passed_s = sample.at.timestamp() - state.points[-1].at_s if state.points else 0.0
        reference_s = min(reference_s + _CLOCK_DRIFT * passed_s, steady_s)
    lag_s = max(0.0, offset_s - reference_s)
    flow = flow_after(state.flow, sample, lag_s, limits)
    return replace(state, reference_s=reference_s, last_offset_s=offset_s, flow=flow), lag_s


def _with_point(
    state: HealthState, sample: StreamSample, lag_s: float | None, limits: StreamLimits
) -> HealthState:
    if _is_settling(state, sample, limits):
        return state
    newest = Point(
        at_s=sample.at.timestamp(),
        lag_s=lag_s,
        received_bytes=_received_bytes(sample),
        frames=sample.frames_total,
        frames_dropped=sample.frames_dropped_total,
        packets=sample.packets_received_total,
        packets_lost=sample.packets_lost_total,
        packets_dropped=sample.packets_dropped_total,
        rtt_ms=sample.rtt_ms,
        forward_frames_dropped=sample.forward_frames_dropped_total,
        frames_in_error=sample.frames_in_error_total,
    )
    points = kept(state.points, newest)
    settled = [
        point.lag_s
        for point in points
        if point.lag_s is not None and points[-1].at_s - point.at_s >= _SWING_AGE_S
    ]
    passed_s = points[-1].at_s - state.points[-1].at_s if state.points else 0.0
    swing_s = max([state.swing_s * 0.5 ** (passed_s / _SWING_HALF_LIFE_S), *settled])
    return replace(
        state,
        points=points,
        paces=paces_with(state.paces, newest),
        swing_s=min(swing_s, limits.at_risk_lag_s),
        forwards_most=max(state.forwards_most, sample.forwards or 0),
        links_most=max(state.links_most, sample.links or 0),
    )


def _received_bytes(sample: StreamSample) -> int | None:
    if sample.received_bytes_total is not None:
        return sample.received_bytes_total
    if sample.video_bytes_total is not None:
        return sample.video_bytes_total + (sample.audio_bytes_total or 0)
    return None


def _without_answer(
    state: HealthState,
    now: datetime,
    limits: StreamLimits,
    *,
    code: str,
    values: Mapping[str, float | str],
) -> tuple[HealthState, StreamHealth]:
    """Return the state while nothing is known: the last one for some seconds, then ``unknown``."""
    last, answered_at = state.last, state.answered_at
    reasons = (Reason(code=code, severity="unknown", values=values),)
    if last is not None and answered_at is not None:
        if last.state == "unknown":
            health = replace(last, at=now, reasons=reasons)
            return replace(state, last=health), health
        if now - answered_at < timedelta(seconds=limits.unknown_after_s):
            return state, replace(last, at=now)
    since = last.since if last is not None and last.state == "unknown" else now
    health = StreamHealth(
        at=now,
        state="unknown",
        since=since,
        reasons=reasons,
        reconnects_total=state.reconnects_total,
    )
    return replace(state, last=health, better_since=None), health


def _after_absence(
    state: HealthState, absence: NotPublishing, configured_bps: float | None
) -> tuple[HealthState, StreamHealth]:
    last = state.last
    since = last.since if last is not None and last.state == "down" else absence.at
    health = StreamHealth(
        at=absence.at,
        state="down",
        since=since,
        reasons=(Reason(code="not_publishing", severity="down"),),
        up=False,
        configured_bps=configured_bps,
        reconnects_total=state.reconnects_total,
    )
    state = replace(
        state,
        gone=True,
        points=(),
        paces={},
        flow=Flow(),
        answered_at=absence.at,
        better_since=None,
        last=health,
    )
    return state, health


def _settled(
    state: HealthState, health: StreamHealth, limits: StreamLimits
) -> tuple[HealthState, StreamHealth]:
    """Return the health with a better state held back until it has lasted."""
    last, better_since = state.last, None
    if last is not None and last.state == health.state:
        health = replace(health, since=last.since)
    elif last is not None and _RANK.get(last.state, -1) > _RANK.get(health.state, 3):
        better_since = state.better_since or health.at
        if (health.at - better_since).total_seconds() < limits.recovery_s:
            recovering = Reason(code="recovering", severity="info")
            health = replace(
                health, state=last.state, since=last.since, reasons=(recovering, *health.reasons)
            )
        else:
            better_since = None
    return replace(state, better_since=better_since, last=health), health
