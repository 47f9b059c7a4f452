"""The sun on panels behind a horizon, against pvlib."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pvlib
import pytest

from lensong.coverage.siting.feeding_settings import SolarSettings
from lensong.coverage.siting.solar import panel_of, size_solar
from lensong.coverage.siting.sun import DAYS_OF_MONTH, Panel, panel_year, sun_position
from lensong.propagation.errors import ConfigError, OutOfRangeError
from lensong.propagation.horizon import Horizon
from lensong.propagation.types import FloatArray, IntArray

LEVEL = np.array([3.6, 4.2, 4.6, 5.2, 5.3, 4.7, 4.6, 4.7, 4.6, 4.1, 3.7, 3.5])
AZIMUTH_DEG = np.arange(720) / 2.0
LAT_DEG, LON_DEG = 22.4, 103.5

# pvlib asks pandas for what pandas is to give up
pytestmark = pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofyear")


def horizon_of(elevation_deg: FloatArray, could_be_deg: float = -np.inf) -> Horizon:
    size = elevation_deg.size
    return Horizon(
        elevation_deg=elevation_deg,
        distance_m=np.full(size, 1000.0),
        known_m=np.full(size, np.inf),
        could_be_deg=np.full(size, could_be_deg),
    )


OPEN = horizon_of(np.zeros(720))
GORGE = horizon_of(np.maximum(8.0, 45.0 * np.abs(np.sin(np.radians(AZIMUTH_DEG)))))
SOUTH_WALL = horizon_of(np.where((AZIMUTH_DEG > 110.0) & (AZIMUTH_DEG < 250.0), 52.0, 5.0))


STEP_MINUTES = 4.0


def daily(power: FloatArray, month: IntArray) -> FloatArray:
    sums = np.bincount(month, weights=power, minlength=12)
    return np.asarray(sums * STEP_MINUTES / 60.0 / np.array(DAYS_OF_MONTH))


@cache
def light() -> tuple[pd.DataFrame, pd.DataFrame, IntArray]:
    """Return where pvlib has the sun, its light on a level place, and the months."""
    times = pd.date_range("2022-01-01", "2023-01-01", freq="4min", tz="Etc/GMT-7", inclusive="left")
    sun = pvlib.solarposition.get_solarposition(times + pd.Timedelta("2min"), LAT_DEG, LON_DEG)
    month = times.month.to_numpy() - 1
    clear = pvlib.clearsky.haurwitz(sun["zenith"])["ghi"].to_numpy()
    level = clear * (1000.0 * LEVEL / daily(clear, month))[month]
    return sun, pvlib.irradiance.erbs(level, sun["zenith"].to_numpy(), times), month


def by_pvlib(panel: Panel, horizon: Horizon) -> FloatArray:
    """Return what falls on a panel a mean day of each month [Wh/m2]."""
    sun, parts, month = light()
    zenith, azimuth = sun["zenith"].to_numpy(), sun["azimuth"].to_numpy()
    rim = np.interp(
        azimuth, np.append(AZIMUTH_DEG, 360.0),
        np.append(horizon.elevation_deg, horizon.elevation_deg[0]),
    )  # fmt: skip
    direct = np.where(sun["elevation"] > rim, parts["dni"], 0.0)
    diffuse = parts["dhi"] * np.mean(np.cos(np.radians(horizon.elevation_deg)) ** 2)
    whole = direct * np.cos(np.radians(zenith)).clip(0.0) + diffuse
    on_panel = pvlib.irradiance.get_total_irradiance(
        panel.tilt_deg, panel.azimuth_deg, zenith, azimuth, direct, whole, diffuse,
        albedo=panel.albedo, model="isotropic",
    )["poa_global"]  # fmt: skip
    return daily(np.asarray(on_panel), month)


@pytest.mark.parametrize("horizon", [OPEN, GORGE, SOUTH_WALL], ids=["open", "gorge", "south"])
def test_energy_behind_a_horizon_is_that_of_pvlib(horizon: Horizon) -> None:
    panel = Panel(tilt_deg=22.0, azimuth_deg=180.0)
    ours = panel_year(LAT_DEG, LON_DEG, LEVEL, panel, horizon).daily_wh_per_m2
    np.testing.assert_allclose(ours, by_pvlib(panel, horizon), rtol=0.01)


def test_the_sun_stands_where_pvlib_has_it() -> None:
    times = pd.date_range("2022-01-01", "2023-01-01", freq="67min", tz="UTC", inclusive="left")
    days = np.arange(len(times), dtype=np.float64) * (67.0 / 1440.0)
    for lat_deg, lon_deg in ((22.4, 103.5), (-35.0, -70.0), (66.0, 10.0)):
        there = pvlib.solarposition.get_solarposition(times, lat_deg, lon_deg)
        elevation, azimuth, factor = sun_position(lat_deg, lon_deg, days)
        up = there["elevation"].to_numpy() > 0.0
        assert np.abs(elevation - there["elevation"])[up].max() < 0.03
        turn = (azimuth - there["azimuth"].to_numpy() + 180.0) % 360.0 - 180.0
        assert np.abs(turn * np.cos(np.radians(elevation)))[up].max() < 0.03
        extra = pvlib.irradiance.get_extra_radiation(times, solar_constant=1.0)
        np.testing.assert_allclose(factor, extra, rtol=1e-9)


def solar(**more: object) -> SolarSettings:
    given: dict[str, object] = {"load_w": 500.0, "level_kwh_per_m2_day": tuple(LEVEL)} | more
    return SolarSettings(**given)  # type: ignore[arg-type]  # of each key


def test_panels_bring_what_the_load_takes_in_the_worst_month() -> None:
    size = size_solar(solar(), OPEN, lat_deg=22.4, lon_deg=103.5)
    year = panel_year(22.4, 103.5, LEVEL, panel_of(solar(), 22.4), OPEN)
    month = int(np.argmin(year.daily_wh_per_m2))
    assert size.worst_month == month + 1
    brings_wh = size.panel_w * year.daily_wh_per_m2[month] / 1000.0 * 0.7
    assert brings_wh == pytest.approx(1.2 * 24.0 * 500.0)
    assert size.battery_wh == pytest.approx(3.0 * 24.0 * 500.0 / 0.8)
    assert size.shadow_loss_percent == pytest.approx(0.0, abs=1e-5)


def test_a_mountain_before_the_sun_costs_panels_and_without_sun_there_are_none() -> None:
    free = size_solar(solar(), OPEN, lat_deg=22.4, lon_deg=103.5)
    behind = size_solar(solar(), SOUTH_WALL, lat_deg=22.4, lon_deg=103.5)
    assert behind.panel_w > 1.5 * free.panel_w
    assert behind.shadow_loss_percent > 20.0
    pit = size_solar(solar(), horizon_of(np.full(720, 90.0)), lat_deg=22.4, lon_deg=103.5)
    assert pit.panel_w > 1e6
    unknown = size_solar(
        solar(), horizon_of(np.zeros(720), could_be_deg=10.0), lat_deg=22.4, lon_deg=103.5
    )
    assert unknown.unknown_share == pytest.approx(1.0)


def test_panels_look_to_the_equator_and_are_never_level() -> None:
    assert panel_of(solar(), 22.4) == Panel(tilt_deg=22.4, azimuth_deg=180.0)
    assert panel_of(solar(), -3.0) == Panel(tilt_deg=10.0, azimuth_deg=0.0)
    assert panel_of(solar(tilt_deg=5.0, azimuth_deg=90.0), 22.4).azimuth_deg == 90.0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="wanted 12 numbers"):
        solar(level_kwh_per_m2_day=(4.0, 5.0))
    with pytest.raises(ConfigError, match="divide sums of a month"):
        solar(level_kwh_per_m2_day=(120.0,) * 12)
    with pytest.raises(OutOfRangeError, match=r"siting\.solar\.load_w"):
        solar(load_w=0.0)
    with pytest.raises(OutOfRangeError, match="tilt_deg"):
        Panel(tilt_deg=91.0, azimuth_deg=0.0)
