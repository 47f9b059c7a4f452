"""The cheapest change by which all sell: of sellers first, of a cell's carriers where that fails.

First those who are left out may change, and the others stay within their wishes. That gives a cost.
Then everybody may change in every way that such a cost leaves room for, beside the least that each
of the others must pay: the solver finds a cheaper set of changes, or proves that there is none.
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
    EARLY,
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
_FOR_CARRIERS = 0.3  # of the time; what sellers leave of theirs is added
_FIRST = 0.5  # of the time of each: those left out; everybody gets the rest
_GAP = 0.5  # costs are whole, and being early is worth less than 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The cheapest change that was found.

    Parameters
    ----------
    cost, least_cost : int
        Of it, and what none costs less than that lets as many sell: of sellers, and with the
        second carriers that were tried.
    most : int
        None of them lets more of the wishes be met.
    entries, unplaced : tuple
        The timetable with it; those whom no change that was found lets sell.
    carrier : tuple of str
        Cell that gets a second carrier, what it has and what it gets; empty for none.
    tried : tuple of str
        Cells whose second carrier was tried.
    """

    cost: int
    least_cost: int
    most: int
    entries: tuple[Entry, ...]
    unplaced: tuple[Unplaced, ...]
    carrier: tuple[str, str, str] | tuple[()] = ()
    tried: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """The best that is found on one network, and what nothing there is worth more than."""

    answer: Answer
    bound: float
    worth: float
    extra: int
    search: Search
    network: Network
    carrier: tuple[str, str, str] | tuple[()]

    @property
    def met(self) -> int:
        return len(self.answer.taken)

    @property
    def cost(self) -> int:
        return self.extra + sum(offer.cost for offer in self.answer.taken)

    @property
    def rank(self) -> tuple[int, int]:
        return -self.met, self.cost

    @property
    def most(self) -> int:
        return int(np.floor((self.bound + EARLY + self.worth - 1.0) / self.worth + 1e-9))

    def least_cost(self, met: int) -> int:
        """Return what nothing costs less than that meets so many wishes.

        A timetable that meets ``n`` wishes at cost ``c`` is worth ``n worth - c - 0.4`` or more.
        """
        least = int(np.ceil(self.worth * met - self.bound - EARLY - 1e-6))
        return self.extra + max(least, 0)


def best_answer(
    search: Search, market: Market, offers: Sequence[Offer], worth: float, gap: float
) -> Answer:
    """Return the answer of the greatest worth.

    Parameters
    ----------
    search : Search
    market : Market
    offers : sequence of Offer
    worth : float
        Of a seller, in units of cost.
    gap : float
        How far the answer may be below the best one, in these units.
    """
    search.learn({offer.kind for offer in offers})
    able = [offer for offer in offers if search.most_alone[offer.kind]]
    people = {
        n: f"{search_key(wish.seller)} {wish.place.place_id}"
        for n, wish in enumerate(market.wishes)
    }
    return search.answer(able, values_of(able, len(market.wishes), worth), people, gap=gap)


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
        What `searching` takes does not count.

    Returns
    -------
    Changed or None
        None where no change that was found lets one more sell.
    """
    left_out = {one.wish.row for one in unplaced}
    left_s = time_limit_s
    begun_s = monotonic()
    sellers = _of_sellers(search, market, network, left_out, (1.0 - _FOR_CARRIERS) * left_s)
    assert sellers is not None  # there is nothing to beat yet
    left_s -= monotonic() - begun_s
    found, best = [sellers], sellers
    tried: list[str] = []
    if best.met < len(market.wishes) or best.cost > COSTS["second_carrier"]:
        asked = _carriers_to_add(entries, unplaced, search, market, network)
        for number, serving in enumerate(asked):
            technologies = sorted({t for kind in market.kinds for t in kind.service.technologies})
            change = second_carrier(network, serving, technologies)
            wider = edited(network, change)
            heard = searching(wider)
            begun_s = monotonic()
            one = _of_sellers(
                heard, market, wider, left_out, left_s / (len(asked) - number), beat=best,
                carrier=(serving.cell_id, serving.carrier.name, change.added[0].carrier.name),
            )  # fmt: skip
            left_s -= monotonic() - begun_s
            tried.append(serving.cell_id)
            if one is not None:
                found.append(one)
                best = min(best, one, key=lambda each: each.rank)
    if best.met <= len(entries):
        return None
    met_by = entries_of(best.answer, best.search, market, best.network)
    return Changed(
        cost=best.cost,
        least_cost=min(best.cost, *(each.least_cost(best.met) for each in found)),
        most=min(len(market.wishes), max(best.met, *(each.most for each in found))),
        entries=met_by,
        unplaced=unplaced_of(met_by, best.search, market),
        carrier=best.carrier,
        tried=tuple(tried),
    )


def _of_sellers(
    search: Search,
    market: Market,
    network: Network,
    left_out: set[int],
    time_limit_s: float,
    beat: _Found | None = None,
    carrier: tuple[str, str, str] | tuple[()] = (),
) -> _Found | None:
    """Return the cheapest change of sellers on a network; None where none beats what is found."""
    begun_s = monotonic()
    wishes = len(market.wishes)
    worth = 1.0 + wishes * sum(COSTS[name] for name in SELLERS_CHANGES)  # one seller before all
    every = with_changes(market)
    search.learn_alone({offer.kind for offer in every})
    able = [offer for offer in every if search.most_alone[offer.kind]]
    least: dict[int, int] = {}
    for offer in able:
        least[offer.wish] = min(least.get(offer.wish, offer.cost), offer.cost)
    found = _Found(
        answer=Answer(taken=(), value=0.0, bound=0.0, proved=False, rounds=0, crowds={}),
        bound=sum(worth - cost for cost in least.values()),
        worth=worth,
        extra=COSTS["second_carrier"] if carrier else 0,
        search=search,
        network=network,
        carrier=carrier,
    )
    if beat is not None and found.most <= beat.met and found.least_cost(beat.met) >= beat.cost:
        return None
    few = [o for o in able if not o.cost or market.wishes[o.wish].row in left_out]
    search.deadline_s = begun_s + _FIRST * time_limit_s
    best = best_answer(search, market, few, worth, _GAP)
    wider, spare = able, 1
    if len(best.taken) == wishes:
        spare = sum(offer.cost for offer in best.taken) - sum(least.values())
        wider = [o for o in able if o.cost - least[o.wish] < spare]
    if spare == 0:
        return replace(found, answer=best)
    search.deadline_s = begun_s + time_limit_s
    second = best_answer(search, market, wider, worth, _GAP)
    bound = min(found.bound, max(second.bound, best.value))
    return replace(found, answer=max(best, second, key=_worth_of), bound=bound)


def _worth_of(answer: Answer) -> tuple[int, int]:
    return len(answer.taken), -sum(offer.cost for offer in answer.taken)


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
