"""ITU-R P.838: attenuation per kilometre of rain."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.model import Model
from lensong.propagation.types import FloatArray
from lensong.propagation.validity import within

__all__ = ["MODELS", "rain_coefficients", "rain_specific_attenuation_db_per_km"]

SOURCE = "ITU-R P.838-3"

# Each: rows (a, b, c) of the sum of a exp(-((log f - b) / c)²), then m and c of m log f + c.
_Regression = tuple[tuple[tuple[float, float, float], ...], float, float]

LOG_K_HORIZONTAL: _Regression = (
    (
        (-5.33980, -0.10008, 1.13098),
        (-0.35351, 1.26970, 0.45400),
        (-0.23789, 0.86036, 0.15354),
        (-0.94158, 0.64552, 0.16817),
    ),
    -0.18961,
    0.71147,
)
LOG_K_VERTICAL: _Regression = (
    (
        (-3.80595, 0.56934, 0.81061),
        (-3.44965, -0.22911, 0.51059),
        (-0.39902, 0.73042, 0.11899),
        (0.50167, 1.07319, 0.27195),
    ),
    -0.16398,
    0.63297,
)
ALPHA_HORIZONTAL: _Regression = (
    (
        (-0.14318, 1.82442, -0.55187),
        (0.29591, 0.77564, 0.19822),
        (0.32177, 0.63773, 0.13164),
        (-5.37610, -0.96230, 1.47828),
        (16.1721, -3.29980, 3.43990),
    ),
    0.67849,
    -1.95537,
)
ALPHA_VERTICAL: _Regression = (
    (
        (-0.07771, 2.33840, -0.76284),
        (0.56727, 0.95545, 0.54039),
        (-0.20238, 1.14520, 0.26809),
        (-48.2991, 0.791669, 0.116226),
        (48.5833, 0.791459, 0.116479),
    ),
    -0.053739,
    0.83433,
)


def _regression(log_f: FloatArray, table: _Regression) -> FloatArray:
    """Return eq. (2) or (3)."""
    rows, slope, constant = table
    value = slope * log_f + constant
    for a, b, c in rows:
        value = value + a * np.exp(-(((log_f - b) / c) ** 2))
    return np.asarray(value)


def rain_coefficients(
    freq_mhz: ArrayLike, *, elevation_deg: ArrayLike = 0.0, tilt_deg: ArrayLike = 0.0
) -> tuple[FloatArray, FloatArray]:
    """Return k and alpha of the power law between rain rate and attenuation.

    Parameters
    ----------
    freq_mhz : shape (...)
        1000..1 000 000 [MHz].
    elevation_deg : shape (...)
        Elevation of the path, -90..90 [deg].
    tilt_deg : shape (...)
        Tilt of the polarization against the horizontal [deg]: 0 horizontal, 90 vertical, 45
        circular.

    Returns
    -------
    k, alpha : shape (...)
        So that the attenuation is k R^alpha [dB/km] with R the rain rate [mm/h].

    Raises
    ------
    OutOfRangeError
        When the frequency or elevation is outside its range.

    References
    ----------
    .. [1] Recommendation ITU-R P.838-3, "Specific attenuation model for rain for use in prediction
       methods", 2005, eqs (2) to (5) and tables 1 to 4.
    """
    hint = "below 1 GHz rain does not matter: take 0 dB"
    freq = within("freq_mhz", freq_mhz, 1000.0, 1_000_000.0, source=SOURCE, hint=hint)
    elevation = within(
        "elevation_deg", elevation_deg, -90.0, 90.0, source=SOURCE, hint="0 is a level path"
    )
    log_f = np.log10(freq / 1000.0)
    k_h = 10.0 ** _regression(log_f, LOG_K_HORIZONTAL)
    k_v = 10.0 ** _regression(log_f, LOG_K_VERTICAL)
    alpha_h, alpha_v = _regression(log_f, ALPHA_HORIZONTAL), _regression(log_f, ALPHA_VERTICAL)
    mix = np.cos(np.radians(elevation)) ** 2 * np.cos(2.0 * np.radians(np.asarray(tilt_deg)))
    k = 0.5 * (k_h + k_v + (k_h - k_v) * mix)
    alpha = (k_h * alpha_h + k_v * alpha_v + (k_h * alpha_h - k_v * alpha_v) * mix) / (2.0 * k)
    return np.asarray(k), np.asarray(alpha)


def rain_specific_attenuation_db_per_km(
    rain_mm_per_h: ArrayLike,
    *,
    freq_mhz: ArrayLike,
    elevation_deg: ArrayLike = 0.0,
    tilt_deg: ArrayLike = 0.0,
) -> FloatArray:
    """Return the attenuation of a kilometre of rain.

    Parameters
    ----------
    rain_mm_per_h : shape (...)
        Rain rate, 0 or more [mm/h].
    freq_mhz, elevation_deg, tilt_deg
        As for `rain_coefficients`.

    Returns
    -------
    shape (...)
        Attenuation [dB/km]. NaN passes through.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.

    Examples
    --------
    >>> rain = rain_specific_attenuation_db_per_km(
    ...     26.48052, freq_mhz=14250.0, elevation_deg=31.07699124)
    >>> round(float(rain), 6)
    1.581308

    References
    ----------
    .. [1] Recommendation ITU-R P.838-3, 2005, eq. (1).
    """
    rain = within(
        "rain_mm_per_h", rain_mm_per_h, 0.0, np.inf, source=SOURCE, hint="a rate is 0 or more"
    )
    k, alpha = rain_coefficients(freq_mhz, elevation_deg=elevation_deg, tilt_deg=tilt_deg)
    return np.asarray(k * rain**alpha)


MODELS = (
    Model(
        name="itu_r_p838",
        title="Rain per kilometre",
        kind="add_on",
        freq_mhz=(1000.0, 1_000_000.0),
        source="Recommendation ITU-R P.838-3",
        function=rain_specific_attenuation_db_per_km,
        instead="0 dB below 1 GHz",
    ),
)
