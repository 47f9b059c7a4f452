"""The promise on real traces, and how much evidence a good site is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from benchmarks.readiness.bars import BARS, NOW, asked, verdicts
from benchmarks.readiness.cases import Case, cases_of
from benchmarks.readiness.lag import LAG_LIMIT_S, held_bps, holds, worst_lag_s
from benchmarks.readiness.replay import probabilities
from benchmarks.readiness.traces import load_traces
from lensong.monitoring.readiness import Evidence, State, UplinkTest, Verdict, Watch, judge
from lensong.monitoring.tolerance import Tolerance, breach, freezes_behind


@pytest.mark.parametrize("seed", range(20))
def test_the_bitrate_that_holds_is_where_the_lag_reaches_its_limit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    uplink_bps = rng.lognormal(15.0, 0.8, size=120) * (rng.random(120) > 0.03)
    held = held_bps(uplink_bps)
    assert worst_lag_s(uplink_bps, 0.999 * held) <= LAG_LIMIT_S
    assert worst_lag_s(uplink_bps, 1.001 * held) > LAG_LIMIT_S


@pytest.mark.parametrize("seed", range(40))
def test_the_compiled_tolerance_says_what_the_library_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    uplink_bps = rng.lognormal(15.0, 0.6, size=int(rng.integers(30, 900)))
    uplink_bps *= rng.random(uplink_bps.size) > rng.choice([0.0, 0.002, 0.02])
    for need_bps in np.quantile(uplink_bps, [0.0, 0.01, 0.02, 0.05, 0.2]) + 1e4:
        freezes_s = freezes_behind([(bps, 1.0) for bps in uplink_bps], need_bps, Tolerance())
        held = breach(Tolerance(), float(uplink_bps.size), freezes_s) is None
        assert holds(uplink_bps, need_bps, Tolerance()) is held


@pytest.mark.parametrize("number", range(len(BARS)))
def test_a_steady_site_is_ready_with_the_evidence_of_the_bar(number: int) -> None:
    name, hours, verdict = verdicts()[number]
    assert verdict.state is State.READY, f"{name}, {hours} h: {verdict.probability}"


@pytest.fixture(scope="module")
def cases(shared_dir: Path) -> list[Case]:
    return [
        case
        for trace in load_traces(shared_dir / "data")
        for case in cases_of(trace, ratios=(1.0, 2.0, 4.0, 8.0), step_s=120)
    ]


@pytest.mark.parametrize("kind", ["at rest", "moving", "satellite, moving"])
def test_ready_keeps_its_promise_by_kind_and_duration(cases: list[Case], kind: str) -> None:
    bound = 0.05 if kind == "at rest" else 0.10
    for duration_s in (60, 180, 600):
        own = [c for c in cases if c.kind == kind and c.duration_s == duration_s]
        ready = probabilities(own, told=True) >= 0.9
        failed = sum(not case.held for case, is_ready in zip(own, ready, strict=True) if is_ready)
        assert failed <= bound * max(ready.sum(), 1.0)
        assert kind != "at rest" or ready.sum() >= 5


def done(verdict: Verdict, evidence: Evidence, mbps: float, rng: np.random.Generator) -> Verdict:
    """Return the verdict after the first plan was followed to the letter on a steady site."""
    steps = verdict.plans[0].steps
    tests, watches = list(evidence.tests), list(evidence.watches)
    now = NOW
    for step in steps:
        if step.kind == "watch":
            now = max(now, NOW + timedelta(hours=step.hours))
            watches.append(Watch(ended_at=NOW + timedelta(hours=step.hours),
                                 watched_s=3_600.0 * step.hours))  # fmt: skip
        for day in range(step.n if step.kind == "test" else 0):
            at = step.until_at - timedelta(days=day)
            now = max(now, at)
            tests.append(noisy(mbps, at, rng))
    after = replace(evidence, tests=tuple(tests), watches=tuple(watches))
    starts_at, ends_at = verdict.starts_at, verdict.ends_at
    question = replace(asked(1.0), starts_at=starts_at, ends_at=ends_at)
    return judge(question, after, now=now, advise=False)


def noisy(mbps: float, at: object, rng: np.random.Generator) -> UplinkTest:
    bins = mbps * 1e6 * 10.0 ** rng.normal(0.0, 0.01, 27)
    return UplinkTest(
        measured_at=at,  # type: ignore[arg-type]  # a datetime
        succeeded=True,
        uplink_p10_bps=float(np.percentile(bins, 10)),
        uplink_p50_bps=float(np.median(bins)),
        bins=27,
    )


@pytest.mark.slow  # 200 plans, and what became of each
def test_following_the_advice_makes_a_steady_site_ready() -> None:
    rng = np.random.default_rng(12)
    planned = reached = 0
    while planned < 200:
        mbps = float(10.0 ** rng.uniform(0.6, 1.6))
        ahead = timedelta(hours=float(rng.uniform(0.5, 120.0)))
        lasts = timedelta(hours=float(rng.uniform(0.5, 4.0)))
        question = replace(asked(1.0), starts_at=NOW + ahead, ends_at=NOW + ahead + lasts)
        evidence = Evidence(tests=(noisy(mbps, NOW, rng),))
        verdict = judge(question, evidence, now=NOW)
        if verdict.state is State.READY or not verdict.plans:
            continue
        planned += 1
        reached += done(verdict, evidence, mbps, rng).state is State.READY
    assert reached >= 190
