"""What the running service says in an accident, and how long after it goes on, under load.

    python -m benchmarks.monitoring.accidents

Each accident begins in the fifth second of the load and lasts five. The full disk wants root, to
mount a small file system.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.postgres_server import postgres_server
from tests.reporting_clients import Tally, send_reports
from tests.service_process import ServiceProcess, populated, service_process
from tests.stored_reports import stored_keys

RATE = 150.0
BEFORE_S, LASTS_S, AFTER_S = 5.0, 5.0, 8.0
Accident = tuple[Callable[[], None], Callable[[], None]]


def watch(service: ServiceProcess, until_s: float, seen: list[tuple[float, int]]) -> None:
    """Ask whether it is ready, over and over."""
    while time.monotonic() < until_s:
        try:
            status, _ = service.get("/-/ready")
        except OSError:
            status = 0
        seen.append((time.monotonic(), status))
        time.sleep(0.05)


def run(name: str, folder: Path, db: str, accident: Accident) -> str:
    there = populated(db, 300)
    begin, end = accident
    told, seen = Tally(), list[tuple[float, int]]()
    with service_process(folder, db) as service:
        whole_s = BEFORE_S + LASTS_S + AFTER_S
        watcher = threading.Thread(
            target=watch, args=(service, time.monotonic() + whole_s + 5.0, seen)
        )
        load = threading.Thread(
            target=lambda: asyncio.run(
                send_reports(
                    service.url, there.tokens, duration_s=whole_s, rate_per_s=RATE, tally=told
                )
            )
        )
        load.start()
        time.sleep(BEFORE_S)
        watcher.start()
        begin()
        began_s = time.monotonic()
        time.sleep(LASTS_S)
        end()
        ended_s = time.monotonic()
        load.join()
        watcher.join()
    stored = stored_keys(db)
    unready = [at - began_s for at, status in seen if status == 503 and at > began_s]
    ready = [at - ended_s for at, status in seen if status == 200 and at > ended_s]
    cells = (
        name,
        f"{unready[0]:.1f} s" if unready else "never",
        f"{ready[0]:.1f} s" if ready else "never",
        str(sum(told.statuses[status] for status in (200, 201))),
        str(told.statuses[503]),
        str(told.statuses[429]),
        str(sum(n for s, n in told.statuses.items() if s not in (200, 201, 429, 503))),
        str(told.broken),
        str(len(told.acknowledged - set(stored))),
        str(len(stored) - len(set(stored))),
    )
    return "| " + " | ".join(cells) + " |"


@contextmanager
def locked(folder: Path) -> Iterator[Accident]:
    other: list[sqlite3.Connection] = []

    def begin() -> None:
        other.append(
            sqlite3.connect(
                folder / "lensong.db", isolation_level=None, timeout=5.0, check_same_thread=False
            )
        )
        other[0].execute("BEGIN IMMEDIATE")

    yield begin, lambda: other[0].close()


@contextmanager
def full(folder: Path) -> Iterator[Accident]:
    def begin() -> None:
        with suppress(OSError), (folder / "ballast").open("wb") as ballast:
            while True:
                ballast.write(bytes(65_536))
                ballast.flush()

    yield begin, lambda: (folder / "ballast").unlink()


def main() -> None:
    print(
        "| accident | `/-/ready` says 503 after | says 200 again after its end | reports taken "
        "| 503 | 429 | other answers | broken connections | acknowledged and lost | stored twice |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="locked-") as name, locked(Path(name)) as accident:
        folder = Path(name)
        print(run("SQLite locked", folder, f"sqlite:///{folder / 'lensong.db'}", accident))
    if os.geteuid() == 0:
        with tempfile.TemporaryDirectory(prefix="full-") as name:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", name], check=True)
            try:
                with full(Path(name)) as accident:
                    db = f"sqlite:///{Path(name) / 'lensong.db'}"
                    print(run("disk full", Path(name), db, accident))
            finally:
                subprocess.run(["umount", "-l", name], check=True)
    with (
        tempfile.TemporaryDirectory(prefix="pg-") as name,
        postgres_server(Path(name) / "pg", fsync=True) as server,
    ):
        db = server.new_database()
        print(run("PostgreSQL stopped", Path(name), db, (server.stop, server.start)))


if __name__ == "__main__":
    main()
