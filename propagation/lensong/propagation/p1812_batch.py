"""The closed forms of P.1812 for the pixels of one radial at once, carrier by carrier.

Short loops over rows of the batch, without branches and calls, so that they run on whole vectors.
Where a pixel needs more (the sphere diffracts, ducting may matter, less than half of the time, sea)
its numbers are those of the forms that the single path uses.
"""

from __future__ import annotations

from math import log10, sqrt

import numpy as np

from lensong.propagation.diffraction import (
    bullington_from_edge,
    bullington_point_nu,
    knife_edge,
    nu_one_metre,
    spherical_earth,
    wavelength_m,
)
from lensong.propagation.kernel import kernel
from lensong.propagation.p1812_pixel import (
    BARE_NU,
    CENTRE_LAT,
    GEOMETRY_ROWS,
    INLAND_KM,
    LAND_KM,
    PATH_KM,
    RARE_NU,
    RX_ABOVE,
    RX_AT,
    RX_COAST_KM,
    RX_EFFECTIVE,
    RX_M,
    RX_SLOPE_OF,
    SEA_SHARE,
    STEPS,
    SURFACE_NU,
    TX_ABOVE,
    TX_AT,
    TX_EFFECTIVE,
    TX_SLOPE_OF,
    MapClimate,
    roughness_m,
)
from lensong.propagation.p1812_terms import (
    BETA_EARTH_RADIUS_KM,
    Losses,
    PathClimate,
    PathGeometry,
    assemble,
    beta0_percent,
    inland_tau,
)
from lensong.propagation.radial import Radial
from lensong.propagation.types import FloatArray
from lensong.propagation.vector_math import arctangent, exponential, natural_log

__all__ = ["carrier_losses", "carrier_table", "new_batch", "shared_terms"]

SHORT_PATH_KM = 0.25
"""Below this the Recommendation does not hold: free space and diffraction alone."""

# rows of a batch behind those of `p1812_pixel`; shared by the carriers:
_SHARED = GEOMETRY_ROWS
SPREAD_DB, TX_THETA, RX_THETA = _SHARED, _SHARED + 1, _SHARED + 2
CLEAR_WAVE_ROOT = _SHARED + 3  # the smooth path is clear of wavelengths whose root is below this
HORIZONS_DB, FAR_DB, BEND_MRAD = _SHARED + 4, _SHARED + 5, _SHARED + 6
SHIELDED_MRAD = _SHARED + 7
# and of one carrier:
LOSS_DB, DIFFRACTION_DB, BARE_DB, FLOOR_DB = _SHARED + 8, _SHARED + 9, _SHARED + 10, _SHARED + 11
ROWS = _SHARED + 12

# columns of a table of carriers, one row each
FREQ_GHZ, NU_SCALE, FREQ_CUBE_ROOT, DUCTING_FIXED_DB, SCATTER_FIXED_DB = 0, 1, 2, 3, 4

_DB_PER_NEPER = 10.0 / 2.302585092994046  # 10 log10(e)
_NEPER_PER_FIFTH_DB = 0.2 * 2.302585092994046
_SURELY = 1.0 - 1e-6
"""What the vector forms call clear is so by more than their own rounding."""


def carrier_table(freqs_ghz: list[float], n0: float) -> FloatArray:
    """Return what depends on a carrier and the climate alone, one row per frequency.

    Frequency, reciprocal root of the wavelength, cube root, 102.45 + 20 log f + Alf of eqs (47),
    (47a), and 190.1 + Lf - 0.15 N0 of eqs (44), (45).
    """
    rows = []
    for f in freqs_ghz:
        ducting = 102.45 + 20.0 * log10(f)
        if f < 0.5:
            ducting += 45.375 - 137.0 * f + 92.5 * f**2
        scatter = 190.1 + 25.0 * log10(f) - 2.5 * log10(f / 2.0) ** 2 - 0.15 * n0
        rows.append((f, 1.0 / sqrt(wavelength_m(f)), f ** (1.0 / 3.0), ducting, scatter))
    return np.array(rows, dtype=np.float64)


def new_batch(pixels: int) -> FloatArray:
    """Return an empty batch for so many pixels of one radial."""
    return np.zeros((ROWS, pixels))


@kernel
def _spreading(path: FloatArray, rx: FloatArray, tx_m: float, out: FloatArray, n: int) -> None:
    """Write 20 log10 of the slant distance, eq. (8)."""
    for i in range(n):
        rise_km = (tx_m - rx[i]) / 1000.0
        out[i] = _DB_PER_NEPER * natural_log(path[i] * path[i] + rise_km * rise_km)


@kernel
def _angles(slope: FloatArray, out: FloatArray, n: int) -> None:
    """Write the elevation of a horizon [mrad], eqs (76), (82)."""
    for i in range(n):
        out[i] = 1000.0 * arctangent(slope[i] / 1000.0)


@kernel
def _twice_log(distance: FloatArray, out: FloatArray, n: int) -> None:
    """Write 20 log10 of a distance."""
    for i in range(n):
        out[i] = 2.0 * _DB_PER_NEPER * natural_log(distance[i])


@kernel
def _horizons_log(
    path: FloatArray, tx: FloatArray, rx: FloatArray, out: FloatArray, n: int
) -> None:
    """Write 20 log10 (dlt + dlr)."""
    for i in range(n):
        out[i] = 2.0 * _DB_PER_NEPER * natural_log(max(tx[i] + path[i] - rx[i], 1e-9))


@kernel
def _clear_wave_roots(
    path: FloatArray, above_tx: FloatArray, above_rx: FloatArray, radius_km: float, out: FloatArray
) -> None:
    """Write the root of the greatest wavelength of which the smooth path is clear, eqs (22)-(27).

    Negative where it is clear of none, beyond its horizon too.
    """
    for i in range(path.size):
        tx, rx, d = above_tx[i], above_rx[i], path[i]
        reach_km = sqrt(2.0 * radius_km) * (sqrt(0.001 * tx) + sqrt(0.001 * rx))
        c = (tx - rx) / (tx + rx)
        m = 250.0 * d * d / (radius_km * (tx + rx))
        third = m / (m + 1.0)
        q = 1.5 * c * sqrt(3.0 * third) / (m + 1.0)
        q = min(max(q, -1.0 + 1e-12), 1.0)
        turn = (2.0 * arctangent(sqrt((1.0 - q) / (1.0 + q)))) / 3.0 - np.pi / 6.0
        # cos(pi / 3 + x) = -sin(x - pi / 6), and x - pi / 6 lies within pi / 6 of 0
        z = turn * turn
        sine = 1.0 / 5040.0 - z * (1.0 / 362880.0 - z * (1.0 / 39916800.0))
        sine = turn * (1.0 - z * (1.0 / 6.0 - z * (1.0 / 120.0 - z * sine)))
        b = -2.0 * sqrt(1.0 / (3.0 * third)) * sine
        d1 = 0.5 * d * (1.0 + b)
        d2 = max(d - d1, 1e-12)
        clearance = (tx - 500.0 * d1 * d1 / radius_km) * d2 + (
            rx - 500.0 * d2 * d2 / radius_km
        ) * d1
        root = clearance / (17.456 * sqrt(d1 * d2 * d))
        out[i] = root if d < reach_km else -1.0


@kernel
def _bends(
    path: FloatArray, tx: FloatArray, rx: FloatArray, radius_km: float, out: FloatArray
) -> None:
    """Write theta, 1000 d / ae + theta_t + theta_r [mrad]."""
    for i in range(path.size):
        out[i] = 1000.0 * path[i] / radius_km + tx[i] + rx[i]


@kernel
def _shielded(
    theta: FloatArray,
    horizon_tx: FloatArray,
    other: FloatArray,
    at: FloatArray,
    path: FloatArray,
    out: FloatArray,
) -> None:
    """Write how far both horizons stand above 0.1 mrad a kilometre, summed [mrad]."""
    for i in range(path.size):
        out[i] = max(theta[i] - 0.1 * horizon_tx[i], 0.0) + max(
            other[i] - 0.1 * (path[i] - at[i]), 0.0
        )


@kernel
def shared_terms(batch: FloatArray, n: int, tx_m: float, radius_km: float) -> None:
    """Fill the rows that the carriers share, for the first ``n`` pixels."""
    path = batch[PATH_KM, :n]
    _spreading(path, batch[RX_M], tx_m, batch[SPREAD_DB], n)
    _angles(batch[TX_SLOPE_OF], batch[TX_THETA], n)
    _angles(batch[RX_SLOPE_OF], batch[RX_THETA], n)
    _clear_wave_roots(path, batch[TX_ABOVE], batch[RX_ABOVE], radius_km, batch[CLEAR_WAVE_ROOT])
    _horizons_log(path, batch[TX_AT], batch[RX_AT], batch[HORIZONS_DB], n)
    _twice_log(path, batch[FAR_DB], n)
    _bends(path, batch[TX_THETA], batch[RX_THETA], radius_km, batch[BEND_MRAD])
    _shielded(
        batch[TX_THETA], batch[TX_AT], batch[RX_THETA], batch[RX_AT], path, batch[SHIELDED_MRAD]
    )


@kernel
def _bullington(nu: FloatArray, path: FloatArray, nu_scale: float, out: FloatArray) -> None:
    """Write the Bullington loss of a diffraction parameter, eqs (12), (13), (21)."""
    for i in range(path.size):
        shifted = nu[i] * nu_scale - 0.1
        grown = max(sqrt(shifted * shifted + 1.0) + shifted, 1e-30)
        edge = 6.9 + 2.0 * _DB_PER_NEPER * natural_log(grown)
        edge = edge if shifted > -0.88 else 0.0
        out[i] = edge + (1.0 - exponential(edge / -6.0)) * (10.0 + 0.02 * path[i])


@kernel
def _floors(
    horizons: FloatArray,
    shielded: FloatArray,
    bend: FloatArray,
    fixed_db: float,
    freq_cube_root: float,
    radius_km: float,
    out: FloatArray,
) -> None:
    """Write what Lba cannot fall below inland at half of the time, eqs (46) to (56).

    Left out are the logarithms of the site shielding, eqs (48), (49), which are not negative;
    ``fixed_db`` has the least of A(p).
    """
    slope = 5e-5 * radius_km
    for i in range(out.size):
        angle = bend[i] - shielded[i]
        out[i] = fixed_db + horizons[i] + freq_cube_root * (0.264 * shielded[i] + slope * angle)


@kernel
def _scattered(
    loss: FloatArray,
    spread: FloatArray,
    far: FloatArray,
    bend: FloatArray,
    path: FloatArray,
    scatter_fixed_db: float,
    free_fixed_db: float,
) -> None:
    """Add troposcatter to the diffracted losses at half of the time, eqs (44), (63)."""
    for i in range(path.size):
        scattered = scatter_fixed_db + far[i] + 0.573 * bend[i]
        least, most = min(scattered, loss[i]), max(scattered, loss[i])
        below = natural_log(1.0 + exponential(_NEPER_PER_FIFTH_DB * (least - most)))
        both = max(free_fixed_db + spread[i], least - 0.5 * _DB_PER_NEPER * below)
        loss[i] = both if path[i] >= SHORT_PATH_KM else loss[i]


@kernel
def _smooth_bullington(
    path_km: float,
    steps: int,
    tx_above_m: float,
    rx_above_m: float,
    curvature: float,
    nu_scale: float,
) -> float:
    """Return Lbulls, the Bullington loss over the zero profile at this path's samples, eq. (38).

    Over a smooth bulge the slope to each horizon has one summit along the path, and so has the
    diffraction parameter (in log(x / (D - x)) its derivative changes sign once); the samples
    beside the summit decide, found in closed form or by bisection.
    """
    bulge, last = 500.0 * curvature, steps - 1
    step_km = path_km / steps
    tx_slope = rx_slope = -np.inf
    tx_summit = min(max(int(sqrt(tx_above_m / bulge) / step_km), 1), last)
    rx_summit = int((path_km - sqrt(rx_above_m / bulge)) / step_km)
    rx_summit = min(max(rx_summit, 1), last)
    for i in range(tx_summit, min(tx_summit + 1, last) + 1):
        at = i * step_km
        tx_slope = max(tx_slope, bulge * (path_km - at) - tx_above_m / at)
    for i in range(rx_summit, min(rx_summit + 1, last) + 1):
        at = i * step_km
        rx_slope = max(rx_slope, bulge * at - rx_above_m / (path_km - at))
    if tx_slope >= (rx_above_m - tx_above_m) / path_km:
        nu = bullington_point_nu(tx_slope, rx_slope, tx_above_m, rx_above_m, path_km)
        return bullington_from_edge(knife_edge(nu * nu_scale), path_km)
    low, high = 1, last
    while low < high:
        middle = (low + high) // 2
        here = nu_one_metre(0.0, middle * step_km, tx_above_m, rx_above_m, path_km, curvature)
        there = nu_one_metre(
            0.0, (middle + 1) * step_km, tx_above_m, rx_above_m, path_km, curvature
        )
        if there >= here:
            low = middle + 1
        else:
            high = middle
    nu = nu_one_metre(0.0, low * step_km, tx_above_m, rx_above_m, path_km, curvature)
    return bullington_from_edge(knife_edge(nu * nu_scale), path_km)


@kernel
def _sphere_excess_db(
    batch: FloatArray,
    n: int,
    radius_km: float,
    freq_ghz: float,
    nu_scale: float,
    horizontal: bool,
) -> float:
    """Return what the spherical Earth adds to a Bullington loss, eq. (39).

    The zero profile is needed only where the spherical Earth diffracts at all.
    """
    path_km, steps = batch[PATH_KM, n], int(batch[STEPS, n])
    tx_above_m, rx_above_m = batch[TX_ABOVE, n], batch[RX_ABOVE, n]
    if steps < 2:
        return 0.0
    sphere = spherical_earth(
        path_km, tx_above_m, rx_above_m, radius_km, freq_ghz, horizontal, batch[SEA_SHARE, n]
    )
    if sphere <= 0.0:
        return 0.0
    smooth = _smooth_bullington(path_km, steps, tx_above_m, rx_above_m, 1.0 / radius_km, nu_scale)
    return max(sphere - smooth, 0.0)


@kernel
def _assembled(
    radial: Radial,
    batch: FloatArray,
    n: int,
    climate: MapClimate,
    freq_ghz: float,
    nu_scale: float,
    free_space_db: float,
    tx_m: float,
    tx_coast_km: float,
) -> tuple[float, float]:
    """Return loss and diffraction of one pixel by the whole chain of the single path [dB]."""
    path_km, median_db = batch[PATH_KM, n], batch[DIFFRACTION_DB, n]
    rare_db = median_db
    if climate.percent < 50.0:
        rare_db = _sphere_excess_db(
            batch, n, BETA_EARTH_RADIUS_KM, freq_ghz, nu_scale, climate.horizontal
        )
        rare_db += bullington_from_edge(knife_edge(batch[RARE_NU, n] * nu_scale), path_km)
    tau = inland_tau(batch[INLAND_KM, n])
    path = PathGeometry(
        path_km,
        batch[TX_AT, n],
        path_km - batch[RX_AT, n],
        batch[TX_THETA, n],
        batch[RX_THETA, n],
        tx_m,
        batch[RX_M, n],
        batch[TX_EFFECTIVE, n],
        batch[RX_EFFECTIVE, n],
        roughness_m(radial, batch, n, tx_m),
    )
    over = PathClimate(
        climate.percent,
        climate.n0,
        climate.earth_radius_km,
        beta0_percent(batch[CENTRE_LAT, n], batch[LAND_KM, n], tau),
        tau,
        batch[SEA_SHARE, n],
        tx_coast_km,
        batch[RX_COAST_KM, n],
    )
    terms = assemble(path, over, Losses(free_space_db, median_db, rare_db), freq_ghz)
    return max(terms.los_percent_db, terms.combined_db), terms.diffraction_db


@kernel
def carrier_losses(
    radial: Radial,
    batch: FloatArray,
    n: int,
    climate: MapClimate,
    carriers: FloatArray,
    carrier: int,
    tx_m: float,
    inland_only: bool,
    tx_coast_km: float,
    least_in_time_db: float,
) -> None:
    """Fill loss, diffraction and bare-ground diffraction of a batch on one carrier [dB]."""
    freq_ghz, nu_scale = carriers[carrier, FREQ_GHZ], carriers[carrier, NU_SCALE]
    free_fixed_db = 92.4 + 20.0 * log10(freq_ghz)
    path, bare, median = batch[PATH_KM, :n], batch[BARE_DB, :n], batch[DIFFRACTION_DB, :n]
    loss, floor, spread = batch[LOSS_DB, :n], batch[FLOOR_DB, :n], batch[SPREAD_DB, :n]
    _bullington(batch[BARE_NU], path, nu_scale, bare)
    _bullington(batch[SURFACE_NU], path, nu_scale, median)
    wave_root = 1.0 / nu_scale
    for i in range(n):
        if batch[CLEAR_WAVE_ROOT, i] * _SURELY <= wave_root:
            excess = _sphere_excess_db(
                batch, i, climate.earth_radius_km, freq_ghz, nu_scale, climate.horizontal
            )
            bare[i] += excess
            median[i] += excess
    for i in range(n):
        loss[i] = free_fixed_db + spread[i] + median[i]
    half_time = climate.percent >= 50.0 and inland_only
    if half_time:
        # Where ducting is no way round, Lbda = Lbd (eq. 61). At half the time Fi is below 1e-7 and
        # weighs less than 12 dB (eq. 59), so Lbam = Lbd to 1e-6 dB and only troposcatter is left
        # to be added.
        _floors(
            batch[HORIZONS_DB],
            batch[SHIELDED_MRAD],
            batch[BEND_MRAD],
            carriers[carrier, DUCTING_FIXED_DB] + least_in_time_db,
            carriers[carrier, FREQ_CUBE_ROOT],
            climate.earth_radius_km,
            floor,
        )
        for i in range(n):
            floor[i] -= loss[i]
        _scattered(
            loss,
            spread,
            batch[FAR_DB],
            batch[BEND_MRAD],
            path,
            carriers[carrier, SCATTER_FIXED_DB],
            free_fixed_db,
        )
    for i in range(n):
        if path[i] >= SHORT_PATH_KM and not (half_time and floor[i] > 0.0):
            loss[i], median[i] = _assembled(
                radial,
                batch,
                i,
                climate,
                freq_ghz,
                nu_scale,
                free_fixed_db + spread[i],
                tx_m,
                tx_coast_km,
            )
