"""Parts of a plan without elevation: voids in the data, and tiles that are not there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyproj
import rasterio
from rasterio.fill import fillnodata
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from scipy import ndimage

from lensong.gis_data.hgt import degree_tile_name, south_west_corner
from lensong.gis_data.mosaic import JoinedRaster, RasterFile
from lensong.propagation.errors import DataError, MissingTileError
from lensong.propagation.types import BoolArray, Float32Array, FloatArray, Grid

__all__ = [
    "at_the_edge",
    "check_tiles",
    "check_voids",
    "edge_warning",
    "fill_voids_from_rims",
    "filling_sentence",
    "missing_tiles_warning",
    "sea_sentence",
    "void_warning",
]

_FILL_REACH_CELLS = 100
_OVERVIEW_PIXELS = 1_000
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=np.int64)


def check_tiles(
    uncovered: BoolArray,
    inside: BoolArray,
    files: Sequence[RasterFile],
    grid: Grid,
    max_share: float,
) -> None:
    """Raise when too much of the area of interest lies beyond every elevation file.

    Parameters
    ----------
    uncovered, inside : shape (rows, cols)
        Cells that no file reaches; cells of the area of interest.
    files : sequence of RasterFile
        The files that reach onto the grid.
    grid : Grid
        Of the two layers.
    max_share : float
        Largest share of the area, 0 to 1, to let pass.

    Raises
    ------
    MissingTileError
        It names the tiles (``N21E105``) when the files are tiles of one degree, else the extent.
    """
    share = _share(uncovered, inside)
    if share <= max_share:
        return
    names = _missing_tiles(uncovered & inside, files, grid)
    if names:
        these = "that tile" if len(names) == 1 else "those tiles"
        raise MissingTileError(
            f"no elevation tile {', '.join(names)} beside {files[0].name}: {_percent(share)} of "
            f"the area lies there; add {these}, plan a smaller area, or set "
            "elevation.sea_where_missing = true where it is open sea"
        )
    lons, lats = _positions_deg(uncovered & inside, grid)
    raise MissingTileError(
        f"no elevation for {_percent(share)} of the area, within {lons.min():.3f} to "
        f"{lons.max():.3f} E and {lats.min():.3f} to {lats.max():.3f} N: add data for that part, "
        "plan a smaller area, or set elevation.sea_where_missing = true where it is open sea"
    )


def check_voids(
    voids: BoolArray,
    inside: BoolArray,
    files: Sequence[RasterFile],
    max_share: float,
    *,
    fill_voids: bool,
) -> None:
    """Raise a DataError when too much of the area of interest is void in the files.

    Parameters
    ----------
    voids, inside : shape (rows, cols)
        Cells on a file but without height; cells of the area of interest.
    files : sequence of RasterFile
        For the message.
    max_share : float
        Largest share of the area, 0 to 1, to let pass, whether or not voids are to be filled.
    fill_voids : bool
        For the message.
    """
    share = _share(voids, inside)
    if share <= max_share:
        return
    shown = files[0].name if len(files) == 1 else f"the {len(files)} elevation files"
    way_out = (
        "raise elevation.max_void_share if interpolating so much is meant"
        if fill_voids
        else "raise elevation.max_void_share, with elevation.fill_voids = true to interpolate them"
    )
    raise DataError(
        f"{_percent(share)} of the area has no height in {shown} (voids), wanted at most "
        f"{_percent(max_share)}: use void-filled data, list a second source after it, or {way_out}"
    )


def fill_voids_from_rims(
    ground_m: Float32Array, missing: BoolArray, voids: BoolArray
) -> Float32Array:
    """Return heights with voids interpolated from their rims, up to 100 cells deep.

    Parameters
    ----------
    ground_m : shape (rows, cols)
        Heights [m]; overwritten.
    missing : shape (rows, cols)
        Every cell without height.
    voids : shape (rows, cols)
        Those of them that are to be filled; the others stay NaN.
    """
    filled: Float32Array = fillnodata(
        ground_m,
        mask=(~missing).astype(np.uint8),
        max_search_distance=_FILL_REACH_CELLS,
        smoothing_iterations=0,
    )
    filled[missing & ~voids] = np.nan
    return filled


def at_the_edge(joined: Sequence[JoinedRaster], voids: BoolArray, grid: Grid) -> BoolArray:
    """Return the voids that go on to the outer edge of the data, such as corners of a rotated map.

    Parameters
    ----------
    joined : sequence of JoinedRaster
        All elevation there is.
    voids : shape (rows, cols)
        Cells on a file but without height.
    grid : Grid
    """
    outer = np.zeros(grid.shape, dtype=np.uint8)
    for part in joined:
        with rasterio.open(part.path) as raster:
            shrink = max(1.0, max(raster.width, raster.height) / _OVERVIEW_PIXELS)
            shape = max(1, round(raster.height / shrink)), max(1, round(raster.width / shrink))
            empty = ~np.isfinite(raster.read(1, out_shape=shape))
            patch, _ = ndimage.label(empty, structure=_EIGHT_NEIGHBOURS)
            edges = np.concatenate([patch[0], patch[-1], patch[:, 0], patch[:, -1]])
            wedge = np.isin(patch, np.unique(edges[edges > 0])).astype(np.uint8)
            scale = Affine.scale(raster.width / shape[1], raster.height / shape[0])
            here = np.zeros(grid.shape, dtype=np.uint8)
            reproject(
                wedge,
                here,
                src_transform=raster.transform @ scale,
                src_crs=raster.crs,
                dst_transform=Affine(*grid.transform),
                dst_crs=grid.crs,
                resampling=Resampling.nearest,
            )
            outer |= here
    patch, _ = ndimage.label(voids, structure=_EIGHT_NEIGHBOURS)
    open_patches = np.unique(patch[(outer > 0) & voids])
    found: BoolArray = np.isin(patch, open_patches[open_patches > 0])
    return found


def edge_warning(voids: BoolArray, inside: BoolArray) -> str:
    """Return how much was left empty because it lies at the edge of the data."""
    return (
        f"The elevation data are empty up to their outer edge on {_percent(_share(voids, inside))} "
        f"of the area and {_percent(float(voids.mean()))} of the grid with its margin (corners of "
        "a rotated map?): nothing was filled in there, and there is no result."
    )


def sea_sentence(uncovered: BoolArray) -> str:
    """Return how much was taken for the sea, as an assumption for the report."""
    return (
        f"Where no elevation file reaches ({_percent(float(uncovered.mean()))} of the grid) is "
        "open sea of height 0, as the scenario says (elevation.sea_where_missing)."
    )


def filling_sentence(voids: BoolArray, ground_m: Float32Array) -> str:
    """Return what was filled, as an assumption for the report."""
    left = np.isnan(ground_m) & voids
    rest = (
        f" {_percent(float(left.mean()))} stayed empty, too far from any rim." if left.any() else ""
    )
    return (
        f"Voids in the elevation data ({_percent(float(voids.mean()))} of the grid) were filled "
        f"by interpolation from their rims; heights there are guesses.{rest}"
    )


def void_warning(voids: BoolArray, inside: BoolArray) -> str:
    """Return what was left void, as a warning for the report."""
    return (
        f"The elevation data have voids: {_percent(_share(voids, inside))} of the area and "
        f"{_percent(float(voids.mean()))} of the grid with its margin have no height and "
        "no result."
    )


def missing_tiles_warning(
    uncovered: BoolArray, inside: BoolArray, files: Sequence[RasterFile], grid: Grid
) -> str:
    """Return how much of the margin, and of the area, no elevation file reaches."""
    parts = [
        f"{_percent(_share(uncovered, where))} of the {name}"
        for where, name in ((inside, "area"), (~inside, "margin around it"))
        if (uncovered & where).any()
    ]
    names = _missing_tiles(uncovered, files, grid)
    tiles = f" (missing: {', '.join(names)})" if names else ""
    return (
        f"No elevation for {' and '.join(parts)}{tiles}: signals from or across that part are "
        "not computed."
    )


def _missing_tiles(cells: BoolArray, files: Sequence[RasterFile], grid: Grid) -> list[str]:
    """Return the names of the one-degree tiles under some cells, if the files are such tiles."""
    known = {south_west_corner(file.name) for file in files}
    if None in known:
        return []
    lons, lats = _positions_deg(cells, grid)
    places = np.unique(np.floor(np.column_stack([lats, lons])).astype(np.int64), axis=0)
    corners = [(int(south), int(west)) for south, west in places]
    return [degree_tile_name(*corner) for corner in corners if corner not in known]


def _positions_deg(cells: BoolArray, grid: Grid) -> tuple[FloatArray, FloatArray]:
    """Return longitudes and latitudes of the cells, of at most some 100,000 of them."""
    rows, cols = np.nonzero(cells)
    step = 1 + rows.size // 100_000
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lons, lats = to_degrees.transform(
        grid.west_m + (cols[::step] + 0.5) * grid.cell_m,
        grid.north_m - (rows[::step] + 0.5) * grid.cell_m,
    )
    return lons, lats


def _share(part: BoolArray, whole: BoolArray) -> float:
    total = int(np.count_nonzero(whole))
    return int(np.count_nonzero(part & whole)) / total if total else 0.0


def _percent(share: float) -> str:
    if share == 0.0:
        return "0 %"
    return f"{100.0 * share:.2g} %" if share < 0.1 else f"{100.0 * share:.1f} %"
