"""Bit rates from signal-to-noise ratios: the truncated Shannon curve, and its inverse.

What a phone gets follows from four choices, each stated where it is made:

- One stream carries ``alpha log2(1 + SNR)`` bit/s per hertz, nothing below ``min_snr_db`` and no
  more than at ``max_snr_db``. ``alpha`` stands for coding, fading *and* control overhead; no
  overhead is taken off a second time.
- Streams (layers) share the power of the cell: with ``n`` streams each has the n-th part of the
  SNR. At high SNR two streams nearly double the rate, at low SNR they hardly help, as in practice.
- Downlink: the phone gets the share of the cell's resource blocks that other traffic leaves free
  (see `free_share`).
- Uplink: the phone spreads its power over as many resource blocks as give the highest rate, from
  one to what the scheduler grants.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from lensong.coverage.decibel import db_to_ratio, ratio_to_db
from lensong.propagation.errors import InvalidInputError
from lensong.propagation.types import FloatArray, IntArray

__all__ = [
    "DOWNLINK_CURVES",
    "LEAST_SHARE",
    "UPLINK_CURVES",
    "ShannonCurve",
    "downlink_mbps",
    "free_share",
    "required_sinr_db",
    "required_uplink_snr_db",
    "uplink_mbps",
    "uplink_resource_blocks",
]

LEAST_SHARE = 0.1
"""Share of the resource blocks that a phone gets in a cell that is full: schedulers starve none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShannonCurve:
    """Rate of one stream over its signal-to-noise ratio.

    Parameters
    ----------
    alpha : float
        Share of the Shannon bound that a real link reaches, 0..1.
    min_snr_db, max_snr_db : float
        Below the first nothing gets through, above the second the rate no longer grows [dB].

    References
    ----------
    .. [1] 3GPP TR 36.942, annex A (alpha and the lower bound; 64-QAM downlink up to 22 dB,
       16-QAM uplink up to 15 dB).
    .. [2] Recommendation ITU-R M.2101 (256-QAM downlink up to 30 dB, 64-QAM uplink up to 22 dB).
    """

    alpha: float
    min_snr_db: float
    max_snr_db: float

    def __post_init__(self) -> None:
        if not (0.0 < self.alpha <= 1.0 and self.min_snr_db < self.max_snr_db):
            raise InvalidInputError(
                f"curve has alpha {self.alpha} and {self.min_snr_db}..{self.max_snr_db} dB, "
                "wanted alpha above 0 and up to 1, and a lower bound below the upper one"
            )

    @property
    def max_bit_per_s_hz(self) -> float:
        """Return the highest rate of one stream [bit/s/Hz]."""
        return float(self.alpha * np.log2(1.0 + db_to_ratio(self.max_snr_db)))


DOWNLINK_CURVES = {
    "64QAM": ShannonCurve(alpha=0.6, min_snr_db=-10.0, max_snr_db=22.0),
    "256QAM": ShannonCurve(alpha=0.6, min_snr_db=-10.0, max_snr_db=30.0),
}
"""Curve of the downlink by the highest modulation."""

UPLINK_CURVES = {
    "16QAM": ShannonCurve(alpha=0.4, min_snr_db=-10.0, max_snr_db=15.0),
    "64QAM": ShannonCurve(alpha=0.4, min_snr_db=-10.0, max_snr_db=22.0),
}
"""Curve of the uplink by the highest modulation."""


def free_share(load: float) -> float:
    """Return the share of a cell's resource blocks that one more phone gets.

    Parameters
    ----------
    load : float
        Share of resource elements that other traffic uses, 0..1.

    Notes
    -----
    What is free, but at least `LEAST_SHARE`. At the load of 0.5 that coverage filings ask for it
    is half of the cell; the *peak* rate of the channel, which some tools map, is the rate at
    load 0.
    """
    return max(1.0 - load, LEAST_SHARE)


def downlink_mbps(
    sinr_db: ArrayLike, *, bandwidth_hz: float, layers: int, curve: ShannonCurve
) -> FloatArray:
    """Return the downlink rate.

    Parameters
    ----------
    sinr_db : any shape
        Signal to interference and noise of all streams together [dB]; NaN passes through.
    bandwidth_hz : float
        Width that the phone gets, times the share of time that is downlink [Hz].
    layers : int
        The most streams, 1 or more; the number that gives the highest rate is used.
    curve : ShannonCurve

    Returns
    -------
    same shape
        Rate [Mbit/s].
    """
    _check_count("layers", layers)
    snr = db_to_ratio(sinr_db)
    return _best_split_rate(snr, bandwidth_hz, layers, curve) / 1e6


def uplink_mbps(
    snr_one_block_db: ArrayLike, *, block_hz: float, blocks: int, curve: ShannonCurve
) -> FloatArray:
    """Return the uplink rate with the number of resource blocks that suits the phone's power.

    Parameters
    ----------
    snr_one_block_db : any shape
        Signal to noise when the whole power is in one resource block [dB]; NaN passes through.
    block_hz : float
        Width of a resource block times the share of time that is uplink [Hz].
    blocks : int
        The most resource blocks times streams, 1 or more. A second stream halves the power of
        each as a second block does, so streams count as blocks.
    curve : ShannonCurve

    Returns
    -------
    same shape
        Rate [Mbit/s].
    """
    _check_count("blocks", blocks)
    return _best_split_rate(db_to_ratio(snr_one_block_db), block_hz, blocks, curve) / 1e6


def uplink_resource_blocks(
    snr_one_block_db: ArrayLike, *, blocks: int, curve: ShannonCurve
) -> IntArray:
    """Return how many resource blocks give the highest uplink rate; 0 where none gets through.

    Parameters
    ----------
    snr_one_block_db, blocks, curve
        As for `uplink_mbps`; NaN gives 0.

    Notes
    -----
    ``m log2(1 + s / m)`` grows with ``m``, so it is the largest number that keeps the SNR of
    each block at ``min_snr_db`` or above. That some numbers of blocks cannot be scheduled
    (LTE allows multiples of 2, 3 and 5 only) is left out.
    """
    _check_count("blocks", blocks)
    return _best_split(db_to_ratio(snr_one_block_db), blocks, curve)


def required_sinr_db(
    rate_mbps: float, *, bandwidth_hz: float, layers: int, curve: ShannonCurve
) -> float:
    """Return the lowest SINR at which `downlink_mbps` reaches a rate [dB].

    ``-inf`` for a rate of 0, ``inf`` where no SINR is enough. Parameters as for `downlink_mbps`.
    """
    _check_count("layers", layers)
    return _required_snr_db(rate_mbps, bandwidth_hz, layers, curve)


def required_uplink_snr_db(
    rate_mbps: float, *, block_hz: float, blocks: int, curve: ShannonCurve
) -> float:
    """Return the lowest SNR of one block at which `uplink_mbps` reaches a rate [dB].

    ``-inf`` for a rate of 0, ``inf`` where no SNR is enough. Parameters as for `uplink_mbps`.
    """
    _check_count("blocks", blocks)
    return _required_snr_db(rate_mbps, block_hz, blocks, curve)


def _best_split(snr: FloatArray, most: int, curve: ShannonCurve) -> IntArray:
    """Return the largest number of parts, up to ``most``, that each still get through."""
    lowest = db_to_ratio(curve.min_snr_db)
    # The tiny factor keeps a ratio that is exactly at the bound from falling below by rounding.
    enough = np.minimum(np.nan_to_num(snr), most * lowest) * (1.0 + 1e-12)
    split: IntArray = np.floor(enough / lowest).astype(np.int64)
    return split


def _best_split_rate(
    snr: FloatArray, width_hz: float, most: int, curve: ShannonCurve
) -> FloatArray:
    """Return the highest rate when ``snr`` may be spread over 1..most parts [bit/s]."""
    parts = _best_split(snr, most, curve)
    each = np.minimum(snr / np.maximum(parts, 1), db_to_ratio(curve.max_snr_db))
    rate = np.asarray(parts * width_hz * curve.alpha * np.log2(1.0 + each), dtype=np.float64)
    return np.where(np.isnan(snr), np.nan, rate)


@lru_cache(4096)  # cells of a network differ in few of these, and every edit asks for all cells
def _required_snr_db(rate_mbps: float, width_hz: float, most: int, curve: ShannonCurve) -> float:
    if rate_mbps <= 0.0:
        return -float("inf")
    if width_hz <= 0.0:
        return float("inf")
    parts = np.arange(1, most + 1, dtype=np.float64)
    wanted = rate_mbps * 1e6 / (width_hz * curve.alpha * parts)
    possible = wanted <= curve.max_bit_per_s_hz / curve.alpha * (1.0 + 1e-12)
    if not possible.any():
        return float("inf")
    parts, wanted = parts[possible], wanted[possible]
    each = np.maximum(np.exp2(wanted) - 1.0, db_to_ratio(curve.min_snr_db))
    return float(ratio_to_db(np.min(parts * each)))


def _check_count(name: str, count: int) -> None:
    if count < 1:
        raise InvalidInputError(f"{name} is {count}, wanted 1 or more")
