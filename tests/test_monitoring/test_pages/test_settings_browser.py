"""Stream profiles and media servers are set on pages, in a real browser."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lensong.monitoring.messages import say
from tests.chromium import BINARY, Page, chromium_page, press_key, wait_for
from tests.page_checks import problems_of
from tests.served_pages import Served, served_pages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
]

_SITE = "/sites/binh-lu"
_SOURCE = "/api/v1/sites/binh-lu/stream-source"
_PROFILE_4K = {
    "name": "YouTube 4K",
    "code": "youtube-4k",
    "platform": "YouTube",
    "video_bps": "20.1",
    "audio_bps": "192",
    "height_px": "2160",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_pages(tmp_path_factory.mktemp("served")) as running:
        running.add_person("lan", "admin")
        running.add_person("hoa", "site", "binh-lu")
        running.add_person("minh", "commune", "03390")
        running.add_person("nga", "province", "12")
        yield running


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium_page(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture
def page(tab: Page, served: Served) -> Page:
    """Return a tab in which an administrator is signed in."""
    tab.call("Network.clearBrowserCookies")
    tab.resize(1280, 800)
    served.sign_in(tab, "lan")
    tab.open(f"{served.url}/admin")
    tab.errors.clear()
    return tab


def fill_in(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.ask(
            f"""(() => {{ const f = document.querySelector('dialog[open] [name="{name}"]');
            f.value = {value!r}; f.dispatchEvent(new Event("input", {{bubbles: true}})); }})()"""
        )


def open_dialog(page: Page, opener: str) -> None:
    wait_for(page, "document.readyState", "complete".__eq__)
    page.ask(f"document.querySelector({opener!r}).click()")
    wait_for(page, "document.querySelector('dialog[open]') !== null")


def save(page: Page) -> None:
    page.ask("document.querySelector('dialog[open] .primary').click()")


def saved(page: Page) -> None:
    """Press save and wait for the page to be there anew."""
    page.ask("window.before = true")
    save(page)
    wait_for(page, "window.before === undefined && document.readyState === 'complete'")


def wrong_at(page: Page, name: str) -> str:
    """Return what stands beside a field that was refused."""
    wait_for(page, "document.querySelector('dialog[open] .wrong') !== null")
    field = f"document.querySelector('dialog[open] [name={name}]')"
    assert page.ask(f"{field}.getAttribute('aria-invalid')") == "true"
    assert page.ask(f"{field} === document.activeElement")
    page.errors.clear()  # the refusal itself
    said = page.ask(f"{field}.getAttribute('aria-describedby').split(' ').at(-1)")
    return str(page.ask(f"document.getElementById({said!r}).textContent"))


def asked(page: Page, method: str, path: str) -> Any:
    """Return what the API answers to the person who is signed in."""
    return page.ask(
        f"""fetch({path!r}, {{method: {method!r}, headers: {{"X-CSRF-Token":
        document.querySelector('meta[name=csrf]').content}}}})
        .then(async (answer) => answer.status === 204 ? null : answer.json())"""
    )


def in_language(page: Page, served: Served, language: str) -> None:
    page.call("Network.setCookie", name="lensong_language", value=language, url=served.url)


def row(code: str) -> str:
    return (
        "[...document.querySelectorAll('[data-table=profiles] tbody tr')]"
        f".find((r) => r.cells[1].textContent === {code!r})"
    )


def test_an_administrator_adds_changes_and_deletes_a_profile(served: Served, page: Page) -> None:
    open_dialog(page, "[data-dialog=profile]:not([data-fill])")
    fill_in(page, **_PROFILE_4K)
    assert page.ask("document.querySelector('[data-uplink]').textContent") == "22\u00a0Mbit/s"
    saved(page)
    kept = next(
        item for item in asked(page, "GET", "/api/v1/profiles") if item["code"] == "youtube-4k"
    )
    assert (kept["video_bps"], kept["audio_bps"]) == (20_100_000.0, 192_000.0)
    assert kept["srt_latency_ms"] is None
    assert kept["frame_rate_hz"] is None
    assert "22\u00a0Mbit/s" in page.ask(f"{row('youtube-4k')}.cells[7].textContent")

    change = f"{row('youtube-4k')}.querySelector('[data-dialog]').click()"
    page.ask(change)
    assert page.ask("document.querySelector('dialog[open] [name=code]').readOnly")
    assert page.ask("document.querySelector('dialog[open] [name=video_bps]').value") == "20.1"
    fill_in(page, video_bps="16", transport="srt")
    fill_in(page, srt_latency_ms="1500")
    saved(page)
    page.open(f"{served.url}/sessions/new")
    offered = page.ask("document.querySelector('[name=profile] [value=youtube-4k]').text")
    assert offered == "YouTube 4K · 17\u00a0Mbit/s"

    page.open(f"{served.url}/admin")
    page.ask("window.confirm = () => true")
    page.ask(f"{row('youtube-4k')}.querySelector('[data-confirm]').click()")
    wait_for(page, f"document.readyState === 'complete' && {row('youtube-4k')} === undefined")
    assert page.errors == []


def test_an_administrator_sets_changes_and_removes_a_media_server(
    served: Served, page: Page
) -> None:
    page.open(served.url + _SITE)
    open_dialog(page, "[data-dialog=source]")
    fill_in(page, kind="nginx_rtmp", url="http://127.0.0.1:8088/stat")
    fill_in(page, stream_key="live/very-secret", secret="lan:also-secret")
    fill_in(page, media_url="rtmp://127.0.0.1/live/very-secret")
    saved(page)
    assert not page.ask("document.getElementById('shown-once').open")
    kept = asked(page, "GET", _SOURCE)
    assert (kept["kind"], kept["url"]) == ("nginx_rtmp", "http://127.0.0.1:8088/stat")
    assert kept["has_stream_key"]
    assert kept["has_secret"]
    assert kept["has_media_url"]
    shown = page.ask("document.getElementById('media-server').innerText")
    assert "127.0.0.1:8088" in shown
    assert shown.count("đã đặt") == 3
    assert "secret" not in page.ask("document.documentElement.outerHTML").replace(
        'name="secret"', ""
    ).replace("hint-secret", "")

    open_dialog(page, "[data-dialog=source]")  # changed: what was set is not kept by itself
    assert page.ask("document.querySelector('dialog[open] [name=stream_key]').value") == ""
    fill_in(page, kind="srt")
    fill_in(page, url="")
    saved(page)
    kept = asked(page, "GET", _SOURCE)
    assert (kept["kind"], kept["url"], kept["has_secret"]) == ("srt", None, False)
    told = page.ask("document.getElementById('media-server').innerText")
    assert f"POST {served.url}/api/v1/sites/binh-lu/stream/srt" in told
    assert "Bearer" in told

    page.ask("window.confirm = () => true")
    page.ask("document.querySelector('#media-server [data-confirm]').click()")
    wait_for(
        page,
        "document.readyState === 'complete' && "
        "document.querySelector('#media-server [data-confirm]') === null",
    )
    assert page.errors == []
    assert asked(page, "GET", _SOURCE)["status"] == 404


@pytest.mark.parametrize("language", ["vi", "en"])
def test_what_the_api_refuses_is_told_beside_the_field(
    served: Served, page: Page, language: str
) -> None:
    in_language(page, served, language)
    page.open(f"{served.url}/admin")
    open_dialog(page, "[data-dialog=profile]:not([data-fill])")
    fill_in(page, **_PROFILE_4K | {"video_bps": "1001"})
    save(page)
    limit = "1.000\u00a0Mbit/s" if language == "vi" else "1,000\u00a0Mbit/s"
    assert wrong_at(page, "video_bps") == say("field.at_most", language, limit=limit)
    alert = page.ask("document.querySelector('dialog[open] [role=alert]').textContent")
    assert alert == say("problem.invalid", language)
    assert problems_of(page) == []
    fill_in(page, video_bps="0", audio_bps="0")
    save(page)
    zero = say("field.no_rate", language)
    wait_for(page, "document.querySelector('.wrong')?.textContent ?? ''", zero.__eq__)
    page.errors.clear()
    # what was wrong is gone when the dialog is opened again
    page.ask("document.querySelector('dialog[open] [data-close]').click()")
    open_dialog(page, "[data-dialog=profile]:not([data-fill])")
    assert page.ask("document.querySelectorAll('.wrong, [aria-invalid]').length") == 0
    assert problems_of(page) == []
    # a code that is there is not overwritten by chance
    fill_in(page, **_PROFILE_4K | {"code": "tiktok-720p30"})
    save(page)
    words = page.ask("document.querySelector('dialog[open] [name=code]').validationMessage")
    assert words == say("profile.code_taken", language)
    assert page.errors == []


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize(
    ("kind", "url", "reason"),
    [
        ("srs", "http://10.20.0.7:1985", "forbidden_address"),
        ("srt", "file:///etc/passwd", "forbidden_file"),
        ("mediamtx", "", "url_needed"),
        ("obs", "ws://u:geheim@127.0.0.1", "url_password"),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_and_it_is_told_why(
    served: Served, page: Page, kind: str, url: str, reason: str, language: str
) -> None:
    in_language(page, served, language)
    page.open(served.url + _SITE)
    open_dialog(page, "[data-dialog=source]")
    fill_in(page, kind=kind)
    fill_in(page, url=url)
    save(page)
    assert wrong_at(page, "url") == say(f"field.{reason}", language)
    assert problems_of(page) == []
    assert asked(page, "GET", _SOURCE)["status"] == 404


def test_a_profile_in_use_stays_and_it_is_told_beside_its_table(served: Served, page: Page) -> None:
    starts_at = served.service.clock.now().isoformat()
    page.ask(
        """fetch("/api/v1/sessions", {method: "POST", headers: {"Content-Type": "application/json",
        "X-CSRF-Token": document.querySelector('meta[name=csrf]').content}, body: JSON.stringify({
        site_id: "sin-ho", title: "x", profile_code: "voice-still","""
        f" starts_at: '{starts_at}', ends_at: new Date(Date.now() + 3600e3).toISOString()}})}})"
    )
    page.ask("window.confirm = () => true")
    page.ask(f"{row('voice-still')}.querySelector('[data-confirm]').click()")
    alert = f"{row('voice-still')}.closest('section').querySelector('[role=alert]').textContent"
    wait_for(page, alert, say("problem.in_use", "vi").__eq__)
    page.errors.clear()


@pytest.mark.parametrize("person", ["hoa", "minh", "nga"])
def test_who_may_not_set_them_does_not_see_them(served: Served, page: Page, person: str) -> None:
    page.call("Network.clearBrowserCookies")
    served.sign_in(page, person)
    page.open(served.url + _SITE)
    assert page.ask("document.querySelector('h1').innerText") == "Chợ Bình Lư"
    assert page.ask("document.querySelectorAll('#media-server, #source').length") == 0
    assert "stream-source" not in page.ask("document.documentElement.outerHTML")
    assert asked(page, "GET", _SOURCE)["status"] == 403
    page.open(f"{served.url}/admin")
    assert page.ask("document.querySelectorAll('table, dialog').length") == 0
    page.errors.clear()  # the 403 of the page


def test_the_dialogs_are_operated_by_keyboard(page: Page) -> None:
    opener = "document.querySelector('[data-dialog=profile]:not([data-fill])')"
    page.ask(f"{opener}.focus()")
    press_key(page, "Enter", 13)
    wait_for(page, "document.querySelector('dialog[open]') !== null")
    assert page.ask("document.activeElement.name") == "name"
    press_key(page, "Escape", 27)
    wait_for(page, "document.querySelector('dialog[open]') === null")
    assert page.ask(f"{opener} === document.activeElement")


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844)])
def test_forms_are_readable_and_fit(
    served: Served, page: Page, width: int, height: int, language: str
) -> None:
    folder = os.environ.get("LENSONG_SCREENSHOTS")

    def look(name: str) -> None:
        assert (name, problems_of(page)) == (name, [])
        box = page.ask(
            "(() => { const d = document.querySelector('dialog[open]'); if (!d) return null;"
            " const r = d.getBoundingClientRect();"
            " return [r.left, r.right, d.scrollWidth - d.clientWidth]; })()"
        )
        if box is not None:
            assert box[0] >= 0
            assert box[1] <= width
            assert box[2] == 0
        if folder is not None:
            page.screenshot(Path(folder) / f"{name}-{width}-{language}.png", whole=box is None)

    in_language(page, served, language)
    page.resize(width, height, mobile=width < 500)
    page.open(f"{served.url}/admin")
    look("admin")
    if width == 1920:  # every button of a row is in sight
        table = "document.querySelector('[data-table=profiles]')"
        assert page.ask(f"{table}.offsetWidth <= {table}.parentElement.clientWidth")
    open_dialog(page, "[data-dialog=profile][data-fill*=srt]")
    look("profile")
    fill_in(page, height_px="0.5", frame_rate_hz="0", transport="srt")
    save(page)
    wrong_at(page, "height_px")
    look("refused")
    page.open(served.url + _SITE)
    look("no-source")
    for kind in ("nginx_rtmp", "obs", "srt", "ffmpeg"):
        open_dialog(page, "[data-dialog=source]")
        fill_in(page, kind=kind)
        hints = page.ask("document.getElementById('hint-kind').innerText")
        assert hints == say(f"source.hint.{kind}", language)
        look(f"source-{kind}")
        page.ask("document.querySelector('dialog[open] [data-close]').click()")
    open_dialog(page, "[data-dialog=source]")
    fill_in(page, kind="ffmpeg")
    saved(page)
    look("pushed")
    asked(page, "DELETE", _SOURCE)
    assert page.errors == []
