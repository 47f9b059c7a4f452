"""What the command line shows while it works: bars on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Console", "grouped"]

_LONG_S = 1.0
"""Stages shorter than this leave no line in a log."""

_LOG_EVERY_S = 20.0


class Console:
    """Progress and messages on stderr; results alone go to stdout.

    Parameters
    ----------
    quiet : bool
        Show no progress. Errors are shown all the same.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, float] = {}
        self._logged_s = time.monotonic()

    @contextmanager
    def working(self) -> Iterator[Console]:
        """Keep the bars of all stages on the screen until the block ends."""
        if self._quiet or not sys.stderr.isatty():
            yield self
            return
        from rich.console import Console as Screen
        from rich.progress import (
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Screen(stderr=True)) as bars:
            self._bars = bars
            try:
                yield self
            finally:
                self._bars = None
                self._tasks = {}

    def progress(self, stage: str, done: float, total: float) -> None:
        """Show that ``done`` of ``total`` steps of a stage are finished."""
        if self._quiet:
            return
        if self._bars is not None:
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(stage, total=total)
            self._bars.update(self._tasks[stage], completed=done, total=total)
            return
        self._log(stage, done, total)

    def share(self, stage: str) -> Callable[[float], None]:
        """Return a function that takes the share done, 0..1, of a stage."""
        return lambda share: self.progress(stage, share, 1.0)

    def say(self, message: str) -> None:
        """Write a line for the person at the screen, unless quiet."""
        if not self._quiet:
            click.echo(message, err=True)

    def _log(self, stage: str, done: float, total: float) -> None:
        now = time.monotonic()
        since = self._started.setdefault(stage, now)
        if done >= total:
            if now - since >= _LONG_S:
                self.say(f"{stage}: done in {now - since:.1f} s")
                self._logged_s = now
            self._started.pop(stage)
        elif now - self._logged_s >= _LOG_EVERY_S:
            self.say(f"{stage}: {done / total:.0%}")
            self._logged_s = now


def grouped(number: float) -> str:
    """Return a whole number with a comma between thousands.

    Examples
    --------
    >>> grouped(38441.6)
    '38,442'
    """
    return f"{round(number):,}"
