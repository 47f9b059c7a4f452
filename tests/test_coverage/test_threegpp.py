from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.threegpp import (
    LTE_BANDS,
    NR_BANDS,
    band_from_text,
    downlink_earfcn,
    earfcn_frequencies_mhz,
    lte_band,
    lte_resource_blocks,
    middle_channel,
    nr_arfcn,
    nr_arfcn_mhz,
    nr_band,
    nr_resource_blocks,
)
from lensong.propagation.errors import InvalidInputError

earfcns = st.sampled_from(list(LTE_BANDS.values())).flatmap(
    lambda band: st.integers(band.first_earfcn, band.last_earfcn)
)


@pytest.mark.parametrize(
    ("earfcn", "band", "downlink_mhz", "uplink_mhz"),
    [
        # worked from TS 36.101 table 5.7.3-1
        (300, "B1", 2140.0, 1950.0),
        (900, "B2", 1960.0, 1880.0),
        (1300, "B3", 1815.0, 1720.0),
        (1575, "B3", 1842.5, 1747.5),
        (2175, "B4", 2132.5, 1732.5),
        (2525, "B5", 881.5, 836.5),
        (3100, "B7", 2655.0, 2535.0),
        (3625, "B8", 942.5, 897.5),
        (5090, "B12", 737.0, 707.0),
        (5230, "B13", 751.0, 782.0),
        (5790, "B17", 740.0, 710.0),
        (5925, "B18", 867.5, 822.5),
        (6075, "B19", 882.5, 837.5),
        (6300, "B20", 806.0, 847.0),
        (8365, "B25", 1962.5, 1882.5),
        (8865, "B26", 876.5, 831.5),
        (9435, "B28", 780.5, 725.5),
        (38000, "B38", 2595.0, 2595.0),
        (38450, "B39", 1900.0, 1900.0),
        (39150, "B40", 2350.0, 2350.0),
        (40620, "B41", 2593.0, 2593.0),
        (42590, "B42", 3500.0, 3500.0),
        (44590, "B43", 3700.0, 3700.0),
        (66886, "B66", 2155.0, 1755.0),
        (68761, "B71", 634.5, 680.5),
    ],
)
def test_middle_channels_of_the_lte_bands(
    earfcn: int, band: str, downlink_mhz: float, uplink_mhz: float
) -> None:
    assert lte_band(earfcn).name == band
    assert earfcn_frequencies_mhz(earfcn) == (downlink_mhz, uplink_mhz)


@given(earfcns)
def test_earfcn_and_frequency_are_each_others_inverse(earfcn: int) -> None:
    band = lte_band(earfcn)
    downlink_mhz, uplink_mhz = earfcn_frequencies_mhz(earfcn)
    assert band.holds(downlink_mhz)
    assert downlink_earfcn(downlink_mhz, band) == earfcn
    assert downlink_mhz - uplink_mhz == pytest.approx(band.duplex_spacing_mhz)


def test_no_two_lte_bands_share_a_channel_number() -> None:
    ranges = sorted((b.first_earfcn, b.last_earfcn) for b in LTE_BANDS.values())
    assert all(last < first for (_, last), (first, _) in pairwise(ranges))
    uplinks = sorted(
        (b.first_uplink_earfcn, b.first_uplink_earfcn + b.last_earfcn - b.first_earfcn)
        for b in LTE_BANDS.values()
        if b.duplex == "FDD" and b.name not in ("B66", "B70")  # downlink wider than uplink
    )
    assert all(last < first for (_, last), (first, _) in pairwise(uplinks))


def test_an_uplink_number_is_answered_with_its_downlink() -> None:
    with pytest.raises(InvalidInputError, match=r"19300 is an uplink number of B3.*that is 1300"):
        lte_band(19300)


@pytest.mark.parametrize("earfcn", [-1, 5000, 60139, 65535, 999_999])
def test_a_number_of_no_band_lists_the_bands(earfcn: int) -> None:
    with pytest.raises(InvalidInputError, match="B3 1200-1949"):
        lte_band(earfcn)


@pytest.mark.parametrize(
    ("arfcn", "freq_mhz"),
    [
        # TS 38.104 table 5.4.2.1-1: the ends of the three ranges
        (0, 0.0),
        (599_999, 2999.995),
        (600_000, 3000.0),
        (2_016_666, 24249.99),
        (2_016_667, 24250.08),
        (3_279_165, 99999.96),
        # the middle of n28, n41, n78
        (156_100, 780.5),
        (518_600, 2593.0),
        (636_666, 3549.99),
    ],
)
def test_nr_arfcn_to_frequency(arfcn: int, freq_mhz: float) -> None:
    assert nr_arfcn_mhz(arfcn) == pytest.approx(freq_mhz, abs=1e-6)


@given(st.integers(0, 3_279_165))
def test_nr_arfcn_and_frequency_are_each_others_inverse(arfcn: int) -> None:
    assert nr_arfcn(nr_arfcn_mhz(arfcn)) == arfcn


@given(st.integers(0, 3_279_164))
def test_the_nr_raster_rises(arfcn: int) -> None:
    assert nr_arfcn_mhz(arfcn) < nr_arfcn_mhz(arfcn + 1)


@pytest.mark.parametrize("arfcn", [-1, 3_279_166])
def test_numbers_off_the_nr_raster_are_refused(arfcn: int) -> None:
    with pytest.raises(InvalidInputError, match="wanted 0 to 3279165"):
        nr_arfcn_mhz(arfcn)


@pytest.mark.parametrize(
    ("freq_mhz", "band"),
    [(2550.0, "n41"), (2650.0, "n41"), (3750.0, "n78"), (3850.0, "n77"), (773.0, "n28"),
     (795.0, "n28"), (815.0, "n20"), (2140.0, "n1"), (942.5, "n8"), (4800.0, "n79")],
)  # fmt: skip
def test_overlapping_nr_bands_resolve_to_the_one_used_in_vietnam(
    freq_mhz: float, band: str
) -> None:
    assert nr_band(freq_mhz).name == band


def test_a_frequency_of_no_nr_band_lists_the_bands() -> None:
    with pytest.raises(InvalidInputError, match="n78 3300-3800"):
        nr_band(3000.0)


@pytest.mark.parametrize(
    ("band", "uplink_below_mhz"),
    [("n1", 190.0), ("n3", 95.0), ("n5", 45.0), ("n7", 120.0), ("n8", 45.0), ("n20", -41.0),
     ("n28", 55.0), ("n78", 0.0)],
)  # fmt: skip
def test_duplex_spacing(band: str, uplink_below_mhz: float) -> None:
    assert NR_BANDS[band].duplex_spacing_mhz == uplink_below_mhz
    assert NR_BANDS[band].duplex == ("TDD" if uplink_below_mhz == 0.0 else "FDD")


def test_the_middle_channel_lies_in_the_band() -> None:
    assert middle_channel(LTE_BANDS["B3"]) == (1842.5, 1747.5)
    assert middle_channel(LTE_BANDS["B20"]) == (806.0, 847.0)
    assert middle_channel(NR_BANDS["n78"]) == (3550.0, 3550.0)


@pytest.mark.parametrize(
    ("bandwidth_mhz", "blocks"), [(1.4, 6), (3, 15), (5, 25), (10, 50), (15, 75), (20, 100)]
)
def test_lte_resource_blocks(bandwidth_mhz: float, blocks: int) -> None:
    assert lte_resource_blocks(bandwidth_mhz) == blocks


@pytest.mark.parametrize(
    ("bandwidth_mhz", "spacing_khz", "blocks"),
    [(5, 15, 25), (20, 15, 106), (50, 15, 270), (10, 30, 24), (20, 30, 51), (35, 30, 92),
     (45, 30, 119), (60, 30, 162), (80, 30, 217), (100, 30, 273), (10, 60, 11), (100, 60, 135)],
)  # fmt: skip
def test_nr_resource_blocks(bandwidth_mhz: float, spacing_khz: float, blocks: int) -> None:
    assert nr_resource_blocks(bandwidth_mhz, spacing_khz) == blocks
    # every channel keeps a guard band: the blocks never fill it
    assert blocks * 12 * spacing_khz < bandwidth_mhz * 1000


def test_unknown_bandwidths_list_the_valid_ones() -> None:
    with pytest.raises(InvalidInputError, match=r"1\.4, 3, 5, 10, 15, 20 for LTE"):
        lte_resource_blocks(40)
    with pytest.raises(InvalidInputError, match=r"5, 10, .* 100 for NR with 30 kHz"):
        nr_resource_blocks(55, 30)
    with pytest.raises(InvalidInputError, match="wanted 15, 30 or 60"):
        nr_resource_blocks(20, 120)


@pytest.mark.parametrize(
    ("text", "technology", "band"),
    [
        ("B3", None, "B3"),
        ("b 28", "4G", "B28"),
        ("Band 3", "4G", "B3"),
        ("E-UTRA Band 3 - 20MHz", "4G", "B3"),
        ("2110 FDD - 20 MHz (E-UTRA Band 1)", "4G", "B1"),
        ("3", "4G", "B3"),
        ("1800", "4G", "B3"),
        ("1800 MHz", "4G", "B3"),
        ("LTE1800", "4G", "B3"),
        ("L1800", "4G", "B3"),
        ("LTE 800", "4G", "B20"),
        ("n41", None, "n41"),
        ("N78", "5G", "n78"),
        ("NR n77 100MHz", "5G", "n77"),
        ("Band 41", "5G", "n41"),
        ("78", "5G", "n78"),
        ("2600", "5G", "n41"),
        ("2600", "4G", "B7"),
        ("3500 MHz", "5G", "n78"),
    ],
)
def test_bands_as_people_write_them(text: str, technology: str | None, band: str) -> None:
    assert band_from_text(text, technology).name == band  # type: ignore[arg-type]  # "4G" or "5G"


@pytest.mark.parametrize("text", ["B99", "n300", "", "GSM", "B", "1234"])
def test_unknown_bands_are_refused_with_the_valid_list(text: str) -> None:
    with pytest.raises(InvalidInputError, match="wanted one of B1, B2"):
        band_from_text(text)


def test_a_band_of_the_other_technology_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="'n78' is a band of 5G, but the technology says 4"):
        band_from_text("n78", "4G")


def test_several_bands_in_one_text_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="'B1/B3' names several bands"):
        band_from_text("B1/B3")
    assert band_from_text("Band 3 (B3)").name == "B3"
