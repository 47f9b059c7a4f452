"""What happened, the latest first: whole, in pages, and nobody else's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.running_service import Running
from tests.test_monitoring.test_live.test_notices import failing

pytestmark = pytest.mark.anyio


async def test_a_site_tells_what_happened_in_order_and_in_pages(light: Running) -> None:
    desk = await light.signed_in("site", "binh-lu")
    session = {
        "site_id": "binh-lu",
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": (light.clock.now() + timedelta(minutes=30)).isoformat(),
        "ends_at": (light.clock.now() + timedelta(minutes=90)).isoformat(),
    }
    assert (await desk.post("/api/v1/sessions", json=session)).status_code == 201
    for _ in range(3):
        light.clock.turn(minutes=5)
        await failing(light)
    mute = {"kind": "muted", "site_id": "binh-lu", "minutes": 60, "note": "đã gọi"}
    assert (await desk.post("/api/v1/notices", json=mute)).status_code == 201
    light.clock.turn(minutes=20)
    await light.service.keep_time()
    await failing(light, "muong-phang")  # of somebody else

    async def pages(limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        query: dict[str, Any] = {"site": "binh-lu", "limit": limit}
        while True:
            page = (await desk.get("/api/v1/timeline", params=query)).json()
            found += page["items"]
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    whole = await pages(100)
    kinds = [entry["kind"] for entry in whole]
    assert kinds[0] == "session.live"
    assert kinds.count("test.failure") == 3
    assert {"session.planned", "verdict.changed", "notice.added"} <= set(kinds)
    assert whole == sorted(whole, key=lambda entry: entry["at"], reverse=True)
    assert await pages(2) == whole
    page = (await desk.get("/timeline?site=binh-lu", headers={"Accept": "text/html"})).text
    assert "site Chợ Bình Lư · muted: Somebody of site, " in page
    assert " – đã gọi" in page
    assert "Session begins" in page
    assert page.count("Test failed") == 3
    # without a site: no tests, and what concerns the neighbour's nowhere
    names = {e["site_id"] for e in (await desk.get("/api/v1/timeline")).json()["items"]}
    assert names == {"binh-lu"}
    for query in ("site=muong-phang", "commune=03127"):
        assert (await desk.get(f"/api/v1/timeline?{query}")).status_code == 404
    assert (await desk.get("/timeline?before=yesterday")).status_code == 422


async def test_what_others_were_told_of_many_sites_is_not_the_end(light: Running) -> None:
    admin, desk = await light.signed_in("admin"), await light.signed_in("province", "12")
    note = {"kind": "maintenance", "minutes": 60}
    own = note | {"operator": "VIETTEL", "province_code": "12", "note": "thay nguồn"}
    assert (await admin.post("/api/v1/notices", json=own)).status_code == 201
    for number in range(5):
        light.clock.turn(minutes=1)
        theirs = note | {"commune_code": "03127", "note": f"của xã khác {number}"}
        assert (await admin.post("/api/v1/notices", json=theirs)).status_code == 201

    async def notes(client: Any, **query: Any) -> list[str]:
        page = (await client.get("/api/v1/timeline", params={"limit": 2} | query)).json()
        return [entry["body"]["note"] for entry in page["items"]]

    assert await notes(desk) == ["thay nguồn"]
    assert await notes(admin) == ["của xã khác 4", "của xã khác 3"]
    assert await notes(admin, province="12") == ["thay nguồn"]
    assert (await desk.get("/api/v1/timeline?province=11")).status_code == 404
    page = (await admin.get("/timeline", headers={"Accept": "text/html"})).text
    assert "VIETTEL in Lai Châu · maintenance: Somebody of admin, " in page
    assert "all of commune Mường Phăng · maintenance: " in page
    assert '<option value="12"' in " ".join(page.split())
    one = (await admin.get("/timeline?province=12", headers={"Accept": "text/html"})).text
    assert "thay nguồn" in one
    assert "của xã khác" not in one
