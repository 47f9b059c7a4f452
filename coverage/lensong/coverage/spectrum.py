"""How much two carriers share of the spectrum, and how strongly one disturbs the other."""

from __future__ import annotations

from lensong.coverage.network import Carrier

__all__ = ["disturbance_weight", "occupied_mhz", "overlap_mhz"]


def occupied_mhz(carrier: Carrier) -> tuple[float, float]:
    """Return the edges of what a carrier's resource blocks fill in the downlink [MHz].

    The rest of the channel is guard band: 18 of 20 MHz are filled on LTE.
    """
    half = carrier.resource_blocks * carrier.resource_block_hz * 1e-6 / 2.0
    return carrier.downlink_freq_mhz - half, carrier.downlink_freq_mhz + half


def overlap_mhz(one: Carrier, other: Carrier) -> float:
    """Return how much downlink spectrum two carriers both fill [MHz]."""
    low, high = occupied_mhz(one)
    other_low, other_high = occupied_mhz(other)
    return max(0.0, min(high, other_high) - max(low, other_low))


def disturbance_weight(victim: Carrier, disturber: Carrier) -> float:
    """Return what part of a disturber's power per resource element falls on one of the victim's.

    1 for the same carrier, 0 where they share no spectrum. The disturber's power density times
    the width of the victim's subcarrier, on average over the victim's resource elements:
    ``overlap / occupied width of the victim x spacing of the victim / spacing of the disturber``.

    Notes
    -----
    The average is taken over the whole carrier: where only a part is disturbed, a scheduler could
    use the rest, and the rate is then better than the SINR says. What leaks beside a carrier (at
    least 45 dB below it, 3GPP TS 36.104 §6.6.2) is left out.
    """
    low, high = occupied_mhz(victim)
    share = overlap_mhz(victim, disturber) / (high - low)
    return share * victim.subcarrier_spacing_khz / disturber.subcarrier_spacing_khz
