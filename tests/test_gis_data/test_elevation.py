from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import pytest
import rasterio

from lensong.gis_data.elevation import Elevation, open_elevation, read_elevation
from lensong.gis_data.gridding import centre_deg, grid_over
from lensong.propagation.errors import (
    ConfigError,
    CrsMismatchError,
    DataError,
    MissingTileError,
)
from lensong.propagation.types import Grid, UInt8Array

WriteRaster = Callable[..., Path]
WEST, NORTH = 300_000.0, 2_450_010.0
POSTS = 1201


def grid_at(
    west: float = WEST, north: float = NORTH, rows: int = 40, cols: int = 50, cell_m: float = 30.0
) -> Grid:
    return Grid(crs="EPSG:32648", west_m=west, north_m=north, cell_m=cell_m, rows=rows, cols=cols)


def heights(rows: int = 40, cols: int = 50) -> np.ndarray[Any, Any]:
    return np.random.default_rng(5).integers(300, 3000, (rows, cols)).astype(np.int16)


def read(
    paths: list[Path],
    grid: Grid,
    tmp_path: Path,
    *,
    aoi: UInt8Array | None = None,
    kind: str = "auto",
    unit: str = "m",
    **settings: Any,
) -> Elevation:
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    source = open_elevation(paths, kind=kind, unit=unit)
    inside = np.ones(grid.shape, dtype=np.uint8) if aoi is None else aoi
    return read_elevation(source, grid, aoi=inside, scratch=scratch, **settings)


def degrees_of(grid: Grid) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    rows, cols = np.indices(grid.shape)
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lons, lats = to_degrees.transform(
        grid.west_m + (cols + 0.5) * grid.cell_m, grid.north_m - (rows + 0.5) * grid.cell_m
    )
    return lats, lons


def write_hgt_ramp(folder: Path, south: int, west: int) -> None:
    """Write a tile whose height is 3600 m per degree of longitude plus 1800 m per degree south."""
    posts = np.arange(POSTS) / (POSTS - 1)
    lons, lats = west + posts[np.newaxis, :], south + 1 - posts[:, np.newaxis]
    tile = np.rint(3600.0 * (lons - 103.0) + 1800.0 * (23.0 - lats) + 1000.0)
    (folder / f"N{south:02d}E{west:03d}.hgt").write_bytes(tile.astype(">i2").tobytes())


def test_cells_on_the_same_lattice_are_copied_exactly(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    values = heights()
    path = write_raster("dem.tif", values, west=WEST + 7.51, north=NORTH - 3.37, pixel=30.0)
    source = open_elevation([path])
    corner = source.lattice_corner("EPSG:32648", 30.0)
    assert corner == (WEST + 7.51, NORTH - 3.37)
    bounds = (WEST + 300.0, NORTH - 900.0, WEST + 1000.0, NORTH - 200.0)
    grid = grid_over(bounds, crs="EPSG:32648", cell_m=30.0, margin_m=0.0, corner_m=corner)
    elevation = read([path], grid, tmp_path)
    first_row = round((NORTH - 3.37 - grid.north_m) / 30.0)
    first_col = round((grid.west_m - WEST - 7.51) / 30.0)
    part = values[first_row : first_row + grid.rows, first_col : first_col + grid.cols]
    np.testing.assert_array_equal(elevation.ground_m, part)
    assert "copied as they are" in elevation.note


def test_another_cell_size_or_system_gives_no_lattice_to_copy(write_raster: WriteRaster) -> None:
    source = open_elevation([write_raster("d.tif", heights(), west=WEST, north=NORTH, pixel=30.0)])
    assert source.lattice_corner("EPSG:32648", 50.0) is None
    assert source.lattice_corner("EPSG:32647", 30.0) is None


def test_half_a_cell_off_is_the_mean_of_four_neighbours(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    values = heights()
    path = write_raster("dem.tif", values, west=WEST, north=NORTH, pixel=30.0)
    elevation = read([path], grid_at(WEST + 15.0, NORTH - 15.0, 39, 49), tmp_path)
    four = values.astype(np.float64)
    mean = (four[:-1, :-1] + four[1:, :-1] + four[:-1, 1:] + four[1:, 1:]) / 4.0
    np.testing.assert_allclose(elevation.ground_m, mean, atol=0.01)  # float32 weights


def test_neighbouring_hgt_tiles_join_without_a_seam(tmp_path: Path) -> None:
    for south, west in ((22, 103), (22, 104), (21, 103), (21, 104)):
        write_hgt_ramp(tmp_path, south, west)
    easting, northing = pyproj.Transformer.from_crs(4326, 32648, always_xy=True).transform(104, 22)
    grid = grid_at(round(easting) - 3000.0, round(northing) + 3000.0, 200, 200)
    elevation = read([tmp_path], grid, tmp_path)
    lats, lons = degrees_of(grid)
    expected = 3600.0 * (lons - 103.0) + 1800.0 * (23.0 - lats) + 1000.0
    # heights are rounded to whole metres, and the warper places points within 0.01 pixel (0.03 m)
    assert np.abs(elevation.ground_m - expected).max() < 0.55
    assert np.abs(np.diff(elevation.ground_m, axis=1)).max() < 2.1  # 1.05 m a cell on the ramp


def test_tiles_that_only_touch_are_interpolated_across_their_border(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    ramp = np.add.outer(np.arange(40.0), 10.0 * np.arange(50.0)).astype(np.float32)
    write_raster("dem/a.tif", ramp[:, :25], west=WEST, north=NORTH, pixel=30.0)
    write_raster("dem/b.tif", ramp[:, 25:], west=WEST + 750.0, north=NORTH, pixel=30.0)
    elevation = read([tmp_path / "dem"], grid_at(WEST + 15.0, NORTH - 15.0, 39, 49), tmp_path)
    expected = ramp[:-1, :-1] + 5.5
    np.testing.assert_allclose(elevation.ground_m, expected, atol=0.01)  # float32 weights


def test_a_later_source_fills_what_an_earlier_one_left(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    first, second = heights(), np.full((20, 25), 777, dtype=np.int16)
    first[10:20, 10:20] = -32768
    path = write_raster("a.tif", first, west=WEST, north=NORTH, pixel=30.0, nodata=-32768)
    other = write_raster("b.tif", second, west=WEST - 20, north=NORTH + 30, pixel=61.0)
    elevation = read([path, other], grid_at(), tmp_path)
    expected = first.astype(np.float32)
    expected[10:20, 10:20] = 777.0
    np.testing.assert_array_equal(elevation.ground_m, expected)
    assert elevation.void_share == 0.0


def test_of_two_sources_on_one_lattice_the_first_wins(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    values = heights()
    paths = [
        write_raster(f"{name}.tif", values + shift, west=WEST, north=NORTH, pixel=30.0)
        for name, shift in (("z", 0), ("a", 100))
    ]
    np.testing.assert_array_equal(read(paths, grid_at(), tmp_path).ground_m, values)


def test_a_finer_source_is_averaged_over_the_cell(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    checks = (np.indices((400, 500)).sum(axis=0) % 2 * 100).astype(np.float32)
    path = write_raster("lidar.tif", checks, west=WEST, north=NORTH, pixel=3.0)
    elevation = read([path], grid_at(), tmp_path)
    np.testing.assert_allclose(elevation.ground_m[1:-1, 1:-1], 50.0, atol=1.0)


def test_feet_are_converted_when_the_scenario_says_so(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    feet = np.full((40, 50), 10_312, dtype=np.int16)  # Fansipan, 3,143 m
    path = write_raster("dem.tif", feet, west=WEST, north=NORTH, pixel=30.0)
    elevation = read([path], grid_at(), tmp_path, unit="ft")
    np.testing.assert_allclose(elevation.ground_m, 3143.1, atol=0.01)  # float32
    assert any("feet" in sentence for sentence in elevation.assumptions)


def test_heights_above_any_mountain_are_taken_for_feet(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    feet = np.full((40, 50), 10_312, dtype=np.int16)
    path = write_raster("dem.tif", feet, west=WEST, north=NORTH, pixel=30.0)
    with pytest.raises(DataError, match=r'up to 10,312 m.*set elevation\.unit = "ft"'):
        read([path], grid_at(), tmp_path)


@pytest.mark.parametrize(("tag", "unit"), [("ft", "m"), ("metre", "ft")])
def test_a_unit_tag_that_contradicts_the_scenario_is_refused(
    write_raster: WriteRaster, tag: str, unit: str
) -> None:
    path = write_raster("dem.tif", heights(), west=WEST, north=NORTH, pixel=30.0, unit=tag)
    with pytest.raises(DataError, match=r"set elevation\.unit"):
        open_elevation([path], unit=unit)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.tif does not exist.*check the path"):
        open_elevation([tmp_path / "nowhere.tif"])


def test_a_raster_without_crs_is_refused_with_the_command_to_mend_it(
    write_raster: WriteRaster,
) -> None:
    path = write_raster("dem.tif", heights(), west=WEST, north=NORTH, pixel=30.0, crs=None)
    with pytest.raises(CrsMismatchError, match=r"no coordinate reference system.*rio edit-info"):
        open_elevation([path])


def test_an_area_outside_the_dem_is_told_both_extents(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_raster("dem.tif", heights(), west=WEST, north=NORTH, pixel=30.0)
    with pytest.raises(DataError, match=r"dem\.tif\) span 103\.0.*the area .* spans 103\.4"):
        read([path], grid_at(west=340_000.0), tmp_path)


def test_latitude_beyond_90_degrees_is_taken_for_swapped_axes(write_raster: WriteRaster) -> None:
    path = write_raster("dem.tif", heights(), west=22.0, north=103.0, pixel=0.001, crs="EPSG:4326")
    with pytest.raises(CrsMismatchError, match="latitude and longitude seem to be swapped"):
        open_elevation([path])


def test_a_dem_that_meets_the_area_only_when_swapped_is_said_to_be_so(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_raster("dem.tif", heights(), west=44.0, north=4.0, pixel=0.01, crs="EPSG:4326")
    area = Grid(crs="EPSG:32631", west_m=550_000, north_m=4_900_000, cell_m=30.0, rows=20, cols=20)
    with pytest.raises(DataError, match="one of the two is swapped"):
        read([path], area, tmp_path)


def void_dem(write_raster: WriteRaster, **tags: Any) -> Path:
    values = (500 + np.indices((40, 50))[1]).astype(np.int16)
    values[10:20, 10:20] = -32768
    return write_raster("dem.tif", values, west=WEST, north=NORTH, pixel=30.0, **tags)


def test_too_many_voids_are_an_error_with_their_share(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = void_dem(write_raster, nodata=-32768)
    with pytest.raises(DataError, match=r"5 % of the area has no height.*at most 0\.1 %"):
        read([path], grid_at(), tmp_path)
    with pytest.raises(DataError, match="interpolating so much"):
        read([path], grid_at(), tmp_path, fill_voids=True)


def test_voids_within_the_limit_stay_empty_and_are_reported(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = void_dem(write_raster, nodata=-32768)
    elevation = read([path], grid_at(), tmp_path, max_void_share=0.06)
    assert elevation.void_share == pytest.approx(0.05)
    assert np.isnan(elevation.ground_m[10:20, 10:20]).all()
    assert np.isfinite(elevation.ground_m[:10]).all()
    assert any("voids: 5 % of the area" in sentence for sentence in elevation.warnings)


def test_voids_are_filled_when_asked_and_the_report_says_so(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = void_dem(write_raster, nodata=-32768)
    elevation = read([path], grid_at(), tmp_path, max_void_share=0.06, fill_voids=True)
    assert elevation.void_share == pytest.approx(0.05)
    assert np.isfinite(elevation.ground_m).all()
    # the ramp of 1 m a cell goes on through the hole
    assert np.abs(elevation.ground_m[15, 10:20] - np.arange(510, 520)).max() < 3.0
    assert any("were filled" in sentence for sentence in elevation.assumptions)


def test_a_void_value_that_no_tag_declares_is_still_a_void(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    elevation = read([void_dem(write_raster)], grid_at(), tmp_path, max_void_share=0.06)
    assert elevation.void_share == pytest.approx(0.05)
    assert np.nanmin(elevation.ground_m) == 500.0
    assert any("-32768, taken as no data" in sentence for sentence in elevation.warnings)


def test_depths_of_the_sea_floor_are_refused(write_raster: WriteRaster, tmp_path: Path) -> None:
    depths = np.full((40, 50), -2000, dtype=np.int16)
    path = write_raster("dem.tif", depths, west=WEST, north=NORTH, pixel=30.0)
    with pytest.raises(DataError, match="down to -2,000 m"):
        read([path], grid_at(), tmp_path)


def test_a_missing_tile_names_itself(tmp_path: Path) -> None:
    for south, west in ((22, 103), (22, 104), (21, 103)):
        write_hgt_ramp(tmp_path, south, west)
    easting, northing = pyproj.Transformer.from_crs(4326, 32648, always_xy=True).transform(104, 22)
    grid = grid_at(round(easting) - 3000.0, round(northing) + 3000.0, 200, 200)
    with pytest.raises(MissingTileError, match=r"no elevation tile N21E104 .*2\d\.\d % of the"):
        read([tmp_path], grid, tmp_path)


def test_a_gap_between_other_rasters_is_named_by_its_extent(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_raster("dem.tif", heights(), west=WEST, north=NORTH, pixel=30.0)
    with pytest.raises(MissingTileError, match=r"no elevation for 20\.0 %.*103\.0\d+ to 103\.0"):
        read([path], grid_at(WEST + 300.0), tmp_path)


def test_a_margin_without_elevation_is_a_warning_and_stays_empty(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_raster("dem.tif", heights(), west=WEST, north=NORTH, pixel=30.0)
    aoi = np.zeros((40, 50), dtype=np.uint8)
    aoi[10:30, 10:30] = 1
    elevation = read([path], grid_at(WEST + 300.0), tmp_path, aoi=aoi)
    assert np.isnan(elevation.ground_m[:, 40:]).all()
    assert elevation.void_share == pytest.approx(0.2)
    assert elevation.warnings == (
        "No elevation for 25.0 % of the margin around it: signals from or across that part are "
        "not computed.",
    )


@pytest.mark.parametrize(
    ("name", "kind", "surface"),
    [
        ("Copernicus_DSM_COG_10_N22_00_E103_00_DEM.tif", "auto", True),
        ("ALPSMLC30_N022E103_DSM.tif", "auto", True),
        ("cop30.tif", "auto", True),
        ("Copernicus_DSM_COG_10_N22_00_E103_00_DEM.tif", "terrain", False),
        ("N22E103_FABDEM_V1-2.tif", "auto", False),
        ("lai-chau-dtm.tif", "auto", False),
        ("dem.tif", "auto", False),
        ("dem.tif", "surface", True),
    ],
)
def test_the_kind_of_model_is_told_by_the_name_or_the_scenario(
    write_raster: WriteRaster, name: str, kind: str, surface: bool
) -> None:
    path = write_raster(name, heights(), west=WEST, north=NORTH, pixel=30.0)
    source = open_elevation([path], kind=kind)
    assert source.surface_model is surface
    assert ("surface model" in source.assumptions[0]) is surface


def test_an_unknown_kind_or_unit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"elevation\.kind"):
        open_elevation([tmp_path], kind="dsm")
    with pytest.raises(ConfigError, match=r"elevation\.unit"):
        open_elevation([tmp_path], unit="km")


def test_a_coarse_source_is_called_unfit(write_raster: WriteRaster, tmp_path: Path) -> None:
    path = write_raster("dem.tif", heights(), west=WEST, north=NORTH, pixel=450.0)
    elevation = read([path], grid_at(), tmp_path)
    assert any("about 450 m" in text and "Unfit" in text for text in elevation.warnings)
    fine = write_raster("fine.tif", heights(), west=WEST, north=NORTH, pixel=90.0)
    assert read([fine], grid_at(), tmp_path).warnings == ()


def test_which_band_is_used_is_said(write_raster: WriteRaster, tmp_path: Path) -> None:
    two = np.stack([heights(), np.zeros((40, 50), dtype=np.int16)])
    path = write_raster("dem.tif", two, west=WEST, north=NORTH, pixel=30.0)
    elevation = read([path], grid_at(), tmp_path)
    np.testing.assert_array_equal(elevation.ground_m, two[0])
    assert "2 bands; band 1" in elevation.warnings[0]


def test_progress_ends_at_one(write_raster: WriteRaster, tmp_path: Path) -> None:
    path = write_raster("dem.tif", heights(), west=WEST, north=NORTH, pixel=30.0)
    seen: list[float] = []
    read([path], grid_at(), tmp_path, progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_the_cevennes_dem_is_copied_with_its_summit_and_towns(
    shared_dir: Path, tmp_path: Path
) -> None:
    path = shared_dir / "data" / "cevennes-end-to-end" / "dem_srtm1_utm31n_30m.tif"
    if not path.exists():
        pytest.skip("the Cévennes DEM is not in ../shared")
    with rasterio.open(path) as raster:
        bounds, stored = raster.bounds, raster.read(1)
    corner = open_elevation([path]).lattice_corner("EPSG:32631", 30.0)
    assert corner is not None
    grid = grid_over(bounds, crs="EPSG:32631", cell_m=30.0, margin_m=0.0, corner_m=corner)
    elevation = read([path], grid, tmp_path)
    np.testing.assert_array_equal(elevation.ground_m, stored)
    to_grid = pyproj.Transformer.from_crs("EPSG:4326", grid.crs, always_xy=True)
    # true heights, and the tolerance of a 30 m radar cell on a slope
    for lat_deg, lon_deg, true_m, within_m in (
        (44.1214, 3.5814, 1565.0, 15.0),
        (44.3250, 3.5930, 545.0, 20.0),
        (44.1280, 4.0810, 135.0, 15.0),
    ):
        row, col = grid.row_col(*to_grid.transform(lon_deg, lat_deg))
        assert elevation.ground_m[round(row), round(col)] == pytest.approx(true_m, abs=within_m)


def test_the_sierra_nevada_tile_keeps_its_highest_peak_after_resampling(
    shared_dir: Path, tmp_path: Path
) -> None:
    folder = shared_dir / "data" / "dem-sierra-nevada-3arcsec"
    if not folder.exists():
        pytest.skip("the Sierra Nevada tile is not in ../shared")
    grid = Grid(
        crs="EPSG:32611", west_m=380_000, north_m=4_053_000, cell_m=30.0, rows=300, cols=300
    )
    assert centre_deg(grid) == pytest.approx((36.577, -118.291), abs=0.01)
    elevation = read([folder], grid, tmp_path)
    # bilinear between posts 90 m apart cannot exceed the highest post, 4,404 m
    assert 4385.0 < elevation.ground_m.max() <= 4404.0


def test_big_tujunga_is_read_with_its_own_corner(shared_dir: Path, tmp_path: Path) -> None:
    path = shared_dir / "data" / "dem-big-tujunga-30m" / "bigtujunga.tif"
    if not path.exists():
        pytest.skip("the Big Tujunga DEM is not in ../shared")
    with rasterio.open(path) as raster:
        stored = raster.read(1)
        window = (raster.transform.c, raster.transform.f, raster.transform.a)
    grid = Grid(
        crs="EPSG:32611",
        west_m=window[0],
        north_m=window[1],
        cell_m=window[2],
        rows=stored.shape[0],
        cols=stored.shape[1],
    )
    elevation = read([path], grid, tmp_path)
    np.testing.assert_array_equal(elevation.ground_m, stored)
    assert (elevation.ground_m.min(), elevation.ground_m.max()) == (315.0, 2295.0)
