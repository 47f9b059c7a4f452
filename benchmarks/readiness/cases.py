"""Traces as sites: one test of half a minute, a session, and what became of it.

A site here has no history: neighbouring half minutes of a trace are more alike than days are, and
no new site has any.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.readiness.lag import held_bps, holds
from benchmarks.readiness.traces import Trace, load_downlinks
from lensong.monitoring.readiness import Evidence, Need, Question, UplinkTest
from lensong.monitoring.records import Motion, Transport
from lensong.monitoring.tolerance import Tolerance
from lensong.propagation.types import FloatArray

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
TEST_S, DROPPED_S = 30, 3
DURATIONS_S = (60, 180, 600)
RATIOS = (0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 5.66, 8.0)
"""Mean of the trace over the bit rate of the stream."""
TOLERANCE = Tolerance()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One session on one trace: what was asked, what was known, whether it held."""

    kind: str
    trace: str
    held_out: bool
    duration_s: int
    need_bps: float
    held: bool
    held_strictly: bool
    minute_before_bps: FloatArray
    test: UplinkTest

    def question(self, motion: Motion = Motion.UNKNOWN) -> Question:
        need = Need(
            profile_code="constant", transport=Transport.RTMP, uplink_required_bps=self.need_bps
        )
        return Question(
            site_id="trace",
            need=need,
            starts_at=NOW,
            ends_at=NOW + timedelta(seconds=self.duration_s),
            motion=motion,
        )

    @property
    def evidence(self) -> Evidence:
        return Evidence(tests=(self.test,))


def kind_of(trace: Trace) -> str:
    """Return at rest, moving or satellite: what behaves differently is never pooled."""
    if trace.technology is None:
        return "satellite, moving"
    if trace.downlink:
        return "moving, a downlink"
    return "moving" if trace.moves else "at rest"


def cases_of(
    trace: Trace,
    *,
    durations_s: tuple[int, ...] = DURATIONS_S,
    ratios: tuple[float, ...] = RATIOS,
    step_s: int = 30,
) -> Iterator[Case]:
    """Yield the sessions of a trace; the first starts after a minute of it is known."""
    uplink_bps = trace.uplink_bps
    mean_bps = float(uplink_bps.mean())
    for duration_s in durations_s:
        for start_s in range(2 * TEST_S, uplink_bps.size - duration_s + 1, step_s):
            during = uplink_bps[start_s : start_s + duration_s]
            strictly_bps = held_bps(during)
            window = uplink_bps[start_s - TEST_S + DROPPED_S : start_s]
            test = UplinkTest(
                measured_at=NOW,
                succeeded=True,
                uplink_p10_bps=float(np.percentile(window, 10)),
                uplink_p50_bps=float(np.median(window)),
                bins=window.size,
            )
            for ratio in ratios:
                need_bps = mean_bps / ratio
                yield Case(
                    kind=kind_of(trace),
                    trace=trace.name,
                    held_out=trace.held_out,
                    duration_s=duration_s,
                    need_bps=need_bps,
                    held=holds(during, need_bps, TOLERANCE),
                    held_strictly=strictly_bps >= need_bps,
                    minute_before_bps=uplink_bps[start_s - 60 : start_s],
                    test=test,
                )


def downlink_cases(data: Path, *, step_s: int) -> list[Case]:
    """Return sessions on downlinks by car: every fourth start and second bit rate of the others."""
    return [
        case
        for trace in load_downlinks(data)
        for case in cases_of(trace, step_s=4 * step_s, ratios=RATIOS[::2])
    ]
