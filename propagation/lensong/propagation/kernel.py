"""How the kernels of the sweep are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

__all__ = ["kernel", "untyped_kernel"]

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


untyped_kernel: Any = kernel
"""The same for a function whose many arrays carry no types; mypy leaves its calls alone."""
