"""The closed forms inside the kernels of levels and chances, against NumPy and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from lensong.coverage.cell_kernels import arc_sine, arc_tangent, cosine, power_of_two, sine
from lensong.coverage.chance_draws import (
    BLOCK,
    LEAST,
    chance_of_nepers,
    chances_of_draws,
    choose,
    normal_chance,
    normal_quantile,
    reach,
    reach_by_cell,
    sum_of_block,
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


def test_sines_and_powers_are_those_of_the_library() -> None:
    angle = np.linspace(-np.pi / 2.0, np.pi / 2.0, 2001)
    np.testing.assert_allclose([sine(a) for a in angle], np.sin(angle), atol=7e-10)
    np.testing.assert_allclose([cosine(a) for a in angle], np.cos(angle), atol=7e-10)
    octaves = np.linspace(-106.0, 60.0, 2001)
    np.testing.assert_allclose([power_of_two(x) for x in octaves], 2.0**octaves, rtol=1e-10)
    assert power_of_two(-1e6) == pytest.approx(1e-32)  # -320 dBm, the least that is kept


def test_the_normal_distribution_and_its_quantiles() -> None:
    x = np.linspace(-8.0, 8.0, 4001)
    found = np.array([normal_chance(v) for v in x])
    np.testing.assert_allclose(found, ndtr(x), atol=2e-7)
    p = np.linspace(1e-4, 1.0 - 1e-4, 2001)
    found = np.array([normal_quantile(v) for v in p])
    np.testing.assert_allclose(found, ndtri(p), atol=5e-4)


def chances(found: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    copy = np.resize(found, -(-found.size // BLOCK) * BLOCK)
    chance, square = np.empty_like(copy), np.empty_like(copy)
    for begin in range(0, copy.size, BLOCK):
        part = slice(begin, begin + BLOCK)
        chances_of_draws(copy, copy.view(np.int32), begin, deviation, chance[part], square[part])
    np.testing.assert_allclose(square, chance**2, rtol=1e-6)
    return chance[: found.size]


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


def test_without_scatter_a_margin_holds_or_not() -> None:
    assert [chance_of_nepers(x, 0.0) for x in (-69.0, -1e-3, 0.0, 1e-3)] == [0.0, 0.0, 1.0, 1.0]
    assert chance_of_nepers(1.2, 1.0) == pytest.approx(float(ndtr(1.2)), abs=2e-7)


def test_the_sum_of_a_block() -> None:
    values = np.random.default_rng(1).uniform(size=4 * BLOCK).astype(np.float32)
    for part in np.split(values, 4):
        assert sum_of_block(part.copy()) == pytest.approx(float(part.sum()), rel=1e-6)


def test_the_phone_takes_the_strongest_site_of_every_draw() -> None:
    rng = np.random.default_rng(2)
    level, total = rng.uniform(size=(2, 4)).astype(np.float32)
    level[2] = total[2] = 0.0  # not on this carrier
    factors = rng.uniform(0.1, 3.0, (4, 4 * BLOCK)).astype(np.float32)
    top, power = np.zeros((2, 4 * BLOCK), np.float32)
    lead = np.full(4 * BLOCK, -1, np.int32)
    choose(level, total, 4, np.float32(0.2), factors, BLOCK, 3 * BLOCK, top, power, lead)
    drawn = slice(BLOCK, 3 * BLOCK)
    each = level[:, None] * factors[:, drawn]
    np.testing.assert_array_equal(lead[drawn], each.argmax(axis=0))
    np.testing.assert_array_equal(top[drawn], each.max(axis=0))
    np.testing.assert_allclose(power[drawn], 0.2 + total @ factors[:, drawn], rtol=1e-6)
    assert (lead[:BLOCK] == -1).all()  # the draws before and after are left alone
    assert (lead[3 * BLOCK :] == -1).all()

    by_level, by_signal, by_noise = rng.uniform(0.1, 3.0, (3, 4)).astype(np.float32)
    found = np.full(4 * BLOCK, LEAST, np.float32)
    reach_by_cell(top, power, lead, by_level, by_signal, by_noise, BLOCK, 3 * BLOCK, found)
    of = lead[drawn]
    needed = np.minimum(top[drawn] * by_level[of], top[drawn] * by_signal[of]
                        - power[drawn] * by_noise[of])  # fmt: skip
    np.testing.assert_allclose(found[drawn], np.maximum(needed, LEAST), rtol=1e-5, atol=1e-6)
    before = found.copy()
    reach(top, power, by_level[1], by_signal[1], by_noise[1], BLOCK, 3 * BLOCK, found)
    alike = np.minimum(top * by_level[1], top * by_signal[1] - power * by_noise[1])
    np.testing.assert_allclose(found[drawn], np.maximum(before, alike)[drawn], rtol=1e-5, atol=1e-6)
    assert (found[:BLOCK] == LEAST).all()


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
