"""The link that comes nearest to a service at given places, read while a plan is made.

Of every carrier that may carry the service the strongest cell serves, as in the plan; of these
links the one with the greatest margin is kept. A margin is that of the worst of three conditions,
at the median: the level at which a phone stays on the network, the downlink, the uplink.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.causes.needs import Needs
from lensong.coverage.decibel import mw_to_dbm
from lensong.coverage.layer_model import LayerModel, OperatorCarriers
from lensong.coverage.layer_tiles import OperatorTile, Tile
from lensong.coverage.sweeps import Window
from lensong.propagation.types import FloatArray, Grid, IntArray

__all__ = ["PlaceLinks"]

_KNOWN = ("code", "level_dbm", "margin_db", "disturbing_mw", "diffraction_db", "terrain_db")


@dataclass(slots=True, kw_only=True)
class PlaceLinks:
    """The nearest link of one service at some pixels.

    Parameters
    ----------
    service : str
    pixel : shape (n,)
        Flat index into the grid, sorted, each once.
    row, col : shape (n,)
    code : shape (n,)
        Index of the cell plus 1; 0 where no cell that can carry the service is heard.
    level_dbm, margin_db : shape (n,)
        RSRP, and the smallest margin at the median; -inf where ``code`` is 0.
    disturbing_mw : shape (n,)
        Power of other cells in one resource element.
    diffraction_db, terrain_db : shape (n,)
        Obstacles on the way, and the bare terrain's part of them.
    """

    service: str
    pixel: IntArray
    row: IntArray
    col: IntArray
    code: IntArray = field(init=False)
    level_dbm: FloatArray = field(init=False)
    margin_db: FloatArray = field(init=False)
    disturbing_mw: FloatArray = field(init=False)
    diffraction_db: FloatArray = field(init=False)
    terrain_db: FloatArray = field(init=False)
    _needs: tuple[LayerModel, Needs] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        n = self.pixel.size
        self.code = np.zeros(n, np.int64)
        self.level_dbm = np.full(n, -np.inf)
        self.margin_db = np.full(n, -np.inf)
        self.disturbing_mw = np.zeros(n)
        self.diffraction_db = np.zeros(n)
        self.terrain_db = np.zeros(n)

    @classmethod
    def at(cls, service: str, pixel: IntArray, grid: Grid) -> PlaceLinks:
        """Return links that nothing is known of yet, at flat indices into a grid."""
        kept = np.unique(pixel)
        row, col = np.divmod(kept, grid.cols)
        return cls(service=service, pixel=kept, row=row, col=col)

    def in_window(self, row0: int, col0: int, grid: Grid) -> PlaceLinks:
        """Return empty links at those of the places that lie in a window of the grid."""
        inside = (
            (self.row >= row0)
            & (self.row < row0 + grid.rows)
            & (self.col >= col0)
            & (self.col < col0 + grid.cols)
        )
        return PlaceLinks(
            service=self.service,
            pixel=self.pixel[inside],
            row=self.row[inside] - row0,
            col=self.col[inside] - col0,
        )

    def index_of(self, pixel: int) -> int:
        """Return where a pixel of the whole grid stands in the lists.

        Raises
        ------
        KeyError
            It is none of the places.
        """
        at = int(np.searchsorted(self.pixel, pixel))
        if at == self.pixel.size or self.pixel[at] != pixel:
            raise KeyError(pixel)
        return at

    def margin_at(self, pixel: int) -> float | None:
        """Return the margin of a pixel of the whole grid, None where no cell is heard [dB]."""
        at = int(np.searchsorted(self.pixel, pixel))
        if at == self.pixel.size or self.pixel[at] != pixel or not self.code[at]:
            return None
        return float(self.margin_db[at])

    def within(self, window: Window) -> IntArray:
        """Return the numbers of the places that lie in a part of the grid."""
        row0, col0, row1, col1 = window
        inside = (self.row >= row0) & (self.row < row1) & (self.col >= col0) & (self.col < col1)
        return np.flatnonzero(inside)

    def known_at(self, at: IntArray) -> dict[str, NDArray[Any]]:
        """Return what is known at some places, by the name of the field."""
        return {name: getattr(self, name)[at] for name in _KNOWN}

    def put(self, at: IntArray, known: Mapping[str, NDArray[Any]]) -> None:
        """Take what others know of some places."""
        for name in _KNOWN:
            getattr(self, name)[at] = known[name]

    def alone(self, tile: Tile, name: str, model: LayerModel) -> dict[str, NDArray[Any]]:
        """Return what `take` finds of one operator at the places in a tile; empty without any."""
        at = self.within(tile.window)
        if not at.size:
            return {}
        own = PlaceLinks(
            service=self.service, pixel=self.pixel[at], row=self.row[at], col=self.col[at]
        )
        own._needs = self._needs_of(model)
        own.take(tile, model, {name: tile.operators[name]})
        return own.known_at(np.arange(at.size))

    def put_better(self, at: IntArray, known: Mapping[str, NDArray[Any]]) -> None:
        """Take links of others at some places where theirs have the greater margin."""
        better = known["margin_db"] > self.margin_db[at]
        self.put(at[better], {name: known[name][better] for name in _KNOWN})

    def take(
        self, tile: Tile, model: LayerModel, operators: Mapping[str, OperatorTile] | None = None
    ) -> None:
        """Read the places that lie in a finished tile, of ``operators`` in place of its own."""
        at = self.within(tile.window)
        if not at.size:
            return
        needs = self._needs_of(model)[1]
        rows, cols = self.row[at] - tile.row0, self.col[at] - tile.col0
        found = tile.operators if operators is None else operators
        for name in sorted(found):
            self._take_operator(at, rows, cols, found[name], model.operators[name], model, needs)

    def _needs_of(self, model: LayerModel) -> tuple[LayerModel, Needs]:
        if self._needs is None or self._needs[0] is not model:
            self._needs = (model, Needs.of(model, self.service))
        return self._needs

    def _take_operator(
        self,
        at: IntArray,
        rows: IntArray,
        cols: IntArray,
        kept: OperatorTile,
        operator: OperatorCarriers,
        model: LayerModel,
        needs: Needs,
    ) -> None:
        cells = model.cells
        code = kept.code[:, rows, cols].astype(np.int64)
        level_mw = kept.level_mw[:, rows, cols].astype(np.float64)
        by_site = kept.others_mw[:, rows, cols].astype(np.float64)
        own = by_site[..., 0].copy()
        weight = np.nan_to_num(cells.load_weight)  # entry 0 stands for no cell
        by_site += weight[code] * level_mw
        by_site[code == 0] = 0.0
        rest = kept.rest_mw[:, rows, cols].astype(np.float64)
        all_mw = by_site.sum(axis=-1) + rest
        same = own + by_site[..., 1:].sum(axis=-1) + rest
        disturbing = same + np.tensordot(operator.overlap_share, all_mw, axes=1)
        carries = operator.carries[[s.name for s in model.services].index(self.service)]
        for carrier in np.flatnonzero(carries):
            lead = code[carrier, :, 0]
            heard = (lead > 0) & needs.possible[lead]
            level = np.where(heard, level_mw[carrier, :, 0], 1.0)
            level_dbm = mw_to_dbm(level)
            margin = np.where(heard, needs.margin_db(lead, level_dbm, disturbing[carrier]), -np.inf)
            better = margin > self.margin_db[at]
            put, of = at[better], np.flatnonzero(better)
            self.code[put] = lead[of]
            self.level_dbm[put] = level_dbm[of]
            self.margin_db[put] = margin[of]
            self.disturbing_mw[put] = disturbing[carrier, of]
            r, c = rows[of], cols[of]
            self.diffraction_db[put] = kept.diffraction_cdb[carrier, r, c] * 0.01
            self.terrain_db[put] = kept.terrain_cdb[carrier, r, c] * 0.01
