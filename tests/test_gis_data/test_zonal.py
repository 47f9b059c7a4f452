from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lensong.gis_data.zonal import footprint_weights
from lensong.propagation.types import Grid

_GRID = Grid(crs="EPSG:32648", west_m=1000.0, north_m=5000.0, cell_m=100.0, rows=6, cols=8)


def test_partial_cells_count_by_their_area() -> None:
    ((cells, share),) = footprint_weights([shapely.box(1150, 4750, 1300, 4975)], _GRID)
    assert cells.tolist() == [1, 2, 9, 10, 17, 18]
    assert share == pytest.approx([0.375, 0.75, 0.5, 1.0, 0.25, 0.5])


@given(st.floats(1200.0, 1600.0), st.floats(4600.0, 4800.0), st.floats(0.5, 150.0))
def test_shares_add_up_to_the_footprints_area(x: float, y: float, radius: float) -> None:
    disc = shapely.Point(x, y).buffer(radius)
    ((cells, share),) = footprint_weights([disc], _GRID)
    assert share.sum() * 100.0**2 == pytest.approx(disc.area, rel=1e-5)
    assert np.all((share > 0.0) & (share <= 1.0))
    assert np.all(np.diff(cells) > 0)


def test_twin_by_intersecting_every_cell() -> None:
    footprint = shapely.Point(1310, 4690).buffer(170) - shapely.box(1300, 4600, 1350, 4700)
    ((cells, share),) = footprint_weights([footprint], _GRID)
    wanted = np.zeros(_GRID.rows * _GRID.cols)
    for cell in range(wanted.size):
        x, y = _GRID.easting_northing(*divmod(cell, _GRID.cols))
        wanted[cell] = shapely.box(x - 50, y - 50, x + 50, y + 50).intersection(footprint).area
    assert cells.tolist() == np.flatnonzero(wanted > 0).tolist()
    assert share * 100.0**2 == pytest.approx(wanted[cells], abs=0.1)


def test_footprint_smaller_than_a_cell_keeps_it() -> None:
    tiny = shapely.box(1410.0, 4910.0, 1410.5, 4910.5)
    point, line = shapely.Point(1410, 4910), shapely.LineString([(1401, 4910), (1409, 4910)])
    weights = footprint_weights(gpd.GeoSeries([tiny, point, line]), _GRID)
    assert [cells.tolist() for cells, _ in weights] == [[4], [4], [4]]
    assert weights[0][1] == pytest.approx([0.25 / 100.0**2])
    assert weights[1][1].tolist() == weights[2][1].tolist() == [1.0]


def test_order_is_kept_and_outside_is_empty() -> None:
    outside = shapely.box(0, 0, 10, 10)
    half_out = shapely.box(900, 4950, 1050, 5100)
    shapes = [outside, half_out, shapely.Polygon(), None, shapely.Point(0, 0)]
    weights = footprint_weights(shapes, _GRID)
    assert [cells.tolist() for cells, _ in weights] == [[], [0], [], [], []]
    assert weights[1][1] == pytest.approx([0.25])
    assert footprint_weights([], _GRID) == []
