"""Events as they happen, and what is sent to webhooks."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import BusyError
from lensong.monitoring.live import webhooks
from lensong.monitoring.live.events import EventBus
from lensong.monitoring.live.webhooks import pause_after
from lensong.monitoring.store.events import Event, add_event, last_event_id
from lensong.monitoring.store.tables import deliveries
from lensong.monitoring.web.api import events as web_events
from tests.running_service import Running
from tests.served import served
from tests.test_monitoring.test_api import SESSION, report, reports
from tests.test_monitoring.test_streams.rough_server import Handler, answer, serving
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, at: str, query: str = "", **headers: str
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Yield the events that a stream tells, as they come; not for ever."""
    async with (
        asyncio.timeout(PATIENCE_S),
        httpx.AsyncClient(
            headers={**client.headers, **headers}, cookies=client.cookies, timeout=PATIENCE_S
        ) as real,
        real.stream("GET", f"{at}/api/v1/events{query}") as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")

        async def told() -> AsyncIterator[dict[str, Any]]:
            event: dict[str, Any] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name in ("id", "event"):
                    event[name] = value
                elif name == "data":
                    event["data"] = json.loads(value)
                elif not line and event:
                    yield event
                    event = {}

        yield told()


async def test_a_listener_hears_of_its_own_area_and_goes_on_after_a_gap(light: Running) -> None:
    admin = await light.signed_in("admin")
    commune = await light.signed_in("commune", "03390")
    async with served(light.app) as at:
        async with listening(commune, at) as told:
            await admin.post("/api/v1/sessions", json=SESSION | {"site_id": "sin-ho"})
            await admin.post("/api/v1/sessions", json=SESSION)
            first = await anext(told)
            assert (first["event"], first["data"]["site_id"]) == ("session.planned", "binh-lu")
            second = await anext(told)
            assert second["event"] == "verdict.changed"
            assert second["data"]["verdict"]["state"] == "unknown"
        device = await light.device()
        await device.post("/api/v1/sites/binh-lu/measurements", json=reports(report(0)))
        for site_id, hours in light.service.ingest.take_dirty().items():
            await light.service.judge.evidence_arrived(site_id, hours)
        async with listening(commune, at, **{"Last-Event-ID": second["id"]}) as told:
            missed = await anext(told)
            assert missed["event"] == "verdict.changed"
            assert missed["data"]["before"] == "unknown"


async def test_none_is_lost_however_many_were_missed(light: Running) -> None:
    commune = await light.signed_in("commune", "03390")

    async def burst(connection: AsyncConnection) -> list[int]:
        return [
            (
                await add_event(
                    connection,
                    at=light.service.clock.now(),
                    kind="stream.changed",
                    site_id="binh-lu" if i % 3 else "sin-ho",
                    session_id=None,
                    body={"i": i},
                )
            ).id
            for i in range(1_500)
        ]

    ids = await light.service.writer.run(burst)
    async with (
        served(light.app) as at,
        listening(commune, at, **{"Last-Event-ID": str(ids[100])}) as told,
    ):
        heard = [(await anext(told))["data"]["i"] for _ in range(932)]
        assert heard == [i for i in range(101, 1_500) if i % 3][:932]


async def test_who_missed_what_is_kept_no_more_is_told_to_reload(light: Running) -> None:
    admin = await light.signed_in("admin")

    async def one(connection: AsyncConnection) -> Event:
        return await add_event(
            connection,
            at=light.service.clock.now(),
            kind="stream.changed",
            site_id="binh-lu",
            session_id=None,
            body={},
        )

    await light.service.writer.run(one)
    await light.service.writer.run(
        lambda connection: connection.execute(text("UPDATE events SET id = id + 100"))
    )
    async with served(light.app) as at:
        for unknown in ("999999", "7"):  # of another database, and of what was deleted
            async with listening(admin, at, **{"Last-Event-ID": unknown}) as told:
                assert (await anext(told))["event"] == "reload"
                light.service.bus.publish(await light.service.writer.run(one))
                assert (await anext(told))["event"] == "stream.changed"


def happened(running: Running, number: int, site_id: str = "binh-lu") -> Event:
    return Event(
        id=number,
        at=running.clock.now(),
        kind="stream.changed",
        site_id=site_id,
        session_id=None,
        body={},
    )


async def test_pages_hear_once_in_a_while_that_something_has_changed(light: Running) -> None:
    commune = await light.signed_in("commune", "03390")
    bus = light.service.bus
    async with served(light.app) as at, listening(commune, at, "?only=changes") as told:
        for number in range(1, 400):  # more than a listener that hears each may lag behind
            bus.publish(happened(light, number, "sin-ho" if number % 2 else "binh-lu"))
        bus.publish(happened(light, 400, "sin-ho"))  # another's area
        first = await anext(told)
        assert first == {"event": "changed", "id": "400", "data": {}}
        bus.publish(happened(light, 401))
        assert (await anext(told))["id"] == "401"  # and nothing stood between the two


async def test_what_is_of_another_site_or_area_is_not_told(light: Running) -> None:
    province = await light.signed_in("province", "12")
    bus = light.service.bus
    async with (
        served(light.app) as at,
        listening(province, at, "?only=changes&site_id=sin-ho") as changes,
        listening(province, at, "?site_id=sin-ho") as events,
    ):
        for number, site_id in enumerate(("binh-lu", "muong-phang", "sin-ho"), 1):
            bus.publish(happened(light, number, site_id))
        assert (await anext(events))["id"] == "3"
        assert (await anext(changes))["id"] == "3"


async def test_who_comes_back_hears_at_once_that_something_has_changed(light: Running) -> None:
    admin = await light.signed_in("admin")
    await admin.post("/api/v1/sessions", json=SESSION)
    async with (
        served(light.app) as at,
        listening(admin, at, "?only=changes", **{"Last-Event-ID": "1"}) as told,
    ):
        assert (await anext(told))["event"] == "changed"


async def test_a_wall_that_opens_asks_no_database(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    province = await light.signed_in("province", "12")
    await province.get("/wall")  # who asks is known from here on
    looked = []

    async def counted(connection: AsyncConnection) -> int:
        looked.append(connection)
        return await last_event_id(connection)

    monkeypatch.setattr(web_events, "last_event_id", counted)
    async with served(light.app) as at:
        async with listening(province, at, "?only=changes") as told:
            assert not looked
            light.service.bus.publish(happened(light, 1))
            assert (await anext(told))["id"] == "1"
        assert not looked
        async with listening(province, at, "?only=changes", **{"Last-Event-ID": "1"}) as told:
            assert (await anext(told))["id"] == "0"  # that event is not of this database
        assert len(looked) == 1


async def test_what_is_gathered_wakes_nobody_for_each_event(light: Running) -> None:
    with light.service.bus.listening(gather_s=0.2) as listener:
        for number in range(50):
            light.service.bus.publish(happened(light, number))
        assert await listener.hear(0.01) == ()
        heard = await listener.hear(PATIENCE_S)
        assert heard is not None
        assert [event.id for event in heard] == [49]  # of each site the last
    assert await listener.hear(0.0) == ()


def test_one_person_takes_not_all_places_of_listeners() -> None:
    bus = EventBus(10, 3)
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(bus.listening("person:lan"))
        with pytest.raises(BusyError, match="person:lan"):
            held.enter_context(bus.listening("person:lan"))
        held.enter_context(bus.listening("person:minh"))
        assert bus.listeners == 4


async def test_figures_of_a_stream_are_limited_by_site(light: Running) -> None:
    device = await light.device()
    limit = light.service.config.limits.stream_figures_per_minute_per_site
    answers = [
        (await device.post("/api/v1/sites/binh-lu/stream/ffmpeg", content=b"frame=1\n")).status_code
        for _ in range(limit + 1)
    ]
    assert 429 not in answers[:limit]
    assert answers[limit] == 429


async def test_listeners_are_let_go_when_the_service_stops(light: Running) -> None:
    commune = await light.signed_in("commune", "03390")
    async with served(light.app) as at, listening(commune, at) as told:
        light.service.drain()
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(told), PATIENCE_S)
        refused = await light.client().get("/-/ready")
        assert (refused.status_code, refused.json()["code"]) == (503, "stopping")


@dataclass
class Sink:
    """Somebody's server: answers as it is told and keeps what it got."""

    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/hook")
        async def hook(request: Request) -> Response:
            self.got.append((dict(request.headers), await request.body()))
            return Response(status_code=self.status)

        return app


async def test_a_webhook_is_signed_tried_again_and_told_once(running: Running) -> None:
    admin = await running.signed_in("admin")
    sink = Sink(status=500)
    async with served(sink.app()) as at:
        hook = {"url": f"{at}/hook", "kinds": ["verdict.changed"]}
        secret = (await admin.post("/api/v1/webhooks", json=hook)).json()["secret"]
        await admin.post("/api/v1/sessions", json=SESSION)
        courier = running.service.courier
        while not sink.got:
            await courier.send_due()
        await asyncio.sleep(0)
        headers, body = sink.got[0]
        signed = f"{headers['x-lensong-timestamp']}.".encode() + body
        wanted = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        assert headers["x-lensong-signature"] == f"sha256={wanted}"
        assert json.loads(body)["verdict"]["site_id"] == "binh-lu"

        sink.status, before = 204, len(sink.got)
        running.clock.turn(seconds=30)
        while len(sink.got) == before:
            await courier.send_due()
        running.clock.turn(hours=5)
        assert await courier.send_due() == 0  # it arrived: never again
        assert len({json.loads(body)["event_id"] for _, body in sink.got}) == 1


async def test_a_webhook_that_is_not_there_is_given_up_after_a_day() -> None:
    pauses = [pause_after(attempts) for attempts in range(1, 13)]
    assert pauses[-1] is None
    waited = sum((pause for pause in pauses if pause is not None), timedelta())
    assert timedelta(hours=12) < waited < timedelta(days=2)


def _hook_url(at: str) -> dict[str, Any]:
    return {"url": f"{at}/hook", "kinds": ["session.planned"]}


async def _hangs(_head: str, _writer: asyncio.StreamWriter) -> None:
    await asyncio.get_running_loop().create_future()


async def _drips_its_head(_: str, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-More: ")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("handler", [_hangs, _drips_its_head])
async def test_a_receiver_that_never_answers_delays_no_other(
    light: Running, handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    # for ever, as far as this test is concerned: the others must not wait for it at all
    monkeypatch.setattr(webhooks, "_TOTAL_S", 3_600.0)
    admin = await light.signed_in("admin")
    sink = Sink()
    asked = 0

    async def counted(head: str, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await handler(head, writer)

    async with served(sink.app()) as good, serving(counted) as bad:
        for at in (bad, good):
            assert (await admin.post("/api/v1/webhooks", json=_hook_url(at))).status_code == 201
        async with asyncio.timeout(PATIENCE_S):
            # more messages than any number of attempts at once
            for number in range(12):
                starts = {
                    "starts_at": f"2026-11-29T{number:02}:00:00Z",
                    "ends_at": f"2026-11-29T{number:02}:30:00Z",
                }
                made = await admin.post("/api/v1/sessions", json=SESSION | starts)
                assert made.status_code == 201, made.text
            while len(sink.got) < 12 or not asked:
                await asyncio.sleep(0.02)
        assert 1 <= asked <= 4


async def test_an_attempt_has_one_deadline_for_all_of_it(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_TOTAL_S", 0.3)
    admin = await light.signed_in("admin")
    async with serving(_drips_its_head) as bad:
        await admin.post("/api/v1/webhooks", json=_hook_url(bad))
        await admin.post("/api/v1/sessions", json=SESSION)
        async with asyncio.timeout(PATIENCE_S):
            while not (attempts := await _attempts(light)):
                await asyncio.sleep(0.02)
    assert attempts == [(1, "TimeoutError")]


async def test_the_answer_of_a_receiver_is_never_unpacked(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    admin = await light.signed_in("admin")

    def never(*_: object) -> bytes:
        raise AssertionError("an answer was unpacked")

    monkeypatch.setattr("httpx._decoders.GZipDecoder.decode", never)
    async with serving(answer(bomb, headers="Content-Encoding: gzip\r\n")) as bad:
        await admin.post("/api/v1/webhooks", json=_hook_url(bad))
        await admin.post("/api/v1/sessions", json=SESSION)
        async with asyncio.timeout(PATIENCE_S):
            while not (attempts := await _attempts(light)):
                await asyncio.sleep(0.02)
    assert attempts == [(1, None)]  # it was told


async def _attempts(running: Running) -> list[tuple[int, str | None]]:
    """Return how often each message was tried, and what the last attempt ended in."""
    async with running.service.database.reading() as connection:
        rows = await connection.execute(
            select(deliveries.c.attempts, deliveries.c.last_error).where(deliveries.c.attempts > 0)
        )
        return [(row.attempts, row.last_error) for row in rows]
