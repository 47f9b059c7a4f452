"""The verdict against real uplink traces, leave-one-trace-out.

    python -m benchmarks.readiness.replay --shared ../shared --out docs/images

Prints the tables of docs/accuracy-readiness.md and draws the calibration. Nothing is judged by a
trace that it was fitted on: settings and past sessions come from the other traces, only the
evidence (test, history, level) from the trace's own past.
"""

from __future__ import annotations

import argparse
import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np

from benchmarks.readiness.cases import NOW, Case, cases_of
from benchmarks.readiness.fit import Table, chances_of, fitted, table
from benchmarks.readiness.rules import RULES, climatology
from benchmarks.readiness.traces import Trace, load_traces
from lensong.monitoring.readiness import (
    Evidence,
    PastSession,
    ReadinessSettings,
    State,
    judge,
)
from lensong.propagation.types import BoolArray, FloatArray

SESSIONS_A_TRACE = 8
FITTED = (
    "session_drop",
    "session_drop_per_decade",
    "session_sd",
    "outage_share",
    "outage_weight",
)

VARIANTS: dict[str, Callable[[Evidence], Evidence]] = {
    "verdict": lambda e: e,
    "verdict, no past sessions": lambda e: replace(e, past_sessions=()),
    "without the plan": lambda e: replace(e, predictions=()),
    "without history": lambda e: replace(e, site_history=()),
    "today's test alone": lambda e: replace(e, predictions=(), site_history=(), past_sessions=()),
    "without today's test": lambda e: replace(e, tests=()),
    "plan alone": lambda e: replace(e, site_history=(), tests=()),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """What one way of judging said of every case; NaN is no probability."""

    probability: FloatArray
    state: np.ndarray

    @property
    def ready(self) -> BoolArray:
        return np.asarray(self.state == State.READY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """All cases and what each way of judging said."""

    cases: list[Case]
    answers: dict[str, Answers]
    folds: dict[str, ReadinessSettings]

    @property
    def held(self) -> BoolArray:
        return np.array([case.held for case in self.cases])

    @property
    def trace(self) -> np.ndarray:
        return np.array([case.trace for case in self.cases])


def replay(
    traces: Sequence[Trace],
    cases: list[Case],
    *,
    variants: Sequence[str],
    settings: ReadinessSettings | None = None,
    seed: int = 1,
) -> Replay:
    """Return what each variant says of each case, fitted on the other traces.

    With ``settings`` nothing is fitted.
    """
    start = ReadinessSettings()
    levels = table(cases, start)
    folds = {trace.name: settings or fitted(levels, start, without=trace.name) for trace in traces}
    said: dict[str, list[tuple[float, str]]] = {name: [] for name in variants}
    past = {
        name: _sessions([c for c in cases if c.trace != name], fold, seed)
        for name, fold in folds.items()
    }
    for case in cases:
        whole = replace(case.evidence, past_sessions=past[case.trace])
        for name in variants:
            verdict = judge(
                case.question, VARIANTS[name](whole), now=NOW, settings=folds[case.trace]
            )
            p = math.nan if verdict.probability is None else verdict.probability
            said[name].append((p, verdict.state.value))
    answers = {
        name: Answers(np.array([p for p, _ in rows]), np.array([s for _, s in rows]))
        for name, rows in said.items()
    }
    return Replay(cases=cases, answers=answers, folds=folds)


def _sessions(cases: list[Case], settings: ReadinessSettings, seed: int) -> tuple[PastSession, ...]:
    """Return sessions of other traces as an operator would know them: held, or how far it got."""
    rng = np.random.default_rng(seed)
    sessions = []
    for name in dict.fromkeys(case.trace for case in cases):
        own = [case for case in cases if case.trace == name]
        for i in rng.choice(len(own), size=min(SESSIONS_A_TRACE, len(own)), replace=False):
            case = own[i]
            verdict = judge(case.question, case.evidence, now=NOW, settings=settings)
            if verdict.predicted_log10_bps is None:
                continue
            sessions.append(
                PastSession(
                    ended_at=NOW - timedelta(days=1),
                    predicted_log10_bps=verdict.predicted_log10_bps,
                    predicted_sd_log10=verdict.predicted_sd_log10,
                    predicted_outage_probability=verdict.predicted_outage_probability,
                    achieved_log10_bps=math.log10(case.need_bps if case.held else case.held_bps),
                    held=case.held,
                )
            )
    return tuple(sessions)


def add_rules(found: Replay) -> Replay:
    """Return the replay with the simple rules and climatology beside the verdict."""
    answers = dict(found.answers)
    for name, rule in RULES.items():
        ready = np.array([rule(c.minute_before_bps, c.need_bps) for c in found.cases])
        answers[name] = Answers(ready.astype(np.float64), _states(ready))
    usual = np.empty(len(found.cases))
    for name in found.folds:
        own = found.trace == name
        rest = [case for case in found.cases if case.trace != name]
        usual[own] = climatology([c for c in found.cases if c.trace == name], rest)
    answers["climatology"] = Answers(usual, _states(usual >= 0.9))
    return replace(found, answers=answers)


def _states(ready: BoolArray) -> np.ndarray:
    return np.where(ready, State.READY.value, State.NOT_READY.value)


def false_ready(held: BoolArray, ready: BoolArray) -> float:
    """Return the share of failures among those called READY, NaN where none was."""
    return float(1.0 - held[ready].mean()) if ready.any() else math.nan


def interval(found: Replay, ready: BoolArray, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 90 % interval of `false_ready` when whole traces are drawn again."""
    names = np.unique(found.trace)
    fails = np.array([(ready & ~found.held)[found.trace == n].sum() for n in names])
    calls = np.array([ready[found.trace == n].sum() for n in names])
    drawn = rng.integers(0, names.size, size=(4_000, names.size))
    shares = fails[drawn].sum(axis=1) / np.maximum(calls[drawn].sum(axis=1), 1)
    low, high = np.percentile(shares, [5, 95])
    return float(low), float(high)


def summary(found: Replay, rows: BoolArray) -> str:
    rng = np.random.default_rng(2)
    held = found.held[rows]
    part = Replay(
        cases=[c for c, kept in zip(found.cases, rows, strict=True) if kept],
        answers={},
        folds=found.folds,
    )
    lines = [
        f"{rows.sum()} sessions, {1 - held.mean():.2f} of them fail.",
        "",
        "| judged by | READY | P(fail / READY), 90 % interval | held but not READY "
        "| held but NOT READY | AT RISK | UNKNOWN | Brier |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, answers in found.answers.items():
        ready, state = answers.ready[rows], answers.state[rows]
        p = answers.probability[rows]
        known = ~np.isnan(p)
        low, high = interval(part, ready, rng) if ready.any() else (math.nan, math.nan)
        brier = float(np.mean((p[known] - held[known]) ** 2)) if known.any() else math.nan
        brier_text = "–" if math.isnan(brier) else f"{brier:.3f}"
        wrong = "–" if not ready.any() else f"{false_ready(held, ready):.3f} ({low:.2f}–{high:.2f})"
        lines.append(
            f"| {name} | {ready.sum()} ({ready.mean():.2f}) | {wrong} "
            f"| {(~ready & held).sum() / held.sum():.2f} "
            f"| {((state == State.NOT_READY) & held).sum() / held.sum():.2f} "
            f"| {(state == State.AT_RISK).mean():.2f} | {(state == State.UNKNOWN).mean():.2f} "
            f"| {brier_text} |"
        )
    return "\n".join(lines)


def by_group(found: Replay, groups: np.ndarray, title: str, *, judged_by: str = "verdict") -> str:
    answers = found.answers[judged_by]
    lines = [
        f"| {title} | sessions | held | READY | of these failed | P(fail / READY) "
        "| AT RISK | NOT READY | Brier |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for group in dict.fromkeys(groups):
        rows = groups == group
        held, ready = found.held[rows], answers.ready[rows]
        wrong = false_ready(held, ready)
        brier = np.mean((answers.probability[rows] - held) ** 2)
        lines.append(
            f"| {group} | {rows.sum()} | {held.mean():.2f} | {ready.sum()} "
            f"| {(ready & ~held).sum()} | {'–' if math.isnan(wrong) else f'{wrong:.2f}'} "
            f"| {(answers.state[rows] == State.AT_RISK).mean():.2f} "
            f"| {(answers.state[rows] == State.NOT_READY).mean():.2f} | {brier:.3f} |"
        )
    return "\n".join(lines)


def settings_table(cases: list[Case], found: Replay) -> str:
    levels: Table = table(cases, ReadinessSettings())
    whole = fitted(levels, ReadinessSettings())
    lines = ["| setting | fitted to all traces | over the folds | shipped |", "|---|---|---|---|"]
    shipped = ReadinessSettings()
    for name in FITTED:
        values = [getattr(settings, name) for settings in found.folds.values()]
        lines.append(
            f"| `{name}` | {getattr(whole, name):.3f} | {min(values):.3f}–{max(values):.3f} "
            f"| {getattr(shipped, name):.3f} |"
        )
    return "\n".join(lines)


def mean_to_p10(traces: Sequence[Trace]) -> str:
    """Return how far the 10th percentile of half minutes lies below their mean [decades]."""
    shifts = []
    for trace in traces:
        n = trace.uplink_bps.size // 30
        halves = np.maximum(trace.uplink_bps[: n * 30].reshape(n, 30), 1e3)
        shifts.append(
            float(np.median(np.log10(np.percentile(halves, 10, axis=1) / halves.mean(axis=1))))
        )
    return (
        "10th percentile over mean of half minutes, median of each trace: "
        f"{min(shifts):.2f} to {max(shifts):.2f} decades, median {np.median(shifts):.2f} "
        f"(prior_p10_shift is {ReadinessSettings().prior_p10_shift})"
    )


def growth_table(traces: Sequence[Trace], cases: list[Case]) -> str:
    """Return what other growths of outages with the duration would have given."""
    lines = [
        "| `outage_per_decade` | P >= 0.9 | of these failed | Brier |",
        "|---|---|---|---|",
    ]
    held = np.array([case.held for case in cases])
    for growth in (0.0, 1.0, 2.0, 3.0, 5.0, 8.0):
        start = replace(ReadinessSettings(), outage_per_decade=growth)
        levels = table(cases, start)
        p = np.empty(held.size)
        for trace in traces:
            own = levels.trace == trace.name
            p[own] = chances_of(fitted(levels, start, without=trace.name), levels)[own]
        sure = p >= 0.9
        lines.append(
            f"| {growth:.0f} | {sure.sum()} | {1 - held[sure].mean():.3f} "
            f"| {np.mean((p - held) ** 2):.3f} |"
        )
    return "\n".join(lines)


def draw(found: Replay, path: Path) -> None:
    """Draw how often sessions held against the probability that was given."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 5.2), layout="constrained")
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, label="perfectly calibrated")
    contested = np.array([case.contested for case in found.cases])
    for name, rows, style in (
        ("all sessions", np.ones(contested.size, dtype=bool), "o-"),
        ("contested (bitrate 1/4 to 2 of the mean)", contested, "s--"),
    ):
        p, held = found.answers["verdict"].probability[rows], found.held[rows]
        bins = np.clip((p * 10).astype(int), 0, 9)
        points = [
            (p[bins == b].mean(), held[bins == b].mean(), int((bins == b).sum()))
            for b in range(10)
            if (bins == b).sum() >= 20
        ]
        axes.plot(*zip(*((x, y) for x, y, _ in points), strict=True), style, label=name)
        if style == "o-":
            for x, y, n in points:
                axes.annotate(f"{n}", (x, y), xytext=(6, -12), textcoords="offset points")
    axes.axvline(0.9, color="tab:green", linewidth=1, linestyle=":")
    axes.annotate("READY from 0.90", (0.89, 0.02), rotation=90, ha="right", va="bottom")
    axes.set_xlabel("probability before the session that the stream holds")
    axes.set_ylabel("share of sessions that held")
    axes.set_title("12 real uplink traces, each judged by a model fitted on the others")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--out", type=Path, help="folder for readiness-calibration.png")
    options = parser.parse_args()
    began = time.monotonic()
    traces = load_traces(options.shared / "data")
    cases = [case for trace in traces for case in cases_of(trace)]
    found = add_rules(replay(traces, cases, variants=tuple(VARIANTS)))
    contested = np.array([case.contested for case in cases])
    print("## All sessions\n\n" + summary(found, np.ones(contested.size, dtype=bool)))
    print("\n## Contested sessions\n\n" + summary(found, contested))
    print("\n## By trace\n\n" + by_group(found, found.trace, "trace"))
    kind_of = {
        t.name: "satellite, moving"
        if t.technology is None
        else ("cellular, moving" if t.moves else "cellular, static")
        for t in traces
    }
    kinds = np.array([kind_of[case.trace] for case in cases])
    print("\n## By kind\n\n" + by_group(found, kinds, "kind"))
    print("\nWithout past sessions:\n")
    print(by_group(found, kinds, "kind", judged_by="verdict, no past sessions"))
    durations = np.array([f"{case.duration_s} s" for case in cases])
    print("\n## By duration\n\n" + by_group(found, durations, "duration"))
    print("\n## Settings\n\n" + settings_table(cases, found))
    print("\n## Growth of outages\n\n" + growth_table(traces, cases))
    print("\n" + mean_to_p10(traces))
    if options.out is not None:
        draw(found, options.out / "readiness-calibration.png")
    print(f"\n{time.monotonic() - began:.0f} s, Python {platform.python_version()}")


if __name__ == "__main__":
    main()
