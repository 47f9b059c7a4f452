from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from exactextract import exact_extract
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lensong.gis_data.population import Population, read_population
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid

WriteRaster = Callable[..., Path]
# 2.4 degrees west of the central meridian: the grid is turned by 0.9 degrees against the raster
GRID = Grid(crs="EPSG:32648", west_m=250_000, north_m=2_450_010, cell_m=30.0, rows=400, cols=400)


def read(path: Path, tmp_path: Path, grid: Grid = GRID) -> Population:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    return read_population(path, grid, aoi=np.ones(grid.shape, dtype=np.uint8), scratch=scratch)


def write_people(
    write_raster: WriteRaster,
    pixel_deg: float,
    *,
    name: str = "pop.tif",
    shape: float = 0.5,
    empty_share: float = 0.1,
) -> Path:
    """Write gamma-distributed people over 0.17 degrees around the grid, some without value."""
    void = -99999.0
    west, north, across = 102.55, 22.17, 0.17
    count = round(across / pixel_deg)
    rng = np.random.default_rng(3)
    per_pixel = 20.0 * (120.0 * pixel_deg) ** 2  # 20 times the shape per 30 arc-seconds
    people = rng.gamma(shape, per_pixel, (count, count)).astype(np.float32)
    people[rng.random((count, count)) < empty_share] = void
    return write_raster(
        name, people, west=west, north=north, pixel=pixel_deg, crs="EPSG:4326", nodata=void
    )


def in_raster(path: Path, area: shapely.Polygon, crs: str = GRID.crs) -> float:
    """Return the people of a polygon by exact cover of the raster's pixels."""
    dense = gpd.GeoSeries([shapely.segmentize(area, area.length / 200.0)], crs=crs)
    with rasterio.open(path) as raster:
        outline = dense.to_crs(raster.crs).iloc[0]
        feature = {
            "type": "Feature",
            "properties": {},
            "geometry": shapely.geometry.mapping(outline),
        }
        found: list[Any] = exact_extract(raster, [feature], ["sum"])
    return float(found[0]["properties"]["sum"])


@pytest.mark.parametrize("pixel_arcsec", [0.3, 0.5, 1.0, 1.3, 3.0, 30.0])
def test_the_total_over_an_area_is_kept_by_finer_and_coarser_sources(
    write_raster: WriteRaster, tmp_path: Path, pixel_arcsec: float
) -> None:
    path = write_people(write_raster, pixel_arcsec / 3600.0)
    population = read(path, tmp_path)
    west, south, east, north = GRID.bounds_m
    area = shapely.box(west, south, east, north)
    expected = in_raster(path, area)
    # the whole grid: what is lost or won can only be at its rim
    tolerance = 1e-3 if pixel_arcsec < 30.0 else 5e-3
    assert population.people.sum(dtype=np.float64) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("pixel_arcsec", [0.5, 1.0, 3.0, 30.0])
def test_an_interior_polygon_that_follows_pixels_keeps_its_people(
    write_raster: WriteRaster, tmp_path: Path, pixel_arcsec: float
) -> None:
    # even density: a cell on the rim mixes both sides, which no resampling can undo
    path = write_people(write_raster, pixel_arcsec / 3600.0, shape=25.0, empty_share=0.0)
    on_grid = write_raster(
        "moved.tif",
        read(path, tmp_path).people,
        west=GRID.west_m,
        north=GRID.north_m,
        pixel=GRID.cell_m,
    )
    edge_deg = 30.0 / 3600.0
    square = shapely.box(102.6, 22.17 - 14 * edge_deg, 102.6 + 8 * edge_deg, 22.17 - 6 * edge_deg)
    expected = in_raster(path, square, "EPSG:4326")
    assert expected > 100.0
    assert in_raster(on_grid, square, "EPSG:4326") == pytest.approx(expected, rel=1e-3)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pixel_m=st.floats(8.0, 400.0),
    offset_m=st.floats(-500.0, 500.0),
)
def test_nobody_is_lost_when_the_whole_raster_lies_on_the_grid(
    write_raster: WriteRaster, tmp_path: Path, pixel_m: float, offset_m: float
) -> None:
    count = max(1, int(4000.0 / pixel_m))
    people = np.random.default_rng(1).gamma(1.0, 5.0, (count, count)).astype(np.float32)
    path = write_raster(
        "pop.tif", people, west=253_000 + offset_m, north=2_446_000 + offset_m, pixel=pixel_m
    )
    moved = read(path, tmp_path).people
    expected = people.sum(dtype=np.float64)
    assert moved.sum(dtype=np.float64) == pytest.approx(expected, rel=1e-5)  # float32 cells


def test_nobody_is_lost_from_pixels_narrower_but_taller_than_a_cell(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    people = np.random.default_rng(1).gamma(1.0, 5.0, (100, 200)).astype(np.float32)
    path = write_raster(
        "pop.tif", people, west=15.0, north=60.0, pixel=1 / 3600, crs="EPSG:4326"
    )  # pixels of 15 m by 31 m
    grid = Grid(
        crs="EPSG:32633", west_m=499_500, north_m=6_652_000, cell_m=30.0, rows=160, cols=160
    )
    moved = read(path, tmp_path, grid).people.sum(dtype=np.float64)
    assert moved == pytest.approx(people.sum(dtype=np.float64), rel=1e-5)  # float32 cells


def test_one_pixel_s_people_are_spread_evenly_over_its_cells(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    people = np.zeros((10, 10), dtype=np.float32)
    people[5, 5] = 1000.0
    path = write_raster("pop.tif", people, west=250_900, north=2_449_110, pixel=900.0)
    moved = read(path, tmp_path).people
    first_row, first_col = (2_450_010 - 2_449_110) // 30 + 150, 30 + 150
    block = moved[first_row : first_row + 30, first_col : first_col + 30]
    np.testing.assert_allclose(block, 1000.0 / 900.0, rtol=1e-5)  # float32
    assert moved.sum() == pytest.approx(1000.0, rel=1e-5)


def test_a_pixel_cut_by_the_edge_of_the_grid_brings_only_its_part(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    people = np.array([[900.0]], dtype=np.float32)
    path = write_raster("pop.tif", people, west=249_700, north=2_449_110, pixel=900.0)
    # 600 of its 900 m lie on the grid
    assert read(path, tmp_path).people.sum() == pytest.approx(600.0, rel=0.02)  # by whole cells


def test_void_and_negative_values_count_nobody(write_raster: WriteRaster, tmp_path: Path) -> None:
    people = np.full((20, 20), 5.0, dtype=np.float32)
    people[:10] = -99999.0
    people[10, 0] = -1.0
    people[10, 1] = np.nan
    path = write_raster("pop.tif", people, west=251_000, north=2_449_000, pixel=100.0)
    population = read(path, tmp_path)
    assert population.people.min() == 0.0
    assert population.people.sum() == pytest.approx(5.0 * 198, rel=1e-5)
    assert any("-99999, taken as no data" in text for text in population.warnings)


def test_a_raster_that_covers_part_of_the_area_says_so(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    people = np.full((60, 60), 5.0, dtype=np.float32)
    path = write_raster("pop.tif", people, west=250_000, north=2_450_010, pixel=100.0)
    warnings = read(path, tmp_path).warnings
    assert warnings == ("The population raster does not cover 75 % of the area.",)


def test_an_empty_area_is_reported(write_raster: WriteRaster, tmp_path: Path) -> None:
    nobody = np.zeros((200, 200), dtype=np.float32)
    path = write_raster("pop.tif", nobody, west=249_000, north=2_451_000, pixel=100.0)
    assert "The population raster has nobody in the area." in read(path, tmp_path).warnings


def test_heights_given_as_people_are_recognised(write_raster: WriteRaster, tmp_path: Path) -> None:
    heights = np.full((400, 400), 900.0, dtype=np.float32)
    path = write_raster("dem.tif", heights, west=250_000, north=2_450_010, pixel=30.0)
    with pytest.raises(DataError, match=r"1,000,000 people per km² .*wanted a raster of people"):
        read(path, tmp_path)


def test_rasters_of_different_pixels_are_not_added_up(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    write_people(write_raster, 3 / 3600, name="pop/100m.tif")
    write_people(write_raster, 30 / 3600, name="pop/1km.tif")
    with pytest.raises(DataError, match="count people twice"):
        read(tmp_path / "pop", tmp_path)


def test_lai_chau_has_the_people_that_worldpop_counts(shared_dir: Path, tmp_path: Path) -> None:
    path = (
        shared_dir
        / "data"
        / "lai-chau-population-worldpop-1km"
        / "vnm_ppp_2020_1km_aggregated_unadj_nw.tif"
    )
    if not path.exists():
        pytest.skip("the population of Lai Châu is not in ../shared")
    grid = Grid(
        crs="EPSG:32648", west_m=350_010, north_m=2_500_020, cell_m=90.0, rows=500, cols=400
    )
    people = read(path, tmp_path, grid).people
    expected = in_raster(path, shapely.box(*grid.bounds_m))
    assert expected > 100_000
    assert people.sum(dtype=np.float64) == pytest.approx(expected, rel=2e-3)  # rim of 1 km pixels
