from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.antenna import sector_3gpp
from lensong.coverage.decibel import sum_dbm
from lensong.coverage.link_budget import (
    cell_budget,
    noise_dbm,
    reference_signal_power_dbm,
    rsrp_dbm,
    rsrq_db,
    sinr_db,
    uplink_received_dbm,
)
from lensong.coverage.network import Carrier, Cell
from lensong.coverage.probability import service_probability
from lensong.coverage.rates import (
    UPLINK_CURVES,
    downlink_mbps,
    required_sinr_db,
    required_uplink_snr_db,
    uplink_mbps,
    uplink_resource_blocks,
)
from lensong.coverage.service import DEFAULT_SERVICES, Handset
from lensong.coverage.sweeps import PropagationSettings
from lensong.propagation.types import FloatArray

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "link-budget.md"
LIVESTREAM = next(s for s in DEFAULT_SERVICES if s.name == "livestream-720p")


def page_table(heading: str) -> dict[str, tuple[float, float]]:
    """Return name -> (value, half of its last printed digit) of one section of the page."""
    section = PAGE.read_text(encoding="utf-8").split(f"## {heading}")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (-?[\d.]+) \|", section, flags=re.MULTILINE)
    assert len(rows) == 36
    return {
        name: (float(text), 0.5 * 10.0 ** -len(text.partition(".")[2]) if "." in text else 0.0)
        for name, text in rows
    }


def make_cell(line: dict[str, float], technology: str) -> Cell:
    lte = technology == "4G"
    return Cell(
        cell_id="a",
        mast_id="m",
        carrier=Carrier(
            name="B3 1800" if lte else "n78",
            technology="4G" if lte else "5G",
            downlink_freq_mhz=1842.5 if lte else 3750.0,
            uplink_freq_mhz=1747.5 if lte else 3750.0,
            bandwidth_mhz=20.0 if lte else 100.0,
            subcarrier_spacing_khz=line["subcarrier_spacing_khz"],
            resource_blocks=int(line["resource_blocks"]),
            duplex="FDD" if lte else "TDD",
            uplink_share=line["uplink_share"],
            downlink_share=line["downlink_share"],
        ),
        antenna=sector_3gpp(),
        azimuth_deg=0.0,
        height_agl_m=30.0,
        total_power_dbm=line["total_power_dbm"],
        feeder_loss_db=line["feeder_loss_db"],
        downlink_load=line["downlink_load"],
        uplink_noise_rise_db=line["uplink_noise_rise_db"],
        noise_figure_db=line["noise_figure_db"],
        downlink_layers=int(line["downlink_layers"]),
        granted_uplink_resource_blocks=int(line["granted_resource_blocks"]),
        radius_m=15_000.0,
    )


@pytest.mark.parametrize(
    ("heading", "technology"),
    [("4G: 1800 MHz, 20 MHz FDD", "4G"), ("5G: 3700 MHz, 100 MHz TDD", "5G")],
)
def test_every_line_of_the_worked_budget_is_what_the_code_computes(
    heading: str, technology: str
) -> None:
    printed = page_table(heading)
    line = {name: value for name, (value, _) in printed.items()}
    budget = cell_budget(
        make_cell(line, technology),
        Handset(
            tx_power_dbm=line["handset_power_dbm"],
            noise_figure_db=line["handset_noise_figure_db"],
        ),
    )
    level = budget.level_offset_db + line["gain_dbi"] - line["path_loss_db"]
    sinr = float(
        sinr_db(
            level,
            interferer_rsrp_dbm=[line["interferer_rsrp_dbm"]],
            interferer_load=[line["interferer_load"]],
            noise_dbm=budget.noise_dbm,
        )
    )
    received = float(
        uplink_received_dbm(
            level,
            reference_signal_power_dbm=budget.reference_signal_power_dbm,
            handset_power_dbm=line["handset_power_dbm"],
        )
    )
    snr_up = level + budget.uplink_snr_offset_db
    blocks, curve, block_hz = budget.uplink_blocks, budget.uplink_curve, budget.uplink_block_hz
    margin_down = sinr - budget.required_sinr_db(LIVESTREAM)
    margin_up = level - budget.required_uplink_rsrp_dbm(LIVESTREAM)
    sigma = PropagationSettings().total_sigma_db
    computed = {
        "reference_signal_power_dbm": budget.reference_signal_power_dbm,
        "rsrp_dbm": level,
        "noise_dbm": budget.noise_dbm,
        "snr_db": level - budget.noise_dbm,
        "interference_dbm": float(sum_dbm(line["interferer_rsrp_dbm"], line["interferer_load"])),
        "sinr_db": sinr,
        "rsrq_db": float(rsrq_db(level, sinr, load=budget.load)),
        "downlink_mbps": float(
            downlink_mbps(
                sinr,
                bandwidth_hz=budget.downlink_hz,
                layers=budget.downlink_layers,
                curve=budget.downlink_curve,
            )
        ),
        "uplink_received_dbm": received,
        "uplink_block_noise_dbm": received - snr_up,
        "uplink_snr_one_block_db": snr_up,
        "uplink_blocks_used": float(uplink_resource_blocks(snr_up, blocks=blocks, curve=curve)),
        "uplink_mbps": float(uplink_mbps(snr_up, block_hz=block_hz, blocks=blocks, curve=curve)),
        "required_sinr_db": budget.required_sinr_db(LIVESTREAM),
        "required_uplink_rsrp_dbm": budget.required_uplink_rsrp_dbm(LIVESTREAM),
        "downlink_margin_db": margin_down,
        "uplink_margin_db": margin_up,
        "sigma_db": sigma,
        "probability": float(service_probability(min(margin_down, margin_up), sigma_db=sigma)),
    }
    for name, value in computed.items():
        expected, half_digit = printed[name]
        # 1e-9: a value that falls on the rounding edge may print either way
        assert value == pytest.approx(expected, abs=half_digit + 1e-9), name


# notes: RSRP needed for an uplink rate (20 MHz LTE, 46 dBm, phone 23 dBm, NF 3 dB, noise rise 2 dB)
@pytest.mark.parametrize(
    ("rate_mbps", "blocks", "needed_dbm"),
    [
        (1.0, 100, -114.0),
        (2.5, 100, -110.0),
        (5.0, 100, -106.0),
        (8.0, 100, -103.5),
        (1.0, 25, -113.5),
        (2.5, 25, -108.0),
        (5.0, 25, -103.0),
        (8.0, 25, -97.0),
    ],
)
def test_uplink_rates_need_the_levels_that_planners_know(
    rate_mbps: float, blocks: int, needed_dbm: float
) -> None:
    snr = required_uplink_snr_db(
        rate_mbps, block_hz=180e3, blocks=blocks, curve=UPLINK_CURVES["64QAM"]
    )
    noise = float(noise_dbm(180e3, noise_figure_db=5.0))
    reference = float(reference_signal_power_dbm(46.0, resource_blocks=100))
    level = snr + noise - 23.0 + reference
    assert level == pytest.approx(needed_dbm, abs=0.6)  # the table is rounded to 0.5 dB


def test_the_page_prints_the_levels_that_uplink_rates_need() -> None:
    section = PAGE.read_text(encoding="utf-8").split("## A signal is not a stream")[1]
    rows = re.findall(r"^\| ([\d.]+) Mbit/s \| (-[\d.]+) \| (-[\d.]+) \|", section, re.MULTILINE)
    assert len(rows) == 4
    reference = float(reference_signal_power_dbm(46.0, resource_blocks=100))
    noise = float(noise_dbm(180e3, noise_figure_db=5.0))
    for rate, *levels in rows:
        for blocks, level in zip((100, 25), levels, strict=True):
            snr = required_uplink_snr_db(
                float(rate), block_hz=180e3, blocks=blocks, curve=UPLINK_CURVES["64QAM"]
            )
            assert snr + noise - 23.0 + reference == pytest.approx(float(level), abs=0.05)


@pytest.mark.parametrize(
    ("total_power_dbm", "resource_blocks", "per_element_dbm"),
    [(46.0, 50, 18.2), (46.0, 100, 15.2), (53.0, 273, 17.8)],
)
def test_trap_rf_tools_power_is_spread_over_all_subcarriers(
    total_power_dbm: float, resource_blocks: int, per_element_dbm: float
) -> None:
    # QGIS RF Tools leaves this division out and reads 27.8 dB (10 MHz) to 30.8 dB too much.
    power = reference_signal_power_dbm(total_power_dbm, resource_blocks=resource_blocks)
    assert float(power) == pytest.approx(per_element_dbm, abs=0.05)
    spread = total_power_dbm - float(power)
    assert spread == pytest.approx(10.0 * np.log10(12 * resource_blocks))


def test_noise_per_resource_element_by_subcarrier_spacing() -> None:
    levels = noise_dbm([15e3, 30e3], noise_figure_db=0.0)
    np.testing.assert_allclose(levels, [-132.2, -129.2], atol=0.05)  # printed to 0.1 dB


def test_trap_pysim5g_half_load_takes_three_db_off_an_interference_limited_sinr() -> None:
    def at_load(load: float) -> float:
        return float(
            sinr_db(-90.0, interferer_rsrp_dbm=[-95.0], interferer_load=[load], noise_dbm=-300.0)
        )

    assert at_load(1.0) == pytest.approx(5.0)
    assert at_load(0.5) - at_load(1.0) == pytest.approx(3.01, abs=0.005)


def test_sinr_of_a_map_equals_sinr_of_each_pixel() -> None:
    level = np.array([[-90.0, -100.0], [-110.0, np.nan]])
    others = np.stack([level - 5.0, level - 8.0])
    whole = sinr_db(level, interferer_rsrp_dbm=others, interferer_load=[0.5, 1.0], noise_dbm=-125.0)
    one = sinr_db(
        -100.0, interferer_rsrp_dbm=[-105.0, -108.0], interferer_load=[0.5, 1.0], noise_dbm=-125.0
    )
    assert whole[0, 1] == pytest.approx(float(one))
    assert np.isnan(whole[1, 1])


def test_no_interferer_leaves_the_signal_to_noise() -> None:
    quiet = sinr_db(-100.0, interferer_rsrp_dbm=[], interferer_load=[], noise_dbm=-125.0)
    assert float(quiet) == pytest.approx(25.0)


def test_rsrq_of_an_empty_and_of_a_full_undisturbed_cell() -> None:
    assert float(rsrq_db(-80.0, 100.0, load=0.0)) == pytest.approx(-3.01, abs=0.01)
    assert float(rsrq_db(-80.0, 100.0, load=1.0)) == pytest.approx(-10.79, abs=0.01)


def test_a_boost_lifts_rsrp_and_leaves_the_data_alone() -> None:
    plain = rsrp_dbm(15.0, gain_dbi=17.0, path_loss_db=130.0)
    boosted = rsrp_dbm(18.0, gain_dbi=17.0, path_loss_db=130.0)
    assert float(boosted - plain) == pytest.approx(3.0)

    def quality(level: FloatArray, boost_db: float) -> float:
        return float(
            sinr_db(
                level,
                interferer_rsrp_dbm=[-110.0],
                interferer_load=[0.5],
                noise_dbm=-125.0,
                boost_db=boost_db,
            )
        )

    assert quality(boosted, 3.0) == pytest.approx(quality(plain, 0.0))


@given(
    power=st.floats(20.0, 60.0),
    more=st.floats(0.0, 20.0),
    loss=st.floats(60.0, 200.0),
    gain=st.floats(-20.0, 25.0),
)
def test_more_power_never_lowers_rsrp(power: float, more: float, loss: float, gain: float) -> None:
    def level(total: float) -> float:
        reference = reference_signal_power_dbm(total, resource_blocks=50)
        return float(rsrp_dbm(reference, gain_dbi=gain, path_loss_db=loss))

    assert level(power + more) >= level(power)


@given(
    loads=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    serving=st.floats(-130.0, -60.0),
    interferers=st.lists(st.floats(-140.0, -60.0), min_size=1, max_size=6),
)
def test_more_load_never_raises_sinr(
    loads: tuple[float, float], serving: float, interferers: list[float]
) -> None:
    low, high = sorted(loads)

    def at_load(load: float) -> float:
        return float(
            sinr_db(
                serving,
                interferer_rsrp_dbm=interferers,
                interferer_load=[load] * len(interferers),
                noise_dbm=-125.2,
            )
        )

    assert at_load(high) <= at_load(low) + 1e-9


def test_what_a_service_needs_is_what_its_rate_function_returns() -> None:
    line = {name: value for name, (value, _) in page_table("4G: 1800 MHz, 20 MHz FDD").items()}
    budget = cell_budget(make_cell(line, "4G"), Handset())
    sinr = budget.required_sinr_db(LIVESTREAM)
    assert sinr == required_sinr_db(1.0, bandwidth_hz=9e6, layers=2, curve=budget.downlink_curve)
    level = budget.required_uplink_rsrp_dbm(LIVESTREAM)
    reached = uplink_mbps(
        level + budget.uplink_snr_offset_db,
        block_hz=budget.uplink_block_hz,
        blocks=budget.uplink_blocks,
        curve=budget.uplink_curve,
    )
    assert float(reached) == pytest.approx(LIVESTREAM.uplink_mbps, rel=1e-9)
