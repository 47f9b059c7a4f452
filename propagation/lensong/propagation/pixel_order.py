"""The order in which a sweep serves its pixels; it depends on the mast and the radius alone."""

from __future__ import annotations

from math import ceil, cos, pi, sin, sqrt
from typing import NamedTuple

import numpy as np
from numba import njit

from lensong.propagation.types import Int32Array, IntArray

__all__ = [
    "AT_THE_MAST_CELLS",
    "OWN_SAMPLES",
    "RADIALS_PER_CELL",
    "PixelOrder",
    "nearest_radial",
    "order_pixels",
    "own_samples",
    "radial_direction",
    "steps_to",
]

RADIALS_PER_CELL = 1.0
"""Radials for each cell of the circumference, but for models that say more."""

OWN_SAMPLES = 6
"""Least number of samples before the pixel that are read on its own line, but as above."""

AT_THE_MAST_CELLS = 0.03
"""A pixel centre nearer than this is taken to be this far away: no path has length 0."""

SHORTEST_PATH_M, FEWEST_STEPS = 250.0, 4
"""A path that long has a profile of so many steps at least: see `profile.path_profile`."""


class PixelOrder(NamedTuple):
    """Pixels of a window in the order in which a sweep serves them.

    ``first[r]`` to ``first[r + 1]`` are the pixels of radial r, by growing ``last_sample``; at
    least ``own_samples`` are read on each pixel's own line.
    """

    first: IntArray
    row: Int32Array
    col: Int32Array
    last_sample: Int32Array
    own_samples: int


def own_samples(clearing_m: float, cell_m: float, least: int = OWN_SAMPLES) -> int:
    """Return how many samples are read on a pixel's own line: all within its clearing at least.

    Steps of that line are up to half a step in all shorter or longer than cells.
    """
    return max(least, ceil(clearing_m / cell_m + 0.5))


@njit(cache=True, nogil=True)
def steps_to(cells: float, cell_m: float) -> int:
    """Return in how many equal steps the profile to a pixel is read, as `profile.path_profile`."""
    count = max(1, int(cells + 0.5 + 1e-9))
    return max(count, FEWEST_STEPS) if cells * cell_m >= SHORTEST_PATH_M else count


@njit(cache=True, nogil=True)
def radial_direction(radial: int, radials: int) -> tuple[float, float]:
    """Return the step of a radial in rows and columns, 0 north, clockwise.

    Folded onto an eighth of the circle: a radial due east leaves its row by nothing at all (the
    edge of a raster or of a void may lie there), and mirrored ones are mirrored to the last bit.
    """
    quarter = radials // 4
    axis = (radial + radials // 8) // quarter
    beside = radial - axis * quarter
    main, side = cos(2.0 * pi * beside / radials), sin(2.0 * pi * beside / radials)
    if axis == 1:
        return side, main
    if axis == 2:
        return main, -side
    if axis == 3:
        return -side, -main
    return -main, side


@njit(cache=True, nogil=True)
def nearest_radial(d_row: float, d_col: float, radials: int) -> int:
    """Return the radial that points nearest to a pixel; of two as near, the one nearer to an axis.

    So a mirrored land has a mirrored map, and no rounding of an angle decides.
    """
    down, right = abs(d_row), abs(d_col)
    steep = down >= right
    turn = np.arctan2(right, down) if steep else np.arctan2(down, right)
    beside = int(np.ceil(turn / (2.0 * pi) * radials - 0.5 - 1e-9))
    quarter = radials // 4
    if steep:
        toward = beside if d_col >= 0.0 else -beside
        return (toward if d_row <= 0.0 else 2 * quarter - toward) % radials
    toward = beside if d_row >= 0.0 else -beside
    return (quarter + toward if d_col >= 0.0 else 3 * quarter - toward) % radials


@njit(cache=True, nogil=True)
def order_pixels(
    row: float,
    col: float,
    row0: int,
    col0: int,
    rows: int,
    cols: int,
    radius_cells: float,
    cell_m: float,
    own: int,
    radials_per_cell: float,
) -> PixelOrder:
    """Sort the pixels of a window within a radius by radial, then by the last sample they need.

    Two stable counting sorts. The number of radials is a multiple of eight so that axes and
    diagonals are radials.
    """
    radials = 8 * int(np.ceil(radials_per_cell * 2.0 * pi * radius_cells / 8.0))
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
            r = nearest_radial(d_row, d_col, radials)
            last = max(0, steps_to(cells, cell_m) - own - 1)
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
