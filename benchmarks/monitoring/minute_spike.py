"""A full minute strikes and a thousand phones report at once: how long until all are served?

python -m benchmarks.monitoring.minute_spike --help
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from pathlib import Path

from benchmarks.monitoring.cores import CoreMeter
from benchmarks.monitoring.sustained_load import database
from tests.reporting_clients import Delivered, deliver
from tests.service_process import Population, populated, service_process
from tests.stored_reports import stored_keys


async def spike(url: str, there: Population, clients: int) -> list[Delivered]:
    chance = random.Random(4)
    sites = list(there.tokens.items())

    async def client(number: int) -> Delivered:
        await asyncio.sleep(chance.random())  # within a second
        site_id, token = sites[number % len(sites)]
        return await deliver(url, site_id, token, client_id=f"phone-{number}")

    return await asyncio.gather(*(client(number) for number in range(clients)))


def run(kind: str, clients: int, sites: int, queued_writes: int) -> str:
    with tempfile.TemporaryDirectory(prefix="spike-") as name, database(kind, Path(name)) as db:
        there = populated(db, sites)
        with service_process(Path(name), db, limits={"queued_writes": queued_writes}) as service:
            meter, began = CoreMeter(service), time.monotonic()
            told = asyncio.run(spike(service.url, there, clients))
            all_s = time.monotonic() - began
            cores = meter.read()
        stored = stored_keys(db)
    took = sorted(item.took_s for item in told)
    cells = (
        kind,
        str(clients),
        str(queued_writes),
        f"{all_s:.1f} s",
        f"{took[len(took) // 2]:.2f}",
        f"{took[int(0.99 * len(took))]:.2f}",
        f"{took[-1]:.2f} s",
        str(sum(item.attempts > 1 for item in told)),
        f"{len(stored)}, {len(stored) - len(set(stored))} twice",
        str(cores),
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--sites", type=int, default=1_000)
    asked = parser.parse_args()
    print(
        "| database | clients in a second | `queued_writes` | all served after | a client: median "
        "| p99 | longest | had to ask again | stored | cores: service / clients / others |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in asked.db or ["sqlite", "postgresql"]:
        for queued_writes in (2_000, 50):
            print(run(kind, asked.clients, asked.sites, queued_writes), flush=True)


if __name__ == "__main__":
    main()
