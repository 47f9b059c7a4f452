"""How long a scrape of 1,000 full sites takes, step by step, beside prometheus-client's own writer.

python -m pytest benchmarks/monitoring/test_scrape_speed.py -m benchmark -s
"""

from __future__ import annotations

import asyncio
import gc
import gzip
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest
import yaml
from fastapi import FastAPI
from prometheus_client import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.live.snapshot import ServiceSnapshot
from lensong.monitoring.metrics.collector import SnapshotCollector
from lensong.monitoring.metrics.exposition import Exposition
from lensong.monitoring.metrics.text import write_text
from lensong.monitoring.web.api.metrics import metrics_router
from tests.test_deploy.programs import (
    free_port,
    prometheus,
    query,
    served,
    shipped_prometheus,
    wait_for,
)
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
    snapshot = full_snapshot(SITES)

    async def run() -> float:
        exposition = Exposition(lambda: snapshot, SystemClock(), cache_s=0.0)
        scrape = asyncio.create_task(exposition.page(accept="application/openmetrics-text"))
        longest_s = 0.0
        while not scrape.done():
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest_s = max(longest_s, time.perf_counter() - began)
        return longest_s

    for what in ("everything collected", "what was there before frozen"):
        waits_ms = sorted(1_000.0 * asyncio.run(run()) for _ in range(5))
        print(f"\n{what}: longest wait of the event loop in a scrape, 5 scrapes: "
              f"{waits_ms[0]:.0f} to {waits_ms[-1]:.0f} ms")  # fmt: skip
        gc.collect()
        gc.freeze()
    gc.unfreeze()


async def _scrape() -> bytes:
    exposition = Exposition(lambda: full_snapshot(SITES), SystemClock())
    page = await exposition.page(accept="application/openmetrics-text", accept_encoding="gzip")
    return page.body


@pytest.mark.benchmark
@pytest.mark.skipif(which("prometheus") is None, reason="prometheus is not installed")
def test_what_a_real_prometheus_says_of_its_scrape(tmp_path: Path) -> None:
    async def no_profile(_code: str) -> None:
        return None

    def snapshot() -> ServiceSnapshot:
        return full_snapshot(SITES, datetime.now(UTC))

    app, port = FastAPI(), free_port()
    app.include_router(metrics_router(Exposition(snapshot, SystemClock(), 0.0), no_profile))
    config = shipped_prometheus(tmp_path / "prometheus", service=port, alertmanager=free_port())
    # every second here, where 1,000 probes a second would be 60 times what is shipped
    content = yaml.safe_load(config.read_text("utf-8"))
    content["scrape_configs"] = content["scrape_configs"][:1]
    config.write_text(yaml.safe_dump(content), "utf-8")
    of_job = '{job="lensong"}'
    with served(app, port), prometheus(config) as address:
        wait_for(
            lambda: query(address, f"count_over_time(scrape_duration_seconds{of_job}[1m]) > 5"),
            "six scrapes",
        )
        (samples,) = query(address, f"scrape_samples_scraped{of_job}")
        (least,) = query(address, f"min_over_time(scrape_duration_seconds{of_job}[1m])")
        (most,) = query(address, f"max_over_time(scrape_duration_seconds{of_job}[1m])")
    took_s = [float(sample["value"][1]) for sample in (least, most)]
    print(f"\n{samples['value'][1]} samples in {took_s[0]:.2f} to {took_s[1]:.2f} s")
    assert took_s[1] < 1.0
