from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely

from lensong.gis_data.boundaries import assign_communes, read_area, read_communes, search_key
from lensong.gis_data.villages import read_villages
from lensong.propagation.errors import ConfigError, CrsMismatchError, DataError

_UTM = "EPSG:32648"


def _communes(tmp_path: Path, **columns: list[str]) -> Path:
    columns = columns or {"ma_xa": ["03390", "03394"], "ten_xa": ["Xã Bình Lư", "Xã Tả Lèng"]}
    boxes = [shapely.box(360e3, 2470e3, 365e3, 2475e3), shapely.box(365e3, 2470e3, 370e3, 2475e3)]
    path = tmp_path / "communes.gpkg"
    pyogrio.write_dataframe(gpd.GeoDataFrame(columns, geometry=boxes, crs=_UTM), path)
    return path


def _villages(tmp_path: Path, rows: str) -> gpd.GeoDataFrame:
    path = tmp_path / "villages.csv"
    path.write_text("id,name,xa,ma_xa,lat,lon\n" + rows, encoding="utf-8")
    return read_villages(path, crs=_UTM)


def test_codes_keep_leading_zeros(tmp_path: Path) -> None:
    communes = read_communes(_communes(tmp_path), crs=_UTM)
    assert list(communes.columns) == ["commune_code", "commune", "province", "geometry"]
    assert communes["commune_code"].tolist() == ["03390", "03394"]
    assert communes["commune"].tolist() == ["Xã Bình Lư", "Xã Tả Lèng"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"code": ["1", "1"], "name": ["A", "B"]}, "has code '1' more than once"),
        ({"code": ["1", "2"]}, "no column with commune names among code"),
    ],
)
def test_bad_communes_are_refused(
    tmp_path: Path, columns: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_communes(_communes(tmp_path, **columns), crs=_UTM)


def test_users_columns_win_and_missing_codes_are_stated(tmp_path: Path) -> None:
    path = _communes(tmp_path, label=["A", "B"])
    communes = read_communes(path, crs=_UTM, columns={"commune": "label"})
    assert communes["commune_code"].tolist() == ["1", "2"]
    assert "no commune codes" in communes.attrs["assumptions"][0]
    with pytest.raises(ConfigError, match="did you mean 'label'"):
        read_communes(path, crs=_UTM, columns={"commune": "lable"})


def test_points_are_neither_communes_nor_an_area(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"name": ["A"]}, geometry=[shapely.Point(360e3, 2470e3)], crs=_UTM)
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg")
    with pytest.raises(DataError, match="feature 1 is no polygon"):
        read_communes(tmp_path / "a.gpkg", crs=_UTM)
    with pytest.raises(DataError, match="no polygon, wanted the outline of the area"):
        read_area(tmp_path / "a.gpkg", crs=_UTM)


def test_area_is_the_union(tmp_path: Path) -> None:
    area = read_area(_communes(tmp_path), crs=_UTM)
    assert area.geom_type == "Polygon"
    assert area.area == pytest.approx(50e6)


def test_village_gets_the_commune_around_its_centre(tmp_path: Path) -> None:
    villages = _villages(tmp_path, "1,Nà Đông,,,22.353,103.6635\n2,Far,,,23.0,103.6635\n")
    filled = assign_communes(villages, read_communes(_communes(tmp_path), crs=_UTM))
    assert filled["commune"].tolist() == ["Xã Bình Lư", ""]
    assert filled["commune_code"].tolist() == ["03390", ""]
    assert "1 of 2 villages lie in no commune: Far" in filled.attrs["warnings"][0]
    assert villages["commune"].tolist() == ["", ""]


def test_the_code_of_the_province_comes_with_its_commune_and_keeps_its_zero(tmp_path: Path) -> None:
    # what the list says of one village is kept, the other takes what is around it
    path = _communes(
        tmp_path, ma_xa=["03390", "03394"], ten_xa=["Bình Lư", "Tả Lèng"], ma_tinh=["02", "02"]
    )
    communes = read_communes(path, crs=_UTM)
    assert communes["province_code"].tolist() == ["02", "02"]
    plain = _villages(tmp_path, "1,Bản A,,,22.35,103.66\n")
    assert "province_code" not in plain
    assert assign_communes(plain, communes)["province_code"].tolist() == ["02"]
    listed = tmp_path / "listed.csv"
    listed.write_text(
        "id,name,Mã tỉnh,lat,lon\n1,Bản A,12,22.35,103.66\n2,Bản B,,22.35,103.70\n",
        encoding="utf-8",
    )
    filled = assign_communes(read_villages(listed, crs=_UTM), communes)
    assert filled["province_code"].tolist() == ["12", "02"]


def test_what_the_list_says_is_kept_and_contradictions_are_named(tmp_path: Path) -> None:
    villages = _villages(
        tmp_path,
        "1,A,BINH LU,,22.353,103.6635\n2,B,Tả Lèng,,22.353,103.6635\n3,C,,09999,22.353,103.6635\n",
    )
    filled = assign_communes(villages, read_communes(_communes(tmp_path), crs=_UTM))
    assert filled["commune"].tolist() == ["BINH LU", "Tả Lèng", ""]
    assert filled["commune_code"].tolist() == ["03390", "", "09999"]
    (warning,) = filled.attrs["warnings"]
    assert warning.startswith("2 of 3 villages lie in another commune than listed")
    assert "B (listed Tả Lèng, in Xã Bình Lư), C (listed 09999, in 03390)" in warning


def test_two_systems_are_refused(tmp_path: Path) -> None:
    villages = _villages(tmp_path, "1,A,,,22.353,103.6635\n")
    with pytest.raises(CrsMismatchError, match="wanted one system"):
        assign_communes(villages, read_communes(_communes(tmp_path), crs="EPSG:9205"))


def test_search_key_is_offered_with_the_boundaries() -> None:
    assert search_key("Bình Lư") == "binh lu"


def test_lai_chau_has_38_valid_communes(shared_dir: Path) -> None:
    folder = shared_dir / "data" / "lai-chau-admin-2025"
    communes = read_communes(folder / "lai_chau_communes.geojson", crs=_UTM)
    assert len(communes) == 38
    assert communes.attrs["warnings"] == []
    binh_lu = communes[communes["commune_code"] == "03390"]
    assert binh_lu["commune"].tolist() == ["Xã Bình Lư"]
    assert binh_lu.area.iloc[0] / 1e6 == pytest.approx(173.9, abs=0.5)  # UTM scale away from 105 E
    province = read_area(folder / "lai_chau_province.geojson", crs=_UTM)
    assert communes.area.sum() == pytest.approx(province.area, rel=0.001)
    places = read_villages(
        shared_dir / "data" / "lai-chau-places" / "places_geonames_cities500.csv", crs=_UTM
    )
    filled = assign_communes(places, communes).set_index("name")
    assert filled.loc["Tam Đường", "commune_code"] == "03390"
    assert filled.loc["Lai Châu", "commune"] == "Phường Đoàn Kết"
    assert (filled["commune_code"] != "").sum() == 6
