"""Places in arrays that are known not to be negative."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it has no stubs
from numba import types
from numba.extending import intrinsic

__all__ = ["place"]


def _place(typing_context: Any, number: Any) -> Any:
    """Return a whole number that the compiler may take to be 0 or more.

    A negative index counts from the end of an array; for each that may be one, three instructions
    see to that, and keep a loop from running on whole vectors. What is handed over must not be
    negative: it is not looked at.
    """
    del typing_context, number

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        assume = builder.module.declare_intrinsic(
            "llvm.assume", (), ir.FunctionType(ir.VoidType(), [ir.IntType(1)])
        )
        builder.call(assume, [builder.icmp_signed(">=", args[0], ir.Constant(ir.IntType(64), 0))])
        return args[0]

    return types.int64(types.int64), build


# Any: numba's typing objects carry no types
place: Any = intrinsic(_place)
