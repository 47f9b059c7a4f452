"""How candidates are fed: what it costs to join one to what stands or is built."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from lensong.coverage.siting.problem import READY, SitingProblem, Supply
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["Feeding", "Reach"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The cheapest way to every candidate from what is built.

    Parameters
    ----------
    cost : shape (candidates,)
        Of the candidate and all that must be built to feed it; inf where nothing feeds it.
    masts : shape (candidates,)
        How many are built then.
    arc : tuple of shape (candidates,)
        For every supply, the last arc of the way; -1 without.
    onward : tuple of shape (candidates,)
        The same of the cheapest way that can feed one mast more.
    """

    cost: FloatArray
    masts: IntArray
    arc: tuple[IntArray, ...]
    onward: tuple[IntArray, ...]


class Feeding:
    """Supplies of a problem, made ready for the search.

    Attributes
    ----------
    own : shape (candidates,)
        Cost of a candidate with those supplies that come from what stands alone.
    least : shape (candidates,)
        What it costs at least, however it is fed; inf where nothing can feed it.
    chained : tuple of int
        Supplies in which one candidate may feed another.
    """

    def __init__(self, problem: SitingProblem) -> None:
        self._problem = problem
        self._direct = [_cheapest_direct(s, problem.size) for s in problem.supplies]
        self.kept = tuple(_useful(s) for s in problem.supplies)
        self.chained = tuple(
            k for k, s in enumerate(problem.supplies) if (s.source[self.kept[k]] != READY).any()
        )
        plain = [d for k, (d, _) in enumerate(self._direct) if k not in self.chained]
        self.own = problem.cost + np.sum(plain, axis=0) if plain else problem.cost.copy()
        self._from = {k: self._arcs_from(k) for k in self.chained}
        self._line = {k: self._least_line(k) for k in self.chained}
        self._open = np.isfinite(self.own)
        while True:  # a candidate whose every way leads over one that nothing feeds is fed by none
            still = self._open.copy()
            for k in self.chained:
                still &= self._joined(k)
            if (still == self._open).all():
                break
            self._open = still
        least = self.own + sum(self._line.values(), start=np.zeros(problem.size))
        self.least = np.where(self._open, least, np.inf)

    def reach(self, built: dict[int, tuple[int, ...]]) -> Reach:
        """Return the cheapest ways from what is built.

        Notes
        -----
        Of several supplies with chains each way is the cheapest by itself; masts that two ways
        share are counted once only when the chain is built, see `chain`.
        """
        size = self._problem.size
        arcs = [arc for _, arc in self._direct]
        onward = list(arcs)
        cost, masts = self.own.copy(), np.ones(size, dtype=np.int64)
        for k in self.chained:
            others = sum((line for o, line in self._line.items() if o != k), start=np.zeros(size))
            weight = np.where(self._open, self.own + others, np.inf)
            dist, hops, arcs[k], onward[k] = self._ways(k, built, weight)
            there = np.isfinite(dist)
            cost = np.where(there, cost, np.inf)
            cost[there] += dist[there] - weight[there]
            masts = np.maximum(masts, hops)
        return Reach(cost=cost, masts=masts, arc=tuple(arcs), onward=tuple(onward))

    def chain(
        self, candidate: int, built: dict[int, tuple[int, ...]], reach: Reach
    ) -> tuple[dict[int, tuple[int, ...]], float]:
        """Return what is built to have a candidate, with its arcs, and the cost of it."""
        supplies = self._problem.supplies
        added: dict[int, tuple[int, ...]] = {}
        waiting, cost = [(candidate, -1)], 0.0
        while waiting:
            c, feeds = waiting.pop()
            if c in built or c in added:
                continue
            added[c] = tuple(
                int((onward if k == feeds else arc)[c])
                for k, (arc, onward) in enumerate(zip(reach.arc, reach.onward, strict=True))
            )
            cost += float(self._problem.cost[c])
            for k, (supply, arc) in enumerate(zip(supplies, added[c], strict=True)):
                cost += float(supply.cost[arc])
                if supply.source[arc] != READY:
                    waiting.append((int(supply.source[arc]), k))
        return added, cost

    def along(
        self, adds: FloatArray, built: dict[int, tuple[int, ...]], reach: Reach
    ) -> FloatArray:
        """Return what each candidate adds with the masts that feed it, at most.

        Parameters
        ----------
        adds : shape (candidates,)
            What each adds by itself [people].
        built, reach
            What is built, and the ways from it.
        """
        total = adds.copy()
        for k in self.chained:
            source = self._problem.supplies[k].source
            up: dict[int, float] = dict.fromkeys(built, 0.0)
            up[READY] = 0.0
            for c in np.flatnonzero(reach.arc[k] >= 0).tolist():
                way, at = [], int(source[reach.arc[k][c]])
                while at not in up:
                    way.append(at)
                    at = int(source[reach.onward[k][at]])
                for one in reversed(way):
                    up[one] = up[at] + float(adds[one])
                    at = one
                total[c] += up[at]
        return total

    def carries(self, built: dict[int, tuple[int, ...]]) -> bool:
        """Return whether no arc feeds more masts than it can."""
        return all(min(self._spare(k, built).values(), default=0.0) >= 0.0 for k in self.chained)

    def _spare(self, k: int, built: dict[int, tuple[int, ...]]) -> dict[int, float]:
        """Return how many masts more each mast that is built can feed."""
        supply = self._problem.supplies[k]
        if supply.most is None:
            return dict.fromkeys(built, np.inf)
        ways = {c: _upward(supply, k, built, c) for c in built}
        fed = dict.fromkeys(built, 0)
        for way in ways.values():
            for c in way:
                fed[c] += 1
        left = {c: float(supply.room[built[c][k]]) - fed[c] for c in built}
        return {c: min(left[one] for one in way) for c, way in ways.items()}

    def direct_arcs(self, k: int) -> IntArray:
        """Return the cheapest arc of a supply from what stands, for every candidate; -1 without."""
        return self._direct[k][1]

    def _least_line(self, k: int) -> FloatArray:
        least = np.full(self._problem.size, np.inf)
        supply, kept = self._problem.supplies[k], self.kept[k]
        np.minimum.at(least, supply.target[kept], supply.cost[kept])
        return least

    def _joined(self, k: int) -> BoolArray:
        """Return the candidates to which a way of open ones leads, by the widest ways."""
        supply, room_of = self._problem.supplies[k], self._problem.supplies[k].room
        joined = np.zeros(self._problem.size, dtype=np.bool_)
        heap = [(-np.inf, READY)]
        while heap:
            room, source = heappop(heap)
            if source != READY:
                if joined[source]:
                    continue
                joined[source] = True
            for arc in self._from[k].get(source, ()):
                target = int(supply.target[arc])
                left = min(-room, float(room_of[arc])) - 1.0
                if left >= 0.0 and self._open[target] and not joined[target]:
                    heappush(heap, (-left, target))
        return joined

    def _arcs_from(self, k: int) -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        for arc in self.kept[k].tolist():
            out.setdefault(int(self._problem.supplies[k].source[arc]), []).append(arc)
        return out

    def _ways(
        self, k: int, built: dict[int, tuple[int, ...]], weight: FloatArray
    ) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
        """Return Dijkstra's cost, masts and last arc to every candidate, and its arc to go on.

        Where arcs can feed a few masts only, the cheapest way to a candidate and the cheapest that
        can feed one mast more are told apart; ways farther on begin with the second.
        """
        supply = self._problem.supplies[k]
        size, room_of = self._problem.size, supply.room
        dist, hops = np.full(size, np.inf), np.zeros(size, dtype=np.int64)
        last, onward = np.full(size, -1, dtype=np.int64), np.full(size, -1, dtype=np.int64)
        heap: list[tuple[float, int, int, int, float]] = []

        def leave(source: int, cost: float, masts: int, room: float) -> None:
            for arc in self._from[k].get(source, ()):
                target = int(supply.target[arc])
                far = cost + float(supply.cost[arc] + weight[target])
                left = min(room, float(room_of[arc])) - 1.0
                better = far < dist[target] or (left >= 1.0 and onward[target] < 0)
                if target not in built and np.isfinite(far) and better:
                    heappush(heap, (far, masts + 1, target, arc, left))

        leave(READY, 0.0, 0, np.inf)
        for source, spare in self._spare(k, built).items():
            if spare >= 1.0:
                leave(source, 0.0, 0, spare)
        while heap:
            far, masts, target, arc, room = heappop(heap)
            if far < dist[target]:
                dist[target], hops[target], last[target] = far, masts, arc
            if room >= 1.0 and onward[target] < 0:
                onward[target] = arc
                leave(target, far, masts, room)
        return dist, hops, last, onward


def _upward(supply: Supply, k: int, built: dict[int, tuple[int, ...]], candidate: int) -> list[int]:
    """Return the masts from one up to what stands."""
    way = []
    while candidate != READY:
        way.append(candidate)
        candidate = int(supply.source[built[candidate][k]])
    return way


def _cheapest_direct(supply: Supply, size: int) -> tuple[FloatArray, IntArray]:
    """Return the cost and the index of the cheapest arc from what stands to every candidate."""
    cost, arc = np.full(size, np.inf), np.full(size, -1, dtype=np.int64)
    for k in np.flatnonzero(supply.source == READY).tolist():
        target = supply.target[k]
        if supply.cost[k] < cost[target]:
            cost[target], arc[target] = supply.cost[k], k
    return cost, arc


def _useful(supply: Supply) -> IntArray:
    """Return the arcs that may be in a cheapest answer.

    One that is no cheaper than another from what stands, and can feed no more masts, never is.
    """
    ready: dict[int, list[int]] = {}
    for arc in np.flatnonzero(supply.source == READY).tolist():
        ready.setdefault(int(supply.target[arc]), []).append(arc)
    cost, room = supply.cost, supply.room

    def useful(arc: int) -> bool:
        for other in ready.get(int(supply.target[arc]), ()):
            same = cost[other] == cost[arc] and room[other] == room[arc]
            if other == arc or (same and supply.source[arc] == READY and other > arc):
                continue
            if cost[other] <= cost[arc] and room[other] >= room[arc]:
                return False
        return True

    return np.array([a for a in range(supply.target.size) if useful(a)], dtype=np.int64)
