"""The choice of masts with its bound: greedy and swap, the relaxation, the exact solver."""

from __future__ import annotations

from time import monotonic

import numpy as np

from lensong.coverage.siting.bound import lagrangian_bound
from lensong.coverage.siting.feeding import Feeding
from lensong.coverage.siting.greedy import greedy_and_swap
from lensong.coverage.siting.problem import Siting, SitingProblem
from lensong.coverage.siting.programme import cheapest_lines, crowds_of, solve

__all__ = ["MOST_CROWDS", "best_sites"]

MOST_CROWDS = 60_000
"""Problems with more sets of candidates that share people are left to greedy and swap."""

_SHARE_FOR_GREEDY = 0.4
_SHARE_FOR_BOUND = 0.5
_SAME = 1e-9


def best_sites(
    problem: SitingProblem,
    *,
    gap_percent: float = 0.1,
    time_limit_s: float = 600.0,
    most_crowds: int = MOST_CROWDS,
) -> Siting:
    """Return the choice of candidates that serves most people, and a bound on every choice.

    Parameters
    ----------
    problem : SitingProblem
    gap_percent : float
        The search ends when the answer is proved to be within so much of the best possible.
    time_limit_s : float
        Of the wall clock. The best answer so far is returned then, with its bound.
    most_crowds : int
        See `MOST_CROWDS`.

    Notes
    -----
    The answer of greedy and swap starts the others: candidates without which, or with which, the
    bound of the relaxation falls to it or below are settled before the exact solver begins. Masts
    that bring nobody anything are left out, and lines between the masts are the cheapest.
    """
    if not problem.size:
        none: tuple[dict[int, int], ...] = tuple({} for _ in problem.supplies)
        return Siting(chosen=(), arcs=none, people=0.0, cost=0.0, bound=0.0, ended="proved")
    began = monotonic()
    feeding = Feeding(problem)
    plan = greedy_and_swap(problem, feeding, deadline_s=began + _SHARE_FOR_GREEDY * time_limit_s)
    chosen = tuple(sorted(plan))
    found = problem.people(chosen)
    relaxed = lagrangian_bound(
        problem,
        feeding.least,
        start=problem.best(chosen),
        found=found,
        deadline_s=monotonic() + _SHARE_FOR_BOUND * (began + time_limit_s - monotonic()),
    )
    bound = relaxed.people
    near = found >= bound * (1.0 - gap_percent / 100.0 - _SAME)
    crowds = None if near else crowds_of(problem, most_crowds)
    finished = False
    if crowds is not None:
        slack = found * (1.0 - _SAME)
        solved = solve(
            problem,
            feeding,
            crowds,
            built=np.flatnonzero(bound - np.maximum(relaxed.reduced, 0.0) < slack).tolist(),
            left_out=np.flatnonzero(bound + np.minimum(relaxed.reduced, 0.0) < slack).tolist(),
            gap=gap_percent / 100.0,
            time_limit_s=began + time_limit_s - monotonic(),
        )
        finished = solved.finished
        bound = min(bound, max(solved.bound, found))
        if solved.chosen is not None and problem.people(solved.chosen) > found * (1.0 + _SAME):
            chosen = solved.chosen
            found = problem.people(chosen)
        near = found >= bound * (1.0 - gap_percent / 100.0 - _SAME)
    chosen, arcs, cost = _cheapest(problem, feeding, chosen)
    return Siting(
        chosen=chosen,
        arcs=arcs,
        people=found,
        cost=cost,
        bound=max(bound, found),
        ended="proved" if finished or near else "size" if crowds is None else "time",
    )


def _cheapest(
    problem: SitingProblem, feeding: Feeding, chosen: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[dict[int, int], ...], float]:
    """Return a choice with its cheapest lines, without ends that bring nobody anything."""
    people = problem.people(chosen)
    while True:
        arcs = cheapest_lines(problem, feeding, chosen)
        feeds = {
            int(supply.source[arc])
            for supply, lines in zip(problem.supplies, arcs, strict=True)
            for arc in lines.values()
        }
        idle = [
            c
            for c in sorted(chosen, key=lambda c: -float(problem.cost[c]))
            if c not in feeds
            and problem.people([o for o in chosen if o != c]) >= people * (1.0 - _SAME)
        ]
        if not idle:
            break
        chosen = tuple(c for c in chosen if c != idle[0])
    cost = float(problem.cost[list(chosen)].sum()) if chosen else 0.0
    for supply, lines in zip(problem.supplies, arcs, strict=True):
        cost += float(supply.cost[list(lines.values())].sum()) if lines else 0.0
    return chosen, arcs, cost
