"""The land under paths and sweeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import Float32Array, UInt8Array

__all__ = ["COASTAL_LAND", "INLAND", "SEA", "Rasters", "Terrain"]

SEA, COASTAL_LAND, INLAND = 1, 3, 4
"""Radio-climatic zones, as files of P.1812 number them."""


class Rasters(NamedTuple):
    """The land as kernels read it; a raster of few cells stands for "none given"."""

    ground_m: Float32Array
    clutter_m: Float32Array
    zone: UInt8Array
    has_clutter: bool
    has_zone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terrain:
    """The land under a sweep, on square cells; row 0 is north.

    Parameters
    ----------
    ground_m : shape (rows, cols), float32, at least 2 x 2
        Above sea level [m]; NaN where unknown: a ray ends there.
    clutter_m : shape (rows, cols), float32, or None
        Representative clutter height above ground [m].
    zone : shape (rows, cols), uint8, or None
        Radio-climatic zone, 1 sea, 3 coastal land, 4 inland; None: all inland.
    cell_m : float
        Side of a cell [m].
    """

    ground_m: Float32Array
    clutter_m: Float32Array | None = None
    zone: UInt8Array | None = None
    cell_m: float

    def __post_init__(self) -> None:
        shape = self.ground_m.shape
        if len(shape) != 2 or min(shape) < 2:
            raise InvalidInputError(f"ground_m has shape {shape}, wanted at least 2 x 2 cells")
        for name, layer in (("clutter_m", self.clutter_m), ("zone", self.zone)):
            if layer is not None and layer.shape != shape:
                raise InvalidInputError(f"{name} has shape {layer.shape}, wanted {shape}")
        if not self.cell_m > 0.0:
            raise InvalidInputError(f"cell_m is {self.cell_m}, wanted a size above 0 m")

    def rasters(self) -> Rasters:
        """Return the form that the kernels read."""
        return Rasters(
            np.ascontiguousarray(self.ground_m, dtype=np.float32),
            np.zeros((2, 2), dtype=np.float32)
            if self.clutter_m is None
            else np.ascontiguousarray(self.clutter_m, dtype=np.float32),
            np.zeros((2, 2), dtype=np.uint8)
            if self.zone is None
            else np.ascontiguousarray(self.zone, dtype=np.uint8),
            self.clutter_m is not None,
            self.zone is not None,
        )
