"""Pictures of rasters for web maps: relief shading, warping, PNG."""

from __future__ import annotations

import base64
import warnings
from dataclasses import dataclass
from math import ceil, cos, radians, sin
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform, transform_bounds

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = [
    "Corners",
    "ResamplingName",
    "WarpedBounds",
    "encode_png",
    "hillshade",
    "png_data_url",
    "warp_to_geographic",
    "warp_to_mercator",
]

ResamplingName: TypeAlias = Literal["nearest", "bilinear", "average", "mode"]
#: ``(lon_deg, lat_deg)`` of north-west, north-east, south-east, south-west.
Corners: TypeAlias = tuple[
    tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]
]
_AnyArray: TypeAlias = NDArray[Any]  # a raster keeps whatever number type it has


@dataclass(frozen=True, slots=True, kw_only=True)
class WarpedBounds:
    """Edges of a picture in WGS 84.

    Parameters
    ----------
    west_deg, south_deg, east_deg, north_deg : float
        Outer edges of the outermost pixels [degrees].
    """

    west_deg: float
    south_deg: float
    east_deg: float
    north_deg: float


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
    east, north = _slopes(ground, 8.0 * cell_m / vertical_exaggeration)
    azimuth, altitude = radians(azimuth_deg), radians(altitude_deg)
    facing = east * np.float32(sin(azimuth)) + north * np.float32(cos(azimuth))
    light = np.float32(sin(altitude)) - np.float32(cos(altitude)) * facing
    light /= np.sqrt(1.0 + east * east + north * north)
    shade = 1.0 + 254.0 * np.clip(light, 0.0, 1.0)
    return np.where(np.isnan(ground), 0.0, np.round(shade)).astype(np.uint8)


def encode_png(array: UInt8Array) -> bytes:
    """Return the PNG file of a picture; the same picture gives the same bytes.

    Parameters
    ----------
    array : shape (h, w), (h, w, 3) or (h, w, 4), uint8
        Grey, RGB or RGBA, top row first.

    Raises
    ------
    InvalidInputError
        The array has another shape or type.
    """
    picture = array[:, :, np.newaxis] if array.ndim == 2 else array
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] not in (1, 3, 4):
        raise InvalidInputError(
            f"picture has shape {array.shape} and type {array.dtype}, "
            "wanted uint8 of shape (h, w), (h, w, 3) or (h, w, 4)"
        )
    height, width, bands = picture.shape
    with warnings.catch_warnings(), MemoryFile(ext=".png") as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # a PNG has no place to put it
        with memory.open(
            driver="PNG", height=height, width=width, count=bands, dtype="uint8", ZLEVEL=6
        ) as dataset:
            dataset.write(np.moveaxis(picture, 2, 0))
        return bytes(memory.read())


def png_data_url(array: UInt8Array) -> str:
    """Return ``encode_png(array)`` as a ``data:`` address for a page that stands alone."""
    return "data:image/png;base64," + base64.b64encode(encode_png(array)).decode("ascii")


def warp_to_mercator(
    array: _AnyArray,
    grid: Grid,
    *,
    resampling: ResamplingName = "nearest",
    max_px: int = 2048,
) -> tuple[_AnyArray, Corners]:
    """Return a raster in Web Mercator (EPSG:3857) and its corners, for a MapLibre image source.

    Parameters
    ----------
    array : shape (rows, cols) or (rows, cols, bands)
        On ``grid``. NaN is "no data" where the numbers are floating.
    grid : Grid
        Of the array.
    resampling : {"nearest", "bilinear", "average", "mode"}
        ``"nearest"`` or ``"mode"`` for classes and colours, the others for quantities.
    max_px : int
        Longer side of the result at most [pixels]. A pixel is never finer than the grid's cell.

    Returns
    -------
    shape (h, w) or (h, w, bands)
        Of the same type; outside the grid NaN, or 0 where the numbers are whole.
    Corners
        ``(lon_deg, lat_deg)`` of north-west, north-east, south-east and south-west, the order
        that MapLibre wants.

    Raises
    ------
    InvalidInputError
        The array does not have the grid's shape.
    """
    warped, bounds = _warp(array, grid, "EPSG:3857", resampling=resampling, max_px=max_px)
    west, south, east, north = bounds
    lons, lats = transform("EPSG:3857", "EPSG:4326", [west, east], [south, north])
    (west_deg, east_deg), (south_deg, north_deg) = lons, lats
    return warped, (
        (west_deg, north_deg),
        (east_deg, north_deg),
        (east_deg, south_deg),
        (west_deg, south_deg),
    )


def warp_to_geographic(
    array: _AnyArray,
    grid: Grid,
    *,
    resampling: ResamplingName = "nearest",
    max_px: int = 2048,
) -> tuple[_AnyArray, WarpedBounds]:
    """Return a raster in latitude and longitude (WGS 84) and its edges.

    Parameters, fill values and errors are those of :func:`warp_to_mercator`; pixels are square
    in degrees.
    """
    warped, (west, south, east, north) = _warp(
        array, grid, "EPSG:4326", resampling=resampling, max_px=max_px
    )
    return warped, WarpedBounds(west_deg=west, south_deg=south, east_deg=east, north_deg=north)


def _slopes(ground: Float32Array, eight_cells_m: float) -> tuple[Float32Array, Float32Array]:
    """Return the rise toward east and toward north [1]; the border repeats its own cells."""
    rows, cols = ground.shape
    wide = np.pad(ground, 1, mode="edge")

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


def _warp(
    array: _AnyArray, grid: Grid, crs: str, *, resampling: ResamplingName, max_px: int
) -> tuple[_AnyArray, tuple[float, float, float, float]]:
    """Return the raster in another system and its edges there: west, south, east, north."""
    if array.ndim not in (2, 3) or array.shape[:2] != grid.shape:
        raise InvalidInputError(
            f"array has shape {array.shape}, wanted the grid's {grid.shape} (and bands last)"
        )
    if max_px < 1:
        raise InvalidInputError(f"max_px is {max_px}, wanted at least 1")
    west, south, east, north = transform_bounds(grid.crs, crs, *grid.bounds_m, densify_pts=51)
    pixel = max(
        (east - west) / grid.cols,
        (north - south) / grid.rows,
        max(east - west, north - south) / max_px,
    )
    width, height = ceil((east - west) / pixel - 1e-6), ceil((north - south) / pixel - 1e-6)
    bounds = (west, north - height * pixel, west + width * pixel, north)
    stored = array.astype(np.uint8) if array.dtype == np.bool_ else array
    bands = stored[np.newaxis] if stored.ndim == 2 else np.moveaxis(stored, 2, 0)
    fill = np.nan if np.issubdtype(array.dtype, np.floating) else None
    warped = np.zeros((bands.shape[0], height, width), dtype=stored.dtype)
    reproject(
        np.ascontiguousarray(bands),
        warped,
        src_transform=Affine(*grid.transform),
        src_crs=grid.crs,
        src_nodata=fill,
        dst_transform=Affine(pixel, 0.0, west, 0.0, -pixel, north),
        dst_crs=crs,
        dst_nodata=fill,
        resampling=Resampling[resampling],
    )
    result = warped[0] if array.ndim == 2 else np.moveaxis(warped, 0, 2)
    return np.ascontiguousarray(result.astype(array.dtype, copy=False)), bounds
