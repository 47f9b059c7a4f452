"""Panels and battery of a mast without grid, in the shadow of its mountains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lensong.coverage.siting.feeding_settings import SolarSettings
from lensong.coverage.siting.sun import Panel, panel_year, sun_position
from lensong.propagation.horizon import Horizon

__all__ = ["LEAST_TILT_DEG", "SolarSize", "panel_of", "size_solar"]

LEAST_TILT_DEG = 10.0
"""Of panels whose tilt is left open, so that rain runs off and cleans them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SolarSize:
    """What a mast needs to run from the sun.

    Parameters
    ----------
    load_w : float
        Mean power of the mast [W].
    panel_w, battery_wh : float
        Panels at standard test conditions [W] and battery [Wh]; panels are ``inf`` where the worst
        month has no sun.
    worst_month : int
        1..12, which decides the panels.
    worst_yield_wh_per_w : float
        What a watt of panels brings a mean day of that month, after all losses [Wh].
    shadow_loss_percent : float
        Of the year's energy, lost behind mountains [%].
    unknown_share : float
        Of the azimuths of the sun in which mountains beyond the elevation that was read may stand
        before it, 0..1.
    """

    load_w: float
    panel_w: float
    battery_wh: float
    worst_month: int
    worst_yield_wh_per_w: float
    shadow_loss_percent: float
    unknown_share: float


def panel_of(settings: SolarSettings, lat_deg: float) -> Panel:
    """Return how the panels of a place stand."""
    tilt = settings.tilt_deg
    if tilt is None:
        tilt = max(LEAST_TILT_DEG, min(abs(lat_deg), 90.0))
    azimuth = settings.azimuth_deg
    if azimuth is None:
        azimuth = 180.0 if lat_deg >= 0.0 else 0.0
    return Panel(tilt_deg=tilt, azimuth_deg=azimuth)


def size_solar(
    settings: SolarSettings, horizon: Horizon, *, lat_deg: float, lon_deg: float
) -> SolarSize:
    """Return the panels and the battery with which a mast runs the year round.

    Parameters
    ----------
    settings : SolarSettings
    horizon : Horizon
        Azimuths from true north.
    lat_deg, lon_deg : float
        WGS 84 [deg].

    Notes
    -----
    The month whose mean day brings least decides: panels bring ``array_to_load`` times the load's
    energy then, and the battery alone carries the load for ``autonomy_days``, the two numbers by
    which stand-alone systems are sized (IEEE Std 1562).
    """
    level = np.array(settings.level_kwh_per_m2_day, dtype=np.float64)
    year = panel_year(lat_deg, lon_deg, level, panel_of(settings, lat_deg), horizon)
    yields = year.daily_wh_per_m2 / 1000.0 * settings.performance_ratio  # rated at 1000 W/m2
    worst = int(np.argmin(yields))
    day_wh = 24.0 * settings.load_w
    panel_w = np.inf
    if yields[worst] > 0.0:
        panel_w = day_wh * settings.array_to_load / float(yields[worst])
    return SolarSize(
        load_w=settings.load_w,
        panel_w=panel_w,
        battery_wh=day_wh * settings.autonomy_days / settings.depth_of_discharge,
        worst_month=worst + 1,
        worst_yield_wh_per_w=float(yields[worst]),
        shadow_loss_percent=year.shadow_loss_percent,
        unknown_share=_unknown(horizon, lat_deg, lon_deg),
    )


def _unknown(horizon: Horizon, lat_deg: float, lon_deg: float) -> float:
    """Return in which share of the sun's azimuths it may be hidden by what is not known."""
    size = horizon.elevation_deg.size
    elevation, azimuth, _ = sun_position(lat_deg, lon_deg, np.arange(0.0, 365.0, 1.0 / 96.0))
    highest = np.full(size, -90.0)
    np.maximum.at(highest, np.rint(azimuth * size / 360.0).astype(np.int64) % size, elevation)
    sunny = highest > np.maximum(horizon.elevation_deg, 0.0)
    return float(horizon.cut(0.0)[sunny].mean()) if sunny.any() else 0.0
