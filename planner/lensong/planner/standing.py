"""Where a network stands: how far its layers and villages are planned."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import Thread
from time import monotonic
from typing import NamedTuple

from lensong.coverage.network import Network
from lensong.coverage.variant.engine import OnDone, PlanEngine, PlanState
from lensong.coverage.variant.villages import VillageSide, VillageState
from lensong.planner.ahead import Ahead
from lensong.planner.turns import Turns
from lensong.propagation.errors import StoppedError

__all__ = ["SETTLED", "Settler", "Standing"]

SETTLED = ("none", "coarse", "levels", "villages", "chances")
"""How far a network is planned; each holds what those before it hold."""

_KEPT = 4
_JUDGED_AT_ONCE = 128  # tiles
_LONG_S = 2.0
_MOST_GIVES_WAY = 5  # then it is somebody else's turn to wait
_LOOK_S, _MOST_LOOK_S = 0.15, 1.0  # to ask for new levels, and to draw them


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is planned of one network; never changed once made.

    Parameters
    ----------
    network : Network
    state : PlanState
    villages : VillageState or None
        None before any was made.
    settled : str
        One of `SETTLED`, ``"levels"`` or further.
    behind : frozenset
        Tiles that were planned anew since the villages were.
    seconds : float
        From the moment it was asked for [s].
    """

    network: Network
    state: PlanState
    villages: VillageState | None
    settled: str
    behind: frozenset[tuple[int, int]]
    seconds: float = 0.0


class _Wanted(NamedTuple):
    """A network that is to be planned, one that it differs little from, and since when."""

    network: Network
    like: Network | None
    since: float


class _Long:
    """Levels that are being planned: what takes long tells how far it is.

    Parameters
    ----------
    on_done : callable
    """

    def __init__(self, on_done: OnDone) -> None:
        self._on_done, self._began = on_done, monotonic()

    @property
    def is_long(self) -> bool:
        """Return whether they have taken long already."""
        return monotonic() - self._began > _LONG_S

    def told(self, stage: str, done: int, total: int) -> None:
        """Tell how far they are; a drop that is there at once tells nothing."""
        if self.is_long:
            self._on_done(stage, done, total)


class Settler:
    """Plans the networks that are asked for in a thread of its own.

    Levels and villages of all go before what is left of any, that of the network asked for last
    first: a table of villages needs those of the network as it was read, too.

    Parameters
    ----------
    engine, side
        Ready.
    told : callable
        Called with each standing as it is reached, in the thread.
    failed : callable
        Called with a network and what went wrong.
    still : callable
        Returns of a network whether anybody looks at it: one that was edited on is not planned.
    on_done : callable
        Called with a stage, what is done of it and of how much, where that takes long.
    watched : callable
        Returns whether somebody hears what is told, and may look at it.

    Attributes
    ----------
    turns : Turns
        Of what somebody waits for: villages and chances are planned when nobody does.
    """

    def __init__(
        self,
        engine: PlanEngine,
        side: VillageSide,
        *,
        told: Callable[[Standing], None],
        failed: Callable[[Network, Exception], None],
        still: Callable[[Network], bool],
        on_done: OnDone,
        watched: Callable[[], bool],
    ) -> None:
        self._engine, self._side, self._told, self._failed = engine, side, told, failed
        self._still, self._on_done, self._watched = still, on_done, watched
        self._kept: OrderedDict[int, Standing] = OrderedDict()
        self._base: Standing | None = None
        self._wanted: list[_Wanted] = []
        self._gave_way: list[Network] = []  # each as often as it did
        self.turns = Turns()
        self._changed = self.turns.changed
        self._closed = False
        self._thread = Thread(target=self._run, name="settler", daemon=True)
        self.ahead = Ahead(engine, self._levels_of, self.turns)

    def start(self, network: Network) -> None:
        """Plan the levels of the first network, then take requests.

        Raises
        ------
        LensongError
            What is wrong with it.
        """
        began = monotonic()
        state = self._engine.opened(network, self._on_done)
        keys = frozenset(state.tiles)
        base = Standing(
            network=network, state=state, villages=None, settled="levels", behind=keys,
            seconds=monotonic() - began,
        )  # fmt: skip
        self._keep(base)
        self._told(base)
        self.want(network)
        self._thread.start()

    def want(self, network: Network, like: Network | None = None) -> None:
        """Ask for a network to be planned; ``like`` is one that it differs little from."""
        with self._changed:
            self._wanted = [w for w in self._wanted if w.network is not network]
            self._wanted.append(_Wanted(network, like, monotonic()))
            self._changed.notify_all()

    def standing(self, network: Network) -> Standing | None:
        """Return how far a network is planned, None where nothing is yet."""
        with self._changed:
            return self._found(network)

    def waited(self, network: Network, settled: str, seconds: float) -> Standing | None:
        """Return where a network stands once it is settled so far, or after some time [s]."""
        until = monotonic() + seconds
        with self._changed:
            while True:
                found = self._found(network)
                if found is not None and SETTLED.index(found.settled) >= SETTLED.index(settled):
                    return found
                left = until - monotonic()
                if left <= 0.0 or self._closed:
                    return found
                self._changed.wait(left)

    def close(self) -> None:
        """Stop after the tile in work."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self.ahead.close()
        if self._thread.is_alive():
            self._thread.join()

    def _levels_of(self, network: Network) -> PlanState | None:
        found = self.standing(network)
        return None if found is None else found.state

    def _found(self, network: Network) -> Standing | None:
        if self._base is not None and self._base.network is network:
            return self._base
        return self._kept.get(id(network))

    def _keep(self, standing: Standing) -> None:
        with self._changed:
            if self._base is None or self._base.network is standing.network:
                self._base = standing
            else:
                self._kept[id(standing.network)] = standing
                self._kept.move_to_end(id(standing.network))
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._wanted and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                wanted = min(self._wanted, key=self._turn_of)
                self._wanted = [w for w in self._wanted if w is not wanted]
            if not self._still(wanted.network):
                continue
            try:
                whole = self._settle(wanted)
            except Exception as error:
                self._failed(wanted.network, error)
                continue
            if not whole and self._still(wanted.network):
                with self._changed:
                    if all(w.network is not wanted.network for w in self._wanted):
                        self._wanted.append(wanted)

    def _turn_of(self, wanted: _Wanted) -> tuple[bool, float]:
        """Return what is least of the network that comes first."""
        found = self._found(wanted.network)
        has_villages = found is not None and found.settled not in ("none", "coarse", "levels")
        return has_villages, -wanted.since

    def _is_overtaken(self, wanted: _Wanted) -> bool:
        """Return whether another network comes before one; asked in threads that hold the lock."""
        mine = self._turn_of(wanted)
        return self._closed or any(self._turn_of(other) < mine for other in tuple(self._wanted))

    def _gives_way(self, wanted: _Wanted) -> bool:
        """Return whether levels that take long are given up; the sweeps that were made are kept.

        Nobody looks at them any more, or others wait, so many times.
        """
        if self._closed or not self._still(wanted.network):
            return True
        times = sum(given is wanted.network for given in self._gave_way)
        return times < _MOST_GIVES_WAY and self._is_overtaken(wanted)

    def _settle(self, wanted: _Wanted) -> bool:
        """Bring a network as far as it can be; return whether all of it is planned."""
        network, like, since = wanted.network, wanted.like, wanted.since
        stop = partial(self._is_overtaken, wanted)
        now = self.standing(network)
        if now is None:
            before = (None if like is None else self.standing(like)) or self._base
            assert before is not None  # the first network is planned before any other is asked for
            ahead = self.ahead.taken(network, like)
            long = _Long(self._on_done)
            try:
                with self.turns.first():
                    state = self._engine.follow(
                        before.state,
                        network,
                        long.told,
                        ahead=ahead,
                        stop=lambda: long.is_long and self._gives_way(wanted),
                    )
            except StoppedError:
                with self._changed:  # who builds on it begins where it would have begun
                    self._wanted = [
                        w._replace(like=before.network) if w.like is network else w
                        for w in self._wanted
                    ]
                self._gave_way = [n for n in (*self._gave_way, network) if self._still(n)]
                return False
            self._gave_way = [given for given in self._gave_way if given is not network]
            now = self._reached(
                replace(before, network=network, state=state, behind=before.behind | state.touched),
                "levels",
                since,
            )
            if self._watched():  # until they see it, all of the processor is theirs
                self.turns.wait_until_quiet(_LOOK_S, _MOST_LOOK_S, stop)
        else:  # it was planned before: those who wait hear how far
            for reached in SETTLED[2 : SETTLED.index(now.settled) + 1]:
                self._told(replace(now, settled=reached))
        waits = partial(self.turns.wait, stop)
        if now.settled == "levels":
            within = self._side.pixels_in
            state = self._engine.judged(now.state, within=within, stop=waits, yields=True)
            if stop():
                self._keep(replace(now, state=state))
                return False
            villages = (
                self._side.opened(state)
                if now.villages is None
                else self._side.follow(now.villages, state, now.behind)
            )
            now = replace(now, state=state, villages=villages, behind=frozenset())
            now = self._reached(now, "villages", since)
            if stop():
                return False
        if now.settled == "villages" and now.villages is not None:
            rows = now.villages
            state, total = now.state, len(now.state.unjudged)
            while not state.is_judged:
                if total > _JUDGED_AT_ONCE:
                    self._on_done("chances", total - len(state.unjudged), total)
                # some at a time, so that old and new chances are not all held at once
                state = self._engine.judged(state, stop=waits, most=_JUDGED_AT_ONCE, yields=True)
                now = replace(now, state=state)
                self._keep(now)
                if stop():
                    break
            if not state.is_judged:
                return False
            villages = self._side.with_streams(rows, state, waits)
            now = replace(now, villages=villages)
            if villages.stale:
                self._keep(now)
                return False
            self._reached(now, "chances", since)
        return True

    def _reached(self, now: Standing, settled: str, since: float) -> Standing:
        now = replace(now, settled=settled, seconds=monotonic() - since)
        self._keep(now)
        self._told(now)
        return now
