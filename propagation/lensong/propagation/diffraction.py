"""Diffraction by ITU-R P.526: knife edge, Bullington, spherical Earth, delta-Bullington.

Inside the kernels distances are kilometres, heights metres and frequencies gigahertz, the units
of the Recommendation. ``curvature`` is the reciprocal of the effective Earth radius [1/km]. A
profile's height above the straight line between the antennas, Earth bulge included, is its
``clearance`` with the sign turned: positive above the line.
"""

from __future__ import annotations

from math import acos, cos, exp, inf, log10, pi, sqrt

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.kernel import kernel
from lensong.propagation.model import Model
from lensong.propagation.types import FloatArray

__all__ = ["MODELS", "bullington_loss_db", "delta_bullington_loss_db", "knife_edge_loss_db"]

EARTH_RADIUS_KM = 6371.0

# Permittivity and conductivity [S/m] of ITU-R P.1812 §4.3.3.
LAND_PERMITTIVITY, LAND_CONDUCTIVITY = 22.0, 0.003
SEA_PERMITTIVITY, SEA_CONDUCTIVITY = 80.0, 5.0


@kernel
def wavelength_m(freq_ghz: float) -> float:
    """Return the wavelength with the speed of light as ITU-R P.1812 rounds it."""
    return 0.2998 / freq_ghz


@kernel
def knife_edge(nu: float) -> float:
    """Return the loss of one knife edge, P.1812 eqs (12), (13)."""
    if nu <= -0.78:
        return 0.0
    shifted = nu - 0.1
    return 6.9 + 20.0 * log10(sqrt(shifted * shifted + 1.0) + shifted)


@kernel
def nu_one_metre(
    height_m: float,
    at_km: float,
    tx_m: float,
    rx_m: float,
    path_km: float,
    curvature: float,
) -> float:
    """Return the diffraction parameter of one profile point at a wavelength of 1 m, eq. (15).

    That of another wavelength is this divided by its root. So which point decides does not depend
    on the frequency, not even in the last bit, and carriers may share it.
    """
    rest_km = path_km - at_km
    above_line_m = (
        height_m + 500.0 * curvature * at_km * rest_km - (tx_m * rest_km + rx_m * at_km) / path_km
    )
    return above_line_m * sqrt(0.002 * path_km / (at_km * rest_km))


@kernel
def bullington_point_nu(
    slope_tx: float, slope_rx: float, tx_m: float, rx_m: float, path_km: float
) -> float:
    """Return the diffraction parameter of the Bullington point at 1 m wavelength, eqs (18)-(20).

    The slopes [m/km] are those from each antenna to its horizon, Earth bulge included.
    """
    at_km = (rx_m - tx_m + slope_rx * path_km) / (slope_tx + slope_rx)
    rest_km = path_km - at_km
    above_line_m = tx_m + slope_tx * at_km - (tx_m * rest_km + rx_m * at_km) / path_km
    return above_line_m * sqrt(0.002 * path_km / (at_km * rest_km))


@kernel
def bullington_from_edge(edge_db: float, path_km: float) -> float:
    """Return the Bullington loss from that of its one edge, P.1812 eq. (21)."""
    return edge_db + (1.0 - exp(-edge_db / 6.0)) * (10.0 + 0.02 * path_km)


@kernel
def bullington(
    distance_km: FloatArray,
    height_m: FloatArray,
    tx_m: float,
    rx_m: float,
    curvature: float,
    wavelength: float,
) -> float:
    """Return the Bullington loss of a profile, P.1812 §4.3.1; the end points do not count."""
    n = distance_km.size
    path_km = distance_km[n - 1]
    slope_tx = -np.inf
    for i in range(1, n - 1):
        at = distance_km[i]
        bulge = 500.0 * curvature * at * (path_km - at)
        slope_tx = max(slope_tx, (height_m[i] + bulge - tx_m) / at)
    if slope_tx < (rx_m - tx_m) / path_km:
        nu = -np.inf
        for i in range(1, n - 1):
            nu = max(nu, nu_one_metre(height_m[i], distance_km[i], tx_m, rx_m, path_km, curvature))
    else:
        slope_rx = -np.inf
        for i in range(1, n - 1):
            at = distance_km[i]
            bulge = 500.0 * curvature * at * (path_km - at)
            slope_rx = max(slope_rx, (height_m[i] + bulge - rx_m) / (path_km - at))
        nu = bullington_point_nu(slope_tx, slope_rx, tx_m, rx_m, path_km)
    return bullington_from_edge(knife_edge(nu / sqrt(wavelength)), path_km)


@kernel
def _height_gain(y: float, beta: float, k: float) -> float:
    """Return G(Y), P.1812 eqs (35), (36)."""
    b = beta * y
    if b > 2.0:
        gain = 17.6 * sqrt(b - 1.1) - 5.0 * log10(b - 1.1) - 8.0
    else:
        gain = 20.0 * log10(b + 0.1 * b * b * b)
    return max(gain, 2.0 + 20.0 * log10(k))


@kernel
def _first_term(
    path_km: float,
    tx_m: float,
    rx_m: float,
    radius_km: float,
    freq_ghz: float,
    horizontal: bool,
    permittivity: float,
    conductivity: float,
) -> float:
    """Return the first-term diffraction loss over one kind of ground, P.1812 eqs (29) to (37)."""
    loss_tangent = (18.0 * conductivity / freq_ghz) ** 2
    k = 0.036 * (radius_km * freq_ghz) ** (-1.0 / 3.0)
    k *= ((permittivity - 1.0) ** 2 + loss_tangent) ** -0.25
    if not horizontal:
        k *= sqrt(permittivity**2 + loss_tangent)
    k2 = k * k
    beta = (1.0 + 1.6 * k2 + 0.67 * k2 * k2) / (1.0 + 4.5 * k2 + 1.53 * k2 * k2)
    x = 21.88 * beta * (freq_ghz / (radius_km * radius_km)) ** (1.0 / 3.0) * path_km
    y_scale = 0.9575 * beta * (freq_ghz * freq_ghz / radius_km) ** (1.0 / 3.0)
    if x >= 1.6:
        distance_term = 11.0 + 10.0 * log10(x) - 17.6 * x
    else:
        distance_term = -20.0 * log10(x) - 5.6488 * x**1.425
    gain_tx = _height_gain(y_scale * tx_m, beta, k)
    gain_rx = _height_gain(y_scale * rx_m, beta, k)
    return float(-distance_term - gain_tx - gain_rx)


@kernel
def _first_term_mixed(
    path_km: float,
    tx_m: float,
    rx_m: float,
    radius_km: float,
    freq_ghz: float,
    horizontal: bool,
    sea_share: float,
) -> float:
    """Return the first-term loss over land and sea in proportion, P.1812 eq. (28)."""
    loss = 0.0
    if sea_share < 1.0:
        loss += (1.0 - sea_share) * _first_term(
            path_km,
            tx_m,
            rx_m,
            radius_km,
            freq_ghz,
            horizontal,
            LAND_PERMITTIVITY,
            LAND_CONDUCTIVITY,
        )
    if sea_share > 0.0:
        loss += sea_share * _first_term(
            path_km,
            tx_m,
            rx_m,
            radius_km,
            freq_ghz,
            horizontal,
            SEA_PERMITTIVITY,
            SEA_CONDUCTIVITY,
        )
    return loss


@kernel
def spherical_earth(
    path_km: float,
    tx_m: float,
    rx_m: float,
    radius_km: float,
    freq_ghz: float,
    horizontal: bool,
    sea_share: float,
) -> float:
    """Return the spherical-Earth loss for antenna heights above a smooth surface, P.1812 §4.3.2."""
    line_of_sight_km = sqrt(2.0 * radius_km) * (sqrt(0.001 * tx_m) + sqrt(0.001 * rx_m))
    if path_km >= line_of_sight_km:
        return _first_term_mixed(path_km, tx_m, rx_m, radius_km, freq_ghz, horizontal, sea_share)
    # No point of the smooth path can be nearer than this, nor need more: clear without a cubic.
    bulge_m = 125.0 * path_km * path_km / radius_km
    if min(tx_m, rx_m) - bulge_m > 8.728 * sqrt(path_km * wavelength_m(freq_ghz)):
        return 0.0
    c = (tx_m - rx_m) / (tx_m + rx_m)
    m = 250.0 * path_km * path_km / (radius_km * (tx_m + rx_m))
    b = (
        2.0
        * sqrt((m + 1.0) / (3.0 * m))
        * cos(pi / 3.0 + acos(1.5 * c * sqrt(3.0 * m / (m + 1.0) ** 3)) / 3.0)
    )
    d1 = 0.5 * path_km * (1.0 + b)
    d2 = path_km - d1
    clearance_m = (
        (tx_m - 500.0 * d1 * d1 / radius_km) * d2 + (rx_m - 500.0 * d2 * d2 / radius_km) * d1
    ) / path_km
    required_m = 17.456 * sqrt(d1 * d2 * wavelength_m(freq_ghz) / path_km)
    if clearance_m > required_m:
        return 0.0
    marginal_radius_km = 500.0 * (path_km / (sqrt(tx_m) + sqrt(rx_m))) ** 2
    first = _first_term_mixed(
        path_km, tx_m, rx_m, marginal_radius_km, freq_ghz, horizontal, sea_share
    )
    if first < 0.0:
        return 0.0
    return (1.0 - clearance_m / required_m) * first


def checked_profile(
    distance_m: ArrayLike, height_m: ArrayLike, freq_mhz: float, effective_radius_m: float
) -> tuple[FloatArray, FloatArray]:
    distance = np.ascontiguousarray(distance_m, dtype=np.float64)
    height = np.ascontiguousarray(height_m, dtype=np.float64)
    if distance.ndim != 1 or distance.shape != height.shape or distance.size < 3:
        raise InvalidInputError(
            f"profile has shapes {distance.shape} and {height.shape}, wanted two equal lists of "
            "at least 3 points"
        )
    if distance[0] != 0.0 or np.any(np.diff(distance) <= 0.0):
        raise InvalidInputError("distance_m must begin at 0 and grow from point to point")
    if not np.all(np.isfinite(height)):
        raise InvalidInputError("height_m has values that are not numbers: fill voids first")
    if not freq_mhz > 0.0:
        raise OutOfRangeError("freq_mhz", freq_mhz, 0.0, float("inf"))
    if not effective_radius_m > 0.0:
        raise OutOfRangeError("effective_radius_m", effective_radius_m, 0.0, float("inf"))
    return distance / 1000.0, height


def knife_edge_loss_db(nu: ArrayLike) -> FloatArray:
    """Return the loss of a single knife edge.

    Parameters
    ----------
    nu : shape (...)
        Fresnel-Kirchhoff parameter [1]; above 0 the edge cuts the ray. NaN passes through.

    Returns
    -------
    shape (...)
        Loss over free space [dB], 0 where ``nu <= -0.78``.

    References
    ----------
    .. [1] Recommendation ITU-R P.526-15, "Propagation by diffraction", 2019, eq. (31).
    """
    values = np.asarray(nu, dtype=np.float64)
    shifted = values - 0.1
    loss = 6.9 + 20.0 * np.log10(np.sqrt(shifted * shifted + 1.0) + shifted)
    return np.asarray(np.where(values <= -0.78, 0.0, loss))


def bullington_loss_db(
    distance_m: ArrayLike,
    height_amsl_m: ArrayLike,
    *,
    freq_mhz: float,
    tx_amsl_m: float,
    rx_amsl_m: float,
    effective_radius_m: float,
) -> float:
    """Return the Bullington diffraction loss of a profile.

    Parameters
    ----------
    distance_m : shape (n,), n >= 3
        From 0 to the path length, growing [m].
    height_amsl_m : shape (n,)
        Terrain, with clutter where wanted, above sea level [m]. The end points do not count.
    freq_mhz : float
        Above 0 [MHz].
    tx_amsl_m, rx_amsl_m : float
        Antennas above sea level [m].
    effective_radius_m : float
        Effective Earth radius [m], above 0.

    Returns
    -------
    float
        Loss over free space [dB].

    Raises
    ------
    InvalidInputError
        For a profile that does not begin at 0, does not grow or has gaps.

    References
    ----------
    .. [1] Recommendation ITU-R P.526-15, 2019, §4.5.1; P.1812 §4.3.1 eqs (14) to (21).
    """
    distance, height = checked_profile(distance_m, height_amsl_m, freq_mhz, effective_radius_m)
    wavelength = wavelength_m(freq_mhz / 1000.0)
    return float(
        bullington(distance, height, tx_amsl_m, rx_amsl_m, 1000.0 / effective_radius_m, wavelength)
    )


def delta_bullington_loss_db(
    distance_m: ArrayLike,
    height_amsl_m: ArrayLike,
    *,
    freq_mhz: float,
    tx_amsl_m: float,
    rx_amsl_m: float,
    smooth_tx_amsl_m: float,
    smooth_rx_amsl_m: float,
    effective_radius_m: float,
    polarization: str = "vertical",
    sea_share: float = 0.0,
) -> float:
    """Return the delta-Bullington loss: Bullington plus what a smooth Earth adds to it.

    Parameters
    ----------
    distance_m, height_amsl_m, freq_mhz, tx_amsl_m, rx_amsl_m, effective_radius_m
        As for `bullington_loss_db`.
    smooth_tx_amsl_m, smooth_rx_amsl_m : float
        Smooth surface under each antenna above sea level [m], below the antenna.
    polarization : {"vertical", "horizontal"}
    sea_share : float
        Share of the path over sea, 0..1.

    Returns
    -------
    float
        Loss over free space [dB].

    Raises
    ------
    InvalidInputError
        For a bad profile, an antenna at or below the smooth surface, or an unknown polarization.

    References
    ----------
    .. [1] Recommendation ITU-R P.526-15, 2019, §4.5.2; P.1812 §4.3.4 eqs (37) to (39).
    """
    distance, height = checked_profile(distance_m, height_amsl_m, freq_mhz, effective_radius_m)
    if polarization not in ("vertical", "horizontal"):
        raise InvalidInputError(
            f"polarization is {polarization!r}, wanted 'vertical' or 'horizontal'"
        )
    if not 0.0 <= sea_share <= 1.0:
        raise OutOfRangeError("sea_share", sea_share, 0.0, 1.0)
    above_tx_m, above_rx_m = tx_amsl_m - smooth_tx_amsl_m, rx_amsl_m - smooth_rx_amsl_m
    if above_tx_m <= 0.0 or above_rx_m <= 0.0:
        raise InvalidInputError(
            f"antennas are {above_tx_m} m and {above_rx_m} m above the smooth surface, wanted both "
            "above 0 m"
        )
    freq_ghz, curvature = freq_mhz / 1000.0, 1000.0 / effective_radius_m
    wavelength = wavelength_m(freq_ghz)
    actual = bullington(distance, height, tx_amsl_m, rx_amsl_m, curvature, wavelength)
    smooth = bullington(
        distance, np.zeros_like(height), above_tx_m, above_rx_m, curvature, wavelength
    )
    sphere = spherical_earth(
        float(distance[-1]),
        above_tx_m,
        above_rx_m,
        effective_radius_m / 1000.0,
        freq_ghz,
        polarization == "horizontal",
        sea_share,
    )
    return float(actual + max(sphere - smooth, 0.0))


MODELS = (
    Model(
        name="itu_r_p526_bullington",
        title="Diffraction over a profile, replaced by one knife edge",
        kind="path",
        freq_mhz=(0.0, inf),
        distance_m=(0.0, inf),
        source="Recommendation ITU-R P.526-15, section 4.5.1",
        function=bullington_loss_db,
        instead="itu_r_p1812 for the whole loss of a path",
    ),
    Model(
        name="itu_r_p526_delta_bullington",
        title="Diffraction over a profile: Bullington plus what a smooth Earth adds",
        kind="path",
        freq_mhz=(0.0, inf),
        distance_m=(0.0, inf),
        source="Recommendation ITU-R P.526-15, section 4.5.2",
        function=delta_bullington_loss_db,
        instead="itu_r_p1812 for the whole loss of a path",
    ),
)
