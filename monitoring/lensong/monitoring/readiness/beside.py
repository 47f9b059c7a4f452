"""Who is on the air beside a session, and how many a coverage plan lets: evidence, plain values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from lensong.monitoring.readiness.checks import check_amount, check_aware
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["SessionBeside", "StreamsAtOnce"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBeside:
    """Another session that shares the uplink: at the same site, or on the same cells by a plan.

    Parameters
    ----------
    starts_at, ends_at : datetime
        Aware, the end after the start.
    uplink_required_bps : float
        What it asks for, headers included, above 0.
    here : bool
        At the same site; otherwise a plan puts its site on the same cells.
    """

    starts_at: datetime
    ends_at: datetime
    uplink_required_bps: float
    here: bool = True

    def __post_init__(self) -> None:
        check_aware("starts_at", self.starts_at)
        check_aware("ends_at", self.ends_at)
        if self.ends_at <= self.starts_at:
            raise InvalidInputError(
                f"ends_at {self.ends_at.isoformat()} is not after starts_at "
                f"{self.starts_at.isoformat()}, wanted a session that lasts"
            )
        check_amount("uplink_required_bps", self.uplink_required_bps)
        if self.uplink_required_bps <= 0.0:
            raise InvalidInputError("uplink_required_bps is 0, wanted a rate above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsAtOnce:
    """How many streams of one service a coverage plan lets hold at once where the site lies.

    Parameters
    ----------
    operator : str or None
        Whose SIM cards the sellers have; None where each takes the one that suits.
    uplink_bps : float
        What one stream of the service sends, above 0.
    probability : float
        With which the plan wants the service to hold, 0..1.
    chances : tuple of float
        That 1, 2, 3 ... streams hold at once, 0..1, never rising.
    computed_at : datetime
        When the plan was computed.
    synthetic : bool
        Out of invented data: it says nothing of a real site.
    """

    operator: str | None = None
    uplink_bps: float
    probability: float
    chances: tuple[float, ...]
    computed_at: datetime
    synthetic: bool = False

    def __post_init__(self) -> None:
        check_aware("computed_at", self.computed_at)
        if not (math.isfinite(self.uplink_bps) and self.uplink_bps > 0.0):
            raise InvalidInputError(f"uplink_bps is {self.uplink_bps}, wanted a rate above 0")
        if not 0.0 <= self.probability <= 1.0:
            raise OutOfRangeError("probability", self.probability, 0.0, 1.0)
        if not self.chances:
            raise InvalidInputError("chances is empty, wanted one for 1 stream, 2 streams ...")
        for one in self.chances:
            if not 0.0 <= one <= 1.0:
                raise OutOfRangeError("chances", one, 0.0, 1.0)
        if any(b > a for a, b in pairwise(self.chances)):
            raise InvalidInputError(
                f"chances {self.chances} rise: where more streams hold, fewer hold too"
            )

    def streams_of(self, rate_bps: float) -> int:
        """Return as how many streams of the service a rate counts, at least 1."""
        return max(math.ceil(rate_bps / self.uplink_bps - 1e-9), 1)

    def holding(self) -> int:
        """Return how many streams hold at once with the probability of the service."""
        return sum(one >= self.probability - 1e-12 for one in self.chances)

    def together(self, rate_bps: float, others_bps: float) -> float:
        """Return the chance that all hold at once, given that a stream alone does, 0..1.

        The draws in which ``n`` hold are among those in which fewer do, so that it is the quotient
        of the two chances; 0 beyond the most that the plan has counted.
        """
        alone, all_n = self.streams_of(rate_bps), self.streams_of(rate_bps + others_bps)
        if all_n > len(self.chances) or self.chances[alone - 1] <= 0.0:
            return 0.0
        return self.chances[all_n - 1] / self.chances[alone - 1]
