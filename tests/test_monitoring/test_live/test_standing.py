"""One word for how a site stands, whoever asks."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from lensong.monitoring.live.snapshot import SiteSnapshot, StreamSnapshot
from lensong.monitoring.live.standing import standing_of
from tests.running_service import START, Running


def a_site(**values: object) -> SiteSnapshot:
    place = {
        "site_id": "binh-lu", "name": "Chợ", "commune_code": "1", "commune_name": "a",
        "province_code": "2", "province_name": "b", "lat_deg": None, "lon_deg": None,
        "operator": None, "technology": None,
    }  # fmt: skip
    return SiteSnapshot(**(place | values))  # type: ignore[arg-type]  # mixed keywords


def test_without_a_session_it_is_idle_and_not_unknown() -> None:
    assert standing_of(a_site()).state == "idle"
    assert standing_of(a_site(session_id="s")).state == "unknown"


def test_a_stream_that_is_seen_goes_before_what_was_expected() -> None:
    stream = StreamSnapshot(up=False, state="down", sampled_at=START)
    live = a_site(session_id="s", session_live=True, readiness_state="ready", stream=stream)
    assert standing_of(live).state == "not_ready"
    assert standing_of(a_site(session_id="s", readiness_state="ready")).state == "ready"


@pytest.mark.anyio
async def test_wall_list_and_counts_say_the_same(light: Running) -> None:
    client = await light.signed_in("admin")
    made = await client.post(
        "/api/v1/sessions",
        json={
            "site_id": "binh-lu",
            "title": "Chợ",
            "profile_code": "tiktok-720p30",
            "starts_at": "2026-11-28T08:30:00+07:00",
            "ends_at": "2026-11-28T11:00:00+07:00",
        },
    )
    assert made.status_code == 201
    light.clock.turn(minutes=40)
    await light.service.keep_time()
    stream = StreamSnapshot(up=False, state="down", sampled_at=light.clock.now())
    light.service.board.streaming("binh-lu", stream)
    wall = (await client.get("/")).text
    table = (await client.get("/sites")).text
    counts = re.findall(r'<li class="(\w+)">\s*<a[^>]*>\s*<svg[^>]*>.*?</svg>\s*<b>(\d+)</b>', wall)
    assert dict(counts)["not_ready"] == "1"
    assert dict(counts)["unknown"] == "0"
    assert dict(counts)["idle"] == "2"
    assert re.findall(r'class="state (\w+)"', table) == ["not_ready", "idle", "idle"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("", {"binh-lu", "sin-ho", "muong-phang"}),
        ("province=12", {"binh-lu", "sin-ho"}),
        ("commune=03390", {"binh-lu"}),
        ("operator=vinaphone", {"sin-ho"}),
        ("profile=tiktok-720p30", {"binh-lu"}),
        ("state=idle", {"sin-ho", "muong-phang"}),
        ("province=12&state=idle", {"sin-ho"}),
        ("commune=03390&state=idle", set()),
    ],
)
async def test_a_wall_shows_what_it_is_asked_for(
    light: Running, asked: str, shown: set[str]
) -> None:
    client = await light.signed_in("admin")
    site = (await client.get("/api/v1/sites/sin-ho")).json() | {"operators": ["VINAPHONE"]}
    changed = {name: site[name] for name in ("name", "commune_code", "operators")}
    answer = await client.put("/api/v1/sites/sin-ho", json=changed)
    assert answer.status_code in (200, 204), answer.text
    begins = light.clock.now() + timedelta(hours=1)
    made = await client.post(
        "/api/v1/sessions",
        json={
            "site_id": "binh-lu",
            "title": "Chợ",
            "profile_code": "tiktok-720p30",
            "starts_at": begins.isoformat(),
            "ends_at": (begins + timedelta(hours=1)).isoformat(),
        },
    )
    assert made.status_code == 201, made.text
    wall = (await client.get(f"/?{asked}")).text
    assert set(re.findall(r'href="/sites/([a-z-]+)"', wall)) == shown
