"""Who goes first: what somebody waits for, before what is made for later."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition, Lock
from time import monotonic

__all__ = ["Turns"]


class Turns:
    """Tells work that can wait whether somebody waits for other work.

    Attributes
    ----------
    changed : Condition
        Notified when that changes; whoever holds it may ask `is_taken`.
    """

    def __init__(self) -> None:
        self.changed = Condition(Lock())
        self._first = 0
        self._free_since = 0.0

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let what somebody waits for have the processor meanwhile."""
        with self.changed:
            self._first += 1
        try:
            yield
        finally:
            with self.changed:
                self._first -= 1
                self._free_since = monotonic()
                self.changed.notify_all()

    @property
    def is_taken(self) -> bool:
        """Return whether somebody waits for something."""
        return self._first > 0

    def wait(self, given_up: Callable[[], bool]) -> bool:
        """Return once nobody waits for anything, or all is given up; returns whether it is."""
        with self.changed:
            while self._first and not given_up():
                self.changed.wait()
            return given_up()

    def wait_until_quiet(self, quiet_s: float, most_s: float, given_up: Callable[[], bool]) -> None:
        """Return once nobody has waited for anything for some time.

        Parameters
        ----------
        quiet_s : float
            From the end of what somebody waited for, and from now on [s].
        most_s : float
            In all [s].
        given_up : callable
            Asked when something changed; where it says so, nothing is waited for.
        """
        now = monotonic()
        began, until = now, now + most_s
        with self.changed:
            while not given_up() and now < until:
                left_s = until - now
                if not self._first:
                    left_s = min(left_s, max(began, self._free_since) + quiet_s - now)
                    if left_s <= 0.0:
                        return
                self.changed.wait(left_s)
                now = monotonic()
