"""In which order networks are planned that several people wait for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lensong.planner.standing import Settler
from tests.waiting import wait_until


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

    def opened(self, network: str, *_: object) -> State:
        return State(network)

    def follow(self, _: State, network: str, **__: object) -> State:
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
