"""The pages in a real browser, against the real service."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lensong.monitoring.demo import province
from lensong.monitoring.records import Commune, Province, Session, SessionStatus, Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.places import put_commune, put_province, put_site
from lensong.monitoring.store.sessions import put_session
from tests.chromium import BINARY, Page, chromium_page, press_key, wait_for
from tests.page_checks import problems_of
from tests.served_pages import PASSWORD, Served, served_pages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_pages(
        tmp_path_factory.mktemp("served"), limits={"sign_in_attempts_per_15_min": 1_000}
    ) as running:
        running.add_person("lan", "admin")
        running.add_person("hoa", "site", "binh-lu")
        yield running


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium_page(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(tab: Page) -> Page:
    """Return a tab in which nobody is signed in."""
    tab.call("Network.clearBrowserCookies")
    tab.resize(1280, 800)
    tab.requests.clear()
    tab.errors.clear()
    return tab


def fill_in(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.ask(
            f"""(() => {{ const f = document.querySelector('[name="{name}"]:not([disabled])');
            f.value = {value!r}; f.dispatchEvent(new Event("input", {{bubbles: true}}));
            f.dispatchEvent(new Event("change", {{bubbles: true}})); }})()"""
        )


def press(page: Page, selector: str) -> None:
    wait_for(page, "document.readyState", "complete".__eq__)  # its scripts run by then
    page.ask(f"document.querySelector({selector!r}).click()")


def test_somebody_signs_in_and_comes_to_the_page_that_was_asked_for(
    served: Served, page: Page
) -> None:
    page.open(f"{served.url}/sites/binh-lu?from=mail")
    assert page.ask("location.pathname") == "/sign-in"
    assert page.ask("document.documentElement.lang") == "vi"
    fill_in(page, person_id="lan", password="a wrong password")
    press(page, "main button")
    wait_for(page, "document.querySelector('[role=alert]').textContent")
    assert page.ask("location.pathname") == "/sign-in"
    page.errors.clear()  # the 401 of the wrong password
    fill_in(page, password=PASSWORD)
    press(page, "main button")
    wait_for(page, "location.pathname + location.search", "/sites/binh-lu?from=mail".__eq__)
    press(page, "[data-api='POST /api/v1/sign-out']")
    wait_for(page, "location.pathname", "/sign-in".__eq__)
    page.open(f"{served.url}/admin")
    assert page.ask("location.pathname") == "/sign-in"
    assert page.errors == []


def test_who_failed_too_often_reads_how_long_to_wait(served: Served, page: Page) -> None:
    page.open(f"{served.url}/sign-in")
    refused = {
        "title": "Quá nhiều yêu cầu",
        "code": "busy",
        "detail": "too many failed attempts to sign in",
        "wait": "Hãy thử lại sau 84 giây.",
    }
    page.ask(
        f"(() => {{ window.fetch = async () => new Response({json.dumps(json.dumps(refused))}, "
        "{ status: 429 }); })()"
    )
    fill_in(page, person_id="lan", password="wrong")
    press(page, "main button")
    told = wait_for(page, "document.querySelector('[role=alert]').textContent")
    assert told == "Quá nhiều yêu cầu. Hãy thử lại sau 84 giây."


def test_the_verdict_shows_before_saving_and_changes_as_measurements_arrive(
    served: Served, page: Page
) -> None:
    served.sign_in(page, "hoa")
    page.open(f"{served.url}/sessions/new?site=binh-lu")
    wait_for(page, "document.querySelector('#verdict .verdict.unknown') !== null")
    assert page.ask("document.querySelectorAll('[name=site] option').length") == 1
    fill_in(page, title="Chợ phiên <b>Bình Lư</b>", minutes="60")
    wait_for(page, "!document.getElementById('save').disabled")
    press(page, "#save")
    wait_for(
        page, "location.pathname", lambda path: path.count("/") == 2 and path != "/sessions/new"
    )
    wait_for(page, "document.querySelector('.verdict.unknown') !== null")
    assert page.ask("document.querySelector('h1').innerText") == "Chợ phiên <b>Bình Lư</b>"
    page.ask("window.theSamePage = true")

    for number in range(4):
        served.measure("binh-lu", number, 400e3)
    wait_for(page, "document.querySelector('.verdict.not_ready') !== null")
    for number in range(4, 40):
        served.measure("binh-lu", number, 300e6)
    wait_for(page, "document.querySelector('.verdict:is(.at_risk, .ready)') !== null")
    assert page.ask("window.theSamePage")
    # every verdict is kept and told
    wait_for(page, "document.querySelectorAll('[data-table=verdicts] tbody tr').length", (2).__lt__)
    assert page.errors == []


def test_the_language_changes_on_the_page_and_stays(served: Served, page: Page) -> None:
    served.sign_in(page, "lan")
    page.open(f"{served.url}/sites?x=1")
    assert page.ask("document.querySelector('h1').innerText") == "Điểm livestream"
    press(page, "a[hreflang=en]")
    wait_for(page, "document.documentElement.lang", "en".__eq__)
    assert page.ask("location.pathname + location.search") == "/sites?x=1"
    assert page.ask("document.querySelector('h1').innerText") == "Sites"
    page.open(f"{served.url}/sessions/new")
    assert page.ask("document.documentElement.lang") == "en"
    wait_for(page, "document.querySelector('#verdict .verdict') !== null")
    press(page, "a[hreflang=vi]")
    wait_for(page, "document.documentElement.lang", "vi".__eq__)


def test_sites_are_found_without_accents_sorted_and_saved(served: Served, page: Page) -> None:
    served.sign_in(page, "lan")
    page.open(f"{served.url}/sites")
    rows = "[...document.querySelectorAll('#sites tbody tr')]"
    names = f"{rows}.map((r) => r.cells[0].querySelector('a').innerText)"
    page.ask("document.querySelector('[name=q]').value = 'muong phang'")
    press(page, "main form button")
    wait_for(page, names, ["Chợ Mường Phăng"].__eq__)
    assert problems_of(page) == []
    page.ask("document.querySelector('[name=q]').value = ''")
    press(page, "main form button")
    wait_for(page, f"{rows}.length", (3).__eq__)
    press(page, "#sites thead th .sort")
    wait_for(page, names, ["Chợ Bình Lư", "Chợ Mường Phăng", "Chợ Sìn Hồ"].__eq__)
    press(page, "#sites thead th .sort")
    wait_for(page, names, ["Chợ Sìn Hồ", "Chợ Mường Phăng", "Chợ Bình Lư"].__eq__)
    assert page.ask("document.querySelector('#sites th').ariaSort") == "descending"


def test_a_phone_gets_a_link_as_a_qr_code(served: Served, page: Page) -> None:
    served.sign_in(page, "lan")
    page.open(f"{served.url}/sites/binh-lu/join")
    press(page, "main form button")
    wait_for(page, "document.getElementById('shown-once').open")
    link = page.ask("document.querySelector('#shown-once output').textContent")
    assert link.startswith(f"{served.url}/p/")
    wait_for(page, "document.querySelector('#shown-once img').naturalWidth", (50).__lt__)
    assert problems_of(page) == []
    page.call("Emulation.setEmulatedMedia", media="print")
    try:  # the code and its address, and nothing of the page around them
        seen = "[...document.querySelectorAll('.top, form')].filter((e) => e.checkVisibility())"
        assert page.ask(f"{seen}.length") == 0
        assert page.ask("document.querySelector('#shown-once img').checkVisibility()")
    finally:
        page.call("Emulation.setEmulatedMedia", media="")
    assert page.errors == []


def test_an_administrator_adds_somebody_who_chooses_a_password(served: Served, page: Page) -> None:
    served.sign_in(page, "lan")
    page.open(f"{served.url}/admin")
    fill_in(page, person_id="minh", name="Lò Văn Minh", role="commune")
    fill_in(page, scope="03390")
    press(page, "form[data-api='POST /api/v1/people'] button")
    wait_for(page, "document.getElementById('shown-once').open")
    link = page.ask("document.querySelector('#shown-once output').textContent")
    page.call("Network.clearBrowserCookies")
    page.open(link)
    assert "Lò Văn Minh" in page.ask("document.querySelector('h1').innerText")
    fill_in(page, password="khăn piêu đỏ thắm")
    press(page, "main button")
    wait_for(page, "location.pathname", "/".__eq__)
    wait_for(page, "document.querySelectorAll('.tiles li').length", (1).__eq__)
    page.open(link)  # it worked once
    assert page.ask("document.querySelector('form')") is None
    page.errors.clear()
    page.open(f"{served.url}/admin")  # for administrators alone
    assert page.ask("document.querySelectorAll('table').length") == 0
    page.errors.clear()


def test_the_keyboard_goes_from_the_skip_link_to_the_content(served: Served, page: Page) -> None:
    served.sign_in(page, "lan")
    page.open(f"{served.url}/sites")
    press_key(page, "Tab", 9)
    assert page.ask("document.activeElement.className") == "skip"
    press_key(page, "Enter", 13)
    wait_for(page, "document.activeElement.id", "main".__eq__)
    press_key(page, "Tab", 9)
    focused = page.ask("document.activeElement.closest('#main') && document.activeElement.id")
    assert focused not in (None, "main")


def test_old_figures_do_not_pass_for_fresh_ones(served: Served, page: Page) -> None:
    served.sign_in(page, "lan")
    page.open(f"{served.url}/")
    wait_for(page, "document.querySelector('[data-as-of]').textContent.length", (8).__eq__)
    assert page.ask("document.getElementById('lost').hidden")
    offline: dict[str, Any] = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    page.call("Network.emulateNetworkConditions", offline=True, **offline)
    try:
        page.ask("(() => { const now = Date.now; Date.now = () => now() + 120000; })()")
        wait_for(page, "!document.getElementById('lost').hidden")
        assert "MẤT KẾT NỐI" in page.ask("document.getElementById('lost').textContent")
        assert float(page.ask("getComputedStyle(document.getElementById('live')).opacity")) < 0.6
    finally:
        page.call("Network.emulateNetworkConditions", offline=False, **offline)
    wait_for(page, "document.getElementById('lost').hidden")
    page.errors.clear()


async def _province_of_a_hundred(service: Service) -> None:
    async def work(connection: Any) -> None:
        await put_province(connection, Province(code="12", name="Lai Châu"))
        for number in range(10):
            commune = Commune(code=f"c{number}", name=f"Xã Mường {number}", province_code="12")
            await put_commune(connection, commune)
        for number in range(100):
            site = Site(
                site_id=f"s-{number:03d}",
                name=f"Chợ phiên Bản Nậm {number}",
                commune_code=f"c{number % 10}",
                lat_deg=22.0 + 0.06 * (number % 10),
                lon_deg=103.0 + 0.07 * (number // 10),
                operators=("Viettel",),
                technologies=("4G",),
            )
            await put_site(connection, site, now=service.clock.now())

    await service.writer.run(work)
    await service.reload()
    now = service.clock.now()
    for number in range(0, 100, 5):  # more than there is room for, in every part of the wall
        is_live = number % 15 == 0
        begins = now + timedelta(hours=-1 if is_live else 1 + number / 20)
        session = Session(
            session_id=f"session-{number}",
            site_id=f"s-{number:03d}",
            title="Chợ phiên",
            profile_code="tiktok-720p30",
            starts_at=begins,
            ends_at=begins + timedelta(hours=3),
            status=SessionStatus.LIVE if is_live else SessionStatus.PLANNED,
        )
        await service.writer.run(partial(put_session, session=session, now=now))
        await service.judge.rejudge_site(session.site_id, "planned")


def test_a_hundred_sites_fit_on_a_wall_without_scrolling(tmp_path: Path, page: Page) -> None:
    with served_pages(tmp_path, _province_of_a_hundred) as served:
        served.add_person("lan", "admin")
        served.sign_in(page, "lan")
        page.resize(1920, 1080)
        page.open(f"{served.url}/")
        assert page.ask("document.querySelectorAll('.tiles li').length") == 100
        for part in (".alerts li", ".coming li", ".rows:not(.coming) li"):
            assert page.ask(f"document.querySelectorAll({part!r}).length") >= 5
            assert page.ask(f"document.querySelector({part + '.more'!r}) !== null")
        assert page.ask("document.documentElement.scrollHeight") <= 1080
        lowest = page.ask(
            "Math.max(...[...document.querySelectorAll('.tiles li')]"
            ".map((e) => e.getBoundingClientRect().bottom))"
        )
        assert lowest <= 1080
        if (folder := os.environ.get("LENSONG_SCREENSHOTS")) is not None:
            page.screenshot(Path(folder) / "wall-100.png")
        assert problems_of(page) == []


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_pages(tmp_path_factory.mktemp("demo"), province.fill, demo=True) as running:
        running.add_person("lan", "admin")
        yield running


def test_a_site_is_picked_out_of_many_without_accents(synthetic: Served, page: Page) -> None:
    synthetic.sign_in(page, "lan")
    page.open(f"{synthetic.url}/sessions/new")
    assert page.ask("document.querySelectorAll('option').length") < 40  # not a line for each site
    page.ask("document.querySelector('[data-finder]').focus()")
    page.call("Input.insertText", text="mat ong")
    wait_for(page, "document.querySelector('.finder [aria-selected=true]') !== null")
    press_key(page, "Enter", 13)
    assert page.ask("document.querySelector('[data-finder]').value").startswith("HTX Mật ong")
    wait_for(page, "!document.getElementById('save').disabled")
    chosen = page.ask("document.querySelector('[name=site]').value")
    assert page.ask("document.querySelector('[name=site_id]').value") == chosen


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844), (360, 740)])
def test_every_page_is_readable_operable_and_asks_nobody_else(
    synthetic: Served, page: Page, width: int, height: int, language: str
) -> None:
    synthetic.sign_in(page, "lan")
    page.call("Network.setCookie", name="lensong_language", value=language, url=synthetic.url)
    page.resize(width, height, mobile=width < 500)
    session = synthetic.service.board.session_of("demo-01")
    assert session is not None
    for path in (
        "/",
        "/sites",
        "/sites/demo-04",
        "/sites/demo-01",
        f"/sessions/{session.session_id}",
        "/sessions/demo-past-00",
        "/sessions/demo-past-03",
        "/sessions/new?site=demo-01",
        "/sites/demo-01/join",
        "/admin",
        "/sign-in",
    ):
        page.open(synthetic.url + path)
        if path.startswith("/sessions/new"):
            wait_for(page, "document.querySelector('#verdict .verdict') !== null")
        assert (path, problems_of(page)) == (path, [])
        assert page.ask("document.documentElement.lang") == language
        if path not in ("/sign-in", "/admin"):
            shown = page.ask("document.body.innerText")
            assert "SỐ LIỆU GIẢ LẬP" in shown, path
            assert "SYNTHETIC" in shown, path
    if (width, height) == (1920, 1080):
        page.open(f"{synthetic.url}/")
        assert page.ask("document.documentElement.scrollHeight") <= 1080
    host = urlsplit(synthetic.url).netloc
    asked = {
        urlsplit(url).netloc for url in page.requests if not url.startswith(("data:", "blob:"))
    }
    assert asked == {host}
    assert page.errors == []
