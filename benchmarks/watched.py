"""Memory and processor time of a process from outside, stage by stage; Linux alone."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

__all__ = ["Stage", "Watched"]

_EVERY_S = 0.05
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What one stage took.

    Parameters
    ----------
    wall_s, cpu_s : float
    peak_gb : float
        Most memory that the process had at once [2**30 bytes], as the system counts it.
    own_gb, of_files_gb : float
        Of the greatest of the samples: memory of its own, and pages of files.
    """

    name: str
    wall_s: float
    cpu_s: float
    peak_gb: float
    own_gb: float
    of_files_gb: float

    @property
    def said(self) -> str:
        """Return it as a line."""
        held = f"own {self.own_gb:4.2f}, of files {self.of_files_gb:4.2f}"
        return (
            f"{self.name:36s} {self.wall_s:7.1f} s {self.cpu_s:7.1f} CPU-s  "
            f"peak {self.peak_gb:4.2f} GB ({held})"
        )


class Watched:
    """Follows a process; `stage` ends one stage and begins the next.

    Parameters
    ----------
    pid : int
        The own one, or that of a child.
    """

    def __init__(self, pid: int) -> None:
        self._proc = Path(f"/proc/{pid}")
        self._lock, self._ended = Lock(), Event()
        self._most = (0, 0)
        self.peak_gb = 0.0
        self._begin()
        self._thread = Thread(target=self._sample, name="watched", daemon=True)
        self._thread.start()

    def stage(self, name: str) -> Stage:
        """Return what was taken since the last call, and forget it."""
        status = self._status()
        with self._lock:
            own, of_files = self._most
        peak_gb = status["VmHWM"] / 2**20
        self.peak_gb = max(self.peak_gb, peak_gb)
        found = Stage(
            name=name,
            wall_s=time.perf_counter() - self._since,
            cpu_s=self.cpu_s() - self._cpu_s,
            peak_gb=peak_gb,
            own_gb=own / 2**20,
            of_files_gb=of_files / 2**20,
        )
        self._begin()
        return found

    def cpu_s(self) -> float:
        """Return the processor time of the process so far [s]."""
        told = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) * _TICK_S

    def close(self) -> None:
        """Follow no more."""
        self._ended.set()
        self._thread.join()

    def _begin(self) -> None:
        (self._proc / "clear_refs").write_text("5")  # VmHWM counts from here
        self._since, self._cpu_s = time.perf_counter(), self.cpu_s()
        with self._lock:
            self._most = (0, 0)

    def _status(self) -> dict[str, int]:
        lines = (self._proc / "status").read_text().splitlines()
        return {
            name: int(told.split()[0])
            for name, _, told in (line.partition(":") for line in lines)
            if told.endswith("kB")
        }

    def _sample(self) -> None:
        while not self._ended.wait(_EVERY_S):
            try:
                status = self._status()
                now = (status["RssAnon"], status["RssFile"] + status["RssShmem"])
            except (OSError, KeyError):  # it has ended
                return
            with self._lock:
                self._most = max(self._most, now, key=sum)
