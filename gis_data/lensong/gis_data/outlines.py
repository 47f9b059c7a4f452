"""Outlines as coarse as a small map needs them: fewer points, borders that still meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

__all__ = ["coarse_rings"]

_STEPS = 1_500
"""In so many steps the longer side of all outlines is divided: a screen shows no more."""

_DECIMALS = 5
_ALLOWED = 1.5


def coarse_rings(
    outlines: NDArray[Any], *, most_points: int = 20_000
) -> list[list[list[tuple[float, float]]]]:
    """Return the rings of each outline, with so few points that all of them are no more than asked.

    Parameters
    ----------
    outlines : shape (n,)
        Polygons and multipolygons in longitude and latitude, as `vectors.polygons_only` returns.
    most_points : int
        Of all rings together, if that can be: no ring has fewer than four.

    Returns
    -------
    list of list of ring
        Closed rings of ``(lon_deg, lat_deg)``, holes among them. Borders that two outlines share
        are coarsened alike. An outline smaller than a step keeps its largest ring.
    """
    west, south, east, north = shapely.total_bounds(outlines)
    step_deg = max(east - west, north - south) / _STEPS
    rings: list[list[list[tuple[float, float]]]] = []
    for _ in range(12):
        rings = [_rings(outline, step_deg) for outline in _simplified(outlines, step_deg)]
        if sum(len(ring) for found in rings for ring in found) <= most_points:
            break
        step_deg *= _ALLOWED
    return rings


def _simplified(outlines: NDArray[Any], step_deg: float) -> Sequence[Any]:
    """Return outlines coarsened together where they form a coverage, else each by itself."""
    # the tolerance of a coverage is the side of the triangle that may go, of a line its height
    if bool(shapely.coverage_is_valid(outlines)):
        found: NDArray[Any] = shapely.coverage_simplify(outlines, 2.0 * step_deg)
    else:
        found = shapely.simplify(outlines, step_deg, preserve_topology=True)
    return [
        whole if shapely.is_empty(coarse) else coarse
        for whole, coarse in zip(outlines, found, strict=True)
    ]


def _rings(outline: Any, step_deg: float) -> list[list[tuple[float, float]]]:
    parts = [
        ring
        for polygon in shapely.get_parts(outline)
        for ring in (polygon.exterior, *polygon.interiors)
    ]
    parts.sort(key=lambda ring: -abs(shapely.area(shapely.Polygon(ring))))
    kept = [
        ring
        for at, ring in enumerate(parts)
        if at == 0 or shapely.area(shapely.Polygon(ring)) >= step_deg**2
    ]
    return [
        [
            (float(lon), float(lat))
            for lon, lat in np.round(shapely.get_coordinates(ring), _DECIMALS)
        ]
        for ring in kept
    ]
