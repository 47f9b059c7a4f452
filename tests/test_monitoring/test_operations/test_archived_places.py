"""A place that is archived is out of sight, keeps what was measured there, and comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from lensong.monitoring.clock import rfc3339
from tests.running_service import Running, running_service, settle_places, sqlite_url

pytestmark = pytest.mark.anyio


REPORT = {
    "client_id": "phone",
    "measurements": [
        {
            "seq": 1,
            "started_at": "2026-11-28T00:50:00Z",
            "method": "cli",
            "result": "failure",
            "failure_reason": "timeout",
        }
    ],
}


async def planned(running: Running, client: httpx.AsyncClient, **starts: float) -> dict[str, Any]:
    begin = running.clock.now() + timedelta(**starts)
    answer = await client.post(
        "/api/v1/sessions",
        json={
            "site_id": "binh-lu",
            "title": "Chợ phiên",
            "profile_code": "tiktok-720p30",
            "starts_at": rfc3339(begin),
            "ends_at": rfc3339(begin + timedelta(hours=1)),
        },
    )
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_site_goes_out_of_sight_and_comes_back_with_its_measurements(tmp_path: Any) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        await settle_places(running.service)
        admin, device = await running.signed_in("admin"), await running.device("binh-lu")
        sent = await device.post("/api/v1/sites/binh-lu/measurements", json=REPORT)
        assert sent.status_code == 201, sent.text
        session = await planned(running, admin, hours=3)

        assert (await admin.post("/api/v1/sites/binh-lu/archive")).status_code == 204

        gone = await admin.get("/api/v1/sites/binh-lu")
        assert (gone.status_code, gone.json()["code"]) == (404, "archived")
        assert (await device.get("/api/v1/sites/binh-lu")).status_code == 404
        assert "binh-lu" not in [
            item["site_id"] for item in (await admin.get("/api/v1/sites")).json()["items"]
        ]
        assert "Chợ Bình Lư" not in (await admin.get("/", headers={"Accept": "text/html"})).text
        [archived] = (await admin.get("/api/v1/archived")).json()
        assert (archived["kind"], archived["code"], archived["within"]) == (
            "site",
            "binh-lu",
            "03390",
        )
        taken = await admin.post(
            "/api/v1/sites", json={"site_id": "binh-lu", "name": "Khác", "commune_code": "03390"}
        )
        assert (taken.status_code, taken.json()["code"]) == (409, "archived")

        # whoever saw it before is told what became of it, and who may, how it comes back
        page = {"Accept": "text/html"}
        for path in ("sites/binh-lu", "sites/binh-lu/join", f"sessions/{session['session_id']}"):
            told = await admin.get(f"/{path}", headers=page)
            assert (path, told.status_code) == (path, 404)
            assert "is archived since today" in told.text, path
            assert "1 measurement" in told.text
            assert "/api/v1/archived/restore" in told.text
        theirs = await running.signed_in("commune", "03390")
        told = await theirs.get("/sites/binh-lu", headers=page)
        assert "is archived since" in told.text
        assert "restore" not in told.text.partition("<main")[2].partition("To have it back")[0]
        other = await running.signed_in("commune", "03433")
        assert "archived" not in (await other.get("/sites/binh-lu", headers=page)).text

        back = await admin.post(
            "/api/v1/archived/restore", json={"kind": "site", "code": "binh-lu"}
        )
        assert back.status_code == 204
        kept = (await admin.get("/api/v1/sites/binh-lu/measurements")).json()["items"]
        assert len(kept) == 1
        was = (await admin.get(f"/api/v1/sessions/{session['session_id']}")).json()
        assert was["status"] == "cancelled"
        trail = (await admin.get("/api/v1/audit")).json()["items"]
        assert [item["action"] for item in trail if item["subject"] == "binh-lu"][:2] == [
            "site.restore",
            "site.archive",
        ]


async def test_a_commune_with_sites_and_a_site_with_a_session_on_the_air_stay(
    tmp_path: Any,
) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        await settle_places(running.service)
        admin = await running.signed_in("admin")
        full = await admin.post("/api/v1/communes/03390/archive")
        assert (full.status_code, full.json()["code"]) == (409, "not_empty")
        session = await planned(running, admin, minutes=10)
        running.clock.turn(minutes=20)
        await running.service.keep_time()
        live = (await admin.get(f"/api/v1/sessions/{session['session_id']}")).json()
        assert live["status"] == "live"
        busy = await admin.post("/api/v1/sites/binh-lu/archive")
        assert (busy.status_code, busy.json()["code"]) == (409, "session_live")


async def test_a_commune_comes_back_before_its_sites(tmp_path: Any) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        await settle_places(running.service)
        admin = await running.signed_in("admin")
        for path in ("sites/binh-lu", "communes/03390"):
            assert (await admin.post(f"/api/v1/{path}/archive")).status_code == 204
        early = await admin.post(
            "/api/v1/archived/restore", json={"kind": "site", "code": "binh-lu"}
        )
        assert (early.status_code, early.json()["code"]) == (409, "archived")
        for kind, code in (("commune", "03390"), ("site", "binh-lu")):
            answer = await admin.post("/api/v1/archived/restore", json={"kind": kind, "code": code})
            assert answer.status_code == 204
        assert (await admin.get("/api/v1/sites/binh-lu")).status_code == 200


async def test_another_provinces_places_are_neither_archived_nor_restored(tmp_path: Any) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        await settle_places(running.service)
        admin, nga = await running.signed_in("admin"), await running.signed_in("province", "12")
        assert (await nga.post("/api/v1/sites/muong-phang/archive")).status_code == 404
        assert (await nga.post("/api/v1/communes/03127/archive")).status_code == 403
        assert (await nga.post("/api/v1/provinces/12/archive")).status_code == 403
        await admin.post("/api/v1/sites/muong-phang/archive")
        await admin.post("/api/v1/sites/binh-lu/archive")
        assert [item["code"] for item in (await nga.get("/api/v1/archived")).json()] == ["binh-lu"]
        theirs = await nga.post(
            "/api/v1/archived/restore", json={"kind": "site", "code": "muong-phang"}
        )
        assert theirs.status_code == 404
