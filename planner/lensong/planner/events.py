"""Events of a plan: told by threads that compute, heard by pages that follow."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from threading import Lock
from typing import Any

__all__ = ["MOST_LISTENERS", "Event", "Events"]

MOST_LISTENERS = 200
"""Pages that follow a plan at once."""

_KEPT = 2000
_QUIET_S = 15.0


@dataclass(frozen=True, slots=True)
class Event:
    """One event.

    Parameters
    ----------
    number : int
        Counts from 1 within the process.
    kind : str
    data : dict
        JSON-ready.
    """

    number: int
    kind: str
    data: dict[str, Any]

    def encoded(self) -> str:
        """Return it as server-sent events write it."""
        data = json.dumps(self.data, ensure_ascii=False)
        return f"id: {self.number}\nevent: {self.kind}\ndata: {data}\n\n"


class Events:
    """The last events, and who waits for the next one."""

    def __init__(self) -> None:
        self._kept: deque[Event] = deque(maxlen=_KEPT)
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._lock = Lock()
        self._count = 0
        self.closed = False

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """Add an event; may be called from any thread."""
        with self._lock:
            self._count += 1
            self._kept.append(Event(self._count, kind, data))
            waiting = list(self._waiting)
        for loop, wake in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(wake.set)

    def close(self) -> None:
        """Let all who wait go."""
        self.closed = True
        self.tell("closed", {})

    def after(self, number: int) -> list[Event]:
        """Return the events after one."""
        with self._lock:
            return [event for event in self._kept if event.number > number]

    @property
    def listeners(self) -> int:
        """Return how many follow."""
        return len(self._waiting)

    @property
    def last(self) -> int:
        """Return the number of the last event, 0 before the first."""
        return self._count

    def begin(self, last_heard: int | None) -> int:
        """Return after which event somebody hears on, who says which they heard last.

        A server that was started anew counts from 1 again: what it told since is not known to who
        heard more of the one before.
        """
        if last_heard is None:
            return self.last
        return last_heard if last_heard <= self.last else 0

    async def stream(
        self,
        number: int,
        until: Callable[[Event], bool] | None = None,
        still: Callable[[], Awaitable[bool]] | None = None,
    ) -> AsyncIterator[str]:
        """Yield events after one, as they come; a comment now and then keeps the line open.

        ``until`` is asked with every event whether it is the last one; ``still`` before events are
        told whether they may be told yet.
        """
        wake = asyncio.Event()
        me = (asyncio.get_running_loop(), wake)
        with self._lock:
            self._waiting.add(me)
        try:
            yield ": lensong\n\n"
            while still is None or await still():
                wake.clear()
                for event in self.after(number):
                    number = event.number
                    yield event.encoded()
                    if until is not None and until(event):
                        return
                if self.closed:
                    return
                try:
                    await asyncio.wait_for(wake.wait(), _QUIET_S)
                except TimeoutError:
                    yield ": \n\n"
        finally:
            with self._lock:
                self._waiting.discard(me)
