"""The API: what is kept, what is refused, and that both databases do the same."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.running_service import START, Running

pytestmark = pytest.mark.anyio

SESSION = {
    "site_id": "binh-lu",
    "title": "Chợ phiên Bình Lư",
    "profile_code": "tiktok-720p30",
    "starts_at": "2026-11-28T09:00:00+07:00",
    "ends_at": "2026-11-28T11:00:00+07:00",
}


def report(seq: int, **changes: Any) -> dict[str, Any]:
    return {
        "seq": seq,
        "started_at": START.isoformat(),
        "method": "page",
        "result": "success",
        "uplink_p10_bps": 8e6,
        "uplink_p50_bps": 9e6,
        "uplink_bins_bps": [8e6] * 27,
        "duration_s": 30.0,
        "sent_bytes": 33_000_000,
    } | changes


def reports(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"client_id": "phone-1", "measurements": list(items)} | changes


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(reports(report(1))),
        json.dumps(reports(report(1), report(1))),
        json.dumps(reports(report(1, uplink_p10_bps="8e6", motion="walking"))),
        json.dumps(reports(report(1, rsrp_dbm=float("nan")))),
        json.dumps(reports(report(1, unknown=1))),
        json.dumps(reports()),
        json.dumps(reports(report(1, started_at="2026-11-28T01:00:00"))),
        json.dumps(reports(report(1, started_at="2030-11-28T01:00:00Z"))),
        '{"client_id": "a", ' + json.dumps(reports(report(1)))[1:],  # a key that comes twice
        "[" * 100_000,
        '{"client_id": "\udcff"}',
        "",
        "{",
    ],
    ids=range(13),
)
async def test_the_short_way_of_reports_answers_as_the_documented_one(
    light: Running, body: str
) -> None:
    at = "/api/v1/sites/{}/measurements"
    sent = body.encode("utf-8", "surrogateescape")
    device = await light.device()
    for path in (at.format("binh-lu"), at.format("sin-ho"), at.format("Nowhere")):
        told = []
        # the second kind is as good, and goes the documented way
        for number, kind in enumerate(("application/json", "application/json; charset=utf-8")):
            name = f"phone-{number}".encode()
            answer = await device.post(
                path, content=sent.replace(b"phone-1", name), headers={"Content-Type": kind}
            )
            told.append((answer.status_code, answer.text.replace(name.decode(), "phone")))
        assert told[0] == told[1]


async def test_a_session_is_planned_judged_changed_and_called_off(running: Running) -> None:
    client = await running.signed_in("site", "binh-lu")
    made = await client.post("/api/v1/sessions", json=SESSION)
    assert made.status_code == 201, made.text
    session = made.json()
    assert session["starts_at"] == "2026-11-28T02:00:00Z"  # answered in UTC
    assert session["verdict"]["state"] == "unknown"
    assert session["verdict"]["reasons"][0]["code"] == "no_evidence"
    at = f"/api/v1/sessions/{session['session_id']}"
    assert made.headers["location"] == at

    changed = await client.patch(at, json={"title": "Chợ phiên tháng 11"})
    assert changed.json()["title"] == "Chợ phiên tháng 11"
    cancelled = await client.patch(at, json={"status": "cancelled"})
    assert cancelled.json()["status"] == "cancelled"
    again = await client.patch(at, json={"title": "zu spät"})
    assert again.status_code == 409
    assert again.json()["code"] == "session_over"
    listed = (await client.get("/api/v1/sessions", params={"status": "cancelled"})).json()
    assert [item["session_id"] for item in listed["items"]] == [session["session_id"]]


async def test_two_sessions_of_a_site_do_not_overlap(light: Running) -> None:
    client = await light.signed_in("admin")
    await client.post("/api/v1/sessions", json=SESSION)
    clash = await client.post("/api/v1/sessions", json=SESSION | {"title": "another"})
    assert (clash.status_code, clash.json()["code"]) == (409, "overlap")
    elsewhere = await client.post("/api/v1/sessions", json=SESSION | {"site_id": "sin-ho"})
    assert elsewhere.status_code == 201


async def test_a_report_is_stored_once_however_often_it_comes(running: Running) -> None:
    device = await running.device()
    at = "/api/v1/sites/binh-lu/measurements"
    first = await device.post(at, json=reports(report(0), report(1)))
    assert [item["fate"] for item in first.json()] == ["created", "created"]
    again = await device.post(at, json=reports(report(1), report(2)))
    assert (again.status_code, [i["fate"] for i in again.json()]) == (201, ["duplicate", "created"])
    same = await device.post(at, json=reports(report(0), report(1), report(2)))
    assert same.status_code == 200
    forged = await device.post(at, json=reports(report(1, uplink_p10_bps=99e6)))
    assert forged.json()[0]["fate"] == "conflict"
    other = await device.post(at, json=reports(report(1), client_id="phone-2"))
    assert other.json()[0]["fate"] == "created"  # another phone counts for itself
    kept = (await device.get(at)).json()["items"]
    assert len(kept) == 4
    assert {item["uplink_p10_bps"] for item in kept} == {8e6}


async def test_the_same_report_twice_in_one_request_is_stored_once(running: Running) -> None:
    device = await running.device()
    answer = await device.post(
        "/api/v1/sites/binh-lu/measurements", json=reports(report(5), report(5))
    )
    assert [item["fate"] for item in answer.json()] == ["created", "duplicate"]


async def test_evidence_changes_the_verdict_and_its_tag(running: Running) -> None:
    client = await running.signed_in("commune", "03390")
    session = (await client.post("/api/v1/sessions", json=SESSION)).json()
    at = f"/api/v1/sessions/{session['session_id']}/verdict"
    before = await client.get(at)
    assert (
        await client.get(at, headers={"If-None-Match": before.headers["etag"]})
    ).status_code == 304
    device = await running.device()
    await device.post("/api/v1/sites/binh-lu/measurements", json=reports(report(0)))
    await running.service.judge_arrivals()
    after = await client.get(at, headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.json()["state"] == "at_risk"  # a phone's own count never makes READY
    assert after.headers["etag"] != before.headers["etag"]
    vietnamese = await client.get(at, headers={"Accept-Language": "vi"})
    assert vietnamese.json()["state_text"] == "CÓ RỦI RO"
    history = (await client.get(f"{at}s")).json()["items"]
    # it begins soon, for which the service may have judged it by itself meanwhile
    triggers = [item["trigger"] for item in history if not item["trigger"].startswith("t-")]
    assert triggers == ["evidence", "planned"]


async def test_late_reports_of_a_phone_that_was_offline_are_welcome(light: Running) -> None:
    device = await light.device()
    old = START - timedelta(days=3)
    many = [report(n, started_at=(old + timedelta(minutes=n)).isoformat()) for n in range(500)]
    answer = await device.post(
        "/api/v1/sites/binh-lu/measurements",
        json=reports(*many, sent_at=START.isoformat(), queue_reports=0),
    )
    assert answer.status_code == 201, answer.text
    assert {item["fate"] for item in answer.json()} == {"created"}


async def test_a_wrong_clock_is_corrected(light: Running) -> None:
    device = await light.device()
    ahead = START + timedelta(days=400)
    answer = await device.post(
        "/api/v1/sites/binh-lu/measurements",
        json=reports(
            report(0, started_at=(ahead - timedelta(minutes=2)).isoformat()),
            sent_at=ahead.isoformat(),
        ),
    )
    assert answer.status_code == 201
    kept = (await device.get("/api/v1/sites/binh-lu/measurements")).json()["items"]
    assert kept[0]["started_at"] == "2026-11-28T00:58:00Z"
    refused = await device.post(
        "/api/v1/sites/binh-lu/measurements",
        json=reports(report(1, started_at=ahead.isoformat())),
    )
    assert refused.status_code == 422
    assert "sent_at" in refused.json()["detail"]


async def test_the_key_of_a_request_makes_it_happen_once(running: Running) -> None:
    client = await running.signed_in("admin")
    key = {"Idempotency-Key": "9f2c"}
    first = await client.post("/api/v1/sessions", json=SESSION, headers=key)
    second = await client.post("/api/v1/sessions", json=SESSION, headers=key)
    assert first.json()["session_id"] == second.json()["session_id"]
    other = await client.post("/api/v1/sessions", json=SESSION | {"title": "another"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")


async def test_listings_come_in_pages_that_miss_and_double_nothing(running: Running) -> None:
    device = await running.device()
    await device.post(
        "/api/v1/sites/binh-lu/measurements", json=reports(*(report(n) for n in range(23)))
    )
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page = (
            await device.get(
                "/api/v1/sites/binh-lu/measurements",
                params={"limit": 5} | ({"cursor": cursor} if cursor else {}),
            )
        ).json()
        seen += [item["seq"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sorted(seen) == list(range(23))
    assert len(seen) == 23
    bad = await device.get("/api/v1/sites/binh-lu/measurements", params={"cursor": "WzFd"})
    assert bad.status_code == 422


async def test_what_if_keeps_nothing(light: Running) -> None:
    client = await light.signed_in("site", "binh-lu")
    answer = await client.get(
        "/api/v1/sites/binh-lu/readiness",
        params={"profile": "voice-still", "start": SESSION["starts_at"], "duration": 7200},
    )
    assert answer.status_code == 200
    assert answer.json()["ends_at"] == "2026-11-28T04:00:00Z"
    assert (await client.get("/api/v1/sessions")).json()["items"] == []


async def test_sites_are_added_changed_and_removed(running: Running) -> None:
    client = await running.signed_in("province", "12")
    site = {"site_id": "tam-duong", "name": "Chợ Tam Đường", "commune_code": "03390"}
    assert (await client.post("/api/v1/sites", json=site)).status_code == 201
    twice = await client.post("/api/v1/sites", json=site)
    assert (twice.status_code, twice.json()["code"]) == (409, "exists")
    moved = {
        "name": "Chợ Tam Đường Đất",
        "commune_code": "03433",
        "lat_deg": 22.3,
        "lon_deg": 103.6,
    }
    assert (await client.put("/api/v1/sites/tam-duong", json=moved)).json()["lat_deg"] == 22.3
    elsewhere = await client.put("/api/v1/sites/tam-duong", json=moved | {"commune_code": "03127"})
    assert elsewhere.status_code == 403  # a commune of another province
    assert (await client.delete("/api/v1/sites/tam-duong")).status_code == 204
    assert (await client.get("/api/v1/sites/tam-duong")).status_code == 404


async def test_refusals_are_problem_documents_in_the_readers_language(light: Running) -> None:
    client = light.client(**{"Accept-Language": "fr, vi;q=0.9"})
    refused = await client.get("/api/v1/sites")
    assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["content-language"] == "vi"
    assert refused.headers["www-authenticate"].startswith("Bearer")
    assert refused.json()["title"] == "Cần đăng nhập hoặc mã truy cập hợp lệ"
    admin = await light.signed_in("admin")
    invalid = await admin.post("/api/v1/sessions", json={"site_id": "binh-lu", "colour": "red"})
    assert invalid.status_code == 422
    told = {item["pointer"]: item for item in invalid.json()["errors"]}
    assert told["/body/colour"]["detail"] == "Extra inputs are not permitted"
    assert told["/body/title"]["title"] == "This is needed."
    broken = await admin.post(
        "/api/v1/sessions", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert (broken.status_code, broken.json()["code"]) == (400, "bad_request")


_PROFILE: dict[str, Any] = {
    "code": "x", "name": "X", "platform": "any", "video_bps": 2e6, "audio_bps": 128e3,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        ({"name": " "}, "name", "This is needed."),
        ({"platform": "y" * 61}, "platform", "Too long, at most 60 characters."),
        ({"video_bps": 2e9}, "video_bps", "At most 1,000\u00a0Mbit/s."),
        ({"frame_rate_hz": 0.01}, "frame_rate_hz", "At least 0.1."),
        ({"height_px": 720.5}, "height_px", "A whole number is wanted."),
        ({"audio_bps": None}, "audio_bps", "A number is wanted."),
        ({"transport": "fax"}, "transport", "This value is not taken."),
        ({"video_bps": 0, "audio_bps": 0}, "video_bps", "Video and audio cannot both be 0."),
        ({"code": "Mã X"}, "code", "Small letters a–z, digits, and hyphens between them."),
    ],
)
async def test_what_is_wrong_with_a_field_is_told_to_people(
    light: Running, changed: dict[str, Any], field: str, told: str
) -> None:
    admin = await light.signed_in("admin")
    refused = await admin.put("/api/v1/profiles/x", json=_PROFILE | changed)
    assert refused.status_code == 422
    wrong = refused.json()["errors"][0]
    assert (wrong["pointer"], wrong["title"]) == (f"/body/{field}", told)


async def test_what_is_wrong_with_a_field_is_told_in_vietnamese_too(light: Running) -> None:
    admin = await light.signed_in("admin")
    admin.headers["Accept-Language"] = "vi"
    refused = await admin.put("/api/v1/profiles/x", json=_PROFILE | {"video_bps": 2e9, "name": ""})
    assert {item["title"] for item in refused.json()["errors"]} == {
        "Nhiều nhất là 1.000\u00a0Mbit/s.",
        "Không được để trống.",
    }


async def test_a_revoked_token_is_refused_at_once(running: Running) -> None:
    admin = await running.signed_in("commune", "03390")
    made = (await admin.post("/api/v1/sites/binh-lu/tokens", json={"label": "phone"})).json()
    device = running.client(Authorization=f"Bearer {made['secret']}")
    assert (await device.get("/api/v1/sites/binh-lu")).status_code == 200
    second = await admin.post("/api/v1/sites/binh-lu/tokens", json={"label": "phone"})
    assert second.status_code == 201  # two live at once, to change them
    third = await admin.post("/api/v1/sites/binh-lu/tokens", json={"label": "phone"})
    assert (third.status_code, third.json()["code"]) == (409, "too_many_tokens")
    assert (await admin.delete(f"/api/v1/tokens/{made['token_id']}")).status_code == 204
    assert (await device.get("/api/v1/sites/binh-lu")).status_code == 401
    listed = (await admin.get("/api/v1/sites/binh-lu/tokens")).text
    assert made["secret"] not in listed


async def test_a_join_link_works_once(running: Running) -> None:
    admin = await running.signed_in("commune", "03390")
    link = (await admin.post("/api/v1/sites/binh-lu/joins", json={})).json()["url"]
    secret = link.rpartition("/p/")[2]
    phone = running.client()
    joined = await phone.post("/api/v1/join", json={"secret": secret})
    assert joined.status_code == 201, joined.text
    assert joined.json()["site_name"] == "Chợ Bình Lư"
    again = await phone.post("/api/v1/join", json={"secret": secret})
    assert again.status_code == 404
    device = running.client(Authorization=f"Bearer {joined.json()['token']}")
    sent = await device.post("/api/v1/sites/binh-lu/measurements", json=reports(report(0)))
    assert sent.status_code == 201


async def test_people_choose_a_password_by_a_link_and_sign_in(light: Running) -> None:
    admin = await light.signed_in("admin")
    made = await admin.post(
        "/api/v1/people",
        json={"person_id": "lan", "name": "Lò Thị Lan", "role": "commune", "scope": "03390"},
    )
    assert made.status_code == 201, made.text
    secret = made.json()["link"]["url"].rpartition("/welcome/")[2]
    browser = light.client()
    short = await browser.post("/api/v1/welcome", json={"secret": secret, "password": "short"})
    assert short.status_code == 422
    good = await browser.post(
        "/api/v1/welcome", json={"secret": secret, "password": "ruộng bậc thang"}
    )
    assert good.status_code == 200, good.text
    assert (await browser.get("/api/v1/me")).json()["scope"] == "03390"
    assert len((await browser.get("/api/v1/sites")).json()["items"]) == 1
    used = await browser.post(
        "/api/v1/welcome", json={"secret": secret, "password": "ruộng bậc thang"}
    )
    assert used.status_code == 404

    unsent = await browser.post("/api/v1/sign-out")
    assert (unsent.status_code, unsent.json()["code"]) == (403, "csrf")
    token = good.json()["csrf"]
    out = await browser.post("/api/v1/sign-out", headers={"X-CSRF-Token": token})
    assert out.status_code == 204
    assert (await browser.get("/api/v1/me")).status_code == 401

    other = light.client()
    wrong = await other.post(
        "/api/v1/sign-in", json={"person_id": "lan", "password": "đoán mò thôi mà"}
    )
    nobody = await other.post(
        "/api/v1/sign-in", json={"person_id": "khong-co", "password": "đoán mò thôi mà"}
    )
    assert (wrong.status_code, wrong.json()) == (401, nobody.json())  # tells nothing of who exists
    right = await other.post(
        "/api/v1/sign-in", json={"person_id": "lan", "password": "ruộng bậc thang"}
    )
    assert right.status_code == 200
    await admin.delete("/api/v1/people/lan")
    assert (await other.get("/api/v1/me")).status_code == 401


async def test_signing_in_is_limited(light: Running) -> None:
    browser = light.client()
    for _ in range(10):
        guess = {"person_id": "admin", "password": "one two three"}
        assert (await browser.post("/api/v1/sign-in", json=guess)).status_code == 401
    limited = await browser.post("/api/v1/sign-in", json=guess)
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) > 0
    light.clock.turn(minutes=16)
    assert (await browser.post("/api/v1/sign-in", json=guess)).status_code == 401


async def test_everything_that_changes_something_is_audited(light: Running) -> None:
    admin = await light.signed_in("admin")
    await admin.post("/api/v1/sessions", json=SESSION)
    await admin.put(
        "/api/v1/profiles/tiktok-720p30",
        json={"code": "tiktok-720p30", "name": "TikTok 720p", "platform": "TikTok",
              "video_bps": 2e6, "audio_bps": 128e3},
    )  # fmt: skip
    made = (await admin.post("/api/v1/scrapers", json={"label": "prometheus"})).json()
    await admin.delete(f"/api/v1/tokens/{made['token_id']}")
    trail = (await admin.get("/api/v1/audit")).json()["items"]
    assert [entry["action"] for entry in trail] == [
        "token.revoke",
        "token.make",
        "profile.put",
        "session.planned",
    ]
    assert made["secret"] not in str(trail)


async def test_sessions_begin_and_end_on_time_and_are_judged_as_they_come_near(
    running: Running,
) -> None:
    admin = await running.signed_in("admin")
    tomorrow = {"starts_at": "2026-11-30T09:00:00+07:00", "ends_at": "2026-11-30T11:00:00+07:00"}
    session = (await admin.post("/api/v1/sessions", json=SESSION | tomorrow)).json()
    at = f"/api/v1/sessions/{session['session_id']}"

    async def triggers() -> list[str]:
        items = (await admin.get(f"{at}/verdicts")).json()["items"]
        return [item["trigger"] for item in items]

    assert await triggers() == ["planned"]
    running.clock.turn(hours=25, minutes=30)
    await running.service.keep_time()
    assert await triggers() == ["t-24h", "planned"]
    await running.service.keep_time()  # once is enough
    assert await triggers() == ["t-24h", "planned"]
    running.clock.turn(hours=22)
    await running.service.keep_time()
    running.clock.turn(hours=1, minutes=20)
    await running.service.keep_time()
    assert await triggers() == ["t-0.25h", "t-2h", "t-24h", "planned"]
    running.clock.turn(minutes=15)
    await running.service.keep_time()
    assert (await admin.get(at)).json()["status"] == "live"
    running.clock.turn(hours=3)
    await running.service.keep_time()
    assert (await admin.get(at)).json()["status"] == "ended"
