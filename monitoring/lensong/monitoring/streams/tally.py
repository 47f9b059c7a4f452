"""Totals out of counts of intervals, for programs that begin anew with each line they write."""

from __future__ import annotations

from dataclasses import replace

from lensong.monitoring.streams.health_state import HealthState, Tally
from lensong.monitoring.streams.sample import Interval, StreamSample

__all__ = ["with_totals"]

_GAP_S = 0.5
"""Where more than this is missing between two intervals the totals begin anew [s]."""


def with_totals(state: HealthState, sample: StreamSample) -> tuple[HealthState, StreamSample]:
    """Return a sample with totals in place of its intervals, and what was added up so far.

    An interval that was added before is not added again, so that a look may bring the last lines of
    a file each time. Where lines are missing in between the totals begin anew at 0, as those of a
    new connection do: a gap must not look like a slow link.
    """
    if not sample.intervals:
        return state, sample
    tally = state.tally
    for interval in sample.intervals:
        if tally is not None and interval.until_s <= tally.until_s:
            continue
        if tally is None or interval.from_s - tally.until_s > _GAP_S:
            tally = Tally(until_s=interval.from_s)
        tally = _added(tally, interval)
    assert tally is not None
    counted = replace(
        sample,
        intervals=(),
        received_bytes_total=tally.received_bytes,
        packets_received_total=tally.packets_received,
        packets_lost_total=tally.packets_lost,
        packets_dropped_total=tally.packets_dropped,
    )
    return replace(state, tally=tally), counted


def _added(tally: Tally, interval: Interval) -> Tally:
    return Tally(
        until_s=interval.until_s,
        received_bytes=tally.received_bytes + interval.received_bytes,
        packets_received=_sum(tally.packets_received, interval.packets_received),
        packets_lost=_sum(tally.packets_lost, interval.packets_lost),
        packets_dropped=_sum(tally.packets_dropped, interval.packets_dropped),
    )


def _sum(before: int | None, more: int | None) -> int | None:
    return before if more is None else (before or 0) + more
