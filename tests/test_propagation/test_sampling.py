"""Reading between cell centres, beside voids above all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lensong.propagation.radial import read_inside
from lensong.propagation.sampling import bilinear
from lensong.propagation.terrain import Terrain

SIDES = list(itertools.product((-1, 0, 1), repeat=2))


@pytest.mark.parametrize("side", [s for s in SIDES if s != (0, 0)])
def test_the_middle_of_a_cell_beside_a_void_is_known(side: tuple[int, int]) -> None:
    ground = np.arange(25, dtype=np.float32).reshape(5, 5)
    ground[2 + side[0], 2 + side[1]] = np.nan
    trees = np.full((5, 5), 3.0, dtype=np.float32)
    trees[2 - side[0], 2 - side[1]] = np.nan  # a void of the clutter, on the other side
    rasters = Terrain(ground_m=ground, clutter_m=trees, cell_m=30.0).rasters()
    for down, right in SIDES:  # exactly there, and told a decimetre beside it
        row, col = 2.0 + 0.003 * down, 2.0 + 0.003 * right
        assert bilinear(ground, row, col) == pytest.approx(12.0, abs=0.02)
        assert read_inside(rasters, row, col) == pytest.approx((12.0, 15.0), abs=0.02)
    toward = 2.0 + 0.3 * side[0], 2.0 + 0.3 * side[1]
    assert np.isnan(bilinear(ground, *toward))


def test_the_last_row_and_column_do_not_ask_the_ones_before_them() -> None:
    ground = np.full((4, 4), np.nan, dtype=np.float32)
    ground[3, :] = ground[:, 3] = 7.0
    assert bilinear(ground, 3.0, 1.5) == bilinear(ground, 1.5, 3.0) == 7.0
    assert np.isnan(bilinear(ground, 3.01, 1.0))
