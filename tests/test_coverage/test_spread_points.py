"""The points that are kept are those of the library."""

import numpy as np
from scipy.stats import qmc

from lensong.coverage.shadowing import MOST_SITES
from lensong.coverage.spread_points import spread_points


def test_the_points_are_those_of_the_scrambled_sequence() -> None:
    points = spread_points()
    assert points.shape == (64, MOST_SITES - 1)
    np.testing.assert_array_equal(
        points, qmc.Sobol(MOST_SITES - 1, scramble=True, rng=20_260).random(64)
    )
