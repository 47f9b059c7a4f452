"""ITM (Longley-Rice) for one path: basic transmission loss with every intermediate.

`point_to_point` reads a terrain profile; `area` knows only how irregular the terrain is. The
map engine (`lensong.propagation.itm_sweep`) shares every closed form with both.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.itm_profile import area_geometry, profile_geometry
from lensong.propagation.itm_setting import (
    AVERAGE_CONDUCTIVITY_S_M,
    AVERAGE_PERMITTIVITY,
    MODES,
    SOURCE,
    checked,
    checked_n0,
    checked_setting,
    index_of,
)
from lensong.propagation.itm_sweep import draw
from lensong.propagation.itm_terms import (
    Geometry,
    Setting,
    free_space_db,
    reference_attenuation,
    smooth_horizon_m,
)
from lensong.propagation.itm_variability import CLIMATES, Shares, mode_deviates, spread_loss_db
from lensong.propagation.link import Climate, Link
from lensong.propagation.model import Model
from lensong.propagation.types import FloatArray

if TYPE_CHECKING:
    from lensong.propagation.p1812 import PathProfile

__all__ = ["MODELS", "MODES", "SITING", "WARNINGS", "ItmTerms", "area", "point_to_point"]

SITING = ("random", "careful", "very_careful")
"""How well the places of the antennas were chosen, in area mode."""

WARNINGS: dict[str, str] = {
    "tx_height_unusual": "transmitter not 1 to 1000 m above ground",
    "rx_height_unusual": "receiver not 1 to 1000 m above ground",
    "frequency_unusual": "frequency not 40 MHz to 10 GHz",
    "distance_above_1000_km": "results are to be used with caution",
    "distance_above_2000_km": "results are probably invalid",
    "distance_short_for_heights": "the antennas stand high for so short a path",
    "distance_below_1_km": "results are to be used with caution",
    "tx_horizon_steep": "horizon more than 200 mrad off the horizontal",
    "rx_horizon_steep": "horizon more than 200 mrad off the horizontal",
    "tx_horizon_near": "horizon nearer than a tenth of a smooth Earth's",
    "rx_horizon_near": "horizon nearer than a tenth of a smooth Earth's",
    "tx_horizon_far": "horizon farther than three times a smooth Earth's",
    "rx_horizon_far": "horizon farther than three times a smooth Earth's",
    "extreme_share": "a share beyond 0.1 or 99.9 %",
    "refractivity_low": "surface refractivity below 250 N-units",
}
"""Flags of a result and what they mean, in the order of ITM's bits: the first is bit 0."""

_REGIMES: tuple[Literal["line_of_sight", "diffraction", "troposcatter"], ...] = (
    "line_of_sight",
    "diffraction",
    "troposcatter",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItmTerms:
    """Loss of one path and what led to it.

    Parameters
    ----------
    basic_transmission_loss_db : float
        For the given shares of time, places and situations [dB].
    free_space_db : float
        Free-space loss over the distance on the ground [dB].
    reference_attenuation_db : float
        Median loss over free space before climate and shares, A_ref [dB].
    regime : {"line_of_sight", "diffraction", "troposcatter"}
        Which part of the curve over distance was read. Line of sight means nearer than the
        smooth-Earth horizons of the effective heights; terrain may well be in between.
    distance_m : float
    tx_horizon_rad, rx_horizon_rad : float
        Elevation angles of the horizons [rad].
    tx_horizon_m, rx_horizon_m : float
        Distances of the horizons [m].
    tx_effective_height_m, rx_effective_height_m : float
    surface_refractivity : float
        N_s [N-units].
    effective_earth_radius_m : float
    terrain_irregularity_m : float
        Interdecile range of terrain heights, delta h [m].
    warnings : tuple of str
        Keys of `WARNINGS`; empty when the path lies well inside the model.
    """

    basic_transmission_loss_db: float
    free_space_db: float
    reference_attenuation_db: float
    regime: Literal["line_of_sight", "diffraction", "troposcatter"]
    distance_m: float
    tx_horizon_rad: float
    rx_horizon_rad: float
    tx_horizon_m: float
    rx_horizon_m: float
    tx_effective_height_m: float
    rx_effective_height_m: float
    surface_refractivity: float
    effective_earth_radius_m: float
    terrain_irregularity_m: float
    warnings: tuple[str, ...]


def _flags(path: Geometry, setting: Setting, shares: Shares) -> tuple[str, ...]:
    """Return the warnings of ITM, in its order."""
    smooth_tx = smooth_horizon_m(path.tx_effective_m, path.curvature)
    smooth_rx = smooth_horizon_m(path.rx_effective_m, path.curvature)
    apart_m = abs(path.tx_effective_m - path.rx_effective_m) / 0.2
    raised = (
        not 1.0 <= setting.tx_agl_m <= 1000.0,
        not 1.0 <= setting.rx_agl_m <= 1000.0,
        not 40.0 <= setting.freq_mhz <= 10_000.0,
        path.distance_m > 1000e3,
        path.distance_m > 2000e3,
        path.distance_m < apart_m,
        path.distance_m < 1e3,
        abs(path.tx_horizon_rad) > 0.2,
        abs(path.rx_horizon_rad) > 0.2,
        path.tx_horizon_m < 0.1 * smooth_tx,
        path.rx_horizon_m < 0.1 * smooth_rx,
        path.tx_horizon_m > 3.0 * smooth_tx,
        path.rx_horizon_m > 3.0 * smooth_rx,
        any(abs(z) > 3.1 for z in (shares.z_time, shares.z_place, shares.z_situation)),
        path.refractivity < 250.0,
    )
    return tuple(name for name, is_raised in zip(WARNINGS, raised, strict=True) if is_raised)


def _terms(path: Geometry, setting: Setting, shares: Shares) -> ItmTerms:
    if not 150.0 <= path.refractivity <= 400.0:
        raise OutOfRangeError(
            "surface refractivity",
            path.refractivity,
            150.0,
            400.0,
            source=SOURCE,
            hint="it follows from n0 and the height of the terrain; check both",
        )
    reference_db, regime = reference_attenuation(path, setting)
    spread_db = spread_loss_db(reference_db, path, setting.freq_mhz, shares)
    free = free_space_db(path.distance_m, setting.freq_mhz)
    return ItmTerms(
        basic_transmission_loss_db=spread_db + free,
        free_space_db=free,
        reference_attenuation_db=reference_db,
        regime=_REGIMES[regime - 1],
        distance_m=path.distance_m,
        tx_horizon_rad=path.tx_horizon_rad,
        rx_horizon_rad=path.rx_horizon_rad,
        tx_horizon_m=path.tx_horizon_m,
        rx_horizon_m=path.rx_horizon_m,
        tx_effective_height_m=path.tx_effective_m,
        rx_effective_height_m=path.rx_effective_m,
        surface_refractivity=path.refractivity,
        effective_earth_radius_m=1.0 / path.curvature,
        terrain_irregularity_m=path.irregularity_m,
        warnings=_flags(path, setting, shares),
    )


def _checked_shares(
    climate: str,
    mode: str,
    places_count: bool,
    situations_count: bool,
    **percents: float,
) -> Shares:
    for name, value in percents.items():
        if not 0.0 < value < 100.0:
            hint = "0 and 100 are never reached"
            raise OutOfRangeError(name, value, 0.0, 100.0, source=SOURCE, hint=hint)
    time, place, situation = percents.values()
    which = index_of("mode", mode, MODES)
    deviates = mode_deviates(which, float(time), float(place), float(situation))
    return Shares(
        index_of("climate", climate, CLIMATES), which, places_count, situations_count, *deviates
    )


def _checked_profile(distance_m: ArrayLike, terrain_amsl_m: ArrayLike) -> tuple[float, FloatArray]:
    """Return step and heights."""
    distance = np.asarray(distance_m, dtype=np.float64)
    height = np.ascontiguousarray(terrain_amsl_m, dtype=np.float64)
    if distance.ndim != 1 or distance.shape != height.shape or distance.size < 2:
        raise InvalidInputError(
            f"distance_m and terrain_amsl_m have shapes {distance.shape} and {height.shape}, "
            "wanted two rows of one length, at least 2"
        )
    if not (np.isfinite(distance).all() and np.isfinite(height).all()):
        raise InvalidInputError(
            "the profile has missing values, wanted finite metres: fill the void in the elevation"
        )
    step_m = float(distance[-1]) / (distance.size - 1)
    uneven = np.abs(distance - step_m * np.arange(distance.size))
    if not step_m > 0.0 or uneven.max() > 1e-3 * step_m:
        raise InvalidInputError(
            "distance_m does not rise from 0 in equal steps, which ITM needs: read the profile "
            "again at equal steps, e.g. with path_profile"
        )
    return step_m, height


def point_to_point(
    distance_m: ArrayLike,
    terrain_amsl_m: ArrayLike,
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    n0: float,
    climate: str = "continental_temperate",
    conductivity_s_m: float = AVERAGE_CONDUCTIVITY_S_M,
    permittivity: float = AVERAGE_PERMITTIVITY,
    polarization: str = "vertical",
    time_percent: float = 50.0,
    location_percent: float = 50.0,
    situation_percent: float = 50.0,
    mode: str = "broadcast",
    places_count: bool = True,
    situations_count: bool = True,
) -> ItmTerms:
    """Return the loss over a terrain profile, with every intermediate.

    Parameters
    ----------
    distance_m : shape (n,), n >= 2
        From the transmitter, equal steps from 0 [m].
    terrain_amsl_m : shape (n,)
        Ground above sea level [m]. ITM knows no clutter: buildings and trees are not in it.
    freq_mhz : float
        20..20000 [MHz].
    tx_height_agl_m, rx_height_agl_m : float
        Above ground, 0.5..3000 [m].
    n0 : float
        Refractivity at sea level, 250..400 [N-units].
    climate : str
        One of `lensong.propagation.itm_variability.CLIMATES`.
    conductivity_s_m, permittivity : float
        Of the ground, [S/m] and relative; the defaults are average ground.
    polarization : {"vertical", "horizontal"}
    time_percent, location_percent, situation_percent : float
        Shares of time, places and situations in which the loss is not exceeded, between 0 and
        100 [%]. Their meaning depends on ``mode``. What ITM elsewhere calls reliability and
        confidence are ``time_percent`` and ``situation_percent``.
    mode : str
        One of `MODES`.
    places_count, situations_count : bool
        False leaves that variability out (ITM's ``mdvar`` + 10, + 20).

    Returns
    -------
    ItmTerms

    Raises
    ------
    OutOfRangeError
        When a number is outside its range, or the terrain so high that the surface refractivity
        leaves 150..400.
    InvalidInputError
        For an unknown name or a profile that is not in equal steps.

    Notes
    -----
    ITM is meant for 1 to 2000 km; nearer paths get a value and a warning.

    Examples
    --------
    >>> import numpy as np
    >>> terms = point_to_point(np.arange(0.0, 20_001.0, 100.0), np.full(201, 600.0),
    ...     freq_mhz=800.0, tx_height_agl_m=30.0, rx_height_agl_m=1.5, n0=301.0)
    >>> terms.regime, terms.warnings
    ('line_of_sight', ())

    References
    ----------
    .. [1] G. A. Hufford, "The ITS Irregular Terrain Model, version 1.2.2: The Algorithm", NTIA.
    .. [2] A. G. Longley, P. L. Rice, "Prediction of tropospheric radio transmission loss over
       irregular terrain, a computer method", ESSA Technical Report ERL 79-ITS 67, 1968.
    """
    step_m, height = _checked_profile(distance_m, terrain_amsl_m)
    setting = checked_setting(
        freq_mhz=freq_mhz,
        tx_height_agl_m=tx_height_agl_m,
        rx_height_agl_m=rx_height_agl_m,
        conductivity_s_m=conductivity_s_m,
        permittivity=permittivity,
        polarization=polarization,
        known_profile=True,
    )
    shares = _checked_shares(
        climate,
        mode,
        places_count,
        situations_count,
        time_percent=time_percent,
        location_percent=location_percent,
        situation_percent=situation_percent,
    )
    path = profile_geometry(height, step_m, checked_n0(n0), setting)
    return _terms(path, setting, shares)


def area(
    distance_m: float,
    *,
    terrain_irregularity_m: float,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    n0: float,
    tx_siting: str = "random",
    rx_siting: str = "random",
    climate: str = "continental_temperate",
    conductivity_s_m: float = AVERAGE_CONDUCTIVITY_S_M,
    permittivity: float = AVERAGE_PERMITTIVITY,
    polarization: str = "vertical",
    time_percent: float = 50.0,
    location_percent: float = 50.0,
    situation_percent: float = 50.0,
    mode: str = "broadcast",
    places_count: bool = True,
    situations_count: bool = True,
) -> ItmTerms:
    """Return the loss at a distance over terrain of a given irregularity, without a profile.

    Parameters
    ----------
    distance_m : float
        Above 0 [m].
    terrain_irregularity_m : float
        Interdecile range of heights, 0 or more [m]: about 0 over water, 30 over plains, 90 over
        hills, 200 in mountains, 500 in rugged mountains.
    tx_siting, rx_siting : {"random", "careful", "very_careful"}
        How well the places were chosen.
    freq_mhz, tx_height_agl_m, rx_height_agl_m, n0, climate, conductivity_s_m, permittivity, \
polarization, time_percent, location_percent, situation_percent, mode, places_count, \
situations_count
        As for `point_to_point`. ``n0`` is taken for the surface.

    Returns
    -------
    ItmTerms

    Raises
    ------
    OutOfRangeError, InvalidInputError
        As for `point_to_point`.

    Examples
    --------
    >>> terms = area(50_000.0, terrain_irregularity_m=90.0, freq_mhz=800.0, tx_height_agl_m=30.0,
    ...     rx_height_agl_m=1.5, n0=301.0)
    >>> terms.regime
    'diffraction'
    """
    if not (isfinite(distance_m) and distance_m > 0.0):
        raise InvalidInputError(f"distance_m is {distance_m}, wanted a length above 0 m")
    rough_m = checked("terrain_irregularity_m", terrain_irregularity_m, 0.0, 10_000.0)
    setting = checked_setting(
        freq_mhz=freq_mhz,
        tx_height_agl_m=tx_height_agl_m,
        rx_height_agl_m=rx_height_agl_m,
        conductivity_s_m=conductivity_s_m,
        permittivity=permittivity,
        polarization=polarization,
        known_profile=False,
    )
    shares = _checked_shares(
        climate,
        mode,
        places_count,
        situations_count,
        time_percent=time_percent,
        location_percent=location_percent,
        situation_percent=situation_percent,
    )
    siting = (index_of("tx_siting", tx_siting, SITING), index_of("rx_siting", rx_siting, SITING))
    path = area_geometry(distance_m, checked_n0(n0), rough_m, siting, setting)
    return _terms(path, setting, shares)


# Any: the keywords of `area`, which checks them
def area_loss_db(distance_m: ArrayLike, **settings: Any) -> FloatArray:
    """Return the basic transmission loss at many distances, as `area` gives it for each.

    Parameters
    ----------
    distance_m : shape (...)
        Above 0 [m]. NaN passes through.
    **settings
        As for `area`.

    Returns
    -------
    shape (...)
        Loss [dB].
    """
    distance = np.asarray(distance_m, dtype=np.float64)
    loss = np.full(distance.shape, np.nan)
    for at in np.ndindex(distance.shape):
        if not np.isnan(distance[at]):
            loss[at] = area(float(distance[at]), **settings).basic_transmission_loss_db
    return loss


def _over_profile(profile: PathProfile, link: Link, climate: Climate) -> float:
    """Return the loss over average ground in a continental temperate climate."""
    return point_to_point(
        profile.distance_m,
        profile.terrain_amsl_m,
        freq_mhz=link.freq_mhz,
        tx_height_agl_m=link.tx_height_agl_m,
        rx_height_agl_m=link.rx_height_agl_m,
        n0=climate.n0,
        polarization="horizontal" if link.horizontal else "vertical",
        time_percent=climate.time_percent,
    ).basic_transmission_loss_db


MODELS = (
    Model(
        name="itm",
        title="Longley-Rice over a terrain profile or an area, without clutter",
        kind="path",
        freq_mhz=(20.0, 20_000.0),
        distance_m=(1000.0, 2_000_000.0),
        tx_height_m=(0.5, 3000.0),
        rx_height_m=(0.5, 3000.0),
        source="NTIA Irregular Terrain Model 1.4",
        function=point_to_point,
        over_profile=_over_profile,
        draw=draw,
        radials_per_cell=1.5,
        own_samples=8,
        instead="itu_r_p1812 where clutter counts and nearer than 1 km; itu_r_p452 above 20 GHz",
    ),
)
