"""How long nobody takes a report, when the first of two processes on one PostgreSQL is killed.

    python -m benchmarks.monitoring.takeover

Reports come without a pause, through nginx with the shipped file. What is told is the longest
silence between two that are acknowledged, from `kill -9` on. Three takeovers, each of the process
that took over before.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from tests.postgres_server import missing, postgres_server
from tests.reporting_clients import Tally, send_reports
from tests.service_process import ServiceProcess, populated, service_process
from tests.test_monitoring.test_process.test_standby import proxied
from tests.waiting import PATIENCE_S

TAKEOVERS = 3
ENOUGH = 100


def main() -> None:
    """Print the silence of each takeover."""
    if (why := missing()) is not None:
        raise SystemExit(why)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="pg-")))
        (folder / "server").mkdir()
        url = held.enter_context(postgres_server(folder / "server")).new_database()
        pair = []
        for name in ("first", "second"):
            (folder / name).mkdir()
            pair.append(
                held.enter_context(service_process(folder / name, url, start=False, standby=True))
            )
        serves, waits = pair
        there = populated(serves.db, 10)
        serves.start()
        waits.start(ready=503)
        address = held.enter_context(proxied(folder, serves, waits))
        for _ in range(TAKEOVERS):
            load = os.getloadavg()[0]
            cpu_s = waits.cpu_s()
            silence_s = asyncio.run(_silence_s(serves, address, there.tokens))
            print(
                f"no report taken for {silence_s:.1f} s (load of the machine before: {load:.1f}); "
                f"the second used {waits.cpu_s() - cpu_s:.2f} s of a processor from `kill -9` "
                f"until it had taken {ENOUGH} reports",
                flush=True,
            )
            serves, waits = waits, serves
            waits.start(ready=503)


async def _silence_s(serves: ServiceProcess, url: str, tokens: dict[str, str]) -> float:
    """Kill a process and return the longest time in which no report was acknowledged [s]."""
    told = Tally()
    load = asyncio.create_task(
        send_reports(url, tokens, duration_s=PATIENCE_S, connections=4, tally=told)
    )
    async with asyncio.timeout(PATIENCE_S):
        while len(told.acknowledged) < ENOUGH:
            await asyncio.sleep(0.005)
        last_s, longest_s, seen = time.monotonic(), 0.0, len(told.acknowledged)
        await asyncio.to_thread(serves.kill)
        until = seen + ENOUGH
        while seen < until:
            await asyncio.sleep(0.005)
            if len(told.acknowledged) > seen:
                now_s, seen = time.monotonic(), len(told.acknowledged)
                longest_s, last_s = max(longest_s, now_s - last_s), now_s
    load.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await load
    return longest_s


if __name__ == "__main__":
    main()
