# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""Whether streams fit into cells: each takes a part of one, and no cell gives more than it has."""

from __future__ import annotations

import numpy as np

from lensong.propagation.kernel import untyped_kernel as kernel
from lensong.propagation.types import FloatArray, IntArray

__all__ = ["most_that_fit"]

_SLACK = 1e-9
_MOST_TRIES = 20_000


def most_that_fit(cost: FloatArray, cell_of: IntArray, asked: IntArray | None = None) -> IntArray:
    """Return of each draw how many of the streams, taken in their order, fit at once.

    Parameters
    ----------
    cost : shape (draws, streams, cells, 2)
        The part of a cell's uplink and of its downlink that a stream takes; infinite where it
        cannot be served there. The first ``n`` fit if each can be put on one cell so that no part
        of a cell adds up to more than 1.
    cell_of : shape (draws, streams)
        Filled with the cell of each stream that fits.
    asked : shape (draws,), optional
        Of each draw how many streams are asked about, those after them are not looked at; None:
        all.

    Notes
    -----
    A stream is put where it takes least of what is left; where that is nowhere all are put anew,
    the greediest first, every way that may still fit being tried: the number is exact. Should
    20,000 tries not settle it, what was not found to fit does not count: the safe side.
    """
    draws, streams, cells = cost.shape[:3]
    found = np.full(draws, streams, np.int64) if asked is None else asked.astype(np.int64)
    _fit_draws(
        cost, cell_of, found, np.empty((2, cells, 2)), np.empty((2, streams + 1)),
        np.empty((2, streams), np.int64),
    )  # fmt: skip
    return found


@kernel
def _fit_draws(cost, cell_of, found, room, sums, orders):  # type: ignore[no-untyped-def]
    """Lower ``found``, how many streams are asked about, to how many fit."""
    for d in range(cost.shape[0]):
        found[d] = _fit(cost, d, found[d], cell_of, room, sums, orders)


@kernel
def _fit(cost, d, streams, cell_of, room, sums, orders):  # type: ignore[no-untyped-def]
    """``room[0]`` is what the cells have left."""
    cells = cost.shape[2]
    for k in range(cells):
        room[0, k, 0] = room[0, k, 1] = 1.0
    for n in range(streams):
        at = -1
        least = np.inf
        for k in range(cells):
            if _has_room(cost, d, room, 0, n, k):
                part = cost[d, n, k, 0] / max(room[0, k, 0], 1e-12)
                if part < least:
                    at, least = k, part
        if at >= 0:
            cell_of[d, n] = at
            room[0, at, 0] -= cost[d, n, at, 0]
            room[0, at, 1] -= cost[d, n, at, 1]
        elif not _put_anew(cost, d, n + 1, cell_of, room, sums, orders):
            return n
    return streams


@kernel
def _has_room(cost, d, room, which, n, k):  # type: ignore[no-untyped-def]
    return (
        cost[d, n, k, 0] <= room[which, k, 0] + _SLACK
        and cost[d, n, k, 1] <= room[which, k, 1] + _SLACK
    )


@kernel
def _put_anew(cost, d, count, cell_of, room, sums, orders):  # type: ignore[no-untyped-def]
    """Put the first ``count`` streams so that they fit; say whether that can be done.

    Depth first over the streams, those that take most at their best cell first. A branch ends
    where what the streams to come take at the least is more than all cells have left.
    """
    cells = cost.shape[2]
    for n in range(count):
        least = np.inf
        for k in range(cells):
            least = min(least, cost[d, n, k, 0])
        if not least < np.inf:
            return False
        sums[0, n] = least
        at = n
        while at > 0 and least > sums[0, orders[0, at - 1]]:
            orders[0, at] = orders[0, at - 1]
            at -= 1
        orders[0, at] = n
    sums[1, count] = 0.0
    for depth in range(count - 1, -1, -1):
        sums[1, depth] = sums[1, depth + 1] + sums[0, orders[0, depth]]
        orders[1, depth] = -1
    for k in range(cells):
        room[1, k, 0] = room[1, k, 1] = 1.0
    depth, tries = 0, 0
    while depth >= 0 and tries < _MOST_TRIES:
        tries += 1
        if depth == count:
            for i in range(count):
                cell_of[d, orders[0, i]] = orders[1, i]
            for k in range(cells):
                room[0, k, 0], room[0, k, 1] = room[1, k, 0], room[1, k, 1]
            return True
        n, last = orders[0, depth], orders[1, depth]
        if last >= 0:  # take it back
            room[1, last, 0] += cost[d, n, last, 0]
            room[1, last, 1] += cost[d, n, last, 1]
        left = 0.0
        for k in range(cells):
            left += max(room[1, k, 0], 0.0)
        k = last + 1
        while k < cells and not _has_room(cost, d, room, 1, n, k):
            k += 1
        if k == cells or sums[1, depth] > left + _SLACK:
            orders[1, depth] = -1
            depth -= 1
        else:
            orders[1, depth] = k
            room[1, k, 0] -= cost[d, n, k, 0]
            room[1, k, 1] -= cost[d, n, k, 1]
            depth += 1
    return False
