"""Calendars in and out: as often as one likes, in any zone, and never half of one."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from lensong.monitoring.lists.calendars import HORIZON, instance_uid, parse_calendar
from lensong.monitoring.lists.rows import MOST_ROWS, KnownSessions
from lensong.monitoring.lists.told import RowsError
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.records import Commune, Site
from lensong.propagation.errors import DataError
from tests.running_service import START, Running

ICS = {"Content-Type": "text/calendar; charset=utf-8"}


def known(**changes: Any) -> KnownSessions:
    sites = [
        Site(site_id="binh-lu", name="Chợ Bình Lư", commune_code="03390"),
        Site(site_id="sin-ho", name="Chợ Sìn Hồ", commune_code="03433"),
    ]
    values: dict[str, Any] = {
        "sites": {site.site_id: site for site in sites},
        "communes": {
            "03390": Commune(code="03390", name="Bình Lư", province_code="12"),
            "03433": Commune(code="03433", name="Sìn Hồ", province_code="12"),
        },
        "profiles": {profile.code: profile for profile in DEFAULT_PROFILES},
        "zone": ZoneInfo("Asia/Ho_Chi_Minh"),
        "now": START,
    }
    return KnownSessions(**values | changes)


def event(**changes: str | None) -> str:
    lines = {
        "UID": "a",
        "DTSTART": ":20261128T020000Z",
        "DTEND": ":20261128T040000Z",
        "SUMMARY": "Chợ phiên",
        "LOCATION": "Chợ Bình Lư",
        "CATEGORIES": "Livestream,tiktok-720p30",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    body = [
        f"{name}{value if value[:1] in ':;' else f':{value}'}"
        for name, value in lines.items()
        if value is not None
    ]
    return "\r\n".join(["BEGIN:VEVENT", *body, "END:VEVENT"])


def calendar(*events: str, method: str = "") -> bytes:
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    head += [f"METHOD:{method}"] if method else []
    return "\r\n".join([*head, *events, "END:VCALENDAR", ""]).encode()


def starts(data: bytes, **changes: Any) -> list[datetime]:
    return [item.session.starts_at for item in parse_calendar(data, known(**changes)).sessions]


def at(day: int, hour: int, month: int = 11, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, tzinfo=UTC)


def test_an_event_is_a_session() -> None:
    (found,) = parse_calendar(calendar(event()), known()).sessions
    assert (found.uid, found.row, found.cancelled) == ("a", 1, False)
    session = found.session
    assert (session.site_id, session.profile_code) == ("binh-lu", "tiktok-720p30")
    assert (session.title, session.starts_at, session.ends_at) == (
        "Chợ phiên",
        at(28, 2),
        at(28, 4),
    )


@pytest.mark.parametrize(
    "start",
    [
        ":20261128T020000Z",
        ":20261128T090000",  # floating: the province's own time
        ";TZID=Asia/Ho_Chi_Minh:20261128T090000",
        ";TZID=SE Asia Standard Time:20261128T090000",  # as Outlook says it
        ";TZID=Europe/Paris:20261128T030000",
        ";TZID=America/New_York:20261127T210000",
    ],
)
def test_every_zone_means_the_same_moment(start: str) -> None:
    assert starts(calendar(event(DTSTART=start))) == [at(28, 2)]


def test_a_zone_that_the_file_describes_itself_is_taken() -> None:
    zone = "\r\n".join(
        ["BEGIN:VTIMEZONE", "TZID:Hanoi", "BEGIN:STANDARD", "DTSTART:19700101T000000",
         "TZOFFSETFROM:+0700", "TZOFFSETTO:+0700", "END:STANDARD", "END:VTIMEZONE"]
    )  # fmt: skip
    assert starts(calendar(zone, event(DTSTART=";TZID=Hanoi:20261128T090000"))) == [at(28, 2)]


def test_the_wall_clock_of_a_rule_stays_when_the_zone_changes() -> None:
    weekly = event(
        DTSTART=";TZID=Europe/Paris:20261128T100000",
        DTEND=";TZID=Europe/Paris:20261128T110000",
        RRULE="FREQ=WEEKLY;UNTIL=20270410T080000Z",
    )
    found = starts(calendar(weekly))
    assert {start.hour for start in found if start < at(28, 0, 3, 2027)} == {9}
    assert {start.hour for start in found if start > at(28, 3, 3, 2027)} == {8}
    assert found[-1] == at(10, 8, 4, 2027)  # UNTIL is the last one itself


def test_a_rule_is_written_out_for_a_year_without_what_is_taken_out() -> None:
    weekly = event(RRULE="FREQ=WEEKLY;BYDAY=SA", EXDATE=":20261205T020000Z,20261212T020000Z")
    found = starts(calendar(weekly))
    assert found[:2] == [at(28, 2), at(19, 2, 12)]
    assert found[-1] <= START + HORIZON
    assert len(found) == 51
    days_off = event(RRULE="FREQ=DAILY;COUNT=4", EXDATE=";VALUE=DATE:20261129")
    assert [s.day for s in starts(calendar(days_off))] == [28, 30, 1]
    more = event(RDATE=":20261130T020000Z")
    assert starts(calendar(more)) == [at(28, 2), at(30, 2)]
    old = event(DTSTART=":20200104T020000Z", DTEND=":20200104T040000Z", RRULE="FREQ=WEEKLY")
    assert starts(calendar(old))[0] == at(28, 2)  # a Saturday since 2020


def test_one_day_of_a_rule_may_be_otherwise() -> None:
    weekly = event(RRULE="FREQ=WEEKLY;COUNT=3")
    moved = event(
        RECURRENCE_ID=":20261205T020000Z", DTSTART=":20261205T060000Z", DTEND=":20261205T070000Z",
        LOCATION="sin-ho",
    )  # fmt: skip
    off = event(
        RECURRENCE_ID=";TZID=Asia/Ho_Chi_Minh:20261212T090000", STATUS="CANCELLED",
        DTSTART=":20261212T020000Z", DTEND=":20261212T040000Z",
    )  # fmt: skip
    found = parse_calendar(calendar(weekly, moved, off), known()).sessions
    assert [(s.session.starts_at, s.session.site_id, s.cancelled) for s in found] == [
        (at(28, 2), "binh-lu", False),
        (at(5, 6, 12), "sin-ho", False),
        (at(12, 2, 12), "binh-lu", True),
    ]
    assert [s.uid for s in found] == [
        "a::20261128T020000Z", "a::20261205T020000Z", "a::20261212T020000Z",
    ]  # fmt: skip


def test_profile_and_site_are_found_or_given_for_all() -> None:
    named = event(LOCATION="Hội trường", X_LENSONG_SITE="sin-ho", X_LENSONG_PROFILE="voice-still")
    (found,) = parse_calendar(calendar(named), known()).sessions
    assert (found.session.site_id, found.session.profile_code) == ("sin-ho", "voice-still")
    bare = event(LOCATION=None, CATEGORIES=None)
    given_for_all = known(site_id="sin-ho", profile_code="voice-still")
    (found,) = parse_calendar(calendar(bare), given_for_all).sessions
    assert (found.session.site_id, found.session.profile_code) == ("sin-ho", "voice-still")
    room = event(LOCATION="Hội trường tầng 2")
    assert parse_calendar(calendar(room), given_for_all).sessions[0].session.site_id == "sin-ho"


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"UID": None}, "UID"),
        ({"UID": "x" * 300}, "UID"),
        ({"SUMMARY": None}, "SUMMARY"),
        ({"LOCATION": None}, "LOCATION"),
        ({"LOCATION": "Hà Nội"}, "LOCATION"),
        ({"X_LENSONG_SITE": "nowhere"}, "X-LENSONG-SITE"),
        ({"CATEGORIES": "Livestream"}, "CATEGORIES"),
        ({"X_LENSONG_PROFILE": "8k"}, "X-LENSONG-PROFILE"),
        ({"DTSTART": ";VALUE=DATE:20261128"}, "DTSTART"),
        ({"DTSTART": ";TZID=Mars/Olympus:20261128T090000"}, "DTSTART"),
        ({"DTSTART": ":2026112T0900"}, "DTSTART"),
        ({"DTSTART": None}, "DTSTART"),
        ({"DTEND": None}, "DTEND"),
        ({"DTEND": ":20261128T010000Z", "DTSTART": ":20261128T020000Z"}, ""),
        ({"DTEND": ":20261130T020001Z"}, ""),  # longer than a day
        ({"RRULE": "FREQ=MINUTELY"}, ""),
        ({"RRULE": "FREQ=MONTHLY;BYSETPOS=1"}, ""),
        ({"RECURRENCE_ID": ";RANGE=THISANDFUTURE:20261128T020000Z"}, "RECURRENCE-ID"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_by_its_place(
    changes: dict[str, str | None], column: str
) -> None:
    wrong = event(**({"UID": "b"} | changes))
    if changes.get("DTEND") == ":20261128T010000Z":
        wrong = event(UID="b", DTSTART=":20261128T033000Z", DTEND=":20261128T030000Z")
    with pytest.raises(RowsError) as error:
        parse_calendar(calendar(event(), wrong), known())
    assert [(item.row, item.column) for item in error.value.errors] == [(2, column)]


def test_two_events_of_one_uid_are_a_slip() -> None:
    with pytest.raises(RowsError, match="UID of event 1"):
        parse_calendar(calendar(event(), event(SUMMARY="B")), known())


@pytest.mark.slow
def test_a_file_of_too_many_is_to_be_sent_in_parts() -> None:
    many = [event(UID=f"u{n}") for n in range(MOST_ROWS + 1)]
    with pytest.raises(RowsError, match="in parts"):
        parse_calendar(calendar(*many), known())
    daily = [event(UID=f"u{n}", RRULE="FREQ=DAILY") for n in range(6)]
    with pytest.raises(RowsError, match="more than 2000 sessions"):
        parse_calendar(calendar(*daily), known())


def test_what_is_over_is_counted_whatever_it_says() -> None:
    old = {"DTSTART": ":20250101T020000Z", "DTEND": ":20250101T040000Z"}
    found = parse_calendar(
        calendar(event(UID="o", LOCATION="Hà Nội", CATEGORIES=None, **old), event()), known()
    )
    assert (len(found.sessions), found.over) == (1, 1)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"BEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\n",
        calendar(event())[:-20],
        b"\xff\xfe\x00",
        calendar(event()).replace(b"Ch", b"\xff"),
        b"END:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nEND:VCALENDAR\r\n",
    ],
)
def test_what_is_no_calendar_is_refused(data: bytes) -> None:
    with pytest.raises((DataError, RowsError)):
        parse_calendar(data, known())


@given(st.data())
def test_no_damage_makes_it_fail_otherwise(data: st.DataObject) -> None:
    whole = bytearray(calendar(event(RRULE="FREQ=WEEKLY;COUNT=3", EXDATE=":20261205T020000Z")))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    with contextlib.suppress(DataError, RowsError):
        parse_calendar(bytes(whole), known())


def test_one_dentist_does_not_stop_forty_sessions() -> None:
    market = event(RRULE="FREQ=DAILY;COUNT=40")
    dentist = event(UID="b", SUMMARY="Khám răng", LOCATION="Nha khoa", CATEGORIES=None)
    holiday = event(UID="c", SUMMARY="Nghỉ", DTSTART=";VALUE=DATE:20261128", DTEND=None)
    found = parse_calendar(calendar(dentist, market, holiday), known(), skip=True)
    assert len(found.sessions) == 40
    assert [(item.row, item.title, item.reason) for item in found.refused] == [
        (1, "Khám răng", "no_site"),
        (3, "Nghỉ", "whole_day"),
    ]
    assert found.series == {"a"}  # of the others nothing was called off


def test_a_day_that_cannot_be_read_is_left_alone_in_its_series() -> None:
    weekly = event(RRULE="FREQ=DAILY;COUNT=3")
    odd = event(RECURRENCE_ID=":20261129T020000Z", DTSTART=":20261129T050000Z",
                DTEND=":20261129T060000Z", LOCATION="Hà Nội")  # fmt: skip
    found = parse_calendar(calendar(weekly, odd), known(), skip=True)
    assert [item.session.starts_at for item in found.sessions] == [at(28, 2), at(30, 2)]
    assert found.untouched == {instance_uid("a", at(29, 2))}


def test_a_day_that_was_moved_stays_moved_when_it_is_over() -> None:
    daily = event(RRULE="FREQ=DAILY;COUNT=3")
    moved = event(RECURRENCE_ID=":20261130T020000Z", DTSTART=":20261128T060000Z",
                  DTEND=":20261128T070000Z")  # fmt: skip
    data = calendar(daily, moved)
    assert sorted(starts(data)) == [at(28, 2), at(28, 6), at(29, 2)]
    # that session is over, and its day of the series does not come back
    assert starts(data, now=at(28, 8)) == [at(29, 2)]


def test_lines_are_folded_anywhere() -> None:
    whole = calendar(event())
    folded = b"\r\n".join(
        b"\r\n ".join(line[at : at + 5] for at in range(0, len(line), 5)) or line
        for line in whole.split(b"\r\n")
    )
    assert folded.count(b"\r\n ") > 20
    assert parse_calendar(folded, known()) == parse_calendar(whole, known())


def test_floating_times_are_those_of_the_calendar_and_it_is_said() -> None:
    floating = event(DTSTART=":20261128T090000", DTEND=":20261128T110000")
    data = calendar(floating)
    found = parse_calendar(data, known())
    assert [(item.reason, item.values) for item in found.notes] == [
        ("zone_of_service", {"zone": "Asia/Ho_Chi_Minh"})
    ]
    named = data.replace(b"VERSION", b"X-WR-TIMEZONE:Asia/Tokyo\r\nVERSION")
    found = parse_calendar(named, known())
    assert found.sessions[0].session.starts_at == datetime(2026, 11, 28, 0, 0, tzinfo=UTC)
    assert [item.reason for item in found.notes] == ["zone_of_file"]
    assert parse_calendar(calendar(event()), known()).notes == ()


def test_a_profile_is_named_as_people_call_it() -> None:
    (found,) = parse_calendar(calendar(event(CATEGORIES="Chợ,TikTok 720p")), known()).sessions
    assert found.session.profile_code == "tiktok-720p30"


# The API ----------------------------------------------------------------------------------------


async def send(client: httpx.AsyncClient, *events: str, method: str = "") -> dict[str, int]:
    answer = await client.post(
        "/api/v1/import/sessions", content=calendar(*events, method=method), headers=ICS
    )
    assert answer.status_code == 200, answer.text
    counts: dict[str, int] = answer.json()["counts"]
    return counts


async def sessions(client: httpx.AsyncClient) -> list[tuple[str, str, str]]:
    items = (await client.get("/api/v1/sessions", params={"limit": 500})).json()["items"]
    return [(item["starts_at"], item["site_id"], item["status"]) for item in items]


@pytest.mark.anyio
async def test_a_calendar_comes_again_and_again(running: Running) -> None:
    client = await running.signed_in("province", "12")
    assert await send(client, event()) == {"created": 1}
    assert await send(client, event()) == {"unchanged": 1}
    later = event(DTSTART=":20261128T030000Z", LOCATION="sin-ho")
    assert await send(client, later) == {"updated": 1}
    assert await sessions(client) == [("2026-11-28T03:00:00Z", "sin-ho", "planned")]
    assert await send(client, event(STATUS="CANCELLED")) == {"cancelled": 1}
    assert await send(client, event(STATUS="CANCELLED")) == {"unchanged": 1}
    heard = (await client.get("/api/v1/sessions")).json()["items"]
    assert [item["status"] for item in heard] == ["cancelled"]


@pytest.mark.anyio
async def test_what_was_called_off_here_stays_so_until_its_author_changes_it(
    light: Running,
) -> None:
    client = await light.signed_in("admin")
    await send(client, event())
    (item,) = (await client.get("/api/v1/sessions")).json()["items"]
    await client.patch(f"/api/v1/sessions/{item['session_id']}", json={"status": "cancelled"})
    assert await send(client, event()) == {"left_cancelled": 1}
    assert await send(client, event(LAST_MODIFIED="20261127T000000Z")) == {"left_cancelled": 1}
    assert await send(client, event(LAST_MODIFIED="20261128T013000Z")) == {"updated": 1}
    assert [status for _, _, status in await sessions(client)] == ["planned"]


@pytest.mark.anyio
async def test_a_day_taken_out_of_a_rule_is_called_off(light: Running) -> None:
    client = await light.signed_in("admin")
    weekly = event(RRULE="FREQ=WEEKLY;COUNT=3")
    assert await send(client, weekly, event(UID="b", LOCATION="sin-ho")) == {"created": 4}
    without = event(RRULE="FREQ=WEEKLY;COUNT=3", EXDATE=":20261205T020000Z")
    assert await send(client, without) == {"cancelled": 1, "unchanged": 2}
    assert [s for s in await sessions(client) if s[2] == "cancelled"] == [
        ("2026-12-05T02:00:00Z", "binh-lu", "cancelled")
    ]
    # the rule is gone, the event is one day only: what hung on the rule goes with it
    assert await send(client, event(DTSTART=":20261130T020000Z", DTEND=":20261130T040000Z")) == {
        "cancelled": 2,
        "created": 1,
    }
    planned = [s for s in await sessions(client) if s[2] == "planned"]
    assert planned == [
        ("2026-11-28T02:00:00Z", "sin-ho", "planned"),  # of the other event
        ("2026-11-30T02:00:00Z", "binh-lu", "planned"),
    ]
    assert await send(
        client, event(DTSTART=":20261130T020000Z", DTEND=":20261130T040000Z"), method="CANCEL"
    ) == {"cancelled": 1}


@pytest.mark.anyio
async def test_an_event_moved_on_after_its_session_is_over_is_a_new_session(
    light: Running,
) -> None:
    client = await light.signed_in("admin")
    await send(client, event())
    light.clock.turn(hours=4)
    await light.service.keep_time()
    next_week = event(DTSTART=":20261205T020000Z", DTEND=":20261205T040000Z")
    assert await send(client, next_week) == {"created": 1}
    assert await send(client, next_week) == {"unchanged": 1}
    assert await sessions(client) == [
        ("2026-11-28T02:00:00Z", "binh-lu", "ended"),
        ("2026-12-05T02:00:00Z", "binh-lu", "planned"),
    ]


@pytest.mark.anyio
async def test_what_goes_out_tells_the_verdict_and_comes_back(running: Running) -> None:
    client = await running.signed_in("admin")
    await send(client, event(SUMMARY="Chợ; phiên\\, Bình Lư"))
    await running.service.judge_arrivals()
    out = await client.get("/api/v1/export/sessions.ics", headers={"Accept-Language": "vi"})
    assert out.headers["content-type"] == "text/calendar; charset=utf-8"
    (read,) = Calendar.from_ical(out.content, multiple=True)
    (found,) = read.walk("VEVENT")
    assert str(found["SUMMARY"]) == "Chợ; phiên, Bình Lư"
    assert str(found["STATUS"]) == "TENTATIVE"
    assert str(found["X-LENSONG-STATE"]) == "unknown"
    assert str(found["DESCRIPTION"]).startswith("CHƯA RÕ\nChưa có số liệu")
    assert found.get("DTSTART").dt == at(28, 2)
    assert all(len(line) <= 75 for line in out.content.split(b"\r\n"))  # RFC 5545, 3.1
    again = await client.post("/api/v1/import/sessions", content=out.content, headers=ICS)
    assert again.json()["counts"] == {"unchanged": 1}
    window = {"after": "2026-11-29T00:00:00Z"}
    empty = await client.get("/api/v1/export/sessions.ics", params=window)
    assert b"VEVENT" not in empty.content


@pytest.mark.anyio
async def test_a_session_made_here_is_not_doubled_by_its_own_export(light: Running) -> None:
    client = await light.signed_in("admin")
    made = await client.post(
        "/api/v1/sessions",
        json={
            "site_id": "binh-lu",
            "title": "Chợ",
            "profile_code": "voice-still",
            "starts_at": "2026-11-28T02:00:00Z",
            "ends_at": "2026-11-28T04:00:00Z",
        },
    )
    out = (await client.get("/api/v1/export/sessions.ics")).content
    back = out.replace("SUMMARY:Chợ".encode(), "SUMMARY:Chợ lớn".encode())
    answer = await client.post("/api/v1/import/sessions", content=back, headers=ICS)
    assert answer.json()["counts"] == {"updated": 1}
    (item,) = (await client.get("/api/v1/sessions")).json()["items"]
    assert (item["session_id"], item["title"]) == (made.json()["session_id"], "Chợ lớn")


@pytest.mark.anyio
async def test_an_import_is_heard_of(light: Running) -> None:
    client = await light.signed_in("admin")
    with light.service.bus.listening() as listener:
        await send(client, event())
        heard = listener.pending()[0]
    assert (heard.kind, heard.site_id) == ("session.planned", "binh-lu")
    assert "binh-lu" in light.service.ingest.take_dirty()  # to be judged
