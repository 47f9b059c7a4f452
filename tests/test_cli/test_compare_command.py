"""`lensong compare` plans by several models and writes where they disagree."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import rasterio
from click.testing import Result

from tests.test_cli.small_scenario import SmallPlan

FILES = {
    "comparison.html",
    "comparison.json",
    "villages.csv",
    "differences.csv",
    "4g_rsrp_difference_db_free_space.tif",
}


def run(small: SmallPlan, models: str, *options: str) -> Result:
    return small.run(
        "compare", str(small.scenario), "--models", models, "--out", str(small.out), *options
    )


def test_it_writes_page_tables_and_maps(small: SmallPlan) -> None:
    done = run(small, "p1812,free_space")
    assert done.exit_code == 0, done.output
    assert {path.name for path in small.out.iterdir()} == FILES
    assert "itu_r_p1812" in done.stdout
    assert "comparison.html" in done.stdout
    villages = pd.read_csv(small.out / "villages.csv", encoding="utf-8-sig")
    assert list(villages["name"]) == ["Bản Mẫu 1", "Bản Mẫu 2"]
    assert {"class_itu_r_p1812", "class_free_space"} <= set(villages)
    with rasterio.open(small.out / "4g_rsrp_difference_db_free_space.tif") as raster:
        assert raster.units == ("dB",)
        tags = raster.tags()
        assert json.loads(tags["LENSONG_PROVENANCE"])["models"] == ["itu_r_p1812", "free_space"]
        assert len(json.loads(tags["LENSONG_LEGEND"])) == 9
    differences = pd.read_csv(small.out / "differences.csv", encoding="utf-8-sig")
    assert set(differences["split"]) >= {"all", "path", "distance", "clutter"}


def test_json_is_what_the_file_holds(small: SmallPlan) -> None:
    done = run(small, "p1812,free_space", "--json", "--no-cache")
    assert done.exit_code == 0, done.output
    assert not small.cache.exists()
    assert json.loads(done.stdout) == json.loads((small.out / "comparison.json").read_text("utf-8"))


def test_sweeps_of_a_plan_are_used_again(small: SmallPlan) -> None:
    assert small.plan("--quiet").exit_code == 0
    before = set(small.cache.rglob("*.arrays"))  # tiles of the plan are kept beside its sweeps
    assert run(small, "p1812,free_space", "--quiet").exit_code == 0
    after = set(small.cache.rglob("*.arrays"))
    assert before < after
    assert len(after - before) == 2  # of each mast the second model's sweep


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("p1812", "wanted two or more"),
        ("p1812,free_spice", "did you mean free_space"),
        ("p1812,itu_r_p452", "draws no maps"),
        ("free_space,cost231_hata,okumura_hata", "freq_mhz"),
    ],
)
def test_bad_input_ends_with_two_and_says_what_to_do(
    small: SmallPlan, models: str, message: str
) -> None:
    done = run(small, models)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_missing_scenario_is_told(small: SmallPlan, tmp_path: Path) -> None:
    done = small.run(
        "compare", str(tmp_path / "no.toml"), "--models", "p1812,itm", "--out", str(small.out)
    )
    assert done.exit_code == 2
    assert "no.toml" in done.stderr
