"""Trouble that lasts is told once, with session and link, and told when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from lensong.monitoring.live.alerts import AlertKeeper
from lensong.monitoring.store.events import Event, events_of_kinds
from tests.running_service import START, Running

pytestmark = pytest.mark.anyio

KINDS = ("alert.raised", "alert.cleared")


async def planned_untested(
    running: Running, *, hours: float = 40 / 60, site_id: str = "binh-lu"
) -> str:
    """Plan a session of which nothing can be said, and wait until that has lasted."""
    admin = await running.signed_in("admin")
    begin = running.clock.now() + timedelta(hours=hours)
    session = {
        "site_id": site_id,
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": begin.isoformat(),
        "ends_at": (begin + timedelta(hours=2)).isoformat(),
    }
    made = await admin.post("/api/v1/sessions", json=session)
    assert made.status_code == 201, made.text
    await wait(running, minutes=0)
    await wait(running, minutes=1)
    session_id: str = made.json()["session_id"]
    return session_id


async def wait(running: Running, **time: float) -> None:
    running.clock.turn(**time)
    await running.service.keep_time()


async def told(running: Running) -> list[Event]:
    async with running.service.database.reading() as connection:
        return list(await events_of_kinds(connection, KINDS, START - timedelta(days=1)))


async def test_an_untested_session_is_told_a_day_ahead_and_again_when_it_is_near(
    light: Running,
) -> None:
    session_id = await planned_untested(light, hours=20)
    (ahead,) = await told(light)
    assert (ahead.body["ahead"], ahead.body["trouble"]) == (True, "unknown")
    assert ahead.body["text_key"] == "trouble.untested"
    assert (ahead.session_id, ahead.body["title"]) == (session_id, "Chợ phiên")
    await wait(light, hours=5)
    assert len(await told(light)) == 1
    await wait(light, hours=13)  # within two hours
    await wait(light, minutes=1)
    await wait(light, minutes=5)
    assert [event.body["ahead"] for event in await told(light)] == [True, False]


async def test_a_session_further_than_a_day_away_is_told_by_nobody(light: Running) -> None:
    await planned_untested(light, hours=25)
    assert await told(light) == []


async def test_what_somebody_has_taken_on_is_not_told_until_it_is_nobodys(light: Running) -> None:
    admin = await light.signed_in("admin")
    mute = {"kind": "muted", "site_id": "binh-lu", "minutes": 30, "note": "thử"}
    made = (await admin.post("/api/v1/notices", json=mute)).json()
    await planned_untested(light)
    assert await told(light) == []
    await admin.delete(f"/api/v1/notices/{made['notice_id']}")
    await wait(light, minutes=1)
    assert len(await told(light)) == 1


async def test_it_is_over_when_nothing_was_seen_of_it_for_a_while_and_survives_a_restart(
    light: Running,
) -> None:
    session_id = await planned_untested(light)
    service = light.service
    again = AlertKeeper(
        service.database, service.writer, service.directory, service.board, service.bus,
        service.clock,
    )  # fmt: skip
    await again.load()
    await again.look()
    assert len(await told(light)) == 1
    admin = await light.signed_in("admin")
    change: dict[str, Any] = {"status": "cancelled"}
    assert (await admin.patch(f"/api/v1/sessions/{session_id}", json=change)).status_code == 200
    await wait(light, minutes=1)
    await wait(light, minutes=2)
    events = await told(light)
    assert [event.kind for event in events] == ["alert.raised", "alert.cleared"]
    assert events[1].body["alert_id"] == events[0].body["alert_id"]
    page = (await admin.get("/timeline?site=binh-lu", headers={"Accept": "text/html"})).text
    assert "Alert over" in page
