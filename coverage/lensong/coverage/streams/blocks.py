"""What one stream takes of a cell: the least resource blocks, and a share of the downlink."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from lensong.coverage.decibel import db_to_ratio
from lensong.coverage.rates import ShannonCurve
from lensong.propagation.types import FloatArray

__all__ = ["least_blocks"]


def least_blocks(
    snr_one_block: ArrayLike,
    rate_mbps: float,
    *,
    block_hz: ArrayLike,
    most: ArrayLike,
    curve: ShannonCurve,
) -> FloatArray:
    """Return the fewest resource blocks that carry a rate, ``inf`` where no number does.

    Parameters
    ----------
    snr_one_block : any shape
        Signal to noise when the phone's whole power is in one block, as a ratio.
    rate_mbps : float
        Wanted [Mbit/s], above 0.
    block_hz : broadcast
        Width of a block times the share of time that is uplink [Hz].
    most : broadcast
        Blocks that the scheduler gives one phone at most.
    curve : ShannonCurve

    Notes
    -----
    ``m`` blocks carry ``m alpha block_hz log2(1 + min(s / m, s_max))``, which grows with ``m`` as
    long as ``s / m`` is at the lower bound of the curve or above: the fewest are found by halving.
    The rates are those of `lensong.coverage.rates.uplink_mbps`.
    """
    snr, width, bound = np.broadcast_arrays(
        *(np.asarray(value, dtype=np.float64) for value in (snr_one_block, block_hz, most))
    )
    lowest, highest = db_to_ratio(curve.min_snr_db), db_to_ratio(curve.max_snr_db)

    def carries(blocks: FloatArray) -> FloatArray:
        each = np.minimum(snr / blocks, highest)
        return np.asarray(blocks * width * curve.alpha * np.log2(1.0 + each) / 1e6)

    # the tiny factor keeps a ratio that is exactly at the bound from falling below by rounding
    high = np.minimum(bound, np.floor(np.nan_to_num(snr) / lowest * (1.0 + 1e-12)))
    possible = (high >= 1.0) & (carries(np.maximum(high, 1.0)) >= rate_mbps * (1.0 - 1e-12))
    low, high = np.zeros(snr.shape), np.where(possible, high, 1.0)
    while np.any(high - low > 1.0):
        middle = np.maximum(np.floor(0.5 * (low + high)), 1.0)
        enough = carries(middle) >= rate_mbps * (1.0 - 1e-12)
        undecided = high - low > 1.0
        high = np.where(undecided & enough, middle, high)
        low = np.where(undecided & ~enough, middle, low)
    return np.where(possible, high, np.inf)
