"""Connected areas of a raster as polygons."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import shapes
from rasterio.transform import Affine

from lensong.gis_data.vectors import polygons_only
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

__all__ = ["polygonize"]


def polygonize(
    mask: NDArray[Any],
    grid: Grid,
    *,
    values: NDArray[Any] | None = None,
    min_area_m2: float = 0.0,
    simplify_m: float = 0.0,
) -> gpd.GeoDataFrame:
    """Return the areas of cells that touch by a side or a corner, as valid polygons.

    Parameters
    ----------
    mask : shape (rows, cols)
        True (or not 0) where an area is.
    grid : Grid
        Of the mask.
    values : shape (rows, cols) of whole numbers, or None
        Cells of one area must also share this number, as classes or labels.
    min_area_m2 : float
        Smaller areas are left out [m²].
    simplify_m : float
        How much the stair-steps of the outlines are smoothed [m]; 0 keeps every cell edge. About
        the cell size takes the steps away. Areas that share a border keep sharing it.

    Returns
    -------
    GeoDataFrame in ``grid.crs``
        ``value`` (int; 1 without ``values``), ``area_m2`` (of the cells, before smoothing) and
        ``geometry``, one row per area. Empty where the mask is.

    Raises
    ------
    InvalidInputError
        A raster does not have the grid's shape, or a number is below 0.
    """
    inside = np.asarray(mask) != 0
    classes = inside.astype(np.int32) if values is None else _as_int32(values)
    for name, layer in (("mask", inside), ("values", classes)):
        if layer.shape != grid.shape:
            raise InvalidInputError(
                f"{name} has shape {layer.shape}, wanted the grid's {grid.shape}"
            )
    if min_area_m2 < 0.0 or simplify_m < 0.0:
        raise InvalidInputError(
            f"min_area_m2 is {min_area_m2} and simplify_m {simplify_m}, wanted 0 or above"
        )
    found = shapes(classes, mask=inside, connectivity=8, transform=Affine(*grid.transform))
    pairs = [(shapely.geometry.shape(outline), int(value)) for outline, value in found]
    outlines = _valid(np.array([outline for outline, _ in pairs], dtype=object))
    areas = gpd.GeoDataFrame(
        {"value": [value for _, value in pairs], "area_m2": shapely.area(outlines)},
        geometry=outlines,
        crs=grid.crs,
    ).astype({"value": np.int64, "area_m2": np.float64})
    areas = areas[areas["area_m2"] >= min_area_m2]
    if simplify_m > 0.0 and len(areas):
        smooth = _valid(shapely.coverage_simplify(areas.geometry.to_numpy(), simplify_m))
        areas = areas.set_geometry(gpd.GeoSeries(smooth, index=areas.index, crs=grid.crs))
    return areas.reset_index(drop=True)


def _as_int32(values: NDArray[Any]) -> NDArray[np.int32]:
    """Return whole numbers in the type that GDAL polygonizes."""
    given = np.asarray(values)
    if given.dtype.kind not in "iub":
        raise InvalidInputError(f"values has type {given.dtype}, wanted whole numbers")
    if given.size and (given.min() < -(2**31) or given.max() >= 2**31):
        raise InvalidInputError(
            f"values reaches from {given.min()} to {given.max()}, wanted 32-bit numbers"
        )
    return given.astype(np.int32, copy=False)


def _valid(outlines: NDArray[Any]) -> NDArray[Any]:
    """Return outlines whose rings do not touch themselves: at corners they become parts."""
    broken = ~shapely.is_valid(outlines)
    repaired = outlines.copy()
    repaired[broken] = polygons_only(shapely.make_valid(outlines[broken]))
    return repaired
