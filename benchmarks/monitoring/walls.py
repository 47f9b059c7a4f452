"""What wallboards cost the reports: their times without walls, and with walls that hang.

    python -m benchmarks.monitoring.walls
    python -m benchmarks.monitoring.walls --walls 200 --rounds 3 --duration 20
    python -m benchmarks.monitoring.walls --at-once

The walls are opened one after the other, are left to settle, and hang while reports come; each
round is one phase with them between two without. The ratio of a round is the p99 with walls to the
mean of the p99 of its neighbours; the last line is the median of the rounds. With ``--at-once``
they are opened all in one moment while reports come, as after a power cut: a figure of its own.
Walls, senders and service are three processes on the same cores.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.monitoring.cores import CoreMeter
from benchmarks.monitoring.sustained_load import database, soon
from benchmarks.monitoring.wall_clients import Seen, WallProcess, hanging_walls
from tests.reporting_clients import Tally, send_reports
from tests.service_process import Population, ServiceProcess, populated, service_process

_HEAD = (
    "| walls | reports/s | p50 ms | p99 | max | not taken | events told/s | pages/s | page kB "
    "| not shown | cores: service / senders / others and walls |"
)


class _Phases:
    """Phases of one run: each prints its row and returns its p99."""

    def __init__(
        self, service: ServiceProcess, there: Population, rate: float, duration_s: float
    ) -> None:
        self._service, self._there = service, there
        self._rate, self._duration_s = rate, duration_s
        self._number = 0

    def run(self, label: str, walls: WallProcess | None) -> float:
        """Send reports for the time of a phase and return their p99 [ms]."""
        self._number += 1
        if walls is not None:
            walls.seen()
        meter, began_s = CoreMeter(self._service), time.monotonic()
        told: Tally = asyncio.run(
            send_reports(
                self._service.url,
                self._there.tokens,
                duration_s=self._duration_s,
                rate_per_s=self._rate,
                first_seq=self._number * 10**6,
            )
        )
        took_s, cores = time.monotonic() - began_s, meter.read()
        seen = Seen() if walls is None else walls.seen()
        pages = sum(seen.pages.values())
        cells = (
            label,
            f"{len(told.acknowledged) / took_s:.0f}",
            *(f"{told.percentile_ms(share):.1f}" for share in (0.5, 0.99, 1.0)),
            str(sum(n for s, n in told.statuses.items() if s > 201) + told.broken),
            f"{seen.events / took_s:.0f}",
            f"{pages / took_s:.0f}",
            f"{seen.page_bytes / max(pages, 1) / 1e3:.1f}",
            str(seen.broken + pages - seen.pages["200"]),
            str(cores),
        )
        print("| " + " | ".join(cells) + " |", flush=True)
        return told.percentile_ms(0.99)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--sites", type=int, default=300)
    parser.add_argument("--rate", type=float, default=60.0, help="reports a second")
    parser.add_argument("--walls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="phases with walls")
    parser.add_argument("--duration", type=float, default=20.0, help="of a phase [s]")
    parser.add_argument("--settle", type=float, default=10.0, help="between opening and phase [s]")
    parser.add_argument("--at-once", action="store_true", help="open them in a phase, at once")
    asked = parser.parse_args()
    most = asked.walls + 10
    limits = {"event_listeners": most, "event_listeners_of_one": most}
    print(_HEAD + "\n|" + "---|" * (_HEAD.count("|") - 1))
    ratios: list[float] = []
    with tempfile.TemporaryDirectory(prefix="walls-") as name, database(asked.db, Path(name)) as db:
        there = populated(db, asked.sites, soon(asked.sites))
        with service_process(Path(name), db, limits=limits) as service:
            asyncio.run(send_reports(service.url, there.tokens, duration_s=5.0, first_seq=10**9))
            phases = _Phases(service, there, asked.rate, asked.duration)
            before_ms = phases.run("0", None)
            for _ in range(asked.rounds):
                within_s = 0.0 if asked.at_once else asked.settle
                with hanging_walls(
                    service.url, there.admin_headers, asked.walls, within_s
                ) as walls:
                    if not asked.at_once:
                        time.sleep(2.0 * asked.settle)
                    label = f"{asked.walls}{', opened at once' if asked.at_once else ''}"
                    with_ms = phases.run(label, walls)
                time.sleep(2.0)
                after_ms = phases.run("0", None)
                ratios.append(2.0 * with_ms / (before_ms + after_ms))
                before_ms = after_ms
    told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(f"\np99 with walls to without: {statistics.median(ratios):.2f} (rounds: {told})")


if __name__ == "__main__":
    main()
