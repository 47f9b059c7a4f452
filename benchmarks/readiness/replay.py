"""The verdict against real uplink traces, by kind and duration.

    python -m benchmarks.readiness.replay --shared ../shared

Prints tables of docs/accuracy-readiness.md. Nothing is pooled over at rest, moving and satellite,
nor over durations. What is known before each session is one test of half a minute.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.readiness.cases import NOW, Case, cases_of, downlink_cases
from benchmarks.readiness.rules import RULES, Rule
from benchmarks.readiness.traces import load_traces
from lensong.monitoring.readiness import DEFAULT_SETTINGS, ReadinessSettings, judge
from lensong.monitoring.records import Motion
from lensong.propagation.types import BoolArray, FloatArray


def probabilities(
    cases: Iterable[Case],
    *,
    told: bool,
    settings: ReadinessSettings = DEFAULT_SETTINGS,
) -> FloatArray:
    """Return what the verdict says of each case; with ``told`` it knows which of them move."""
    said = []
    for case in cases:
        moves = told and case.kind != "at rest"
        question = case.question(Motion.MOVING if moves else Motion.UNKNOWN)
        verdict = judge(question, case.evidence, now=NOW, settings=settings, advise=False)
        said.append(math.nan if verdict.probability is None else verdict.probability)
    return np.array(said)


def row(label: str, cases: Sequence[Case], ready: BoolArray, said: FloatArray | None) -> str:
    """Return a row of the table: how many were READY, and how many of those failed."""
    held = np.array([case.held for case in cases])
    strictly = np.array([case.held_strictly for case in cases])
    count = int(ready.sum())
    wrong = f"{1 - held[ready].mean():.3f}" if count else "–"
    strict = f"{1 - strictly[ready].mean():.3f}" if count else "–"
    of_good = f"{(ready & held).sum() / max(held.sum(), 1):.2f}"
    stated = f"{said[ready].mean():.3f}" if count and said is not None else "–"
    seen = f"{held[ready].mean():.3f}" if count else "–"
    return (
        f"| {label} | {len(cases)} | {held.mean():.2f} | {count} | {wrong} | {strict} "
        f"| {of_good} | {stated} | {seen} |"
    )


HEAD = (
    "| kind, session, judged by | sessions | held | READY | P(fail / READY) "
    "| by the strict 2 s | READY of those that hold | said | seen |\n"
    "|---|---|---|---|---|---|---|---|---|"
)
PARTS = (("chosen on", False), ("held out", True))
"""Traces by which a number of the model may have been chosen, and those by which none was."""


def report(
    cases: Sequence[Case],
    *,
    rules: Mapping[str, Rule] = RULES,
) -> str:
    """Return the table of all kinds and durations, and of what was said against what was seen."""
    lines, calibration = [HEAD], [CALIBRATION_HEAD]
    for kind in dict.fromkeys(case.kind for case in cases):
        for duration_s in dict.fromkeys(case.duration_s for case in cases):
            own = [c for c in cases if c.kind == kind and c.duration_s == duration_s]
            if not own:
                continue
            label = f"{kind}, {duration_s // 60} min"
            ways = (("told", True), ("nobody told", False)) if kind != "at rest" else (("", False),)
            for way, told in ways:
                said = probabilities(own, told=told)
                ready = said >= DEFAULT_SETTINGS.ready_probability
                named = f"{label}, verdict {way}".strip()
                lines.append(row(f"**{named}**", own, ready, said))
                for part, held_out in PARTS:
                    of_part = np.array([case.held_out is held_out for case in own])
                    if of_part.any():
                        some = [case for case in own if case.held_out is held_out]
                        lines.append(row(f"{named}: {part}", some, ready[of_part], said[of_part]))
                calibration.append(calibration_row(named, own, ready, said))
            for name, rule in rules.items():
                ready = np.array([rule(c.minute_before_bps, c.need_bps) for c in own])
                lines.append(row(f"{label}, {name}", own, ready, None))
    return "\n".join((*lines, "", *calibration))


CALIBRATION_HEAD = (
    "| where P >= 0.9 | sessions | traces | said | seen | seen - said | wanted: -0.03 at least |\n"
    "|---|---|---|---|---|---|---|"
)


def calibration_row(label: str, cases: Sequence[Case], ready: BoolArray, said: FloatArray) -> str:
    """Return what was said against what was seen, where 0.9 or more was said."""
    if not ready.any():
        return f"| {label} | 0 | 0 | – | – | – | never said |"
    held = np.array([case.held for case in cases])
    traces = {case.trace for case, is_ready in zip(cases, ready, strict=True) if is_ready}
    stated, seen = float(said[ready].mean()), float(held[ready].mean())
    kept = "yes" if seen >= stated - 0.03 else "**no**"
    return (
        f"| {label} | {ready.sum()} | {len(traces)} | {stated:.3f} | {seen:.3f} "
        f"| {seen - stated:+.3f} | {kept} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--step", type=int, default=60, help="seconds between starts")
    options = parser.parse_args()
    data, step_s = options.shared / "data", options.step
    cases = [case for trace in load_traces(data) for case in cases_of(trace, step_s=step_s)]
    print(report(cases))
    print()
    print("By car, downlinks in place of uplinks, every fourth start and second bit rate:")
    print()
    downlinks = downlink_cases(data, step_s=step_s)
    print(report(downlinks, rules={}))


if __name__ == "__main__":
    main()
