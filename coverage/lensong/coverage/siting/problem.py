"""The question of siting in plain arrays, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["READY", "Siting", "SitingProblem", "Supply"]

READY = -1
"""Where an arc begins that comes from what stands already: a fed mast, a fibre, the grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What every mast needs one line of: backhaul, or power.

    Parameters
    ----------
    name : str
    source : shape (arcs,)
        Candidate that must be built for the arc to be there, or `READY`.
    target : shape (arcs,)
        Candidate that is fed by the arc.
    cost : shape (arcs,)
        Of the arc, 0 or more.
    most : shape (arcs,), or None
        How many masts the arc can feed, those beyond its own counted, 1 or more; None: any.
    """

    name: str
    source: IntArray
    target: IntArray
    cost: FloatArray
    most: IntArray | None = None

    @property
    def room(self) -> FloatArray:
        """Return how many masts each arc can feed; ``inf``: any."""
        if self.most is None:
            return np.full(self.cost.size, np.inf)
        return self.most.astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class SitingProblem:
    """Candidates, whom each serves, what each costs, and how much may be spent.

    Parameters
    ----------
    cost : shape (candidates,)
        Of a mast without its supplies, 0 or more.
    begin : shape (candidates + 1,)
        Entries of candidate ``c`` are ``begin[c]:begin[c + 1]``.
    village : shape (entries,)
        Index of a village, each once in a candidate.
    gained : shape (entries,)
        People of the village who get the service if that candidate alone is built, above 0.
    villages : int
    budget : float or None
    most_masts : int or None
        At least one of the two is given.
    supplies : tuple of Supply
        Of each, every mast that is built has exactly one arc, following them leads to `READY`, and
        no arc feeds more masts than it can.

    Notes
    -----
    A village that several built candidates serve gains what the best of them brings, not the sum:
    the same people are meant.
    """

    cost: FloatArray
    begin: IntArray
    village: IntArray
    gained: FloatArray
    villages: int
    budget: float | None = None
    most_masts: int | None = None
    supplies: tuple[Supply, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.budget is None and self.most_masts is None:
            raise InvalidInputError("neither budget nor most_masts is given, wanted one or both")
        if self.budget is not None and not 0.0 <= self.budget < np.inf:
            raise InvalidInputError(f"budget is {self.budget}, wanted 0 or more")
        if self.most_masts is not None and self.most_masts < 0:
            raise InvalidInputError(f"most_masts is {self.most_masts}, wanted 0 or more")
        for name, values in (
            ("cost", self.cost),
            *((f"cost of {s.name}", s.cost) for s in self.supplies),
        ):
            if not np.all((values >= 0.0) & (values < np.inf)):
                raise InvalidInputError(f"{name} holds {values.min()}, wanted 0 or more each")
        for supply in self.supplies:
            if supply.target.size and not (
                supply.source.min() >= READY
                and supply.source.max() < self.size
                and supply.target.min() >= 0
                and supply.target.max() < self.size
                and (supply.source != supply.target).all()
            ):
                raise InvalidInputError(f"an arc of {supply.name} joins what is no candidate")
            if (supply.room < 1.0).any():
                raise InvalidInputError(f"an arc of {supply.name} feeds no mast, wanted 1 or more")

    @classmethod
    def of_shares(
        cls,
        *,
        cost: FloatArray,
        people: FloatArray,
        served_share: FloatArray,
        candidate: IntArray,
        village: IntArray,
        share: FloatArray,
        budget: float | None = None,
        most_masts: int | None = None,
        supplies: tuple[Supply, ...] = (),
    ) -> SitingProblem:
        """Return the problem of villages with people, some of whom are served already.

        Parameters
        ----------
        people, served_share : shape (villages,)
            Of each village, and the share of them served today, 0..1.
        candidate, village, share : shape (entries,)
            Who serves whom, and the share served with that candidate and what stands.
        cost, budget, most_masts, supplies
            As in the class.
        """
        gained = people[village] * (share - served_share[village])
        kept = gained > 0.0
        order = np.lexsort((village[kept], candidate[kept]))
        counts = np.bincount(candidate[kept], minlength=cost.size)
        return cls(
            cost=cost,
            begin=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            village=village[kept][order],
            gained=gained[kept][order],
            villages=people.size,
            budget=budget,
            most_masts=most_masts,
            supplies=supplies,
        )

    @property
    def size(self) -> int:
        """Return how many candidates there are."""
        return int(self.cost.size)

    @property
    def candidate(self) -> IntArray:
        """Return the candidate of every entry."""
        return np.repeat(np.arange(self.size), np.diff(self.begin))

    def best(self, chosen: list[int] | tuple[int, ...]) -> FloatArray:
        """Return what every village gains with some candidates [people]."""
        best = np.zeros(self.villages)
        for c in chosen:
            part = slice(self.begin[c], self.begin[c + 1])
            np.maximum.at(best, self.village[part], self.gained[part])
        return best

    def people(self, chosen: list[int] | tuple[int, ...]) -> float:
        """Return how many people gain with some candidates."""
        return float(self.best(chosen).sum())

    def each_adds(self, best: FloatArray) -> FloatArray:
        """Return what each candidate adds to what the villages gain already [people]."""
        more = np.maximum(self.gained - best[self.village], 0.0)
        return np.diff(np.concatenate([[0.0], np.cumsum(more)])[self.begin])


@dataclass(frozen=True, slots=True, kw_only=True)
class Siting:
    """Masts to build, and how good any choice can be.

    Parameters
    ----------
    chosen : tuple of int
        Candidates, ascending.
    arcs : tuple of dict
        For every supply, candidate to the index of its arc.
    people, cost : float
    bound : float
        No choice within the limits serves more people than this.
    ended : str
        ``"proved"``: the gap asked for is; ``"time"``: the limit came first; ``"size"``: the
        problem was too large for the exact solver, and greedy and swap came within ``gap_percent``.
    """

    chosen: tuple[int, ...]
    arcs: tuple[dict[int, int], ...]
    people: float
    cost: float
    bound: float
    ended: Literal["proved", "time", "size"]

    @property
    def gap_percent(self) -> float:
        """Return how far below the best possible the answer may be [%]."""
        if self.bound <= 0.0:
            return 0.0
        return max(0.0, 100.0 * (1.0 - self.people / self.bound))
