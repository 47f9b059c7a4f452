"""`lensong fetch` brings the land, and the scenario that it writes is planned as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from lensong.cli.main import lensong
from lensong.propagation.errors import DataError
from tests.land_sources import DEM_30, DEM_90, Archives, land_around, playing

CELLS = """\
site_id,cell_id,lat,lon,height_agl_m,azimuth,technology,band,bandwidth_mhz,power
S1,S1-1,22.55,103.41,30,0,4G,B3,20,46
"""


@pytest.fixture
def archives() -> Iterator[Archives]:
    with playing(land_around()) as served:
        yield served


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(lensong, [str(argument) for argument in arguments])


def test_from_a_list_of_cells_to_a_report(archives: Archives, tmp_path: Path) -> None:
    cells, land = tmp_path / "cells.csv", tmp_path / "land"
    cells.write_text(CELLS, encoding="utf-8")
    asked = ("fetch", "--area", cells, "--country", "vnm", "--out", land, "--mirror", archives.url)
    done = run(*asked)
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("5 files, 0.1 MB: 1 s at 10 Mbit/s")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["cells", "  came       5 files, 0.1 MB; 0 lay there already"]
    assert "GLO-30 has trees and roofs" in lines[2]
    assert lines[-1] == f"  next       lensong check {land / 'scenario.toml'}"
    # what the list leaves open is said at once, and the line for it is there
    assert lines[-2].startswith("  open       ")
    assert 'Set network.power = "total" (whole carrier: 46 dBm' in lines[-2]

    scenario = land / "scenario.toml"
    text = scenario.read_text(encoding="utf-8")
    assert 'cells = "../cells.csv"' in text
    text = text.replace("[area]", "[area]\nresolution_m = 250")
    text = text.replace("[network]", "[causes]\nvillages = false\n[network]")
    text = text.replace('# power = "total"', 'power = "total"')
    assert "radius_m = 15000 " in text
    scenario.write_text(text.replace("radius_m = 15000 ", "radius_m = 4000 "), encoding="utf-8")
    planned = run("plan", scenario, "--out", tmp_path / "result", "--no-cache")
    assert planned.exit_code == 0, planned.output
    assert "villages   2 covered" in planned.stdout
    report = (tmp_path / "result" / "report.html").read_text(encoding="utf-8")
    assert "<li>Places: © OpenStreetMap contributors (www.openstreetmap.org/copyright)" in report
    assert "<li>Land cover: © ESA" not in report  # it was not used


def test_half_a_globe_is_told_and_not_begun_without_yes(archives: Archives, tmp_path: Path) -> None:
    archives.files[f"{DEM_30}/tileList.txt"] = "\n".join(
        f"Copernicus_DSM_COG_10_N{lat:02d}_00_E{lon:03d}_00_DEM"
        for lat in range(0, 60)
        for lon in range(0, 180)
    ).encode()
    archives.files[f"{DEM_90}/tileList.txt"] = b"_DEM"
    asked = ("fetch", "--area", "0,-80,180,80", "--only", "elevation", "--out", tmp_path)
    refused = run(*asked, "--mirror", archives.url)
    assert refused.exit_code == 2
    told = "10,800 files, about 324.0 GB: 72.0 h at 10 Mbit/s, 7.2 h at 100 Mbit/s"
    assert f"error: {told}: say --yes if that is meant, or choose a smaller" in refused.stderr
    assert [method for method, _, _ in archives.asked] == ["GET", "GET"]  # the two lists
    assert not (tmp_path / "elevation").exists()


def test_addresses_are_printed_for_who_makes_a_mirror(archives: Archives, tmp_path: Path) -> None:
    out = tmp_path / "land"
    box = ("fetch", "--area", "103.3,22.5,103.4,22.6", "--out", out, "--addresses")
    only = ("--only", "elevation,land_cover")
    told = run(*box, *only, "--mirror", archives.url)
    assert told.exit_code == 0, told.output
    assert len(told.stdout.splitlines()) == 2
    assert all(line.startswith(archives.url) for line in told.stdout.splitlines())
    assert not out.exists()


def test_masts_on_both_sides_of_the_180th_meridian_are_no_band_around_the_earth(
    tmp_path: Path,
) -> None:
    cells = tmp_path / "cells.csv"
    cells.write_text(CELLS + "S2,S2-1,-16.8,179.9,30,0,4G,B3,20,46\n", encoding="utf-8")
    with cells.open("a", encoding="utf-8") as file:
        file.write("S3,S3-1,-16.8,-179.9,30,0,4G,B3,20,46\n")
    outline = tmp_path / "fiji.geojson"
    sides = [
        [[[lon, -17.0], [lon + 0.3, -17.0], [lon + 0.3, -16.6], [lon, -17.0]]]
        for lon in (179.7, -180.0)
    ]
    outline.write_text(json.dumps({"type": "MultiPolygon", "coordinates": sides}), encoding="utf-8")
    for area in (cells, outline):
        refused = run("fetch", "--out", tmp_path / "land", "--area", area, "--only", "elevation")
        assert refused.exit_code == 2
        assert "more than half around the earth: fetch each part by itself" in refused.stderr


def test_sources_are_listed_with_licence_and_whether_they_were_tried() -> None:
    told = run("fetch", "--sources")
    assert told.exit_code == 0
    assert told.stdout.count("never tried on the live server") == 7
    assert "ODbL 1.0: https://opendatacommons.org/licenses/odbl/1-0/" in told.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--area", "dem/area.gpkg"), "there is no such file"),
        (("--area", ""), "wanted west,south,east,north"),
        (("--area", "104,21.6,102.3,22.9"), "west is beyond east: 102.3,21.6,104,22.9, or"),
        (("--area", "200,1,201,2"), "longitudes go from -180 to 180"),
        (("--area", "1,2,3,4"), "give --country"),
        (("--area", "1,2,3,4", "--only", "roads"), "wanted some of elevation, land_cover"),
        (("--area", "1,2,3,4", "--only", "elevation", "--mirror", "ftp://x"), "begins with https"),
        (
            ("--area", "1,2,3,4", "--only", "elevation", "--mirror", "http://127.0.0.1:1"),
            "does not come (",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], told: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    refused = run("fetch", "--out", tmp_path / "land", *options)
    assert refused.exit_code == 2
    assert told in refused.stderr
    assert refused.stderr.startswith("error: ")


def test_who_is_asked_in_vain_is_told_that_the_address_was_never_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def moved(*_: object) -> None:
        raise DataError("https://example.invalid/tileList.txt answers 404")

    monkeypatch.setattr("lensong.gis_data.fetch.fetch.Delivery.survey", moved)
    refused = run("fetch", "--out", tmp_path, "--area", "1,2,3,4", "--only", "elevation")
    assert refused.exit_code == 2
    assert "never tried on the live servers: copernicus-glo30, copernicus-glo90" in refused.stderr
    assert "error: https://example.invalid/tileList.txt answers 404" in refused.stderr
