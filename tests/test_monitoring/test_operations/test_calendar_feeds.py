"""Calendars that are read from their addresses, out of a real server that does well or badly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from lensong.monitoring.operations.feed_reading import MOST_FAILURES, read_due
from tests.running_service import Running, running_service
from tests.test_monitoring.test_streams.rough_server import Handler, answer, serving

pytestmark = pytest.mark.anyio

HERE = {"calendars": {"allowed_networks": ["127.0.0.0/8"], "total_s": 20.0, "feed_bytes": 20_000}}


def event(uid: str, day: str, title: str, *, place: str = "Chợ Bình Lư", more: str = "") -> str:
    return (
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART:202611{day}T020000Z\r\nDTEND:202611{day}T040000Z\r\n"
        f"SUMMARY:{title}\r\nLOCATION:{place}\r\nCATEGORIES:voice-still\r\n{more}END:VEVENT\r\n"
    )


def calendar(*events: str) -> str:
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x\r\n{''.join(events)}END:VCALENDAR\r\n"


MARKET = event("market@x", "29", "Chợ phiên")
TEA = event("tea@x", "30", "Mùa chè", place="Chợ Sìn Hồ")
DENTIST = event("dentist@x", "30", "Nha sĩ", place="Phòng khám")


@dataclass
class Shelf:
    """What the server answers by path, and what it was asked."""

    url: str = ""
    answers: dict[str, Handler] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def handle(self, head: str, writer: asyncio.StreamWriter) -> None:
        self.asked.append(head)
        path = head.split(" ")[1].partition("?")[0]
        await self.answers.get(path, answer("", status="404 Not Found"))(head, writer)


@asynccontextmanager
async def reading(url: str, **settings: Any) -> AsyncIterator[tuple[Running, Any, Shelf]]:
    shelf = Shelf()
    async with (
        serving(shelf.handle) as shelf.url,
        running_service(url, **(HERE | settings)) as running,
    ):
        yield running, await running.signed_in("admin"), shelf


async def added(client: Any, url: str, **more: Any) -> dict[str, Any]:
    told = await client.post("/api/v1/calendar-feeds", json={"label": "Xã", "url": url} | more)
    assert told.status_code == 201, told.text
    feed: dict[str, Any] = told.json()
    return feed


async def state(client: Any, feed: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = (await client.get(f"/api/v1/calendar-feeds/{feed['feed_id']}")).json()
    return told


async def planned(client: Any) -> dict[str, str]:
    items = (await client.get("/api/v1/sessions")).json()["items"]
    return {item["title"]: item["status"] for item in items}


async def test_a_calendar_is_read_again_and_what_it_no_longer_has_is_called_off(
    store_url: str,
) -> None:
    async with reading(store_url) as (running, admin, shelf):
        shelf.answers["/a.ics"] = answer(calendar(MARKET, TEA, DENTIST), headers='ETag: "1"\r\n')
        feed = await added(admin, f"{shelf.url}/a.ics?secret=s3cret#x")
        assert (feed["counts"], feed["failure"], feed["failures"]) == ({"created": 2}, "", 0)
        assert [(item["title"], item["reason"]) for item in feed["refused"]] == [
            ("Nha sĩ", "no_site")
        ]
        assert await planned(admin) == {"Chợ phiên": "planned", "Mùa chè": "planned"}
        assert await read_due(running.service) == 0  # not yet
        # nothing new: one question, by the tag, and nothing is taken in
        running.clock.turn(minutes=16)
        shelf.answers["/a.ics"] = answer("", status="304 Not Modified")
        assert await read_due(running.service) == 1
        assert 'if-none-match: "1"' in shelf.asked[-1].lower()
        same = await state(admin, feed)
        assert (same["counts"], same["failure"]) == ({"created": 2}, "")
        assert same["read_at"] > feed["read_at"]
        assert same["taken_at"] == feed["taken_at"]
        # the tea is moved, the market is gone
        running.clock.turn(minutes=16)
        later = TEA.replace("T020000Z", "T030000Z").replace("T040000Z", "T050000Z")
        shelf.answers["/a.ics"] = answer(calendar(later, DENTIST), headers='ETag: "2"\r\n')
        assert await read_due(running.service) == 1
        assert (await state(admin, feed))["counts"] == {"cancelled": 1, "updated": 1}
        assert await planned(admin) == {"Chợ phiên": "cancelled", "Mùa chè": "planned"}
        # and back again: as a session of its own
        running.clock.turn(minutes=16)
        shelf.answers["/a.ics"] = answer(calendar(later, MARKET))
        await read_due(running.service)
        assert (await state(admin, feed))["counts"] == {"created": 1, "unchanged": 1}
        # what somebody calls off here stays so
        items = (await admin.get("/api/v1/sessions?status=planned")).json()["items"]
        tea = next(item for item in items if item["title"] == "Mùa chè")
        await admin.patch(f"/api/v1/sessions/{tea['session_id']}", json={"status": "cancelled"})
        running.clock.turn(minutes=16)
        await read_due(running.service)
        assert (await state(admin, feed))["counts"] == {"left_cancelled": 1, "unchanged": 1}
        trail = (await admin.get("/api/v1/audit")).json()["items"]
        told = [(item["action"], item["actor"]) for item in trail]
        assert told.count(("import.sessions", f"calendar:{feed['feed_id']}")) == 3
        assert "calendar.add" in {action for action, _ in told}
        assert not [item for item in trail if "s3cret" in str(item)]


async def test_however_unchanged_it_is_taken_in_once_a_day(tmp_path: Any) -> None:
    async with reading(f"sqlite:///{tmp_path}/lensong.db") as (running, admin, shelf):
        shelf.answers["/a.ics"] = answer(calendar(DENTIST), headers='ETag: "1"\r\n')
        feed = await added(admin, f"{shelf.url}/a.ics")
        assert feed["counts"] == {}
        # the place becomes one of ours
        await admin.post(
            "/api/v1/sites",
            json={"site_id": "phong-kham", "name": "Phòng khám", "commune_code": "03390"},
        )
        running.clock.turn(hours=25)
        await read_due(running.service)
        assert "if-none-match" not in shelf.asked[-1].lower()
        assert (await state(admin, feed))["counts"] == {"created": 1}


async def test_two_calendars_do_not_overwrite_each_other(store_url: str) -> None:
    async with reading(store_url) as (running, admin, shelf):
        shelf.answers["/a.ics"] = answer(calendar(MARKET))
        await added(admin, f"{shelf.url}/a.ics")
        (ours,) = (await admin.get("/api/v1/sessions")).json()["items"]
        claim = f"X-LENSONG-SESSION:{ours['session_id']}\r\n"
        other = event("market@x", "30", "Hội khác", place="Chợ Sìn Hồ", more=claim)
        shelf.answers["/b.ics"] = answer(calendar(other))
        second = await added(admin, f"{shelf.url}/b.ics")
        assert second["counts"] == {"created": 1}
        assert await planned(admin) == {"Chợ phiên": "planned", "Hội khác": "planned"}
        # what is uploaded under the same UID is another thing, and removing one leaves the other
        at = f"/api/v1/calendar-feeds/{second['feed_id']}"
        assert (await admin.delete(f"{at}?call_off=true")).status_code == 204
        assert await planned(admin) == {"Chợ phiên": "planned", "Hội khác": "cancelled"}
        assert (await admin.get(at)).status_code == 404
        running.clock.turn(minutes=16)
        assert await read_due(running.service) == 1


async def test_a_calendar_plans_in_its_commune_alone(tmp_path: Any) -> None:
    async with reading(f"sqlite:///{tmp_path}/lensong.db") as (_, admin, shelf):
        shelf.answers["/a.ics"] = answer(calendar(MARKET, TEA))
        feed = await added(admin, f"{shelf.url}/a.ics", commune_code="03390")
        assert [item["title"] for item in feed["refused"]] == ["Mùa chè"]
        wrong = await admin.patch(
            f"/api/v1/calendar-feeds/{feed['feed_id']}", json={"site_id": "sin-ho"}
        )
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/body/site_id")
        wide = await admin.patch(
            f"/api/v1/calendar-feeds/{feed['feed_id']}", json={"commune_code": None}
        )
        assert wide.json()["counts"] == {"unchanged": 1, "created": 1}


async def test_a_calendar_that_is_suddenly_empty_calls_nothing_off_by_itself(
    tmp_path: Any,
) -> None:
    async with reading(f"sqlite:///{tmp_path}/lensong.db") as (running, admin, shelf):
        shelf.answers["/a.ics"] = answer(calendar(MARKET, TEA))
        feed = await added(admin, f"{shelf.url}/a.ics")
        shelf.answers["/a.ics"] = answer(calendar())
        running.clock.turn(minutes=16)
        await read_due(running.service)
        assert (await state(admin, feed))["failure"] == "emptied"
        assert set((await planned(admin)).values()) == {"planned"}
        page = await admin.get(
            f"/calendar-feeds/{feed['feed_id']}", headers={"Accept": "text/html"}
        )
        assert "none of several coming sessions" in page.text
        told = await admin.post(f"/api/v1/calendar-feeds/{feed['feed_id']}/read")
        assert (told.json()["failure"], told.json()["counts"]) == ("", {"cancelled": 2})


def _slowly(running: list[asyncio.Event]) -> Handler:
    async def handle(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nBEGIN:VCALENDAR\r\n")
        await writer.drain()
        running[0].set()
        await asyncio.get_running_loop().create_future()

    return handle


def _moved(where: str, status: str = "301 Moved Permanently") -> Handler:
    return answer("", status=status, headers=f"Location: {where}\r\n")


FAILURES: dict[str, tuple[Callable[[], Handler], str]] = {
    "gone": (lambda: answer("", status="410 Gone"), "not_found"),
    "secret changed": (lambda: answer("", status="403 Forbidden"), "refused"),
    "broken": (lambda: answer("", status="500 Oh"), "bad_status"),
    "a page": (lambda: answer("<html>sign in</html>"), "not_a_calendar"),
    "half": (lambda: answer("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n"), "not_a_calendar"),
    "packed": (
        lambda: answer(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n"),
        "not_a_calendar",
    ),
    "huge": (lambda: answer(calendar(*[MARKET] * 200)), "too_large"),
    "huge and says so": (lambda: answer("", length=99_999_999), "too_large"),
    "unasked 304": (lambda: answer("", status="304 Not Modified"), "bad_status"),
    "elsewhere": (lambda: _moved("http://10.1.2.3/a.ics"), "forbidden_address"),
    "to a file": (lambda: _moved("file:///etc/passwd"), "redirect"),
    "to nowhere": (lambda: _moved(""), "redirect"),
    "in circles": (lambda: _moved("/again.ics", "302 Found"), "redirect"),
    "with a password": (lambda: _moved("http://u:p@127.0.0.1/"), "redirect"),
}


async def test_what_cannot_be_read_is_told_and_leaves_the_sessions_alone(tmp_path: Any) -> None:
    async with reading(f"sqlite:///{tmp_path}/lensong.db") as (_, admin, shelf):
        shelf.answers["/a.ics"] = answer(calendar(MARKET))
        feed = await added(admin, f"{shelf.url}/a.ics")
        at = f"/api/v1/calendar-feeds/{feed['feed_id']}"
        for what, (make, code) in FAILURES.items():
            shelf.answers["/a.ics"] = make()
            shelf.answers["/again.ics"] = _moved("/again.ics?x", "302 Found")
            told = (await admin.post(f"{at}/read")).json()
            assert (what, told["failure"]) == (what, code), told
            page = await admin.get(f"/calendar-feeds/{feed['feed_id']}")
            assert re.search(r'class="lead wrong">\s*[A-Z]', page.text), what
        assert await planned(admin) == {"Chợ phiên": "planned"}
        # a move is followed, and told of where it is for good
        shelf.answers |= {"/a.ics": _moved("b.ics"), "/b.ics": answer(calendar(MARKET))}
        told = (await admin.post(f"{at}/read")).json()
        assert (told["failure"], told["moved"], told["counts"]) == ("", True, {"unchanged": 1})
        assert "has moved for good" in (await admin.get(f"/calendar-feeds/{feed['feed_id']}")).text


async def test_one_that_hangs_is_given_up_and_holds_up_no_other(tmp_path: Any) -> None:
    settings = {"calendars": HERE["calendars"] | {"total_s": 0.3}}
    async with reading(f"sqlite:///{tmp_path}/lensong.db", **settings) as (_, admin, shelf):
        begun = [asyncio.Event()]
        shelf.answers["/slow.ics"] = _slowly(begun)
        feed = await added(admin, f"{shelf.url}/slow.ics")
        assert begun[0].is_set()
        assert feed["failure"] == "timeout"


async def test_it_is_paused_after_many_failures_until_somebody_asks(tmp_path: Any) -> None:
    async with reading(f"sqlite:///{tmp_path}/lensong.db") as (running, admin, shelf):
        feed = await added(admin, f"{shelf.url}/none.ics")
        pauses_h = []
        for _ in range(MOST_FAILURES - 1):
            before = running.clock.now()
            while not await read_due(running.service):
                running.clock.turn(minutes=15)
            pauses_h.append((running.clock.now() - before).total_seconds() / 3600.0)
        assert pauses_h == [0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 6.0]  # a day, all together
        told = await state(admin, feed)
        assert (told["next_at"], told["failures"]) == (None, MOST_FAILURES)
        running.clock.turn(days=2)
        assert await read_due(running.service) == 0
        page = await admin.get("/calendar-feeds", headers={"Accept": "text/html"})
        assert "paused" in page.text
        page = await admin.get("/sessions", headers={"Accept": "text/html"})
        assert "A calendar that we read cannot be read" in page.text
        shelf.answers["/none.ics"] = answer(calendar(MARKET))
        running.clock.turn(days=-2)
        told = (await admin.post(f"/api/v1/calendar-feeds/{feed['feed_id']}/read")).json()
        assert (told["failure"], told["failures"]) == ("", 0)
        assert told["next_at"] is not None
        actions = [item["action"] for item in (await admin.get("/api/v1/audit")).json()["items"]]
        assert actions.count("calendar.fail") == 1
        assert {"calendar.pause", "calendar.recover", "calendar.read"} <= set(actions)


async def test_an_address_that_is_not_allowed_is_refused(light: Running) -> None:
    admin = await light.signed_in("admin")  # of a service whose configuration allows none
    for url, wanted in (
        ("http://127.0.0.1:9/a.ics", "calendars.allowed_networks"),
        ("webcal://169.254.169.254/a.ics", "calendars.allowed_networks"),
        ("ftp://127.0.0.1/a.ics", "begins with https://"),
        ("file:///etc/passwd", "begins with https://"),
        ("https://u:p@127.0.0.1/a.ics", "name or password"),
        ("https://127.0.0.1/a b", "begins with https://"),
    ):
        refused = await admin.post("/api/v1/calendar-feeds", json={"label": "X", "url": url})
        assert refused.status_code == 422, refused.text
        assert wanted in refused.json()["errors"][0]["detail"], url
        assert refused.json()["errors"][0]["pointer"] == "/body/url"


async def test_calendars_are_for_administrators(light: Running) -> None:
    client = await light.signed_in("province", "12")
    for path in ("/api/v1/calendar-feeds", "/calendar-feeds"):
        assert (await client.get(path)).status_code == 403
