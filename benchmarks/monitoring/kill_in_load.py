"""Kill the service in the middle of its load, again and again: is every acknowledged report there?

python -m benchmarks.monitoring.kill_in_load --db postgresql --kills 10
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.monitoring.sustained_load import database
from tests.reporting_clients import REPORT_BYTES, Tally, send_reports
from tests.service_process import populated, service_process
from tests.stored_reports import hourly_bytes, stored_keys


def run(kind: str, kills: int) -> str:
    chance = random.Random(4)
    acknowledged: set[tuple[str, str, int]] = set()
    broken, starts_s = 0, []
    with tempfile.TemporaryDirectory(prefix="kill-") as name, database(kind, Path(name)) as db:
        there = populated(db, 1_000)
        with service_process(Path(name), db, start=False) as service:
            for kill in range(kills):
                began = time.monotonic()
                service.start()
                starts_s.append(time.monotonic() - began)
                told = Tally()
                killer = threading.Timer(chance.uniform(1.0, 4.0), service.kill)
                killer.start()
                asyncio.run(
                    send_reports(
                        service.url,
                        there.tokens,
                        duration_s=4.2,
                        connections=32,
                        first_seq=kill * 10**6,
                        tally=told,
                    )
                )
                killer.join()
                acknowledged |= told.acknowledged
                broken += told.broken
            service.start()
            stored = stored_keys(db)
            began = time.monotonic()
            spent = len(stored) * REPORT_BYTES
            summed = hourly_bytes(db, until=spent) == spent
            summed_s = time.monotonic() - began
    cells = (
        kind,
        str(kills),
        str(len(acknowledged)),
        str(len(acknowledged - set(stored))),
        str(len(stored) - len(set(stored))),
        str(len(set(stored) - acknowledged)),
        f"{max(starts_s):.1f} s",
        f"{summed_s:.1f} s" if summed else "not within a minute",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "postgresql"), action="append")
    parser.add_argument("--kills", type=int, default=10)
    asked = parser.parse_args()
    print(
        "| database | kills | acknowledged | of these lost | stored twice "
        "| stored, not acknowledged | longest start | hours summed up after |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind in asked.db or ["sqlite", "postgresql"]:
        print(run(kind, asked.kills), flush=True)


if __name__ == "__main__":
    main()
