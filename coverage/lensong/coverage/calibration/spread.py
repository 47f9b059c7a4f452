"""How far levels are from what is said, by class of path: split conformal quantiles, Mondrian.

Scores are errors on squares that were held out, divided by the deviation that was stated for them.
Of each class of path the quantile is taken that makes an interval hold for the wanted share of
new squares of the same kind (Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random World",
2005, section 4.5; the square is the unit that is exchanged, for readings of one square go
together). A class with few readings takes the quantile of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, inf
from typing import Final

import numpy as np

from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = [
    "COVERAGES",
    "NEAR_EDGES_M",
    "PATH_CLASSES",
    "Spread",
    "SpreadRow",
    "path_classes",
    "spread_of",
]

COVERAGES: Final = (0.8, 0.9, 0.95)
"""Shares of levels that the intervals are to hold."""

NEAR_EDGES_M: Final = (0.0, 300.0, 1000.0, inf)
"""Classes by the distance to the nearest measurement [m]."""

PATH_CLASSES: Final = tuple(
    (sight, low, high) for sight in ("clear", "blocked") for low, high in pairwise(NEAR_EDGES_M)
)
"""Line of sight over bare ground, and from and to which distance to a measurement [m]."""

_FEW = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadRow:
    """A class of path and how far levels are from what is said of them.

    Parameters
    ----------
    spots : int
        Held-out spots in the class; below 40 the numbers are those of all spots together.
    rmse_db : float
        Root mean square error [dB].
    half_width : tuple of float
        For each of `COVERAGES`, half the interval, in stated deviations [1].
    """

    spots: int
    rmse_db: float
    half_width: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Intervals of levels by class of path, in the order of `PATH_CLASSES`."""

    rows: tuple[SpreadRow, ...]

    def half_width(self, classes: IntArray, coverage: float) -> FloatArray:
        """Return half the interval of each level, in stated deviations."""
        column = COVERAGES.index(coverage)
        return np.array([row.half_width[column] for row in self.rows])[classes]

    def rmse_db(self, classes: IntArray) -> FloatArray:
        """Return the root mean square error of each level's class [dB]."""
        return np.array([row.rmse_db for row in self.rows])[classes]


def path_classes(clear: BoolArray, nearest_m: FloatArray) -> IntArray:
    """Return the index into `PATH_CLASSES` of each path."""
    near = np.searchsorted(np.array(NEAR_EDGES_M[1:-1]), nearest_m, side="right")
    return np.asarray(np.where(clear, 0, len(NEAR_EDGES_M) - 1) + near, dtype=np.int64)


def spread_of(
    error_db: Sequence[FloatArray], spread_db: Sequence[FloatArray], classes: Sequence[IntArray]
) -> Spread:
    """Return the intervals that errors on held-out squares call for.

    Parameters
    ----------
    error_db, spread_db, classes : sequence of shape (n,)
        One entry for each time that squares were held out: errors, deviations that were stated
        [dB], and index into `PATH_CLASSES`. NaN is left out.
    """
    error, stated = np.concatenate(error_db), np.concatenate(spread_db)
    kind = np.concatenate(classes)
    known = np.isfinite(error) & np.isfinite(stated)
    error, score, kind = error[known], np.abs(error[known] / stated[known]), kind[known]
    everything = _row(error, score)
    rows = []
    for number in range(len(PATH_CLASSES)):
        here = kind == number
        count = int(here.sum())
        row = _row(error[here], score[here]) if count >= _FEW else everything
        rows.append(SpreadRow(spots=count, rmse_db=row.rmse_db, half_width=row.half_width))
    return Spread(rows=tuple(rows))


def _row(error: FloatArray, score: FloatArray) -> SpreadRow:
    return SpreadRow(
        spots=error.size,
        rmse_db=float(np.sqrt(np.mean(error**2))),
        half_width=tuple(_quantile(score, share) for share in COVERAGES),
    )


def _quantile(score: FloatArray, share: float) -> float:
    """Return the score that ``share`` of new ones do not exceed, of finitely many."""
    rank = min(ceil((score.size + 1) * share), score.size)
    return float(np.sort(score)[rank - 1])
