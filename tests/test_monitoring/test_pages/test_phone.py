"""The phone's page in a browser: joined, tested, judged, kept while offline, delivered once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from lensong.monitoring.records import Outcome
from lensong.monitoring.store.measurements import list_measurements
from lensong.monitoring.store.tables import measurements
from tests.chromium import BINARY, Page, chromium_page, wait_for
from tests.page_checks import problems_of
from tests.served_pages import Served, served_pages

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(BINARY is None, reason="no chromium on this machine"),
]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    limits = {"uplink_test_interval_s": 0.0, "reports_per_minute_per_site": 100_000}
    with served_pages(tmp_path, limits=limits) as started:
        yield started


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Page]:
    with chromium_page(tmp_path / "profile") as page:
        page.resize(360, 740, mobile=True)
        yield page


def join(served: Served, page: Page) -> None:
    page.open(served.join_link())
    wait_for(page, "document.body.dataset.ready")
    assert page.ask("location.pathname") == "/p"  # the secret has left the address bar
    assert page.ask("document.getElementById('site').innerText") == "Chợ Bình Lư"


def kept(served: Served) -> list[Any]:
    """Return what the server has stored of the site."""

    async def work() -> list[Any]:
        async with served.service.database.reading() as connection:
            return list((await list_measurements(connection, "binh-lu", limit=500)).items)

    return served.call(work())


def count(served: Served) -> int:
    async def work() -> int:
        async with served.service.database.reading() as connection:
            found = await connection.execute(select(func.count()).select_from(measurements))
            return int(found.scalar_one())

    return served.call(work())


def begin(page: Page, seconds: int = 10, spot: str = "") -> None:
    page.ask(
        f"document.getElementById('seconds').value = '{seconds}';"
        f"document.getElementById('spot').value = '{spot}';"
        "document.getElementById('start').click()"
    )


@pytest.mark.slow
def test_she_opens_the_link_measures_and_reads_the_answer(served: Served, phone: Page) -> None:
    join(served, phone)
    cost = wait_for(phone, "document.getElementById('cost').textContent")
    assert "MB" in cost  # said before it starts
    assert problems_of(phone) == []
    begin(phone, spot="sân chợ")
    wait_for(phone, "Number(document.getElementById('progress').value) > 0.2")
    assert problems_of(phone) == []
    wait_for(phone, "!document.getElementById('answer').hidden")
    assert problems_of(phone) == []
    (test,) = kept(served)
    assert (test.outcome, test.counted_by, test.spot) == (Outcome.SUCCESS, "server", "sân chợ")
    assert test.seq == 0  # the phone's report completed the server's own count
    assert test.uplink_p10_bps > 1e6
    assert test.rtt_loaded_ms is not None
    told = phone.ask("document.getElementById('measured').textContent")
    assert "Mbit/s" in told
    assert "sân chợ" in phone.ask("document.getElementById('found').textContent")
    assert phone.errors == []
    hosts = {url.split("/")[2] for url in phone.requests if url.startswith(("http", "ws"))}
    assert hosts == {served.url.split("/")[2]}


@pytest.mark.slow
def test_a_link_works_for_one_phone(served: Served, phone: Page, tmp_path: Path) -> None:
    once = served.join_link()
    phone.open(once)
    wait_for(phone, "document.body.dataset.ready")
    phone.open(once)  # the same phone again: it has its site
    wait_for(phone, "document.body.dataset.ready && !document.getElementById('ask').hidden")
    with chromium_page(tmp_path / "other") as other:
        other.open(once)
        wait_for(other, "document.body.dataset.ready")
        assert "đã được dùng" in other.ask("document.getElementById('alert').textContent")
        assert other.ask("document.getElementById('ask').hidden") is True


@pytest.mark.slow
def test_who_leaves_the_page_ends_the_test(served: Served, phone: Page) -> None:
    join(served, phone)
    begin(phone, seconds=30)
    wait_for(phone, "Number(document.getElementById('progress').value) > 0.02")
    phone.ask(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    wait_for(phone, "document.getElementById('alert').textContent.includes('rời khỏi trang')")
    wait_for(phone, "document.getElementById('queue').dataset.waiting === '0'")
    tests = kept(served)
    assert {test.outcome for test in tests} == {Outcome.ABORTED}
    assert all(test.uplink_p10_bps is None for test in tests)


@pytest.mark.slow
def test_two_tabs_do_not_test_beside_each_other(
    served: Served,
    phone: Page,
    tmp_path: Path,  # noqa: ARG001 (of the fixture)
) -> None:
    join(served, phone)
    phone.ask("void navigator.locks.request('lensong-test', () => new Promise(() => {}))")
    begin(phone)
    wait_for(phone, "document.getElementById('alert').textContent.includes('thẻ khác')")
    assert count(served) == 0


@pytest.mark.slow
def test_the_page_opens_without_a_network(served: Served, phone: Page) -> None:
    join(served, phone)
    wait_for(phone, "navigator.serviceWorker.controller !== null")
    phone.call(
        "Network.emulateNetworkConditions",
        offline=True, latency=0, downloadThroughput=0, uploadThroughput=0,
    )  # fmt: skip
    phone.open(f"{served.url}/p")
    wait_for(phone, "document.body.dataset.ready")
    assert phone.ask("document.getElementById('site').innerText") == "Chợ Bình Lư"
    assert phone.ask("document.getElementById('offline').hidden") is False
    begin(phone)
    wait_for(phone, "document.getElementById('queue').dataset.waiting === '1'")  # it is kept


@pytest.mark.slow
def test_five_hundred_reports_of_three_days_arrive_once(served: Served, phone: Page) -> None:
    join(served, phone)
    # a phone whose clock is two hours behind, and which was offline for three days
    phone.ask("""(async () => {
      const places = JSON.parse(document.getElementById('places').textContent);
      const store = await import(places.store);
      const real = Date.now;
      const behind = 2 * 3600e3;
      const now = new Date(real() - behind).toISOString();
      window.__now = now;
      Date.prototype.toISOString = ((plain) => function () {
        return plain.call(new Date(this.getTime() - behind));
      })(Date.prototype.toISOString);
      for (let n = 0; n < 500; n += 1) {
        await store.add({
          started_at: new Date(real() - 72 * 3600e3 + n * 500e3).toISOString(),
          method: 'page', result: 'failure', failure_reason: 'offline',
        });
      }
    })()""")
    waiting = """import(JSON.parse(document.getElementById('places').textContent).store)
      .then((store) => store.waiting()).then((all) => all.length)"""
    assert phone.ask(waiting) == 500
    deliver = """(async () => {
      const places = JSON.parse(document.getElementById('places').textContent);
      const store = await import(places.store);
      const who = await store.recall('who');
      const before = await store.waiting();
      await Promise.all([store.deliver(who, {now: true}), store.deliver(who, {now: true})]);
      // an answer that was lost on the way: everything is sent once more
      await fetch(`/api/v1/sites/${who.site_id}/measurements`, {
        method: 'POST',
        headers: {'Content-Type': 'application/json', Authorization: `Bearer ${who.token}`},
        body: JSON.stringify({client_id: await store.clientId(), sent_at: new Date().toISOString(),
                              measurements: before.slice(0, 100)}),
      });
      return (await store.waiting()).length;
    })()"""
    assert phone.ask(deliver) == 0
    stored = kept(served)
    assert count(served) == 500
    assert {test.seq for test in stored} == set(range(500))
    oldest = min(test.started_at for test in stored)
    age = served.service.clock.now() - oldest
    assert timedelta(hours=71.5) < age < timedelta(hours=72.5)  # its clock was corrected


@pytest.mark.slow
def test_the_page_speaks_english_too(served: Served, phone: Page) -> None:
    join(served, phone)
    # opened rather than clicked: a page that is on its way out answers no question
    phone.open(phone.ask("document.querySelector('header a').href"))
    wait_for(phone, "document.documentElement.lang === 'en' && document.body.dataset.ready")
    assert phone.ask("document.getElementById('start').innerText") == "Start the test"
    assert problems_of(phone) == []
