"""ITU-R P.452 for one path in clear air: interference and microwave links, 0.1 to 50 GHz.

Geometry, diffraction, ducting and the way the mechanisms are combined are those of P.1812, and so
are the functions. What differs: absorption by gases in every mechanism, troposcatter, shares of
time down to 0.001 %, the blend at the horizon, and clutter, which does not count within 50 m of
either end.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np
from numba import njit

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.free_space import slant_free_space_loss_db
from lensong.propagation.p452_terms import (
    SCATTER_VAPOUR_G_M3,
    gas_db_per_km,
    horizon_blend,
    profile_with_clutter_m,
    troposcatter_loss_db,
)
from lensong.propagation.p1812 import PathProfile, path_centre_lat_deg
from lensong.propagation.p1812_terms import (
    BETA_EARTH_RADIUS_KM,
    beta0_percent,
    combined_db,
    diffraction_or_ducting_db,
    distance_blend,
    ducting_loss_db,
    inland_tau,
    interpolation_factor,
    median_earth_radius_km,
    multipath_focusing_db,
    notional_minimum_db,
    soft_maximum_db,
)
from lensong.propagation.path_geometry import (
    delta_bullington,
    horizons,
    smooth_earth,
    stretches,
)
from lensong.propagation.radial import SEA
from lensong.propagation.types import FloatArray

__all__ = [
    "PathTerms",
    "basic_transmission_loss_db",
    "path_terms",
]

SOURCE = "ITU-R P.452-18 §1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTerms:
    """Every intermediate of one path by name, with its symbol in the Recommendation.

    ``tx_horizon_km`` dlt, ``rx_horizon_km`` dlr, ``tx_theta_mrad`` theta_t, ``rx_theta_mrad``
    theta_r, ``theta_mrad`` theta, ``sea_share`` omega, ``longest_land_km`` dtm,
    ``longest_inland_km`` dlm, ``beta0_percent`` beta0, ``smooth_tx_amsl_m`` hst and
    ``smooth_rx_amsl_m`` hsr, ``diffraction_smooth_tx_amsl_m`` hstd and
    ``diffraction_smooth_rx_amsl_m`` hsrd, ``tx_effective_m`` hte, ``rx_effective_m`` hre,
    ``roughness_m`` hm, ``gas_db`` Ag, ``scatter_gas_db`` Ag of troposcatter, ``ducting_gas_db``
    Aa, ``free_space_db`` Lbfsg (gases included), ``los_percent_db`` Lb0p, ``los_beta0_db``
    Lb0beta, ``bullington_*`` Lbulla, ``bullington_smooth_*`` Lbulls, ``spherical_*`` Ldsph,
    ``diffraction_median_db`` Ld50, ``diffraction_beta0_db`` Ldbeta, ``diffraction_db`` Ldp,
    ``median_db`` Lbd50, ``diffracted_db`` Lbd, ``notional_minimum_db`` Lminb0p, ``ducting_db``
    Lba, ``lower_bound_db`` Lminbap, ``diffraction_or_ducting_db`` Lbda, ``modified_db`` Lbam,
    ``troposcatter_db`` Lbs, ``basic_transmission_loss_db`` Lb.
    """

    path_km: float
    path_centre_lat_deg: float
    line_of_sight: bool
    tx_amsl_m: float
    rx_amsl_m: float
    effective_radius_km: float
    tx_horizon_km: float
    rx_horizon_km: float
    tx_theta_mrad: float
    rx_theta_mrad: float
    theta_mrad: float
    sea_share: float
    longest_land_km: float
    longest_inland_km: float
    beta0_percent: float
    smooth_tx_amsl_m: float
    smooth_rx_amsl_m: float
    diffraction_smooth_tx_amsl_m: float
    diffraction_smooth_rx_amsl_m: float
    tx_effective_m: float
    rx_effective_m: float
    roughness_m: float
    gas_db: float
    scatter_gas_db: float
    ducting_gas_db: float
    free_space_db: float
    bullington_median_db: float
    bullington_smooth_median_db: float
    spherical_median_db: float
    diffraction_median_db: float
    bullington_beta0_db: float
    bullington_smooth_beta0_db: float
    spherical_beta0_db: float
    diffraction_beta0_db: float
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
    fj: float
    fk: float
    modified_db: float
    troposcatter_db: float
    basic_transmission_loss_db: float


@njit(cache=True, nogil=True)
def _path_kernel(
    d: FloatArray,
    h: FloatArray,
    g: FloatArray,
    zones: tuple[float, float, float],
    freq_ghz: float,
    percent: float,
    tx_agl_m: float,
    rx_agl_m: float,
    gains_dbi: float,
    centre_lat_deg: float,
    delta_n: float,
    n0: float,
    gas_db_per_km: float,
    scatter_gas_db_per_km: float,
    horizontal: bool,
    tx_coast_km: float,
    rx_coast_km: float,
) -> tuple[float, ...]:
    """Return the values of `PathTerms` in its order."""
    n = d.size
    path_km = d[n - 1]
    tx_m, rx_m = h[0] + tx_agl_m, h[n - 1] + rx_agl_m
    radius_km = median_earth_radius_km(delta_n)
    longest_land, longest_inland, sea_share = zones
    tau = inland_tau(longest_inland)
    beta0 = beta0_percent(centre_lat_deg, longest_land, tau)

    dlt, dlr, theta_t, theta_r, tx_point, rx_point, clear = horizons(
        d, h, tx_m, rx_m, 1.0 / radius_km
    )
    theta = 1000.0 * path_km / radius_km + theta_t + theta_r
    smooth_tx, smooth_rx, hstd, hsrd = smooth_earth(d, h, tx_m, rx_m)
    base_tx, base_rx = min(smooth_tx, h[0]), min(smooth_rx, h[n - 1])
    tx_effective, rx_effective = tx_m - base_tx, rx_m - base_rx
    slope = (base_rx - base_tx) / path_km
    roughness = -np.inf
    for i in range(tx_point, rx_point + 1):
        roughness = max(roughness, h[i] - (base_tx + slope * d[i]))

    flat = np.zeros(n)
    median = delta_bullington(
        d, g, flat, tx_m, rx_m, hstd, hsrd, radius_km, freq_ghz, horizontal, sea_share
    )
    rare = delta_bullington(
        d, g, flat, tx_m, rx_m, hstd, hsrd, BETA_EARTH_RADIUS_KM, freq_ghz, horizontal, sea_share
    )

    gas = gas_db_per_km * hypot(path_km, (tx_m - rx_m) / 1000.0)
    free_space = slant_free_space_loss_db(path_km, tx_m, rx_m, freq_ghz) + gas
    los_percent = free_space + multipath_focusing_db(dlt + dlr, percent)
    los_beta0 = free_space + multipath_focusing_db(dlt + dlr, beta0)
    fi = interpolation_factor(percent, beta0)
    diffraction = median[3]
    if percent < 50.0:
        diffraction += fi * (rare[3] - median[3])
    median_db = free_space + median[3]
    diffracted = los_percent + diffraction
    notional = notional_minimum_db(
        percent, beta0, los_percent, los_beta0, diffraction, median_db, sea_share, fi
    )

    ducting_gas = gas_db_per_km * path_km
    ducting = ducting_gas + ducting_loss_db(
        path_km,
        freq_ghz,
        percent,
        radius_km,
        beta0,
        tau,
        sea_share,
        dlt,
        dlr,
        theta_t,
        theta_r,
        tx_effective,
        rx_effective,
        roughness,
        tx_m,
        rx_m,
        tx_coast_km,
        rx_coast_km,
    )
    lower_bound = soft_maximum_db(ducting, los_percent)
    fj = horizon_blend(d, h, tx_m, rx_m, 1.0 / radius_km)
    fk = distance_blend(path_km)
    either = diffraction_or_ducting_db(diffracted, lower_bound, fk)
    modified = either + (notional - either) * fj

    scatter_gas = scatter_gas_db_per_km * path_km
    scattered = scatter_gas + troposcatter_loss_db(path_km, theta, freq_ghz, n0, percent, gains_dbi)

    geometry = (path_km, centre_lat_deg, 1.0 if clear else 0.0, tx_m, rx_m, radius_km)
    angles = (dlt, dlr, theta_t, theta_r, theta)
    climate = (sea_share, longest_land, longest_inland, beta0)
    heights = (smooth_tx, smooth_rx, hstd, hsrd, tx_effective, rx_effective, roughness)
    gases = (gas, scatter_gas, ducting_gas, free_space)
    parts = (los_percent, los_beta0, fi, diffraction, median_db, diffracted, notional, ducting)
    combination = (lower_bound, either, fj, fk, modified, scattered)
    total = (combined_db(scattered, modified),)
    return (
        geometry + angles + climate + heights + gases + median + rare + parts + combination
    ) + total


def _checked(name: str, value: float, low: float, high: float, hint: str = "") -> float:
    if not low <= value <= high:
        raise OutOfRangeError(name, value, low, high, source=SOURCE, hint=hint)
    return float(value)


def path_terms(
    profile: PathProfile,
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    tx_lat_deg: float,
    tx_lon_deg: float,
    rx_lat_deg: float,
    rx_lon_deg: float,
    delta_n_per_km: float,
    n0: float,
    time_percent: float = 50.0,
    tx_gain_dbi: float = 0.0,
    rx_gain_dbi: float = 0.0,
    pressure_hpa: float = 1013.25,
    temperature_c: float = 15.0,
    polarization: str = "vertical",
    tx_coast_distance_m: float = 500e3,
    rx_coast_distance_m: float = 500e3,
) -> PathTerms:
    """Return the basic transmission loss of a path with every intermediate by name.

    Arguments and errors as for `basic_transmission_loss_db`.
    """
    _checked(
        "freq_mhz",
        freq_mhz,
        100.0,
        50_000.0,
        "below 100 MHz use itu_r_p1812, which begins at 30 MHz",
    )
    for name, height in (
        ("tx_height_agl_m", tx_height_agl_m),
        ("rx_height_agl_m", rx_height_agl_m),
    ):
        _checked(name, height, 1.0, 20_000.0, "heights are above ground, not sea level")
    _checked("time_percent", time_percent, 0.001, 50.0, "the model gives no loss beyond the median")
    for name, gain in (("tx_gain_dbi", tx_gain_dbi), ("rx_gain_dbi", rx_gain_dbi)):
        _checked(name, gain, -50.0, 80.0)
    _checked(
        "delta_n_per_km", delta_n_per_km, 0.0, 150.0, "give the lapse rate as a positive value"
    )
    _checked("n0", n0, 100.0, 500.0)
    _checked("pressure_hpa", pressure_hpa, 100.0, 1100.0)
    _checked("temperature_c", temperature_c, -80.0, 60.0)
    for name, lat in (("tx_lat_deg", tx_lat_deg), ("rx_lat_deg", rx_lat_deg)):
        _checked(name, lat, -90.0, 90.0)
    for name, coast in (
        ("tx_coast_distance_m", tx_coast_distance_m),
        ("rx_coast_distance_m", rx_coast_distance_m),
    ):
        _checked(name, coast, 0.0, 20e6)
    path_m = _checked("path length in m", float(profile.distance_m[-1]), 250.0, 10e6)
    if polarization not in ("vertical", "horizontal"):
        raise InvalidInputError(
            f"polarization is {polarization!r}, wanted 'vertical' or 'horizontal'"
        )
    freq_ghz = freq_mhz / 1000.0
    distance_km = profile.distance_m / 1000.0
    zones = stretches(distance_km, profile.zone)
    vapour_g_m3 = 7.5 + 2.5 * zones[2]
    values = _path_kernel(
        distance_km,
        profile.terrain_amsl_m,
        profile_with_clutter_m(profile),
        zones,
        freq_ghz,
        float(time_percent),
        float(tx_height_agl_m),
        float(rx_height_agl_m),
        float(tx_gain_dbi + rx_gain_dbi),
        path_centre_lat_deg(tx_lat_deg, tx_lon_deg, rx_lat_deg, rx_lon_deg, path_m),
        float(delta_n_per_km),
        float(n0),
        gas_db_per_km(freq_ghz, pressure_hpa, temperature_c, vapour_g_m3),
        gas_db_per_km(freq_ghz, pressure_hpa, temperature_c, SCATTER_VAPOUR_G_M3),
        polarization == "horizontal",
        0.0 if profile.zone[0] == SEA else tx_coast_distance_m / 1000.0,
        0.0 if profile.zone[-1] == SEA else rx_coast_distance_m / 1000.0,
    )
    named: dict[str, Any] = dict(zip(PathTerms.__slots__, values, strict=True))
    named["line_of_sight"] = bool(named["line_of_sight"])
    return PathTerms(**named)


def basic_transmission_loss_db(
    profile: PathProfile,
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    tx_lat_deg: float,
    tx_lon_deg: float,
    rx_lat_deg: float,
    rx_lon_deg: float,
    delta_n_per_km: float,
    n0: float,
    time_percent: float = 50.0,
    tx_gain_dbi: float = 0.0,
    rx_gain_dbi: float = 0.0,
    pressure_hpa: float = 1013.25,
    temperature_c: float = 15.0,
    polarization: str = "vertical",
    tx_coast_distance_m: float = 500e3,
    rx_coast_distance_m: float = 500e3,
) -> float:
    """Return the basic transmission loss in clear air not exceeded for a share of time.

    Parameters
    ----------
    profile : PathProfile
        Terrain, clutter and zones from transmitter to receiver, 250 m to 10 000 km. Clutter
        within 50 m of either end does not count.
    freq_mhz : float
        100..50000 [MHz].
    tx_height_agl_m, rx_height_agl_m : float
        Antenna heights above ground, 1..20000 [m].
    tx_lat_deg, tx_lon_deg, rx_lat_deg, rx_lon_deg : float
        Positions, WGS 84 [deg]; only the latitude of the path's centre enters the model.
    delta_n_per_km : float
        Average lapse rate of refractivity in the lowest kilometre, positive [N-units/km].
    n0 : float
        Average sea-level surface refractivity [N-units].
    time_percent : float
        Share of an average year, 0.001..50 [%].
    tx_gain_dbi, rx_gain_dbi : float
        Antenna gains towards the horizon along the path [dBi]; they enter only the coupling loss
        of troposcatter and are not subtracted.
    pressure_hpa : float
        Dry air pressure, 100..1100 [hPa].
    temperature_c : float
        -80..60 [°C].
    polarization : {"vertical", "horizontal"}
    tx_coast_distance_m, rx_coast_distance_m : float
        Distance to the coast along the path [m]; 0 is used for an antenna at sea.

    Returns
    -------
    float
        Loss between isotropic antennas [dB].

    Raises
    ------
    OutOfRangeError
        When an argument is outside its range.
    InvalidInputError
        For an unknown polarization.

    Notes
    -----
    The Recommendation gives no limits for antenna heights, gains, pressure and temperature, nor
    a shortest path; those here keep units from being mixed up. The combination of ducting and
    line of sight is computed in a form that does not overflow; the value is the same. Scatter by
    rain (§5) and the step from worst month to average year (§3.2.1) are not here.

    Examples
    --------
    >>> import numpy as np
    >>> flat = PathProfile.over_land(np.arange(0.0, 30_001.0, 100.0), np.full(301, 600.0))
    >>> loss = basic_transmission_loss_db(
    ...     flat, freq_mhz=18_000.0, tx_height_agl_m=40.0, rx_height_agl_m=40.0, tx_lat_deg=22.35,
    ...     tx_lon_deg=103.65, rx_lat_deg=22.62, rx_lon_deg=103.65, delta_n_per_km=44.0, n0=365.5)
    >>> 140.0 < loss < 170.0
    True

    References
    ----------
    .. [1] Recommendation ITU-R P.452-18, "Prediction procedure for the evaluation of interference
       between stations on the surface of the Earth at frequencies above about 100 MHz", 2023,
       Annex 1 §§3, 4.
    """
    return path_terms(
        profile,
        freq_mhz=freq_mhz,
        tx_height_agl_m=tx_height_agl_m,
        rx_height_agl_m=rx_height_agl_m,
        tx_lat_deg=tx_lat_deg,
        tx_lon_deg=tx_lon_deg,
        rx_lat_deg=rx_lat_deg,
        rx_lon_deg=rx_lon_deg,
        delta_n_per_km=delta_n_per_km,
        n0=n0,
        time_percent=time_percent,
        tx_gain_dbi=tx_gain_dbi,
        rx_gain_dbi=rx_gain_dbi,
        pressure_hpa=pressure_hpa,
        temperature_c=temperature_c,
        polarization=polarization,
        tx_coast_distance_m=tx_coast_distance_m,
        rx_coast_distance_m=rx_coast_distance_m,
    ).basic_transmission_loss_db
