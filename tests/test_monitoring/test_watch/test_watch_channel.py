"""Watches over real sockets, into the store and the verdict's evidence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from lensong.monitoring.live.evidence import evidence_for
from lensong.monitoring.records import Motion
from lensong.monitoring.store.watches import watch_parts_between
from lensong.monitoring.watch.account import NetworkState
from lensong.monitoring.watch.messages import answer, pack_tick
from tests.running_service import START, Running
from tests.served import served

pytestmark = pytest.mark.anyio


class Client:
    """A client that speaks the protocol by hand."""

    def __init__(self, running: Running, socket: ClientConnection) -> None:
        self.running, self.socket, self.seq = running, socket, 0

    async def hello(self, token: str, **members: Any) -> dict[str, Any]:
        said = {"type": "hello", "token": token, "method": "cli", "client_id": "c1"} | members
        await self.socket.send(json.dumps(said))
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        heard: dict[str, Any] = json.loads(await self.socket.recv())
        return heard

    async def tick(self, after_s: float = 1.0, count: int = 1) -> None:
        for _ in range(count):
            self.running.clock.turn(seconds=after_s)
            self.seq += 1
            await self.socket.send(pack_tick(self.seq, 50.0))
            assert await self.socket.recv() == answer(self.seq)

    async def say(self, **members: Any) -> None:
        await self.socket.send(json.dumps(members))


@asynccontextmanager
async def watching(running: Running, address: str) -> AsyncIterator[Client]:
    url = address.replace("http", "ws", 1) + "/uplink/v1/watch"
    async with connect(
        url, subprotocols=[Subprotocol("lensong.watch.v1")], compression=None, proxy=None
    ) as socket:
        yield Client(running, socket)


async def parts_of(running: Running) -> Any:
    await running.service.watches.keep()
    async with running.service.database.reading() as connection:
        return await watch_parts_between(
            connection, ["binh-lu"], START, running.clock.now(), newest=100
        )


async def test_however_many_say_nothing_a_device_watches(light: Running) -> None:
    token = await light.token("site", "binh-lu")
    async with served(light.app) as address, AsyncExitStack() as open_ones:
        silent = [await open_ones.enter_async_context(watching(light, address)) for _ in range(64)]
        async with watching(light, address) as client:
            assert (await client.hello(token))["type"] == "watching"
        refused = await silent[0].hear()
        assert refused["code"] == "too_many_watches"  # of those that a client tries again after


async def test_an_hour_is_counted_kept_and_evidence(running: Running) -> None:
    token = await running.token("site", "binh-lu")
    async with served(running.app) as address, watching(running, address) as client:
        said = await client.hello(token, motion="at_rest", technology="4G", operator="Viettel")
        assert (said["type"], said["site"], said["every_s"]) == ("watching", "binh-lu", 1.0)
        await client.tick(count=500)
        await client.tick(12.5)
        await parts_of(running)  # again and again: the same part grows
        await client.tick(count=500)
        await client.say(type="end")
        summary = await client.hear()
    assert summary["type"] == "summary"
    assert (summary["outages_s"], summary["received"], summary["missed"]) == ([12.0], 1_001, 0)
    parts = await parts_of(running)
    assert len(parts) == 2
    assert sum(part.watched_s for part in parts) == pytest.approx(1_011.5)
    site = running.service.directory.sites["binh-lu"]
    async with running.service.database.reading() as connection:
        found = await evidence_for(
            connection, running.service.directory, site, running.clock.now(), lambda _: None
        )
    (watch,) = found.watches
    assert watch.watched_s == pytest.approx(1_011.5)
    assert watch.outages_s == (12.0,)
    assert (watch.motion, watch.technology, watch.operator) == (Motion.AT_REST, "4G", "Viettel")


async def test_a_client_that_comes_back_was_watching_all_the_time(light: Running) -> None:
    token = await light.token("site", "binh-lu")
    async with served(light.app) as address:
        async with watching(light, address) as client:
            watch_id = (await client.hello(token))["watch"]
            await client.tick(count=10)
            client.socket.transport.abort()
        async with watching(light, address) as client:
            client.seq = 30  # what it tried meanwhile never came
            said = await client.hello(token, watch=watch_id, unwatched_s=5.0)
            assert said["watch"] == watch_id
            await client.tick(25.0)
            await client.say(type="end")
            summary = await client.hear()
    assert summary["outages_s"] == [19.5]
    assert summary["missed"] == 20
    (part,) = await parts_of(light)
    assert part.watched_s == pytest.approx(9.0 + 20.0)


async def test_time_slept_hidden_or_moved_is_told(light: Running) -> None:
    token = await light.token("site", "binh-lu")
    async with served(light.app) as address, watching(light, address) as client:
        await client.hello(token, motion="at_rest", technology="5G")
        await client.tick(count=5)
        await client.say(type="unwatched", seconds=600)
        await client.tick(600.0)
        await client.say(type="pause")
        await client.tick(4_000.0)
        await client.say(type="about", motion="moving")
        await client.tick(count=5)
        await client.say(type="end")
        summary = await client.hear()
    assert (summary["outages"], summary["watched_s"]) == (0, 9.0)
    parts = await parts_of(light)
    assert {(part.motion, part.technology) for part in parts} == {
        (Motion.AT_REST, "5G"),
        (Motion.MOVING, "5G"),
    }


async def test_a_client_has_one_watch(light: Running) -> None:
    token = await light.token("site", "binh-lu")
    async with (
        served(light.app) as address,
        watching(light, address) as first,
        watching(light, address) as second,
    ):
        await first.hello(token)
        await first.tick(count=3)
        await second.hello(token)
        assert (await first.hear())["code"] == "watch_replaced"
        with pytest.raises(ConnectionClosed):
            await first.hear()
        await second.tick(count=3)
        assert light.service.watches.connections == 1
        assert light.service.watches.sites()["binh-lu"].state is NetworkState.THERE


async def test_what_is_no_watch_is_refused(light: Running) -> None:
    token = await light.token("site", "binh-lu")
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"token": "nobody's"}, "bad_token"),
        ({"client_id": ""}, "bad_hello"),
        ({"watch": "../../etc"}, "bad_hello"),
        ({"motion": "flying"}, "bad_hello"),
        ({"technology": "6G"}, "bad_hello"),
        ({"operator": "x" * 61}, "bad_hello"),
        ({"unwatched_s": -1}, "bad_hello"),
        ({"unwatched_s": True}, "bad_hello"),
        ({"method": "telepathy"}, "bad_hello"),
        ({"site": "sin-ho"}, "wrong_site"),
    ]
    async with served(light.app) as address:
        for members, code in wrong:
            async with watching(light, address) as client:
                said = await client.hello(**({"token": token} | members))
                assert (said["type"], said["code"]) == ("error", code), members
        for message in (b"abc", '{"type": "what"}', '{"type": "unwatched", "seconds": "x"}', "["):
            async with watching(light, address) as client:
                await client.hello(token)
                await client.socket.send(message)
                assert (await client.hear())["code"] == "bad_hello", message
        async with watching(light, address) as client:
            await client.hello(token)
            for _ in range(500):
                await client.socket.send(pack_tick(1, None))
            while isinstance(message := await client.socket.recv(), bytes):
                assert message == answer(1)
            assert json.loads(message)["code"] == "watch_too_fast"
    assert light.service.watches.connections == 0


async def test_a_database_that_is_away_costs_nothing_that_was_seen(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lensong.monitoring.errors import StoreUnavailableError

    token = await light.token("site", "binh-lu")
    desk = light.service.watches

    async def away(_parts: Any) -> None:
        raise StoreUnavailableError("the disk is full")

    async with served(light.app) as address, watching(light, address) as client:
        await client.hello(token)
        with monkeypatch.context() as patched:
            patched.setattr(desk, "_keep", away)
            await client.tick(count=950)
            with pytest.raises(StoreUnavailableError):
                await desk.keep()
        await client.tick(count=50)
        await client.say(type="end")
        await client.hear()
    parts = await parts_of(light)
    assert sum(part.watched_s for part in parts) == pytest.approx(999.0)


async def test_what_the_service_slept_itself_is_no_outage(light: Running) -> None:
    token = await light.token("site", "binh-lu")
    desk = light.service.watches
    async with served(light.app) as address, watching(light, address) as client:
        await client.hello(token)
        await client.tick(count=3)
        # as if this program had not run for 20 s
        assert desk._beat_s is not None
        desk._beat_s -= 20.0
        await client.tick(20.0)
        await client.say(type="end")
        summary = await client.hear()
    assert summary["outages"] == 0
    assert summary["watched_s"] < 4.0


async def test_an_hour_costs_less_than_a_megabyte_on_the_wire(light: Running) -> None:
    """Bytes of the real connection both ways, with headers of three packets a second over IPv6."""
    token = await light.token("site", "binh-lu")
    carried = 0

    async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal carried
        while data := await reader.read(65_536):
            carried += len(data)
            writer.write(data)
            await writer.drain()
        writer.close()

    async with served(light.app) as address:
        port = int(address.rpartition(":")[2])

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(through(reader, back), through(there, writer))

        async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
            near = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with watching(light, near) as client:
                await client.hello(token)
                await client.tick(count=3_600)
                await client.say(type="end")
                await client.hear()
    headers = 3_600 * (3 * 72 + 2 * 22)  # IPv6, TCP with timestamps; TLS records
    assert carried > 3_600 * 14
    assert carried + headers <= 1_000_000
