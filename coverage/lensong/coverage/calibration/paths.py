"""Paths from an antenna place to where a level is asked for, as a calibration sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.obstruction import grazing_loss_db
from lensong.coverage.sweeps import PackedSweep
from lensong.gis_data.land import Land
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["Paths", "paths_of_sweep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Ends of paths from one antenna place, and what stands in between.

    Parameters
    ----------
    east_m, north_m : shape (n,)
        Of the far ends, in the calibration's system [m].
    distance_m : shape (n,)
        To the antenna [m].
    terrain_db, clutter_db : shape (n,)
        Diffraction over bare ground, and what trees and houses add, as predicted [dB].
    clear : shape (n,), bool
        Whether bare ground leaves the straight ray clear, as a sweep tells it.
    clutter_class : shape (n,), int
        Code of the land cover at the far end, 0 unknown.
    """

    east_m: FloatArray
    north_m: FloatArray
    distance_m: FloatArray
    terrain_db: FloatArray
    clutter_db: FloatArray
    clear: BoolArray
    clutter_class: IntArray

    def __len__(self) -> int:
        """Return the number of paths."""
        return self.distance_m.size


def paths_of_sweep(sweep: PackedSweep, here: NDArray[Any], land: Land) -> Paths:
    """Return the paths to some pixels of a sweep that have a loss, row by row.

    Parameters
    ----------
    sweep : PackedSweep
        As the model gives it or corrected: its loss is not looked at.
    here : shape of the sweep, bool
        None of them without a loss.
    land : Land
    """
    row, col = np.nonzero(here)
    row, col = row + sweep.row0, col + sweep.col0
    distance = np.hypot(row - sweep.mast_row, col - sweep.mast_col) * sweep.cell_m
    terrain = 0.01 * sweep.terrain_cdb[here].astype(np.float64)
    east, north = land.grid.easting_northing(row, col)  # type: ignore[arg-type]  # the formula holds for arrays
    code = np.zeros(row.size, dtype=np.int64)
    if land.clutter_class is not None:
        code = land.clutter_class[row, col].astype(np.int64)
    return Paths(
        east_m=np.asarray(east, dtype=np.float64),
        north_m=np.asarray(north, dtype=np.float64),
        distance_m=distance,
        terrain_db=terrain,
        clutter_db=np.maximum(0.01 * sweep.diffraction_cdb[here] - terrain, 0.0),
        clear=np.asarray(terrain < grazing_loss_db(distance)),
        clutter_class=code,
    )
