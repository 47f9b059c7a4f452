"""Who listens hears what happens, at once; what was missed is read from the store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from lensong.monitoring.errors import BusyError
from lensong.monitoring.store.events import Event

__all__ = ["AskAgain", "EventBus"]

AskAgain = Literal["ask again"]
"""In place of an event: rights have changed, and a listener may be one no more."""

_Queue = asyncio.Queue[Event | AskAgain | None]

_BEHIND = 200
"""Events that a slow listener may lag behind; then it is cut off and reads the store anew."""


class EventBus:
    """Hands events to listeners of this process.

    Parameters
    ----------
    listeners : int
        As many may listen at once.
    of_one : int
        As many of them may be of one person or token.
    """

    def __init__(self, listeners: int = 200, of_one: int = 50) -> None:
        self._most, self._most_of_one = listeners, of_one
        self._queues: dict[_Queue, str] = {}

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._queues)

    def publish(self, event: Event) -> None:
        """Hand an event, which is stored already, to everybody who listens."""
        for queue in tuple(self._queues):
            if queue.qsize() >= _BEHIND:
                self._end(queue)
            else:
                queue.put_nowait(event)

    def ask_again(self) -> None:
        """Let every listener be asked again who it is: rights have changed."""
        for queue in tuple(self._queues):
            queue.put_nowait("ask again")

    @contextmanager
    def listening(self, who: str = "") -> Iterator[asyncio.Queue[Event | AskAgain | None]]:
        """Yield the events from now on; None is the end.

        Parameters
        ----------
        who : str
            Whose place it is, as the audit trail names them.

        Raises
        ------
        BusyError
            As many listen as may, altogether or of one.
        """
        if sum(other == who for other in self._queues.values()) >= self._most_of_one:
            raise BusyError(
                f"{self._most_of_one} streams of events are open for {who} already: close pages",
                30.0,
            )
        if len(self._queues) >= self._most:
            raise BusyError(f"{self._most} listeners are connected already: try again", 30.0)
        queue: _Queue = asyncio.Queue()
        self._queues[queue] = who
        try:
            yield queue
        finally:
            self._queues.pop(queue, None)

    def close(self) -> None:
        """End all listening, before the service stops."""
        for queue in tuple(self._queues):
            self._end(queue)

    def _end(self, queue: _Queue) -> None:
        self._queues.pop(queue, None)
        queue.put_nowait(None)
