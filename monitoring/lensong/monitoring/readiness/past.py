"""What was seen over hours: watches of a link, and sessions that are over. Evidence, plain values.

Both say for how long the network was watched and how often it was away: *time watched* is the
evidence on outages, and success counts. A session says besides what rate the link carried.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lensong.monitoring.readiness.checks import check_amount, check_aware, check_technology
from lensong.monitoring.records import Motion, SessionOutcome, ToldBy
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = ["FinishedSession", "Watch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A stretch of time in which a site's network was watched by small messages.

    Parameters
    ----------
    ended_at : datetime
        When the stretch ended; aware.
    watched_s : float
        Seconds that were really watched, 0 or more: not those in which the page was hidden or the
        phone asleep. Not watched is not clean.
    outages_s : tuple of float
        Length of each time that nothing came through [s]; those shorter than 2 s may be left out.
    motion : Motion
        Sensed or told.
    technology : {"3G", "4G", "5G"} or None
    operator : str or None
    rtt_p50_ms, rtt_p95_ms : float or None
        Round trips.
    """

    ended_at: datetime
    watched_s: float
    outages_s: tuple[float, ...] = ()
    motion: Motion = Motion.UNKNOWN
    technology: str | None = None
    operator: str | None = None
    rtt_p50_ms: float | None = None
    rtt_p95_ms: float | None = None

    def __post_init__(self) -> None:
        check_aware("ended_at", self.ended_at)
        check_technology(self.technology)
        _check_lengths(self.watched_s, self.outages_s)
        check_amount("rtt_p50_ms", self.rtt_p50_ms)
        check_amount("rtt_p95_ms", self.rtt_p95_ms)
        _check_member("motion", self.motion, Motion)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedSession:
    """A session that is over, and what became of it.

    Parameters
    ----------
    ended_at : datetime
        Aware.
    site_id : str
        Where it was: at the site that is asked about it is evidence, elsewhere it calibrates.
    technology : {"3G", "4G", "5G"} or None
    operator : str or None
    motion : Motion
    told_by : ToldBy
        A media server, a watch beside it, or a person afterwards.
    outcome : SessionOutcome
        By the profile's tolerance: ``froze`` where the rate was too low, ``lost`` where the
        network was away.
    uplink_required_bps : float
        What the stream asked for, headers included, above 0.
    carried_bps : float or None
        Highest constant bit rate that the link carried within the tolerance. Of a session that
        held that is the rate that was sent, a lower bound; None where nobody counted.
    watched_s : float
        Seconds that were watched.
    outages_s : tuple of float
        Times away [s]; as in `Watch`.
    predicted_probability : float or None
        `Verdict.probability` of the last verdict before it; None where there was none.
    beside_bps : float
        The most that other sessions of the site asked for at any time of it.
    beside : int
        How many others were on the air all of its time: together they are one event.
    beside_held, beside_held_bps : int, float
        How many of these held too, and what they asked for: where it held, the link carried them
        together.
    """

    ended_at: datetime
    site_id: str
    technology: str | None = None
    operator: str | None = None
    motion: Motion = Motion.UNKNOWN
    told_by: ToldBy = ToldBy.MEDIA_SERVER
    outcome: SessionOutcome
    uplink_required_bps: float
    carried_bps: float | None = None
    watched_s: float = 0.0
    outages_s: tuple[float, ...] = ()
    predicted_probability: float | None = None
    beside_bps: float = 0.0
    beside: int = 0
    beside_held: int = 0
    beside_held_bps: float = 0.0

    def __post_init__(self) -> None:
        check_aware("ended_at", self.ended_at)
        check_technology(self.technology)
        check_amount("beside_bps", self.beside_bps)
        check_amount("beside", self.beside)
        check_amount("beside_held", self.beside_held)
        check_amount("beside_held_bps", self.beside_held_bps)
        _check_member("motion", self.motion, Motion)
        _check_member("told_by", self.told_by, ToldBy)
        _check_member("outcome", self.outcome, SessionOutcome)
        if not (math.isfinite(self.uplink_required_bps) and self.uplink_required_bps > 0.0):
            raise InvalidInputError(
                f"uplink_required_bps is {self.uplink_required_bps}, wanted a rate above 0"
            )
        check_amount("carried_bps", self.carried_bps)
        _check_lengths(self.watched_s, self.outages_s)
        if self.predicted_probability is not None and not 0.0 <= self.predicted_probability <= 1.0:
            raise OutOfRangeError("predicted_probability", self.predicted_probability, 0.0, 1.0)

    @property
    def held(self) -> bool:
        """Return whether the session held within the tolerance."""
        return self.outcome is SessionOutcome.HELD


def _check_lengths(watched_s: float, outages_s: Iterable[float]) -> None:
    for name, value in (("watched_s", watched_s), *(("outages_s", value) for value in outages_s)):
        if not (math.isfinite(value) and value >= 0.0):
            raise InvalidInputError(f"{name} is {value}, wanted a number of seconds of 0 or more")


def _check_member(name: str, value: object, kind: Iterable[object]) -> None:
    members = tuple(kind)
    if value not in members:
        raise InvalidInputError(
            f"{name} is {value!r}, wanted one of {', '.join(str(member) for member in members)}"
        )
