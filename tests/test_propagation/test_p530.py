"""ITU-R P.530: no public vectors are known; worked numbers, twins and limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lensong.propagation.errors import OutOfRangeError
from lensong.propagation.p530 import (
    MicrowaveHop,
    clear_air_loss_db,
    hop_availability,
    multipath_outage_percent,
    rain_attenuation_db,
    worst_month_multipath_percent,
)
from lensong.propagation.p838 import rain_coefficients

HOP = MicrowaveHop(
    distance_m=20e3,
    freq_mhz=15e3,
    tx_amsl_m=1250.0,
    rx_amsl_m=1050.0,
    mean_terrain_amsl_m=900.0,
    lat_deg=22.4,
    rain_rate_mm_per_h=70.0,
    geoclimatic_factor=1e-4,
    dn75=20.0,
)


def test_rain_at_001_percent_is_the_steps_of_the_recommendation() -> None:
    hop = replace(HOP, rx_amsl_m=1250.0)
    k, alpha = (float(x) for x in rain_coefficients(15e3, tilt_deg=90.0))
    r = 1.0 / (
        0.477 * 20**0.633 * 70 ** (0.073 * alpha) * 15**0.123 - 10.579 * (1 - np.exp(-0.024 * 20))
    )
    by_steps = k * 70**alpha * 20 * r
    # the interpolation constants make 0.9985 of it at 0.01 %
    assert rain_attenuation_db(hop, 0.01) == pytest.approx(by_steps, rel=0.01)


def test_short_hops_in_rain_are_stretched_by_two_and_a_half_at_most() -> None:
    hop = replace(HOP, distance_m=200.0, tx_amsl_m=950.0, rx_amsl_m=950.0, freq_mhz=8e3)
    k, alpha = (float(x) for x in rain_coefficients(8e3, tilt_deg=90.0))
    # C1 0.01^-(C2 - 2 C3) = 0.9984 below 10 GHz
    expected = k * 70**alpha * 0.2 * 2.5
    assert rain_attenuation_db(hop, 0.01) == pytest.approx(expected, rel=0.002)


@given(freq=st.floats(1e3, 100e3), distance=st.floats(100.0, 60e3), rain=st.floats(1.0, 150.0))
def test_rarer_rain_takes_more(freq: float, distance: float, rain: float) -> None:
    hop = replace(HOP, freq_mhz=freq, distance_m=distance, rain_rate_mm_per_h=rain)
    loss = rain_attenuation_db(hop, [1.0, 0.1, 0.01, 0.001])
    assert np.all(np.diff(loss) > 0.0)


@given(percent=st.floats(0.00101, 0.99), freq=st.floats(6e3, 45e3))
def test_the_rain_outage_undoes_the_rain_attenuation(percent: float, freq: float) -> None:
    hop = replace(HOP, freq_mhz=freq)
    margin = float(rain_attenuation_db(hop, percent))
    assert hop_availability(hop, margin).rain_outage_percent == pytest.approx(percent, rel=1e-6)


def test_the_rain_outage_ends_at_a_thousandth_of_a_percent() -> None:
    assert hop_availability(HOP, 200.0).rain_outage_percent == 0.001
    dry = replace(HOP, rain_rate_mm_per_h=0.0)
    assert hop_availability(dry, 30.0).rain_outage_percent == 0.001


def test_a_margin_that_rain_takes_too_often_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="over 1 % of the year"):
        hop_availability(HOP, 1.0)


def test_deep_multipath_is_the_formula_worked_by_hand() -> None:
    # hc = 1150 - 400/102 - 900 = 246.08; vsr = 0.4^1.8 exp(-246.08/11.180) = 5e-11
    # exponent = -0.376 tanh(0.79263) - 0.334 * 10^0.39 - 0.00027 * 1050 - 4
    power = -0.376 * 0.659791 - 0.334 * 2.454709 - 0.2835 - 4.0
    by_hand = 1e-4 * 20**3.51 * 238**0.447 * 10**power
    assert worst_month_multipath_percent(HOP, 40.0) == pytest.approx(by_hand, rel=1e-4)


def test_the_year_is_milder_than_its_worst_month_by_the_geoclimatic_step() -> None:
    # 10.5 - 5.6 log(1.1 + cos(44.8 deg)^0.7) - 2.7 log 20 + 1.7 log 11
    step = 10.5 - 5.6 * np.log10(1.1 + 0.709571**0.7) - 2.7 * np.log10(20) + 1.7 * np.log10(11)
    month = worst_month_multipath_percent(HOP, 40.0)
    assert multipath_outage_percent(HOP, 40.0) == pytest.approx(month * 10 ** (-step / 10))
    polar = replace(HOP, lat_deg=60.0, distance_m=6e3, tx_amsl_m=2000.0)
    ratio = worst_month_multipath_percent(polar, 40.0) / multipath_outage_percent(polar, 40.0)
    assert ratio <= 10 ** (10.8 / 10) + 1e-9


@given(
    low=st.floats(0.0, 60.0),
    more=st.floats(0.0, 20.0),
    factor=st.floats(1e-6, 1e-2),
    distance=st.floats(5e3, 50e3),
)
def test_a_deeper_fade_is_rarer(low: float, more: float, factor: float, distance: float) -> None:
    hop = replace(HOP, geoclimatic_factor=factor, distance_m=distance)
    try:
        shallow = multipath_outage_percent(hop, low)
    except OutOfRangeError:
        assume(False)
    deep = multipath_outage_percent(hop, low + more)
    assert 0.0 <= deep <= shallow * (1.0 + 1e-9) + 1e-12
    assert shallow <= 64.0


@pytest.mark.parametrize("factor", [1e-6, 1e-4, 1e-3])
def test_shallow_and_deep_fading_meet(factor: float) -> None:
    hop = replace(HOP, geoclimatic_factor=factor)
    fades = np.arange(15.0, 35.0, 0.01)
    outage = np.array([worst_month_multipath_percent(hop, float(f)) for f in fades])
    # a step at the transition would stand out of the smooth 10 dB a decade: 0.23 % per 0.01 dB
    assert np.max(np.abs(np.diff(np.log(outage)))) < 0.0035


def test_a_short_hop_has_no_multipath() -> None:
    assert multipath_outage_percent(replace(HOP, distance_m=4999.0), 10.0) == 0.0


def test_availability_is_what_both_leave() -> None:
    found = hop_availability(HOP, 35.0)
    assert found.availability_percent == pytest.approx(
        100.0 - found.rain_outage_percent - found.multipath_outage_percent
    )
    assert 99.9 < found.availability_percent < 100.0


def test_clear_air_is_free_space_and_gases() -> None:
    # 32.4 + 20 log 15000 + 20 log 20 = 141.94, and 0.03 dB/km of gases
    assert clear_air_loss_db(HOP) == pytest.approx(141.94 + 0.6, abs=0.15)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("distance_m", 0.0),
        ("distance_m", 60_001.0),
        ("freq_mhz", 999.0),
        ("freq_mhz", 100_001.0),
        ("tx_amsl_m", 9001.0),
        ("lat_deg", 91.0),
        ("rain_rate_mm_per_h", -1.0),
        ("geoclimatic_factor", -4.0),
        ("dn75", -1.0),
        ("polarization_tilt_deg", 91.0),
        ("mean_terrain_amsl_m", float("nan")),
    ],
)
def test_a_hop_checks_itself(name: str, value: float) -> None:
    with pytest.raises(OutOfRangeError, match=name):
        replace(HOP, **{name: value})


def test_fading_outside_its_range_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="15/d GHz"):
        multipath_outage_percent(replace(HOP, freq_mhz=60e3), 30.0)
    with pytest.raises(OutOfRangeError, match="15/d GHz"):
        multipath_outage_percent(replace(HOP, freq_mhz=1e3, distance_m=10e3), 30.0)
    with pytest.raises(OutOfRangeError, match="fade_margin_db"):
        multipath_outage_percent(HOP, -1.0)
    with pytest.raises(OutOfRangeError, match="time_percent"):
        rain_attenuation_db(HOP, 2.0)
    with pytest.raises(OutOfRangeError, match="check geoclimatic_factor"):
        multipath_outage_percent(replace(HOP, geoclimatic_factor=1.0, distance_m=60e3), 30.0)
