"""Measured levels beside what a plan predicts for the cell that made them: one table."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["HOW", "MatchedMeasurements", "OutOfReach"]

HOW = ("cell id", "station", "PCI", "best server")
"""How a row found its cell: by its own id, by its base station's number and the strongest cell
there, by the strongest cell of its PCI, or by the strongest of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfReach:
    """Where a cell was heard by its id or PCI, and the plan has no level of it.

    Parameters
    ----------
    grid_row, grid_col, cell : shape (k,), int
        One entry per pixel and cell.
    measured_dbm : shape (k,)
        Median of the rows [dBm].
    """

    grid_row: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    grid_col: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    cell: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    measured_dbm: FloatArray = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedMeasurements:
    """What was measured and what a plan predicts, one entry per pixel, cell and phone.

    Rows of one phone in one pixel of the plan's grid that heard one cell are one entry: a car that
    waits at a light counts once. What is predicted is the plan's own: the sweep of the cell's
    antenna at that pixel, its power, pattern and tilts.

    Parameters
    ----------
    lat_deg, lon_deg : shape (n,)
        Mean place of the rows, WGS 84 [deg].
    grid_row, grid_col : shape (n,), int
        Pixel of the plan's grid.
    measured_dbm : shape (n,)
        Median of the rows, per resource element [dBm].
    predicted_dbm : shape (n,)
        Of the plan, median [dBm].
    rows : shape (n,), int
        How many rows of the log are in the entry, 1 or more.
    first_row : shape (n,), int
        The first of them among the rows of the log, from 0.
    at_floor : shape (n,), bool
        True where the median is the weakest level that its phone writes, and that occurs so often
        that it is a floor: the true level is that or weaker.
    cell : shape (n,), int
        Index into ``network.cells``.
    how : shape (n,), int
        Index into `HOW`.
    phone : shape (n,), int
        Index into ``phones``.
    phones : tuple of str
    distance_m, azimuth_deg : shape (n,)
        From the mast to the pixel's centre [m], and its direction there from true north [deg].
    departure_deg : shape (n,)
        Of the ray at the mast above the horizontal [deg], as the pattern is read.
    path_loss_db, gain_dbi : shape (n,)
        ``predicted_dbm`` is the cell's level offset plus the gain less the loss [dB], [dBi].
    terrain_db, clutter_db : shape (n,)
        Diffraction by the bare ground, and what trees and houses add to it; both are in
        ``path_loss_db`` [dB]. With a statistical model 0.
    diffraction_angle_deg : shape (n,)
        By how much the ray bends over the bare ground on the median effective Earth [deg]: the sum
        of both horizons' elevations above the straight line. Below 0 the path is clear, and it is
        the angle by which it is so.
    line_of_sight : shape (n,), bool
        ``diffraction_angle_deg <= 0``.
    clutter_class : shape (n,), int
        Code of the land cover at the pixel, 0 where not known; names in ``land.clutter_names``.
    phone_offset_db : shape (phones,)
        By how much a phone reads above the mean of all, from places that several have been to
        [dB]; NaN where it shares none with the others. Not taken off ``measured_dbm``.
    log_rows : int
        Rows of the log.
    left_out : dict
        Reason to number of rows.
    out_of_reach : OutOfReach
        What has no place in this table, for a cell heard where it cannot be.
    assumptions, warnings : tuple of str
        English sentences.
    """

    lat_deg: FloatArray
    lon_deg: FloatArray
    grid_row: IntArray
    grid_col: IntArray
    measured_dbm: FloatArray
    predicted_dbm: FloatArray
    rows: IntArray
    first_row: IntArray
    at_floor: BoolArray
    cell: IntArray
    how: IntArray
    phone: IntArray
    phones: tuple[str, ...]
    distance_m: FloatArray
    azimuth_deg: FloatArray
    departure_deg: FloatArray
    path_loss_db: FloatArray
    gain_dbi: FloatArray
    terrain_db: FloatArray
    clutter_db: FloatArray
    diffraction_angle_deg: FloatArray
    clutter_class: NDArray[np.int64]
    phone_offset_db: FloatArray
    log_rows: int
    left_out: dict[str, int]
    out_of_reach: OutOfReach = field(default_factory=OutOfReach)
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def error_db(self) -> FloatArray:
        """Return measured minus predicted level [dB], as `lensong validate` has it for losses.

        Predicted minus measured loss: above 0 the plan is too pessimistic.
        """
        return self.measured_dbm - self.predicted_dbm

    @property
    def censored_error_db(self) -> FloatArray:
        """Return the errors, 0 where a phone wrote its floor and the plan predicts less."""
        return np.where(self.at_floor, np.minimum(self.error_db, 0.0), self.error_db)

    @property
    def line_of_sight(self) -> BoolArray:
        """Return where the bare ground leaves the straight ray clear."""
        return np.asarray(self.diffraction_angle_deg <= 0.0)

    def __len__(self) -> int:
        """Return the number of entries."""
        return self.measured_dbm.size
