"""What phones in the villages hear: the strongest sites of every carrier at some places of each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields

import numpy as np

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.layer_tiles import MOST_LISTED, OperatorTile, Tile
from lensong.coverage.sweeps import UInt16Array, Window
from lensong.coverage.village_weights import VillageWeights
from lensong.propagation.types import Float32Array, Grid, IntArray

__all__ = ["PLACES", "Heard", "OperatorHeard"]

PLACES = 32
"""Places of a village at which its sellers may stand."""


@dataclass(slots=True, kw_only=True)
class OperatorHeard:
    """What an operator's cells bring to the places of all villages.

    Parameters
    ----------
    code : shape (carriers, places, sites)
        Strongest cell of each site (index + 1), the strongest site first; 0 for none.
    level_mw, others_mw : shape (carriers, places, sites)
        Its RSRP, and the power by which the site's other cells disturb.
    rest_mw : shape (carriers, places)
        Power of the sites that are not listed.
    """

    code: UInt16Array
    level_mw: Float32Array
    others_mw: Float32Array
    rest_mw: Float32Array

    @classmethod
    def silent(cls, carriers: int, places: int) -> OperatorHeard:
        """Return places that no cell reaches yet."""
        deep = (carriers, places, MOST_LISTED)
        return cls(
            code=np.zeros(deep, np.uint16),
            level_mw=np.zeros(deep, np.float32),
            others_mw=np.zeros(deep, np.float32),
            rest_mw=np.zeros(deep[:2], np.float32),
        )

    def copy(self) -> OperatorHeard:
        """Return the same that may be changed by itself."""
        return OperatorHeard(
            code=self.code.copy(),
            level_mw=self.level_mw.copy(),
            others_mw=self.others_mw.copy(),
            rest_mw=self.rest_mw.copy(),
        )

    def same_within(self, other: OperatorHeard, part: slice) -> bool:
        """Return whether some places hear the same in another."""
        return self.code.shape == other.code.shape and all(
            np.array_equal(getattr(self, f.name)[:, part], getattr(other, f.name)[:, part])
            for f in fields(self)
        )

    def take(self, kept: OperatorTile, row: IntArray, col: IntArray, where: IntArray) -> None:
        """Copy places of a finished tile."""
        sites = kept.code.shape[3]
        for heard in (self.code, self.level_mw, self.others_mw):
            heard[:, where, sites:] = 0
        self.code[:, where, :sites] = kept.code[:, row, col]
        self.level_mw[:, where, :sites] = kept.level_mw[:, row, col]
        self.others_mw[:, where, :sites] = kept.others_mw[:, row, col]
        self.rest_mw[:, where] = kept.rest_mw[:, row, col]


class Heard:
    """Collects, tile by tile, what the places of the villages hear.

    Parameters
    ----------
    weights : sequence of VillageWeights
    grid : Grid
    model : LayerModel

    Attributes
    ----------
    operators : dict
        Operator to what is heard of it; the places of village ``v`` are
        ``PLACES * v`` to ``PLACES * (v + 1)``.
    """

    def __init__(self, weights: Sequence[VillageWeights], grid: Grid, model: LayerModel) -> None:
        pixel = np.concatenate([_places(village) for village in weights])
        self._row, self._col = pixel // grid.cols, pixel % grid.cols
        self.operators = {
            name: OperatorHeard.silent(operator.carriers, pixel.size)
            for name, operator in model.operators.items()
        }

    def copy(self) -> Heard:
        """Return one that takes tiles without changing this one."""
        twin = copy(self)
        twin.operators = {name: own.copy() for name, own in self.operators.items()}
        return twin

    def places_in(self, window: Window) -> IntArray:
        """Return the numbers of the places that lie in a part of the grid."""
        row0, col0, row1, col1 = window
        inside = (self._row >= row0) & (self._row < row1)
        inside &= (self._col >= col0) & (self._col < col1)
        return np.flatnonzero(inside)

    def row_col(self, where: IntArray) -> tuple[IntArray, IntArray]:
        """Return the grid's row and column of some places."""
        return self._row[where], self._col[where]

    def at(self, where: IntArray) -> dict[str, OperatorHeard]:
        """Return what is heard at some places, by operator."""
        return {
            name: OperatorHeard(
                code=own.code[:, where],
                level_mw=own.level_mw[:, where],
                others_mw=own.others_mw[:, where],
                rest_mw=own.rest_mw[:, where],
            )
            for name, own in self.operators.items()
        }

    def put(self, where: IntArray, heard: Mapping[str, OperatorHeard]) -> None:
        """Take what another has heard at some places."""
        for name, other in heard.items():
            own = self.operators[name]
            own.code[:, where], own.level_mw[:, where] = other.code, other.level_mw
            own.others_mw[:, where], own.rest_mw[:, where] = other.others_mw, other.rest_mw

    def same_at(self, other: Heard, village: int) -> bool:
        """Return whether a village hears the same as in another."""
        part = slice(PLACES * village, PLACES * (village + 1))
        return self.operators.keys() == other.operators.keys() and all(
            own.same_within(other.operators[name], part) for name, own in self.operators.items()
        )

    def codes_at(self, village: int, operators: Collection[str] | None = None) -> IntArray:
        """Return the codes of all cells of some operators that a village hears, each once."""
        part = slice(PLACES * village, PLACES * (village + 1))
        asked = self.operators if operators is None else operators
        found = [np.unique(self.operators[name].code[:, part]) for name in asked]
        codes = np.unique(np.concatenate(found)).astype(np.int64)
        return np.asarray(codes[codes > 0], dtype=np.int64)

    def alone(self, tile: Tile, name: str) -> OperatorHeard | None:
        """Return what is heard of one operator at the places in a finished tile; None: no place."""
        where = self.places_in(tile.window)
        if not where.size:
            return None
        kept = tile.operators[name]
        own = OperatorHeard.silent(kept.code.shape[0], where.size)
        row, col = self._row[where] - tile.row0, self._col[where] - tile.col0
        own.take(kept, row, col, np.arange(where.size))
        return own

    def take(self, tile: Tile) -> None:
        """Copy what a finished tile has of the places."""
        where = self.places_in(tile.window)
        if where.size:
            row, col = self._row - tile.row0, self._col - tile.col0
            for name, kept in tile.operators.items():
                self.operators[name].take(kept, row[where], col[where], where)


def _places(village: VillageWeights) -> IntArray:
    """Return pixels spread evenly over the people of a village, row by row."""
    order = np.argsort(village.pixel, kind="stable")
    climbing = np.cumsum(village.weight[order])
    shares = (np.arange(PLACES) + 0.5) / PLACES * climbing[-1]
    return np.asarray(village.pixel[order][np.searchsorted(climbing, shares)], dtype=np.int64)
