"""Pictures of rasters for web maps: warped to the map's system, and PNG."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform, transform_bounds

from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid, UInt8Array

__all__ = [
    "Corners",
    "ResamplingName",
    "WarpedBounds",
    "encode_png",
    "encode_png16",
    "geographic_cells",
    "mercator_cells",
    "palette_png",
    "palette_png_url",
    "warp_to_geographic",
    "warp_to_mercator",
]

_LEVEL = 4  # classes of a plan: 6 takes 2.5 times as long and saves 7 %, 9 is far slower still

ResamplingName: TypeAlias = Literal["nearest", "bilinear", "average", "mode"]
#: ``(lon_deg, lat_deg)`` of north-west, north-east, south-east, south-west.
Corners: TypeAlias = tuple[
    tuple[float, float], tuple[float, float], tuple[float, float], tuple[float, float]
]
# A picture lies nowhere. rasterio warns of that, and what Python warns of is one list for all
# threads, which no thread can change for itself: so the writer gets a place that PNG does not keep.
_SOMEWHERE = Affine.scale(2.0, -2.0)
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
    return _png(np.moveaxis(picture, 2, 0))


def encode_png16(greys: NDArray[np.uint16]) -> bytes:
    """Return a PNG file of 16-bit greys, shape (h, w), top row first.

    Raises
    ------
    InvalidInputError
        The array has another shape or type.
    """
    if greys.dtype != np.uint16 or greys.ndim != 2:
        raise InvalidInputError(
            f"picture has shape {greys.shape} and type {greys.dtype}, wanted uint16 of shape (h, w)"
        )
    return _png(greys[np.newaxis])


def palette_png(indices: UInt8Array, colours: Sequence[str], *, opacity: int = 255) -> bytes:
    """Return a PNG file whose pixel value 0 is transparent and ``i`` has ``colours[i - 1]``.

    One byte per pixel and a table of colours: a quarter of the work of RGBA.

    Parameters
    ----------
    indices : shape (h, w), uint8
        0 to ``len(colours)``.
    colours : sequence of str
        ``"#rrggbb"``, at most 255.
    opacity : int
        Of all colours, 0..255.

    Raises
    ------
    InvalidInputError
        Too many colours, or an index without one.
    """
    if not 1 <= len(colours) <= 255:
        raise InvalidInputError(f"{len(colours)} colours were given, wanted 1 to 255")
    if indices.ndim != 2 or indices.size == 0 or int(indices.max()) > len(colours):
        raise InvalidInputError(
            f"picture of shape {indices.shape} wants colours that are not among the "
            f"{len(colours)} given"
        )
    table = {0: (0, 0, 0, 0)}
    for index, colour in enumerate(colours, start=1):
        red, green, blue = bytes.fromhex(colour.removeprefix("#"))
        table[index] = (red, green, blue, opacity)
    return _png(indices[np.newaxis], table)


def palette_png_url(indices: UInt8Array, colours: Sequence[str]) -> str:
    """Return :func:`palette_png` as a ``data:`` address for a page that stands alone."""
    encoded = base64.b64encode(palette_png(indices, colours)).decode("ascii")
    return f"data:image/png;base64,{encoded}"


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


def mercator_cells(grid: Grid, *, max_px: int = 2048) -> tuple[NDArray[np.int32], Corners]:
    """Return which cell of a grid each pixel of a Mercator picture shows, and its corners.

    What is taken at these cells is what `warp_to_mercator` makes of a raster by the nearest cell;
    several rasters of one grid are warped once.

    Parameters
    ----------
    grid : Grid
    max_px : int
        As for `warp_to_mercator`.

    Returns
    -------
    shape (h, w), int32
        Flat index into the grid, -1 outside of it.
    Corners
    """
    warped, corners = warp_to_mercator(_numbers(grid), grid, max_px=max_px)
    return warped - 1, corners


def geographic_cells(grid: Grid, *, max_px: int = 2048) -> tuple[NDArray[np.int32], WarpedBounds]:
    """Return which cell of a grid each pixel of a picture in WGS 84 shows, and its edges.

    As `mercator_cells`, for what `warp_to_geographic` makes.
    """
    warped, bounds = warp_to_geographic(_numbers(grid), grid, max_px=max_px)
    return warped - 1, bounds


def _numbers(grid: Grid) -> NDArray[np.int32]:
    return np.arange(1, grid.rows * grid.cols + 1, dtype=np.int32).reshape(grid.shape)


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


def _png(
    bands: UInt8Array | NDArray[np.uint16],
    colormap: dict[int, tuple[int, int, int, int]] | None = None,
) -> bytes:
    count, height, width = bands.shape
    with MemoryFile(ext=".png") as memory:
        with memory.open(
            driver="PNG",
            height=height,
            width=width,
            count=count,
            dtype=bands.dtype,
            transform=_SOMEWHERE,
            ZLEVEL=_LEVEL,
        ) as dataset:
            dataset.write(bands)
            if colormap is not None:
                dataset.write_colormap(1, colormap)
        return bytes(memory.read())


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
