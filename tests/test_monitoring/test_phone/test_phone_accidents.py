"""Accidents of the phone's page: another site, a clock set back, a server that hangs or is gone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from lensong.monitoring.records import Outcome
from lensong.monitoring.store.measurements import list_measurements
from tests.chromium import BINARY, Page, chromium_page, wait_for
from tests.page_checks import problems_of
from tests.served_pages import Served, served_pages
from tests.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
]

STORE = "import(JSON.parse(document.getElementById('places').textContent).store)"
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
LIMITS = {"uplink_test_interval_s": 0.0, "reports_per_minute_per_site": 100_000}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with served_pages(tmp_path, limits=LIMITS) as started:
        yield started


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Page]:
    with chromium_page(tmp_path / "profile") as page:
        page.resize(360, 740, mobile=True)
        page.call("Emulation.setTimezoneOverride", timezoneId=ZONE.key)
        yield page


def join(served: Served, page: Page, site_id: str = "binh-lu") -> None:
    """Open a fresh link of a site."""
    page.open(served.join_link(site_id))
    wait_for(page, "document.body.dataset.ready")


def kept(served: Served, site_id: str = "binh-lu") -> list[Any]:
    """Return what the server has stored of a site."""

    async def work() -> list[Any]:
        async with served.service.database.reading() as connection:
            return list((await list_measurements(connection, site_id, limit=500)).items)

    return served.call(work())


def begin(page: Page, seconds: int = 10) -> None:
    page.ask(
        f"document.getElementById('seconds').value = '{seconds}';"
        "document.getElementById('start').click()"
    )


def alert(page: Page, text: str) -> None:
    wait_for(page, f"document.getElementById('alert').textContent.includes('{text}')")


def sentence(page: Page) -> str:
    return str(page.ask("document.getElementById('sentence').textContent"))


def add_failures(page: Page, *ages_s: float) -> None:
    """Let the phone hold back failed tests of some age; a negative one lies in its future."""
    for age_s in ages_s:
        page.ask(f"""{STORE}.then((store) => store.add({{
          started_at: new Date(Date.now() - {age_s * 1e3}).toISOString(),
          method: 'page', result: 'failure', failure_reason: 'offline',
        }}))""")


def test_what_waits_is_of_the_site_where_it_was_measured(served: Served, phone: Page) -> None:
    join(served, phone)
    add_failures(phone, 7200, 3600)
    join(served, phone, "sin-ho")
    assert phone.ask("document.getElementById('site').innerText") == "Chợ Sìn Hồ"
    wait_for(phone, "document.getElementById('queue').dataset.waiting === '0'")
    assert kept(served, "sin-ho") == []
    assert len(kept(served, "binh-lu")) == 2


def test_a_clock_that_was_set_back_loses_no_report(served: Served, phone: Page) -> None:
    join(served, phone)
    add_failures(phone, 3600, -7200, 60)  # two hours fast, until the network told the time
    left = phone.ask(
        f"{STORE}.then(async (s) => {{ await s.deliver(await s.recall('who'), {{now: true}});"
        " return (await s.waiting()).length; })"
    )
    assert left == 0
    stored = kept(served)
    assert {test.seq for test in stored} == {0, 1, 2}
    assert all(test.started_at <= served.service.clock.now() for test in stored)


def test_who_is_asked_to_wait_waits(served: Served, phone: Page) -> None:
    join(served, phone)
    add_failures(phone, 60)
    sent = phone.ask(f"""(async () => {{
      const store = await {STORE};
      const plain = window.fetch;
      let posts = 0;
      window.fetch = async (url, options) => {{
        if (options?.method !== 'POST') return plain(url, options);
        posts += 1;
        return new Response('{{}}', {{status: 429, headers: {{'Retry-After': '600'}}}});
      }};
      const who = await store.recall('who');
      for (let n = 0; n < 3; n += 1) await store.deliver(who, {{now: true}});
      window.fetch = plain;
      return posts;
    }})()""")
    assert sent == 1
    assert phone.ask(f"{STORE}.then((s) => s.waiting()).then((all) => all.length)") == 1


def test_who_left_before_it_began_begins_nothing(served: Served, phone: Page) -> None:
    join(served, phone)
    phone.ask("""
      window.place = null;
      Object.defineProperty(navigator, 'geolocation', {value: {
        getCurrentPosition: (_good, bad) => { window.place = bad; },
      }});
      document.getElementById('position').checked = true;
    """)
    begin(phone)
    wait_for(phone, "window.place !== null")  # she is asked, and another app comes up
    phone.ask("""
      Object.defineProperty(document, 'hidden', {value: true, configurable: true});
      document.dispatchEvent(new Event('visibilitychange'));
      window.place({code: 1});
    """)
    alert(phone, "rời khỏi trang")
    assert all(test.counted_by == "client" for test in kept(served))  # no test was begun


def test_a_result_that_was_lost_on_the_way_is_asked_for(served: Served, phone: Page) -> None:
    # and a phone that is two hours behind reads a time that is right
    served.measure("binh-lu", 1, 20e6)
    phone.call("Page.addScriptToEvaluateOnNewDocument", source="""
      const real = Date.now;
      Date.now = () => real() - 7200e3;
    """)  # fmt: skip
    join(served, phone)
    phone.ask("""
      const Plain = window.WebSocket;
      window.WebSocket = class extends Plain {
        set onmessage(hear) {
          super.onmessage = (event) => {
            if (typeof event.data === 'string' && JSON.parse(event.data).type === 'result') {
              this.onclose(new CloseEvent('close', {code: 1006}));
            } else hear(event);
          };
        }
      };
    """)
    begin(phone)
    wait_for(phone, "!document.getElementById('answer').hidden")
    assert problems_of(phone) == []
    (test,) = (one for one in kept(served) if one.client_id != "probe-1")
    assert (test.outcome, test.counted_by, test.seq) == (Outcome.SUCCESS, "server", 0)
    assert test.rate_limited  # by the test alone: nothing slows the loopback down
    assert "Mbit/s" in phone.ask("document.getElementById('measured').textContent")
    told = sentence(phone)
    ends = datetime.now(ZONE) + timedelta(hours=2)
    assert any(f"{ends - timedelta(minutes=ago):%H:%M}" in told for ago in (0, 1)), told
    assert phone.errors == []


def test_she_asks_for_another_day_and_is_asked_less_the_next_time(
    served: Served, phone: Page
) -> None:
    served.measure("binh-lu", 1, 20e6)
    join(served, phone)
    starts = (datetime.now(ZONE) + timedelta(days=1)).replace(hour=19, minute=0)
    # the upload is not what this is about: the result comes at once
    phone.ask(f"""
      window.WebSocket = class {{
        constructor() {{ this.readyState = 1; setTimeout(() => this.onopen(), 0); }}
        close() {{}}
        send() {{
          this.onmessage({{data: JSON.stringify({{
            type: 'result', test_id: 'made-up', started_at: new Date().toISOString(),
            duration_s: 30, received_bytes: 1e7, uplink_bins_bps: [], uplink_p10_bps: 2e7,
            uplink_p50_bps: 2e7, sustained: true,
          }})}});
        }}
      }};
      document.getElementById('starts').value = '{starts:%Y-%m-%dT%H:%M}';
      document.getElementById('duration').value = '10800';
      document.getElementById('operator').value = 'Viettel';
    """)
    begin(phone, seconds=60)
    wait_for(phone, "!document.getElementById('answer').hidden")
    told = sentence(phone)
    assert "22:00" in told, told
    assert f"{starts.day}/{starts.month}" in told
    assert problems_of(phone) == []
    (asked,) = [url for url in phone.requests if "/readiness?" in url]
    query = parse_qs(urlsplit(asked).query)
    assert datetime.fromisoformat(query["start"][0]) == starts.replace(second=0, microsecond=0)
    phone.open(f"{served.url}/p")
    wait_for(phone, "document.body.dataset.ready")
    ids = ["duration", "seconds", "operator", "starts"]
    chosen = f"{ids}.map((id) => document.getElementById(id).value)"
    assert phone.ask(chosen) == ["10800", "60", "Viettel", ""]


def test_a_server_that_says_nothing_ends_the_test(served: Served, phone: Page) -> None:
    join(served, phone)
    outcome = phone.ask("""(async () => {
      const places = JSON.parse(document.getElementById('places').textContent);
      const { uplinkTest } = await import(places.test);
      const Plain = window.WebSocket;
      window.WebSocket = class { constructor() { this.readyState = 0; } close() {} send() {} };
      const test = uplinkTest({token: 't', site: 's', seconds: 10, clientId: 'c', tell() {},
                               patience_ms: 200});
      window.WebSocket = Plain;
      return Promise.race([test.outcome, new Promise((r) => setTimeout(r, 10000, 'still waits'))]);
    })()""")
    assert outcome != "still waits"
    assert outcome["error"]["code"] == "connection_lost"


def test_the_page_opens_when_the_server_hangs_or_is_gone(tmp_path: Path) -> None:
    hangs = threading.Event()
    with chromium_page(tmp_path / "profile") as page:
        page.resize(360, 740, mobile=True)
        with served_pages(tmp_path, limits=LIMITS) as served:
            join(served, page)
            wait_for(page, "navigator.serviceWorker.controller !== null")
            # connections are taken by the kernel and nobody answers, as in the worst of networks
            served.loop.call_soon_threadsafe(hangs.wait, 10.0 * PATIENCE_S)
            try:
                page.open(f"{served.url}/p")
                site = wait_for(
                    page,
                    "document.getElementById('ask').hidden === false"
                    " && document.getElementById('site').innerText",
                )
            finally:
                hangs.set()
            assert site == "Chợ Bình Lư"
        page.open(f"{served.url}/p")
        wait_for(page, "document.body.dataset.ready")
        assert page.ask("document.getElementById('site').innerText") == "Chợ Bình Lư"
        begin(page)
        wait_for(page, "document.getElementById('queue').dataset.waiting === '1'")
        assert problems_of(page) == []


def test_a_database_that_the_browser_closes_is_opened_again(served: Served, phone: Page) -> None:
    phone.call(
        "Page.addScriptToEvaluateOnNewDocument",
        source="""const open = IDBFactory.prototype.open; window.bases = [];
        IDBFactory.prototype.open = function (...asked) {
          const request = open.apply(this, asked);
          request.addEventListener("success", () => window.bases.push(request.result));
          return request;
        };""",
    )
    join(served, phone)
    add = f"""{STORE}.then(async (store) => {{
        for (const base of window.bases) base.close();
        const seq = await store.add({{result: "failure", method: "page",
          started_at: new Date().toISOString()}});
        for (const base of window.bases) base.close();
        return [seq, (await store.waiting()).map((report) => report.seq), window.bases.length];
    }})"""
    assert phone.ask(add) == [0, [0], 3]
    # closed while something is being written: it is written anew, once
    raced = f"""{STORE}.then(async (store) => {{
        const adding = store.add({{result: "failure", method: "page",
          started_at: new Date().toISOString()}});
        for (const base of window.bases) base.close();
        await adding;
        return (await store.waiting()).map((report) => report.seq);
    }})"""
    assert phone.ask(raced) == [0, 1]
