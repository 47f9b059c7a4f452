"""The ways in which wishes can be met: as they are, and with changes that cost something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import product

import numpy as np

from lensong.coverage.service import Service
from lensong.coverage.timetable.air import Kind
from lensong.coverage.timetable.hours import Span
from lensong.coverage.timetable.programme import Offer
from lensong.coverage.timetable.rows import SHORTEST_MIN
from lensong.coverage.timetable.wishes import Place, Wish
from lensong.propagation.types import FloatArray

__all__ = ["COSTS", "EARLY", "SELLERS_CHANGES", "Market", "as_wished", "values_of", "with_changes"]

COSTS = {
    "other_hour": 1,
    "shorter": 2,
    "lower_bitrate": 3,
    "other_sim": 4,
    "second_carrier": 20,
}
"""What a change costs; of one seller they add up. An order, not a price."""

SELLERS_CHANGES = ("other_hour", "shorter", "lower_bitrate", "other_sim")

_LEAST_STREAM_MBPS = 1.0
_ROUND_MIN = 5
EARLY = 0.4
"""What being early is worth, of all sellers together: less than a seller, and than any cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """The wishes with the places and kinds they come to.

    Parameters
    ----------
    wishes : tuple of Wish
    places : tuple of Place
        Each once, in the order of their first wish.
    kinds : tuple of Kind
        Those that wishes name first, then those that changes bring.
    lower : dict
        Service to what a seller of it may fall back to; none where it sends too little already.
    operators : tuple of str
        Whose SIM cards may be bought.
    step_min : int
        Sessions begin on multiples of it, or when a seller's time begins.
    """

    wishes: tuple[Wish, ...]
    places: tuple[Place, ...]
    kinds: tuple[Kind, ...]
    lower: dict[Service, Service]
    operators: tuple[str, ...]
    step_min: int

    @classmethod
    def of(
        cls,
        wishes: Sequence[Wish],
        *,
        services: Sequence[Service],
        operators: Sequence[str],
        step_min: int,
    ) -> Market:
        """Return the market of some wishes, all of which can be met in some way."""
        places: dict[str, Place] = {}
        for wish in wishes:
            places.setdefault(wish.place.place_id, wish.place)
        number = {place_id: n for n, place_id in enumerate(places)}
        used = {wish.service for wish in wishes}
        lower = {
            service: fallen for service in used if (fallen := _lower(service, services)) is not None
        }
        counted: dict[tuple[int, Service, str], int] = {}
        asked = [(w, [w.service], w.operators) for w in wishes]
        changed = [
            (w, [s for s in (w.service, lower.get(w.service)) if s is not None], operators)
            for w in wishes
        ]
        for first, several in ((True, asked), (False, changed)):
            seen = set(counted)
            for wish, rates, cards in several:
                for service, operator in product(rates, cards):
                    key = (number[wish.place.place_id], service, operator)
                    if first or key not in seen:
                        counted[key] = 0
        for wish, rates, cards in changed:
            for service, operator in product(rates, cards):
                counted[number[wish.place.place_id], service, operator] += 1
        kinds = tuple(
            Kind(place=place, service=service, operator=operator, most=most)
            for (place, service, operator), most in counted.items()
        )
        return cls(
            wishes=tuple(wishes),
            places=tuple(places.values()),
            kinds=kinds,
            lower=lower,
            operators=tuple(operators),
            step_min=step_min,
        )

    def kind(self, wish: Wish, service: Service, operator: str) -> int:
        """Return the number of the kind that a seller is of."""
        ids = [place.place_id for place in self.places]
        wanted = (ids.index(wish.place.place_id), service, operator)
        return next(
            n
            for n, kind in enumerate(self.kinds)
            if (kind.place, kind.service, kind.operator) == wanted
        )


def _lower(service: Service, services: Sequence[Service]) -> Service | None:
    """Return the next lower stream service of the plan, else half the rate, None below a stream."""
    less = [s for s in services if _LEAST_STREAM_MBPS <= s.uplink_mbps < service.uplink_mbps - 1e-9]
    rate = max((s.uplink_mbps for s in less), default=round(0.5 * service.uplink_mbps, 3))
    return replace(service, uplink_mbps=rate) if rate >= _LEAST_STREAM_MBPS else None


def as_wished(market: Market) -> list[Offer]:
    """Return the offers that change nothing."""
    found = []
    for number, wish in enumerate(market.wishes):
        for operator in wish.operators:
            kind = market.kind(wish, wish.service, operator)
            for start in _starts(wish.spans, wish.minutes, market.step_min):
                found.append(_offer(number, start, wish.minutes, kind, ()))
    return found


def with_changes(market: Market) -> list[Offer]:
    """Return all offers, those that change nothing and those that do."""
    opening = _opening_hours(market.wishes)
    found = []
    for number, wish in enumerate(market.wishes):
        days = {first.date() for first, _ in wish.spans}
        wide = [opening[day] for day in sorted(days)]
        lower = market.lower.get(wish.service)
        shorter = _shorter(wish.minutes)
        for minutes, service, operator in product(
            [wish.minutes] + [shorter] * (shorter < wish.minutes),
            [wish.service] + ([lower] if lower is not None else []),
            market.operators,
        ):
            changes = (
                *(["shorter"] if minutes < wish.minutes else []),
                *(["lower_bitrate"] if service != wish.service else []),
                *(["other_sim"] if operator not in wish.operators else []),
            )
            kind = market.kind(wish, service, operator)
            own = set(_starts(wish.spans, minutes, market.step_min))
            for start in sorted(own | set(_starts(wide, minutes, market.step_min))):
                moved = () if start in own else ("other_hour",)
                found.append(_offer(number, start, minutes, kind, (*moved, *changes)))
    return found


def values_of(offers: Sequence[Offer], wishes: int, worth: float) -> FloatArray:
    """Return what offers are worth: a seller's worth less costs, and a little for being early."""
    first: dict[int, datetime] = {}
    last: dict[int, datetime] = {}
    for offer in offers:
        first[offer.wish] = min(first.get(offer.wish, offer.starts_at), offer.starts_at)
        last[offer.wish] = max(last.get(offer.wish, offer.starts_at), offer.starts_at)
    values = []
    for offer in offers:
        span = (last[offer.wish] - first[offer.wish]).total_seconds()
        late = (offer.starts_at - first[offer.wish]).total_seconds() / span if span else 0.0
        values.append(worth - offer.cost - EARLY / wishes * late)
    return np.array(values, dtype=np.float64)


def _offer(wish: int, start: datetime, minutes: int, kind: int, changes: tuple[str, ...]) -> Offer:
    return Offer(
        wish=wish,
        starts_at=start,
        ends_at=start + timedelta(minutes=minutes),
        kind=kind,
        cost=sum(COSTS[change] for change in changes),
        changes=changes,
    )


def _starts(spans: Sequence[Span], minutes: int, step_min: int) -> Iterator[datetime]:
    """Yield when a session may begin: with a span, and on the steps of the clock within it."""
    length, step = timedelta(minutes=minutes), timedelta(minutes=step_min)
    for first, last in spans:
        midnight = first.replace(hour=0, minute=0)
        start = first
        while start + length <= last:
            yield start
            start = midnight + ((start - midnight) // step + 1) * step


def _shorter(minutes: int) -> int:
    """Return half of a session, in whole five minutes."""
    return max(SHORTEST_MIN, _ROUND_MIN * round(0.5 * minutes / _ROUND_MIN))


def _opening_hours(wishes: Sequence[Wish]) -> dict[date, Span]:
    """Return from when to when anybody can, by day."""
    found: dict[date, Span] = {}
    for wish in wishes:
        for first, last in wish.spans:
            before = found.get(first.date(), (first, last))
            found[first.date()] = (min(before[0], first), max(before[1], last))
    return found
