# mypy: allow-untyped-decorators, allow-untyped-defs, allow-untyped-calls
# (numba's extending carries no types)
"""Sixteen numbers of float32 that a kernel handles at once.

Compilers turn a loop into vector instructions where they can prove that its arrays do not overlap
and that it is long enough; of the loops over 16 draws they did so with a third. Here each step is a
vector instruction by its nature, on whatever vectors the processor has, and what comes of a step is
kept in registers. Every lane is what the same steps would give for one number: nothing is summed in
another order or rounded once for twice.

Where a number stands for lanes, it is that number in each of them.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # it ships no types
from numba import types
from numba.extending import intrinsic, models, register_model

__all__ = [
    "LANES",
    "add",
    "divide",
    "fraction",
    "larger",
    "load",
    "magnitude",
    "multiply",
    "octave",
    "smaller",
    "spread",
    "store",
    "subtract",
    "total",
    "where_above",
]

LANES = 16

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
_EXPONENT_SHIFT, _EXPONENT_BIAS, _FRACTION_MASK = 23, 127, (1 << 23) - 1


class Lanes(types.Type):
    """The type of sixteen float32 in a kernel."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


_LANES = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, of_type: Any) -> None:
        super().__init__(manager, of_type, _FLOATS)


def _spread(builder: Any, value: Any) -> Any:
    """Return lanes that are all one number; lanes as they are."""
    if value.type == _FLOATS:
        return value
    one = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), value, ir.Constant(_INT, 0))
    same = ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_FLOATS, ir.Undefined), same)


def _ints(number: int) -> Any:
    return ir.Constant(_INTS, [number] * LANES)


def _step(build: Any, arguments: int) -> Any:  # Any: compiled code calls it
    """Return what kernels call for a step on lanes; each argument is lanes or one float32."""

    def typed(given: tuple[Any, ...]) -> Any:
        if not all(one in (_LANES, types.float32) for one in given):
            return None

        def codegen(_context, builder, _signature, values):
            return build(builder, *(_spread(builder, value) for value in values))

        return _LANES(*given), codegen

    if arguments == 1:
        return intrinsic(lambda _typing, a: typed((a,)))
    if arguments == 2:
        return intrinsic(lambda _typing, a, b: typed((a, b)))
    return intrinsic(lambda _typing, a, b, c, d: typed((a, b, c, d)))


def _compared(sign: str) -> Any:
    def build(builder, a, b):
        return builder.select(builder.fcmp_ordered(sign, a, b), a, b)

    return build


def _octave(builder, a):
    bits = builder.lshr(builder.bitcast(a, _INTS), _ints(_EXPONENT_SHIFT))
    return builder.sitofp(builder.sub(bits, _ints(_EXPONENT_BIAS)), _FLOATS)


def _fraction(builder, a):
    bits = builder.and_(builder.bitcast(a, _INTS), _ints(_FRACTION_MASK))
    part = ir.Constant(_FLOATS, [2.0**-_EXPONENT_SHIFT] * LANES)
    return builder.fmul(builder.sitofp(bits, _FLOATS), part)


def _magnitude(builder, a):
    return builder.bitcast(builder.and_(builder.bitcast(a, _INTS), _ints((1 << 31) - 1)), _FLOATS)


spread = _step(lambda builder, a: a, 1)  # noqa: ARG005 - as all steps
"""A number in all lanes."""

add = _step(lambda builder, a, b: builder.fadd(a, b), 2)
subtract = _step(lambda builder, a, b: builder.fsub(a, b), 2)
multiply = _step(lambda builder, a, b: builder.fmul(a, b), 2)
divide = _step(lambda builder, a, b: builder.fdiv(a, b), 2)
larger = _step(_compared(">"), 2)
smaller = _step(_compared("<"), 2)

where_above = _step(
    lambda builder, a, b, yes, no: builder.select(builder.fcmp_ordered(">", a, b), yes, no), 4
)
"""The third argument where the first is above the second, else the fourth."""

octave = _step(_octave, 1)
"""Of a number above 0 the power of two that is not above it."""

fraction = _step(_fraction, 1)
"""By what share a number is above that power of two."""

magnitude = _step(_magnitude, 1)


def _place(context, builder, array_type, array, at):
    """Return where lanes begin in a row of float32."""
    data = context.make_array(array_type)(context, builder, value=array).data
    return builder.bitcast(builder.gep(data, [at]), _FLOATS.as_pointer())


def _is_row(array: Any, at: Any) -> bool:
    return (
        isinstance(array, types.Array)
        and (array.ndim, array.layout, array.dtype) == (1, "C", types.float32)
        and isinstance(at, types.Integer)
    )


def _load(_typing, array, at):
    if not _is_row(array, at):
        return None

    def codegen(context, builder, signature, values):
        where = context.cast(builder, values[1], signature.args[1], types.intp)
        return builder.load(_place(context, builder, signature.args[0], values[0], where), align=4)

    return _LANES(array, at), codegen


def _store(_typing, array, at, lanes):
    if not _is_row(array, at) or lanes != _LANES:
        return None

    def codegen(context, builder, signature, values):
        where = context.cast(builder, values[1], signature.args[1], types.intp)
        place = _place(context, builder, signature.args[0], values[0], where)
        builder.store(values[2], place, align=4)
        return context.get_dummy_value()

    return types.none(array, at, lanes), codegen


def _total(_typing, lanes):
    if lanes != _LANES:
        return None

    def codegen(_context, builder, _signature, values):
        (left,) = values
        for size in (8, 4, 2, 1):
            low, high = (
                builder.shuffle_vector(
                    left, left, ir.Constant(ir.VectorType(_INT, size), list(range(k, k + size)))
                )
                for k in (0, size)
            )
            left = builder.fadd(low, high)
        return builder.extract_element(left, ir.Constant(_INT, 0))

    return types.float32(lanes), codegen


# Any: compiled code calls them without the first argument
load: Any = intrinsic(_load)
"""The sixteen numbers of a row of float32 that begin at an index."""

store: Any = intrinsic(_store)
"""Write into a row from an index on."""

total: Any = intrinsic(_total)
"""The sum of all lanes: halves added to halves."""
