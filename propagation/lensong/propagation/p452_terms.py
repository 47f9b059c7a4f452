"""The terms that ITU-R P.452 has and P.1812 has not, or has otherwise.

Units in the kernels are those of the Recommendation: kilometres, metres above sea level,
gigahertz, milliradians, per cent.
"""

from __future__ import annotations

from math import exp, log10, tanh

import numpy as np

from lensong.propagation.kernel import kernel
from lensong.propagation.p676 import line_by_line_db_per_km
from lensong.propagation.types import FloatArray

__all__ = ["NO_CLUTTER_M", "gas_db_per_km", "horizon_blend", "troposcatter_loss_db"]

NO_CLUTTER_M = 50.0
"""Clutter nearer than this to an end is left out of the profile [m], §3.2."""

SCATTER_VAPOUR_G_M3 = 3.0
"""Water vapour on a troposcatter path, §4.3."""


@kernel
def horizon_blend(
    d: FloatArray, h: FloatArray, tx_m: float, rx_m: float, curvature: float
) -> float:
    """Return Fj from the slopes to the highest bare point and to the receiver, §4.5.

    1 for line of sight, 0 well beyond the horizon; P.1812 blends by the angle between the
    horizons instead.
    """
    n = d.size
    path_km = d[n - 1]
    steepest = -np.inf
    for i in range(1, n - 1):
        bulge = 500.0 * curvature * d[i] * (path_km - d[i])
        steepest = max(steepest, (h[i] + bulge - tx_m) / d[i])
    direct = (rx_m - tx_m) / path_km
    return 1.0 - 0.5 * (1.0 + tanh(3.0 * 0.8 * (steepest - direct) / 0.3))


@kernel
def troposcatter_loss_db(
    path_km: float, theta_mrad: float, freq_ghz: float, n0: float, percent: float, gains_dbi: float
) -> float:
    """Return the troposcatter loss without gases, §4.3.

    P.1812 has 190.1 and 10.125 where this has 190 and 10.1, and no coupling loss.
    """
    log_half = log10(freq_ghz / 2.0)
    frequency_term = 25.0 * log10(freq_ghz) - 2.5 * log_half * log_half
    coupling = 0.051 * exp(0.055 * gains_dbi)
    loss = 190.0 + frequency_term + 20.0 * log10(path_km) + 0.573 * theta_mrad - 0.15 * n0
    return float(loss + coupling - 10.1 * log10(50.0 / percent) ** 0.7)


def gas_db_per_km(
    freq_ghz: float, pressure_hpa: float, temperature_c: float, vapour_g_m3: float
) -> float:
    """Return the specific attenuation by gases, ITU-R P.676 Annex 1.

    P.452 uses the lines of P.676 from 0.1 GHz on, P.676 itself begins at 1 GHz; so its formulas
    are taken here without its check.
    """
    kelvin = temperature_c + 273.15
    f, p = np.array([freq_ghz]), np.array([pressure_hpa])
    theta, vapour = np.array([300.0 / kelvin]), np.array([vapour_g_m3 * kelvin / 216.7])
    oxygen, water = line_by_line_db_per_km(f, p, vapour, theta)
    return float(oxygen[0] + water[0])
