"""Which grid cells a footprint covers and how much of each, once for all later statistics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource

from lensong.propagation.types import FloatArray, Grid, IntArray

__all__ = ["footprint_weights"]


def footprint_weights(footprints: Iterable[Any], grid: Grid) -> list[tuple[IntArray, FloatArray]]:
    """Return, for every footprint, the cells that it touches and the share of each it covers.

    Statistics of any layer are then plain numpy: ``(layer.ravel()[cells] * share).sum()``.

    Parameters
    ----------
    footprints : iterable of shapely geometries
        In ``grid.crs``; a GeoSeries is one.
    grid : Grid
        The raster.

    Returns
    -------
    list of (cells, share)
        In the order given. ``cells`` are positions in the flattened raster, ascending;
        ``share`` is the exact part of the cell's area under the footprint, above 0 to 1. A
        footprint without area (a point, a line) has the one cell under its middle, with share 1.
        Both arrays are empty where a footprint lies outside the grid.
    """
    shapes = np.array(list(footprints), dtype=object)
    weights = [(np.empty(0, dtype=np.int64), np.empty(0)) for _ in shapes]
    has_area = shapely.area(shapes) > 0.0
    rows = np.flatnonzero(has_area)
    for row, (cells, share) in zip(rows, _covered(shapes[rows], grid), strict=True):
        weights[row] = (cells, share)
    for row in np.flatnonzero(~has_area & ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))):
        middle = shapely.point_on_surface(shapes[row])
        if grid.contains(middle.x, middle.y):
            r, c = grid.row_col(middle.x, middle.y)
            cell = int(np.floor(r + 0.5)) * grid.cols + int(np.floor(c + 0.5))
            weights[row] = (np.array([cell]), np.ones(1))
    return weights


def _covered(polygons: Any, grid: Grid) -> list[tuple[IntArray, FloatArray]]:
    """Return cells and shares of polygons with an area."""
    if not len(polygons):
        return []
    west, south, east, north = grid.bounds_m
    raster = NumPyRasterSource(
        np.zeros(grid.shape, dtype=np.uint8), xmin=west, ymin=south, xmax=east, ymax=north
    )
    frame = gpd.GeoDataFrame(geometry=polygons, crs=grid.crs)
    found = exact_extract(raster, frame, ["cell_id", "coverage"], output="pandas")
    covered = []
    for cells, share in zip(found["cell_id"], found["coverage"], strict=True):
        touched = np.asarray(share, dtype=np.float64) > 0.0
        order = np.argsort(np.asarray(cells)[touched], kind="stable")
        covered.append(
            (
                np.asarray(cells, dtype=np.int64)[touched][order],
                np.asarray(share, dtype=np.float64)[touched][order],
            )
        )
    return covered
