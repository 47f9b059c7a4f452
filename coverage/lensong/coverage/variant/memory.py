"""Arrays kept in memory up to a number of bytes; what was not used for longest goes first."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

from lensong.coverage.sweeps import SweepCache

__all__ = ["KeptInMemory", "RecentBytes"]

Value = TypeVar("Value")
_MOST_WAITING = 16  # sweeps that are not written yet


class RecentBytes(Generic[Value]):
    """Values by key, those used last.

    Parameters
    ----------
    most_bytes : int
        Kept at most [bytes]; the value that was put in last stays, however large.
    size_of : callable
        Bytes of a value.
    """

    def __init__(self, most_bytes: int, size_of: Callable[[Value], int]) -> None:
        self._most, self._size_of = most_bytes, size_of
        self._kept: OrderedDict[Hashable, Value] = OrderedDict()
        self._lock = Lock()
        self.bytes_kept = 0

    def get(self, key: Hashable) -> Value | None:
        """Return a value, None where it is not kept."""
        with self._lock:
            value = self._kept.get(key)
            if value is not None:
                self._kept.move_to_end(key)
            return value

    def put(self, key: Hashable, value: Value) -> None:
        """Keep a value."""
        with self._lock:
            before = self._kept.pop(key, None)
            if before is not None:
                self.bytes_kept -= self._size_of(before)
            self._kept[key] = value
            self.bytes_kept += self._size_of(value)
            while self.bytes_kept > self._most and len(self._kept) > 1:
                self.bytes_kept -= self._size_of(self._kept.popitem(last=False)[1])


class KeptInMemory:
    """A cache of sweeps in memory before the one that was given.

    That one is written in a thread of its own: who asked for a sweep does not wait for a disk.
    What could not be written is told with a later sweep.
    """

    def __init__(self, behind: SweepCache | None, most_bytes: int) -> None:
        self._behind = behind
        self._kept: RecentBytes[dict[str, NDArray[Any]]] = RecentBytes(
            most_bytes, lambda arrays: sum(array.nbytes for array in arrays.values())
        )
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sweep-cache")
        self._writing: deque[Future[None]] = deque()
        self._lock = Lock()

    def get(self, key: str) -> dict[str, NDArray[Any]] | None:
        """Return the arrays of a key, or None."""
        found = self._kept.get(key)
        if found is None and self._behind is not None:
            found = self._behind.get(key)
            if found is not None:
                self._kept.put(key, found)
        return found

    def put(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Keep the arrays of a key.

        Raises
        ------
        LensongError
            Earlier ones could not be written.
        """
        self._kept.put(key, arrays)
        if self._behind is None:
            return
        with self._lock:
            self._writing.append(self._writer.submit(self._behind.put, key, arrays))
        self.written(_MOST_WAITING)

    def written(self, waiting: int = 0) -> None:
        """Return once no more than so many sweeps wait to be written."""
        while True:
            with self._lock:
                if not self._writing:
                    return
                if len(self._writing) <= waiting and not self._writing[0].done():
                    return
                first = self._writing.popleft()
            first.result()
