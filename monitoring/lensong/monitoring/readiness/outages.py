"""How often the network goes away for longer than a stream bears: a process in watched time.

Outages beyond the tolerance come at an unknown rate per hour of watching, with a gamma prior of
shape a and b hours. After E hours that saw n of them the chance of none in T hours is

    P(none) = ((b + E) / (b + E + T)) ** (a + n)

A small a over a small b says that most sites are clean and some are awful, and that a few hours
tell which. Every clean hour lowers the rate. How many *short* freezes an audience will see follows
from the same process with its own prior.

References
----------
.. [1] A. Gelman et al., "Bayesian Data Analysis", 3rd ed., 2013, section 2.6 (Poisson model,
   gamma prior, negative binomial prediction).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.special import betainc

from lensong.monitoring.tolerance import Tolerance
from lensong.propagation.errors import InvalidInputError

__all__ = ["LEAST_FREEZE_S", "OutagePrior", "Outages", "Watched", "counted_once"]

LEAST_FREEZE_S = 2.0
"""What is away for less than this is bridged by every encoder and player [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutagePrior:
    """Gamma prior of the rate of outages beyond tolerance, and what it rests on.

    Parameters
    ----------
    shape, hours : float
        Both above 0; the mean rate is their ratio [1/h].
    sites, watched_h : int, float
        How many sites and hours it was estimated from; 0 for the one that is shipped.
    """

    shape: float
    hours: float
    sites: int = 0
    watched_h: float = 0.0

    def __post_init__(self) -> None:
        if not (0.0 < self.shape < math.inf and 0.0 < self.hours < math.inf):
            raise InvalidInputError(
                f"outage prior is {self.shape} over {self.hours} h, wanted both above 0"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A stretch that was watched, with what it counts.

    Parameters
    ----------
    seconds : float
        Watched [s].
    counted_s : float or None
        Of them those that count here [s]: a moment that two stretches saw counts once. None for
        all.
    outages_s : sequence of float
        Times away [s].
    weight : float
        What it counts, 0..1: less with its age, and where it was elsewhere.
    lost : bool
        Somebody says that the network was gone, and nobody knows for how long.
    """

    seconds: float
    counted_s: float | None = None
    outages_s: Sequence[float] = ()
    weight: float = 1.0
    lost: bool = False

    @property
    def hours(self) -> float:
        """Return the hours that count, weighted."""
        counted_s = self.seconds if self.counted_s is None else self.counted_s
        return self.weight * counted_s / 3_600.0

    def beyond(self, tolerance: Tolerance) -> int:
        """Return how many outages went beyond the tolerance.

        One for each that is too long, and one more where the others together are too much.
        """
        long = [length_s for length_s in self.outages_s if length_s > tolerance.longest_freeze_s]
        rest_s = math.fsum(self.outages_s) - math.fsum(long)
        count = len(long) + (rest_s > tolerance.most_frozen_in_s(self.seconds))
        return max(count, int(self.lost))

    def short(self, tolerance: Tolerance) -> int:
        """Return how many outages were seen that the tolerance bears."""
        return sum(LEAST_FREEZE_S < s <= tolerance.longest_freeze_s for s in self.outages_s)


def counted_once(stretches: Sequence[tuple[float, float, float]]) -> list[float]:
    """Return of each stretch the seconds that are its own, so that no moment counts twice.

    Parameters
    ----------
    stretches : sequence of (float, float, float)
        Begin and end [s], and weight. What several cover is of the heaviest: one more stretch can
        add to the weighted sum, and never takes from it.

    Returns
    -------
    list of float
        Seconds, in the order given.
    """
    own_s = [0.0] * len(stretches)
    taken: list[tuple[float, float]] = []  # apart, in order
    heaviest_first = sorted(range(len(stretches)), key=lambda i: (-stretches[i][2], stretches[i]))
    for i in heaviest_first:
        begin, end, _ = stretches[i]
        first = bisect_left(taken, begin, key=lambda other: other[1])
        last = bisect_right(taken, end, lo=first, key=lambda other: other[0])
        beside = taken[first:last]
        both_s = math.fsum(min(end, other[1]) - max(begin, other[0]) for other in beside)
        own_s[i] = max(end - begin - both_s, 0.0)
        merged = (min([begin, *(o[0] for o in beside)]), max([end, *(o[1] for o in beside)]))
        taken[first:last] = [merged]
    return own_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Outages:
    """What is known of the outages of a site: the posterior of both processes.

    Parameters
    ----------
    watched_h : float
        Hours watched, weighted.
    beyond, short : float
        Outages beyond the tolerance and short ones, weighted.
    prior, short_prior : OutagePrior
    """

    watched_h: float
    beyond: float
    short: float
    prior: OutagePrior
    short_prior: OutagePrior

    @classmethod
    def of(
        cls,
        stretches: Iterable[Watched],
        tolerance: Tolerance,
        *,
        prior: OutagePrior,
        short_prior: OutagePrior,
    ) -> Outages:
        """Return what stretches of watching tell; their order does not matter."""
        kept = list(stretches)
        return cls(
            watched_h=math.fsum(s.hours for s in kept),
            beyond=math.fsum(s.weight * s.beyond(tolerance) for s in kept),
            short=math.fsum(s.weight * s.short(tolerance) for s in kept),
            prior=prior,
            short_prior=short_prior,
        )

    def none_within(self, hours: float) -> float:
        """Return the chance of no outage beyond tolerance in so many hours, 0..1."""
        seen_h = self.prior.hours + self.watched_h
        return math.pow(seen_h / (seen_h + hours), self.prior.shape + self.beyond)

    def short_an_hour(self) -> tuple[int, int]:
        """Return the fewest and most short freezes that an hour shows in 8 of 10 cases."""
        seen_h = self.short_prior.hours + self.watched_h
        shape = self.short_prior.shape + self.short
        success = seen_h / (seen_h + 1.0)
        low = high = 0
        while float(betainc(shape, high + 1.0, success)) < 0.9:
            if float(betainc(shape, high + 1.0, success)) < 0.1:
                low = high + 1
            high += 1
        return low, high
