"""Threads over pieces of work; a single one is the caller's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

__all__ = ["threads"]

_R = TypeVar("_R")


def threads(workers: int, name: str) -> Executor:
    """Return what runs pieces of work in so many threads.

    Parameters
    ----------
    workers : int
        1: in the thread that asks, when it asks. A worker of a cluster promises one thread, and
        is counted by that.
    name : str
        How the threads are called.
    """
    return _InTurn() if workers == 1 else ThreadPoolExecutor(workers, thread_name_prefix=name)


class _InTurn(Executor):
    """Does a piece of work where it is asked for."""

    def submit(self, fn: Callable[..., _R], /, *args: Any, **kwargs: Any) -> Future[_R]:
        """Return a future that is done; Ctrl-C is the caller's, as it is in any call."""
        future: Future[_R] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # whatever it is, the future hands it on
            future.set_exception(error)
        return future

    def map(
        self,
        fn: Callable[..., _R],
        *iterables: Iterable[Any],
        timeout: float | None = None,  # noqa: ARG002 - there is nothing to wait for
        chunksize: int = 1,  # noqa: ARG002 - there are no processes
        **_: Any,
    ) -> Iterator[_R]:
        """Return an iterator that does each piece when it is asked for it."""
        return map(fn, *iterables)
