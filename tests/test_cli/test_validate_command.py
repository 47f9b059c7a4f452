"""`lensong validate` holds a model against a drive test."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from click.testing import CliRunner, Result
from pyproj import Transformer

from lensong.cli.main import lensong
from lensong.propagation.free_space import free_space_loss_db
from tests.test_cli.small_scenario import (
    CELL_M,
    NORTH_M,
    WEST_M,
    SmallPlan,
    ground_m,
    write_raster,
)

HEIGHTS = "--transmitter=22.4072,103.6545,30", "--freq-mhz=1800", "--rx-height-m=1.5"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(lensong, ["validate", *map(str, arguments)])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a drive test whose levels are those of free space from 20 dBm, 4 dB weaker."""
    path = tmp_path / "drive.csv"
    distances = np.array([400.0, 900.0, 2500.0])
    level = 20.0 - free_space_loss_db(np.hypot(distances, 28.5), 1800.0) - 4.0
    rows = [f"{d / 1000.0},{x:.6f}" for d, x in zip(distances, level, strict=True)]
    path.write_text("\n".join(["d_km,RSRP", *rows, "3.0,-"]) + "\n", encoding="utf-8")
    return path


def test_it_writes_page_numbers_and_points(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(log, "--model", "free-space", *HEIGHTS, "--eirp-dbm=20", "--out", out)
    assert done.exit_code == 0, done.output
    assert "-4.0" in done.stdout
    assert "p95 |error|" in done.stdout
    assert "p95 of |error| [dB]" in (out / "validation.html").read_text("utf-8")
    assert "1 left out: no rsrp_dbm" in done.stdout
    found = json.loads((out / "validation.json").read_text("utf-8"))
    assert found["overall"]["n"] == 3
    assert found["overall"]["bias_db"] == pytest.approx(-4.0, abs=0.001)
    assert found["left_out"] == {"no rsrp_dbm": 1}
    points = pd.read_csv(out / "validation.csv", encoding="utf-8-sig")
    np.testing.assert_allclose(points["error_db"], -4.0, atol=0.001)  # printed to 0.001 dB
    assert points["row"].tolist() == [1, 2, 3]
    assert "4.0 dB too little loss" in " ".join((out / "validation.html").read_text().split())


def test_without_eirp_no_bias_is_told(log: Path, tmp_path: Path) -> None:
    done = run(log, "--model", "free_space", *HEIGHTS, "--json", "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["overall"]["bias_db"] is None
    assert found["fitted_offset_db"] == pytest.approx(16.0, abs=0.001)
    text = run(log, "--model", "free_space", *HEIGHTS, "--out", tmp_path / "out").stdout
    assert "EIRP not known" in text


@pytest.mark.slow
def test_with_a_dem_paths_are_split_by_line_of_sight(tmp_path: Path) -> None:
    ground = ground_m()
    ground[:, 60] += 200.0
    write_raster(tmp_path / "dem.tif", ground)
    write_raster(tmp_path / "cover.tif", np.full(ground.shape, 30, dtype=np.uint8))
    to_degrees = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)
    rows = ["lat,lon,path_loss_db"]
    for col in (40, 50, 75):
        lon, lat = to_degrees.transform(WEST_M + col * CELL_M, NORTH_M - 50.0 * CELL_M)
        rows.append(f"{lat:.7f},{lon:.7f},120")
    lon, lat = to_degrees.transform(WEST_M + 15.0 * CELL_M, NORTH_M - 50.0 * CELL_M)
    log = tmp_path / "drive.csv"
    log.write_text("\n".join(rows) + "\n", encoding="utf-8")
    mast = f"--transmitter={lat:.7f},{lon:.7f},60"
    done = run(
        *(log, "--model", "p1812", "--out", tmp_path / "out", "--dem", tmp_path / "dem.tif"),
        *("--land-cover", tmp_path / "cover.tif", mast, *HEIGHTS[1:], "--json"),
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    counts = {(g["split"], g["label"]): g["n"] for g in found["groups"]}
    assert counts["line_of_sight", "clear over bare ground"] == 2
    assert counts["line_of_sight", "blocked by ground"] == 1
    assert sum(n for (split, _), n in counts.items() if split == "clutter") == 3
    write_raster(tmp_path / "canopy.tif", np.full(ground.shape, 12.0, dtype=np.float32))
    trees = run(
        *(log, "--model", "p1812", "--out", tmp_path / "trees", "--dem", tmp_path / "dem.tif"),
        *("--land-cover", tmp_path / "cover.tif", mast, *HEIGHTS[1:], "--json"),
        *("--clutter-heights", tmp_path / "canopy.tif"),
    )
    assert trees.exit_code == 0, trees.output
    wooded = json.loads(trees.stdout)
    assert any("canopy.tif" in text for text in wooded["assumptions"])
    assert any("count from 50 m" in text for text in wooded["assumptions"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "p1812"), "needs the terrain of every path: give --dem"),
        (("--model", "p18"), "did you mean"),
        (("--model", "free_space", "--transmitter", "22.4 103.6"), "wanted latitude"),
        (("--model", "free_space", "--column", "RSRP"), "wanted two names with ="),
        (("--model", "free_space", "--land-cover", "x.tif"), "without --dem"),
        (("--model", "free_space", "--clutter-heights", "x.tif"), "without --dem"),
        (("--model", "free_space", "--dem", "x.tif"), "no positions"),
    ],
)
def test_bad_input_ends_with_two_and_says_what_to_do(
    log: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    known = HEIGHTS[1:] if "--transmitter" in arguments else HEIGHTS
    done = run(log, *arguments, *known, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert message in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_log_without_transmitter_says_that_path_loss_cannot_be_validated(
    log: Path, tmp_path: Path
) -> None:
    log.write_text("Latitude,Longitude,RSRP\n51.9,-8.5,-90\n", encoding="utf-8")
    done = run(log, "--model", "free_space", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "path loss cannot be validated with this file" in done.stderr
    assert str(log) in done.stderr


def drives_of(small: SmallPlan, *offsets_db: float) -> list[Path]:
    """Write a phone's log for each offset: the plan's own levels, in every fourth row of pixels."""
    result = small.plan("--quiet")
    assert result.exit_code == 0, result.output
    with rasterio.open(small.out / "4g_rsrp_dbm.tif") as raster:
        level, corner = raster.read(1), raster.bounds
    with rasterio.open(small.out / "4g_best_server.tif") as raster:
        server = raster.read(1)
    to_degrees = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)

    def centre(row: int, col: int) -> tuple[float, float]:
        return corner.left + (col + 0.5) * CELL_M, corner.top - (row + 0.5) * CELL_M

    heard = []
    for row in range(0, level.shape[0], 4):
        for col in range(level.shape[1]):
            if np.isfinite(level[row, col]) and level[row, col] > -200.0:
                lon, lat = to_degrees.transform(*centre(row, col))
                cell = f"S1-{server[row, col] + 1}"  # codes count from 0
                heard.append((f"{lat:.7f},{lon:.7f},LTE", float(level[row, col]), cell))
    paths = []
    for number, offset in enumerate(offsets_db, 1):
        rows = [f"{place},{value + offset:.2f},{cell}" for place, value, cell in heard]
        path = small.folder / f"phone{number}.csv"
        path.write_text("\n".join(["Latitude,Longitude,NetworkMode,RSRP,CellID", *rows]) + "\n")
        paths.append(path)
    return paths


def test_a_plan_is_held_against_a_drive_of_two_phones(small: SmallPlan) -> None:
    logs = [str(path) for path in drives_of(small, -3.0, -1.0)]
    out = small.folder / "check"
    done = small.run("validate", *logs, "--scenario", str(small.scenario), "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "phone2.csv" in done.stdout
    found = json.loads((out / "validation.json").read_text("utf-8"))
    assert found["overall"]["bias_db"] == pytest.approx(-2.0, abs=0.05)  # -3 and -1
    assert found["overall"]["sd_db"] == pytest.approx(1.0, abs=0.05)
    assert [p["offset_db"] for p in found["phones"]] == [-1.0, 1.0]
    assert found["suspects"] == []
    assert found["left_out"] == {}
    assert {g["split"] for g in found["groups"]} >= {"distance", "line_of_sight", "cell", "phone"}
    names = [score["name"] for score in found["held_out"]["scores"]]
    assert names[-1] == "no terrain: constant and slope of log distance"
    points = gpd.read_file(out / "validation.gpkg", layer="measured_points")
    assert len(points) == found["entries"] > 100
    np.testing.assert_allclose(
        points["measured_dbm"] - points["predicted_dbm"], points["error_db"], atol=0.011
    )
    assert set(gpd.read_file(out / "validation.gpkg", layer="cells")["cell_id"]) == {"S1-1", "S1-2"}
    page = " ".join((out / "validation.html").read_text("utf-8").split())
    assert "the plan is 2.0 dB too optimistic" in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_models_are_held_against_a_drive_beside_each_other(small: SmallPlan) -> None:
    (log,) = drives_of(small, -3.0)
    done = small.run(
        *("compare", str(small.scenario), "--models", "p1812,tr38901_rma"),
        *("--out", str(small.folder / "compared"), "--measurements", str(log)),
    )
    assert done.exit_code == 0, done.output
    found = json.loads((small.folder / "compared" / "comparison.json").read_text("utf-8"))
    scores = {score["name"]: score for score in found["measured"]["scores"]}
    assert scores["itu_r_p1812"]["mae_db"] == pytest.approx(3.0, abs=0.02)
    assert scores["itu_r_p1812 + constant"]["rmse_db"] < scores["tr38901_rma + constant"]["rmse_db"]
    assert "no terrain: constant and slope of log distance" in scores
    page = (small.folder / "compared" / "comparison.html").read_text("utf-8")
    assert "Against the drive test" in page


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--model", "p1812", "--workers", "2"), "--workers changes nothing here"),
        (("--model", "p1812", "--quantity", "total"), "--quantity changes nothing here"),
        (("--scenario", "s.toml", "--freq-mhz", "800"), "--freq-mhz changes nothing here"),
        (("drive.csv", "--model", "p1812"), "2 files are given, wanted one"),
        ((), "neither --model nor --scenario is given"),
    ],
)
def test_options_of_the_other_way_are_refused(
    log: Path, tmp_path: Path, options: tuple[str, ...], told: str
) -> None:
    done = run(log, *options, "--out", tmp_path / "out")
    assert done.exit_code != 0
    assert told in done.output
    assert not (tmp_path / "out").exists()
