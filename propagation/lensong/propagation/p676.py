"""ITU-R P.676: attenuation by oxygen and water vapour, summed line by line."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.model import Model
from lensong.propagation.p676_lines import OXYGEN_LINES, WATER_VAPOUR_LINES
from lensong.propagation.types import FloatArray
from lensong.propagation.validity import within

__all__ = ["MODELS", "gas_attenuation_db", "gas_specific_attenuation_db_per_km"]

SOURCE = "ITU-R P.676-12 Annex 1 §1"


def gas_specific_attenuation_db_per_km(
    freq_mhz: ArrayLike,
    *,
    dry_pressure_hpa: ArrayLike = 1013.25,
    temperature_k: ArrayLike = 288.15,
    water_vapour_g_per_m3: ArrayLike = 7.5,
) -> tuple[FloatArray, FloatArray]:
    """Return the attenuation of a kilometre of dry air and of its water vapour.

    Parameters
    ----------
    freq_mhz : shape (...)
        1000..1 000 000 [MHz].
    dry_pressure_hpa : shape (...)
        Pressure of the dry air, above 0 up to 1100 [hPa].
    temperature_k : shape (...)
        150..350 [K].
    water_vapour_g_per_m3 : shape (...)
        Density of water vapour, 0..100 [g/m3].

    Returns
    -------
    oxygen, water_vapour : shape (...)
        Attenuation [dB/km]. NaN passes through.

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.

    Examples
    --------
    >>> oxygen, water = gas_specific_attenuation_db_per_km(60_000.0)
    >>> round(float(oxygen), 4), round(float(water), 5)
    (14.6235, 0.15484)

    References
    ----------
    .. [1] Recommendation ITU-R P.676-12, "Attenuation by atmospheric gases and related effects",
       2019, Annex 1, eqs (1) to (9), tables 1 and 2.
    """
    freq = within(
        "freq_mhz",
        freq_mhz,
        1000.0,
        1_000_000.0,
        source=SOURCE,
        hint="below 1 GHz gases take less than 0.006 dB/km: take 0 dB",
    )
    dry = within(
        "dry_pressure_hpa",
        dry_pressure_hpa,
        np.nextafter(0.0, 1.0),
        1100.0,
        source=SOURCE,
        hint="pressure is in hectopascals",
    )
    kelvin = within(
        "temperature_k", temperature_k, 150.0, 350.0, source=SOURCE, hint="add 273.15 to degrees C"
    )
    density = within(
        "water_vapour_g_per_m3",
        water_vapour_g_per_m3,
        0.0,
        100.0,
        source=SOURCE,
        hint="7.5 g/m3 is the mean of the globe, 20 g/m3 the humid tropics",
    )
    f, p, rho, t = np.broadcast_arrays(freq / 1000.0, dry, density, kelvin)
    theta = 300.0 / t
    vapour = rho * t / 216.7
    return line_by_line_db_per_km(f, p, vapour, theta)


def line_by_line_db_per_km(
    freq_ghz: FloatArray, dry_hpa: FloatArray, vapour_hpa: FloatArray, theta: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the attenuation by oxygen and by water vapour, eq. (1), unchecked; theta is 300 / T.

    P.452 takes these lines from 0.1 GHz on, where P.676 itself begins at 1 GHz.
    """
    oxygen = _oxygen_lines(freq_ghz, dry_hpa, vapour_hpa, theta)
    oxygen = oxygen + _dry_continuum(freq_ghz, dry_hpa, vapour_hpa, theta)
    water = _water_vapour_lines(freq_ghz, dry_hpa, vapour_hpa, theta)
    return np.asarray(0.1820 * freq_ghz * oxygen), np.asarray(0.1820 * freq_ghz * water)


def _shape(
    f: FloatArray, line: float, width: FloatArray, overlap: FloatArray | float
) -> FloatArray:
    """Return the shape factor of a line, eq. (5)."""
    below, above = line - f, line + f
    near = (width - overlap * below) / (below**2 + width**2)
    far = (width - overlap * above) / (above**2 + width**2)
    return f / line * (near + far)


def _oxygen_lines(f: FloatArray, p: FloatArray, e: FloatArray, theta: FloatArray) -> FloatArray:
    """Return the sum over the oxygen lines, eqs (2a), (3), (6a), (6b), (7)."""
    total = np.zeros(f.shape)
    for line, a1, a2, a3, a4, a5, a6 in OXYGEN_LINES:
        strength = a1 * 1e-7 * p * theta**3 * np.exp(a2 * (1.0 - theta))
        width = a3 * 1e-4 * (p * theta ** (0.8 - a4) + 1.1 * e * theta)
        width = np.sqrt(width**2 + 2.25e-6)
        overlap = (a5 + a6 * theta) * 1e-4 * (p + e) * theta**0.8
        total += strength * _shape(f, line, width, overlap)
    return total


def _water_vapour_lines(
    f: FloatArray, p: FloatArray, e: FloatArray, theta: FloatArray
) -> FloatArray:
    """Return the sum over the water vapour lines, eqs (2b), (3), (6a), (6b)."""
    total = np.zeros(f.shape)
    for line, b1, b2, b3, b4, b5, b6 in WATER_VAPOUR_LINES:
        strength = b1 * 1e-1 * e * theta**3.5 * np.exp(b2 * (1.0 - theta))
        width = b3 * 1e-4 * (p * theta**b4 + b5 * e * theta**b6)
        width = 0.535 * width + np.sqrt(0.217 * width**2 + 2.1316e-12 * line**2 / theta)
        total += strength * _shape(f, line, width, 0.0)
    return total


def _dry_continuum(f: FloatArray, p: FloatArray, e: FloatArray, theta: FloatArray) -> FloatArray:
    """Return oxygen's Debye spectrum and nitrogen's absorption by pressure, eqs (8), (9)."""
    width = 5.6e-4 * (p + e) * theta**0.8
    debye = 6.14e-5 / (width * (1.0 + (f / width) ** 2))
    nitrogen = 1.4e-12 * p * theta**1.5 / (1.0 + 1.9e-5 * f**1.5)
    return np.asarray(f * p * theta**2 * (debye + nitrogen))


def gas_attenuation_db(
    distance_m: ArrayLike,
    *,
    freq_mhz: ArrayLike,
    dry_pressure_hpa: ArrayLike = 1013.25,
    temperature_k: ArrayLike = 288.15,
    water_vapour_g_per_m3: ArrayLike = 7.5,
) -> FloatArray:
    """Return the attenuation by gases of a path near the ground.

    Parameters
    ----------
    distance_m : shape (...)
        0 or more [m].
    freq_mhz, dry_pressure_hpa, temperature_k, water_vapour_g_per_m3
        As for `gas_specific_attenuation_db_per_km`.

    Returns
    -------
    shape (...)
        Attenuation [dB].

    Raises
    ------
    OutOfRangeError
        When a number is outside its range.

    References
    ----------
    .. [1] Recommendation ITU-R P.676-12, 2019, Annex 1, eq. (10).
    """
    distance = within("distance_m", distance_m, 0.0, np.inf, source=SOURCE, hint="0 or more")
    oxygen, water = gas_specific_attenuation_db_per_km(
        freq_mhz,
        dry_pressure_hpa=dry_pressure_hpa,
        temperature_k=temperature_k,
        water_vapour_g_per_m3=water_vapour_g_per_m3,
    )
    return np.asarray((oxygen + water) * distance / 1000.0)


MODELS = (
    Model(
        name="itu_r_p676",
        title="Oxygen and water vapour, line by line",
        kind="add_on",
        freq_mhz=(1000.0, 1_000_000.0),
        source="Recommendation ITU-R P.676-12, Annex 1",
        function=gas_attenuation_db,
        instead="0 dB below 1 GHz",
    ),
)
