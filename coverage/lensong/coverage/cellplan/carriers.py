"""From band, channel number and bandwidth, as a plan or a scenario writes them, to a carrier."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lensong.coverage.network import Carrier, Technology
from lensong.coverage.threegpp import (
    LTE_BANDS,
    NR_BANDS,
    Band,
    band_from_text,
    earfcn_frequencies_mhz,
    lte_band,
    lte_resource_blocks,
    middle_channel,
    nr_arfcn_mhz,
    nr_band,
    nr_resource_blocks,
)
from lensong.propagation.errors import InvalidInputError

__all__ = [
    "CARRIER_GRAMMAR",
    "CarrierText",
    "make_carrier",
    "parse_carrier",
    "read_carrier_text",
]

CARRIER_GRAMMAR = (
    "'4G <band> <bandwidth> MHz [EARFCN <number>]' or "
    "'5G <band> <bandwidth> MHz [<spacing> kHz] [NR-ARFCN <number>]', "
    "e.g. '4G B3 20 MHz', '4G B20 10 MHz EARFCN 6300', '5G n41 100 MHz 30 kHz NR-ARFCN 513000'"
)
"""How a scenario writes a carrier."""

_CARRIER = re.compile(
    r"(?P<technology>4G|LTE|5G|NR)\s+(?P<band>[A-Z]*\s?\d+)\s+(?P<bandwidth>\d+(?:\.\d+)?)\s*MHZ"
    r"(?:\s+(?P<spacing>\d+)\s*KHZ)?(?:\s+(?P<kind>EARFCN|NR-?ARFCN)\s+(?P<channel>\d+))?",
    re.IGNORECASE,
)
_COMMON_LTE = ("B3", "B1", "B7", "B8", "B20", "B28", "B5", "B40", "B41", "B42", "B38")


def parse_carrier(text: str, tdd_uplink_share: float = 0.25) -> Carrier:
    """Return the carrier that a text such as ``"4G B20 10 MHz EARFCN 6300"`` describes.

    Parameters
    ----------
    text : str
        Technology (``4G`` or ``LTE``, ``5G`` or ``NR``), band (``B20``, ``n41``, or its nominal
        MHz: ``800``), bandwidth in MHz, for 5G the subcarrier spacing in kHz (else 15 on FDD, 30
        on TDD), and the downlink channel number (else the band's middle channel). Case does not
        matter.
    tdd_uplink_share : float
        Share of time for the uplink if the band is TDD.

    Raises
    ------
    InvalidInputError
        The text has another form, or names a band, bandwidth or channel that does not exist.
    """
    match = _CARRIER.fullmatch(text.strip())
    if match is None:
        raise InvalidInputError(f"carrier {text!r} cannot be read, wanted {CARRIER_GRAMMAR}")
    technology: Technology = "4G" if match["technology"].upper() in ("4G", "LTE") else "5G"
    kind = (match["kind"] or "").upper()
    if kind and (kind == "EARFCN") != (technology == "4G"):
        raise InvalidInputError(
            f"carrier {text!r} gives a {technology} carrier an {kind}, wanted {CARRIER_GRAMMAR}"
        )
    if technology == "4G" and match["spacing"] not in (None, "15"):
        raise InvalidInputError(
            f"carrier {text!r} has {match['spacing']} kHz, LTE has 15 kHz: wanted {CARRIER_GRAMMAR}"
        )
    try:
        return make_carrier(
            technology,
            band=match["band"],
            channel=int(match["channel"]) if match["channel"] else None,
            bandwidth_mhz=float(match["bandwidth"]),
            subcarrier_spacing_khz=float(match["spacing"]) if match["spacing"] else None,
            tdd_uplink_share=tdd_uplink_share,
        )
    except InvalidInputError as error:
        raise InvalidInputError(f"carrier {text!r}: {error}") from error


def make_carrier(
    technology: Technology,
    *,
    band: str = "",
    channel: int | None = None,
    freq_mhz: float | None = None,
    bandwidth_mhz: float,
    subcarrier_spacing_khz: float | None = None,
    tdd_uplink_share: float = 0.25,
) -> Carrier:
    """Return a carrier from what is known of it.

    Parameters
    ----------
    technology : {"4G", "5G"}
    band : str
        As `threegpp.band_from_text` reads it; may be empty when ``channel`` or ``freq_mhz`` is
        given.
    channel : int or None
        Downlink EARFCN or NR-ARFCN. It decides the frequency; a band that does not hold it is
        refused.
    freq_mhz : float or None
        Downlink centre [MHz], used without a channel.
    bandwidth_mhz : float
    subcarrier_spacing_khz : float or None
        None: 15 for LTE and NR FDD, 30 for NR TDD.
    tdd_uplink_share : float
        Share of time for the uplink of a TDD carrier; the downlink has the rest.

    Raises
    ------
    InvalidInputError
        Contradiction, or no such band, channel or bandwidth.
    """
    found, downlink_mhz, uplink_mhz = _band_and_centre(
        technology, band, channel, freq_mhz, bandwidth_mhz
    )
    if technology == "4G":
        spacing_khz, blocks = 15.0, lte_resource_blocks(bandwidth_mhz)
    else:
        spacing_khz = subcarrier_spacing_khz or (30.0 if found.duplex == "TDD" else 15.0)
        blocks = nr_resource_blocks(bandwidth_mhz, spacing_khz)
    _check_inside(found, downlink_mhz, bandwidth_mhz)
    is_tdd = found.duplex == "TDD"
    return Carrier(
        name=f"{found.name} {bandwidth_mhz:g} MHz at {downlink_mhz:g} MHz",
        technology=technology,
        downlink_freq_mhz=downlink_mhz,
        uplink_freq_mhz=uplink_mhz,
        bandwidth_mhz=bandwidth_mhz,
        subcarrier_spacing_khz=spacing_khz,
        resource_blocks=blocks,
        duplex=found.duplex,
        uplink_share=tdd_uplink_share if is_tdd else 1.0,
        downlink_share=1.0 - tdd_uplink_share if is_tdd else 1.0,
    )


def _band_and_centre(
    technology: Technology,
    text: str,
    channel: int | None,
    freq_mhz: float | None,
    bandwidth_mhz: float,
) -> tuple[Band, float, float]:
    """Return band, downlink and uplink centre [MHz]."""
    named = band_from_text(text, technology) if text else None
    if channel is not None and technology == "4G":
        band = lte_band(channel)
        if _is_explicit(text) and named is not None and named is not band:
            raise InvalidInputError(
                f"EARFCN {channel} is in {band.name}, but the band says {text!r}: correct one"
            )
        return (band, *earfcn_frequencies_mhz(channel))
    if channel is not None:
        freq_mhz = nr_arfcn_mhz(channel)
        source = f"NR-ARFCN {channel} is {freq_mhz:g} MHz, which"
    else:
        source = f"{freq_mhz} MHz"
    if freq_mhz is None:
        if named is None:
            raise InvalidInputError(
                "neither band nor channel number nor frequency is given, wanted one of them"
            )
        return (named, *middle_channel(named))
    if named is None:
        named = (
            nr_band(freq_mhz, bandwidth_mhz)
            if technology == "5G"
            else _lte_band_of(freq_mhz, bandwidth_mhz)
        )
    if not named.holds(freq_mhz):
        others = [
            b.name
            for b in (LTE_BANDS if technology == "4G" else NR_BANDS).values()
            if b.holds(freq_mhz)
        ]
        if channel is None and freq_mhz == round(freq_mhz, -1) and not others:
            return (named, *middle_channel(named))  # a nickname such as 1800
        hint = f"it is in {' and '.join(others)}" if others else "it is in no band known here"
        raise InvalidInputError(
            f"{source} is outside the downlink of {named.name} ({named.downlink_low_mhz:g} to "
            f"{named.downlink_high_mhz:g} MHz), {hint}: correct the band or the channel"
        )
    return named, freq_mhz, round(freq_mhz - named.duplex_spacing_mhz, 4)


def _check_inside(band: Band, centre_mhz: float, bandwidth_mhz: float) -> None:
    """Refuse a carrier that leaves its band."""
    if band.holds(centre_mhz, bandwidth_mhz):
        return
    low, high = centre_mhz - bandwidth_mhz / 2.0, centre_mhz + bandwidth_mhz / 2.0
    raise InvalidInputError(
        f"a carrier of {bandwidth_mhz:g} MHz at {centre_mhz:g} MHz reaches from {low:g} to "
        f"{high:g} MHz and leaves {band.name} ({band.downlink_low_mhz:g} to "
        f"{band.downlink_high_mhz:g} MHz): correct the bandwidth, the channel or the band"
    )


def _is_explicit(text: str) -> bool:
    """Return whether a text names the band itself rather than its nominal MHz."""
    return re.search(r"(?i)(?<![a-z])(?:b|band|e-?utra)[\s_-]*\d", text) is not None


def _lte_band_of(freq_mhz: float, bandwidth_mhz: float) -> Band:
    """Return the commonest LTE band for a downlink frequency or a nickname such as 1800."""
    for width_mhz in (bandwidth_mhz, 0.0):  # best one that holds the whole carrier
        for name in (*_COMMON_LTE, *LTE_BANDS):
            if LTE_BANDS[name].holds(freq_mhz, width_mhz):
                return LTE_BANDS[name]
    return band_from_text(f"{freq_mhz:g}", "4G")


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierText:
    """What a text such as Atoll's ``"10 MHz - EARFCN 6400"`` says of a carrier; None is unsaid."""

    bandwidth_mhz: float | None
    earfcn: int | None
    nr_arfcn: int | None
    band: str

    @property
    def is_empty(self) -> bool:
        """Return whether the text says nothing of the spectrum."""
        return (
            self.bandwidth_mhz is None and self.earfcn is None and self.nr_arfcn is None
        ) and not self.band


def read_carrier_text(text: str) -> CarrierText:
    """Return what the name of a carrier says: bandwidth, channel number, band.

    Examples
    --------
    >>> read_carrier_text("10 MHz - EARFCN 6400").earfcn
    6400
    """
    nr = re.search(r"NR[\s_-]*ARFCN\D{0,3}(\d+)", text, re.IGNORECASE)
    lte = None if nr else re.search(r"EARFCN\D{0,3}(\d+)", text, re.IGNORECASE)
    widths = [
        float(m[1].replace(",", "."))
        for m in re.finditer(r"(\d+(?:[.,]\d+)?)\s*MHz", text, re.IGNORECASE)
    ]
    widths = [width for width in widths if width <= 100.0]
    band = re.search(
        r"(?<![A-Za-z])(?:(?:E-?UTRA\s+)?band\s*\d{1,2}|[bn]\d{1,2})(?!\d)", text, re.IGNORECASE
    )
    return CarrierText(
        bandwidth_mhz=widths[0] if len(set(widths)) == 1 else None,
        earfcn=int(lte[1]) if lte else None,
        nr_arfcn=int(nr[1]) if nr else None,
        band=band[0] if band else "",
    )
