"""Streams of live sessions: watched, kept, told, and forgotten afterwards."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from lensong.monitoring.records import CountedBy, Measurement, Method, Outcome
from lensong.monitoring.store.tables import past_sessions
from tests.running_service import START, Running
from tests.test_monitoring.test_api import SESSION
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.anyio

AT = "/api/v1/sites/binh-lu/stream"


def progress(media_s: float, bytes_total: int) -> str:
    """Return a block of figures as ``ffmpeg -progress`` writes it."""
    return (
        f"frame={int(media_s * 30)}\nfps=30.0\nbitrate=2500.0kbits/s\ntotal_size={bytes_total}\n"
        f"out_time_us={int(media_s * 1e6)}\nout_time_ms={int(media_s * 1e6)}\n"
        "dup_frames=0\ndrop_frames=0\nspeed=1x\nprogress=continue\n"
    )


async def live_session(running: Running) -> tuple[httpx.AsyncClient, httpx.AsyncClient, str]:
    admin = await running.signed_in("admin")
    device = await running.device()
    now = {"starts_at": START.isoformat(), "ends_at": "2026-11-28T03:00:00Z"}
    session = (await admin.post("/api/v1/sessions", json=SESSION | now)).json()["session_id"]
    await admin.put(f"{AT}-source", json={"kind": "ffmpeg"})
    await running.service.keep_time()
    return admin, device, session


async def push(device: httpx.AsyncClient, text: str) -> Any:
    answer = await device.post(f"{AT}/ffmpeg", content=text, headers={"Content-Type": "text/plain"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def stream_for(
    running: Running, device: httpx.AsyncClient, seconds: int, speed: float, begun: float = 0.0
) -> Any:
    health = None
    media = begun
    for _ in range(seconds // 2):
        running.clock.turn(seconds=2)
        media += 2.0 * speed
        health = await push(device, progress(media, int(media * 2_628_000 / 8)))
    return health, media


async def test_a_stream_that_falls_behind_is_told_at_once(running: Running) -> None:
    admin, device, session = await live_session(running)
    healthy, media = await stream_for(running, device, 30, speed=1.0)
    assert healthy["state"] == "ok"
    with running.service.bus.listening() as listener:
        slow, _ = await stream_for(running, device, 10, speed=0.5, begun=media)
        assert slow["state"] in ("at_risk", "not_ok")
        assert slow["lag_s"] > 2.0
        event = listener.pending()[0]
        assert (event.kind, event.site_id) == ("stream.changed", "binh-lu")
    kept = (await admin.get(f"/api/v1/sessions/{session}/stream")).json()["items"]
    states = [item["state"] for item in kept]
    assert "ok" in states
    assert states[-1] == slow["state"]
    snapshot = running.service.snapshot()
    shown = next(site for site in snapshot.sites if site.site_id == "binh-lu")
    assert shown.stream is not None
    assert shown.stream.lag_s == slow["lag_s"]


async def test_the_session_page_says_what_the_sellers_app_can_do(light: Running) -> None:
    admin, device, session = await live_session(light)
    headers = {"Accept": "text/html", "Accept-Language": "en"}
    _, media = await stream_for(light, device, 30, speed=1.0)
    fine = (await admin.get(f"/sessions/{session}", headers=headers)).text
    assert "Healthy" in fine
    assert "What helps now" not in fine
    await stream_for(light, device, 20, speed=0.65, begun=media)
    short = (await admin.get(f"/sessions/{session}", headers=headers)).text
    assert "What helps now" in short
    assert "1.7 Mbit/s holds now: 480p." in short
    assert "The TikTok app has no box for the bitrate" in short


async def test_figures_that_stop_coming_are_unknown_not_fine(light: Running) -> None:
    admin, device, _ = await live_session(light)
    await stream_for(light, device, 20, speed=1.0)
    light.clock.turn(seconds=10)
    async with asyncio.timeout(PATIENCE_S):
        while (await admin.get(AT)).json()["state"] != "unknown":
            await asyncio.sleep(0.05)
    scraper = await light.signed_in("scraper")
    text = (await scraper.get("/metrics")).text
    assert 'lensong_stream_source_up{lane="1",site="binh-lu"} 0.0' in text
    assert (
        'lensong_stream_up{lane="1",site="binh-lu"}' not in text
    )  # 0 would mean that nobody publishes


async def test_after_its_session_a_stream_is_nobodys_business(light: Running) -> None:
    _, device, _ = await live_session(light)
    await stream_for(light, device, 10, speed=1.0)
    light.clock.turn(hours=3)
    await light.service.keep_time()
    refused = await device.post(
        f"{AT}/ffmpeg", content="progress=end\n", headers={"Content-Type": "text/plain"}
    )
    assert refused.status_code == 404
    shown = next(s for s in light.service.snapshot().sites if s.site_id == "binh-lu")
    assert shown.stream is None


async def test_the_key_of_a_stream_is_never_shown(light: Running) -> None:
    admin = await light.signed_in("admin")
    source = {
        "kind": "nginx_rtmp",
        "url": "http://127.0.0.1:9/stat",
        "stream_key": "live/very-secret-key",
        "secret": "user:password",
        "media_url": "rtmp://127.0.0.1/live/very-secret-key",
    }
    made = await admin.put(f"{AT}-source", json=source)
    shown = await admin.get(f"{AT}-source")
    audit = await admin.get("/api/v1/audit")
    for text in (made.text, shown.text, audit.text):
        assert "very-secret-key" not in text
        assert "password" not in text
    assert shown.json()["has_stream_key"] is True
    assert shown.json()["has_media_url"] is True
    refused = await admin.put(f"{AT}-source", json=source | {"url": "file:///etc/passwd"})
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("kind", "url", "told"),
    [
        ("srs", "http://10.0.0.1:1985", "collectors.allowed_networks"),
        ("srs", "http://169.254.169.254/latest", "collectors.allowed_networks"),
        ("obs", "ws://[fd00::1]:4455", "collectors.allowed_networks"),
        ("srt", "file:///etc/passwd", "collectors.allowed_folders"),
        ("srt", "file:///no/such/file", "collectors.allowed_folders"),
    ],
)
async def test_an_address_that_may_not_be_asked_is_refused(
    light: Running, kind: str, url: str, told: str
) -> None:
    admin = await light.signed_in("admin")
    refused = await admin.put(f"{AT}-source", json={"kind": kind, "url": url})
    assert refused.status_code == 422
    (wrong,) = refused.json()["errors"]
    assert wrong["pointer"] == "/body/url"
    assert told in wrong["title"]
    assert (await admin.get(f"{AT}-source")).status_code == 404


@pytest.mark.parametrize(
    ("media_url", "word"),
    [
        ("rtmp://10.0.0.5/live/very-secret-key", "collectors.allowed_networks"),
        ("rtsp://127.0.0.1/live/very-secret-key", "rtmp://"),
        ("-i /live/very-secret-key", "rtmp://"),
        ("http://127.0.0.1/live/very-secret-key.m3u8", "playlist"),
        ("srt://127.0.0.1:9000?mode=listener&streamid=very-secret-key", "caller"),
    ],
)
async def test_a_stream_is_played_from_allowed_addresses_only(
    light: Running, media_url: str, word: str
) -> None:
    admin = await light.signed_in("admin")
    refused = await admin.put(f"{AT}-source", json={"kind": "ffmpeg", "media_url": media_url})
    assert refused.status_code == 422
    (wrong,) = refused.json()["errors"]
    assert wrong["pointer"] == "/body/media_url"
    assert word in wrong["title"]
    assert "very-secret-key" not in refused.text
    assert (await admin.get(f"{AT}-source")).status_code == 404


async def test_a_session_that_is_over_is_reported_and_teaches(running: Running) -> None:
    admin, device, session = await live_session(running)
    healthy, media = await stream_for(running, device, 120, speed=1.0)
    assert healthy["state"] == "ok"
    await stream_for(running, device, 40, speed=0.6, begun=media)
    running.clock.turn(hours=3)
    await running.service.keep_time()
    at = f"/api/v1/sessions/{session}"
    assert (await admin.get(at)).json()["status"] == "ended"
    report = (await admin.get(f"{at}/report")).json()["report"]
    assert report["promised_state"] == "unknown"
    assert report["held"] is False
    assert report["lag_max_s"] > 4.0
    assert report["seconds"]["ok"] > 60.0
    async with running.service.database.reading() as connection:
        (learnt,) = (await connection.execute(select(past_sessions))).mappings().all()
    assert learnt["outcome"] == "froze"
    assert learnt["predicted_probability"] is None  # nothing was known when it began


async def test_what_was_predicted_and_what_came_calibrates(light: Running) -> None:
    admin, device, session = await live_session(light)
    measured = Measurement(
        site_id="binh-lu",
        client_id="phone-1",
        seq=None,
        test_id="t-1",
        started_at=START,
        received_at=START,
        method=Method.CLI,
        outcome=Outcome.SUCCESS,
        counted_by=CountedBy.SERVER,
        duration_s=30.0,
        uplink_bins_bps=(9e6,) * 27,
        uplink_p10_bps=9e6,
        uplink_p50_bps=9e6,
        technology="5G",
    )
    await light.service.ingest.counted(measured)
    await light.service.judge.evidence_arrived("binh-lu", set())
    moved = {"starts_at": "2026-11-28T01:01:00Z"}
    assert (await admin.patch(f"/api/v1/sessions/{session}", json=moved)).status_code == 200
    light.clock.turn(minutes=2)
    await stream_for(light, device, 300, speed=1.0)
    light.clock.turn(hours=3)
    await light.service.keep_time()
    async with light.service.database.reading() as connection:
        (learnt,) = (await connection.execute(select(past_sessions))).mappings().all()
    assert (learnt["outcome"], learnt["technology"]) == ("held", "5G")
    assert 0.5 < learnt["predicted_probability"] < 1.0
    assert learnt["watched_s"] > 250.0
