"""A land on a coarser grid, for what has to follow a hand: said as coarse, never kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.variant.coarse_kernel import average_blocks
from lensong.gis_data.land import Land
from lensong.propagation.types import Float32Array, Grid

__all__ = ["COARSE_M", "averaged", "coarse_land", "coarse_step"]

COARSE_M = 120.0
"""About the cell that follows a hand [m]."""


def coarse_step(cell_m: float) -> int:
    """Return how many cells of a grid make one that follows a hand, along a side."""
    return max(1, round(COARSE_M / cell_m))


def coarse_land(land: Land, step: int) -> Land:
    """Return ground and clutter averaged over blocks of cells; the north-west corner stays.

    The land cover of a block is that of its middle.

    Parameters
    ----------
    land : Land
    step : int
        Cells along a side of a block, 1 or more. Blocks at the other edges are of fewer cells.

    Notes
    -----
    A block without any elevation has none.
    """
    grid = land.grid
    rows, cols = -(-grid.rows // step), -(-grid.cols // step)
    coarse = Grid(
        crs=grid.crs,
        west_m=grid.west_m,
        north_m=grid.north_m,
        cell_m=grid.cell_m * step,
        rows=rows,
        cols=cols,
    )
    return replace(
        land,
        grid=coarse,
        ground_m=averaged(land.ground_m, step),
        clutter_m=None if land.clutter_m is None else averaged(land.clutter_m, step),
        clutter_class=None if land.clutter_class is None else _middles(land.clutter_class, step),
        water=None,
        population=None,
        aoi=np.ones(coarse.shape, np.uint8),
    )


def _middles(values: NDArray[np.uint8], step: int) -> NDArray[np.uint8]:
    """Return the value in the middle of each block of cells."""
    at = (np.minimum(np.arange(step // 2, n + step // 2, step), n - 1) for n in values.shape)
    return values[np.ix_(*at)]


def averaged(values: Float32Array, step: int) -> Float32Array:
    """Return the mean over blocks of cells; of those that are not known there is no part.

    Parameters
    ----------
    values : shape (rows, cols)
        NaN where not known.
    step : int
        Cells along a side of a block, 1 or more.
    """
    rows, cols = values.shape
    found = np.empty((-(-rows // step), -(-cols // step)), np.float32)
    average_blocks(np.ascontiguousarray(values), step, found)
    return found
