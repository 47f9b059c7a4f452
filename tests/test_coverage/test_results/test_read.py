"""A result that was written can be read again, whole, and a spoiled one is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import pytest
import rasterio

from lensong.coverage.results.files import RSRP_DBM, UPLINK_MBPS
from lensong.coverage.results.read import (
    read_causes,
    read_counterfactuals,
    read_result,
    read_village_table,
)
from lensong.coverage.results.write import write_result
from lensong.gis_data.lists import read_list
from lensong.gis_data.vector_write import write_csv
from lensong.propagation.errors import DataError
from lensong.propagation.types import Grid
from tests.small_plan import PLACES, make_small_plan_result

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plan")
    write_result(make_small_plan_result(), out, lensong_version="1.2.3", created_at=NOW)
    return out


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_the_record_says_what_a_reader_needs_without_the_scenario(copy: Path) -> None:
    plan = make_small_plan_result()
    record = json.loads((copy / "run.json").read_text("utf-8"))
    (copy / "run.json").write_text(json.dumps(record | {"settings": {}}), "utf-8")
    found = read_result(copy)
    assert (found.title, found.created_at, found.synthetic) == (plan.title, NOW, True)
    assert (found.grid, found.technologies) == (plan.land.grid, ("4G", "5G"))
    assert found.level_sigma_db == plan.level_sigma_db
    assert found.result_id == record["result_id"]


def test_relief_and_outlines_come_back_in_their_place(copy: Path) -> None:
    found = read_result(copy)
    relief, communes = found.relief(), found.communes()
    assert relief is not None
    assert communes is not None
    picture, edges = relief
    lon, lat = _degrees(found.grid)
    pixel_deg = 0.001  # of the picture, and what the grid turns against the meridian
    assert edges.west_deg == pytest.approx(min(lon), abs=pixel_deg)
    assert edges.south_deg == pytest.approx(min(lat), abs=pixel_deg)
    assert edges.east_deg == pytest.approx(max(lon), abs=pixel_deg)
    assert edges.north_deg == pytest.approx(max(lat), abs=pixel_deg)
    assert picture == (copy / "relief.png").read_bytes()
    assert len(picture) < 400_000
    with rasterio.open(copy / "relief.png") as image:  # as QGIS finds its place
        assert tuple(image.bounds) == pytest.approx(
            (edges.west_deg, edges.south_deg, edges.east_deg, edges.north_deg)
        )
        assert np.ptp(image.read(1)[image.read(1) > 0]) > 5
    assert list(communes["commune_code"]) == list(
        make_small_plan_result().communes["commune_code"]  # type: ignore[index]  # has communes
    )
    (copy / "relief.pgw").write_text("1\n2\n")
    with pytest.raises(DataError, match=r"relief\.pgw is no place of relief\.png"):
        found.relief()
    (copy / "relief.png").unlink()
    assert found.relief() is None


def _degrees(grid: Grid) -> tuple[list[float], list[float]]:
    west, south, east, north = grid.bounds_m
    to_degrees = pyproj.Transformer.from_crs(grid.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform([west, east, east, west], [south, south, north, north])
    return list(lon), list(lat)


def test_tables_come_back(folder: Path) -> None:
    plan = make_small_plan_result()
    found = read_result(folder)
    assert list(found.villages()["name"]) == [place[0] for place in PLACES]
    cells = found.cells()
    assert list(cells["cell_id"]) == [cell.cell_id for cell in plan.network.cells]
    assert list(cells["operator"]) == [cell.operator for cell in plan.network.cells]


@pytest.mark.parametrize("text", ["-8 dBm", "=1+1", "'-8", "''=x", "'quoted'", "+84", "@a", "＝x"])
def test_text_comes_back_from_tables_as_it_was(tmp_path: Path, text: str) -> None:
    # what keeps a spreadsheet from running it is for the spreadsheet alone
    table = pd.DataFrame(
        {"village_id": ["001"], "change": ["less_power"], "mast_id": ["07"], "before": [text]}
    ).assign(after=pd.Series([None], dtype="str"))  # nothing, and yet no number
    write_csv(tmp_path / "counterfactuals.csv", table)
    write_csv(tmp_path / "causes.csv", table.rename(columns={"before": "=note"}))
    found = read_counterfactuals(tmp_path)
    assert found is not None
    pd.testing.assert_frame_equal(found, table)
    causes = read_causes(tmp_path)
    assert causes is not None
    assert causes["=note"].tolist() == [text]
    listed = read_list(tmp_path / "counterfactuals.csv")
    assert listed.rows[0]["before"] == text


def test_pixels_come_back_in_the_order_asked(folder: Path) -> None:
    plan = make_small_plan_result()
    found = read_result(folder)
    pixels = [(150, 20), (0, 0), (104, 88), (30, 190)]
    rows, cols = zip(*pixels, strict=True)
    for technology, layers in plan.layers.items():
        for layer, values in ((RSRP_DBM, layers.rsrp_dbm), (UPLINK_MBPS, layers.uplink_mbps)):
            np.testing.assert_array_equal(
                found.values(technology, layer, pixels), values[rows, cols].astype(np.float64)
            )
        served = [int(index) for index in layers.best_server[rows, cols]]
        assert found.servers(technology, pixels) == [
            plan.network.cells[index].cell_id if index >= 0 else "" for index in served
        ]
    assert found.values("4G", RSRP_DBM, []).shape == (0,)


@pytest.mark.parametrize(
    "changes",
    [
        {"grid": {}},
        {"technologies": []},
        {"technologies": ["6G"]},
        {"created_at": "yesterday"},
        {"level_sigma_db": None},
        {"level_sigma_db": float("nan")},
        {"level_sigma_db": -1.0},
    ],
)
def test_a_record_that_cannot_be_is_refused(copy: Path, changes: dict[str, Any]) -> None:
    record = json.loads((copy / "run.json").read_text("utf-8"))
    (copy / "run.json").write_text(json.dumps(record | changes), "utf-8")
    with pytest.raises(DataError, match=r"run\.json"):
        read_result(copy)


def test_a_record_of_an_older_version_says_to_plan_again(copy: Path) -> None:
    record = json.loads((copy / "run.json").read_text("utf-8"))
    del record["level_sigma_db"]
    (copy / "run.json").write_text(json.dumps(record), "utf-8")
    with pytest.raises(DataError, match=r"level_sigma_db.*plan again"):
        read_result(copy)


def test_what_is_no_result_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*run\.json"):
        read_result(tmp_path)
    (copy / "run.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="JSON"):
        read_result(copy)
    with pytest.raises(DataError, match="no result in"):
        read_village_table(tmp_path)


def test_a_missing_or_foreign_raster_is_named(copy: Path) -> None:
    found = read_result(copy)
    (copy / "4g_uplink_mbps.tif").unlink()
    with pytest.raises(DataError, match="4g_uplink_mbps"):
        found.values("4G", UPLINK_MBPS, [(0, 0)])
    half = replace(found, grid=replace(found.grid, rows=100))
    with pytest.raises(DataError, match="100 x 200"):
        half.values("4G", RSRP_DBM, [(0, 0)])
