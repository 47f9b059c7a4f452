from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.probability import check_median, fade_margin_db, service_probability
from lensong.coverage.sweeps import PropagationSettings
from lensong.propagation.errors import InvalidInputError


# Edge margins as planners tabulate them (Jakes; notes, to 0.1 dB).
@pytest.mark.parametrize(
    ("sigma_db", "edge75", "edge90", "edge95"),
    [(6.0, 4.0, 7.7, 9.9), (8.0, 5.4, 10.3, 13.2), (10.0, 6.7, 12.8, 16.4)],
)
def test_margins_are_the_edge_margins_of_the_tables(
    sigma_db: float, edge75: float, edge90: float, edge95: float
) -> None:
    margins = [fade_margin_db(p, sigma_db=sigma_db) for p in (0.75, 0.90, 0.95)]
    np.testing.assert_allclose(margins, [edge75, edge90, edge95], atol=0.06)


@given(margin=st.floats(-300.0, 300.0), sigma=st.just(0.0) | st.floats(0.01, 20.0))
def test_a_probability_is_between_nothing_and_certain(margin: float, sigma: float) -> None:
    assert 0.0 <= float(service_probability(margin, sigma_db=sigma)) <= 1.0


@given(probability=st.floats(0.5, 0.999), sigma=st.floats(0.1, 20.0))
def test_margin_and_probability_undo_each_other(probability: float, sigma: float) -> None:
    margin = fade_margin_db(probability, sigma_db=sigma)
    assert float(service_probability(margin, sigma_db=sigma)) == pytest.approx(probability)


def test_without_scatter_the_margin_alone_decides() -> None:
    np.testing.assert_array_equal(
        service_probability([-0.1, 0.0, 0.1, np.nan], sigma_db=0.0), [0.0, 1.0, 1.0, np.nan]
    )


def test_an_impossible_service_has_probability_zero() -> None:
    assert float(service_probability(-np.inf, sigma_db=8.0)) == 0.0


def test_a_percentile_of_time_is_refused() -> None:
    check_median(PropagationSettings())
    with pytest.raises(InvalidInputError, match="time_percent is 10"):
        check_median(replace(PropagationSettings(), time_percent=10.0))


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="sigma_db is -1"):
        service_probability(0.0, sigma_db=-1.0)
    with pytest.raises(InvalidInputError, match="probability is 1"):
        fade_margin_db(1.0, sigma_db=8.0)
