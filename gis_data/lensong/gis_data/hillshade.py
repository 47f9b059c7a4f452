"""Relief shading: how bright the ground is under a low sun."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.types import Float32Array, UInt8Array

__all__ = ["hillshade"]

_ROWS_AT_ONCE = 256


def hillshade(
    ground_m: ArrayLike,
    cell_m: float,
    *,
    azimuth_deg: float = 315.0,
    altitude_deg: float = 45.0,
    vertical_exaggeration: float = 1.0,
) -> UInt8Array:
    """Return how bright each cell is under a sun at infinite distance.

    Parameters
    ----------
    ground_m : shape (rows, cols)
        Height [m], north up. NaN is "no data".
    cell_m : float
        Side of a cell [m], above 0.
    azimuth_deg : float
        Where the light comes from, clockwise from north [degrees].
    altitude_deg : float
        Height of the sun over the horizon, 0 to 90 [degrees].
    vertical_exaggeration : float
        Factor on the heights, above 0.

    Returns
    -------
    shape (rows, cols), uint8
        1 in full shade to 255 facing the light; 0 where the height is NaN. Flat ground is
        ``255 sin(altitude)``.

    Raises
    ------
    InvalidInputError
        The heights are no raster, or a number is out of its range.

    Notes
    -----
    The slope is the weighted difference of the eight neighbours by Horn [1]_. A missing
    neighbour counts as level with the cell.

    References
    ----------
    .. [1] B. K. P. Horn, "Hill shading and the reflectance map", Proc. IEEE 69 (1), 1981.
    """
    ground = np.asarray(ground_m, dtype=np.float32)
    if ground.ndim != 2 or ground.size == 0:
        raise InvalidInputError(f"ground_m has shape {ground.shape}, wanted (rows, cols)")
    if not cell_m > 0.0:
        raise InvalidInputError(f"cell_m is {cell_m}, wanted a size above 0 m")
    if not vertical_exaggeration > 0.0:
        raise InvalidInputError(
            f"vertical_exaggeration is {vertical_exaggeration}, wanted a factor above 0"
        )
    if not 0.0 <= altitude_deg <= 90.0:
        raise OutOfRangeError("altitude_deg", altitude_deg, 0.0, 90.0, hint="90 is overhead")
    azimuth, altitude = radians(azimuth_deg), radians(altitude_deg)
    shade = np.empty(ground.shape, np.uint8)
    for begin in range(0, ground.shape[0], _ROWS_AT_ONCE):  # all at once it takes ten rasters more
        rows = slice(begin, begin + _ROWS_AT_ONCE)
        east, north = _slopes(ground, rows, 8.0 * cell_m / vertical_exaggeration)
        facing = east * np.float32(sin(azimuth)) + north * np.float32(cos(azimuth))
        light = np.float32(sin(altitude)) - np.float32(cos(altitude)) * facing
        light /= np.sqrt(1.0 + east * east + north * north)
        bright = np.round(1.0 + 254.0 * np.clip(light, 0.0, 1.0))
        shade[rows] = np.where(np.isnan(ground[rows]), 0.0, bright).astype(np.uint8)
    return shade


def _slopes(
    whole: Float32Array, part: slice, eight_cells_m: float
) -> tuple[Float32Array, Float32Array]:
    """Return the rise of some rows to east and to north [1]; the border repeats its own cells."""
    ground = whole[part]
    rows, cols = ground.shape
    above, below = int(part.start > 0), int(part.start + rows < whole.shape[0])
    wide = np.pad(
        whole[part.start - above : part.start + rows + below],
        ((1 - above, 1 - below), (1, 1)),
        mode="edge",
    )

    def neighbour(down: int, right: int) -> Float32Array:
        cells = wide[1 + down : 1 + down + rows, 1 + right : 1 + right + cols]
        return np.where(np.isnan(cells), ground, cells)

    north_west, north_east = neighbour(-1, -1), neighbour(-1, 1)
    south_west, south_east = neighbour(1, -1), neighbour(1, 1)
    with np.errstate(invalid="ignore"):
        east = north_east + south_east - north_west - south_west
        east += 2.0 * (neighbour(0, 1) - neighbour(0, -1))
        north = north_west + north_east - south_west - south_east
        north += 2.0 * (neighbour(-1, 0) - neighbour(1, 0))
        return east / np.float32(eight_cells_m), north / np.float32(eight_cells_m)
