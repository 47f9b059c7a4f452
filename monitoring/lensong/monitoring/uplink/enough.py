"""When a test knows enough: the rule that its client keeps to, told by the server.

A test of a link that carries much more than the session needs spends data on what is known
already. So the server tells how much is enough, and the client, who pays, stops as soon as *every*
counted second was above that. The server counts and keeps what came until then; that it was shorter
shows in its seconds, and they alone are the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lensong.monitoring.uplink.counting import LEAST_BINS, WARM_UP_S

__all__ = ["TIMES_THE_NEED", "Enough", "EnoughWatcher", "enough_for"]

TIMES_THE_NEED = 3.0
"""A link that never fell below so many times the need is no closer to it in a longer test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """How much is enough.

    Parameters
    ----------
    rate_bps : float
        Which every counted second must reach [bit/s].
    seconds : float
        Since the first byte, and no sooner [s].
    """

    rate_bps: float
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Return it as a message says it."""
        return {"rate_bps": round(self.rate_bps), "seconds": self.seconds}


def enough_for(
    uplink_required_bps: float | None, *, seconds: float, max_rate_bps: float
) -> Enough | None:
    """Return how much of a test is enough for a need; None where all of it is wanted.

    Parameters
    ----------
    uplink_required_bps : float, optional
        What the session needs [bit/s]; None where there is none.
    seconds, max_rate_bps : float
        Length and highest rate of the test [s, bit/s].

    Examples
    --------
    >>> enough_for(2.8e6, seconds=30, max_rate_bps=20e6)
    Enough(rate_bps=8400000.0, seconds=13.0)
    >>> enough_for(8e6, seconds=30, max_rate_bps=20e6)  # a test never shows three times as much
    """
    if uplink_required_bps is None:
        return None
    rate_bps, least_s = TIMES_THE_NEED * uplink_required_bps, float(WARM_UP_S + LEAST_BINS)
    if rate_bps > max_rate_bps or least_s >= seconds:
        return None
    return Enough(rate_bps=rate_bps, seconds=least_s)


class EnoughWatcher:
    """Tells a client when it knows enough, from the server's messages alone."""

    def __init__(self, enough: Enough | None) -> None:
        self._enough = enough
        self._seen: list[tuple[float, int]] = []

    def heard(self, elapsed_s: float, received_bytes: int) -> bool:
        """Take what the server has counted until now; return whether that is enough."""
        self._seen.append((elapsed_s, received_bytes))
        enough = self._enough
        if enough is None or elapsed_s < enough.seconds:
            return False
        counted = [seen for seen in self._seen if seen[0] >= WARM_UP_S]
        return len(counted) > 1 and min(_rates_bps(counted)) >= enough.rate_bps


def _rates_bps(seen: Sequence[tuple[float, int]]) -> list[float]:
    return [
        8.0 * (b - a) / (until_s - from_s) if until_s > from_s else 0.0
        for (from_s, a), (until_s, b) in pairwise(seen)
    ]
