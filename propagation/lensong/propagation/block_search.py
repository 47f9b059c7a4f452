"""Two questions that no hull answers, by a search that skips blocks which cannot win.

Samples stand in blocks of ``BLOCK``; the greatest height of each block bounds what any of its
samples can reach. The answer is exact; only blocks whose bound is below the best so far are
skipped. In mountains a few blocks are looked into per pixel.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from lensong.propagation.diffraction import nu_one_metre
from lensong.propagation.kernel import inlined_kernel, kernel
from lensong.propagation.types import FloatArray

__all__ = ["BLOCK", "fill_block_maxima", "greatest_above_line", "largest_nu"]

BLOCK = 32
_ROUNDING = 1e-9  # bound and value are computed differently; never skip on the last digits


@kernel
def fill_block_maxima(y: FloatArray, count: int, out: FloatArray) -> None:
    """Write the greatest of each block of samples 1 to ``count - 1`` into ``out``."""
    for block in range((count + BLOCK - 1) // BLOCK):
        top = -np.inf
        for i in range(max(1, block * BLOCK), min(count, (block + 1) * BLOCK)):
            top = max(top, y[i])
        out[block] = top


@inlined_kernel
def largest_nu(
    x: FloatArray,
    height: FloatArray,
    block_max: FloatArray,
    last: int,
    tx_m: float,
    rx_m: float,
    path_km: float,
    curvature: float,
    least: float,
) -> tuple[float, int]:
    """Return the largest diffraction parameter of samples 1 to ``last``, P.1812 eq. (15).

    Only parameters above ``least`` count; without any, that and 0 are returned.

    ``block_max`` holds maxima of ``height - 500 curvature x²``: in that frame the line between
    the antennas stays straight. The last sample wins ties.
    """
    best, at = least, 0
    rise = (rx_m - 500.0 * curvature * path_km * path_km - tx_m) / path_km
    scale, per_path = 0.002 * path_km, 1.0 / path_km
    half = 0.5 * path_km
    for block in range(last // BLOCK, -1, -1):
        first, end = max(1, block * BLOCK), min(last, block * BLOCK + BLOCK - 1)
        near, far = x[first], x[end]
        above = block_max[block] - tx_m - min(rise * near, rise * far)
        at_near, at_far = near * (path_km - near), far * (path_km - far)
        if above > 0.0:
            product = min(at_near, at_far)
        elif near <= half <= far:
            product = half * half
        else:
            product = max(at_near, at_far)
        bound = above * sqrt(scale / product)
        if bound + _ROUNDING * (1.0 + abs(bound)) <= best:
            continue
        # first without root and division: is the square of the parameter, with its sign, near?
        square = best * abs(best) / scale
        square -= _ROUNDING * abs(square)
        for i in range(end, first - 1, -1):
            at_km, rest_km = x[i], path_km - x[i]
            above_m = height[i] + 500.0 * curvature * at_km * rest_km
            above_m -= (tx_m * rest_km + rx_m * at_km) * per_path - _ROUNDING
            if above_m * abs(above_m) >= square * (at_km * rest_km):
                value = nu_one_metre(height[i], at_km, tx_m, rx_m, path_km, curvature)
                if value > best:
                    best, at = value, i
                    square = best * abs(best) / scale
                    square -= _ROUNDING * abs(square)
    return best, at


@kernel
def greatest_above_line(
    x: FloatArray,
    height: FloatArray,
    block_max: FloatArray,
    first: int,
    last: int,
    start_m: float,
    slope: float,
) -> float:
    """Return the greatest ``height - (start + slope x)`` of samples first to last, eq. (93)."""
    best = -np.inf
    if last < first:
        return best
    for block in range(first // BLOCK, last // BLOCK + 1):
        begin, end = max(first, block * BLOCK), min(last, block * BLOCK + BLOCK - 1)
        lowest = start_m + min(slope * x[begin], slope * x[end])
        if block_max[block] - lowest + _ROUNDING * (1.0 + abs(best)) < best:
            continue
        for i in range(begin, end + 1):
            best = max(best, height[i] - (start_m + slope * x[i]))
    return best
