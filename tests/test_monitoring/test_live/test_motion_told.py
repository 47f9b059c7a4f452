"""Whether the phone stands still: told of a session, sensed in a test, and heeded by verdicts."""

from __future__ import annotations

from typing import Any

import pytest

from lensong.monitoring.records import CountedBy, Measurement, Method, Outcome
from tests.running_service import START, Running

pytestmark = pytest.mark.anyio

SESSION: dict[str, Any] = {
    "site_id": "binh-lu",
    "title": "Chợ",
    "profile_code": "voice-still",
    "starts_at": "2026-11-28T09:00:00+07:00",
    "ends_at": "2026-11-28T11:00:00+07:00",
}


async def measure(running: Running, seq: int = 0, **more: Any) -> None:
    device = await running.device()
    report = {
        "seq": seq,
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
        json={"client_id": "phone-1", "measurements": [report | more]},
    )
    assert sent.status_code == 201, sent.text


def told(verdict: dict[str, Any]) -> tuple[str, str | None]:
    return verdict["motion"], verdict["motion_by"]


async def test_a_session_at_rest_is_assumed_and_motion_told_is_heeded(running: Running) -> None:
    client = await running.signed_in("admin")
    await measure(running)
    made = (await client.post("/api/v1/sessions", json=SESSION)).json()
    assert made["motion"] == "unknown"
    assert told(made["verdict"]) == ("at_rest", "assumed")
    at = f"/api/v1/sessions/{made['session_id']}"
    moved = (await client.patch(at, json={"motion": "moving"})).json()
    assert moved["motion"] == "moving"
    assert told(moved["verdict"]) == ("moving", "told")
    assert moved["verdict"]["probability"] < made["verdict"]["probability"]
    again = (await client.get(at)).json()
    assert again["motion"] == "moving"


async def test_what_a_test_sensed_is_kept_and_heeded(running: Running) -> None:
    client = await running.signed_in("admin")
    await measure(running, motion="moving")
    kept = (await client.get("/api/v1/sites/binh-lu/measurements")).json()["items"]
    assert [item["motion"] for item in kept] == ["moving"]
    made = (await client.post("/api/v1/sessions", json=SESSION)).json()
    assert told(made["verdict"]) == ("moving", "sensed")
    stands = (await client.post(
        "/api/v1/sessions",
        json=SESSION
        | {"motion": "at_rest", "starts_at": "2026-11-28T14:00:00+07:00",
           "ends_at": "2026-11-28T15:00:00+07:00"},
    )).json()  # fmt: skip
    assert told(stands["verdict"]) == ("at_rest", "told")


async def test_the_question_what_if_asks_for_motion(light: Running) -> None:
    client = await light.signed_in("admin")
    await measure(light)
    asked: dict[str, Any] = {
        "profile": "voice-still",
        "start": "2026-11-28T02:00:00Z",
        "duration": 600,
    }
    at = "/api/v1/sites/binh-lu/readiness"
    moving = (await client.get(at, params=asked | {"motion": "moving"})).json()
    assert told(moving) == ("moving", "told")
    assert (await client.get(at, params=asked | {"motion": "flying"})).status_code == 422
    page = await client.get(
        "/sessions/new/verdict",
        params={"site": "binh-lu", "profile": "voice-still", "start": "2026-11-28T09:00",
                "minutes": 60, "motion": "moving"},
    )  # fmt: skip
    assert page.status_code == 200
    assert 'name="motion"' in (await client.get("/sessions/new")).text


async def test_a_list_that_comes_again_keeps_the_motion_that_was_told(light: Running) -> None:
    client = await light.signed_in("admin")
    csv = "site_id,title,profile,start,duration\nbinh-lu,A,voice-still,2026-11-28 15:00,{}\n"
    kind = {"Content-Type": "text/csv"}
    await client.post("/api/v1/import/sessions", content=csv.format("60").encode(), headers=kind)
    (item,) = (await client.get("/api/v1/sessions")).json()["items"]
    await client.patch(f"/api/v1/sessions/{item['session_id']}", json={"motion": "moving"})
    again = await client.post(
        "/api/v1/import/sessions", content=csv.format("90").encode(), headers=kind
    )
    assert again.json()["counts"] == {"updated": 1}, again.text
    (item,) = (await client.get("/api/v1/sessions")).json()["items"]
    assert (item["ends_at"], item["motion"]) == ("2026-11-28T09:30:00Z", "moving")


async def test_a_phone_adds_its_motion_to_the_servers_count_of_its_test(running: Running) -> None:
    counted = Measurement(
        site_id="binh-lu", client_id="phone-1", seq=None, test_id="t-1", started_at=START,
        received_at=START, method=Method.PAGE, outcome=Outcome.SUCCESS,
        counted_by=CountedBy.SERVER, uplink_p10_bps=8e6, uplink_p50_bps=9e6,
    )  # fmt: skip
    await running.service.ingest.counted(counted)
    await measure(running, test_id="t-1", motion="moving")
    client = await running.signed_in("admin")
    kept = (await client.get("/api/v1/sites/binh-lu/measurements")).json()["items"]
    assert [(item["counted_by"], item["motion"]) for item in kept] == [("server", "moving")]
