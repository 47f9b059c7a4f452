"""The planner's page in a real browser, over the small valley: one server, one Chromium."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.chromium import BINARY, Page, chromium_page, press_key, wait_for
from tests.page_checks import problems_of
from tests.test_planner.page_in_browser import (
    Served,
    drag,
    key,
    mast,
    mouse,
    open_page,
    revision,
    told,
)
from tests.test_planner.small_valley import place_deg, write_small_valley
from tests.test_planner.test_measured import DRIVE, pattern
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
    # the relief is a plain picture, and filters of warnings are not one thread's alone
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]

AS_ANSWERED = """(async () => {
  const base = document.querySelector('script[type=module]').src.replace(/[^/]*$/, '');
  const [{ values }, { variantPath }] = await Promise.all(
    [import(base + 'api.js'), import(base + 'plan.js')]);
  const { cover } = lensongPlanner;
  for (const { key, row0, col0, row1, col1, step } of cover.now) {
    const part = `row0=${row0}&col0=${col0}&rows=${row1 - row0}&cols=${col1 - col0}&step=${step}`;
    const whole = await values('GET', `${variantPath()}/layers/${cover.layerId}.bin?${part}`);
    const { data } = cover.blocks.get(key);
    if (data.length !== whole.data.length) return -1;
    if (data.some((value, k) => !Object.is(value, whole.data[k]))) return -2;
  }
  return cover.now.length;
})()"""
SETTLED = "document.getElementById('state').dataset.settled === 'chances'"


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
    assert page.ask(AS_ANSWERED) > 0
    wait_for(page, "document.querySelectorAll('.held').length === 0")  # the map has it again

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

    chosen = (
        "lensongPlanner.state.network.cells"
        ".filter((c) => lensongPlanner.state.selected.has(c.mast_id)).map((c) => c.azimuth_deg)"
    )
    before = page.ask(chosen)
    change = (
        "(() => {{ const box = document.querySelector('[data-field=\"several {}\"]');"
        "box.value = '{}'; box.dispatchEvent(new Event('change')); }})()"
    )
    page.ask(change.format("key", "azimuth_deg"))
    page.ask(change.format("amount", "350"))
    press = "[...document.querySelectorAll('#mast-panel .buttons button')][1].click()"
    page.ask(press)
    wait_for(page, chosen, lambda now: now == [(azimuth + 350) % 360 for azimuth in before])
    kept = "document.querySelector('[data-field=\"several amount\"]').value"
    assert page.ask(kept) == "350"  # to be added once more
    told = "document.getElementById('history').innerText"
    wait_for(page, told, lambda text: "Azimuth, together" in text)
    assert "Azimuth " + str((int(before[0]) + 350) % 360) in page.ask(told)
    page.ask(change.format("key", "operator"))
    assert page.ask("document.querySelectorAll('#mast-panel .buttons button').length") == 3
    assert problems_of(page) == []


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
    find("https://www.openstreetmap.org/#map=15/22.35/103.65")
    wait_for(page, found, lambda text: "22.35000" in text)
    find("48Q UK 61036 77726")
    wait_for(page, found, lambda text: "22.40000" in text)


def test_the_keyboard_keeps_its_place(page: Page, served: Served) -> None:
    open_page(page, served)
    wait_for(page, "document.querySelectorAll('#village-rows tr').length", lambda n: n == 8)

    def press(selector: str) -> None:
        page.ask(f"document.querySelector('{selector}').focus()")
        press_key(page, "Enter", 13)

    press("[data-village=B] button")
    wait_for(page, "document.activeElement.matches('#village h2')")  # above the table
    press("#village .titled button")
    wait_for(page, "document.activeElement.closest('[data-village=B]') !== null")
    press("[data-village=B] button")
    press("#village .buttons button:nth-child(2)")
    wait_for(page, "document.activeElement.id === 'tab-why'")
    wait_for(page, "document.querySelector('#why-panel progress') === null")
    page.ask("document.querySelector('[data-tab=masts]').click()")
    press("#mast-panel tbody button")
    wait_for(page, "document.activeElement.matches('#mast-panel h2')")


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
    # the first thing that the page asks of the new server is lost on the way
    page.ask(
        "(() => { const ask = fetch; window.fetch = (...given) => {"
        "window.fetch = ask; return Promise.reject(new TypeError('lost')); }; })()"
    )
    served.start()
    wait_for(page, "lensongPlanner.state.network.masts.some((m) => m.height_agl_m === 43)")
    assert page.ask("fetch.toString()") == "function fetch() { [native code] }"
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
    assert told(page).startswith("K2 at 25°, ")
    assert "off the plan's grid" in told(page)
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
    errors = len(page.errors)
    page.ask(f"(() => {{ {late} {set_name % 'Hai'}; }})()")
    wait_for(page, "document.getElementById('told').classList.contains('bad')")
    assert "Not saved" in told(page)
    wait_for(page, "lensongPlanner.state.network.revision", lambda now: now == number)
    assert page.ask("lensongPlanner.state.network.masts.some((m) => m.name === 'Một')")
    page.ask("document.getElementById('told-act').click()")  # the change once more, on top
    wait_for(page, "lensongPlanner.state.network.masts.some((m) => m.name === 'Hai')")
    assert revision(page) == number + 1
    del page.errors[errors:]  # a browser tells of every 409


def drop(page: Page, name: str, content: bytes) -> None:
    """Give the page a file, and wait for the table of what became of its rows."""
    text = base64.b64encode(content).decode()
    page.ask(
        f"(() => {{ const text = atob({json.dumps(text)});"
        "const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));"
        f"const held = new DataTransfer(); held.items.add(new File([bytes], {json.dumps(name)}));"
        "const event = new DragEvent('drop', { dataTransfer: held });"
        "document.getElementById('map-area').dispatchEvent(event); })()"
    )
    wait_for(page, "document.getElementById('import-dialog').open")


def test_dropped_measurements_and_antennas_come_into_the_plan(page: Page, served: Served) -> None:
    open_page(page, served)
    drop(page, "lái xe.csv", DRIVE)
    assert problems_of(page) == []
    page.ask("document.querySelector('#import-dialog .main').click()")
    dots = "lensongPlanner.map.querySourceFeatures('measurements').length"
    wait_for(page, dots, lambda n: n > 0)
    page.ask("document.querySelector('[data-tab=variants]').click()")
    assert "lái_xe.csv" in page.ask("document.getElementById('measured-sets').innerText")
    assert "median" in page.ask("document.getElementById('measured-sets').innerText")
    assert problems_of(page) == []
    page.ask("document.querySelector('#measured-sets button').click()")
    wait_for(page, "document.getElementById('measured-sets').innerText", lambda text: text == "")

    drop(page, "mau.msi", pattern())
    page.ask("document.querySelector('#import-dialog .main').click()")
    wait_for(page, "lensongPlanner.state.plan.antennas.some((a) => a.antenna_id === 'mau')")
    page.ask("document.querySelector('[data-tab=masts]').click()")
    page.ask("document.querySelector('#mast-panel tbody button').click()")
    wait_for(page, "document.querySelector('[data-field=antenna] option[value=mau]') !== null")


def test_a_carrier_is_written_in_a_field_and_a_refusal_leaves_no_variant(
    page: Page, served: Served
) -> None:
    open_page(page, served)
    variants = page.ask("lensongPlanner.state.variants.length")
    page.ask("document.querySelector('[data-tab=masts]').click()")
    page.ask("document.querySelector('#mast-panel tbody button').click()")

    def write(text: str) -> None:
        page.ask(
            f"(() => {{ const box = document.getElementById('write-carrier'); box.value = '{text}';"
            "box.closest('details').open = true; box.form.requestSubmit(); })()"
        )

    errors = len(page.errors)
    write("4G B99 10 MHz")
    wait_for(page, "document.getElementById('told').classList.contains('bad')")
    assert told(page).count("B99 10 MHz' is none of this plan's") == 1
    wait_for(page, "lensongPlanner.state.variantId", lambda name: name == "base")
    assert page.ask("lensongPlanner.state.variants.length") == variants
    assert page.ask("document.getElementById('write-carrier').value") == "4G B99 10 MHz"
    assert problems_of(page) == []
    del page.errors[errors:]  # a browser tells of every 422
    write("4G B1 10 MHz")
    carriers = "lensongPlanner.state.network.cells.map((c) => c.carrier).join()"
    wait_for(page, carriers, lambda text: "B1 10 MHz" in text)


def test_two_variants_stand_side_by_side(page: Page, served: Served) -> None:
    open_page(page, served)
    page.ask(
        "(() => { const box = document.getElementById('variant');"
        "box.value = lensongPlanner.state.variants.at(-1).variant_id;"
        "box.dispatchEvent(new Event('change')); })()"
    )
    wait_for(page, "document.querySelector('#swipe option[value=base]') !== null")
    page.ask(
        "(() => { const box = document.getElementById('swipe'); box.value = 'base';"
        "box.dispatchEvent(new Event('change')); })()"
    )
    sides = "[...new Set([...lensongPlanner.cover.blocks.values()].map((b) => b.half))]"
    wait_for(page, f"{sides}.sort().join()", lambda text: text == "a,b")
    assert problems_of(page) == []
    before = page.ask("lensongPlanner.cover.layer.split")
    page.ask("document.getElementById('divider-handle').focus()")
    key(page, "ArrowRight", 39)
    wait_for(page, "lensongPlanner.cover.layer.split", lambda share: share > before)
    page.ask(
        "(() => { const box = document.getElementById('swipe'); box.value = '';"
        "box.dispatchEvent(new Event('change')); })()"
    )
    wait_for(page, "document.getElementById('divider').hidden")


LINK = """(async () => {
  const base = document.querySelector('script[type=module]').src.replace(/[^/]*$/, '');
  return (await import(base + 'view.js')).linkOf(lensongPlanner.state.plan.plan_id);
})()"""
SEEN = """(() => {
  const { cover, map, state } = lensongPlanner;
  const shown = (id) => !document.getElementById(id).hidden;
  return {
    language: document.documentElement.lang, layer: cover.layerId, variant: state.variantId,
    beside: cover.other, split: cover.layer.split, masts: [...state.selected],
    tab: document.querySelector('[role=tab][aria-selected=true]').dataset.tab,
    pinned: shown('readout') && document.getElementById('readout').classList.contains('pinned'),
    village: document.querySelector('#village h2')?.textContent.trim() ?? '',
    zoom: map.getZoom().toFixed(2),
  };
})()"""


def test_a_link_brings_the_view_back(page: Page, served: Served) -> None:
    open_page(page, served, "vi")
    wait_for(page, "document.querySelectorAll('#village-rows tr').length", lambda n: n == 8)
    choose = (
        "(() => {{ const box = document.getElementById('{}'); box.value = {};"
        "box.dispatchEvent(new Event('change')); }})()"
    )
    page.ask(choose.format("variant", "lensongPlanner.state.variants.at(-1).variant_id"))
    wait_for(page, "document.querySelector('#swipe option[value=base]') !== null")
    page.ask(choose.format("swipe", "'base'"))
    page.ask("document.getElementById('divider-handle').focus()")
    key(page, "ArrowLeft", 37)
    page.ask(choose.format("quantity", "'uplink'"))
    page.ask("document.querySelector('[data-village=B] button').click()")
    wait_for(page, "!lensongPlanner.map.isMoving()")
    page.ask("document.querySelector('[data-tab=masts]').click()")
    page.ask("document.querySelector('#mast-panel tbody button').click()")
    wait_for(page, "!lensongPlanner.map.isMoving()")
    lat, lon = place_deg(46.0, 96.0)
    page.ask(
        "lensongPlanner.map.fire('click', (() => { const { map } = lensongPlanner;"
        f"const lngLat = new maplibregl.LngLat({lon}, {lat});"
        "return { lngLat, point: map.project(lngLat), originalEvent: {} }; })()), 0"
    )
    page.ask("document.querySelector('[data-tab=why]').click()")
    wait_for(page, f"({SEEN}).pinned")
    seen, link = page.ask(SEEN), page.ask(LINK)
    assert (seen["beside"], seen["layer"], seen["tab"]) == ("base", "uplink-4g", "why")
    assert seen["split"] == pytest.approx(0.45)
    assert len(seen["masts"]) == 1

    open_page(page, served, "en")  # another view, another language
    assert page.ask(SEEN) != seen
    page.open("about:blank")
    page.open(link)
    wait_for(page, "document.body.dataset.ready === 'true'")
    wait_for(page, f"({SEEN}).pinned")
    assert page.ask(SEEN) == seen
    page.open("about:blank")
    page.open(link.replace("v=", "v=gone-"))
    wait_for(page, "document.body.dataset.ready === 'true'")
    assert "gone-" in told(page)
    assert page.ask(SEEN)["variant"] == "base"


def test_a_place_is_asked_why(page: Page, served: Served) -> None:
    open_page(page, served)
    lat, lon = place_deg(46.0, 96.0)  # away from masts and villages
    page.ask(
        "lensongPlanner.map.fire('click', (() => { const { map } = lensongPlanner;"
        f"const lngLat = new maplibregl.LngLat({lon}, {lat});"
        "return { lngLat, point: map.project(lngLat), originalEvent: {} }; })()), 0"
    )
    wait_for(page, "!document.getElementById('readout-actions').hidden")
    place = page.ask("document.getElementById('readout-place').textContent").split("°")[0]
    page.ask("document.getElementById('here-why').click()")
    heading = "document.querySelector('#why-panel h2').textContent"
    wait_for(page, heading, lambda text: place in text)
    wait_for(page, "document.querySelector('#why-panel progress') === null")
    assert "bad" not in page.ask("document.getElementById('why-panel').innerHTML")


def test_a_result_without_its_inputs_says_so_and_offers_nothing_else(
    page: Page, served: Served, tmp_path: Path
) -> None:
    at = f"{served.url}/api/v1/plans/valley"
    job = httpx.post(f"{at}/jobs", json={"kind": "plan", "variant_id": "base"}).json()
    wait_until(lambda: httpx.get(f"{at}/jobs/{job['job_id']}").json()["state"] == "done")
    made = next((served.scenario.parent / ".lensong-planner" / "results").rglob("run.json")).parent
    shutil.copytree(made, tmp_path / "a/b/c/d/e/ket-qua")
    alone = Served(tmp_path / "a/b/c/d/e/ket-qua")
    alone.start("read_only")
    try:
        open_page(page, alone)
        assert "inputs" in told(page)
        assert "Read-only" in page.ask("document.getElementById('state').textContent")
        shown = "[...document.querySelectorAll('[data-inputs]')].filter((e) => e.checkVisibility())"
        assert page.ask(f"{shown}.length") == 0
        wait_for(page, "document.querySelectorAll('#village-rows tr').length", lambda n: n == 8)
        wait_for(page, "lensongPlanner.cover.layer.pieces.size", lambda n: n > 0)
        assert problems_of(page) == []
        page.ask("document.querySelector('[data-tab=masts]').click()")
        page.ask("document.querySelector('#mast-panel tbody button').click()")
        assert page.ask("document.querySelector('[data-field=height]').disabled")
        assert problems_of(page) == []
    finally:
        alone.stop()


def test_no_request_has_left_the_machine(page: Page, served: Served) -> None:
    open_page(page, served)
    assert page.requests  # of all tests before, too, some of them on servers of their own
    here = ("http://127.0.0.1:", "data:", "blob:", "about:")
    elsewhere = [url for url in page.requests if not url.startswith(here)]
    assert elsewhere == []
