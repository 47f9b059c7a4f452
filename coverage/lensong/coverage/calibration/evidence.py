"""What a calibration learns from: measured less predicted levels, spot by spot."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lensong.coverage.drive.matched import MatchedMeasurements
from lensong.coverage.network import Network
from lensong.coverage.obstruction import grazing_loss_db
from lensong.coverage.shadowing import sites_of_masts
from lensong.propagation.types import BoolArray, FloatArray, Grid, IntArray

__all__ = ["MOST_SPOTS", "Evidence", "merged", "of_matched", "place_numbers"]

MOST_SPOTS = 2_000
"""Spots of which the covariance is solved in seconds; more are merged in larger squares."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Spots at which a level was measured and predicted.

    Parameters
    ----------
    east_m, north_m : shape (n,)
        In the grid's system [m].
    measured_dbm : shape (n,)
        Level [dBm].
    residual_db : shape (n,)
        Measured less predicted level [dB].
    at_floor : shape (n,), bool
        Where the reading is the weakest that its phone writes: the true residual is that or less.
    distance_m : shape (n,)
        To the antenna [m], above 0.
    terrain_db, clutter_db : shape (n,)
        Diffraction over bare ground, and what trees and houses add, as predicted [dB].
    clear : shape (n,), bool
        Whether bare ground leaves the straight ray clear, as a sweep tells it.
    clutter_class : shape (n,), int
        Code of the land cover, 0 unknown.
    cell, place, site, phone : shape (n,), int
        Which cell was heard; from which antenna place (mast, height and frequency: what shares a
        sweep) and site (masts within 50 m); by which phone. Any numbers, equal for equals.
    rows : shape (n,)
        Readings in the spot.
    """

    east_m: FloatArray
    north_m: FloatArray
    measured_dbm: FloatArray
    residual_db: FloatArray
    at_floor: BoolArray
    distance_m: FloatArray
    terrain_db: FloatArray
    clutter_db: FloatArray
    clear: BoolArray
    clutter_class: IntArray
    cell: IntArray
    place: IntArray
    site: IntArray
    phone: IntArray
    rows: IntArray

    def __len__(self) -> int:
        """Return the number of spots."""
        return self.residual_db.size

    @property
    def places_m(self) -> FloatArray:
        """Return east and north, shape (n, 2) [m]."""
        return np.column_stack([self.east_m, self.north_m])

    def take(self, which: NDArray[Any]) -> Evidence:
        """Return the spots of a mask or of indices."""
        return Evidence(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def place_numbers(network: Network) -> IntArray:
    """Return the antenna place of each cell: mast, height and downlink frequency are equal."""
    known: dict[tuple[str, float, float], int] = {}
    return np.array(
        [
            known.setdefault(
                (cell.mast_id, cell.height_agl_m, cell.carrier.downlink_freq_mhz), len(known)
            )
            for cell in network.cells
        ],
        dtype=np.int64,
    )


def of_matched(matched: MatchedMeasurements, network: Network, grid: Grid) -> Evidence:
    """Return the spots of measurements that were matched to a plan."""
    sites = sites_of_masts(network)
    site = np.array([sites[cell.mast_id] for cell in network.cells], dtype=np.int64)
    east_m, north_m = grid.easting_northing(matched.grid_row, matched.grid_col)  # type: ignore[arg-type]  # the formula holds for arrays
    return Evidence(
        east_m=np.asarray(east_m, dtype=np.float64),
        north_m=np.asarray(north_m, dtype=np.float64),
        measured_dbm=matched.measured_dbm,
        residual_db=matched.measured_dbm - matched.predicted_dbm,
        at_floor=matched.at_floor,
        distance_m=np.maximum(matched.distance_m, 1.0),
        terrain_db=matched.terrain_db,
        clutter_db=matched.clutter_db,
        clear=np.asarray(matched.terrain_db < grazing_loss_db(matched.distance_m)),
        clutter_class=matched.clutter_class,
        cell=matched.cell,
        place=place_numbers(network)[matched.cell],
        site=site[matched.cell],
        phone=matched.phone,
        rows=matched.rows,
    )


def merged(spots: Evidence, most: int = MOST_SPOTS, least_m: float = 0.0) -> tuple[Evidence, float]:
    """Return at most ``most`` spots, and the side of the squares in which they were merged [m].

    Spots of one cell and phone in one square become one, at their mean. The square doubles until
    they are few enough; 0 where nothing had to be merged.
    """
    side_m, found = least_m, spots if least_m <= 0.0 else _in_squares(spots, least_m)
    while len(found) > most:
        side_m = 2.0 * side_m if side_m > 0.0 else 50.0
        found = _in_squares(spots, side_m)
    return found, side_m


def _in_squares(spots: Evidence, side_m: float) -> Evidence:
    keys = np.column_stack(
        [
            spots.cell,
            spots.phone,
            np.floor(spots.east_m / side_m).astype(np.int64),
            np.floor(spots.north_m / side_m).astype(np.int64),
        ]
    )
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    group = group.ravel()
    count = np.bincount(group)

    def mean(values: NDArray[Any]) -> FloatArray:
        return np.asarray(np.bincount(group, weights=values) / count, dtype=np.float64)

    return replace(
        spots.take(first),
        east_m=mean(spots.east_m),
        north_m=mean(spots.north_m),
        measured_dbm=mean(spots.measured_dbm),
        residual_db=mean(spots.residual_db),
        at_floor=mean(spots.at_floor) > 0.5,
        distance_m=mean(spots.distance_m),
        terrain_db=mean(spots.terrain_db),
        clutter_db=mean(spots.clutter_db),
        clear=mean(spots.clear) >= 0.5,
        rows=np.bincount(group, weights=spots.rows).astype(np.int64),
    )
