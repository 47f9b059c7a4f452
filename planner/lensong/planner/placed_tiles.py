"""The tiles of a planned network as layers read them."""

from __future__ import annotations

from itertools import count

from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.planner.layer_list import PlacedTile
from lensong.planner.shown import Tiles

__all__ = ["placed_tiles"]

_REST_AFTER = 256  # tiles; a province has some 1,500


def placed_tiles(engine: PlanEngine, state: PlanState) -> Tiles:
    """Return the tiles of a state as layers read them.

    What had to be read of files for it is let go now and then: somebody who looks at one layer
    after the other would have all of them in memory.
    """
    read = count(1)

    def placed(key: tuple[int, int]) -> PlacedTile:
        if next(read) % _REST_AFTER == 0:
            engine.let_rest()
        tile = state.tiles[key]
        return PlacedTile(
            best=tile.best, own=tile.own, made=lambda asked: engine.known(state, key, asked)
        )

    return placed
