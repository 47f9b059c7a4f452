"""Places whose nearest link is kept: none is taken for another."""

from __future__ import annotations

import numpy as np
import pytest

from lensong.coverage.causes.links import PlaceLinks
from tests.test_coverage.layer_cases import GRID


def test_a_pixel_that_is_no_place_is_not_taken_for_its_neighbour() -> None:
    links = PlaceLinks.at("voice-data", np.array([70, 30, 51, 70]), GRID)
    assert [links.index_of(pixel) for pixel in (30, 51, 70)] == [0, 1, 2]
    links.code[:] = 1
    links.margin_db[:] = 4.0
    for stranger in (0, 50, 71):
        with pytest.raises(KeyError):
            links.index_of(stranger)
        assert links.margin_at(stranger) is None  # as beyond the window around a mast
    assert links.margin_at(51) == 4.0


def test_a_place_that_no_cell_reaches_has_no_margin() -> None:
    links = PlaceLinks.at("voice-data", np.array([30]), GRID)
    assert links.margin_at(30) is None
    window = links.in_window(0, 0, GRID)
    assert window.index_of(30) == 0
