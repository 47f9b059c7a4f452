"""Names of other people's machines: looked up apart from everything else, once each at a time."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lensong.monitoring import outbound
from lensong.monitoring.outbound import FAILURES, PinnedTransport, asking, look_up
from tests.test_monitoring.test_streams.rough_server import answer, serving
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.anyio


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Let the resolver answer for `.slow` names only at the end; return who was asked for."""
    over, asked, before = threading.Event(), [], socket.getaddrinfo

    def resolve(host: str, port: int, *given: Any, **more: Any) -> Any:
        asked.append(host)
        if host.endswith(".slow"):
            over.wait(PATIENCE_S)
            raise OSError("no such name")
        return before("127.0.0.1" if host.endswith(".fine") else host, port, *given, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield asked
    over.set()


async def test_a_slow_resolver_holds_up_neither_other_names_nor_other_work(
    slow: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "_looked_up", {})
    waiting = [asyncio.create_task(look_up(f"{n}.slow", 80)) for n in range(12)]
    waiting += [asyncio.create_task(look_up("0.slow", 80)) for _ in range(30)]
    async with asyncio.timeout(PATIENCE_S):
        assert await look_up("a.fine", 80) == ["127.0.0.1"]
        assert await asyncio.to_thread(int) == 0  # the threads that all work shares are free
        while len(slow) < 13:
            await asyncio.sleep(0.01)
    assert sorted(slow) == sorted([*(f"{n}.slow" for n in range(12)), "a.fine"])
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert len(outbound._looked_up) == 12  # who gives up does not make room for one more thread
    for number in range(12, 16):
        waiting.append(asyncio.create_task(look_up(f"{number}.slow", 80)))
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="the resolver is slow"):
        await look_up("another.slow", 80)
    assert await look_up("127.0.0.1", 80) == ["127.0.0.1"]
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_name_that_nobody_answers_for_ends_with_the_deadline(
    slow: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound, "_looked_up", {})
    async with httpx.AsyncClient(transport=PinnedTransport(look_up, httpx.Limits())) as http:
        with pytest.raises(FAILURES):
            async with asking(http, "GET", "http://a.slow/", total_s=0.2):
                pass
        async with serving(answer(b"hello")) as at:
            port = at.rpartition(":")[2]
            url = f"http://b.fine:{port}/"
            async with asking(http, "GET", url, total_s=PATIENCE_S) as told:
                assert (told.status_code, await told.aread()) == (200, b"hello")
    assert slow == ["a.slow", "b.fine"]
