"""Who gives way where too many connections have not said who they are."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from lensong.monitoring.uplink.channel import Channel
from lensong.monitoring.uplink.greetings import Greetings
from lensong.monitoring.uplink.refusals import Refusal

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Caller:
    """A client that says something when it is told to."""

    def __init__(self, address: str) -> None:
        self.address, self.speaks = address, asyncio.Event()

    async def receive_hello(self, within_s: float) -> dict[str, Any] | Refusal:
        async with asyncio.timeout(within_s):
            await self.speaks.wait()
        return {"type": "hello", "from": self.address}


class Hall:
    """Callers in the order in which they came."""

    def __init__(self, most: int, of_one: int) -> None:
        self.greetings = Greetings(most, of_one, within_s=600.0)
        self.callers: list[Caller] = []
        self.tasks: list[asyncio.Task[dict[str, Any] | Refusal]] = []

    async def come(self, *addresses: str) -> None:
        for address in addresses:
            caller = Caller(address)
            self.callers.append(caller)
            asked = self.greetings.hello(cast("Channel", caller))
            self.tasks.append(asyncio.create_task(asked))
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def gone(self) -> list[int]:
        return [number for number, task in enumerate(self.tasks) if task.done()]

    async def leave(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        assert len(self.greetings) == 0


async def test_the_longest_silent_of_the_same_address_gives_way() -> None:
    hall = Hall(most=10, of_one=2)
    await hall.come("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1")
    assert hall.gone == [0]
    assert hall.tasks[0].result() == Refusal("too_many_waiting", 600.0)
    await hall.leave()


async def test_all_of_one_ipv6_network_are_one_address() -> None:
    hall = Hall(most=10, of_one=2)
    await hall.come("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "2001:db8::3")
    assert hall.gone == [0]
    await hall.leave()


async def test_where_all_places_are_taken_the_address_with_most_gives_way() -> None:
    hall = Hall(most=4, of_one=3)
    await hall.come("10.0.0.1", "10.0.0.9", "10.0.0.9", "10.0.0.9", "10.0.0.2")
    assert hall.gone == [1]
    # whoever comes gets a place, and speaks
    hall.callers[-1].speaks.set()
    assert await hall.tasks[-1] == {"type": "hello", "from": "10.0.0.2"}
    assert len(hall.greetings) == 3
    await hall.leave()


async def test_who_has_spoken_or_left_holds_no_place() -> None:
    hall = Hall(most=2, of_one=2)
    for _ in range(5):
        await hall.come("10.0.0.1")
        hall.callers[-1].speaks.set()
        assert isinstance(await hall.tasks[-1], dict)
    await hall.come("10.0.0.1")
    hall.tasks[-1].cancel()
    await asyncio.gather(*hall.tasks, return_exceptions=True)
    assert len(hall.greetings) == 0
