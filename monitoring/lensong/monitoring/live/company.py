"""Who was on the air beside each session that is over: what the link carried together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.store.streams import PastSession

__all__ = ["with_company"]

_ALL_OF_IT = 0.95
"""Who was there for so much of a session was there all the time: people start by hand."""


def with_company(past: Iterable[PastSession], site_id: str) -> tuple[FinishedSession, ...]:
    """Return sessions that are over; those of a site with what others of it asked for meanwhile.

    Parameters
    ----------
    past : iterable of PastSession
    site_id : str
        The site that is asked about: elsewhere it does not matter.

    Notes
    -----
    Another session counts as carried beside one only where it was there all the time and held too.
    Towards a failure all count that were there at its busiest moment.
    """
    known = list(past)
    here = [one for one in known if one.finished.site_id == site_id]
    return tuple(
        one.finished if one.finished.site_id != site_id else _beside(one, here) for one in known
    )


def _beside(one: PastSession, here: Sequence[PastSession]) -> FinishedSession:
    begin, end = one.starts_at, one.finished.ended_at
    others = [
        other for other in here if other is not one and _overlap(other, begin, end) > timedelta(0)
    ]
    if not others:
        return one.finished
    all_of_it = [
        other for other in others if _overlap(other, begin, end) >= _ALL_OF_IT * (end - begin)
    ]
    held = [other.finished.uplink_required_bps for other in all_of_it if other.finished.held]
    return replace(
        one.finished,
        beside_bps=max(_asked_at(other.starts_at, others) for other in others),
        beside=len(all_of_it),
        beside_held=len(held),
        beside_held_bps=math.fsum(held),
    )


def _overlap(other: PastSession, begin: datetime, end: datetime) -> timedelta:
    return min(other.finished.ended_at, end) - max(other.starts_at, begin)


def _asked_at(at: datetime, others: Sequence[PastSession]) -> float:
    """Return what others asked for at a moment; the most is asked for when one of them begins."""
    return math.fsum(
        other.finished.uplink_required_bps
        for other in others
        if other.starts_at <= at < other.finished.ended_at
    )
