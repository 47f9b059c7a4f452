"""The series that run on whole vectors against the library's functions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lensong.propagation.p1812_terms import (
    PathClimate,
    PathGeometry,
    ducting_loss_db,
    least_ducting_in_time_db,
)
from lensong.propagation.vector_math import arctangent, exponential, natural_log

RNG = np.random.default_rng(20260101)


def test_the_logarithm_is_within_what_it_says() -> None:
    spread = 10.0 ** RNG.uniform(-300.0, 300.0, 20_000)
    near_one = RNG.uniform(0.5, 2.0, 20_000)
    edges = np.array([1.0, math.sqrt(0.5), math.sqrt(2.0), 2.0, 0.5, 1e-300, 1e300])
    for x in np.concatenate([spread, near_one, edges, np.nextafter(edges, 0.0)]):
        assert abs(natural_log(x) - math.log(x)) < 2e-12, x


def test_the_exponential_is_within_what_it_says() -> None:
    for x in np.concatenate([RNG.uniform(-708.0, 708.0, 20_000), RNG.uniform(-1.0, 1.0, 20_000)]):
        assert exponential(x) == pytest.approx(math.exp(x), rel=1e-12), x
    assert 0.0 < exponential(-1e5) < 1e-300
    assert exponential(0.0) == 1.0


def test_the_arctangent_is_within_what_it_says() -> None:
    for x in np.concatenate([RNG.uniform(-1.0, 1.0, 20_000), [0.0, 1.0, -1.0]]):
        assert abs(arctangent(x) - math.atan(x)) < 3e-15, x
    for x in RNG.uniform(-1.0, 1.0, 20_000):
        assert abs(arctangent(1.0 / x) - math.atan(1.0 / x)) < 3e-9, x


@pytest.mark.parametrize("lat_deg", [0.0, 22.3, 44.2, 69.9, 85.0])
def test_ducting_is_never_below_its_floor_in_time(lat_deg: float) -> None:
    # A(50) is what a path with horizons at its ends and without shielding has over the rest
    greatest_beta = 10.0 ** (1.67 - 0.015 * min(lat_deg, 70.0))
    for path_km in (0.25, 1.0, 10.0, 30.0, 100.0, 1000.0):
        floor_db = least_ducting_in_time_db(lat_deg, path_km)
        for part in (1.0, 0.5, 0.1, 1e-2, 1e-4, 1e-8):
            for shorter in (1.0, 0.3, 0.01):
                d = path_km * shorter
                path = PathGeometry(d, d / 2.0, d / 2.0, 0.0, 0.0, 10.0, 10.0, 1e9, 1e9, 0.0)
                over = PathClimate(
                    50.0, 330.0, 8500.0, greatest_beta * part, 0.0, 0.0, 500.0, 500.0
                )
                rest_db = 102.45 + 20.0 * math.log10(d) + 5e-5 * 8500.0 * 1000.0 * d / 8500.0
                assert ducting_loss_db(path, over, 1.0) - rest_db >= floor_db - 1e-9
