"""How much work the check of an outline is, told before it is done."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from lensong.propagation.types import FloatArray

__all__ = ["MOST_PAIRS", "pairs_to_compare"]

MOST_PAIRS = 1e9
"""A circle of a million corners has 2e6; a star with 8e8 took 11 CPU-s of a busy AMD EPYC."""


def pairs_to_compare(shapes: NDArray[Any]) -> FloatArray:
    """Return how many pairs of edges of each shape lie side by side, about.

    Whether an outline crosses itself is found by comparing edges whose boxes meet. A line across
    the shape meets few edges of a coast and nearly all of a star with a million rays, for which the
    check would take hours.

    Parameters
    ----------
    shapes : shape (n,) of geometries
        Lines and polygons; of points, and of what is empty, there are none.

    Returns
    -------
    shape (n,)
        Edges times the edges that a line across the shape meets in the mean [1], of upright and
        level lines those that meet fewer.
    """
    corners, of_shape = shapely.get_coordinates(shapes, return_index=True)
    same = of_shape[1:] == of_shape[:-1]
    of_edge = of_shape[1:][same]
    pairs = np.full(len(shapes), np.inf)
    edges = np.bincount(of_edge, minlength=len(shapes))
    bounds = shapely.bounds(shapes)
    for axis in (0, 1):
        way = np.bincount(of_edge, np.abs(np.diff(corners[:, axis]))[same], minlength=len(shapes))
        width = bounds[:, axis + 2] - bounds[:, axis]
        met = np.divide(way, width, out=np.zeros(len(shapes)), where=width > 0.0)
        pairs = np.minimum(pairs, edges * met)
    return pairs
