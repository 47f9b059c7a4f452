"""`lensong site-masts` with backhaul and power as parts of the choice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from pyproj import Transformer

from lensong.coverage.siting import solve
from lensong.coverage.siting.programme import Solved
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

FIBRE = """{"type": "FeatureCollection", "features": [{"type": "Feature",
"properties": {"name": "QL4D"}, "geometry": {"type": "LineString",
"coordinates": [[103.648, 22.402], [103.655, 22.4035]]}}]}
"""

FEEDING = """
[siting]
money = "units"
mast_uplink_mbps = 10
[siting.fibre]
path = "fibre.geojson"
reach_m = 300
cost_per_km = 100
[siting.microwave]
rain_rate_mm_per_h = 70
cost = 30
[siting.solar]
load_w = 300
level_kwh_per_m2_day = [3.6, 4.2, 4.6, 5.2, 5.3, 4.7, 4.6, 4.7, 4.6, 4.1, 3.7, 3.5]
panel_cost_per_w = 0.01
battery_cost_per_wh = 0.002
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> SmallPlan:
    """Return a scenario with ways to feed masts; its path loss stays in the cache."""
    written = write_small_plan(tmp_path_factory.mktemp("fed"))
    written.replace("scenario.toml", "radius_m = 700", "radius_m = 300")
    (written.folder / "places.csv").write_text(LIST, encoding="utf-8")
    (written.folder / "fibre.geojson").write_text(FIBRE, encoding="utf-8")
    return written


def run(plan: SmallPlan, *options: str, feeding: str = FEEDING) -> Result:
    scenario = plan.folder / "fed.toml"
    text = plan.scenario.read_text(encoding="utf-8") + feeding
    scenario.write_text(text, encoding="utf-8")
    return plan.run(
        "site-masts", str(scenario), "--candidates", str(plan.folder / "places.csv"),
        "--no-standing", "--workers", "1", *options,
    )  # fmt: skip


def test_masts_are_chosen_with_what_feeds_them(sound: SmallPlan, tmp_path: Path) -> None:
    out = tmp_path / "masts"
    result = run(sound, "--budget", "400", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "fed and powered" in result.stdout
    assert "No satellite is given (siting.satellite): nothing is fed by one." in result.stdout
    feeds = pd.read_csv(out / "feeds.csv").set_index("mast_id")
    assert set(feeds.index) == {"NEAR-A", "NEAR-B"}
    assert feeds.loc["NEAR-A", "backhaul_way"] == "NEAR-A > S1"
    assert feeds.loc["NEAR-B", "backhaul"] == "fibre"
    assert set(feeds["power"]) == {"solar"}
    total = feeds["mast_cost"] + feeds["backhaul_cost"] + feeds["power_cost"]
    assert total.tolist() == pytest.approx(feeds["cost"].tolist())
    steps = pd.read_csv(out / "steps.csv")
    assert steps["cost_in_all"].iloc[-1] == pytest.approx(feeds["cost"].sum())
    links = pd.read_csv(out / "links.csv").set_index("mast_id")
    assert set(links["link"]) == {"microwave", "fibre"}
    assert links.loc["NEAR-A", "from_id"] == "S1"
    fibre = links[links["link"] == "fibre"]
    # metres are whole in the table
    assert fibre["cost"].tolist() == pytest.approx((0.1 * fibre["distance_m"]).tolist(), abs=0.06)
    told = json.loads((out / "siting.json").read_text(encoding="utf-8"))
    assert len(told["feeds"]) == 2
    assert told["cost"] <= 400.0
    cells = pd.read_csv(out / "planned" / "cells.csv")
    assert set(cells.loc[cells["site_id"] == "NEAR-B", "backhaul"]) == {"fibre"}
    check = sound.run("check", str(out / "planned" / "scenario.toml"))
    assert check.exit_code == 0, check.output


def test_what_feeds_is_paid_out_of_the_budget(sound: SmallPlan) -> None:
    result = run(sound, "--budget", "100", "--json")
    assert result.exit_code == 1, result.output  # NEAR-A for 60 has to be fed and powered
    told = json.loads(result.stdout)
    assert (told["steps"], told["cost"], told["people_gained_bound"]) == ([], 0.0, 0.0)


def test_backhaul_that_hangs_on_nothing_is_named(sound: SmallPlan) -> None:
    cut = FEEDING.replace("cost = 30", 'cost = 30\nfrom_backhaul = ["fibre"]').replace(
        "reach_m = 300", "reach_m = 1"
    )
    result = run(sound, "--masts", "2", feeding=cut)
    assert result.exit_code == 1, result.output
    assert "0 of 4 candidates bring" in result.stdout
    assert "4 of 4 candidates cannot be fed" in result.stdout
    assert "AT-A: backhaul: fibre 0.8 km away, reach is 0.001 km; hops from" in result.stdout
    assert "are clear, which nothing feeds" in result.stdout
    assert "1 may not: they have another backhaul" in result.stdout


def test_a_solver_without_time_tells_its_best_with_the_bound(
    sound: SmallPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> Solved:
        """Return what HiGHS does whose time ends before it has an answer."""
        return Solved(chosen=None, bound=float("inf"), finished=False)

    monkeypatch.setattr(solve, "solve", stopped)
    out = tmp_path / "masts"
    result = run(sound, "--budget", "200", "--gap-percent", "0", "--out", str(out))
    assert result.exit_code == 1, result.output
    assert "the time ended before more was proved" in result.stdout
    told = json.loads((out / "siting.json").read_text(encoding="utf-8"))
    assert told["ended"] == "time"
    assert told["people_gained_bound"] > told["people_gained_promised"] > 0.0
    assert (out / "planned" / "scenario.toml").exists()


def test_a_hill_hands_on_to_what_nothing_feeds(sound: SmallPlan, tmp_path: Path) -> None:
    shutil.copytree(sound.folder, tmp_path / "scenario")
    hilly = SmallPlan(folder=tmp_path / "scenario", out=sound.out, cache=sound.cache)
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    to_grid = Transformer.from_crs(4326, 32648, always_xy=True)
    east, north = to_grid.transform(103.6530, 22.4084)  # between S1 and NEAR-A
    row, col = (NORTH_M - north) / CELL_M, (east - WEST_M) / CELL_M
    hill = 80.0 * np.exp(-((rows - row) ** 2 + (cols - col) ** 2) / 4.0)
    write_raster(hilly.folder / "dem.tif", (ground_m() + hill).astype(np.float32))
    (hilly.folder / "places.csv").write_text(LIST.splitlines()[0] + "\n" + NEAR_A)
    short = FEEDING.replace("cost = 30", "cost = 30\nreach_m = 300")
    alone = run(hilly, "--masts", "2", feeding=short)
    assert alone.exit_code == 1, alone.output
    assert "NEAR-A: backhaul: " in alone.stdout
    result = run(hilly, "--masts", "2", "--relays", "1", "--json", feeding=short)
    assert result.exit_code == 0, result.output
    feeds = {feed["mast_id"]: feed for feed in json.loads(result.stdout)["feeds"]}
    assert feeds["NEAR-A"]["backhaul_way"] == "NEAR-A > RELAY-1 > S1"
    assert feeds["RELAY-1"]["masts_fed"] == 2


NEAR_A = "NEAR-A,22.4095,103.6515,25,60\n"


@pytest.mark.parametrize(
    ("old", "new", "options", "said"),
    [
        ("cost = 30\n", "", ("--budget", "9"), "siting.microwave.cost is not given"),
        ("rain_rate_mm_per_h = 70\n", "", ("--masts", "1"), "neither of siting.microwave.rain"),
        ("fibre.geojson", "no.geojson", ("--masts", "1"), "siting.fibre.path is 'no.geojson'"),
        ("reach_m = 300", "reach_m = -3", ("--masts", "1"), "siting.fibre.reach_m is -3.0"),
        ("4.1, 3.7, 3.5]", "4.1]", ("--masts", "1"), "wanted 12 numbers"),
        (
            "[siting.micro",
            "[siting.micro",
            ("--masts", "1", "--exclude", "x"),
            "--summits or --rel",
        ),
        (FEEDING, "", ("--masts", "1", "--relays", "2"), "--relays is for hops"),
        ("load_w = 300", "load_w = 300\nbattery = 1", ("--masts", "1"), "battery is no key"),
    ],
)
def test_bad_input_is_named(
    sound: SmallPlan, old: str, new: str, options: tuple[str, ...], said: str
) -> None:
    assert old in FEEDING
    result = run(sound, *options, feeding=FEEDING.replace(old, new))
    assert result.exit_code == 2, result.output
    assert said in result.stderr


def test_fibre_elsewhere_is_no_fibre(sound: SmallPlan) -> None:
    path = sound.folder / "far.geojson"
    path.write_text(FIBRE.replace("103.", "105."), encoding="utf-8")
    result = run(sound, "--masts", "1", feeding=FEEDING.replace("fibre.geojson", "far.geojson"))
    assert result.exit_code == 2, result.output
    assert "siting.fibre: " in result.stderr
