"""The planner's page in a real browser, over the small valley: one server, one Chromium."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from lensong.planner.app import planner_app
from lensong.planner.open_plan import OpenPlan
from tests.chromium import BINARY, Page, chromium_page, wait_for
from tests.page_checks import problems_of
from tests.ports import free_port
from tests.test_planner.small_valley import write_small_valley
from tests.waiting import PATIENCE_S, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
    # the relief is a plain picture, and filters of warnings are not one thread's alone
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]

SETTLED = "document.getElementById('state').dataset.settled === 'chances'"


class Served:
    """A planner on a port of its own, which may be stopped and started again."""

    def __init__(self, scenario: Path) -> None:
        self.scenario, self.port = scenario, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        plan = OpenPlan(self.scenario, cache=None, workers=2)
        config = uvicorn.Config(
            planner_app([plan]),
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="planner", daemon=True)
        self._thread.start()
        wait_until(lambda: plan.state != "opening")
        assert plan.state == "ready", plan.why

    def stop(self) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    running = Served(write_small_valley(tmp_path_factory.mktemp("plans") / "valley"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    flags = ("--enable-unsafe-swiftshader", "--use-angle=swiftshader")
    with chromium_page(tmp_path_factory.mktemp("profile"), *flags) as opened:
        opened.resize(1280, 800)
        yield opened


def open_page(page: Page, served: Served, language: str = "en") -> None:
    page.open(f"{served.url}/planner?language={language}")
    wait_for(page, "document.body.dataset.ready === 'true'")
    wait_for(page, "lensongPlanner.state.variants.length > 0 && lensongPlanner.map.loaded()")


def mouse(page: Page, kind: str, x: float, y: float, *, shift: bool = False) -> None:
    page.call(
        "Input.dispatchMouseEvent",
        type=kind,
        x=x,
        y=y,
        button="left",
        buttons=0 if kind == "mouseReleased" else 1,
        clickCount=1,
        modifiers=8 if shift else 0,
    )


def key(page: Page, name: str, code: int, *, control: bool = False) -> None:
    for kind in ("keyDown", "keyUp"):
        page.call(
            "Input.dispatchKeyEvent",
            type=kind,
            key=name,
            windowsVirtualKeyCode=code,
            modifiers=2 if control else 0,
        )


def mast(page: Page, mast_id: str) -> dict[str, Any]:
    """Return a mast as the page has it, with its place in the window."""
    found: dict[str, Any] = page.ask(
        "(() => { const m = lensongPlanner.state.network.masts"
        f".find((one) => one.mast_id === {json.dumps(mast_id)});"
        "const { x, y } = lensongPlanner.map.project([m.lon_deg, m.lat_deg]);"
        "const box = lensongPlanner.map.getContainer().getBoundingClientRect();"
        "return { ...m, x: x + box.left, y: y + box.top }; })()"
    )
    return found


def drag(page: Page, start: dict[str, Any], dx: float, dy: float, *, drop: bool = True) -> None:
    mouse(page, "mousePressed", start["x"], start["y"])
    for k in range(1, 6):
        mouse(page, "mouseMoved", start["x"] + dx * k / 5, start["y"] + dy * k / 5)
    if drop:
        mouse(page, "mouseReleased", start["x"] + dx, start["y"] + dy)


def told(page: Page) -> str:
    return str(page.ask("document.querySelector('#told span').textContent"))


def revision(page: Page) -> int:
    return int(page.ask("lensongPlanner.state.network.revision"))


def test_a_mast_is_dragged_dropped_and_brought_back(page: Page, served: Served) -> None:
    open_page(page, served)
    before = mast(page, "K4")
    values = "lensongPlanner.cover.blocks.size > 0"
    wait_for(page, values)

    drag(page, before, 60.0, -40.0, drop=False)
    wait_for(page, "lensongPlanner.cover.layer.pieces.has('drag')")  # layers follow already
    mouse(page, "mouseReleased", before["x"] + 60.0, before["y"] - 40.0)

    wait_for(page, "lensongPlanner.state.network.revision", lambda number: number == 1)
    assert page.ask("lensongPlanner.state.variantId") != "base"  # which is never edited
    after = mast(page, "K4")
    assert after["state"] == "edited"
    assert after["x"] - before["x"] == pytest.approx(60.0, abs=1.0)  # pixels
    wait_for(page, SETTLED)
    wait_for(page, "!lensongPlanner.cover.layer.pieces.has('drag')")  # exact in its place

    key(page, "z", 90, control=True)
    wait_for(page, "lensongPlanner.state.network.revision", lambda number: number == 2)
    wait_for(page, "lensongPlanner.state.network.masts.every((m) => m.state === 'as_read')")
    back = mast(page, "K4")
    assert (back["lat_deg"], back["lon_deg"]) == (before["lat_deg"], before["lon_deg"])
    key(page, "y", 89, control=True)
    wait_for(page, "lensongPlanner.state.network.revision", lambda number: number == 3)
    assert mast(page, "K4")["lat_deg"] == after["lat_deg"]


def test_masts_are_moved_by_keys_and_chosen_in_a_box(page: Page, served: Served) -> None:
    open_page(page, served)
    place = mast(page, "K6")
    mouse(page, "mousePressed", place["x"], place["y"])
    mouse(page, "mouseReleased", place["x"], place["y"])
    wait_for(page, "[...lensongPlanner.state.selected].join()", lambda ids: ids == "K6")
    page.ask("lensongPlanner.map.getCanvas().focus()")
    key(page, "ArrowUp", 38)
    wait_for(page, "lensongPlanner.state.network.masts.some((m) => m.state === 'edited')")
    moved = mast(page, "K6")
    north_m = (moved["lat_deg"] - place["lat_deg"]) * 111_195.0
    assert north_m == pytest.approx(90.0, abs=1.0)  # one cell of the grid

    box = page.ask(
        "(({ left, top, width, height }) => [left, top, width, height])"
        "(document.getElementById('map').getBoundingClientRect())"
    )
    mouse(page, "mousePressed", box[0] + 240, box[1] + 90, shift=True)
    mouse(page, "mouseMoved", box[0] + box[2] - 60, box[1] + box[3] - 60, shift=True)
    mouse(page, "mouseReleased", box[0] + box[2] - 60, box[1] + box[3] - 60, shift=True)
    wait_for(page, "lensongPlanner.state.selected.size > 1")


def test_the_path_of_a_village_is_drawn_and_follows_its_end(page: Page, served: Served) -> None:
    open_page(page, served)
    wait_for(page, "document.querySelectorAll('#village-rows tr').length", lambda n: n == 8)
    page.ask("document.querySelector('[data-village=C] button').click()")
    wait_for(page, "!document.getElementById('village').hidden")
    wait_for(page, "!lensongPlanner.map.isMoving()")
    page.ask("document.querySelector('#village .buttons button').click()")
    wait_for(page, "document.querySelector('#path-panel svg.profile') !== null")
    title = "document.querySelector('#path-panel h2').textContent"
    assert page.ask(title).endswith("Bản C")
    length = "document.querySelector('#path-panel .hint').textContent"
    before = page.ask(length)
    end = page.ask(
        "(() => { const v = lensongPlanner.map.querySourceFeatures('villages')"
        ".find((f) => f.properties.village_id === 'C').geometry.coordinates;"
        "const { x, y } = lensongPlanner.map.project(v);"
        "const box = lensongPlanner.map.getContainer().getBoundingClientRect();"
        "return { x: x + box.left, y: y + box.top }; })()"
    )
    drag(page, end, 70.0, 50.0)
    wait_for(page, length, lambda text: text != before)


def test_a_variant_is_saved_as_a_scenario_that_can_be_read(page: Page, served: Served) -> None:
    open_page(page, served)
    page.ask("document.querySelector('[data-tab=variants]').click()")
    page.ask("document.getElementById('save-folder').value = 'kept'")
    page.ask("document.querySelector('#save button').click()")
    wait_for(page, "document.getElementById('saved').textContent", lambda text: "kept" in text)
    assert (served.scenario.parent / "kept" / "scenario.toml").is_file()


def test_places_are_found_without_diacritics_and_by_coordinates(page: Page, served: Served) -> None:
    open_page(page, served)
    wait_for(page, "document.querySelectorAll('#village-rows tr').length", lambda n: n == 8)

    def find(text: str) -> None:
        page.ask(
            "(() => { const box = document.getElementById('find');"
            f"box.value = {json.dumps(text)}; box.dispatchEvent(new Event('input')); }})()"
        )

    found = "document.getElementById('found').innerText"
    find("ban h")
    wait_for(page, found, lambda text: "Bản H" in text)
    find("22°20'N 103°41'E")
    wait_for(page, found, lambda text: "22.33333" in text)


@pytest.mark.parametrize(("width", "language"), [(390, "vi"), (1280, "en"), (1920, "vi")])
def test_the_page_is_for_everybody(page: Page, served: Served, width: int, language: str) -> None:
    page.resize(width, 844 if width == 390 else 1080, mobile=width == 390)
    try:
        open_page(page, served, language)
        wait_for(page, "document.querySelectorAll('#village-rows tr').length", lambda n: n == 8)
        for name in ("villages", "masts", "path", "why", "place", "variants"):
            page.ask(f"document.querySelector('[data-tab={name}]').click()")
            assert problems_of(page) == [], name
        page.ask("document.querySelector('[data-tab=masts]').click()")
        page.ask("document.querySelector('#mast-panel tbody button').click()")
        wait_for(page, "document.querySelector('#mast-panel .pattern') !== null")
        assert problems_of(page) == []
    finally:
        page.resize(1280, 800)


def test_edits_outlive_a_server_that_restarts(page: Page, served: Served) -> None:
    open_page(page, served)
    page.ask("document.querySelector('[data-tab=masts]').click()")
    page.ask("document.querySelector('#mast-panel tbody button').click()")
    height = "document.querySelector('[data-field=height]')"

    def set_height(metres: int) -> None:
        page.ask(
            f"(() => {{ const box = {height}; box.value = {metres};"
            "box.dispatchEvent(new Event('change')); })()"
        )

    set_height(41)
    wait_for(page, "lensongPlanner.state.network.masts.some((m) => m.height_agl_m === 41)")
    variant = page.ask("lensongPlanner.state.variantId")
    served.stop()
    wait_for(page, "!lensongPlanner.state.online")
    set_height(43)
    wait_for(page, "lensongPlanner.state.waiting.length", lambda n: n == 1)
    shown = "document.getElementById('state').textContent"
    assert "does not answer" in page.ask(shown)
    errors = len(page.errors)
    served.start()
    wait_for(page, "lensongPlanner.state.network.masts.some((m) => m.height_agl_m === 43)")
    assert page.ask("lensongPlanner.state.variantId") == variant
    assert page.ask("lensongPlanner.state.waiting.length") == 0
    del page.errors[errors:]  # what a browser says of a server that does not answer


def test_a_mast_off_the_grid_is_refused_in_words_and_stands_where_it_stood(
    page: Page, served: Served
) -> None:
    open_page(page, served)
    before = mast(page, "K2")
    page.ask("document.querySelector('[data-tab=masts]').click()")
    page.ask(
        "[...document.querySelectorAll('#mast-panel tbody button')]"
        ".find((b) => b.textContent === 'K2').click()"
    )
    page.ask(
        "(() => { const box = document.querySelector('[data-field=lat]'); box.value = 25;"
        "box.dispatchEvent(new Event('change')); })()"
    )
    wait_for(page, "document.getElementById('told').classList.contains('bad')")
    assert "K2" in told(page)
    assert mast(page, "K2")["lat_deg"] == before["lat_deg"]
    shown = "document.querySelector('[data-field=lat]').valueAsNumber"
    assert page.ask(shown) == pytest.approx(before["lat_deg"])


def test_who_was_later_is_told_and_loses_nothing(page: Page, served: Served) -> None:
    open_page(page, served)
    page.ask("document.querySelector('[data-tab=masts]').click()")
    page.ask("document.querySelector('#mast-panel tbody button').click()")
    set_name = (
        "(() => { const box = document.querySelector('[data-field=name]'); box.value = '%s';"
        "box.dispatchEvent(new Event('change')); })()"
    )
    page.ask(set_name % "Một")
    wait_for(page, "lensongPlanner.state.network.masts.some((m) => m.name === 'Một')")
    number = revision(page)
    late = "lensongPlanner.state.network.revision -= 1;"  # as if an event was not heard
    page.ask(f"(() => {{ {late} {set_name % 'Hai'}; }})()")
    wait_for(page, "document.getElementById('told').classList.contains('bad')")
    assert "Not saved" in told(page)
    wait_for(page, "lensongPlanner.state.network.revision", lambda now: now == number)
    assert page.ask("lensongPlanner.state.network.masts.some((m) => m.name === 'Một')")


def test_no_request_has_left_the_machine(page: Page, served: Served) -> None:
    open_page(page, served)
    assert page.requests
    elsewhere = [
        url for url in page.requests if not url.startswith((served.url, "data:", "blob:", "about:"))
    ]
    assert elsewhere == []
