"""What a hand holds is planned while the hand rests: a drop finds its exact levels made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from threading import Thread
from time import monotonic

from lensong.coverage.network import Network
from lensong.coverage.variant.engine import PlanEngine, PlannedAhead, PlanState
from lensong.planner.turns import Turns
from lensong.propagation.errors import LensongError, StoppedError

__all__ = ["Ahead"]

_REST_S = 0.03  # a page whose hand still moves asks for the next frame sooner
_KEPT_S = 120.0

_LOG = logging.getLogger("lensong.planner")


@dataclass(slots=True, kw_only=True)
class _Held:
    """What one hand holds.

    Parameters
    ----------
    hand : hashable
    before, network : Network
        Where nobody has dropped it yet, and once it is dropped here.
    since : float
        When the hand came to rest.
    is_begun, is_ended : bool
    is_wanted : bool
        It was dropped: somebody waits.
    is_given_up : bool
        The hand moved on.
    found : PlannedAhead or None
    """

    hand: Hashable
    before: Network
    network: Network
    since: float
    is_begun: bool = False
    is_ended: bool = False
    is_wanted: bool = False
    is_given_up: bool = False
    found: PlannedAhead | None = None


class Ahead:
    """Plans the network that a hand holds, in a thread of its own, while the hand rests.

    One at a time, of the hand that rested last. It is given up when the hand moves on, waits while
    there is something that somebody waits for, and nothing is left of it unless it is taken.

    Parameters
    ----------
    engine : PlanEngine
    planned : callable
        Returns the levels of a network, None where they are not planned.
    turns : Turns
        Says whether there is something that somebody waits for.
    """

    def __init__(
        self,
        engine: PlanEngine,
        planned: Callable[[Network], PlanState | None],
        turns: Turns,
    ) -> None:
        self._engine, self._planned, self._turns = engine, planned, turns
        self._held: _Held | None = None
        self._changed = turns.changed
        self._closed = False
        self._thread: Thread | None = None

    def moves(self, hand: Hashable) -> None:
        """Give up what was planned for a hand: it has moved on."""
        with self._changed:
            if self._held is not None and self._held.hand == hand:
                self._give_up(self._held)

    def rests(self, hand: Hashable, before: Network, network: Network) -> None:
        """Plan what a hand holds, unless it moves on in a moment.

        Parameters
        ----------
        hand : hashable
        before, network : Network
            That is edited, and how it would be.
        """
        with self._changed:
            if self._closed:
                return
            if self._held is not None:
                self._give_up(self._held)
            self._held = _Held(hand=hand, before=before, network=network, since=monotonic())
            if self._thread is None:
                self._thread = Thread(target=self._run, name="ahead", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def taken(self, network: Network, before: Network | None) -> PlannedAhead | None:
        """Return what was planned of a network that somebody waits for now, if anything was.

        What is under way is waited for.

        Parameters
        ----------
        network : Network
        before : Network or None
            That was edited: what was planned for another edit of it is given up.
        """
        with self._changed:
            held = self._held
            if held is None:
                return None
            if held.network != network:
                if held.before is before:
                    self._give_up(held)
                return None
            self._held = None
            if not held.is_begun:  # whoever waits does it at once
                return None
            held.is_wanted = True
            self._changed.notify_all()
            while not held.is_ended:
                self._changed.wait()
            found, held.found = held.found, None
            return found

    @property
    def is_held(self) -> bool:
        """Return whether there is something that some hand holds."""
        with self._changed:
            return self._held is not None

    @property
    def is_ready(self) -> bool:
        """Return whether all is planned that some hand holds."""
        with self._changed:
            return self._held is not None and self._held.found is not None

    def close(self) -> None:
        """Give up what is under way."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _give_up(self, held: _Held) -> None:
        held.is_given_up = True
        self._held = held.found = None  # no circle: it is gone at once
        self._changed.notify_all()

    def _run(self) -> None:
        while (held := self._next()) is not None:
            found = self._plan(held)
            with self._changed:
                held.found, held.is_ended = None if held.is_given_up else found, True
                self._changed.notify_all()
            del held, found  # it may be large, and the next one may be long in coming

    def _next(self) -> _Held | None:
        """Return what is to be planned once a hand rests; None at the end."""
        with self._changed:
            while not self._closed:
                held, left_s = self._held, None
                if held is not None and held.is_ended:
                    left_s = held.since + _KEPT_S - monotonic()
                    if left_s <= 0.0:
                        self._give_up(held)
                elif held is not None and not self._turns.is_taken:
                    left_s = held.since + _REST_S - monotonic()
                    if left_s <= 0.0:
                        held.is_begun = True
                        return held
                self._changed.wait(left_s)
        return None

    def _plan(self, held: _Held) -> PlannedAhead | None:
        try:
            state = self._planned(held.before)
            if state is not None:
                return self._engine.ahead(state, held.network, partial(self._stopped, held))
        except StoppedError:
            pass
        except LensongError as error:  # a drop meets the same, and says so
            _LOG.info("what a hand holds cannot be planned: %s", error)
        except Exception:  # so does it here
            _LOG.exception("what a hand holds cannot be planned")
        return None

    def _stopped(self, held: _Held) -> bool:
        """Return whether something is to be given up; waits for those who go first."""
        with self._changed:
            while self._turns.is_taken and not (held.is_given_up or held.is_wanted or self._closed):
                self._changed.wait()
            return held.is_given_up or self._closed
