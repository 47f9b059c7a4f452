"""Logarithm, exponential and arctangent that a compiler can compute for several pixels at once.

The ones of the system's library are calls, which keep a loop from running on whole vectors. These
are the textbook series on a reduced argument, written without branches; each says how far it may
be off. Arithmetic alone, in an order that is written down: the same bits on every machine.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # it has no stubs
from numba import types
from numba.extending import intrinsic

from lensong.propagation.kernel import kernel

__all__ = ["arctangent", "exponential", "natural_log"]

_LN2 = 0.6931471805599453
_LOG2_E = 1.4426950408889634
_EXPONENT_SHIFT = np.int64(52)
_MANTISSA = np.int64((1 << 52) - 1)
_HALF_MANTISSA = np.int64(0x3FE6A09E667F3BCD)  # bits of the root of one half
_TWO_TO_52_BITS = np.int64(0x4330000000000000)
_TWO_TO_52 = 4503599627370496.0
_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number in the last bits
_LARGEST_POWER = 708.0


def _bits_of(typing_context: Any, x: Any) -> Any:
    """Return the bits of a float64 as an int64."""
    del typing_context, x

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), build


def _float_of(typing_context: Any, bits: Any) -> Any:
    """Return the float64 that an int64's bits are."""
    del typing_context, bits

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), build


# Any: numba's typing objects carry no types
_bits: Any = intrinsic(_bits_of)
_float: Any = intrinsic(_float_of)


@kernel
def natural_log(x: float) -> float:
    """Return ln x of a normal number above 0, within 2e-12.

    x = m 2^k with m from the root of one half to that of two; then the series of
    2 artanh((m - 1) / (m + 1)), |argument| <= 0.1716, whose first term left out is 4.5e-13.
    """
    # taking the bits of the root of one half away lets the exponent turn over there
    raised = _bits(x) - _HALF_MANTISSA
    exponent = raised >> _EXPONENT_SHIFT
    m = _float((raised & _MANTISSA) + _HALF_MANTISSA)
    k = _float((exponent + np.int64(2048)) | _TWO_TO_52_BITS) - (_TWO_TO_52 + 2048.0)
    s = (m - 1.0) / (m + 1.0)
    z = s * s
    series = 1.0 / 9.0 + z * (1.0 / 11.0 + z * (1.0 / 13.0))
    series = 1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * series)))
    return float(k * _LN2 + 2.0 * s * series)


@kernel
def exponential(x: float) -> float:
    """Return e^x of x up to 708, within 1e-12 of its value; 3e-308 where x is below -708.

    x = k ln 2 + r with |r| <= 0.3466; the first term of the series left out is 7e-14, the
    rest the rounding of k ln 2.
    """
    x = max(x, -_LARGEST_POWER)
    rounded = x * _LOG2_E + _ROUNDER
    r = x - (rounded - _ROUNDER) * _LN2
    series = 1.0 / 40320.0 + r * (1.0 / 362880.0 + r * (1.0 / 3628800.0))
    series = 1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0 + r * series))
    series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * series))))
    return float(series * _float((_bits(rounded) + np.int64(1023)) << _EXPONENT_SHIFT))


@kernel
def arctangent(x: float) -> float:
    """Return arctan x, within 3e-15 where |x| <= 1 and 3e-9 beyond [rad].

    The angle is halved twice: arctan x = 2 arctan(x / (1 + sqrt(1 + x²))).
    """
    y = x / (1.0 + sqrt(1.0 + x * x))
    y = y / (1.0 + sqrt(1.0 + y * y))
    z = y * y
    series = 1.0 / 13.0 - z * (1.0 / 15.0 - z * (1.0 / 17.0 - z * (1.0 / 19.0)))
    series = 1.0 / 7.0 - z * (1.0 / 9.0 - z * (1.0 / 11.0 - z * series))
    return 4.0 * y * (1.0 - z * (1.0 / 3.0 - z * (1.0 / 5.0 - z * series)))
