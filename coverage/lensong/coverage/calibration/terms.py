"""The terms of a calibration, and how far each may move before anything was measured.

A level is corrected by

    bias + slope log10(d / 1 km) + terrain T + clutter C + clear [in sight] + offset of its class,

with ``T`` and ``C`` the diffraction losses that the model took off for bare ground and for trees
and houses. A terrain term of +0.3 so gives 30 % of that loss back. All terms are zero before
anything was measured, and normal around zero with the deviations of `Priors`: shared ones by all
cells; own ones, on top, by an antenna place, and the own bias by a cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.types import FloatArray

__all__ = ["PLACE_TERMS", "TERMS", "PathFeatures", "Priors", "features"]

TERMS: Final = ("bias", "slope", "terrain", "clutter", "clear")
PLACE_TERMS: Final = ("slope", "terrain", "clutter", "clear")
_REFERENCE_M = 1000.0
_LEAST_M = 50.0  # nearer, a slope over the logarithm would run away


class PathFeatures(Protocol):
    """What the terms are made of, by spot or pixel; units as in `Evidence`."""

    @property
    def distance_m(self) -> FloatArray: ...  # noqa: D102 - see the class
    @property
    def terrain_db(self) -> FloatArray: ...  # noqa: D102
    @property
    def clutter_db(self) -> FloatArray: ...  # noqa: D102
    @property
    def clear(self) -> NDArray[Any]: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """Standard deviation of each term before anything was measured; 0 leaves a term out.

    Parameters
    ----------
    shared : shape (5,)
        Of what all cells share, in the order of `TERMS`: [dB], [dB per decade], 1, 1, [dB].
    place : shape (4,)
        Of what an antenna place has on top, in the order of `PLACE_TERMS`.
    cell_bias_db, class_db, phone_db : float
        Of a cell's own bias, of the offset of a class of land cover, and of a phone [dB].
    """

    shared: tuple[float, ...] = (4.0, 8.0, 0.3, 0.3, 3.0)
    place: tuple[float, ...] = (4.0, 0.15, 0.15, 1.5)
    cell_bias_db: float = 6.0
    class_db: float = 3.0
    phone_db: float = 3.0

    def __post_init__(self) -> None:
        for name, values in (
            ("shared", self.shared),
            ("place", self.place),
            ("cell_bias_db", (self.cell_bias_db,)),
            ("class_db", (self.class_db,)),
            ("phone_db", (self.phone_db,)),
        ):
            for value in values:
                if not 0.0 <= value <= 1000.0:
                    raise OutOfRangeError(f"calibration prior {name}", value, 0.0, 1000.0)

    def bias_alone(self) -> Priors:
        """Return the priors of a calibration that shifts levels and does nothing else."""
        return replace(
            self,
            shared=(self.shared[0], *(0.0,) * (len(TERMS) - 1)),
            place=(0.0,) * len(PLACE_TERMS),
            class_db=0.0,
        )


def features(at: PathFeatures) -> FloatArray:
    """Return what multiplies each of `TERMS`, shape (n, 5)."""
    return np.column_stack(
        [
            np.ones_like(at.distance_m),
            np.log10(np.maximum(at.distance_m, _LEAST_M) / _REFERENCE_M),
            at.terrain_db,
            at.clutter_db,
            np.asarray(at.clear, dtype=np.float64),
        ]
    )
