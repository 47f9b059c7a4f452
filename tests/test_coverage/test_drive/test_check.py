"""What a drive test says of a plan, on its page and in its layers."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pytest

from lensong.coverage.drive.check import PlanCheck, check_plan
from lensong.coverage.results.plan_check import write_plan_check
from tests.chromium import BINARY, chromium_page
from tests.drives import changed, drive, matched_with, network


@lru_cache(1)
def swapped() -> PlanCheck:
    truth = changed(network(), {"M3-1": {"azimuth_deg": 120.0}, "M3-2": {"azimuth_deg": 0.0}})
    matched, plan = matched_with(network(), drive(truth, 3).log())
    return check_plan(matched, plan, title="Hills <invented>")


def test_every_entry_is_once_in_each_split_and_the_terrain_beats_none() -> None:
    found = swapped()
    n = found.matched.measured_dbm.size
    sizes: dict[str, int] = {}
    for group in found.groups:
        sizes[group.split] = sizes.get(group.split, 0) + group.statistics.n
    assert sizes == dict.fromkeys(
        ("distance", "line_of_sight", "diffraction", "clutter", "cell"), n
    )
    plain, constant, no_terrain = found.scores
    assert constant.rmse_db <= plain.rmse_db
    assert constant.rmse_db < 0.8 * no_terrain.rmse_db
    assert found.overall.rmse_db == pytest.approx(np.sqrt(np.mean(found.matched.error_db**2)))


def test_numbers_and_layers_hold_what_the_page_says(tmp_path: Path) -> None:
    write_plan_check(swapped(), tmp_path, measured_files=["a.csv", "b.csv"], lensong_version="1")
    told = json.loads((tmp_path / "validation.json").read_text("utf-8"))
    assert told["files"] == ["a.csv", "b.csv"]
    assert told["synthetic"] is True
    assert told["suspects"][0]["cells"] == ["M3-1", "M3-2"]
    cells = gpd.read_file(tmp_path / "validation.gpkg", layer="cells").set_index("cell_id")
    assert "look swapped" in cells.loc["M3-1", "finding"]
    assert not cells.loc["M1-1", "finding"]
    points = gpd.read_file(tmp_path / "validation.gpkg", layer="measured_points")
    assert len(points) == told["entries"]
    assert points["rows"].sum() == told["rows"]
    styles = pyogrio.read_dataframe(tmp_path / "validation.gpkg", layer="layer_styles")
    assert list(styles["f_table_name"]) == ["measured_points"]
    assert all(f'value="{kind}"' in styles["styleQML"][0] for kind in set(points["error_class"]))
    page = (tmp_path / "validation.html").read_text("utf-8")
    assert "Hills &lt;invented&gt;" in page
    assert "<invented>" not in page
    assert "SYNTHETIC DATA" in page
    assert "SỐ LIỆU GIẢ LẬP" in page
    assert "check." not in page
    assert page.count("p95 của |sai số| [dB]") == 1


@pytest.mark.browser
@pytest.mark.skipif(BINARY is None, reason="no Chromium on this machine")
def test_the_page_fits_a_phone_and_asks_nothing_of_a_network(tmp_path: Path) -> None:
    write_plan_check(swapped(), tmp_path, measured_files=["a.csv"], lensong_version="1")
    with chromium_page(tmp_path / "profile") as page:
        page.resize(360, 740, mobile=True)
        page.open((tmp_path / "validation.html").as_uri())
        assert page.ask("document.documentElement.scrollWidth") <= 360
        assert page.ask("document.querySelectorAll('.map img').length") == 6
        assert page.ask("[...document.querySelectorAll('img')].every(i => i.naturalWidth > 0)")
        assert page.errors == []
        assert all(url.startswith(("file:", "data:")) for url in page.requests)
