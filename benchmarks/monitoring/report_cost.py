"""What a report costs, against bare FastAPI applications that store the same row.

    python -m benchmarks.monitoring.report_cost
    python -m benchmarks.monitoring.report_cost --rounds 5 --reports 4000

The bare applications take the same body by the same model and write the same columns to SQLite,
synced to disk: one commits what waits together, in a thread, as the service does; the other makes
an INSERT and a commit of each. They know no sites, tokens, limits or duplicates, show nothing and
log nothing. Each takes as many reports over as many connections, in turns; CPU time of their
processes, the least of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from lensong.monitoring.web.api.shapes import MeasurementIn, MeasurementsIn, ReportOut
from tests.ports import free_port
from tests.reporting_clients import connected, report_body, report_request
from tests.service_process import populated, service_process
from tests.waiting import PATIENCE_S

_COLUMNS = ("site_id", "client_id", "received_at", *MeasurementIn.model_fields)


def bare_app(path: Path, *, together: bool) -> FastAPI:
    """Return an application that stores reports and does nothing else."""
    thread = ThreadPoolExecutor(1)
    waiting: list[tuple[list[tuple[Any, ...]], asyncio.Future[None]]] = []
    arrived = asyncio.Event()

    database = sqlite3.connect(":memory:")

    def opened() -> sqlite3.Connection:
        found = sqlite3.connect(path, isolation_level=None)
        found.execute("PRAGMA journal_mode = WAL")
        found.execute("PRAGMA synchronous = FULL")
        found.execute(f"CREATE TABLE IF NOT EXISTS reports ({', '.join(_COLUMNS)})")
        found.execute("CREATE UNIQUE INDEX IF NOT EXISTS one ON reports (site_id, client_id, seq)")
        return found

    def insert(rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" for _ in _COLUMNS)
        database.execute("BEGIN IMMEDIATE")
        database.executemany(f"INSERT INTO reports VALUES ({marks})", rows)  # our own names
        database.execute("COMMIT")

    async def write() -> None:
        loop = asyncio.get_running_loop()
        while True:
            await arrived.wait()
            arrived.clear()
            batch = waiting[:]
            waiting.clear()
            await loop.run_in_executor(thread, insert, [row for rows, _ in batch for row in rows])
            for _, done in batch:
                done.set_result(None)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        nonlocal database
        database = await asyncio.get_running_loop().run_in_executor(thread, opened)
        task = asyncio.create_task(write())
        yield
        task.cancel()

    app = FastAPI(lifespan=lifespan)

    @app.post("/api/v1/sites/{site_id}/measurements", status_code=201)
    async def report(site_id: str, body: MeasurementsIn) -> list[ReportOut]:
        rows = [_row(site_id, body.client_id, item) for item in body.measurements]
        loop = asyncio.get_running_loop()
        if together:
            done: asyncio.Future[None] = loop.create_future()
            waiting.append((rows, done))
            arrived.set()
            await done
        else:
            await loop.run_in_executor(thread, insert, rows)
        return [ReportOut(seq=item.seq, fate="created") for item in body.measurements]

    return app


def _row(site_id: str, client_id: str, item: MeasurementIn) -> tuple[Any, ...]:
    return (
        site_id,
        client_id,
        _plain(datetime.now(UTC)),
        *(_plain(v) for v in dict(item).values()),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return int(value.timestamp() * 1e6)
    if isinstance(value, Enum):
        return value.value
    return json.dumps(value) if isinstance(value, list) else value


def _serve(path: str, together: str, port: str) -> None:
    import uvicorn

    app = bare_app(Path(path), together=together == "together")
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="error", access_log=False)


@contextmanager
def bare_process(folder: Path, together: str) -> Iterator[tuple[str, int]]:
    """Yield address and process of a bare application."""
    port = free_port()
    code = "import sys; from benchmarks.monitoring.report_cost import _serve; _serve(*sys.argv[1:])"
    path = str(folder / f"{together}.db")
    process = subprocess.Popen([sys.executable, "-c", code, path, together, str(port)])
    try:
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                asyncio.run(_closed(f"http://127.0.0.1:{port}"))
                break
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.kill()
        process.wait()


async def _closed(url: str) -> None:
    (await connected(url)).close()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def send(url: str, tokens: dict[str, str], count: int, connections: int, first: int) -> None:
    """Send as many reports of the sites in turn."""
    sites = list(tokens.items())
    numbers = iter(range(count))

    async def work() -> None:
        connection = await connected(url)
        for number in numbers:
            site_id, token = sites[number % len(sites)]
            body = report_body(first + number)
            status, _, answer = await connection.ask(report_request(site_id, token, body))
            if status != 201:
                raise RuntimeError(f"{url} answered {status}: {answer[:200]!r}")
        connection.close()

    await asyncio.gather(*(work() for _ in range(connections)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reports", type=int, default=3_000, help="of a round")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--sites", type=int, default=1_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cost-") as name:
        folder = Path(name)
        db = f"sqlite:///{folder / 'lensong.db'}"
        there = populated(db, asked.sites)
        with (
            service_process(folder, db) as service,
            bare_process(folder, "together") as (group_url, group_pid),
            bare_process(folder, "each") as (each_url, each_pid),
        ):
            who: dict[str, tuple[str, Callable[[], float]]] = {
                "the service": (service.url, service.cpu_s),
                "bare, group commit": (group_url, lambda: _cpu_s(group_pid)),
                "bare, an INSERT each": (each_url, lambda: _cpu_s(each_pid)),
            }
            best = dict.fromkeys(who, float("inf"))
            for number in range(asked.rounds + 1):
                for label, (url, cpu_s) in who.items():
                    first, began_s = number * 10**6, cpu_s()
                    sending = send(url, there.tokens, asked.reports, asked.connections, first)
                    asyncio.run(sending)
                    spent_s = cpu_s() - began_s
                    if number:  # the first one warms up
                        best[label] = min(best[label], spent_s)
    for label, spent_s in best.items():
        ratio = best["the service"] / spent_s
        print(
            f"{label:22} {1e6 * spent_s / asked.reports:5.0f} us of CPU a report"
            + ("" if label == "the service" else f"; the service costs {ratio:.2f} times as much")
        )


if __name__ == "__main__":
    main()
