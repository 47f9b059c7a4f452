"""How large a plan is, said before it starts; asked where it is a great deal."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from lensong.cli.console import Console, grouped

if TYPE_CHECKING:
    from lensong.coverage.scenario.size import PlanSize

__all__ = ["Agreement"]

_SAY_ABOVE_S = 60.0
_ASK_ABOVE_S = 3600.0
_MEMORY_SHARE = 0.8  # of this machine's: beyond, it swaps or is killed


class Agreement:
    """Says what is to come, and asks for ``--yes`` where that is long or does not fit.

    Parameters
    ----------
    console : Console
    threads : int
        That compute.
    yes : bool
        Do not ask.
    elsewhere : bool
        Other machines compute: time is told for one processor, and memory is theirs.
    """

    def __init__(
        self, console: Console, *, threads: int, yes: bool, elsewhere: bool = False
    ) -> None:
        self._console, self._threads = console, threads
        self._yes, self._elsewhere = yes, elsewhere

    def to(self, *sizes: PlanSize) -> None:
        """Say how large plans are; ask once for all.

        Raises
        ------
        ConfigError
            It is a great deal and nobody agreed.
        """
        from lensong.propagation.errors import ConfigError

        cpu_s = sum(size.cpu_s for size in sizes)
        memory_bytes = max(size.memory_bytes for size in sizes)
        machine_bytes = _machine_bytes()
        fits = self._elsewhere or machine_bytes is None
        fits = fits or memory_bytes <= _MEMORY_SHARE * (machine_bytes or 0.0)
        plans = f"{len(sizes)} plans, " if len(sizes) > 1 else ""
        where = "of one processor, shared by all workers" if self._elsewhere else "here"
        seconds = cpu_s if self._elsewhere else cpu_s / min(self._threads, os.cpu_count() or 1)
        much = (
            f"{plans}{grouped(sum(size.cells for size in sizes))} cells of "
            f"{min(size.grid.cell_m for size in sizes):g} m and "
            f"{grouped(sum(size.sweeps for size in sizes))} sweeps: about {_duration(seconds)} "
            f"{where} if nothing is in the cache, and {memory_bytes / 1e9:.1f} GB of memory"
        )
        if cpu_s > _SAY_ABOVE_S or not fits:
            self._console.say(much)
        if self._yes or (seconds <= _ASK_ABOVE_S and fits):
            return
        lacking = "" if fits else f" where this machine has {(machine_bytes or 0) / 1e9:.0f} GB"
        if sys.stdin.isatty() and click.confirm("Begin?", err=True):
            return
        raise ConfigError(
            f"{much}{lacking}: say --yes if that is meant, raise area.resolution_m, or choose a "
            "smaller area or network.radius_m"
        )


def _machine_bytes() -> float | None:
    """Return the memory of this machine; None where that cannot be told."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return None


def _duration(seconds: float) -> str:
    if seconds < 90.0:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400.0 else f"{seconds / 3600:,.1f} h"
