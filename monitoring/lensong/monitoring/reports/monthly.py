"""What a month brought: sessions, promises kept, outages, operators. Plain values in and out.

References
----------
.. [1] E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
   J. Am. Stat. Assoc. 22 (1927), 209-212: the interval of a share.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "FEW_HOURS",
    "FEW_SESSIONS",
    "FEW_TESTS",
    "OperatorHour",
    "OperatorMonth",
    "OperatorTime",
    "Promise",
    "SessionOfMonth",
    "SessionSums",
    "operators_of",
    "promises_of",
    "sums_of",
    "wilson",
]

FEW_SESSIONS, FEW_TESTS, FEW_HOURS = 10, 20, 10.0
"""With fewer sessions, tests or hours watched a share or rate says little, and it is said so."""

_Z90 = 1.6448536269514722
"""Quantile of the normal distribution: 90 % lie within both its signs."""

STATES = ("ready", "at_risk", "not_ready", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOfMonth:
    """A session that was to begin in the month.

    Parameters
    ----------
    state, probability : optional
        Of the last verdict before it began; None where there was none.
    outcome : str, optional
        ``held``, ``froze``, ``lost``; None where nobody saw.
    """

    session_id: str
    site_id: str
    status: str
    state: str | None = None
    probability: float | None = None
    outcome: str | None = None
    watched_s: float = 0.0
    outages_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSums:
    """Counts of sessions.

    Parameters
    ----------
    planned : int
        That were to begin and were not called off.
    judged : int
        Of these with a verdict before they began.
    seen : int
        Of which somebody saw what became of them; `held`, `froze` and `lost` add up to it.
    watched_s, outages, outage_s
        Time watched in sessions that were seen, times that the network was away, their length [s].
    """

    planned: int = 0
    cancelled: int = 0
    judged: int = 0
    seen: int = 0
    held: int = 0
    froze: int = 0
    lost: int = 0
    watched_s: float = 0.0
    outages: int = 0
    outage_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What was said before sessions, against what was seen of them.

    Parameters
    ----------
    sessions : int
        With that verdict.
    seen, held : int
        Of which it is known what became, and which held.
    said : float, optional
        Mean probability of those that were seen [1].
    low, high : float, optional
        Of the share that held, 90 % [1]_.
    """

    state: str
    sessions: int
    seen: int
    held: int
    said: float | None
    low: float | None
    high: float | None

    @property
    def share(self) -> float | None:
        """Return which share of those that were seen held [1]."""
        return self.held / self.seen if self.seen else None

    @property
    def few(self) -> bool:
        """Return whether there are too few to say much."""
        return self.seen < FEW_SESSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorHour:
    """Tests of one hour at a site over one operator."""

    operator: str
    tests: int
    failures: int
    uplink_p50_bps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorTime:
    """Time for which an operator's network was watched, and the times that it was away."""

    operator: str
    watched_s: float
    outages_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorMonth:
    """An operator in one place.

    Parameters
    ----------
    uplink_p10_bps, uplink_p50_bps : float, optional
        Of the hours' medians, each hour as often as it has tests that worked: the better half of
        hours is above the one, nine of ten above the other.
    """

    operator: str
    tests: int
    failures: int
    hours: int
    uplink_p10_bps: float | None
    uplink_p50_bps: float | None
    watched_s: float
    outages: int
    outage_s: float

    @property
    def success(self) -> float | None:
        """Return which share of tests worked [1]."""
        return (self.tests - self.failures) / self.tests if self.tests else None

    @property
    def outages_an_hour(self) -> float | None:
        """Return times away for each hour watched [1/h]."""
        return self.outages / (self.watched_s / 3600.0) if self.watched_s else None

    @property
    def few_tests(self) -> bool:
        """Return whether there are too few tests to say much."""
        return self.tests < FEW_TESTS

    @property
    def few_hours(self) -> bool:
        """Return whether it was watched for too short to say much."""
        return self.watched_s < 3600.0 * FEW_HOURS


def sums_of(sessions: Iterable[SessionOfMonth]) -> SessionSums:
    """Return counts of sessions.

    Examples
    --------
    >>> one = SessionOfMonth(session_id="a", site_id="s", status="ended", outcome="held")
    >>> sums_of([one]).held
    1
    """
    all_of_them = list(sessions)
    planned = [item for item in all_of_them if item.status != "cancelled"]
    seen = [item for item in planned if item.outcome is not None]
    outages = [length_s for item in seen for length_s in item.outages_s]
    return SessionSums(
        planned=len(planned),
        cancelled=len(all_of_them) - len(planned),
        judged=sum(item.state is not None for item in planned),
        seen=len(seen),
        held=sum(item.outcome == "held" for item in seen),
        froze=sum(item.outcome == "froze" for item in seen),
        lost=sum(item.outcome == "lost" for item in seen),
        watched_s=sum(item.watched_s for item in seen),
        outages=len(outages),
        outage_s=sum(outages),
    )


def promises_of(sessions: Iterable[SessionOfMonth]) -> tuple[Promise, ...]:
    """Return for each verdict what was said and what was seen; those called off are left out."""
    planned = [item for item in sessions if item.status != "cancelled"]
    found = []
    for state in STATES:
        of_state = [item for item in planned if item.state == state]
        seen = [item for item in of_state if item.outcome is not None]
        held = sum(item.outcome == "held" for item in seen)
        said = [item.probability for item in seen if item.probability is not None]
        low, high = wilson(held, len(seen)) if seen else (None, None)
        found.append(
            Promise(
                state=state,
                sessions=len(of_state),
                seen=len(seen),
                held=held,
                said=sum(said) / len(said) if said else None,
                low=low,
                high=high,
            )
        )
    return tuple(found)


def wilson(successes: int, of: int) -> tuple[float, float]:
    """Return between which shares the true one lies with 90 % [1]_.

    Parameters
    ----------
    successes, of : int
        ``of`` above 0.

    Examples
    --------
    >>> [round(share, 3) for share in wilson(9, 10)]
    [0.652, 0.978]
    """
    share, z2 = successes / of, _Z90 * _Z90
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = _Z90 * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of)) / (1 + z2 / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def operators_of(
    hours: Iterable[OperatorHour], times: Iterable[OperatorTime]
) -> tuple[OperatorMonth, ...]:
    """Return operators side by side, by name; what has no operator is left out."""
    hours_by: dict[str, list[OperatorHour]] = {}
    times_by: dict[str, list[OperatorTime]] = {}
    for hour in hours:
        if hour.operator:
            hours_by.setdefault(hour.operator, []).append(hour)
    for time in times:
        if time.operator:
            times_by.setdefault(time.operator, []).append(time)
    found = []
    for operator in sorted(hours_by.keys() | times_by.keys()):
        tested, watched = hours_by.get(operator, []), times_by.get(operator, [])
        rates = [
            (hour.uplink_p50_bps, hour.tests - hour.failures)
            for hour in tested
            if hour.uplink_p50_bps is not None and hour.tests > hour.failures
        ]
        lengths = [length_s for time in watched for length_s in time.outages_s]
        found.append(
            OperatorMonth(
                operator=operator,
                tests=sum(hour.tests for hour in tested),
                failures=sum(hour.failures for hour in tested),
                hours=len(tested),
                uplink_p10_bps=_quantile(rates, 0.1),
                uplink_p50_bps=_quantile(rates, 0.5),
                watched_s=sum(time.watched_s for time in watched),
                outages=len(lengths),
                outage_s=sum(lengths),
            )
        )
    return tuple(found)


def _quantile(weighted: Sequence[tuple[float, int]], share: float) -> float | None:
    """Return the value that this share of the weight lies at or below, None without any."""
    if not weighted:
        return None
    wanted, reached = share * sum(weight for _, weight in weighted), 0
    for value, weight in sorted(weighted):
        reached += weight
        if reached >= wanted:
            return value
    return max(value for value, _ in weighted)
