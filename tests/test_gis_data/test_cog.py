from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from lensong.gis_data.cog import LegendClass, write_cog
from lensong.propagation.errors import DataError, InvalidInputError
from lensong.propagation.types import Grid

_GRID = Grid(
    crs="EPSG:9205", west_m=500_000.0, north_m=2_500_000.0, cell_m=30.0, rows=700, cols=600
)
_LEGEND = (
    LegendClass(value=1, label="trắng sóng", rgba=(200, 30, 30, 255)),
    LegendClass(value=2, label="lõm sóng", rgba=(240, 180, 0, 255)),
)


def _level() -> NDArray[np.float32]:
    row, col = np.mgrid[0 : _GRID.rows, 0 : _GRID.cols]
    level: NDArray[np.float32] = np.float32(-60.0) - np.hypot(row - 350, col - 300, dtype="float32")
    level[:50] = np.nan
    return level


def _write(path: Path, array: NDArray[Any], **options: Any) -> None:
    settings: dict[str, Any] = {
        "nodata": np.nan,
        "name": "rsrp_dbm",
        "unit": "dBm",
        "description": "Level of the best 4G cell",
    }
    write_cog(path, array, _GRID, **(settings | options))


def test_file_is_a_cog_that_says_what_it_holds(tmp_path: Path) -> None:
    provenance = {"version": "0.1.0", "scenario": "Bình Lư"}
    below = LegendClass(value=-np.inf, label="none", rgba=(0, 0, 0, 0))
    _write(tmp_path / "rsrp.tif", _level(), provenance=provenance, legend=(*_LEGEND, below))
    with rasterio.open(tmp_path / "rsrp.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.overviews(1) == [2]
        assert dataset.crs.to_epsg() == 9205
        assert tuple(dataset.transform)[:6] == _GRID.transform
        assert np.isnan(dataset.nodata)
        assert (dataset.units, dataset.descriptions) == (("dBm",), ("rsrp_dbm",))
        assert np.array_equal(dataset.read(1), _level(), equal_nan=True)
        tags = dataset.tags()
    assert tags["TIFFTAG_IMAGEDESCRIPTION"] == "Level of the best 4G cell"
    assert json.loads(tags["LENSONG_PROVENANCE"]) == provenance
    legend = json.loads(tags["LENSONG_LEGEND"])
    assert [entry["value"] for entry in legend] == [1, 2, None]
    assert legend[0]["label"] == "trắng sóng"


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one.tif", "two.tif"):
        _write(tmp_path / name, _level(), provenance={"b": 1, "a": 2})
    _write(tmp_path / "three.tif", _level(), provenance={"a": 2, "b": 1})
    one, two, three = ((tmp_path / n).read_bytes() for n in ("one.tif", "two.tif", "three.tif"))
    assert one == two == three


def test_classes_carry_their_colours(tmp_path: Path) -> None:
    classes = np.ones(_GRID.shape, dtype=np.uint8)
    classes[300:] = 2
    _write(tmp_path / "class.tif", classes, nodata=0, legend=_LEGEND, unit="")
    with rasterio.open(tmp_path / "class.tif") as dataset:
        assert dataset.colorinterp == (ColorInterp.palette,)
        assert dataset.colormap(1)[1] == (200, 30, 30, 255)
        assert dataset.nodata == 0
        assert np.array_equal(dataset.read(1), classes)


def test_overviews_of_classes_invent_no_class(tmp_path: Path) -> None:
    classes = np.where(np.indices(_GRID.shape).sum(axis=0) % 2 == 0, 1, 3).astype(np.uint8)
    _write(tmp_path / "class.tif", classes, nodata=None)
    with rasterio.open(tmp_path / "class.tif", overview_level=0) as dataset:
        assert set(np.unique(dataset.read(1))) <= {1, 3}


def test_type_is_changed_when_asked_and_truth_becomes_0_and_1(tmp_path: Path) -> None:
    served = np.zeros(_GRID.shape, dtype=bool)
    served[5, 7] = True
    _write(tmp_path / "served.tif", served, nodata=None)
    _write(tmp_path / "server.tif", served.astype(np.int64) - 1, nodata=-1, dtype="int16")
    with rasterio.open(tmp_path / "served.tif") as dataset:
        assert dataset.dtypes == ("uint8",)
        assert dataset.read(1).sum() == 1
    with rasterio.open(tmp_path / "server.tif") as dataset:
        assert (dataset.dtypes, dataset.nodata) == (("int16",), -1)


@pytest.mark.parametrize(
    ("array", "options", "message"),
    [
        (np.zeros((3, 3)), {}, r"shape \(3, 3\), wanted the grid's \(700, 600\)"),
        (np.full(_GRID.shape, np.nan), {"dtype": "int16"}, "has NaN, which int16 cannot hold"),
        (np.full(_GRID.shape, 300), {"dtype": "uint8", "nodata": 0}, "from 300 to 300, wanted 0"),
        (np.zeros(_GRID.shape, np.uint8), {"nodata": -1}, "nodata of rsrp_dbm is -1"),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, array: NDArray[Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        _write(tmp_path / "a.tif", array, **options)
    assert os.listdir(tmp_path) == []


def test_unwritable_folder_and_full_disk_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(DataError, match=r"cannot write .*choose an output folder"):
        _write(tmp_path / "out" / "rsrp.tif", _level())

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match=r"disk is full: .*rsrp\.tif was not written, it needs"):
        _write(tmp_path / "rsrp.tif", _level())
    assert os.listdir(tmp_path) == ["out"]
