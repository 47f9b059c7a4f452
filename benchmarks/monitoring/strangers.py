"""What strangers who ask in a loop leave of the reports.

    python -m benchmarks.monitoring.strangers
    python -m benchmarks.monitoring.strangers --strangers 64 --duration 15

Reports come as fast as they are taken, over 16 connections: by themselves, while strangers loop on
signing in with a wrong password, and while they loop with a token that is none; all from one
address, the service on the same cores. The share is of the mean of the phases without strangers
before and after.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.monitoring.cores import CoreMeter
from benchmarks.monitoring.sustained_load import database
from tests.reporting_clients import connected, send_reports
from tests.service_process import Population, ServiceProcess, populated, service_process


def _signing_in(_: int) -> bytes:
    body = json.dumps({"person_id": "root", "password": "not the password"}).encode()
    return (
        "POST /api/v1/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def _with_token(number: int) -> bytes:
    return (
        "GET /api/v1/sites HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer none-of-anybody-{number}\r\n\r\n"
    ).encode()


async def _loop(url: str, request: Callable[[int], bytes], heard: Counter[int]) -> None:
    number = 0
    while True:
        try:
            connection = await connected(url)
            while True:
                number += 1
                status, _, _ = await connection.ask(request(number))
                heard[status] += 1
        except OSError:
            await asyncio.sleep(0.01)


async def _phase(
    service: ServiceProcess,
    there: Population,
    request: Callable[[int], bytes] | None,
    strangers: int,
    duration_s: float,
    first_seq: int,
) -> tuple[float, float, Counter[int]]:
    heard: Counter[int] = Counter()
    looping = [
        asyncio.create_task(_loop(service.url, request, heard))
        for _ in range(strangers if request is not None else 0)
    ]
    began_s = time.monotonic()
    told = await send_reports(service.url, there.tokens, duration_s=duration_s, first_seq=first_seq)
    took_s = time.monotonic() - began_s
    for task in looping:
        task.cancel()
    await asyncio.gather(*looping, return_exceptions=True)
    return len(told.acknowledged) / took_s, told.percentile_ms(0.99), heard


@contextmanager
def _started(folder: Path, db: str) -> Iterator[tuple[ServiceProcess, Population]]:
    there = populated(db, 1_000)
    with service_process(folder, db) as service:
        yield service, there


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--strangers", type=int, default=64)
    parser.add_argument("--duration", type=float, default=15.0, help="of a phase [s]")
    asked = parser.parse_args()
    phases: tuple[tuple[str, Callable[[int], bytes] | None], ...] = (
        ("nobody", None),
        (f"{asked.strangers} signing in", _signing_in),
        ("nobody", None),
        (f"{asked.strangers} with tokens that are none", _with_token),
        ("nobody", None),
    )
    print("| beside | reports/s | p99 ms | strangers heard | cores: service / clients / others |")
    print("|---|---|---|---|---|")
    rates: list[float] = []
    with (
        tempfile.TemporaryDirectory(prefix="strangers-") as name,
        database(asked.db, Path(name)) as db,
    ):
        there = populated(db, 1_000)
        with service_process(Path(name), db) as service:
            asyncio.run(send_reports(service.url, there.tokens, duration_s=3.0, first_seq=10**9))
            for number, (label, request) in enumerate(phases):
                meter = CoreMeter(service)
                rate, p99_ms, heard = asyncio.run(
                    _phase(service, there, request, asked.strangers, asked.duration, number * 10**6)
                )
                rates.append(rate)
                answers = ", ".join(f"{n} x {status}" for status, n in sorted(heard.items()))
                cells = (label, f"{rate:.0f}", f"{p99_ms:.0f}", answers or "–", str(meter.read()))
                print("| " + " | ".join(cells) + " |", flush=True)
    for at in (1, 3):
        share = 2.0 * rates[at] / (rates[at - 1] + rates[at + 1])
        print(f"{phases[at][0]} leave {100.0 * share:.0f} % of the reports")


if __name__ == "__main__":
    main()
