"""The choice in rounds, on networks in which masts disturb each other as a table says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pytest

from lensong.coverage.network import Network
from lensong.coverage.siting.candidates import Candidate
from lensong.coverage.siting.gains import Planner
from lensong.coverage.siting.problem import SitingProblem
from lensong.coverage.siting.rounds import RoundLimits, Rounds, choose_in_rounds
from lensong.propagation.types import FloatArray

Served = Callable[[frozenset[int]], FloatArray]


class Fake:
    """A planner whose networks are sets of candidates, and whose shares a function gives."""

    def __init__(self, served: Served, standing: frozenset[int] = frozenset()) -> None:
        self.served, self.standing = served, standing
        self.planned: list[frozenset[int]] = []

    @property
    def before(self) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame({"served_share_tv": self.served(self.standing)})

    def on(self, network: Any) -> Fake:
        return Fake(self.served, network)

    def with_candidates(self, candidates: Sequence[Any]) -> tuple[Any, gpd.GeoDataFrame]:
        chosen = self.standing | frozenset(candidates)
        self.planned.append(chosen)
        return chosen, gpd.GeoDataFrame({"served_share_tv": self.served(chosen)})


def rounds_of(
    served: Served, people: FloatArray, *, masts: int, size: int, **limits: float
) -> Rounds:
    fake = Fake(served)
    share = np.array([served(frozenset([c])) for c in range(size)])
    before = served(frozenset())

    def problem_of(shares: FloatArray) -> SitingProblem:
        candidate, village = np.nonzero(shares > before)
        return SitingProblem.of_shares(
            cost=np.zeros(size),
            people=people,
            served_share=before,
            candidate=candidate,
            village=village,
            share=shares[candidate, village],
            most_masts=masts,
        )

    return choose_in_rounds(
        cast(Planner, fake),
        cast(list[Candidate], list(range(size))),
        share,
        problem_of,
        "tv",
        people,
        RoundLimits(**limits),  # type: ignore[arg-type]  # a number of rounds is given as one
    )


def disturbed(chosen: frozenset[int]) -> FloatArray:
    """Return what three masts bring: the first two halve each other."""
    worth = 0.5 if {0, 1} <= chosen else 1.0
    return np.array([worth * (0 in chosen), worth * (1 in chosen), 0.6 * (2 in chosen)])


PEOPLE = np.array([100.0, 100.0, 100.0])


def best_of(served: Served, people: FloatArray, masts: int, size: int) -> float:
    return max(
        float(people @ served(frozenset(chosen))) for chosen in combinations(range(size), masts)
    )


def test_masts_that_disturb_each_other_are_not_both_built() -> None:
    found = rounds_of(disturbed, PEOPLE, masts=2, size=3)
    first = found.made[0]
    assert first.siting.chosen == (0, 1)
    assert float(PEOPLE @ first.promised) == 200.0
    assert float(PEOPLE @ first.planned) == 100.0
    assert len(found.best.siting.chosen) == 2
    assert float(PEOPLE @ found.best.planned) == best_of(disturbed, PEOPLE, 2, 3) == 160.0
    assert found.agreed == "within"


def test_a_choice_as_promised_is_not_tried_again() -> None:
    def apart(chosen: frozenset[int]) -> FloatArray:
        return np.array([float(c in chosen) for c in range(3)])

    found = rounds_of(apart, PEOPLE, masts=2, size=3)
    assert len(found.made) == 1
    assert found.agreed == "within"


def test_a_village_gains_what_the_best_of_the_masts_brings() -> None:
    def halves(chosen: frozenset[int]) -> FloatArray:
        return np.array([0.5 * (0 in chosen) + 0.5 * (1 in chosen), 1.0 * (1 in chosen)])

    people = np.array([100.0, 100.0])
    found = rounds_of(halves, people, masts=2, size=2)
    assert found.made[0].siting.chosen == (1,)  # the other adds nothing to the best of them
    assert float(people @ found.best.planned) == pytest.approx(150.0)
    assert found.agreed == "within"


def test_where_people_lose_the_service_it_is_settled_and_not_called_within() -> None:
    def taking(chosen: frozenset[int]) -> FloatArray:
        return np.array([1.0 * (0 in chosen), 1.0 - 0.4 * (0 in chosen)])

    people = np.array([100.0, 50.0])
    found = rounds_of(taking, people, masts=1, size=1)
    assert found.agreed == "settled"
    assert float(people @ (found.best.promised - found.best.planned)) == pytest.approx(20.0)


def test_rounds_end_and_the_best_of_them_is_kept() -> None:
    found = rounds_of(disturbed, PEOPLE, masts=2, size=3, rounds=1)
    assert found.agreed == "rounds"
    assert len(found.made) == 1
    late = rounds_of(disturbed, PEOPLE, masts=2, size=3, time_limit_s=0.0)
    assert late.agreed == "time"
    assert late.best.network == cast(Network, frozenset({0, 1}))


@pytest.mark.parametrize("seed", range(6))
def test_the_best_round_is_never_behind_the_first(seed: int) -> None:
    random = np.random.default_rng(seed)
    size, villages = 6, 8
    alone = np.clip(random.random((size, villages)) * 2.0 - 1.0, 0.0, 1.0)
    harm = random.random((size, size)) * 0.5

    def served(chosen: frozenset[int]) -> FloatArray:
        found = np.zeros(villages)
        for c in chosen:
            worth = 1.0 - sum(float(harm[c, o]) for o in chosen if o != c)
            found = np.maximum(found, alone[c] * max(worth, 0.0))
        return found

    people = random.integers(20, 200, villages).astype(float)
    found = rounds_of(served, people, masts=3, size=size)
    planned = [float(people @ one.planned) for one in found.made]
    assert float(people @ found.best.planned) == max(planned)
    assert found.best.siting.people <= found.best.siting.bound + 1e-9
