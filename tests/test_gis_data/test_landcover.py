from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lensong.gis_data.landcover import (
    WORLDCOVER_CLASSES,
    LandCover,
    read_class_table,
    read_land_cover,
)
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid

WriteRaster = Callable[..., Path]
GRID = Grid(crs="EPSG:32648", west_m=300_000, north_m=2_450_010, cell_m=30.0, rows=40, cols=50)


def classes(rows: int = 40, cols: int = 50) -> np.ndarray[Any, Any]:
    codes = np.array([10, 20, 30, 50, 80], dtype=np.uint8)
    return codes[np.random.default_rng(7).integers(0, 5, (rows, cols))]


def write_cover(
    write_raster: WriteRaster, values: np.ndarray[Any, Any], pixel: float = 30.0, **tags: Any
) -> Path:
    return write_raster(
        "cover.tif", values, west=300_000, north=2_450_010, pixel=pixel, nodata=0, **tags
    )


def read(path: Path, tmp_path: Path, table: Path | None = None) -> LandCover:
    return read_land_cover([path], GRID, scratch=tmp_path, table=table)


def test_worldcover_has_its_eleven_classes() -> None:
    assert sorted(WORLDCOVER_CLASSES) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100]
    assert [code for code, cover in WORLDCOVER_CLASSES.items() if cover.water] == [80]
    assert WORLDCOVER_CLASSES[10].height_m == 15.0
    assert WORLDCOVER_CLASSES[50].height_m == 10.0


def test_class_height_and_water_belong_together(write_raster: WriteRaster, tmp_path: Path) -> None:
    values = classes()
    cover = read(write_cover(write_raster, values), tmp_path)
    np.testing.assert_array_equal(cover.class_code, values)
    np.testing.assert_array_equal(cover.water, values == 80)
    for code, height_m in ((10, 15.0), (20, 3.0), (30, 0.0), (50, 10.0), (80, 0.0)):
        assert (cover.clutter_m[values == code] == height_m).all()
    assert cover.names == {
        10: "tree cover",
        20: "shrubland",
        30: "grassland",
        50: "built-up",
        80: "permanent water",
    }
    assert "tree cover 15 m" in cover.assumptions[0]
    assert cover.warnings == ()


def test_finer_pixels_give_the_commonest_class(write_raster: WriteRaster, tmp_path: Path) -> None:
    fine = np.full((120, 150), 30, dtype=np.uint8)
    fine[::3, :] = 10  # three of the nine pixels of a cell
    fine[:60:3, ::3], fine[1:60:3, ::3] = 50, 10
    fine[1:60:3, 1::3], fine[2:60:3, ::3] = 10, 10
    cover = read(write_cover(write_raster, fine, pixel=10.0), tmp_path)
    assert (cover.class_code[20:] == 30).all()  # six of nine
    assert (cover.class_code[:20] == 10).all()  # five of nine


def test_no_data_inside_a_fine_raster_is_outvoted_only_by_data(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    fine = np.zeros((120, 150), dtype=np.uint8)
    fine[:60] = 10
    cover = read(write_cover(write_raster, fine, pixel=10.0), tmp_path)
    assert (cover.class_code[:20] == 10).all()
    assert (cover.class_code[20:] == 0).all()


def test_classes_are_never_averaged_from_degrees(write_raster: WriteRaster, tmp_path: Path) -> None:
    codes = np.where(np.indices((400, 400)).sum(axis=0) % 2, 10, 50).astype(np.uint8)
    path = write_raster(
        "cover.tif", codes, west=103.04, north=22.16, pixel=1 / 3600, crs="EPSG:4326", nodata=0
    )
    assert set(np.unique(read(path, tmp_path).class_code)) == {10, 50}


def test_cells_without_class_have_no_clutter_and_are_reported(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    values = classes()
    values[:4] = 0
    cover = read(write_cover(write_raster, values), tmp_path)
    assert (cover.clutter_m[:4] == 0.0).all()
    assert cover.warnings[0].startswith("No land cover for 10 % of the grid")


def test_unknown_class_codes_are_listed(write_raster: WriteRaster, tmp_path: Path) -> None:
    values = classes()
    values[0, 0], values[1, 1] = 11, 210
    with pytest.raises(DataError, match=r"class codes 11, 210, which ESA WorldCover"):
        read(write_cover(write_raster, values), tmp_path)


def test_a_raster_of_measurements_is_no_land_cover(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    values = np.full((40, 50), 12.5, dtype=np.float32)
    with pytest.raises(DataError, match=r"value 12\.5, wanted whole class codes"):
        read(write_cover(write_raster, values), tmp_path)


def test_an_own_table_names_the_classes(write_raster: WriteRaster, tmp_path: Path) -> None:
    table = tmp_path / "classes.csv"
    table.write_text(
        "\ufeffcode,name,height_m,water\n1,Rừng,22.5,no\n2,Nước,0,yes\n", encoding="utf-8"
    )
    values = np.full((40, 50), 1, dtype=np.int16)
    values[:, 25:] = 2
    cover = read(write_cover(write_raster, values), tmp_path, table)
    assert cover.names == {1: "Rừng", 2: "Nước"}
    assert (cover.clutter_m[:, :25] == 22.5).all()
    assert (cover.water[:, 25:] == 1).all()
    assert "from classes.csv" in cover.assumptions[0]


def test_a_table_with_decimal_commas_and_without_water_is_read(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("code;name;height_m\n1;forest;22,5\n2;town;8,0\n", encoding="utf-8")
    read_back = read_class_table(path)
    assert [cover.height_m for cover in read_back.values()] == [22.5, 8.0]
    assert not read_back[1].water


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("code,name\n1,forest\n", "no column height_m"),
        ("code,name,height_m\n0,none,0\n", "line 2: code is 0"),
        ("code,name,height_m\n1,a,5\n1,b,6\n", "line 3: code 1 stands in the table twice"),
        ("code,name,height_m\n1,forest,-3\n", r"height_m is -3, wanted 0 to 150 m"),
        ("code,name,height_m\n1,forest,tall\n", "line 2: height_m is 'tall'"),
        ("code,name,height_m\n1,forest,\n", "wanted 0 to 150 m"),
        ("code,name,height_m,water\n1,forest,3,wet\n", "water is 'wet', wanted 0 or 1"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(lines, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_class_table(path)


def test_land_cover_of_another_country_is_refused(
    write_raster: WriteRaster, tmp_path: Path
) -> None:
    path = write_raster(
        "cover.tif", classes(), west=3.0, north=44.0, pixel=0.001, crs="EPSG:4326", nodata=0
    )
    with pytest.raises(DataError, match="give land cover data of this area"):
        read(path, tmp_path)
