"""Reading rasters between cell centres."""

from __future__ import annotations

import numpy as np

from lensong.propagation.kernel import kernel
from lensong.propagation.types import Float32Array, UInt8Array

__all__ = ["bilinear", "bilinear_beside_void", "bilinear_pair", "nearest"]


_MIDDLE = 0.01
"""How near to the middle of a pixel, in pixels, is the middle."""


@kernel
def bilinear(raster: Float32Array, row: float, col: float) -> float:
    """Return the bilinear value at a fractional position; NaN outside the cell centres.

    Nearest-neighbour reading turns slopes into stairs that diffract; terrain is never read so.
    """
    rows, cols = raster.shape
    if not (0.0 <= row <= rows - 1.0 and 0.0 <= col <= cols - 1.0):
        return np.nan
    i, j = min(int(row), rows - 2), min(int(col), cols - 2)
    down, right = row - i, col - j
    top = raster[i, j] * (1.0 - right) + raster[i, j + 1] * right
    bottom = raster[i + 1, j] * (1.0 - right) + raster[i + 1, j + 1] * right
    return float(top * (1.0 - down) + bottom * down)


@kernel
def bilinear_beside_void(raster: Float32Array, row: float, col: float) -> float:
    """Return the bilinear value; a neighbour that has no weight in it may be unknown.

    The middle of a pixel beside a void is known, also where it is told in degrees to a decimetre.
    `bilinear` gives NaN there.
    """
    rows, cols = raster.shape
    if not (0.0 <= row <= rows - 1.0 and 0.0 <= col <= cols - 1.0):
        return np.nan
    i, j = min(int(row), rows - 2), min(int(col), cols - 2)
    down, right = row - i, col - j
    if down < _MIDDLE and np.isnan(raster[i + 1, j] + raster[i + 1, j + 1]):
        down = 0.0
    if right < _MIDDLE and np.isnan(raster[i, j + 1] + raster[i + 1, j + 1]):
        right = 0.0
    i1, j1 = i + 1 if down > 0.0 else i, j + 1 if right > 0.0 else j
    top = raster[i, j] * (1.0 - right) + raster[i, j1] * right
    bottom = raster[i1, j] * (1.0 - right) + raster[i1, j1] * right
    return float(top * (1.0 - down) + bottom * down)


@kernel
def bilinear_pair(
    first: Float32Array, second: Float32Array, row: float, col: float
) -> tuple[float, float]:
    """Return the bilinear values of two rasters of one shape at one position."""
    rows, cols = first.shape
    if not (0.0 <= row <= rows - 1.0 and 0.0 <= col <= cols - 1.0):
        return np.nan, np.nan
    i, j = min(int(row), rows - 2), min(int(col), cols - 2)
    down, right = row - i, col - j
    up, left = 1.0 - down, 1.0 - right
    top = first[i, j] * left + first[i, j + 1] * right
    bottom = first[i + 1, j] * left + first[i + 1, j + 1] * right
    other_top = second[i, j] * left + second[i, j + 1] * right
    other_bottom = second[i + 1, j] * left + second[i + 1, j + 1] * right
    return top * up + bottom * down, other_top * up + other_bottom * down


@kernel
def nearest(raster: UInt8Array, row: float, col: float) -> int:
    """Return the value of the cell that holds a fractional position, which must be inside."""
    return int(raster[int(row + 0.5), int(col + 0.5)])
