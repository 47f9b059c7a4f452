"""The one projected grid of a plan, and moving rasters onto it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, inf

import numpy as np
import pyproj
import rasterio
from numpy.typing import NDArray
from pyproj.aoi import AreaOfInterest
from pyproj.database import query_utm_crs_info
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform_bounds
from shapely.geometry.base import BaseGeometry

from lensong.propagation.errors import CrsMismatchError, InvalidInputError
from lensong.propagation.types import Float32Array, Grid, UInt8Array

__all__ = [
    "Block",
    "blocks",
    "bounds_deg",
    "centre_deg",
    "check_scale",
    "grid_over",
    "metric_crs",
    "onto_grid",
    "polygon_mask",
    "utm_crs",
    "warp_block",
    "window_grid",
]

_MAX_CELLS = 500_000_000
_BEYOND_USE_DEG = 3.0
_MOST_SCALE_ERROR = 0.03
_ROUNDING_CELLS = 1e-6  # an edge this near to a cell border is on it
_BLOCK_CELLS = 512  # keeps the warper's straight-line approximation within 0.01 pixel


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A rectangular part of a grid, by its first row and column and its size in cells."""

    row: int
    col: int
    rows: int
    cols: int

    @property
    def window(self) -> tuple[slice, slice]:
        """Return the slices that cut the block out of a layer."""
        return slice(self.row, self.row + self.rows), slice(self.col, self.col + self.cols)


def utm_crs(lat_deg: float, lon_deg: float) -> str:
    """Return the code of the WGS 84 / UTM zone that holds a place, e.g. ``"EPSG:32648"``."""
    found = query_utm_crs_info(
        datum_name="WGS 84",
        area_of_interest=AreaOfInterest(
            west_lon_degree=lon_deg,
            south_lat_degree=lat_deg,
            east_lon_degree=lon_deg,
            north_lat_degree=lat_deg,
        ),
    )
    if not found:
        raise CrsMismatchError(
            f"no UTM zone holds {lat_deg:.3f} N {lon_deg:.3f} E: set area.crs, e.g. EPSG:32648"
        )
    first = min(found, key=lambda info: int(info.code))
    return f"{first.auth_name}:{first.code}"


def metric_crs(crs: str, *, lat_deg: float, lon_deg: float) -> str:
    """Return a coordinate system as given, once it is known to be metric and to fit a place.

    Raises
    ------
    CrsMismatchError
        When the code is unknown, the system is not projected in metres, or the place lies more
        than 3 degrees beyond the system's area of use, where its metres are no metres.
    """
    try:
        parsed = pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise CrsMismatchError(
            f'area.crs is {crs!r}, wanted "auto" or a code such as "EPSG:32648" or "EPSG:9205"'
        ) from error
    units = {axis.unit_name for axis in parsed.axis_info[:2]}
    if not parsed.is_projected or units != {"metre"}:
        raise CrsMismatchError(
            f"area.crs {crs} ({parsed.name}) is not a projected system in metres: "
            'use "auto", a UTM zone or the local projected system'
        )
    use = parsed.area_of_use
    if use is not None and _degrees_beyond(use.bounds, lat_deg, lon_deg) > _BEYOND_USE_DEG:
        raise CrsMismatchError(
            f"area.crs {crs} ({parsed.name}) is made for {use.west:g} to {use.east:g} E and "
            f"{use.south:g} to {use.north:g} N, the area lies at {lon_deg:.2f} E {lat_deg:.2f} N: "
            f'use "auto" or {utm_crs(lat_deg, lon_deg)}'
        )
    return crs


def check_scale(crs: str, places_deg: Sequence[tuple[float, float]]) -> None:
    """Refuse a system whose metres are no metres somewhere in the area.

    Parameters
    ----------
    crs : str
        Projected system in metres.
    places_deg : sequence of (lat_deg, lon_deg)
        Corners and centre of the area.

    Raises
    ------
    CrsMismatchError
        A distance on the grid is off by more than 3 % there: Web Mercator away from the equator,
        or an area far wider than a zone.
    """
    projection = pyproj.Proj(crs)
    for lat_deg, lon_deg in places_deg:
        try:
            factors = projection.get_factors(lon_deg, lat_deg, errcheck=True)
        except pyproj.exceptions.ProjError:
            scale = inf
        else:
            along = (factors.meridional_scale, factors.parallel_scale)
            scale = max(along, key=lambda value: abs(value - 1.0))
        if not abs(scale - 1.0) <= _MOST_SCALE_ERROR:
            raise CrsMismatchError(
                f"in {crs} a metre at {lat_deg:.2f} N {lon_deg:.2f} E is drawn {scale:.2f} m long, "
                f"wanted within {_MOST_SCALE_ERROR:.0%}: set area.crs to a system made for the "
                'place ("auto" is its UTM zone), or plan a smaller area (a village in a wrong '
                "place also widens it)"
            )


def _degrees_beyond(
    use: tuple[float, float, float, float], lat_deg: float, lon_deg: float
) -> float:
    west, south, east, north = use
    in_latitude = max(0.0, south - lat_deg, lat_deg - north)
    if west > east:  # across the antimeridian
        return in_latitude
    return max(in_latitude, west - lon_deg, lon_deg - east)


def grid_over(
    bounds_m: tuple[float, float, float, float],
    *,
    crs: str,
    cell_m: float,
    margin_m: float,
    corner_m: tuple[float, float] = (0.0, 0.0),
) -> Grid:
    """Return the grid over an extent with a margin, its cell edges on a fixed lattice.

    Parameters
    ----------
    bounds_m : tuple
        West, south, east, north of the area [m].
    crs : str
        Projected system of ``bounds_m``.
    cell_m : float
        Cell size [m].
    margin_m : float
        Added on every side [m], at least 0.
    corner_m : tuple
        A point (easting, northing) [m] on which a cell corner must fall: the origin by default,
        so that edges are multiples of the cell; the corner of a source to be copied as it is.
    """
    west_m, south_m, east_m, north_m = bounds_m
    first_col = floor((west_m - margin_m - corner_m[0]) / cell_m + _ROUNDING_CELLS)
    last_col = ceil((east_m + margin_m - corner_m[0]) / cell_m - _ROUNDING_CELLS)
    first_row = floor((south_m - margin_m - corner_m[1]) / cell_m + _ROUNDING_CELLS)
    last_row = ceil((north_m + margin_m - corner_m[1]) / cell_m - _ROUNDING_CELLS)
    rows, cols = max(1, last_row - first_row), max(1, last_col - first_col)
    if rows * cols > _MAX_CELLS:
        raise InvalidInputError(
            f"the grid would have {rows} x {cols} cells of {cell_m:g} m, wanted at most "
            f"{_MAX_CELLS:,} in all: raise area.resolution_m or plan a smaller area"
        )
    return Grid(
        crs=crs,
        west_m=corner_m[0] + first_col * cell_m,
        north_m=corner_m[1] + (first_row + rows) * cell_m,
        cell_m=cell_m,
        rows=rows,
        cols=cols,
    )


def window_grid(grid: Grid, block: Block) -> Grid:
    """Return the grid of one block; a block may reach beyond the grid."""
    return Grid(
        crs=grid.crs,
        west_m=grid.west_m + block.col * grid.cell_m,
        north_m=grid.north_m - block.row * grid.cell_m,
        cell_m=grid.cell_m,
        rows=block.rows,
        cols=block.cols,
    )


def blocks(rows: int, cols: int, *, size: int = _BLOCK_CELLS) -> Iterator[Block]:
    """Yield the blocks that cover ``rows`` by ``cols`` cells, row by row."""
    for row in range(0, rows, size):
        for col in range(0, cols, size):
            yield Block(row=row, col=col, rows=min(size, rows - row), cols=min(size, cols - col))


def bounds_deg(grid: Grid) -> tuple[float, float, float, float]:
    """Return west, south, east, north of a grid [degrees, WGS 84]."""
    west, south, east, north = transform_bounds(grid.crs, "EPSG:4326", *grid.bounds_m)
    return west, south, east, north


def centre_deg(grid: Grid) -> tuple[float, float]:
    """Return the centre of a grid as ``(lat_deg, lon_deg)``."""
    easting, northing = grid.easting_northing(grid.rows / 2.0 - 0.5, grid.cols / 2.0 - 0.5)
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(easting, northing)
    return float(lat), float(lon)


def warp_block(
    raster: rasterio.DatasetReader,
    grid: Grid,
    block: Block,
    *,
    resampling: Resampling,
    pixels_per_cell: float,
) -> Float32Array:
    """Return band 1 of a raster resampled onto one block of the grid, NaN where it has no value.

    Parameters
    ----------
    raster : open dataset
        Its nodata value must be NaN.
    grid, block
        Where to.
    resampling : Resampling
        Any of the warper's methods.
    pixels_per_cell : float
        Source pixels along one side of a cell. Above 2 the kernel is widened to take in all of
        them; below, it is the plain one (bilinear: the four surrounding pixels).
    """
    target = np.full((block.rows, block.cols), np.nan, dtype=np.float32)
    scale = 1.0 if pixels_per_cell <= 2.0 else 1.0 / pixels_per_cell
    reproject(
        rasterio.band(raster, 1),
        target,
        src_nodata=np.nan,
        dst_transform=Affine(*window_grid(grid, block).transform),
        dst_crs=CRS.from_user_input(grid.crs),
        dst_nodata=np.nan,
        resampling=resampling,
        XSCALE=scale,
        YSCALE=scale,
    )
    return target


def onto_grid(values: Float32Array, source: Grid, target: Grid) -> Float32Array:
    """Return a raster of one grid on another, bilinear; NaN where it has no value.

    Parameters
    ----------
    values : shape (source.rows, source.cols), float32
    source, target : Grid

    Returns
    -------
    shape (target.rows, target.cols), float32
    """
    if source == target:
        return values
    moved = np.full(target.shape, np.nan, dtype=np.float32)
    reproject(
        values,
        moved,
        src_transform=Affine(*source.transform),
        src_crs=CRS.from_user_input(source.crs),
        src_nodata=np.nan,
        dst_transform=Affine(*target.transform),
        dst_crs=CRS.from_user_input(target.crs),
        dst_nodata=np.nan,
        resampling=Resampling.bilinear,
    )
    return moved


def polygon_mask(polygons: Sequence[BaseGeometry], grid: Grid) -> UInt8Array:
    """Return 1 in the cells whose centre lies in any of the polygons, in the grid's system."""
    shapes = [(polygon, 1) for polygon in polygons if not polygon.is_empty]
    if not shapes:
        return np.zeros(grid.shape, dtype=np.uint8)
    mask: NDArray[np.uint8] = rasterize(
        shapes,
        out_shape=grid.shape,
        transform=Affine(*grid.transform),
        fill=0,
        dtype="uint8",
    )
    return mask
