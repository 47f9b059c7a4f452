"""The one task that writes: jobs that wait together are committed together.

Several writers of SQLite wait for each other's locks with a long tail; one writer has none, and a
commit that is synced to disk costs the same for one report as for two hundred.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import BusyError
from lensong.monitoring.store.engine import Database, is_unavailable

__all__ = ["Writer"]

_TOGETHER = 512
"""Jobs of one commit."""

T = TypeVar("T")
Job = Callable[[AsyncConnection], Awaitable[Any]]
Bulk = Callable[[AsyncConnection, Sequence[Any]], Awaitable[Sequence[Any]]]


@dataclass(slots=True)
class _Waiting:
    done: asyncio.Future[Any]
    job: Job | None = None
    item: Any = None


class Writer:
    """Writes jobs in the order in which they came, several to a commit.

    Parameters
    ----------
    database : Database
    bulk : callable
        Stores the items of `ingest`, all of a commit in one call, and returns one result for each.
    capacity : int
        Jobs that may wait; one more is refused with `BusyError`.
    observe : callable
        Takes the time of every commit [s].
    """

    def __init__(
        self,
        database: Database,
        bulk: Bulk,
        *,
        capacity: int = 2_000,
        observe: Callable[[float], None] = lambda _duration_s: None,
    ) -> None:
        self._database, self._bulk, self._capacity = database, bulk, capacity
        self._observe = observe
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.last_error: str | None = None

    @property
    def depth(self) -> int:
        """Return the number of jobs that wait."""
        return self._queue.qsize()

    def start(self) -> None:
        """Begin to write."""
        self._task = asyncio.create_task(self._work(), name="writer")

    async def stop(self) -> None:
        """Finish what waits, then end."""
        if self._task is None:
            return
        await self._queue.join()
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None

    async def run(self, job: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Return what a job returns, once it is committed.

        Raises
        ------
        BusyError
            Too many jobs wait.
        StoreUnavailableError
            The database does not take it; nothing was stored.
        """
        result: T = await self._enqueue(_Waiting(self._future(), job=job))
        return result

    async def ingest(self, item: Any) -> Any:
        """Return what ``bulk`` made of an item, once it is committed; raises as `run` does."""
        return await self._enqueue(_Waiting(self._future(), item=item))

    @staticmethod
    def _future() -> asyncio.Future[Any]:
        return asyncio.get_running_loop().create_future()

    async def _enqueue(self, waiting: _Waiting) -> Any:
        if self._queue.qsize() >= self._capacity:
            raise BusyError(f"{self._capacity} writes wait already: try again", 2.0)
        self._queue.put_nowait(waiting)
        # a caller that goes away must not undo what is being committed for it
        return await asyncio.shield(waiting.done)

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while len(batch) < _TOGETHER and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            began_s = time.perf_counter()
            try:
                outcomes = await self._commit(batch)
            except Exception as error:  # the outermost loop: one bad job must not end all writing
                outcome: Exception = error
                if is_unavailable(error):
                    outcome = self._database.away(error)
                    self.last_error = str(outcome)
                outcomes = [outcome] * len(batch)
            else:
                self.last_error = None
                self._observe(time.perf_counter() - began_s)
            for waiting, result in zip(batch, outcomes, strict=True):
                self._queue.task_done()
                if waiting.done.done():
                    continue
                if isinstance(result, BaseException):
                    waiting.done.set_exception(result)
                    waiting.done.exception()  # the caller may be gone: that is no news for the log
                else:
                    waiting.done.set_result(result)

    async def _commit(self, batch: Sequence[_Waiting]) -> list[Any]:
        self._database.require_whole()
        together = [i for i, waiting in enumerate(batch) if waiting.job is None]
        items = [batch[i].item for i in together]
        if len(batch) in (1, len(together)):
            # one thing to do: the transaction undoes it, and a savepoint would double the work
            try:
                async with self._database.write_engine.begin() as connection:
                    job = batch[0].job
                    return (
                        [await job(connection)] if job else [*await self._bulk(connection, items)]
                    )
            except Exception as error:
                if len(batch) == 1 or is_unavailable(error):
                    raise
        outcomes: list[Any] = [None] * len(batch)
        async with self._database.write_engine.begin() as connection:
            if together:
                results = await _alone(connection, lambda there: self._bulk(there, items))
                if isinstance(results, BaseException):  # one of them does not fit: find out which
                    results = [
                        await _alone(connection, partial(self._one, item=item)) for item in items
                    ]
                for i, result in zip(together, results, strict=True):
                    outcomes[i] = result
            for i, waiting in enumerate(batch):
                if waiting.job is not None:
                    outcomes[i] = await _alone(connection, waiting.job)
        return outcomes

    async def _one(self, connection: AsyncConnection, item: Any) -> Any:
        (result,) = await self._bulk(connection, [item])
        return result


async def _alone(connection: AsyncConnection, job: Job) -> Any:
    """Return what a job returns or raises; what a failed one wrote is undone."""
    try:
        async with connection.begin_nested():
            return await job(connection)
    except Exception as error:
        if is_unavailable(error) or connection.invalidated or connection.closed:
            raise
        return error
