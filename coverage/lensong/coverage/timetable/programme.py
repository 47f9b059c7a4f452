"""The timetable as a mixed-integer programme, solved by HiGHS through scipy.

An *offer* is one way to give a wish what it wants: a start, a kind, and what it costs. Of each
wish at most one offer is taken. Time is cut where offers begin and end; of these steps those are
kept in which the most offers meet, for what holds there holds in the others.

What may be on the air at once is told by *limits*, sums of sellers with weights, and *conflicts*,
crowds that do not hold: for each kind of a conflict a binary says whether at least so many are on
the air, and not all of them may be 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array

from lensong.coverage.timetable.air import Crowd
from lensong.propagation.types import FloatArray

__all__ = ["Conflict", "Limit", "Offer", "Solved", "crowds", "loose_bound", "solve"]

Conflict = Mapping[int, int]
"""Kind to how many: this many of each at once do not hold."""

_SLACK = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A sum over kinds that no crowd which holds goes beyond."""

    weights: Mapping[int, float]
    most: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One way to give a wish what it wants.

    Parameters
    ----------
    wish : int
        Number of the wish.
    starts_at, ends_at : datetime
    kind : int
    cost : int
        Of its changes, together.
    changes : tuple of str
        Keys of what differs from the wish.
    most : int
        How often it may be taken; above 1 in a single hour alone.
    """

    wish: int
    starts_at: datetime
    ends_at: datetime
    kind: int
    cost: int = 0
    changes: tuple[str, ...] = ()
    most: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """An answer of the solver.

    Parameters
    ----------
    taken : tuple of int or None
        How often each offer is taken; None where the solver found nothing in its time.
    value, bound : float
        What the answer is worth, and what none is worth more than.
    finished : bool
        Whether the solver ended by itself.
    """

    taken: tuple[int, ...] | None
    value: float
    bound: float
    finished: bool


def steps_of(offers: Sequence[Offer]) -> list[datetime]:
    """Return the beginnings of the steps in which the most offers meet."""
    begins = {offer.starts_at for offer in offers}
    ends = {offer.ends_at for offer in offers}
    cuts = sorted(begins | ends)
    return [a for a, b in pairwise(cuts) if a in begins and b in ends]


def crowds(offers: Sequence[Offer], taken: Sequence[int], kinds: int) -> dict[datetime, Crowd]:
    """Return who is on the air in each step."""
    chosen = [(offer, n) for offer, n in zip(offers, taken, strict=True) if n]
    found = {}
    for step in steps_of(offers):
        counted = [0] * kinds
        for offer, n in chosen:
            if offer.starts_at <= step < offer.ends_at:
                counted[offer.kind] += n
        found[step] = tuple(counted)
    return found


def solve(
    offers: Sequence[Offer],
    values: FloatArray,
    *,
    limits: Sequence[Limit],
    conflicts: Sequence[Conflict],
    people: Mapping[int, str],
    gap: float,
    time_limit_s: float,
) -> Solved:
    """Return the offers of the greatest value.

    Parameters
    ----------
    offers : sequence of Offer
    values : shape (offers,)
        What each is worth.
    limits, conflicts : sequence
        What is known of crowds.
    people : dict
        Wish to who wishes it: one person is on the air once at a time.
    gap : float
        How far the answer may be below the best one, in units of value.
    time_limit_s : float
        For the solver.
    """
    if not offers:
        return Solved(taken=(), value=0.0, bound=0.0, finished=True)
    rows = _Rows(len(offers))
    for wish, count in Counter(offer.wish for offer in offers).items():
        if wish >= 0 and count > 1:
            rows.add({i: 1.0 for i, offer in enumerate(offers) if offer.wish == wish}, 1.0)
    for step in steps_of(offers):
        on_air = [i for i, o in enumerate(offers) if o.starts_at <= step < o.ends_at]
        by_kind: dict[int, list[int]] = {}
        by_person: dict[str, list[int]] = {}
        for i in on_air:
            by_kind.setdefault(offers[i].kind, []).append(i)
            if offers[i].wish in people:
                by_person.setdefault(people[offers[i].wish], []).append(i)
        for mine in by_person.values():
            if len({offers[i].wish for i in mine}) > 1:
                rows.add(dict.fromkeys(mine, 1.0), 1.0)
        most = {kind: _most(mine, offers) for kind, mine in by_kind.items()}
        _add_limits(rows, limits, by_kind, most)
        _add_conflicts(rows, conflicts, by_kind, most)
    upper = np.array([*(float(o.most) for o in offers), *[1.0] * rows.binaries])
    found = milp(
        np.concatenate([-values, np.zeros(rows.binaries)]),
        constraints=rows.constraint(),
        integrality=np.ones(upper.size, np.int64),
        bounds=(0.0, upper),  # type: ignore[arg-type]  # scipy takes a pair as Bounds(*pair)
        options={
            "time_limit": max(time_limit_s, 0.1),
            "mip_rel_gap": gap / max(loose_bound(offers, values), 1.0),
        },
    )
    if found.x is None:
        bound = found.mip_dual_bound
        known = -float(bound) if bound is not None and np.isfinite(bound) else np.inf
        return Solved(
            taken=None, value=0.0, bound=min(known, loose_bound(offers, values)), finished=False
        )
    taken = tuple(round(float(x)) for x in found.x[: len(offers)])
    return Solved(
        taken=taken,
        value=float(values @ np.array(taken)),
        bound=-float(found.mip_dual_bound) if found.mip_dual_bound is not None else 0.0,
        finished=found.status == 0,
    )


def loose_bound(offers: Sequence[Offer], values: FloatArray) -> float:
    """Return what no answer is worth more than, however much the air held: each wish's best."""
    best: dict[int, float] = {}
    loose = 0.0
    for offer, value in zip(offers, values, strict=True):
        if offer.wish < 0:
            loose += max(float(value), 0.0) * offer.most
        else:
            best[offer.wish] = max(best.get(offer.wish, 0.0), float(value))
    return loose + sum(best.values())


def _most(mine: Sequence[int], offers: Sequence[Offer]) -> int:
    """Return how many of one kind can be on the air together."""
    by_wish: dict[int, int] = {}
    loose = 0
    for i in mine:
        if offers[i].wish < 0:
            loose += offers[i].most
        else:
            by_wish[offers[i].wish] = 1
    return loose + len(by_wish)


def _add_limits(
    rows: _Rows,
    limits: Sequence[Limit],
    by_kind: Mapping[int, list[int]],
    most: Mapping[int, int],
) -> None:
    for limit in limits:
        if sum(w * most.get(kind, 0) for kind, w in limit.weights.items()) <= limit.most + _SLACK:
            continue
        rows.add(
            {i: w for kind, w in limit.weights.items() for i in by_kind.get(kind, ())}, limit.most
        )


def _add_conflicts(
    rows: _Rows,
    conflicts: Sequence[Conflict],
    by_kind: Mapping[int, list[int]],
    most: Mapping[int, int],
) -> None:
    at_least: dict[tuple[int, int], int] = {}
    for conflict in conflicts:
        if any(most.get(kind, 0) < n for kind, n in conflict.items()):
            continue
        if len(conflict) == 1:
            ((kind, n),) = conflict.items()
            rows.add(dict.fromkeys(by_kind[kind], 1.0), n - 1.0)
            continue
        for kind, n in conflict.items():
            if (kind, n) not in at_least:
                binary = at_least[kind, n] = rows.binary()
                row = dict.fromkeys(by_kind[kind], 1.0)
                rows.add(row | {binary: -float(most[kind] - n + 1)}, n - 1.0)
        rows.add({at_least[kind, n]: 1.0 for kind, n in conflict.items()}, float(len(conflict) - 1))
    for kind in {kind for kind, _ in at_least}:
        counts = sorted(n for k, n in at_least if k == kind)
        for few, many in pairwise(counts):
            rows.add({at_least[kind, many]: 1.0, at_least[kind, few]: -1.0}, 0.0)


@dataclass(slots=True)
class _Rows:
    """Rows of ``A x <= b``, columns by number."""

    columns: int
    binaries: int = 0
    _row: list[int] = field(default_factory=list)
    _column: list[int] = field(default_factory=list)
    _value: list[float] = field(default_factory=list)
    _most: list[float] = field(default_factory=list)

    def binary(self) -> int:
        """Return the number of a new column."""
        self.binaries += 1
        return self.columns + self.binaries - 1

    def add(self, row: Mapping[int, float], most: float) -> None:
        """Add a row."""
        self._row += [len(self._most)] * len(row)
        self._column += row.keys()
        self._value += row.values()
        self._most.append(most)

    def constraint(self) -> list[LinearConstraint]:
        """Return the rows as scipy wants them."""
        if not self._most:
            return []
        shape = (len(self._most), self.columns + self.binaries)
        matrix = csr_array((self._value, (self._row, self._column)), shape=shape)
        return [LinearConstraint(matrix, -np.inf, np.array(self._most))]
