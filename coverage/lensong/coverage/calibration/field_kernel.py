# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled sum of what spots pull at pixels. Private: `apply` beside it uses it."""

from __future__ import annotations

from math import exp, sqrt

from lensong.propagation.kernel import untyped_kernel as kernel

__all__ = ["add_pull"]


@kernel
def add_pull(row, col, pull_db, length_px, reach_px, row0, col0, out):  # type: ignore[no-untyped-def]
    """Add ``pull_db exp(-distance / length_px)`` of each spot to the pixels within its reach.

    ``row`` and ``col`` are fractional grid positions; ``out`` begins at ``row0`` and ``col0``.
    """
    rows, cols = out.shape
    for k in range(row.size):
        top, left = row[k] - row0, col[k] - col0
        first, last = max(int(top - reach_px), 0), min(int(top + reach_px) + 2, rows)
        begin, end = max(int(left - reach_px), 0), min(int(left + reach_px) + 2, cols)
        for i in range(first, last):
            down = i - top
            for j in range(begin, end):
                across = j - left
                out[i, j] += pull_db[k] * exp(-sqrt(down * down + across * across) / length_px)
