"""Rates as decades, and sums that do not depend on the order of their parts."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["LEAST_BPS", "decades", "weighted_mean"]

LEAST_BPS = 1_000.0
"""A measured rate below this, zero too, counts as this: it carries no stream, and has a log."""


def decades(rate_bps: float) -> float:
    """Return log10 of a rate [bit/s], of at least `LEAST_BPS`."""
    return math.log10(max(rate_bps, LEAST_BPS))


def weighted_mean(pairs: Iterable[tuple[float, float]]) -> tuple[float, float]:
    """Return the mean of (weight, value) pairs and the sum of the weights, exactly rounded.

    The same pairs in another order give the same bits, which plain sums do not. Without weight
    the mean is NaN.
    """
    kept = list(pairs)
    total = math.fsum(weight for weight, _ in kept)
    if total <= 0.0:
        return math.nan, 0.0
    return math.fsum(weight * value for weight, value in kept) / total, total
