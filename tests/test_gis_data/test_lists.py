from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import openpyxl
import openpyxl.styles
import pytest
import shapely

from lensong.gis_data.lists import read_list
from lensong.gis_data.tables import GEOMETRY_LAT, GEOMETRY_LON
from lensong.gis_data.vectors import open_layer
from lensong.gis_data.villages import read_villages
from lensong.gis_data.workbook import read_sheet
from lensong.propagation.errors import ConfigError, CrsMismatchError, DataError

KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>Masts</name>
<Folder><name>Viettel</name>
<Placemark><name>Bản Bo</name><ExtendedData>
<Data name="Độ cao anten"><value>42</value></Data><Data name="Band"><value>B3</value></Data>
</ExtendedData><Point><coordinates>103.6502,22.3401,900</coordinates></Point></Placemark></Folder>
<Folder><name>VNPT</name>
<Placemark><name>Nà Tăm</name><Point><coordinates>103.7001,22.36,0</coordinates></Point></Placemark>
<Placemark><name>road</name>
<LineString><coordinates>103.7,22.3,0 103.8,22.4,0</coordinates></LineString></Placemark></Folder>
</Document></kml>
"""


def points(**columns: list[object]) -> gpd.GeoDataFrame:
    places = [shapely.Point(103.6, 22.4), shapely.Point(103.7, 22.5)]
    return gpd.GeoDataFrame(columns, geometry=places, crs="EPSG:4326")


def workbook(path: Path, **sheets: list[list[object]]) -> Path:
    book = openpyxl.Workbook()
    del book["Sheet"]
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_all_folders_of_a_kml_are_one_list(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "masts.kml"
    path.write_text(KML, encoding="utf-8")
    if packed:
        path = tmp_path / "masts.kmz"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(tmp_path / "masts.kml", "doc.kml")
    table = read_list(path)
    assert table.columns == ("folder", "Name", "Độ cao anten", "Band", GEOMETRY_LAT, GEOMETRY_LON)
    assert [row["folder"] for row in table.rows] == ["Viettel", "VNPT"]
    assert table.rows[0]["Độ cao anten"] == "42"
    assert float(table.rows[0][GEOMETRY_LAT]) == pytest.approx(22.3401)
    assert any("1 of 3 features are lines or areas" in note for note in table.notes)


def test_an_empty_id_column_is_none(tmp_path: Path) -> None:
    path = tmp_path / "masts.gpkg"
    points(site=["A", "B"], id=[None, None], h=[30.0, 42.5]).to_crs("EPSG:32648").to_file(path)
    table = read_list(path)
    assert table.columns == ("site", "h", GEOMETRY_LAT, GEOMETRY_LON)
    assert [row["h"] for row in table.rows] == ["30", "42.5"]
    assert float(table.rows[1][GEOMETRY_LON]) == pytest.approx(103.7, abs=1e-8)


def test_villages_with_gdals_empty_id_column_are_numbered(tmp_path: Path) -> None:
    path = tmp_path / "villages.gpkg"
    points(name=["Bản Bo", "Nà Tăm"], id=["", ""]).to_file(path)
    villages = read_villages(path, crs="EPSG:32648")
    assert list(villages["village_id"]) == ["1", "2"]


def test_villages_in_the_folders_of_a_kml(tmp_path: Path) -> None:
    path = tmp_path / "villages.kml"
    only_points = KML[: KML.index("<Placemark><name>road")] + "</Folder></Document></kml>"
    path.write_text(only_points, encoding="utf-8")
    villages = read_villages(path, crs="EPSG:32648")
    assert list(villages["name"]) == ["Bản Bo", "Nà Tăm"]


def test_gml_is_read_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "masts.gml"
    points(site=["A", "B"]).to_file(path, driver="GML")
    (tmp_path / "masts.xsd").unlink()
    table = read_list(path)
    assert [row["site"] for row in table.rows] == ["A", "B"]
    assert float(table.rows[0][GEOMETRY_LAT]) == pytest.approx(22.4)
    assert list(tmp_path.iterdir()) == [path]


def test_a_layer_without_a_system_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "masts.shp"
    points(site=["A", "B"]).to_file(path)
    path.with_suffix(".prj").unlink()
    with pytest.raises(CrsMismatchError, match="no coordinate reference system"):
        read_list(path)


def test_polygons_are_no_masts(tmp_path: Path) -> None:
    path = tmp_path / "masts.geojson"
    frame = points(site=["A", "B"]).to_crs("EPSG:32648")
    frame.set_geometry(frame.geometry.buffer(500.0)).to_file(path)
    with pytest.raises(DataError, match="has no point"):
        read_list(path)


def test_a_workbook_with_title_rows_and_text_numbers(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "cells.xlsx",
        Cells=[
            ["DANH SÁCH TRẠM PHÁT SÓNG"],
            [],
            [None, "STT", "Tên trạm", "Vĩ độ", "Kinh độ", "Công suất (dBm)", "on air"],
            [None, 1, "A", "22,4", 103.65, 46, True],
            [None, 2, "B", "22°24'N", 103.66, 46.5, False],
        ],
        Empty=[],
    )
    table = read_list(path)
    assert table.columns[:3] == ("STT", "Tên trạm", "Vĩ độ")
    assert table.rows[0] == {
        "STT": "1", "Tên trạm": "A", "Vĩ độ": "22.4", "Kinh độ": "103.65",
        "Công suất (dBm)": "46", "on air": "true",
    }  # fmt: skip
    assert table.line_numbers == (4, 5)
    assert any("taken as a title: DANH SÁCH TRẠM" in note for note in table.notes)


def test_sheets_are_named_when_the_choice_is_open_or_wrong(tmp_path: Path) -> None:
    rows: list[list[object]] = [["site", "lat", "lon"], ["A", 22.4, 103.6]]
    path = workbook(tmp_path / "cells.xlsx", LTE=rows, NR=rows)
    with pytest.raises(
        ConfigError, match='has the sheets LTE, NR: say which one with layer = "LTE"'
    ):
        read_list(path)
    with pytest.raises(ConfigError, match="has no sheet 'GSM', it has LTE, NR"):
        read_list(path, layer="GSM")
    assert read_list(path, layer="NR").rows[0]["site"] == "A"


def test_a_damaged_workbook_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "cells.xlsx"
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match="cannot be read as a workbook"):
        read_list(path)


def test_villages_in_a_workbook_with_degrees_minutes_seconds(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "villages.xlsx",
        Ban=[["Tên bản", "Vĩ độ", "Kinh độ", "Dân số"], ["Bản Bo", "22°24'N", "103,65 Đ", 420]],
    )
    villages = read_villages(path, crs="EPSG:32648")
    assert villages["lat_deg"][0] == pytest.approx(22.4)
    assert villages["lon_deg"][0] == pytest.approx(103.65)
    assert villages["population"][0] == 420.0


def test_a_cell_far_from_the_others_is_named_before_the_sheet_is_unfolded(tmp_path: Path) -> None:
    path = workbook(tmp_path / "far.xlsx", Sheet=[["lat", "lon"], [22.4, 103.2]])
    book = openpyxl.load_workbook(path)
    book.active["XFD1048576"] = "x"
    book.save(path)
    with pytest.raises(DataError, match="XFD1048576"):
        read_sheet(path)
    book.active["XFD1048576"] = None
    book.active["XFD1048576"].font = openpyxl.styles.Font(bold=True)  # coloured, but empty
    book.save(path)
    assert len(read_sheet(path)[1]) == 2


def test_a_workbook_with_a_spoilt_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cells.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x01\x00"))
    with pytest.raises(DataError, match="cannot be read as a workbook"):
        read_list(path)


def with_said_size(path: Path, part: str, size: int) -> Path:
    """Let the directory of an archive say another unfolded size of a part than it has."""
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02")
    while data[at + 46 :][: len(part)] != part.encode():
        at = data.index(b"PK\x01\x02", at + 4)
    data[at + 24 : at + 28] = size.to_bytes(4, "little")
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml"])
def test_a_workbook_that_unfolds_to_more_than_it_says_is_refused(tmp_path: Path, part: str) -> None:
    path = workbook(tmp_path / "lies.xlsx", Sheet=[["lat", "lon"], [22.4, 103.2]])
    with pytest.raises(DataError, match="damaged workbook"):
        read_sheet(with_said_size(path, part, 20))


@pytest.mark.parametrize(("name", "part"), [("a.kmz", "doc.kml"), ("a.zip", "a.dbf")])
def test_an_archive_that_unfolds_to_gigabytes_is_not_unfolded(
    tmp_path: Path, name: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.shp", b"")
        archive.writestr(part, bytes(1_000))
    with_said_size(path, part, 0xFFFF_0000)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(DataError, match="unpacks to more than 2 GiB"):
        open_layer(path)
