from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensong.gis_data.clutter_heights import ClutterHeights, over_classes, read_clutter_heights
from lensong.gis_data.elevation import ElevationSource, open_elevation
from lensong.propagation.errors import ConfigError, DataError
from lensong.propagation.types import Grid

WriteRaster = Callable[..., Path]
WEST, NORTH = 300_000.0, 2_450_010.0
GRID = Grid(crs="EPSG:32648", west_m=WEST, north_m=NORTH, cell_m=30.0, rows=20, cols=30)
SHAPE_10_M = (60, 90)


def slope(rows: int = 60, cols: int = 90, pixel_m: float = 10.0) -> np.ndarray[Any, Any]:
    """Return ground that rises by 8 m in 10 m to the east: 24 m within a cell of the grid."""
    east = (np.arange(cols) + 0.5) * pixel_m
    return np.broadcast_to(500.0 + 0.8 * east, (rows, cols)).astype(np.float32)


@pytest.fixture
def terrain(write_raster: WriteRaster) -> ElevationSource:
    path = write_raster("dem.tif", slope(), west=WEST, north=NORTH, pixel=10.0)
    return open_elevation([path], kind="terrain")


def read(
    path: Path,
    terrain: ElevationSource,
    scratch: Path,
    *,
    kind: str = "above_ground",
    grid: Grid = GRID,
) -> ClutterHeights:
    return read_clutter_heights([path], grid, kind=kind, terrain=terrain, scratch=scratch)


def test_a_cell_has_the_height_that_a_quarter_of_it_exceeds(
    write_raster: WriteRaster, terrain: ElevationSource, tmp_path: Path
) -> None:
    canopy = np.zeros(SHAPE_10_M, dtype=np.float32)
    canopy[::3, ::3] = 30.0  # one tall tree in nine parts
    canopy[:30:3, 1::3] = canopy[1:30:3, 1::3] = 12.0  # and, in the north, two of 12 m
    path = write_raster("chm.tif", canopy, west=WEST, north=NORTH, pixel=10.0)
    found = read(path, terrain, tmp_path).height_m
    assert (found[:10] == 12.0).all()
    assert (found[10:] == 0.0).all()


def test_a_surface_model_gives_its_trees_and_a_bare_slope_gives_none(
    write_raster: WriteRaster, terrain: ElevationSource, tmp_path: Path
) -> None:
    surface = slope().copy()
    surface[:, 45:] += 18.0
    path = write_raster("dsm.tif", surface, west=WEST, north=NORTH, pixel=10.0)
    found = read(path, terrain, tmp_path, kind="surface").height_m
    np.testing.assert_allclose(found[1:-1, 1:14], 0.0, atol=0.01)
    np.testing.assert_allclose(found[1:-1, 16:-1], 18.0, atol=0.01)


@pytest.mark.parametrize("cell_m", [10.0, 30.0, 60.0])
def test_heights_do_not_follow_the_grid(
    write_raster: WriteRaster, terrain: ElevationSource, tmp_path: Path, cell_m: float
) -> None:
    surface = slope() + np.float32(14.0)
    surface[:, :12] -= np.float32(14.0)  # a meadow, so that the surface reaches the ground
    path = write_raster("dsm.tif", surface, west=WEST, north=NORTH, pixel=10.0)
    grid = Grid(
        crs="EPSG:32648",
        west_m=WEST,
        north_m=NORTH,
        cell_m=cell_m,
        rows=int(600 / cell_m),
        cols=int(900 / cell_m),
    )
    found = read(path, terrain, tmp_path, kind="surface", grid=grid).height_m
    inside = found[1:-1, int(240 / cell_m) : -1]
    np.testing.assert_allclose(inside, 14.0, atol=0.05)


def test_feet_are_converted(
    write_raster: WriteRaster, terrain: ElevationSource, tmp_path: Path
) -> None:
    canopy = np.full(SHAPE_10_M, 50.0, dtype=np.float32)
    path = write_raster("chm.tif", canopy, west=WEST, north=NORTH, pixel=10.0, unit="ft")
    np.testing.assert_allclose(read(path, terrain, tmp_path).height_m, 15.24, atol=0.01)


def test_voids_are_named_and_filled_from_the_classes(
    write_raster: WriteRaster, terrain: ElevationSource, tmp_path: Path
) -> None:
    canopy = np.full(SHAPE_10_M, 20.0, dtype=np.float32)
    canopy[:30] = -9999.0
    path = write_raster("chm.tif", canopy, west=WEST, north=NORTH, pixel=10.0, nodata=-9999.0)
    heights = read(path, terrain, tmp_path)
    classes = np.full(GRID.shape, 7.0, dtype=np.float32)
    used, told = over_classes(heights, classes)
    assert (used[:9] == 7.0).all()
    assert (used[11:] == 20.0).all()
    assert "take the place of the heights of the land cover's classes" in told
    assert "on 50 % of the grid it has none and the heights of the classes are used" in told
    alone, told = over_classes(heights, None)
    assert (alone[:9] == 0.0).all()
    assert "0 m is used" in told


def test_what_is_no_height_of_trees_is_refused(
    write_raster: WriteRaster, terrain: ElevationSource, tmp_path: Path
) -> None:
    above_sea = write_raster("dsm.tif", slope(), west=WEST, north=NORTH, pixel=10.0)
    with pytest.raises(DataError, match=r'clutter_heights\.kind = "surface"'):
        read(above_sea, terrain, tmp_path)
    canopy = np.random.default_rng(3).integers(0, 35, SHAPE_10_M).astype(np.uint8)
    canopy[20:30, 20:30] = 255
    codes = write_raster("codes.tif", canopy, west=WEST, north=NORTH, pixel=10.0)
    with pytest.raises(DataError, match="255 in many places"):
        read(codes, terrain, tmp_path)
    canopy[canopy == 255] = 103  # below what a tree or a house can have, and still a code
    codes = write_raster("codes2.tif", canopy, west=WEST, north=NORTH, pixel=10.0)
    with pytest.raises(DataError, match="103 in many places"):
        read(codes, terrain, tmp_path)
    unit = write_raster("percent.tif", canopy, west=WEST, north=NORTH, pixel=10.0, unit="percent")
    with pytest.raises(DataError, match="'percent'"):
        read(unit, terrain, tmp_path)


def test_a_surface_over_another_sea_level_is_refused(
    write_raster: WriteRaster, terrain: ElevationSource, tmp_path: Path
) -> None:
    for name, shift in (("high.tif", 40.0), ("low.tif", -30.0)):
        surface = slope() + np.float32(shift)
        path = write_raster(name, surface, west=WEST, north=NORTH, pixel=10.0)
        with pytest.raises(DataError, match="same sea level"):
            read(path, terrain, tmp_path, kind="surface")


def test_heights_on_top_of_a_surface_model_are_refused(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_raster("dem.tif", slope(), west=WEST, north=NORTH, pixel=10.0)
    with pytest.raises(ConfigError, match="would add them again"):
        read(path, open_elevation([path], kind="surface"), tmp_path)


def test_a_raster_elsewhere_is_refused(
    write_raster: WriteRaster, terrain: ElevationSource, tmp_path: Path
) -> None:
    canopy = np.full(SHAPE_10_M, 20.0, dtype=np.float32)
    path = write_raster("chm.tif", canopy, west=WEST + 90_000.0, north=NORTH, pixel=10.0)
    with pytest.raises(DataError):
        read(path, terrain, tmp_path)
