"""Who used the processors while something was measured: a figure of a busy machine says little."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from tests.service_process import ServiceProcess


@dataclass(frozen=True)
class Cores:
    """Mean number of cores that were busy."""

    service: float
    measuring: float
    others: float

    def __str__(self) -> str:
        return f"{self.service:.2f} / {self.measuring:.2f} / {self.others:.2f}"


class CoreMeter:
    """Counts from when it is made; ``others`` holds the database server, where there is one."""

    def __init__(self, service: ServiceProcess) -> None:
        self._service = service
        self._began = self._read()

    def _read(self) -> tuple[float, float, float, float]:
        return time.monotonic(), self._service.cpu_s(), time.process_time(), _busy_s()

    def read(self) -> Cores:
        """Return the means since the beginning."""
        wall_s, service_s, own_s, busy_s = (
            after - before for before, after in zip(self._began, self._read(), strict=True)
        )
        others_s = max(0.0, busy_s - service_s - own_s)
        return Cores(service_s / wall_s, own_s / wall_s, others_s / wall_s)


def _busy_s() -> float:
    """Return the CPU time of the whole machine, all but idle and waiting for disks [s]."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(
            int, file.readline().split()[1:9]
        )
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
