from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio

from lensong.coverage.result import PlanResult
from lensong.coverage.results.difference import read_pair, write_difference
from lensong.coverage.results.write import write_result
from lensong.gis_data.gridding import onto_grid
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid
from tests.small_plan import make_small_plan_result, with_why


def stronger(plan: PlanResult, by_db: float) -> PlanResult:
    layers = dict(plan.layers)
    layers["4G"] = replace(layers["4G"], rsrp_dbm=layers["4G"].rsrp_dbm + np.float32(by_db))
    propagation = {**plan.settings["propagation"], "model": "itm"}
    return replace(plan, layers=layers, settings={**plan.settings, "propagation": propagation})


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    plan = make_small_plan_result()
    write_result(with_why(plan), folder / "before", lensong_version="1")
    write_result(with_why(stronger(plan, 4.0), by_db=3.0), folder / "after", lensong_version="1")
    return folder / "before", folder / "after"


def test_the_difference_names_settings_and_draws_the_level(
    results: tuple[Path, Path], tmp_path: Path
) -> None:
    pair = read_pair(*results)
    assert [(c.name, c.after) for c in pair.found.settings or ()] == [
        ("propagation.model", '"itm"')
    ]
    assert pair.found.notes == ()
    write_difference(pair, tmp_path / "out", lensong_version="1")
    with rasterio.open(tmp_path / "out" / "4g_rsrp_difference_db.tif") as raster:
        values = raster.read(1)
    level = make_small_plan_result().layers["4G"].rsrp_dbm
    np.testing.assert_array_equal(np.isfinite(values), np.isfinite(level))
    np.testing.assert_allclose(values[np.isfinite(values)], 4.0, atol=1e-4)
    page = (tmp_path / "out" / "diff.html").read_text("utf-8")
    for text in ("propagation.model", "4G, mean +4.0 dB", "5G, mean +0.0 dB", "Bình Lư",
                 "SYNTHETIC DATA", "11.0 dB → 14.0 dB", "terrain +3.0", "3 → 2",
                 "+5.0 dB, +42 people"):  # fmt: skip
        assert text in page
    villages = pd.read_csv(tmp_path / "out" / "villages.csv")
    short = villages[villages["class_after"] != "covered"]
    assert set(short["most_grown"]) == {"terrain"}
    assert set(short["streams_at_once_livestream_720p_after"]) == {2}
    mended = pd.read_csv(tmp_path / "out" / "counterfactuals.csv")
    assert list(mended["change"]) == ["higher_mast"]
    drawn = gpd.read_file(tmp_path / "out" / "villages.gpkg", layer="villages")
    assert list(drawn["village_id"]) == list(villages["village_id"])
    assert drawn["shortfall_after_db"].notna().sum() == len(short)


def test_a_table_alone_has_no_settings_and_no_map(
    results: tuple[Path, Path], tmp_path: Path
) -> None:
    pair = read_pair(results[0] / "villages.csv", results[1])
    assert pair.found.settings is None
    assert "has no run.json" in pair.found.notes[0]
    with pytest.raises(DataError, match="needs both results whole"):
        write_difference(pair, tmp_path, lensong_version="1")


def test_grids_that_differ_are_said_and_the_map_lies_on_the_second(
    results: tuple[Path, Path], tmp_path: Path
) -> None:
    before, after = read_pair(*results).before, read_pair(*results).after
    assert before is not None
    assert after is not None
    moved = replace(after.grid, west_m=after.grid.west_m + 30.0)
    record = json.loads((results[1] / "run.json").read_text("utf-8"))
    folder = tmp_path / "shifted"
    folder.mkdir()
    for file in results[1].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    record["grid"]["west_m"] = moved.west_m
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    pair = read_pair(results[0], folder)
    assert "the grids differ" in pair.found.notes[0]
    write_difference(pair, tmp_path / "out", lensong_version="1")
    with rasterio.open(tmp_path / "out" / "5g_rsrp_difference_db.tif") as raster:
        assert raster.transform.c == moved.west_m

    far = json.loads(json.dumps(record))
    far["grid"]["west_m"] += 100_000.0
    (folder / "run.json").write_text(json.dumps(far), "utf-8")
    with pytest.raises(DataError, match="no pixel with a level in common"):
        write_difference(read_pair(results[0], folder), tmp_path / "none", lensong_version="1")
    assert not (tmp_path / "none").exists()


def test_a_plane_stays_a_plane_on_another_grid() -> None:
    fine = Grid(crs="EPSG:32648", west_m=500_000.0, north_m=2_500_000.0, cell_m=10.0, rows=60,
                cols=60)  # fmt: skip
    coarse = replace(fine, cell_m=25.0, rows=24, cols=24)
    row, col = np.mgrid[0:60, 0:60]
    plane = (2.0 * (fine.north_m - (row + 0.5) * 10.0 - 2_499_400.0) + (col + 0.5) * 10.0).astype(
        np.float32
    )
    moved = onto_grid(plane, fine, coarse)
    row, col = np.mgrid[0:24, 0:24]
    wanted = 2.0 * (coarse.north_m - (row + 0.5) * 25.0 - 2_499_400.0) + (col + 0.5) * 25.0
    np.testing.assert_allclose(moved[1:-1, 1:-1], wanted[1:-1, 1:-1], atol=0.5)
