"""Reading rasters between cell centres."""

from __future__ import annotations

import numpy as np

from lensong.propagation.kernel import inlined_kernel, kernel
from lensong.propagation.place import place
from lensong.propagation.types import Float32Array, UInt8Array

__all__ = ["bilinear", "bilinear_inside", "nearest"]


_MIDDLE = 0.01
"""How near to the middle of a pixel, in pixels, is the middle."""


@kernel
def bilinear(raster: Float32Array, row: float, col: float) -> float:
    """Return the bilinear value at a fractional position; NaN outside the cell centres.

    Nearest-neighbour reading turns slopes into stairs that diffract; terrain is never read so.
    A neighbour that has no weight in it may be unknown: the middle of a pixel beside a void is
    known, also where it is told in degrees to a decimetre.
    """
    rows, cols = raster.shape
    if not (0.0 <= row <= rows - 1.0 and 0.0 <= col <= cols - 1.0):
        return np.nan
    return bilinear_inside(raster, row, col)


@inlined_kernel
def bilinear_inside(raster: Float32Array, row: float, col: float) -> float:
    """Return what `bilinear` does at a position that is known to lie between cell centres."""
    rows, cols = raster.shape
    i, j = place(min(int(row), rows - 2)), place(min(int(col), cols - 2))
    down, right = row - i, col - j
    top = raster[i, j] * (1.0 - right) + raster[i, j + 1] * right
    bottom = raster[i + 1, j] * (1.0 - right) + raster[i + 1, j + 1] * right
    value = float(top * (1.0 - down) + bottom * down)
    return value if value == value else _beside_void(raster, row, col)


@kernel
def _beside_void(raster: Float32Array, row: float, col: float) -> float:
    """Return the bilinear value without the neighbours that have no weight: 0 times NaN is NaN."""
    i, j = int(row), int(col)
    down, right = row - i, col - j
    if down < _MIDDLE or down > 1.0 - _MIDDLE:
        i, down = int(row + 0.5), 0.0
    if right < _MIDDLE or right > 1.0 - _MIDDLE:
        j, right = int(col + 0.5), 0.0
    i1, j1 = i + 1 if down > 0.0 else i, j + 1 if right > 0.0 else j
    top = raster[i, j] * (1.0 - right) + raster[i, j1] * right
    bottom = raster[i1, j] * (1.0 - right) + raster[i1, j1] * right
    return float(top * (1.0 - down) + bottom * down)


@kernel
def nearest(raster: UInt8Array, row: float, col: float) -> int:
    """Return the value of the cell that holds a fractional position, which must be inside."""
    return int(raster[int(row + 0.5), int(col + 0.5)])
