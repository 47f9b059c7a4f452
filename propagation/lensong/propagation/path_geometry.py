"""What the profile methods of the ITU-R read off one whole profile, point by point.

Shared by P.1812 and P.452. The sweep finds the same numbers from running quantities. Units are
those of the Recommendations: kilometres, metres above sea level, milliradians.
"""

from __future__ import annotations

from math import atan
from typing import NamedTuple

import numpy as np

from lensong.propagation.diffraction import bullington, nu_one_metre, spherical_earth, wavelength_m
from lensong.propagation.kernel import kernel
from lensong.propagation.radial import NO_STRETCH, zone_step
from lensong.propagation.types import FloatArray, IntArray

__all__ = [
    "Antennas",
    "Diffraction",
    "Horizons",
    "SmoothEarth",
    "Stretches",
    "delta_bullington",
    "horizons",
    "smooth_earth",
    "stretches",
]


class Horizons(NamedTuple):
    """What both antennas see, bare ground: dlt, dlr, theta_t, theta_r and the horizon points."""

    tx_km: float
    rx_km: float
    tx_theta_mrad: float
    rx_theta_mrad: float
    tx_point: int
    rx_point: int
    clear: bool


class SmoothEarth(NamedTuple):
    """The smooth Earth under both ends: hst, hsr and, lowered for diffraction, hstd, hsrd."""

    tx_m: float
    rx_m: float
    diffraction_tx_m: float
    diffraction_rx_m: float


class Stretches(NamedTuple):
    """The longest land and inland stretches and the share of sea: dtm, dlm, omega."""

    land_km: float
    inland_km: float
    sea_share: float


class Antennas(NamedTuple):
    """Both antennas above sea level, and above the smooth Earth of diffraction."""

    tx_amsl_m: float
    rx_amsl_m: float
    tx_above_m: float
    rx_above_m: float


class Diffraction(NamedTuple):
    """Lbulla, Lbulls, Ldsph and Ld."""

    bullington_db: float
    smooth_bullington_db: float
    spherical_db: float
    total_db: float


@kernel
def horizons(d: FloatArray, h: FloatArray, tx_m: float, rx_m: float, curvature: float) -> Horizons:
    """Return what both antennas see, eqs (76)-(83)."""
    n = d.size
    path_km = d[n - 1]
    best, tx_point = -np.inf, 0
    for i in range(1, n - 1):
        slope = (h[i] - tx_m) / (1000.0 * d[i]) - 0.5 * curvature * d[i]
        if slope > best:
            best, tx_point = slope, i
    direct = (rx_m - tx_m) / (1000.0 * path_km) - 0.5 * curvature * path_km
    if best > direct:
        back, rx_point = -np.inf, 0
        for i in range(1, n - 1):
            rest = path_km - d[i]
            slope = (h[i] - rx_m) / (1000.0 * rest) - 0.5 * curvature * rest
            if slope >= back:
                back, rx_point = slope, i
        tx_theta, rx_theta = 1000.0 * atan(best), 1000.0 * atan(back)
        return Horizons(
            d[tx_point], path_km - d[rx_point], tx_theta, rx_theta, tx_point, rx_point, False
        )
    nu, point = -np.inf, 0
    for i in range(1, n - 1):
        value = nu_one_metre(h[i], d[i], tx_m, rx_m, path_km, curvature)
        if value >= nu:
            nu, point = value, i
    back = (tx_m - rx_m) / (1000.0 * path_km) - 0.5 * curvature * path_km
    tx_theta, rx_theta = 1000.0 * atan(direct), 1000.0 * atan(back)
    return Horizons(d[point], path_km - d[point], tx_theta, rx_theta, point, point, True)


@kernel
def smooth_earth(d: FloatArray, h: FloatArray, tx_m: float, rx_m: float) -> SmoothEarth:
    """Return hst, hsr (eqs 85, 86) and hstd, hsrd (eqs 87 to 89)."""
    n = d.size
    path_km = d[n - 1]
    v1 = v2 = 0.0
    for i in range(1, n):
        step = d[i] - d[i - 1]
        v1 += step * (h[i] + h[i - 1])
        v2 += step * (h[i] * (2.0 * d[i] + d[i - 1]) + h[i - 1] * (d[i] + 2.0 * d[i - 1]))
    smooth_tx = (2.0 * v1 * path_km - v2) / (path_km * path_km)
    smooth_rx = (v2 - v1 * path_km) / (path_km * path_km)
    obstruction = obstruction_tx = obstruction_rx = -np.inf
    for i in range(1, n - 1):
        rest = path_km - d[i]
        above = h[i] - (tx_m * rest + rx_m * d[i]) / path_km
        obstruction = max(obstruction, above)
        obstruction_tx = max(obstruction_tx, above / d[i])
        obstruction_rx = max(obstruction_rx, above / rest)
    lowered_tx, lowered_rx = smooth_tx, smooth_rx
    if obstruction > 0.0:
        both = obstruction_tx + obstruction_rx
        lowered_tx -= obstruction * obstruction_tx / both
        lowered_rx -= obstruction * obstruction_rx / both
    return SmoothEarth(smooth_tx, smooth_rx, min(lowered_tx, h[0]), min(lowered_rx, h[n - 1]))


@kernel
def stretches(d: FloatArray, zone: IntArray) -> Stretches:
    """Return the longest land and inland stretches and the share of sea, §3.6 and eq. (1).

    A stretch reaches half a step beyond its last point on either side, except at the path's ends.
    """
    n = d.size
    state = (NO_STRETCH, NO_STRETCH, 0.0, 0.0, 0.0)
    for i in range(n):
        before = 0.0 if i == 0 else 0.5 * (d[i - 1] + d[i])
        after = d[n - 1] if i == n - 1 else 0.5 * (d[i] + d[i + 1])
        state = zone_step(state, before, after, zone[i])
    return Stretches(state[2], state[3], state[4] / d[n - 1])


@kernel
def delta_bullington(
    surface_d: FloatArray,
    g: FloatArray,
    d: FloatArray,
    flat: FloatArray,
    antennas: Antennas,
    radius_km: float,
    freq_ghz: float,
    horizontal: bool,
    sea_share: float,
) -> Diffraction:
    """Return the diffraction loss, eqs (37) to (39); the surface may have points of its own."""
    wavelength, curvature = wavelength_m(freq_ghz), 1.0 / radius_km
    actual = bullington(surface_d, g, antennas.tx_amsl_m, antennas.rx_amsl_m, curvature, wavelength)
    tx_above, rx_above = antennas.tx_above_m, antennas.rx_above_m
    smooth = bullington(d, flat, tx_above, rx_above, curvature, wavelength)
    sphere = spherical_earth(
        d[d.size - 1], tx_above, rx_above, radius_km, freq_ghz, horizontal, sea_share
    )
    return Diffraction(actual, smooth, sphere, actual + max(sphere - smooth, 0.0))
