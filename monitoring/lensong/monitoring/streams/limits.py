"""Limits of a stream's health, with the defaults that an installation starts from."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from lensong.monitoring.records import StreamProfile
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["StreamLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """From where on a stream is at risk, and from where on it is not all right.

    Parameters
    ----------
    at_risk_lag_s, not_ok_lag_s : float
        Media lag [s].
    not_ok_growth_s_per_s, not_ok_growth_window_s : float
        Lag that grows faster than the first throughout the second [s/s, s].
    at_risk_growth_s_per_s, at_risk_growth_window_s : float
        Likewise for the early sign: it shows a link that carries a few per cent too little long
        before the lag itself is large.
    starving_ratio, starving_window_s : float
        Received below this share of what was configured throughout the window.
    reduced_ratio, reduced_window_s : float
        Likewise for encoders that lower their bit rate instead of lagging. 0 switches the rule
        off, for encoders of variable rate.
    reconnects, reconnects_window_s : int, float
        So many new connections within the window [s].
    longest_keyframe_interval_s : float
        A warning above it [s].
    frame_rate_hz, frame_rate_ratio : float
        What the encoder is set to [Hz], None where that is not known, and the share of it below
        which too few frames arrive.
    frames_dropped_ratio : float
        Share of frames that the encoder had to drop.
    srt_latency_ms : float, optional
        That the sender is set to [ms]; what the receiver reports goes before it.
    rtt_per_latency : float
        SRT can ask again for a lost packet about ``latency / RTT`` times.
    not_ok_loss_ratio : float
        SRT: share of packets that are missing at first.
    settling_s : float
        After a connection is made nothing is judged for this long [s].
    recovery_s : float
        A better state must hold for this long before it is told [s].
    unknown_after_s : float
        Without an answer for this long the state is unknown [s].
    ended_after_s : float
        A connection on which nothing has arrived for this long has no stream any more [s].

    References
    ----------
    .. [1] Haivision, "SRT Deployment Guide": latency of 3 to 4 times the round trip.
    .. [2] Meta, "Live Video API": key frames every 2 s, at most every 4 s.
    .. [3] Amazon IVS, "Monitoring Amazon IVS Low-Latency Streaming": the starving state.
    """

    at_risk_lag_s: float = 2.0
    not_ok_lag_s: float = 4.0
    not_ok_growth_s_per_s: float = 0.1
    not_ok_growth_window_s: float = 10.0
    at_risk_growth_s_per_s: float = 0.03
    at_risk_growth_window_s: float = 6.0
    starving_ratio: float = 0.5
    starving_window_s: float = 5.0
    reduced_ratio: float = 0.7
    reduced_window_s: float = 6.0
    reconnects: int = 2
    reconnects_window_s: float = 300.0
    longest_keyframe_interval_s: float = 4.0
    frame_rate_hz: float | None = None
    frame_rate_ratio: float = 0.8
    frames_dropped_ratio: float = 0.05
    srt_latency_ms: float | None = None
    rtt_per_latency: float = 4.0
    not_ok_loss_ratio: float = 0.10
    settling_s: float = 3.0
    recovery_s: float = 6.0
    unknown_after_s: float = 7.0
    ended_after_s: float = 20.0

    @classmethod
    def of(cls, profile: StreamProfile) -> StreamLimits:
        """Return the limits that go with what a profile counts as held.

        At risk from where the audience begins to see it, the lag above what the encoder queues;
        not all right once that freeze is longer than what every session bears. New connections
        are at risk when those of an hour are used up.
        """
        tolerance = profile.tolerance
        return cls(
            at_risk_lag_s=tolerance.encoder_queue_s,
            not_ok_lag_s=tolerance.encoder_queue_s
            + min(tolerance.most_frozen_s, tolerance.longest_freeze_s),
            reconnects=max(int(tolerance.reconnects_an_hour), 1),
            reconnects_window_s=3_600.0,
            srt_latency_ms=profile.srt_latency_ms,
            frame_rate_hz=profile.frame_rate_hz,
        )

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.default is None:
                continue
            high = 1.0 if field.name.endswith("_ratio") else 86_400.0
            if not (math.isfinite(value) and 0.0 <= value <= high):
                raise OutOfRangeError(field.name, value, 0.0, high, hint="a limit of streams")
        if self.not_ok_lag_s < self.at_risk_lag_s:
            raise InvalidInputError(
                f"not_ok_lag_s is {self.not_ok_lag_s} and at_risk_lag_s {self.at_risk_lag_s}, "
                "wanted the first to be at least the second"
            )
        for name in ("not_ok_growth_window_s", "starving_window_s", "reduced_window_s"):
            if getattr(self, name) > 15.0:
                raise OutOfRangeError(name, getattr(self, name), 0.0, 15.0, hint="what is kept")
