"""The process is killed in the middle of its work: what it acknowledged is there, once."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from tests.reporting_clients import REPORT_BYTES, Tally, send_reports
from tests.service_process import ServiceProcess, populated, service_process
from tests.stored_reports import hourly_bytes, stored_keys

pytestmark = pytest.mark.slow

KILLS = 3


def load_until_killed(service: ServiceProcess, tokens: dict[str, str], first_seq: int) -> Tally:
    """Send reports, kill the service after a second, and return what was acknowledged."""
    told = Tally()
    killer = threading.Timer(1.0, service.kill)
    killer.start()
    asyncio.run(
        send_reports(
            service.url, tokens, duration_s=1.3, connections=8, first_seq=first_seq, tally=told
        )
    )
    killer.join()
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
            assert len(told.acknowledged) > 50
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
