"""Traces as sites: what was known before each session, and what became of it.

Time is folded. No public trace lasts a week, so earlier half minutes of a trace stand for tests
of earlier days: the last one before the session is today's test, the k-th before it is the test
of k days ago. Neighbouring half minutes are more alike than neighbouring days, so the history is
worth more here than in a village; what a *test* is worth is not touched by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.readiness.lag import held_bps
from benchmarks.readiness.traces import Trace
from lensong.monitoring.readiness import (
    Evidence,
    HourSample,
    Need,
    PredictedUplink,
    Question,
    UplinkTest,
)
from lensong.monitoring.records import Transport
from lensong.propagation.types import FloatArray

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
TEST_S, DROPPED_S = 30, 3
DURATIONS_S = (60, 180, 600)
STEP_S = 30
RATIOS = (0.5, 0.71, 1.0, 1.41, 2.0, 2.83, 4.0, 5.66, 8.0)
"""Mean of the trace over the bitrate of the stream; contested up to 4."""
PLAN_SIGMA_DB = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One session on one trace."""

    trace: str
    start_s: int
    duration_s: int
    ratio: float
    need_bps: float
    held_bps: float
    minute_before_bps: FloatArray
    evidence: Evidence

    @property
    def held(self) -> bool:
        return self.held_bps >= self.need_bps

    @property
    def contested(self) -> bool:
        return 0.5 <= self.ratio <= 4.0

    @property
    def question(self) -> Question:
        return Question(
            site_id="trace",
            need=Need(
                profile_code="constant",
                transport=Transport.RTMP,
                uplink_required_bps=self.need_bps,
            ),
            starts_at=NOW,
            ends_at=NOW + timedelta(seconds=self.duration_s),
        )


def cases_of(
    trace: Trace,
    *,
    durations_s: tuple[int, ...] = DURATIONS_S,
    ratios: tuple[float, ...] = RATIOS,
    step_s: int = STEP_S,
) -> list[Case]:
    """Return the sessions of a trace; the first starts after a minute of it is known."""
    uplink_bps = trace.uplink_bps
    mean_bps = float(uplink_bps.mean())
    cases = []
    for duration_s in durations_s:
        for start_s in range(2 * TEST_S, uplink_bps.size - duration_s + 1, step_s):
            held = held_bps(uplink_bps[start_s : start_s + duration_s])
            evidence = _evidence(trace, start_s)
            cases += [
                Case(
                    trace=trace.name,
                    start_s=start_s,
                    duration_s=duration_s,
                    ratio=ratio,
                    need_bps=mean_bps / ratio,
                    held_bps=held,
                    minute_before_bps=uplink_bps[start_s - 60 : start_s],
                    evidence=evidence,
                )
                for ratio in ratios
            ]
    return cases


def _evidence(trace: Trace, start_s: int) -> Evidence:
    ends = range(start_s, TEST_S - 1, -TEST_S)
    windows = [trace.uplink_bps[end - TEST_S + DROPPED_S : end] for end in ends]
    levels = [float(np.percentile(window, 10)) for window in windows]
    return Evidence(
        predictions=_prediction(trace, start_s),
        site_history=tuple(
            HourSample(hour_starts_at=NOW - timedelta(days=k), uplink_p10_bps=level, tests=1)
            for k, level in enumerate(levels[1:], start=1)
        ),
        tests=(
            UplinkTest(
                measured_at=NOW,
                succeeded=True,
                uplink_p10_bps=levels[0],
                uplink_p50_bps=float(np.median(windows[0])),
                bins=windows[0].size,
            ),
        ),
    )


def _prediction(trace: Trace, start_s: int) -> tuple[PredictedUplink, ...]:
    """Return what a plan that knew the median level of the past would say."""
    if trace.rsrp_dbm is None or trace.technology is None:
        return ()
    known = trace.rsrp_dbm[:start_s]
    if np.isnan(known).all():
        return ()
    return (
        PredictedUplink(
            rsrp_dbm=float(np.nanmedian(known)),
            sigma_db=PLAN_SIGMA_DB,
            technology=trace.technology,
            computed_at=NOW,
        ),
    )
