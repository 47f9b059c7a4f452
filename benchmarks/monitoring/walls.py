"""What wallboards cost the reports: their times without walls, with them, and without again.

    python -m benchmarks.monitoring.walls --walls 0 --walls 10 --walls 200

Each wall does what the page does: it hears the events, asks for the page 1.1 s after one, never
twice at once, and every ten seconds anyway. All run in one process beside the service, on the same
cores; ratios are to the first phase of the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.monitoring.cores import CoreMeter
from benchmarks.monitoring.sustained_load import database, soon
from tests.reporting_clients import Tally, connected, send_reports
from tests.service_process import populated, service_process

_AFTER_EVENT_S, _EVERY_S = 1.1, 10.0


@dataclass
class Seen:
    """What the walls saw."""

    pages: Counter[int] = field(default_factory=Counter)
    page_bytes: int = 0
    events: int = 0
    refused: int = 0


def _head(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/html, text/event-stream"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _listen(url: str, headers: dict[str, str], due: asyncio.Event, seen: Seen) -> None:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(_head("/api/v1/events", headers))
        if b" 200 " not in await reader.readline():
            seen.refused += 1
            return
        while line := await reader.readline():
            if line.startswith(b"event:"):
                seen.events += 1
                due.set()
    finally:
        writer.close()


async def _show(url: str, headers: dict[str, str], due: asyncio.Event, seen: Seen) -> None:
    connection, request = await connected(url), _head("/", headers)
    while True:
        due.clear()
        status, _, page = await connection.ask(request)
        seen.pages[status] += 1
        seen.page_bytes += len(page)
        with suppress(TimeoutError):
            await asyncio.wait_for(due.wait(), _EVERY_S)
            await asyncio.sleep(_AFTER_EVENT_S)


async def phase(
    url: str,
    tokens: dict[str, str],
    headers: dict[str, str],
    *,
    walls: int,
    rate: float,
    duration_s: float,
    first_seq: int,
) -> tuple[Tally, Seen]:
    """Send reports while so many walls hang."""
    seen = Seen()
    hanging: list[asyncio.Task[None]] = []
    for _ in range(walls):
        due = asyncio.Event()
        for work in (_listen, _show):
            hanging.append(asyncio.create_task(work(url, headers, due, seen)))
    try:
        told = await send_reports(
            url, tokens, duration_s=duration_s, rate_per_s=rate, first_seq=first_seq
        )
    finally:
        for task in hanging:
            task.cancel()
        ended = await asyncio.gather(*hanging, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            seen.refused += 1
    return told, seen


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--sites", type=int, default=300)
    parser.add_argument("--rate", type=float, default=60.0, help="reports a second")
    parser.add_argument("--walls", type=int, action="append", help="of a phase; may come again")
    parser.add_argument("--duration", type=float, default=30.0, help="of a phase [s]")
    asked = parser.parse_args()
    phases = asked.walls or [0, 200, 0]
    most = max(phases) + 10
    limits = {"event_listeners": most, "event_listeners_of_one": most}
    print(
        "| walls | reports/s | p50 ms | p99 | max | p99 to the first phase | not taken "
        "| pages/s | page kB | events heard/s | walls refused | cores: service / clients / others |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="walls-") as name, database(asked.db, Path(name)) as db:
        there = populated(db, asked.sites, soon(asked.sites))
        with service_process(Path(name), db, limits=limits) as service:
            asyncio.run(send_reports(service.url, there.tokens, duration_s=3.0, first_seq=10**9))
            first_ms = 0.0
            for number, walls in enumerate(phases):
                meter, began_s = CoreMeter(service), time.monotonic()
                told, seen = asyncio.run(
                    phase(
                        service.url,
                        there.tokens,
                        there.admin_headers,
                        walls=walls,
                        rate=asked.rate,
                        duration_s=asked.duration,
                        first_seq=number * 10**6,
                    )
                )
                took_s, p99_ms = time.monotonic() - began_s, told.percentile_ms(0.99)
                first_ms = first_ms or p99_ms
                pages = sum(seen.pages.values())
                cells = (
                    str(walls),
                    f"{len(told.acknowledged) / took_s:.0f}",
                    f"{told.percentile_ms(0.5):.0f}",
                    f"{p99_ms:.0f}",
                    f"{told.percentile_ms(1.0):.0f}",
                    f"{p99_ms / first_ms:.2f}",
                    str(sum(n for s, n in told.statuses.items() if s > 201) + told.broken),
                    f"{pages / took_s:.0f}",
                    f"{seen.page_bytes / max(pages, 1) / 1e3:.0f}",
                    f"{seen.events / took_s:.0f}",
                    str(seen.refused + sum(n for s, n in seen.pages.items() if s != 200)),
                    str(meter.read()),
                )
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
