"""How long a scrape of 1,000 full sites takes, step by step, beside prometheus-client's own writer.

python -m pytest benchmarks/monitoring/test_scrape_speed.py -m benchmark -s
"""

from __future__ import annotations

import asyncio
import gzip
import resource
import time
from collections.abc import Callable

import pytest
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.metrics.collector import SnapshotCollector
from lensong.monitoring.metrics.exposition import Exposition
from lensong.monitoring.metrics.text import write_text
from tests.test_monitoring.test_metrics.full_snapshot import NOW, full_snapshot

SITES = 1_000


def least_s(work: Callable[[], object], rounds: int = 5) -> float:
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


@pytest.mark.benchmark
def test_a_scrape_of_1000_full_sites_takes_less_than_a_second() -> None:
    snapshot = full_snapshot(SITES)
    metrics = list(SnapshotCollector(snapshot, NOW).collect())
    series = sum(len(metric.samples) for metric in metrics)
    text = write_text(metrics)
    openmetrics = write_text(metrics, openmetrics=True)
    steps = {
        "snapshot to metrics": lambda: list(SnapshotCollector(snapshot, NOW).collect()),
        "metrics to text": lambda: write_text(metrics),
        "metrics to OpenMetrics": lambda: write_text(metrics, openmetrics=True),
        "prometheus-client, all, text": lambda: generate_latest(SnapshotCollector(snapshot, NOW)),
        "prometheus-client, all, OpenMetrics": lambda: generate_openmetrics(  # type: ignore[no-untyped-call]
            SnapshotCollector(snapshot, NOW)
        ),
        "gzip -1": lambda: gzip.compress(openmetrics, 1, mtime=0),
        "gzip -6": lambda: gzip.compress(openmetrics, 6, mtime=0),
    }
    print(f"\n{SITES} full sites, {series} series, {len(text) / 1e6:.2f} MB of text")
    for level in (1, 6):
        print(f"gzip -{level}: {len(gzip.compress(openmetrics, level)) / 1e6:.2f} MB")
    for name, work in steps.items():
        print(f"{name}: {1_000.0 * least_s(work):.0f} ms")
    took_s = least_s(lambda: asyncio.run(_scrape()))
    print(f"whole scrape, as Prometheus asks: {1_000.0 * took_s:.0f} ms")
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} kB")
    assert took_s < 1.0


@pytest.mark.benchmark
def test_how_long_the_event_loop_waits_for_the_interpreter_during_a_scrape() -> None:
    async def run() -> float:
        exposition = Exposition(lambda: full_snapshot(SITES), SystemClock(), cache_s=0.0)
        scrape = asyncio.create_task(exposition.page(accept="application/openmetrics-text"))
        longest_s = 0.0
        while not scrape.done():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest_s = max(longest_s, time.perf_counter() - began)
        return longest_s

    waits_ms = sorted(1_000.0 * asyncio.run(run()) for _ in range(5))
    print(f"\nlongest wait of the event loop in a scrape, 5 scrapes: {waits_ms[0]:.0f} to "
          f"{waits_ms[-1]:.0f} ms")  # fmt: skip


async def _scrape() -> bytes:
    exposition = Exposition(lambda: full_snapshot(SITES), SystemClock())
    page = await exposition.page(accept="application/openmetrics-text", accept_encoding="gzip")
    return page.body
