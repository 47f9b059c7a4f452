"""Who listens hears what happens, at once; what was missed is read from the store."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager

from lensong.monitoring.errors import BusyError
from lensong.monitoring.store.events import Event

__all__ = ["EventBus", "Listener"]

_BEHIND = 200
"""Events that a slow listener may lag behind; then it is cut off and reads the store anew."""


class Listener:
    """One who listens.

    Parameters
    ----------
    who : str
        Whose place it is.
    gather_s : float
        For about so long what happens is gathered and then heard together, of each site the last;
        with 0 each event is heard at once [s].
    """

    def __init__(self, who: str = "", gather_s: float = 0.0) -> None:
        self.who, self.over = who, False
        self._gather_s = gather_s
        self._events: dict[int | str | None, Event] = {}
        self._awake = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None

    async def hear(self, longest_s: float) -> tuple[Event, ...] | None:
        """Return what has happened since the last time; wait for it, but no longer than that.

        Returns
        -------
        tuple of Event or None
            Empty where rights have changed, so that who listens may be one no more, or where
            nothing happened for so long; None is the end.
        """
        try:
            async with asyncio.timeout(longest_s):
                await self._awake.wait()
        except TimeoutError:
            return ()
        self._awake.clear()
        heard = self.pending()
        if self.over:
            self._awake.set()
        return heard or (None if self.over else ())

    def pending(self) -> tuple[Event, ...]:
        """Return what has happened since the last time."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        heard = tuple(self._events.values())
        self._events.clear()
        return heard

    def take(self, event: Event) -> None:
        """Be handed an event."""
        if not self._gather_s:
            self._events[event.id] = event
            self._awake.set()
            return
        self._events[event.site_id] = event
        if self._alarm is None:
            # not all at the same moment: each of them asks for what it shows afterwards
            wait_s = self._gather_s * random.uniform(0.5, 1.0)
            self._alarm = asyncio.get_running_loop().call_later(wait_s, self._awake.set)

    @property
    def is_behind(self) -> bool:
        """Return whether it has not fetched what was handed to it for too long."""
        return not self._gather_s and len(self._events) >= _BEHIND

    def wake(self) -> None:
        """Let it look up, whatever has happened."""
        self._awake.set()

    def end(self) -> None:
        """Let it hear nothing more."""
        self.over = True
        self._awake.set()


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
        self._listeners: dict[Listener, None] = {}

    @property
    def listeners(self) -> int:
        """Return how many listen."""
        return len(self._listeners)

    def publish(self, event: Event) -> None:
        """Hand an event, which is stored already, to everybody who listens."""
        for listener in tuple(self._listeners):
            if listener.is_behind:
                self._end(listener)
            else:
                listener.take(event)

    def ask_again(self) -> None:
        """Let every listener be asked again who it is: rights have changed."""
        for listener in self._listeners:
            listener.wake()

    @contextmanager
    def listening(self, who: str = "", gather_s: float = 0.0) -> Iterator[Listener]:
        """Yield one who hears the events from now on; see `Listener`.

        Parameters
        ----------
        who : str
            Whose place it is, as the audit trail names them.

        Raises
        ------
        BusyError
            As many listen as may, altogether or of one.
        """
        if sum(other.who == who for other in self._listeners) >= self._most_of_one:
            raise BusyError(
                f"{self._most_of_one} streams of events are open for {who} already: close pages",
                30.0,
            )
        if len(self._listeners) >= self._most:
            raise BusyError(f"{self._most} listeners are connected already: try again", 30.0)
        listener = Listener(who, gather_s)
        self._listeners[listener] = None
        try:
            yield listener
        finally:
            self._listeners.pop(listener, None)
            listener.pending()  # no alarm is left behind

    def close(self) -> None:
        """End all listening, before the service stops."""
        for listener in tuple(self._listeners):
            self._end(listener)

    def _end(self, listener: Listener) -> None:
        self._listeners.pop(listener, None)
        listener.end()
