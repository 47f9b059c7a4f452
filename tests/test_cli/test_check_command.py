"""`lensong check` tells what was read, without computing."""

from __future__ import annotations

import json

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
