"""A province's own watches change what is assumed of outages, and it is said which was."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lensong.monitoring.records import Motion, WatchPart
from lensong.monitoring.store.places import put_site
from lensong.monitoring.store.watches import put_watch_parts, watched_by_site
from tests.running_service import START, Running

pytestmark = pytest.mark.anyio


async def watched(running: Running, sites: int, outages_s: tuple[float, ...] = ()) -> None:
    """Add sites that are watched for 40 h each, a quarter of an hour at a time."""
    site = running.service.directory.sites["binh-lu"]

    async def work(connection: Any) -> None:
        for number in range(sites):
            site_id = f"ban-{number}"
            await put_site(connection, replace(site, site_id=site_id, name=site_id), now=START)
            parts = [
                WatchPart(
                    site_id=site_id,
                    watch_id=f"watch-{number}",
                    client_id="phone-1",
                    started_at=START - timedelta(hours=50, minutes=-15 * quarter),
                    ended_at=START - timedelta(hours=50, minutes=-15 * (quarter + 1)),
                    watched_s=900.0,
                    outages_s=outages_s if quarter % 8 == 0 else (),
                    motion=Motion.MOVING if number == 0 else Motion.UNKNOWN,
                )
                for quarter in range(160)
            ]
            await put_watch_parts(connection, parts)

    await running.service.writer.run(work)
    await running.service.reload()


async def prior(running: Running, site_id: str = "binh-lu") -> Any:
    service = running.service
    async with service.database.reading() as connection:
        return await service.judge.outage_priors.of(
            connection, service.directory, service.directory.sites[site_id], running.clock.now()
        )


async def test_only_parts_with_outages_at_rest_are_read(running: Running) -> None:
    await watched(running, 3, (4.0, 12.0))
    async with running.service.database.reading() as connection:
        found = await watched_by_site(connection, START - timedelta(days=3), START)
    assert sorted(found) == ["ban-1", "ban-2"]  # the first one moved
    assert found["ban-1"].watched_s == pytest.approx(144_000.0)
    assert found["ban-1"].parts_with_outages == ((900.0, (4.0, 12.0)),) * 20


async def test_with_little_watched_the_shipped_prior_is_used_and_said(light: Running) -> None:
    await watched(light, 4)
    assert (await prior(light)).sites == 0


@pytest.mark.parametrize(("outages_s", "worse"), [((), False), ((30.0,), True)])
async def test_a_province_learns_and_the_verdict_says_from_what(
    light: Running, outages_s: tuple[float, ...], worse: bool
) -> None:
    shipped = await prior(light)
    await watched(light, 12, outages_s)
    assert await prior(light) is shipped  # watches are not read at each verdict
    light.clock.turn(hours=1)
    learnt = await prior(light)
    assert (learnt.sites, learnt.watched_h) == (11, pytest.approx(440.0))
    assert (learnt.shape / learnt.hours > shipped.shape / shipped.hours) is worse
    assert await prior(light) is learnt


async def test_invented_sites_say_nothing_of_real_ones(light: Running) -> None:
    await watched(light, 12)
    site = light.service.directory.sites["binh-lu"]
    light.service.directory.sites["binh-lu"] = replace(site, synthetic=True)
    assert (await prior(light)).sites == 0
    assert (await prior(light, "ban-1")).sites == 11


async def test_the_verdict_shows_the_prior_of_the_province(light: Running) -> None:
    await watched(light, 12, (30.0,))
    device = await light.device()
    report = {
        "seq": 0,
        "started_at": START.isoformat(),
        "method": "page",
        "result": "success",
        "uplink_p10_bps": 8e6,
        "uplink_p50_bps": 9e6,
        "uplink_bins_bps": [8e6] * 27,
        "duration_s": 30.0,
        "sent_bytes": 33_000_000,
    }
    body = {"client_id": "phone-1", "measurements": [report]}
    assert (await device.post("/api/v1/sites/binh-lu/measurements", json=body)).status_code < 300
    client = await light.signed_in("admin")
    answer = await client.get("/api/v1/sites/binh-lu/readiness?profile=tiktok-720p30")
    assert answer.status_code == 200, answer.text
    (used,) = [e for e in answer.json()["evidence"] if e["kind"] == "watch"]
    assert used["values"]["prior_sites"] == 11
    assert used["values"]["prior_watched_h"] == pytest.approx(440.0)
