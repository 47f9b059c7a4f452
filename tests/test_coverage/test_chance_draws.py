"""The closed forms inside the kernels of levels and chances, against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from lensong.coverage.cell_kernels import arc_sine, arc_tangent
from lensong.coverage.chance_draws import (
    chance_of_margin,
    chances_of_draws,
    normal_chance,
    normal_quantile,
    sum_of,
)
from lensong.coverage.shadowing import MOST_SITES, Shadowing


def test_angles_are_those_of_the_library() -> None:
    angle = np.linspace(-np.pi, np.pi, 20_001)[1:]
    for radius in (1e-3, 1.0, 1e5):
        found = [arc_tangent(radius * np.sin(a), radius * np.cos(a)) for a in angle]
        np.testing.assert_allclose(found, angle, atol=4e-8)
    assert arc_tangent(0.0, 0.0) == 0.0
    z = np.linspace(-1.0, 1.0, 20_001)
    np.testing.assert_allclose([arc_sine(x) for x in z], np.arcsin(z), atol=4e-8)
    assert arc_sine(1.0 + 1e-15) == pytest.approx(np.pi / 2.0, abs=4e-8)


def test_the_normal_distribution_and_its_quantiles() -> None:
    x = np.linspace(-8.0, 8.0, 4001)
    found = np.array([normal_chance(v) for v in x])
    np.testing.assert_allclose(found, ndtr(x), atol=2e-7)
    p = np.linspace(1e-4, 1.0 - 1e-4, 2001)
    found = np.array([normal_quantile(v) for v in p])
    np.testing.assert_allclose(found, ndtri(p), atol=5e-4)


def chances(found: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    copy = found.copy()
    chance, square = np.empty_like(copy), np.empty_like(copy)
    chances_of_draws(copy, copy.view(np.int32), 0, copy.size, deviation, chance, square)
    np.testing.assert_allclose(square, chance**2, rtol=1e-6)
    return chance


@pytest.mark.parametrize("deviation", [1e-6, 0.1, 1.0, 1.86, 5.0])
def test_the_chance_of_every_draw(deviation: float) -> None:
    found = np.concatenate(
        [
            np.geomspace(2.0**-40, 2.0**40, 4001),
            np.geomspace(0.5, 2.0, 4001),
            [1.0, 1e20, 2.0**-40],
        ]
    ).astype(np.float32)
    wanted = ndtr(np.log(np.minimum(found.astype(np.float64), 2.0**40)) / deviation)
    steep = np.abs(np.log(found)) < 30.0 * deviation  # a float32 beside 1 is itself 6e-8 off
    atol = min(0.5, 1e-6 + 2e-6 / deviation)
    np.testing.assert_allclose(chances(found, deviation)[steep], wanted[steep], atol=atol)
    np.testing.assert_allclose(chances(found, deviation)[~steep], wanted[~steep], atol=1e-6)


def test_without_scatter_a_draw_holds_or_not() -> None:
    found = np.array([0.5, 0.999, 1.0, 1.001, 1e20, 2.0**-40, 3.0, 4.0], np.float32)
    np.testing.assert_array_equal(chances(found, 0.0), [0, 0, 1, 1, 1, 0, 1, 1])
    assert [chance_of_margin(m, 0.0) for m in (0.0, 0.5, 1.0, 2.0)] == [0.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize("count", [1, 2, 16, 32, 64])
def test_sums_of_draws(count: int) -> None:
    values = np.random.default_rng(1).uniform(size=64).astype(np.float32)
    assert sum_of(values.copy(), count) == pytest.approx(float(values[:count].sum()), rel=1e-6)


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9])
def test_draws_have_the_scatter_that_the_mean_of_all_sites_leaves(correlation: float) -> None:
    shadowing = Shadowing(sigma_db=8.0, correlation=correlation)
    for n in range(2, MOST_SITES + 1):
        y = np.log(shadowing.draws[n].astype(np.float64))
        assert (y[n:] == 0.0).all()
        np.testing.assert_allclose(y[:n].sum(axis=0), 0.0, atol=1e-5)
        apart = shadowing.sigma_nepers**2 * (1.0 - correlation)
        wanted = apart * (np.eye(n) - 1.0 / n)
        whole = np.full((n, n), correlation * shadowing.sigma_nepers**2)
        np.fill_diagonal(whole, shadowing.sigma_nepers**2)
        np.testing.assert_allclose(wanted + shadowing.common_nepers[n] ** 2, whole, atol=1e-9)
        np.testing.assert_allclose(y[:n].mean(axis=1), 0.0, atol=1e-5)
        np.testing.assert_allclose(y[:n] @ y[:n].T / y.shape[1], wanted, atol=1e-5)
