from __future__ import annotations

import errno
import json
import os
import subprocess
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio

from lensong.coverage.network import AsRead
from lensong.coverage.result import PlanResult
from lensong.coverage.results import rasters
from lensong.coverage.results import write as outputs
from lensong.coverage.results.write import write_groups, write_result
from lensong.gis_data.cog import write_cog
from lensong.propagation.errors import DataError
from tests.small_plan import PLACES, make_small_plan_result, two_operators

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
RASTERS = {
    *(
        f"{technology}_{name}.tif"
        for technology in ("4g", "5g")
        for name in (
            "level_dbm",
            "rsrp_dbm",
            "second_rsrp_dbm",
            "rsrq_db",
            "sinr_db",
            "downlink_mbps",
            "uplink_mbps",
            "best_server",
            "second_server",
            "service_probability_voice_data",
            "service_probability_livestream_720p",
            "service_probability_livestream_1080p",
        )
    ),
}
OTHERS = {
    "villages.gpkg",
    "villages.csv",
    "coverage.kmz",
    "relief.png",
    "relief.pgw",
    "report.html",
    "result.qgz",
    "run.json",
    *(f"{Path(name).stem}.qml" for name in RASTERS),
    *(f"{name}.aux.xml" for name in RASTERS if "_server." in name),
}


@pytest.fixture
def plan() -> PlanResult:
    return make_small_plan_result()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan") / "result"
    write_result(make_small_plan_result(), folder, lensong_version="1.2.3", created_at=NOW)
    return folder


def _hashes(folder: Path) -> dict[str, str]:
    return {p.name: sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_every_file_of_the_plan_is_there_and_nothing_else(written: Path) -> None:
    assert {p.name for p in written.iterdir()} == RASTERS | OTHERS
    assert [p.name for p in written.parent.iterdir()] == [written.name]


def test_the_same_plan_gives_the_same_bytes_but_for_the_record(
    plan: PlanResult, written: Path, tmp_path: Path
) -> None:
    later = datetime(2027, 1, 1, tzinfo=UTC)
    slower = replace(plan, timings_s={"sweeps": 99.0}, sweeps_reused=0)
    write_result(slower, tmp_path / "again", lensong_version="1.2.3", created_at=later)
    first, second = _hashes(written), _hashes(tmp_path / "again")
    assert {name for name in first if first[name] != second[name]} == {"run.json"}


def test_the_geopackage_holds_villages_communes_masts_cells_and_gaps(
    plan: PlanResult, written: Path
) -> None:
    found = {name: gpd.read_file(written / "villages.gpkg", layer=name)
             for name in ("villages", "communes", "masts", "cells", "gaps")}  # fmt: skip
    assert list(found["villages"]["name"]) == [place[0] for place in PLACES]
    assert len(found["masts"]) == 3
    assert len(found["cells"]) == len(plan.network.cells)
    assert found["cells"].crs == plan.land.grid.crs
    assert bool(found["masts"].set_index("mast_id").loc["LC-KH-03", "uncertain"])
    assert found["cells"]["assumed"].ne("").sum() == 3
    for mast, place in zip(plan.network.masts, found["masts"].to_crs(4326).geometry, strict=True):
        assert (place.x, place.y) == pytest.approx((mast.lon_deg, mast.lat_deg), abs=1e-7)


def test_the_csv_opens_with_its_accents(written: Path) -> None:
    content = (written / "villages.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    table = pd.read_csv(written / "villages.csv")
    assert list(table["name"]) == [place[0] for place in PLACES]
    assert "geometry" not in table
    assert {"class", "reason", "served_share_livestream_720p", "uplink_p10_mbps_4g"} <= set(table)


@pytest.mark.parametrize("name", sorted(RASTERS))
def test_rasters_carry_values_unit_legend_and_provenance(
    plan: PlanResult, written: Path, name: str
) -> None:
    with rasterio.open(written / name) as dataset:
        assert dataset.shape == plan.land.grid.shape
        tags = dataset.tags()
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.descriptions[0] == name.split("_", 1)[1].removesuffix(".tif")
        assert "SYNTHETIC" in tags["TIFFTAG_IMAGEDESCRIPTION"]
        provenance = json.loads(tags["LENSONG_PROVENANCE"])
        legend = json.loads(tags["LENSONG_LEGEND"], parse_constant=pytest.fail)
        assert provenance["lensong"] == "1.2.3"
        assert len(provenance["inputs"]) == 3
        assert len(legend) >= 3
        lows = [entry["value"] for entry in legend]
        assert lows == sorted(lows)


def test_rasters_hold_the_layers(plan: PlanResult, written: Path) -> None:
    layers = plan.layers["4G"]
    with rasterio.open(written / "4g_rsrp_dbm.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), layers.rsrp_dbm)
        assert dataset.units == ("dBm",)
    with rasterio.open(written / "4g_service_probability_voice_data.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), layers.services["voice-data"].probability)
    with rasterio.open(written / "4g_best_server.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), layers.best_server)
        assert (dataset.dtypes, dataset.nodata) == (("int16",), -1)
        named = {e["value"]: e["label"] for e in json.loads(dataset.tags()["LENSONG_LEGEND"])}
    for index in set(np.unique(layers.best_server)) - {-1}:
        assert named[index] == plan.network.cells[index].cell_id


def test_rasters_that_did_not_change_are_copied_and_no_byte_depends_on_it(
    plan: PlanResult, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def counted(path: Path, *args: Any, **told: Any) -> None:
        made.append(path.name)
        write_cog(path, *args, **told)

    monkeypatch.setattr(rasters, "write_cog", counted)
    out = tmp_path / "out"

    def run(result: PlanResult) -> set[str]:
        made.clear()
        write_result(result, out, lensong_version="1.2.3", created_at=NOW)
        return set(made)

    assert run(plan) == RASTERS
    assert run(plan) == set()
    assert _hashes(out) == _hashes(written)
    cut = (out / "4g_sinr_db.tif").read_bytes()[:-1]
    (out / "4g_sinr_db.tif").write_bytes(cut)
    (out / "5g_best_server.tif").unlink()
    assert run(plan) == {"4g_sinr_db.tif", "5g_best_server.tif"}
    assert _hashes(out) == _hashes(written)
    assert run(replace(plan, title="another")) == RASTERS  # each tells its plan's title
    layers = plan.layers["4G"]
    sinr_db = layers.sinr_db.copy()
    sinr_db[7, 9] = 3.0
    changed = replace(plan, layers=plan.layers | {"4G": replace(layers, sinr_db=sinr_db)})
    run(plan)
    assert run(changed) == {"4g_sinr_db.tif"}
    record = json.loads((out / "run.json").read_text("utf-8"))
    damaged: list[Any] = [[], {}, record | {"made_of": ["x"]}, record | {"files": None}]
    for useless in damaged:
        (out / "run.json").write_text(json.dumps(useless))
        assert run(changed) == RASTERS


def test_the_kmz_names_villages_masts_and_layers(written: Path) -> None:
    with zipfile.ZipFile(written / "coverage.kmz") as archive:
        page = archive.read("doc.kml").decode("utf-8")
    for text in (
        "Bình Lư",
        "trắng sóng / no signal",
        "Khun Há",
        "4G: Mức thu mạnh nhất",
        "SYNTHETIC",
    ):
        assert text in page


def test_the_record_lists_versions_inputs_settings_and_every_file(
    plan: PlanResult, written: Path
) -> None:
    record = json.loads((written / "run.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert record["created_at"] == "2026-11-23T08:00:00+00:00"
    assert record["settings"] == plan.settings
    assert record["summary"]["villages"] == 12
    assert (record["sweeps_total"], record["sweeps_reused"]) == (4, 3)
    assert record["timings_s"]["sweeps"] == 12.3
    assert record["packages"]["numpy"] == np.__version__
    listed = {entry["name"]: entry["sha256"] for entry in record["files"]}
    hashes = _hashes(written)
    assert listed == {name: hashes[name] for name in (RASTERS | OTHERS) - {"run.json"}}


def test_only_the_record_knows_the_date(written: Path) -> None:
    for path in written.iterdir():
        if path.name in ("villages.csv", "report.html"):
            assert b"2026-11-23" not in path.read_bytes()


def test_a_second_run_removes_what_only_the_first_had(plan: PlanResult, tmp_path: Path) -> None:
    write_result(plan, tmp_path, lensong_version="1", created_at=NOW)
    (tmp_path / "notes.txt").write_text("mine")
    only_4g = replace(plan, layers={"4G": plan.layers["4G"]})
    write_result(only_4g, tmp_path, lensong_version="1", created_at=NOW)
    names = {p.name for p in tmp_path.iterdir()}
    assert not [name for name in names if name.startswith("5g_")]
    assert "notes.txt" in names


def test_a_record_cannot_have_files_elsewhere_removed(plan: PlanResult, tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    folder = tmp_path / "result"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps({"files": [{"name": "../kept.txt"}]}))
    write_result(plan, folder, lensong_version="1", created_at=NOW)
    assert (tmp_path / "kept.txt").is_file()


@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_leaves_the_older_result_whole(
    plan: PlanResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: type[BaseException]
) -> None:
    write_result(plan, tmp_path, lensong_version="1", created_at=NOW)
    before = _hashes(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise stop

    monkeypatch.setattr(outputs, "render_report", fail)
    with pytest.raises(stop):
        write_result(replace(plan, title="new"), tmp_path, lensong_version="1", created_at=NOW)
    assert _hashes(tmp_path) == before


def test_a_full_disk_says_so_and_leaves_no_part(
    plan: PlanResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(outputs, "write_csv", full)
    with pytest.raises(DataError, match="disk is full"):
        write_result(plan, tmp_path / "result", lensong_version="1", created_at=NOW)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_file_in_the_place_of_the_folder_is_refused(plan: PlanResult, tmp_path: Path) -> None:
    (tmp_path / "result").write_text("a file")
    with pytest.raises(DataError, match="choose an output folder"):
        write_result(plan, tmp_path / "result", lensong_version="1", created_at=NOW)


def test_progress_rises_to_one(plan: PlanResult, tmp_path: Path) -> None:
    shares: list[float] = []
    write_result(plan, tmp_path, lensong_version="1", created_at=NOW, progress=shares.append)
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_a_file_that_takes_long_does_not_hold_back_what_is_told_of_others(tmp_path: Path) -> None:
    told: list[int] = []
    other_told = Event()

    def long(path: Path) -> None:
        assert other_told.wait(60.0)
        path.touch()

    def on_done(done: int) -> None:
        told.append(done)
        other_told.set()

    write_groups([[("long", long)], [("quick", Path.touch)]], tmp_path, workers=2, on_done=on_done)
    assert told == [1, 2]


@pytest.mark.slow
def test_the_map_library_is_found_without_importing_its_package() -> None:
    import sys

    code = (
        "import sys; from lensong.coverage.results.write import _maplibre;"
        "script, style = _maplibre();"
        "assert 'maplibregl' in script and '.maplibregl-map' in style;"
        "assert 'maplibre' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_became_of_the_cell_list_is_written(tmp_path: Path, plan: PlanResult) -> None:
    entries = (
        AsRead(where="line 2", column="Vĩ độ", text="22.4", field="lat_deg", value="22.4",
               fate="given", cells=("A", "B")),
        AsRead(where="line 3", text="=1+1", fate="left out", why="no position"),
    )  # fmt: skip
    told = replace(plan, network=replace(plan.network, as_read=entries))
    write_result(told, tmp_path / "out", lensong_version="1.2.3", created_at=NOW)
    table = pd.read_csv(tmp_path / "out" / "cells_as_read.csv", keep_default_na=False)
    assert list(table.columns) == [
        "line", "column", "text", "field", "value", "fate", "why", "cells",
    ]  # fmt: skip
    assert list(table["fate"]) == ["given", "left out"]
    assert table["cells"][0] == "A; B"
    assert table["text"][1] == "'=1+1"  # no formula
    assert "cells_as_read.csv" in (tmp_path / "out" / "run.json").read_text("utf-8")


def test_each_operator_has_its_rasters_and_those_that_serve_are_counted(tmp_path: Path) -> None:
    result = two_operators()
    write_result(result, tmp_path / "out", lensong_version="1.2.3", created_at=NOW)
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert {
        "op_viettel_level_dbm.tif",
        "op_vina_phone_service_probability_voice_data.tif",
        "operators_serving.tif",
    } <= names
    with rasterio.open(tmp_path / "out" / "operators_serving.tif") as dataset:
        serving = dataset.read(1)
        assert "each by itself" in dataset.descriptions[0] or dataset.tags()
    wanted = sum(
        (own.services["voice-data"].reason == 0).astype(int) for own in result.operators.values()
    )
    np.testing.assert_array_equal(serving, wanted)
