"""How a plan is cut into pieces: sweeps by antenna, layers by whole tiles of the grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lensong.coverage.layers import TILE, job_window
from lensong.coverage.sweeps import AntennaPlace, SweepJob, Window, antenna_place
from lensong.propagation.types import Grid

__all__ = ["Pieces", "cut_up", "overlap"]

_MOST_ANTENNAS = 16
_PIECES_PER_THREAD = 4
_TILES = ((8, 16), (8, 8), (4, 8), (4, 4), (2, 4), (2, 2), (1, 2), (1, 1))
"""Sizes of a block of layers, the largest first: at 8 x 16 tiles and 10 km a sweep is read twice.

The second number is along the longer side of the grid, in which sweeps come.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The pieces of a plan; its result does not depend on how it is cut.

    Parameters
    ----------
    sweeps : tuple of tuple of int
        Numbers of the jobs that are made together; the carriers of one antenna are.
    windows : tuple of Window
        Parts of the grid, of whole tiles.
    needs : tuple of tuple of int
        Of each window, the pieces of ``sweeps`` that reach it.
    villages : tuple of (int, int)
        First village of each piece, and the one after its last.
    """

    sweeps: tuple[tuple[int, ...], ...]
    windows: tuple[Window, ...]
    needs: tuple[tuple[int, ...], ...]
    villages: tuple[tuple[int, int], ...]


def cut_up(
    jobs: Sequence[SweepJob],
    grid: Grid,
    villages: int,
    threads: int,
    numbers: Iterable[int] | None = None,
) -> Pieces:
    """Return pieces that keep as many threads busy, and are no smaller than that asks for.

    Parameters
    ----------
    jobs : sequence of SweepJob
        In the order of `lensong.coverage.layers.sweep_order`.
    grid : Grid
    villages : int
        How many there are; 0 where nothing is to be made of each by itself.
    threads : int
        Of all workers together.
    numbers : iterable of int, optional
        Of the jobs whose sweeps are made; None: all.
    """
    wanted = _PIECES_PER_THREAD * max(1, threads)
    antennas: dict[AntennaPlace, list[int]] = {}
    for number in range(len(jobs)) if numbers is None else sorted(numbers):
        antennas.setdefault(antenna_place(jobs[number]), []).append(number)
    each = min(_MOST_ANTENNAS, max(1, -(-len(antennas) // wanted)))
    places = list(antennas.values())
    sweeps = tuple(
        tuple(number for place in places[k : k + each] for number in place)
        for k in range(0, len(places), each)
    )
    windows = _windows(grid, wanted)
    reached = [[job_window(jobs[number], grid) for number in piece] for piece in sweeps]
    needs = tuple(
        tuple(k for k, parts in enumerate(reached) if any(overlap(p, window) for p in parts))
        for window in windows
    )
    some = max(1, -(-villages // wanted))
    parts = tuple((k, min(k + some, villages)) for k in range(0, villages, some))
    return Pieces(sweeps=sweeps, windows=windows, needs=needs, villages=parts)


def overlap(one: Window, other: Window) -> bool:
    """Return whether two parts of a grid have a cell in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _windows(grid: Grid, wanted: int) -> tuple[Window, ...]:
    windows: list[Window] = []
    for across, along in _TILES:
        tall = grid.rows >= grid.cols
        high, wide = (along, across) if tall else (across, along)
        windows = [
            (row, col, min(row + high * TILE, grid.rows), min(col + wide * TILE, grid.cols))
            for row in range(0, grid.rows, high * TILE)
            for col in range(0, grid.cols, wide * TILE)
        ]
        if len(windows) >= wanted:
            break
    return tuple(windows)
