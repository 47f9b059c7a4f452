"""`lensong plan --scheduler` on real schedulers and workers, which are killed under way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from math import isnan
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import rasterio
from click.testing import CliRunner, Result

from lensong.cli.main import lensong
from tests.dask_cluster import dask_cluster
from tests.test_coverage.test_cluster import same_result
from tests.two_provinces import write_provinces
from tests.waiting import PATIENCE_S, wait_until

_LENSONG = "from lensong.cli.main import main; main()"


def started(cache: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _LENSONG, "plan", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "LENSONG_CACHE_DIR": str(cache)},
    )


def under_way(run: subprocess.Popen[str], out: Path, files: str) -> None:
    """Wait until a run has made some files; it must not end before."""
    wait_until(lambda: list(out.glob(files)) or run.poll() is not None, files)
    if run.poll() is not None:
        raise AssertionError(ended(run))


def ended(run: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = run.communicate(timeout=PATIENCE_S)
    return run.returncode, out, err


def here(cache: Path, *arguments: object) -> Result:
    run = CliRunner(env={"LENSONG_CACHE_DIR": str(cache)}).invoke(
        lensong, ["plan", *map(str, arguments)]
    )
    assert run.exit_code == 0, run.output
    return run


CEVENNES = """\
title = "Cévennes, coarse"
[area]
resolution_m = 90
[elevation]
path = "{data}/dem_srtm1_utm31n_30m.tif"
[villages]
path = "{data}/places_geonames.csv"
radius_m = 700
[causes]
counterfactuals = 0
[network]
cells = "{data}/cell_sites_arcep_2018.csv"
format = "sites"
technologies = ["4G"]
operators = ["Orange"]
radius_m = 8000
[network.assume]
carriers = ["4G B20 10 MHz", "4G B3 20 MHz"]
"""


@pytest.mark.slow
def test_a_worker_is_killed_under_way_and_the_bytes_are_those_of_one_machine(
    shared_dir: Path, tmp_path: Path
) -> None:
    """The Cévennes, coarse, on four workers."""
    scenario = tmp_path / "cevennes.toml"
    data = shared_dir / "data" / "cevennes-end-to-end"
    scenario.write_text(CEVENNES.format(data=data), "utf-8")
    out = tmp_path / "out"
    with dask_cluster(tmp_path / "cluster", 4) as cluster:
        run = started(tmp_path / "cache", scenario, "--out", out, "--scheduler", cluster.address)
        try:
            under_way(run, out, ".lensong-*/swept-*.pickle")
            cluster.kill_worker(0)
            status, told, errors = ended(run)
        finally:
            run.kill()
    assert status == 0, errors
    assert told.startswith("Cévennes, coarse")
    here(tmp_path / "cache-2", scenario, "--out", tmp_path / "one", "--workers", "1")
    same_result(tmp_path / "one", out)  # nothing of the run is left beside it, either


@pytest.mark.slow
def test_a_scheduler_is_killed_and_a_second_start_goes_on(tmp_path: Path) -> None:
    """Two provinces; then a third start leaves what stands, and what stands above is right."""
    scenarios = write_provinces(tmp_path / "in")
    out, cache = tmp_path / "out", tmp_path / "cache"
    with dask_cluster(tmp_path / "first", 2) as cluster:
        run = started(cache, *scenarios, "--out", out, "--scheduler", cluster.address)
        try:
            under_way(run, out, "*/.lensong-*/swept-*.pickle")
            cluster.kill_scheduler()
            status, told, errors = ended(run)
        finally:
            run.kill()
    assert status == 2, told
    assert "went away: start it and its workers again and say the same command" in errors
    assert "Traceback" not in errors
    assert not list(out.glob("*/run.json"))  # nothing half-written
    kept = {p: p.stat().st_mtime_ns for p in out.glob("*/.lensong-*/swept-*.pickle")}
    assert kept
    with dask_cluster(tmp_path / "second", 1) as cluster:
        command = (*scenarios, "--out", out, "--scheduler", cluster.address)
        run = started(cache, *command)
        try:
            under_way(run, out, "*/.lensong-*/laid-*.pickle")
            # what was made before was not made again
            assert {p: p.stat().st_mtime_ns for p in kept if p.exists()}.items() <= kept.items()
            status, told, errors = ended(run)
        finally:
            run.kill()
    assert status == 0, errors
    again = here(cache, *command)  # asks nobody: that cluster is gone
    assert "2 of 2 results stand already" in again.stderr
    assert again.stdout == told
    here(tmp_path / "cache-2", *scenarios, "--out", tmp_path / "one")
    for name in ("dong", "tay"):
        same_result(tmp_path / "one" / name, out / name)
    looked_at(out)


def looked_at(out: Path) -> None:
    """See that what stands above two provinces is the sum of both."""
    records = [json.loads((out / n / "run.json").read_text("utf-8")) for n in ("dong", "tay")]
    areas = pd.read_csv(out / "areas.csv")
    assert list(areas["area"]) == ["dong", "tay"]
    for row, record in zip(areas.to_dict("records"), records, strict=True):
        assert row["villages"] == record["summary"]["villages"]
        assert row["people_served_voice_data"] == pytest.approx(
            record["summary"]["people_served"]["voice-data"]
        )
    villages = gpd.read_parquet(out / "villages.parquet")
    assert sorted(villages["village_id"]) == sorted(f"V{k}" for k in range(16))
    assert villages.crs.to_epsg() == 4326
    points = gpd.read_file(out / "country.gpkg", layer="villages")
    assert (points.geometry.geom_type == "Point").all()
    assert len(points) == 16
    page = (out / "report.html").read_text("utf-8")
    for name in ("dong", "tay"):
        assert page.count(f'href="{name}/report.html"') == 2  # on the map and in the table
        with rasterio.open(out / name / "4g_level_dbm.tif") as raster:
            assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    # one map of each layer over both, whose cells are theirs
    maps = sorted(path.name for path in (out / "country_rasters").glob("*.vrt"))
    assert "4g_level_dbm.vrt" in maps
    assert "5g_level_dbm.vrt" not in maps
    assert not [name for name in maps if "server" in name]  # their numbers are of one result
    for name in maps:
        assert f'href="country_rasters/{name}"' in page
    with rasterio.open(out / "country_rasters" / "4g_level_dbm.vrt") as raster:
        shown = raster.read(1)
        assert raster.tags()["TIFFTAG_IMAGEDESCRIPTION"].endswith("2 areas; SYNTHETIC DATA")
        assert raster.overviews(1)
        for name, (y, x) in {"dong": (140, 250), "tay": (140, 100)}.items():
            with rasterio.open(out / name / "4g_level_dbm.tif") as own:
                wanted, place = own.read(1)[y, x], own.xy(y, x)
            found = shown[raster.index(*place)]
            assert found == wanted or (isnan(found) and isnan(wanted))
    project = zipfile.ZipFile(out / "country.qgz").read("country.qgs").decode()
    assert "./country_rasters/4g_level_dbm.vrt" in project
    assert project.count("EPSG:4326") == 3  # the layers of the GeoPackage
