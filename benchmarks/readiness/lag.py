"""When does a constant-bitrate stream fall behind? A queue in front of the link, nothing else."""

from __future__ import annotations

import numpy as np
from numba import njit

from lensong.monitoring.tolerance import Tolerance
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


def holds(uplink_bps: FloatArray, bitrate_bps: float, tolerance: Tolerance) -> bool:
    """Return whether a stream over a link of one-second steps stays within the tolerance.

    What `tolerance.freezes_behind` and `tolerance.breach` say, compiled; a test holds the two
    together.
    """
    return bool(
        _holds(
            np.asarray(uplink_bps, dtype=np.float64),
            bitrate_bps,
            tolerance.encoder_queue_s,
            tolerance.longest_freeze_s,
            tolerance.most_frozen_in_s(float(len(uplink_bps))),
        )
    )


@njit(nogil=True)
def _holds(
    uplink_bps: FloatArray, bitrate_bps: float, queue_s: float, longest_s: float, most_s: float
) -> bool:
    waiting = 0.0
    frozen_s = 0.0
    began_s, until_s = 0.0, -10.0  # of the freeze that is under way or was the last
    for at_s in range(uplink_bps.size):
        waiting = max(0.0, waiting + 1.0 - uplink_bps[at_s] / bitrate_bps)
        dropped = max(0.0, waiting - queue_s)
        waiting = min(waiting, queue_s)
        if dropped <= 0.02:
            continue
        if at_s - until_s >= 2.0:
            if until_s > 0.0:
                frozen_s += until_s - began_s
            began_s = at_s
        until_s = min(at_s + 2.0, float(uplink_bps.size))
        if until_s - began_s > longest_s:
            return False
    if until_s > 0.0:
        frozen_s += until_s - began_s
    return frozen_s <= most_s
