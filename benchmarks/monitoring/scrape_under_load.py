"""A thousand full sites, scraped every 15 s while reports and figures of streams arrive.

python -m benchmarks.monitoring.scrape_under_load --help
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import tempfile
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from benchmarks.monitoring.cores import CoreMeter
from benchmarks.monitoring.sustained_load import database
from lensong.monitoring.records import CountedBy, Measurement, Method, Outcome, Session
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.measurements import (
    hours_received_since,
    roll_up,
    store_measurements,
)
from lensong.monitoring.store.places import Prediction, put_predictions
from lensong.monitoring.store.retention import mark
from lensong.monitoring.store.streams import StreamSource, put_source
from lensong.monitoring.streams.target import CollectorTarget
from tests.reporting_clients import Connection, Tally, connected, send_reports
from tests.service_process import Population, ServiceProcess, populate, service_process

SITES = 1_000
PUSH_EVERY_S = 5.0
SCRAPE_EVERY_S = 15.0
WARM_UP_S = 15.0


async def fill(db: str) -> Population:
    """Give every site all that it can have: a live session, a plan, tests, an encoder."""
    now = datetime.now(UTC)
    sessions = tuple(
        Session(
            session_id=f"session-{number}",
            site_id=f"site-{number:04d}",
            title="Synthetic",
            profile_code="tiktok-720p30",
            starts_at=now - timedelta(minutes=10),
            ends_at=now + timedelta(hours=3),
        )
        for number in range(SITES)
    )
    there = await populate(db, SITES, sessions)
    opened = Database(db)
    async with opened.write_engine.begin() as connection:
        await put_predictions(
            connection,
            [
                Prediction(
                    site_id=site_id,
                    technology="4G",
                    operator="Viettel",
                    coverage_run="synthetic",
                    rsrp_dbm=-98.0,
                    uplink_p50_bps=9e6,
                    sigma_db=8.0,
                    computed_at=now,
                )
                for site_id in there.tokens
            ],
        )
        await store_measurements(
            connection,
            [
                Measurement(
                    site_id=site_id,
                    client_id="page",
                    seq=None,
                    test_id=f"test-{site_id}-{number}",
                    started_at=now - timedelta(hours=6 * number + 1),
                    received_at=now - timedelta(hours=1),
                    method=Method.PAGE,
                    outcome=Outcome.SUCCESS,
                    counted_by=CountedBy.SERVER,
                    duration_s=30.0,
                    uplink_bins_bps=tuple(6e6 + 1e5 * second for second in range(27)),
                    uplink_p10_bps=6.2e6,
                    uplink_p50_bps=7.3e6,
                    uplink_min_bps=6e6,
                    rtt_idle_ms=40.0,
                    rtt_loaded_ms=200.0,
                    jitter_ms=5.0,
                    loss_ratio=0.001,
                    technology="4G",
                    operator="Viettel",
                    rsrp_dbm=-98.0,
                    sinr_db=9.0,
                )
                for site_id in there.tokens
                for number in range(8)
            ],
        )
        for site_id in there.tokens:
            target = CollectorTarget(kind="ffmpeg")
            await put_source(
                connection, StreamSource(site_id=site_id, target=target, created_at=now)
            )
        hours = await hours_received_since(connection, now - timedelta(days=1))
        await roll_up(connection, hours)
        await mark(connection, "hourly", now)
    await opened.close()
    return there


def push_request(site_id: str, token: str, media_s: float) -> bytes:
    body = (
        f"frame={int(media_s * 25)}\ntotal_size={int(media_s * 330_000)}\n"
        f"out_time_us={int(media_s * 1e6)}\nprogress=continue\n"
    )
    return (
        f"POST /api/v1/sites/{site_id}/stream/ffmpeg HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def push_streams(url: str, tokens: dict[str, str], duration_s: float, told: Tally) -> None:
    """Be the encoders of all sites: each sends its figures every few seconds."""
    every = list(tokens.items())
    began, numbers = time.monotonic(), count()

    async def work() -> None:
        connection: Connection = await connected(url)
        while True:
            number = next(numbers)
            due_s = number * PUSH_EVERY_S / len(every)
            if max(due_s, time.monotonic() - began) >= duration_s:
                break
            await asyncio.sleep(max(0.0, due_s - (time.monotonic() - began)))
            site_id, token = every[number % len(every)]
            media_s = 100.0 + time.monotonic() - began
            status, _, _ = await connection.ask(push_request(site_id, token, media_s))
            told.statuses[status] += 1
        connection.close()

    await asyncio.gather(*(work() for _ in range(8)))


async def scrape(url: str, token: str) -> tuple[float, bytes]:
    """Return how long one scrape took, and its text, asked for as Prometheus does."""
    began = time.monotonic()
    connection = await connected(url)
    status, _, body = await connection.ask(
        (
            f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
            "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n"
            "Accept-Encoding: gzip\r\n\r\n"
        ).encode()
    )
    took_s = time.monotonic() - began
    connection.close()
    assert status == 200, body
    return took_s, gzip.decompress(body)


async def run(service: ServiceProcess, there: Population, rate: float, duration_s: float) -> str:
    await asyncio.gather(  # until each site has been heard once
        send_reports(
            service.url, there.tokens, duration_s=WARM_UP_S, rate_per_s=100.0, first_seq=10**9
        ),
        push_streams(service.url, there.tokens, WARM_UP_S, Tally()),
    )
    pushes, took_s, text, meter = Tally(), [], b"", CoreMeter(service)
    load = asyncio.create_task(
        send_reports(service.url, there.tokens, duration_s=duration_s, rate_per_s=rate)
    )
    encoders = asyncio.create_task(push_streams(service.url, there.tokens, duration_s, pushes))
    began = time.monotonic()
    await asyncio.sleep(SCRAPE_EVERY_S)
    while time.monotonic() - began < duration_s:
        next_s = time.monotonic() + SCRAPE_EVERY_S
        took, text = await scrape(service.url, there.scraper)
        took_s.append(took)
        await asyncio.sleep(max(0.0, next_s - time.monotonic()))
    told = await load
    await encoders
    cores = meter.read()
    lines = [line for line in text.splitlines() if not line.startswith(b"#")]
    of_sites = sum(b'site="' in line for line in lines)
    status = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    peak_mb = next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1e3
    refused = {n: c for n, c in (told.statuses + pushes.statuses).items() if n not in (200, 201)}
    cells = (
        f"{len(told.acknowledged) / duration_s:.0f}/s",
        f"{pushes.statuses[200] / duration_s:.0f}/s",
        f"{of_sites / SITES:.1f}",
        f"{len(lines)}",
        f"{len(text) / 1e6:.1f} MB",
        f"{1e3 * min(took_s):.0f} to {1e3 * max(took_s):.0f} ms ({len(took_s)} scrapes)",
        *(f"{told.percentile_ms(share):.0f}" for share in (0.5, 0.99, 1.0)),
        f"{service.resident_bytes() / 1e6:.0f} / {peak_mb:.0f} MB",
        str(cores),
        f"{refused or 'none'}",
    )
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--db", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rate", type=float, default=200.0, help="reports a second")
    parser.add_argument("--duration", type=float, default=120.0, help="seconds")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="scrape-") as name,
        database(asked.db, Path(name)) as db,
    ):
        there = asyncio.run(fill(db))
        with service_process(Path(name), db) as service:
            print(
                "| reports | encoders' figures | series a site | series | text | scrape "
                "| a report: p50 ms | p99 | max | memory, its peak "
                "| cores: service / clients / others | refused |"
            )
            print("|---|---|---|---|---|---|---|---|---|---|---|---|")
            print(asyncio.run(run(service, there, asked.rate, asked.duration)))
            print(service.log()[-3_000:])


if __name__ == "__main__":
    main()
