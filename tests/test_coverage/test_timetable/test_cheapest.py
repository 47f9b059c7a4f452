"""The cheapest change against trying every way in which sellers may change."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import cast

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lensong.coverage.network import Network
from lensong.coverage.service import Service
from lensong.coverage.timetable.air import Air, Crowd, Kind
from lensong.coverage.timetable.cheapest import best_answer, cheapest_change
from lensong.coverage.timetable.entries import entries_of, unplaced_of
from lensong.coverage.timetable.offers import Market, as_wished, with_changes
from lensong.coverage.timetable.programme import Offer, crowds
from lensong.coverage.timetable.search import Search
from lensong.coverage.timetable.wishes import Place, Wish

MORNING = datetime(2026, 11, 28, 8)
LOW = Service(name="low", downlink_mbps=0.0, uplink_mbps=2.0)
HIGH = Service(name="high", downlink_mbps=0.0, uplink_mbps=4.0)
VILLAGE = Place(place_id="x", name="x", village=None, lat_deg=22.0, lon_deg=103.0)
NOBODY = Network(masts=(), cells=())


class Pipes:
    """Each operator carries so many Mbit/s: stands for the draws."""

    draws = 1

    def __init__(self, kinds: Sequence[Kind], mbps: dict[str, float]) -> None:
        self.kinds = tuple(kinds)
        self._mbps = mbps

    def holds(self, crowd: Crowd, probability: float) -> bool:  # noqa: ARG002 - as of Air
        sent = dict.fromkeys(self._mbps, 0.0)
        for kind, n in zip(self.kinds, crowd, strict=True):
            sent[kind.operator] += n * kind.service.uplink_mbps
        return all(sent[name] <= most for name, most in self._mbps.items())

    def groups(self) -> list[list[int]]:
        return [list(range(len(self.kinds)))]

    def chances(self, crowd: Crowd) -> dict[int, float]:
        return {0: float(self.holds(crowd, 0.9))}

    def cells(self, crowd: Crowd) -> dict[tuple[int, int], tuple[int, float]]:  # noqa: ARG002
        return {}

    def servers(self, kind: int) -> dict[int, float]:  # noqa: ARG002 - no cell may get a carrier
        return {}


def wishes_of(rng: np.random.Generator, count: int) -> list[Wish]:
    found = []
    for row in range(count):
        first = MORNING + timedelta(hours=int(rng.integers(0, 2)))
        hours = int(rng.integers(1, 3))
        found.append(
            Wish(
                row=row, seller=f"seller {row}", place=VILLAGE,
                service=(LOW, HIGH)[int(rng.integers(2))], minutes=60,
                spans=((first, first + timedelta(hours=hours)),),
                operators=(("A",), ("B",), ("A", "B"))[int(rng.integers(3))],
            )
        )  # fmt: skip
    return found


def least_by_trying(market: Market, air: Pipes) -> tuple[int, int]:
    """Return how many cannot be met, and the least cost at which the others are."""
    every = with_changes(market)
    ways = [[o for o in every if o.wish == wish] for wish in range(len(market.wishes))]
    worst = (len(ways) + 1, 0)
    best = worst

    def go(at: int, taken: list[Offer], left_out: int, cost: int) -> None:
        nonlocal best
        if (left_out, cost) >= best:
            return
        if not all(air.holds(c, 0.9) for c in crowds(every, _counts(every, taken), size).values()):
            return
        if at == len(ways):
            best = (left_out, cost)
            return
        for offer in sorted(ways[at], key=lambda o: o.cost):
            go(at + 1, [*taken, offer], left_out, cost + offer.cost)
        go(at + 1, taken, left_out + 1, cost)

    size = len(market.kinds)
    go(0, [], 0, 0)
    return best


def _counts(every: Sequence[Offer], taken: Sequence[Offer]) -> list[int]:
    return [sum(one is offer for one in taken) for offer in every]


@settings(max_examples=12)
@given(st.integers(0, 10_000), st.integers(2, 4), st.sampled_from([0.0, 2.0, 4.0]))
def test_no_change_is_cheaper(seed: int, count: int, of_b_mbps: float) -> None:
    wishes = wishes_of(np.random.default_rng(seed), count)
    market = Market.of(wishes, services=(LOW, HIGH), operators=("A", "B"), step_min=60)
    air = Pipes(market.kinds, {"A": 4.0, "B": of_b_mbps})

    def searching(network: Network) -> Search:
        raise AssertionError(f"there is no cell to give a carrier in {network}")

    both = cast(Air, air)
    search = Search(air=both, fresh=both, probability=0.9, deadline_s=monotonic() + 600.0)
    answer = best_answer(search, market, as_wished(market), 1.0, 0.02)
    entries = entries_of(answer, search, market, NOBODY)
    unplaced = unplaced_of(entries, search, market)
    found = cheapest_change(search, market, NOBODY, searching, entries, unplaced, 600.0)
    left_out, cost = least_by_trying(market, air)
    if found is None:
        assert len(entries) == count - left_out
        return
    assert (len(found.unplaced), found.cost) == (left_out, cost)
    assert found.least_cost == cost
    assert found.most == count - left_out
