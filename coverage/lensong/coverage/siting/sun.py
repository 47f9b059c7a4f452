"""Where the sun stands, and what it brings a tilted panel behind a horizon."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.horizon import Horizon
from lensong.propagation.types import BoolArray, FloatArray, IntArray

__all__ = ["DAYS_OF_MONTH", "Panel", "PanelYear", "panel_year", "sun_position"]

DAYS_OF_MONTH = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

SOLAR_CONSTANT_W_M2 = 1361.0
"""Total solar irradiance at the mean distance: G. Kopp, J. L. Lean, GRL 38, L01706, 2011."""

_YEAR_BEGINS = 2_459_580.5  # Julian date of 1 January 2022 0 h, a year of 365 days
_LEAST_COS_ZENITH = 0.065  # as in pvlib: the clearness of a sun on the horizon has no meaning
_LOWEST_SUN_DEG = 3.0  # of direct radiation, as in pvlib


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """How panels stand.

    Parameters
    ----------
    tilt_deg : float
        From level, 0 to 90 [deg].
    azimuth_deg : float
        Where they look, clockwise from north [deg].
    albedo : float
        Share of light that the ground throws back, 0 to 1.
    """

    tilt_deg: float
    azimuth_deg: float
    albedo: float = 0.2

    def __post_init__(self) -> None:
        for name, high in (("tilt_deg", 90.0), ("azimuth_deg", 360.0), ("albedo", 1.0)):
            if not 0.0 <= getattr(self, name) <= high:
                raise OutOfRangeError(name, getattr(self, name), 0.0, high)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelYear:
    """What falls on a panel.

    Parameters
    ----------
    daily_wh_per_m2 : shape (12,)
        On a mean day of each month, behind the horizon [Wh/m2].
    open_daily_wh_per_m2 : shape (12,)
        The same under an open sky [Wh/m2].
    """

    daily_wh_per_m2: FloatArray
    open_daily_wh_per_m2: FloatArray

    @property
    def shadow_loss_percent(self) -> float:
        """Return how much of the year the mountains take [%]."""
        days = np.array(DAYS_OF_MONTH)
        whole = float(days @ self.open_daily_wh_per_m2)
        return 100.0 * (1.0 - float(days @ self.daily_wh_per_m2) / whole) if whole > 0.0 else 0.0


def sun_position(
    lat_deg: float, lon_deg: float, days: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return elevation, azimuth and the distance factor of the sun.

    Parameters
    ----------
    lat_deg, lon_deg : float
        WGS 84 [deg].
    days : shape (n,)
        Since 1 January 2022 0 h universal time.

    Returns
    -------
    elevation_deg, azimuth_deg : shape (n,)
        Without refraction; clockwise from north [deg].
    distance_factor : shape (n,)
        Irradiance outside the air over its mean, 1 at the mean distance.

    References
    ----------
    .. [1] J. J. Michalsky, "The Astronomical Almanac's algorithm for approximate solar position",
       Solar Energy 40(3), 1988, pp. 227-235: within 0.01 degrees until 2050.
    .. [2] J. W. Spencer, "Fourier series representation of the position of the sun", Search 2(5),
       1971: the distance factor.
    """
    n = _YEAR_BEGINS + days - 2_451_545.0
    mean_long = np.radians((280.460 + 0.9856474 * n) % 360.0)
    anomaly = np.radians((357.528 + 0.9856003 * n) % 360.0)
    ecliptic = mean_long + np.radians(1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly))
    oblique = np.radians(23.439 - 0.0000004 * n)
    ascension = np.arctan2(np.cos(oblique) * np.sin(ecliptic), np.cos(ecliptic))
    declination = np.arcsin(np.sin(oblique) * np.sin(ecliptic))
    sidereal_h = 6.697375 + 0.0657098242 * n + 24.0 * (days % 1.0)
    hour = np.radians(15.0 * sidereal_h + lon_deg) - ascension
    lat = np.radians(lat_deg)
    up = np.sin(declination) * np.sin(lat) + np.cos(declination) * np.cos(lat) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.sin(declination) * np.cos(lat) - np.cos(declination) * np.sin(lat) * np.cos(hour)
    b = 2.0 * np.pi * (np.floor(days) % 365.0) / 365.0
    factor = 1.00011 + 0.034221 * np.cos(b) + 0.00128 * np.sin(b)
    factor += 0.000719 * np.cos(2.0 * b) + 0.000077 * np.sin(2.0 * b)
    return (
        np.degrees(np.arcsin(np.clip(up, -1.0, 1.0))),
        np.degrees(np.arctan2(east, north)) % 360.0,
        factor,
    )


def panel_year(
    lat_deg: float,
    lon_deg: float,
    level_kwh_per_m2_day: FloatArray,
    panel: Panel,
    horizon: Horizon,
    *,
    step_minutes: float = 10.0,
) -> PanelYear:
    """Return what falls on a panel in a year whose months bring known energy to a level place.

    Parameters
    ----------
    lat_deg, lon_deg : float
        WGS 84 [deg].
    level_kwh_per_m2_day : shape (12,)
        Global irradiation of a level place under an open sky, mean day of each month [kWh/m2].
    panel : Panel
    horizon : Horizon
        Azimuths from true north.
    step_minutes : float

    Notes
    -----
    Days of a month are alike: the clear sky of Haurwitz [1]_ is scaled to the month's energy, and
    split into direct and diffuse light by Erbs [2]_. Direct light falls on the panel while the sun
    stands above the horizon; diffuse light comes evenly from the sky [3]_ and loses the share that
    mountains hide from a level place. Bright and dull days are not told apart, so direct light,
    and the shadow with it, is a little less than it is.

    References
    ----------
    .. [1] B. Haurwitz, "Insolation in relation to cloudiness and cloud density", Journal of
       Meteorology 2(3), 1945: 1098 cos z exp(-0.057 / cos z).
    .. [2] D. G. Erbs, S. A. Klein, J. A. Duffie, "Estimation of the diffuse radiation fraction for
       hourly, daily and monthly-average global radiation", Solar Energy 28(4), 1982, eq. (1).
    .. [3] B. Y. H. Liu, R. C. Jordan, "The long-term average performance of flat-plate solar-energy
       collectors", Solar Energy 7(2), 1963: the isotropic sky.
    """
    days = (np.arange(0.0, 365.0 * 1440.0, step_minutes) + 0.5 * step_minutes) / 1440.0
    local = days - lon_deg / 360.0  # a month begins at the place's own midnight
    elevation, azimuth, factor = sun_position(lat_deg, lon_deg, local)
    month = np.repeat(np.arange(12), DAYS_OF_MONTH)[np.minimum(days.astype(np.int64), 364)]
    cos_zenith = np.sin(np.radians(elevation))
    up = cos_zenith > 0.0
    clear = np.where(up, 1098.0 * cos_zenith * np.exp(-0.057 / np.where(up, cos_zenith, 1.0)), 0.0)
    per_day = _daily(clear, month, step_minutes)
    scale = np.divide(1000.0 * level_kwh_per_m2_day, per_day, out=np.zeros(12), where=per_day > 0.0)
    level = clear * scale[month]
    diffuse = _diffuse(level, cos_zenith, factor)
    low = elevation < _LOWEST_SUN_DEG
    direct = np.where(low, 0.0, (level - diffuse) / np.maximum(cos_zenith, _LEAST_COS_ZENITH))
    diffuse = np.where(low, level, diffuse)
    tilt = np.radians(panel.tilt_deg)
    facing = np.cos(tilt) * cos_zenith + np.sin(tilt) * np.cos(np.radians(elevation)) * np.cos(
        np.radians(azimuth - panel.azimuth_deg)
    )
    on_panel = direct * np.maximum(facing, 0.0)
    sky, ground = 0.5 * (1.0 + np.cos(tilt)), 0.5 * panel.albedo * (1.0 - np.cos(tilt))
    seen: BoolArray = elevation > horizon.at(azimuth)
    open_sky = float(np.mean(np.cos(np.radians(np.maximum(horizon.elevation_deg, 0.0))) ** 2))
    behind = np.where(seen, on_panel, 0.0) + diffuse * open_sky * sky
    behind += ground * (np.where(seen, direct * cos_zenith, 0.0) + diffuse * open_sky)
    return PanelYear(
        daily_wh_per_m2=_daily(behind, month, step_minutes),
        open_daily_wh_per_m2=_daily(on_panel + diffuse * sky + ground * level, month, step_minutes),
    )


def _daily(power_w: FloatArray, month: IntArray, step_minutes: float) -> FloatArray:
    """Return the energy of a mean day of every month [Wh]."""
    energy = np.bincount(month, weights=power_w, minlength=12) * step_minutes / 60.0
    return np.asarray(energy / np.array(DAYS_OF_MONTH), dtype=np.float64)


def _diffuse(level: FloatArray, cos_zenith: FloatArray, factor: FloatArray) -> FloatArray:
    """Return the diffuse part of what falls on a level place, Erbs eq. (1) [W/m2]."""
    outside = SOLAR_CONSTANT_W_M2 * factor * np.maximum(cos_zenith, _LEAST_COS_ZENITH)
    kt = np.clip(level / outside, 0.0, 1.0)
    share = np.where(
        kt <= 0.22,
        1.0 - 0.09 * kt,
        0.9511 - 0.1604 * kt + 4.388 * kt**2 - 16.638 * kt**3 + 12.336 * kt**4,
    )
    return np.asarray(np.where(kt > 0.8, 0.165, share) * level)
