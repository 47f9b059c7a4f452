"""Siting against the enumeration of all choices."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.siting.bound import lagrangian_bound
from lensong.coverage.siting.feeding import Feeding
from lensong.coverage.siting.problem import READY, Siting, SitingProblem, Supply
from lensong.coverage.siting.solve import best_sites
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray

SUPPLIES = ("backhaul", "power")


def shares(rng: np.random.Generator, candidates: int, villages: int) -> FloatArray:
    """Return the share that each candidate serves of each village, half of them 0."""
    share = rng.choice([0.0, 0.0, 0.0, 0.3, 0.5, 1.0], (candidates, villages))
    return np.asarray(share, dtype=np.float64)


def problem_of(
    share: FloatArray,
    people: FloatArray,
    cost: FloatArray,
    *,
    before: FloatArray | None = None,
    budget: float | None = None,
    most_masts: int | None = None,
    supplies: tuple[Supply, ...] = (),
) -> SitingProblem:
    candidate, village = np.nonzero(share)
    return SitingProblem.of_shares(
        cost=cost,
        people=people,
        served_share=np.zeros(people.size) if before is None else before,
        candidate=candidate,
        village=village,
        share=share[candidate, village],
        budget=budget,
        most_masts=most_masts,
        supplies=supplies,
    )


def supply(name: str, arcs: list[tuple[int, int, float]], most: list[int] | None = None) -> Supply:
    return Supply(
        most=None if most is None else np.array(most, dtype=np.int64),
        name=name,
        source=np.array([a for a, _, _ in arcs], dtype=np.int64),
        target=np.array([b for _, b, _ in arcs], dtype=np.int64),
        cost=np.array([c for _, _, c in arcs], dtype=np.float64),
    )


def cheapest_tree(one: Supply, chosen: tuple[int, ...]) -> float:
    """Return the cost of the cheapest lines that feed a choice, by trying all; inf without."""
    into = [
        [
            k
            for k in range(one.target.size)
            if one.target[k] == c and (one.source[k] == READY or one.source[k] in chosen)
        ]
        for c in chosen
    ]
    least = np.inf
    for arcs in product(*into):
        parent = {int(one.target[k]): int(one.source[k]) for k in arcs}
        masts = dict.fromkeys(chosen, 0)
        fed = True
        for c in chosen:
            at, steps = c, 0
            while at != READY and steps <= len(chosen):
                masts[at] += 1
                at, steps = parent[at], steps + 1
            fed = fed and at == READY
        fed = fed and all(masts[int(one.target[k])] <= one.room[k] for k in arcs)
        if fed:
            least = min(least, float(one.cost[list(arcs)].sum()))
    return least


def by_trying_all(problem: SitingProblem, share: FloatArray, people: FloatArray) -> float:
    """Return the most people of any choice within the limits."""
    best = 0.0
    most = problem.size if problem.most_masts is None else problem.most_masts
    for count in range(min(most, problem.size) + 1):
        for chosen in combinations(range(problem.size), count):
            served = share[list(chosen)].max(axis=0) if chosen else np.zeros(people.size)
            cost = float(problem.cost[list(chosen)].sum())
            cost += sum(cheapest_tree(one, chosen) for one in problem.supplies) if chosen else 0.0
            if np.isfinite(cost) and cost <= (
                np.inf if problem.budget is None else problem.budget * (1.0 + 1e-12)
            ):
                best = max(best, float(people @ served))
    return best


def check_holds(problem: SitingProblem, answer: Siting) -> None:
    """Check that an answer is within the limits, fed, and costs what it says."""
    cost = float(problem.cost[list(answer.chosen)].sum())
    for one, lines in zip(problem.supplies, answer.arcs, strict=True):
        assert sorted(lines) == list(answer.chosen)
        cost += float(one.cost[list(lines.values())].sum())
        for c in answer.chosen:
            at = c
            for _ in range(len(answer.chosen) + 1):
                at = int(one.source[lines[at]])
                if at == READY:
                    break
            assert at == READY
        assert one.cost[list(lines.values())].sum() == pytest.approx(
            cheapest_tree(one, answer.chosen)
        )
    assert answer.cost == pytest.approx(cost)
    assert answer.people == pytest.approx(problem.people(answer.chosen))
    if problem.budget is not None:
        assert cost <= problem.budget * (1.0 + 1e-9)
    if problem.most_masts is not None:
        assert len(answer.chosen) <= problem.most_masts


@st.composite
def cases(draw: st.DrawFn) -> tuple[SitingProblem, FloatArray, FloatArray]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    candidates, villages = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    share = shares(rng, candidates, villages)
    people = rng.integers(0, 400, villages).astype(np.float64)
    limit = draw(st.sampled_from(["budget", "masts", "both"]))
    supplies = []
    for name in SUPPLIES[: draw(st.integers(0, 2))]:
        ways = [
            (a, b, float(rng.integers(0, 9)))
            for a in range(READY, candidates)
            for b in range(candidates)
            if a != b and rng.random() < (0.4 if a == READY else 0.3)
            for _ in range(2 if rng.random() < 0.2 else 1)  # two ways from one place
        ]
        narrow = rng.integers(1, 4, len(ways)).tolist() if rng.random() < 0.5 else None
        supplies.append(supply(name, ways, narrow))
    problem = problem_of(
        share,
        people,
        rng.integers(0, 9, candidates).astype(np.float64),
        budget=None if limit == "masts" else float(rng.integers(0, 30)),
        most_masts=None if limit == "budget" else int(rng.integers(0, 4)),
        supplies=tuple(supplies),
    )
    return problem, share, people


@given(cases())
def test_the_answer_is_that_of_trying_all(
    case: tuple[SitingProblem, FloatArray, FloatArray],
) -> None:
    problem, share, people = case
    best = by_trying_all(problem, share, people)
    answer = best_sites(problem, gap_percent=0.0)
    check_holds(problem, answer)
    assert answer.people == pytest.approx(best)
    assert answer.bound == pytest.approx(best, abs=1e-6)
    assert answer.ended == "proved"


@given(cases())
def test_greedy_and_swap_hold_and_the_bound_is_one(
    case: tuple[SitingProblem, FloatArray, FloatArray],
) -> None:
    problem, share, people = case
    best = by_trying_all(problem, share, people)
    answer = best_sites(problem, gap_percent=0.0, most_crowds=0)
    check_holds(problem, answer)
    assert answer.people <= best * (1.0 + 1e-9)
    assert answer.bound >= best * (1.0 - 1e-9)
    assert answer.ended == ("size" if answer.gap_percent > 1e-6 else "proved")


def test_the_lagrangian_bound_is_that_of_the_linear_relaxation() -> None:
    # three villages, each pair served by one candidate: one mast serves 2, two halves more
    share = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    problem = problem_of(share, np.full(3, 60.0), np.ones(3), budget=1.5)
    feeding = Feeding(problem)
    bound = lagrangian_bound(
        problem,
        feeding.least,
        start=problem.best((0,)),
        found=120.0,
        deadline_s=np.inf,
    )
    assert bound.people == pytest.approx(180.0, rel=1e-3)  # half of each: 3/2 masts serve all
    assert best_sites(problem, gap_percent=0.0).bound == pytest.approx(120.0)


def test_a_village_of_two_masts_gains_the_better_not_the_sum() -> None:
    share = np.array([[0.6], [0.7]])
    problem = problem_of(share, np.array([100.0]), np.ones(2), most_masts=2)
    answer = best_sites(problem, gap_percent=0.0)
    assert answer.people == pytest.approx(70.0)
    assert answer.chosen == (1,)  # the other would bring nobody anything


def test_who_is_served_already_is_not_gained() -> None:
    share = np.array([[0.9, 0.5], [0.0, 1.0]])
    problem = problem_of(
        share,
        np.array([100.0, 100.0]),
        np.ones(2),
        before=np.array([0.8, 0.5]),
        most_masts=1,
    )
    answer = best_sites(problem, gap_percent=0.0)
    assert answer.chosen == (1,)
    assert answer.people == pytest.approx(50.0)


def test_a_relay_is_built_where_it_pays() -> None:
    # candidate 0 serves nobody and is fed; 1 hangs on it or on a dear line
    share = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 0.5]])
    for dear, chosen in ((9.0, (0, 1)), (2.0, (1,))):
        lines = supply("backhaul", [(READY, 0, 1.0), (0, 1, 1.0), (READY, 1, dear), (READY, 2, 1)])
        problem = problem_of(
            share, np.array([100.0, 80.0]), np.array([1.0, 2.0, 4.0]), budget=5.0,
            supplies=(lines,),
        )  # fmt: skip
        answer = best_sites(problem, gap_percent=0.0)
        assert answer.chosen == chosen
        assert answer.people == pytest.approx(100.0)


def test_a_way_that_feeds_one_mast_alone_is_not_led_on() -> None:
    # 0 has a cheap way for itself and a dear one for two; 1 is fed over 0 alone
    ways = [(READY, 0, 1.0), (READY, 0, 4.0), (0, 1, 1.0)]
    for budget, people in ((3.0, 10.0), (6.0, 10.0), (7.0, 30.0)):
        problem = problem_of(
            np.eye(2), np.array([10.0, 20.0]), np.ones(2), budget=budget,
            supplies=(supply("backhaul", ways, [1, 2, 9]),),
        )  # fmt: skip
        for most_crowds in (0, 1000):
            answer = best_sites(problem, gap_percent=0.0, most_crowds=most_crowds)
            assert answer.people == people
            check_holds(problem, answer)


def test_a_dear_way_is_taken_where_the_cheap_one_feeds_too_few() -> None:
    ways = [(READY, 0, 1.0), (READY, 0, 5.0), (0, 1, 1.0), (1, 2, 1.0)]
    problem = problem_of(
        np.array([[0.0], [0.0], [1.0]]), np.array([50.0]), np.ones(3), budget=10.0,
        supplies=(supply("backhaul", ways, [2, 3, 9, 9]),),
    )  # fmt: skip
    answer = best_sites(problem, gap_percent=0.0)
    assert (answer.chosen, answer.people, answer.cost) == ((0, 1, 2), 50.0, 10.0)
    check_holds(problem, answer)
    assert best_sites(replace(problem, budget=9.0), gap_percent=0.0).bound == 0.0


def test_masts_that_feed_each_other_in_a_ring_are_not_fed() -> None:
    lines = supply("backhaul", [(0, 1, 0.0), (1, 0, 0.0)])
    problem = problem_of(
        np.eye(2), np.array([10.0, 20.0]), np.ones(2), budget=100.0, supplies=(lines,)
    )
    answer = best_sites(problem)
    assert (answer.chosen, answer.people, answer.bound) == ((), 0.0, 0.0)
    assert answer.gap_percent == 0.0


def test_a_budget_that_buys_nothing_says_that_nothing_can_be_served() -> None:
    answer = best_sites(problem_of(np.eye(2), np.ones(2), np.full(2, 5.0), budget=4.0))
    assert (answer.chosen, answer.people) == ((), 0.0)
    assert answer.bound == pytest.approx(0.0)


def test_without_time_the_answer_comes_with_a_bound() -> None:
    rng = np.random.default_rng(3)
    share = shares(rng, 60, 40)
    problem = problem_of(share, np.full(40, 100.0), rng.uniform(1.0, 9.0, 60), budget=20.0)
    answer = best_sites(problem, gap_percent=0.0, time_limit_s=0.0)
    assert answer.ended == "time"
    assert answer.bound >= best_sites(problem, gap_percent=0.0).people
    assert answer.gap_percent > 0.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "neither budget nor most_masts"),
        ({"budget": -1.0}, "budget is -1.0"),
        ({"budget": float("nan")}, "budget is nan"),
        ({"most_masts": -1}, "most_masts is -1"),
    ],
)
def test_limits_that_are_none_are_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        problem_of(np.eye(1), np.ones(1), np.ones(1), **change)  # type: ignore[arg-type]


def test_costs_and_lines_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="cost holds"):
        problem_of(np.eye(1), np.ones(1), -np.ones(1), most_masts=1)
    with pytest.raises(InvalidInputError, match="no candidate"):
        problem_of(
            np.eye(1), np.ones(1), np.ones(1), most_masts=1,
            supplies=(supply("power", [(READY, 4, 1.0)]),),
        )  # fmt: skip
