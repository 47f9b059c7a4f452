"""Range checks name the first bad value and let NaN through."""

from __future__ import annotations

import numpy as np
import pytest

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.validity import one_of, within


def check(values: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return within("distance_m", values, 10.0, 20.0, source="a report", hint="use another")  # type: ignore[arg-type]


def test_bounds_belong_to_the_range_and_nan_passes() -> None:
    found = check([10.0, np.nan, 20.0])
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [10.0, np.nan, 20.0])


def test_a_number_comes_back_as_an_array_without_axes() -> None:
    assert check(15).shape == ()


def test_the_message_has_the_first_bad_value_range_source_and_hint() -> None:
    wanted = r"distance_m is 9.5, wanted 10.0 to 20.0 \(a report\): use another"
    with pytest.raises(OutOfRangeError, match=wanted) as caught:
        check([[15.0, 9.5], [30.0, np.nan]])
    assert caught.value.value == 9.5


def test_infinity_is_outside() -> None:
    with pytest.raises(OutOfRangeError, match="is inf"):
        check(np.inf)


def test_an_unknown_word_is_answered_with_the_known_ones() -> None:
    assert one_of("area", "open", ("urban", "open")) == "open"
    with pytest.raises(InvalidInputError, match="area is 'sea', wanted one of urban, open"):
        one_of("area", "sea", ("urban", "open"))
