"""Satellites of a shell against SGP4, and against what is known of circles."""

from __future__ import annotations

import numpy as np
import pytest
from sgp4.api import WGS72, Satrec, SatrecArray

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.types import BoolArray, FloatArray
from lensong.propagation.walker_shell import (
    MU_M3_PER_S2,
    TURN_RAD_PER_S,
    WalkerShell,
    passes_over,
    satellite_in_sight,
)

LAT_DEG, LON_DEG = 22.4, 103.5
STEP_S, STEPS = 20.0, 4320  # a day
AZIMUTH_DEG = np.arange(360.0)

FLAT = np.full(360, 25.0)
VALLEY = np.maximum(25.0, 55.0 * np.abs(np.sin(np.radians(AZIMUTH_DEG - 30.0))))
SOUTH_WALL = np.where((AZIMUTH_DEG > 90.0) & (AZIMUTH_DEG < 270.0), 60.0, 25.0)


@pytest.fixture(scope="module")
def shell() -> WalkerShell:
    """Return a shell of a seventh of the satellites of a real one, so that there are gaps."""
    return WalkerShell(altitude_m=550e3, inclination_deg=53.0, planes=10, per_plane=22, phasing=5)


@pytest.fixture(scope="module")
def by_sgp4(shell: WalkerShell) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return step, elevation and azimuth of every satellite above 20 degrees in a day."""
    node, along = shell.angles_rad()
    mean = 60.0 * float(np.sqrt(MU_M3_PER_S2 / shell.radius_m**3))
    satellites = []
    for a, u in zip(node.tolist(), along.tolist(), strict=True):
        one = Satrec()
        one.sgp4init(
            WGS72, "i", 1, 27_000.0, 0.0, 0.0, 0.0, 1e-6, 0.0,
            float(np.radians(shell.inclination_deg)), u, mean, a,
        )  # fmt: skip
        satellites.append(one)
    step = np.arange(STEPS)
    start = np.full(STEPS, 27_000.0 + 2_433_281.5)
    failed, place_km, _ = SatrecArray(satellites).sgp4(start, step * STEP_S / 86_400.0)
    assert not failed.any()
    turn = TURN_RAD_PER_S * step * STEP_S
    x = place_km[..., 0] * np.cos(turn) + place_km[..., 1] * np.sin(turn)
    y = place_km[..., 1] * np.cos(turn) - place_km[..., 0] * np.sin(turn)
    lat, lon = np.radians(LAT_DEG), np.radians(LON_DEG)
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    north = np.cross(up, east)
    across = 6378.137 / np.sqrt(1.0 - 0.00669438 * np.sin(lat) ** 2)
    station = across * up - np.array([0.0, 0.0, 0.00669438 * across * np.sin(lat)])
    ray = np.stack([x, y, place_km[..., 2]], axis=-1) - station
    elevation = np.degrees(np.arctan2(ray @ up, np.hypot(ray @ east, ray @ north)))
    azimuth = np.degrees(np.arctan2(ray @ east, ray @ north)) % 360.0
    near = elevation > 20.0
    return np.broadcast_to(step, near.shape)[near], elevation[near], azimuth[near]


def minutes(seen: BoolArray) -> float:
    return float(seen.sum()) * STEP_S / 60.0


@pytest.mark.parametrize("lowest", [FLAT, VALLEY, SOUTH_WALL], ids=["flat", "valley", "south"])
def test_minutes_in_sight_are_those_of_sgp4(
    shell: WalkerShell, by_sgp4: tuple[FloatArray, FloatArray, FloatArray], lowest: FloatArray
) -> None:
    step, elevation, azimuth = by_sgp4
    wanted = np.interp(azimuth, np.arange(361.0), np.append(lowest, lowest[0]))
    seen = np.zeros(STEPS, dtype=np.bool_)
    seen[step[elevation >= wanted].astype(np.int64)] = True
    passes = passes_over(
        shell, lat_deg=LAT_DEG, lon_deg=LON_DEG, lowest_deg=25.0, within_m=50e3, step_s=STEP_S
    )
    ours = satellite_in_sight(passes, lat_deg=LAT_DEG, lon_deg=LON_DEG, lowest_deg=lowest)
    assert 100.0 < minutes(seen) < 1400.0  # neither none nor all of the day
    assert minutes(ours) == pytest.approx(minutes(seen), rel=0.02)


def test_a_satellite_goes_round_and_its_node_drifts_as_the_flattening_has_it() -> None:
    shell = WalkerShell(altitude_m=550e3, inclination_deg=53.0, planes=72, per_plane=22, phasing=1)
    node, along = shell.rates_rad_per_s()
    assert 2.0 * np.pi / along / 60.0 == pytest.approx(95.65, abs=0.1)  # minutes a turn
    assert np.degrees(node) * 86_400.0 == pytest.approx(-4.49, abs=0.02)  # degrees a day


def test_places_of_an_area_share_the_passes() -> None:
    shell = WalkerShell(altitude_m=550e3, inclination_deg=53.0, planes=12, per_plane=22, phasing=1)
    wide = passes_over(
        shell, lat_deg=22.0, lon_deg=103.0, lowest_deg=30.0, within_m=120e3, step_s=60.0
    )
    own = passes_over(shell, lat_deg=22.6, lon_deg=103.8, lowest_deg=30.0, step_s=60.0)
    lowest = np.full(36, 30.0)
    here = {"lat_deg": 22.6, "lon_deg": 103.8, "lowest_deg": lowest}
    assert (satellite_in_sight(wide, **here) == satellite_in_sight(own, **here)).all()  # type: ignore[arg-type]
    assert satellite_in_sight(own, **here).any()  # type: ignore[arg-type]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="altitude_m"):
        WalkerShell(altitude_m=35_786e3, inclination_deg=5.0, planes=1, per_plane=3, phasing=0)
    with pytest.raises(OutOfRangeError, match="phasing"):
        WalkerShell(altitude_m=550e3, inclination_deg=5.0, planes=2, per_plane=3, phasing=2)
    shell = WalkerShell(altitude_m=550e3, inclination_deg=53.0, planes=2, per_plane=2, phasing=1)
    passes = passes_over(shell, lat_deg=22.0, lon_deg=103.0, lowest_deg=30.0, step_s=600.0)
    with pytest.raises(OutOfRangeError, match="lowest_deg"):
        satellite_in_sight(passes, lat_deg=22.0, lon_deg=103.0, lowest_deg=np.full(4, 20.0))
    with pytest.raises(OutOfRangeError, match="distance from the middle"):
        satellite_in_sight(passes, lat_deg=23.0, lon_deg=103.0, lowest_deg=np.full(4, 40.0))
