"""One thing at a time to its best value, the one with most people for its cost first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from time import monotonic
from typing import Literal, Protocol, TypeAlias

import numpy as np

from lensong.coverage.siting.changes import Knob
from lensong.propagation.types import BoolArray, FloatArray

__all__ = ["Ended", "SearchLimits", "Searched", "Setting", "Trials", "coordinate_search"]

Setting: TypeAlias = Mapping[int, float | str]
"""Number of a knob to its value; those that are left out stand as they are."""

Ended: TypeAlias = Literal["optimum", "tries", "time"]

_GAIN = 1e-6  # people; sums of shares differ by less
_FREE = 1e-9
_FOR_NEW = 2.0 / 3.0
_MOST_ORDERED = 12


class Trials(Protocol):
    """What a setting of knobs brings."""

    def people(self, setting: Setting) -> float:
        """Return how many people have the service."""

    def accept(self, setting: Setting) -> None:
        """Take a setting as the one that further ones differ from little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLimits:
    """How much may be spent, and how long may be searched.

    Parameters
    ----------
    budget : float or None
    most_cost_per_person : float or None
        A change that costs more for each person who gains is not made.
    tries : int
        Settings that are planned at most, before the order of the steps is looked for.
    time_limit_s : float
        Of the wall clock, as for ``tries``.
    """

    budget: float | None = None
    most_cost_per_person: float | None = None
    tries: int = 400
    time_limit_s: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What was found.

    Parameters
    ----------
    order : tuple of int
        Knobs in the order of their steps, those with most people for their cost first.
    setting : dict
        Of them.
    people : tuple of float
        With none of them, with the first, the first two, …: one more than there are steps.
    tries : int
        How many settings were planned.
    ended : str
        ``"optimum"``: no other value of any one knob brings more people within the limits;
        ``"tries"``, ``"time"``: that limit came first.
    untried : int
        Knobs near people without the service of which no value was planned.
    """

    order: tuple[int, ...]
    setting: dict[int, float | str]
    people: tuple[float, ...]
    tries: int
    ended: Ended
    untried: int


@dataclass(slots=True)
class _Search:
    knobs: Sequence[Knob]
    trials: Trials
    limits: SearchLimits
    progress: Callable[[int, int], None] | None
    deadline_s: float
    seen: dict[frozenset[tuple[int, float | str]], float] = field(default_factory=dict)
    tries: int = 0

    def people(self, setting: Setting) -> float:
        key = frozenset(setting.items())
        if key not in self.seen:
            self.seen[key] = self.trials.people(setting)
            self.tries += 1
            if self.progress is not None:
                self.progress(min(self.tries, self.limits.tries), self.limits.tries)
        return self.seen[key]

    def cost(self, setting: Setting) -> float:
        return sum(self.knobs[k].cost for k in setting)

    def stopped(self) -> Ended | None:
        if self.tries >= self.limits.tries:
            return "tries"
        return "time" if monotonic() >= self.deadline_s else None

    def best_value(self, setting: Setting, k: int) -> tuple[float, float, Setting] | None:
        """Return the best gain of another value of a knob, what more it costs, and the setting."""
        now, best = self.people(setting), None
        others = {name: value for name, value in setting.items() if name != k}
        for value in (None, *self.knobs[k].values):
            with_it = others if value is None else {**others, k: value}
            if with_it == setting or not self._affordable(with_it):
                continue
            if self.stopped() is not None:
                return best
            gain = self.people(with_it) - now
            if best is None or gain > best[0] + _GAIN:
                best = (gain, self.cost(with_it) - self.cost(setting), with_it)
        return best

    def worth(self, gain: float, more_cost: float) -> bool:
        most = self.limits.most_cost_per_person
        return gain > _GAIN and (most is None or more_cost <= gain * most)

    def _affordable(self, setting: Setting) -> bool:
        budget = self.limits.budget
        return budget is None or self.cost(setting) <= budget * (1.0 + 1e-12)


def coordinate_search(
    knobs: Sequence[Knob],
    trials: Trials,
    limits: SearchLimits,
    *,
    hope: FloatArray,
    near: Sequence[BoolArray],
    progress: Callable[[int, int], None] | None = None,
) -> Searched:
    """Return values of knobs with which more people have the service, never fewer.

    Parameters
    ----------
    knobs : sequence of Knob
    trials : Trials
    limits : SearchLimits
    hope : shape (knobs,)
        About how many people each may bring the service; only the order in which they are tried
        comes of it. Those of 0 are not tried.
    near : sequence of shape (villages,)
        Of each knob, the villages that it can touch.
    progress : callable, optional
        Called with tries done and tries at most.

    Notes
    -----
    A knob is given the best of its values while the others stay. The next is the one with the most
    people for its cost by what is known: the hope, then what it brought when it was last tried; and
    it is tried again before it is taken if a knob near it was turned since. What is found is a
    local optimum: two changes that help only together are not found. The last third of the tries
    is for what has helped already.
    """
    search = _Search(knobs, trials, limits, progress, monotonic() + limits.time_limit_s)
    setting: Setting = {}
    search.people(setting)
    estimate = np.array([_ratio(h, one.cost) for h, one in zip(hope, knobs, strict=True)])
    fresh: dict[int, tuple[float, float, Setting] | None] = {}
    tried: set[int] = set()
    is_open = np.asarray(hope) > 0.0
    ended: Ended = "optimum"
    while is_open.any():
        ready = is_open
        stopped = search.stopped()
        if stopped is None and search.tries > _FOR_NEW * limits.tries:
            ready = is_open & np.isin(np.arange(len(knobs)), list(tried))
            stopped = None if ready.any() else "tries"
        if stopped is not None:
            ended = stopped
            ready = is_open & np.isin(np.arange(len(knobs)), list(fresh))
            if not ready.any():
                break
        k = int(np.argmax(np.where(ready, estimate, -inf)))
        if k not in fresh:
            fresh[k] = search.best_value(setting, k)
            tried.add(k)
            gain, more, _ = fresh[k] or (0.0, 0.0, setting)
            estimate[k] = _ratio(gain, more)
            is_open[k] = search.worth(gain, more)
            continue
        setting = (fresh[k] or (0.0, 0.0, setting))[2]
        trials.accept(setting)
        for other in [o for o in fresh if o == k or bool((near[o] & near[k]).any())]:
            del fresh[other]
            is_open[other] = True
    order, people = _in_order(search, setting)
    if len(order) < len(setting):
        trials.accept({k: setting[k] for k in order})
    if progress is not None:
        progress(limits.tries, limits.tries)
    return Searched(
        order=order,
        setting={k: setting[k] for k in order},
        people=people,
        tries=search.tries,
        ended=ended,
        untried=int(np.count_nonzero(np.asarray(hope) > 0.0)) - len(tried),
    )


def _ratio(people: float, cost: float) -> float:
    return people / max(cost, _FREE)


def _in_order(search: _Search, setting: Setting) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the knobs step by step, each with the people so far; what is not needed is dropped."""
    left, done = dict(setting), dict[int, float | str]()
    whole = search.people(setting)
    people = [search.people({})]
    while left and not (done and people[-1] >= whole - _GAIN):
        first = next(iter(left))
        if len(setting) <= _MOST_ORDERED:
            gains = {
                k: _ratio(search.people({**done, k: v}) - people[-1], search.knobs[k].cost)
                for k, v in left.items()
            }
            first = max(gains, key=lambda k: gains[k])
        done[first] = left.pop(first)
        people.append(search.people(done))
    return tuple(done), tuple(people)
