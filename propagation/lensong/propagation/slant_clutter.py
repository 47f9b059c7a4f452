"""Clutter at the phone under a mast that looks down: the elevation of the ray counts."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from lensong.propagation.model import Model
from lensong.propagation.p2108 import slant_clutter_loss_db, terrestrial_clutter_loss_db
from lensong.propagation.types import FloatArray
from lensong.propagation.validity import within

__all__ = ["MODELS", "down_looking_clutter_loss_db"]

_SOURCE = "ITU-R P.2108-1 §3.2, §3.3"
_SLANT_LEAST_MHZ = 10_000.0
_FREQ_EXPONENT = 0.175  # of K1 in P.2108-1 eq. (6)


def down_looking_clutter_loss_db(
    distance_m: ArrayLike,
    elevation_deg: ArrayLike,
    *,
    freq_mhz: ArrayLike,
    location_percent: ArrayLike = 50.0,
) -> FloatArray:
    """Return the clutter loss at a phone among houses, less the steeper the mast looks down.

    Parameters
    ----------
    distance_m : shape (...)
        Length of the path, 250 or more [m].
    elevation_deg : shape (...)
        Of the mast's antenna as seen from the phone, -90..90 [deg]; below 0 counts as 0.
    freq_mhz : shape (...)
        500..67 000 [MHz].
    location_percent : shape (...)
        Share of places where the loss is not exceeded, above 0 and below 100 [%].

    Returns
    -------
    shape (...)
        Loss to add to that of the path above the clutter, 0 or more [dB]. NaN passes through.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.

    Notes
    -----
    The lesser of two statistical losses of P.2108: that of a terrestrial path, which knows no
    elevation and is measured near the horizontal, and that of a slant path, which falls with
    elevation. Both are upper bounds to the other where the geometry leaves their ground: a level
    ray cannot lose more than terrestrial links do, and a steep ray not more than slant ones.

    Two steps beyond the text. The slant formula is stated for 10 GHz and up; below, its frequency
    factor ``f ** 0.175`` is carried on, which at 3.5 GHz takes 1.5 to 3 dB off. And the combination
    is ours. Nothing is fitted; ``docs/accuracy.md`` holds the result against four transmitters
    at 3.5 GHz.

    Examples
    --------
    >>> level, steep = down_looking_clutter_loss_db(2000.0, [0.0, 8.0], freq_mhz=3500.0)
    >>> bool(steep < level - 10.0)
    True

    References
    ----------
    .. [1] Recommendation ITU-R P.2108-1, "Prediction of clutter loss", 2021, §3.2 eqs (3) to (5),
       §3.3 eq. (6).
    """
    freq = within(
        "freq_mhz", freq_mhz, 500.0, 67_000.0, source=_SOURCE, hint="below 500 MHz, height_gain"
    )
    elevation = within(
        "elevation_deg", elevation_deg, -90.0, 90.0, source=_SOURCE, hint="0 is level"
    )
    level = terrestrial_clutter_loss_db(
        distance_m, freq_mhz=freq, location_percent=location_percent
    )
    slant = _slant_loss_db(np.maximum(elevation, 0.0), freq, location_percent)
    return np.asarray(np.maximum(np.minimum(level, slant), 0.0))


def _slant_loss_db(
    elevation_deg: FloatArray, freq_mhz: FloatArray, location_percent: ArrayLike
) -> FloatArray:
    """Return the slant loss, its power of frequency carried on below 10 GHz."""
    at_least = np.maximum(freq_mhz, _SLANT_LEAST_MHZ)
    loss = slant_clutter_loss_db(
        elevation_deg, freq_mhz=at_least, location_percent=location_percent
    )
    offset = 0.6 * ndtri(np.asarray(location_percent, dtype=np.float64) / 100.0) - 1.0
    power = _FREQ_EXPONENT * 0.5 * (90.0 - elevation_deg) / 90.0
    return np.asarray((loss - offset) * (freq_mhz / at_least) ** power + offset)


MODELS = (
    Model(
        name="itu_r_p2108_down_looking",
        title="Clutter at a phone under a mast on a slope, by elevation, in towns",
        kind="add_on",
        freq_mhz=(500.0, 67_000.0),
        distance_m=(250.0, inf),
        source="Recommendation ITU-R P.2108-1, lesser of sections 3.2 and 3.3 "
        "(carried below 10 GHz)",
        function=down_looking_clutter_loss_db,
        instead="itu_r_p2108_height_gain below 500 MHz and nearer than 250 m",
    ),
)
