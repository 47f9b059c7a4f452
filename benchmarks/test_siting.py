"""How near to the best the choice of masts comes, and what that costs.

python -m pytest benchmarks/test_siting.py -m benchmark -s

Synthetic: villages in clusters, each candidate serves those within a few kilometres with a share
that falls with distance; costs are drawn, a line leads from what stands or from another candidate.
``narrow``: each candidate has a satellite terminal for itself besides, lines feed 20 masts at most,
and power has its own cost everywhere.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from lensong.coverage.siting.problem import READY, SitingProblem, Supply
from lensong.coverage.siting.solve import best_sites


def synthetic_problem(
    candidates: int, villages: int, *, side_km: float, masts: float, fed: str, seed: int = 1
) -> SitingProblem:
    rng = np.random.default_rng(seed)
    centres = rng.uniform(0.0, side_km, (villages // 15, 2))
    at = centres[rng.integers(0, len(centres), villages)] + rng.normal(0.0, 1.5, (villages, 2))
    sites = at[rng.choice(villages, candidates, replace=False)]
    sites = sites + rng.normal(0.0, 1.0, (candidates, 2))
    away = np.hypot(*(sites[:, np.newaxis] - at[np.newaxis]).transpose(2, 0, 1))
    share = np.clip(1.3 - away / 4.0 + rng.normal(0.0, 0.2, away.shape), 0.0, 1.0)
    share[away > 5.0] = 0.0
    candidate, village = np.nonzero(share)
    cost = rng.uniform(60.0, 140.0, candidates)
    supplies: tuple[Supply, ...] = ()
    budget = 100.0 * masts
    if fed:
        apart = np.hypot(*(sites[:, np.newaxis] - sites[np.newaxis]).transpose(2, 0, 1))
        source, target = np.nonzero(
            (apart < 12.0) & (apart > 0.0) & (rng.random(apart.shape) < 0.15)
        )
        near = np.flatnonzero(rng.random(candidates) < 0.3)
        every = np.arange(candidates) if fed == "narrow" else np.arange(0)
        backhaul = Supply(
            name="backhaul",
            source=np.concatenate([np.full(near.size + every.size, READY), source]),
            target=np.concatenate([near, every, target]),
            cost=np.concatenate(
                [np.full(near.size, 25.0), np.full(every.size, 45.0), np.full(source.size, 15.0)]
            ),
            most=np.concatenate(
                [np.full(near.size, 20), np.full(every.size, 1), np.full(source.size, 20)]
            )
            if fed == "narrow"
            else None,
        )
        power = Supply(
            name="power",
            source=np.full(candidates, READY),
            target=np.arange(candidates),
            cost=rng.uniform(10.0, 60.0, candidates),
        )
        supplies = (backhaul, power) if fed == "narrow" else (backhaul,)
        budget = 120.0 * masts
    return SitingProblem.of_shares(
        cost=cost,
        people=rng.lognormal(5.5, 0.8, villages).round(),
        served_share=np.where(rng.random(villages) < 0.3, 0.8, 0.0),
        candidate=candidate,
        village=village,
        share=share[candidate, village],
        budget=budget,
        supplies=supplies,
    )


@pytest.mark.benchmark
@pytest.mark.parametrize(
    ("candidates", "villages", "side_km", "masts", "fed"),
    [
        (300, 1000, 90.0, 30.0, ""),
        (300, 1000, 90.0, 30.0, "tree"),
        (300, 1000, 90.0, 30.0, "narrow"),
        (2000, 20000, 300.0, 100.0, ""),
    ],
)
def test_choice_of_masts(
    candidates: int, villages: int, side_km: float, masts: float, fed: str
) -> None:
    problem = synthetic_problem(candidates, villages, side_km=side_km, masts=masts, fed=fed)
    began = time.process_time()
    quick = best_sites(problem, gap_percent=0.5, time_limit_s=600.0, most_crowds=0)
    quick_s = time.process_time() - began
    print(
        f"\n{candidates} x {villages}, {problem.gained.size} entries"
        f"{f', with feeding ({fed})' if fed else ''}: greedy and swap {quick.people:,.0f} people, "
        f"{len(quick.chosen)} masts, within {quick.gap_percent:.2f} % in {quick_s:.1f} CPU-s"
    )
    if candidates <= 300:
        began = time.process_time()
        exact = best_sites(problem, gap_percent=0.5, time_limit_s=600.0)
        exact_s = time.process_time() - began
        print(
            f"with the solver {exact.people:,.0f} people, {len(exact.chosen)} masts, within "
            f"{exact.gap_percent:.2f} % ({exact.ended}) in {exact_s:.1f} CPU-s"
        )
        assert exact.gap_percent <= 1.0
    assert quick.bound >= quick.people
