"""Hulls and the pruned searches against looking at every sample."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.block_search import (
    BLOCK,
    fill_block_maxima,
    greatest_above_line,
    largest_nu,
)
from lensong.propagation.diffraction import nu_one_metre
from lensong.propagation.hull import farthest_above, push, steepest_from
from lensong.propagation.types import FloatArray, IntArray

profiles = st.lists(st.integers(-50, 50), min_size=3, max_size=150).map(
    lambda z: np.array(z, dtype=np.float64) * 7.0
)


def hull_of(y: FloatArray) -> tuple[IntArray, int, FloatArray]:
    x = np.arange(y.size, dtype=np.float64) * 0.03
    stack, size = np.zeros(y.size, dtype=np.int64), 0
    for i in range(1, y.size):
        size = push(stack, size, x, y, i)
    return stack, size, x


@given(profiles, st.floats(-500.0, 500.0))
def test_horizon_of_a_receiver_is_the_steepest_sample(y: FloatArray, at_y: float) -> None:
    stack, size, x = hull_of(y)
    at_x = x[-1] + 0.03
    slopes = (y[1:] - at_y) / (at_x - x[1:])
    found = steepest_from(stack, size, x, y, at_x, at_y)
    assert (y[found] - at_y) / (at_x - x[found]) >= slopes.max() - 1e-9 * (1 + abs(slopes.max()))


@given(profiles, st.floats(-2000.0, 2000.0))
def test_farthest_sample_above_a_line(y: FloatArray, slope: float) -> None:
    stack, size, x = hull_of(y)
    found = farthest_above(stack, size, x, y, slope)
    above = y[1:] - slope * x[1:]
    assert y[found] - slope * x[found] >= above.max() - 1e-9 * (1 + abs(above.max()))


def block_maxima(y: FloatArray) -> FloatArray:
    out = np.zeros(y.size // BLOCK + 1)
    fill_block_maxima(y, y.size, out)
    return out


@given(profiles, st.floats(-300.0, 900.0), st.floats(-300.0, 900.0))
def test_pruned_search_finds_the_largest_nu_and_its_last_place(
    z: FloatArray, tx_m: float, rx_m: float
) -> None:
    x = np.arange(z.size, dtype=np.float64) * 0.03
    curvature, path_km = 1.0 / 8500.0, x[-1] + 0.03
    blocks = block_maxima(z - 500.0 * curvature * x * x)
    last = z.size - 1
    found, at = largest_nu(x, z, blocks, last, tx_m, rx_m, path_km, curvature, -np.inf)
    values = [nu_one_metre(z[i], x[i], tx_m, rx_m, path_km, curvature) for i in range(1, last + 1)]
    assert found == max(values)
    assert at == last - int(np.argmax(values[::-1]))
    # nothing above what is known already is looked for
    assert largest_nu(x, z, blocks, last, tx_m, rx_m, path_km, curvature, found) == (found, 0)


@given(profiles, st.floats(-300.0, 300.0), st.floats(-3000.0, 3000.0), st.data())
def test_pruned_search_finds_the_greatest_height_above_a_line(
    z: FloatArray, start_m: float, slope: float, data: st.DataObject
) -> None:
    x = np.arange(z.size, dtype=np.float64) * 0.03
    first = data.draw(st.integers(1, z.size - 1))
    last = data.draw(st.integers(first, z.size - 1))
    found = greatest_above_line(x, z, block_maxima(z), first, last, start_m, slope)
    assert found == max(z[i] - (start_m + slope * x[i]) for i in range(first, last + 1))


def test_an_empty_range_has_nothing_above_a_line() -> None:
    z = np.zeros(5)
    assert greatest_above_line(np.arange(5.0), z, block_maxima(z), 3, 2, 0.0, 0.0) == -np.inf
