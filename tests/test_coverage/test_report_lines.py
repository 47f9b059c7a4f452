"""Roads and rivers that the user brought, in the report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import MultiLineString, box

from lensong.coverage.report.map_data import commune_lines, map_lines
from lensong.coverage.results.write import write_result
from tests.chromium import BINARY, chromium_page
from tests.small_plan import CRS, make_small_plan_result, with_lines

IDLE = (
    "new Promise(done => { lensongMap.once('idle', () => done(true));"
    " lensongMap.triggerRepaint(); })"
)


def _network(lines: int, points: int) -> gpd.GeoDataFrame:
    """Return lines that wander from west to east without a straight piece."""
    random = np.random.default_rng(5)
    east = 355_000 + 12_000 * np.linspace(0.0, 1.0, points)
    return gpd.GeoDataFrame(
        {"kind": "road", "label": "", "name": ""},
        geometry=[
            MultiLineString([np.c_[east, 2_470_000 + random.normal(0.0, 300.0, points)]])
            for _ in range(lines)
        ],
        index=range(lines),
        crs=CRS,
    )


def test_without_lines_there_is_nothing_to_draw() -> None:
    assert map_lines(None, 60.0)["features"] == []


def test_pieces_of_a_line_become_one_as_fine_as_a_pixel() -> None:
    east = np.linspace(355_000.0, 367_000.0, 1_001)
    places = np.c_[east, 2_470_000.0 + 10.0 * np.sin(east)]
    pieces = [MultiLineString([places[i : i + 11]]) for i in range(0, 1_000, 10)]
    frame = gpd.GeoDataFrame(
        {"kind": ["river"] * 100, "label": ["Nậm Mu"] * 100}, geometry=pieces, crs=CRS
    )
    (feature,) = map_lines(frame, 60.0)["features"]
    assert feature["properties"] == {"kind": "river", "label": "Nậm Mu"}
    (part,) = feature["geometry"]["coordinates"]
    assert 2 <= len(part) < 20


def test_more_lines_than_the_page_bears_are_drawn_coarser() -> None:
    collection = map_lines(_network(60, 4_000), 30.0)
    assert 0 < len(json.dumps(collection)) <= 2_000_000
    assert len(collection["features"]) == 1


def test_a_border_of_two_communes_is_drawn_once() -> None:
    result = make_small_plan_result()
    left, right = (
        box(356_000, 2_466_000, 360_000, 2_474_000),
        box(360_000.2, 2_466_000, 366_000, 2_474_000),
    )
    communes = gpd.GeoDataFrame(
        {"commune": ["A", "B"], "commune_code": ["1", "2"], "province": "P"},
        geometry=[left, right],
        crs=CRS,
    )
    lines = commune_lines(replace(result, communes=communes))
    drawn = gpd.GeoDataFrame.from_features(lines, crs=4326).to_crs(CRS).geometry
    # both outlines without the border that they share (4 km + 6 km twice, 8 km three times)
    assert drawn.length.sum() == pytest.approx(2 * 4_000 + 2 * 6_000 + 3 * 8_000, rel=1e-3)
    assert commune_lines(replace(result, communes=None))["features"] == []


@pytest.mark.browser
@pytest.mark.slow
def test_lines_have_a_legend_in_both_languages_and_a_switch(tmp_path: Path) -> None:
    if BINARY is None:
        pytest.skip("no chromium on this machine: install the package chromium to run this test")
    write_result(with_lines(make_small_plan_result()), tmp_path / "out", lensong_version="1")
    drawn = (
        "lensongMap.queryRenderedFeatures({layers: ['lines', 'lines-dashed']})"
        ".map(f => f.properties.kind).sort()"
    )
    key = "[...document.querySelectorAll('#key li')].map(li => li.innerText.trim())"
    with chromium_page(tmp_path / "profile") as page:
        page.resize(1400, 900)
        page.open((tmp_path / "out" / "report.html").as_uri())
        assert page.ask("window.lensongReady") is True
        page.ask("document.querySelector('[data-language=vi]').click()")
        assert {"Đường", "Sông, suối", "Đường dây 110 kV"} <= set(page.ask(key))
        page.ask("document.querySelector('[data-language=en]').click()")
        assert {"Road", "River", "Đường dây 110 kV"} <= set(page.ask(key))
        page.ask(IDLE)
        assert set(page.ask(drawn)) == {"road", "river", "other"}
        page.ask("document.querySelector('#overlays [value=lines]').click()")
        page.ask(IDLE)
        assert page.ask(drawn) == []
        assert page.errors == []
