"""Relief shading: how bright the ground is under a low sun."""

from __future__ import annotations

from math import cos, radians, sin

import numpy as np
from numpy.typing import ArrayLike

from lensong.gis_data.hillshade_kernel import shade_cells
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.types import UInt8Array

__all__ = ["hillshade"]


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
    shade_cells(
        ground,
        np.float32(8.0 * cell_m / vertical_exaggeration),
        np.float32(cos(altitude) * sin(azimuth)),
        np.float32(cos(altitude) * cos(azimuth)),
        np.float32(sin(altitude)),
        shade,
    )
    return shade
