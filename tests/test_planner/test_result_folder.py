"""The folder of a result: like its scenario beside its inputs, read-only without them."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lensong.gis_data.array_room import FileRoom
from tests.test_planner.conftest import Page, ended, served
from tests.test_planner.small_valley import write_small_valley


def planned(page: Page) -> Path:
    """Return the result of the base network."""
    job = page.post("/jobs", {"kind": "plan", "variant_id": "base"}, 202)
    done = ended(page, job)
    assert done["state"] == "done", done["why"]
    return next((page.folder / ".lensong-planner" / "results").rglob("run.json")).parent


@pytest.fixture(scope="module")
def result(page: Page) -> Path:
    """Return the result of the base network, planned as a province: its layers lie in files."""
    rooms: list[FileRoom] = []

    def in_files(_: int, folder: Path) -> FileRoom:
        rooms.append(FileRoom(folder, least_bytes=1))
        return rooms[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lensong.planner.whole_plan.room_for", in_files)
        found = planned(page)
    assert len(rooms) == 1
    return found


@pytest.fixture(scope="module")
def alone(result: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("elsewhere") / "a" / "b" / "c" / "d" / "kết quả"
    shutil.copytree(result, folder)
    with served(folder) as shown:
        yield shown


def test_without_inputs_it_is_shown_as_it_was_planned(page: Page, alone: Page) -> None:
    told, of_page = alone.get(), page.get()
    assert (told["state"], told["may_edit"]) == ("read_only", False)
    assert "dem.tif" in told["why"]
    for name in ("grid", "services", "technologies", "operators", "class_service", "title"):
        assert told[name] == of_page[name], name
    ids = [layer["layer_id"] for layer in told["layers"]]
    legends = {layer["layer_id"]: layer for layer in of_page["layers"]}
    for layer in told["layers"]:
        if layer["layer_id"] in legends:
            wanted = legends[layer["layer_id"]]
            assert layer == wanted
    for layer_id in ("rsrp-4g", "server-4g", "overlap-5g", "chance-voice-data-4g"):
        assert layer_id in ids
        part = {"row0": 30, "rows": 90, "step": 3}
        values, wanted = (
            one.client.get(one.at(f"/variants/base/layers/{layer_id}.bin"), params=part)
            for one in (alone, page)
        )
        assert values.content == wanted.content, layer_id
        assert values.headers["lensong-window"] == wanted.headers["lensong-window"]

    network, masts = (
        alone.get("/variants/base/network"),
        page.get("/variants/base/network"),
    )
    for one, other in zip(network["masts"], masts["masts"], strict=True):
        assert one | {"ground_m": other["ground_m"]} == other
    assert network["cells"] == masts["cells"]

    villages = alone.get("/variants/base/villages")
    of_variant = page.get("/variants/base/villages", settled="chances")
    for one, other in zip(villages["villages"], of_variant["villages"], strict=True):
        assert one["class"] == other["class"]
        assert one["best_server"] == other["best_server"]
        assert one["streams_at_once"] == other["streams_at_once"]
        assert one["served_share"] == pytest.approx(other["served_share"], rel=1e-8)
    place = {name: villages["villages"][1][name] for name in ("lat_deg", "lon_deg")}
    point = alone.get("/variants/base/point", **place)
    wanted_point = page.get("/variants/base/point", **place)
    assert point["server"] == wanted_point["server"]
    assert point["values"]["rsrp-4g"] == wanted_point["values"]["rsrp-4g"]
    assert alone.client.get(alone.at("/land/hillshade.png")).content.startswith(b"\x89PNG")


def test_the_table_of_villages_is_that_of_the_plan(result: Path, page: Page, alone: Page) -> None:
    page.get("/variants/base", settled="chances")
    planned = (result / "villages.csv").read_bytes()
    assert alone.client.get(alone.at("/variants/base/villages.csv")).content == planned
    table = list(csv.reader(planned.decode().splitlines()))
    answer = page.client.get(page.at("/variants/base/villages.csv")).content
    rows = list(csv.reader(answer.decode().splitlines()))
    of_plans = re.compile("served_share_p(05|95)|chance_covered|cause_|main_cause|shortfall")
    kept = [k for k, name in enumerate(table[0]) if not of_plans.match(name)]
    assert rows == [[row[k] for k in kept] for row in table]


def test_without_inputs_nothing_is_edited_or_computed(alone: Page) -> None:
    edit = {"kind": "set_mast", "mast_id": "K1", "height_agl_m": 50}
    for path, body in (
        ("/variants", {"name": "A"}),
        ("/variants/base/edits", {"revision": 0, "edits": [edit]}),
        ("/variants/base/drag", {"layer_id": "rsrp-4g", "edits": [edit]}),
        ("/variants/base/save", {"folder": "x"}),
        ("/variants/base/path", {"to": {"village_id": "A"}}),
        ("/jobs", {"kind": "plan", "variant_id": "base"}),
    ):
        told = alone.post(path, body, 409)
        assert told["code"] == "read_only"
        assert "open the scenario itself" in told["detail"], path  # what to do
    assert alone.client.get(alone.at("/land/ground.bin")).status_code == 409


def test_without_inputs_why_is_answered_from_the_files(result: Path, alone: Page) -> None:
    causes = np.genfromtxt(result / "causes.csv", delimiter=",", dtype=str, skip_header=1)
    village = str(np.atleast_2d(causes)[0][0])
    job = alone.post("/variants/base/causes", {"village_id": village}, 202)
    done = ended(alone, job)
    cause = done["result"]["cause"]
    parts = [v for name, v in cause.items() if name.startswith("cause_")]
    assert sum(parts) == pytest.approx(cause["shortfall_db"], abs=0.01)
    assert all(one["edits"] == [] for one in done["result"]["tries"])


def test_beside_its_inputs_it_is_edited_until_they_change(
    page: Page, result: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "valley"
    shutil.copytree(page.folder, folder, ignore=shutil.ignore_patterns(".lensong-planner"))
    shutil.copytree(result, folder / "ket-qua")
    (folder / "scenario.toml").unlink()  # the settings are in the result
    with served(folder / "ket-qua", page.plan.cache) as beside:
        assert beside.plan.state == "ready", beside.plan.why
        beside.variant()
        assert (folder / ".lensong-planner" / "ket-qua.jsonl").is_file()
    with (folder / "villages.csv").open("a", encoding="utf-8") as file:
        file.write("Z,Bản Z,22.4,103.7,10\n")
    with served(folder / "ket-qua", page.plan.cache) as changed:
        assert changed.plan.state == "read_only"
        assert "villages (villages.csv)" in changed.plan.why


def test_who_looks_at_a_service_is_told_no_folder_of_its_machine(
    result: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(result, tmp_path / "the plans" / "result")
    with served(tmp_path / "the plans" / "result", tells_folders=False) as page:
        told = page.get()
        assert told["state"] == "read_only"
        assert "its inputs are not all there: " in told["why"]
        assert "area.geojson" in told["why"]
        refused = page.client.post(page.at("/variants"), json={"name": "A"})
        for text in (told["why"], refused.json()["detail"]):
            assert "the plans" not in text
            assert "/" not in text
    assert str(tmp_path) in caplog.text  # who runs the service finds it in the log
    scenario = write_small_valley(tmp_path / "the plans" / "valley")
    (scenario.parent / "villages.csv").write_text("nothing\n", encoding="utf-8")
    with served(scenario, tells_folders=False) as page:
        told = page.get()
        assert told["state"] == "failed"
        assert "villages.csv" in told["why"]
        assert "the plans" not in told["why"]
