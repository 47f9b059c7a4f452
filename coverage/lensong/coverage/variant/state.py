"""What was planned for a network, and what was planned of one before anybody asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.network import Network
from lensong.coverage.reach import Reach
from lensong.coverage.variant.rides import Ride, RidesAhead
from lensong.coverage.variant.tiles import PlannedTile
from lensong.propagation.types import IntArray

__all__ = ["Key", "PlanState", "PlannedAhead", "numbers_after", "of_one_frame"]

Key: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanState:
    """What was planned for one network; never changed once made.

    Parameters
    ----------
    network : Network
        With what a calibration says of its cells.
    model : LayerModel
    rides : tuple of Ride
        In the order in which they are laid over each other.
    tiles : dict
        Row and column of a tile to it.
    reach : Reach
    touched : frozenset
        Tiles whose levels the last step made anew.
    """

    network: Network
    model: LayerModel
    rides: tuple[Ride, ...]
    tiles: dict[Key, PlannedTile]
    reach: Reach
    touched: frozenset[Key]

    @property
    def is_judged(self) -> bool:
        """Return whether all chances are those of the network."""
        return not any(tile.unjudged for tile in self.tiles.values())

    @property
    def unjudged(self) -> frozenset[Key]:
        """Return the tiles some of whose chances are those of an earlier network."""
        return frozenset(key for key, tile in self.tiles.items() if tile.unjudged)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAhead:
    """The levels of a network before anybody asked for them.

    Parameters
    ----------
    before : PlanState
        From which they were made.
    state : PlanState
    rides : RidesAhead
        What was made for it, kept apart.
    """

    before: PlanState
    state: PlanState
    rides: RidesAhead


def of_one_frame(one: LayerModel, other: LayerModel) -> bool:
    """Return whether layers of two networks have the same rows and are judged alike."""
    return (
        one.technologies == other.technologies
        and one.bands == other.bands
        and one.shadowing == other.shadowing
        and one.downlink_curve == other.downlink_curve
        and one.uplink_curve == other.uplink_curve
        and {name: own.keys for name, own in one.operators.items()}
        == {name: own.keys for name, own in other.operators.items()}
    )


def numbers_after(before: Network, after: Network) -> IntArray | None:
    """Return the new number of each cell of a network and -1 for none; None: all stay."""
    ids = [cell.cell_id for cell in before.cells]
    if ids == [cell.cell_id for cell in after.cells[: len(ids)]]:
        return None
    place = {cell.cell_id: k for k, cell in enumerate(after.cells)}
    return np.array([*(place.get(cell_id, -1) for cell_id in ids), -1], dtype=np.int64)
