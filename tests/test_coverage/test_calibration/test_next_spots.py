"""Where to drive next: the greedy choice against all choices, and villages that were driven."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from lensong.coverage.calibration.next_spots import next_spots
from lensong.coverage.calibration.posterior import learn
from lensong.coverage.calibration.terms import Priors
from tests.test_coverage.test_calibration.spots import drive


@pytest.mark.parametrize("seed", range(4))
def test_the_greedy_choice_is_what_it_says_of_the_best_of_all(seed: int) -> None:
    """Twin: what is left once some spots are measured, by the normal equations at one go."""
    spots, _ = drive(seed, count=80)
    learnt = learn(spots.take(np.arange(30)), Priors(place=(0.0,) * 4))
    candidates, places = spots.take(np.arange(30, 44)), spots.take(np.arange(44, 80))
    weight = np.random.default_rng(seed).uniform(1.0, 500.0, len(places))
    between = learnt.shared_variance(places, candidates)
    own = learnt.shared_variance(candidates, candidates)
    own += learnt.field.noise_db**2 * np.eye(len(candidates))
    before = float(weight @ learnt.known_variance(places))

    def taken_off(chosen: Sequence[int]) -> float:
        part = between[:, list(chosen)]
        solved = np.linalg.solve(own[np.ix_(chosen, chosen)], part.T)
        return float(weight @ np.einsum("ij,ji->i", part, solved))

    found = next_spots(learnt, candidates, places, weight, 3)
    for count in (1, 2, 3):
        greedy = taken_off(list(map(int, found.spot[:count])))
        # one covariance of 14 spots, in double precision
        assert found.left_share[count - 1] == pytest.approx(1.0 - greedy / before, abs=1e-9)
    best = max(taken_off(chosen) for chosen in combinations(range(len(candidates)), 3))
    assert greedy <= best * (1.0 + 1e-9)
    assert greedy >= found.of_best * best * (1.0 - 1e-9)
    assert max(taken_off([k]) for k in range(len(candidates))) == pytest.approx(
        taken_off([int(found.spot[0])])
    )
