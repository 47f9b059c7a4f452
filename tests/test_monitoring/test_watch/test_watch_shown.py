"""What the wall, a site's page and Prometheus say of a watch during a session without a server."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from lensong.monitoring.records import Method
from lensong.monitoring.uplink.channel import Channel
from lensong.monitoring.watch.account import Watcher
from lensong.monitoring.watch.desk import OpenWatch
from tests.running_service import Running

pytestmark = pytest.mark.anyio


class _Nowhere:
    scope: dict[str, object] = {"extensions": {}}  # noqa: RUF012
    client = None


def begin(running: Running) -> OpenWatch:
    watcher = Watcher(
        site_id="binh-lu", watch_id="w" * 16, client_id="c", method=Method.PAGE
    )  # fmt: skip
    watch = running.service.watches.begin(watcher, Channel(_Nowhere()))  # type: ignore[arg-type]
    assert isinstance(watch, OpenWatch)
    return watch


async def test_a_planned_time_is_not_called_live_and_what_is_watched_is_told(
    light: Running,
) -> None:
    admin = await light.signed_in("admin")
    now = light.clock.now()
    planned = await admin.post(
        "/api/v1/sessions",
        json={
            "site_id": "binh-lu",
            "title": "Bán mận",
            "profile_code": "tiktok-720p30",
            "starts_at": (now + timedelta(minutes=5)).isoformat(),
            "ends_at": (now + timedelta(hours=2)).isoformat(),
        },
    )
    assert planned.status_code == 201
    light.clock.turn(minutes=6)
    await light.service.keep_time()

    async def page(address: str) -> str:
        return (await admin.get(address)).text.replace("\u00a0", " ").replace("\u202f", " ")

    async def wall() -> str:
        return await page("/")

    nobody = await wall()
    assert "planned time, nobody watching" in nobody
    assert "planned time, nobody watching" in await page("/sites/binh-lu")

    watch, desk = begin(light), light.service.watches
    for seq in range(3):
        light.clock.turn(seconds=1)
        desk.heard(watch, seq, 60)
    assert "network there" in await wall()
    light.clock.turn(seconds=2)  # a wall is drawn at most once in 1.5 s
    desk.heard(watch, 3, 1_500)
    assert "network slow" in await wall()
    light.clock.turn(seconds=4)
    gone = await wall()
    assert "network gone for 4 s" in gone
    assert "nobody watching" not in gone
    assert "network gone for 4 s" in await page("/sites/binh-lu")

    light.clock.turn(seconds=8)
    desk.heard(watch, 15, 50)
    light.clock.turn(seconds=1)
    desk.heard(watch, 16, 50)
    scraper = await light.scraper()
    metrics = (await scraper.get("/metrics")).text
    for line in (
        'lensong_watch_network_up{site="binh-lu"} 1.0',
        'lensong_watch_rtt_seconds{site="binh-lu"} 0.05',
        'lensong_watch_watched_seconds_total{site="binh-lu"} 17.0',
        'lensong_watch_outages_total{site="binh-lu"} 1.0',
        'lensong_watch_outage_seconds_total{site="binh-lu"} 11.5',
    ):
        assert line in metrics, line
    assert 'lensong_watch_network_up{site="sin-ho"}' not in metrics

    # the session's page, the list of its site and the API say the same of it
    (session_id,) = {planned.json()["session_id"]}
    path = f"/api/v1/sessions/{session_id}"
    assert (await admin.get(path)).json()["seen"] == "network"
    assert "network there" in await page(f"/sessions/{session_id}")
    light.clock.turn(hours=1)
    assert (await admin.get(path)).json()["seen"] == "nothing"
    listed = (await admin.get("/api/v1/sessions?site=binh-lu")).json()["items"]
    assert [item["seen"] for item in listed] == ["nothing"]
    for address in (f"/sessions/{session_id}", "/sessions", "/sites/binh-lu", "/"):
        assert "planned time, nobody watching" in await page(address), address
        assert not re.search(r"(·|<td>)\s*live\b", await page(address)), address

    # and after it, what was seen of the network
    light.clock.turn(hours=1)
    await light.service.watches.keep()
    await light.service.keep_time()
    report = (await admin.get(f"{path}/report")).json()
    assert report["report"] is None  # of a stream there is nothing
    assert report["watch"]["outages_s"] == [11.5]
    assert report["watch"]["watched_s"] == 17.0
    assert report["watch"]["breach"] == "freeze_long"
    told = await page(f"/sessions/{session_id}")
    assert "The network during the session" in told
    assert "Away once, for 12 seconds." in told
    (row,) = csv.DictReader(io.StringIO((await admin.get("/api/v1/export/sessions.csv")).text))
    assert (row["watched_s"], row["outages"], row["outage_longest_s"]) == ("17.0", "1", "11.5")
