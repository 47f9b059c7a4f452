from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lensong.gis_data.gridding import (
    blocks,
    bounds_deg,
    centre_deg,
    grid_over,
    metric_crs,
    polygon_mask,
    utm_crs,
    window_grid,
)
from lensong.propagation.errors import CrsMismatchError, InvalidInputError
from lensong.propagation.types import Grid

GRID = Grid(crs="EPSG:32648", west_m=300_000, north_m=2_450_000, cell_m=30.0, rows=40, cols=60)


@pytest.mark.parametrize(
    ("lat_deg", "lon_deg", "code"),
    [(22.35, 103.68, "EPSG:32648"), (44.1, 3.6, "EPSG:32631"), (-12.0, -77.0, "EPSG:32718")],
)
def test_the_utm_zone_is_that_of_the_place(lat_deg: float, lon_deg: float, code: str) -> None:
    assert utm_crs(lat_deg, lon_deg) == code


def test_no_utm_zone_at_the_pole() -> None:
    with pytest.raises(CrsMismatchError, match=r"set area\.crs"):
        utm_crs(89.0, 10.0)


@pytest.mark.parametrize("crs", ["EPSG:32648", "EPSG:9205", "EPSG:3405"])
def test_projected_systems_in_metres_are_accepted(crs: str) -> None:
    assert metric_crs(crs, lat_deg=22.35, lon_deg=103.68) == crs


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2227", "EPSG:99999999", "VN2000"])
def test_degrees_feet_and_unknown_systems_are_refused(crs: str) -> None:
    with pytest.raises(CrsMismatchError, match=r"area\.crs"):
        metric_crs(crs, lat_deg=22.35, lon_deg=103.68)


def test_a_neighbouring_zone_is_accepted_and_a_distant_one_is_not() -> None:
    assert metric_crs("EPSG:32647", lat_deg=22.35, lon_deg=103.68) == "EPSG:32647"
    with pytest.raises(CrsMismatchError, match=r'use "auto" or EPSG:32648'):
        metric_crs("EPSG:32646", lat_deg=22.35, lon_deg=103.68)


@given(
    west=st.floats(-1e6, 1e6),
    south=st.floats(-1e6, 1e6),
    width=st.floats(1.0, 20_000.0),
    height=st.floats(1.0, 20_000.0),
    margin_m=st.floats(0.0, 20_000.0),
    cell_m=st.sampled_from([10.0, 30.0, 50.0]),
)
def test_the_grid_covers_area_and_margin_on_multiples_of_its_cell(
    west: float, south: float, width: float, height: float, margin_m: float, cell_m: float
) -> None:
    bounds = (west, south, west + width, south + height)
    grid = grid_over(bounds, crs="EPSG:32648", cell_m=cell_m, margin_m=margin_m)
    edges = grid.bounds_m
    tolerance_m = 1e-3  # an edge that near to a cell border is taken to be on it
    assert edges[0] <= bounds[0] - margin_m + tolerance_m
    assert edges[1] <= bounds[1] - margin_m + tolerance_m
    assert edges[2] >= bounds[2] + margin_m - tolerance_m
    assert edges[3] >= bounds[3] + margin_m - tolerance_m
    assert edges[2] - edges[0] < width + 2 * margin_m + 2 * cell_m
    np.testing.assert_allclose(np.remainder(edges, cell_m), 0.0, atol=1e-9)


def test_the_grid_takes_a_given_corner() -> None:
    grid = grid_over(
        (1000.0, 1000.0, 2000.0, 2000.0),
        crs="EPSG:32648",
        cell_m=30.0,
        margin_m=100.0,
        corner_m=(7.5, 11.25),
    )
    assert (grid.west_m - 7.5) % 30.0 == 0.0
    assert (grid.north_m - 11.25) % 30.0 == 0.0


def test_an_area_on_the_lattice_gets_no_row_too_many() -> None:
    bounds = (539_757.513889517, 4_868_878.876, 589_377.513889517, 4_916_758.876)
    grid = grid_over(
        bounds, crs="EPSG:32631", cell_m=30.0, margin_m=0.0, corner_m=(bounds[0], bounds[3])
    )
    assert grid.shape == (1596, 1654)


def test_a_grid_too_large_for_any_machine_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"raise area\.resolution_m"):
        grid_over((0.0, 0.0, 1e6, 1e6), crs="EPSG:32648", cell_m=1.0, margin_m=0.0)


@given(rows=st.integers(1, 70), cols=st.integers(1, 70), size=st.integers(1, 40))
@pytest.mark.slow
def test_blocks_cover_every_cell_once(rows: int, cols: int, size: int) -> None:
    count = np.zeros((rows, cols), dtype=int)
    for block in blocks(rows, cols, size=size):
        count[block.window] += 1
    assert (count == 1).all()


def test_a_block_lies_where_its_cells_lie() -> None:
    block = next(block for block in blocks(40, 60, size=16) if block.row == 16 and block.col == 32)
    part = window_grid(GRID, block)
    assert part.easting_northing(0, 0) == GRID.easting_northing(16, 32)
    assert part.shape == (16, 16)


def test_centre_and_extent_in_degrees() -> None:
    lat_deg, lon_deg = centre_deg(GRID)
    west, south, east, north = bounds_deg(GRID)
    assert (west + east) / 2 == pytest.approx(lon_deg, abs=1e-4)
    assert (south + north) / 2 == pytest.approx(lat_deg, abs=1e-4)


def test_the_mask_holds_the_cells_whose_centre_is_inside() -> None:
    west, _, _, north = GRID.bounds_m
    square = shapely.box(west + 16.0, north - 89.0, west + 74.0, north - 16.0)
    mask = polygon_mask([square], GRID)
    assert mask.sum() == 2
    assert (mask[1, 1], mask[2, 1]) == (1, 1)
    assert polygon_mask([], GRID).sum() == 0
