"""How many reports a second the service takes for a minute, authenticated, checked and durable.

    python -m benchmarks.monitoring.sustained_load --help

The service runs in a process of its own, the clients in this one, on loopback, on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.monitoring.cores import CoreMeter
from benchmarks.monitoring.wall_clients import Seen, hanging_walls
from lensong.monitoring.records import Session
from lensong.monitoring.store import tables
from lensong.monitoring.store.engine import Database
from tests.postgres_server import postgres_server
from tests.reporting_clients import Tally, send_reports
from tests.service_process import populated, service_process

_OPENED_WITHIN_S = 4.0


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """Yield the address of an empty database that survives a power cut."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'lensong.db'}"
        return
    with postgres_server(folder / "pg", fsync=True) as server:
        yield server.new_database()


def soon(count: int) -> tuple[Session, ...]:
    """Return a session in two hours for each of the first sites: a report of theirs is judged."""
    starts_at = datetime.now(UTC) + timedelta(hours=2)
    return tuple(
        Session(
            session_id=f"session-{number}",
            site_id=f"site-{number:04d}",
            title="Synthetic",
            profile_code="tiktok-720p30",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=3),
        )
        for number in range(count)
    )


async def verdicts_kept(db: str) -> int:
    """Return how many verdicts are stored; one that says the same again is not."""
    opened = Database(db)
    async with opened.reading() as connection:
        found = await connection.scalar(select(func.count()).select_from(tables.verdicts))
    await opened.close()
    return int(found or 0)


def not_shown(seen: Seen) -> int:
    """Return how many walls or pages were refused or broke."""
    return seen.broken + sum(seen.pages.values()) - seen.pages["200"]


def run(
    kind: str,
    *,
    sites: int,
    sessions: int,
    connections: int,
    rate: float | None,
    duration_s: float,
    walls: int,
) -> str:
    with tempfile.TemporaryDirectory(prefix="load-") as name, database(kind, Path(name)) as db:
        there = populated(db, sites, soon(sessions))
        limits = {"event_listeners": walls + 10, "event_listeners_of_one": walls + 10}
        with service_process(Path(name), db, limits=limits) as service, ExitStack() as open_:
            if walls:
                seen_by = open_.enter_context(
                    hanging_walls(service.url, there.admin_headers, walls, _OPENED_WITHIN_S)
                )
                time.sleep(1.5 * _OPENED_WITHIN_S)
            asyncio.run(send_reports(service.url, there.tokens, duration_s=5.0, first_seq=10**9))
            kept_before = asyncio.run(verdicts_kept(db))
            if walls:
                seen_by.seen()
            meter, began = CoreMeter(service), time.monotonic()
            told: Tally = asyncio.run(
                send_reports(
                    service.url,
                    there.tokens,
                    duration_s=duration_s,
                    connections=connections,
                    rate_per_s=rate,
                )
            )
            took_s = time.monotonic() - began
            cores = meter.read()
            memory = service.resident_bytes() / 1e6
            kept = asyncio.run(verdicts_kept(db)) - kept_before
            seen = seen_by.seen() if walls else Seen()
    pages = sum(seen.pages.values())
    refused = {status: n for status, n in told.statuses.items() if status not in (200, 201)}
    cells = (
        kind,
        f"{rate:.0f}/s" if rate else "as fast as it goes",
        str(connections),
        str(sessions),
        str(walls),
        f"{pages / took_s:.0f}" + (f", {bad} not shown" if (bad := not_shown(seen)) else ""),
        f"{kept / took_s:.0f}",
        f"{len(told.acknowledged) / took_s:.0f}",
        *(f"{told.percentile_ms(share):.0f}" for share in (0.5, 0.99, 0.999, 1.0)),
        str(cores),
        f"{memory:.0f}",
        f"{refused or 'none'}, {told.broken} broken",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--sites", type=int, default=1_000)
    parser.add_argument(
        "--sessions", type=int, action="append", help="so many sites have a session to judge"
    )
    parser.add_argument("--walls", type=int, default=0, help="so many wallboards hang meanwhile")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, action="append", help="0: as fast as it goes")
    parser.add_argument("--duration", type=float, default=60.0, help="seconds")
    asked = parser.parse_args()
    print(
        "| database | asked | connections | sessions | walls | pages/s | new verdicts/s "
        "| reports/s | p50 ms | p99 | p99.9 | max | cores: service / clients / others | MB "
        "| refused |"
    )
    print("|" + "---|" * 15)
    for kind in asked.db or ["sqlite", "postgresql"]:
        for sessions in asked.sessions or [0, asked.sites]:
            for rate in asked.rate or [600.0, 1_000.0, 0.0]:
                row = run(
                    kind,
                    sites=asked.sites,
                    sessions=min(sessions, asked.sites),
                    connections=asked.connections,
                    rate=rate or None,
                    duration_s=asked.duration,
                    walls=asked.walls,
                )
                print(row, flush=True)


if __name__ == "__main__":
    main()
