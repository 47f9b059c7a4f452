# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Whole numbers on a raster as few bytes, exactly: as JPEG-LS does it, for any number of bits.

A pixel is foretold from its three neighbours that are known already; what it differs by is written
in a Rice code whose parameter follows the differences around it, and runs of none as their length
[1]_. Half the bytes of differences along a row by zlib, and back in less time.

References
----------
.. [1] M. J. Weinberger, G. Seroussi, G. Sapiro, "The LOCO-I lossless image compression algorithm:
   principles and standardization into JPEG-LS", IEEE Trans. Image Processing 9 (2000), 1309.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from lensong.propagation.errors import DataError
from lensong.propagation.kernel import untyped_kernel as kernel
from lensong.propagation.types import BoolArray, UInt8Array

__all__ = ["pack_plane", "unpack_plane"]

Int32Array = NDArray[np.int32]

_LONGEST_UNARY = 20  # what is longer is written whole
_WHOLE_BITS = 24
_MOST_BITS = 2 * (_LONGEST_UNARY + _WHOLE_BITS)  # a pixel that ends a run takes the most


def pack_plane(values: Int32Array, known: BoolArray) -> UInt8Array:
    """Return the bytes of a raster; none where all values are 0.

    Parameters
    ----------
    values : shape (rows, cols), int32
        Between -4,000,000 and 4,000,000 where ``known``.
    known : shape (rows, cols)
        Where there is a value; elsewhere none is kept.
    """
    rows, cols = values.shape
    if not values[known].any():
        return np.zeros(0, np.uint8)
    words = np.zeros(_MOST_BITS * (int(np.count_nonzero(known)) + rows) // 64 + 2, np.uint64)
    size = _pack(values, known, np.zeros((2, cols + 2), np.int64), words)
    return np.frombuffer(words[: size // 8 + 1].astype(">u8").tobytes(), np.uint8)[:size].copy()


def unpack_plane(packed: UInt8Array, known: BoolArray) -> Int32Array:
    """Return the raster of which `pack_plane` made some bytes; 0 where nothing is known.

    Raises
    ------
    DataError
        The bytes are not those of such a raster.
    """
    values = np.zeros(known.shape, np.int32)
    if not packed.size:
        return values
    padded = np.concatenate([packed, np.zeros(24 - packed.size % 8, np.uint8)])
    words = padded.view(">u8").astype(np.uint64)
    used = _unpack(words, packed.size, known, np.zeros((2, known.shape[1] + 2), np.int64), values)
    if used != packed.size:
        raise DataError("a packed raster is damaged: its bytes do not end with its pixels")
    return values


def _ctlz(_context, number):  # type: ignore[no-untyped-def]  # noqa: ARG001 - numba's own
    """Return how many bits of 64 are 0 before the first that is 1; 64 of none."""

    def count(_context, builder, _signature, numbers):  # type: ignore[no-untyped-def]
        return builder.ctlz(numbers[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), count


_leading_zeros: Any = intrinsic(_ctlz)  # Any: compiled code calls it without the first argument


@kernel
def _write(words, at, number, bits):  # type: ignore[no-untyped-def]
    """Write the last ``bits`` of a number, the highest first, from bit ``at`` on; return the end.

    ``number`` has no other bits; a word is 64 of them, the highest first.
    """
    number, word, left = np.uint64(number), at >> 6, 64 - (at & 63) - bits
    if left >= 0:
        words[word] |= number << np.uint64(left)
    else:
        words[word] |= number >> np.uint64(-left)
        words[word + 1] |= number << np.uint64(64 + left)
    return at + bits


@kernel
def _write_rice(words, at, number, low):  # type: ignore[no-untyped-def]
    high = number >> low
    if high >= _LONGEST_UNARY:
        ones = (1 << _LONGEST_UNARY) - 1
        return _write(words, at, (ones << _WHOLE_BITS) | number, _LONGEST_UNARY + _WHOLE_BITS)
    unary, rest = (1 << (high + 1)) - 2, number & ((1 << low) - 1)
    return _write(words, at, (unary << low) | rest, high + 1 + low)


@kernel
def _read_rice(bits, low):  # type: ignore[no-untyped-def]
    """Return the number that begins with the highest of 64 bits, and how many it takes."""
    high = np.int64(_leading_zeros(~bits))
    if high >= _LONGEST_UNARY:
        rest = (bits << np.uint64(_LONGEST_UNARY)) >> np.uint64(64 - _WHOLE_BITS)
        return np.int64(rest), _LONGEST_UNARY + _WHOLE_BITS
    # in two steps: none is by 64, which has no meaning
    rest = (bits << np.uint64(high + 1)) >> np.uint64(1) >> np.uint64(63 - low)
    return (high << low) | np.int64(rest), high + 1 + low


@kernel
def _bits_at(words, at):  # type: ignore[no-untyped-def]
    """Return 64 bits from bit ``at`` on."""
    word, past = at >> 6, np.uint64(at & 63)
    rest = words[word + 1] >> np.uint64(1) >> (np.uint64(63) - past)
    return (words[word] << past) | rest


@kernel
def _foretold(values, known, i, j):  # type: ignore[no-untyped-def]
    """Median of the neighbours to the west, the north, and the plane through all three."""
    has_west = j > 0 and known[i, j - 1]
    has_north = i > 0 and known[i - 1, j]
    if not has_west and not has_north:
        return np.int64(0)
    west = np.int64(values[i, j - 1]) if has_west else np.int64(values[i - 1, j])
    north = np.int64(values[i - 1, j]) if has_north else west
    corner = north
    if i > 0 and j > 0 and known[i - 1, j - 1]:
        corner = np.int64(values[i - 1, j - 1])
    low, high = min(west, north), max(west, north)
    return min(max(west + north - corner, low), high)


@kernel
def _around(size, j):  # type: ignore[no-untyped-def]
    """How large the differences around a pixel are, times six; ``size`` is of two rows."""
    return 2 * size[1, j] + size[0, j] + 2 * size[0, j + 1] + size[0, j + 2]


@kernel
def _low_bits(around):  # type: ignore[no-untyped-def]
    """Return the least ``k`` with ``8 << k`` not below ``around``, which is above 0."""
    eighth = np.uint64((around - 1) >> 3)
    return min(np.int64(64) - np.int64(_leading_zeros(eighth)), _LONGEST_UNARY)


@kernel
def _next_row(size):  # type: ignore[no-untyped-def]
    for j in range(size.shape[1]):
        size[0, j] = size[1, j]
        size[1, j] = 0


@kernel
def _pack(values, known, size, words):  # type: ignore[no-untyped-def]
    """Return how many bytes were written; ``size[1, j + 1]`` is the difference at pixel ``j``."""
    at = 0
    for i in range(values.shape[0]):
        _next_row(size)
        run = 0
        for j in range(values.shape[1]):
            if not known[i, j]:
                continue
            apart = values[i, j] - _foretold(values, known, i, j)
            number = 2 * apart if apart >= 0 else -2 * apart - 1
            size[1, j + 1] = number
            around = _around(size, j)
            if run == 0 and around > 0:
                at = _write_rice(words, at, number, _low_bits(around))
            elif number == 0:
                run += 1
            else:  # a run ends, or none begins
                at = _write_rice(words, at, run, 2)
                at = _write_rice(words, at, number - 1, 0)
                run = 0
        if run > 0:
            at = _write_rice(words, at, run, 2)
    return (at + 7) >> 3


@kernel
def _unpack(words, size_bytes, known, size, values):  # type: ignore[no-untyped-def]
    """Return how many bytes were read, -1 where they do not suffice."""
    at = 0
    for i in range(values.shape[0]):
        _next_row(size)
        left = -1  # pixels of the run to come, -1 outside of runs
        for j in range(values.shape[1]):
            if not known[i, j]:
                continue
            if at > 8 * size_bytes:
                return -1
            number = np.int64(0)
            around = _around(size, j)
            if left < 0 and around > 0:
                number, taken = _read_rice(_bits_at(words, at), _low_bits(around))
                at += taken
            else:
                if left < 0:
                    left, taken = _read_rice(_bits_at(words, at), 2)
                    at += taken
                if left == 0:
                    number, taken = _read_rice(_bits_at(words, at), 0)
                    number += 1
                    at += taken
                left -= 1
            size[1, j + 1] = number
            apart = number >> 1 if number & 1 == 0 else -((number + 1) >> 1)
            values[i, j] = np.int32(_foretold(values, known, i, j) + apart)
    return (at + 7) >> 3
