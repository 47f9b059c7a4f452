"""The last seconds of a stream: rates, growth and shares out of the points that were kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["KEPT_S", "LONGEST_GAP_S", "Point", "grows", "kept", "rise", "spanning"]

KEPT_S = 36.0
"""How far back points are kept [s]: a counter that moves every ten seconds has three changes in it
while the last of them rests."""
_CLOSEST_S = 0.9
"""Points closer than this tell nothing new, and a burst between them would look like a rate [s]."""
LONGEST_GAP_S = 6.5
"""Across a longer gap nothing can be said about "throughout" [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What is kept of one sample; None is unknown."""

    at_s: float
    lag_s: float | None = None
    received_bytes: int | None = None
    frames: int | None = None
    frames_dropped: int | None = None
    packets: int | None = None
    packets_lost: int | None = None
    packets_dropped: int | None = None
    rtt_ms: float | None = None
    forward_frames_dropped: int | None = None
    frames_in_error: int | None = None


def kept(points: Sequence[Point], newest: Point) -> tuple[Point, ...]:
    """Return the points to keep once a new one is there.

    A point that follows too closely takes the place of the one before it, unless that would
    stretch the step before.
    """
    earlier = [point for point in points if newest.at_s - point.at_s <= KEPT_S]
    if len(earlier) >= 2 and newest.at_s - earlier[-2].at_s < 2.0 * _CLOSEST_S:
        earlier.pop()
    return (*earlier, newest)


def spanning(points: Sequence[Point], window_s: float) -> Sequence[Point]:
    """Return the fewest newest points that span a window, or none when they do not.

    Looks never come exactly in time: nine tenths of the window are enough.
    """
    for first in range(len(points) - 2, -1, -1):
        if points[first + 1].at_s - points[first].at_s > LONGEST_GAP_S:
            return ()
        if points[-1].at_s - points[first].at_s >= 0.9 * window_s:
            return points[first:]
    return ()


def rise(
    points: Sequence[Point], count: Callable[[Point], int | None], window_s: float
) -> int | None:
    """Return how far a counter rose within the window, None when that is unknown.

    For counters of events, which may rest for hours: of one that should move see `streams.pace`.
    """
    inside = spanning(points, window_s) or [
        point for point in points if points[-1].at_s - point.at_s <= window_s
    ]
    if len(inside) < 2:
        return None
    first, last = count(inside[0]), count(inside[-1])
    return None if first is None or last is None else max(0, last - first)


def grows(
    points: Sequence[Point], s_per_s: float, window_s: float, *, parts: int, least_lag_s: float
) -> float | None:
    """Return how fast the lag grows if it does so throughout the window [s/s], else None.

    Every one of so many equal parts of the window must grow faster than ``s_per_s``: with two, a
    jump within one of them is no growth, with three, neither is a jump across a boundary. The lag
    must also have left the range in which it swings anyway.
    """
    inside = spanning(points, window_s)
    lags = [(point.at_s, point.lag_s) for point in inside if point.lag_s is not None]
    if len(lags) <= parts or len(lags) != len(inside) or lags[-1][1] < least_lag_s:
        return None
    (first_s, first_lag), (last_s, last_lag) = lags[0], lags[-1]
    bounds = [
        min(lags, key=lambda lag: abs(lag[0] - (first_s + (last_s - first_s) * part / parts)))
        for part in range(parts + 1)
    ]
    for (begin_s, begin_lag), (end_s, end_lag) in pairwise(bounds):
        if end_s <= begin_s or (end_lag - begin_lag) / (end_s - begin_s) <= s_per_s:
            return None
    return (last_lag - first_lag) / (last_s - first_s)
