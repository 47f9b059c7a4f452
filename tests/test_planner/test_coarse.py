"""What follows a hand: coarse, and kept nowhere."""

from __future__ import annotations

from typing import Any

from lensong.coverage.network import Network
from lensong.coverage.variant.edits import MoveMast, edited
from lensong.coverage.variant.engine import PlanEngine
from lensong.planner.coarse import Coarse
from lensong.planner.placed_tiles import placed_tiles
from tests.test_coverage.test_sweeps import network, small_land


class Memory:
    """A cache of sweeps that can be looked at."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.kept.get(key)

    def put(self, key: str, arrays: Any) -> None:
        self.kept[key] = arrays


def test_masts_are_kept_where_they_stand_and_not_where_they_are_dragged() -> None:
    cache, base = Memory(), network()
    coarse = Coarse(PlanEngine(small_land(), workers=1), cache, 1)
    coarse.prepare(base)
    kept = set(cache.kept)
    assert kept
    mast = base.masts[0]
    away = MoveMast(mast_id=mast.mast_id, lat_deg=mast.lat_deg + 1e-3, lon_deg=mast.lon_deg)
    state = coarse.follow(base, lambda: edited(base, [away]), judge=False, hand="one")
    assert state is not None
    assert state.touched
    coarse.engine.written()
    assert set(cache.kept) == kept

    def let_go(hand: str) -> Network:
        coarse.drop(hand)  # while it is made
        return edited(base, [away])

    assert coarse.follow(base, lambda: let_go("one"), judge=False, hand="one") is None
    again = coarse.follow(base, lambda: let_go("another"), judge=False, hand="one")
    assert again is not None
    assert again.touched == state.touched


def test_chances_are_the_same_in_threads_that_yield() -> None:
    engine = PlanEngine(small_land(), workers=2)
    levels = engine.opened(network())
    one, other = engine.judged(levels), engine.judged(levels, yields=True)
    assert other.is_judged
    for key, tile in one.tiles.items():
        assert (tile.best.probability == other.tiles[key].best.probability).all()
        assert (tile.best.reason == other.tiles[key].best.reason).all()


def test_who_looks_at_many_tiles_holds_few_of_them() -> None:
    engine = PlanEngine(small_land(), workers=1)
    state = engine.opened(network())
    rested: list[int] = []
    engine.let_rest = lambda: rested.append(1)  # type: ignore[method-assign]
    read, key = placed_tiles(engine, state), min(state.tiles)
    for _ in range(600):
        assert read(key).best is state.tiles[key].best
    assert len(rested) == 2
