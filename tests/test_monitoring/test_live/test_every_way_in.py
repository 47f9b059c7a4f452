"""However a session comes in, it is shown at once and judged like one that was planned by hand."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lensong.monitoring.store.sessions import open_sessions
from tests.running_service import START, Running

pytestmark = pytest.mark.anyio

CSV = {"Content-Type": "text/csv"}


async def imported(running: Running, day: str = "2026-11-28") -> Any:
    client = await running.signed_in("admin")
    rows = f"site_id,title,profile,start,duration\nbinh-lu,Chợ,tiktok-720p30,{day} 15:00,120\n"
    answer = await client.post("/api/v1/import/sessions", content=rows.encode(), headers=CSV)
    assert answer.status_code == 200, answer.text
    assert answer.json()["counts"] == {"created": 1}
    return client


async def verdicts(client: Any) -> list[str | None]:
    items = (await client.get("/api/v1/sessions")).json()["items"]
    return [item["verdict"] and item["verdict"]["state"] for item in items]


async def test_an_imported_session_is_shown_at_once_and_judged(running: Running) -> None:
    client = await imported(running)
    shown = running.service.board.session_of("binh-lu")
    assert shown is not None
    assert shown.title == "Chợ"
    await running.service.judge_arrivals()
    assert await verdicts(client) == ["unknown"]
    verdict = running.service.board.verdict_of("binh-lu")
    assert verdict is not None
    assert "no_evidence" in {reason.code for reason in verdict.reasons}


async def test_evidence_after_an_import_is_judged(light: Running) -> None:
    client = await imported(light)
    light.service.ingest.take_dirty()  # as if the process had ended before it could judge
    light.service.board.planned("binh-lu", None, None)
    device = await light.device()
    report = {
        "seq": 0,
        "started_at": START.isoformat(),
        "method": "page",
        "result": "success",
        "uplink_p10_bps": 8e6,
        "uplink_p50_bps": 9e6,
        "uplink_bins_bps": [8e6] * 27,
        "duration_s": 30.0,
        "sent_bytes": 33_000_000,
    }
    sent = await device.post(
        "/api/v1/sites/binh-lu/measurements",
        json={"client_id": "phone-1", "measurements": [report]},
    )
    assert sent.status_code < 300, sent.text
    await light.service.judge_arrivals()
    assert await verdicts(client) == ["at_risk"]


async def test_what_a_crash_left_unjudged_is_judged_after_the_start(light: Running) -> None:
    client = await imported(light)
    light.service.ingest.take_dirty()
    await light.service.keep_time()
    await light.service.judge_arrivals()
    assert await verdicts(client) == ["unknown"]
    await light.service.keep_time()
    assert not light.service.ingest.take_dirty()  # once is enough


async def test_who_judges_one_session_at_once_keeps_one_verdict(light: Running) -> None:
    await imported(light)
    async with light.service.database.reading() as connection:
        (session,) = await open_sessions(connection)
    triggers = ("evidence", "planned", "evidence")
    kept = await asyncio.gather(*(light.service.judge.rejudge(session, t) for t in triggers))
    assert [(one.id, one.trigger) for one in kept] == [(kept[0].id, "planned")] * 3


async def test_a_session_months_ahead_has_a_verdict_where_it_is_the_next(light: Running) -> None:
    client = await imported(light, "2027-03-01")
    await light.service.judge_arrivals()
    assert await verdicts(client) == ["unknown"]


async def test_the_site_that_a_session_left_shows_it_no_more(light: Running) -> None:
    client = await light.signed_in("admin")
    calendar = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//t//EN\r\nBEGIN:VEVENT\r\nUID:one@t\r\n"
        "SUMMARY:Chợ\r\nDTSTAMP:20261127T000000Z\r\nDTSTART:20261128T080000Z\r\n"
        "DTEND:20261128T090000Z\r\nLOCATION:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    for site_id in ("binh-lu", "sin-ho"):
        answer = await client.post(
            "/api/v1/import/sessions?profile=tiktok-720p30",
            content=calendar.format(site_id).encode(),
            headers={"Content-Type": "text/calendar"},
        )
        assert answer.status_code == 200, answer.text
        await light.service.judge_arrivals()
    assert light.service.board.session_of("binh-lu") is None
    assert light.service.board.session_of("sin-ho") is not None


async def test_a_changed_profile_has_every_session_of_it_judged_anew(light: Running) -> None:
    client = await light.signed_in("admin")
    for title, code, start in (("a", "voice-still", "09"), ("b", "tiktok-720p30", "14")):
        made = await client.post(
            "/api/v1/sessions",
            json={
                "site_id": "binh-lu",
                "title": title,
                "profile_code": code,
                "starts_at": f"2026-11-28T{start}:00:00+07:00",
                "ends_at": f"2026-11-28T{start}:50:00+07:00",
            },
        )
        assert made.status_code == 201, made.text
    light.service.ingest.take_dirty()
    profiles = (await client.get("/api/v1/profiles")).json()
    items = profiles["items"] if isinstance(profiles, dict) else profiles
    profile = next(item for item in items if item["code"] == "tiktok-720p30")
    profile.pop("uplink_required_bps")
    answer = await client.put(f"/api/v1/profiles/{profile['code']}", json=profile)
    assert answer.status_code < 300, answer.text
    # not the next session of the site, and judged anew all the same
    assert "binh-lu" in light.service.ingest.take_dirty()
