"""The tiles of a planned network as layers read them."""

from __future__ import annotations

from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.planner.layer_list import PlacedTile
from lensong.planner.shown import Tiles

__all__ = ["placed_tiles"]


def placed_tiles(engine: PlanEngine, state: PlanState) -> Tiles:
    """Return the tiles of a state as layers read them."""

    def placed(key: tuple[int, int]) -> PlacedTile:
        return PlacedTile(
            best=state.tiles[key].best, made=lambda asked: engine.known(state, key, asked)
        )

    return placed
