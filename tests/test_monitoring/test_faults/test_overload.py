"""More at once than the service takes: it says when to come again, and loses nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.reporting_clients import deliver
from tests.running_service import Running, running_service, sqlite_url
from tests.service_process import populated, service_process
from tests.stored_reports import stored_keys
from tests.test_monitoring.test_api import report, reports

AT = "/api/v1/sites/binh-lu/measurements"


@pytest.mark.slow
def test_two_hundred_phones_at_once_are_all_served(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path / 'lensong.db'}"
    there = populated(db, 20)
    sites = list(there.tokens.items())

    async def spike(url: str) -> int:
        told = await asyncio.gather(
            *(
                deliver(url, *sites[number % 20], client_id=f"phone-{number}")
                for number in range(200)
            )
        )
        return max(item.attempts for item in told)

    with service_process(tmp_path, db, limits={"queued_writes": 5}) as service:
        assert asyncio.run(spike(service.url)) > 1, "the queue of five was never full"
        assert "Traceback" not in service.log()
    stored = stored_keys(db)
    assert len(stored) == len(set(stored)) == 200


@pytest.mark.anyio
async def test_a_site_that_sends_too_many_is_told_when_to_go_on(tmp_path: Path) -> None:
    limits = {"reports_per_minute_per_site": 30}
    async with running_service(sqlite_url(tmp_path), limits=limits) as running:
        device = await running.device()
        first = await device.post(AT, json=reports(*(report(seq) for seq in range(30))))
        assert first.status_code == 201
        refused = await device.post(AT, json=reports(report(30), report(31)))
        assert (refused.status_code, refused.json()["code"]) == (429, "busy")
        wait_s = int(refused.headers["retry-after"])
        running.clock.turn(seconds=wait_s)
        again = await device.post(AT, json=reports(report(30), report(31)))
        assert [item["fate"] for item in again.json()] == ["created", "created"]
        other = await running.device("sin-ho")
        elsewhere = await other.post(AT.replace("binh-lu", "sin-ho"), json=reports(report(0)))
        assert elsewhere.status_code == 201  # one site's flood is not another's


@pytest.mark.anyio
async def test_judging_leaves_half_of_the_time_and_forgets_no_site(light: Running) -> None:
    admin, device = await light.signed_in("admin"), await light.device()
    other = await light.device("sin-ho")
    session = {
        "site_id": "sin-ho",
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": "2026-11-28T02:00:00Z",
        "ends_at": "2026-11-28T03:00:00Z",
    }
    await admin.post("/api/v1/sessions", json=session)
    light.service.ingest.take_dirty()
    await device.post(AT, json=reports(report(0)))
    await other.post(AT.replace("binh-lu", "sin-ho"), json=reports(report(0)))
    order: list[str] = []
    real = light.service.judge.evidence_arrived

    async def judged(site_id: str, hours: set[object]) -> None:
        order.append(site_id)
        if len(order) == 2:
            raise RuntimeError("a fault of ours")
        await real(site_id, hours)  # type: ignore[arg-type]  # passed on

    class Faulty:
        evidence_arrived = staticmethod(judged)

    there, light.service.judge = light.service.judge, Faulty()  # type: ignore[assignment]
    with pytest.raises(RuntimeError):
        await light.service.judge_arrivals()
    light.service.judge = there
    assert order == ["sin-ho", "binh-lu"]  # who has a session first
    assert not light.service.ingest.has_dirty  # what fails by our fault would fail for ever
