"""How candidates are fed: what it costs to join one to what stands or is built."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from lensong.coverage.siting.problem import READY, SitingProblem, Supply
from lensong.propagation.types import FloatArray, IntArray

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
    """

    cost: FloatArray
    masts: IntArray
    arc: tuple[IntArray, ...]


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
        self.kept = tuple(
            _useful(s, cost) for s, (cost, _) in zip(problem.supplies, self._direct, strict=True)
        )
        self.chained = tuple(
            k for k, s in enumerate(problem.supplies) if (s.source[self.kept[k]] != READY).any()
        )
        plain = [d for k, (d, _) in enumerate(self._direct) if k not in self.chained]
        self.own = problem.cost + np.sum(plain, axis=0) if plain else problem.cost.copy()
        self._from = {k: self._arcs_from(k) for k in self.chained}
        self._line = {k: self._least_line(k) for k in self.chained}
        self._open = np.isfinite(self.own)
        while True:  # a candidate whose every way leads over one that nothing feeds is fed by none
            still = self._open & np.isfinite(self.reach({}).cost)
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
        cost, masts = self.own.copy(), np.ones(size, dtype=np.int64)
        for k in self.chained:
            others = sum((line for o, line in self._line.items() if o != k), start=np.zeros(size))
            weight = np.where(self._open, self.own + others, np.inf)
            dist, hops, arcs[k] = self._ways(k, built, weight)
            there = np.isfinite(dist)
            cost = np.where(there, cost, np.inf)
            cost[there] += dist[there] - weight[there]
            masts = np.maximum(masts, hops)
        return Reach(cost=cost, masts=masts, arc=tuple(arcs))

    def chain(
        self, candidate: int, built: dict[int, tuple[int, ...]], reach: Reach
    ) -> tuple[dict[int, tuple[int, ...]], float]:
        """Return what is built to have a candidate, with its arcs, and the cost of it."""
        supplies = self._problem.supplies
        added: dict[int, tuple[int, ...]] = {}
        waiting, cost = [candidate], 0.0
        while waiting:
            c = waiting.pop()
            if c in built or c in added:
                continue
            added[c] = tuple(int(arc[c]) for arc in reach.arc)
            cost += float(self._problem.cost[c])
            for supply, arc in zip(supplies, added[c], strict=True):
                cost += float(supply.cost[arc])
                if supply.source[arc] != READY:
                    waiting.append(int(supply.source[arc]))
        return added, cost

    def direct_arcs(self, k: int) -> IntArray:
        """Return the cheapest arc of a supply from what stands, for every candidate; -1 without."""
        return self._direct[k][1]

    def _least_line(self, k: int) -> FloatArray:
        least = np.full(self._problem.size, np.inf)
        supply, kept = self._problem.supplies[k], self.kept[k]
        np.minimum.at(least, supply.target[kept], supply.cost[kept])
        return least

    def _arcs_from(self, k: int) -> dict[int, list[int]]:
        out: dict[int, list[int]] = {}
        for arc in self.kept[k].tolist():
            out.setdefault(int(self._problem.supplies[k].source[arc]), []).append(arc)
        return out

    def _ways(
        self, k: int, built: dict[int, tuple[int, ...]], weight: FloatArray
    ) -> tuple[FloatArray, IntArray, IntArray]:
        """Return Dijkstra's cost, masts and last arc to every candidate."""
        supply = self._problem.supplies[k]
        size = self._problem.size
        dist, hops = np.full(size, np.inf), np.zeros(size, dtype=np.int64)
        last = np.full(size, -1, dtype=np.int64)
        heap: list[tuple[float, int, int, int]] = []

        def leave(source: int, cost: float, masts: int) -> None:
            for arc in self._from[k].get(source, ()):
                target = int(supply.target[arc])
                far = cost + float(supply.cost[arc] + weight[target])
                if target not in built and far < dist[target]:
                    heappush(heap, (far, masts + 1, target, arc))

        for source in (READY, *built):
            leave(source, 0.0, 0)
        while heap:
            far, masts, target, arc = heappop(heap)
            if far < dist[target]:
                dist[target], hops[target], last[target] = far, masts, arc
                leave(target, far, masts)
        return dist, hops, last


def _cheapest_direct(supply: Supply, size: int) -> tuple[FloatArray, IntArray]:
    """Return the cost and the index of the cheapest arc from what stands to every candidate."""
    cost, arc = np.full(size, np.inf), np.full(size, -1, dtype=np.int64)
    for k in np.flatnonzero(supply.source == READY).tolist():
        target = supply.target[k]
        if supply.cost[k] < cost[target]:
            cost[target], arc[target] = supply.cost[k], k
    return cost, arc


def _useful(supply: Supply, direct: FloatArray) -> IntArray:
    """Return the arcs that may be in a cheapest answer.

    One from a candidate that is no cheaper than from what stands never is.
    """
    ready = supply.source == READY
    return np.flatnonzero(
        (ready & (supply.cost <= direct[supply.target]))
        | (~ready & (supply.cost < direct[supply.target]))
    )
