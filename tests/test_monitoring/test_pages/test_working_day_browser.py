"""From a fresh server to the first verdict without a terminal, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.records import Commune, Province, Session, Site
from lensong.monitoring.service import Service
from lensong.monitoring.store.person_tokens import add_person_token
from lensong.monitoring.store.places import put_commune, put_province, put_site
from lensong.monitoring.store.sessions import put_session
from tests.chromium import BINARY, Page, chromium_page, wait_for
from tests.page_checks import problems_of
from tests.served_pages import Served, served_pages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
]


def month_of_it(served: Served) -> str:
    """Return the page of the month in which the session of the uploaded list begins."""
    zone = ZoneInfo(served.service.config.time_zone)
    start = served.service.clock.now() + timedelta(hours=2)
    return f"/sessions?month={start.astimezone(zone):%Y-%m}"


async def nothing(_service: Service) -> None:
    """Leave the server as fresh as it is."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_pages(tmp_path_factory.mktemp("served"), nothing) as running:
        running.add_person("lan", "admin")
        running.add_person("hoa", "province", "12")
        yield running


@pytest.fixture(scope="module")
def page(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium_page(tmp_path_factory.mktemp("profile")) as opened:
        served.sign_in(opened, "lan")
        opened.call("Network.setCookie", name="lensong_language", value="en", url=served.url)
        opened.ask("window.confirm = () => true")
        yield opened


@pytest.fixture
def market(served: Served) -> str:
    """Return a site that is there, also for a worker that was not given the tests before."""

    async def settle() -> None:
        async def work(connection: AsyncConnection) -> None:
            now = served.service.clock.now()
            await put_province(connection, Province(code="12", name="Lai Châu"))
            commune = Commune(code="03390", name="Bình Lư", province_code="12")
            await put_commune(connection, commune)
            site = Site(site_id="cho-binh-lu", name="Chợ Bình Lư", commune_code="03390")
            await put_site(connection, site, now=now)

        await served.service.writer.run(work)
        await served.service.reload()

    if "cho-binh-lu" not in served.service.directory.sites:
        served.call(settle())
    return "cho-binh-lu"


def visit(page: Page, served: Served, path: str) -> None:
    for width in (390, 1280):
        page.resize(width, 900)
        page.open(f"{served.url}{path}")
        wait_for(page, "document.readyState", "complete".__eq__)
        assert problems_of(page) == []
    page.ask("window.confirm = () => true")
    if os.environ.get("LENSONG_SHOTS"):
        name = path.strip("/").replace("/", "_").replace("?", "_") or "wall"
        page.screenshot(Path(os.environ["LENSONG_SHOTS"]) / f"{name}.png", whole=True)


def fill(page: Page, dialog: str, **fields: str) -> None:
    page.ask(f"document.querySelector({dialog!r}).click()")
    wait_for(page, "document.querySelector('dialog[open]') !== null")
    for name, value in fields.items():
        page.ask(
            f"""(() => {{ const f = document.querySelector('dialog[open] [name="{name}"]');
            f.value = {value!r}; f.dispatchEvent(new Event("input", {{bubbles: true}})); }})()"""
        )
    leave(page, "document.querySelector('dialog[open] .primary').click()")


def leave(page: Page, action: str) -> None:
    """Do what leads to a fresh page, and wait for it."""
    page.ask("window.before = true")
    page.ask(action)
    wait_for(page, "window.before === undefined && document.readyState === 'complete'")
    page.ask("window.confirm = () => true")


def upload(page: Page, name: str, text: str) -> list[list[str]]:
    """Choose a file, have it checked, and return the rows of the preview."""
    page.ask(
        f"""(() => {{ const held = new DataTransfer();
        held.items.add(new File([{text!r}], {name!r}));
        const form = document.getElementById("upload");
        form.file.files = held.files;
        form.dispatchEvent(new Event("input", {{bubbles: true}}));
        form.querySelector("button").click(); }})()"""
    )
    wait_for(page, "!document.getElementById('preview').hidden")
    assert problems_of(page) == []
    rows: list[list[str]] = page.ask(
        "[...document.querySelectorAll('#rows tbody tr')]"
        ".map((r) => [...r.cells].map((c) => c.textContent))"
    )
    return rows


def take(page: Page, button: str) -> str:
    page.ask(f"document.getElementById({button!r}).click()")
    wait_for(page, "!document.getElementById('done').hidden")
    return str(page.ask("document.querySelector('#done .lead').textContent"))


def done(page: Page) -> list[bool]:
    found: list[bool] = page.ask(
        "[...document.querySelectorAll('.steps > li')].map((l) => l.classList.contains('done'))"
    )
    return found


def test_a_fresh_server_leads_to_its_first_verdict(served: Served, page: Page) -> None:
    visit(page, served, "/")
    assert page.ask("document.querySelector('.note a').getAttribute('href')") == "/start"
    visit(page, served, "/start")
    assert done(page)[:2] == [False, False]
    visit(page, served, "/sessions/new")
    assert "no site" in page.ask("document.querySelector('main').textContent")

    visit(page, served, "/places")
    fill(page, "[data-dialog=province]", name="Lai Châu", code="12")
    fill(page, "[data-dialog=commune]", name="Bình Lư", code="03390")
    visit(page, served, "/import?kind=communes")
    rows = upload(page, "communes.csv", "code,name\n03433,Sìn Hồ\n3388,Đoàn Kết\n")
    assert [(r[1], r[2]) for r in rows] == [("Đoàn Kết", "refused"), ("Sìn Hồ", "new")]
    assert "03388" in rows[0][3]
    assert page.ask("document.getElementById('take-all').hidden")
    assert take(page, "take-fine") == "1 new · 1 refused"

    visit(page, served, "/sites")
    fill(page, "[data-dialog=new-site]", name="Chợ Bình Lư", operators="Viettel, VNPT")
    site = served.service.directory.sites["cho-binh-lu"]
    assert (site.commune_code, site.operators) == ("03390", ("Viettel", "VNPT"))
    assert page.ask("location.pathname") == "/sites/cho-binh-lu"
    page.ask("document.querySelector('[data-dialog=change-site]').click()")
    page.ask("document.querySelector('dialog[open] [value=\"5G\"]').click()")
    leave(page, "document.querySelector('dialog[open] .primary').click()")
    assert served.service.directory.sites["cho-binh-lu"].technologies == ("5G",)

    visit(page, served, "/start")
    assert done(page) == [True, True, True, True, False, False, False, False, False]
    visit(page, served, "/import?kind=sessions")
    start = served.service.clock.now() + timedelta(hours=2)
    rows = upload(
        page,
        "lịch.ics",
        "\r\n".join(
            ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
            + [
                line
                for uid, where, title in (
                    ("a", "Chợ Bình Lư", "Chợ phiên"),
                    ("b", "Nha khoa", "Khám răng"),
                )
                for line in (
                    "BEGIN:VEVENT",
                    f"UID:{uid}",
                    f"SUMMARY:{title}",
                    f"LOCATION:{where}",
                    "CATEGORIES:TikTok 720p",
                    f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
                    f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
                    "END:VEVENT",
                )
            ]
            + ["END:VCALENDAR", ""]
        ),
    )
    assert [(r[1], r[2]) for r in rows] == [("Khám răng", "refused"), ("Chợ phiên", "new")]
    assert take(page, "take-fine") == "1 new · 1 refused"
    visit(page, served, month_of_it(served))
    assert "Chợ phiên" in page.ask("document.querySelector('main').textContent")


def test_a_session_is_changed_copied_and_called_off(served: Served, page: Page) -> None:
    visit(page, served, "/sessions")
    visit(page, served, f"{month_of_it(served)}&view=calendar")
    assert page.ask("document.querySelectorAll('.month a').length") == 1
    leave(page, "document.querySelector('.month a').click()")
    leave(page, "document.querySelector('a[href$=\"/edit\"]').click()")
    assert page.ask("document.querySelector('[name=site]').disabled")
    wait_for(page, "!document.getElementById('save').disabled")
    page.ask("document.querySelector('[name=title]').value = 'Chợ lớn'")
    page.ask(
        """(() => { const f = document.querySelector('[name=operator]'); f.value = "Viettel";
        f.dispatchEvent(new Event("input", {bubbles: true})); })()"""
    )
    wait_for(page, "!document.getElementById('save').disabled")
    leave(page, "document.getElementById('save').click()")
    assert page.ask("document.querySelector('h1').textContent") == "Chợ lớn"
    assert "Viettel" in page.ask("document.querySelector('.masthead').textContent")
    leave(page, "document.querySelector('a[href*=\"copy=\"]').click()")
    wait_for(page, "!document.getElementById('save').disabled")
    assert page.ask("document.querySelector('[name=title]').value") == "Chợ lớn"
    # what would be over is said, and not saved
    page.ask(
        """(() => { const f = document.querySelector('[name=start]'); f.value = "2020-01-01T09:00";
        f.dispatchEvent(new Event("input", {bubbles: true})); })()"""
    )
    wait_for(page, "document.querySelector('#verdict [role=alert]') !== null")
    assert page.ask("document.getElementById('save').disabled")
    visit(page, served, month_of_it(served))
    leave(page, "document.querySelector('#sessions button[data-api]').click()")
    assert "cancelled" in page.ask("document.querySelector('#sessions tbody').textContent")


@pytest.mark.usefixtures("market")
def test_a_wall_and_a_calendar_have_links(served: Served, page: Page) -> None:
    visit(page, served, "/links")
    page.ask("document.querySelector('[name=label]').value = 'Phòng họp'")
    page.ask("document.querySelector('form .primary').click()")
    wait_for(page, "document.querySelector('#shown-once[open]') !== null")
    url = page.ask("document.querySelector('#shown-once output').textContent")
    page.call("Network.clearBrowserCookies")
    visit(page, served, url.removeprefix(served.url))
    assert "Chợ Bình Lư" in page.ask("document.querySelector('#live').textContent")
    page.errors.clear()  # who is not signed in hears no events, and asks every ten seconds
    served.sign_in(page, "lan")
    page.call("Network.setCookie", name="lensong_language", value="en", url=served.url)
    visit(page, served, "/links")
    leave(page, "document.querySelector('[data-table=links] button[data-api]').click()")
    assert page.ask("document.querySelector('[data-table=links]')") is None


def test_a_wall_calls_at_new_trouble_where_it_was_asked_to(
    served: Served, page: Page, market: str
) -> None:
    async def add_site() -> None:
        # of this test alone: at the other one there may be trouble already
        site = Site(site_id="cho-xa", name="Chợ xa", commune_code="03390")
        now = served.service.clock.now()
        await served.service.writer.run(partial(put_site, site=site, now=now))
        await served.service.reload()

    assert market in served.service.directory.sites
    served.call(add_site())
    visit(page, served, "/")
    page.ask(
        "(() => { window.tones = 0; const real = AudioContext.prototype.createOscillator;"
        " AudioContext.prototype.createOscillator = function () {"
        " window.tones += 1; return real.call(this); }; })()"
    )
    for what in ("sound", "flash"):
        page.ask(f"document.querySelector('[data-alarm={what}]').click()")
        assert page.ask(f"document.querySelector('[data-alarm={what}]').ariaPressed") == "true"
    tried = page.ask("window.tones")
    assert tried == 3  # who turns it on hears it
    page.ask("document.body.classList.remove('is-alarmed')")

    async def plan() -> None:
        now = served.service.clock.now()
        session = Session(
            session_id="untested",
            site_id="cho-xa",
            title="Chợ",
            profile_code="tiktok-720p30",
            starts_at=now + timedelta(minutes=30),
            ends_at=now + timedelta(minutes=90),
        )
        await served.service.writer.run(partial(put_session, session=session, now=now))
        await served.service.judge.rejudge_site("cho-xa", "planned")

    assert page.ask("document.querySelector('[data-trouble^=cho-xa]')") is None
    served.call(plan())
    wait_for(page, "document.querySelector('[data-trouble^=cho-xa].is-new') !== null")
    assert page.ask("document.body.classList.contains('is-alarmed')")
    assert page.ask("window.tones") == 2 * tried
    for what in ("sound", "flash"):
        page.ask(f"document.querySelector('[data-alarm={what}]').click()")


def test_a_token_of_the_command_line_is_listed_and_revoked(served: Served, page: Page) -> None:
    now = served.service.clock.now()

    async def make() -> None:
        await served.service.writer.run(
            lambda connection: add_person_token(
                connection, "lan", "máy trực", now=now, expires_at=now + timedelta(days=9)
            )
        )

    served.call(make())
    visit(page, served, "/account")
    assert "máy trực" in page.ask("document.querySelector('main').textContent")
    leave(page, "document.querySelector('[data-table=person-tokens] button[data-api]').click()")
    assert page.ask("document.querySelector('[data-table=person-tokens]')") is None


def test_a_code_that_no_phone_can_open_says_so(served: Served, page: Page, market: str) -> None:
    visit(page, served, f"/sites/{market}/join")
    assert "No phone can open" in page.ask("document.querySelector('.note').textContent")


def test_a_site_is_archived_and_restored(served: Served, page: Page, market: str) -> None:
    visit(page, served, f"/sites/{market}")
    leave(page, "document.querySelector('button[data-api$=\"/archive\"]').click()")
    assert page.ask("location.pathname") == "/places"
    assert market not in served.service.directory.sites
    assert problems_of(page) == []
    page.open(f"{served.url}/sites/{market}")  # its own address says what became of it
    assert "is archived since today" in page.ask("document.querySelector('main').textContent")
    assert problems_of(page) == []
    page.open(f"{served.url}/places")
    page.ask("window.confirm = () => true")
    page.errors.clear()  # the page that was left may have asked for its site once more
    leave(page, "document.querySelector('[data-table=archived] button[data-api]').click()")
    assert market in served.service.directory.sites
    assert page.errors == []
