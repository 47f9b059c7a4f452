"""What requests say of where they come from and go to, and what answers say of themselves."""

from __future__ import annotations

import logging

import pytest
import websockets

from tests.running_service import Running, running_service, sqlite_url
from tests.served import served

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("host", ["[::1", "a b", "a/b", "a@b", "x:99999999"])
@pytest.mark.parametrize("path", ["/sign-in", "/api/v1/sites", "/nowhere"])
async def test_a_host_that_is_no_address_is_refused(light: Running, host: str, path: str) -> None:
    answer = await light.client(Host=host, Accept="text/html").get(path)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


async def test_a_link_goes_to_no_host_that_nobody_named(light: Running) -> None:
    admin = await light.signed_in("admin")
    for host in ("evil.example", "evil.example:8790", "192.0.2.1"):
        refused = await admin.post("/api/v1/sites/binh-lu/joins", json={}, headers={"Host": host})
        assert (refused.status_code, refused.json()["code"]) == (403, "unknown_host")
        person = {"person_id": "a", "name": "A", "role": "admin", "scope": ""}
        made = await admin.post("/api/v1/people", json=person, headers={"Host": host})
        assert made.status_code == 403
    # nothing was made on the way
    assert "join.make" not in (await admin.get("/api/v1/audit")).text
    assert "person.add" not in (await admin.get("/api/v1/audit")).text
    for host in ("localhost:8790", "127.0.0.1", "[::1]:8790"):
        made = await admin.post("/api/v1/sites/binh-lu/joins", json={}, headers={"Host": host})
        assert made.json()["url"].startswith(f"http://{host}/p/"), made.text


async def test_links_have_the_public_address_whatever_the_host(tmp_path: object) -> None:
    async with running_service(
        sqlite_url(tmp_path),  # type: ignore[arg-type]
        public_url="https://song.example",
    ) as running:
        admin = await running.signed_in("admin")
        made = await admin.post(
            "/api/v1/sites/binh-lu/joins", json={}, headers={"Host": "evil.example"}
        )
        assert made.json()["url"].startswith("https://song.example/p/")


async def test_a_page_connects_to_its_own_host_alone(light: Running) -> None:
    answer = await light.client(Host="song.example:8790").get("/sign-in")
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    assert policy["connect-src"] == "'self' ws://song.example:8790 wss://song.example:8790"


async def test_private_answers_are_kept_nowhere(light: Running) -> None:
    admin = await light.signed_in("admin")
    for path in ("/api/v1/sites", "/api/v1/me", "/api/v1/people", "/api/v1/nowhere", "/admin"):
        answer = await admin.get(path)
        assert "no-store" in answer.headers["cache-control"], path
    icon = await admin.get("/favicon.ico")
    assert icon.headers["cache-control"].startswith("public")


async def test_a_site_called_like_a_province_shows_none_of_its_communes(light: Running) -> None:
    admin = await light.signed_in("admin")
    new = {"site_id": "12", "name": "Twelve", "commune_code": "03127"}  # of the province 11
    assert (await admin.post("/api/v1/sites", json=new)).status_code == 201
    for client in (await light.signed_in("site", "12"), await light.device("12")):
        communes = [item["code"] for item in (await client.get("/api/v1/communes")).json()]
        provinces = [item["code"] for item in (await client.get("/api/v1/provinces")).json()]
        assert (communes, provinces) == (["03127"], ["11"])


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/ndt/v7/upload?access_token=bad", "WS /ndt/v7/upload 401"),
        ("/uplink/v1/test?access_token=bad", "WS /uplink/v1/test 4"),
        ("/nowhere", "WS - 403"),
    ],
)
async def test_a_refused_websocket_is_in_the_log_once_and_is_no_error(
    light: Running, caplog: pytest.LogCaptureFixture, path: str, told: str
) -> None:
    with caplog.at_level(logging.INFO):
        async with served(light.app) as at:
            with pytest.raises(websockets.exceptions.WebSocketException):
                await _heard(at.replace("http", "ws") + path)
    lines = [r.getMessage() for r in caplog.records if r.name == "lensong.requests"]
    assert [line for line in lines if line.startswith(told)] == lines
    assert len(lines) == 1
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]


async def _heard(url: str) -> None:
    protocol = websockets.Subprotocol("net.measurementlab.ndt.v7")
    async with websockets.connect(url, subprotocols=[protocol]) as connection:
        async for _ in connection:
            pass
