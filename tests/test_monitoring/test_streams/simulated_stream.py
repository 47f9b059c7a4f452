"""A simulated stream through a link of a rate that changes, as a media server would report it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import StreamSample

START = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Of constant bit rate; a key frame weighs as much as several others."""

    bitrate_bps: float = 2.5e6
    frame_rate_hz: float = 25.0
    keyframe_interval_s: float = 2.0
    keyframe_weight: float = 8.0
    size_scatter: float = 0.2
    first_media_s: float = 0.0
    clock_ppm: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """How it is polled and what it tells."""

    poll_s: float = 2.0
    poll_jitter_s: float = 0.3
    tells_connected: bool = True
    tells_media_time: bool = True
    tells_total: bool = True
    rate_window_s: float | None = None
    answer_delay_s: float = 0.0


def watch(
    stream: Stream,
    server: Server,
    link_bps: Callable[[float], float],
    duration_s: float,
    *,
    seed: int = 1,
    publisher_id: str = "7-1",
    limits: StreamLimits | None = None,
    configured_bps: float | None = None,
) -> Iterator[tuple[float, StreamHealth]]:
    """Yield seconds since the start and the health after each poll."""
    state, told = HealthState(), limits or StreamLimits()
    configured = stream.bitrate_bps if configured_bps is None else configured_bps
    for sample in samples(stream, server, link_bps, duration_s, seed, publisher_id):
        state, health = advance(
            state, sample, limits=told, configured_bps=configured, now=sample.at
        )
        # every tenth state goes through its written form, as over a restart
        if len(state.points) % 10 == 0:
            assert HealthState.from_dict(state.to_dict()).to_dict() == state.to_dict()
        yield (sample.at - START).total_seconds(), health


def samples(
    stream: Stream,
    server: Server,
    link_bps: Callable[[float], float],
    duration_s: float,
    seed: int = 1,
    publisher_id: str = "7-1",
) -> Iterator[StreamSample]:
    rng = random.Random(seed)
    step_s = 1.0 / stream.frame_rate_hz
    per_group = round(stream.keyframe_interval_s * stream.frame_rate_hz)
    group_weight = per_group - 1 + stream.keyframe_weight
    group_bytes = stream.bitrate_bps / 8.0 * stream.keyframe_interval_s
    waiting: deque[list[float]] = deque()  # media time, bytes not yet through
    credit = received = 0.0
    frames, media_s = 0, stream.first_media_s
    history: deque[tuple[float, float]] = deque()
    next_poll_s = rng.uniform(0.2, server.poll_s)
    for number in range(int(duration_s / step_s)):
        now_s = number * step_s
        weight = stream.keyframe_weight if number % per_group == 0 else 1.0
        scatter = rng.uniform(1.0 - stream.size_scatter, 1.0 + stream.size_scatter)
        stamp_s = stream.first_media_s + now_s * (1.0 - stream.clock_ppm * 1e-6)
        waiting.append([stamp_s, group_bytes * weight / group_weight * scatter])
        credit = min(credit, 0.0) if not waiting else credit
        credit += link_bps(now_s) / 8.0 * step_s
        while waiting and credit > 0.0:
            through = min(credit, waiting[0][1])
            credit -= through
            received += through
            waiting[0][1] -= through
            if waiting[0][1] <= 0.0:
                media_s = waiting.popleft()[0]
                frames += 1
        if not waiting:
            credit = 0.0
        if server.rate_window_s is not None:
            history.append((now_s, received))
        if now_s < next_poll_s:
            continue
        next_poll_s += server.poll_s + rng.uniform(-server.poll_jitter_s, server.poll_jitter_s)
        rate_bps = None
        if server.rate_window_s is not None and now_s > server.rate_window_s:
            # brought up to date once a window, as nginx-rtmp does
            closed_s = now_s // server.rate_window_s * server.rate_window_s
            at = {round(t, 3): total for t, total in history}
            begun_s = closed_s - server.rate_window_s
            times = sorted(at)
            close = at[min(times, key=lambda t: abs(t - closed_s))]
            begin = at[min(times, key=lambda t: abs(t - begun_s))]
            rate_bps = (close - begin) * 8.0 / server.rate_window_s
            while history and history[0][0] < begun_s - 1.0:
                history.popleft()
        delay_s = rng.uniform(0.0, server.answer_delay_s)
        yield StreamSample(
            at=START + timedelta(seconds=now_s + delay_s),
            collector="nginx_rtmp",
            publisher_id=publisher_id,
            connected_s=now_s if server.tells_connected else None,
            media_time_s=media_s if server.tells_media_time else None,
            received_bytes_total=int(received) if server.tells_total else None,
            received_bps=rate_bps,
        )
