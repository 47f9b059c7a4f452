from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from math import log, pi, radians, tan
from typing import Any

import numpy as np
import pytest
from pyproj import Transformer
from rasterio.io import MemoryFile

from lensong.coverage.report import map_data as map_module
from lensong.coverage.report.html import render_report, result_id
from lensong.coverage.report.legend import classify, rsrp_legend
from lensong.coverage.report.map_data import map_data
from lensong.coverage.result import PlanResult
from tests.small_plan import PLACES, make_small_plan_result, two_operators


class _Resources(HTMLParser):
    """Collects every address that a page would load, and the text of its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        for name, value in attrs:
            if name in ("src", "srcset", "poster", "data") or (name == "href" and tag == "link"):
                self.addresses.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts.append(data)


def _data(html: str) -> dict[str, Any]:
    begin = '<script type="application/json" id="report-data">'
    found = re.search(rf"{begin}\s*(.*?)\s*</script>", html)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def _short(result: PlanResult, **options: Any) -> str:
    return render_report(result, maplibre_js="", maplibre_css="", **options)


def test_the_page_loads_nothing_from_any_network(report_html: str) -> None:
    resources = _Resources()
    resources.feed(report_html)
    assert [a for a in resources.addresses if not a.startswith("data:")] == []
    assert "default-src 'none'" in report_html
    assert "@import" not in report_html
    style = report_html[report_html.index("<style>") : report_html.index("</style>")]
    assert [u for u in re.findall(r"url\((.{0,30})", style) if "data:" not in u] == []
    assert "sourceMappingURL" not in report_html


def test_the_same_plan_gives_the_same_bytes(small_plan_result: PlanResult) -> None:
    assert _short(small_plan_result) == _short(small_plan_result)


def test_a_library_cannot_end_the_script_it_stands_in(small_plan_result: PlanResult) -> None:
    hostile = 'const a = "</script><img src=x>", b = "<!-- <script>";'
    html = render_report(small_plan_result, maplibre_js=hostile, maplibre_css="/* </style> */")
    resources = _Resources()
    resources.feed(html)
    assert "x" not in resources.addresses
    assert html.count("</style>") == 1
    assert r'"<\/script><img src=x>", b = "<\!-- <script>"' in html


def test_names_from_outside_cannot_become_markup(small_plan_result: PlanResult) -> None:
    evil = "</script><b>Bản</b>"
    villages = small_plan_result.villages.assign(name=evil)
    html = _short(replace(small_plan_result, villages=villages, title=evil, warnings=(evil,)))
    assert "<b>Bản</b>" not in html
    assert _data(html)["villages"][0]["name"] == evil


def test_the_answer_comes_first_then_map_table_and_assumptions(report_html: str) -> None:
    marks = ['class="answer"', 'id="map-section"', 'id="villages"', "communes-title",
             "assumptions-title", "inputs-title", 'class="settings"']  # fmt: skip
    places = [report_html.index(mark) for mark in marks]
    assert places == sorted(places)


def test_the_headline_says_who_is_covered_in_both_languages(report_html: str) -> None:
    assert "<b>7</b>/<b>12</b> thôn bản được phủ sóng thoại và dữ liệu." in report_html
    assert "<b>7</b> of <b>12</b> villages are covered for voice and data." in report_html
    assert "<b>539</b> of <b>5,551</b> people cannot use it." in report_html


def test_synthetic_data_are_marked_and_real_data_are_not(small_plan_result: PlanResult) -> None:
    assert "SYNTHETIC DATA" in (made := _short(small_plan_result))
    assert 'class="synthetic-mark"' in made
    real = _short(replace(small_plan_result, synthetic=False))
    assert 'class="synthetic-banner"' not in real
    assert 'class="synthetic-mark"' not in real


def test_inputs_hashes_settings_and_sentences_are_there(
    report_html: str, small_plan_result: PlanResult
) -> None:
    for source in small_plan_result.land.sources:
        assert source.sha256 in report_html
    assert "propagation.time_percent" in report_html
    for sentence in (*small_plan_result.assumptions, *small_plan_result.warnings):
        assert sentence in report_html


def test_table_rows_keep_names_and_leave_missing_numbers_empty(report_html: str) -> None:
    rows = {row["name"]: row for row in _data(report_html)["villages"]}
    assert list(rows) == [place[0] for place in PLACES]
    assert rows["Hồ Thầu"]["rsrp_p50_dbm_4g"] is None
    assert rows["Bình Lư"]["class"] == "covered"


def test_layers_are_those_of_the_plan(small_plan_result: PlanResult) -> None:
    kinds = [
        (x["technology"], x["kind"], x["service"]) for x in map_data(small_plan_result)["layers"]
    ]
    assert len(kinds) == len(set(kinds))
    assert {k for t, k, _ in kinds if t == "5G"} == {k for t, k, _ in kinds if t == "4G"}
    assert ("5G", "probability", "livestream-720p") in kinds
    assert ("5G", "probability", "voice-data") in kinds


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_place_has_the_same_class_in_the_picture_as_on_the_grid(
    small_plan_result: PlanResult,
) -> None:
    found = map_data(small_plan_result)
    level = next(x for x in found["layers"] if x["kind"] == "rsrp" and x["technology"] == "4G")
    picture = _decoded(level["url"])
    (west, north), _, (east, south), _ = found["corners_deg"]
    to_degrees = Transformer.from_crs(small_plan_result.land.grid.crs, 4326, always_xy=True)

    def mercator(lat_deg: float) -> float:
        return log(tan(pi / 4 + radians(lat_deg) / 2))

    same = []
    for row in range(5, 200, 7):
        for col in range(5, 200, 7):
            place = small_plan_result.land.grid.easting_northing(row, col)
            lon_deg, lat_deg = to_degrees.transform(*place)
            x = (lon_deg - west) / (east - west) * picture.shape[1]
            down = (mercator(north) - mercator(lat_deg)) / (mercator(north) - mercator(south))
            drawn = picture[int(down * picture.shape[0]), int(x)]
            value = small_plan_result.layers["4G"].rsrp_dbm[row : row + 1, col]
            same.append(int(classify(value, rsrp_legend())[0]) == drawn)
    assert np.mean(same) > 0.97  # the rest lies on an edge, half a pixel away


def test_corners_hold_the_whole_grid(small_plan_result: PlanResult) -> None:
    (west, north), (east, _), (_, south), _ = map_data(small_plan_result)["corners_deg"]
    for village in small_plan_result.villages.itertuples():
        assert west < village.lon_deg < east
        assert south < village.lat_deg < north


def test_pictures_shrink_until_they_fit(
    small_plan_result: PlanResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = map_data(small_plan_result)
    size = sum(len(x["url"]) for x in whole["layers"]) + len(whole["base"])
    monkeypatch.setattr(map_module, "_PICTURE_SIDES_PX", (200, 100, 50))
    monkeypatch.setattr(map_module, "_BUDGET_BYTES", size // 2)
    smaller = map_data(small_plan_result)
    assert len(smaller["layers"]) == len(whole["layers"])
    assert sum(len(x["url"]) for x in smaller["layers"]) + len(smaller["base"]) <= size // 2


def test_masts_carry_their_cells_and_say_what_is_uncertain(small_plan_result: PlanResult) -> None:
    masts = {m["mast_id"]: m for m in map_data(small_plan_result)["masts"]}
    assert len(masts["LC-BL-01"]["cells"]) == 6
    assert [m for m, found in masts.items() if found["uncertain"]] == ["LC-KH-03"]
    assert not masts["LC-BL-01"]["cells"][0]["omni"]


def test_a_plan_without_communes_gaps_or_population_renders(small_plan_result: PlanResult) -> None:
    bare = replace(
        small_plan_result,
        communes=None,
        gaps=small_plan_result.gaps.iloc[:0],
        villages=small_plan_result.villages.assign(people=np.nan, population=np.nan),
    )
    html = _short(bare)
    assert "commune-table" not in re.sub(r"<script.*?</script>|<style.*?</style>", "", html,
                                         flags=re.DOTALL)  # fmt: skip
    assert "<b>7</b> of <b>12</b> villages" in html
    assert "cannot use it" not in re.sub(r"<script.*?</script>", "", html, flags=re.DOTALL)


def test_the_date_is_printed_only_when_it_is_given(small_plan_result: PlanResult) -> None:
    assert _data(_short(small_plan_result))["generated_at"] is None
    dated = _data(_short(small_plan_result, generated_at="2026-11-23"))
    assert dated["generated_at"] == "2026-11-23"


def test_a_result_is_named_by_its_settings_and_content(small_plan_result: PlanResult) -> None:
    other = replace(small_plan_result, settings=small_plan_result.settings | {"title": "x"})
    assert result_id(small_plan_result) == result_id(replace(small_plan_result, timings_s={}))
    assert result_id(small_plan_result) != result_id(other)


def _decoded(url: str) -> Any:
    content = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    with MemoryFile(content) as memory, memory.open() as dataset:
        return dataset.read(1)


def test_operators_stand_in_the_headline_the_table_the_map_and_the_popups() -> None:
    result = two_operators()
    page = render_report(result, maplibre_js="", maplibre_css="")
    for text in (
        "operators serves a place by itself",
        "Viettel",
        "Vina Phone",
        "Operators that serve a village",
    ):
        assert text in page
    of = {x["operator"] for x in map_data(result)["layers"]}
    assert of == {None, "Viettel", "Vina Phone"}
    alone = render_report(make_small_plan_result(), maplibre_js="", maplibre_css="")
    assert "Any operator: at least one of" not in alone.partition("report-data")[0]


def test_the_share_of_interference_is_said_in_words() -> None:
    result = make_small_plan_result()
    villages = result.villages.copy()
    villages["reason_voice_data"] = "interference"
    page = render_report(replace(result, villages=villages), maplibre_js="", maplibre_css="")
    answer = page.partition("report-data")[0]  # the catalogue of messages comes after
    assert "Interference between cells is the main cause for" in answer
    assert "nowhere the main cause" not in answer


@pytest.mark.parametrize(
    ("people_disturbed", "said"),
    [
        (0.0, "Interference between cells is nowhere the main cause why people are without"),
        (4.0, "Interference between cells is the main cause for less than 1 % of the people"),
        (11.0, "Interference between cells is the main cause for 1 % of the people"),
    ],
)
def test_a_little_interference_is_not_none(people_disturbed: float, said: str) -> None:
    result = make_small_plan_result()
    villages = result.villages.copy()
    villages["served_share_voice_data"] = 0.0
    villages["reason_voice_data"] = "distance"
    villages["people"] = 0.0
    rows = villages.index
    villages.loc[rows[0], ["people", "reason_voice_data"]] = [people_disturbed, "interference"]
    villages.loc[rows[1], "people"] = 1_000.0 - people_disturbed
    page = render_report(replace(result, villages=villages), maplibre_js="", maplibre_css="")
    answer = page.partition("report-data")[0]
    assert answer.count("Interference between cells is") == 1
    before = answer.partition("Interference between cells is")[0]
    assert before[before.rindex("<p ") :].startswith('<p class="rule"')  # "hint" is not printed
    assert said in re.sub("<[^>]*>", "", answer)
