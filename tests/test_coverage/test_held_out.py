"""Fits are judged on squares that they did not see."""

from __future__ import annotations

import numpy as np
import pytest

from lensong.coverage.held_out import held_out, log_distance, squares
from lensong.propagation.errors import InvalidInputError


def test_squares_are_of_their_side() -> None:
    east = np.array([0.0, 499.0, 501.0, 0.0])
    north = np.array([0.0, 10.0, 10.0, -1.0])
    found = squares(east, north)
    assert found[0] == found[1]
    assert len(set(found.tolist())) == 3


def test_a_law_of_distance_is_found_and_holds_on_unseen_squares() -> None:
    rng = np.random.default_rng(2)
    d = rng.uniform(300.0, 6_000.0, 600)
    loss = 30.0 + 35.0 * np.log10(d) + rng.normal(0.0, 5.0, d.size)
    square = rng.integers(0, 40, d.size)
    found = held_out("law", log_distance(d), loss, square)
    assert found.coefficients == pytest.approx((30.0, 35.0), abs=4.0)
    assert found.rmse_db == pytest.approx(5.0, abs=0.4)
    assert found.rmse_in_sample_db < found.rmse_db
    assert found == held_out("law", log_distance(d), loss, square)


def test_what_is_alike_within_a_square_only_does_not_help_on_others() -> None:
    rng = np.random.default_rng(3)
    square = np.repeat(np.arange(12), 30)
    height = rng.normal(0.0, 6.0, 12)[square]
    terms = np.eye(12)[square]
    found = held_out("each square", terms, height, square)
    assert found.rmse_in_sample_db < 1e-9
    assert found.rmse_db > 3.0


def test_nothing_fitted_is_the_error_itself_and_few_squares_are_not_judged() -> None:
    error = np.array([3.0, -4.0, 5.0])
    square = np.array([0, 0, 1])
    plain = held_out("as it is", np.empty((3, 0)), error, square)
    assert plain.mae_db == pytest.approx(4.0)
    assert np.isnan(held_out("constant", np.ones((3, 1)), error, square).rmse_db)
    with pytest.raises(InvalidInputError, match="has 3 numbers to fit and only 3"):
        held_out("too much", np.ones((3, 3)), error, square)
