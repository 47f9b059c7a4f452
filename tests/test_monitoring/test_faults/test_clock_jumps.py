"""Somebody sets the clock of the machine: nothing is judged, ended or stored by a false time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.clock import TrustedClock
from lensong.monitoring.errors import ClockFaultError
from tests.running_service import START, Running, TurnedClock

AT = "/api/v1/sites/binh-lu/measurements"


def armed(known: datetime | None = None) -> tuple[TurnedClock, TrustedClock]:
    clock = TurnedClock()
    trusted = TrustedClock(clock)
    trusted.arm(known)
    return clock, trusted


def test_time_that_only_passes_is_trusted() -> None:
    clock, trusted = armed()
    for _ in range(1_000):
        clock.turn(minutes=17)
        clock.at += timedelta(seconds=0.2)  # NTP slews
        assert trusted.now() == clock.at
    assert trusted.monotonic_s() == clock.monotonic


@given(st.floats(-1e7, 1e7).filter(lambda jump_s: abs(jump_s) > 31.0))
def test_a_jump_is_not_trusted_until_it_has_run_steadily(jump_s: float) -> None:
    clock, trusted = armed()
    clock.at += timedelta(seconds=jump_s)
    for _ in range(10):
        with pytest.raises(ClockFaultError, match="the clock of this machine"):
            trusted.now()
        clock.turn(seconds=59)
    clock.turn(seconds=11)
    if clock.at >= datetime(2026, 1, 1, tzinfo=UTC):
        assert trusted.now() == clock.at
    else:
        assert trusted.fault() is not None


def test_a_clock_that_is_set_again_and_again_is_never_trusted() -> None:
    clock, trusted = armed()
    for _ in range(50):
        clock.at += timedelta(hours=1)
        clock.turn(minutes=9)
        assert trusted.fault() is not None


def test_a_clock_that_is_back_where_it_was_is_trusted_soon() -> None:
    clock, trusted = armed()
    clock.at += timedelta(days=1)
    assert trusted.fault() is not None
    clock.turn(minutes=3)
    clock.at -= timedelta(days=1)
    assert trusted.fault() is not None
    clock.turn(seconds=31)
    assert trusted.now() == clock.at


def test_a_clock_behind_what_the_database_has_seen_is_not_trusted_at_once() -> None:
    clock, trusted = armed(START + timedelta(days=1))
    assert "-86400" in str(trusted.fault())
    clock.turn(minutes=11)
    assert trusted.now() == clock.at
    _, fresh = armed(START - timedelta(days=1))
    assert fresh.fault() is None


# --- the whole service -------------------------------------------------------------------------


def report(seq: int, at: datetime, sent_at: datetime) -> dict[str, Any]:
    return {
        "client_id": "phone",
        "sent_at": sent_at.isoformat(),
        "measurements": [
            {
                "seq": seq,
                "started_at": at.isoformat(),
                "method": "page",
                "result": "success",
                "uplink_p10_bps": 8e6,
            }
        ],
    }


async def planned(running: Running, starts_at: datetime) -> tuple[httpx.AsyncClient, str]:
    admin = await running.signed_in("admin")
    made = await admin.post(
        "/api/v1/sessions",
        json={
            "site_id": "binh-lu",
            "title": "Chợ phiên",
            "profile_code": "voice-still",
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
        },
    )
    assert made.status_code == 201, made.text
    return admin, f"/api/v1/sessions/{made.json()['session_id']}"


async def status_of(running: Running, at: str) -> str:
    """Return a session's status; asked by a new sign-in, since a false day may end an old one."""
    return str((await (await running.signed_in("admin")).get(at)).json()["status"])


@pytest.mark.anyio
@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1), timedelta(days=4_000)])
async def test_while_the_clock_is_unsure_everything_that_needs_it_waits(
    running: Running, jump: timedelta
) -> None:
    admin, at = await planned(running, START + timedelta(hours=5))
    device, scraper = await running.device(), await running.scraper()
    assert (await device.post(AT, json=report(0, START, START))).status_code == 201
    await running.service.judge_arrivals()
    readiness = {"profile": "voice-still", "start": (START + timedelta(hours=5)).isoformat()}

    running.clock.at += jump
    refused = [
        await device.post(AT, json=report(1, START, START)),
        await device.get("/api/v1/sites/binh-lu/readiness", params=readiness),
        await scraper.get("/metrics"),
        await device.get("/-/ready"),
    ]
    for answer in refused:
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "the clock of this machine" in answer.json()["detail"]
    assert refused[0].json()["code"] == "clock_fault"
    may_test = await device.get("/uplink/v1/limits")
    assert (may_test.status_code, may_test.json()["code"]) == (503, "unavailable")
    assert (await device.get("/-/healthy")).status_code == 200
    for work in (running.service.keep_time, running.service.prune, running.service.catch_up):
        with pytest.raises(ClockFaultError):
            await work()

    running.clock.turn(minutes=2)
    running.clock.at -= jump
    assert (await device.get("/-/ready")).status_code == 503  # it was right before, too
    running.clock.turn(seconds=31)
    assert (await device.get("/-/ready")).status_code == 200
    await running.service.keep_time()
    assert (await admin.get(at)).json()["status"] == "planned"
    judged = [
        item["verdict"]["judged_at"] for item in (await admin.get(f"{at}/verdicts")).json()["items"]
    ]
    assert {moment[:10] for moment in judged} == {"2026-11-28"}
    now = running.clock.at
    sent = await device.post(AT, json=report(1, now, now))
    assert sent.json() == [{"seq": 1, "fate": "created"}]
    times = [item["started_at"][:10] for item in (await device.get(AT)).json()["items"]]
    assert times == ["2026-11-28", "2026-11-28"]


@pytest.mark.anyio
async def test_what_a_false_clock_ended_is_open_again_when_it_is_corrected(
    running: Running,
) -> None:
    _, soon = await planned(running, START + timedelta(hours=5))
    _, later = await planned(running, START + timedelta(hours=23))
    device = await running.device()

    running.clock.at += timedelta(days=1)
    assert running.service.clock.fault() is not None
    running.clock.turn(minutes=11)  # long enough to be believed, and false all the same
    await running.service.keep_time()
    assert await status_of(running, soon) == "ended"
    assert await status_of(running, later) == "live"
    false_now = running.clock.at
    sent = await device.post(AT, json=report(0, false_now, false_now))
    assert sent.status_code == 201

    running.clock.at -= timedelta(days=1)
    with pytest.raises(ClockFaultError):
        await running.service.keep_time()
    running.clock.turn(minutes=11)
    await running.service.keep_time()
    assert await status_of(running, soon) == "planned"
    assert await status_of(running, later) == "planned"
    admin = await running.signed_in("admin")
    what_if = await admin.get(
        "/api/v1/sites/binh-lu/readiness",
        params={"profile": "voice-still", "start": (START + timedelta(hours=5)).isoformat()},
    )
    assert what_if.json()["state"] == "unknown"  # a test of tomorrow is no evidence
    running.clock.at = START + timedelta(hours=5, minutes=1)
    running.clock.monotonic += 4.0 * 3_600
    running.service.clock.arm(None)  # hours later
    await running.service.keep_time()
    assert await status_of(running, soon) == "live"


@pytest.mark.anyio
async def test_who_ends_a_session_early_has_ended_it(running: Running) -> None:
    admin, at = await planned(running, START + timedelta(minutes=1))
    running.clock.turn(minutes=2)
    await running.service.keep_time()
    ended = await admin.patch(at, json={"status": "ended"})
    assert ended.status_code == 200, ended.text
    running.clock.turn(minutes=2)
    await running.service.keep_time()
    assert (await admin.get(at)).json()["status"] == "ended"
