from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from scipy import ndimage

from lensong.gis_data.polygonize import polygonize
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Grid

_GRID = Grid(crs="EPSG:32648", west_m=1000.0, north_m=5000.0, cell_m=100.0, rows=9, cols=11)


@settings(max_examples=40)
@given(hnp.arrays(np.bool_, _GRID.shape))
def test_one_valid_polygon_per_eight_connected_area(mask: NDArray[np.bool_]) -> None:
    areas = polygonize(mask, _GRID)
    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    assert len(areas) == count
    assert areas.geometry.is_valid.all()
    cells = np.bincount(labels.ravel())[1:]
    assert sorted(areas["area_m2"]) == pytest.approx(sorted(cells * 100.0**2))
    assert areas.area.tolist() == pytest.approx(areas["area_m2"].tolist())
    row, col = np.nonzero(mask)
    centres = shapely.points(1000.0 + (col + 0.5) * 100.0, 5000.0 - (row + 0.5) * 100.0)
    assert shapely.covers(shapely.union_all(areas.geometry.to_numpy()), centres).all()


@settings(max_examples=40)
@given(
    hnp.arrays(np.bool_, _GRID.shape),
    hnp.arrays(np.uint8, _GRID.shape, elements=st.integers(0, 3)),
)
def test_values_part_areas_and_are_kept(mask: NDArray[np.bool_], values: NDArray[np.uint8]) -> None:
    areas = polygonize(mask, _GRID, values=values)
    for value in range(4):
        wanted = np.count_nonzero(mask & (values == value)) * 100.0**2
        assert areas.loc[areas["value"] == value, "area_m2"].sum() == pytest.approx(wanted)


def test_small_areas_are_left_out_and_an_empty_mask_gives_an_empty_frame() -> None:
    mask = np.zeros(_GRID.shape, dtype=bool)
    assert len(polygonize(mask, _GRID, simplify_m=50.0)) == 0
    assert polygonize(mask, _GRID).crs == _GRID.crs
    mask[0, 0] = True
    mask[4:6, 4:6] = True
    areas = polygonize(mask, _GRID, min_area_m2=20_000.0)
    assert areas["area_m2"].tolist() == [40_000.0]
    assert areas["value"].tolist() == [1]
    assert areas.total_bounds.tolist() == [1400.0, 4400.0, 1600.0, 4600.0]


def test_smoothing_takes_stair_steps_away_and_keeps_shared_borders() -> None:
    grid = Grid(crs="EPSG:32648", west_m=0.0, north_m=6000.0, cell_m=30.0, rows=200, cols=200)
    row, col = np.mgrid[0:200, 0:200]
    disc = np.hypot(row - 100, col - 100) < 80
    values = (col > row).astype(np.uint8)
    stairs = polygonize(disc, grid, values=values)
    smooth = polygonize(disc, grid, values=values, simplify_m=45.0)
    assert shapely.get_num_coordinates(smooth.geometry.to_numpy()).sum() < 0.4 * (
        shapely.get_num_coordinates(stairs.geometry.to_numpy()).sum()
    )
    assert smooth.geometry.is_valid.all()
    assert smooth["area_m2"].tolist() == stairs["area_m2"].tolist()
    assert smooth.area.sum() == pytest.approx(stairs.area.sum(), rel=0.01)
    overlap = smooth.geometry.iloc[0].intersection(smooth.geometry.iloc[1]).area
    assert overlap == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.ones((2, 2))}, "mask has shape"),
        ({"values": np.ones((2, 2), dtype=int)}, "values has shape"),
        ({"values": np.ones(_GRID.shape)}, "wanted whole numbers"),
        ({"values": np.full(_GRID.shape, 2**40)}, "32-bit"),
        ({"simplify_m": -1.0}, "wanted 0 or above"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    wanted: dict[str, Any] = {"mask": np.ones(_GRID.shape), "grid": _GRID}
    with pytest.raises(InvalidInputError, match=message):
        polygonize(**(wanted | arguments))
