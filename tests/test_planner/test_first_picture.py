"""What is seen of a plan whose levels are not planned yet."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from lensong.planner.standing import Settler
from tests.chromium import BINARY, chromium_page, wait_for
from tests.test_planner.conftest import Page, served
from tests.test_planner.small_valley import write_small_valley
from tests.waiting import wait_until

STEP = 3  # 45 m, and what follows a hand is of about 120 m
ASKED = "row0=30&col0=60&rows=99&cols=120"


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Page, Event]]:
    """Return a page of a plan whose levels are planned once the event says so."""
    go_on, begin = Event(), Settler.start

    def held(settler: Settler, *network: object) -> None:
        go_on.wait()
        begin(settler, *network)  # type: ignore[arg-type]

    monkeypatch.setattr(Settler, "start", held)
    scenario = write_small_valley(tmp_path / "valley")
    text = scenario.read_text(encoding="utf-8").replace("resolution_m = 90", "resolution_m = 45")
    scenario.write_text(text, encoding="utf-8")
    with served(scenario, until=lambda plan: plan.has_picture or plan.state == "failed") as page:
        try:
            assert page.plan.state == "opening", page.plan.why
            yield page, go_on
        finally:
            go_on.set()


def test_a_plan_is_seen_coarsely_before_its_levels_are_planned(
    opening: tuple[Page, Event],
) -> None:
    page, go_on = opening
    told = page.get()
    assert (told["state"], told["has_picture"], told["may_edit"]) == ("opening", True, False)
    assert told["coarse"]["step"] == STEP
    assert page.get("/variants/base")["settled"] == "coarse"
    path = page.at(f"/variants/base/layers/rsrp-4g.bin?{ASKED}")
    first = page.client.get(path)
    assert first.status_code == 200, first.text
    assert first.headers["Lensong-Settled"] == "coarse"
    coarse = np.frombuffer(first.content, "<f4").reshape(99, 120)
    blocks = coarse.reshape(33, STEP, 40, STEP)
    np.testing.assert_array_equal(blocks, np.broadcast_to(blocks[:, :1, :, :1], blocks.shape))
    chances = page.client.get(page.at(f"/variants/base/layers/chance-voice-data.bin?{ASKED}"))
    assert np.frombuffer(chances.content, "<f4").max() > 0.5
    relief = page.client.get(page.at("/land/hillshade.png?most_px=100")).content
    assert max(struct.unpack(">II", relief[16:24])) <= 100
    assert len(page.get("/variants/base/network")["masts"]) == 7
    body = {"name": "A"}
    refused = page.client.post(page.at("/variants"), json=body)
    assert refused.status_code == 409
    assert "still opening" in refused.json()["detail"]

    go_on.set()
    wait_until(lambda: page.plan.state == "ready")
    same = page.client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert same.status_code == 200  # the coarse one is no longer what is there
    assert same.headers["Lensong-Settled"] != "coarse"
    exact = np.frombuffer(same.content, "<f4").reshape(99, 120)
    heard = np.isfinite(exact) & np.isfinite(coarse)
    assert heard.sum() > 1000
    assert 0.0 < float(np.median(np.abs(exact - coarse)[heard])) < 6.0  # near, and not the same
    assert page.get()["may_edit"]


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(BINARY is None, reason="no chromium on this machine")
def test_the_page_shows_the_first_picture_then_what_is_exact(
    opening: tuple[Page, Event], tmp_path: Path
) -> None:
    page, go_on = opening
    flags = ("--enable-unsafe-swiftshader", "--use-angle=swiftshader")
    with chromium_page(tmp_path, *flags) as browser:
        browser.resize(1280, 800)
        browser.open(f"{page.client.base_url}/planner?language=en")
        wait_for(browser, "document.body.dataset.ready === 'true'")
        wait_for(browser, "lensongPlanner.cover.blocks.size > 0")
        shown = "[...lensongPlanner.cover.blocks.values()].map((block) => block.settled)"
        wait_for(browser, f"{shown}.every((settled) => settled === 'coarse')")
        assert "coarse" in browser.ask("document.getElementById('state').textContent")
        assert browser.ask("document.getElementById('opening').classList.contains('aside')")
        assert not browser.ask("document.getElementById('opening').hidden")
        assert not browser.ask("lensongPlanner.state.plan.may_edit")
        go_on.set()
        wait_for(browser, "document.getElementById('opening').hidden")
        wait_for(browser, f"{shown}.length && {shown}.every((settled) => settled !== 'coarse')")
        wait_for(browser, "document.querySelectorAll('#village-rows tr').length === 8")
        assert browser.ask("lensongPlanner.state.plan.may_edit")
