"""A plan on a coarse grid, for what follows a hand."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from threading import Lock

from lensong.coverage.network import Network
from lensong.coverage.sweeps import SweepCache
from lensong.coverage.variant.coarse import coarse_land, coarse_step
from lensong.coverage.variant.engine import OnDone, PlanEngine, PlanState
from lensong.propagation.errors import StoppedError

__all__ = ["COARSE_TILE_PX", "Coarse"]

COARSE_TILE_PX = 128
_KEPT = 5  # states of networks


class Coarse:
    """The plan on a coarse grid, for networks that follow a hand.

    One computes at a time; of those that wait, the last one.
    """

    def __init__(self, fine: PlanEngine, cache: SweepCache | None, workers: int) -> None:
        self.step = coarse_step(fine.land.grid.cell_m)
        self._keeping, self._keeping_lock = 0, Lock()
        self.engine = PlanEngine(
            coarse_land(fine.land, self.step),
            services=fine.services,
            handset=fine.handset,
            propagation=fine.propagation,
            cache=cache,
            workers=workers,
            tile_px=COARSE_TILE_PX,
            keeps=lambda: self._keeping > 0,  # no place of a drag comes again
        )
        self._states: OrderedDict[int, tuple[Network, PlanState]] = OrderedDict()
        self._turn, self._lock = 0, Lock()
        self._drops: Counter[Hashable] = Counter()
        self.is_prepared = False

    def prepare(self, network: Network) -> None:
        """Plan a network, so that the first frame finds all masts but the dragged ones."""
        self.planned(network)
        self.planned(network, judge=True)  # a frame of levels may come first
        self.is_prepared = True

    def planned(
        self, network: Network, *, judge: bool = False, on_done: OnDone | None = None
    ) -> PlanState:
        """Return the state of a network."""
        with self._kept():
            with self._lock:
                state = self._of(network, judge=judge, on_done=on_done)
            self.engine.written()
        return state

    def follow(
        self, network: Network, dragged: Callable[[], Network], *, judge: bool, hand: Hashable
    ) -> PlanState | None:
        """Return the state of a network that a hand drags, made from that of one.

        None where another is asked for meanwhile, or the hand has let go.
        """
        self._turn += 1
        mine, drops = self._turn, self._drops[hand]
        with self._lock:
            if mine != self._turn:
                return None
            state = self._of(network, judge=judge)
            try:
                frame = self.engine.follow(
                    state, dragged(), stop=lambda: drops != self._drops[hand]
                )
            except StoppedError:
                return None
            return self.engine.judged(frame) if judge else frame

    def drop(self, hand: Hashable) -> None:
        """Give up what is made for a hand: it has let go, and waits for what is exact."""
        self._drops[hand] += 1

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Let sweeps be kept beyond the process meanwhile."""
        with self._keeping_lock:
            self._keeping += 1
        try:
            yield
        finally:
            with self._keeping_lock:
                self._keeping -= 1

    def _of(self, network: Network, *, judge: bool, on_done: OnDone | None = None) -> PlanState:
        """Return the state of a network, made from the one used last."""
        _, state = self._states.pop(id(network), (network, None))
        if state is None:
            state = (
                self.engine.follow(next(reversed(self._states.values()))[1], network)
                if self._states
                else self.engine.opened(network, on_done)
            )
        if judge:
            state = self.engine.judged(state)
        self._states[id(network)] = (network, state)
        while len(self._states) > _KEPT:
            self._states.popitem(last=False)
        return state
