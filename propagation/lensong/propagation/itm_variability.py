"""How ITM spreads the median over time, places and situations.

Symbols and equation numbers are those of the algorithm [1]_, sections 27 to 37; the constants of
the seven climates are its figures 10.13 ff. in the form of the curve of eq. (5.5).

References
----------
.. [1] G. A. Hufford, "The ITS Irregular Terrain Model, version 1.2.2: The Algorithm", NTIA/ITS.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lensong.propagation.kernel import kernel
from lensong.propagation.types import FloatArray

if TYPE_CHECKING:
    from lensong.propagation.itm_terms import Geometry

__all__ = ["CLIMATES", "Shares", "mode_deviates", "normal_deviate", "rough_at", "spread_loss_db"]

CLIMATES = (
    "equatorial",
    "continental_subtropical",
    "maritime_subtropical",
    "desert",
    "continental_temperate",
    "maritime_temperate_over_land",
    "maritime_temperate_over_sea",
)
"""Radio climates in the order of the columns of `_CURVES`."""

_CURVES: FloatArray = np.array(
    [
        # median: c1, c2 [dB], x1, x2, x3 [m]
        [-9.67, -0.62, 1.26, -9.21, -0.62, -0.39, 3.15],
        [12.7, 9.19, 15.5, 9.05, 9.19, 2.86, 857.9],
        [144.9e3, 228.9e3, 262.6e3, 84.1e3, 228.9e3, 141.7e3, 2222.0e3],
        [190.3e3, 205.2e3, 185.2e3, 101.1e3, 205.2e3, 315.9e3, 164.8e3],
        [133.8e3, 143.6e3, 99.8e3, 98.6e3, 143.6e3, 167.4e3, 116.3e3],
        # spread below the median
        [2.13, 2.66, 6.11, 1.98, 2.68, 6.86, 8.51],
        [159.5, 7.67, 6.65, 13.11, 7.16, 10.38, 169.8],
        [762.2e3, 100.4e3, 138.2e3, 139.1e3, 93.7e3, 187.8e3, 609.8e3],
        [123.6e3, 172.5e3, 242.2e3, 132.7e3, 186.8e3, 169.6e3, 119.9e3],
        [94.5e3, 136.4e3, 178.6e3, 193.5e3, 133.5e3, 108.9e3, 106.6e3],
        # spread above the median
        [2.11, 6.87, 10.08, 3.68, 4.75, 8.58, 8.43],
        [102.3, 15.53, 9.60, 159.3, 8.12, 13.97, 8.19],
        [636.9e3, 138.7e3, 165.3e3, 464.4e3, 93.2e3, 216.0e3, 136.2e3],
        [134.8e3, 143.7e3, 225.7e3, 93.1e3, 135.9e3, 152.0e3, 188.5e3],
        [95.6e3, 98.6e3, 129.7e3, 94.2e3, 113.4e3, 122.7e3, 122.9e3],
        # beyond z_d the spread above the median is c_d times as wide
        [1.224, 0.801, 1.380, 1.000, 1.224, 1.518, 1.518],
        [1.282, 2.161, 1.282, 20.0, 1.282, 1.282, 1.282],
        # factor of frequency on the spread below, then above: a + b / ((c q)² + 1)
        [1.0, 1.0, 1.0, 1.0, 0.92, 1.0, 1.0],
        [0.0, 0.0, 0.0, 0.0, 0.25, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.77, 0.0, 0.0],
        [1.0, 0.93, 1.0, 0.93, 0.93, 1.0, 1.0],
        [0.0, 0.31, 0.0, 0.19, 0.31, 0.0, 0.0],
        [0.0, 2.00, 0.0, 1.79, 2.00, 0.0, 0.0],
    ]
)
_MEDIAN, _BELOW, _ABOVE, _TAIL, _FREQ_BELOW, _FREQ_ABOVE = 0, 5, 10, 15, 17, 20

SINGLE_MESSAGE, ACCIDENTAL, MOBILE, BROADCAST = 0, 1, 2, 3
"""Which of time, place and situation count as one; see `lensong.propagation.itm.MODES`."""


class Shares(NamedTuple):
    """Which shares of time, places and situations are asked for, and what they mean.

    ``climate`` counts in `CLIMATES` from 0, ``mode`` is one of the four above; the deviates are
    those of `mode_deviates`.
    """

    climate: int
    mode: int
    places_count: bool
    situations_count: bool
    z_time: float
    z_place: float
    z_situation: float


@kernel
def rough_at(distance_m: float, irregularity_m: float) -> float:
    """Return the terrain irregularity as a path of this length sees it, eq. (3)."""
    return irregularity_m * (1.0 - 0.8 * exp(-distance_m / 50e3))


@kernel
def normal_deviate(percent: float) -> float:
    """Return the standard normal deviate exceeded by a share [%], Abramowitz-Stegun 26.2.23."""
    share = percent / 100.0
    t = sqrt(-2.0 * log(min(share, 1.0 - share)))
    top = 2.515516 + t * (0.802853 + t * 0.010328)
    bottom = 1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))
    z = t - top / bottom
    return z if share <= 0.5 else -z


@kernel
def mode_deviates(
    mode: int, time_percent: float, place_percent: float, situation_percent: float
) -> tuple[float, float, float]:
    """Return the deviates of time, place and situation; a mode may take one for another."""
    situation = normal_deviate(situation_percent)
    time = situation if mode == SINGLE_MESSAGE else normal_deviate(time_percent)
    place = time
    if mode == ACCIDENTAL:
        place = situation
    elif mode == BROADCAST:
        place = normal_deviate(place_percent)
    return time, place, situation


@kernel
def _curve(first: int, climate: int, distance_m: float) -> float:
    c1, c2 = _CURVES[first, climate], _CURVES[first + 1, climate]
    x1, x2, x3 = (
        _CURVES[first + 2, climate],
        _CURVES[first + 3, climate],
        _CURVES[first + 4, climate],
    )
    near = (distance_m / x1) ** 2
    return float((c1 + c2 / (1.0 + ((distance_m - x2) / x3) ** 2)) * near / (1.0 + near))


@kernel
def _frequency_factor(first: int, climate: int, q: float) -> float:
    c = _CURVES[first + 2, climate] * q
    return float(_CURVES[first, climate] + _CURVES[first + 1, climate] / (c * c + 1.0))


@kernel
def spread_loss_db(reference_db: float, path: Geometry, freq_mhz: float, shares: Shares) -> float:
    """Return the loss over free space that the given shares of time, places, situations see."""
    distance_m, climate, mode = path.distance_m, shares.climate, shares.mode
    z_time, z_place, z_situation = shares.z_time, shares.z_place, shares.z_situation
    wave_number = freq_mhz / 47.7
    exceed_m = (
        sqrt(18e6 * path.tx_effective_m)
        + sqrt(18e6 * path.rx_effective_m)
        + (575.7e12 / wave_number) ** (1.0 / 3.0)
    )
    effective_m = (
        130e3 * distance_m / exceed_m if distance_m < exceed_m else 130e3 + distance_m - exceed_m
    )
    situation_db = 5.0 + 3.0 * exp(-effective_m / 100e3) if shares.situations_count else 0.0
    place_db = 0.0
    if shares.places_count:
        rough = wave_number * rough_at(distance_m, path.irregularity_m)
        place_db = 10.0 * rough / (rough + 13.0)
    q = log(0.133 * wave_number)
    if z_time < 0.0:
        time_db = _curve(_BELOW, climate, effective_m) * _frequency_factor(_FREQ_BELOW, climate, q)
    else:
        time_db = _curve(_ABOVE, climate, effective_m) * _frequency_factor(_FREQ_ABOVE, climate, q)
        z_tail = _CURVES[_TAIL + 1, climate]
        if z_time > z_tail:
            tail_db = _CURVES[_TAIL, climate] * time_db
            time_db = tail_db + (time_db - tail_db) * z_tail / z_time

    by_time, by_place = time_db * z_time, place_db * z_place
    variance = (
        situation_db**2
        + by_time**2 / (7.8 + z_situation**2)
        + by_place**2 / (24.0 + z_situation**2)
    )
    fixed = 0.0
    if mode == SINGLE_MESSAGE:
        variance += time_db**2 + place_db**2
    elif mode == ACCIDENTAL:
        fixed = by_time
        variance += place_db**2
    elif mode == MOBILE:
        fixed = sqrt(time_db**2 + place_db**2) * z_time
    else:
        fixed = by_time + by_place
    loss = reference_db - _curve(_MEDIAN, climate, effective_m) - fixed
    loss -= sqrt(variance) * z_situation
    if loss < 0.0:
        loss *= (29.0 - loss) / (29.0 - 10.0 * loss)
    return loss
