from __future__ import annotations

import os
import warnings
import xml.etree.ElementTree as ET
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from lensong.gis_data.cog import LegendClass
from lensong.gis_data.kmz import (
    GroundOverlay,
    Marker,
    MarkerShape,
    Placemark,
    PlacemarkFolder,
    _icon,
    write_kmz,
)
from lensong.propagation.errors import DataError, InvalidInputError
from lensong.propagation.types import Grid, UInt8Array

_GRID = Grid(
    crs="EPSG:32648", west_m=352_000.0, north_m=2_492_000.0, cell_m=100.0, rows=60, cols=80
)
_KML = {"k": "http://www.opengis.net/kml/2.2"}
_COVERED = Marker(shape="circle", rgb=(20, 120, 60))
_GAP = Marker(shape="triangle", rgb=(200, 30, 30))


def _overlay(name: str = "4G level", visible: bool = True) -> GroundOverlay:
    indices = np.zeros(_GRID.shape, dtype=np.uint8)
    indices[:, :40] = 1
    legend = (LegendClass(value=-105, label="above −105 dBm & clear", rgba=(0, 160, 0, 200)),)
    return GroundOverlay(
        name=name,
        indices=lambda cells: indices.ravel()[cells],
        colours=["#00a000"],
        opacity=200,
        grid=_GRID,
        legend=legend,
        visible=visible,
    )


def _villages() -> PlacemarkFolder:
    return PlacemarkFolder(
        name="Villages",
        placemarks=(
            Placemark(
                name="Nà <Đông> & \x0bBản",
                lat_deg=22.353,
                lon_deg=103.678,
                marker=_COVERED,
                rows=(("People", "310"), ("Class", "<b>covered</b>")),
            ),
            Placemark(name="Thèn Sin", lat_deg=22.36, lon_deg=103.69, marker=_GAP),
        ),
    )


def _write(path: Path, *, synthetic: bool = False) -> tuple[ET.Element, dict[str, bytes]]:
    write_kmz(
        path,
        title="Bình Lư",
        description="Computed with ITU-R P.1812 < model",
        overlays=(_overlay(), _overlay("5G level", visible=False)),
        folders=(_villages(),),
        synthetic=synthetic,
    )
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    return ET.fromstring(files["doc.kml"]), files


def _png(data: bytes) -> UInt8Array:
    with warnings.catch_warnings(), MemoryFile(data) as memory:
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with memory.open() as dataset:
            bands: UInt8Array = np.moveaxis(dataset.read(), 0, 2)
            if bands.shape[2] > 1:
                return bands
            table = dataset.colormap(1)  # a palette: its colours in place of their numbers
            colours = [table.get(k, (0, 0, 0, 0)) for k in range(256)]
            return np.array(colours, np.uint8)[bands[:, :, 0]]


def _texts(kml: ET.Element, path: str) -> list[str]:
    return [element.text or "" for element in kml.findall(path, _KML)]


def test_layers_lie_where_the_grid_lies(tmp_path: Path) -> None:
    kml, files = _write(tmp_path / "coverage.kmz")
    assert next(iter(files)) == "doc.kml"
    assert _texts(kml, ".//k:GroundOverlay/k:name") == ["4G level", "5G level"]
    assert _texts(kml, ".//k:GroundOverlay/k:visibility") == ["1", "0"]
    assert _texts(kml, ".//k:listItemType") == ["radioFolder"]
    north, south, east, west = (
        float(_texts(kml, f".//k:LatLonBox/k:{side}")[0])
        for side in ("north", "south", "east", "west")
    )
    assert 22.46 < south < north < 22.54
    assert 103.56 < west < east < 103.65
    picture = _png(files[_texts(kml, ".//k:GroundOverlay/k:Icon/k:href")[0]])
    height, width = picture.shape[:2]
    assert width / height == pytest.approx((east - west) / (north - south), rel=0.02)
    assert tuple(picture[height // 2, width // 4]) == (0, 160, 0, 200)
    assert picture[height // 2, 3 * width // 4, 3] == 0


def test_names_and_balloons_are_escaped_once(tmp_path: Path) -> None:
    kml, _ = _write(tmp_path / "coverage.kmz")
    assert _texts(kml, ".//k:Placemark/k:name") == ["Nà <Đông> & Bản", "Thèn Sin"]
    balloon, empty = _texts(kml, ".//k:Placemark/k:description")
    assert "<td>People</td><td><b>310</b></td>" in balloon
    assert "&lt;b&gt;covered&lt;/b&gt;" in balloon
    assert empty == ""
    assert _texts(kml, ".//k:Placemark/k:Point/k:coordinates")[0] == "103.6780000,22.3530000,0"
    assert "above −105 dBm &amp; clear" in _texts(kml, ".//k:GroundOverlay/k:description")[0]
    assert _texts(kml, "./k:Document/k:description") == [
        "<p>Computed with ITU-R P.1812 &lt; model</p>"
    ]


def test_classes_differ_in_shape_and_colour_and_need_no_internet(tmp_path: Path) -> None:
    kml, files = _write(tmp_path / "coverage.kmz")
    hrefs = _texts(kml, ".//k:IconStyle/k:Icon/k:href")
    circle, triangle = (_png(files[href]) for href in hrefs)
    assert tuple(circle[32, 32]) == (20, 120, 60, 255)
    assert tuple(triangle[40, 32]) == (200, 30, 30, 255)
    assert not np.array_equal(circle[..., 3], triangle[..., 3])
    assert _texts(kml, ".//k:Placemark/k:styleUrl") == ["#marker1", "#marker2"]
    assert [s.get("id") for s in kml.findall(".//k:Style[@id]", _KML)] == ["marker1", "marker2"]
    linked = [href for href in _texts(kml, ".//k:href") if href not in files]
    assert linked == []


def test_every_shape_is_a_picture_of_its_own() -> None:
    shapes: tuple[MarkerShape, ...] = ("circle", "square", "triangle", "diamond", "mast")
    pictures = [_icon(Marker(shape=shape, rgb=(1, 2, 3))) for shape in shapes]
    assert len({picture.tobytes() for picture in pictures}) == len(shapes)
    for picture in pictures:
        assert (picture[..., 3] > 0).mean() > 0.15
        assert picture[0, 0, 3] == 0


def test_synthetic_data_say_so(tmp_path: Path) -> None:
    kml, _ = _write(tmp_path / "coverage.kmz", synthetic=True)
    assert _texts(kml, "./k:Document/k:name") == ["Bình Lư (synthetic)"]
    for path in ("./k:Document/k:description", ".//k:Placemark/k:description"):
        assert all("SYNTHETIC DATA" in text for text in _texts(kml, path))


def test_view_holds_everything(tmp_path: Path) -> None:
    kml, _ = _write(tmp_path / "coverage.kmz")
    assert float(_texts(kml, ".//k:LookAt/k:latitude")[0]) == pytest.approx(22.44, abs=0.03)
    assert float(_texts(kml, ".//k:LookAt/k:range")[0]) > 15_000
    write_kmz(tmp_path / "empty.kmz", title="x", description="")
    with zipfile.ZipFile(tmp_path / "empty.kmz") as archive:
        assert archive.namelist() == ["doc.kml"]


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    _write(tmp_path / "a.kmz")
    _write(tmp_path / "b.kmz")
    assert (tmp_path / "a.kmz").read_bytes() == (tmp_path / "b.kmz").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["a.kmz", "b.kmz"]


def test_an_index_without_a_colour_and_an_unwritable_folder_are_refused(tmp_path: Path) -> None:
    wrong = replace(
        _overlay(), colours=["#000000"], indices=lambda cells: (cells > 0) + np.uint8(1)
    )
    with pytest.raises(InvalidInputError, match="wants colours that are not among the 1 given"):
        write_kmz(tmp_path / "a.kmz", title="x", description="", overlays=[wrong])
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(DataError, match="cannot write"):
        write_kmz(tmp_path / "out" / "a.kmz", title="x", description="")
