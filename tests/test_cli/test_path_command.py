"""`lensong path` and `lensong hop` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer

from tests.test_cli.small_scenario import CELL_M, NORTH_M, WEST_M, SmallPlan, ground_m, write_raster

NEAR = "22.4105,103.6510,25"
FAR = "22.4060,103.6600,30"


def dem(small: SmallPlan) -> str:
    return str(small.folder / "dem.tif")


def refused(small: SmallPlan, arguments: list[str], *parts: str) -> None:
    """Assert that a command ended with code 2 and one message with those parts."""
    run = small.run(*arguments)
    assert run.exit_code == 2, run.output
    assert run.stdout == ""
    for part in parts:
        assert part in run.stderr


def test_a_cell_and_a_village_are_one_path_with_every_output(small: SmallPlan) -> None:
    out = small.folder.parent
    run = small.run(
        *("path", str(small.scenario), "--cell", "S1-1", "--village", "bản mẫu 1"),
        *("--model", "free_space", "--model", "itm", "--json"),
        *("--svg", str(out / "a.svg"), "--png", str(out / "a.png"), "--csv", str(out / "a.csv")),
    )
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert found["cell"]["cell_id"] == "S1-1"
    assert found["to"]["name"] == "Bản Mẫu 1"
    assert {loss["model"] for loss in found["losses"]} == {"itu_r_p1812", "free_space", "itm"}
    p1812 = found["losses"][0]
    assert sum(s["loss_db"] for s in p1812["steps"]) == pytest.approx(p1812["path_loss_db"])
    assert {m["service"] for m in found["budget"]["services"]} == {
        "voice-data",
        "livestream-720p",
        "livestream-1080p",
    }
    assert len(pd.read_csv(out / "a.csv")) == len(found["profile"]["distance_m"])
    assert (out / "a.svg").read_bytes().startswith(b"<?xml")
    assert (out / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_level_of_the_path_is_that_of_the_plans_raster(small: SmallPlan) -> None:
    assert small.plan("--quiet").exit_code == 0
    with rasterio.open(small.out / "4g_rsrp_dbm.tif") as raster:
        row, col = raster.index(WEST_M + 45.5 * CELL_M, NORTH_M - 30.5 * CELL_M)
        level = float(raster.read(1)[row, col])
        east, north = raster.xy(row, col)
    to_degrees = Transformer.from_crs("EPSG:32648", "EPSG:4326", always_xy=True)
    lon_deg, lat_deg = to_degrees.transform(east, north)
    run = small.run(
        "path", str(small.scenario), "--to", f"{lat_deg},{lon_deg}", "--all-cells", "--json"
    )
    assert run.exit_code == 0, run.output
    cells = json.loads(run.stdout)["cells"]
    assert cells[0]["rsrp_dbm"] == pytest.approx(level, abs=0.6)  # a map's p99 of the exact profile
    assert [c["rsrp_dbm"] for c in cells] == sorted((c["rsrp_dbm"] for c in cells), reverse=True)
    text = small.run("path", str(small.scenario), "--to", f"{lat_deg},{lon_deg}", "--all-cells")
    assert "what decides" in text.stdout
    assert cells[0]["cell_id"] in text.stdout


def test_two_points_need_no_scenario(small: SmallPlan) -> None:
    run = small.run(
        *("path", "--from", NEAR, "--to", FAR, "--elevation", dem(small)),
        *("--frequency-mhz", "7500", "--model", "p452"),
    )
    assert run.exit_code == 0, run.output
    assert "itu_r_p1812: none. the frequency is 7500 MHz, itu_r_p1812 holds from 30" in run.stdout
    assert "= itu_r_p452" in run.stdout
    assert "median k = 1.389" in run.stdout
    assert "low k = 0.667" in run.stdout


def test_what_cannot_be_a_path_is_refused_with_what_to_do(small: SmallPlan) -> None:
    plan = ["path", str(small.scenario)]
    points = ["path", "--elevation", dem(small), "--frequency-mhz", "1800"]
    refused(small, [*plan, "--village", "Bản Mẫu 3"], "did you mean Bản Mẫu")
    refused(small, [*plan, "--cell", "S1-9", "--village", "A"], "did you mean S1-")
    refused(small, [*plan, "--cell", "S1", "--village", "A"], "'S1' is a mast", "S1-1, S1-2")
    refused(small, [*plan, "--to", "30.0,103.6"], "outside the elevation", "latitude 22.")
    refused(small, [*plan, "--to", "103.6,22.4"], "latitude -90 to 90", "write 22.4,103.6")
    refused(small, [*plan, "--village", "A", "--to", "22.4,103.6"], "wanted one of them")
    refused(small, [*plan, "--village", "A", "--delta-n", "40"], "in the scenario already")
    refused(small, [*plan, "--village", "A", "--model", "p18"], "wanted a known name")
    refused(small, [*plan], "the far end is missing")
    refused(small, [*points, "--from", NEAR, "--to", NEAR], "both ends are on one spot")
    swapped = ",".join([*reversed(NEAR.split(",")[:2]), "30"]).replace("103.", "63.")
    refused(small, [*points, "--from", swapped, "--to", NEAR], "km apart", "latitude comes first")
    refused(small, [*points, "--from", "22.41,103.65", "--to", FAR], "metres above ground")
    refused(small, [*points, "--from", NEAR, "--to", "22.60,103.6600,30"], "it is known for")
    refused(small, [*points, "--cell", "S1-1", "--to", FAR], "--cell is of a scenario")
    ends = [*points, "--from", NEAR, "--to", FAR]
    refused(small, [*ends, "--resolution-m", "nan"], "nan is not", "1.0<=x<=1000.0")
    refused(small, [*ends, "--k-low", "nan"], "nan is not", "0.1<=x<=2.0")
    refused(small, ["path", "--from", NEAR, "--to", FAR, "--frequency-mhz", "9"], "no elevation")


def test_a_void_on_the_path_is_placed(small: SmallPlan) -> None:
    ground = ground_m()
    ground[:, 55:60] = -32768.0
    write_raster(small.folder / "dem.tif", ground, nodata=-32768.0)
    refused(
        small,
        [
            *("path", "--from", NEAR, "--to", FAR, "--elevation", dem(small)),
            *("--frequency-mhz", "1800"),
        ],
        "void",
        "m from its start, at 22.4",
    )


HOP = ("hop", "--from", NEAR, "--to", FAR, "--frequency-mhz", "18000")


def test_a_hop_tells_availability_and_what_is_short(small: SmallPlan, tmp_path: Path) -> None:
    run = small.run(*HOP, "--elevation", dem(small), "--rain-rate-mm-h", "70", "--json")
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert found["holds"] is True
    assert found["availability_percent"] > 99.99
    assert found["clearance"]["low_k"]["wanted_share"] == 0.6
    weak = small.run(
        *(*HOP, "--elevation", dem(small), "--rain-rate-mm-h", "70", "--power-dbm", "-40"),
        *("--svg", str(tmp_path / "hop.svg"), "--csv", str(tmp_path / "hop.csv")),
    )
    assert weak.exit_code == 1
    assert "SHORT" in weak.stdout
    assert (tmp_path / "hop.svg").is_file()
    assert (tmp_path / "hop.csv").is_file()


def test_a_hop_goes_between_masts_of_a_scenario(small: SmallPlan) -> None:
    hop = ("hop", str(small.scenario), "--frequency-mhz", "18000", "--to", FAR)
    run = small.run(*hop, "--from", "S1,35", "--rain-rate-mm-h", "70")
    assert run.exit_code in (0, 1), run.output
    assert "Hop S1 to B" in run.stdout
    assert "35 m above ground" in run.stdout
    refused(small, [*hop, "--from", "S2", "--rain-rate-mm-h", "70"], "did you mean S1")


def test_a_hop_without_rain_is_refused(small: SmallPlan) -> None:
    refused(small, [*HOP, "--elevation", dem(small)], "the rain is missing", "P.837")
    both = ["--rain-rate-mm-h", "70", "--rain-map", dem(small)]
    refused(small, [*HOP, "--elevation", dem(small), *both], "wanted one of them")
    low = [*HOP[:-1], "18", "--elevation", dem(small), "--rain-rate-mm-h", "70"]
    refused(small, low, "freq_mhz is 18.0, wanted 1000.0")


def test_a_hop_in_impossible_air_is_refused_in_the_units_that_were_given(small: SmallPlan) -> None:
    wet = [*HOP, "--elevation", dem(small), "--rain-rate-mm-h", "70"]
    refused(small, [*wet, "--temperature-c", "900"], "--temperature-c", "-123.0<=x<=76.0")
    refused(small, [*wet, "--vapour-g-m3", "-1"], "--vapour-g-m3", "0.0<=x<=100.0")
    refused(small, [*wet, "--availability", "100"], "--availability", "90.0<=x<=99.9999")


def test_profiles_of_synthetic_land_say_so(small: SmallPlan) -> None:
    small.replace("scenario.toml", 'title = "Small"', 'title = "Small"\nsynthetic = true')
    run = small.run("path", str(small.scenario), "--village", "A")
    assert run.exit_code == 0, run.output
    assert "SYNTHETIC" in run.stdout
    assert np.isfinite(float(run.stdout.split("= level (RSRP)")[1].split()[0]))
