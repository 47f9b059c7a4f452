"""Array aliases and the projected grid that every layer of lensong shares."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lensong.propagation.errors import InvalidInputError

__all__ = [
    "BoolArray",
    "Float32Array",
    "FloatArray",
    "Grid",
    "Int16Array",
    "Int32Array",
    "IntArray",
    "UInt8Array",
]

FloatArray: TypeAlias = NDArray[np.float64]
Float32Array: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]
Int16Array: TypeAlias = NDArray[np.int16]
Int32Array: TypeAlias = NDArray[np.int32]
UInt8Array: TypeAlias = NDArray[np.uint8]
BoolArray: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A north-up raster of square cells in a projected metric coordinate system.

    Row 0 is the northernmost row, column 0 the westernmost column. The *centre* of cell
    ``(row, col)`` has the fractional position ``(row, col)``: integers are cell centres.

    Parameters
    ----------
    crs : str
        Authority code (``"EPSG:32648"``) or WKT of a projected system in metres.
    west_m, north_m : float
        Easting of the western edge and northing of the northern edge of the raster [m].
    cell_m : float
        Side of a cell [m], above 0.
    rows, cols : int
        Size, at least 1 each.
    """

    crs: str
    west_m: float
    north_m: float
    cell_m: float
    rows: int
    cols: int

    def __post_init__(self) -> None:
        if not (isfinite(self.west_m) and isfinite(self.north_m)):
            raise InvalidInputError(
                f"grid corner is ({self.west_m}, {self.north_m}), wanted finite metres"
            )
        if not (isfinite(self.cell_m) and self.cell_m > 0.0):
            raise InvalidInputError(f"cell_m is {self.cell_m}, wanted a size above 0 m")
        if self.rows < 1 or self.cols < 1:
            raise InvalidInputError(
                f"grid is {self.rows} x {self.cols}, wanted at least one row and one column"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """Return ``(rows, cols)``."""
        return (self.rows, self.cols)

    @property
    def bounds_m(self) -> tuple[float, float, float, float]:
        """Return west, south, east, north edges [m]."""
        return (
            self.west_m,
            self.north_m - self.rows * self.cell_m,
            self.west_m + self.cols * self.cell_m,
            self.north_m,
        )

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """Return the six affine coefficients ``(a, b, c, d, e, f)`` in rasterio's order."""
        return (self.cell_m, 0.0, self.west_m, 0.0, -self.cell_m, self.north_m)

    def row_col(self, easting_m: float, northing_m: float) -> tuple[float, float]:
        """Return the fractional ``(row, col)`` of a projected position (integers: cell centres)."""
        return (
            (self.north_m - northing_m) / self.cell_m - 0.5,
            (easting_m - self.west_m) / self.cell_m - 0.5,
        )

    def easting_northing(self, row: float, col: float) -> tuple[float, float]:
        """Return the projected position [m] of a fractional ``(row, col)``."""
        return (
            self.west_m + (col + 0.5) * self.cell_m,
            self.north_m - (row + 0.5) * self.cell_m,
        )

    def contains(self, easting_m: float, northing_m: float) -> bool:
        """Return whether a projected position lies on the raster."""
        west, south, east, north = self.bounds_m
        return west <= easting_m < east and south < northing_m <= north

    def surrounds(self, easting_m: float, northing_m: float) -> bool:
        """Return whether a position has cell centres on every side: where a mast can stand.

        The outermost half cell is on the raster, but nothing can be interpolated there.
        """
        row, col = self.row_col(easting_m, northing_m)
        return 0.0 <= row <= self.rows - 1 and 0.0 <= col <= self.cols - 1
