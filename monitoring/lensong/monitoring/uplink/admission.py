"""Who may test now, who waits how long, and who is sent away: tests must not fight each other.

Times are seconds of a clock that never jumps, passed in with each call.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from lensong.monitoring.uplink.refusals import Refusal
from lensong.propagation.errors import InvalidInputError

__all__ = ["Admission", "AdmissionSettings", "Slot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSettings:
    """How many tests there may be.

    Parameters
    ----------
    tests_at_once : int
        On this server.
    interval_s : float
        From the start of a test of a site to its next [s].
    queue_length : int
        How many may wait.
    overhead_s : float
        What a test takes beside its upload: idle round trips, storing, leaving [s].
    """

    tests_at_once: int = 2
    interval_s: float = 300.0
    queue_length: int = 8
    overhead_s: float = 8.0

    def __post_init__(self) -> None:
        if self.tests_at_once < 1 or self.queue_length < 0:
            raise InvalidInputError(
                f"tests_at_once is {self.tests_at_once} and queue_length {self.queue_length}, "
                "wanted at least 1 and 0"
            )
        if not (self.interval_s >= 0.0 and self.overhead_s >= 0.0):
            raise InvalidInputError(
                f"interval_s is {self.interval_s} and overhead_s {self.overhead_s}, "
                "wanted 0 or more"
            )


@dataclass(slots=True, eq=False)
class Slot:
    """One test's slot, running or waiting; it equals only itself."""

    site_id: str
    hold_s: float
    started_s: float | None = None

    @property
    def running(self) -> bool:
        """Return whether the test may run."""
        return self.started_s is not None


class Admission:
    """The tests that run and wait on one server."""

    def __init__(self, settings: AdmissionSettings) -> None:
        self.settings = settings
        self._running: list[Slot] = []
        self._waiting: list[Slot] = []
        self._last_start_s: dict[str, float] = {}  # no larger than there are sites

    @property
    def running(self) -> int:
        """Return how many tests run."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Return how many tests wait."""
        return len(self._waiting)

    def ask(
        self, site_id: str, *, seconds: float, now_s: float, interval_s: float | None = None
    ) -> Slot | Refusal:
        """Return a slot for a test, running or waiting, or why there is none.

        Parameters
        ----------
        site_id : str
            One slot at a time for each.
        seconds : float
            Of the upload [s].
        now_s : float
        interval_s : float, optional
            In slot of the setting, for this site [s].
        """
        for slot in (*self._running, *self._waiting):
            if slot.site_id == site_id:
                return Refusal("already_testing", retry_after_s=self._own_wait_s(slot, now_s))
        rest_s = self.rest_s(site_id, now_s=now_s, interval_s=interval_s)
        if rest_s > 0.0:
            return Refusal("too_soon", retry_after_s=rest_s)
        slot = Slot(site_id=site_id, hold_s=seconds + self.settings.overhead_s)
        if len(self._running) < self.settings.tests_at_once and not self._waiting:
            self._start(slot, now_s)
            return slot
        if len(self._waiting) >= self.settings.queue_length:
            return Refusal("too_many_waiting", retry_after_s=self.wait_s(now_s=now_s))
        self._waiting.append(slot)
        return slot

    def position(self, slot: Slot) -> int:
        """Return how many come before a waiting slot, itself included."""
        return self._waiting.index(slot) + 1

    def wait_s(self, slot: Slot | None = None, *, now_s: float) -> float:
        """Return when the turn of a waiting slot comes, or of one that would come last [s].

        Every test before is taken to run to its end: the wait may turn out shorter, not longer.
        """
        before: Iterable[Slot] = self._waiting
        if slot is not None:
            before = self._waiting[: self._waiting.index(slot)]
        free_s = [self._ends_in_s(running, now_s) for running in self._running]
        free_s += [0.0] * (self.settings.tests_at_once - len(free_s))
        heapq.heapify(free_s)
        for other in before:
            heapq.heapreplace(free_s, free_s[0] + other.hold_s)
        return free_s[0]

    def rest_s(self, site_id: str, *, now_s: float, interval_s: float | None = None) -> float:
        """Return how long a site has to rest until its next test [s]; 0 if it may test."""
        last_s = self._last_start_s.get(site_id)
        if last_s is None:
            return 0.0
        interval = self.settings.interval_s if interval_s is None else interval_s
        return max(0.0, last_s + interval - now_s)

    def leave(self, slot: Slot, *, now_s: float, used: bool = True) -> list[Slot]:
        """Give a slot back and return the slots that may run from now on.

        Parameters
        ----------
        slot : Slot
            One that was left already is left alone.
        now_s : float
        used : bool
            Whether the test sent anything; a site need not rest from one that did not.
        """
        if slot in self._waiting:
            self._waiting.remove(slot)
        elif slot in self._running:
            self._running.remove(slot)
            if not used:
                self._last_start_s.pop(slot.site_id, None)
        started = []
        while self._waiting and len(self._running) < self.settings.tests_at_once:
            following = self._waiting.pop(0)
            self._start(following, now_s)
            started.append(following)
        return started

    def _start(self, slot: Slot, now_s: float) -> None:
        slot.started_s = now_s
        self._running.append(slot)
        self._last_start_s[slot.site_id] = now_s

    def _own_wait_s(self, slot: Slot, now_s: float) -> float:
        if slot.running:
            return self._ends_in_s(slot, now_s)
        return self.wait_s(slot, now_s=now_s) + slot.hold_s

    def _ends_in_s(self, slot: Slot, now_s: float) -> float:
        assert slot.started_s is not None
        return max(0.0, slot.started_s + slot.hold_s - now_s)
