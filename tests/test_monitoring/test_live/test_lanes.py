"""Several sessions at a site at once, and sites on the same cells: planned, judged, watched."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from lensong.monitoring.records import CountedBy, Measurement, Method, Outcome
from tests.running_service import START, Running
from tests.test_monitoring.test_api import SESSION
from tests.test_monitoring.test_lists.test_lists_taken_in import CSV
from tests.test_monitoring.test_live.test_live_streams import progress
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.anyio

EVENTS = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//market//EN\r
{}END:VCALENDAR\r
"""
EVENT = """BEGIN:VEVENT\r
UID:{uid}@market\r
DTSTAMP:20261120T000000Z\r
DTSTART:20261128T020000Z\r
DTEND:20261128T040000Z\r
SUMMARY:{title}\r
LOCATION:binh-lu\r
END:VEVENT\r
"""
PAGE = {"Accept": "text/html", "Accept-Language": "en"}


def local(hour: int, minute: int = 0) -> str:
    return f"2026-11-28T{hour:02}:{minute:02}:00+07:00"


async def widened(client: httpx.AsyncClient, at_once: int, site_id: str = "binh-lu") -> None:
    """Let a site take several sessions at once."""
    at = f"/api/v1/sites/{site_id}"
    site = (await client.get(at)).json()
    del site["site_id"]
    answer = await client.put(at, json=site | {"sessions_at_once": at_once})
    assert answer.status_code == 200, answer.text
    assert answer.json()["sessions_at_once"] == at_once


async def planned(client: httpx.AsyncClient, title: str, **changes: Any) -> Any:
    answer = await client.post("/api/v1/sessions", json=SESSION | {"title": title} | changes)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def measured(running: Running, mbps: float, site_id: str = "binh-lu") -> None:
    """Store what the server counted in a test just now."""
    await running.service.ingest.counted(
        Measurement(
            site_id=site_id,
            client_id="phone",
            seq=None,
            test_id=f"{site_id}-{mbps}",
            started_at=running.clock.now() - timedelta(minutes=1),
            received_at=running.clock.now(),
            method=Method.PAGE,
            outcome=Outcome.SUCCESS,
            counted_by=CountedBy.SERVER,
            duration_s=30.0,
            uplink_bins_bps=(mbps * 1e6,) * 27,
            uplink_p10_bps=mbps * 1e6,
            uplink_p50_bps=mbps * 1e6,
        )
    )
    await running.service.judge_arrivals()


async def judged(running: Running, client: httpx.AsyncClient, session: Any, **wanted: Any) -> Any:
    """Return the verdict of a session once it says what is wanted: judged in the background."""
    at = f"/api/v1/sessions/{session['session_id']}/verdict"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await running.service.judge_arrivals()
            verdict = (await client.get(at)).json()
            if all(verdict[name] == value for name, value in wanted.items()):
                return verdict
            await asyncio.sleep(0.02)


async def test_a_site_takes_as_many_sessions_at_once_as_it_is_set_to(running: Running) -> None:
    client = await running.signed_in("admin")
    await planned(client, "Lan")
    alone = await client.post("/api/v1/sessions", json=SESSION | {"title": "Hoa"})
    assert (alone.status_code, alone.json()["code"]) == (409, "overlap")
    assert "takes 1 session at once" in alone.json()["detail"]
    assert "raise sessions_at_once of the site" in alone.json()["detail"]
    await widened(client, 3)
    hoa, mai = await planned(client, "Hoa"), await planned(client, "Mai")
    assert (hoa["lane"], mai["lane"]) == (2, 3)
    full = await client.post("/api/v1/sessions", json=SESSION | {"title": "Tư"})
    assert full.status_code == 409
    assert "Lan" in full.json()["detail"]
    assert "Mai" in full.json()["detail"]
    # one lane is free again when its session ends, and when it is called off
    after = {"starts_at": SESSION["ends_at"], "ends_at": local(12)}
    assert (await planned(client, "Tư", **after))["lane"] == 1
    await client.patch(f"/api/v1/sessions/{hoa['session_id']}", json={"status": "cancelled"})
    assert (await planned(client, "Năm"))["lane"] == 2
    # fewer at once call off nothing that stands
    await widened(client, 1)
    listed = (await client.get("/api/v1/sessions?status=planned")).json()["items"]
    assert len(listed) == 4


async def test_a_lane_can_be_chosen_and_is_kept(light: Running) -> None:
    client = await light.signed_in("admin")
    await widened(client, 2)
    lan = await planned(client, "Lan", lane=2)
    assert lan["lane"] == 2
    taken = await client.post("/api/v1/sessions", json=SESSION | {"title": "Hoa", "lane": 2})
    assert (taken.status_code, taken.json()["code"]) == (409, "overlap")
    beyond = await client.post("/api/v1/sessions", json=SESSION | {"title": "Hoa", "lane": 3})
    assert (beyond.status_code, beyond.json()["code"]) == (409, "no_such_lane")
    for lane in (0, 61):
        wrong = await client.post("/api/v1/sessions", json=SESSION | {"lane": lane})
        assert wrong.status_code == 422
    hoa = await planned(client, "Hoa")
    assert hoa["lane"] == 1
    at = f"/api/v1/sessions/{lan['session_id']}"
    later = (await client.patch(at, json={"ends_at": local(12)})).json()
    assert later["lane"] == 2
    swapped = await client.patch(at, json={"lane": 1})
    assert swapped.status_code == 409
    await client.patch(f"/api/v1/sessions/{hoa['session_id']}", json={"status": "cancelled"})
    assert (await client.patch(at, json={"lane": 1})).json()["lane"] == 1


async def test_sessions_of_one_list_may_overlap_up_to_that_number(running: Running) -> None:
    client = await running.signed_in("admin")
    text = "site,profile,start,end,title\n" + "".join(
        f"binh-lu,tiktok-720p30,2026-11-28 {begin},2026-11-28 {end},{title}\n"
        for begin, end, title in (
            ("10:00", "12:00", "Mai"),  # not in the order of time
            ("09:00", "10:00", "Lan"),
            ("09:30", "10:30", "Hoa"),
            ("10:30", "12:00", "Tư"),
        )
    )

    async def sent(kind: str, content: str, headers: dict[str, str], **asked: str) -> Any:
        return await client.post(
            f"/api/v1/import/{kind}", content=content.encode(), headers=headers, params=asked
        )

    refused = await sent("sessions", text, CSV)
    assert refused.status_code == 422
    assert "takes 1 session at once" in refused.text
    some = (await sent("sessions", text, CSV, skip_refused="true", dry_run="true")).json()
    assert [item["row"] for item in some["refused"]] == [4, 5]
    assert "the site takes 1 session at once" in some["refused"][0]["text"]
    await widened(client, 2)
    taken = await sent("sessions", text, CSV)
    assert taken.json()["counts"] == {"created": 4}, taken.text
    listed = (await client.get("/api/v1/sessions")).json()["items"]
    assert {item["title"]: item["lane"] for item in listed} == {
        "Lan": 1, "Hoa": 2, "Mai": 1, "Tư": 2,
    }  # fmt: skip
    assert (await sent("sessions", text, CSV)).json()["counts"] == {"unchanged": 4}
    out = (await client.get("/api/v1/export/sessions.csv")).text
    assert (await sent("sessions", out, CSV)).json()["counts"] == {"unchanged": 4}
    for item in listed:
        at = f"/api/v1/sessions/{item['session_id']}"
        await client.patch(at, json={"status": "cancelled"})
    events = "".join(EVENT.format(uid=n, title=f"Seller {n}") for n in range(3))
    calendar = {"Content-Type": "text/calendar; charset=utf-8"}
    asked = {"profile": "voice-still"}
    crowd = await sent("sessions", EVENTS.format(events), calendar, **asked)
    assert crowd.status_code == 422, crowd.text
    await widened(client, 3)
    taken = await sent("sessions", EVENTS.format(events), calendar, **asked)
    assert taken.json()["counts"] == {"created": 3}, taken.text


async def test_a_list_names_lanes_and_how_many_a_site_takes(light: Running) -> None:
    client = await light.signed_in("admin")

    async def sent(kind: str, content: str) -> Any:
        return await client.post(f"/api/v1/import/{kind}", content=content.encode(), headers=CSV)

    sites = "site_id,name,commune_code,số phiên cùng lúc\nbinh-lu,Chợ Bình Lư,03390,{}\n"
    for wrong in ("0", "61", "2.5", "hai"):
        refused = await sent("sites", sites.format(wrong))
        assert refused.status_code == 422, wrong
    assert (await sent("sites", sites.format("3"))).json()["counts"] == {"updated": 1}
    assert (await client.get("/api/v1/sites/binh-lu")).json()["sessions_at_once"] == 3
    out = (await client.get("/api/v1/export/sites.csv")).text
    assert (await sent("sites", out)).json()["counts"] == {"unchanged": 3}
    rows = "site,profile,start,end,title,làn\n" + "".join(
        f"binh-lu,voice-still,2026-11-28 09:00,2026-11-28 10:00,Chợ phiên,{lane}\n"
        for lane in ("", "1", "{}")
    )
    refused = await sent("sessions", rows.format("4"))
    assert "choose a lane from 1 to 3" in refused.text
    taken = await sent("sessions", rows.format("3"))  # one title, told apart by their lanes
    assert taken.json()["counts"] == {"created": 3}, taken.text
    listed = (await client.get("/api/v1/sessions")).json()["items"]
    assert sorted(item["lane"] for item in listed) == [1, 2, 3]
    assert (await sent("sessions", rows.format("3"))).json()["counts"] == {"unchanged": 3}


async def test_a_session_is_judged_with_those_beside_it(running: Running) -> None:
    client = await running.signed_in("admin")
    await widened(client, 3)
    await measured(running, 60.0)
    lan = await planned(client, "Lan")
    single = lan["verdict"]
    assert (single["state"], single["others"], single["more_sellers_by"]) == (
        "ready", 0, "measured",
    )  # fmt: skip
    assert single["more_sellers"] >= 2
    assert single["more_sellers_text"] == f"{single['more_sellers']} more sellers fit until 11:00"
    hoa = await planned(client, "Hoa", starts_at=local(10))
    assert (hoa["verdict"]["others"], hoa["lane"]) == (1, 2)
    texts = [reason["text"] for reason in hoa["verdict"]["reasons"]]
    assert any("1 other is on the air at this site from 10:00" in text for text in texts), texts
    assert any("divided among all at once by their need" in text for text in texts)
    told = await judged(running, client, lan, others=1)  # judged anew when another came
    assert told["more_sellers"] == single["more_sellers"]
    assert told["more_sellers_until"] == "2026-11-28T03:00:00Z"  # as many until she comes
    await client.patch(f"/api/v1/sessions/{hoa['session_id']}", json={"status": "cancelled"})
    told = await judged(running, client, lan, others=0)  # and when she went
    assert told["more_sellers_until"] == "2026-11-28T04:00:00Z"
    # a question about the planned one is not about one more beside it
    asked = {"profile": "tiktok-720p30", "start": local(9), "duration": "7200"}
    about = "/api/v1/sites/binh-lu/readiness"
    more = (await client.get(about, params=asked)).json()
    same = (await client.get(about, params=asked | {"session": lan["session_id"]})).json()
    assert (more["others"], same["others"]) == (1, 0)
    await widened(client, 1)
    assert (await client.get(about, params=asked)).json()["others"] == 0


def prediction(site_id: str, cell: str | None, **changes: Any) -> dict[str, Any]:
    return {
        "site_id": site_id, "technology": "4G", "operator": "Viettel", "rsrp_dbm": -95.0,
        "uplink_p50_bps": 20e6, "sigma_db": 8.0, "cell_id": cell,
    } | changes  # fmt: skip


def streams(site_id: str, *chances: float, **changes: Any) -> dict[str, Any]:
    return {
        "site_id": site_id, "service": "livestream-720p", "operator": "Viettel",
        "village": "Bình Lư", "uplink_bps": 2.8e6, "probability": 0.9, "chances": list(chances),
    } | changes  # fmt: skip


async def sent_plan(client: httpx.AsyncClient, run: str, *found: Any, **more: Any) -> Any:
    body = {"computed_at": "2026-11-27T00:00:00Z", "predictions": list(found)} | more
    return await client.put(f"/api/v1/coverage-runs/{run}/predictions", json=body)


async def test_sites_on_the_same_cells_know_of_each_other(running: Running) -> None:
    client = await running.signed_in("admin")
    answer = await sent_plan(
        client,
        "run-1",
        prediction("binh-lu", "A1"),
        prediction("sin-ho", "A1"),
        prediction("muong-phang", "B1"),
        streams=[streams("binh-lu", 1.0, 1.0, 0.95, 0.7), streams("sin-ho", 1.0, 0.9)],
    )
    assert answer.json() == {"predicted": 3, "with_streams": 2, "no_signal": 0}
    kept = (await client.get("/api/v1/sites/binh-lu/streams-at-once")).json()
    assert [(item["streams"], item["village"]) for item in kept] == [(3, "Bình Lư")]
    told = (await client.get("/api/v1/sites/binh-lu/predictions")).json()
    assert [item["cell_id"] for item in told] == ["A1"]
    here = await planned(client, "Lan")
    # nothing was measured: the plan alone says how many fit, and makes nobody READY
    assert here["verdict"]["state"] != "ready"
    assert (here["verdict"]["more_sellers"], here["verdict"]["more_sellers_by"]) == (2, "plan")
    there = await planned(client, "Hoa", site_id="sin-ho")
    far = await planned(client, "Mai", site_id="muong-phang")
    assert (there["verdict"]["others"], far["verdict"]["others"]) == (1, 0)
    assert far["verdict"]["more_sellers"] is None  # no streams are known there
    told = await judged(running, client, here, others=1, more_sellers=1)
    texts = [reason["text"] for reason in told["reasons"]]
    assert any("1 other on the same cell from 09:00" in text for text in texts), texts
    page = (await client.get("/sites/binh-lu", headers=PAGE)).text
    assert "By the plan on the same cells" in page
    assert "Streams at once by the plan, village Bình Lư" in page
    # a later plan without streams, or without a signal, takes back what an older one said
    await sent_plan(client, "run-2", prediction("binh-lu", None), no_signal=["sin-ho"])
    for site_id in ("binh-lu", "sin-ho"):
        at = f"/api/v1/sites/{site_id}/streams-at-once"
        assert (await client.get(at)).json() == []
    await judged(running, client, here, others=0, more_sellers=None)


async def test_a_cell_of_another_operator_is_not_shared(light: Running) -> None:
    client = await light.signed_in("admin")
    for site_id in ("binh-lu", "sin-ho"):
        answer = await sent_plan(client, "run-1", prediction(site_id, "V1", operator="Vinaphone"))
        assert answer.status_code == 200
    site = light.service.directory.sites["binh-lu"]
    assert light.service.directory.on_the_same_cells(site) == frozenset()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"streams": [streams("sin-ho", 1.0)]}, "no prediction"),
        ({"streams": [streams("binh-lu", 1.0)] * 2}, "twice"),
        ({"streams": [streams("binh-lu", 0.5, 0.6)]}, "rise"),
        ({"streams": [streams("binh-lu")]}, "chances"),
        ({"streams": [streams("binh-lu", 1.5)]}, "chances"),
        ({"streams": [streams("binh-lu", 1.0, uplink_bps=0.0)]}, "uplink_bps"),
    ],
)
async def test_streams_that_make_no_sense_are_refused(
    light: Running, more: dict[str, Any], why: str
) -> None:
    client = await light.signed_in("admin")
    answer = await sent_plan(client, "run-1", prediction("binh-lu", "A1"), **more)
    assert answer.status_code == 422
    assert why in answer.text
    assert (await client.get("/api/v1/sites/binh-lu/predictions")).json() == []


async def test_each_lane_has_its_own_stream_report_and_word(running: Running) -> None:
    client = await running.signed_in("admin")
    device = await running.device()
    await widened(client, 2)
    now = {"starts_at": START.isoformat(), "ends_at": local(10)}
    lan, hoa = await planned(client, "Lan", **now), await planned(client, "Hoa", **now)
    source = "/api/v1/sites/binh-lu/stream-source"
    for lane in (1, 2):
        answer = await client.put(source, json={"kind": "ffmpeg", "lane": lane})
        assert (answer.status_code, answer.json()["lane"]) == (200, lane)
    beyond = await client.put(source, json={"kind": "ffmpeg", "lane": 3})
    assert (beyond.status_code, beyond.json()["errors"][0]["pointer"]) == (422, "/body/lane")
    await running.service.keep_time()

    async def push(lane: int, media_s: float) -> Any:
        answer = await device.post(
            f"/api/v1/sites/binh-lu/stream/ffmpeg?lane={lane}",
            content=progress(media_s, int(media_s * 2_628_000 / 8)),
            headers={"Content-Type": "text/plain"},
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    for step in range(1, 21):
        running.clock.turn(seconds=2)
        fine, slow = await push(1, 2.0 * step), await push(2, 1.2 * step)
    assert fine["state"] == "ok"
    assert slow["state"] == "not_ok"
    stream = "/api/v1/sites/binh-lu/stream"
    assert (await client.get(stream)).json()["state"] == "ok"
    assert (await client.get(f"{stream}?lane=2")).json()["state"] == "not_ok"
    snapshot = next(s for s in running.service.snapshot().sites if s.site_id == "binh-lu")
    assert [lane.session_title for lane in snapshot.lanes] == ["Lan", "Hoa"]
    assert (snapshot.session_title, snapshot.lane) == ("Hoa", 2)  # what stands worst
    seen = {
        item["title"]: item["seen"]
        for item in (await client.get("/api/v1/sessions")).json()["items"]
    }
    assert seen == {"Lan": "stream", "Hoa": "stream"}
    scraper = await running.scraper()
    metrics = (await scraper.get("/metrics")).text
    assert 'lensong_stream_up{lane="1",site="binh-lu"} 1.0' in metrics
    assert 'lensong_stream_up{lane="2",site="binh-lu"} 1.0' in metrics
    # a restart remembers both
    again = running.service.streams
    await again.load()
    assert {lane for _, lane in again._states} == {1, 2}
    running.clock.turn(
        seconds=(datetime.fromisoformat(local(10)) - running.clock.at).total_seconds()
    )
    await running.service.keep_time()
    outcomes = {}
    for session in (lan, hoa):
        at = f"/api/v1/sessions/{session['session_id']}"
        report = (await client.get(f"{at}/report")).json()
        assert report["report"] is not None
        said = await client.put(f"{at}/word", json={"word": "held"})
        assert said.status_code == 200, said.text
        outcomes[session["title"]] = (await client.get(f"{at}/report")).json()["told_outcome"]
    assert outcomes == {"Lan": "held", "Hoa": "held"}


async def test_lanes_of_one_server_need_their_stream_keys(light: Running) -> None:
    client = await light.signed_in("admin")
    await widened(client, 2)
    at = "/api/v1/sites/binh-lu/stream-source"
    server = {"kind": "mediamtx", "url": "http://127.0.0.1:9997"}
    assert (await client.put(at, json=server | {"stream_key": "lan"})).status_code == 200
    for key in ({}, {"stream_key": "lan"}):
        refused = await client.put(at, json=server | key | {"lane": 2})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (
            422,
            "/body/stream_key",
        )
    taken = await client.put(at, json=server | {"stream_key": "hoa", "lane": 2})
    assert taken.status_code == 200, taken.text
    assert (await client.get(f"{at}?lane=2")).json()["has_stream_key"]
    assert (await client.delete(f"{at}?lane=2")).status_code == 204
    assert (await client.get(f"{at}?lane=2")).status_code == 404
    assert (await client.get(at)).status_code == 200


async def test_pages_and_metrics_say_how_many_more_fit(light: Running) -> None:
    client = await light.signed_in("admin")
    await widened(client, 3)
    await measured(light, 60.0)
    sessions = [await planned(client, title) for title in ("Lan", "Hoa", "Mai")]
    for session in sessions:
        verdict = await judged(light, client, session, others=2)
    text = verdict["more_sellers_text"]
    assert verdict["more_sellers_until"] == "2026-11-28T04:00:00Z"
    assert "until 11:00" in text
    for page in ("/sites/binh-lu", "/sessions", f"/sessions/{session['session_id']}"):
        shown = (await client.get(page, headers=PAGE)).text
        assert text in shown, page
    wall = (await client.get("/", headers=PAGE)).text
    assert text not in wall  # of those that come the site tells: the wall has no room for it
    light.clock.turn(hours=1)
    await light.service.keep_time()
    wall = (await client.get("/", headers=PAGE)).text
    assert wall.count(text) == 1  # once for a site that is live
    site = (await client.get("/sites/binh-lu", headers=PAGE)).text
    assert "3 sessions at once" in site
    for title in ("Lan", "Hoa", "Mai"):
        assert title in site
    metrics = (await (await light.scraper()).get("/metrics")).text
    assert f'lensong_more_sellers{{site="binh-lu"}} {float(verdict["more_sellers"])}' in metrics
    until = 'lensong_more_sellers_until_timestamp_seconds{site="binh-lu"} '
    told_s = float(metrics.partition(until)[2].partition("\n")[0])
    assert told_s == datetime.fromisoformat("2026-11-28T04:00:00Z").timestamp()
    assert 'lensong_more_sellers{site="sin-ho"}' not in metrics
    listed = (await client.get("/api/v1/export/sessions.csv")).text
    assert "lane,more_sellers,more_sellers_until" in listed.partition("\r\n")[0]
