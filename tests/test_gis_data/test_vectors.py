from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from lensong.gis_data import vectors
from lensong.gis_data.vectors import (
    as_numbers,
    as_text,
    find_columns,
    polygons_only,
    read_layer,
    search_key,
)
from lensong.gis_data.winding import pairs_to_compare
from lensong.propagation.errors import ConfigError, CrsMismatchError, DataError

_UTM = "EPSG:32648"
_BOW_TIE = shapely.from_wkt(
    "POLYGON ((103.6 22.3, 103.7 22.4, 103.7 22.3, 103.6 22.4, 103.6 22.3))"
)


def _points(
    crs: str | None = "EPSG:4326", lon: float = 103.6, lat: float = 22.3
) -> gpd.GeoDataFrame:
    frame = gpd.GeoDataFrame(
        {"tên": ["Nà Đông", "Sì Lở Lầu"]}, geometry=shapely.points([[lon, lat], [lon, lat + 0.1]])
    )
    return frame.set_crs(crs) if crs else frame


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.fgb", "a.shp"])
def test_every_format_keeps_names_and_lands_in_the_wanted_crs(tmp_path: Path, name: str) -> None:
    pyogrio.write_dataframe(_points(), tmp_path / name, encoding="UTF-8")
    frame = read_layer(tmp_path / name, crs=_UTM)
    assert sorted(frame["tên"]) == ["Nà Đông", "Sì Lở Lầu"]
    assert frame.crs == _UTM
    assert frame.geometry.x.between(355_000, 357_000).all()


def test_unlabelled_shapefile_in_utf8_is_not_garbled(tmp_path: Path) -> None:
    pyogrio.write_dataframe(_points(), tmp_path / "a.shp", encoding="UTF-8")
    (tmp_path / "a.cpg").unlink()
    assert set(read_layer(tmp_path / "a.shp", crs=_UTM).iloc[:, 0]) == {"Nà Đông", "Sì Lở Lầu"}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for part in tmp_path.glob("a.[sdp]*"):
            archive.write(part, part.name)
    assert set(read_layer(tmp_path / "a.zip", crs=_UTM).iloc[:, 0]) == {"Nà Đông", "Sì Lở Lầu"}


def test_unlabelled_shapefile_in_an_unknown_encoding_is_refused(tmp_path: Path) -> None:
    frame = _points().rename(columns={"tên": "name"}).assign(name=["Alès", "Forêt"])
    pyogrio.write_dataframe(frame, tmp_path / "a.shp", encoding="ISO-8859-1")
    (tmp_path / "a.cpg").unlink()
    with pytest.raises(DataError, match=r"write a \.cpg file"):
        read_layer(tmp_path / "a.shp", crs=_UTM)


def test_layer_without_crs_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="crs"):
        pyogrio.write_dataframe(_points(None), tmp_path / "a.shp", encoding="UTF-8")
    with pytest.raises(CrsMismatchError, match="no coordinate reference system: assign"):
        read_layer(tmp_path / "a.shp", crs=_UTM)


@pytest.mark.parametrize(
    ("lon", "lat", "message"),
    [(22.3, 103.6, "seem swapped"), (355_000.0, 2_470_000.0, "which are metres")],
)
def test_impossible_degrees_are_refused(
    tmp_path: Path, lon: float, lat: float, message: str
) -> None:
    pyogrio.write_dataframe(_points(lon=lon, lat=lat), tmp_path / "a.gpkg")
    with pytest.raises(CrsMismatchError, match=message):
        read_layer(tmp_path / "a.gpkg", crs=_UTM)


def test_invalid_outline_is_repaired_and_empty_geometry_left_out_with_a_note(
    tmp_path: Path,
) -> None:
    frame = gpd.GeoDataFrame(geometry=[_BOW_TIE, None], crs="EPSG:4326")
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg")
    read = read_layer(tmp_path / "a.gpkg", crs=_UTM)
    assert len(read) == 1
    assert read.geometry.is_valid.all()
    left_out, repaired = read.attrs["warnings"]
    assert "1 of 2 features have no geometry" in left_out
    assert "1 of 1 features had an invalid geometry" in repaired


def test_layers_are_named_when_the_choice_is_open_or_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    for layer in ("ban", "xa"):
        pyogrio.write_dataframe(_points(), path, layer=layer)
    with pytest.raises(ConfigError, match="has the layers ban, xa: say which one"):
        read_layer(path, crs=_UTM)
    with pytest.raises(ConfigError, match="no layer 'bam', it has ban, xa: did you mean 'ban'"):
        read_layer(path, crs=_UTM, layer="bam")
    assert len(read_layer(path, crs=_UTM, layer="xa")) == 2


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_layer(tmp_path / "a.gpkg", crs=_UTM)
    (tmp_path / "a.gpkg").write_text("no database", encoding="utf-8")
    with pytest.raises(DataError, match="no vector file"):
        read_layer(tmp_path / "a.gpkg", crs=_UTM)
    empty = gpd.GeoDataFrame({"name": ["x"]}, geometry=[None], crs="EPSG:4326")
    pyogrio.write_dataframe(empty, tmp_path / "b.gpkg", geometry_type="Point")
    with pytest.raises(DataError, match="no feature with a geometry"):
        read_layer(tmp_path / "b.gpkg", crs=_UTM)


def test_repair_leftovers_that_are_no_polygon_are_dropped() -> None:
    square = shapely.box(0, 0, 1, 1)
    line = shapely.LineString([(0, 0), (5, 5)])
    two = shapely.MultiPolygon([square, shapely.box(2, 2, 3, 3)])
    mixed = np.array([square, shapely.GeometryCollection([line, two]), line, two], dtype=object)
    cleaned = polygons_only(mixed)
    assert [shape.area for shape in cleaned] == [1.0, 2.0, 0.0, 2.0]
    assert {shape.geom_type for shape in cleaned} == {"Polygon", "MultiPolygon"}


def test_what_gdal_remarks_becomes_a_warning(tmp_path: Path) -> None:
    features = ",".join(
        f'{{"type":"Feature","id":1,"properties":{{"name":"{name}"}},'
        '"geometry":{"type":"Point","coordinates":[103.6,22.3]}}'
        for name in ("A", "B")
    )
    path = tmp_path / "a.geojson"
    path.write_text(f'{{"type":"FeatureCollection","features":[{features}]}}', encoding="utf-8")
    frame = read_layer(path, crs=_UTM)
    assert frame["name"].tolist() == ["A", "B"]
    assert all(text.startswith("a.geojson: ") for text in frame.attrs["warnings"])
    assert any("id" in text for text in frame.attrs["warnings"])


_ALIASES = {"village_id": ("ma_ban", "id"), "name": ("ten_ban", "name")}


def test_columns_are_found_by_alias_whatever_case_and_tones() -> None:
    found = find_columns(["ID", "Tên Bản", "Mã bản"], _ALIASES, None, path="a.csv")
    assert found == {"village_id": "Mã bản", "name": "Tên Bản"}


def test_users_choice_wins_and_can_deny_a_column() -> None:
    names = ["id", "name", "label"]
    assert find_columns(names, _ALIASES, {"name": "Label"}, path="a.csv")["name"] == "label"
    assert find_columns(names, _ALIASES, {"village_id": ""}, path="a.csv") == {"name": "name"}
    assert find_columns(names, _ALIASES, {"name": "id"}, path="a.csv") == {"name": "id"}


@pytest.mark.parametrize(
    ("chosen", "message"),
    [({"nome": "x"}, "did you mean 'name'"), ({"name": "labl"}, "did you mean 'label'")],
)
def test_choice_of_what_is_not_there_names_the_nearest(
    chosen: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        find_columns(["id", "label"], _ALIASES, chosen, path="a.csv")


def test_cells_become_text_and_numbers() -> None:
    assert as_text([None, float("nan"), 3390.0, 7, " Bi\u0300nh "]) == ["", "", "3390", "7", "Bình"]
    with pytest.raises(DataError, match=r"line 2, dan_so: .*'30 nguoi' is no number"):
        as_numbers(["30 nguoi"], decimal_comma=False, what="dan_so", places=["line 2"])


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x1EFF)))
def test_search_key_is_its_own_key(text: str) -> None:
    key = search_key(text)
    assert search_key(key) == key


def test_search_key_drops_every_vietnamese_mark() -> None:
    assert search_key("Bình Lư") == "binh lu"
    assert search_key("ĐOÀN   KẾT\n") == "doan ket"
    assert search_key("ạảãàáâậầấẩẫăắằặẳẵóòọõỏôộổỗồốơờớợởỡéèẻẹẽêếềệểễúùụủũưựữửừứíìịỉĩýỳỷỵỹđ") == (
        "a" * 17 + "o" * 17 + "e" * 11 + "u" * 11 + "i" * 5 + "y" * 5 + "d"
    )


def test_an_outline_that_does_not_close_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "area.geojson"
    ring = "[[103.6,22.3],[103.7,22.3],[103.7,22.4],[103.6,22.4],[103.6,22.35]]"
    path.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},'
        f'"geometry":{{"type":"Polygon","coordinates":[{ring}]}}}}]}}'
    )
    with pytest.raises(DataError, match=r"area\.geojson has a geometry that is none"):
        read_layer(path, crs="EPSG:32648")


def _star(rays: int, deepest: float) -> shapely.Polygon:
    """Return a circle into which rays are cut, so that a line across it meets most of them."""
    angle = np.linspace(0.0, 2.0 * np.pi, 2 * rays, endpoint=False)
    radius = np.where(np.arange(2 * rays) % 2, 0.1, 0.1 * (1.0 - deepest))
    return shapely.Polygon(
        np.column_stack([103.6 + radius * np.cos(angle), 22.3 + radius * np.sin(angle)])
    )


def test_an_outline_whose_check_would_never_end_is_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "MOST_PAIRS", 1e6)
    path = tmp_path / "a.fgb"
    shapes = [_star(1_500, 0.0), _star(1_500, 0.5)]  # the first is a mere circle of as many corners
    pyogrio.write_dataframe(gpd.GeoDataFrame(geometry=shapes[:1], crs="EPSG:4326"), path)
    assert len(read_layer(path, crs=_UTM)) == 1

    pyogrio.write_dataframe(
        gpd.GeoDataFrame(geometry=shapes, crs="EPSG:4326"), path, SPATIAL_INDEX="NO"
    )
    with monkeypatch.context() as patch:
        patch.setattr(gpd.GeoSeries, "is_valid", property(lambda _: pytest.fail("it was checked")))
        with pytest.raises(DataError, match=r"feature 2 has 3,001 corners.*simplify it"):
            read_layer(path, crs=_UTM)


def test_pairs_of_edges_are_counted_about() -> None:
    square, line = shapely.box(0.0, 0.0, 1.0, 1.0), shapely.LineString([(0, 0), (1, 0)])
    none = [shapely.Point(1.0, 2.0), shapely.Polygon()]
    assert pairs_to_compare(np.array([square, line, *none])).tolist() == [8.0, 0.0, 0.0, 0.0]
    comb = shapely.LineString([(x, x % 2) for x in range(101)])  # upright lines meet one edge
    assert pairs_to_compare(np.array([comb])).tolist() == [100.0]
