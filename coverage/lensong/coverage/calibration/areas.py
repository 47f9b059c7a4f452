"""Where a level is known no better than without a calibration, as areas to be hatched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor

import geopandas as gpd
import numpy as np
from rasterio.features import shapes, sieve
from rasterio.transform import Affine
from shapely import unary_union
from shapely.geometry import shape

from lensong.coverage.calibration.known import HALF_NORMAL
from lensong.coverage.network import Technology
from lensong.coverage.result import KnownLayers, TechnologyLayers
from lensong.propagation.types import BoolArray, Float32Array, Grid, UInt8Array

__all__ = ["WideFrom", "is_wide", "wide_areas", "wide_pixels"]

_LEAST_PIXELS = 12
"""Patches of fewer pixels take the side of what is around them: nobody sees them hatched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WideFrom:
    """From when on a level is hatched on maps.

    Parameters
    ----------
    half_db : float
        Half of its 90 % interval is that or more: it is no surer than without a calibration [dB].
    level_dbm : float
        It is that or stronger: weaker ones are not drawn [dBm].
    """

    half_db: float
    level_dbm: float

    @classmethod
    def of(cls, level_sigma_db: float, level_dbm: float) -> WideFrom:
        """Return the bound that a plan's own deviation of levels gives, rounded down to 0.1 dB."""
        half_db = floor(10.0 * HALF_NORMAL * level_sigma_db) / 10.0
        return cls(half_db=half_db, level_dbm=level_dbm)


def is_wide(half_db: Float32Array, level_dbm: Float32Array, wide: WideFrom) -> BoolArray:
    """Return where half an interval is that wide or wider, and the level is drawn."""
    return (half_db >= wide.half_db) & _heard(level_dbm, wide)


def wide_pixels(known: KnownLayers, level_dbm: Float32Array, wide: WideFrom) -> UInt8Array:
    """Return 1 where half an interval is that wide or wider, small patches left out."""
    hatched = np.asarray(is_wide(known.half_db, level_dbm, wide), dtype=np.uint8)
    return np.asarray(sieve(hatched, _LEAST_PIXELS) * _heard(level_dbm, wide), dtype=np.uint8)


def _heard(level_dbm: Float32Array, wide: WideFrom) -> BoolArray:
    return np.asarray(np.nan_to_num(level_dbm, nan=-np.inf) >= wide.level_dbm)


def wide_areas(
    known: Mapping[Technology, KnownLayers],
    layers: Mapping[Technology, TechnologyLayers],
    grid: Grid,
    wide: WideFrom,
) -> gpd.GeoDataFrame:
    """Return where levels are known no better than to a bound, one row per technology.

    Parameters
    ----------
    known, layers : mapping
    grid : Grid
    wide : WideFrom

    Returns
    -------
    GeoDataFrame in the grid's CRS
        ``technology``, ``half_from_db``, ``area_km2``; empty where it is nowhere so.
    """
    rows, outlines = [], []
    for technology, of in known.items():
        hatched = wide_pixels(of, layers[technology].rsrp_dbm, wide)
        if not hatched.any():
            continue
        found = shapes(hatched, mask=hatched > 0, transform=Affine(*grid.transform))
        outlines.append(unary_union([shape(outline) for outline, _ in found]))
        area_km2 = float(hatched.sum()) * grid.cell_m**2 / 1e6
        rows.append(
            {
                "technology": technology,
                "half_from_db": wide.half_db,
                "area_km2": round(area_km2, 3),
            }
        )
    columns = ["technology", "half_from_db", "area_km2"]
    return gpd.GeoDataFrame(
        {name: [row[name] for row in rows] for name in columns}, geometry=outlines, crs=grid.crs
    )
