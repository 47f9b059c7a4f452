"""The promise on real traces: what is called READY fails rarely, on traces not fitted to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.readiness.cases import cases_of
from benchmarks.readiness.fit import chances_of, table
from benchmarks.readiness.lag import LAG_LIMIT_S, held_bps, worst_lag_s
from benchmarks.readiness.replay import add_rules, false_ready, replay
from benchmarks.readiness.traces import load_traces
from lensong.monitoring.readiness import ReadinessSettings


@pytest.mark.parametrize("seed", range(20))
def test_the_bitrate_that_holds_is_where_the_lag_reaches_its_limit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    uplink_bps = rng.lognormal(15.0, 0.8, size=120) * (rng.random(120) > 0.03)
    held = held_bps(uplink_bps)
    assert worst_lag_s(uplink_bps, 0.999 * held) <= LAG_LIMIT_S
    assert worst_lag_s(uplink_bps, 1.001 * held) > LAG_LIMIT_S


def test_ready_keeps_its_promise_on_traces_it_was_not_fitted_to(shared_dir: Path) -> None:
    traces = load_traces(shared_dir / "data")
    cases = [
        case
        for trace in traces
        for case in cases_of(trace, durations_s=(60, 180), ratios=(1.0, 2.0, 4.0), step_s=60)
    ]
    found = add_rules(replay(traces, cases, variants=("verdict",)))
    verdict = found.answers["verdict"]
    assert verdict.ready.sum() >= 20
    assert false_ready(found.held, verdict.ready) <= 0.10
    brier = {
        name: np.mean((said.probability - found.held) ** 2) for name, said in found.answers.items()
    }
    assert min(brier, key=lambda name: brier[name]) == "verdict"


def test_the_fit_sees_the_probabilities_that_the_library_gives(shared_dir: Path) -> None:
    traces = load_traces(shared_dir / "data")
    cases = [case for trace in traces for case in cases_of(trace, durations_s=(180,), step_s=240)]
    # without past sessions and without doubt about them the library says what the twin says
    settings = ReadinessSettings(calibration_sd=0.0)
    found = replay(traces, cases, variants=("verdict, no past sessions",), settings=settings)
    twin = chances_of(settings, table(cases, settings))
    assert found.answers["verdict, no past sessions"].probability == pytest.approx(twin, abs=1e-9)
