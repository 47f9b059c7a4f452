"""What every loss with a share keeps: at every share, not at the median alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.propagation.itm import area
from lensong.propagation.itm_setting import MODES
from lensong.propagation.p452 import basic_transmission_loss_db as p452_loss_db
from lensong.propagation.p530 import MicrowaveHop, rain_attenuation_db
from lensong.propagation.p1812 import PathProfile
from lensong.propagation.p1812 import basic_transmission_loss_db as p1812_loss_db
from lensong.propagation.p2108 import slant_clutter_loss_db, terrestrial_clutter_loss_db
from lensong.propagation.p2109 import building_entry_loss_db
from lensong.propagation.slant_clutter import down_looking_clutter_loss_db

SHARES = st.floats(0.01, 99.99)
KM = np.array([0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 20.0, 100.0]) * 1000.0


def test_terrestrial_clutter_is_the_lesser_of_here_and_2_km() -> None:
    # P.2108-1 section 3.2, last sentence: the lesser of the losses, not the loss at the lesser
    found = float(terrestrial_clutter_loss_db(1000.0, freq_mhz=3500.0, location_percent=99.9))
    assert found == pytest.approx(42.8, abs=0.05)


@given(percent=SHARES, freq=st.floats(500.0, 67_000.0))
def test_no_terrestrial_clutter_exceeds_that_at_2_km(percent: float, freq: float) -> None:
    loss = terrestrial_clutter_loss_db(KM, freq_mhz=freq, location_percent=percent)
    assert np.all(loss <= loss[KM == 2000.0] + 1e-12)


@pytest.mark.parametrize("percent", [1.0, 10.0, 50.0])
def test_terrestrial_clutter_grows_up_to_2_km_and_stays(percent: float) -> None:
    # at 90 and 99 % the formula's deviation falls faster with distance than its median grows
    km = np.geomspace(0.25, 100.0, 400)
    for freq in (500.0, 1800.0, 3500.0, 26_000.0, 67_000.0):
        loss = terrestrial_clutter_loss_db(km * 1e3, freq_mhz=freq, location_percent=percent)
        assert (np.diff(loss) >= -1e-12).all()
        assert (loss[km >= 2.0] == loss[-1]).all()


@pytest.mark.parametrize("percent", [1.0, 10.0, 50.0, 90.0, 99.0])
def test_slant_clutter_falls_with_elevation(percent: float) -> None:
    steeper = np.linspace(0.0, 60.0, 121)  # near the zenith the formula turns by up to 0.02 dB
    for freq in (10_000.0, 28_000.0, 67_000.0):
        slant = slant_clutter_loss_db(steeper, freq_mhz=freq, location_percent=percent)
        down = down_looking_clutter_loss_db(
            2000.0, steeper, freq_mhz=freq, location_percent=percent
        )
        assert (np.diff(slant) <= 1e-9).all()
        assert (np.diff(down) <= 1e-9).all()


@given(
    lower=SHARES,
    upper=SHARES,
    freq=st.floats(500.0, 67_000.0),
    elevation=st.floats(0.0, 90.0),
)
def test_more_places_never_lose_less(
    lower: float, upper: float, freq: float, elevation: float
) -> None:
    low, high = min(lower, upper), max(lower, upper)

    def losses(p: float) -> list[float]:
        found = (
            terrestrial_clutter_loss_db(KM, freq_mhz=freq, location_percent=p),
            slant_clutter_loss_db(elevation, freq_mhz=max(freq, 10_000.0), location_percent=p),
            building_entry_loss_db(freq, probability_percent=p, elevation_deg=elevation),
            down_looking_clutter_loss_db(KM, elevation, freq_mhz=freq, location_percent=p),
        )
        return [float(value) for loss in found for value in np.atleast_1d(loss)]

    for less, more in zip(losses(low), losses(high), strict=True):
        assert less <= more + 1e-9


@given(lower=st.floats(1.0, 50.0), upper=st.floats(1.0, 50.0), seed=st.integers(0, 1000))
def test_more_time_never_loses_less_over_a_profile(lower: float, upper: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    distance = np.arange(0.0, rng.uniform(2e3, 1e5), 500.0)
    ground = 500.0 + np.cumsum(rng.normal(0.0, 20.0, distance.size))
    profile = PathProfile.over_land(distance, ground)
    for model in (p1812_loss_db, p452_loss_db):
        low, high = (
            model(
                profile,
                freq_mhz=1800.0,
                tx_height_agl_m=30.0,
                rx_height_agl_m=1.5,
                tx_lat_deg=22.0,
                tx_lon_deg=103.0,
                rx_lat_deg=22.0,
                rx_lon_deg=103.1,
                delta_n_per_km=44.0,
                n0=365.5,
                time_percent=percent,
            )
            for percent in (min(lower, upper), max(lower, upper))
        )
        assert low <= high + 1e-6, model.__module__


@pytest.mark.parametrize("time_percent", [1.0, 10.0, 50.0])
def test_more_places_never_lose_less_over_a_profile(time_percent: float) -> None:
    distance = np.arange(0.0, 20_001.0, 250.0)
    ground = 500.0 + 60.0 * np.sin(distance / 900.0)
    profile = PathProfile.over_land(distance, ground)
    losses = [
        p1812_loss_db(
            profile,
            freq_mhz=1800.0,
            tx_height_agl_m=30.0,
            rx_height_agl_m=1.5,
            tx_lat_deg=22.0,
            tx_lon_deg=103.0,
            rx_lat_deg=22.0,
            rx_lon_deg=103.1,
            delta_n_per_km=44.0,
            n0=365.5,
            time_percent=time_percent,
            location_percent=percent,
            location_sigma_db=5.5,
        )
        for percent in (1.0, 10.0, 50.0, 90.0, 99.0)
    ]
    assert (np.diff(losses) >= 0.0).all()
    # P.1812-7 section 4.10: the quantile of a normal variable around the median
    assert losses[4] - losses[2] == pytest.approx(2.326 * 5.5, abs=0.01)


@pytest.mark.parametrize("mode", MODES)
@given(lower=SHARES, upper=SHARES, distance=st.floats(1e3, 3e5), which=st.integers(0, 2))
def test_more_of_anything_never_loses_less_by_itm(
    mode: str, lower: float, upper: float, distance: float, which: int
) -> None:
    name = ("time_percent", "location_percent", "situation_percent")[which]
    low, high = (
        area(
            distance,
            terrain_irregularity_m=200.0,
            freq_mhz=1800.0,
            tx_height_agl_m=30.0,
            rx_height_agl_m=1.5,
            n0=301.0,
            mode=mode,
            time_percent=percent if name == "time_percent" else 50.0,
            location_percent=percent if name == "location_percent" else 50.0,
            situation_percent=percent if name == "situation_percent" else 50.0,
        ).basic_transmission_loss_db
        for percent in (min(lower, upper), max(lower, upper))
    )
    assert low <= high + 1e-6


@given(lower=st.floats(0.001, 1.0), upper=st.floats(0.001, 1.0))
def test_rarer_rain_is_never_weaker(lower: float, upper: float) -> None:
    hop = MicrowaveHop(
        distance_m=10_000.0,
        freq_mhz=18_000.0,
        tx_amsl_m=700.0,
        rx_amsl_m=720.0,
        mean_terrain_amsl_m=600.0,
        lat_deg=22.0,
        rain_rate_mm_per_h=60.0,
        geoclimatic_factor=1e-4,
        dn75=5.0,
        polarization_tilt_deg=90.0,
    )
    rare, often = rain_attenuation_db(hop, np.array([min(lower, upper), max(lower, upper)]))
    assert rare >= often - 1e-9
