"""Tokens of the command line: they are their person, until they end."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from lensong.monitoring.access import Principal, Role
from lensong.monitoring.operations.people import keep_out
from lensong.monitoring.operations.person_tokens import PERSON_TOKENS
from lensong.monitoring.store.people import set_password
from tests.running_service import Running

pytestmark = pytest.mark.anyio

PATH = "/api/v1/my-tokens"
ROOT = Principal(actor="person:root", name="Root", role=Role.ADMIN)


async def made(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post(PATH, json={"label": "máy văn phòng", **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def holder(running: Running, token: dict[str, Any]) -> httpx.AsyncClient:
    return running.client(Authorization=f"Bearer {token['secret']}")


async def status(client: httpx.AsyncClient, path: str = "/api/v1/me") -> int:
    return (await client.get(path)).status_code


async def test_a_token_is_its_person_and_sees_their_area_alone(light: Running) -> None:
    hoa = await light.signed_in("commune", "03390")
    program = holder(light, await made(hoa))
    me = (await program.get("/api/v1/me")).json()
    assert (me["role"], me["scope"], me["csrf"]) == ("commune", "03390", None)
    assert await status(program, "/api/v1/sites/sin-ho") == 404
    session = {
        "site_id": "binh-lu",
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": "2026-11-28T02:00:00Z",
        "ends_at": "2026-11-28T04:00:00Z",
    }
    # without a CSRF token: no browser sends this header by itself
    assert (await program.post("/api/v1/sessions", json=session)).status_code == 201
    assert await status(program, "/api/v1/people") == 403


async def test_a_token_makes_no_token_and_a_site_has_none(light: Running) -> None:
    hoa = await light.signed_in("commune", "03390")
    program = holder(light, await made(hoa))
    assert (await program.post(PATH, json={"label": "x"})).status_code == 403
    device = await light.device()
    assert (await device.post(PATH, json={"label": "x"})).status_code == 403
    assert (await device.get(PATH)).json() == []


async def test_a_token_is_listed_with_its_last_use_and_without_its_secret(light: Running) -> None:
    hoa, admin = await light.signed_in("commune", "03390"), await light.signed_in("admin")
    token = await made(hoa)
    (listed,) = (await hoa.get(PATH)).json()
    assert listed == {name: value for name, value in token.items() if name != "secret"}
    assert listed["used_at"] is None
    light.clock.turn(hours=1)
    assert await status(holder(light, token)) == 200
    await light.service.writer.run(_nothing)  # what was noted before it is stored by then
    (listed,) = (await admin.get(PATH)).json()  # an administrator sees everybody's
    assert (listed["person_id"], listed["used_at"]) == ("commune-0", "2026-11-28T02:00:00Z")
    page = (await hoa.get("/account", headers={"Accept": "text/html"})).text
    assert "máy văn phòng" in page
    assert token["secret"] not in page


async def _nothing(connection: Any) -> None:
    """Wait for the writer."""


@pytest.mark.parametrize("how", ["revoked", "by an admin", "too old", "password", "kept out"])
async def test_a_token_ends(light: Running, how: str) -> None:
    hoa, admin = await light.signed_in("commune", "03390"), await light.signed_in("admin")
    token = await made(hoa, days=30)
    program = holder(light, token)
    assert await status(program) == 200
    one = f"{PATH}/{token['token_id']}"
    match how:
        case "revoked":
            assert (await hoa.delete(one)).status_code == 204
        case "by an admin":
            assert (await admin.delete(one)).status_code == 204
        case "too old":
            light.clock.turn(days=30)
        case "password":
            await light.service.writer.run(
                lambda connection: set_password(connection, "commune-0", "a hash")
            )
            light.service.identities.forget()
        case "kept out":
            await keep_out(light.service, ROOT, "commune-0")
    assert await status(program) == 401


async def test_nobody_ends_or_sees_the_tokens_of_others(light: Running) -> None:
    hoa, minh = await light.signed_in("commune", "03390"), await light.signed_in("commune", "03433")
    token = await made(hoa)
    assert (await minh.get(PATH)).json() == []
    assert (await minh.delete(f"{PATH}/{token['token_id']}")).status_code == 404
    assert await status(holder(light, token)) == 200
    trail = (await (await light.signed_in("admin")).get("/api/v1/audit")).json()["items"]
    assert ("person:commune-0", "person_token.make") in {
        (item["actor"], item["action"]) for item in trail
    }


async def test_there_are_not_more_than_a_person_can_look_after(light: Running) -> None:
    hoa = await light.signed_in("commune", "03390")
    for _ in range(PERSON_TOKENS):
        await made(hoa)
    refused = await hoa.post(PATH, json={"label": "one more"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_tokens")
