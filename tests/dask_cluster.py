"""A Dask cluster of real processes on loopback: a scheduler and workers, to be killed at will."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port
from tests.waiting import wait_until

__all__ = ["DaskCluster", "dask_cluster"]


@dataclass
class DaskCluster:
    """A scheduler, its workers, and a folder for their logs."""

    folder: Path
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self) -> None:
        """Start a worker of one thread, which nobody starts again when it dies."""
        number = len(self.workers)
        here = self.folder / f"worker-{number}"
        here.mkdir()
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--memory-limit", "0")
        worker = _start(
            here / "log", "worker", self.address, *options, "--local-directory", str(here)
        )
        self.workers.append(worker)
        wait_until(
            lambda: b"Registered to" in (here / "log").read_bytes(),
            f"worker {number} ({here / 'log'})",
        )

    def kill_worker(self, number: int) -> None:
        """End a worker as a power cut does."""
        self.workers[number].send_signal(signal.SIGKILL)
        self.workers[number].wait()

    def kill_scheduler(self) -> None:
        self.scheduler.send_signal(signal.SIGKILL)
        self.scheduler.wait()

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                process.kill()
            process.wait()


def _start(log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "dask", *arguments],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )


@contextmanager
def dask_cluster(folder: Path, workers: int) -> Iterator[DaskCluster]:
    """Hold a scheduler with so many workers."""
    folder.mkdir()
    port = free_port()
    log = folder / "scheduler"
    scheduler = _start(
        log, "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"
    )
    cluster = DaskCluster(folder, f"tcp://127.0.0.1:{port}", scheduler)
    try:
        wait_until(lambda: b"Scheduler at" in log.read_bytes(), f"the scheduler ({log})")
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.stop()
