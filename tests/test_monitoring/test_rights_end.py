"""Rights end when they are ended: streams, links, names that come again; and who may try again."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from lensong.monitoring import passwords
from lensong.monitoring.errors import BusyError, NotSignedInError
from lensong.monitoring.operations.uplink_tests import uplink_service
from lensong.monitoring.passwords import hash_password
from lensong.monitoring.rate_limit import Attempts, RateLimit, SlowRefusals
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.people import keep_out_of_sites_gone, set_password, tokens_of
from lensong.monitoring.uplink.refusals import Refusal
from tests.running_service import Running, running_service, sqlite_url
from tests.served import served
from tests.test_monitoring.test_live.test_events import listening
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.anyio

PASSWORD = "ruộng bậc thang"


async def _person_kept_out(running: Running, _: httpx.AsyncClient) -> None:
    admin = await running.signed_in("admin")
    people = (await admin.get("/api/v1/people")).json()
    person = next(item["person_id"] for item in people if item["role"] == "commune")
    assert (await admin.delete(f"/api/v1/people/{person}")).status_code == 204


async def _signed_out(_: Running, listener: httpx.AsyncClient) -> None:
    assert (await listener.post("/api/v1/sign-out")).status_code == 204


async def _ran_out(running: Running, _: httpx.AsyncClient) -> None:
    running.clock.turn(days=31)
    running.service.identities.forget()  # as any change of rights does


@pytest.mark.parametrize("query", ["", "?only=changes"])
@pytest.mark.parametrize("ending", [_person_kept_out, _signed_out, _ran_out])
async def test_a_stream_of_events_ends_with_the_rights_of_a_person(
    light: Running, ending: Callable[[Running, httpx.AsyncClient], Awaitable[None]], query: str
) -> None:
    commune = await light.signed_in("commune", "03390")
    async with served(light.app) as at, listening(commune, at, query) as told:
        await ending(light, commune)
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(told), PATIENCE_S)


async def test_a_stream_of_events_ends_with_its_token(light: Running) -> None:
    admin = await light.signed_in("admin")
    made = (await admin.post("/api/v1/sites/binh-lu/tokens", json={"label": "a"})).json()
    device = light.client(Authorization=f"Bearer {made['secret']}")
    async with served(light.app) as at, listening(device, at) as told:
        assert (await admin.delete(f"/api/v1/tokens/{made['token_id']}")).status_code == 204
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(told), PATIENCE_S)


async def test_other_peoples_streams_go_on(light: Running) -> None:
    commune = await light.signed_in("commune", "03390")
    other = await light.signed_in("commune", "03390")
    session = {
        "site_id": "binh-lu",
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": "2026-11-28T02:00:00Z",
        "ends_at": "2026-11-28T04:00:00Z",
    }
    async with served(light.app) as at, listening(commune, at) as told:
        await other.post("/api/v1/sign-out")
        assert (await commune.post("/api/v1/sessions", json=session)).status_code == 201
        assert (await anext(told))["event"] == "session.planned"


async def test_a_site_of_the_same_name_elsewhere_is_no_site_of_the_old_people(
    running: Running,
) -> None:
    admin = await running.signed_in("admin")
    person = await running.signed_in("site", "binh-lu")
    device = await running.device("binh-lu")
    link = (await admin.post("/api/v1/sites/binh-lu/joins", json={})).json()["url"]
    assert (await person.get("/api/v1/sites/binh-lu")).status_code == 200
    assert (await device.get("/api/v1/sites/binh-lu")).status_code == 200  # known from now on
    assert (await admin.delete("/api/v1/sites/binh-lu")).status_code == 204
    new = {"site_id": "binh-lu", "name": "Elsewhere", "commune_code": "03127"}
    assert (await admin.post("/api/v1/sites", json=new)).status_code == 201
    for old in (person, device):
        assert (await old.get("/api/v1/sites/binh-lu")).status_code == 401
        assert (await old.get("/api/v1/sites")).status_code == 401
    used = await running.client().post("/api/v1/join", json={"secret": link.rpartition("/")[2]})
    assert used.status_code == 404
    listed = (await admin.get("/api/v1/people")).json()
    gone = next(item for item in listed if item["scope"] == "binh-lu")
    assert gone["disabled_at"] is not None  # and the list of people shows it
    noted = (await admin.get("/api/v1/audit")).json()["items"]
    assert any(
        item["action"] == "person.disable" and item["detail"] == {"site_deleted": "binh-lu"}
        for item in noted
    )


async def test_people_of_a_site_that_went_before_this_version_are_kept_out(light: Running) -> None:
    person = await light.signed_in("site", "long-gone")
    here = await light.signed_in("site", "binh-lu")
    kept_out = await light.service.writer.run(
        lambda connection: keep_out_of_sites_gone(connection, light.clock.now())
    )
    assert kept_out == ("site-0",)
    light.service.identities.forget()
    assert (await person.get("/api/v1/sites")).status_code == 401
    assert (await here.get("/api/v1/sites")).status_code == 200


async def test_a_password_that_is_set_voids_every_other_link(running: Running) -> None:
    admin = await running.signed_in("admin")
    made = await admin.post(
        "/api/v1/people",
        json={"person_id": "lan", "name": "Lan", "role": "commune", "scope": "03390"},
    )
    first = made.json()["link"]["url"].rpartition("/")[2]
    answer = await admin.post("/api/v1/people/lan/link", json={})
    second = answer.json()["url"].rpartition("/")[2]
    for secret, status in ((second, 200), (first, 404), (second, 404)):
        chosen = await running.client().post(
            "/api/v1/welcome", json={"secret": secret, "password": PASSWORD}
        )
        assert chosen.status_code == status


async def _with_password(running: Running, role: str = "admin") -> str:
    """Return the identifier of somebody who has `PASSWORD`."""
    await running.signed_in(role)
    person_id = f"{role}-{len(running.clients) - 1}"
    kept = await hash_password(PASSWORD)
    await running.service.writer.run(lambda connection: set_password(connection, person_id, kept))
    return person_id


async def _try(running: Running, address: str, person_id: str, password: str) -> httpx.Response:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=running.app, client=(address, 40_000)),
        base_url="http://127.0.0.1:8790",
    ) as client:
        return await client.post(
            "/api/v1/sign-in", json={"person_id": person_id, "password": password}
        )


@pytest.mark.slow
async def test_who_fails_elsewhere_locks_nobody_out(tmp_path: Any) -> None:
    async with running_service(
        sqlite_url(tmp_path), limits={"sign_in_attempts_per_15_min": 2}
    ) as running:
        name = await _with_password(running)
        answers = [await _try(running, "198.51.100.7", name, "wrong") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        assert answers[-1].headers["Retry-After"] == "450"
        assert "450 s" in answers[-1].json()["detail"]
        # not even with the right password, from there; and at home as if nothing had been
        assert (await _try(running, "198.51.100.7", name, PASSWORD)).status_code == 429
        for _ in range(5):  # what succeeds is never counted
            assert (await _try(running, "192.0.2.1", name, PASSWORD)).status_code == 200
        # another name at that address may still be right
        other = await _with_password(running)
        assert (await _try(running, "198.51.100.7", other, PASSWORD)).status_code == 200
        running.clock.turn(seconds=450)
        assert (await _try(running, "198.51.100.7", name, PASSWORD)).status_code == 200


@pytest.mark.slow
async def test_an_address_that_tries_many_names_is_refused(tmp_path: Any) -> None:
    async with running_service(
        sqlite_url(tmp_path), limits={"sign_in_attempts_per_address_per_15_min": 3}
    ) as running:
        # one subscriber of IPv6 has 64 bits of addresses
        codes = [
            (await _try(running, f"2001:db8:0:1::{number}", f"name-{number}", "x")).status_code
            for number in range(5)
        ]
        assert codes == [401, 401, 401, 429, 429]
        assert (await _try(running, "2001:db8:0:2::1", "name-0", "x")).status_code == 401


async def test_tries_at_once_do_not_get_by_the_limit() -> None:
    attempts = Attempts(3, 100, lambda: 0.0)
    looked_at = 0

    async def wrong() -> None:
        nonlocal looked_at
        async with attempts.one("192.0.2.1", "tries", "admin", fails=NotSignedInError):
            looked_at += 1
            await asyncio.sleep(0)
            raise NotSignedInError("wrong")

    ends = await asyncio.gather(*(wrong() for _ in range(50)), return_exceptions=True)
    assert looked_at == 3
    assert sum(isinstance(end, BusyError) for end in ends) == 47


async def test_failures_to_come_in_are_in_the_audit(light: Running) -> None:
    name = await _with_password(light)
    await _try(light, "198.51.100.7", name, "wrong")
    await _try(light, "198.51.100.7", "my secret password", "oops")
    nobody = light.client()
    await nobody.post("/api/v1/join", json={"secret": "n" * 40})
    await nobody.post("/api/v1/welcome", json={"secret": "n" * 40, "password": PASSWORD})
    admin = await light.signed_in("admin")
    text = (await admin.get("/api/v1/audit")).text
    noted = (await admin.get("/api/v1/audit")).json()["items"]
    failed = [(item["action"], item["subject"]) for item in noted if "failed" in item["action"]]
    assert failed == [
        ("link.failed", "welcome"),
        ("link.failed", "join"),
        ("sign-in.failed", "nobody"),
        ("sign-in.failed", f"person:{name}"),
    ]
    assert next(i for i in noted if i["action"] == "sign-in.failed")["detail"] == {
        "address": "198.51.100.7"
    }
    assert "my secret password" not in text  # typed into the wrong field
    assert "wrong" not in text


async def test_fifteen_phones_behind_one_address_all_join(light: Running) -> None:
    admin = await light.signed_in("commune", "03390")
    for _ in range(15):
        link = (await admin.post("/api/v1/sites/binh-lu/joins", json={})).json()["url"]
        secret = link.rpartition("/p/")[2]
        joined = await light.client().post("/api/v1/join", json={"secret": secret})
        assert joined.status_code == 201, joined.text


async def test_a_phone_that_lost_the_answer_asks_again(running: Running) -> None:
    admin = await running.signed_in("commune", "03390")
    link = (await admin.post("/api/v1/sites/binh-lu/joins", json={})).json()["url"]
    secret = link.rpartition("/p/")[2]
    phone = running.client()
    asked = {"secret": secret, "phone_key": "k" * 32}
    first, second = [await phone.post("/api/v1/join", json=asked) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    async with running.service.database.reading() as connection:
        alive = await tokens_of(connection, "binh-lu")
    assert len(alive) == 1  # no stray token
    for other in ({"secret": secret}, {"secret": secret, "phone_key": "o" * 32}):
        assert (await phone.post("/api/v1/join", json=other)).status_code == 404
    # neither after a while, nor once the token was revoked
    running.clock.turn(minutes=11)
    assert (await phone.post("/api/v1/join", json=asked)).status_code == 404
    running.clock.turn(minutes=-11)
    await admin.delete(f"/api/v1/tokens/{alive[0].token_id}")
    assert (await phone.post("/api/v1/join", json=asked)).status_code == 404


@pytest.mark.parametrize("origin", ["http://[::1", "http://[", "\x7f", "null://", "http://a:b:c"])
async def test_an_origin_that_is_no_address_is_refused(light: Running, origin: str) -> None:
    answer = await light.client(Origin=origin).post(
        "/api/v1/sign-in", json={"person_id": "a", "password": "b"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf")


async def test_tokens_that_are_none_are_looked_up_only_so_often(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await light.signed_in("admin")
    identities = light.service.identities
    monkeypatch.setattr(identities, "strangers", RateLimit(3, 900.0, light.clock.monotonic_s))
    looked_up = 0
    before = Database.reading

    def counted(database: Database) -> Any:
        nonlocal looked_up
        looked_up += 1
        return before(database)

    async def ask(secret: str) -> httpx.Response:
        return await light.client(Authorization=f"Bearer {secret}").get("/api/v1/me")

    at = "/api/v1/sites/binh-lu/tokens"
    known = (await admin.post(at, json={"label": "a"})).json()["secret"]
    with monkeypatch.context() as patched:
        patched.setattr(Database, "reading", counted)
        answers = [await ask(f"no-token-{number}") for number in range(8)]
    assert [answer.status_code for answer in answers] == [401] * 3 + [429] * 5
    assert looked_up == 3
    assert int(answers[-1].headers["Retry-After"]) <= 300
    # devices share the address, one that is known and one that is new
    assert (await ask(known)).status_code == 200
    new = (await admin.post(at, json={"label": "b"})).json()
    assert (await ask(new["secret"])).status_code == 200
    # and one whose token was revoked is a stranger
    await admin.delete(f"/api/v1/tokens/{new['token_id']}")
    assert [(await ask(new["secret"])).status_code for _ in range(2)] == [401, 429]
    permit = await uplink_service(light.service).permit("no-token", "127.0.0.1")
    assert isinstance(permit, Refusal)
    assert permit.code == "too_many_strangers"
    elsewhere = await uplink_service(light.service).permit("no-token", "192.0.2.9")
    assert isinstance(elsewhere, Refusal)
    assert elsewhere.code == "bad_token"


async def test_tokens_of_before_a_restart_are_known(light: Running) -> None:
    token = await light.token("site", "binh-lu")
    identities = light.service.identities
    await identities.load()
    identities.forget()
    for _ in range(200):
        identities.strangers.count("127.0.0.1")
    me = await light.client(Authorization=f"Bearer {token}").get("/api/v1/me")
    assert me.status_code == 200


async def test_refusals_come_late_to_whoever_asks_for_them_over_and_over() -> None:
    refusals = SlowRefusals(lambda: 0.0)
    asking = [asyncio.create_task(refusals.pause("192.0.2.1")) for _ in range(14)]
    other = asyncio.create_task(refusals.pause("192.0.2.2"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [task.done() for task in asking] == [True] * 10 + [False] * 4
    assert other.done()
    assert refusals.held == 4
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)
    assert refusals.held == 0


@pytest.mark.slow
async def test_passwords_wait_in_a_queue_of_their_own_that_has_an_end(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await _with_password(light)
    monkeypatch.setattr(passwords, "_waiting", passwords._MOST_WAITING)
    refused = await _try(light, "198.51.100.7", name, PASSWORD)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    monkeypatch.setattr(passwords, "_waiting", 0)
    # that was no failure
    assert (await _try(light, "198.51.100.7", name, PASSWORD)).status_code == 200


async def test_hashing_steps_back_behind_everything_else() -> None:
    def niceness(_: str) -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert await passwords._worked(niceness, "") == min(19, niceness("") + 10)


async def test_how_long_to_wait_is_told_in_either_language(
    light: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(light.service, "attempts", Attempts(1, 100, light.clock.monotonic_s))
    for language, words in (("vi", "Hãy thử lại sau 15 phút."), ("en", "Try again in 15 min.")):
        client = light.client(**{"Accept-Language": language})
        tried = {"person_id": language, "password": "wrong"}
        assert (await client.post("/api/v1/sign-in", json=tried)).status_code == 401
        refused = await client.post("/api/v1/sign-in", json=tried)
        assert (refused.status_code, refused.json()["wait"]) == (429, words)
    light.clock.turn(minutes=14, seconds=20)
    refused = await client.post("/api/v1/sign-in", json=tried)
    assert refused.json()["wait"] == "Try again in 40 s."
