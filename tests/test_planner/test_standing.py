"""In which order networks are planned that several people wait for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import pytest

from lensong.planner.standing import Settler
from lensong.propagation.errors import StoppedError
from tests.waiting import PATIENCE_S, wait_until


def _nothing() -> None:
    return None


@dataclass(frozen=True)
class State:
    """A network of which so much is judged: nothing, the villages, all."""

    network: str
    judged: int = 0
    touched: frozenset[Any] = frozenset()

    @property
    def tiles(self) -> dict[Any, Any]:
        return {}

    @property
    def is_judged(self) -> bool:
        return self.judged == 2

    @property
    def unjudged(self) -> list[int]:
        return [1] * (2 - self.judged)


class Engine:
    """Plans nothing, and lets another network come while the first one's villages are judged."""

    def __init__(self) -> None:
        self.comes: Callable[[], None] = _nothing
        self.long: set[str] = set()
        self.followed: list[tuple[str, str]] = []
        self.begun = Event()

    def opened(self, network: str, *_: object) -> State:
        return State(network)

    def follow(self, before: State, network: str, *_: object, **given: Any) -> State:
        self.followed.append((before.network, network))
        while network in self.long and not given["stop"]():
            self.begun.set()
        if network in self.long:
            raise StoppedError("somebody else waits")
        return State(network)

    def judged(self, state: State, *, within: object = None, **_: object) -> State:
        if within is None:
            return replace(state, judged=2)
        comes, self.comes = self.comes, _nothing
        comes()
        return replace(state, judged=1)


@dataclass(frozen=True)
class Villages:
    stale: tuple[str, ...] = ()


class Side:
    """Villages that are there at once."""

    pixels_in = staticmethod(lambda _: None)

    def opened(self, _: State) -> Villages:
        return Villages()

    def follow(self, *_: object) -> Villages:
        return Villages()

    def with_streams(self, rows: Villages, *_: object) -> Villages:
        return rows


def test_levels_that_take_long_give_way_to_others_and_end_where_nobody_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lensong.planner.standing._LONG_S", 0.0)
    told: list[tuple[Any, str]] = []
    engine: Any = Engine()
    side: Any = Side()
    base: Any = "as read"
    looked_at: set[Any] = {base, "many", "one", "next"}
    settler = Settler(
        engine,
        side,
        told=lambda now: told.append((now.network, now.settled)),
        failed=lambda network, error: told.append((network, str(error))),
        still=looked_at.__contains__,
        on_done=lambda *_: None,
        watched=lambda: False,
    )
    engine.long = {"many"}
    settler.start(base)
    try:
        many: Any = "many"
        settler.want(many, base)
        assert engine.begun.wait(PATIENCE_S)
        settler.want("one", base)  # type: ignore[arg-type]
        wait_until(lambda: ("one", "levels") in told)
        settler.want("next", many)  # type: ignore[arg-type]  # an edit on top
        looked_at.discard(many)
        wait_until(lambda: ("next", "chances") in told)
    finally:
        settler.close()
    assert ("next", "levels") in told
    assert (base, "next") in engine.followed  # not from what was given up
    assert not [told_of for told_of in told if told_of[0] == "many"]


def test_villages_of_all_go_before_what_is_left_of_any() -> None:
    told: list[tuple[Any, str]] = []
    engine: Any = Engine()
    side: Any = Side()
    base: Any = "as read"
    edited: Any = "edited"
    settler = Settler(
        engine,
        side,
        told=lambda now: told.append((now.network, now.settled)),
        failed=lambda network, error: told.append((network, str(error))),
        still=lambda _: True,
        on_done=lambda *_: None,
        watched=lambda: False,
    )
    engine.comes = lambda: settler.want(edited, base)
    settler.start(base)
    try:
        wait_until(lambda: (base, "chances") in told)
    finally:
        settler.close()
    reached = list(dict.fromkeys(told))  # who waits hears again how far it is
    assert reached == [
        (base, "levels"),
        (edited, "levels"),
        (edited, "villages"),
        (base, "villages"),
        (edited, "chances"),  # asked for last
        (base, "chances"),
    ]
