"""Trouble that somebody knows of: acknowledged, planned, muted; shown, told, and over in time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from lensong.monitoring.store.events import events_after
from tests.running_service import Running

pytestmark = pytest.mark.anyio


async def failing(running: Running, site_id: str = "binh-lu", *, works: bool = False) -> None:
    """Let a phone of a site report a test that failed, or worked."""
    device = await running.device(site_id)
    at = running.clock.now()
    test: dict[str, Any] = {
        "seq": int(at.timestamp()) % 1_000_000,
        "started_at": at.isoformat(),
        "method": "cli",
        "result": "failure",
    }
    if works:
        test |= {
            "result": "success",
            "duration_s": 23.0,
            "uplink_bins_bps": [9e6] * 20,
            "uplink_p10_bps": 9e6,
            "uplink_p50_bps": 9e6,
            "uplink_min_bps": 9e6,
        }
    body = {"client_id": "phone", "measurements": [test]}
    answer = await device.post(f"/api/v1/sites/{site_id}/measurements", json=body)
    assert answer.status_code == 201, answer.text


def acknowledged(site_id: str = "binh-lu", minutes: int = 60) -> dict[str, Any]:
    note = "Lan gọi điểm chợ"
    return {"kind": "acknowledged", "site_id": site_id, "minutes": minutes, "note": note}


async def holding(client: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/notices", params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def kinds_told(running: Running) -> list[str]:
    async with running.service.database.reading() as connection:
        return [event.kind for event in await events_after(connection, 0)]


async def test_acknowledged_trouble_is_shown_told_and_kept_in_the_audit(light: Running) -> None:
    desk, admin = await light.signed_in("commune", "03390"), await light.signed_in("admin")
    refused = await desk.post("/api/v1/notices", json=acknowledged())
    assert (refused.status_code, refused.json()["code"]) == (409, "no_trouble")
    await failing(light)
    made = await desk.post("/api/v1/notices", json=acknowledged())
    assert made.status_code == 201, made.text
    assert made.json()["author"] == "Somebody of commune"
    for page in ("/", "/sites/binh-lu", "/notices"):
        text = (await desk.get(page, headers={"Accept": "text/html"})).text
        assert "acknowledged: Somebody of commune" in text, page
        assert "Lan gọi điểm chợ" in text, page
    metrics = (await (await light.scraper()).get("/metrics")).text
    assert 'lensong_notice_active{kind="acknowledged",site="binh-lu"} 1.0' in metrics
    (entry,) = [
        item
        for item in (await admin.get("/api/v1/audit")).json()["items"]
        if item["action"] == "notice.acknowledged"
    ]
    assert (entry["subject"], entry["detail"]["note"]) == ("binh-lu", "Lan gọi điểm chợ")
    assert "notice.added" in await kinds_told(light)


async def test_an_acknowledgement_ends_with_the_trouble_and_not_at_its_first_good_moment(
    light: Running,
) -> None:
    desk = await light.signed_in("site", "binh-lu")
    await failing(light)
    await desk.post("/api/v1/notices", json=acknowledged())
    light.clock.turn(minutes=1)
    await failing(light, works=True)
    await light.service.keep_time()
    light.clock.turn(minutes=2)
    await failing(light)  # it comes and goes
    await light.service.keep_time()
    light.clock.turn(minutes=4)
    await light.service.keep_time()
    assert len(await holding(desk)) == 1
    await failing(light, works=True)
    await light.service.keep_time()
    light.clock.turn(minutes=5)
    await light.service.keep_time()
    assert await holding(desk) == []
    (past,) = await holding(desk, past_days=1)
    assert past["ended_by"] == "service:over"
    assert (await kinds_told(light))[-1] == "notice.ended"


async def test_worse_trouble_is_nobodys_yet(light: Running) -> None:
    desk = await light.signed_in("site", "binh-lu")
    await failing(light)
    assert (await desk.post("/api/v1/notices", json=acknowledged())).status_code == 201
    session = {
        "site_id": "binh-lu",
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": (light.clock.now() + timedelta(minutes=30)).isoformat(),
        "ends_at": (light.clock.now() + timedelta(minutes=90)).isoformat(),
    }
    # a session that nobody can say anything about is worse than a test that failed
    assert (await desk.post("/api/v1/sessions", json=session)).status_code == 201
    await light.service.keep_time()
    (past,) = await holding(desk, past_days=1)
    assert past["ended_by"] == "service:worse"


async def test_maintenance_of_a_commune_or_an_operator_holds_in_its_time_alone(
    light: Running,
) -> None:
    province, commune = (
        await light.signed_in("province", "12"),
        await light.signed_in("commune", "03390"),
    )
    now = light.clock.now()
    window = {
        "kind": "maintenance",
        "note": "Viettel thay nguồn",
        "starts_at": (now + timedelta(hours=1)).isoformat(),
        "ends_at": (now + timedelta(hours=3)).isoformat(),
    }
    # however the operator is written
    of_operator = window | {"operator": "VIETTEL", "province_code": "12"}
    assert (await commune.post("/api/v1/notices", json=of_operator)).status_code == 403
    made = await province.post("/api/v1/notices", json=of_operator)
    assert made.status_code == 201, made.text
    other = window | {"commune_code": "03433"}
    assert (await commune.post("/api/v1/notices", json=other)).status_code == 403

    def quiet() -> set[str]:
        return {site.site_id for site in light.service.snapshot().sites if site.notices}

    assert quiet() == set()
    light.clock.turn(hours=1)
    assert quiet() == {"binh-lu", "sin-ho"}
    # who sees one of the sites sees it, and may not end what is not theirs alone
    assert len(await holding(commune, site="binh-lu")) == 1
    there = f"/api/v1/notices/{made.json()['notice_id']}"
    assert (await commune.delete(there)).status_code == 404
    assert (await province.delete(there)).status_code == 204
    assert (await province.delete(there)).status_code == 409
    assert quiet() == set()
    neighbour = await light.signed_in("province", "11")
    assert await holding(neighbour, past_days=2) == []


REFUSED: tuple[tuple[dict[str, Any], int], ...] = (
    ({"site_id": None}, 422),
    ({"commune_code": "03390"}, 422),
    ({"operator": "Viettel"}, 422),
    ({"note": "   "}, 422),
    ({"minutes": None}, 422),
    ({"ends_at": "2026-11-28T03:00:00Z"}, 422),
    ({"minutes": 20_000}, 422),
    ({"minutes": None, "ends_at": "2026-11-28T00:00:00Z"}, 409),
    ({"kind": "acknowledged", "site_id": None, "commune_code": "03390"}, 422),
    ({"site_id": "nowhere"}, 404),
    ({"site_id": None, "commune_code": "99999"}, 403),
)


async def test_what_is_no_notice_is_refused(light: Running) -> None:
    admin = await light.signed_in("admin")
    for changed, status in REFUSED:
        body = {"kind": "muted", "site_id": "binh-lu", "minutes": 60, "note": "thử"} | changed
        answer = await admin.post("/api/v1/notices", json=body)
        assert answer.status_code == status, (changed, answer.text)
    assert await holding(admin) == []


async def test_the_same_notice_under_one_key_is_kept_once(running: Running) -> None:
    admin = await running.signed_in("admin")
    body = {"kind": "muted", "site_id": "binh-lu", "minutes": 60, "note": "thử"}
    first = await admin.post("/api/v1/notices", json=body, headers={"Idempotency-Key": "k"})
    running.clock.turn(seconds=9)
    again = await admin.post("/api/v1/notices", json=body, headers={"Idempotency-Key": "k"})
    assert again.json() == first.json()
    assert (await admin.delete("/api/v1/sites/binh-lu")).status_code == 204  # and it goes along
    assert await holding(admin, past_days=1) == []
