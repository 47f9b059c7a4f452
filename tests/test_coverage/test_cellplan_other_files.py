"""Masts out of workbooks, KML and GeoPackage, with what people write into them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pytest
import shapely

from lensong.coverage.cellplan import ImportReport
from lensong.coverage.network import Network
from lensong.gis_data.lists import read_list
from lensong.propagation.errors import DataError
from tests.test_coverage.test_cellplan_untidy import of_file

Read = Callable[..., tuple[Network, ImportReport]]


def test_a_workbook_with_a_title(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["Danh sách trạm 2026"], [], ["STT", "Mã trạm", "Nhà mạng", "Toạ độ", "Băng tần"],
        [1, "A", "Viettel", "22.4, 103.6", "B3, B28"], [2, "B", "VNPT", "22°24'N 103°39'E", 1800],
    ):  # fmt: skip
        sheet.append(row)
    path = tmp_path / "cells.xlsx"
    book.save(path)
    network, report = of_file(path)
    bands = Counter((c.mast_id, c.carrier.name.split()[0]) for c in network.cells)
    assert bands == {("A", "B3"): 3, ("A", "B28"): 3, ("B", "B3"): 3}
    assert network.masts[1].lon_deg == pytest.approx(103.65)
    assert any("taken as a title" in note for note in report.notes)


def test_masts_in_a_kml_with_folders_and_extended_data(tmp_path: Path) -> None:
    def mark(name: str, lon: float, height: int) -> str:
        return (
            f"<Placemark><name>{name}</name><ExtendedData><Data name='Độ cao anten'><value>{height}"
            f"</value></Data></ExtendedData><Point><coordinates>{lon},22.4,0</coordinates></Point>"
            "</Placemark>"
        )

    path = tmp_path / "masts.kml"
    path.write_text(
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<Folder><name>Viettel</name>{mark('A', 103.6, 42)}</Folder>"
        f"<Folder><name>VNPT</name>{mark('B', 103.7, 36)}</Folder></Document></kml>",
        encoding="utf-8",
    )
    with pytest.raises(DataError, match='operator = "folder"'):
        of_file(path)
    network, _ = of_file(path, columns={"operator": "folder"})
    assert [(m.name, m.operator, m.height_agl_m) for m in network.masts] == [
        ("A", "Viettel", 42.0), ("B", "VNPT", 36.0),
    ]  # fmt: skip


NAMES = ["Site ID", "Latitude", "Longitude", "Cell ID", "Azimuth", "Height", "Tech", "Band"]
HEADERS_OF_TWO_ROWS = {
    "groups over names": [
        ["Site", "", "", "Sector", "", "", "", "Transmitter", ""],
        [*NAMES, "Max Power"],
    ],
    "names over units": [
        [*NAMES, "Max Power"],
        ["", "deg", "deg", "", "(°)", "m", "", "", "[W]"],
    ],
    "names that need their group": [
        ["Site", "", "", "Sector", "", "Antenna", "", "", "Max Power"],
        [*NAMES, "W"],
    ],
    "a sparse group row": [
        ["", "", "", "", "", "Antenna", "", "", "Max Power"],
        [*NAMES, "W"],
    ],
    "cells merged over two rows": [
        ["Site ID", "Position", "", "Cell ID", "Azimuth", "Height", "Tech", "Band", "Max Power"],
        ["", "Latitude", "Longitude", "", "", "m", "", "", "W"],
    ],
}


@pytest.mark.parametrize("kind", HEADERS_OF_TWO_ROWS)
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_header_of_two_rows_is_joined_and_told(tmp_path: Path, kind: str, form: str) -> None:
    watts = kind != "groups over names"
    rows: list[list[Any]] = [
        *HEADERS_OF_TWO_ROWS[kind],
        ["A", 22.4, 103.6, "A1", 40, 35, "4G", "B3", 20 if watts else 43.01],
        ["A", 22.4, 103.6, "A2", 160, 35, "4G", "B3", 20 if watts else 43.01],
    ]
    path = tmp_path / f"cells.{form}"
    if form == "csv":
        lines = [";".join(str(value) for value in row) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    else:
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append([value if value != "" else None for value in row])
        book.save(path)
    network, report = of_file(path)
    assert [c.cell_id for c in network.cells] == ["A1", "A2"]
    assert {c.mast_id for c in network.cells} == {"A"}
    assert [c.azimuth_deg for c in network.cells] == [40.0, 160.0]
    assert {c.height_agl_m for c in network.cells} == {35.0}
    assert [c.total_power_dbm for c in network.cells] == pytest.approx([43.01, 43.01], abs=0.001)
    assert not {"total_power_dbm", "height_agl_m"} & set(network.cells[0].assumed)
    told = "the header has two lines, 1 and 2" if watts else "taken as a title: Site Sector"
    assert any(told in note for note in report.notes)


def test_a_first_row_without_numbers_is_no_header(tmp_path: Path) -> None:
    path = tmp_path / "villages.csv"
    path.write_text("name,commune,kind\nBản A,Xã 1,thôn\nBản B,Xã 2,bản\n", encoding="utf-8")
    assert len(read_list(path).rows) == 2


BALLOON = """<![CDATA[<html><body><table border="1">
<tr style="x"><td colspan="2">Site S1</td></tr>
<tr><td><b>Operator</b></td><td>Viettel</td></tr>
<tr><td>Azimuth</td><td>{azimuth}</td></tr>
<tr><td>Antenna&nbsp;height (m)</td><td>42</td></tr>
<tr><td>Band</td><td>B28 &amp; co</td></tr>
</table></body></html>]]>"""
LINES = "Operator: Viettel&lt;br/&gt;Azimuth: {azimuth}&lt;br&gt;Antenna height (m) = 42"


@pytest.mark.parametrize("text", [BALLOON.replace(" &amp; co", ""), LINES])
def test_the_table_in_a_kml_description_is_read(tmp_path: Path, text: str) -> None:
    marks = "".join(
        f"<Placemark><name>S{i}</name><description>{text.format(azimuth=90 * i)}</description>"
        f"<Point><coordinates>103.6{i},22.4,0</coordinates></Point></Placemark>"
        for i in range(3)
    )
    path = tmp_path / "masts.kml"
    path.write_text(
        f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{marks}</Document></kml>', "utf-8"
    )
    network, report = of_file(path)
    assert [c.azimuth_deg for c in network.cells] == [0.0, 90.0, 180.0]
    assert {c.height_agl_m for c in network.cells} == {42.0}
    assert {c.operator for c in network.cells} == {"Viettel"}
    assert report.mapped["azimuth_deg"] == "Azimuth"


def test_what_decides_in_a_kml_description_is_used_or_ends_the_run(tmp_path: Path) -> None:
    marks = "".join(
        f"<Placemark><name>S{i}</name><description>Setting: {62 + i} dBm</description>"
        f"<Point><coordinates>103.6{i},22.4,0</coordinates></Point></Placemark>"
        for i in range(3)
    )
    path = tmp_path / "masts.kml"
    path.write_text(
        f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{marks}</Document></kml>', "utf-8"
    )
    with pytest.raises(DataError, match='total_power_dbm = "Setting"'):
        of_file(path)


def test_masts_in_a_geopackage_go_by_their_geometry(tmp_path: Path) -> None:
    path = tmp_path / "masts.gpkg"
    places = [shapely.Point(103.6, 22.4), shapely.Point(103.7, 22.5)]
    gpd.GeoDataFrame(
        {"id": [None, None], "site": ["A", "B"], "lat": [1.0, 2.0], "hauteur": [30.0, 42.5]},
        geometry=places, crs="EPSG:4326",
    ).to_crs("EPSG:32648").to_file(path)  # fmt: skip
    network, report = of_file(path)
    assert [m.height_agl_m for m in network.masts] == [30.0, 42.5]
    assert network.masts[0].lat_deg == pytest.approx(22.4, abs=1e-7)
    assert report.ignored == ("lat",)
