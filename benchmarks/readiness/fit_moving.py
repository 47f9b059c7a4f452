"""The moving model fitted again, on the traces that may be fitted to, and tried on the others.

    python -m benchmarks.readiness.fit_moving --shared ../shared

The constants that are shipped come from a prototype that was fitted on all of these traces and
tried on traces that are not here. This shows what they would be, and how they would do, had half of
the traces been kept apart: by the same formula, maximum likelihood, satellites left out.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from benchmarks.readiness.cases import Case, cases_of
from benchmarks.readiness.traces import load_traces
from lensong.monitoring.readiness import DEFAULT_SETTINGS, ReadinessSettings
from lensong.monitoring.readiness.decades import decades
from lensong.monitoring.readiness.moving import holds_moving
from lensong.propagation.types import FloatArray

NAMES = (
    "moving_hours",
    "moving_shape",
    "moving_per_decade",
    "moving_slope",
    "moving_half_log10",
)
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


def fitted(cases: Sequence[Case]) -> ReadinessSettings:
    """Return the settings of the greatest likelihood."""
    held = np.array([case.held for case in cases])

    def loss(theta: FloatArray) -> float:
        said = np.clip(likelihoods(cases, with_values(theta)), 1e-9, 1.0 - 1e-9)
        return -float(np.log(np.where(held, said, 1.0 - said)).mean())

    start = np.log([getattr(DEFAULT_SETTINGS, name) for name in NAMES])
    found = minimize(loss, start, method="Nelder-Mead", options={"maxfev": 400})
    return with_values(np.asarray(found.x))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--step", type=int, default=60, help="seconds between starts")
    options = parser.parse_args()
    traces = [t for t in load_traces(options.shared / "data") if t.moves and t.technology]
    cases = [case for trace in traces for case in cases_of(trace, step_s=options.step)]
    again = fitted([case for case in cases if not case.held_out])
    print("| constants | " + " | ".join(NAMES) + " |")
    print("|---" * (1 + len(NAMES)) + "|")
    for label, settings in (("shipped", DEFAULT_SETTINGS), ("fitted again", again)):
        values = " | ".join(f"{getattr(settings, name):.3f}" for name in NAMES)
        print(f"| {label} | {values} |")
    print()
    print("| traces | constants | session | sessions | READY | P(fail / READY) |")
    print("|---|---|---|---|---|---|")
    for part, held_out in (("chosen on", False), ("held out", True)):
        for label, settings in (("shipped", DEFAULT_SETTINGS), ("fitted again", again)):
            for duration_s in (60, 180, 600):
                own = [c for c in cases if c.held_out is held_out and c.duration_s == duration_s]
                ready = likelihoods(own, settings) >= DEFAULT_SETTINGS.ready_probability
                held = np.array([case.held for case in own])
                wrong = f"{1 - held[ready].mean():.3f}" if ready.any() else "–"
                print(
                    f"| {part} | {label} | {duration_s // 60} min | {len(own)} "
                    f"| {ready.sum()} | {wrong} |"
                )


if __name__ == "__main__":
    main()
