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
    choose_power,
    normal_chance,
    normal_quantile,
    reach,
    reach_by_cell,
)
from lensong.coverage.lanes import load, store, total
from lensong.coverage.shadowing import MOST_SITES, Shadowing
from lensong.propagation.kernel import untyped_kernel


@untyped_kernel
def chances_into(found, deviation, chance):  # type: ignore[no-untyped-def]
    """Write the chances of blocks of draws, which live in registers."""
    for begin in range(0, found.size, BLOCK):
        store(chance, begin, chances_of_draws(load(found, begin), deviation))


@untyped_kernel
def total_of(values):  # type: ignore[no-untyped-def]
    return total(load(values, 0))


@untyped_kernel
def power_into(level, totals, rest, factors, begin, top, power):  # type: ignore[no-untyped-def]
    strongest, everything = choose_power(level, totals, level.size, rest, factors, begin)
    store(top, 0, strongest)
    store(power, 0, everything)


@untyped_kernel
def reach_into(top, power, level, signal, noise, found):  # type: ignore[no-untyped-def]
    here = reach(load(top, 0), load(power, 0), level, signal, noise, load(found, 0))
    store(found, 0, here)


def test_angles_are_those_of_the_library() -> None:
    angle = np.linspace(-np.pi, np.pi, 20_001)[1:]
    for radius in (1e-3, 1.0, 1e5):
        y, x = ((radius * of(angle)).astype(np.float32) for of in (np.sin, np.cos))
        found = [arc_tangent(*point) for point in zip(y, x, strict=True)]
        np.testing.assert_allclose(found, angle, atol=4e-7)
    assert arc_tangent(np.float32(0.0), np.float32(0.0)) == 0.0
    z = np.linspace(-1.0, 1.0, 20_001).astype(np.float32)
    found = [arc_sine(x) for x in z]
    np.testing.assert_allclose(found, np.arcsin(z.astype(np.float64)), atol=4e-7)
    assert arc_sine(np.float32(1.0 + 1e-6)) == pytest.approx(np.pi / 2.0, abs=4e-7)


def test_sines_and_powers_are_those_of_the_library() -> None:
    angle = np.linspace(-np.pi / 2.0, np.pi / 2.0, 2001).astype(np.float32)
    exact = angle.astype(np.float64)
    np.testing.assert_allclose([sine(a) for a in angle], np.sin(exact), atol=2e-7)
    np.testing.assert_allclose([cosine(a) for a in angle], np.cos(exact), atol=2e-7)
    part = np.linspace(-0.5, 0.5, 2001).astype(np.float32)
    found = np.array([power_of_two(x) for x in part])
    np.testing.assert_allclose(found, 2.0 ** part.astype(np.float64), rtol=3e-7)


def test_the_normal_distribution_and_its_quantiles() -> None:
    x = np.linspace(-8.0, 8.0, 4001)
    found = np.array([normal_chance(v) for v in x])
    np.testing.assert_allclose(found, ndtr(x), atol=2e-7)
    p = np.linspace(1e-4, 1.0 - 1e-4, 2001)
    found = np.array([normal_quantile(v) for v in p])
    np.testing.assert_allclose(found, ndtri(p), atol=5e-4)


def chances(found: NDArray[np.float32], deviation: float) -> NDArray[np.float32]:
    whole = np.resize(found, -(-found.size // BLOCK) * BLOCK)
    chance = np.empty_like(whole)
    chances_into(whole, deviation, chance)
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
        assert total_of(part) == pytest.approx(float(part.sum()), rel=1e-6)


def test_the_phone_takes_the_strongest_site_of_every_draw() -> None:
    rng = np.random.default_rng(2)
    level, totals = rng.uniform(size=(2, 4)).astype(np.float32)
    level[2] = totals[2] = 0.0  # not on this carrier
    factors = rng.uniform(0.1, 3.0, (4, 4 * BLOCK)).astype(np.float32)
    rest = np.float32(0.2)
    top, power, lead = np.full((3, 3 * BLOCK), -1.0, np.float32)
    choose(level, totals, 4, rest, factors, 2 * BLOCK, BLOCK, top, power, lead)
    drawn, written = slice(2 * BLOCK, 3 * BLOCK), slice(BLOCK, 2 * BLOCK)
    each = level[:, None] * factors[:, drawn]
    np.testing.assert_array_equal(lead[written], each.argmax(axis=0))
    np.testing.assert_array_equal(top[written], each.max(axis=0))
    np.testing.assert_allclose(power[written], 0.2 + totals @ factors[:, drawn], rtol=1e-6)
    for array in (top, power, lead):  # what stands before and after is left alone
        assert (array[:BLOCK] == -1.0).all()
        assert (array[2 * BLOCK :] == -1.0).all()
    same_top, same_power = np.empty((2, BLOCK), np.float32)
    power_into(level, totals, rest, factors, 2 * BLOCK, same_top, same_power)
    np.testing.assert_array_equal(same_top, top[written])
    np.testing.assert_array_equal(same_power, power[written])

    by_level, by_signal, by_noise = rng.uniform(0.1, 3.0, (3, 4)).astype(np.float32)
    found = np.full(BLOCK, LEAST, np.float32)
    reach_by_cell(top, power, lead, BLOCK, by_level, by_signal, by_noise, found)
    of = lead[written].astype(np.int64)
    needed = np.minimum(top[written] * by_level[of], top[written] * by_signal[of]
                        - power[written] * by_noise[of])  # fmt: skip
    np.testing.assert_allclose(found, np.maximum(needed, LEAST), rtol=1e-5, atol=1e-6)
    before = found.copy()
    reach_into(same_top, same_power, by_level[1], by_signal[1], by_noise[1], found)
    alike = np.minimum(same_top * by_level[1], same_top * by_signal[1] - same_power * by_noise[1])
    np.testing.assert_allclose(found, np.maximum(before, alike), rtol=1e-5, atol=1e-6)


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
