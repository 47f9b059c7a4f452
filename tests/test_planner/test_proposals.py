"""What a siting study chose, beside a variant: taken over, changed, taken out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lensong.coverage.cellplan.write import standing_rows
from lensong.coverage.scenario.inputs import read_network
from lensong.coverage.scenario.load import load_scenario
from lensong.coverage.variant.edits import AddCell, AddMast, SetCell, edited
from lensong.gis_data.array_store import ArrayStore
from tests.chromium import BINARY, chromium_page, wait_for
from tests.page_checks import problems_of
from tests.test_planner.conftest import Page, served
from tests.test_planner.small_valley import place_deg, write_small_valley


def study(scenario: Path) -> dict[str, Any]:
    """Return a siting study of the valley: more power, a further carrier, a new mast."""
    network, _ = read_network(load_scenario(scenario).network)
    old = next(c for c in network.cells if c.cell_id == "K4-B3-20")
    low = next(c.carrier for c in network.cells if c.carrier.name.startswith("B8"))
    lat, lon = place_deg(88.0, 88.0)
    mast = replace(network.mast("K4"), mast_id="N1", name="", lat_deg=lat, lon_deg=lon)
    more = replace(
        old, cell_id="K4-B8", carrier=low, granted_uplink_resource_blocks=25, physical_cell_id=None
    )
    new = replace(old, cell_id="N1/1", mast_id="N1", azimuth_deg=90.0)
    grown = edited(
        network,
        [
            SetCell(cell_id=old.cell_id, changes={"total_power_dbm": 43.0}),
            AddCell(cell=more),
            AddMast(mast=mast, cells=(new,)),
        ],
    )
    rows = standing_rows(grown)
    place = {"lat_deg": network.mast("K4").lat_deg, "lon_deg": network.mast("K4").lon_deg}
    money = {"people": 10.0, "people_in_all": 10.0, "cost": 5.0, "cost_in_all": 5.0}
    change = {"step": 1, "mast_id": "K4", "kind": "power", "change": "power 40 -> 43 dBm"}
    carrier = {"step": 2, "mast_id": "K4", "kind": "carrier", "change": "further carrier"}
    return {
        "service": "voice-data",
        "money": "units",
        "synthetic": True,
        "people_before": 1.0,
        "people_promised": 2.0,
        "people_planned": 2.0,
        "people_gained_by_changes": 1.0,
        "people_gained_bound": 0.0,
        "steps": [
            change
            | {"field": "total_power_dbm", "value_before": 40.0, "value_after": 43.0}
            | place
            | money,
            carrier | {"field": "carrier", "value_before": "", "value_after": "B8"} | place | money,
            {"step": 3, "mast_id": "N1", "kind": "listed", "field": ""}
            | {"lat_deg": lat, "lon_deg": lon}
            | money,
        ],
        "feeds": [{"step": 3, "mast_id": "N1", "backhaul": "satellite"}],
        "links": [],
        "cells": [
            {"step": 1, **rows[old.cell_id]},
            {"step": 2, **rows["K4-B8"]},
            {"step": 3, **rows["N1/1"]},
        ],
    }


@pytest.fixture(scope="module")
def proposing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("proposals")
    scenario = write_small_valley(folder / "valley")
    told = json.dumps(study(scenario), ensure_ascii=False)
    (folder / "valley" / "siting.json").write_text(told, encoding="utf-8")
    with scenario.open("a", encoding="utf-8") as file:
        file.write('[siting]\nproposals = "siting.json"\n')
    with served(scenario, ArrayStore(folder / "cache")) as page:
        assert page.plan.state == "ready", page.plan.why
        yield page


def states(page: Page, variant: str) -> list[str]:
    found = page.get(f"/variants/{variant}/proposals")
    return [step["state"] for step in found["steps"]]


def test_proposals_are_taken_over_changed_and_taken_out(proposing: Page) -> None:
    page = proposing
    assert page.get()["proposals"]
    found = page.get("/variants/base/proposals")
    assert found["service"] == "voice-data"
    assert [step["backhaul"] for step in found["steps"]] == [None, None, "satellite"]
    assert states(page, "base") == ["open", "open", "open"]
    variant = page.variant("mit")
    revision = 0
    for step in (1, 2, 3):
        edits = page.get(f"/variants/{variant}/proposals/{step}")
        assert edits["take"]
        revision = page.edit(variant, revision, *edits["take"])["revision"]
    assert states(page, variant) == ["built", "built", "built"]
    page.edit(
        variant,
        revision,
        {"kind": "set_cell", "cell_id": "N1/1", "azimuth_deg": 120.0},
        {"kind": "set_cell", "cell_id": "K4-B3-20", "total_power_dbm": 38.0},
    )
    assert states(page, variant) == ["changed", "built", "changed"]
    again = page.get(f"/variants/{variant}/proposals/3")["take"]
    assert again == [{"kind": "set_cell", "cell_id": "N1/1", "azimuth_deg": 90.0}]
    back = [
        edit
        for step in (1, 2, 3)
        for edit in page.get(f"/variants/{variant}/proposals/{step}")["back"]
    ]
    page.edit(variant, revision + 1, *back)
    assert states(page, variant) == ["open", "open", "open"]


def test_what_is_not_proposed_is_not_found(proposing: Page) -> None:
    answer = proposing.client.get(proposing.at("/variants/base/proposals/9"))
    assert answer.status_code == 404
    assert "1 to 3" in answer.text


def test_a_scenario_that_names_none_has_none(page: Page) -> None:
    assert not page.get()["proposals"]
    answer = page.client.get(page.at("/variants/base/proposals"))
    assert answer.status_code == 404, answer.text
    assert "siting.proposals" in answer.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "no list of steps"),
        ('{"steps": [], "feeds": [], "links": [], "cells": []}', "no 'service'"),
    ],
)
def test_a_file_of_no_study_is_refused_when_the_plan_opens(
    tmp_path: Path, text: str, said: str
) -> None:
    scenario = write_small_valley(tmp_path / "valley")
    (scenario.parent / "siting.json").write_text(text, encoding="utf-8")
    with scenario.open("a", encoding="utf-8") as file:
        file.write('[siting]\nproposals = "siting.json"\n')
    with served(scenario) as page:
        assert page.plan.state == "failed"
        assert said in page.plan.why
        assert "siting.json" in page.plan.why


LIST = "document.querySelectorAll('#proposals li')"


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(BINARY is None, reason="no chromium on this machine")
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_page_shows_proposals_and_takes_one_over(proposing: Page, tmp_path: Path) -> None:
    flags = ("--enable-unsafe-swiftshader", "--use-angle=swiftshader")
    with chromium_page(tmp_path, *flags) as browser:
        browser.resize(1280, 800)
        browser.open(f"{proposing.client.base_url}/planner?language=en")
        wait_for(browser, "document.body.dataset.ready === 'true'")
        browser.ask("document.getElementById('tab-proposals').click()")
        wait_for(browser, f"{LIST}.length === 3")
        assert browser.ask(f"[...{LIST}].every((li) => li.textContent.includes('not built'))")
        assert problems_of(browser) == []
        drawn = "lensongPlanner.map.querySourceFeatures('proposals').length"
        wait_for(browser, drawn)
        browser.ask(f"{LIST}[2].querySelector('button').click()")
        wait_for(browser, f"{LIST}[2].textContent.includes('as proposed')")
        assert browser.ask("lensongPlanner.state.network.masts.some((m) => m.mast_id === 'N1')")
        browser.ask(f"{LIST}[2].querySelector('button').click()")
        wait_for(browser, f"{LIST}[2].textContent.includes('not built')")
