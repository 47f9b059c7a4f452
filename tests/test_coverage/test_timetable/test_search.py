"""The search against trying every timetable, on draws and on invented rules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from time import monotonic
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensong.coverage.layer_model import LayerModel
from lensong.coverage.service import Service
from lensong.coverage.streams.at_once import chances_at_once, streams_that_hold
from lensong.coverage.streams.draws import receptions
from lensong.coverage.timetable.air import Air, Crowd, Kind
from lensong.coverage.timetable.programme import Offer, crowds
from lensong.coverage.timetable.search import Search
from tests.test_coverage.layer_cases import LTE, LTE_LOW
from tests.test_coverage.test_streams_at_once import LIVE, heard_in, network_of

HD = Service(name="livestream-1080p", downlink_mbps=1.0, uplink_mbps=4.4)
MORNING = datetime(2026, 11, 28, 8)


class Rules:
    """Crowds hold that keep to some sums: stands for the draws."""

    draws = 1

    def __init__(self, kinds: Sequence[Kind], sums: Sequence[tuple[Sequence[int], int]]) -> None:
        self.kinds = tuple(kinds)
        self._sums = sums

    def holds(self, crowd: Crowd, probability: float) -> bool:  # noqa: ARG002 - as of Air
        return all(sum(w * n for w, n in zip(ws, crowd, strict=True)) <= m for ws, m in self._sums)

    def groups(self) -> list[list[int]]:
        return [list(range(len(self.kinds)))]


def kinds_of(count: int, most: int) -> list[Kind]:
    return [Kind(place=0, service=LIVE, operator="AB"[k % 2], most=most) for k in range(count)]


def offers_of(rng: np.random.Generator, wishes: int, kinds: int) -> list[Offer]:
    found = []
    for wish in range(wishes):
        hours = int(rng.integers(1, 3))
        starts = sorted(set(rng.integers(0, 4, size=2).tolist()))
        for kind in sorted(set(rng.integers(0, kinds, size=2).tolist())):
            for start in starts:
                begins = MORNING + timedelta(hours=start)
                found.append(
                    Offer(wish=wish, kind=kind, starts_at=begins,
                          ends_at=begins + timedelta(hours=hours))
                )  # fmt: skip
    return found


def most_by_trying(offers: Sequence[Offer], judges: Sequence[Air], people: dict[int, str]) -> int:
    """Return how many wishes any timetable meets, trying them all."""
    wishes = sorted({offer.wish for offer in offers})
    size = len(judges[0].kinds)

    @lru_cache(None)
    def holds(crowd: Crowd) -> bool:
        return all(judge.holds(crowd, 0.9) for judge in judges)

    def free(taken: Sequence[Offer], offer: Offer) -> bool:
        return all(
            people[o.wish] != people[offer.wish]
            or o.ends_at <= offer.starts_at
            or offer.ends_at <= o.starts_at
            for o in taken
        )

    best = 0

    def go(at: int, taken: list[Offer]) -> None:
        nonlocal best
        best = max(best, len(taken))
        if at == len(wishes) or len(taken) + len(wishes) - at <= best:
            return
        for offer in offers:
            if offer.wish == wishes[at] and free(taken, offer):
                more = [*taken, offer]
                if all(holds(c) for c in crowds(more, [1] * len(more), size).values()):
                    go(at + 1, more)
        go(at + 1, taken)

    go(0, [])
    return best


def search_of(air: object, fresh: object) -> Search:
    return Search(
        air=cast(Air, air), fresh=cast(Air, fresh), probability=0.9, deadline_s=monotonic() + 600
    )


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 4))
def test_no_timetable_meets_more(seed: int, wishes: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    sums = [(rng.integers(0, 5, kinds).tolist(), int(rng.integers(2, 9))) for _ in range(3)]
    rules = Rules(kinds_of(kinds, wishes), sums)
    # fresh draws refuse a little more than the plan's
    stricter = Rules(rules.kinds, [*sums, ([1] * kinds, 4)])
    offers = offers_of(rng, wishes, kinds)
    people = {wish: f"seller {wish // 2}" for wish in range(wishes)}
    search = search_of(rules, stricter)
    search.learn(range(kinds))
    able = [offer for offer in offers if search.most_alone[offer.kind]]
    answer = search.answer(able, np.ones(len(able)), people, gap=0.5)
    judges = [cast(Air, rules), cast(Air, stricter)]
    most = most_by_trying(offers, judges, people)
    assert len(answer.taken) == most
    assert answer.proved
    assert np.floor(answer.bound + 1e-6) == most
    for crowd in answer.crowds.values():
        assert all(judge.holds(crowd, 0.9) for judge in judges)


def air_of(
    loss_db: float, kinds: Sequence[Kind], *, draws: int = 128, seed: int = 20_261
) -> tuple[Air, LayerModel]:
    heard, model = heard_in(network_of(LTE, LTE_LOW, operators=("A", "B")), loss_db)
    air = Air(
        kinds, ["x", "y"], heard, model, usable_share=0.3, model_sigma_db=7.0, phones=8,
        draws=draws, seed=seed,
    )  # fmt: skip
    return air, model


def test_one_kind_holds_as_the_plan_counts_streams() -> None:
    heard, model = heard_in(network_of(LTE, LTE_LOW), 124.0)
    air = Air(
        [Kind(place=0, service=LIVE, operator="A", most=8)], ["x"], heard, model,
        usable_share=0.3, model_sigma_db=7.0, phones=8,
    )  # fmt: skip
    received = receptions(heard, 0, "x", model, phones=8, model_sigma_db=7.0)
    held = streams_that_hold(received, LIVE, model, usable_share=0.3)
    counted = chances_at_once(held, 8)
    weighed = [air.chances((n,))[0] for n in range(1, 9)]
    assert 0.0 < counted[-1] < counted[0] <= 1.0
    np.testing.assert_array_equal(weighed, counted)


def test_on_the_draws_too_no_timetable_meets_more() -> None:
    kinds = [
        Kind(place=place, service=service, operator=operator, most=4)
        for place, service, operator in (
            (0, LIVE, "A"),
            (0, HD, "A"),
            (0, LIVE, "B"),
            (1, LIVE, "A"),
        )
    ]
    air, _ = air_of(120.0, kinds)
    fresh, _ = air_of(120.0, kinds, draws=256, seed=5)
    rng = np.random.default_rng(4)
    offers = offers_of(rng, 8, len(kinds))
    people = {wish: str(wish) for wish in range(8)}
    search = search_of(air, fresh)
    search.learn(range(len(kinds)))
    able = [offer for offer in offers if search.most_alone[offer.kind]]
    answer = search.answer(able, np.ones(len(able)), people, gap=0.5)
    assert len(answer.taken) == most_by_trying(offers, [air, fresh], people)
    assert answer.proved
    for crowd in answer.crowds.values():
        assert air.holds(crowd, 0.9)
        assert fresh.holds(crowd, 0.9)


def test_more_sellers_never_help_and_a_far_place_does_not_mind() -> None:
    kinds = [
        Kind(place=0, service=LIVE, operator="A", most=6),
        Kind(place=1, service=LIVE, operator="B", most=6),
    ]
    air, _ = air_of(122.0, kinds)
    alone = [air.chances((n, 0))[0] for n in range(1, 7)]
    assert all(a >= b for a, b in pairwise(alone))
    # another operator's cells: neither shared nor disturbed
    assert air.chances((3, 5))[0] == alone[2]


def test_time_that_is_up_is_told_and_what_is_left_holds() -> None:
    kinds = kinds_of(3, 6)
    rules = Rules(kinds, [([2, 3, 4], 6)])
    offers = offers_of(np.random.default_rng(1), 6, 3)
    search = Search(
        air=cast(Air, rules), fresh=cast(Air, rules), probability=0.9, deadline_s=monotonic() - 1.0
    )
    answer = search.answer(offers, np.ones(len(offers)), {}, gap=0.5)
    assert answer.bound >= len(answer.taken)
    assert all(rules.holds(crowd, 0.9) for crowd in answer.crowds.values())


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.99])
def test_a_greater_promise_holds_no_more(probability: float) -> None:
    kinds = [Kind(place=0, service=LIVE, operator="A", most=8)]
    air, _ = air_of(124.0, kinds)
    most = [max(n for n in range(9) if air.holds((n,), p)) for p in (probability, 0.999)]
    assert most[0] >= most[1]
