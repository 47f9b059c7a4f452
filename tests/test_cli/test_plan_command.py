"""`lensong plan` writes a result, tells it in few words, and reuses what it has computed."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from lensong.cli import options
from tests.test_cli.small_scenario import SmallPlan


def test_the_summary_answers_first(small: SmallPlan) -> None:
    run = small.plan()
    assert run.exit_code == 0, run.output
    assert run.stdout.splitlines() == [
        "Small",
        "  villages   2 covered, 0 patchy, 0 no signal",
        "  people     200 of 200 have voice-data",
        "             it holds for 200 to 200 in nine of ten draws of what is not known",
        "  sweeps     0 of 1 from the cache",
        "  warnings   1, listed in the report",  # of its radius of 700 m
        f"  report     {small.out / 'report.html'}",
    ]


def test_json_is_all_there_is_on_stdout(small: SmallPlan) -> None:
    run = small.plan("--json")
    found = json.loads(run.stdout)
    assert found["summary"]["villages_by_class"]["covered"] == 2
    assert found["sweeps_total"] == 1
    assert Path(found["report"]).is_file()


def test_quiet_says_nothing(small: SmallPlan) -> None:
    run = small.plan("--quiet")
    assert (run.exit_code, run.output) == (0, "")


@pytest.mark.slow
def test_path_loss_is_reused_after_a_change_of_tilt_and_power(small: SmallPlan) -> None:
    assert "0 of 1 from" in small.plan().stdout
    small.replace("cells.csv", "B3,20,46", "B3,20,40")
    small.replace("scenario.toml", "[network]", "[network.assume]\nfeeder_loss_db = 1\n[network]")
    assert "1 of 1 from" in small.plan().stdout


def test_path_loss_is_computed_anew_when_a_mast_grows(small: SmallPlan) -> None:
    small.plan()
    small.replace("cells.csv", ",30,0,sector", ",40,0,sector")
    assert "1 of 2 from" in small.plan().stdout


def test_no_cache_keeps_nothing(small: SmallPlan) -> None:
    assert small.plan("--no-cache", "--quiet").exit_code == 0
    assert not small.cache.exists()


def test_the_cache_option_outranks_the_environment(small: SmallPlan, tmp_path: Path) -> None:
    assert small.plan("--quiet", "--cache", str(tmp_path / "mine")).exit_code == 0
    assert list((tmp_path / "mine").rglob("*.arrays"))
    assert not small.cache.exists()


def test_the_default_cache_follows_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LENSONG_CACHE_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    monkeypatch.setattr("sys.platform", "linux")
    assert options.cache_folder(None) == Path("home/.cache/lensong")
    monkeypatch.setenv("XDG_CACHE_HOME", "xdg")
    assert options.cache_folder(None) == Path("xdg/lensong")
    monkeypatch.setattr("sys.platform", "darwin")
    assert options.cache_folder(None) == Path("home/Library/Caches/lensong")
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "local")
    assert options.cache_folder(None) == Path("local/lensong")


@pytest.mark.slow
def test_the_result_does_not_depend_on_workers(small: SmallPlan) -> None:
    small.plan("--no-cache", "--quiet", "--workers", "1")
    one = (small.out / "villages.csv").read_bytes()
    small.plan("--no-cache", "--quiet", "--workers", "3")
    assert (small.out / "villages.csv").read_bytes() == one


def test_the_record_has_the_scenario_with_its_defaults(small: SmallPlan) -> None:
    small.plan("--quiet")
    record = json.loads((small.out / "run.json").read_text(encoding="utf-8"))
    assert record["lensong"] == version("lensong")
    assert record["settings"]["network"]["assume"]["noise_figure_db"] == 3.0
    assert record["settings"]["elevation"]["path"] == "dem.tif"


def test_synthetic_data_are_called_so(small: SmallPlan) -> None:
    small.replace("scenario.toml", 'title = "Small"', 'title = "Small"\nsynthetic = true')
    assert "SYNTHETIC" in small.plan().stdout


@pytest.mark.parametrize("workers", ["0", "two"])
def test_workers_must_be_a_number_above_zero(small: SmallPlan, workers: str) -> None:
    run = small.plan("--workers", workers)
    assert run.exit_code == 2
    assert "--workers" in run.stderr


def test_the_output_folder_must_be_named(small: SmallPlan) -> None:
    run = small.run("plan", str(small.scenario))
    assert run.exit_code == 2
    assert "--out" in run.stderr


def test_refractivity_comes_from_the_itus_maps_where_the_user_has_them(small: SmallPlan) -> None:
    maps = small.folder / "itu"
    maps.mkdir()
    np.savetxt(maps / "DN50.TXT", np.full((121, 241), 47.5))
    np.savetxt(maps / "N050.TXT", np.full((121, 241), 371.25))
    small.replace("scenario.toml", "[network]", '[itu_maps]\npath = "itu"\n[network]')
    found = json.loads(small.plan("--json").stdout)
    assert any("47.5 N-units/km, 371.2 N-units" in told for told in found["assumptions"])
    run = json.loads((small.out / "run.json").read_text(encoding="utf-8"))
    assert [s["path"] for s in run["inputs"] if s["role"] == "itu_maps"] == ["itu"]
    (maps / "N050.TXT").unlink()
    refused = small.plan()
    assert refused.exit_code == 2
    assert "no N050.TXT: download" in refused.stderr
