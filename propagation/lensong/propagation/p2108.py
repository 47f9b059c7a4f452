"""ITU-R P.2108: loss in the clutter around an antenna, added to that of a path above it."""

from __future__ import annotations

from math import inf

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri

from lensong.propagation.diffraction import knife_edge_loss_db
from lensong.propagation.model import Model
from lensong.propagation.types import FloatArray
from lensong.propagation.validity import one_of, within

__all__ = [
    "CLUTTER_HEIGHT_M",
    "MODELS",
    "height_gain_loss_db",
    "slant_clutter_loss_db",
    "terrestrial_clutter_loss_db",
]

CLUTTER_HEIGHT_M = {
    "water": 10.0,
    "open": 10.0,
    "suburban": 10.0,
    "urban": 15.0,
    "forest": 15.0,
    "dense_urban": 20.0,
}
"""Default representative height by kind of clutter [m], P.2108 table 3."""

_BEYOND_SHARE = np.nextafter(0.0, 1.0), np.nextafter(100.0, 0.0)
_SHARE_HINT = "no loss is certain; take 99 for nearly all places"


def height_gain_loss_db(
    height_agl_m: ArrayLike,
    *,
    freq_mhz: float,
    clutter: str,
    clutter_height_m: ArrayLike | None = None,
    street_width_m: float = 27.0,
) -> FloatArray:
    """Return what an antenna below its clutter loses against one at the clutter's height.

    Parameters
    ----------
    height_agl_m : shape (...)
        Height of the antenna above ground, above 0 [m].
    freq_mhz : float
        30..3000 [MHz].
    clutter : {"water", "open", "suburban", "urban", "forest", "dense_urban"}
    clutter_height_m : shape (...), optional
        Representative height, above 0 [m]; default: that of the kind, `CLUTTER_HEIGHT_M`.
    street_width_m : float
        Above 0 [m].

    Returns
    -------
    shape (...)
        Loss to add to that of a path that ends at the clutter's height [dB]; 0 for an antenna at
        or above it. NaN passes through.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.
    InvalidInputError
        For an unknown kind of clutter.

    Examples
    --------
    >>> loss = height_gain_loss_db(2.0, freq_mhz=1500.0, clutter="forest", clutter_height_m=15.0)
    >>> round(float(loss), 1)
    24.5

    References
    ----------
    .. [1] Recommendation ITU-R P.2108-1, "Prediction of clutter loss", 2021, §3.1, eqs (1), (2).
    """
    source = "ITU-R P.2108-1 §3.1"
    within("freq_mhz", freq_mhz, 30.0, 3000.0, source=source, hint="terrestrial_clutter_loss_db")
    one_of("clutter", clutter, CLUTTER_HEIGHT_M)
    above_zero = np.nextafter(0.0, 1.0)
    hint = "heights are above ground and above 0"
    height = within("height_agl_m", height_agl_m, above_zero, np.inf, source=source, hint=hint)
    top = within(
        "clutter_height_m",
        CLUTTER_HEIGHT_M[clutter] if clutter_height_m is None else clutter_height_m,
        above_zero,
        np.inf,
        source=source,
        hint=hint,
    )
    width = within(
        "street_width_m", street_width_m, above_zero, np.inf, source=source, hint="27 m is usual"
    )
    freq_ghz = freq_mhz / 1000.0
    below = np.maximum(top - height, 0.0)
    if clutter in ("water", "open"):
        loss = -(21.8 + 6.2 * np.log10(freq_ghz)) * np.log10(height / top)
    else:
        nu = 0.342 * np.sqrt(freq_ghz * below * np.degrees(np.arctan(below / width)))
        loss = knife_edge_loss_db(nu) - 6.03
    return np.asarray(np.where(height >= top, 0.0, loss))


def terrestrial_clutter_loss_db(
    distance_m: ArrayLike, *, freq_mhz: ArrayLike, location_percent: ArrayLike = 50.0
) -> FloatArray:
    """Return the clutter loss at one end of a terrestrial path, not exceeded at a share of places.

    Parameters
    ----------
    distance_m : shape (...)
        Length of the whole path, 250 or more; 1000 or more where both ends are in clutter [m].
    freq_mhz : shape (...)
        500..67 000 [MHz].
    location_percent : shape (...)
        Above 0 and below 100 [%]; 50 is the median.

    Returns
    -------
    shape (...)
        Loss [dB], for an antenna well below roofs in a town or suburb. NaN passes through.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.

    Notes
    -----
    The lesser of the losses at the distance and at 2 km, at every distance and share: for nearly
    all places the loss at 2 km can be less than nearer by. Under a mast that looks down from a
    slope it is too much by about 8 dB: there, use `lensong.propagation.slant_clutter`.

    Examples
    --------
    >>> round(float(terrestrial_clutter_loss_db(250.0, freq_mhz=500.0)), 1)
    17.4

    References
    ----------
    .. [1] Recommendation ITU-R P.2108-1, 2021, §3.2, eqs (3) to (5).
    """
    source = "ITU-R P.2108-1 §3.2"
    distance = within(
        "distance_m", distance_m, 250.0, np.inf, source=source, hint="nearer, use height_gain"
    )
    freq = within(
        "freq_mhz", freq_mhz, 500.0, 67_000.0, source=source, hint="below 500 MHz, use height_gain"
    )
    share = within(
        "location_percent", location_percent, *_BEYOND_SHARE, source=source, hint=_SHARE_HINT
    )
    at_2_km = _town_loss_db(np.asarray(2000.0), freq / 1000.0, share)
    return np.asarray(np.minimum(_town_loss_db(distance, freq / 1000.0, share), at_2_km))


def _town_loss_db(distance_m: FloatArray, freq_ghz: FloatArray, percent: FloatArray) -> FloatArray:
    log_f = np.log10(freq_ghz)
    long = -2.0 * np.log10(10.0 ** (-5.0 * log_f - 12.5) + 10.0**-16.5)
    short = 32.98 + 23.9 * np.log10(distance_m / 1000.0) + 3.0 * log_f
    weight_long, weight_short = 10.0 ** (-0.2 * long), 10.0 ** (-0.2 * short)
    both = weight_long + weight_short
    sigma = np.sqrt((16.0 * weight_long + 36.0 * weight_short) / both)
    return np.asarray(-5.0 * np.log10(both) + sigma * ndtri(percent / 100.0))


def slant_clutter_loss_db(
    elevation_deg: ArrayLike, *, freq_mhz: ArrayLike, location_percent: ArrayLike = 50.0
) -> FloatArray:
    """Return the clutter loss toward an aircraft or satellite, not exceeded at a share of places.

    Parameters
    ----------
    elevation_deg : shape (...)
        Of the other end as seen from the antenna in clutter, 0..90 [deg].
    freq_mhz : shape (...)
        10 000..100 000 [MHz].
    location_percent : shape (...)
        Above 0 and below 100 [%].

    Returns
    -------
    shape (...)
        Loss [dB]; can be slightly negative. NaN passes through.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.

    Examples
    --------
    >>> round(float(slant_clutter_loss_db(10.5, freq_mhz=10_000.0, location_percent=45.0)), 1)
    12.4

    References
    ----------
    .. [1] Recommendation ITU-R P.2108-1, 2021, §3.3, eq. (6).
    """
    source = "ITU-R P.2108-1 §3.3"
    elevation = within(
        "elevation_deg", elevation_deg, 0.0, 90.0, source=source, hint="0 is level, 90 the zenith"
    )
    freq = within(
        "freq_mhz",
        freq_mhz,
        10_000.0,
        100_000.0,
        source=source,
        hint="below 10 GHz, use terrestrial_clutter_loss_db",
    )
    share = (
        within(
            "location_percent", location_percent, *_BEYOND_SHARE, source=source, hint=_SHARE_HINT
        )
        / 100.0
    )
    factor = -93.0 * (freq / 1000.0) ** 0.175 * np.log(1.0 - share)
    angle = 0.05 * (1.0 - elevation / 90.0) + np.radians(elevation)
    power = 0.5 * (90.0 - elevation) / 90.0
    # at the zenith the power is 0 and the cotangent may round to a tiny negative number
    cotangent = np.maximum(1.0 / np.tan(angle), 0.0)
    return np.asarray((factor * cotangent) ** power - 1.0 + 0.6 * ndtri(share))


MODELS = (
    Model(
        name="itu_r_p2108_height_gain",
        title="Clutter around an antenna below its top",
        kind="add_on",
        freq_mhz=(30.0, 3000.0),
        source="Recommendation ITU-R P.2108-1, section 3.1",
        function=height_gain_loss_db,
        instead="itu_r_p2108_terrestrial above 3 GHz",
    ),
    Model(
        name="itu_r_p2108_terrestrial",
        title="Clutter at the end of a terrestrial path, by share of places, in towns",
        kind="add_on",
        freq_mhz=(500.0, 67_000.0),
        distance_m=(250.0, inf),
        source="Recommendation ITU-R P.2108-1, section 3.2",
        function=terrestrial_clutter_loss_db,
        instead="itu_r_p2108_height_gain below 500 MHz and nearer than 250 m",
    ),
    Model(
        name="itu_r_p2108_slant",
        title="Clutter toward an aircraft or satellite, by elevation and share of places",
        kind="add_on",
        freq_mhz=(10_000.0, 100_000.0),
        source="Recommendation ITU-R P.2108-1, section 3.3",
        function=slant_clutter_loss_db,
        instead="itu_r_p2108_terrestrial below 10 GHz",
    ),
)
