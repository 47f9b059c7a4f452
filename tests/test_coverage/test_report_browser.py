from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chromium import BINARY, Page, chromium_page

pytestmark = [pytest.mark.slow, pytest.mark.browser]

IDLE = (
    "new Promise(done => { lensongMap.once('idle', () => done(true));"
    " lensongMap.triggerRepaint(); })"
)
NAMES = (
    "[...document.querySelectorAll('#village-table tbody tr:not([hidden]) th')]"
    ".map(cell => cell.textContent.trim())"
)


@pytest.fixture(scope="module")
def report(report_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Return the report, opened from the disk, with its map drawn."""
    if BINARY is None:
        pytest.skip("no chromium on this machine: install the package chromium to run this test")
    with chromium_page(tmp_path_factory.mktemp("chromium") / "profile") as page:
        page.resize(1400, 900)
        page.open(report_file.as_uri())
        assert page.ask("window.lensongReady") is True
        page.ask("document.querySelector('[data-language=vi]').click()")
        yield page


@pytest.fixture(autouse=True)
def nothing_went_wrong(report: Page, report_file: Path) -> Iterator[None]:
    """Hold every test to: no error in the console, nothing asked of a network."""
    yield
    assert report.errors == []
    outside = [u for u in report.requests if not u.startswith(("data:", "blob:"))]
    assert set(outside) == {report_file.as_uri()}


def _place_of(page: Page, village: str) -> tuple[float, float]:
    """Return where a village lies in the window, with the map scrolled into view."""
    page.ask("document.getElementById('map').scrollIntoView({block: 'center'})")
    x, y = page.ask(
        "(() => { const data = JSON.parse(document.getElementById('report-data').textContent);"
        f"const village = data.villages.find(v => v.name === {village!r});"
        "const at = lensongMap.project([village.lon_deg, village.lat_deg]);"
        "const box = document.getElementById('map').getBoundingClientRect();"
        "return [box.x + at.x, box.y + at.y]; })()"
    )
    return float(x), float(y)


def test_a_click_on_a_village_tells_its_class_cause_and_numbers(report: Page) -> None:
    report.ask("document.getElementById('whole').click()")
    report.ask(IDLE)
    report.click(*_place_of(report, "Bản Hon"))
    text = report.ask("document.querySelector('.maplibregl-popup').innerText")
    assert "Bản Hon" in text
    assert "lõm sóng: địa hình che chắn" in text
    assert "377 người" in text
    assert "LC-BL-01-4G-3" in text
    assert report.ask(
        "document.querySelector('#village-table tr[aria-selected=true] th').textContent"
    ) == "Bản Hon"  # fmt: skip


def test_a_mast_says_which_tilt_is_which_and_what_was_assumed(report: Page) -> None:
    # the popup of the test before may lie over the mast
    report.ask("document.querySelector('.maplibregl-popup-close-button')?.click()")
    report.ask("document.getElementById('whole').click()")
    report.ask(IDLE)
    report.ask("document.getElementById('map').scrollIntoView({block: 'center'})")
    x, y = report.ask(
        "(() => { const data = JSON.parse(document.getElementById('report-data').textContent);"
        "const mast = data.map.masts.find(m => m.mast_id === 'LC-KH-03');"
        "const at = lensongMap.project([mast.lon_deg, mast.lat_deg]);"
        "const box = document.getElementById('map').getBoundingClientRect();"
        "return [box.x + at.x, box.y + at.y]; })()"
    )
    report.click(float(x), float(y))
    heads = "[...document.querySelectorAll('.maplibregl-popup thead th')].map(h => h.innerText)"
    assert report.ask(heads)[2] == "Cụp cơ + điện"
    first = "[...document.querySelector('.maplibregl-popup tbody tr').cells].map(c => c.innerText)"
    name, azimuth, tilt, power = report.ask(first)
    assert name.startswith("LC-KH-03-4G-1")
    assert (azimuth, tilt) == ("20°", "3° + 0°")
    assert power.split() == ["46", "dBm", "giả", "định"]


def test_a_layer_and_a_technology_switch_map_legend_and_table(report: Page) -> None:
    before = report.ask("document.getElementById('legend').innerText")
    shot = "lensongMap.getCanvas().toDataURL().length"
    picture = report.ask(shot)
    report.ask("document.querySelector('#kinds [value=uplink]').click()")
    report.ask(IDLE)
    after = report.ask("document.getElementById('legend').innerText")
    assert "dBm" in before
    assert "2,8 … 4,4 Mbit/s" in after
    assert "livestream 720p" in after
    assert report.ask(shot) != picture
    report.ask("document.querySelector(\"#technologies [value='5G']\").click()")
    report.ask(IDLE)
    assert report.ask("document.querySelector('[data-layer-title]').textContent") == (
        "Tốc độ đường lên 5G"
    )
    assert "Mạng 5G" in report.ask("document.querySelector('#village-table thead').innerText")
    report.ask("document.querySelector('#kinds [value=probability]').click()")
    services = report.ask("[...document.getElementById('service').options].map(o => o.value)")
    assert services == ["voice-data", "livestream-720p", "livestream-1080p"]
    report.ask("document.querySelector(\"#technologies [value='4G']\").click()")
    report.ask("document.querySelector('#kinds [value=rsrp]').click()")
    report.ask(IDLE)


def test_every_layer_can_be_drawn(report: Page) -> None:
    for kind in ("rsrp", "sinr", "downlink", "uplink", "probability", "reason", "server", "none"):
        report.ask(f"document.querySelector('#kinds [value={kind}]').click()")
        report.ask(IDLE)
        entries = report.ask("document.getElementById('legend').children.length")
        assert entries > 2 if kind != "none" else entries == 0
    report.ask("document.querySelector('#kinds [value=rsrp]').click()")
    report.ask(IDLE)


def test_the_value_at_the_pointer_is_read_from_the_layer(report: Page) -> None:
    x, y = _place_of(report, "Bình Lư")
    report.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + 2, y=y + 2)
    assert "dBm" in report.ask("document.getElementById('readout').textContent")


def test_the_table_sorts_by_a_column_both_ways(report: Page) -> None:
    report.ask("document.querySelector('[data-column=name]').click()")
    names = report.ask(NAMES)
    assert names[0] == "Bản Hon"
    assert len(names) == 12
    report.ask("document.querySelector('[data-column=name]').click()")
    assert report.ask(NAMES) == names[::-1]
    state = "document.querySelector('[data-column=name]').closest('th').ariaSort"
    assert report.ask(state) == "descending"
    report.ask("document.querySelector('[data-column=level]').click()")
    assert report.ask(NAMES)[-1] == "Hồ Thầu"  # no level at all: last, whichever way
    report.ask("document.querySelector('[data-column=level]').click()")
    assert report.ask(NAMES)[-1] == "Hồ Thầu"


@pytest.mark.parametrize("typed", ["binh lu", "BÌNH LƯ", "lư bình"])
def test_search_finds_names_without_their_accents(report: Page, typed: str) -> None:
    _search(report, typed)
    assert "Bình Lư" in report.ask(NAMES)
    assert len(report.ask(NAMES)) == 5  # the village and its commune's
    _search(report, "")
    assert len(report.ask(NAMES)) == 12


@pytest.mark.parametrize("typed", ["trang song", "no signal"])
def test_search_finds_a_class_by_its_word_in_either_language(report: Page, typed: str) -> None:
    _search(report, typed)
    assert sorted(report.ask(NAMES)) == ["Hồ Thầu", "Ngài Thầu Cao"]
    _search(report, "")


def test_a_class_filters_table_and_map(report: Page) -> None:
    report.ask("document.querySelector('[data-class=no_signal]').click()")
    report.ask(IDLE)
    assert sorted(report.ask(NAMES)) == ["Hồ Thầu", "Ngài Thầu Cao"]
    drawn = "lensongMap.queryRenderedFeatures({layers: ['villages']}).map(f => f.properties.class)"
    assert set(report.ask(drawn)) <= {"no_signal"}
    report.ask("document.querySelector('[data-class=\"\"]').click()")
    report.ask(IDLE)


def test_a_row_of_the_table_brings_the_map_to_the_village(report: Page) -> None:
    row = "[...document.querySelectorAll('#village-table tbody button')]"
    report.ask(f"{row}.find(b => b.textContent.trim() === 'Lao Chải').click()")
    report.ask(IDLE)
    x, y = _place_of(report, "Lao Chải")
    assert 0 < x < 1100
    assert 0 < y < 900
    assert report.ask("lensongMap.getZoom()") >= 13
    assert "Lao Chải" in report.ask("document.querySelector('.maplibregl-popup').innerText")


def test_the_language_switch_changes_words_and_numbers(report: Page) -> None:
    report.ask("document.querySelector('[data-language=en]').click()")
    report.ask(IDLE)
    assert "5,551 people" in report.ask("document.querySelector('.answer').innerText")
    assert "covered" in report.ask("document.querySelector('#village-table').innerText")
    report.ask("document.querySelector('[data-language=vi]').click()")
    report.ask(IDLE)
    assert "5.551 người" in report.ask("document.querySelector('.answer').innerText")


def test_the_table_downloads_as_csv_with_accents(report: Page) -> None:
    text = report.ask(
        "(() => { let kept; const real = URL.createObjectURL;"
        "URL.createObjectURL = blob => { kept = blob; return real.call(URL, blob); };"
        "HTMLAnchorElement.prototype.click = () => {};"
        "document.getElementById('village-csv').click(); URL.createObjectURL = real;"
        "delete HTMLAnchorElement.prototype.click;"
        "return kept.arrayBuffer().then(b => new TextDecoder('utf-8', {ignoreBOM: true})"
        ".decode(b)); })()"
    )
    lines = text.splitlines()
    assert lines[0].startswith("\ufeffvillage_id,name,commune")
    assert len(lines) == 13
    assert any("Bình Lư" in line for line in lines)


def test_every_control_is_named_and_reached_by_keyboard(report: Page) -> None:
    report.ask("document.querySelector('details').open = true")
    unnamed = report.ask(
        "[...document.querySelectorAll('button, input, select, [role=region]')].filter(e =>"
        "!(e.innerText || e.ariaLabel || e.title || e.labels?.[0]?.innerText"
        " || e.getAttribute('aria-labelledby')) && e.offsetParent).map(e => e.outerHTML)"
    )
    assert unnamed == []
    assert report.ask("document.querySelectorAll('[tabindex=\"-1\"] button').length") == 0
    assert report.ask("lensongMap.getCanvas().tabIndex") == 0


def test_a_phone_shows_the_page_without_sideways_scrolling(report: Page) -> None:
    report.resize(390, 844, mobile=True)
    try:
        assert report.ask("document.documentElement.scrollWidth") == 390
        assert report.ask("document.getElementById('map').clientHeight") > 400
    finally:
        report.resize(1400, 900)
        report.ask(IDLE)


def test_the_figure_prints_with_its_legend(report: Page) -> None:
    report.ask("void lensongMap.resize()")  # the window of the test before was narrower
    report.ask(IDLE)
    content = report.print_pdf()
    assert content.startswith(b"%PDF")
    size = report.ask(
        "(() => { const image = document.getElementById('print-map');"
        "return image.decode().then(() => [image.naturalWidth, image.naturalHeight]); })()"
    )
    canvas = report.ask("[lensongMap.getCanvas().width, lensongMap.getCanvas().height]")
    assert size[0] == canvas[0]
    assert size[1] > canvas[1] + 100  # title above, legend below


def test_no_name_of_a_column_is_a_box_of_a_button_in_print(report: Page) -> None:
    """Chromium repeats the head of a table on every page, but for the buttons in it."""
    report.call("Emulation.setEmulatedMedia", media="print")
    try:
        boxes = report.ask(
            "[...new Set([...document.querySelectorAll('thead button')]"
            ".map(b => getComputedStyle(b).display))]"
        )
        heads = report.ask("getComputedStyle(document.querySelector('thead')).display")
    finally:
        report.call("Emulation.setEmulatedMedia", media="")
    assert (boxes, heads) == (["contents"], "table-header-group")


def test_the_side_of_the_map_is_not_cut(report: Page) -> None:
    report.resize(1280, 900)
    cut = report.ask(
        "(() => { const panel = document.querySelector('.panel');"
        "return panel.scrollHeight - panel.clientHeight; })()"
    )
    assert cut <= 1


def test_without_webgl_the_numbers_and_the_table_still_work(
    report_file: Path, tmp_path: Path
) -> None:
    with chromium_page(tmp_path / "profile", "--disable-3d-apis") as page:
        page.open(report_file.as_uri())
        assert page.ask("window.lensongReady") is False
        assert page.ask("document.getElementById('no-webgl').offsetHeight") > 100
        assert len(page.ask(NAMES)) == 12
        page.ask("document.querySelector('#kinds [value=sinr]').click()")
        page.ask("document.querySelector('#village-table tbody button').click()")
        assert page.errors == []


def _search(page: Page, text: str) -> None:
    page.ask(
        "(() => { const box = document.getElementById('search');"
        f"box.value = {text!r}; box.dispatchEvent(new Event('input')); }})()"
    )


PROFILE = "document.querySelector('dialog.path')"


def test_a_village_that_is_short_opens_its_profile(report: Page) -> None:
    count = report.ask("document.querySelectorAll('#village-table button.profile').length")
    assert count == report.ask("Object.keys(JSON.parse(document.getElementById('report-data')"
                               ".textContent).paths.villages).length")  # fmt: skip
    assert report.ask(PROFILE) is None
    name = report.ask(
        "(() => { const button = document.querySelector('#village-table button.profile');"
        "button.click(); return button.closest('tr').querySelector('th').textContent; })()"
    )
    assert report.ask(f"{PROFILE}.open") is True
    assert name.strip() in report.ask(f"{PROFILE}.querySelector('h3').textContent")
    for width in (1400, 390):
        report.resize(width, 900)
        report.ask(f"{PROFILE}.close()")
        report.ask("document.querySelector('#village-table button.profile').click()")
        drawn = report.ask(
            f"(() => {{ const box = {PROFILE}.getBoundingClientRect();"
            f"const svg = {PROFILE}.querySelector('svg').getBoundingClientRect();"
            f"return [svg.width, svg.left - box.left, box.right - svg.right, "
            f"{PROFILE}.querySelectorAll('svg path').length]; }})()"
        )
        assert drawn[0] > min(250, width / 2)
        assert min(drawn[1:3]) >= 0
        assert drawn[3] >= 6
    said = report.ask(f"{PROFILE}.innerText")
    assert "bán kính Fresnel" in said or "cao hơn đường thẳng" in report.ask(
        f"{PROFILE}.querySelector('svg').getAttribute('aria-label')"
    )
    report.ask("document.querySelector('[data-language=en]').click()")
    assert "Path loss" in report.ask(f"{PROFILE}.innerText")
    report.ask("document.querySelector('[data-language=vi]').click()")
    report.ask(f"{PROFILE}.querySelector('.close').click()")
    assert report.ask(f"{PROFILE}.open") is False
    report.resize(1400, 900)
