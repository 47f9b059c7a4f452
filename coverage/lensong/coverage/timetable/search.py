"""The largest set that holds: the programme and the draws, in turn, until they agree.

The programme knows crowds that do not hold only as they turn up. It is solved with those that are
known; where a step of its answer does not hold on the draws, the smallest crowds within it that do
not hold are told to it, and it is solved again. More sellers never help, so every crowd that
contains one of them is ruled out too, in every hour. The bound of the last solve is then a bound
on all timetables, and its answer holds in every step.

Before that the programme is given sums that no crowd goes beyond (how many of one kind, of all, of
Mbit/s): each is itself the answer to the same problem in a single hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import numpy as np

from lensong.coverage.timetable.air import Air, Crowd, Kind
from lensong.coverage.timetable.programme import (
    Conflict,
    Limit,
    Offer,
    Solved,
    crowds,
    loose_bound,
    solve,
)
from lensong.propagation.types import FloatArray

__all__ = ["Answer", "Search"]

_LONG_AGO = datetime(2000, 1, 1)
_NEXT_DAY = datetime(2000, 1, 2)
_ROUNDS_OF_A_LIMIT = 40
_SHARE_FOR_LIMITS = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A timetable that holds, and how good any can be.

    Parameters
    ----------
    taken : tuple of Offer
    value, bound : float
        In units of the values asked for.
    proved : bool
        Whether the solver ended by itself on what holds in every step.
    rounds : int
        How often the programme was solved.
    crowds : dict
        Step to who is on the air.
    """

    taken: tuple[Offer, ...]
    value: float
    bound: float
    proved: bool
    rounds: int
    crowds: dict[datetime, Crowd]


@dataclass(slots=True, kw_only=True)
class Search:
    """What is known of which crowds hold.

    Parameters
    ----------
    air : Air
        The draws of the plan.
    fresh : Air
        More draws, which only judge.
    probability : float
    deadline_s : float
        Of `time.monotonic`.
    """

    air: Air
    fresh: Air
    probability: float
    deadline_s: float
    limits: list[Limit] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    most_alone: dict[int, int] = field(default_factory=dict)
    withdrawn: int = 0
    _weighed: set[tuple[tuple[int, float], ...]] = field(default_factory=set)

    def left_s(self) -> float:
        """Return how much time is left [s]."""
        return self.deadline_s - monotonic()

    def learn(self, kinds: Iterable[int]) -> None:
        """Find how many of some kinds hold alone, and sums that no crowd goes beyond."""
        until = monotonic() + _SHARE_FOR_LIMITS * self.left_s()
        self.learn_alone(kinds)
        for weights in self._weightings():
            most = self._most(weights, until)
            if most < sum(w * self.most_alone[k] for k, w in weights.items()) - 1e-6:
                self.limits.append(Limit(weights=weights, most=most))
            if monotonic() > until:
                return

    def learn_alone(self, kinds: Iterable[int]) -> None:
        """Find how many of some kinds hold alone."""
        size = len(self.air.kinds)
        for kind in sorted(set(kinds) - set(self.most_alone)):
            low, high = 0, self.air.kinds[kind].most + 1
            while high - low > 1:
                middle = (low + high) // 2
                crowd = tuple(middle if k == kind else 0 for k in range(size))
                low, high = (middle, high) if self._holds(crowd) else (low, middle)
            self.most_alone[kind] = low
            if low < self.air.kinds[kind].most:
                self.limits.append(Limit(weights={kind: 1.0}, most=float(low)))

    def _weightings(self) -> Iterable[dict[int, float]]:
        """Yield sums worth a limit: sellers and Mbit/s of a group, whole and by operator."""
        kinds = self.air.kinds
        for group in self.air.groups():
            able = [k for k in group if self.most_alone.get(k)]
            parts = [[k for k in able if kinds[k].operator == o] for o in _operators(able, kinds)]
            for part in [*parts, able] if len(parts) > 1 else parts:
                if len(part) < 2:
                    continue
                rates = [kinds[k].service.uplink_mbps for k in part]
                shares = [1.0 / self.most_alone[k] for k in part]
                for values in ([1.0] * len(part), rates, shares):
                    weights = dict(zip(part, values, strict=True))
                    least = min(weights.values())
                    weights = {k: round(w / least, 6) for k, w in weights.items()}
                    key = tuple(sorted(weights.items()))
                    if key not in self._weighed:
                        self._weighed.add(key)
                        yield weights

    def _most(self, weights: Mapping[int, float], until: float) -> float:
        """Return what a sum can be at the most in a crowd that holds, or a bound on it."""
        offers = [
            Offer(wish=-1, starts_at=_LONG_AGO, ends_at=_NEXT_DAY, kind=k, most=self.most_alone[k])
            for k in weights
        ]
        values = np.array(list(weights.values()))
        bound = float(values @ np.array([offer.most for offer in offers]))
        for _ in range(_ROUNDS_OF_A_LIMIT):
            found = self._solve(offers, values, {}, gap=1e-6)
            bound = min(bound, found.bound)
            if found.taken is None or monotonic() > until:
                break
            (crowd,) = crowds(offers, found.taken, len(self.air.kinds)).values()
            if self._holds(crowd):
                break
            self._rule_out(crowd, self.air)
        return bound + 1e-6

    def answer(
        self, offers: Sequence[Offer], values: FloatArray, people: Mapping[int, str], *, gap: float
    ) -> Answer:
        """Return the offers of the greatest value of which every step holds.

        Parameters
        ----------
        offers, values, people, gap
            As `lensong.coverage.timetable.programme.solve`.

        Notes
        -----
        When time runs out, sellers are left out of the last answer, the least worth first, until
        what is left holds; the bound stays.
        """
        size = len(self.air.kinds)
        rounds, bound = 0, loose_bound(offers, values)
        taken: tuple[int, ...] = (0,) * len(offers)
        while True:
            rounds += 1
            found = self._solve(offers, values, people, gap=gap)
            bound = min(bound, found.bound)
            if found.taken is not None:
                taken = found.taken
            steps = crowds(offers, taken, size)
            broken = self._broken(steps.values())
            if not broken and found.taken is not None:
                break
            if self.left_s() <= 0.0 or found.taken is None:
                taken = self._repaired(offers, values, taken)
                steps = crowds(offers, taken, size)
                found = Solved(taken=taken, value=0.0, bound=bound, finished=False)
                break
            for crowd, judge in broken:
                self._rule_out(crowd, judge)
        return Answer(
            taken=tuple(offer for offer, n in zip(offers, taken, strict=True) if n),
            value=float(values @ np.array(taken, dtype=np.float64)),
            bound=bound,
            proved=found.finished,
            rounds=rounds,
            crowds=steps,
        )

    def _solve(
        self, offers: Sequence[Offer], values: FloatArray, people: Mapping[int, str], *, gap: float
    ) -> Solved:
        return solve(
            offers,
            values,
            limits=self.limits,
            conflicts=self.conflicts,
            people=people,
            gap=gap,
            time_limit_s=self.left_s(),
        )

    def _holds(self, crowd: Crowd) -> bool:
        return self.air.holds(crowd, self.probability)

    def _broken(self, steps: Iterable[Crowd]) -> list[tuple[Crowd, Air]]:
        """Return the crowds that do not hold, with the draws on which they do not."""
        distinct = sorted(set(steps), reverse=True)
        broken = [(crowd, self.air) for crowd in distinct if not self._holds(crowd)]
        if not broken:
            broken = [
                (crowd, self.fresh)
                for crowd in distinct
                if not self.fresh.holds(crowd, self.probability)
            ]
            self.withdrawn += len(broken)
        return broken

    def _rule_out(self, crowd: Crowd, judge: Air) -> None:
        """Add the smallest crowds within one that do not hold, by two orders of leaving out."""
        kinds = [k for k, n in enumerate(crowd) if n]
        for order in (kinds, kinds[::-1]):
            least = list(crowd)
            for kind in order:
                low, high = -1, least[kind]  # `high` of it do not hold
                while high - low > 1:
                    middle = (low + high) // 2
                    least[kind] = middle
                    if judge.holds(tuple(least), self.probability):
                        low = middle
                    else:
                        high = middle
                least[kind] = high
            conflict = {k: n for k, n in enumerate(least) if n}
            if conflict not in self.conflicts:
                self.conflicts.append(conflict)

    def _repaired(
        self, offers: Sequence[Offer], values: FloatArray, taken: tuple[int, ...]
    ) -> tuple[int, ...]:
        """Return what is left of an answer when the least worth are left out until it holds."""
        kept = [0] * len(offers)
        chosen = [i for i, n in enumerate(taken) if n]
        for i in sorted(chosen, key=lambda i: (-values[i], i)):
            kept[i] = 1
            if self._broken(set(crowds(offers, kept, len(self.air.kinds)).values())):
                kept[i] = 0
        return tuple(kept)


def _operators(able: Sequence[int], kinds: Sequence[Kind]) -> list[str]:
    return sorted({kinds[k].operator for k in able})
