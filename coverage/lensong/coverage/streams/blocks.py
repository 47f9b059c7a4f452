# mypy: allow-untyped-decorators
# (numba's njit carries no types)
"""What one stream takes of a cell: the least resource blocks, and a share of the downlink."""

from __future__ import annotations

from math import floor, log2

import numpy as np
from numpy.typing import ArrayLike

from lensong.coverage.decibel import db_to_ratio
from lensong.coverage.rates import ShannonCurve
from lensong.propagation.kernel import untyped_kernel as kernel
from lensong.propagation.types import FloatArray

__all__ = ["fewest_blocks", "least_blocks"]


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
    found = np.empty(snr.shape)
    _least_blocks(
        snr.flatten(), width.flatten(), bound.flatten(),
        float(rate_mbps), float(curve.alpha),
        float(db_to_ratio(curve.min_snr_db)), float(db_to_ratio(curve.max_snr_db)), found.ravel(),
    )  # fmt: skip
    return found


@kernel
def _mbps(blocks, snr, width, alpha, highest):  # type: ignore[no-untyped-def]
    return blocks * width * alpha * log2(1.0 + min(snr / blocks, highest)) / 1e6


@kernel
def _least_blocks(  # type: ignore[no-untyped-def]
    snr, width, bound, rate_mbps, alpha, lowest, highest, found
):
    for i in range(snr.size):
        found[i] = fewest_blocks(snr[i], width[i], bound[i], rate_mbps, alpha, lowest, highest)


@kernel
def fewest_blocks(snr, width, bound, rate_mbps, alpha, lowest, highest):  # type: ignore[no-untyped-def]
    """Return the fewest blocks of one phone, see `least_blocks`."""
    wanted = rate_mbps * (1.0 - 1e-12)
    # the tiny factor keeps a ratio that is exactly at the bound from falling below by rounding
    high = floor(snr / lowest * (1.0 + 1e-12)) if snr == snr else 0.0
    high = min(bound, high)
    if high < 1.0 or not _mbps(high, snr, width, alpha, highest) >= wanted:
        return np.inf
    low = 0.0
    while high - low > 1.0:
        middle = max(floor(0.5 * (low + high)), 1.0)
        if _mbps(middle, snr, width, alpha, highest) >= wanted:
            high = middle
        else:
            low = middle
    return high
