"""Upper convex hulls of a growing profile, and what they answer.

A hull is a stack of sample indices, ``stack[0]`` to ``stack[size - 1]``, from the mast outward.
Adding a sample costs amortised O(1): each sample is pushed once and popped at most once. A
question to the hull costs O(log n), because what is asked rises and then falls along it.
"""

from __future__ import annotations

from lensong.propagation.kernel import inlined_kernel
from lensong.propagation.place import place
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["corner_steepest_from", "farthest_above", "push", "steepest_from"]


@inlined_kernel
def push(stack: IntArray, size: int, x: FloatArray, y: FloatArray, new: int) -> int:
    """Add a sample that lies to the right of all others; return the new size."""
    while size >= 2:
        a, b = place(stack[size - 2]), place(stack[size - 1])
        if (y[new] - y[a]) * (x[b] - x[a]) < (y[b] - y[a]) * (x[new] - x[a]):
            break
        size -= 1
    stack[size] = new
    return size + 1


@inlined_kernel
def steepest_from(
    stack: IntArray, size: int, x: FloatArray, y: FloatArray, at_x: float, at_y: float
) -> int:
    """Return the sample with the greatest ``(y - at_y) / (at_x - x)``, the last one on ties.

    ``at_x`` must lie to the right of every sample: this is the horizon seen from a receiver.
    """
    return int(place(stack[corner_steepest_from(stack, size, x, y, at_x, at_y)]))


@inlined_kernel
def corner_steepest_from(
    stack: IntArray, size: int, x: FloatArray, y: FloatArray, at_x: float, at_y: float
) -> int:
    """Return where in the stack the sample of `steepest_from` stands."""
    low, high = 0, size - 1
    while low < high:
        middle = place((low + high) // 2)
        a, b = place(stack[middle]), place(stack[middle + 1])
        if (y[b] - at_y) * (at_x - x[a]) >= (y[a] - at_y) * (at_x - x[b]):
            low = middle + 1
        else:
            high = middle
    return low


@inlined_kernel
def farthest_above(stack: IntArray, size: int, x: FloatArray, y: FloatArray, slope: float) -> int:
    """Return the sample with the greatest ``y - slope * x``: the highest above a line."""
    low, high = 0, size - 1
    while low < high:
        middle = place((low + high) // 2)
        a, b = place(stack[middle]), place(stack[middle + 1])
        if y[b] - y[a] >= slope * (x[b] - x[a]):
            low = middle + 1
        else:
            high = middle
    return int(place(stack[low]))
