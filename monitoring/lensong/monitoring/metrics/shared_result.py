"""A result that all who ask within a while share, made once however many wait for it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from lensong.monitoring.clock import Clock

__all__ = ["SharedResult"]

T = TypeVar("T")


class SharedResult(Generic[T]):
    """The result of some work, kept for a while.

    Who stops waiting does not stop the work, so that impatient clients cannot pile it up. A failure
    goes to all who wait for it and is not kept.

    Parameters
    ----------
    make : callable
        The work.
    keep_s : float
        How long a result is handed out, from the moment the work began [s].
    """

    def __init__(
        self, make: Callable[[], Awaitable[T]], clock: Clock, keep_s: float = math.inf
    ) -> None:
        self._make, self._clock, self._keep_s = make, clock, keep_s
        self._task: asyncio.Task[T] | None = None
        self._began_s = 0.0

    @property
    def is_old(self) -> bool:
        """Return whether the next who asks makes it anew."""
        task = self._task
        if task is None:
            return True
        if not task.done():
            return False
        if task.cancelled() or task.exception() is not None:
            return True
        return not 0.0 <= self._clock.monotonic_s() - self._began_s < self._keep_s

    async def get(self) -> T:
        """Return the result, made now if there is none that is new enough."""
        if self._task is None or self.is_old:
            self._began_s = self._clock.monotonic_s()
            self._task = asyncio.create_task(self._work())
            self._task.add_done_callback(_look_at)
        return await asyncio.shield(self._task)

    async def _work(self) -> T:
        return await self._make()


def _look_at(task: asyncio.Task[T]) -> None:
    # all who waited may have left: without a look asyncio would log the failure as unseen
    if not task.cancelled():
        task.exception()
