"""A session that says whose SIM card its phone has is judged by that operator's network alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.running_service import Running
from tests.test_monitoring.test_live.test_motion_told import SESSION, measure

pytestmark = pytest.mark.anyio

WEAK: dict[str, Any] = {
    "operator": "Vinaphone",
    "uplink_p10_bps": 2e4,
    "uplink_p50_bps": 3e4,
    "uplink_bins_bps": [2e4] * 27,
    "sent_bytes": 80_000,
}


async def test_the_sim_card_of_a_session_decides_its_verdict(running: Running) -> None:
    client = await running.signed_in("admin")
    await measure(running, operator="Viettel")
    await measure(running, seq=1, **WEAK)
    made = (await client.post("/api/v1/sessions", json=SESSION | {"operator": "VIETTEL "})).json()
    assert made["operator"] == "VIETTEL"
    at = f"/api/v1/sessions/{made['session_id']}"
    other = (await client.patch(at, json={"operator": "Vinaphone"})).json()
    assert other["operator"] == "Vinaphone"
    assert other["verdict"]["probability"] < made["verdict"]["probability"] / 2
    assert other["verdict"]["state"] == "not_ready"
    renamed = (await client.patch(at, json={"title": "Chợ mới"})).json()
    assert renamed["operator"] == "Vinaphone"
    anybody = (await client.patch(at, json={"operator": " "})).json()
    assert anybody["operator"] is None


async def test_a_list_says_whose_sim_card_and_a_list_without_leaves_it(running: Running) -> None:
    client = await running.signed_in("admin")
    head = "session_id,site,title,profile,starts_at,ends_at"
    row = ",binh-lu,Chợ,voice-still,2026-11-28 09:00,2026-11-28 11:00"
    for text in (f"{head},SIM\n{row},Viettel\n", f"{head}\n{row}\n"):
        sent = await client.post(
            "/api/v1/import/sessions", content=text.encode(), headers={"Content-Type": "text/csv"}
        )
        assert sent.status_code == 200, sent.text
        (kept,) = (await client.get("/api/v1/sessions")).json()["items"]
        assert kept["operator"] == "Viettel"
    written = (await client.get("/api/v1/export/sessions.csv")).text.splitlines()
    assert written[0].endswith(",operator")
    assert written[1].endswith(",Viettel")
