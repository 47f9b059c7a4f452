"""What an upload amounts to: from bytes that arrived over time to the figures of a test.

Only what the receiver saw enters. A sender's own count is wrong by what waits in its buffers:
by half and more on a slow link.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lensong.monitoring.uplink_figures import UplinkFigures
from lensong.propagation.errors import InvalidInputError, ProbeError

__all__ = [
    "BURST_RATIO",
    "LEAST_BINS",
    "NO_ROUND_TRIPS",
    "WARM_UP_S",
    "RoundTrip",
    "RoundTrips",
    "UplinkResult",
    "arrivals_by_segments",
    "count_uplink",
]

WARM_UP_S = 3
"""Slow start and an operator's token bucket fall into these seconds, which are not counted."""

BIN_S = 1
"""An encoder's rate control works on about this scale."""

LEAST_BINS = 10
"""Fewer seconds say too little about the lowest tenth of them."""

BURST_RATIO = 1.5
"""First seconds that are this much faster than the last ones were a burst."""

BURST_TAIL_S = 10

RATE_LIMITED_RATIO = 0.97
"""A client that paces itself reaches its pace this closely when the link would carry more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A small message that was sent and came back, or has not come back yet.

    Parameters
    ----------
    sent_s, heard_s : float
        When it was sent and when its answer came, or until when none had [s].
    answered : bool
    """

    sent_s: float
    heard_s: float
    answered: bool = True

    def __post_init__(self) -> None:
        if not self.heard_s >= self.sent_s:
            raise InvalidInputError(
                f"heard_s is {self.heard_s}, wanted {self.sent_s} or later: the clock must not jump"
            )

    @property
    def rtt_ms(self) -> float:
        """Return the round trip, at least its age where it is not over [ms]."""
        return 1e3 * (self.heard_s - self.sent_s)

    def seen_at(self, end_s: float) -> RoundTrip:
        """Return what was known of it at a moment."""
        if self.answered and self.heard_s <= end_s:
            return self
        return RoundTrip(sent_s=self.sent_s, heard_s=max(self.sent_s, end_s), answered=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrips:
    """Round trips beside an upload, one after the other.

    Parameters
    ----------
    idle, loaded : tuple of RoundTrip
        Before the upload, and during it.
    """

    idle: tuple[RoundTrip, ...] = ()
    loaded: tuple[RoundTrip, ...] = ()

    @property
    def rtt_idle_ms(self) -> float | None:
        """Return the median before the upload [ms], None without any."""
        return statistics.median(trip.rtt_ms for trip in self.idle) if self.idle else None

    @property
    def rtt_loaded_ms(self) -> float | None:
        """Return the median over the time of the upload [ms], None without any.

        Notes
        -----
        A message goes out only when the one before is back, so there are fewer of them where they
        take long. Each therefore counts for the time until the next was sent. One without an
        answer counts with its age.
        """
        if not self.loaded:
            return None
        following = [*(trip.sent_s for trip in self.loaded[1:]), self.loaded[-1].heard_s]
        weighted = sorted(
            (trip.rtt_ms, next_s - trip.sent_s)
            for trip, next_s in zip(self.loaded, following, strict=True)
        )
        half_s = sum(weight_s for _, weight_s in weighted) / 2.0
        passed_s = 0.0
        for rtt_ms, weight_s in weighted:
            passed_s += weight_s
            if passed_s >= half_s:
                return rtt_ms
        return weighted[-1][0]

    @property
    def jitter_ms(self) -> float | None:
        """Return the mean absolute difference of consecutive loaded round trips [ms]."""
        rtts = [trip.rtt_ms for trip in self.loaded if trip.answered]
        if len(rtts) < 2:
            return None
        return statistics.fmean(abs(b - a) for a, b in itertools.pairwise(rtts))


NO_ROUND_TRIPS = RoundTrips()


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkResult(UplinkFigures):
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
    loss_ratio : None
        A receiver of TCP cannot see what was lost.
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
    tcp_rtt_ms: float | None = None
    tcp_min_rtt_ms: float | None = None
    tcp_out_of_order_ratio: float | None = None
    counted_by: Literal["server"] = "server"

    @property
    def sustained(self) -> bool:
        """Return whether enough seconds were counted to judge a session by."""
        return len(self.uplink_bins_bps) >= LEAST_BINS


def arrivals_by_segments(
    arrivals: Sequence[tuple[float, float]], segments: Sequence[int | None]
) -> list[tuple[float, float]]:
    """Return when the bytes of an upload reached this machine, rather than its program.

    A program gets what follows a lost segment only once that was sent again: nothing for a while,
    then all at once. The link carried it in between. The kernel counts data segments as they come,
    in order or not, so they say when, and the program's bytes say how much.

    Parameters
    ----------
    arrivals : sequence of (time_s, total_bytes)
        As for `count_uplink`.
    segments : sequence of int or None
        Data segments that had come by each of these times.

    Returns
    -------
    list of (time_s, total_bytes)
        The same total at the end; unchanged where segments are unknown.
    """
    if len(arrivals) != len(segments):
        raise InvalidInputError(
            f"there are {len(arrivals)} arrivals and {len(segments)} numbers of segments, wanted "
            "as many"
        )
    known = [count for count in segments if count is not None]
    if len(known) < len(segments) or not known or known[-1] <= known[0]:
        return list(arrivals)
    first, last = known[0], known[-1]
    before, whole = arrivals[0][1], arrivals[-1][1] - arrivals[0][1]
    return [
        (time_s, before + whole * (count - first) / (last - first))
        for (time_s, _), count in zip(arrivals, known, strict=True)
    ]


def count_uplink(
    arrivals: Sequence[tuple[float, float]],
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
        received_bytes=round(totals[-1]),
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


def _checked(arrivals: Sequence[tuple[float, float]]) -> tuple[_Values, _Values]:
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
