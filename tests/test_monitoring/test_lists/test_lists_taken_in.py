"""Lists that come in and go out over the API."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest

from tests.running_service import START, Running

CSV = {"Content-Type": "text/csv; charset=utf-8"}
LIST = (
    "site,profile,start,end,title\n"
    "binh-lu,tiktok-720p30,2026-11-28 09:00,2026-11-28 11:00,Chợ phiên\n"
    "binh-lu,tiktok-720p30,2026-11-28 14:00,2026-11-28 15:00,Chè\n"
    "sin-ho,voice-still,2026-11-29 09:00,2026-11-29 11:00,Hội\n"
)


@pytest.mark.anyio
async def test_sites_come_in_are_seen_and_go_out(running: Running) -> None:
    client = await running.signed_in("province", "12")
    text = "name,commune_code,commune,lat,lon\n=Bản Hon,03390,Bình Lư,22.3,103.6\nY,03777,Mới,,\n"
    tried = await client.post(
        "/api/v1/import/sites", content=text.encode(), headers=CSV, params={"dry_run": "true"}
    )
    assert tried.json()["counts"] == {"created": 2}
    assert (await client.get("/api/v1/sites/ban-hon")).status_code == 404
    taken = await client.post("/api/v1/import/sites", content=text.encode(), headers=CSV)
    assert taken.status_code == 200, taken.text
    assert [item["id"] for item in taken.json()["items"]] == ["ban-hon", "y"]
    assert (await client.get("/api/v1/sites/ban-hon")).json()["name"] == "=Bản Hon"
    assert {"03777"} <= {c["code"] for c in (await client.get("/api/v1/communes")).json()}
    out = await client.get("/api/v1/export/sites.csv")
    assert out.headers["content-type"] == "text/csv; charset=utf-8"
    assert out.text.startswith("\ufeffsite_id,")
    assert ",'=Bản Hon," in f",{out.text.partition('ban-hon,')[2]}"
    assert "muong-phang" not in out.text  # another province
    again = await client.post("/api/v1/import/sites", content=out.content, headers=CSV)
    assert again.json()["counts"] == {"unchanged": 4}
    admin = await running.signed_in("admin")
    trail = (await admin.get("/api/v1/audit")).json()["items"]
    assert [item["action"] for item in trail[:3]] == [
        "import.sites",
        "export.sites",
        "import.sites",
    ]


@pytest.mark.anyio
async def test_a_wrong_row_keeps_all_rows_out(light: Running) -> None:
    client = await light.signed_in("admin")
    text = "name,commune_code,lat\nA,03390,\nB,0,\nC,03390,x\n"
    refused = await client.post("/api/v1/import/sites", content=text.encode(), headers=CSV)
    assert refused.status_code == 422
    assert [item["pointer"] for item in refused.json()["errors"]] == ["/3/commune_code", "/4/lat"]
    assert len((await client.get("/api/v1/sites")).json()["items"]) == 3
    broken = await client.post("/api/v1/import/sites", content=b"PK\x03\x04", headers=CSV)
    assert (broken.status_code, broken.json()["code"]) == (422, "invalid_data")
    other = await client.post("/api/v1/import/sites", json={})
    assert (other.status_code, other.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.anyio
async def test_what_is_fine_is_taken_where_that_is_asked_for(light: Running) -> None:
    client = await light.signed_in("admin")
    text = (
        LIST.replace("14:00", "10:00") + "nowhere,voice-still,2026-11-29 09:00,2026-11-29 10:00,X\n"
    )
    asked = {"skip_refused": "true", "dry_run": "true"}
    for dry_run in ("true", "false"):
        answer = await client.post(
            "/api/v1/import/sessions",
            content=text.encode(),
            headers=CSV,
            params=asked | {"dry_run": dry_run},
        )
        told = answer.json()
        assert told["counts"] == {"created": 2}, told
        assert [(item["row"], item["title"], item["reason"]) for item in told["refused"]] == [
            (3, "Chè", "overlap"),
            (5, "X", "no_site"),
        ]
    titles = {item["title"] for item in (await client.get("/api/v1/sessions")).json()["items"]}
    assert titles == {"Chợ phiên", "Hội"}
    told = await client.post(
        "/api/v1/import/communes?skip_refused=true",
        content="code,name,province_code\n03391,Lản Nhì Thàng,12\n7,Y,77\n".encode(),
        headers=CSV | {"Accept-Language": "vi"},
    )
    assert told.json()["counts"] == {"created": 1}
    assert told.json()["refused"][0]["text"].startswith("chưa có tỉnh mã 77")


@pytest.mark.anyio
async def test_the_same_list_twice_is_one_list(running: Running) -> None:
    client = await running.signed_in("province", "12")

    async def send(text: str) -> dict[str, int]:
        answer = await client.post("/api/v1/import/sessions", content=text.encode(), headers=CSV)
        assert answer.status_code == 200, answer.text
        counts: dict[str, int] = answer.json()["counts"]
        return counts

    assert await send(LIST) == {"created": 3}
    assert await send(LIST) == {"unchanged": 3}
    assert await send(LIST.replace("11:00,Chợ", "11:30,Chợ")) == {"updated": 1, "unchanged": 2}
    listed = (await client.get("/api/v1/sessions")).json()["items"]
    assert listed[0]["ends_at"] == "2026-11-28T04:30:00Z"
    for site_id in running.service.directory.sites:
        await running.service.judge.rejudge_site(site_id, "evidence")
    judged = (await client.get("/api/v1/sessions")).json()["items"]
    assert all(item["verdict"]["state"] == "unknown" for item in judged)
    # what went out comes back as it was, and moves by its identifier
    out = (await client.get("/api/v1/export/sessions.csv")).text
    assert await send(out) == {"unchanged": 3}
    assert await send(out.replace("Chợ phiên,tiktok", "Chợ phiên lớn,tiktok")) == {
        "updated": 1,
        "unchanged": 2,
    }


@pytest.mark.anyio
async def test_two_sessions_may_change_places_but_not_share_one(light: Running) -> None:
    client = await light.signed_in("admin")

    async def send(text: str) -> Any:
        return await client.post("/api/v1/import/sessions", content=text.encode(), headers=CSV)

    await send(LIST)
    out = (await client.get("/api/v1/export/sessions.csv")).text
    head, first, second, *rest = out.splitlines()
    own, other = (",".join(line.split(",")[6:8]) for line in (first, second))
    swapped = [first.replace(own, other), second.replace(other, own)]
    changed = await send("\n".join([head, *swapped, *rest]))
    assert changed.json()["counts"] == {"updated": 2, "unchanged": 1}
    clash = LIST.replace("2026-11-29 09:00", "2026-11-29 08:00") + (
        "sin-ho,voice-still,2026-11-29 08:30,2026-11-29 10:00,Trùng giờ\n"
    )
    refused = await send(clash)
    assert refused.status_code == 422, refused.text
    assert "same time" in refused.text
    titles = {item["title"] for item in (await client.get("/api/v1/sessions")).json()["items"]}
    assert titles == {"Chợ phiên", "Chè", "Hội"}  # nothing of the refused list


@pytest.mark.anyio
async def test_nobody_imports_beyond_their_area(light: Running) -> None:
    elsewhere = await light.signed_in("site", "sin-ho")
    refused = await elsewhere.post("/api/v1/import/sessions", content=LIST.encode(), headers=CSV)
    assert refused.status_code == 422
    assert [item["pointer"] for item in refused.json()["errors"]] == ["/2/site", "/3/site"]
    assert (
        await elsewhere.post("/api/v1/import/sites", content=b"name,commune\n", headers=CSV)
    ).status_code == 403
    device = await light.device("sin-ho")
    assert (
        await device.post("/api/v1/import/sessions", content=LIST.encode(), headers=CSV)
    ).status_code == 403
    seen = (await device.get("/api/v1/export/sites.csv")).text
    assert "sin-ho" in seen
    assert "binh-lu" not in seen


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_long_list_is_taken_in_one_go(light: Running) -> None:
    client = await light.signed_in("admin")
    order = random.Random(4)
    starts = [START + timedelta(days=1, hours=2 * n) for n in range(400)]
    order.shuffle(starts)
    rows = [
        f"binh-lu,voice-still,{s.isoformat()},{(s + timedelta(hours=2)).isoformat()}"
        for s in starts
    ]
    text = "\n".join(["site,profile,start,end", *rows]).encode()
    taken = await client.post("/api/v1/import/sessions", content=text, headers=CSV)
    assert taken.json()["counts"] == {"created": 400}
    again = await client.post("/api/v1/import/sessions", content=text, headers=CSV)
    assert again.json()["counts"] == {"unchanged": 400}
