from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.cellplan import Assumptions, parse_carrier
from lensong.coverage.cellplan.carriers import make_carrier
from lensong.coverage.threegpp import LTE_BANDS
from lensong.propagation.errors import InvalidInputError, OutOfRangeError


@pytest.mark.parametrize(
    ("text", "band", "downlink_mhz", "uplink_mhz", "blocks", "spacing_khz"),
    [
        ("4G B20 10 MHz", "B20", 806.0, 847.0, 50, 15.0),
        ("4G B20 10 MHz EARFCN 6300", "B20", 806.0, 847.0, 50, 15.0),
        ("LTE 800 10 MHz EARFCN 6300", "B20", 806.0, 847.0, 50, 15.0),
        ("4G B3 20 MHz EARFCN 1300", "B3", 1815.0, 1720.0, 100, 15.0),
        ("lte b28 5mhz", "B28", 780.5, 725.5, 25, 15.0),
        ("4G B40 20 MHz", "B40", 2350.0, 2350.0, 100, 15.0),
        ("4G B3 1.4 MHz", "B3", 1842.5, 1747.5, 6, 15.0),
        ("5G n41 100 MHz 30 kHz NR-ARFCN 513000", "n41", 2565.0, 2565.0, 273, 30.0),
        ("5G B41 100 MHz", "n41", 2593.0, 2593.0, 273, 30.0),
        ("NR n28 20 MHz", "n28", 780.5, 725.5, 106, 15.0),
        ("5G n77 100 MHz NRARFCN 656667", "n77", 3850.005, 3850.005, 273, 30.0),
    ],
)
def test_carriers_as_a_scenario_writes_them(
    text: str,
    band: str,
    downlink_mhz: float,
    uplink_mhz: float,
    blocks: int,
    spacing_khz: float,
) -> None:
    carrier = parse_carrier(text)
    assert carrier.name.startswith(f"{band} ")
    assert carrier.downlink_freq_mhz == pytest.approx(downlink_mhz)
    assert carrier.uplink_freq_mhz == pytest.approx(uplink_mhz)
    assert (carrier.resource_blocks, carrier.subcarrier_spacing_khz) == (blocks, spacing_khz)
    assert (carrier.duplex == "TDD") == (downlink_mhz == uplink_mhz)


@pytest.mark.parametrize(
    "text",
    ["", "B3 20 MHz", "4G 20 MHz", "4G B3", "4G B3 20", "3G B1 5 MHz", "4G B3 20 MHz 1300",
     "4G B3 20 MHz NR-ARFCN 1300", "5G n41 100 MHz EARFCN 1300", "4G B3 20 MHz 30 kHz"],
)  # fmt: skip
def test_other_texts_are_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"wanted '4G <band> <bandwidth> MHz \[EARFCN"):
        parse_carrier(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4G B99 20 MHz", "carrier '4G B99 20 MHz': band 'B99' is not known"),
        ("4G B3 25 MHz", "wanted one of 1.4, 3, 5, 10, 15, 20"),
        ("5G n41 55 MHz", "for NR with 30 kHz"),
        ("5G B99 20 MHz", "band 'B99' is not known here, wanted one of n41"),
        ("4G n78 20 MHz", "band 'n78' is a band of 5G"),
        ("4G B3 20 MHz EARFCN 6300", "EARFCN 6300 is in B20, but the band says 'B3'"),
        ("5G n78 100 MHz NR-ARFCN 513000", "2565 MHz, which is outside the downlink of n78"),
    ],
)
def test_carriers_that_do_not_exist_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        parse_carrier(text)


@given(st.sampled_from(sorted(LTE_BANDS)), st.floats(0.0, 1.0))
def test_tdd_shares_its_time_and_fdd_does_not(band: str, share: float) -> None:
    carrier = parse_carrier(f"4G {band} 5 MHz", share)
    if carrier.duplex == "TDD":
        assert carrier.uplink_share == share
        assert carrier.uplink_share + carrier.downlink_share == pytest.approx(1.0)
    else:
        assert carrier.uplink_share == carrier.downlink_share == 1.0


def test_a_frequency_or_its_nickname_finds_the_band() -> None:
    exact = make_carrier("4G", freq_mhz=1842.5, bandwidth_mhz=20)
    assert exact.name == "B3 20 MHz at 1842.5 MHz"
    nickname = make_carrier("4G", freq_mhz=1800, bandwidth_mhz=20)
    assert nickname.downlink_freq_mhz == 1842.5
    both = make_carrier("4G", band="B3", freq_mhz=1800, bandwidth_mhz=20)
    assert both.downlink_freq_mhz == 1842.5
    with pytest.raises(InvalidInputError, match="neither band nor channel number nor frequency"):
        make_carrier("4G", bandwidth_mhz=20)


def test_two_carriers_of_one_band_differ_in_name() -> None:
    assert parse_carrier("4G B3 20 MHz").name != parse_carrier("4G B3 20 MHz EARFCN 1300").name


def test_assumptions_check_themselves() -> None:
    assert Assumptions().parsed_carriers("5G") == ()
    with pytest.raises(OutOfRangeError, match=r"network\.assume\.height_agl_m is -3"):
        Assumptions(height_agl_m=-3)
    with pytest.raises(OutOfRangeError, match=r"azimuths_deg is 400"):
        Assumptions(azimuths_deg=(0, 400))
    with pytest.raises(InvalidInputError, match="wanted each azimuth once"):
        Assumptions(azimuths_deg=(0, 120, 120))
    with pytest.raises(InvalidInputError, match="carrier 'B3' cannot be read"):
        Assumptions(carriers=("B3",))
    with pytest.raises(OutOfRangeError, match="granted_uplink_resource_blocks is 0"):
        Assumptions(granted_uplink_resource_blocks=0)


def test_granted_blocks_default_to_half_and_never_exceed_the_carrier() -> None:
    carrier = parse_carrier("4G B3 1.4 MHz")
    assert Assumptions().granted_of(carrier) == 3
    assert Assumptions(granted_uplink_resource_blocks=25).granted_of(carrier) == 6
