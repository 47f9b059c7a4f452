"""When does a constant-bitrate stream fall behind? A queue in front of the link, nothing else."""

from __future__ import annotations

import numpy as np

from lensong.propagation.types import FloatArray

LAG_LIMIT_S = 2.0
LEAST_BPS = 1_000.0


def worst_lag_s(uplink_bps: FloatArray, bitrate_bps: float) -> float:
    """Return the largest lag: what waits to be sent, in seconds of the stream."""
    waiting = worst = 0.0
    for carried in uplink_bps:
        waiting = max(0.0, waiting + bitrate_bps - float(carried))
        worst = max(worst, waiting)
    return worst / bitrate_bps


def held_bps(uplink_bps: FloatArray) -> float:
    """Return the highest constant bitrate whose lag never exceeds `LAG_LIMIT_S`.

    The lag stays below L when over every stretch of n seconds the stream brings no more than the
    link carries in it and L seconds of stream: rate (n - L) <= carried. At least `LEAST_BPS`.
    """
    sums = np.concatenate([[0.0], np.cumsum(uplink_bps)])
    best = np.inf
    for length in range(int(LAG_LIMIT_S) + 1, sums.size):
        least = float((sums[length:] - sums[:-length]).min())
        best = min(best, least / (length - LAG_LIMIT_S))
    return max(best, LEAST_BPS)
