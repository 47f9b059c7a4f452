"""The settings that data decide, by maximum likelihood of "held" and "failed".

Five numbers: how far the bitrate that holds lies below the level, how that grows with the duration
and how it spreads; and how often links drop out, with what that is worth in samples. How outages
grow with the duration is left at the setting: the traces, none of which allows more than ten
minutes, hardly tell (replay.py prints what other values give). Every trace counts alike however
long it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import ndtr

from benchmarks.readiness.cases import NOW, Case
from lensong.monitoring.readiness import ReadinessSettings
from lensong.monitoring.readiness.decades import decades, weighted_mean
from lensong.monitoring.readiness.history import HOURS_A_DAY, hour_of_week
from lensong.monitoring.readiness.outlook import Part, level_by_plan, level_by_tests
from lensong.monitoring.readiness.sift import sift
from lensong.propagation.types import BoolArray, FloatArray

_START = (-0.2, 0.1, -2.0, -4.7, 2.2)
_LEAST_CHANCE = 1e-4  # one surprise must not decide the fit


@dataclass(frozen=True, slots=True)
class Table:
    """What the likelihood needs of each case."""

    trace: np.ndarray
    level: FloatArray
    variance: FloatArray
    need: FloatArray
    decades: FloatArray
    weight: FloatArray
    weight_below: FloatArray
    held: BoolArray


def table(cases: Sequence[Case], settings: ReadinessSettings) -> Table:
    """Return the levels that the library itself expects before each case."""
    rows = []
    for case in cases:
        known = sift(case.question, case.evidence, now=NOW, settings=settings)
        hour = hour_of_week(NOW, settings)
        found = known.history.level(hour, settings)
        samples = known.history.by_time[hour % HOURS_A_DAY]
        parts = [
            level_by_plan(known.predictions, settings),
            None if found is None else Part(mean=found[0], sd=found[1]),
            level_by_tests(known.strong, at=NOW, settings=settings),
        ]
        level, precision = weighted_mean((p.sd**-2, p.mean) for p in parts if p is not None)
        need = decades(case.need_bps)
        rows.append(
            (
                level,
                1.0 / precision,
                need,
                np.log10(case.duration_s / 60.0),
                samples.weight,
                samples.weight_below(need),
            )
        )
    columns = np.array(rows).T
    names = np.array([case.trace for case in cases])
    level, variance, need, longer, weight, below = columns
    held = np.array([case.held for case in cases])
    return Table(names, level, variance, need, longer, weight, below, held)


def chances(theta: Sequence[float] | FloatArray, of: Table, outage_per_decade: float) -> FloatArray:
    """Return the probability of holding; the NumPy twin of `Outlook.uncalibrated`."""
    drop, drop_per_decade, log_sd, logit_share, log_weight = theta
    z = (of.level - drop - drop_per_decade * of.decades - of.need) / np.hypot(
        np.sqrt(of.variance), np.exp(log_sd)
    )
    weight, share = np.exp(log_weight), 1.0 / (1.0 + np.exp(-logit_share))
    low = (weight * share + of.weight_below) / (weight + of.weight)
    return np.asarray((1.0 - low) ** (1.0 + outage_per_decade * of.decades) * ndtr(z))


def chances_of(settings: ReadinessSettings, of: Table) -> FloatArray:
    """Return the probability of holding by given settings."""
    share = settings.outage_share
    theta = (
        settings.session_drop,
        settings.session_drop_per_decade,
        np.log(settings.session_sd),
        np.log(share / (1.0 - share)),
        np.log(settings.outage_weight),
    )
    return chances(theta, of, settings.outage_per_decade)


def fitted(of: Table, settings: ReadinessSettings, *, without: str = "") -> ReadinessSettings:
    """Return the settings fitted to all traces but one."""
    rows = of.trace != without
    part = Table(*(getattr(of, name)[rows] for name in Table.__slots__))
    names, index, counts = np.unique(part.trace, return_inverse=True, return_counts=True)
    weights = 1.0 / (counts[index] * names.size)

    def loss(theta: FloatArray) -> float:
        p = np.clip(
            chances(theta, part, settings.outage_per_decade), _LEAST_CHANCE, 1.0 - _LEAST_CHANCE
        )
        return -float(np.sum(weights * np.log(np.where(part.held, p, 1.0 - p))))

    found = minimize(
        loss,
        _START,
        method="Nelder-Mead",
        options={"maxiter": 8_000, "maxfev": 8_000, "adaptive": True, "fatol": 1e-7},
    ).x
    return replace(
        settings,
        session_drop=float(found[0]),
        session_drop_per_decade=max(float(found[1]), 0.0),
        session_sd=float(np.exp(found[2])),
        outage_share=float(1.0 / (1.0 + np.exp(-found[3]))),
        outage_weight=float(np.exp(found[4])),
    )
