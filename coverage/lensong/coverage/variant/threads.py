"""Work in threads, some of which let others go first."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock, get_native_id
from typing import TypeAlias, TypeVar

__all__ = ["Counter", "OnDone", "in_threads", "let_others_first", "sweeps_done"]

OnDone: TypeAlias = Callable[[str, int, int], None]
Given = TypeVar("Given")
Made = TypeVar("Made")
_LOWER = 5  # steps of priority


def in_threads(
    work: Callable[[Given], Made], todo: Sequence[Given], workers: int, *, yields: bool = False
) -> list[Made]:
    """Return what work makes of each, in their order.

    Parameters
    ----------
    work : callable
    todo : sequence
    workers : int
        Threads, 1 or more.
    yields : bool
        Let what else wants the processor go first, where the system knows such a thing.
    """
    if not yields and (workers == 1 or len(todo) < 2):
        return [work(one) for one in todo]
    begin = let_others_first if yields else None
    with ThreadPoolExecutor(workers, "tile", initializer=begin) as pool:
        return list(pool.map(work, todo))


def let_others_first() -> None:
    """Let this thread have less of the processor than those that somebody waits for.

    Not much less: while it holds the interpreter's lock, they wait for it.
    """
    if sys.platform == "linux":  # where a thread has a priority of its own
        thread = get_native_id()
        with suppress(OSError):
            lower = os.getpriority(os.PRIO_PROCESS, thread) + _LOWER
            os.setpriority(os.PRIO_PROCESS, thread, lower)


class Counter:
    """Counts what threads have done, and tells it."""

    def __init__(self, stage: str, total: int, on_done: OnDone | None) -> None:
        self._stage, self._total, self._on_done = stage, total, on_done
        self._done, self._lock = 0, Lock()

    def one_more(self) -> None:
        """Count one, and tell it."""
        if self._on_done is not None:
            with self._lock:
                self._done += 1
                self._on_done(self._stage, self._done, self._total)


def sweeps_done(on_done: OnDone | None, before: int, total: int) -> Callable[[int], None] | None:
    """Return what is called with the sweeps done of a batch, after some before it."""
    if on_done is None:
        return None
    tell = on_done
    return lambda done: tell("sweeps", before + done, total)
