"""Lazy greedy, then swaps: a good answer at once, for a start and for large cases."""

from __future__ import annotations

from time import monotonic

import numpy as np

from lensong.coverage.siting.feeding import Feeding, Reach
from lensong.coverage.siting.problem import READY, SitingProblem
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["greedy_and_swap"]

_LEAST = 1e-9  # of all people: what is gained below it is rounding


class _Plan:
    """What is built so far."""

    def __init__(self, problem: SitingProblem, feeding: Feeding) -> None:
        self.problem, self.feeding = problem, feeding
        self.built: dict[int, tuple[int, ...]] = {}
        self.cost = 0.0
        self.best = np.zeros(problem.villages)

    @property
    def people(self) -> float:
        return float(self.best.sum())

    def fits(self, cost: FloatArray | float, masts: IntArray | int) -> BoolArray:
        """Return whether so much more is within the limits."""
        budget, most = self.problem.budget, self.problem.most_masts
        inside: BoolArray = np.asarray(np.isfinite(cost))
        if budget is not None:
            inside = inside & (self.cost + cost <= budget * (1.0 + 1e-12))
        if most is not None:
            inside = inside & (len(self.built) + masts <= most)
        return inside

    def add(self, added: dict[int, tuple[int, ...]], cost: float) -> None:
        self.built |= added
        self.cost += cost
        self.best = np.maximum(self.best, self.problem.best(tuple(added)))

    def without(self, candidate: int) -> _Plan:
        """Return the plan without one mast on which no other hangs."""
        problem, left = self.problem, _Plan(self.problem, self.feeding)
        left.built = {c: arcs for c, arcs in self.built.items() if c != candidate}
        lines = zip(problem.supplies, self.built[candidate], strict=True)
        left.cost = self.cost - float(problem.cost[candidate])
        left.cost -= sum(float(supply.cost[arc]) for supply, arc in lines)
        return left

    def ends(self) -> list[int]:
        """Return the masts on which no other hangs."""
        feeds = {
            int(supply.source[arc])
            for arcs in self.built.values()
            for supply, arc in zip(self.problem.supplies, arcs, strict=True)
        } - {READY}
        return sorted(c for c in self.built if c not in feeds)


def greedy_and_swap(
    problem: SitingProblem, feeding: Feeding, *, deadline_s: float
) -> dict[int, tuple[int, ...]]:
    """Return the masts of a good answer, with the arc of each in every supply.

    Parameters
    ----------
    problem : SitingProblem
    feeding : Feeding
        Of the problem.
    deadline_s : float
        Of `time.monotonic`; the answer so far is returned then.

    Notes
    -----
    Greedy goes by people per cost, and once more by people alone; the better of the two is kept.
    A candidate counts with the masts that must be built to feed it, their people and their cost.
    What a candidate adds never grows as others are built, so what it added when last counted is a
    bound by which most need not be counted again. A swap leaves out one mast on which no other
    hangs and adds those that then bring most, as long as more people gain.
    """
    plans = []
    for by_cost in (True, False):
        plan = _Plan(problem, feeding)
        _fill(plan, by_cost=by_cost, deadline_s=deadline_s)
        plans.append(plan)
    plan = max(plans, key=lambda p: (p.people, -p.cost))
    plan = _swapped(plan, deadline_s)
    _prune(plan)
    return plan.built


def _score(plan: _Plan, adds: FloatArray, reach: Reach, *, by_cost: bool) -> FloatArray:
    price = np.ones(adds.size)
    if by_cost:
        price = reach.cost if plan.problem.budget is not None else reach.masts.astype(np.float64)
    return adds / np.maximum(price, 1e-9)


def _fill(plan: _Plan, *, by_cost: bool, deadline_s: float) -> None:
    """Add the best until nothing more fits or nobody gains."""
    problem, feeding = plan.problem, plan.feeding
    least = _LEAST * float(problem.gained.sum())
    stale = problem.each_adds(plan.best)
    reach = feeding.reach(plan.built)
    shut = np.zeros(problem.size, dtype=np.bool_)
    while monotonic() < deadline_s:
        adds = feeding.along(stale, plan.built, reach)
        open_ = plan.fits(reach.cost, reach.masts) & (adds > least) & ~shut
        open_[list(plan.built)] = False
        score = np.where(open_, _score(plan, adds, reach, by_cost=by_cost), -np.inf)
        counted = np.zeros(problem.size, dtype=np.bool_)
        while True:
            top = int(np.argmax(score))
            if score[top] == -np.inf:
                return
            if counted[top]:
                break
            part = slice(problem.begin[top], problem.begin[top + 1])
            more = problem.gained[part] - plan.best[problem.village[part]]
            stale[top] = float(np.maximum(more, 0.0).sum())
            adds[top] = stale[top]
            if feeding.chained:
                added, _ = feeding.chain(top, plan.built, reach)
                gained = np.maximum(plan.best, problem.best(tuple(added))) - plan.best
                adds[top] = float(gained.sum())
            now = _score(plan, adds, reach, by_cost=by_cost)[top]
            score[top] = now if adds[top] > least else -np.inf
            counted[top] = True
        added, cost = feeding.chain(top, plan.built, reach)
        if not plan.fits(cost, len(added)) or not feeding.carries(plan.built | added):
            shut[top] = True  # two ways together go beyond the limits, or an arc feeds too many
            continue
        plan.add(added, cost)
        if feeding.chained:
            reach = feeding.reach(plan.built)
            shut[:] = False


def _swapped(plan: _Plan, deadline_s: float) -> _Plan:
    """Swap one mast for another as long as more people gain."""
    problem = plan.problem
    least = _LEAST * float(problem.gained.sum())
    better = True
    while better and monotonic() < deadline_s:
        better = False
        for out in plan.ends():
            if monotonic() >= deadline_s:
                break
            if out not in plan.built or out not in plan.ends():
                continue
            left = plan.without(out)
            left.best = problem.best(tuple(left.built))
            reach = plan.feeding.reach(left.built)
            adds = problem.each_adds(left.best)
            adds = plan.feeding.along(adds, left.built, reach)
            adds[[*left.built, out]] = 0.0
            adds = np.where(left.fits(reach.cost, reach.masts), adds, 0.0)
            top = int(np.argmax(adds))
            added, cost = plan.feeding.chain(top, left.built, reach) if adds[top] > 0 else ({}, 0.0)
            if not added or not left.fits(cost, len(added)):
                continue
            if not plan.feeding.carries(left.built | added):
                continue
            left.add(added, cost)
            if left.people > plan.people + least or (
                left.people > plan.people - least and left.cost < plan.cost * (1.0 - 1e-9)
            ):
                _fill(left, by_cost=True, deadline_s=deadline_s)
                plan, better = left, True
    return plan


def _prune(plan: _Plan) -> None:
    """Leave out masts that bring nobody anything and feed no other."""
    least = _LEAST * float(plan.problem.gained.sum())
    while True:
        for out in plan.ends():
            left = plan.without(out)
            best = plan.problem.best(tuple(left.built))
            if float(best.sum()) >= plan.people - least:
                plan.built, plan.cost, plan.best = left.built, left.cost, best
                break
        else:
            return
