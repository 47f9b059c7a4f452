"""Masts, lines and people as one mixed-integer programme for HiGHS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array

from lensong.coverage.siting.feeding import Feeding
from lensong.coverage.siting.problem import READY, SitingProblem
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["Crowds", "Solved", "cheapest_lines", "crowds_of", "solve"]

Prefix = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowds:
    """People who gain as soon as one of a set of candidates is built.

    Parameters
    ----------
    people : dict
        Set, in a fixed order, to its people; every set but those of one has the set without its
        last candidate beside it.
    """

    people: dict[Prefix, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """What the solver found.

    Parameters
    ----------
    chosen : tuple of int or None
        None where it found nothing in the time.
    bound : float
        No choice that was left open serves more people.
    finished : bool
        Whether it ended by itself.
    """

    chosen: tuple[int, ...] | None
    bound: float
    finished: bool


def crowds_of(problem: SitingProblem, most: int) -> Crowds | None:
    """Return a problem's crowds; None when there are more than ``most``.

    A village that candidates serve with the gains ``a > b > c`` is ``a - b`` people whom the first
    alone serves, ``b - c`` whom the first two do, and ``c`` whom all three do. Equal sets of
    several villages are one crowd.
    """
    order = np.lexsort((problem.candidate, -problem.gained, problem.village))
    village, gained = problem.village[order], problem.gained[order]
    candidate = problem.candidate[order].tolist()
    people: dict[Prefix, float] = {}
    edges = [*np.flatnonzero(np.diff(village, prepend=-1)).tolist(), village.size]
    for begin, end in pairwise(edges):
        below = [*gained[begin + 1 : end].tolist(), 0.0]
        prefix: Prefix = ()
        for k in range(begin, end):
            prefix = (*prefix, candidate[k])
            here = float(gained[k]) - below[k - begin]
            people[prefix] = people.get(prefix, 0.0) + here
        if len(people) > most:
            return None
    return Crowds(people=people)


def solve(
    problem: SitingProblem,
    feeding: Feeding,
    crowds: Crowds,
    *,
    built: Sequence[int],
    left_out: Sequence[int],
    gap: float,
    time_limit_s: float,
) -> Solved:
    """Return the choice that serves most people.

    Parameters
    ----------
    problem, feeding, crowds
        Of one problem.
    built, left_out : sequence of int
        Candidates that are known to be in a better answer, or in none.
    gap : float
        Relative, between the answer and the bound.
    time_limit_s : float

    Notes
    -----
    Lines of a supply in which candidates feed each other are a tree: every mast that is built has
    one arc into it, and a unit of flow for each goes from what stands along the arcs, so that no
    ring feeds itself and no arc feeds more masts than it can.
    """
    rows = _Rows()
    for c in range(problem.size):
        low = 1.0 if c in set(built) else 0.0
        shut = c in set(left_out) or not np.isfinite(feeding.least[c])
        rows.column(low=low, high=0.0 if shut else 1.0, whole=True)
    cost = {c: float(feeding.own[c]) for c in range(problem.size) if np.isfinite(feeding.own[c])}
    worth: dict[int, float] = {}
    number: dict[Prefix, int] = {}
    for prefix, people in crowds.people.items():
        if len(prefix) == 1:
            worth[prefix[0]] = worth.get(prefix[0], 0.0) + people
            number[prefix] = prefix[0]
            continue
        column = number[prefix] = rows.column(whole=False)
        worth[column] = people
        rows.add({column: 1.0, number[prefix[:-1]]: -1.0, prefix[-1]: -1.0}, high=0.0)
    for k in feeding.chained:
        cost |= _lines(rows, problem, feeding, k, list(range(problem.size)), {})
    if problem.budget is not None:
        rows.add(cost, high=problem.budget)
    if problem.most_masts is not None:
        rows.add(dict.fromkeys(range(problem.size), 1.0), high=float(problem.most_masts))
    found = rows.solve({c: -w for c, w in worth.items()}, gap=gap, time_limit_s=time_limit_s)
    finished = found.status in (0, 2)  # 2: nothing better was left open
    bound = found.mip_dual_bound
    known = -float(bound) if bound is not None and np.isfinite(bound) else np.inf
    if found.status == 2:
        known = 0.0
    if found.x is None:
        return Solved(chosen=None, bound=known, finished=finished)
    chosen = tuple(c for c in range(problem.size) if found.x[c] > 0.5)
    return Solved(chosen=chosen, bound=known, finished=finished)


def cheapest_lines(
    problem: SitingProblem, feeding: Feeding, built: Mapping[int, tuple[int, ...]] | Sequence[int]
) -> tuple[dict[int, int], ...]:
    """Return the cheapest lines that feed some masts, for every supply.

    Parameters
    ----------
    built : collection of int
        Masts that can feed each other.
    """
    masts = sorted(built)
    found = []
    for k, supply in enumerate(problem.supplies):
        if k not in feeding.chained or not masts:
            direct = feeding.direct_arcs(k)
            found.append({c: int(direct[c]) for c in masts})
            continue
        rows = _Rows()
        arcs: dict[int, int] = {}
        cost = _lines(rows, problem, feeding, k, masts, arcs)
        answer = rows.solve(cost, gap=0.0, time_limit_s=60.0)
        chosen = (arcs[column] for column in arcs if answer.x[column] > 0.5)
        found.append({int(supply.target[arc]): arc for arc in chosen})
    return tuple(found)


def _lines(
    rows: _Rows,
    problem: SitingProblem,
    feeding: Feeding,
    k: int,
    among: Sequence[int],
    arcs: dict[int, int],
) -> dict[int, float]:
    """Add the tree of a supply among some candidates; return the cost of its columns.

    Where ``rows`` has no column of a candidate, it is built. ``arcs`` gets column to arc.
    """
    supply, inside = problem.supplies[k], set(among)
    open_ = rows.size > 0
    cost: dict[int, float] = {}
    into: dict[int, dict[int, float]] = {c: {} for c in among}
    flow: dict[int, dict[int, float]] = {c: {} for c in among}
    most = float(len(among) if problem.most_masts is None else problem.most_masts)
    most = max(1.0, min(most, float(len(among))))
    room = np.minimum(supply.room, most)
    for arc in feeding.kept[k].tolist():
        source, target = int(supply.source[arc]), int(supply.target[arc])
        if target not in inside or (source != READY and source not in inside):
            continue
        used = rows.column(whole=True)
        units = rows.column(high=float(room[arc]), whole=False)
        cost[used] = float(supply.cost[arc])
        arcs[used] = arc
        into[target][used] = 1.0
        flow[target][units] = 1.0
        if source != READY:
            flow[source][units] = -1.0
            if open_:
                rows.add({used: 1.0, source: -1.0}, high=0.0)
        rows.add({units: 1.0, used: -float(room[arc])}, high=0.0)
        rows.add({used: 1.0, units: -1.0}, high=0.0)
    for c in among:
        for row in (into[c], flow[c]):
            if open_:
                rows.add(row | {c: -1.0}, low=0.0, high=0.0)
            else:
                rows.add(row, low=1.0, high=1.0)
    return cost


@dataclass(slots=True)
class _Rows:
    """Columns and rows ``low <= A x <= high``, as they come."""

    low: list[float] = field(default_factory=list)
    high: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    _row: list[int] = field(default_factory=list)
    _column: list[int] = field(default_factory=list)
    _value: list[float] = field(default_factory=list)
    _least: list[float] = field(default_factory=list)
    _most: list[float] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.low)

    def column(self, *, low: float = 0.0, high: float = 1.0, whole: bool) -> int:
        self.low.append(low)
        self.high.append(high)
        self.whole.append(whole)
        return len(self.low) - 1

    def add(self, row: Mapping[int, float], *, low: float = -np.inf, high: float) -> None:
        self._row += [len(self._most)] * len(row)
        self._column += row.keys()
        self._value += row.values()
        self._least.append(low)
        self._most.append(high)

    def solve(self, cost: Mapping[int, float], *, gap: float, time_limit_s: float):  # type: ignore[no-untyped-def]
        """Return scipy's answer of the least cost."""
        objective: FloatArray = np.zeros(self.size)
        columns: IntArray = np.array(list(cost), dtype=np.int64)
        objective[columns] = list(cost.values())
        shape = (len(self._most), self.size)
        matrix = csr_array((self._value, (self._row, self._column)), shape=shape)
        return milp(
            objective,
            constraints=[LinearConstraint(matrix, np.array(self._least), np.array(self._most))],
            integrality=np.array(self.whole, dtype=np.int64),
            bounds=(np.array(self.low), np.array(self.high)),  # type: ignore[arg-type]  # a pair
            options={"time_limit": max(time_limit_s, 0.1), "mip_rel_gap": gap},
        )
