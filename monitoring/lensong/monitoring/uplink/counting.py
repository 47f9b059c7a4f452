"""What an upload amounts to: from bytes that arrived over time to the figures of a test.

Only what the receiver saw enters. A sender's own count is wrong by what waits in its buffers:
by half and more on a slow link.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lensong.propagation.errors import InvalidInputError, ProbeError

__all__ = [
    "BURST_RATIO",
    "LEAST_BINS",
    "NO_ROUND_TRIPS",
    "WARM_UP_S",
    "RoundTrips",
    "UplinkResult",
    "count_uplink",
]

WARM_UP_S = 3
"""Slow start and an operator's token bucket fall into these seconds, which are not counted."""

BIN_S = 1
"""An encoder's rate control works on about this scale."""

LEAST_BINS = 20
"""Fewer seconds say too little about the lowest tenth of them."""

BURST_RATIO = 1.5
"""First seconds that are this much faster than the last ones were a burst."""

BURST_TAIL_S = 10

RATE_LIMITED_RATIO = 0.97
"""A client that paces itself reaches its pace this closely when the link would carry more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrips:
    """Round trips of small messages beside the upload, in the order they were sent.

    Parameters
    ----------
    idle_ms, loaded_ms : tuple of float
        Answered before the upload, and during it [ms].
    waiting_ms : tuple of float
        Ages of those that were unanswered when the upload ended [ms].
    """

    idle_ms: tuple[float, ...] = ()
    loaded_ms: tuple[float, ...] = ()
    waiting_ms: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("idle_ms", "loaded_ms", "waiting_ms"):
            if any(not value >= 0.0 for value in getattr(self, name)):
                raise InvalidInputError(f"{name} has a value below 0 or NaN, wanted round trips")

    @property
    def rtt_idle_ms(self) -> float | None:
        """Return the median before the upload [ms], None without any."""
        return statistics.median(self.idle_ms) if self.idle_ms else None

    @property
    def rtt_loaded_ms(self) -> float | None:
        """Return the median during the upload [ms], None without any.

        Notes
        -----
        A message that was never answered took at least its age. Left out, the slowest would be
        missing; so those that waited longer than the median of the answered count with their age.
        """
        if not self.loaded_ms:
            return None
        middle = statistics.median(self.loaded_ms)
        late = [age for age in self.waiting_ms if age > middle]
        return statistics.median([*self.loaded_ms, *late])

    @property
    def jitter_ms(self) -> float | None:
        """Return the mean absolute difference of consecutive loaded round trips [ms]."""
        if len(self.loaded_ms) < 2:
            return None
        pairs = zip(self.loaded_ms, self.loaded_ms[1:], strict=False)
        return statistics.fmean(abs(after - before) for before, after in pairs)


NO_ROUND_TRIPS = RoundTrips()


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkResult:
    """The figures of an upload.

    Parameters
    ----------
    uplink_bins_bps : tuple of float
        Received in each whole second after the first 3 s [bit/s].
    uplink_p10_bps, uplink_p50_bps, uplink_min_bps, uplink_mean_bps : float
        Of the bins; percentiles are interpolated linearly [bit/s].
    duration_s, received_bytes : float, int
        From the first byte to the end, the first 3 s included.
    burst_only : bool
        The first 3 s were more than `BURST_RATIO` times as fast as the last 10 s.
    rate_limited : bool
        The sender kept to an agreed rate: the link carries at least this much.
    rtt_idle_ms, rtt_loaded_ms, jitter_ms : float, optional
        As of `RoundTrips` [ms].
    loss_ratio : float, optional
        0..1; None here, for a receiver of TCP cannot see what was lost.
    tcp_rtt_ms, tcp_min_rtt_ms, tcp_out_of_order_ratio : float, optional
        Out of the receiver's TCP_INFO; the last is the share of data segments that came out of
        order, a sign of loss, not its size.
    """

    uplink_bins_bps: tuple[float, ...]
    uplink_p10_bps: float
    uplink_p50_bps: float
    uplink_min_bps: float
    uplink_mean_bps: float
    duration_s: float
    received_bytes: int
    burst_only: bool
    rate_limited: bool = False
    rtt_idle_ms: float | None = None
    rtt_loaded_ms: float | None = None
    jitter_ms: float | None = None
    loss_ratio: float | None = None
    tcp_rtt_ms: float | None = None
    tcp_min_rtt_ms: float | None = None
    tcp_out_of_order_ratio: float | None = None
    counted_by: Literal["server"] = "server"

    @property
    def sustained(self) -> bool:
        """Return whether enough seconds were counted to judge a session by."""
        return len(self.uplink_bins_bps) >= LEAST_BINS


def count_uplink(
    arrivals: Sequence[tuple[float, int]],
    *,
    round_trips: RoundTrips = NO_ROUND_TRIPS,
    max_rate_bps: float | None = None,
    tcp_rtt_ms: float | None = None,
    tcp_min_rtt_ms: float | None = None,
    tcp_out_of_order_ratio: float | None = None,
) -> UplinkResult:
    """Return the figures of an upload.

    Parameters
    ----------
    arrivals : sequence of (time_s, total_bytes)
        What had arrived by a time of a clock that never jumps, oldest first; neither ever falls.
        Time counts from the last entry before the first byte. Between entries bytes are taken to
        arrive evenly, so entries 50 ms apart shift at most that much from one second to the next.
    round_trips : RoundTrips
    max_rate_bps : float, optional
        Rate that the sender agreed not to exceed [bit/s].
    tcp_rtt_ms, tcp_min_rtt_ms, tcp_out_of_order_ratio : float, optional
        Passed on.

    Raises
    ------
    ProbeError
        Not one whole second came after the first 3 s.
    InvalidInputError
        Time or bytes fall.
    """
    times, totals = _checked(arrivals)
    moved = np.flatnonzero(totals > totals[0])
    if moved.size == 0:
        raise ProbeError("no byte of the upload arrived: check that the client sends")
    begin = int(moved[0]) - 1
    times, totals = times[begin:] - times[begin], totals[begin:] - totals[begin]
    duration_s = float(times[-1])
    # Clock readings carry rounding errors; a second that lacks a nanosecond is whole.
    whole_s = int(np.floor(duration_s / BIN_S + 1e-9)) * BIN_S
    if whole_s <= WARM_UP_S:
        raise ProbeError(
            f"the upload lasted {duration_s:.1f} s, wanted more than {WARM_UP_S + BIN_S} s: "
            "the first seconds are not counted"
        )
    edges = np.arange(WARM_UP_S, whole_s + BIN_S, BIN_S, dtype=np.float64)
    bins_bps = np.diff(np.interp(edges, times, totals)) * (8.0 / BIN_S)
    mean_bps = float(np.mean(bins_bps))
    return UplinkResult(
        uplink_bins_bps=tuple(float(rate) for rate in bins_bps),
        uplink_p10_bps=float(np.quantile(bins_bps, 0.1)),
        uplink_p50_bps=float(np.quantile(bins_bps, 0.5)),
        uplink_min_bps=float(np.min(bins_bps)),
        uplink_mean_bps=mean_bps,
        duration_s=duration_s,
        received_bytes=int(totals[-1]),
        burst_only=_is_burst(times, totals, whole_s),
        rate_limited=max_rate_bps is not None and mean_bps >= RATE_LIMITED_RATIO * max_rate_bps,
        rtt_idle_ms=round_trips.rtt_idle_ms,
        rtt_loaded_ms=round_trips.rtt_loaded_ms,
        jitter_ms=round_trips.jitter_ms,
        tcp_rtt_ms=tcp_rtt_ms,
        tcp_min_rtt_ms=tcp_min_rtt_ms,
        tcp_out_of_order_ratio=tcp_out_of_order_ratio,
    )


_Values = np.ndarray[tuple[int], np.dtype[np.float64]]


def _checked(arrivals: Sequence[tuple[float, int]]) -> tuple[_Values, _Values]:
    if len(arrivals) < 2:
        raise ProbeError("no byte of the upload arrived: check that the client sends")
    times = np.array([time_s for time_s, _ in arrivals], dtype=np.float64)
    totals = np.array([total for _, total in arrivals], dtype=np.float64)
    for name, values in (("time_s", times), ("total_bytes", totals)):
        if not (np.all(np.isfinite(values)) and np.all(np.diff(values) >= 0.0)):
            raise InvalidInputError(
                f"{name} of the arrivals falls or is not finite, wanted a clock that never jumps "
                "and a running total"
            )
    return times, totals


def _is_burst(times: _Values, totals: _Values, whole_s: int) -> bool:
    if whole_s < WARM_UP_S + BURST_TAIL_S:
        return False
    first, tail_from, tail_to = np.interp(
        [WARM_UP_S, whole_s - BURST_TAIL_S, whole_s], times, totals
    )
    first_rate = first / WARM_UP_S
    tail_rate = (tail_to - tail_from) / BURST_TAIL_S
    return bool(first_rate > BURST_RATIO * tail_rate)
