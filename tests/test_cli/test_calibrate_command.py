"""`lensong calibrate` on a small scenario, the files it leaves, and the plan that reads them."""

from __future__ import annotations

import asyncio
import csv
import json
import sqlite3
import tomllib
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer

from lensong.cli.service_access import Target
from lensong.cli.service_levels import levels_of_service
from lensong.coverage.drive.match import match_measurements
from lensong.coverage.path.levels import Levels
from lensong.coverage.scenario.drive_test import read_drive_logs
from lensong.coverage.scenario.inputs import read_climate, read_inputs
from lensong.coverage.scenario.load import load_scenario
from tests.test_cli.small_scenario import SmallPlan, write_small_plan

BIAS_DB = -9.0
WAVE_DB = 6.0
"""Of what lasts over some hundred metres."""


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> SmallPlan:
    """Return a scenario that was planned, and a drive: 9 dB less, here more, there less."""
    small = write_small_plan(tmp_path_factory.mktemp("calibrate"))
    small.replace("scenario.toml", "radius_m = 700", "radius_m = 1200")
    small.replace("scenario.toml", 'title = "Small"', 'title = "Small"\n[causes]\nvillages = false')
    assert small.plan("--workers", "1").exit_code == 0
    rng = np.random.default_rng(5)
    with rasterio.open(small.out / "4g_rsrp_dbm.tif") as raster:
        level, place = raster.read(1, masked=True).filled(np.nan), raster.transform
        crs = raster.crs
    with rasterio.open(small.out / "4g_best_server.tif") as raster:
        server = raster.read(1)
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    rows = []
    for row in range(4, level.shape[0] - 4, 5):
        for col in range(4, level.shape[1] - 4, 8):
            if not np.isfinite(level[row, col]):
                continue
            lon, lat = to_degrees.transform(*(place @ (col + 0.5, row + 0.5)))  # pixel centres
            found = float(level[row, col]) + BIAS_DB + wave_db(lat, lon) + rng.normal(0.0, 2.0)
            cell_id = f"S1-{server[row, col] + 1}"
            rows.append([f"{lat:.6f}", f"{lon:.6f}", round(found, 1), cell_id])
    with (small.folder / "drive.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["Latitude", "Longitude", "RSRP", "CellID"], *rows])
    return small


def wave_db(lat_deg: float, lon_deg: float) -> float:
    """Return what the drive measures more here and less there, over some hundred metres."""
    return float(WAVE_DB * np.sin(lon_deg * 515.0) * np.cos(lat_deg * 370.0))


def calibrate(small: SmallPlan, log: str, out: Path, *options: str) -> tuple[int, str, str]:
    result = small.run(
        "calibrate", str(small.scenario), str(small.folder / log), "--out", str(out),
        "--workers", "1", *options,
    )  # fmt: skip
    return result.exit_code, result.stdout, result.stderr


def test_a_bias_is_learnt_proved_and_planned_with(driven: SmallPlan, tmp_path: Path) -> None:
    code, told, errors = calibrate(driven, "drive.csv", driven.folder / "cal", "--json")
    assert code == 0, errors
    found = json.loads(told)
    assert found["stage"] == "field"
    held_out = found["held_out"][0]
    assert held_out["rmse_db"]["none"] == pytest.approx(9.7, abs=0.8)
    assert held_out["rmse_db"][found["stage"]] < 3.5
    ahead = pd.read_csv(driven.folder / "cal" / "drive_next.csv")
    assert found["drive_next"] == ahead.to_dict("records")
    assert set(ahead["village_id"]) == {"A", "B"}
    assert ahead["uncertainty_left_share"].is_monotonic_decreasing
    assert (ahead["uncertainty_left_share"] < 1.0).all()
    written = tomllib.loads((driven.folder / "cal" / "calibration.toml").read_text("utf-8"))
    assert written["stage"] == found["stage"]

    before = levels(driven.out)
    text = driven.scenario.read_text("utf-8")
    driven.scenario.write_text(
        text + '[calibration]\nfile = "cal/calibration.toml"\n', encoding="utf-8"
    )
    try:
        again = driven.run(
            "plan", str(driven.scenario), "--out", str(tmp_path / "calibrated"), "--workers", "1"
        )
        assert again.exit_code == 0, again.output
        shift = levels(tmp_path / "calibrated") - before
        # where it was measured the levels are those of the drive, to a bit of its noise
        assert np.nanmedian(shift) == pytest.approx(BIAS_DB, abs=1.0)
        run = json.loads((tmp_path / "calibrated" / "run.json").read_text("utf-8"))
        assert any("are calibrated by" in sentence for sentence in run["assumptions"])
        villages = gpd.read_file(tmp_path / "calibrated" / "villages.gpkg", layer="villages")
        assert set(villages["evidence"]) == {"measured"}
        assert (
            villages["served_share_p05_voice_data"] <= villages["served_share_p95_voice_data"]
        ).all()
        seen_in_the_result(tmp_path / "calibrated")
        spots = gpd.read_file(tmp_path / "calibrated" / "villages.gpkg", layer="measured")
        assert len(spots) == found["spots"]
        assert abs(spots["left_db"]).mean() < 0.5 * abs(spots["residual_db"]).mean()
        assert any(source["role"] == "calibration" for source in run["inputs"])

        path = driven.run("path", str(driven.scenario), "--village", "A", "--json")
        assert path.exit_code == 0, path.output
        told = json.loads(path.stdout)
        assert any("The level is known to ±" in note for note in told["notes"])
        paths_are_their_pixels(driven, tmp_path / "calibrated", before)

        # what the plan adds at a spot is what was learnt there: levels are kept to 0.01 dB
        left = residuals(driven)
        np.testing.assert_allclose(left, spots["left_db"], atol=0.05)

        (driven.folder / "cal" / "calibration.gpkg").write_bytes(b"of another one")
        wrong = driven.check()
        assert wrong.exit_code == 2
        assert "is not the one that" in wrong.stderr
    finally:
        driven.scenario.write_text(text, encoding="utf-8")


def seen_in_the_result(folder: Path) -> None:
    """Rasters, layers, styles, page and picture for Google Earth have it, each beside the level."""
    spots = gpd.read_file(folder / "villages.gpkg", layer="measured")
    np.testing.assert_allclose(
        spots["measured_dbm"] - spots["calibrated_dbm"], spots["left_db"], atol=0.03
    )
    with rasterio.open(folder / "4g_level_basis.tif") as raster:
        basis = raster.read(1)
        names = [entry["label"] for entry in json.loads(raster.tags()["LENSONG_LEGEND"])]
    assert names == [
        "đã đo / measured",
        "đã hiệu chỉnh tại đây / calibrated here",
        "chỉ theo mô hình / model only",
    ]
    half, field = (raster_of(folder, name) for name in ("level_half_db", "residual_field_db"))
    served = basis > 0
    assert (np.isfinite(half) == served).all()
    assert (np.isfinite(field) == served).all()
    # surer than 1.645 deviations of the plan, 7 dB of its model and 4 dB of locations
    assert 2.0 < half[served].min() < half[served].max() < 13.2
    assert np.nanstd(field) > 1.0
    villages = pd.read_csv(folder / "villages.csv")
    assert (villages["rsrp_half_db_4g"] > 0.0).all()
    with sqlite3.connect(folder / "villages.gpkg") as store:
        styled = {row[0] for row in store.execute("select f_table_name from layer_styles")}
        layers = {row[0] for row in store.execute("select table_name from gpkg_contents")}
    assert {"measured"} <= styled & layers
    assert "wide_intervals" not in layers
    page = (folder / "report.html").read_text("utf-8")
    for words in ("đã hiệu chỉnh tại đây", "calibrated here", '"wide_db":', '"kind":"basis"'):
        assert words in page
    with zipfile.ZipFile(folder / "coverage.kmz") as packed:
        document = packed.read("doc.kml").decode("utf-8")
    assert document.count("đo trừ hiệu chỉnh / measured less calibrated") == len(spots)
    assert "Residual field of the calibration" in document


def raster_of(folder: Path, layer: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    with rasterio.open(folder / f"4g_{layer}.tif") as raster:
        found: np.ndarray[tuple[int, int], np.dtype[np.float64]] = (
            raster.read(1, masked=True).astype(np.float64).filled(np.nan)
        )
    return found


def paths_are_their_pixels(
    small: SmallPlan, calibrated: Path, bare: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> None:
    """A path is as far from its pixel as it was without a calibration, to what features differ."""
    asked = load_scenario(small.scenario)
    land, network, _ = read_inputs(asked)
    propagation, land = read_climate(asked, land)
    plain = replace(
        network, cells=tuple(replace(cell, level_correction_db=0.0) for cell in network.cells)
    )
    learnt = Levels(land, network, asked.handset, propagation)
    without = Levels(land, plain, asked.handset, replace(propagation, calibration=None))
    with rasterio.open(calibrated / "4g_best_server.tif") as raster:
        server = raster.read(1)
    level = levels(calibrated)
    served = np.argwhere(np.isfinite(level))
    to_degrees = Transformer.from_crs(land.grid.crs, "EPSG:4326", always_xy=True)
    for row, col in served[:: served.shape[0] // 7].tolist():
        lon, lat = to_degrees.transform(*land.grid.easting_northing(row, col))
        number = int(server[row, col])
        after = learnt.at(learnt.place(lat, lon), [network.cells[number]])[0]
        before = without.at(without.place(lat, lon), [plain.cells[number]])[0]
        added = after.rsrp_dbm - before.rsrp_dbm
        # diffraction of a sweep is kept to 0.14 dB, of which a term gives back no more than its
        # share; its path loss is within 0.5 dB of the pixel's own whole profile
        assert after.rsrp_dbm == pytest.approx(level[row, col], abs=0.6)
        assert added == pytest.approx(level[row, col] - bare[row, col], abs=0.15)


def residuals(small: SmallPlan) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return measured less planned levels of the drive, by the scenario as it stands."""
    asked = load_scenario(small.scenario)
    land, network, _ = read_inputs(asked)
    propagation, land = read_climate(asked, land)
    log = read_drive_logs([small.folder / "drive.csv"])
    matched, _ = match_measurements(
        log, land, network, handset=asked.handset, propagation=propagation
    )
    return matched.measured_dbm - matched.predicted_dbm


def levels(folder: Path) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    with rasterio.open(folder / "4g_rsrp_dbm.tif") as raster:
        found: np.ndarray[tuple[int, int], np.dtype[np.float64]] = (
            raster.read(1, masked=True).astype(np.float64).filled(np.nan)
        )
    return found


def test_noise_alone_is_taken_back(driven: SmallPlan, tmp_path: Path) -> None:
    """Levels as planned but for noise: nothing gets better where it is held out, exit code 1."""
    lines = (driven.folder / "drive.csv").read_text("utf-8").splitlines()
    as_planned, rng = [lines[0]], np.random.default_rng(6)
    for line in lines[1:]:
        lat, lon, level, cell_id = line.split(",")
        noise_db = rng.normal(0.0, 2.0)
        planned = float(level) - BIAS_DB - wave_db(float(lat), float(lon))
        as_planned.append(f"{lat},{lon},{planned + noise_db:.1f},{cell_id}")
    as_planned.append(f"25.0,103.6,-80.0,{cell_id}")  # far from the plan
    (driven.folder / "same.csv").write_text("\n".join(as_planned), encoding="utf-8")
    code, told, errors = calibrate(driven, "same.csv", tmp_path / "cal")
    assert code == 1, errors
    assert f"Of {len(lines)} rows 1 teach nothing (" in told
    assert "nothing is changed" in told
    written = tomllib.loads((tmp_path / "cal" / "calibration.toml").read_text("utf-8"))
    assert written["stage"] == "none"


def test_a_drive_around_one_spot_is_refused(driven: SmallPlan, tmp_path: Path) -> None:
    lines = (driven.folder / "drive.csv").read_text("utf-8").splitlines()
    spot = [
        f"{22.4075 + 0.0003 * (k // 6):.4f},{103.6540 + 0.0003 * (k % 6):.4f},-70,"
        for k in range(36)
    ]
    (driven.folder / "spot.csv").write_text("\n".join([lines[0], *spot]), encoding="utf-8")
    code, _, errors = calibrate(driven, "spot.csv", tmp_path / "cal")
    assert code == 2
    assert "fewer than 3 squares of 500 m" in errors
    (driven.folder / "few.csv").write_text("\n".join(lines[::30]), encoding="utf-8")
    code, _, errors = calibrate(driven, "few.csv", tmp_path / "cal")
    assert code == 2
    assert "fewer than" in errors
    nothing = driven.run("calibrate", str(driven.scenario), "--out", str(tmp_path / "cal"))
    assert nothing.exit_code == 2
    assert "no measurements are given" in nothing.stderr


def test_a_file_that_is_no_calibration_is_named(driven: SmallPlan) -> None:
    text = driven.scenario.read_text("utf-8")
    (driven.folder / "other.toml").write_text("version = 2\nstage = 3\n", encoding="utf-8")
    driven.scenario.write_text(text + '[calibration]\nfile = "other.toml"\n', encoding="utf-8")
    try:
        wrong = driven.check()
    finally:
        driven.scenario.write_text(text, encoding="utf-8")
    assert wrong.exit_code == 2
    assert "other.toml is no calibration" in wrong.stderr


def test_levels_of_the_services_tests_are_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test counts where it was made, else at its site; those without a level do not."""

    class Service:
        async def ask(self, method: str, path: str, **request: Any) -> dict[str, Any]:
            assert method == "GET"
            if path.endswith("/measurements"):
                page = request["params"].get("cursor")
                level = {"technology": "4G", "operator": "A", "lat_deg": None, "lon_deg": None}
                there = level | {"lat_deg": 22.5, "lon_deg": 103.7, "rsrp_dbm": -101.0}
                return (
                    {"items": [there], "next_cursor": None}
                    if page
                    else {
                        "items": [level | {"rsrp_dbm": -90.5}, level | {"rsrp_dbm": None}],
                        "next_cursor": "more",
                    }
                )
            return {
                "items": [
                    {
                        "site_id": "cho", "name": "Chợ", "commune_code": "1", "lat_deg": 22.4,
                        "lon_deg": 103.6, "operators": ["A"], "technologies": ["4G"],
                    }
                ],
                "next_cursor": None,
            }  # fmt: skip

    def run(self: Target, work: Any, *, writes: bool, language: str = "en") -> Any:  # noqa: ARG001
        return asyncio.run(work(Service()))

    monkeypatch.setattr(Target, "run", run)
    log = levels_of_service(Target(server=None))
    assert log.level_dbm.tolist() == [-90.5, -101.0]
    assert log.lat_deg.tolist() == [22.4, 22.5]
    assert log.technology.tolist() == ["4G", "4G"]


def test_measurements_and_a_service_are_not_mixed(driven: SmallPlan, tmp_path: Path) -> None:
    code, _, errors = calibrate(driven, "drive.csv", tmp_path / "cal", "--from-service")
    assert code == 2
    assert "choose one" in errors
    code, _, errors = calibrate(driven, "drive.csv", tmp_path / "cal", "--db", "sqlite:///x.db")
    assert code == 2
    assert "without --from-service" in errors
