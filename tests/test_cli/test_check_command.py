"""`lensong check` tells what was read, without computing."""

from __future__ import annotations

import csv
import json
from typing import Any

import pytest

from lensong.coverage import sweeps
from tests.test_cli.small_scenario import SmallPlan


@pytest.fixture(autouse=True)
def _no_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object, **_options: object) -> None:
        raise AssertionError("check computed a sweep")

    monkeypatch.setattr(sweeps, "sweep_carriers", never)


def test_a_sound_scenario_ends_with_zero(small: SmallPlan) -> None:
    run = small.check()
    assert run.exit_code == 0, run.output
    assert "villages: 2, with 200 people" in run.stdout
    assert "1 mast, 2 cells" in run.stdout
    assert "azimuth_deg      <- azimuth" in run.stdout
    assert "noise_figure_db: 2 cells" in run.stdout
    assert "Nothing looks wrong." in run.stdout
    assert not small.out.exists()


def test_a_warning_ends_with_one(small: SmallPlan) -> None:
    small.replace("scenario.toml", 'antennas = "antennas"\n', "")
    run = small.check()
    assert run.exit_code == 1
    assert "WARNINGS" in run.stdout
    assert "sector.msi" in run.stdout


def test_json_has_mapping_counts_and_warnings(small: SmallPlan) -> None:
    found = json.loads(small.check("--json").stdout)
    assert (found["masts"], found["cells"], found["villages"]) == (1, 2, 2)
    assert found["mapped"]["total_power_dbm"] == "total_power_dbm"
    assert found["carriers"] == {"4G B3 20 MHz at 1842.5 MHz, FDD": 2}
    assert found["warnings"] == []
    assert {source["role"] for source in found["sources"]} >= {"elevation", "villages"}


def test_quiet_leaves_only_the_code(small: SmallPlan) -> None:
    run = small.check("--quiet")
    assert (run.exit_code, run.output) == (0, "")


def test_the_heights_and_the_ground_under_masts_and_villages_are_shown(small: SmallPlan) -> None:
    found = json.loads(small.check("--json").stdout)["ground"]
    assert set(found["heights_m"]) == {"min", "p5", "median", "p95", "max"}
    assert found["void_share"] == found["zero_share"] == 0.0
    assert len(found["masts"]) == 1
    assert [place["listed_m"] for place in found["villages"]] == [None, None]
    text = small.check().stdout
    assert "heights [m]: min" in text
    assert "0.00% void, 0.00% exactly 0" in text
    assert "ground under villages: " in text


def test_heights_of_the_list_that_are_not_those_of_the_ground_are_named(small: SmallPlan) -> None:
    path = small.folder / "villages.csv"
    header, *rows = path.read_text("utf-8").splitlines()
    rows = [*rows, rows[-1].replace(rows[-1].split(",")[0], "third", 1)]
    path.write_text(
        "\n".join([f"{header},altitude", *(f"{row},4800" for row in rows)]) + "\n", "utf-8"
    )
    run = small.check()
    assert run.exit_code == 1
    assert "listed 4,800 m" in run.stdout
    assert "heights that the list of villages gives differ from the elevation by" in run.stdout


def test_a_mast_whose_listed_ground_is_another_is_named(small: SmallPlan) -> None:
    path = small.folder / "cells.csv"
    header, *rows = path.read_text("utf-8").splitlines()
    ground_m = json.loads(small.check("--json").stdout)["ground"]["masts"][0]["ground_m"]

    def check(*heights: str) -> dict[str, Any]:
        lines = [f"{header},Ground elevation (m)"]
        lines += [f"{row},{height}" for row, height in zip(rows, heights, strict=True)]
        path.write_text("\n".join(lines) + "\n", "utf-8")
        found: dict[str, Any] = json.loads(small.check("--json").stdout)
        return found

    found = check(f"{ground_m:.0f}", "about the same")
    assert found["mapped"]["listed_ground_m"] == "Ground elevation (m)"
    assert found["ground"]["masts"][0]["listed_m"] == pytest.approx(ground_m, abs=0.5)
    assert found["warnings"] == []
    (warning,) = check("4800", "4800")["warnings"]
    assert "1 of 1 masts stand on ground more than 100 m above or below" in warning
    assert f"S1 (listed 4,800 m, ground {ground_m:,.0f} m)" in warning
    assert "listed 4,800 m" in small.check().stdout


def test_every_row_of_the_cell_list_is_accounted_for(small: SmallPlan) -> None:
    rows = small.folder / "rows.csv"
    run = small.check("--rows", str(rows))
    assert run.exit_code == 0, run.output
    assert "used: 2 rows" in run.stdout
    with rows.open(encoding="utf-8-sig", newline="") as file:
        entries = list(csv.DictReader(file))
    assert {entry["line"] for entry in entries} == {"line 2", "line 3"}
    by_field = {entry["field"]: entry for entry in entries if entry["line"] == "line 2"}
    assert by_field["azimuth_deg"]["fate"] == "given"
    assert by_field["noise_figure_db"]["fate"] == "assumed"
    found = json.loads(small.check("--json").stdout)
    assert len(found["rows"]) == len(entries)


def test_columns_of_the_cell_list_are_mapped_in_the_scenario(small: SmallPlan) -> None:
    small.replace("cells.csv", "total_power_dbm", "setting (dBm)")
    refused = small.check()
    assert refused.exit_code == 2
    assert 'total_power_dbm = "setting (dBm)"' in refused.stderr
    mapping = '\n[network.columns]\ntotal_power_dbm = "setting (dBm)"\n'
    with (small.folder / "scenario.toml").open("a", encoding="utf-8") as file:
        file.write(mapping)
    assert small.check().exit_code == 0
