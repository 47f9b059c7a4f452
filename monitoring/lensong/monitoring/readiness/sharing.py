"""How an uplink is shared by those who are on the air at the same time.

With no plan the measured uplink is divided among the sessions by their need: each holds where the
level carries the needs of all together. A phone that shares a cell has at least that part of what
it would have alone, as the cell gives each its turn.

A coverage plan tells how many streams hold at once (`beside.StreamsAtOnce`). The chance that all
hold, given that one alone does, is the plan's; that one does is what was measured. Of the two ways
the one counts by which more hold: both say what is sure to fit.

Sessions at sites of the same cells count as if they stood here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from lensong.monitoring.readiness.beside import SessionBeside, StreamsAtOnce
from lensong.monitoring.readiness.evidence import Question
from lensong.monitoring.readiness.networks import is_operator

__all__ = [
    "MOST_MORE",
    "MoreSellers",
    "Span",
    "busiest",
    "more_sellers",
    "plan_for",
    "spans",
]

MOST_MORE = 60
"""The most further sellers that are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a session in which the same others are on the air.

    Parameters
    ----------
    starts_at, ends_at : datetime
    others : tuple of SessionBeside
        By start.
    """

    starts_at: datetime
    ends_at: datetime
    others: tuple[SessionBeside, ...]

    @property
    def others_bps(self) -> float:
        """Return what the others ask for together [bit/s]."""
        return math.fsum(other.uplink_required_bps for other in self.others)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreSellers:
    """How many more sellers of the same profile fit beside a session, and until when."""

    n: int
    until: datetime


def spans(
    beside: Iterable[SessionBeside], starts_at: datetime, ends_at: datetime
) -> tuple[Span, ...]:
    """Return the parts of a time in which the same sessions are on the air, in their order."""
    met = sorted(
        (one for one in beside if one.starts_at < ends_at and one.ends_at > starts_at),
        key=lambda one: (one.starts_at, one.ends_at, one.uplink_required_bps, one.here),
    )
    edges = {at for one in met for at in (one.starts_at, one.ends_at) if starts_at < at < ends_at}
    times = [starts_at, *sorted(edges), ends_at]
    return tuple(
        Span(
            starts_at=begin,
            ends_at=end,
            others=tuple(one for one in met if one.starts_at < end and one.ends_at > begin),
        )
        for begin, end in pairwise(times)
    )


def busiest(of: Iterable[Span]) -> Span:
    """Return the part in which the others ask for most, the first of equal ones."""
    return max(of, key=lambda span: span.others_bps)


def plan_for(question: Question, plans: Iterable[StreamsAtOnce]) -> StreamsAtOnce | None:
    """Return what a plan says of streams like the asked one, None where none says anything.

    Of the usual operator of the site, of the service that sends most nearly as much; the newest.
    Where no operator is known each seller takes the one that suits.
    """
    operator = question.operator or next(iter(question.operators), None)
    fitting = [
        plan
        for plan in plans
        if not (plan.synthetic and not question.synthetic)
        and (plan.operator is None if operator is None else plan.operator is not None)
        and is_operator(operator, plan.operator)
    ]
    need = question.need.uplink_required_bps
    return min(
        fitting,
        key=lambda plan: (
            -plan.computed_at.timestamp(),
            abs(math.log(plan.uplink_bps / need)),
            plan.uplink_bps,
            plan.chances,
        ),
        default=None,
    )


def more_sellers(
    parts: Iterable[Span], fits: Callable[[float], bool], need_bps: float
) -> MoreSellers:
    """Return how many more sellers fit from the start on, and until when that is so.

    Parameters
    ----------
    parts : iterable of Span
        Of the session, one at least.
    fits : callable
        Whether the session holds beside others that ask for so much together [bit/s].
    need_bps : float
        What each further seller asks for.
    """

    def most(others_bps: float) -> int:
        low, high = 0, MOST_MORE
        while low < high:  # the more, the less likely: halve
            middle = (low + high + 1) // 2
            if fits(others_bps + middle * need_bps):
                low = middle
            else:
                high = middle - 1
        return low

    found = list(parts)
    room = [most(span.others_bps) for span in found]
    for n, span in zip(room[1:], found[1:], strict=True):
        if n < room[0]:
            return MoreSellers(n=room[0], until=span.starts_at)
    return MoreSellers(n=room[0], until=found[-1].ends_at)
