"""ITU-R P.452 for one path in clear air: interference and microwave links, 0.1 to 50 GHz.

Geometry, diffraction, ducting and the way the mechanisms are combined are those of P.1812, and so
are the functions. What differs: absorption by gases in every mechanism, troposcatter, shares of
time down to 0.001 %, the blend at the horizon, and clutter, which does not count within 50 m of
either end.
"""

from __future__ import annotations

from math import hypot
from typing import NamedTuple, Required, TypedDict, Unpack

import numpy as np
from numba import njit

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.free_space import slant_free_space_loss_db
from lensong.propagation.link import Climate, Link
from lensong.propagation.model import Model
from lensong.propagation.p452_terms import (
    NO_CLUTTER_M,
    SCATTER_VAPOUR_G_M3,
    gas_db_per_km,
    horizon_blend,
    troposcatter_loss_db,
)
from lensong.propagation.p1812 import PathProfile, path_centre_lat_deg
from lensong.propagation.p1812_terms import (
    BETA_EARTH_RADIUS_KM,
    PathClimate,
    PathGeometry,
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
    Antennas,
    Stretches,
    delta_bullington,
    horizons,
    smooth_earth,
    stretches,
)
from lensong.propagation.terrain import SEA
from lensong.propagation.types import FloatArray

__all__ = [
    "MODELS",
    "PathSettings",
    "PathTerms",
    "basic_transmission_loss_db",
    "path_terms",
]

SOURCE = "ITU-R P.452-18 §1"


class PathTerms(NamedTuple):
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


class Air(NamedTuple):
    """What P.452 knows of the air and P.1812 does not."""

    gas_db_per_km: float
    scatter_gas_db_per_km: float
    gains_dbi: float  # of both antennas, for the coupling loss of troposcatter


@njit(cache=True, nogil=True)
def _path_kernel(
    d: FloatArray,
    h: FloatArray,
    surface_d: FloatArray,
    g: FloatArray,
    lengths: Stretches,
    link: Link,
    climate: Climate,
    air: Air,
) -> PathTerms:
    n = d.size
    path_km, freq_ghz, percent = d[n - 1], link.freq_mhz / 1000.0, climate.time_percent
    tx_m, rx_m = h[0] + link.tx_height_agl_m, h[n - 1] + link.rx_height_agl_m
    radius_km = median_earth_radius_km(climate.delta_n_per_km)
    sea_share = lengths.sea_share
    tau = inland_tau(lengths.inland_km)
    beta0 = beta0_percent(climate.centre_lat_deg, lengths.land_km, tau)
    over = PathClimate(
        percent,
        climate.n0,
        radius_km,
        beta0,
        tau,
        sea_share,
        climate.tx_coast_km,
        climate.rx_coast_km,
    )
    seen = horizons(d, h, tx_m, rx_m, 1.0 / radius_km)
    theta = 1000.0 * path_km / radius_km + seen.tx_theta_mrad + seen.rx_theta_mrad
    smooth = smooth_earth(d, h, tx_m, rx_m)
    base_tx, base_rx = min(smooth.tx_m, h[0]), min(smooth.rx_m, h[n - 1])
    slope = (base_rx - base_tx) / path_km
    roughness = -np.inf
    for i in range(seen.tx_point, seen.rx_point + 1):
        roughness = max(roughness, h[i] - (base_tx + slope * d[i]))
    path = PathGeometry(
        path_km,
        seen.tx_km,
        seen.rx_km,
        seen.tx_theta_mrad,
        seen.rx_theta_mrad,
        tx_m,
        rx_m,
        tx_m - base_tx,
        rx_m - base_rx,
        roughness,
    )

    flat = np.zeros(n)
    antennas = Antennas(tx_m, rx_m, tx_m - smooth.diffraction_tx_m, rx_m - smooth.diffraction_rx_m)
    horizontal = link.horizontal
    median = delta_bullington(
        surface_d, g, d, flat, antennas, radius_km, freq_ghz, horizontal, sea_share
    )
    rare = delta_bullington(
        surface_d, g, d, flat, antennas, BETA_EARTH_RADIUS_KM, freq_ghz, horizontal, sea_share
    )

    gas = air.gas_db_per_km * hypot(path_km, (tx_m - rx_m) / 1000.0)
    free_space = slant_free_space_loss_db(path_km, tx_m, rx_m, freq_ghz) + gas
    horizons_km = seen.tx_km + seen.rx_km
    los_percent = free_space + multipath_focusing_db(horizons_km, percent)
    los_beta0 = free_space + multipath_focusing_db(horizons_km, beta0)
    fi = interpolation_factor(percent, beta0)
    diffraction = median.total_db
    if percent < 50.0:
        diffraction += fi * (rare.total_db - median.total_db)
    median_db = free_space + median.total_db
    diffracted = los_percent + diffraction
    notional = notional_minimum_db(
        percent, beta0, los_percent, los_beta0, diffraction, median_db, sea_share, fi
    )

    ducting_gas = air.gas_db_per_km * path_km
    ducting = ducting_gas + ducting_loss_db(path, over, freq_ghz)
    lower_bound = soft_maximum_db(ducting, los_percent)
    fj = horizon_blend(d, h, tx_m, rx_m, 1.0 / radius_km)
    fk = distance_blend(path_km)
    either = diffraction_or_ducting_db(diffracted, lower_bound, fk)
    modified = either + (notional - either) * fj

    scatter_gas = air.scatter_gas_db_per_km * path_km
    scattered = scatter_gas + troposcatter_loss_db(
        path_km, theta, freq_ghz, climate.n0, percent, air.gains_dbi
    )
    return PathTerms(
        path_km=path.path_km,
        path_centre_lat_deg=climate.centre_lat_deg,
        line_of_sight=seen.clear,
        tx_amsl_m=path.tx_amsl_m,
        rx_amsl_m=path.rx_amsl_m,
        effective_radius_km=radius_km,
        tx_horizon_km=path.tx_horizon_km,
        rx_horizon_km=path.rx_horizon_km,
        tx_theta_mrad=path.tx_theta_mrad,
        rx_theta_mrad=path.rx_theta_mrad,
        theta_mrad=theta,
        sea_share=sea_share,
        longest_land_km=lengths.land_km,
        longest_inland_km=lengths.inland_km,
        beta0_percent=beta0,
        smooth_tx_amsl_m=smooth.tx_m,
        smooth_rx_amsl_m=smooth.rx_m,
        diffraction_smooth_tx_amsl_m=smooth.diffraction_tx_m,
        diffraction_smooth_rx_amsl_m=smooth.diffraction_rx_m,
        tx_effective_m=path.tx_effective_m,
        rx_effective_m=path.rx_effective_m,
        roughness_m=path.roughness_m,
        gas_db=gas,
        scatter_gas_db=scatter_gas,
        ducting_gas_db=ducting_gas,
        free_space_db=free_space,
        bullington_median_db=median.bullington_db,
        bullington_smooth_median_db=median.smooth_bullington_db,
        spherical_median_db=median.spherical_db,
        diffraction_median_db=median.total_db,
        bullington_beta0_db=rare.bullington_db,
        bullington_smooth_beta0_db=rare.smooth_bullington_db,
        spherical_beta0_db=rare.spherical_db,
        diffraction_beta0_db=rare.total_db,
        los_percent_db=los_percent,
        los_beta0_db=los_beta0,
        fi=fi,
        diffraction_db=diffraction,
        median_db=median_db,
        diffracted_db=diffracted,
        notional_minimum_db=notional,
        ducting_db=ducting,
        lower_bound_db=lower_bound,
        diffraction_or_ducting_db=either,
        fj=fj,
        fk=fk,
        modified_db=modified,
        troposcatter_db=scattered,
        basic_transmission_loss_db=combined_db(scattered, modified),
    )


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
    for name, gain in (("tx_gain_dbi", tx_gain_dbi), ("rx_gain_dbi", rx_gain_dbi)):
        _checked(name, gain, -50.0, 80.0)
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
    link = Link(
        float(freq_mhz),
        float(tx_height_agl_m),
        float(rx_height_agl_m),
        polarization == "horizontal",
    )
    climate = Climate(
        float(delta_n_per_km),
        float(n0),
        float(time_percent),
        path_centre_lat_deg(tx_lat_deg, tx_lon_deg, rx_lat_deg, rx_lon_deg, path_m),
        0.0 if profile.zone[0] == SEA else tx_coast_distance_m / 1000.0,
        0.0 if profile.zone[-1] == SEA else rx_coast_distance_m / 1000.0,
    )
    gains_dbi = float(tx_gain_dbi + rx_gain_dbi)
    lengths = stretches(profile.distance_m / 1000.0, profile.zone)
    return _terms(profile, link, climate, lengths, gains_dbi, pressure_hpa, temperature_c)


def _terms(
    profile: PathProfile,
    link: Link,
    climate: Climate,
    lengths: Stretches,
    gains_dbi: float,
    pressure_hpa: float,
    temperature_c: float,
) -> PathTerms:
    _checked(
        "freq_mhz",
        link.freq_mhz,
        100.0,
        50_000.0,
        "below 100 MHz use itu_r_p1812, which begins at 30 MHz",
    )
    for name, height in (
        ("tx_height_agl_m", link.tx_height_agl_m),
        ("rx_height_agl_m", link.rx_height_agl_m),
    ):
        _checked(name, height, 1.0, 20_000.0, "heights are above ground, not sea level")
    _checked(
        "time_percent",
        climate.time_percent,
        0.001,
        50.0,
        "the model gives no loss beyond the median",
    )
    _checked(
        "delta_n_per_km",
        climate.delta_n_per_km,
        0.0,
        150.0,
        "give the lapse rate as a positive value",
    )
    _checked("n0", climate.n0, 100.0, 500.0)
    freq_ghz = link.freq_mhz / 1000.0
    vapour_g_m3 = 7.5 + 2.5 * lengths.sea_share
    air = Air(
        gas_db_per_km(freq_ghz, pressure_hpa, temperature_c, vapour_g_m3),
        gas_db_per_km(freq_ghz, pressure_hpa, temperature_c, SCATTER_VAPOUR_G_M3),
        gains_dbi,
    )
    surface_d_m, surface_amsl_m = profile.surface(NO_CLUTTER_M)
    return _path_kernel(
        profile.distance_m / 1000.0,
        profile.terrain_amsl_m,
        surface_d_m / 1000.0,
        surface_amsl_m,
        lengths,
        link,
        climate,
        air,
    )


class PathSettings(TypedDict, total=False):
    """The keywords of `path_terms`."""

    freq_mhz: Required[float]
    tx_height_agl_m: Required[float]
    rx_height_agl_m: Required[float]
    tx_lat_deg: Required[float]
    tx_lon_deg: Required[float]
    rx_lat_deg: Required[float]
    rx_lon_deg: Required[float]
    delta_n_per_km: Required[float]
    n0: Required[float]
    time_percent: float
    tx_gain_dbi: float
    rx_gain_dbi: float
    pressure_hpa: float
    temperature_c: float
    polarization: str
    tx_coast_distance_m: float
    rx_coast_distance_m: float


def basic_transmission_loss_db(profile: PathProfile, **settings: Unpack[PathSettings]) -> float:
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
    return path_terms(profile, **settings).basic_transmission_loss_db


def _over_profile(profile: PathProfile, link: Link, climate: Climate) -> float:
    """Return the loss between isotropic antennas in standard air."""
    lengths = stretches(profile.distance_m / 1000.0, profile.zone)
    found = _terms(profile, link, climate, lengths, 0.0, 1013.25, 15.0)
    return found.basic_transmission_loss_db


MODELS = (
    Model(
        name="itu_r_p452",
        title="Point-to-point in clear air, for interference and microwave links",
        kind="path",
        freq_mhz=(100.0, 50_000.0),
        distance_m=(250.0, 10_000_000.0),
        tx_height_m=(1.0, 20_000.0),
        rx_height_m=(1.0, 20_000.0),
        time_percent=(0.001, 50.0),
        source="Recommendation ITU-R P.452-18, Annex 1, sections 3 and 4",
        function=basic_transmission_loss_db,
        over_profile=_over_profile,
        instead="itu_r_p1812 below 100 MHz and for shares of places; free_space below 250 m",
    ),
)
