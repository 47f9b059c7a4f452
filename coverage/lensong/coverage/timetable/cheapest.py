"""The cheapest change by which all sell: of sellers first, of a cell's carriers where that fails.

First those who are left out may change, and the others stay within their wishes. That gives a cost.
Then everybody may change in every way that costs less than that by itself: the solver finds a
cheaper set of changes, or proves that there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from lensong.coverage.causes.changes import edited, second_carrier
from lensong.coverage.network import Cell, Network
from lensong.coverage.timetable.entries import Entry, Unplaced, entries_of, unplaced_of
from lensong.coverage.timetable.offers import (
    COSTS,
    SELLERS_CHANGES,
    Market,
    values_of,
    with_changes,
)
from lensong.coverage.timetable.programme import Offer
from lensong.coverage.timetable.search import Answer, Search
from lensong.gis_data.names import search_key

__all__ = ["Changed", "best_answer", "cheapest_change"]

_MOST_CARRIERS = 3
_SHARES = (0.35, 0.35)  # of the time: those left out, everybody; carriers get the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The cheapest change that was found.

    Parameters
    ----------
    cost, least_cost : int
        Of it, and what none costs less than that lets as many sell.
    most : int
        No change of sellers, with this carrier, lets more of the wishes be met.
    entries, unplaced : tuple
        The timetable with it; those whom no change that was found lets sell.
    carrier : tuple of str
        Cell that gets a second carrier, what it has and what it gets; empty for none.
    """

    cost: int
    least_cost: int
    most: int
    entries: tuple[Entry, ...]
    unplaced: tuple[Unplaced, ...]
    carrier: tuple[str, str, str] | tuple[()] = ()


def best_answer(search: Search, market: Market, offers: Sequence[Offer], worth: float) -> Answer:
    """Return the answer of the greatest worth.

    Parameters
    ----------
    search : Search
    market : Market
    offers : sequence of Offer
    worth : float
        Of a seller, in units of cost.
    """
    search.learn({offer.kind for offer in offers})
    able = [offer for offer in offers if search.most_alone[offer.kind]]
    people = {
        n: f"{search_key(wish.seller)} {wish.place.place_id}"
        for n, wish in enumerate(market.wishes)
    }
    values = values_of(able, len(market.wishes), worth)
    return search.answer(able, values, people, gap=0.5)


def cheapest_change(
    search: Search,
    market: Market,
    network: Network,
    searching: Callable[[Network], Search],
    entries: Sequence[Entry],
    unplaced: Sequence[Unplaced],
    time_limit_s: float,
) -> Changed | None:
    """Return the cheapest change by which all sell, or as many as any lets sell.

    Parameters
    ----------
    search : Search
        With what is known of the network as it is.
    market, network
    searching : callable
        Hears a network with one carrier more.
    entries, unplaced : sequence
        Of the timetable without a change.
    time_limit_s : float

    Returns
    -------
    Changed or None
        None where no change that was found lets one more sell.
    """
    left_out = {one.wish.row for one in unplaced}
    every = with_changes(market)
    best = _of_sellers(search, market, network, every, left_out, time_limit_s, 0)
    if best.unplaced or best.cost > COSTS["second_carrier"]:
        share = (1.0 - sum(_SHARES)) * time_limit_s / _MOST_CARRIERS
        for serving in _carriers_to_add(entries, unplaced, search, market, network):
            technologies = sorted({t for kind in market.kinds for t in kind.service.technologies})
            change = second_carrier(network, serving, technologies)
            wider = edited(network, change)
            found = _of_sellers(
                searching(wider), market, wider, every, left_out, share, COSTS["second_carrier"]
            )
            if _rank(found) < _rank(best):
                name = serving.cell_id, serving.carrier.name, change.added[0].carrier.name
                best = replace(found, carrier=name)
    return best if len(best.entries) > len(entries) else None


def _rank(changed: Changed) -> tuple[int, int]:
    return len(changed.unplaced), changed.cost


def _of_sellers(
    search: Search,
    market: Market,
    network: Network,
    every: Sequence[Offer],
    left_out: set[int],
    time_limit_s: float,
    extra: int,
) -> Changed:
    """Return the cheapest change of sellers, on top of what costs ``extra``."""
    wishes = len(market.wishes)
    worth = 1.0 + wishes * sum(COSTS[name] for name in SELLERS_CHANGES)  # one seller before all
    rows = [wish.row for wish in market.wishes]
    few = [offer for offer in every if not offer.cost or rows[offer.wish] in left_out]
    search.deadline_s = monotonic() + _SHARES[0] * time_limit_s
    best = best_answer(search, market, few, worth)
    wider = list(every)
    if len(best.taken) == wishes:
        cost = _cost(best)
        wider = [offer for offer in every if offer.cost < cost]
    search.deadline_s = monotonic() + _SHARES[1] * time_limit_s
    second = best_answer(search, market, wider, worth)
    if (len(second.taken), -_cost(second)) > (len(best.taken), -_cost(best)):
        best = second
    met, cost = len(best.taken), _cost(best)
    # a timetable that meets n wishes at cost c is worth at least n worth - c - 0.4
    least = max(0, int(np.ceil(worth * met - second.bound - 0.4 - 1e-6)))
    most = int(np.floor((second.bound + 0.4 + worth - 1.0) / worth + 1e-9))
    entries = entries_of(best, search, market, network)
    return Changed(
        cost=extra + cost,
        least_cost=extra + min(cost, least),
        most=wishes if met == wishes else min(wishes, max(most, met)),
        entries=entries,
        unplaced=unplaced_of(entries, search, market),
    )


def _cost(answer: Answer) -> int:
    return sum(offer.cost for offer in answer.taken)


def _carriers_to_add(
    entries: Sequence[Entry],
    unplaced: Sequence[Unplaced],
    search: Search,
    market: Market,
    network: Network,
) -> list[Cell]:
    """Return cells that may get a second carrier: those that carry most near who is left out."""
    wanted = {u.wish.place.place_id for u in unplaced}
    counted: dict[int, float] = {}
    for number, kind in enumerate(market.kinds):
        if market.places[kind.place].place_id in wanted:
            for index, share in search.air.servers(number).items():
                counted[index] = max(counted.get(index, 0.0), share)
    busy = {e.cell.cell_id for e in entries if e.cell is not None}
    order = sorted(
        counted,
        key=lambda i: (network.cells[i].cell_id not in busy, -counted[i], network.cells[i].cell_id),
    )
    found: dict[tuple[str, str], Cell] = {}
    for index in order:
        cell = network.cells[index]
        found.setdefault((cell.mast_id, cell.operator), cell)
    return list(found.values())[:_MOST_CARRIERS]
