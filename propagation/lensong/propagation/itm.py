"""ITM (Longley-Rice) for one path: basic transmission loss with every intermediate.

`point_to_point` reads a terrain profile; `area` knows only how irregular the terrain is. The
map engine (`lensong.propagation.itm_sweep`) shares every closed form with both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from lensong.propagation.errors import InvalidInputError, OutOfRangeError
from lensong.propagation.itm_profile import area_geometry, profile_geometry
from lensong.propagation.itm_terms import (
    Geometry,
    Setting,
    free_space_db,
    reference_attenuation,
    smooth_horizon_m,
    surface_impedance,
)
from lensong.propagation.itm_variability import CLIMATES, mode_deviates, spread_loss_db
from lensong.propagation.types import FloatArray

__all__ = ["MODES", "SITING", "WARNINGS", "ItmTerms", "area", "point_to_point"]

SOURCE = "NTIA ITM 1.4"

MODES = ("single_message", "accidental", "mobile", "broadcast")
"""What the shares mean, in the order of ITM's ``mdvar``:

- ``single_message``: one attempt; only ``situation_percent`` counts and stands for all three.
- ``accidental``: time and situation count, places go with the situation.
- ``mobile``: time and situation count, places go with the time.
- ``broadcast``: all three count, each by itself.
"""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shares:
    climate: int
    mode: int
    places_count: bool
    situations_count: bool
    percents: tuple[float, float, float]

    def deviates(self) -> tuple[float, float, float]:
        time, place, situation = mode_deviates(self.mode, *self.percents)
        return time, place, situation


def _flags(path: Geometry, setting: Setting, shares: _Shares) -> tuple[str, ...]:
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
        any(abs(z) > 3.1 for z in shares.deviates()),
        path.refractivity < 250.0,
    )
    return tuple(name for name, is_raised in zip(WARNINGS, raised, strict=True) if is_raised)


def _terms(path: Geometry, setting: Setting, shares: _Shares) -> ItmTerms:
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
    spread_db = spread_loss_db(
        reference_db,
        path.distance_m,
        setting.freq_mhz,
        path.irregularity_m,
        path.tx_effective_m,
        path.rx_effective_m,
        shares.climate,
        shares.mode,
        shares.places_count,
        shares.situations_count,
        *shares.deviates(),
    )
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


def _checked(name: str, value: float, low: float, high: float, hint: str = "") -> float:
    if not low <= value <= high:
        raise OutOfRangeError(name, value, low, high, source=SOURCE, hint=hint)
    return float(value)


def _index(name: str, value: str, known: Sequence[str]) -> int:
    if value not in known:
        raise InvalidInputError(f"{name} is {value!r}, wanted one of {', '.join(known)}")
    return known.index(value)


def checked_setting(
    *,
    freq_mhz: float,
    tx_height_agl_m: float,
    rx_height_agl_m: float,
    conductivity_s_m: float,
    permittivity: float,
    polarization: str,
    known_profile: bool,
) -> Setting:
    """Return what is constant over a map, or raise when it is outside of ITM's range."""
    freq_mhz = _checked(
        "freq_mhz", freq_mhz, 20.0, 20_000.0, "use itu_r_p452 up to 50 GHz, free_space beyond"
    )
    hint = "heights are above ground; free_space serves aircraft and satellites"
    tx_agl_m = _checked("tx_height_agl_m", tx_height_agl_m, 0.5, 3000.0, hint)
    rx_agl_m = _checked("rx_height_agl_m", rx_height_agl_m, 0.5, 3000.0, hint)
    _checked("permittivity", permittivity, 1.1, 1000.0, "relative; average ground has 15")
    _checked("conductivity_s_m", conductivity_s_m, 1e-9, 1e3, "average ground has 0.005 S/m")
    vertical = _index("polarization", polarization, ("horizontal", "vertical")) == 1
    impedance = surface_impedance(freq_mhz, float(permittivity), float(conductivity_s_m), vertical)
    return Setting(freq_mhz, impedance, tx_agl_m, rx_agl_m, known_profile)


def checked_n0(n0: float) -> float:
    """Return the refractivity at sea level, or raise when it is outside of ITM's range."""
    return _checked("n0", n0, 250.0, 400.0, "refractivity at sea level; 301 is typical")


def _checked_shares(
    climate: str,
    mode: str,
    places_count: bool,
    situations_count: bool,
    **percents: float,
) -> _Shares:
    for name, value in percents.items():
        if not 0.0 < value < 100.0:
            hint = "0 and 100 are never reached"
            raise OutOfRangeError(name, value, 0.0, 100.0, source=SOURCE, hint=hint)
    time, place, situation = percents.values()
    return _Shares(
        climate=_index("climate", climate, CLIMATES),
        mode=_index("mode", mode, MODES),
        places_count=places_count,
        situations_count=situations_count,
        percents=(float(time), float(place), float(situation)),
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
    conductivity_s_m: float = 0.005,
    permittivity: float = 15.0,
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
    path = Geometry(*profile_geometry(height, step_m, checked_n0(n0), setting))
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
    conductivity_s_m: float = 0.005,
    permittivity: float = 15.0,
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
    rough_m = _checked("terrain_irregularity_m", terrain_irregularity_m, 0.0, 10_000.0)
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
    siting = (_index("tx_siting", tx_siting, SITING), _index("rx_siting", rx_siting, SITING))
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
