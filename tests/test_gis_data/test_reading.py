from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import rasterio.shutil
import shapely

from lensong.gis_data.land import Land
from lensong.gis_data.reading import LandRequest, read_land
from lensong.propagation.errors import (
    ConfigError,
    CrsMismatchError,
    DataError,
    MissingTileError,
    OutOfRangeError,
)

WriteRaster = Callable[..., Path]
WEST, NORTH, ROWS, COLS = 350_000, 2_480_010, 400, 500
TO_DEGREES = pyproj.Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)


def lon_lat(east_m: float, south_m: float) -> tuple[float, float]:
    """Return degrees of a place that far from the north-west corner of the test's land."""
    lon_deg, lat_deg = TO_DEGREES.transform(WEST + east_m, NORTH - south_m)
    return float(lon_deg), float(lat_deg)


@pytest.fixture
def request_of(write_raster: WriteRaster, tmp_path: Path) -> LandRequest:
    """Write 15 km by 12 km of land with two villages in two communes."""
    rows, cols = np.indices((ROWS, COLS))
    heights = (500 + cols + rows // 2).astype(np.int16)
    dem = write_raster("dem.tif", heights, west=WEST, north=NORTH, pixel=30.0)
    lines = ["name,lat,lon,population"]
    for name, east_m, south_m in (("Bản Hon", 5000.0, 5000.0), ("Nà Khương", 9000.0, 7000.0)):
        lon_deg, lat_deg = lon_lat(east_m, south_m)
        lines.append(f"{name},{lat_deg:.6f},{lon_deg:.6f},300")
    (tmp_path / "villages.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    corners = [(0.0, 0.0), (7500.0, 0.0), (7500.0, 12_000.0), (0.0, 12_000.0)]
    outlines = [
        shapely.Polygon([lon_lat(east + shift, south) for east, south in corners])
        for shift in (0.0, 7500.0)
    ]
    gpd.GeoDataFrame(
        {"code": ["03390", "03391"], "name": ["Bình Lư", "Tả Lèng"]},
        geometry=outlines,
        crs="EPSG:4326",
    ).to_file(tmp_path / "communes.geojson")
    return LandRequest(
        villages_path=tmp_path / "villages.csv",
        elevation_path=(dem,),
        villages_radius_m=300.0,
        folder=tmp_path,
    )


def add_cover(request: LandRequest, write_raster: WriteRaster) -> LandRequest:
    cover = np.full((ROWS, COLS), 10, dtype=np.uint8)
    path = write_raster("cover.tif", cover, west=WEST, north=NORTH, pixel=30.0)
    return replace(request, land_cover_path=path)


def add_people(request: LandRequest, write_raster: WriteRaster, tmp_path: Path) -> LandRequest:
    people = np.random.default_rng(4).gamma(0.5, 4.0, (120, 150)).astype(np.float32)
    path = write_raster("pop.tif", people, west=WEST, north=NORTH, pixel=100.0, nodata=-99999.0)
    census = tmp_path / "census.csv"
    census.write_text("commune_code,population\n03390,17421\n03391,5000\n", encoding="utf-8")
    return replace(
        request,
        population_path=path,
        population_census=census,
        communes_path=tmp_path / "communes.geojson",
    )


def sentences(land: Land) -> str:
    return "\n".join((*land.assumptions, *land.warnings))


def test_by_default_the_area_is_around_the_villages_in_their_utm_zone(
    request_of: LandRequest,
) -> None:
    land = read_land(request_of, margin_m=1500.0)
    # villages at 5,5 and 9,7 km, footprints of 0.3 km, 2 km around, 1.5 km margin
    west, south, east, north = land.grid.bounds_m
    assert land.grid.crs == "EPSG:32648"
    assert (west - WEST, NORTH - north) == pytest.approx((1200.0, 1200.0), abs=31.0)
    assert (east - WEST, NORTH - south) == pytest.approx((12_800.0, 10_800.0), abs=31.0)
    assert land.aoi.sum() * 900.0 == pytest.approx(8600.0 * 6600.0, rel=0.02)
    assert land.aoi[:49].sum() == 0
    assert land.aoi[55:80, 60:80].all()
    assert "extent of the villages" in land.assumptions[0]


def test_heights_and_villages_lie_where_the_files_say(request_of: LandRequest) -> None:
    land = read_land(request_of, margin_m=1500.0)
    assert list(land.villages["name"]) == ["Bản Hon", "Nà Khương"]
    place = land.villages.iloc[0]
    row, col = land.grid.row_col(place.centre_easting_m, place.centre_northing_m)
    first_row = (NORTH - land.grid.north_m) / 30.0
    first_col = (land.grid.west_m - WEST) / 30.0
    expected = 500 + (round(col) + first_col) + (round(row) + first_row) // 2
    assert land.ground_m[round(row), round(col)] == expected
    assert land.void_share == 0.0
    assert land.warnings == ()


def test_nothing_optional_is_none_and_said(request_of: LandRequest) -> None:
    land = read_land(request_of, margin_m=0.0)
    assert land.clutter_m is None
    assert land.water is None
    assert land.population is None
    assert land.communes is None
    assert "No land cover was given" in sentences(land)
    assert "No population raster was given" in sentences(land)
    assert all(text.endswith(".") and not text.endswith("..") for text in land.assumptions)


def test_a_boundary_is_the_area_and_other_villages_are_left_out(
    request_of: LandRequest, tmp_path: Path
) -> None:
    corners = [(4000.0, 4000.0), (7000.0, 4000.0), (7000.0, 7000.0), (4000.0, 7000.0)]
    outline = shapely.Polygon([lon_lat(*corner) for corner in corners])
    gpd.GeoSeries([outline], crs="EPSG:4326").to_file(tmp_path / "area.geojson")
    request = replace(request_of, area_boundary=tmp_path / "area.geojson")
    land = read_land(request, margin_m=900.0)
    assert land.aoi.sum() * 900.0 == pytest.approx(9e6, rel=0.01)
    assert list(land.villages["name"]) == ["Bản Hon"]
    assert "1 of 2 villages lie outside the area of interest" in sentences(land)


def test_a_box_in_degrees_is_the_area(request_of: LandRequest) -> None:
    west, north = lon_lat(3000.0, 3000.0)
    east, south = lon_lat(11_000.0, 9000.0)
    request = replace(request_of, area_bbox_deg=(west, south, east, north))
    land = read_land(request, margin_m=0.0)
    assert land.aoi.sum() * 900.0 == pytest.approx(8000.0 * 6000.0, rel=0.02)


def test_a_local_system_and_a_coarser_grid_are_used_as_asked(request_of: LandRequest) -> None:
    request = replace(request_of, area_crs="EPSG:9205", area_resolution_m=100.0)
    land = read_land(request, margin_m=500.0)
    assert (land.grid.crs, land.grid.cell_m) == ("EPSG:9205", 100.0)
    assert land.grid.west_m % 100.0 == 0.0
    assert land.villages.crs == pyproj.CRS("EPSG:9205")
    assert "VN-2000 / TM-3 103-00" in sentences(land)
    assert np.isfinite(land.ground_m).all()


def test_all_layers_share_one_grid(
    request_of: LandRequest, write_raster: WriteRaster, tmp_path: Path
) -> None:
    request = add_people(add_cover(request_of, write_raster), write_raster, tmp_path)
    land = read_land(request, margin_m=1000.0)
    assert land.clutter_m is not None
    assert land.water is not None
    assert land.population is not None
    assert (land.clutter_m == 15.0).all()
    assert land.clutter_names == {10: "tree cover"}
    assert land.communes is not None
    assert list(land.communes["commune_code"]) == ["03390", "03391"]
    assert list(land.villages["commune"]) == ["Bình Lư", "Tả Lèng"]
    assert list(land.villages["commune_code"]) == ["03390", "03391"]


def test_the_census_of_whole_communes_is_met(
    request_of: LandRequest, write_raster: WriteRaster, tmp_path: Path
) -> None:
    request = add_people(request_of, write_raster, tmp_path)
    box = (*lon_lat(100.0, 11_900.0), *lon_lat(14_900.0, 100.0))
    land = read_land(replace(request, area_bbox_deg=box), margin_m=3000.0)
    assert land.population is not None
    assert land.population.sum(dtype=np.float64) == pytest.approx(22_421.0, rel=2e-3)  # rim cells
    assert "scaled to the census in 2 communes" in sentences(land)


def test_sources_carry_hashes_and_paths_relative_to_the_scenario(
    request_of: LandRequest, write_raster: WriteRaster, tmp_path: Path
) -> None:
    request = add_people(add_cover(request_of, write_raster), write_raster, tmp_path)
    land = read_land(request, margin_m=1000.0)
    found = {source.role: source for source in land.sources}
    assert list(found) == [
        "elevation",
        "land_cover",
        "population",
        "census",
        "villages",
        "communes",
    ]
    assert found["elevation"].path == "dem.tif"
    content = (tmp_path / "dem.tif").read_bytes()
    assert found["elevation"].sha256 == hashlib.sha256(content).hexdigest()
    assert "terrain, 1 file, pixels of about 30 m, cells copied" in found["elevation"].note


def test_the_same_files_give_the_same_land(
    request_of: LandRequest, write_raster: WriteRaster, tmp_path: Path
) -> None:
    request = add_people(add_cover(request_of, write_raster), write_raster, tmp_path)
    first, second = (read_land(request, margin_m=1000.0) for _ in range(2))
    assert first.ground_m.tobytes() == second.ground_m.tobytes()
    assert first.population is not None
    assert second.population is not None
    assert first.population.tobytes() == second.population.tobytes()
    assert first.sources == second.sources
    assert first.assumptions == second.assumptions


def test_a_surface_model_with_land_cover_is_refused_unless_accepted(
    request_of: LandRequest, write_raster: WriteRaster
) -> None:
    request = replace(add_cover(request_of, write_raster), elevation_kind="surface")
    with pytest.raises(ConfigError, match=r"surface model.*with_surface_model = true"):
        read_land(request, margin_m=0.0)
    accepted = replace(request, land_cover_with_surface_model=True)
    land = read_land(accepted, margin_m=0.0)
    assert land.surface_model
    assert "trees and roofs count twice" in sentences(land)


def test_a_margin_beyond_the_dem_is_a_warning_with_the_masts_on_it(
    request_of: LandRequest,
) -> None:
    lon_deg, lat_deg = lon_lat(-1000.0, 5000.0)
    good = lon_lat(5000.0, 5000.0)
    far = (0.0, 0.0)
    masts = [(lat_deg, lon_deg), (good[1], good[0]), far]
    land = read_land(request_of, margin_m=5000.0, extra_points_deg=masts)
    assert 0.0 < land.void_share < 1.0
    assert np.isfinite(land.ground_m[land.aoi > 0]).all()
    assert "of the margin around it" in land.warnings[0]
    assert "1 of 3 masts stand where elevation is missing." in land.warnings


def test_the_default_area_gives_way_where_elevation_ends(
    request_of: LandRequest, tmp_path: Path
) -> None:
    lines = ["name,lat,lon"]
    for east_m, south_m in ((800.0, 800.0), (6000.0, 6000.0)):
        lon_deg, lat_deg = lon_lat(east_m, south_m)
        lines.append(f"V{east_m:.0f},{lat_deg:.6f},{lon_deg:.6f}")
    (tmp_path / "villages.csv").write_text("\n".join(lines), encoding="utf-8")
    land = read_land(request_of, margin_m=0.0)
    assert np.isfinite(land.ground_m[land.aoi > 0]).all()
    assert np.isnan(land.ground_m).any()


def test_an_area_that_the_user_drew_must_have_elevation(request_of: LandRequest) -> None:
    west, north = lon_lat(-3000.0, 3000.0)
    east, south = lon_lat(11_000.0, 9000.0)
    request = replace(request_of, area_bbox_deg=(west, south, east, north))
    with pytest.raises(MissingTileError, match=r"no elevation for 2\d\.\d % of the area"):
        read_land(request, margin_m=0.0)


def test_progress_names_its_stages_and_finishes_each(
    request_of: LandRequest, write_raster: WriteRaster, tmp_path: Path
) -> None:
    seen: dict[str, list[float]] = {}
    request = add_people(add_cover(request_of, write_raster), write_raster, tmp_path)
    read_land(
        request,
        margin_m=0.0,
        progress=lambda stage, fraction: seen.setdefault(stage, []).append(fraction),
    )
    assert list(seen) == ["area and villages", "land", "hashes"]
    for fractions in seen.values():
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1.0


def test_synthetic_data_stay_marked(request_of: LandRequest) -> None:
    assert read_land(replace(request_of, synthetic=True), margin_m=0.0).synthetic
    assert not read_land(request_of, margin_m=0.0).synthetic


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"elevation_path": ()}, ConfigError, r"elevation\.path is empty"),
        ({"area_resolution_m": 0.0}, OutOfRangeError, "resolution_m"),
        ({"elevation_max_void_share": 5.0}, OutOfRangeError, "max_void_share"),
        ({"area_bbox_deg": (22.1, 103.4, 22.7, 104.0)}, ConfigError, "seem swapped, write"),
        ({"area_bbox_deg": (104.0, 22.7, 103.4, 22.1)}, ConfigError, "west must be less"),
        ({"area_bbox_deg": (1, 2, 3, 4), "area_boundary": Path("a")}, ConfigError, "both"),
        ({"land_cover_table": Path("t.csv")}, ConfigError, r"without land_cover\.path"),
        ({"population_census": Path("c.csv")}, ConfigError, r"without population\.path"),
        (
            {"population_census": Path("c.csv"), "population_path": Path("p.tif")},
            ConfigError,
            r"set communes\.path",
        ),
    ],
)
def test_a_contradictory_request_is_refused(
    request_of: LandRequest, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        replace(request_of, **change)


def test_a_negative_margin_is_refused(request_of: LandRequest) -> None:
    with pytest.raises(OutOfRangeError, match="margin_m"):
        read_land(request_of, margin_m=-1.0)


def test_a_system_of_another_continent_is_refused(request_of: LandRequest) -> None:
    request = replace(request_of, area_crs="EPSG:2154")
    with pytest.raises(CrsMismatchError, match=r'EPSG:2154 .*use "auto" or EPSG:32648'):
        read_land(request, margin_m=0.0)


def test_villages_outside_the_area_are_refused(request_of: LandRequest) -> None:
    west, north = lon_lat(100.0, 100.0)
    east, south = lon_lat(1000.0, 1000.0)
    request = replace(request_of, area_bbox_deg=(west, south, east, north))
    with pytest.raises(CrsMismatchError, match="village"):
        read_land(request, margin_m=0.0)


def test_an_area_outside_the_dem_is_told_so_before_anything_else(
    request_of: LandRequest,
) -> None:
    request = replace(request_of, area_bbox_deg=(3.5, 44.0, 4.1, 44.4))
    with pytest.raises(DataError, match=r"dem\.tif\) span 103\.\d+ .* the area .* 3\.\d+"):
        read_land(request, margin_m=0.0)


def test_a_box_with_its_axes_exchanged_is_recognised(request_of: LandRequest) -> None:
    west, north = lon_lat(1000.0, 1000.0)
    east, south = lon_lat(9000.0, 9000.0)
    with pytest.raises(ConfigError, match="latitude and longitude seem swapped"):
        replace(request_of, area_bbox_deg=(south, west, north, east))


@pytest.mark.parametrize("nodata", [None, -32768])
@pytest.mark.parametrize("role", ["elevation", "land cover", "population"])
def test_a_raster_cut_short_is_refused_by_name(
    request_of: LandRequest,
    write_raster: WriteRaster,
    tmp_path: Path,
    role: str,
    nodata: int | None,
) -> None:
    values = np.random.default_rng(9).integers(1, 255, (ROWS, COLS)).astype(np.int16)
    whole = write_raster("w.tif", values, west=WEST, north=NORTH, pixel=30.0, nodata=nodata)
    cog = tmp_path / "cog.tif"
    rasterio.shutil.copy(whole, cog, driver="COG", overviews="none")  # its header comes first
    cog.write_bytes(cog.read_bytes()[:-100_000])
    changes: dict[str, dict[str, Any]] = {
        "elevation": {"elevation_path": (cog,)},
        "land cover": {"land_cover_path": cog},
        "population": {"population_path": cog},
    }
    with pytest.raises(DataError, match=r"cog\.tif cannot be read to its end .*get it again"):
        read_land(replace(request_of, **changes[role]), margin_m=0.0)


def test_communes_of_another_province_are_refused(request_of: LandRequest, tmp_path: Path) -> None:
    path = tmp_path / "communes.geojson"
    content = json.loads(path.read_text(encoding="utf-8"))
    for feature in content["features"]:
        ring = feature["geometry"]["coordinates"][0]
        feature["geometry"]["coordinates"][0] = [[lon + 2.0, lat - 5.0] for lon, lat in ring]
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match="none of the 2 communes"):
        read_land(replace(request_of, communes_path=path), margin_m=0.0)


@pytest.mark.slow
def test_lai_chau_is_named_scaled_and_called_unfit(shared_dir: Path, tmp_path: Path) -> None:
    data = shared_dir / "data"
    admin = data / "lai-chau-admin-2025"
    dem = data / "lai-chau-dem-coarse" / "de15_15arcsec_8bit_steps.tif"
    people = data / "lai-chau-population-worldpop-1km" / "vnm_ppp_2020_1km_aggregated_unadj_nw.tif"
    places = data / "lai-chau-places" / "places_geonames_cities500.csv"
    needed = [admin / "lai_chau_communes.geojson", dem, people, places]
    if not all(path.exists() for path in needed):
        pytest.skip("the Lai Châu data are not in ../shared")
    codes = sorted(gpd.read_file(needed[0])["code"])
    census = {code: 10_000 + 100 * number for number, code in enumerate(codes)}
    rows = [f"{code},{count}" for code, count in census.items()]
    (tmp_path / "census.csv").write_text(
        "\n".join(["commune_code,population", *rows]), encoding="utf-8"
    )
    request = LandRequest(
        villages_path=places,
        elevation_path=(dem,),
        area_boundary=admin / "lai_chau_province.geojson",
        area_resolution_m=100.0,
        population_path=people,
        population_census=tmp_path / "census.csv",
        communes_path=needed[0],
    )
    land = read_land(request, margin_m=15_000.0)
    assert land.communes is not None
    assert len(land.communes) == 38
    assert land.aoi.sum() * 0.01 == pytest.approx(9072.0, rel=0.002)  # km², as published
    assert any("Unfit for planning" in text for text in land.warnings)
    before = next(source.note for source in land.sources if source.role == "population")
    assert "689," in before  # the README's 688 thousand are the sum over communes
    assert land.population is not None
    inside = land.population.sum(where=land.aoi > 0, dtype=np.float64)
    assert inside == pytest.approx(sum(census.values()), rel=0.01)  # outlines differ at the rim
    assert "Than Uyên" in set(land.villages["name"])
    assert (land.villages["commune_code"] != "").all()


def test_a_height_raster_wins_over_classes_and_is_named(
    request_of: LandRequest, write_raster: WriteRaster
) -> None:
    canopy = np.full((ROWS, COLS), 22.0, dtype=np.float32)
    path = write_raster("canopy.tif", canopy, west=WEST, north=NORTH, pixel=30.0)
    heights = replace(request_of, clutter_heights_path=(path,))
    alone = read_land(heights, margin_m=0.0)
    assert alone.clutter_m is not None
    assert (alone.clutter_m == 22.0).all()
    assert not any("No land cover was given" in text for text in alone.assumptions)
    both = read_land(add_cover(heights, write_raster), margin_m=0.0)
    assert both.clutter_m is not None
    assert (both.clutter_m == 22.0).all()
    assert any("take the place of the heights of the land cover" in t for t in both.assumptions)
    assert {"land_cover", "clutter_heights"} <= {source.role for source in both.sources}
