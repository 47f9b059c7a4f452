"""From an area to the files that it needs, and to a folder that holds them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

from lensong.gis_data.fetch.area import (
    FetchArea,
    area_of_box,
    area_of_file,
    area_of_masts,
    tiles_over,
)
from lensong.gis_data.fetch.download import open_client
from lensong.gis_data.fetch.fetch import Delivery, Fetched, FetchRequest, only_fetch
from lensong.gis_data.fetch.order import Order, check_countries, check_roles, order_of
from lensong.gis_data.fetch.sources import BY_NAME, SOURCES, Source
from lensong.propagation.errors import ConfigError, DataError
from tests.land_sources import (
    BOUNDARIES,
    COMMUNES,
    DEM_30,
    PLACES,
    POPULATION,
    Archives,
    land_around,
    playing,
    raster_bytes,
)
from tests.waiting import wait_until

TILE = "N22_00_E103_00"
FINE = f"{DEM_30}/Copernicus_DSM_COG_10_{TILE}_DEM/Copernicus_DSM_COG_10_{TILE}_DEM.tif"
BOX = "103.3,22.5,103.48,22.6"


@pytest.fixture
def archives() -> Iterator[Archives]:
    with playing(land_around()) as served:
        yield served


def land_of(
    archives: Archives,
    out: Path,
    area: FetchArea | None = None,
    roles: tuple[str, ...] = (),
    countries: tuple[str, ...] = ("VNM",),
) -> Delivery:
    return Delivery(
        request=FetchRequest(
            area=area or area_of_box(BOX),
            out=out,
            roles=check_roles(roles),
            countries=countries,
            mirror=archives.url,
            workers=3,
        ),
        client=open_client("test"),
        pause=lambda _seconds: None,
    )


def fetched(archives: Archives, out: Path, **options: Any) -> Fetched:
    land = land_of(archives, out, **options)
    try:
        land.survey()
        return land.bring()
    finally:
        land.client.close()


def ordered(area: FetchArea, listed: dict[str, str], *roles: str) -> Order:
    def listing(source: Source) -> str:
        return listed[source.name]

    return order_of(
        area,
        roles=roles or ("elevation",),
        countries=(),
        level="ADM2",
        margin_km=15.0,
        listing=listing,
    )


def test_a_box_needs_the_tiles_that_its_margin_touches() -> None:
    inner = area_of_box("103.3,22.3,103.5,22.5")
    assert tiles_over(inner, size_deg=1, margin_km=15.0) == [(22, 103)]
    corner = area_of_box("103.9,22.9,103.95,22.95")
    assert tiles_over(corner, size_deg=1, margin_km=15.0) == [
        (22, 103), (22, 104), (23, 103), (23, 104),
    ]  # fmt: skip
    assert tiles_over(area_of_box("-0.5,-0.5,0.5,0.5"), size_deg=3, margin_km=1.0) == [
        (-3, -3), (-3, 0), (0, -3), (0, 0),
    ]  # fmt: skip


def test_an_outline_does_not_need_the_corners_of_its_box() -> None:
    diagonal = shapely.LineString([(100.5, 20.5), (104.5, 24.5)]).buffer(0.1)
    area = FetchArea(title="a valley", outline=diagonal, is_box=False)
    assert len(tiles_over(area, size_deg=1, margin_km=15.0)) < 25


def test_addresses_are_those_of_the_archives() -> None:
    area = area_of_box("102.3,21.7,103.9,22.8")
    listed = "\n".join(
        f"Copernicus_DSM_COG_10_N{lat}_00_E{lon}_00_DEM" for lat in (21, 22) for lon in (102, 103)
    )
    order = ordered(
        area, {"copernicus-glo30": listed, "copernicus-glo90": ""}, "elevation", "land_cover"
    )
    assert order.files[2].address == (
        "https://copernicus-dem-30m.s3.amazonaws.com/Copernicus_DSM_COG_10_N22_00_E102_00_DEM/"
        "Copernicus_DSM_COG_10_N22_00_E102_00_DEM.tif"
    )
    assert [w.address for w in order.files if w.source.role == "land_cover"] == [
        "https://esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021/map/"
        "ESA_WorldCover_10m_2021_v200_N21E102_Map.tif"
    ]
    assert order.sea_tiles == ("N21_00_E104_00", "N22_00_E104_00")


def test_land_that_is_not_published_at_30_m_is_taken_at_90_and_sea_is_sea() -> None:
    area = area_of_box("44.5,39.5,45.5,39.9")
    listed = {
        "copernicus-glo30": "Copernicus_DSM_COG_10_N39_00_E044_00_DEM",
        "copernicus-glo90": "Copernicus_DSM_COG_30_N39_00_E045_00_DEM",
    }
    order = ordered(area, listed)
    assert [wanted.source.name for wanted in order.files] == [
        "copernicus-glo30", "copernicus-glo90",
    ]  # fmt: skip
    assert order.coarser_tiles == ("N39_00_E045_00",)
    assert order.sea_tiles == ("N40_00_E044_00", "N40_00_E045_00")
    with pytest.raises(DataError, match="has a tile of the area, which would be open sea"):
        ordered(area_of_box("0,0,1,1"), listed)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,2,3", "wanted west,south,east,north"),
        ("22.2,103.4,22.5,103.8", "swapped: 103.4,22.2,103.8,22.5"),
        ("179,10,-179,11", "across the 180th meridian, each side for itself"),
        ("10,10,9.5,nan", "west has to be less"),
    ],
)
def test_a_box_that_is_none_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        area_of_box(text)


def test_what_comes_by_country_needs_one() -> None:
    with pytest.raises(ConfigError, match=r"give --country .* or leave them out with --only elev"):
        check_countries((), ("elevation", "population"))
    with pytest.raises(ConfigError, match="--country is 'VIETNAM', wanted the three letters"):
        check_countries(("Vietnam",), ("population",))
    with pytest.raises(ConfigError, match="--only names 'dem', wanted some of elevation"):
        check_roles(["dem"])
    assert check_countries(("vnm", "VNM"), ()) == ("VNM",)


def test_a_place_of_a_file_is_found_by_code_or_by_name_without_its_tones(tmp_path: Path) -> None:
    path = tmp_path / "communes.geojson"
    names = ["Bình Lư", "Tả Lèng", "Bình Lư"]
    gpd.GeoDataFrame(
        {"ma_xa": ["03390", "03405", "99999"], "ten_xa": names},
        geometry=[shapely.box(103 + i, 22, 103.5 + i, 22.5) for i in range(3)],
        crs="EPSG:4326",
    ).to_file(path)
    assert area_of_file(path, place="ta leng").bounds_deg == (104.0, 22.0, 104.5, 22.5)
    assert area_of_file(path, place="03390").bounds_deg == (103.0, 22.0, 103.5, 22.5)
    assert area_of_file(path, place="ta leng").title == "Tả Lèng"  # as the file spells it
    assert area_of_file(path, place="03390").title == "Bình Lư"
    assert area_of_file(path).bounds_deg == (103.0, 22.0, 105.5, 22.5)
    with pytest.raises(ConfigError, match=r"is 2 places of .* give one of the codes 03390, 99999"):
        area_of_file(path, place="binh lu")
    with pytest.raises(ConfigError, match="such as Tả Lèng"):
        area_of_file(path, place="Lèng")


def test_points_make_a_box_with_room_around() -> None:
    area = area_of_masts([22.0, 22.1], [103.0, 103.2], title="cells")
    west, south, east, north = area.bounds_deg
    assert (round(south, 3), round(north, 3)) == (21.955, 22.145)
    assert west < 102.96
    assert east > 103.24


def test_all_that_an_area_needs_comes_and_a_second_run_asks_nothing(
    archives: Archives, tmp_path: Path
) -> None:
    out = tmp_path / "land"
    done = fetched(archives, out)
    assert (done.files, done.present) == (5, 0)
    assert sorted(path.name for path in out.iterdir()) == [
        "communes.gpkg", "downloads", "elevation", "land_cover", "population", "provenance.json",
        "scenario.toml", "villages.gpkg",
    ]  # fmt: skip
    told = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    population = next(f for f in told["files"] if f["source"] == "worldpop")
    assert population["address"].startswith("https://data.worldpop.org/")
    assert population["came_from"] == archives.url + POPULATION
    assert population["sha256"] == hashlib.sha256(archives.files[POPULATION]).hexdigest()
    assert {source["name"] for source in told["sources"]} == {
        source.name
        for source in SOURCES
        if source.name not in ("copernicus-glo90", "geoboundaries")
    }
    villages = gpd.read_file(out / "villages.gpkg")
    assert villages["name"].tolist() == ["Bản Mẫu", ""]  # no square, and not the one far away
    communes = gpd.read_file(out / "communes.gpkg")
    assert communes[["commune_code", "commune", "province"]].to_numpy().tolist() == [
        ["03390", "Xã Bình Lư", "Lai Châu"], ["03405", "Xã Tả Lèng", "Lai Châu"],
    ]  # fmt: skip

    before = len(archives.asked)
    again = fetched(archives, out)
    assert archives.asked[before:] == []
    assert (again.files, again.present) == (0, 5)


def test_a_file_that_was_damaged_since_is_brought_anew(archives: Archives, tmp_path: Path) -> None:
    fetched(archives, tmp_path)
    path = next((tmp_path / "elevation").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + b"?")
    assert fetched(archives, tmp_path).files == 1
    assert path.read_bytes() == whole


@pytest.mark.parametrize(
    ("path", "fault", "told"),
    [
        (FINE, "page", "is a web page, wanted a file of data"),
        (FINE, "flipped", "is no whole raster"),
        (PLACES, "flipped", "archive"),
        (COMMUNES, "page", "is a web page"),
        (COMMUNES, "flipped", "damaged archive"),
    ],
)
def test_what_is_not_what_it_should_be_is_refused_and_the_rest_kept(
    archives: Archives, tmp_path: Path, path: str, fault: str, told: str
) -> None:
    archives.faults[path] = [fault, fault]
    with pytest.raises(DataError, match="1 of 5 files did not come") as caught:
        fetched(archives, tmp_path)
    assert told in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert not (tmp_path / "scenario.toml").exists()
    assert fetched(archives, tmp_path).present == 4


def test_a_raster_of_elsewhere_is_refused(archives: Archives, tmp_path: Path) -> None:
    archives.files[POPULATION] = raster_bytes(
        np.ones((9, 9), np.uint8), west=10.0, north=50.0, step=0.1, nodata=None
    )
    with pytest.raises(DataError, match=r"covers 10\.00 to 10\.90 east .* not the area"):
        fetched(archives, tmp_path, roles=("population",))


def test_a_missing_file_is_named_before_anything_comes(archives: Archives, tmp_path: Path) -> None:
    del archives.files[PLACES]
    with pytest.raises(DataError, match=r"osm-places: .* is not there \(404\)"):
        fetched(archives, tmp_path)
    assert archives.gets(FINE) == []


def test_land_cover_may_lack_a_tile_but_not_all_and_says_so(
    archives: Archives, tmp_path: Path
) -> None:
    for east in ("E104", "E105"):
        archives.files[f"{DEM_30}/tileList.txt"] += FINE.replace("E103", east).encode()
        archives.files[FINE.replace("E103", east)] = archives.files[FINE]
    roles = ("elevation", "land_cover")
    both = area_of_box("104.8,22.4,105.2,22.5")
    notes = fetched(archives, tmp_path / "both", area=both, roles=roles).notes
    assert any("has no ESA_WorldCover_10m_2021_v200_N21E105_Map.tif: left out" in n for n in notes)
    before = len(archives.asked)
    fetched(archives, tmp_path / "both", area=both, roles=roles)
    assert archives.asked[before:] == []
    with pytest.raises(DataError, match=r"esa-worldcover: .* is not there \(404\)"):
        fetched(archives, tmp_path, area=area_of_box("105.4,22.4,105.5,22.5"), roles=roles)


def test_boundaries_of_other_countries_come_by_level(archives: Archives, tmp_path: Path) -> None:
    done = fetched(archives, tmp_path, roles=("communes",), countries=("LAO",))
    assert archives.gets(BOUNDARIES) == [""]
    assert archives.gets(COMMUNES) == []
    assert gpd.read_file(tmp_path / "communes.gpkg")["commune"].tolist() == ["Tam Đường"]
    assert "not fetched: put your list there" in done.scenario.read_text(encoding="utf-8")


def test_sums_of_a_mirror_are_held_against_what_comes(archives: Archives, tmp_path: Path) -> None:
    archives.files["/SHA256SUMS"] = f"{'0' * 64}  .{POPULATION}\n".encode()
    with pytest.raises(DataError, match="published is 0000"):
        fetched(archives, tmp_path)
    digest = hashlib.sha256(archives.files[POPULATION]).hexdigest()
    archives.files["/SHA256SUMS"] = f"{digest} *{POPULATION[1:]}\n".encode()
    assert fetched(archives, tmp_path).files == 1


def test_a_scenario_that_the_person_has_changed_stays(archives: Archives, tmp_path: Path) -> None:
    scenario = fetched(archives, tmp_path).scenario
    assert fetched(archives, tmp_path).notes == fetched(archives, tmp_path).notes
    changed = scenario.read_text(encoding="utf-8").replace("[area]", "[area]\nresolution_m = 90")
    scenario.write_text(changed, encoding="utf-8")
    notes = fetched(archives, tmp_path).notes
    assert "is not as fetch wrote it and was left" in notes[-1]
    assert scenario.read_text(encoding="utf-8") == changed
    assert "resolution_m" not in (tmp_path / "scenario-fetched.toml").read_text(encoding="utf-8")


def test_two_fetches_into_one_folder_do_not_meet(tmp_path: Path) -> None:
    with only_fetch(tmp_path):  # noqa: SIM117 (the second is the one that is refused)
        with pytest.raises(DataError, match="another fetch writes to"), only_fetch(tmp_path):
            pytest.fail("both are in")
    with only_fetch(tmp_path) as alone:
        assert alone


def test_a_folder_without_locks_is_used_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(_descriptor: int, _mode: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with only_fetch(tmp_path) as alone:
        assert not alone


def test_every_source_is_whole_and_none_claims_to_have_been_tried() -> None:
    for source in SOURCES:
        assert source.licence
        assert source.attribution
        assert source.address.startswith("https://")
        assert source.tried == "", "say in docs/how-to/fetch.md too when a source was seen to work"
    assert len(BY_NAME) == len(SOURCES)


_KILLED = """
import sys
from pathlib import Path
from tests.land_sources import Archives
from tests.test_gis_data.test_fetch_land import fetched
fetched(Archives(url=sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_ended_under_way_is_gone_on_with(
    archives: Archives, tmp_path: Path, ending: signal.Signals
) -> None:
    archives.faults[FINE] = ["stalled"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    part = tmp_path / "land" / ".parts" / Path(FINE).name
    half = len(archives.files[FINE]) // 2
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, archives.url, str(tmp_path / "land")],
        env=environment,
        stderr=subprocess.DEVNULL,
    ) as run:
        wait_until(lambda: len(archives.asked) >= 12, "all requests")
        wait_until(lambda: part.exists() and part.stat().st_size > 0, "the half file")
        run.send_signal(ending)
        run.wait()
    done = fetched(archives, tmp_path / "land")
    assert done.files + done.present == 5
    assert archives.gets(FINE)[0] == ""
    assert 0 < int(archives.gets(FINE)[1].removeprefix("bytes=").rstrip("-")) <= half
