from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from lensong.gis_data.villages import read_villages
from lensong.propagation.errors import (
    ConfigError,
    CrsMismatchError,
    DataError,
    InvalidInputError,
)

_UTM = "EPSG:32648"
_COLUMNS = [
    "village_id", "name", "commune", "commune_code", "province", "population",
    "centre_easting_m", "centre_northing_m", "lat_deg", "lon_deg", "footprint", "geometry",
]  # fmt: skip
_BINH_LU_DEG = (103.5, 22.2, 103.9, 22.5)


def _csv(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "villages.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_table_becomes_discs_with_every_column(tmp_path: Path) -> None:
    path = _csv(
        tmp_path,
        "Mã bản,Tên bản,Xã,Mã xã,Tỉnh,Dân số,Vĩ độ,Kinh độ\n"
        "007,Nà Đông,Bình Lư,03390,Lai Châu,310,22.353,103.678\n"
        "008,Thèn Sin,Bình Lư,03390,Lai Châu,,22.36,103.69\n",
        "utf-8-sig",
    )
    villages = read_villages(path, crs=_UTM, radius_m=300.0)
    assert list(villages.columns) == _COLUMNS
    assert villages.crs == _UTM
    first = villages.iloc[0]
    assert (first["village_id"], first["name"], first["commune"]) == ("007", "Nà Đông", "Bình Lư")
    assert (first["commune_code"], first["province"]) == ("03390", "Lai Châu")
    assert first["population"] == 310.0
    assert np.isnan(villages["population"].iloc[1])
    assert (first["lat_deg"], first["lon_deg"]) == pytest.approx((22.353, 103.678), abs=1e-9)
    assert set(villages["footprint"]) == {"disc"}
    # a circle of 64 corners has 0.998 of the disc's area
    assert villages.area.to_numpy() == pytest.approx(np.pi * 300.0**2, rel=0.002)
    assert villages.attrs["warnings"] == []
    assert "disc of 300 m radius" in villages.attrs["assumptions"][0]


@pytest.mark.parametrize(
    ("lat", "lon"),
    [("lat", "lng"), ("LATITUDE", "Longtitute"), ("vi_do", "kinh_do"), ("Y", "X"), ("Lat", "long")],
)
def test_position_columns_are_found_by_alias(tmp_path: Path, lat: str, lon: str) -> None:
    path = _csv(tmp_path, f"id,{lat},{lon}\n1,22.3,103.6\n")
    assert read_villages(path, crs=_UTM)["lon_deg"].tolist() == pytest.approx([103.6])


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("Tọa độ", '"22.353, 103.678"'),
        ("Toạ độ", "22°21'10.8\"N 103°40'40.8\"E"),
        ("GPS", '"22.353,103.678"'),
        ("wkt", "POINT (103.678 22.353)"),
    ],
)
def test_one_column_may_hold_both(tmp_path: Path, column: str, text: str) -> None:
    villages = read_villages(_csv(tmp_path, f"name,{column}\nNà Đông,{text}\n"), crs=_UTM)
    found = villages[["lat_deg", "lon_deg"]].to_numpy()
    assert found == pytest.approx(np.array([[22.353, 103.678]]), abs=1e-6)


def test_a_pair_that_is_none_is_named_and_two_columns_go_first(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"line 2, Tọa độ: 'chợ' is no position"):
        read_villages(_csv(tmp_path, "name,Tọa độ\nA,chợ\n"), crs=_UTM)
    path = _csv(tmp_path, 'name,Tọa độ,lat,lon\nA,"21.0, 102.0",22.353,103.678\n')
    villages = read_villages(path, crs=_UTM)
    assert villages["lat_deg"].to_list() == pytest.approx([22.353])
    assert "columns not used: Tọa độ" in " ".join(villages.attrs["assumptions"])


def test_decimal_commas_between_semicolons_are_read(tmp_path: Path) -> None:
    path = _csv(tmp_path, "id;lat;lon;dan_so\n1;22,353;103,678;1 310\n2;22,3;103,6;12\n")
    villages = read_villages(path, crs=_UTM)
    assert villages["lat_deg"].tolist() == pytest.approx([22.353, 22.3])
    assert villages["population"].tolist() == [1310.0, 12.0]


def test_decimal_commas_between_commas_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="decimal commas"):
        read_villages(_csv(tmp_path, "id,lat,lon\n1,22,353,103,678\n"), crs=_UTM)
    with pytest.raises(DataError, match="line 2, lat: '22,353' has a comma"):
        read_villages(_csv(tmp_path, 'id,lat,lon\n1,"22,353","103,678"\n'), crs=_UTM)


@pytest.mark.parametrize("encoding", ["cp1258", "cp1252"])
def test_old_encodings_are_refused_for_names(tmp_path: Path, encoding: str) -> None:
    text = "id;name;lat;lon\n1;Bi\u0300nh Lư;22,3;103,6\n"
    text = text if encoding == "cp1258" else text.replace("Bi\u0300nh Lư", "Alès")
    with pytest.raises(DataError, match="save it as UTF-8"):
        read_villages(_csv(tmp_path, text, encoding), crs=_UTM)


def test_swapped_columns_are_recognised(tmp_path: Path) -> None:
    path = _csv(tmp_path, "id,lat,lon\n1,22.3,103.6\n2,103.6,22.3\n")
    with pytest.raises(
        CrsMismatchError, match=r"line 3: latitude 103.6, longitude 22.3: .*swapped"
    ):
        read_villages(path, crs=_UTM)


def test_swap_within_90_degrees_is_found_by_the_expected_area(tmp_path: Path) -> None:
    path = _csv(tmp_path, "id,lat,lon\n1,3.7,44.1\n")
    with pytest.raises(CrsMismatchError, match="longitude swapped: swap them"):
        read_villages(path, crs="EPSG:32631", expected_bounds_deg=(3.5, 43.9, 4.2, 44.4))
    with pytest.raises(CrsMismatchError, match=r"no village lies in the area .* check the area"):
        read_villages(path, crs="EPSG:32631", expected_bounds_deg=_BINH_LU_DEG)


def test_projected_coordinates_in_a_table_are_refused(tmp_path: Path) -> None:
    path = _csv(tmp_path, "id,x,y\n1,363846,2472514\n")
    with pytest.raises(CrsMismatchError, match="convert projected coordinates"):
        read_villages(path, crs=_UTM)


def test_villages_without_position_are_left_out_and_named(tmp_path: Path) -> None:
    path = _csv(tmp_path, "id,lat,lon\n1,22.3,103.6\n2,,\n3,0,0\n")
    villages = read_villages(path, crs=_UTM)
    assert villages["village_id"].tolist() == ["1"]
    assert (
        "2 of 3 villages have no position and were left out (line 3, 4)"
        in (villages.attrs["warnings"][0])
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,lat,lon\n7,22.3,103.6\n7,22.4,103.6\n", "has id 7 more than once.*village_id"),
        ("id,lat,lon\n,22.3,103.6\n", "line 2: no id"),
        ("id,lat,lon\n", "has a header but no village"),
        ("", "is empty"),
        ("id,lat,lon\n1,,\n", "no village with a position"),
        ("id,lat,lon\n1,north,103.6\n", "line 2, lat: 'north' is no number"),
        ("id,lat,lon,pop\n1,22.3,103.6,-4\n", "population is below 0"),
        ("id,lat,name\n1,22.3,x\n", "no column for lon_deg among id, lat, name"),
    ],
)
def test_bad_table_says_what_to_do(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_villages(_csv(tmp_path, text), crs=_UTM)


def test_ids_from_row_numbers_and_unknown_people_are_stated(tmp_path: Path) -> None:
    path = _csv(tmp_path, "name,lat,lon,population\nA,22.3,103.6,0\n,22.4,103.6,5\n")
    villages = read_villages(path, crs=_UTM)
    assert villages["village_id"].tolist() == ["1", "2"]
    assert np.isnan(villages["population"].iloc[0])
    assert any("no id column" in text for text in villages.attrs["assumptions"])
    assert any("population 0, taken as unknown" in text for text in villages.attrs["assumptions"])
    assert villages.attrs["warnings"] == ["villages.csv: 1 of 2 villages have no name"]


def test_users_columns_win(tmp_path: Path) -> None:
    path = _csv(tmp_path, "id,key,label,lat,lon\n1,a,Nà Đông,22.3,103.6\n1,b,Bản Mới,22.4,103.6\n")
    villages = read_villages(path, crs=_UTM, columns={"village_id": "key", "name": "label"})
    assert villages["village_id"].tolist() == ["a", "b"]
    assert villages["name"].tolist() == ["Nà Đông", "Bản Mới"]
    numbered = read_villages(path, crs=_UTM, columns={"village_id": ""})
    assert numbered["village_id"].tolist() == ["1", "2"]
    with pytest.raises(ConfigError, match="did you mean 'name'"):
        read_villages(path, crs=_UTM, columns={"nam": "label"})


def test_polygons_keep_their_outline_and_a_centre_inside(tmp_path: Path) -> None:
    horseshoe = shapely.box(0, 0, 900, 900) - shapely.box(200, 200, 700, 900)
    horseshoe = shapely.transform(horseshoe, lambda xy: xy + np.array([360_000, 2_470_000]))
    point = shapely.Point(361_000, 2_471_000)
    frame = gpd.GeoDataFrame({"ma_ban": [1.0, 2.0]}, geometry=[horseshoe, point], crs=_UTM)
    pyogrio.write_dataframe(frame, tmp_path / "ban.gpkg", layer="ban")
    villages = read_villages(tmp_path / "ban.gpkg", crs=_UTM)
    assert villages["village_id"].tolist() == ["1", "2"]
    assert villages["footprint"].tolist() == ["polygon", "disc"]
    assert villages.area.iloc[0] == pytest.approx(horseshoe.area)
    centres = shapely.points(villages["centre_easting_m"], villages["centre_northing_m"])
    assert shapely.intersects(villages.geometry.to_numpy(), centres).all()


def test_lines_are_no_villages(tmp_path: Path) -> None:
    line = shapely.LineString([(103.6, 22.3), (103.7, 22.4)])
    pyogrio.write_dataframe(
        gpd.GeoDataFrame(geometry=[line], crs="EPSG:4326"), tmp_path / "a.geojson"
    )
    with pytest.raises(DataError, match="feature 1 is a line, wanted points or polygons"):
        read_villages(tmp_path / "a.geojson", crs=_UTM)


def test_village_listed_twice_is_named(tmp_path: Path) -> None:
    path = _csv(tmp_path, "id,name,lat,lon\n1,A,22.3,103.6\n2,A,22.3,103.6\n3,B,22.3,103.6\n")
    (warning,) = read_villages(path, crs=_UTM).attrs["warnings"]
    assert warning == (
        "villages.csv: 1 of 3 villages repeat the name and place of another, "
        "their people count twice: A"
    )


def test_radius_must_be_above_zero(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="radius_m is 0"):
        read_villages(tmp_path / "a.csv", crs=_UTM, radius_m=0.0)


def test_real_lists_read_whole(shared_dir: Path) -> None:
    ballia = read_villages(
        shared_dir / "data" / "ballia-villages-and-bts" / "villages.csv",
        crs="EPSG:32644",
        expected_bounds_deg=(83.6, 25.5, 84.7, 26.2),
    )
    assert len(ballia) == 2355
    assert ballia["village_id"].is_unique
    assert not ballia["name"].str.endswith(" ").any()
    cevennes = read_villages(
        shared_dir / "data" / "cevennes-end-to-end" / "places_geonames.csv", crs="EPSG:32631"
    )
    assert cevennes["population"].sum() == 100_347
    assert cevennes["name"].iloc[0] == "Alès"
    lai_chau = read_villages(
        shared_dir / "data" / "lai-chau-places" / "places_geonames_cities500.csv", crs=_UTM
    )
    assert len(lai_chau) == 40
    assert "Tam Đường" in set(lai_chau["name"])


def test_names_guarded_against_formulas_come_back_as_they_were(tmp_path: Path) -> None:
    path = _csv(tmp_path, "name,lat,lon\n'-Bản 2,22.35,103.67\n")
    assert read_villages(path, crs=_UTM)["name"].tolist() == ["-Bản 2"]


def test_a_point_between_thousands_is_not_a_decimal_point(tmp_path: Path) -> None:
    path = _csv(tmp_path, "name,lat,lon,population\nA,22.35,103.67,1.234\nB,22.36,103.68,310\n")
    with pytest.raises(DataError, match=r"line 2, population: '1\.234' can mean 1234 or about 1"):
        read_villages(path, crs=_UTM)


def test_fractions_of_a_zonal_sum_are_decimals(tmp_path: Path) -> None:
    path = _csv(tmp_path, "name,lat,lon,population\nA,22.35,103.67,1.234\nB,22.36,103.68,0.5\n")
    assert read_villages(path, crs=_UTM)["population"].tolist() == [1.234, 0.5]


@pytest.mark.parametrize("people", ["1e30", "inf", "-5"])
def test_impossible_numbers_of_people_are_refused_by_line(tmp_path: Path, people: str) -> None:
    path = _csv(tmp_path, f"name,lat,lon,population\nA,22.35,103.67,{people}\n")
    with pytest.raises(DataError, match="line 2"):
        read_villages(path, crs=_UTM)


def test_a_column_that_may_hold_the_people_is_pointed_out(tmp_path: Path) -> None:
    path = tmp_path / "villages.csv"
    path.write_text("nom,lat,lon,hab. 2020,maire\nAlès,44.1,4.08,42410,X\n", encoding="utf-8")
    villages = read_villages(path, crs="EPSG:32631")
    assert any("column 'hab. 2020' may hold people" in w for w in villages.attrs["warnings"])
    assert "villages.csv: columns not used: hab. 2020, maire" in villages.attrs["assumptions"]
    told = read_villages(path, crs="EPSG:32631", columns={"population": "hab. 2020"})
    assert told["population"][0] == 42_410.0
    assert told.attrs["warnings"] == []


def test_an_outline_of_very_many_corners_keeps_its_area_with_few(tmp_path: Path) -> None:
    angle = np.linspace(0.0, 2.0 * np.pi, 60_000, endpoint=False)
    radius_m = 3_000.0 * (1.0 + 0.2 * np.sin(9.0 * angle))
    corners = np.c_[360e3 + radius_m * np.cos(angle), 2470e3 + radius_m * np.sin(angle)]
    outline = shapely.Polygon(corners)
    frame = gpd.GeoDataFrame({"name": ["A"]}, geometry=[outline], crs=_UTM)
    frame.to_file(tmp_path / "villages.gpkg")
    found = read_villages(tmp_path / "villages.gpkg", crs=_UTM).geometry.iloc[0]
    assert shapely.get_num_coordinates(found) < 2_000
    assert shapely.area(shapely.symmetric_difference(found, outline)) < 0.001 * outline.area
