"""Path-loss sweeps as the radio side keeps them, packed to 16 bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lensong.propagation.types import Int16Array

__all__ = ["NO_LOSS", "PackedSweep", "PropagationSettings", "UInt16Array"]

UInt16Array = NDArray[np.uint16]

NO_LOSS = 65535
"""Value of ``loss_cdb`` where there is no path loss (out of range or no elevation)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedSweep:
    """Path loss from one mast to a window of the grid, in hundredths of a decibel.

    Parameters
    ----------
    row0, col0 : int
        Grid position of the window's top left cell.
    mast_row, mast_col : float
        Fractional grid position of the mast (integers are cell centres).
    cell_m : float
        Side of a grid cell [m].
    loss_cdb : shape (h, w), uint16
        Basic transmission loss [0.01 dB]; ``NO_LOSS`` where there is none.
    departure_cdeg : shape (h, w), int16
        Elevation of the ray at the mast above the horizontal, negative down [0.01 deg]: toward
        the mast's horizon where the path is blocked, toward the receiver where it is clear.
    diffraction_cdb : shape (h, w), uint16
        Diffraction loss by terrain and clutter that the path loss contains [0.01 dB].
    terrain_cdb : shape (h, w), uint16
        Diffraction loss of the bare terrain alone [0.01 dB]; what clutter adds is
        ``max(diffraction - terrain, 0)``.
    """

    row0: int
    col0: int
    mast_row: float
    mast_col: float
    cell_m: float
    loss_cdb: UInt16Array
    departure_cdeg: Int16Array
    diffraction_cdb: UInt16Array
    terrain_cdb: UInt16Array


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagationSettings:
    """How path loss is computed and how far it may be trusted.

    Parameters
    ----------
    model : str
        Name of a model in ``lensong.propagation.sweep.MODELS``.
    delta_n_per_km, n0 : float
        Lapse rate of refractivity in the lowest kilometre [N-units/km] and sea-level surface
        refractivity [N-units] (ITU-R P.1812 §3.6), positive.
    time_percent : float
        Loss not exceeded for this share of an average year [%], 1..50.
    polarization : {"vertical", "horizontal"}
    location_sigma_db, model_sigma_db : float
        Standard deviation of the level inside a pixel, and of the model against measurement [dB].
    """

    model: str = "itu_r_p1812"
    delta_n_per_km: float = 44.0
    n0: float = 365.5
    time_percent: float = 50.0
    polarization: Literal["vertical", "horizontal"] = "vertical"
    location_sigma_db: float = 4.0
    model_sigma_db: float = 7.0

    @property
    def total_sigma_db(self) -> float:
        """Return the root sum of squares of both deviations [dB]."""
        return float(np.hypot(self.location_sigma_db, self.model_sigma_db))
