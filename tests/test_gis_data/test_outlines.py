"""Outlines for small maps: few points, shared borders stay shared, nothing is lost whole."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from lensong.gis_data.outlines import coarse_rings


def _wavy(lon: float, points: int = 2_001) -> NDArray[Any]:
    lat = np.linspace(22.0, 23.0, points)
    return np.column_stack([lon + 0.01 * np.sin(40.0 * lat) + 0.0001 * np.sin(4_000.0 * lat), lat])


def _between(west: NDArray[Any], east: NDArray[Any]) -> shapely.Polygon:
    return shapely.Polygon(np.vstack([west, east[::-1]]))


def test_shared_borders_stay_shared_with_a_tenth_of_the_points() -> None:
    lines = [_wavy(103.0 + 0.3 * n) for n in range(4)]
    areas = np.array([_between(a, b) for a, b in pairwise(lines)])
    rings = coarse_rings(areas)
    points = sum(len(ring) for found in rings for ring in found)
    assert points < 0.1 * shapely.get_num_coordinates(areas).sum()
    coarse = [shapely.Polygon(found[0]) for found in rings]
    for first, second in pairwise(coarse):
        assert shapely.area(shapely.intersection(first, second)) < 1e-9
        assert shapely.length(shapely.intersection(first, second)) > 0.9
    for whole, few in zip(areas, coarse, strict=True):
        assert abs(shapely.area(few) / shapely.area(whole) - 1.0) < 0.01


def test_a_limit_of_points_is_kept_and_every_outline_has_a_ring() -> None:
    areas = np.array(
        [_between(_wavy(103.0), _wavy(103.3)), shapely.box(104, 22, 104.00001, 22.00002)]
    )
    rings = coarse_rings(areas, most_points=60)
    assert sum(len(ring) for found in rings for ring in found) <= 60
    assert all(found and len(found[0]) >= 4 for found in rings)


def test_overlapping_outlines_islands_and_holes() -> None:
    holed = shapely.Polygon(
        shapely.box(0, 0, 1, 1).exterior, [shapely.box(0.4, 0.4, 0.6, 0.6).exterior]
    )
    speck = shapely.box(2.0, 0.5, 2.00001, 0.50001)
    areas = np.array([shapely.MultiPolygon([holed, shapely.box(1.5, 0, 1.7, 0.2), speck]),
                      shapely.box(0.5, 0.5, 1.2, 1.2)])  # fmt: skip
    several, one = coarse_rings(areas)
    assert [len(ring) for ring in several] == [5, 5, 5]  # the hole too, the speck not
    assert len(one) == 1
    assert several[0][0] == several[0][-1]
