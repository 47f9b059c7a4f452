"""Simple rules to beat: what people use today instead of a verdict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lensong.propagation.types import FloatArray

Rule = Callable[[FloatArray, float], bool]


def _mean(seconds: int, factor: float) -> Rule:
    return lambda before, need: bool(before[-seconds:].mean() >= factor * need)


def _p10(factor: float) -> Rule:
    return lambda before, need: bool(np.percentile(before, 10) >= factor * need)


def _harmonic(factor: float) -> Rule:
    return lambda before, need: bool(
        before.size / np.sum(1.0 / np.maximum(before, 1.0)) >= factor * need
    )


RULES: dict[str, Rule] = {
    "10 s mean >= 1.0x": _mean(10, 1.0),
    "10 s mean >= 1.5x": _mean(10, 1.5),
    "60 s mean >= 1.5x": _mean(60, 1.5),
    "10 s mean >= 2.0x": _mean(10, 2.0),
    "10 s mean >= 3.0x": _mean(10, 3.0),
    "60 s p10 >= 1.0x": _p10(1.0),
    "60 s harmonic mean >= 1.5x": _harmonic(1.5),
}
"""By name: whether a rule says ready, from the minute before the session and the need."""
