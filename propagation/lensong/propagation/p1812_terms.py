"""The closed-form terms of ITU-R P.1812, shared by the single path and the sweep.

Units are those of the Recommendation: kilometres, metres above sea level, gigahertz, milliradians,
per cent. Each function names its equations; numbering is that of P.1812-6 Annex 1.
"""

from __future__ import annotations

from math import exp, log, log10, sqrt, tanh
from typing import NamedTuple

from lensong.propagation.diffraction import EARTH_RADIUS_KM
from lensong.propagation.kernel import kernel

BETA_EARTH_RADIUS_KM = 3.0 * EARTH_RADIUS_KM
"""Effective Earth radius exceeded for beta0 of the time, eq. (6b)."""


class PathGeometry(NamedTuple):
    """What the closed forms ask of one path, whichever way it was found.

    Distances d, dlt, dlr; angles theta_t, theta_r; antennas above sea level; heights hte, hre above
    the smooth Earth and roughness hm.
    """

    path_km: float
    tx_horizon_km: float
    rx_horizon_km: float
    tx_theta_mrad: float
    rx_theta_mrad: float
    tx_amsl_m: float
    rx_amsl_m: float
    tx_effective_m: float
    rx_effective_m: float
    roughness_m: float


class PathClimate(NamedTuple):
    """The air over one path: p, N0, median effective Earth radius, beta0, tau, omega, coasts."""

    time_percent: float
    n0: float
    earth_radius_km: float
    beta0_percent: float
    tau: float
    sea_share: float
    tx_coast_km: float
    rx_coast_km: float


class Losses(NamedTuple):
    """Lbfs, and the diffraction losses Ld50 and Ldbeta."""

    free_space_db: float
    diffraction_median_db: float
    diffraction_beta0_db: float


class Terms(NamedTuple):
    """What leads from the geometry to the loss, named as in `p1812.PathTerms`."""

    los_percent_db: float
    los_beta0_db: float
    fi: float
    diffraction_db: float
    median_db: float
    diffracted_db: float
    notional_minimum_db: float
    ducting_db: float
    lower_bound_db: float
    diffraction_or_ducting_db: float
    theta_mrad: float
    fj: float
    fk: float
    modified_db: float
    troposcatter_db: float
    combined_db: float


@kernel
def median_earth_radius_km(delta_n_per_km: float) -> float:
    """Return the median effective Earth radius, eqs (6), (7a)."""
    return EARTH_RADIUS_KM * 157.0 / (157.0 - delta_n_per_km)


@kernel
def inverse_normal(x: float) -> float:
    """Return the inverse complementary cumulative normal I(x), eqs (96), (97)."""
    tail = x if x <= 0.5 else 1.0 - x
    t = sqrt(-2.0 * log(tail))
    upper = (0.010328 * t + 0.802853) * t + 2.515516698
    lower = ((0.001308 * t + 0.189269) * t + 1.432788) * t + 1.0
    value = t - upper / lower
    return value if x <= 0.5 else -value


@kernel
def inland_tau(longest_inland_km: float) -> float:
    """Return tau, eq. (3a)."""
    return 1.0 - exp(-4.12e-4 * longest_inland_km**2.41)


@kernel
def beta0_percent(centre_lat_deg: float, longest_land_km: float, tau: float) -> float:
    """Return the time share of high refractivity gradients, eqs (2) to (5)."""
    lat = abs(centre_lat_deg)
    mu1 = (10.0 ** (-longest_land_km / (16.0 - 6.6 * tau)) + 10.0 ** (-2.48 - 1.77 * tau)) ** 0.2
    log_mu1 = log10(min(mu1, 1.0))
    if lat <= 70.0:
        return float(10.0 ** (-0.015 * lat + 1.67 + log_mu1 + (-0.935 + 0.0176 * lat) * log_mu1))
    return float(4.17 * 10.0 ** (log_mu1 + 0.3 * log_mu1))


@kernel
def multipath_focusing_db(horizons_km: float, percent: float) -> float:
    """Return the correction for multipath and focusing Es, eqs (9a), (9b)."""
    return 2.6 * (1.0 - exp(-0.1 * horizons_km)) * log10(percent / 50.0)


@kernel
def interpolation_factor(percent: float, beta0: float) -> float:
    """Return Fi between the diffraction losses at 50 % and beta0, eq. (40)."""
    if percent <= beta0:
        return 1.0
    return inverse_normal(percent / 100.0) / inverse_normal(beta0 / 100.0)


@kernel
def troposcatter_loss_db(
    path_km: float, theta_mrad: float, freq_ghz: float, n0: float, percent: float
) -> float:
    """Return the troposcatter loss Lbs, eqs (44), (45)."""
    log_half = log10(freq_ghz / 2.0)
    frequency_term = 25.0 * log10(freq_ghz) - 2.5 * log_half * log_half
    loss = 190.1 + frequency_term + 20.0 * log10(path_km) + 0.573 * theta_mrad - 0.15 * n0
    if percent < 50.0:
        loss -= 10.125 * log10(50.0 / percent) ** 0.7
    return float(loss)


@kernel
def _site_shielding_db(theta_mrad: float, horizon_km: float, freq_ghz: float) -> float:
    """Return Ast or Asr, eqs (48), (49)."""
    above = theta_mrad - 0.1 * horizon_km
    if above <= 0.0:
        return 0.0
    shielding = 20.0 * log10(1.0 + 0.361 * above * sqrt(freq_ghz * horizon_km))
    return float(shielding + 0.264 * above * freq_ghz ** (1.0 / 3.0))


@kernel
def _sea_coupling_db(
    sea_share: float, coast_km: float, horizon_km: float, antenna_amsl_m: float
) -> float:
    """Return Act or Acr, eqs (50), (51)."""
    if sea_share < 0.75 or coast_km > horizon_km or coast_km > 5.0:
        return 0.0
    return -3.0 * exp(-0.25 * coast_km * coast_km) * (1.0 + tanh(0.07 * (50.0 - antenna_amsl_m)))


@kernel
def ducting_loss_db(path: PathGeometry, climate: PathClimate, freq_ghz: float) -> float:
    """Return the loss by ducting and layer reflection Lba, eqs (46) to (56)."""
    path_km, earth_radius_km = path.path_km, climate.earth_radius_km
    sea_share, percent = climate.sea_share, climate.time_percent
    tx_horizon_km, rx_horizon_km = path.tx_horizon_km, path.rx_horizon_km
    tx_theta_mrad, rx_theta_mrad = path.tx_theta_mrad, path.rx_theta_mrad
    fixed = (
        102.45
        + 20.0 * log10(freq_ghz)
        + 20.0 * log10(tx_horizon_km + rx_horizon_km)
        + _site_shielding_db(tx_theta_mrad, tx_horizon_km, freq_ghz)
        + _site_shielding_db(rx_theta_mrad, rx_horizon_km, freq_ghz)
        + _sea_coupling_db(sea_share, climate.tx_coast_km, tx_horizon_km, path.tx_amsl_m)
        + _sea_coupling_db(sea_share, climate.rx_coast_km, rx_horizon_km, path.rx_amsl_m)
    )
    if freq_ghz < 0.5:
        fixed += 45.375 - 137.0 * freq_ghz + 92.5 * freq_ghz * freq_ghz

    angle = (
        1000.0 * path_km / earth_radius_km
        + min(tx_theta_mrad, 0.1 * tx_horizon_km)
        + min(rx_theta_mrad, 0.1 * rx_horizon_km)
    )
    angular = 5e-5 * earth_radius_km * freq_ghz ** (1.0 / 3.0) * angle

    exponent = max(-0.6 - 3.5e-9 * path_km**3.1 * climate.tau, -3.4)
    ratio = path_km / (sqrt(path.tx_effective_m) + sqrt(path.rx_effective_m))
    mu2 = min((500.0 / earth_radius_km * ratio * ratio) ** exponent, 1.0)
    mu3 = 1.0
    if path.roughness_m > 10.0:
        between_km = min(path_km - tx_horizon_km - rx_horizon_km, 40.0)
        mu3 = exp(-4.6e-5 * (path.roughness_m - 10.0) * (43.0 + 6.0 * between_km))
    beta = climate.beta0_percent * mu2 * mu3
    in_time = _ducting_in_time_db(path_km, percent, beta)
    return float(fixed + angular + in_time)


@kernel
def _ducting_in_time_db(path_km: float, percent: float, beta: float) -> float:
    """Return A(p), eqs (53) to (53d)."""
    log_beta = log10(beta)
    gamma = (
        1.076
        / (2.0058 - log_beta) ** 1.012
        * exp(-(9.51 - 4.8 * log_beta + 0.198 * log_beta * log_beta) * 1e-6 * path_km**1.13)
    )
    ratio = percent / beta
    return float(-12.0 + (1.2 + 3.7e-3 * path_km) * log10(ratio) + 12.0 * ratio**gamma)


@kernel
def least_ducting_in_time_db(lat_deg: float, path_km: float) -> float:
    """Return what A(50) of eq. (53) cannot fall below, inland, on paths up to a length.

    ``lat_deg`` is the least distance of their centres from the equator. A(50) grows as beta falls,
    and beta = beta0 mu2 mu3 <= beta0 <= 10^(1.67 - 0.015 |lat|), since mu1 <= 1 has a positive
    exponent in eqs (4), (5); its part in d alone grows with d, and gamma falls with d.
    """
    greatest_beta = 10.0 ** (1.67 - 0.015 * min(abs(lat_deg), 70.0))
    longest = _ducting_in_time_db(path_km, 50.0, greatest_beta)
    return longest - 3.7e-3 * path_km * log10(50.0 / greatest_beta)


@kernel
def angle_blend(theta_mrad: float) -> float:
    """Return Fj: 1 for line of sight, 0 well beyond the horizon, eq. (57)."""
    return 1.0 - 0.5 * (1.0 + tanh(3.0 * 0.8 * (theta_mrad - 0.3) / 0.3))


@kernel
def distance_blend(path_km: float) -> float:
    """Return Fk: 1 on short, 0 on long paths, eq. (58)."""
    return 1.0 - 0.5 * (1.0 + tanh(3.0 * 0.5 * (path_km - 20.0) / 20.0))


@kernel
def soft_maximum_db(a_db: float, b_db: float) -> float:
    """Return Lminbap, eq. (60), shifted by the larger loss so that nothing overflows."""
    top = max(a_db, b_db)
    return top + 2.5 * log(exp((a_db - top) / 2.5) + exp((b_db - top) / 2.5))


@kernel
def notional_minimum_db(
    percent: float,
    beta0: float,
    los_percent_db: float,
    los_beta0_db: float,
    diffraction_percent_db: float,
    median_db: float,
    sea_share: float,
    fi: float,
) -> float:
    """Return Lminb0p, eq. (59)."""
    over_land_db = (1.0 - sea_share) * diffraction_percent_db
    if percent < beta0:
        return los_percent_db + over_land_db
    return median_db + (los_beta0_db + over_land_db - median_db) * fi


@kernel
def diffraction_or_ducting_db(diffracted_db: float, lower_bound_db: float, fk: float) -> float:
    """Return Lbda, eq. (61)."""
    if lower_bound_db > diffracted_db:
        return diffracted_db
    return lower_bound_db + (diffracted_db - lower_bound_db) * fk


@kernel
def combined_db(scattered_db: float, other_db: float) -> float:
    """Return Lbc, the power sum of troposcatter and the rest, eq. (63)."""
    least = min(scattered_db, other_db)
    return least - 5.0 * log10(
        10.0 ** (-0.2 * (scattered_db - least)) + 10.0 ** (-0.2 * (other_db - least))
    )


@kernel
def assemble(path: PathGeometry, climate: PathClimate, losses: Losses, freq_ghz: float) -> Terms:
    """Return every term from the geometry and the two diffraction losses to Lbc, §§4.2 to 4.6.

    At 50 % of time ``diffraction_beta0_db`` has no weight.
    """
    percent, beta0 = climate.time_percent, climate.beta0_percent
    free_space_db, diffraction_median_db = losses.free_space_db, losses.diffraction_median_db
    horizons_km = path.tx_horizon_km + path.rx_horizon_km
    los_percent_db = free_space_db + multipath_focusing_db(horizons_km, percent)
    los_beta0_db = free_space_db + multipath_focusing_db(horizons_km, beta0)
    fi = interpolation_factor(percent, beta0)
    diffraction_db = diffraction_median_db
    if percent < 50.0:
        diffraction_db += fi * (losses.diffraction_beta0_db - diffraction_median_db)
    median_db = free_space_db + diffraction_median_db
    diffracted_db = los_percent_db + diffraction_db
    notional_db = notional_minimum_db(
        percent,
        beta0,
        los_percent_db,
        los_beta0_db,
        diffraction_db,
        median_db,
        climate.sea_share,
        fi,
    )
    ducting_db = ducting_loss_db(path, climate, freq_ghz)
    lower_bound_db = soft_maximum_db(ducting_db, los_percent_db)
    fk = distance_blend(path.path_km)
    either_db = diffraction_or_ducting_db(diffracted_db, lower_bound_db, fk)
    theta_mrad = (
        1000.0 * path.path_km / climate.earth_radius_km + path.tx_theta_mrad + path.rx_theta_mrad
    )
    fj = angle_blend(theta_mrad)
    modified_db = either_db + (notional_db - either_db) * fj  # eq. (62)
    scattered_db = troposcatter_loss_db(path.path_km, theta_mrad, freq_ghz, climate.n0, percent)
    return Terms(
        los_percent_db,
        los_beta0_db,
        fi,
        diffraction_db,
        median_db,
        diffracted_db,
        notional_db,
        ducting_db,
        lower_bound_db,
        either_db,
        theta_mrad,
        fj,
        fk,
        modified_db,
        scattered_db,
        combined_db(scattered_db, modified_db),
    )
