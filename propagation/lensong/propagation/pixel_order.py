"""The order in which a sweep serves its pixels; it depends on the mast and the radius alone."""

from __future__ import annotations

from math import ceil, floor, sqrt
from typing import NamedTuple

import numpy as np
from numba import njit

from lensong.propagation.types import Int32Array, IntArray

__all__ = ["AT_THE_MAST_CELLS", "OWN_SAMPLES", "PixelOrder", "order_pixels", "own_samples"]

OWN_SAMPLES = 8
"""Least number of samples before the pixel that are read on its own line."""

AT_THE_MAST_CELLS = 0.03
"""A pixel centre nearer than this is taken to be this far away: no path has length 0."""

STATE_GAP_STEPS = 0.5
"""The radial serves a pixel up to this many steps before its own first sample."""


class PixelOrder(NamedTuple):
    """Pixels of a window in the order in which a sweep serves them.

    ``first[r]`` to ``first[r + 1]`` are the pixels of radial r, by growing ``last_sample``;
    ``own_samples`` are read on each pixel's own line.
    """

    first: IntArray
    row: Int32Array
    col: Int32Array
    last_sample: Int32Array
    own_samples: int


def own_samples(clearing_m: float, cell_m: float) -> int:
    """Return how many samples are read on a pixel's own line: all within its clearing at least."""
    return max(OWN_SAMPLES, ceil(clearing_m / cell_m))


@njit(cache=True, nogil=True)
def order_pixels(
    row: float,
    col: float,
    row0: int,
    col0: int,
    rows: int,
    cols: int,
    radius_cells: float,
    own: int,
) -> PixelOrder:
    """Sort the pixels of a window within a radius by radial, then by the last sample they need.

    Two stable counting sorts. The number of radials is the circumference in cells, a multiple of
    four so that the axes are radials.
    """
    radials = 4 * int(np.ceil(2.0 * np.pi * radius_cells / 4.0))
    samples = int(radius_cells) + 1
    count = 0
    per_sample = np.zeros(samples + 1, dtype=np.int64)
    per_radial = np.zeros(radials + 1, dtype=np.int64)
    radial_of = np.full((rows, cols), -1, dtype=np.int32)
    last_of = np.zeros((rows, cols), dtype=np.int32)
    for i in range(rows):
        for j in range(cols):
            d_row, d_col = row0 + i - row, col0 + j - col
            cells = sqrt(d_row * d_row + d_col * d_col)
            if cells > radius_cells:
                continue
            turn = np.arctan2(d_col, -d_row) / (2.0 * np.pi)
            r = floor(turn * radials + 0.5) % radials
            last = max(0, floor(cells - own - STATE_GAP_STEPS + 1e-9))
            radial_of[i, j], last_of[i, j] = r, last
            per_sample[last + 1] += 1
            per_radial[r + 1] += 1
            count += 1
    per_sample, first = np.cumsum(per_sample), np.cumsum(per_radial)
    by_sample = np.empty(count, dtype=np.int32)
    for i in range(rows):
        for j in range(cols):
            if radial_of[i, j] >= 0:
                last = last_of[i, j]
                by_sample[per_sample[last]] = i * cols + j
                per_sample[last] += 1
    place = first[:-1].copy()
    out_row, out_col = np.empty(count, dtype=np.int32), np.empty(count, dtype=np.int32)
    out_last = np.empty(count, dtype=np.int32)
    for p in range(count):
        i, j = by_sample[p] // cols, by_sample[p] % cols
        at = place[radial_of[i, j]]
        place[radial_of[i, j]] += 1
        out_row[at], out_col[at], out_last[at] = row0 + i, col0 + j, last_of[i, j]
    return PixelOrder(first, out_row, out_col, out_last, own)
