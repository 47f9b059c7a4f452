"""The demo land is invented, the same every time, and shaped like the real country."""

from __future__ import annotations

import csv
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely

from lensong.gis_data.demo import write_demo
from lensong.propagation.errors import DataError


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    write_demo(folder)
    return folder


def _features(path: Path) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["features"]
    return features


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_relief_is_a_basin_below_a_range_of_three_kilometres(demo: Path) -> None:
    with rasterio.open(demo / "terrain.tif") as raster:
        ground = raster.read(1).astype(np.float64)
        assert raster.crs.to_epsg() == 32648
        assert raster.res == (30.0, 30.0)
        assert raster.units == ("m",)
    assert ground.shape == (1440, 1440)
    assert 500.0 < ground.min() < 560.0
    assert 2_800.0 < ground.max() < 3_200.0
    slope = np.degrees(np.arctan(np.hypot(*np.gradient(ground, 30.0))))
    assert 20.0 < np.median(slope) < 26.0
    assert np.percentile(slope, 99.9) < 45.0  # no cliffs left between two valleys


def test_water_finds_its_way_so_the_ground_has_few_pits(demo: Path) -> None:
    with rasterio.open(demo / "terrain.tif") as raster:
        ground = raster.read(1)
    steep = ground[1:-1, 1:-1]
    around = [
        ground[1 + r : ground.shape[0] - 1 + r, 1 + c : ground.shape[1] - 1 + c]
        for r in (-1, 0, 1)
        for c in (-1, 0, 1)
        if (r, c) != (0, 0)
    ]
    pits = steep < np.min(around, axis=0)
    assert pits.mean() < 0.02  # plain noise of the same height has 0.11


def test_thirty_to_forty_thousand_people_live_in_sixty_villages(demo: Path) -> None:
    villages = _features(demo / "villages.geojson")
    people = sum(v["properties"]["population"] for v in villages)
    assert len(villages) == 60
    assert 30_000 < people < 40_000
    with rasterio.open(demo / "population.tif") as raster:
        assert raster.read(1).sum() == pytest.approx(people, abs=60)  # each village is rounded


def test_every_village_has_a_name_of_its_own_that_says_it_is_a_sample(demo: Path) -> None:
    names = [v["properties"]["name"] for v in _features(demo / "villages.geojson")]
    assert len(set(names)) == len(names)
    assert all("Mẫu" in name for name in names)


def test_villages_lie_in_the_commune_that_they_name(demo: Path) -> None:
    communes = {
        c["properties"]["commune_code"]: shapely.geometry.shape(c["geometry"])
        for c in _features(demo / "communes.geojson")
    }
    assert len(communes) == 4
    for village in _features(demo / "villages.geojson"):
        outline = shapely.geometry.shape(village["geometry"])
        assert outline.is_valid
        home = communes[village["properties"]["commune_code"]]
        assert home.distance(outline.centroid) < 0.004  # borders are smoothed by some 400 m


def test_twelve_masts_carry_4g_and_three_of_them_5g(demo: Path) -> None:
    rows = _rows(demo / "cells.csv")
    assert len({row["site_id"] for row in rows}) == 12
    assert len({row["cell_id"] for row in rows}) == len(rows)
    assert {row["site_id"] for row in rows if row["technology"] == "4G"} == {
        row["site_id"] for row in rows
    }
    assert len({row["site_id"] for row in rows if row["technology"] == "5G"}) == 3


def test_forest_covers_the_slopes_and_fields_the_plain(demo: Path) -> None:
    with rasterio.open(demo / "terrain.tif") as raster:
        ground = raster.read(1).astype(np.float64)
    with rasterio.open(demo / "land_cover.tif") as raster:
        cover = raster.read(1)
    slope = np.degrees(np.arctan(np.hypot(*np.gradient(ground, 30.0))))
    assert (cover[slope > 25.0] == 10).mean() > 0.6
    assert (cover[(slope < 3.0) & (ground < 800.0)] == 40).mean() > 0.6
    assert set(np.unique(cover)) == {10, 20, 30, 40, 50, 60, 80}


def test_every_file_says_that_it_is_synthetic(demo: Path) -> None:
    assert tomllib.loads((demo / "scenario.toml").read_text(encoding="utf-8"))["synthetic"] is True
    for name in ("terrain.tif", "land_cover.tif", "population.tif"):
        with rasterio.open(demo / name) as raster:
            assert "SYNTHETIC" in raster.tags()["TIFFTAG_IMAGEDESCRIPTION"]
    for name in ("villages.geojson", "communes.geojson"):
        assert "SYNTHETIC" in (demo / name).read_text(encoding="utf-8")
    assert all("giả lập" in row["operator"] for row in _rows(demo / "cells.csv"))


@pytest.mark.slow
def test_a_second_writing_gives_the_same_bytes(demo: Path, tmp_path: Path) -> None:
    write_demo(tmp_path)
    for path in sorted(demo.iterdir()):
        first = hashlib.sha256(path.read_bytes()).hexdigest()
        assert hashlib.sha256((tmp_path / path.name).read_bytes()).hexdigest() == first, path.name


@pytest.mark.slow
def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")
    with pytest.raises(DataError, match="choose an output folder"):
        write_demo(tmp_path / "demo")
