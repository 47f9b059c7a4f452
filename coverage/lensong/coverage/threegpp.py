"""Tables of 3GPP: operating bands, channel numbers to MHz, bandwidths to resource blocks.

Sources: TS 36.101 V17 (LTE: table 5.5-1 bands, 5.6-1 resource blocks, 5.7.3-1 channel numbers),
TS 38.104 V17 (NR: table 5.2-1 bands, §5.4.2.1 global raster), TS 38.101-1 V17 table 5.3.2-1
(NR resource blocks, FR1). Bands without an uplink of their own and those above 6 GHz are left
out: nothing there can be planned with ITU-R P.1812.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from lensong.coverage.network import Technology
from lensong.propagation.errors import InvalidInputError

__all__ = [
    "LTE_BANDS",
    "NR_BANDS",
    "Band",
    "band_from_text",
    "downlink_earfcn",
    "earfcn_frequencies_mhz",
    "lte_band",
    "lte_resource_blocks",
    "middle_channel",
    "nr_arfcn",
    "nr_arfcn_mhz",
    "nr_band",
    "nr_resource_blocks",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """An operating band.

    Parameters
    ----------
    name : str
        ``"B3"`` for LTE, ``"n3"`` for NR.
    technology : {"4G", "5G"}
    duplex : {"FDD", "TDD"}
    downlink_low_mhz, downlink_high_mhz : float
        Edges of what the base station sends [MHz].
    uplink_low_mhz : float
        Lower edge of what phones send [MHz]; the downlink's for TDD.
    first_earfcn : int
        Channel number at the lower downlink edge; 0 for NR, whose numbers are global.
    first_uplink_earfcn : int
        Likewise for the uplink.
    """

    name: str
    technology: Technology
    duplex: Literal["FDD", "TDD"]
    downlink_low_mhz: float
    downlink_high_mhz: float
    uplink_low_mhz: float
    first_earfcn: int = 0
    first_uplink_earfcn: int = 0

    @property
    def duplex_spacing_mhz(self) -> float:
        """Return how far the uplink lies below the downlink [MHz]; negative where above."""
        return self.downlink_low_mhz - self.uplink_low_mhz

    @property
    def last_earfcn(self) -> int:
        """Return the highest downlink channel number of an LTE band."""
        width_mhz = self.downlink_high_mhz - self.downlink_low_mhz
        return self.first_earfcn + round(10.0 * width_mhz) - 1

    def holds(self, downlink_freq_mhz: float, bandwidth_mhz: float = 0.0) -> bool:
        """Return whether a downlink frequency [MHz], or a carrier around it, lies in the band.

        Edges are included; channel rasters allow the centre half a step (50 kHz) off.
        """
        half_mhz = max(bandwidth_mhz / 2.0 - 0.05, 0.0)
        return (
            self.downlink_low_mhz <= downlink_freq_mhz - half_mhz
            and downlink_freq_mhz + half_mhz <= self.downlink_high_mhz
        )


# band, lower downlink edge, upper downlink edge [MHz], first downlink EARFCN,
# lower uplink edge [MHz], first uplink EARFCN
_LTE_FDD = (
    (1, 2110.0, 2170.0, 0, 1920.0, 18000),
    (2, 1930.0, 1990.0, 600, 1850.0, 18600),
    (3, 1805.0, 1880.0, 1200, 1710.0, 19200),
    (4, 2110.0, 2155.0, 1950, 1710.0, 19950),
    (5, 869.0, 894.0, 2400, 824.0, 20400),
    (7, 2620.0, 2690.0, 2750, 2500.0, 20750),
    (8, 925.0, 960.0, 3450, 880.0, 21450),
    (11, 1475.9, 1495.9, 4750, 1427.9, 22750),
    (12, 729.0, 746.0, 5010, 699.0, 23010),
    (13, 746.0, 756.0, 5180, 777.0, 23180),
    (14, 758.0, 768.0, 5280, 788.0, 23280),
    (17, 734.0, 746.0, 5730, 704.0, 23730),
    (18, 860.0, 875.0, 5850, 815.0, 23850),
    (19, 875.0, 890.0, 6000, 830.0, 24000),
    (20, 791.0, 821.0, 6150, 832.0, 24150),
    (21, 1495.9, 1510.9, 6450, 1447.9, 24450),
    (25, 1930.0, 1995.0, 8040, 1850.0, 26040),
    (26, 859.0, 894.0, 8690, 814.0, 26690),
    (27, 852.0, 869.0, 9040, 807.0, 27040),
    (28, 758.0, 803.0, 9210, 703.0, 27210),
    (30, 2350.0, 2360.0, 9770, 2305.0, 27660),
    (31, 462.5, 467.5, 9870, 452.5, 27760),
    (65, 2110.0, 2200.0, 65536, 1920.0, 131072),
    (66, 2110.0, 2200.0, 66436, 1710.0, 131972),
    (68, 753.0, 783.0, 67536, 698.0, 132672),
    (70, 1995.0, 2020.0, 68336, 1695.0, 132972),
    (71, 617.0, 652.0, 68586, 663.0, 133122),
)

# band, lower edge, upper edge [MHz], first EARFCN
_LTE_TDD = (
    (33, 1900.0, 1920.0, 36000),
    (34, 2010.0, 2025.0, 36200),
    (35, 1850.0, 1910.0, 36350),
    (36, 1930.0, 1990.0, 36950),
    (37, 1910.0, 1930.0, 37550),
    (38, 2570.0, 2620.0, 37750),
    (39, 1880.0, 1920.0, 38250),
    (40, 2300.0, 2400.0, 38650),
    (41, 2496.0, 2690.0, 39650),
    (42, 3400.0, 3600.0, 41590),
    (43, 3600.0, 3800.0, 43590),
    (44, 703.0, 803.0, 45590),
    (45, 1447.0, 1467.0, 46590),
    (48, 3550.0, 3700.0, 55240),
)

# band, lower and upper downlink edge, lower uplink edge [MHz]; the order is that in which a
# frequency without a band is looked up: the bands in use or awarded in Vietnam first
_NR = (
    (41, 2496.0, 2690.0, 2496.0),
    (78, 3300.0, 3800.0, 3300.0),
    (28, 758.0, 803.0, 703.0),
    (3, 1805.0, 1880.0, 1710.0),
    (1, 2110.0, 2170.0, 1920.0),
    (8, 925.0, 960.0, 880.0),
    (40, 2300.0, 2400.0, 2300.0),
    (5, 869.0, 894.0, 824.0),
    (77, 3300.0, 4200.0, 3300.0),
    (20, 791.0, 821.0, 832.0),
    (7, 2620.0, 2690.0, 2500.0),
    (38, 2570.0, 2620.0, 2570.0),
    (79, 4400.0, 5000.0, 4400.0),
    (2, 1930.0, 1990.0, 1850.0),
    (66, 2110.0, 2200.0, 1710.0),
    (71, 617.0, 652.0, 663.0),
    (12, 729.0, 746.0, 699.0),
    (25, 1930.0, 1995.0, 1850.0),
    (26, 859.0, 894.0, 814.0),
    (39, 1880.0, 1920.0, 1880.0),
    (48, 3550.0, 3700.0, 3550.0),
)

LTE_BANDS: dict[str, Band] = {
    f"B{number}": Band(
        name=f"B{number}",
        technology="4G",
        duplex="FDD",
        downlink_low_mhz=low,
        downlink_high_mhz=high,
        uplink_low_mhz=uplink,
        first_earfcn=first,
        first_uplink_earfcn=first_uplink,
    )
    for number, low, high, first, uplink, first_uplink in _LTE_FDD
} | {
    f"B{number}": Band(
        name=f"B{number}",
        technology="4G",
        duplex="TDD",
        downlink_low_mhz=low,
        downlink_high_mhz=high,
        uplink_low_mhz=low,
        first_earfcn=first,
        first_uplink_earfcn=first,
    )
    for number, low, high, first in _LTE_TDD
}
"""LTE bands by name."""

NR_BANDS: dict[str, Band] = {
    f"n{number}": Band(
        name=f"n{number}",
        technology="5G",
        duplex="TDD" if uplink == low else "FDD",
        downlink_low_mhz=low,
        downlink_high_mhz=high,
        uplink_low_mhz=uplink,
    )
    for number, low, high, uplink in _NR
}
"""NR bands by name, commonest in Vietnam first."""

# What engineers call bands by their MHz; 2600 is B7 on 4G and n41 on 5G.
_NOMINAL_MHZ: dict[Technology, dict[int, str]] = {
    "4G": {
        700: "B28", 800: "B20", 850: "B5", 900: "B8", 1800: "B3", 1900: "B2", 2100: "B1",
        2300: "B40", 2500: "B41", 2600: "B7", 3500: "B42",
    },
    "5G": {
        700: "n28", 800: "n20", 850: "n5", 900: "n8", 1800: "n3", 1900: "n2", 2100: "n1",
        2300: "n40", 2500: "n41", 2600: "n41", 3500: "n78", 3700: "n78", 3900: "n77",
        4700: "n79",
    },
}  # fmt: skip

_NR_NAME = re.compile(r"(?<![a-z0-9])n\s?(\d{1,3})(?![\d.])")
_BAND_NAME = re.compile(r"(?<![a-z])(?:b|band|eutra|e-utra)[\s_-]*(\d{1,2})(?![\d.])")

_LTE_RESOURCE_BLOCKS = {1.4: 6, 3.0: 15, 5.0: 25, 10.0: 50, 15.0: 75, 20.0: 100}
_NR_RESOURCE_BLOCKS: dict[int, dict[float, int]] = {
    15: {
        3: 15, 5: 25, 10: 52, 15: 79, 20: 106, 25: 133, 30: 160, 35: 188, 40: 216, 45: 242,
        50: 270,
    },
    30: {
        5: 11, 10: 24, 15: 38, 20: 51, 25: 65, 30: 78, 35: 92, 40: 106, 45: 119, 50: 133,
        60: 162, 70: 189, 80: 217, 90: 245, 100: 273,
    },
    60: {
        10: 11, 15: 18, 20: 24, 25: 31, 30: 38, 35: 44, 40: 51, 45: 58, 50: 65, 60: 79,
        70: 93, 80: 107, 90: 121, 100: 135,
    },
}  # fmt: skip

# lowest and highest NR-ARFCN, frequency of the lowest [MHz], step [kHz]
_NR_RASTER = (
    (0, 599_999, 0.0, 5),
    (600_000, 2_016_666, 3000.0, 15),
    (2_016_667, 3_279_165, 24250.08, 60),
)


def lte_band(earfcn: int) -> Band:
    """Return the LTE band that a downlink EARFCN belongs to.

    Raises
    ------
    InvalidInputError
        No band here has that number, or it is an uplink number (the message gives its downlink).

    References
    ----------
    .. [1] 3GPP TS 36.101 V17, table 5.7.3-1.
    """
    for band in LTE_BANDS.values():
        if band.first_earfcn <= earfcn <= band.last_earfcn:
            return band
    for band in sorted(LTE_BANDS.values(), key=lambda b: b.first_uplink_earfcn, reverse=True):
        downlink = earfcn - band.first_uplink_earfcn + band.first_earfcn
        if band.duplex == "FDD" and band.first_earfcn <= downlink <= band.last_earfcn:
            raise InvalidInputError(
                f"EARFCN {earfcn} is an uplink number of {band.name}, wanted the downlink number: "
                f"that is {downlink}"
            )
    ranges = ", ".join(f"{b.name} {b.first_earfcn}-{b.last_earfcn}" for b in LTE_BANDS.values())
    raise InvalidInputError(
        f"EARFCN {earfcn} is in no LTE band known here, wanted a downlink number: {ranges}"
    )


def earfcn_frequencies_mhz(earfcn: int) -> tuple[float, float]:
    """Return downlink and uplink centre frequency of a downlink EARFCN [MHz].

    Examples
    --------
    >>> earfcn_frequencies_mhz(1300)
    (1815.0, 1720.0)
    """
    band = lte_band(earfcn)
    offset_mhz = 0.1 * (earfcn - band.first_earfcn)
    return (
        round(band.downlink_low_mhz + offset_mhz, 1),
        round(band.uplink_low_mhz + offset_mhz, 1),
    )


def downlink_earfcn(freq_mhz: float, band: Band) -> int:
    """Return the EARFCN nearest to a downlink frequency in an LTE band.

    Raises
    ------
    InvalidInputError
        The frequency lies outside the band.
    """
    earfcn = band.first_earfcn + round(10.0 * (freq_mhz - band.downlink_low_mhz))
    if not band.first_earfcn <= earfcn <= band.last_earfcn:
        raise InvalidInputError(
            f"{freq_mhz:g} MHz is outside the downlink of {band.name}, wanted "
            f"{band.downlink_low_mhz:g} to {band.downlink_high_mhz:g} MHz"
        )
    return earfcn


def nr_arfcn_mhz(arfcn: int) -> float:
    """Return the frequency of an NR-ARFCN on the global raster [MHz].

    Raises
    ------
    InvalidInputError
        The number is not on the raster.

    References
    ----------
    .. [1] 3GPP TS 38.104 V17, §5.4.2.1, table 5.4.2.1-1.

    Examples
    --------
    >>> nr_arfcn_mhz(513000), nr_arfcn_mhz(650000)
    (2565.0, 3750.0)
    """
    for first, last, start_mhz, step_khz in _NR_RASTER:
        if first <= arfcn <= last:
            return round(start_mhz + 1e-3 * step_khz * (arfcn - first), 3)
    raise InvalidInputError(f"NR-ARFCN {arfcn} is not on the raster, wanted 0 to 3279165")


def nr_arfcn(freq_mhz: float) -> int:
    """Return the NR-ARFCN nearest to a frequency [MHz], 0 to 100 000."""
    if not 0.0 <= freq_mhz <= 100_000.0:
        raise InvalidInputError(f"{freq_mhz} MHz is not on the NR raster, wanted 0 to 100000 MHz")
    for first, last, start_mhz, step_khz in reversed(_NR_RASTER):
        if freq_mhz >= start_mhz:
            return min(first + round((freq_mhz - start_mhz) * 1e3 / step_khz), last)
    raise AssertionError("the raster begins at 0 MHz")


def nr_band(freq_mhz: float, bandwidth_mhz: float = 0.0) -> Band:
    """Return the commonest NR band whose downlink holds a frequency.

    Several bands overlap (2600 MHz is in n41, n38 and n7). Without a band in the cell plan, the
    first in ``NR_BANDS`` that holds the whole carrier, else its centre, is taken: n41 before n38
    and n7, n78 before n77, n28 before n20, n1 before n66, as in Vietnam.

    Raises
    ------
    InvalidInputError
        No band known here holds it.
    """
    for width_mhz in (bandwidth_mhz, 0.0):
        for band in NR_BANDS.values():
            if band.holds(freq_mhz, width_mhz):
                return band
    ranges = ", ".join(
        f"{b.name} {b.downlink_low_mhz:g}-{b.downlink_high_mhz:g}" for b in NR_BANDS.values()
    )
    raise InvalidInputError(
        f"{freq_mhz:g} MHz is in the downlink of no NR band known here, wanted one of [MHz]: "
        f"{ranges}"
    )


def middle_channel(band: Band) -> tuple[float, float]:
    """Return downlink and uplink frequency of a band's middle channel [MHz]."""
    middle = (band.downlink_low_mhz + band.downlink_high_mhz) / 2.0
    if band.technology == "4G":
        # on the 100 kHz raster
        middle = band.downlink_low_mhz + 0.1 * round(10.0 * (middle - band.downlink_low_mhz))
    return round(middle, 3), round(middle - band.duplex_spacing_mhz, 3)


def lte_resource_blocks(bandwidth_mhz: float) -> int:
    """Return the number of resource blocks of an LTE channel (TS 36.101 table 5.6-1).

    Examples
    --------
    >>> lte_resource_blocks(20)
    100
    """
    try:
        return _LTE_RESOURCE_BLOCKS[round(bandwidth_mhz, 3)]
    except KeyError:
        raise InvalidInputError(
            f"bandwidth_mhz is {bandwidth_mhz:g}, wanted one of "
            f"{_listed(_LTE_RESOURCE_BLOCKS)} for LTE (TS 36.101 table 5.6-1)"
        ) from None


def nr_resource_blocks(bandwidth_mhz: float, subcarrier_spacing_khz: float) -> int:
    """Return the number of resource blocks of an NR channel in FR1.

    References
    ----------
    .. [1] 3GPP TS 38.101-1 V17, table 5.3.2-1.

    Examples
    --------
    >>> nr_resource_blocks(100, 30)
    273
    """
    by_bandwidth = _NR_RESOURCE_BLOCKS.get(round(subcarrier_spacing_khz))
    if by_bandwidth is None:
        raise InvalidInputError(
            f"subcarrier_spacing_khz is {subcarrier_spacing_khz:g}, wanted 15, 30 or 60 "
            "(TS 38.101-1 table 5.3.2-1)"
        )
    try:
        return by_bandwidth[round(bandwidth_mhz, 3)]
    except KeyError:
        raise InvalidInputError(
            f"bandwidth_mhz is {bandwidth_mhz:g}, wanted one of {_listed(by_bandwidth)} for NR "
            f"with {subcarrier_spacing_khz:g} kHz subcarriers (TS 38.101-1 table 5.3.2-1)"
        ) from None


def band_from_text(text: str, technology: Technology | None = None) -> Band:
    """Return the band that a text names.

    Parameters
    ----------
    text : str
        ``"B3"``, ``"n78"``, ``"Band 3"``, ``"E-UTRA Band 3 - 20 MHz"``, ``"3"``, or what
        engineers call a band by: ``"1800"``, ``"LTE1800"``, ``"L1800"``, ``"DCS 1800 MHz"``.
    technology : {"4G", "5G"} or None
        Needed for a bare number. Without it ``B`` is LTE; on 5G ``B41`` is read as n41, as plans
        write it.

    Raises
    ------
    InvalidInputError
        The text names no band known here, several, or one of the other technology.
    """
    squeezed = re.sub(r"\d+(?:[.,]\d+)?\s*mhz\b", _keep_nominal, text.strip().lower())
    named = _NR_NAME.findall(squeezed)
    eutra = _BAND_NAME.findall(squeezed)
    if len(set(named or eutra)) > 1:
        raise InvalidInputError(
            f"band {text!r} names several bands, wanted one per cell: make it one row for each"
        )
    band: Band | None = None
    if named:
        band = NR_BANDS.get(f"n{int(named[0])}")
    elif eutra:
        letter = "n" if technology == "5G" else "B"
        band = (NR_BANDS if letter == "n" else LTE_BANDS).get(f"{letter}{int(eutra[0])}")
    elif number := re.fullmatch(r"\D*(\d+)\D*", squeezed):
        band = _band_of_number(int(number[1]), technology or "4G")
    if band is None:
        known = (*LTE_BANDS, *NR_BANDS) if technology is None else _names(technology)
        raise InvalidInputError(
            f"band {text!r} is not known here, wanted one of {', '.join(known)}, or its nominal "
            f"MHz: {', '.join(map(str, _NOMINAL_MHZ[technology or '4G']))}"
        )
    if technology is not None and band.technology != technology:
        raise InvalidInputError(
            f"band {text!r} is a band of {band.technology}, but the technology says {technology}: "
            "correct one of the two"
        )
    return band


def _keep_nominal(match: re.Match[str]) -> str:
    """Keep ``1800 MHz`` (a band's nickname), drop ``20 MHz`` (a bandwidth)."""
    number = re.sub(r"\s*mhz", "", match[0])
    return number if len(number) >= 3 and number.isdigit() and int(number) >= 400 else ""


def _band_of_number(number: int, technology: Technology) -> Band | None:
    name = _NOMINAL_MHZ[technology].get(number)
    if name is None:
        name = f"{'B' if technology == '4G' else 'n'}{number}"
    return (LTE_BANDS if technology == "4G" else NR_BANDS).get(name)


def _names(technology: Technology) -> tuple[str, ...]:
    return tuple(LTE_BANDS if technology == "4G" else NR_BANDS)


def _listed(values: dict[float, int]) -> str:
    return ", ".join(f"{value:g}" for value in values)
