"""What a hand holds is planned while it rests: the same bytes, and nothing left of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

import lensong.coverage.sweeps as sweeps
from lensong.coverage.network import Network
from lensong.coverage.variant.edits import MoveMast, edited
from lensong.coverage.variant.engine import PlanEngine, PlanState
from lensong.coverage.variant.shelf import TileShelf
from lensong.gis_data.file_memory import FileMemory
from lensong.planner.ahead import Ahead
from lensong.planner.turns import Turns
from lensong.propagation.errors import InvalidInputError, StoppedError
from tests.test_coverage.test_sweeps import Memory, network, small_land
from tests.waiting import PATIENCE_S, wait_until

BASE = network()


def moved(by_deg: float) -> Network:
    mast = BASE.masts[0]
    place = {"lat_deg": mast.lat_deg + by_deg, "lon_deg": mast.lon_deg}
    return edited(BASE, [MoveMast(mast_id=mast.mast_id, **place)])


def engine(cache: Memory) -> PlanEngine:
    return PlanEngine(small_land(), cache=cache, workers=2, tile_px=50)


def never() -> bool:
    return False


def arrays(layers: Any) -> Iterator[Any]:
    for field in fields(layers):
        value = getattr(layers, field.name)
        yield from value.values() if isinstance(value, dict) else (value,)


def assert_same(one: PlanState, other: PlanState) -> None:
    assert one.tiles.keys() == other.tiles.keys()
    assert one.touched == other.touched
    for key, tile in one.tiles.items():
        for a, b in zip(arrays(tile.best), arrays(other.tiles[key].best), strict=True):
            np.testing.assert_array_equal(a, b)
            assert a.dtype == b.dtype
        assert tile.unjudged.keys() == other.tiles[key].unjudged.keys()
        for name, mask in tile.unjudged.items():
            np.testing.assert_array_equal(mask, other.tiles[key].unjudged[name])


def test_a_network_that_was_planned_ahead_is_that_which_was_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = Memory()
    quick, slow = engine(cache), engine(Memory())
    judged = quick.judged(quick.opened(BASE))
    quick.written()
    kept = set(cache.kept)
    assert kept
    found = quick.ahead(judged, moved(1e-3), never)
    assert found is not None
    quick.written()
    assert set(cache.kept) == kept  # a place where nobody has dropped it
    away = slow.follow(slow.judged(slow.opened(BASE)), moved(1e-3))

    def swept(*_: Any, **__: Any) -> Any:
        raise AssertionError("it was swept already")

    monkeypatch.setattr(sweeps, "sweep_carriers", swept)
    levels = quick.follow(judged, moved(1e-3), ahead=found)  # equal, and another object
    assert_same(levels, away)
    assert_same(quick.judged(levels), slow.judged(away))
    quick.written()
    assert set(cache.kept) > kept
    # from another state its sweeps are used, not its tiles
    unjudged = quick.opened(BASE)
    assert_same(quick.judged(quick.follow(unjudged, moved(1e-3), ahead=found)), slow.judged(away))


def test_what_is_given_up_on_its_way_leaves_nothing() -> None:
    cache = Memory()
    made = engine(cache)
    state = made.opened(BASE)
    made.written()
    kept = set(cache.kept)
    asked = 0

    def soon() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    with pytest.raises(StoppedError):
        made.ahead(state, moved(2e-3), soon)
    made.written()
    assert set(cache.kept) == kept
    other = engine(Memory())
    assert_same(made.follow(state, moved(2e-3)), other.follow(other.opened(BASE), moved(2e-3)))


class Fake:
    """An engine whose work goes on as long as a test wants."""

    def __init__(self) -> None:
        self.began, self.goes_on = Event(), Event()
        self.stops: list[Callable[[], bool]] = []
        self.error: Exception | None = None
        self.asked: list[Network] = []
        self.given_up = 0

    def ahead(self, _: PlanState, network: Network, stop: Callable[[], bool]) -> Any:
        self.asked.append(network)
        self.stops.append(stop)
        self.began.set()
        if self.error is not None:
            raise self.error
        assert self.goes_on.wait(PATIENCE_S)
        if stop():
            self.given_up += 1
            raise StoppedError("given up")
        return ("planned", network)


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def ahead(fake: Fake, turns: Turns) -> Iterator[Ahead]:
    state: Any = object()
    made = Ahead(fake, lambda _: state, turns)  # type: ignore[arg-type]  # as much of it as is asked
    yield made
    fake.goes_on.set()
    made.close()


def test_a_drop_joins_what_is_under_way(ahead: Ahead, fake: Fake, turns: Turns) -> None:
    held = moved(1e-3)
    ahead.rests("hand", BASE, held)
    assert fake.began.wait(PATIENCE_S)
    found: list[Any] = []
    with turns.first():  # it is not made to wait once somebody waits for it
        drop = Thread(target=lambda: found.append(ahead.taken(moved(1e-3), BASE)))
        drop.start()
        wait_until(lambda: not ahead.is_held)
        fake.goes_on.set()
        drop.join(PATIENCE_S)
    assert found == [("planned", held)]
    assert ahead.taken(held, BASE) is None  # once
    assert len(fake.asked) == 1


def test_a_hand_that_moves_on_is_followed_by_one_at_a_time(ahead: Ahead, fake: Fake) -> None:
    ahead.rests("hand", BASE, moved(1e-3))
    assert fake.began.wait(PATIENCE_S)
    ahead.moves("another hand")
    assert ahead.is_held
    ahead.moves("hand")
    assert not ahead.is_held
    ahead.rests("hand", BASE, moved(2e-3))
    assert len(fake.asked) == 1  # the first has not ended yet
    fake.goes_on.set()
    wait_until(lambda: ahead.is_ready)
    assert fake.given_up == 1
    assert fake.asked == [moved(1e-3), moved(2e-3)]
    assert ahead.taken(moved(3e-3), BASE) is None  # dropped elsewhere
    assert not ahead.is_held


def test_what_somebody_waits_for_goes_first(ahead: Ahead, fake: Fake, turns: Turns) -> None:
    ahead.rests("hand", BASE, moved(1e-3))
    assert fake.began.wait(PATIENCE_S)
    answered: list[bool] = []
    with turns.first():
        asks = Thread(target=lambda: answered.append(fake.stops[0]()))
        asks.start()
        fake.goes_on.set()
        assert not answered
        assert not ahead.is_ready
    asks.join(PATIENCE_S)
    assert answered == [False]
    wait_until(lambda: ahead.is_ready)


def test_a_failure_is_left_to_the_drop(
    ahead: Ahead, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    for error, level in ((InvalidInputError("no cell"), "INFO"), (RuntimeError("x"), "ERROR")):
        fake.error = error
        fake.began.clear()
        with caplog.at_level(logging.INFO, "lensong.planner"):
            ahead.rests("hand", BASE, moved(1e-3))
            assert fake.began.wait(PATIENCE_S)
            assert ahead.taken(moved(1e-3), BASE) is None  # who drops it makes it, and meets it
        assert [r.levelname for r in caplog.records] == [level]
        caplog.clear()


def test_levels_of_a_drop_stay_in_memory_where_the_rest_of_a_plan_does_not(tmp_path: Path) -> None:
    memory = FileMemory(tmp_path)
    held = PlanEngine(small_land(), workers=1, tile_px=50)
    base = held.opened(BASE)
    size = sum(a.nbytes for tile in base.tiles.values() for a in arrays(tile.best))

    def lies_there(state: PlanState, keys: Iterable[Any]) -> list[bool]:
        return [memory.holds(state.tiles[key].best.rsrp_dbm) for key in keys]

    tiles = TileShelf(8 * size, memory, spare_bytes=8 * size)
    spared = PlanEngine(small_land(), workers=1, tile_px=50, shelf=tiles)
    state = spared.judged(spared.opened(BASE))
    assert all(lies_there(state, state.tiles))  # nothing but what is spare is left for it
    cells = tuple(
        replace(cell, total_power_dbm=40.0) if cell.cell_id == "B1" else cell for cell in BASE.cells
    )
    away = replace(BASE, cells=cells)
    for _ in range(5):  # what is spare is free again once chances are there
        levels = spared.follow(state, away)
        assert levels.touched < levels.tiles.keys()
        assert not any(lies_there(levels, levels.touched))
        judged = spared.judged(levels)
        assert all(lies_there(judged, levels.touched))
        del levels, judged
    assert_same(spared.follow(state, away), held.follow(held.judged(base), away))


def test_what_is_made_anew_is_given_up_too() -> None:
    plan = engine(Memory())
    state = plan.opened(BASE)
    cell = replace(BASE.cells[0], operator="of another frame")
    other = replace(BASE, cells=(cell, *BASE.cells[1:]))
    for asked in (other, moved(0.002)):
        with pytest.raises(StoppedError):
            plan.follow(state, asked, stop=lambda: True)
