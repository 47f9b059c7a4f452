# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Compiled overlap of small squares with the large ones of another raster, for `population`.

The centre of every small square lies at ``row`` and ``col`` of the large raster, whose squares are
unit squares. A small square reaches over at most two columns and two rows of large ones; its sides
are taken as parallel to theirs, and its four shares sum to 1.
"""

from __future__ import annotations

from math import floor

from numba import njit

__all__ = ["gather", "scatter"]


@njit(cache=True, nogil=True)
def _halves(place, half_side):  # type: ignore[no-untyped-def]
    """Return the squares that hold the lower and the upper end of a side, and the upper's share."""
    first, last = floor(place - half_side), floor(place + half_side)
    beyond = (place + half_side - last) / (2.0 * half_side) if last > first else 0.0
    return int(first), int(last), beyond


@njit(cache=True, nogil=True)
def scatter(row, col, half_row, half_col, amount, total):  # type: ignore[no-untyped-def]
    """Add each small square's amount to the large squares under it; what lies beyond is left out.

    ``row``, ``col`` and ``amount`` have the shape of the small squares, ``total`` of the large.
    """
    rows, cols = total.shape
    for i in range(row.shape[0]):
        for j in range(row.shape[1]):
            if not amount[i, j] > 0.0:
                continue
            top, bottom, low = _halves(row[i, j], half_row)
            left, right, far = _halves(col[i, j], half_col)
            for r, of_row in ((top, 1.0 - low), (bottom, low)):
                if of_row <= 0.0 or r < 0 or r >= rows:
                    continue
                if 0 <= left < cols:
                    total[r, left] += amount[i, j] * of_row * (1.0 - far)
                if far > 0.0 and 0 <= right < cols:
                    total[r, right] += amount[i, j] * of_row * far


@njit(cache=True, nogil=True)
def gather(row, col, half_row, half_col, amount, total):  # type: ignore[no-untyped-def]
    """Set each small square to its share of the amounts of the large squares under it.

    ``row``, ``col`` and ``total`` have the shape of the small squares, ``amount`` of the large.
    """
    rows, cols = amount.shape
    for i in range(row.shape[0]):
        for j in range(row.shape[1]):
            top, bottom, low = _halves(row[i, j], half_row)
            left, right, far = _halves(col[i, j], half_col)
            people = 0.0
            for r, of_row in ((top, 1.0 - low), (bottom, low)):
                if of_row <= 0.0 or r < 0 or r >= rows:
                    continue
                if 0 <= left < cols:
                    people += amount[r, left] * of_row * (1.0 - far)
                if far > 0.0 and 0 <= right < cols:
                    people += amount[r, right] * of_row * far
            total[i, j] = people
