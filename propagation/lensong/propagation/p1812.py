"""ITU-R P.1812 for one path: basic transmission loss over a terrain profile.

The kernel walks the whole profile for every quantity, in the order of the Recommendation. The
sweep (`lensong.propagation.p1812_sweep`) finds the same numbers for every pixel of a map from
running quantities; both share the closed-form terms.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import asin, cos, hypot, radians, sin
from math import degrees as to_degrees
from typing import NamedTuple, Required, TypedDict, Unpack

import numpy as np
from numba import njit

from lensong.propagation.diffraction import EARTH_RADIUS_KM
from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.free_space import slant_free_space_loss_db
from lensong.propagation.link import Climate, Link
from lensong.propagation.model import Model
from lensong.propagation.p1812_sweep import draw
from lensong.propagation.p1812_terms import (
    BETA_EARTH_RADIUS_KM,
    Losses,
    PathClimate,
    PathGeometry,
    assemble,
    beta0_percent,
    inland_tau,
    inverse_normal,
    median_earth_radius_km,
)
from lensong.propagation.path_geometry import (
    Antennas,
    delta_bullington,
    horizons,
    smooth_earth,
    stretches,
)
from lensong.propagation.terminal import ROUNDING_M
from lensong.propagation.terrain import COASTAL_LAND, INLAND, SEA
from lensong.propagation.types import FloatArray, IntArray

__all__ = [
    "MODELS",
    "PathProfile",
    "PathSettings",
    "PathTerms",
    "basic_transmission_loss_db",
    "path_terms",
]

SOURCE = "ITU-R P.1812-7 §1"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathProfile:
    """Terrain between two antennas.

    Parameters
    ----------
    distance_m : shape (n,), n >= 5
        Distance from the transmitter [m]: begins at 0, grows, ends at the receiver. 250 m or more.
    terrain_amsl_m : shape (n,)
        Bare ground above sea level [m].
    clutter_height_m : shape (n,)
        Representative clutter height above ground [m], 0 or more. The two ends do not count.
    zone : shape (n,)
        Radio-climatic zone: 1 sea, 3 coastal land, 4 inland.
    rim_distance_m, rim_surface_amsl_m : shape (m,), optional
        Distance [m] and height above sea level [m] of more points of the surface, ground and
        clutter, that stand between the samples: where the clutter near an antenna begins, see
        `lensong.propagation.terminal`. The bare ground does not have them.

    Raises
    ------
    InvalidInputError
        For unequal lengths, values that are not numbers, distances that do not grow, negative
        clutter, unknown zones, too few points or too short a path.
    """

    distance_m: FloatArray
    terrain_amsl_m: FloatArray
    clutter_height_m: FloatArray
    zone: IntArray
    rim_distance_m: FloatArray = field(default_factory=lambda: np.empty(0))
    rim_surface_amsl_m: FloatArray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        for name, kind in (
            ("distance_m", np.float64),
            ("terrain_amsl_m", np.float64),
            ("clutter_height_m", np.float64),
            ("zone", np.int64),
            ("rim_distance_m", np.float64),
            ("rim_surface_amsl_m", np.float64),
        ):
            object.__setattr__(self, name, np.ascontiguousarray(getattr(self, name), dtype=kind))
        n = self.distance_m.size
        if self.distance_m.ndim != 1 or n < 5:
            raise InvalidInputError(
                f"profile has {n} points, wanted at least 5 in one list: sample it more finely"
            )
        for name in ("terrain_amsl_m", "clutter_height_m", "zone"):
            shape = getattr(self, name).shape
            if shape != (n,):
                raise InvalidInputError(f"{name} has shape {shape}, wanted ({n},) as distance_m")
        for name in ("distance_m", "terrain_amsl_m", "clutter_height_m"):
            if not np.all(np.isfinite(getattr(self, name))):
                raise InvalidInputError(
                    f"{name} has values that are not numbers: fill voids before computing a path"
                )
        if self.distance_m[0] != 0.0 or np.any(np.diff(self.distance_m) <= 0.0):
            raise InvalidInputError("distance_m must begin at 0 and grow from point to point")
        if self.distance_m[-1] < 250.0:
            raise OutOfRangeError(
                "path length in m", float(self.distance_m[-1]), 250.0, 3_000_000.0, source=SOURCE
            )
        if np.any(self.clutter_height_m < 0.0):
            raise InvalidInputError(
                f"clutter_height_m has {float(self.clutter_height_m.min())}, wanted 0 m or more"
            )
        rims, heights = self.rim_distance_m, self.rim_surface_amsl_m
        if rims.ndim != 1 or rims.shape != heights.shape or not np.isfinite(heights).all():
            raise InvalidInputError(
                f"rim_distance_m and rim_surface_amsl_m have shapes {rims.shape} and "
                f"{heights.shape}, wanted two rows of finite metres of one length"
            )
        if not np.all((rims > 0.0) & (rims < self.distance_m[-1])):
            raise InvalidInputError(
                "rim_distance_m leaves the path, wanted points between its ends"
            )
        unknown = set(np.unique(self.zone).tolist()) - {SEA, COASTAL_LAND, INLAND}
        if unknown:
            raise InvalidInputError(
                f"zone has {sorted(unknown)}, wanted 1 (sea), 3 (coastal land) or 4 (inland)"
            )

    def surface(self, bare_m: float = 0.0) -> tuple[FloatArray, FloatArray]:
        """Return distance [m] and height above sea level [m] of ground with clutter, ends bare.

        Clutter nearer than ``bare_m`` to an end does not count. The points are the samples and
        the rims.
        """
        d, rims = self.distance_m, self.rim_distance_m
        near_m = max(bare_m - ROUNDING_M, 0.0)
        counts = (np.minimum(d, d[-1] - d) >= near_m) & (d > 0.0) & (d < d[-1])
        heights = self.terrain_amsl_m + np.where(counts, self.clutter_height_m, 0.0)
        if not rims.size:
            return d, heights
        kept = np.minimum(rims, d[-1] - rims) >= near_m
        at = np.concatenate([d, rims[kept]])
        order = np.argsort(at, kind="stable")
        return at[order], np.concatenate([heights, self.rim_surface_amsl_m[kept]])[order]

    @classmethod
    def over_land(
        cls,
        distance_m: FloatArray,
        terrain_amsl_m: FloatArray,
        clutter_height_m: FloatArray | None = None,
    ) -> PathProfile:
        """Return an inland profile; without clutter heights the ground is bare."""
        terrain = np.asarray(terrain_amsl_m, dtype=np.float64)
        clutter = np.zeros_like(terrain) if clutter_height_m is None else clutter_height_m
        return cls(
            distance_m=distance_m,
            terrain_amsl_m=terrain,
            clutter_height_m=clutter,
            zone=np.full(terrain.shape, INLAND, dtype=np.int64),
        )


class PathTerms(NamedTuple):
    """Every intermediate of one path by name, with its symbol in the Recommendation.

    ``tx_horizon_km`` dlt, ``rx_horizon_km`` dlr, ``tx_theta_mrad`` theta_t, ``rx_theta_mrad``
    theta_r, ``theta_mrad`` theta, ``sea_share`` omega, ``longest_land_km`` dtm,
    ``longest_inland_km`` dlm, ``beta0_percent`` beta0, ``smooth_tx_amsl_m`` hst and
    ``smooth_rx_amsl_m`` hsr of eqs (85), (86), ``diffraction_smooth_tx_amsl_m`` hstd and
    ``diffraction_smooth_rx_amsl_m`` hsrd, ``tx_effective_m`` hte, ``rx_effective_m`` hre,
    ``roughness_m`` hm, ``free_space_db`` Lbfs, ``los_percent_db`` Lb0p, ``los_beta0_db`` Lb0beta,
    ``bullington_*`` Lbulla, ``bullington_smooth_*`` Lbulls, ``spherical_*`` Ldsph,
    ``diffraction_median_db`` Ld50, ``diffraction_beta0_db`` Ldbeta, ``diffraction_db`` Ldp,
    ``median_db`` Lbd50, ``diffracted_db`` Lbd, ``notional_minimum_db`` Lminb0p, ``ducting_db``
    Lba, ``lower_bound_db`` Lminbap, ``diffraction_or_ducting_db`` Lbda, ``modified_db`` Lbam,
    ``troposcatter_db`` Lbs, ``combined_db`` Lbc, ``location_db`` Lloc.
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
    combined_db: float
    location_db: float
    basic_transmission_loss_db: float


@njit(cache=True, nogil=True)
def _path_kernel(
    d: FloatArray,
    h: FloatArray,
    surface_d: FloatArray,
    g: FloatArray,
    zone: IntArray,
    link: Link,
    climate: Climate,
    location_db: float,
) -> PathTerms:
    n = d.size
    path_km, freq_ghz = d[n - 1], link.freq_mhz / 1000.0
    tx_m, rx_m = h[0] + link.tx_height_agl_m, h[n - 1] + link.rx_height_agl_m
    radius_km = median_earth_radius_km(climate.delta_n_per_km)
    lengths = stretches(d, zone)
    tau = inland_tau(lengths.inland_km)
    air = PathClimate(
        climate.time_percent,
        climate.n0,
        radius_km,
        beta0_percent(climate.centre_lat_deg, lengths.land_km, tau),
        tau,
        lengths.sea_share,
        0.0 if zone[0] == SEA else climate.tx_coast_km,
        0.0 if zone[n - 1] == SEA else climate.rx_coast_km,
    )
    seen = horizons(d, h, tx_m, rx_m, 1.0 / radius_km)
    smooth = smooth_earth(d, h, tx_m, rx_m)
    base_tx, base_rx = min(smooth.tx_m, h[0]), min(smooth.rx_m, h[n - 1])
    slope = (base_rx - base_tx) / path_km
    roughness = -np.inf
    for i in range(seen.tx_point, seen.rx_point + 1):
        roughness = max(roughness, h[i] - (base_tx + slope * d[i]))

    flat = np.zeros(n)
    antennas = Antennas(tx_m, rx_m, tx_m - smooth.diffraction_tx_m, rx_m - smooth.diffraction_rx_m)
    sea_share, horizontal = lengths.sea_share, link.horizontal
    median = delta_bullington(
        surface_d, g, d, flat, antennas, radius_km, freq_ghz, horizontal, sea_share
    )
    rare = delta_bullington(
        surface_d, g, d, flat, antennas, BETA_EARTH_RADIUS_KM, freq_ghz, horizontal, sea_share
    )
    free_space = slant_free_space_loss_db(path_km, tx_m, rx_m, freq_ghz)
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
    terms = assemble(path, air, Losses(free_space, median.total_db, rare.total_db), freq_ghz)
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
        theta_mrad=terms.theta_mrad,
        sea_share=sea_share,
        longest_land_km=lengths.land_km,
        longest_inland_km=lengths.inland_km,
        beta0_percent=air.beta0_percent,
        smooth_tx_amsl_m=smooth.tx_m,
        smooth_rx_amsl_m=smooth.rx_m,
        diffraction_smooth_tx_amsl_m=smooth.diffraction_tx_m,
        diffraction_smooth_rx_amsl_m=smooth.diffraction_rx_m,
        tx_effective_m=path.tx_effective_m,
        rx_effective_m=path.rx_effective_m,
        roughness_m=path.roughness_m,
        free_space_db=free_space,
        bullington_median_db=median.bullington_db,
        bullington_smooth_median_db=median.smooth_bullington_db,
        spherical_median_db=median.spherical_db,
        diffraction_median_db=median.total_db,
        bullington_beta0_db=rare.bullington_db,
        bullington_smooth_beta0_db=rare.smooth_bullington_db,
        spherical_beta0_db=rare.spherical_db,
        diffraction_beta0_db=rare.total_db,
        los_percent_db=terms.los_percent_db,
        los_beta0_db=terms.los_beta0_db,
        fi=terms.fi,
        diffraction_db=terms.diffraction_db,
        median_db=terms.median_db,
        diffracted_db=terms.diffracted_db,
        notional_minimum_db=terms.notional_minimum_db,
        ducting_db=terms.ducting_db,
        lower_bound_db=terms.lower_bound_db,
        diffraction_or_ducting_db=terms.diffraction_or_ducting_db,
        fj=terms.fj,
        fk=terms.fk,
        modified_db=terms.modified_db,
        troposcatter_db=terms.troposcatter_db,
        combined_db=terms.combined_db,
        location_db=location_db,
        basic_transmission_loss_db=max(
            terms.los_percent_db, terms.combined_db + location_db
        ),  # eq. (69)
    )


def path_centre_lat_deg(
    tx_lat_deg: float, tx_lon_deg: float, rx_lat_deg: float, rx_lon_deg: float, path_m: float
) -> float:
    """Return the latitude half a path length along the great circle to the receiver [deg]."""
    phi_t, phi_r = radians(tx_lat_deg), radians(rx_lat_deg)
    turn = radians(rx_lon_deg - tx_lon_deg)
    r = sin(phi_t) * sin(phi_r) + cos(phi_t) * cos(phi_r) * cos(turn)
    x = sin(phi_r) - r * sin(phi_t)
    y = cos(phi_t) * cos(phi_r) * sin(turn)
    length = hypot(x, y)
    cos_bearing = x / length if length > 1e-12 else 1.0
    half = 0.5 * path_m / 1000.0 / EARTH_RADIUS_KM
    return to_degrees(asin(sin(phi_t) * cos(half) + cos(phi_t) * sin(half) * cos_bearing))


def _checked(name: str, value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise OutOfRangeError(name, value, low, high, source=SOURCE)
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
    location_percent: float = 50.0,
    location_sigma_db: float = 0.0,
    polarization: str = "vertical",
    tx_coast_distance_m: float = 500e3,
    rx_coast_distance_m: float = 500e3,
) -> PathTerms:
    """Return the basic transmission loss of a path with every intermediate by name.

    Arguments and errors as for `basic_transmission_loss_db`.
    """
    places = _checked("location_percent", location_percent, 1.0, 99.0)
    sigma_db = _checked("location_sigma_db", location_sigma_db, 0.0, 50.0)
    for name, lat in (("tx_lat_deg", tx_lat_deg), ("rx_lat_deg", rx_lat_deg)):
        _checked(name, lat, -90.0, 90.0)
    if polarization not in ("vertical", "horizontal"):
        raise InvalidInputError(
            f"polarization is {polarization!r}, wanted 'vertical' or 'horizontal'"
        )
    location_db = 0.0 if profile.zone[-1] == SEA else -inverse_normal(places / 100.0) * sigma_db
    path_m = float(profile.distance_m[-1])
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
        tx_coast_distance_m / 1000.0,
        rx_coast_distance_m / 1000.0,
    )
    return _terms(profile, link, climate, location_db)


def _terms(profile: PathProfile, link: Link, climate: Climate, location_db: float) -> PathTerms:
    _checked("freq_mhz", link.freq_mhz, 30.0, 6000.0)
    _checked("tx_height_agl_m", link.tx_height_agl_m, 1.0, 3000.0)
    _checked("rx_height_agl_m", link.rx_height_agl_m, 1.0, 3000.0)
    _checked("time_percent", climate.time_percent, 1.0, 50.0)
    _checked("delta_n_per_km", climate.delta_n_per_km, 0.0, 150.0)
    _checked("n0", climate.n0, 100.0, 500.0)
    surface_d_m, surface_amsl_m = profile.surface()
    return _path_kernel(
        profile.distance_m / 1000.0,
        profile.terrain_amsl_m,
        surface_d_m / 1000.0,
        surface_amsl_m,
        profile.zone,
        link,
        climate,
        location_db,
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
    location_percent: float
    location_sigma_db: float
    polarization: str
    tx_coast_distance_m: float
    rx_coast_distance_m: float


def basic_transmission_loss_db(profile: PathProfile, **settings: Unpack[PathSettings]) -> float:
    """Return the basic transmission loss not exceeded for a share of time and places.

    Parameters
    ----------
    profile : PathProfile
        Terrain, clutter and zones from transmitter to receiver.
    freq_mhz : float
        30..6000 [MHz].
    tx_height_agl_m, rx_height_agl_m : float
        Antenna heights above ground, 1..3000 [m].
    tx_lat_deg, tx_lon_deg, rx_lat_deg, rx_lon_deg : float
        Positions, WGS 84 [deg]; only the latitude of the path's centre enters the model.
    delta_n_per_km : float
        Average lapse rate of refractivity in the lowest kilometre, positive [N-units/km].
    n0 : float
        Average sea-level surface refractivity [N-units].
    time_percent : float
        Share of an average year, 1..50 [%].
    location_percent : float
        Share of places, 1..99 [%].
    location_sigma_db : float
        Standard deviation over places [dB]; 0 leaves location variability out.
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
    Troposcatter is that of P.1812-6, eqs (44), (45), which later reference code keeps. Eq. (60)
    is computed in a form that does not overflow; the value is the same.

    Examples
    --------
    >>> import numpy as np
    >>> flat = PathProfile.over_land(np.arange(0.0, 5001.0, 50.0), np.full(101, 600.0))
    >>> loss = basic_transmission_loss_db(
    ...     flat, freq_mhz=1800.0, tx_height_agl_m=30.0, rx_height_agl_m=1.5, tx_lat_deg=22.35,
    ...     tx_lon_deg=103.65, rx_lat_deg=22.39, rx_lon_deg=103.65, delta_n_per_km=44.0, n0=365.5)
    >>> 110.0 < loss < 140.0
    True

    References
    ----------
    .. [1] Recommendation ITU-R P.1812, "A path-specific propagation prediction method for
       point-to-area terrestrial services in the frequency range 30 MHz to 6 000 MHz", Annex 1.
    """
    return path_terms(profile, **settings).basic_transmission_loss_db


def _over_profile(profile: PathProfile, link: Link, climate: Climate) -> float:
    """Return the median over places."""
    return _terms(profile, link, climate, 0.0).basic_transmission_loss_db


MODELS = (
    Model(
        name="itu_r_p1812",
        title="Point-to-area over a terrain profile, with clutter and share of time",
        kind="path",
        freq_mhz=(30.0, 6000.0),
        distance_m=(250.0, 3_000_000.0),
        tx_height_m=(1.0, 3000.0),
        rx_height_m=(1.0, 3000.0),
        time_percent=(1.0, 50.0),
        source="Recommendation ITU-R P.1812-7, Annex 1 (troposcatter of P.1812-6)",
        function=basic_transmission_loss_db,
        over_profile=_over_profile,
        draw=draw,
        instead="itu_r_p452 above 6 GHz; free_space below 250 m",
    ),
)
