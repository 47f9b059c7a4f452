"""Whole numbers on rasters come back from few bytes as they were, and damage is seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lensong.coverage.plane_codec import pack_plane, unpack_plane
from lensong.propagation.errors import DataError

SHAPES = st.tuples(st.integers(0, 9), st.integers(0, 9))


@given(st.data(), SHAPES, st.sampled_from([1, 3, 100, 4_000_000]))
def test_what_is_unpacked_is_what_was_packed(
    data: st.DataObject, shape: tuple[int, int], most: int
) -> None:
    values = data.draw(hnp.arrays(np.int32, shape, elements=st.integers(-most, most)))
    known = data.draw(hnp.arrays(np.bool_, shape))
    found = unpack_plane(pack_plane(values, known), known)
    np.testing.assert_array_equal(found, np.where(known, values, 0))


def test_what_is_even_takes_next_to_nothing_and_noise_little_more_than_its_bits() -> None:
    known = np.ones((200, 300), np.bool_)
    assert pack_plane(np.zeros((200, 300), np.int32), known).size == 0
    assert pack_plane(np.full((200, 300), 7, np.int32), known).size < 1_200
    south, east = np.mgrid[:200, :300].astype(np.int32)
    assert pack_plane(40 * south - 9 * east, known).size < 2_000  # a slope is foretold
    noise = np.random.default_rng(1).integers(0, 256, known.shape).astype(np.int32)
    assert pack_plane(noise, known).size < 1.2 * known.size


def test_bytes_that_are_too_few_or_too_many_are_refused() -> None:
    known = np.ones((30, 40), np.bool_)
    values = np.random.default_rng(2).integers(-90, 90, known.shape).astype(np.int32)
    packed = pack_plane(values, known)
    for damaged in (packed[:-3], packed[:1], np.concatenate([packed, packed[:1]])):
        with pytest.raises(DataError, match="damaged"):
            unpack_plane(damaged, known)
