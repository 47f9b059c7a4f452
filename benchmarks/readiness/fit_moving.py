"""The moving model, fitted on one half of the traces by car and tried on the other.

    python -m benchmarks.readiness.fit_moving --shared ../shared

Uplinks, which are few, and downlinks in their place; which half is by a hash of the name. Each
trace weighs as the root of its sessions, all uplinks together as much as all downlinks; satellites
are left out. What is shipped is what this prints, rounded.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.readiness.cases import Case, cases_of, downlink_cases
from benchmarks.readiness.traces import load_traces
from lensong.monitoring.readiness import DEFAULT_SETTINGS, ReadinessSettings
from lensong.monitoring.readiness.decades import decades
from lensong.monitoring.readiness.moving import holds_moving
from lensong.propagation.types import FloatArray

NAMES = ("moving_hours", "moving_shape", "moving_per_decade")
"""What is fitted, all above 0; ``moving_full_log10`` and ``moving_hours`` say the same."""


def likelihoods(cases: Sequence[Case], settings: ReadinessSettings) -> FloatArray:
    """Return the chance that each session holds on the move, by the test before it."""
    return np.array(
        [
            holds_moving(
                decades(case.test.uplink_p10_bps or 0.0) - decades(case.need_bps),
                case.duration_s / 3_600.0,
                held_h=0.0,
                failed=0.0,
                settings=settings,
            )
            for case in cases
        ]
    )


def with_values(theta: FloatArray) -> ReadinessSettings:
    """Return settings with these logarithms of what is fitted."""
    values: dict[str, Any] = {
        name: math.exp(value) for name, value in zip(NAMES, theta, strict=True)
    }
    return replace(DEFAULT_SETTINGS, **values)


def weights(cases: Sequence[Case]) -> FloatArray:
    """Return what each session counts in the fit; together 1 for uplinks and 1 for downlinks."""
    sessions = Counter(case.trace for case in cases)
    each = np.array([sessions[case.trace] ** -0.5 for case in cases])
    kinds = np.array([case.kind for case in cases])
    for kind in np.unique(kinds):
        each[kinds == kind] /= each[kinds == kind].sum()
    return each


def fitted(cases: Sequence[Case]) -> ReadinessSettings:
    """Return the settings of the greatest likelihood."""
    held = np.array([case.held for case in cases])
    counts = weights(cases)

    def loss(theta: FloatArray) -> float:
        said = np.clip(likelihoods(cases, with_values(theta)), 1e-9, 1.0 - 1e-9)
        return -float((counts * np.log(np.where(held, said, 1.0 - said))).sum())

    start = np.log([getattr(DEFAULT_SETTINGS, name) for name in NAMES])
    found = minimize(loss, start, method="Nelder-Mead", options={"maxfev": 300})
    return with_values(np.asarray(found.x))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--step", type=int, default=60, help="seconds between starts")
    options = parser.parse_args()
    data = options.shared / "data"
    cases = [
        case
        for trace in load_traces(data)
        if trace.moves and trace.technology
        for case in cases_of(trace, step_s=options.step)
    ]
    cases += downlink_cases(data, step_s=options.step)
    again = fitted([case for case in cases if not case.held_out])
    print("| constants | " + " | ".join(NAMES) + " |")
    print("|---" * (1 + len(NAMES)) + "|")
    for label, settings in (("shipped", DEFAULT_SETTINGS), ("fitted", again)):
        values = " | ".join(f"{getattr(settings, name):.3f}" for name in NAMES)
        print(f"| {label} | {values} |")
    print()
    print("| traces, told that they move | session | traces | sessions | READY | P(fail / READY) |")
    print("|---|---|---|---|---|---|")
    for kind in dict.fromkeys(case.kind for case in cases):
        for part, held_out in (("chosen on", False), ("held out", True)):
            for duration_s in dict.fromkeys(case.duration_s for case in cases):
                own = [
                    c
                    for c in cases
                    if (c.kind, c.held_out, c.duration_s) == (kind, held_out, duration_s)
                ]
                ready = likelihoods(own, DEFAULT_SETTINGS) >= DEFAULT_SETTINGS.ready_probability
                held = np.array([case.held for case in own])
                wrong = f"{1 - held[ready].mean():.3f}" if ready.any() else "–"
                count = len({case.trace for case in own})
                print(
                    f"| {kind}: {part} | {duration_s // 60} min | {count} | {len(own)} "
                    f"| {ready.sum()} | {wrong} |"
                )


if __name__ == "__main__":
    main()
