"""Lists of hundreds of sites and sessions: in pages, by an address that says all that is asked."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from lensong.monitoring.live.board import Board
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.records import (
    Commune,
    CountedBy,
    Measurement,
    Method,
    Outcome,
    Province,
    Session,
    Site,
)
from lensong.monitoring.store.places import put_site
from lensong.monitoring.store.sessions import put_session
from tests.running_service import START, Running

pytestmark = pytest.mark.anyio

SITES = 250
HTML = {"Accept": "text/html"}


async def fill(running: Running, sessions: int = 0) -> None:
    """Add many sites of a commune, some with a session at 10 o'clock of the day."""
    now = running.clock.now()
    starts_at = now.replace(hour=3, minute=0)  # 10:00 there

    async def work(connection: Any) -> None:
        for number in range(SITES):
            site = Site(
                site_id=f"diem-{number:03d}",
                name=f"Điểm {number:03d}",
                commune_code="03390" if number % 2 else "03433",
                lat_deg=22.0 + number // 25 * 0.01,
                lon_deg=103.0 + number % 25 * 0.01,
                operators=("Viettel",),
                technologies=("4G",),
            )
            await put_site(connection, site, now=now)
        for number in range(sessions):
            session = Session(
                session_id=f"phien-{number:03d}",
                site_id=f"diem-{number:03d}",
                title=f"Chợ phiên {number:03d}",
                profile_code="tiktok-720p30",
                starts_at=starts_at,
                ends_at=starts_at + timedelta(hours=2),
            )
            await put_session(connection, session, now=now)
            running.service.board.planned(session.site_id, session, None)

    await running.service.writer.run(work)
    await running.service.reload()


def names_in(page: str) -> list[str]:
    return [unescape(found) for found in re.findall(r'href="/sites/[^"]+">([^<]+)</a>', page)]


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    return None if found is None else unescape(found[1])


async def walked(client: httpx.AsyncClient, address: str) -> list[list[str]]:
    """Return the names on each page, by the links that lead on."""
    pages, here = [], address
    while True:
        text = (await client.get(here, headers=HTML)).text
        pages.append(names_in(text))
        if (following := link(text, "next")) is None:
            return pages
        here = following


async def test_every_site_stands_on_one_page_whatever_is_asked(light: Running) -> None:
    await fill(light)
    admin = await light.signed_in("admin")
    pages = await walked(admin, "/sites")
    assert [len(names) for names in pages] == [100, 100, 53]
    assert len({name for names in pages for name in names}) == 253
    # what is asked for stays, from page to page
    pages = await walked(admin, "/sites?commune=03390&q=diem&sort=-name&state=idle")
    assert [len(names) for names in pages] == [100, 25]
    flat = [name for names in pages for name in names]
    assert flat == [f"Điểm {number:03d}" for number in range(249, 0, -2)]


async def test_beyond_the_last_page_is_the_last_page_and_nonsense_is_refused(
    light: Running,
) -> None:
    await fill(light)
    admin = await light.signed_in("admin")
    last = (await admin.get("/sites?page=99", headers=HTML)).text
    assert len(names_in(last)) == 53
    assert link(last, "prev") == "/sites?page=2"
    assert (await admin.get("/sites?page=0", headers=HTML)).status_code == 422
    assert (await admin.get("/sites?sort=colour", headers=HTML)).status_code == 422
    none = (await admin.get("/sites?q=nowhere", headers=HTML)).text
    assert names_in(none) == []


async def test_a_search_wants_every_word_in_name_or_place_without_accents(light: Running) -> None:
    admin = await light.signed_in("admin")
    for wanted, found in (
        ("cho lu", ["Chợ Bình Lư"]),
        ("SIN HO", ["Chợ Sìn Hồ"]),
        ("dien bien", ["Chợ Mường Phăng"]),
        ("binh phang", []),
    ):
        page = (await admin.get("/sites", params={"q": wanted}, headers=HTML)).text
        assert names_in(page) == found, wanted


async def test_sorting_puts_what_is_not_known_last_either_way(light: Running) -> None:
    await fill(light, sessions=3)
    admin = await light.signed_in("admin")
    for sort in ("next", "-next"):
        names = names_in((await admin.get(f"/sites?sort={sort}", headers=HTML)).text)
        assert set(names[:3]) == {"Điểm 000", "Điểm 001", "Điểm 002"}


async def test_the_sessions_of_a_day_are_listed_in_pages_and_counted_in_the_calendar(
    light: Running,
) -> None:
    await fill(light, sessions=120)
    admin = await light.signed_in("admin")
    page = (await admin.get("/sessions?month=2026-11&q=phien", headers=HTML)).text
    assert len(re.findall(r'<a href="/sessions/phien-\d+"', page)) == 100
    following = link(page, "next")
    assert following is not None
    # the first such link leads to the next month, the last one to the next page
    onward = [unescape(item) for item in re.findall(r'rel="next" href="([^"]+)"', page)][-1]
    assert "q=phien" in onward
    page = (await admin.get(onward, headers=HTML)).text
    assert len(re.findall(r'<a href="/sessions/phien-\d+"', page)) == 20
    month = (await admin.get("/sessions?month=2026-11&view=calendar", headers=HTML)).text
    assert len(re.findall(r'href="/sessions/phien-\d+"', month)) == 5
    (more,) = re.findall(r'class="more"\s+href="([^"]+)"', month)
    day = (await admin.get(unescape(more), headers=HTML)).text
    assert "28/11/2026" in day
    assert len(re.findall(r'<a href="/sessions/phien-\d+"', day)) == 100


async def test_a_wall_of_many_shows_the_worst_and_counts_the_others(light: Running) -> None:
    await fill(light, sessions=12)
    admin = await light.signed_in("admin")
    page = (await admin.get("/", headers=HTML)).text
    tiles = page.partition('class="columns"')[2].partition("</section>")[0]
    names = re.findall(r'class="name"\s*>([^<]+)<', tiles)
    assert len(names) == 100
    assert {f"Điểm {number:03d}" for number in range(12)} <= set(names)  # the others are idle
    assert "153 more" in tiles
    # pins that would hide each other are one, which says for how many it stands
    drawn = re.findall(r"<g [^>]*><title>([^<]*)</title>", page)
    more = sum(int(count) for title in drawn for count in re.findall(r"\(\+(\d+)\)", title))
    assert len(drawn) < 200
    assert len(drawn) + more == 253


def test_what_has_not_changed_is_not_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    before = Board._make

    def counted(self: Board, site: Site, *rest: Any) -> Any:
        made.append(site.site_id)
        return before(self, site, *rest)

    monkeypatch.setattr(Board, "_make", counted)
    directory = Directory(
        provinces={"12": Province(code="12", name="Lai Châu")},
        communes={"03390": Commune(code="03390", name="Bình Lư", province_code="12")},
        sites={
            name: Site(site_id=name, name=name, commune_code="03390") for name in ("a", "b", "c")
        },
    )
    board, sites = Board(directory), list(directory.sites.values())
    first = board.snapshot(START).sites
    assert board.snapshot(START).sites == first
    assert len(made) == 3
    test = Measurement(
        site_id=sites[1].site_id,
        client_id="probe",
        seq=None,
        test_id="t",
        started_at=START - timedelta(hours=1),
        received_at=START,
        method=Method.PAGE,
        counted_by=CountedBy.SERVER,
        outcome=Outcome.FAILURE,
        failure_reason="stalled",
    )
    board.measured(test)
    assert board.snapshot(START).sites[1].probes == {"failure": 1}
    # an older one is counted too, though it is not the last
    board.measured(replace(test, started_at=START - timedelta(hours=2)))
    assert board.snapshot(START).sites[1].probes == {"failure": 2}
    assert made[3:] == [sites[1].site_id] * 2
    board.forget(sites[0].site_id)
    board.snapshot(START)
    assert made[5:] == [sites[0].site_id]
