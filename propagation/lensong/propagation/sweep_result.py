"""What a sweep gives: path loss around a mast, and what it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lensong.propagation.types import Float32Array, FloatArray

__all__ = ["Layers", "SweepResult", "carriers_of", "empty_layers"]


class Layers(NamedTuple):
    """The arrays of several carriers as models fill them, NaN where there is no loss.

    Losses have one layer per carrier; the departure angle, which is the same for all, has one.
    Units as in `SweepResult`.
    """

    path_loss_db: FloatArray
    departure_deg: Float32Array
    diffraction_db: Float32Array
    terrain_db: Float32Array


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """Path loss around a mast, on a window of the raster.

    Parameters
    ----------
    row0, col0 : int
        Raster position of the window's top left cell.
    path_loss_db : shape (h, w), float64
        Basic transmission loss [dB]; NaN out of range and behind missing elevation.
    departure_deg : shape (h, w), float32
        Elevation of the ray at the mast [deg], negative down: toward the horizon where the bare
        ground blocks the path, toward the receiver where it is clear.
    diffraction_db : shape (h, w), float32
        Diffraction loss that the path loss contains [dB].
    terrain_db : shape (h, w), float32
        Delta-Bullington loss of the bare ground alone, at the median [dB].
    hidden_pixels : int
        Pixels in range whose own elevation is known but not that of the way to them: they have
        no loss, and nothing was interpolated.
    """

    row0: int
    col0: int
    path_loss_db: FloatArray
    departure_deg: Float32Array
    diffraction_db: Float32Array
    terrain_db: Float32Array
    hidden_pixels: int = 0


def empty_layers(carriers: int, rows: int, cols: int) -> Layers:
    """Return layers without a loss anywhere."""
    stack = (carriers, rows, cols)
    return Layers(
        np.full(stack, np.nan),
        np.full((rows, cols), np.nan, dtype=np.float32),
        np.full(stack, np.nan, dtype=np.float32),
        np.full(stack, np.nan, dtype=np.float32),
    )


def carriers_of(
    layers: Layers, row0: int, col0: int, hidden_pixels: list[int]
) -> list[SweepResult]:
    """Return a result per carrier; the arrays are views."""
    return [
        SweepResult(
            row0=row0,
            col0=col0,
            path_loss_db=layers.path_loss_db[c],
            departure_deg=layers.departure_deg,
            diffraction_db=layers.diffraction_db[c],
            terrain_db=layers.terrain_db[c],
            hidden_pixels=hidden_pixels[c],
        )
        for c in range(layers.path_loss_db.shape[0])
    ]
