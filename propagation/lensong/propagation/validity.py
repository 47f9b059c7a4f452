"""Checks of a model's range that work on one number and on arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.types import FloatArray

__all__ = ["one_of", "within"]


def within(
    name: str, values: ArrayLike, low: float, high: float, *, source: str, hint: str
) -> FloatArray:
    """Return the values as an array of floats, all of them in a closed range or NaN.

    Raises
    ------
    OutOfRangeError
        With the first value outside the range.
    """
    array = np.asarray(values, dtype=np.float64)
    outside = (array < low) | (array > high)
    if np.any(outside):
        raise OutOfRangeError(name, float(array[outside][0]), low, high, source=source, hint=hint)
    return array


def one_of(name: str, value: str, known: Iterable[str]) -> str:
    """Return the value if it is a known word.

    Raises
    ------
    InvalidInputError
        With the known words.
    """
    words = tuple(known)
    if value not in words:
        raise InvalidInputError(f"{name} is {value!r}, wanted one of {', '.join(words)}")
    return value
