"""ITU-R P.2109: loss of a signal that enters a building."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from lensong.propagation.model import Model
from lensong.propagation.types import FloatArray
from lensong.propagation.validity import one_of, within

__all__ = [
    "BUILDINGS",
    "MODELS",
    "building_entry_loss_db",
]

SOURCE = "ITU-R P.2109-2 §3"


class _Coefficients(NamedTuple):
    r: float
    s: float
    t: float
    u: float
    v: float
    w: float
    x: float
    y: float
    z: float


BUILDINGS = {
    "traditional": _Coefficients(12.64, 3.72, 0.96, 9.6, 2.0, 9.1, -3.0, 4.5, -2.0),
    "thermally_efficient": _Coefficients(28.19, -3.00, 8.48, 13.5, 3.8, 27.8, -2.9, 9.4, -2.1),
}
"""Coefficients by kind of building, P.2109 table 1."""


def building_entry_loss_db(
    freq_mhz: ArrayLike,
    *,
    probability_percent: ArrayLike,
    building: Literal["traditional", "thermally_efficient"] = "traditional",
    elevation_deg: ArrayLike = 0.0,
) -> FloatArray:
    """Return the building entry loss that is not exceeded with a probability.

    Parameters
    ----------
    freq_mhz : shape (...)
        80..100 000 [MHz].
    probability_percent : shape (...)
        Share of places in and of buildings, above 0 and below 100 [%]; 50 is the median.
    building : {"traditional", "thermally_efficient"}
        Thermally efficient: metallised glass or foil-backed panels. Everything else is
        traditional.
    elevation_deg : shape (...)
        Elevation of the path at the wall, -90..90 [deg]; its sign does not matter.

    Returns
    -------
    shape (...)
        Loss over that outside the wall [dB]; can be negative for small probabilities. NaN passes
        through.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    InvalidInputError
        For an unknown kind of building.

    Examples
    --------
    >>> round(float(building_entry_loss_db(2000.0, probability_percent=50.0)), 1)
    15.0

    References
    ----------
    .. [1] Recommendation ITU-R P.2109-2, "Prediction of building entry loss", 2023, eqs (1) to
       (10) and table 1.
    """
    hint = "outside it no entry loss is known here; add a measured one as a fixed loss"
    freq = within("freq_mhz", freq_mhz, 80.0, 100_000.0, source=SOURCE, hint=hint)
    percent = within(
        "probability_percent",
        probability_percent,
        np.nextafter(0.0, 1.0),
        np.nextafter(100.0, 0.0),
        source=SOURCE,
        hint="no loss is certain; take 99 for nearly all places",
    )
    elevation = within(
        "elevation_deg", elevation_deg, -90.0, 90.0, source=SOURCE, hint="0 is level, 90 the zenith"
    )
    c = BUILDINGS[one_of("building", building, BUILDINGS)]
    log_f = np.log10(freq / 1000.0)
    quantile = ndtri(percent / 100.0)
    mean_1 = c.r + c.s * log_f + c.t * log_f**2 + 0.212 * np.abs(elevation)
    mean_2 = c.w + c.x * log_f
    part_1 = quantile * (c.u + c.v * log_f) + mean_1
    part_2 = quantile * (c.y + c.z * log_f) + mean_2
    powers = 10.0 ** (0.1 * part_1) + 10.0 ** (0.1 * part_2) + 10.0 ** (0.1 * -3.0)
    return np.asarray(10.0 * np.log10(powers))


MODELS = (
    Model(
        name="itu_r_p2109",
        title="Entry into a building, by share of places",
        kind="add_on",
        freq_mhz=(80.0, 100_000.0),
        source="Recommendation ITU-R P.2109-2",
        function=building_entry_loss_db,
        instead="a measured entry loss",
    ),
)
