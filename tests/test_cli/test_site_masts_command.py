"""`lensong site-masts` on a small scenario, its files, and the plan that reads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from pyproj import Transformer

from tests.test_cli.small_scenario import (
    CELL_M,
    NORTH_M,
    WEST_M,
    SmallPlan,
    ground_m,
    write_raster,
    write_small_plan,
)
from tests.test_cli.small_scenario import CELLS as SIDE

LIST = """\
site_id,lat,lon,height_agl_m,cost
AT-A,22.4105,103.6510,25,100
NEAR-A,22.4095,103.6515,25,60
NEAR-B,22.4035,103.6565,25,90
FAR,22.4125,103.6585,25,10
"""
CELLS = """\
S2,S2-1,22.4100,103.6520,30,,,3G,,,
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallPlan:
    """Return a scenario whose mast reaches half of a village, and a mast of 3G beside the other."""
    written = write_small_plan(tmp_path_factory.mktemp("masts"))
    written.replace("scenario.toml", "radius_m = 700", "radius_m = 300")
    with (written.folder / "cells.csv").open("a", encoding="utf-8") as cells:
        cells.write(CELLS)
    return written


def run(small: SmallPlan, *options: str, text: str | None = LIST) -> Result:
    given: list[str] = []
    if text is not None:
        (small.folder / "places.csv").write_text(text, encoding="utf-8")
        given = ["--candidates", str(small.folder / "places.csv")]
    return small.run(
        "site-masts", str(small.scenario), *given, "--workers", "1",
        "--changes-limit-s", "3600", *options,
    )  # fmt: skip


def test_masts_are_chosen_written_and_planned_again(small: SmallPlan, tmp_path: Path) -> None:
    out = tmp_path / "masts"
    result = run(small, "--no-standing", "--budget", "160", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "more people" in result.stdout.splitlines()[0]
    assert "proved" in result.stdout
    steps = pd.read_csv(out / "steps.csv")
    assert set(steps["mast_id"]) == {"NEAR-A", "NEAR-B"}
    assert steps["cost_in_all"].iloc[-1] == 150.0
    told = json.loads((out / "siting.json").read_text(encoding="utf-8"))
    assert {"elevation", "cells"} <= {source["role"] for source in told["sources"]}
    assert told["gap_percent"] <= 0.1
    assert told["people_promised"] == pytest.approx(
        told["people_before"] + told["people_gained_promised"], abs=0.02
    )
    assert (out / "people_and_cost.png").read_bytes().startswith(b"\x89PNG")
    candidates = pd.read_csv(out / "candidates.csv").set_index("mast_id")
    assert candidates.loc["FAR", "people_gained"] == 0.0
    plan = small.run("plan", str(out / "planned" / "scenario.toml"), "--out", str(tmp_path / "p"))
    assert plan.exit_code == 0, plan.output
    villages = pd.read_csv(tmp_path / "p" / "villages.csv")
    served = float((villages["people"] * villages["served_share_voice_data"]).sum())
    assert served == pytest.approx(told["people_planned"], abs=0.02)


def test_a_structure_without_4g_is_a_candidate_and_a_former_plan_is_kept(
    small: SmallPlan, tmp_path: Path
) -> None:
    out = tmp_path / "masts"
    result = run(small, "--masts", "1", "--out", str(out), "--json", text=None)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [(s["mast_id"], s["kind"], s["cost"]) for s in told["steps"]] == [
        ("S2", "standing", None)
    ]
    again = run(small, "--masts", "1", "--out", str(out), text=None)
    assert again.exit_code == 2
    assert "a scenario of a former run" in again.stderr


def test_costs_of_the_scenario_stand_where_the_list_has_none(
    small: SmallPlan, tmp_path: Path
) -> None:
    priced = changed(small, tmp_path)
    priced.replace(
        "scenario.toml",
        "[network]",
        '[siting]\nstanding_mast_cost = 20\nnew_mast_cost = 70\nmoney = "units"\n[network]',
    )
    text = LIST.replace(",60\n", ",\n")
    result = run(priced, "--budget", "20", "--json", text=text)
    told = json.loads(result.stdout)
    assert [(s["mast_id"], s["cost"]) for s in told["steps"]] == [("S2", 20.0)]
    assert told["money"] == "units"


def test_a_budget_that_buys_nothing_says_no_and_names_who_is_not_reached(
    small: SmallPlan, tmp_path: Path
) -> None:
    out = tmp_path / "masts"
    result = run(small, "--no-standing", "--budget", "9", "--out", str(out))
    assert result.exit_code == 1, result.output
    assert "0 of 4 candidates" in result.stdout
    assert not (out / "planned").exists()
    far = run(small, "--no-standing", "--masts", "1", text=LIST.splitlines()[0] + "\n" + FAR)
    assert far.exit_code == 1
    assert "Bản Mẫu 1: 120 of 120 people without; no candidate stands within" in far.stdout


FAR = "FAR,22.4125,103.6585,25,10\n"


@pytest.mark.parametrize(
    ("options", "text", "said"),
    [
        ((), LIST, "no limit is given"),
        (("--masts", "1", "--no-standing"), None, "there is no candidate"),
        (("--budget", "5"), None, "1 of 1 candidates have no cost"),
        (("--masts", "1", "--service", "tv"), LIST, "--service is 'tv'"),
        (("--masts", "1", "--exclude", "x.gpkg"), LIST, "--exclude is for summits"),
        (("--masts", "1"), "site_id,lat,lon\nX,22.9,103.65\n", "outside the area"),
        (("--masts", "1"), "site_id,lat,lon\nX,103.65,22.4105\n", "swapped"),
        (("--masts", "1", "--operator", "Vietel"), LIST, "--operator has the operator 'Vietel'"),
        (
            ("--masts", "1"),
            "site_id;lat;lon;cost\nX;22,41;103,651;1.250\n",
            "line 2, column 'cost'",
        ),
        (("--masts", "1"), "name,cost\nX,3\n", "no position columns"),
        (("--masts", "1"), "site_id,lat,lon,technology\nX,22.41,103.651,2G\n", "no usable row"),
    ],
)
def test_bad_input_is_named(
    small: SmallPlan, options: tuple[str, ...], text: str | None, said: str
) -> None:
    result = run(small, *options, text=text)
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def changed(small: SmallPlan, folder: Path) -> SmallPlan:
    """Return a copy of the scenario, to be spoilt."""
    shutil.copytree(small.folder, folder / "scenario")
    return SmallPlan(folder=folder / "scenario", out=small.out, cache=small.cache)


def test_a_summit_of_two_operators_is_refused_before_anything_is_swept(
    small: SmallPlan, tmp_path: Path
) -> None:
    shared = changed(small, tmp_path)
    head, *rows = (shared.folder / "cells.csv").read_text("utf-8").splitlines()
    names = ["operator", "Viettel", "VinaPhone", "Viettel"]
    lines = [f"{row},{name}\n" for row, name in zip([head, *rows], names, strict=True)]
    (shared.folder / "cells.csv").write_text("".join(lines), encoding="utf-8")
    result = run(shared, "--masts", "1", "--summits", "2", text=None)
    assert result.exit_code == 2, result.output
    assert "say with --operator whose" in result.stderr
    assert "sweeps" not in result.stderr


def test_a_candidate_on_open_water_is_refused(small: SmallPlan, tmp_path: Path) -> None:
    lake = changed(small, tmp_path)
    cover = np.full((SIDE, SIDE), 30, dtype=np.uint8)
    cover[:, 60:] = 80  # open water, east of the mast
    write_raster(lake.folder / "cover.tif", cover)
    result = run(lake, "--masts", "1", text="site_id,lat,lon\nX,22.4060,103.6575\n")
    assert result.exit_code == 2, result.output
    assert "water" in result.stderr
    assert "take the candidate out" in result.stderr


def test_a_hill_that_sees_a_gap_is_found_and_planned(small: SmallPlan, tmp_path: Path) -> None:
    hilly = changed(small, tmp_path)
    east, north = Transformer.from_crs(4326, 32648, always_xy=True).transform(103.6520, 22.4115)
    row, col = (NORTH_M - north) / CELL_M, (east - WEST_M) / CELL_M
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    hill = 60.0 * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 8.0)
    write_raster(hilly.folder / "dem.tif", (ground_m() + hill).astype(np.float32))
    result = run(hilly, "--masts", "1", "--summits", "3", "--no-standing", "--json", text=None)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (step,) = told["steps"]
    assert step["kind"] == "summit"
    assert abs(step["lat_deg"] - 22.4115) < 0.0005
    assert abs(step["lon_deg"] - 103.6520) < 0.0005
    assert any("summits and shoulders" in note for note in told["notes"])
    flat = run(small, "--masts", "1", "--summits", "3", "--no-standing", text=None)
    assert flat.exit_code == 2
    assert "0 summits and shoulders see people" in flat.stderr


CHANGES = """\
[siting]
standing_mast_cost = 300
new_mast_cost = 900
money = "units"
[siting.changes]
tilt_cost = 5
azimuth_cost = 8
power_cost = 1
most_power_dbm = -5
[causes]
villages = false
counterfactuals = 0
[streams]
most = 0
[network]
"""


@pytest.fixture
def weak(small: SmallPlan, tmp_path: Path) -> SmallPlan:
    """Return the scenario with weak cells that reach both villages, and costs of changes."""
    plan = changed(small, tmp_path)
    plan.replace("scenario.toml", "radius_m = 300", "radius_m = 1200")
    plan.replace("scenario.toml", "[network]\n", CHANGES)
    plan.replace("cells.csv", "30,0,sector.msi,4G,B3,20,46", "30,340,3gpp,4G,B3,20,-8")
    plan.replace("cells.csv", "30,180,sector.msi,4G,B3,20,46", "30,160,3gpp,4G,B3,20,-10")
    return plan


def test_what_stands_is_changed_first_and_the_plan_confirms_it(
    weak: SmallPlan, tmp_path: Path
) -> None:
    out = tmp_path / "masts"
    result = run(weak, "--budget", "400", "--out", str(out), text=None)
    assert result.exit_code == 0, result.output
    assert "changes of what stands and 1 of 1 candidates" in result.stdout.splitlines()[0]
    assert "tilt of 2 cells or antennas is not given by any list but assumed" in result.stdout
    steps = pd.read_csv(out / "steps.csv")
    assert steps["kind"].tolist()[-1] == "standing"
    assert set(steps["kind"][:-1]) <= {"power", "azimuth"}
    assert steps["people_in_all"].is_monotonic_increasing
    assert steps["cost_in_all"].iloc[-1] == steps["cost"].sum() <= 400.0
    told = json.loads((out / "siting.json").read_text(encoding="utf-8"))
    gained = told["people_gained_by_changes"] + told["people_gained_by_masts"]
    assert told["people_promised"] == pytest.approx(told["people_before"] + gained, abs=0.05)
    assert told["changes"]["ended"] == "optimum"
    plan = weak.run("plan", str(out / "planned" / "scenario.toml"), "--out", str(tmp_path / "p"))
    assert plan.exit_code == 0, plan.output
    villages = pd.read_csv(tmp_path / "p" / "villages.csv")
    served = float((villages["people"] * villages["served_share_voice_data"]).sum())
    assert served == pytest.approx(told["people_planned"], abs=0.02)
    at_once = gpd.read_file(out / "siting.gpkg", layer="proposals")
    assert at_once["mast_id"].tolist() == steps["mast_id"].tolist()
    assert len(gpd.read_file(out / "siting.gpkg", layer="outcome")) == 2
    proposed = gpd.read_file(tmp_path / "p" / "villages.gpkg", layer="proposals")
    assert proposed["mast_id"].tolist() == steps["mast_id"].tolist()
    assert set(proposed["state"]) == {"built"}
    report = (tmp_path / "p" / "report.html").read_text(encoding="utf-8")
    assert 'id="proposals"' in report
    assert f"{len(steps)} S2" in report  # on the curve
    before = weak.run("plan", str(weak.scenario), "--out", str(tmp_path / "before"))
    assert before.exit_code == 0, before.output
    changed_by = weak.run("diff", str(tmp_path / "before"), str(tmp_path / "p"), "--json")
    assert changed_by.stdout, changed_by.exception
    told_of = json.loads(changed_by.stdout)["proposed"]
    assert [row["mast_id"] for row in told_of] == steps["mast_id"].tolist()
    assert {(row["state_before"], row["state_after"]) for row in told_of} == {("", "built")}


def test_changes_alone_need_no_candidate_and_say_when_nothing_helps(
    weak: SmallPlan, small: SmallPlan
) -> None:
    alone = run(weak, "--masts", "0", "--no-standing", "--json", text=None)
    assert alone.exit_code == 0, alone.output
    told = json.loads(alone.stdout)
    assert told["masts"] == 0
    assert told["cost"] == told["changes"]["cost"] > 0.0
    assert told["people_planned"] > told["people_before"]
    few = run(weak, "--masts", "0", "--no-standing", "--tries", "2", text=None)
    assert "the tries ended before all was tried" in few.stdout
    weak.replace("scenario.toml", "most_power_dbm = -5", "most_cost_per_person = 0.0001")
    none = run(weak, "--masts", "0", "--no-standing", text=None)
    assert none.exit_code == 1, none.output
    assert "no change of what stands brings voice-data to more people" in none.stdout
    free = run(small, "--masts", "1", text=None)
    assert "No change of what stands was tried" in free.stdout


ATOLL = {
    "sites.txt": """\
Name\tLongitude\tLatitude\tAltitude (m)
S1\t103.6545\t22.4072\t650
OLD\t103.6520\t22.4100\t660
""",
    "transmitters.txt": """\
Site\tTransmitter\tActive\tAntenna\tHeight (m)\tAzimuth (°)\tMechanical Downtilt (°)
S1\tS1-1\tTrue\t3gpp\t30\t0\t2
S1\tS1-2\tTrue\t3gpp\t30\t180\t2
""",
    "cells.txt": """\
Name\tTransmitter\tCarrier\tMax Power (dBm)
S1-1a\tS1-1\t4G B3 20 MHz\t20
S1-2a\tS1-2\t4G B3 20 MHz\t20
""",
}
OPENCELLID = """\
radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,averageSignal
LTE,452,4,21003,5324801,11,103.6545,22.4072,900,40,1,1500000000,1700000000,
GSM,452,4,21003,1231,0,103.6519,22.4099,900,10,1,1500000000,1700000000,
GSM,452,4,21003,1232,0,103.6522,22.4102,900,20,1,1500000000,1700000000,
UMTS,452,4,21003,65535,0,103.6522,22.4102,900,20,1,1500000000,1700000000,
"""


@pytest.mark.parametrize("kind", ["atoll", "opencellid"])
def test_structures_of_other_lists_are_candidates_and_their_plan_is_saved(
    small: SmallPlan, tmp_path: Path, kind: str
) -> None:
    other = changed(small, tmp_path)
    if kind == "atoll":
        other.replace(
            "scenario.toml",
            'cells = "cells.csv"\nantennas = "antennas"\n',
            'atoll = {sites = "sites.txt", transmitters = "transmitters.txt", '
            'cells = "cells.txt"}\n',
        )
        for name, text in ATOLL.items():
            (other.folder / name).write_text(text, encoding="utf-8")
    else:
        (other.folder / "cells.csv").write_text(OPENCELLID, encoding="utf-8")
    out = tmp_path / "masts"
    result = run(other, "--masts", "1", "--out", str(out), "--json", text=None)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (step,) = told["steps"]
    assert step["kind"] == "standing"
    assert step["mast_id"] == {"atoll": "OLD", "opencellid": "Viettel-GSM-21003-123"}[kind]
    assert step["lat_deg"] == pytest.approx(22.4100 if kind == "atoll" else 22.4101, abs=2e-6)
    estimated = any("look before anything is built" in note for note in told["notes"])
    assert estimated == (kind == "opencellid")
    cells = pd.read_csv(out / "planned" / "cells.csv")
    assert set(cells["uncertain"].dropna()) == ({"yes"} if kind == "opencellid" else set())
