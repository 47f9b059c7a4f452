"""Lists that unfold to far more than they weigh: bounded before they unfold, and in any case."""

from __future__ import annotations

import asyncio
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lensong.monitoring.errors import BusyError, TooLargeError
from lensong.monitoring.lists import calendars, reader
from lensong.monitoring.lists.calendars import parse_calendar
from lensong.monitoring.lists.csv_lists import KnownPlaces
from lensong.monitoring.lists.reader import ListReader
from lensong.monitoring.lists.recurrence import Recurrence
from lensong.monitoring.lists.rows import MOST_ROWS, KnownSessions
from lensong.monitoring.lists.told import RowsError
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.records import Commune, Province, Site
from lensong.propagation.errors import DataError
from tests.running_service import Running, running_service, sqlite_url
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
KNOWN = KnownSessions(
    sites={"cho": Site(site_id="cho", name="Chợ", commune_code="03390")},
    communes={"03390": Commune(code="03390", name="Bình Lư", province_code="12")},
    profiles={profile.code: profile for profile in DEFAULT_PROFILES},
    zone=ZoneInfo("Asia/Ho_Chi_Minh"),
    now=NOW,
    site_id="cho",
    profile_code="voice-still",
)
PLACES = KnownPlaces(
    provinces={"12": Province(code="12", name="Lai Châu")}, communes=KNOWN.communes, sites={}
)
SITES = b"name,commune_code\nCh\xe1\xbb\xa3 m\xe1\xbb\x9bi,03390\n"
WIDE = ",".join(f"n{number}" for number in range(210_000)).encode() + b"\n"
NEVER_ENDS = "import sys, time; sys.stdin.buffer.read(); time.sleep(3600)"


def calendar(*rules: str, starts: str = "20261201T090000") -> bytes:
    events = [
        f"BEGIN:VEVENT\r\nUID:{number}\r\nSUMMARY:Bán\r\nDTSTART:{starts}\r\n"
        f"DURATION:PT1H\r\nRRULE:{rule}\r\nEND:VEVENT\r\n"
        for number, rule in enumerate(rules)
    ]
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{''.join(events)}END:VCALENDAR\r\n"
    return text.encode()


def test_no_more_sessions_are_unfolded_than_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    wanted = calendars._wanted

    def counted(*given: object) -> object:
        nonlocal made
        made += 1
        return wanted(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(calendars, "_wanted", counted)
    with pytest.raises(RowsError, match=f"more than {MOST_ROWS} sessions"):
        parse_calendar(calendar(*["FREQ=DAILY"] * 200), KNOWN)
    assert made == MOST_ROWS + 1


def test_days_are_counted_before_they_are_held_against_a_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = 0

    def counted(*_: object) -> bool:
        nonlocal looked
        looked += 1
        return False

    monkeypatch.setattr(Recurrence, "_matches", counted)
    monkeypatch.setattr(calendars, "_MOST_DAYS", 20_000)
    # counted from nine years ago, and never a day that is wanted
    rules = ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9"] * 50
    with pytest.raises(RowsError, match="too many days"):
        parse_calendar(calendar(*rules, starts="20180101T090000"), KNOWN)
    assert 0 < looked <= 20_000


def test_the_parts_of_a_rule_are_few() -> None:
    with pytest.raises(RowsError, match="BYDAY of the recurrence has 5000 entries"):
        parse_calendar(calendar("FREQ=MONTHLY;BYDAY=" + ",".join(["1MO"] * 5_000)), KNOWN)


async def test_a_list_is_read_in_a_process_of_its_own() -> None:
    lists = ListReader()
    rows = await lists.read("sites", SITES, PLACES)
    assert [site.site_id for _, site in rows.sites] == ["cho-moi"]
    sessions = await lists.read("calendar", calendar("FREQ=WEEKLY;COUNT=3"), KNOWN)
    assert len(sessions.sessions) == 3
    with pytest.raises(RowsError) as wrong:
        await lists.read("sites", b"name,commune_code\nA,1\nB,2\n", PLACES)
    assert [error.row for error in wrong.value.errors] == [2, 3]
    with pytest.raises(DataError, match=r"columns|fields"):
        await lists.read("sites", WIDE, PLACES)
    assert lists.processes == 0


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every list be one whose reading never ends."""
    monkeypatch.setattr(reader, "_WORKER", ("-c", NEVER_ENDS))


async def _until(condition: object) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("endless")
async def test_a_list_that_takes_too_long_is_given_up() -> None:
    lists = ListReader(seconds=1)
    with pytest.raises(TooLargeError, match="send it in parts"):
        await lists.read("sites", SITES, PLACES)
    assert lists.processes == 0


@pytest.mark.parametrize(
    ("end", "told"),
    [("time.sleep(3600)", "was not read in 2 s"), ("os.abort()", "unfolds to more")],
)
async def test_nothing_is_left_of_a_reader_however_it_ends(
    end: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacks = "import os, sys, tempfile, time; sys.stdin.buffer.read(); tempfile.mkdtemp(); "
    monkeypatch.setattr(reader, "_WORKER", ("-c", unpacks + end))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(TooLargeError, match=told):
        await ListReader(seconds=2 if "sleep" in end else 3_600).read("sites", SITES, PLACES)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("endless")
async def test_no_more_are_read_at_once_than_may_and_none_for_who_has_gone() -> None:
    lists = ListReader(at_once=2, seconds=3_600)
    gone = asyncio.Event()

    async def leave() -> None:
        await gone.wait()

    asked = [asyncio.create_task(lists.read("sites", SITES, PLACES, leave)) for _ in range(5)]
    await _until(lambda: lists.processes == 2)
    gone.set()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(end, BusyError) for end in ends), ends
    assert lists.processes == 0


@pytest.mark.usefixtures("endless")
async def test_a_service_that_reads_lists_answers_and_stops(tmp_path: object) -> None:
    async with running_service(
        sqlite_url(tmp_path),  # type: ignore[arg-type]
        limits={"import_seconds": 3_600},
    ) as running:
        admin = await running.signed_in("admin")
        asked = [
            asyncio.create_task(
                admin.post(
                    "/api/v1/import/sites", content=SITES, headers={"Content-Type": "text/csv"}
                )
            )
            for _ in range(8)
        ]
        await _until(lambda: running.service.lists.processes == 2)
        scraper = await running.scraper()
        assert (await scraper.get("/metrics")).status_code == 200
        assert (await admin.get("/api/v1/export/sites.csv")).status_code == 200
        tried = await running.client().post(
            "/api/v1/sign-in", json={"person_id": "nobody", "password": "whatever it is"}
        )
        assert tried.status_code == 401
        assert (await running.client().get("/-/ready")).status_code == 200
        running.service.drain()
        answers = await asyncio.gather(*asked)
        assert [answer.status_code for answer in answers] == [429] * 8
        assert running.service.lists.processes == 0


async def test_a_header_of_210_000_names_is_refused_by_the_service(light: Running) -> None:
    admin = await light.signed_in("admin")
    answer = await admin.post(
        "/api/v1/import/sites", content=WIDE[:1_000_000], headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 422, answer.text


async def test_readiness_tells_when_no_thread_is_free(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lensong.monitoring import passwords

    async def busy() -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(passwords, "answer", busy)
    answer = await light.client().get("/-/ready")
    assert answer.status_code == 503
    assert "all threads for passwords are busy" in answer.json()["detail"]
