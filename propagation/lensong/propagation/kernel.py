"""How the kernels of the sweep are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit, types

__all__ = [
    "greatest_kernel",
    "inlined_kernel",
    "kernel",
    "untyped_inlined_kernel",
    "untyped_kernel",
]

Function = TypeVar("Function", bound=Callable[..., object])


_unliteral: Any = types.unliteral  # Any: it has no types

# Any: numba's signature does not list them all. Nobody takes a kernel as a C function: each would
# be compiled once more for that.
_OPTIONS: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "_nrt": False,
    "no_cfunc_wrapper": True,
}


def _compiled(function: Function, **options: Any) -> Function:
    """Compile a function once, not once more for each number that stands in a call of it.

    Of a number in the text of a caller numba makes a type of its own, and so of the callee one
    more version for each, all of which every caller up to the outermost carries along.
    """
    dispatcher: Any = njit(**_OPTIONS, **options)(function)  # Any: what is asked of it has no types
    compiler = getattr(dispatcher, "_compiler", None)  # private: without it compiling takes longer
    fold = getattr(compiler, "fold_argument_types", None)
    if compiler is None or fold is None:
        return cast("Function", dispatcher)

    def without_numbers(args: Any, kws: Any) -> Any:
        signature, folded = fold(args, kws)
        return signature, tuple(_unliteral(argument) for argument in folded)

    compiler.fold_argument_types = without_numbers
    return cast("Function", dispatcher)


def kernel(function: Function) -> Function:
    """Compile a function that reads and writes arrays but makes none.

    Cached on disk and free of the interpreter's lock. Counting references is off: the arrays
    belong to the caller for the whole call, and the counting, one locked instruction for each
    array of each tuple handed on, took half of the sweep's time. Division follows NumPy: by zero
    it gives an infinity or NaN instead of raising.
    """
    return _compiled(function)


def inlined_kernel(function: Function) -> Function:
    """Compile a function into the body of each kernel that calls it.

    For what runs several times a pixel: an array handed on is seven arguments, and eight arrays
    handed on took as long as the arithmetic behind them.
    """
    return _compiled(function, forceinline=True)


def greatest_kernel(function: Function) -> Function:
    """Compile a function that seeks greatest values among numbers none of which is NaN.

    Told so, and that -0 may stand for 0, the compiler takes a maximum as one instruction and
    several at once. Sums keep their order: a maximum is the same in any order, so the result is
    that of `kernel` to the last bit.
    """
    return _compiled(function, forceinline=True, fastmath={"nnan", "nsz"})


untyped_kernel: Any = kernel
"""The same for a function whose many arrays carry no types; mypy leaves its calls alone."""

untyped_inlined_kernel: Any = inlined_kernel
"""The same of `inlined_kernel`."""
