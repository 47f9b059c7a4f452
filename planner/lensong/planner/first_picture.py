"""What is shown of a network before its layers are planned: those of the coarse grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.network import Network
from lensong.planner.coarse import COARSE_TILE_PX, Coarse
from lensong.planner.layer_list import Layer
from lensong.planner.placed_tiles import placed_tiles
from lensong.planner.shown import Shown, Tiles
from lensong.planner.views import Window, window
from lensong.propagation.types import Grid

__all__ = ["COARSE", "coarse_shown"]

COARSE = "coarse"
"""How far a network is planned whose layers are those of the coarse grid."""


def coarse_shown(
    coarse: Coarse, network: Network, layers: Mapping[str, Layer], grid: Grid, tile_px: int
) -> Shown:
    """Return a network as the coarse grid has it, each of its cells over all cells that it covers.

    Parameters
    ----------
    coarse : Coarse
    network : Network
    layers : dict
        By id, of this network.
    grid : Grid
        Of the plan.
    tile_px : int
        Rows and columns of the tiles that are read.
    """
    levels = coarse.planned(network)
    model = levels.model

    def spread(layer: Layer) -> Layer:
        def read(part: _Part) -> NDArray[Any]:
            judged = layer.settles_with == "chances"
            state = coarse.planned(network, judge=True) if judged else levels
            tiles = placed_tiles(coarse.engine, state)
            return _spread(layer, tiles, part, grid, tile_px, coarse.step)

        return replace(layer, read=read)

    return Shown(
        network=network,
        settled=COARSE,
        technologies=tuple(model.technologies),
        operators=tuple(model.operators),
        layers={name: spread(layer) for name, layer in layers.items()},
        tiles=_Part,
        tile_px=tile_px,
        villages=None,
        streams_late=True,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """A tile of the plan's grid, by row and column, that is still to be read."""

    key: tuple[int, int]

    def every(self, *_: int) -> _Part:
        """Return itself: a coarse tile is read at once."""
        return self


def _spread(
    layer: Layer, tiles: Tiles, part: _Part, grid: Grid, tile_px: int, step: int
) -> NDArray[Any]:
    """Return a tile of the plan's grid out of the coarse one."""
    rows = np.arange(part.key[0] * tile_px, min((part.key[0] + 1) * tile_px, grid.rows)) // step
    cols = np.arange(part.key[1] * tile_px, min((part.key[1] + 1) * tile_px, grid.cols)) // step
    under = Window(
        row0=int(rows[0]),
        col0=int(cols[0]),
        rows=int(rows[-1] - rows[0]) + 1,
        cols=int(cols[-1] - cols[0]) + 1,
    )
    found = window(tiles, layer, under, COARSE_TILE_PX)
    return found[np.ix_(rows - rows[0], cols - cols[0])]
