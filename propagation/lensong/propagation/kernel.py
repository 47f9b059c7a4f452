"""How the kernels of the sweep are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

__all__ = ["greatest_kernel", "inlined_kernel", "kernel", "untyped_kernel"]

Function = TypeVar("Function", bound=Callable[..., object])


# Any: numba's signature does not list ``_nrt``
_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}


def kernel(function: Function) -> Function:
    """Compile a function that reads and writes arrays but makes none.

    Cached on disk and free of the interpreter's lock. Counting references is off: the arrays
    belong to the caller for the whole call, and the counting, one locked instruction for each
    array of each tuple handed on, took half of the sweep's time. Division follows NumPy: by zero
    it gives an infinity or NaN instead of raising.
    """
    compiled: Function = njit(**_OPTIONS)(function)
    return compiled


def inlined_kernel(function: Function) -> Function:
    """Compile a function into the body of each kernel that calls it.

    For what runs several times a pixel: an array handed on is seven arguments, and eight arrays
    handed on took as long as the arithmetic behind them.
    """
    compiled: Function = njit(**_OPTIONS, forceinline=True)(function)
    return compiled


def greatest_kernel(function: Function) -> Function:
    """Compile a function that seeks greatest values among numbers none of which is NaN.

    Told so, and that -0 may stand for 0, the compiler takes a maximum as one instruction and
    several at once. Sums keep their order: a maximum is the same in any order, so the result is
    that of `kernel` to the last bit.
    """
    compiled: Function = njit(**_OPTIONS, fastmath={"nnan", "nsz"}, forceinline=True)(function)
    return compiled


untyped_kernel: Any = kernel
"""The same for a function whose many arrays carry no types; mypy leaves its calls alone."""
