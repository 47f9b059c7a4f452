from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from lensong.gis_data.raster_checks import (
    check_heights,
    check_raster,
    horizontal_crs,
    length_unit_m,
    overlaps_when_swapped,
    surface_model_name,
)
from lensong.propagation.errors import DataError

WriteRaster = Callable[..., Path]
VALUES = np.ones((8, 9), dtype=np.int16)


def check(path: Path) -> None:
    with rasterio.open(path) as raster:
        check_raster(raster, path.name, role="elevation")


def test_a_sound_raster_passes(write_raster: WriteRaster) -> None:
    check(write_raster("a.tif", VALUES, west=3e5, north=2e6, pixel=30.0))


def test_a_south_up_raster_is_refused(write_raster: WriteRaster) -> None:
    path = write_raster("a.tif", VALUES, west=3e5, north=2e6, pixel=30.0)
    with rasterio.open(path, "r+") as raster:
        raster.transform = rasterio.Affine(30.0, 0.0, 3e5, 0.0, 30.0, 2e6)
    with pytest.raises(DataError, match="not north-up"):
        check(path)


def test_a_colour_picture_is_no_dem(write_raster: WriteRaster) -> None:
    path = write_raster(
        "a.tif", np.ones((3, 8, 9), dtype=np.uint8), west=3e5, north=2e6, pixel=30.0
    )
    with rasterio.open(path, "r+") as raster:
        raster.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    with pytest.raises(DataError, match="colour picture with 3 bands"):
        check(path)


def test_metres_declared_as_degrees_are_refused(write_raster: WriteRaster) -> None:
    path = write_raster("a.tif", VALUES, west=3e5, north=2e6, pixel=30.0, crs="EPSG:4326")
    with pytest.raises(DataError, match="its coordinates are no degrees"):
        check(path)


def test_heights_of_the_earth_pass_and_others_do_not() -> None:
    check_heights(-430.0, 8849.0, shown="dem", unit="m")
    check_heights(float("nan"), float("nan"), shown="dem", unit="m")
    with pytest.raises(DataError, match=r'elevation\.unit = "ft"'):
        check_heights(0.0, 9001.0, shown="dem", unit="m")
    with pytest.raises(DataError, match="already"):
        check_heights(0.0, 9001.0, shown="dem", unit="ft")
    with pytest.raises(DataError, match="declare the value"):
        check_heights(-501.0, 100.0, shown="dem", unit="m")


def test_unit_tags_are_understood() -> None:
    assert length_unit_m("US survey foot") == pytest.approx(0.3048006096)
    assert length_unit_m(" FT ") == 0.3048
    assert length_unit_m("metre") == 1.0
    assert length_unit_m("cm") == 0.01
    assert length_unit_m("") is None
    assert length_unit_m("degree") is None


def test_swapped_extents_meet_only_after_exchange() -> None:
    area = (103.4, 22.1, 104.0, 22.7)
    assert overlaps_when_swapped((22.0, 103.0, 23.0, 104.0), area)
    assert not overlaps_when_swapped((3.4, 43.9, 4.2, 44.5), area)


def test_a_folder_s_name_tells_the_kind_when_the_file_s_does_not() -> None:
    assert surface_model_name(Path("GLO-30/tile_3.tif")) is True
    assert surface_model_name(Path("dem/tile_3.tif")) is None
    assert surface_model_name(Path("glo-30/N22E103_FABDEM.tif")) is False


def test_heights_above_a_geoid_do_not_change_the_horizontal_system() -> None:
    assert horizontal_crs("EPSG:9518") == horizontal_crs("EPSG:4326")  # WGS 84 + EGM2008
