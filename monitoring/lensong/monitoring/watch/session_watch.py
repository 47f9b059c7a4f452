"""What light watches saw of the network during one session."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from lensong.monitoring.records import WatchPart
from lensong.monitoring.tolerance import Breach, Tolerance, breach

__all__ = ["SessionWatch", "session_watch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWatch:
    """The network during a session, as the phone saw it that watched the most of it.

    Parameters
    ----------
    watched_s : float
        Of the session's time [s].
    watched_ratio : float
        The share of the session that this is, or of as much of it as has passed.
    watchers : int
        Phones and programs that watched.
    outage_starts_at, outages_s : tuple
        When the network was away for 2 s or more, and how long [s].
    rtt_p50_ms, rtt_p95_ms : float, optional
        Round trips: their median, and the worst quarter of an hour's 95th percentile [ms].
    breach : str, optional
        How the times away alone go beyond what the stream profile tolerates.
    """

    watched_s: float
    watched_ratio: float
    watchers: int
    outage_starts_at: tuple[datetime, ...]
    outages_s: tuple[float, ...]
    rtt_p50_ms: float | None
    rtt_p95_ms: float | None
    breach: Breach | None

    @property
    def outage_s(self) -> float:
        """Return how long the network was away in all [s]."""
        return math.fsum(self.outages_s)

    @property
    def outage_longest_s(self) -> float:
        """Return how long it was away at most [s]."""
        return max(self.outages_s, default=0.0)

    def worst_outages(self, most: int) -> list[tuple[datetime, float]]:
        """Return the longest times away in the order of their begin, at most so many."""
        away = zip(self.outage_starts_at, self.outages_s, strict=True)
        return sorted(sorted(away, key=lambda one: -one[1])[:most])

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types; times are RFC 3339."""
        return asdict(self) | {
            "outage_starts_at": [at.isoformat() for at in self.outage_starts_at],
            "outages_s": list(self.outages_s),
            "outage_s": round(self.outage_s, 3),
            "outage_longest_s": self.outage_longest_s,
        }


def session_watch(
    parts: Iterable[WatchPart],
    starts_at: datetime,
    ends_at: datetime,
    *,
    tolerance: Tolerance,
    now: datetime,
) -> SessionWatch | None:
    """Return what was seen of a session, None where nobody watched.

    Parameters
    ----------
    parts : iterable of WatchPart
        Of the session's site; what lies outside of the session is left out.
    starts_at, ends_at, now : datetime
        A session that still runs is judged by what has passed of it.

    Notes
    -----
    Of a part that reaches over an end of the session its share of the time counts, and those
    outages that began inside.
    """
    by_client: dict[str, list[WatchPart]] = {}
    for part in parts:
        if part.ended_at > starts_at and part.started_at < ends_at:
            by_client.setdefault(part.client_id, []).append(part)
    watched_s = {
        client: math.fsum(part.watched_s * _inside(part, starts_at, ends_at) for part in some)
        for client, some in by_client.items()
    }
    if not watched_s or max(watched_s.values()) <= 0.0:
        return None
    best = max(sorted(watched_s), key=lambda client: watched_s[client])
    away = sorted(
        outage
        for part in by_client[best]
        for outage in _outages(part)
        if starts_at <= outage[0] and outage[0] < ends_at
    )
    lengths_s = tuple(length_s for _, length_s in away)
    passed_s = (max(min(ends_at, now), starts_at) - starts_at).total_seconds()
    return SessionWatch(
        watched_s=round(watched_s[best], 1),
        watched_ratio=min(1.0, watched_s[best] / passed_s) if passed_s > 0.0 else 1.0,
        watchers=sum(seen_s > 0.0 for seen_s in watched_s.values()),
        outage_starts_at=tuple(at for at, _ in away),
        outages_s=lengths_s,
        rtt_p50_ms=_median([part.rtt_p50_ms for part in by_client[best]]),
        rtt_p95_ms=max(
            (part.rtt_p95_ms for part in by_client[best] if part.rtt_p95_ms is not None),
            default=None,
        ),
        breach=breach(tolerance, watched_s[best], lengths_s),
    )


def _inside(part: WatchPart, starts_at: datetime, ends_at: datetime) -> float:
    """Return the share of a part that lies inside of a session."""
    whole_s = (part.ended_at - part.started_at).total_seconds()
    if whole_s <= 0.0:
        return 1.0
    inside = min(part.ended_at, ends_at) - max(part.started_at, starts_at)
    return inside.total_seconds() / whole_s


def _outages(part: WatchPart) -> Iterable[tuple[datetime, float]]:
    for start_s, length_s in zip(part.outage_starts_s, part.outages_s, strict=True):
        yield part.started_at + timedelta(seconds=start_s), length_s


def _median(values: Sequence[float | None]) -> float | None:
    known = sorted(value for value in values if value is not None)
    return known[len(known) // 2] if known else None
