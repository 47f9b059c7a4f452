from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from pyogrio.errors import DataSourceError

from lensong.gis_data import vector_write
from lensong.gis_data.vector_write import write_csv, write_geopackage
from lensong.propagation.errors import DataError, InvalidInputError

_UTM = "EPSG:32648"


def _layers() -> dict[str, gpd.GeoDataFrame | pd.DataFrame]:
    square = shapely.box(360e3, 2470e3, 361e3, 2471e3)
    both = shapely.MultiPolygon([square, shapely.box(362e3, 2470e3, 363e3, 2471e3)])
    villages = gpd.GeoDataFrame(
        {
            "village_id": ["007", "8"],
            "name": ["Nà Đông", ""],
            "class": ["covered", "no_signal"],
            "people": [310.0, np.nan],
            "uncertain": [True, False],
        },
        geometry=[square, both],
        crs=_UTM,
    )
    masts = gpd.GeoDataFrame({"mast_id": ["M1"]}, geometry=[square.centroid], crs=_UTM)
    return {
        "villages": villages,
        "masts": masts,
        "gaps": villages.iloc[:0][["name", "people", "geometry"]],
        "run": pd.DataFrame({"setting": ["title"], "value": ["Bình Lư"]}),
    }


def test_layers_come_back_with_their_types_and_names(tmp_path: Path) -> None:
    path = tmp_path / "out" / "villages.gpkg"
    write_geopackage(path, _layers())
    assert pyogrio.list_layers(path).tolist() == [
        ["villages", "MultiPolygon"], ["masts", "Point"], ["gaps", "MultiPolygon"], ["run", None],
    ]  # fmt: skip
    villages = pyogrio.read_dataframe(path, layer="villages")
    assert villages.crs == _UTM
    assert villages["village_id"].tolist() == ["007", "8"]
    assert villages["name"].tolist() == ["Nà Đông", ""]
    assert villages["uncertain"].tolist() == [True, False]
    assert np.isnan(villages["people"].iloc[1])
    assert len(pyogrio.read_dataframe(path, layer="gaps")) == 0
    assert pyogrio.read_dataframe(path, layer="run")["value"].tolist() == ["Bình Lư"]
    assert os.listdir(path.parent) == ["villages.gpkg"]


def test_same_layers_give_the_same_bytes_and_no_time_of_writing(tmp_path: Path) -> None:
    for name in ("a.gpkg", "b.gpkg"):
        write_geopackage(tmp_path / name, _layers())
    data = (tmp_path / "a.gpkg").read_bytes()
    assert data == (tmp_path / "b.gpkg").read_bytes()
    assert b"2000-01-01T00:00:00.000Z" in data
    assert f"{pd.Timestamp.now(tz='UTC'):%Y-%m-%d}T".encode() not in data


def test_failure_in_a_later_layer_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "villages.gpkg"
    path.write_bytes(b"old")
    write = pyogrio.write_dataframe

    def fail_at_masts(*arguments: Any, layer: str, **options: Any) -> None:
        if layer == "masts":
            raise DataSourceError("sqlite3_step() failed")
        write(*arguments, layer=layer, **options)

    monkeypatch.setattr(pyogrio, "write_dataframe", fail_at_masts)
    with pytest.raises(DataError, match=r"could not be written \(sqlite3_step"):
        write_geopackage(path, _layers())
    monkeypatch.setattr(vector_write, "free_bytes", lambda _folder: 1000)
    with pytest.raises(DataError, match=r"disk is full.*make room"):
        write_geopackage(path, _layers())
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["villages.gpkg"]


def test_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_part: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(vector_write, "_fix_header", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_geopackage(tmp_path / "villages.gpkg", _layers())
    assert os.listdir(tmp_path) == []


def test_nothing_to_write_and_no_crs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="layers is empty"):
        write_geopackage(tmp_path / "a.gpkg", {})
    bare = gpd.GeoDataFrame(geometry=[shapely.Point(0, 0)])
    with pytest.raises(InvalidInputError, match="layer 'bare' has no CRS"):
        write_geopackage(tmp_path / "a.gpkg", {"bare": bare})


def test_csv_opens_in_excel_with_vietnamese_names(tmp_path: Path) -> None:
    villages = _layers()["villages"].assign(lat_deg=[22.353152341, 0.1 + 0.2])
    write_csv(tmp_path / "villages.csv", villages)
    text = (tmp_path / "villages.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbfvillage_id,")
    assert text.decode("utf-8-sig").splitlines() == [
        "village_id,name,class,people,uncertain,lat_deg",
        "007,Nà Đông,covered,310,True,22.35315234",
        "8,,no_signal,,False,0.3",
    ]
    write_csv(tmp_path / "plain.csv", villages, bom=False)
    assert (tmp_path / "plain.csv").read_bytes() == text[3:]


def test_unwritable_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(DataError, match="cannot write"):
        write_csv(tmp_path / "out" / "villages.csv", pd.DataFrame({"a": [1]}))
    with pytest.raises(DataError, match="cannot write"):
        write_geopackage(tmp_path / "out" / "villages.gpkg", _layers())


def test_no_text_of_a_table_is_a_formula_to_a_spreadsheet(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "name": ['=HYPERLINK("http://x")', "Chợ", "-Bản 2", None],
            "level_dbm": [-101.5, -90.0, np.nan, -80.25],
        }
    )
    write_csv(tmp_path / "villages.csv", frame)
    lines = (tmp_path / "villages.csv").read_text("utf-8-sig").splitlines()
    assert lines == [
        "name,level_dbm",
        '"\'=HYPERLINK(""http://x"")",-101.5',
        "Chợ,-90",
        "'-Bản 2,",
        ",-80.25",
    ]
