"""Messages in the browser: sent to a push service on this machine, which reads and checks them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import http_ece  # type: ignore[import-untyped]  # it has no type information
import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from fastapi import FastAPI, Request, Response

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.live.message_formats import Told
from lensong.monitoring.live.push_courier import PushCourier, _message
from lensong.monitoring.live.web_push import (
    VapidKey,
    _point,
    base64url,
    encrypted,
    fresh_key,
    from_base64url,
)
from lensong.monitoring.operations.people import keep_out
from lensong.monitoring.operations.push import BROWSERS
from lensong.monitoring.passwords import hash_password
from lensong.monitoring.store.events import Event
from lensong.monitoring.store.people import set_password
from lensong.monitoring.store.tables import people
from lensong.monitoring.streams.allowed import AllowList
from lensong.monitoring.streams.sample import CollectorError
from tests.ports import free_port
from tests.running_service import START, Running, running_service, sqlite_url
from tests.served import served
from tests.test_monitoring.test_live.test_alerts import planned_untested

pytestmark = pytest.mark.anyio

PATH = "/api/v1/my-browsers"
ROOT = Principal(actor="person:root", name="Root", role=Role.ADMIN)
AUTH = base64url(bytes(range(16)))


@dataclass
class PushService:
    """A push service and the browsers behind it: takes messages, checks who sends, decrypts."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    app: FastAPI = field(default_factory=FastAPI)
    public: str = ""
    url: str = ""
    shown: list[tuple[str, dict[str, str], dict[str, str]]] = field(default_factory=list)
    asked: int = 0
    answer: int = 201
    headers: dict[str, str] = field(default_factory=dict)
    arrived: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        @self.app.post("/{name}")
        async def take(name: str, request: Request) -> Response:
            self.asked += 1
            content = await request.body()
            assert len(content) <= 4_096
            self.check(request.headers["authorization"])
            if self.answer == 201:
                text = http_ece.decrypt(
                    content, private_key=self.key, auth_secret=from_base64url(AUTH)
                )
                self.shown.append((name, dict(request.headers), json.loads(text)))
                self.arrived()
            return Response(status_code=self.answer, headers=self.headers)

    @property
    def p256dh(self) -> str:
        return base64url(_point(self.key.public_key()))

    def check(self, header: str) -> None:
        """Check the signature with the key that the browser was given, as RFC 8292 says."""
        scheme, _, rest = header.partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert (scheme, parts["k"]) == ("vapid", self.public)
        signed, _, signature = parts["t"].rpartition(".")
        raw = from_base64url(signature)
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        point = from_base64url(self.public)
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        public.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA256()))
        head, claims = (json.loads(from_base64url(part)) for part in signed.split("."))
        assert head == {"typ": "JWT", "alg": "ES256"}
        assert claims["aud"] == self.url
        assert claims["sub"] == "mailto:ioc@example.vn"
        now_s = START.timestamp()
        assert now_s < claims["exp"] <= now_s + timedelta(hours=24).total_seconds()

    def given(self, name: str = "one", language: str = "en") -> dict[str, str]:
        """Return what a browser gives when it is allowed."""
        return {
            "endpoint": f"{self.url}/{name}",
            "p256dh": self.p256dh,
            "auth": AUTH,
            "language": language,
        }


@asynccontextmanager
async def pushing(db: str) -> AsyncIterator[tuple[Running, PushService]]:
    """Yield a service that may ask loopback, and a push service there."""
    receiver = PushService()
    told = {"contact": "mailto:ioc@example.vn", "allowed_networks": ("127.0.0.0/8",)}
    async with (
        served(receiver.app) as url,
        running_service(db, push=told) as running,
    ):
        receiver.url, receiver.public = url, running.service.push.key.public
        yield running, receiver


@pytest.fixture
async def pushed(tmp_path: Path) -> AsyncIterator[tuple[Running, PushService]]:
    async with pushing(sqlite_url(tmp_path)) as both:
        yield both


async def allow(client: httpx.AsyncClient, given: dict[str, str]) -> dict[str, Any]:
    answer = await client.post(PATH, json=given)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_message_is_encrypted_as_the_standard_shows() -> None:
    """RFC 8291, section 5."""
    private = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
    assert encrypted(
        b"When I grow up, I want to be a watermelon",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
        salt=from_base64url("DGv6ra1nlYgDCS1FRnbzlw"),
        private=VapidKey.of(private).private,
    ) == from_base64url(
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWA"
        "mS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxs"
        "j_Qulcy4a-fN"
    )


def test_a_key_is_kept_as_text() -> None:
    kept = fresh_key()
    assert VapidKey.of(kept).public == VapidKey.of(kept).public != VapidKey.of(fresh_key()).public


def test_a_message_stays_short_whatever_it_says() -> None:
    event = Event(id=1, at=START, kind="alert.raised", site_id="x", session_id=None, body={})
    for letter in ("ợ", '"', "🚜"):
        told = Told(title=letter * 5_000, text=letter * 90_000, url="https://example.vn/sites/x")
        content = _message(told, event)
        assert len(content) < 3_000
        assert json.loads(content)["url"] == told.url


async def test_people_are_told_what_they_may_see_in_their_language(store_url: str) -> None:
    async with pushing(store_url) as (running, receiver):
        await told_what_they_may_see(running, receiver)


async def told_what_they_may_see(running: Running, receiver: PushService) -> None:
    hoa = await running.signed_in("commune", "03390")
    nam = await running.signed_in("province", "12")
    elsewhere = await running.signed_in("commune", "03433")
    for client, name, language in ((hoa, "hoa", "vi"), (nam, "nam", "en"), (elsewhere, "x", "vi")):
        await allow(client, receiver.given(name, language))
    session_id = await planned_untested(running)
    await running.service.push.send_due()
    shown = {name: (headers, message) for name, headers, message in receiver.shown}
    assert sorted(shown) == ["hoa", "nam"]  # Sìn Hồ is another commune
    headers, message = shown["nam"]
    assert (headers["content-encoding"], headers["urgency"]) == ("aes128gcm", "high")
    assert 0 < int(headers["ttl"]) <= 3_600
    assert message["url"] == f"/sessions/{session_id}"
    assert message["title"] == "Chợ Bình Lư (Bình Lư): UNKNOWN"
    assert "Chợ phiên" in message["text"]
    assert shown["hoa"][1]["title"] != message["title"]
    await running.service.push.send_due()
    assert len(receiver.shown) == 2  # once


async def test_what_a_push_service_gives_up_is_deleted(
    pushed: tuple[Running, PushService],
) -> None:
    running, receiver = pushed
    receiver.answer = 410
    hoa = await running.signed_in("commune", "03390")
    await allow(hoa, receiver.given())
    await planned_untested(running)
    await running.service.push.send_due()
    assert receiver.asked == 1
    assert (await hoa.get(PATH)).json() == []


async def test_a_busy_push_service_is_asked_again_when_it_says(
    pushed: tuple[Running, PushService],
) -> None:
    running, receiver = pushed
    receiver.answer, receiver.headers = 429, {"Retry-After": "120"}
    hoa = await running.signed_in("commune", "03390")
    await allow(hoa, receiver.given())
    await planned_untested(running)
    push = running.service.push
    await push.send_due()
    running.clock.turn(seconds=119)
    await push.send_due()
    assert receiver.asked == 1
    assert (await hoa.get(PATH)).json()[0]["failure"] == "status 429"
    receiver.answer = 201
    running.clock.turn(seconds=1)
    await push.send_due()
    assert (receiver.asked, len(receiver.shown)) == (2, 1)
    assert (await hoa.get(PATH)).json()[0]["failure"] == ""


async def test_a_dead_push_service_delays_nobody_else_and_is_given_up_after_an_hour(
    pushed: tuple[Running, PushService],
) -> None:
    running, receiver = pushed
    dead, alive = await running.signed_in("admin"), await running.signed_in("admin")
    given = receiver.given("dead")
    await allow(dead, given | {"endpoint": f"http://127.0.0.1:{free_port()}/dead"})
    await allow(alive, receiver.given("alive"))
    await planned_untested(running)
    await running.service.push.send_due()
    assert [name for name, _, _ in receiver.shown] == ["alive"]
    assert (await dead.get(PATH)).json()[0]["failure"] == "ConnectError"
    assert "ConnectError" in (await dead.get("/account")).text
    running.clock.turn(hours=1)
    failed = (await dead.get(PATH)).json()
    await running.service.push.send_due()
    assert (await dead.get(PATH)).json() == failed  # nothing was tried


async def test_a_slow_push_service_holds_back_nobody(
    pushed: tuple[Running, PushService],
) -> None:
    running, receiver = pushed
    arrived, leave = asyncio.Event(), asyncio.Event()
    slow = FastAPI()

    @slow.post("/{name}")
    async def hang(name: str) -> Response:  # noqa: ARG001 (of the path)
        await leave.wait()
        return Response(status_code=201)

    receiver.arrived = arrived.set
    async with served(slow) as url:
        clients = [await running.signed_in("admin") for _ in range(12)]
        for number, client in enumerate(clients[:-1]):
            await allow(client, receiver.given() | {"endpoint": f"{url}/{number}"})
        await allow(clients[-1], receiver.given("alive"))
        await planned_untested(running)
        sending = asyncio.create_task(running.service.push.send_due())
        await arrived.wait()
        assert not sending.done()  # the others are on their way still
        assert {(await client.get(PATH)).json()[0]["failure"] for client in clients} == {""}
        leave.set()
        await sending


@pytest.mark.parametrize("how", ["kept out", "password", "signed out", "revoked", "another"])
async def test_a_browser_is_told_no_more(pushed: tuple[Running, PushService], how: str) -> None:
    running, receiver = pushed
    hoa, nam = await running.signed_in("commune", "03390"), await running.signed_in("admin")
    made = await allow(hoa, receiver.given("hoa"))
    await allow(nam, receiver.given("nam"))
    match how:
        case "kept out":
            await keep_out(running.service, ROOT, "commune-0")
        case "password":
            await running.service.writer.run(
                lambda connection: set_password(connection, "commune-0", "a hash")
            )
        case "signed out":
            assert (await hoa.post("/api/v1/sign-out")).status_code == 204
        case "another":
            hashed = await hash_password("mười chữ cái")
            await running.service.writer.run(
                lambda connection: set_password(connection, "admin-1", hashed)
            )
            nam = await running.signed_in("admin")
            await allow(nam, receiver.given("nam"))
            credentials = {"person_id": "admin-1", "password": "mười chữ cái"}
            assert (await hoa.post("/api/v1/sign-in", json=credentials)).status_code == 200
        case "revoked":
            own = f"{PATH}/{made['subscription_id']}"
            assert (await nam.delete(own)).status_code == 404
            assert (await hoa.delete(own)).status_code == 204
    await planned_untested(running)
    await running.service.push.send_due()
    assert [name for name, _, _ in receiver.shown] == ["nam"]


async def test_who_was_moved_elsewhere_is_told_what_they_may_see_now(
    pushed: tuple[Running, PushService],
) -> None:
    running, receiver = pushed
    hoa, nam = await running.signed_in("commune", "03390"), await running.signed_in("admin")
    await allow(hoa, receiver.given("hoa"))
    await allow(nam, receiver.given("nam"))
    moved = people.update().where(people.c.person_id == "commune-0").values(scope="03433")
    await running.service.writer.run(lambda connection: connection.execute(moved))
    await planned_untested(running)
    await running.service.push.send_due()
    assert [name for name, _, _ in receiver.shown] == ["nam"]
    await planned_untested(running, site_id="sin-ho")
    await running.service.push.send_due()
    assert sorted(name for name, _, _ in receiver.shown) == ["hoa", "nam", "nam"]


@pytest.mark.parametrize(
    ("change", "field_name"),
    [
        ({"endpoint": "http://push.example.vn/x"}, "endpoint"),
        ({"endpoint": "http://10.1.2.3/x"}, "endpoint"),
        ({"endpoint": "https://a:b@push.example.vn/x"}, "endpoint"),
        ({"p256dh": "A" * 87}, "p256dh"),
        ({"auth": "A" * 23}, "p256dh"),
    ],
)
async def test_what_is_no_browser_is_refused(
    pushed: tuple[Running, PushService], change: dict[str, str], field_name: str
) -> None:
    running, receiver = pushed
    hoa = await running.signed_in("commune", "03390")
    answer = await hoa.post(PATH, json=receiver.given() | change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].endswith(field_name)
    device = await running.device()
    assert (await device.post(PATH, json=receiver.given())).status_code == 403


async def test_one_person_has_so_many_browsers_and_a_browser_one_person(
    pushed: tuple[Running, PushService],
) -> None:
    running, receiver = pushed
    hoa, nam = await running.signed_in("commune", "03390"), await running.signed_in("admin")
    for number in range(BROWSERS):
        hoa.cookies.delete("lensong_session_browser") if number else None
        await allow(hoa, receiver.given(f"b{number}"))
    await allow(hoa, receiver.given("anew"))  # of the last browser
    hoa.cookies.delete("lensong_session_browser")
    assert (await hoa.post(PATH, json=receiver.given("more"))).json()["code"] == "too_many_browsers"
    await allow(nam, receiver.given("b0"))
    assert len((await hoa.get(PATH)).json()) == BROWSERS - 1


async def test_a_private_address_is_asked_only_where_it_is_listed(light: Running) -> None:
    service = light.service
    courier = PushCourier(
        service.database,
        service.writer,
        service.directory,
        service.clock,
        AllowList.of((), setting="push", any_public=True),
    )
    with pytest.raises(CollectorError, match=r"push\.allowed_networks"):
        await courier._addresses("127.0.0.1", 443)
    assert await courier._addresses("8.8.8.8", 443) == ["8.8.8.8"]
    await courier.http.aclose()


async def test_the_key_stays_and_the_page_hands_it_out(light: Running) -> None:
    hoa = await light.signed_in("commune", "03390")
    before = light.service.push.key.public
    await light.service.push.load()
    assert light.service.push.key.public == before
    assert f'data-key="{before}"' in (await hoa.get("/account")).text
    worker = await light.client().get("/account/push-worker.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert "showNotification" in worker.text
