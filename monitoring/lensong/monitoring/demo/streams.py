"""Streams of the synthetic province: simulated over a link, judged by the real rules."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from statistics import NormalDist

from lensong.monitoring.readiness.verdict import EvidenceUsed, Reason, State, Verdict, shown_percent
from lensong.monitoring.records import Session, StreamProfile
from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import StreamSample

__all__ = ["dips", "seen_of", "synthetic_verdict"]

_STEP_S = 2.0
_KEEP_EVERY = 5
"""One look of five is kept, as the service does."""


def dips(*slow: tuple[float, float, float]) -> Callable[[float], float]:
    """Return a link as a share of what the stream needs.

    Parameters
    ----------
    slow : tuples of float
        From when [s], for how long [s], and down to which share; otherwise there is plenty.
    """

    def link(at_s: float) -> float:
        return min((share for begin, length, share in slow if begin <= at_s < begin + length),
                   default=2.0)  # fmt: skip

    return link


def seen_of(
    starts_at: datetime, until: datetime, profile: StreamProfile, link: Callable[[float], float]
) -> Iterator[StreamHealth]:
    """Yield the health of a constant stream over a link, as it would have been kept."""
    state, limits = HealthState(), StreamLimits()
    configured_bps = profile.video_bps + profile.audio_bps
    waiting_bit = received_bit = 0.0
    last = ""
    for step in range(int((until - starts_at).total_seconds() / _STEP_S)):
        at_s = step * _STEP_S
        before_bit = waiting_bit
        waiting_bit = max(0.0, waiting_bit + (1.0 - link(at_s)) * configured_bps * _STEP_S)
        received_bit += configured_bps * _STEP_S - (waiting_bit - before_bit)
        sample = StreamSample(
            at=starts_at + timedelta(seconds=at_s),
            collector="ffmpeg",
            publisher_id="synthetic",
            connected_s=at_s,
            media_time_s=max(0.0, at_s - waiting_bit / configured_bps),
            received_bytes_total=int(received_bit / 8.0),
            frame_rate_hz=profile.frame_rate_hz,
        )
        state, health = advance(
            state, sample, limits=limits, configured_bps=configured_bps, now=sample.at
        )
        if step % _KEEP_EVERY == 0 or health.state != last:
            last = health.state
            yield health


def synthetic_verdict(
    session: Session, profile: StreamProfile, mean_log10_bps: float, sd_log10: float
) -> Verdict:
    """Return a verdict as it may have stood a quarter of an hour before a past session."""
    need = math.log10(profile.uplink_required_bps)
    probability = 1.0 - NormalDist(mean_log10_bps, sd_log10).cdf(need)
    state, code = (
        (State.READY, "rate_enough")
        if shown_percent(probability) >= 90
        else (State.NOT_READY, "rate_short")
        if shown_percent(probability) <= 50
        else (State.AT_RISK, "rate_unsure")
    )
    safe_bps = 10.0 ** NormalDist(mean_log10_bps, sd_log10).inv_cdf(0.1)
    return Verdict(
        site_id=session.site_id,
        profile_code=profile.code,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        judged_at=session.starts_at - timedelta(minutes=15),
        state=state,
        probability=probability,
        uplink_required_bps=profile.uplink_required_bps,
        uplink_safe_bps=safe_bps,
        predicted_log10_bps=mean_log10_bps,
        reasons=(
            Reason(
                code=code,
                severity={"rate_enough": "info", "rate_short": "error"}.get(code, "warning"),  # type: ignore[arg-type]  # one of three words
                values={
                    "required_mbps": profile.uplink_required_bps / 1e6,
                    "likeliest_mbps": 10.0**mean_log10_bps / 1e6,
                    "safe_mbps": safe_bps / 1e6,
                    "probability_percent": shown_percent(probability),
                    "ready_percent": 90,
                },
            ),
        ),
        evidence=(
            EvidenceUsed(
                kind="history",
                age_s=7_200.0,
                weight=1.0,
                values={"uplink_bps": 10.0**mean_log10_bps, "n": 12},
            ),
        ),
        model_version="synthetic",
    )
