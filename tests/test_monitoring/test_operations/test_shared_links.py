"""Links by which a wall is seen and a calendar subscribed to: read only, in an area, revocable."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from icalendar import Calendar

from lensong.monitoring.clock import rfc3339
from tests.running_service import Running, running_service, settle_places, sqlite_url

pytestmark = pytest.mark.anyio


async def made(client: Any, **wanted: Any) -> dict[str, Any]:
    answer = await client.post("/api/v1/links", json={"label": "Phòng họp"} | wanted)
    assert answer.status_code == 201, answer.text
    link: dict[str, Any] = answer.json()
    return link


async def plan(running: Running, client: Any, site_id: str, title: str) -> dict[str, Any]:
    begin = running.clock.now() + timedelta(hours=3)
    answer = await client.post(
        "/api/v1/sessions",
        json={
            "site_id": site_id,
            "title": title,
            "profile_code": "tiktok-720p30",
            "starts_at": rfc3339(begin),
            "ends_at": rfc3339(begin + timedelta(hours=1)),
        },
    )
    session: dict[str, Any] = answer.json()
    return session


async def test_a_wall_hangs_by_a_link_until_it_runs_out_or_is_revoked(tmp_path: Any) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        await settle_places(running.service)
        admin, anybody = await running.signed_in("admin"), running.client()
        await plan(running, admin, "binh-lu", "Chợ phiên")
        mute = {"kind": "muted", "site_id": "binh-lu", "minutes": 90, "note": "chị Mai ốm"}
        assert (await admin.post("/api/v1/notices", json=mute)).status_code == 201
        link = await made(admin, kind="wall", area="province", code="12", days=20)
        path = link["url"].partition("8790")[2]
        page = await anybody.get(path)
        assert page.status_code == 200
        assert "Chợ Bình Lư" in page.text
        assert "Mường Phăng" not in page.text  # another province
        assert "data-part" not in page.text  # it is renewed by its own address
        assert "csrf" not in page.text
        # that somebody knows is shown; who, and why, is for those who are signed in
        assert "tắt tin báo, đến" in page.text
        # a screen that hangs may call as well
        assert page.text.count("data-alarm=") == 2
        assert "wall-alarm.js" in page.text
        assert not [word for word in ("chị Mai", "Somebody") if word in page.text]
        # that is all: no page and no API opens by it
        assert (await anybody.get("/sites", headers={"Accept": "text/html"})).status_code == 303
        bearer = {"Authorization": f"Bearer {path.rpartition('/')[2]}"}
        assert (await anybody.get("/api/v1/sites", headers=bearer)).status_code == 401
        assert (await anybody.get(f"/calendar/{path.rpartition('/')[2]}.ics")).status_code == 404

        running.clock.turn(days=19)
        assert (await anybody.get(path)).status_code == 200
        running.clock.turn(days=2)
        assert (await anybody.get(path)).status_code == 404
        assert (await admin.get("/api/v1/links")).json() == []

        lasting = await made(admin, kind="wall", area="all")
        path = lasting["url"].partition("8790")[2]
        assert "Mường Phăng" in (await anybody.get(path)).text
        assert (await admin.delete(f"/api/v1/links/{lasting['link_id']}")).status_code == 204
        assert (await anybody.get(path)).status_code == 404


async def test_a_calendar_is_subscribed_to_with_the_state_in_its_titles(tmp_path: Any) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        await settle_places(running.service)
        admin, anybody = await running.signed_in("admin"), running.client()
        session = await plan(running, admin, "binh-lu", "Chợ phiên")
        await plan(running, admin, "sin-ho", "Hội")
        path = {}
        for area, code in (("commune", "03390"), ("site", "sin-ho")):
            link = await made(admin, kind="calendar", area=area, code=code)
            path[area] = link["url"].partition("8790")[2]
        answer = await anybody.get(path["commune"], headers={"Accept-Language": "en"})
        assert answer.headers["content-type"].startswith("text/calendar")
        (event,) = Calendar.from_ical(answer.content).walk("VEVENT")
        assert str(event["SUMMARY"]) == "[UNKNOWN] Chợ phiên"
        assert "Hội" in (await anybody.get(path["site"])).text

        asked = {"If-None-Match": answer.headers["etag"], "Accept-Language": "en"}
        running.clock.turn(minutes=15)
        again = await anybody.get(path["commune"], headers=asked)
        assert (again.status_code, again.content) == (304, b"")
        await admin.patch(f"/api/v1/sessions/{session['session_id']}", json={"status": "cancelled"})
        changed = await anybody.get(path["commune"], headers=asked)
        (event,) = Calendar.from_ical(changed.content).walk("VEVENT")
        assert str(event["SUMMARY"]) == "[cancelled] Chợ phiên"
        assert str(event["STATUS"]) == "CANCELLED"


async def test_nobody_makes_or_revokes_a_link_beyond_their_area(tmp_path: Any) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        await settle_places(running.service)
        admin = await running.signed_in("admin")
        minh = await running.signed_in("commune", "03390")
        for area, code, status in (
            ("all", "", 403),
            ("province", "12", 404),
            ("commune", "03433", 404),
            ("site", "sin-ho", 404),
        ):
            wanted = {"kind": "wall", "area": area, "code": code, "label": "x"}
            assert (await minh.post("/api/v1/links", json=wanted)).status_code == status
        theirs = await made(admin, kind="wall", area="province", code="12")
        own = await made(minh, kind="wall", area="commune", code="03390")
        assert [item["link_id"] for item in (await minh.get("/api/v1/links")).json()] == [
            own["link_id"]
        ]
        assert (await minh.delete(f"/api/v1/links/{theirs['link_id']}")).status_code == 404
        assert "secret" not in str((await admin.get("/api/v1/links")).json())
        trail = (await admin.get("/api/v1/audit")).json()["items"]
        assert [item["action"] for item in trail[:2]] == ["link.make", "link.make"]
