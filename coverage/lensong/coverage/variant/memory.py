"""Arrays kept in memory up to a number of bytes; what was not used for longest goes first."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray

from lensong.coverage.sweep_planes import Put
from lensong.coverage.sweeps import SweepCache
from lensong.coverage.variant.threads import let_others_first

__all__ = ["Keeps", "KeptInMemory", "RecentBytes", "SetApart"]

Key = TypeVar("Key")
AnyKey = TypeVar("AnyKey", contravariant=True)
Value = TypeVar("Value")
_MOST_WAITING = 4  # antennas whose sweeps are not packed yet


class Keeps(Protocol[AnyKey, Value]):
    """Whatever keeps values by key."""

    def get(self, key: AnyKey) -> Value | None:
        """Return a value, None where it is not kept."""

    def put(self, key: AnyKey, value: Value) -> None:
        """Keep a value."""


class SetApart(Generic[Key, Value]):
    """Reads what another keeps, and sets apart what is put into it until it is handed over."""

    def __init__(self, behind: Keeps[Key, Value]) -> None:
        self._behind = behind
        self._made: dict[Key, Value] = {}

    def get(self, key: Key) -> Value | None:
        """Return a value, None where neither keeps it."""
        found = self._made.get(key)
        return self._behind.get(key) if found is None else found

    def put(self, key: Key, value: Value) -> None:
        """Set a value apart."""
        self._made[key] = value

    def hand_over(self) -> None:
        """Let the other keep what was set apart."""
        for key, value in self._made.items():
            self._behind.put(key, value)


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

    Both are filled in a thread of its own: who asked for a sweep waits neither for its bytes to be
    packed nor for a disk.
    What could not be written is told with a later sweep.
    """

    def __init__(self, behind: SweepCache | None, most_bytes: int) -> None:
        self._behind = behind
        self._kept: RecentBytes[dict[str, NDArray[Any]]] = RecentBytes(
            most_bytes, lambda arrays: sum(array.nbytes for array in arrays.values())
        )
        self._writer = ThreadPoolExecutor(1, "sweep-cache", initializer=let_others_first)
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

    def later(self, keep: Callable[[Put], None]) -> None:
        """Let sweeps be kept beside what goes on, which goes first: they are packed for it.

        Parameters
        ----------
        keep : callable
            Called with what keeps the arrays of a key.

        Raises
        ------
        LensongError
            Earlier ones could not be written.
        """
        with self._lock:
            self._writing.append(self._writer.submit(keep, self.put))
        self.written(_MOST_WAITING)

    def put(self, key: str, arrays: dict[str, NDArray[Any]]) -> None:
        """Keep the arrays of a key."""
        self._kept.put(key, arrays)
        if self._behind is not None:
            self._behind.put(key, arrays)

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
