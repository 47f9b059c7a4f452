"""The process is killed in the middle of its work: what it acknowledged is there, once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from tests.reporting_clients import REPORT_BYTES, Tally, send_reports
from tests.service_process import ServiceProcess, populated, service_process
from tests.stored_reports import hourly_bytes, stored_keys
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

KILLS = 3
ENOUGH = 60
"""Reports acknowledged before the service is killed."""


def load_until_killed(service: ServiceProcess, tokens: dict[str, str], first_seq: int) -> Tally:
    """Send reports, kill the service in the midst of them, and return what was acknowledged."""
    told = Tally()

    async def kill_in_the_midst(load: asyncio.Task[Tally]) -> None:
        until = time.monotonic() + PATIENCE_S
        while len(told.acknowledged) < ENOUGH and time.monotonic() < until:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(service.kill)
        while not told.broken and time.monotonic() < until:
            await asyncio.sleep(0.005)
        load.cancel()

    async def loaded() -> None:
        load = asyncio.create_task(
            send_reports(
                service.url,
                tokens,
                duration_s=PATIENCE_S,
                connections=8,
                first_seq=first_seq,
                tally=told,
            )
        )
        await kill_in_the_midst(load)
        with contextlib.suppress(asyncio.CancelledError):
            await load

    asyncio.run(loaded())
    return told


def test_what_was_acknowledged_is_there_once_after_each_kill(
    store_url: str, tmp_path: Path
) -> None:
    there = populated(store_url, 40)
    acknowledged: set[tuple[str, str, int]] = set()
    with service_process(tmp_path, store_url, start=False) as service:
        for kill in range(KILLS):
            service.start()
            told = load_until_killed(service, there.tokens, first_seq=kill * 100_000)
            assert len(told.acknowledged) >= ENOUGH
            assert told.broken > 0, "it was killed while requests were on their way"
            acknowledged |= told.acknowledged
        service.start()
        stored = stored_keys(store_url)
        assert len(stored) == len(set(stored)), "a report is there twice"
        assert acknowledged <= set(stored)
        spent = len(stored) * REPORT_BYTES
        assert hourly_bytes(store_url, until=spent) == spent, "what it left unsummed is summed up"
        # what was not acknowledged may be there or not: sent again, it is there once
        again = asyncio.run(
            send_reports(service.url, there.tokens, duration_s=0.5, first_seq=(KILLS - 1) * 100_000)
        )
        assert set(again.statuses) <= {200, 201}
        stored = stored_keys(store_url)
        assert len(stored) == len(set(stored))
