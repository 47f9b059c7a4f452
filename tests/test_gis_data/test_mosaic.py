from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from lensong.gis_data.mosaic import (
    files_over,
    join_rasters,
    list_rasters,
    void_warnings,
    without_voids,
)
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid

WriteRaster = Callable[..., Path]
GRID = Grid(crs="EPSG:32648", west_m=300_000, north_m=2_450_010, cell_m=30.0, rows=40, cols=50)
VALUES = np.arange(2000, dtype=np.int16).reshape(40, 50)


def write_tile(write_raster: WriteRaster, name: str, col: int = 0, pixel: float = 30.0) -> Path:
    return write_raster(name, VALUES, west=300_000 + col * 1500, north=2_450_010, pixel=pixel)


def test_a_folder_gives_its_rasters_in_the_order_of_their_names(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    for name in ("dem/b.tif", "dem/a/x.TIF", "dem/c.tiff"):
        write_tile(write_raster, name)
    (tmp_path / "dem" / "readme.txt").write_text("x")
    files = list_rasters([tmp_path / "dem"], role="elevation")
    assert [file.name for file in files] == ["x.TIF", "b.tif", "c.tiff"]


def test_companion_layers_of_a_copernicus_tile_are_no_heights(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    tile = "dem/Copernicus_DSM_COG_10_N22_00_E103_00_"
    write_tile(write_raster, f"{tile}DEM.tif")
    write_tile(write_raster, f"{tile}WBM.tif")
    write_tile(write_raster, f"{tile}HEM.tif")
    files = list_rasters([tmp_path / "dem"], role="elevation")
    assert [file.name[-7:] for file in files] == ["DEM.tif"]


def test_a_virtual_raster_is_read_by_name_but_not_twice_from_a_folder(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_tile(write_raster, "dem/a.tif")
    files = list_rasters([path], role="elevation")
    vrt = join_rasters(files, tmp_path / "dem", name="all")[0].path
    assert [file.name for file in list_rasters([vrt], role="elevation")] == ["all-0.vrt"]
    assert [file.name for file in list_rasters([tmp_path / "dem"], role="elevation")] == ["a.tif"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no raster"):
        list_rasters([tmp_path], role="land cover")


def test_a_file_that_is_no_raster_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dem.tif"
    path.write_text("<html>Access denied</html>")
    with pytest.raises(DataError, match=r"dem\.tif cannot be read as a raster"):
        list_rasters([path], role="elevation")


def test_a_zip_without_tiles_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dem.zip", "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(DataError, match=r"holds no \.hgt file"):
        list_rasters([tmp_path / "dem.zip"], role="elevation")


def test_files_beyond_the_grid_are_left_alone(write_raster: WriteRaster, tmp_path: Path) -> None:
    for name, col in (("dem/here.tif", 0), ("dem/far.tif", 40)):
        write_tile(write_raster, name, col)
    files = list_rasters([tmp_path / "dem"], role="elevation")
    assert [file.name for file in files_over(files, GRID, role="elevation")] == ["here.tif"]


def test_tiles_of_one_lattice_become_one_raster_and_others_their_own(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    paths = [
        write_tile(write_raster, "a.tif"),
        write_tile(write_raster, "coarse.tif", pixel=90.0),
        write_tile(write_raster, "b.tif", col=1),
    ]
    joined = join_rasters(list_rasters(paths, role="elevation"), tmp_path, name="dem")
    assert [[file.name for file in part.files] for part in joined] == [
        ["a.tif", "b.tif"],
        ["coarse.tif"],
    ]
    with rasterio.open(joined[0].path) as raster:
        np.testing.assert_array_equal(raster.read(1), np.hstack([VALUES, VALUES]))


def test_a_factor_and_the_file_s_own_scale_apply_to_every_value(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_tile(write_raster, "a.tif")
    with rasterio.open(path, "r+") as raster:
        raster.scales, raster.offsets = (0.1,), (100.0,)
    files = list_rasters([path], role="elevation")
    joined = join_rasters(files, tmp_path, name="dem", factor=0.3048)
    with rasterio.open(joined[0].path) as raster:
        expected = 0.3048 * (0.1 * VALUES + 100.0)
        np.testing.assert_allclose(raster.read(1), expected, rtol=1e-6)  # float32


def test_a_mask_band_marks_voids_where_no_value_does(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_tile(write_raster, "a.tif")
    mask = np.full((40, 50), 255, dtype=np.uint8)
    mask[3, 4] = 0
    with rasterio.open(path, "r+") as raster:
        raster.write_mask(mask)
    files = files_over(list_rasters([path], role="elevation"), GRID, role="elevation")
    with rasterio.open(join_rasters(files, tmp_path, name="dem")[0].path) as raster:
        read = raster.read(1)
    assert np.isnan(read[3, 4])
    assert np.isnan(read).sum() == 1


def test_an_undeclared_void_value_is_found_and_reported(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    values = VALUES.astype(np.float32)
    values[:2] = -9999.0
    path = write_raster("a.tif", values, west=300_000, north=2_450_010, pixel=30.0)
    files = without_voids(list_rasters([path], role="elevation"), GRID, tmp_path, role="elevation")
    assert files[0].nodata == -9999.0
    assert void_warnings(files, role="elevation") == (
        "The elevation data hold the value -9999, taken as no data though not declared so (a.tif).",
    )
    clean = list_rasters([write_tile(write_raster, "b.tif")], role="elevation")
    clean = without_voids(clean, GRID, tmp_path, role="elevation")
    assert void_warnings(clean, role="elevation") == ()


def test_a_pixel_is_measured_on_the_ground(write_raster: WriteRaster) -> None:
    arc_second = write_raster(
        "a.tif", VALUES, west=103.0, north=23.0, pixel=1 / 3600, crs="EPSG:4326"
    )
    metric = write_tile(write_raster, "b.tif", pixel=90.0)
    files = list_rasters([arc_second, metric], role="elevation")
    assert files[0].pixel_m(22.5, 103.5) == pytest.approx(30.76, abs=0.02)  # along the meridian
    assert files[1].pixel_m(22.15, 103.05) == pytest.approx(90.0, abs=0.1)  # UTM scale 0.9996
