"""Every route times every role: who may do what, and nobody more."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from lensong.monitoring.access import MAY, Action, Role
from lensong.monitoring.web.guards import Reader
from lensong.monitoring.web.routes import classified_routes
from tests.running_service import Running

pytestmark = pytest.mark.anyio

ROLES = ["anonymous", *Role]

BODIES: dict[str, Any] = {
    "/api/v1/sites/{site_id}/measurements": {
        "client_id": "walker",
        "measurements": [
            {"seq": 0, "started_at": "2026-11-28T00:59:00Z", "method": "cli", "result": "failure"}
        ],
    },
}
"""Bodies that pass where an empty one would be refused before anybody asks who sent it."""


async def clients_of(running: Running) -> dict[str, httpx.AsyncClient]:
    return {
        "anonymous": running.client(),
        Role.DEVICE: await running.device(),
        Role.SCRAPER: await running.scraper(),
        Role.SITE: await running.signed_in("site", "binh-lu"),
        Role.COMMUNE: await running.signed_in("commune", "03390"),
        Role.PROVINCE: await running.signed_in("province", "12"),
        Role.ADMIN: await running.signed_in("admin"),
    }


async def answer(client: httpx.AsyncClient, method: str, path: str, action: Action) -> int:
    """Return the status of a request that changes nothing if it is let through."""
    concrete = re.sub(r"{site_id}", "binh-lu", path)
    concrete = re.sub(r"{[^}]*}", "nowhere", concrete)
    async with client.stream(method, concrete, json=BODIES.get(path, {})) as response:
        if response.status_code in (302, 303, 307):
            assert "/sign-in" in response.headers["location"], (path, response.headers["location"])
            return 401  # a page sends to the sign-in
        if response.status_code == 422 and action is not Action.PUBLIC:
            return 200  # asked who it is first: only then what the body holds
        return response.status_code


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.slow
async def test_every_route_lets_in_whom_the_table_names_and_nobody_else(
    light: Running, role: str
) -> None:
    client = (await clients_of(light))[role]
    walked = 0
    for method, path, action in classified_routes(light.app):
        if method in ("HEAD", "WS") or path in ("/api/v1/events", "/api/v1/sign-out"):
            continue  # HEAD is GET; the stream never ends; signing out ends the walk
        if role == Role.ADMIN and (method == "DELETE" or path.endswith("/archive")):
            continue  # what is let through is done: tried in the tests of each route
        status = await answer(client, method, path, action)
        walked += 1
        told = f"{role}: {method} {path} ({action}) answered {status}"
        if action is Action.PUBLIC:
            assert status not in (401, 403, 500) or path == "/api/v1/sign-in", told
        elif action is Action.TEST:
            assert (status == 200) is (role == Role.DEVICE), told
        elif role == "anonymous":
            assert status == 401, told
        elif action in MAY[Role(role)]:
            assert status not in (401, 403, 500), told
        else:
            assert status == 403, told
    assert walked > 30


async def test_the_document_tells_of_every_route_of_the_api(light: Running) -> None:
    document = light.app.openapi()
    told = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    served = {
        (method, path)
        for method, path, _ in classified_routes(light.app)
        if path.startswith("/api/v1") and method not in ("HEAD", "WS")
    }
    assert served - told == {("GET", "/api/v1/openapi.json")}


@pytest.mark.parametrize(
    ("role", "scope", "own", "other"),
    [
        ("site", "binh-lu", ["binh-lu"], ["sin-ho", "muong-phang"]),
        ("commune", "03390", ["binh-lu"], ["sin-ho", "muong-phang"]),
        ("province", "12", ["binh-lu", "sin-ho"], ["muong-phang"]),
        ("admin", "", ["binh-lu", "sin-ho", "muong-phang"], []),
    ],
)
async def test_a_scope_ends_where_it_ends(
    light: Running, role: str, scope: str, own: list[str], other: list[str]
) -> None:
    client = await light.signed_in(role, scope)
    listed = [item["site_id"] for item in (await client.get("/api/v1/sites")).json()["items"]]
    assert listed == sorted(own)
    session = {
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": "2026-11-28T02:00:00Z",
        "ends_at": "2026-11-28T04:00:00Z",
    }
    for site_id in own:
        assert (await client.get(f"/api/v1/sites/{site_id}")).status_code == 200
        made = await client.post("/api/v1/sessions", json=session | {"site_id": site_id})
        assert made.status_code == 201
    admin = await light.signed_in("admin")
    for site_id in other:
        made = await admin.post("/api/v1/sessions", json=session | {"site_id": site_id})
        at = f"/api/v1/sessions/{made.json()['session_id']}"
        # what is not theirs looks as if it were not there
        assert (await client.get(f"/api/v1/sites/{site_id}")).status_code == 404
        assert (await client.get(f"/api/v1/sites/{site_id}/measurements")).status_code == 404
        assert (await client.get(at)).status_code == 404
        assert (await client.patch(at, json={"title": "mine"})).status_code == 404
        body = BODIES["/api/v1/sites/{site_id}/measurements"]
        sent = await client.post(f"/api/v1/sites/{site_id}/measurements", json=body)
        assert sent.status_code == 404
        planned = await client.post("/api/v1/sessions", json=session | {"site_id": site_id})
        assert planned.status_code == 404
    seen = {item["site_id"] for item in (await client.get("/api/v1/sessions")).json()["items"]}
    assert seen == set(own)


NEIGHBOURS = ("muong-phang", "Mường Phăng", "03127", "Điện Biên", "Họp bản")
"""What belongs to the neighbouring province, as an answer would hold it."""

NEIGHBOURS_BODIES: dict[str, Any] = {
    "/api/v1/communes/{code}": {"code": "03127", "name": "Ours now", "province_code": "12"},
    "/api/v1/sites": {"site_id": "new-one", "name": "New", "commune_code": "03127"},
    "/api/v1/sessions": {
        "site_id": "muong-phang",
        "title": "Ours now",
        "profile_code": "voice-still",
        "starts_at": "2026-11-28T05:00:00Z",
        "ends_at": "2026-11-28T06:00:00Z",
    },
    "/api/v1/communes/{code}/archive": {},
    "/api/v1/links": {"kind": "wall", "area": "site", "code": "muong-phang", "label": "x"},
    "/api/v1/links/{link_id}": {},
    "/api/v1/archived/restore": {"kind": "site", "code": "muong-phang"},
    "/api/v1/import/communes": "code,name,province_code\n03127,Ours now,12\n",
    "/api/v1/notices": {"kind": "muted", "site_id": "muong-phang", "minutes": 9, "note": "x"},
    "/api/v1/import/sites": "site_id,name,commune_code\nmuong-phang,Ours now,03127\n",
    "/api/v1/import/sessions": "site_id,title,profile,starts_at,ends_at\n"
    "muong-phang,Ours now,voice-still,2026-11-28T12:00,2026-11-28T13:00\n",
    "/api/v1/coverage-runs/{run_id}/predictions": {
        "computed_at": "2026-11-27T00:00:00Z",
        "predictions": [{"site_id": "muong-phang", "technology": "4G", "sigma_db": 6.0}],
    },
}
"""Bodies of routes whose path names no site: they name one of the neighbouring province."""

OF_ONE_SITE = ("site_id", "session_id", "token_id", "notice_id")
"""Parts of paths that name something of one site."""

NO_SITES = (
    "/qr",
    "/api/v1/coverage-runs/{run_id}/ground",
    "/api/v1/my-tokens",
    "/api/v1/my-tokens/{own_token_id}",
    "/api/v1/my-browsers",
    "/api/v1/my-browsers/{own_browser_id}",
)
"""Routes that take something and touch no site."""


@pytest.mark.parametrize("role", [Role.DEVICE, Role.SITE, Role.COMMUNE, Role.PROVINCE])
@pytest.mark.slow
async def test_no_route_shows_or_changes_what_is_the_neighbours(light: Running, role: Role) -> None:
    admin = await light.signed_in("admin")
    wanted = NEIGHBOURS_BODIES["/api/v1/sessions"] | {"title": "Họp bản"}
    session = (await admin.post("/api/v1/sessions", json=wanted)).json()
    made = await admin.post("/api/v1/sites/muong-phang/tokens", json={"label": "Họp bản"})
    token = made.json()
    mute = NEIGHBOURS_BODIES["/api/v1/notices"] | {"note": "Họp bản"}
    notice = (await admin.post("/api/v1/notices", json=mute)).json()
    before = await neighbours_state(admin)
    client = (await clients_of(light))[role]
    named = {
        "site_id": "muong-phang",
        "session_id": session["session_id"],
        "token_id": token["token_id"],
        "notice_id": notice["notice_id"],
        "kind": "srt",
        "code": "03127",
    }
    query: dict[str, str] = {
        "site": "muong-phang",
        "commune": "03127",
        "profile": "voice-still",
        "start": "2026-11-28T09:00:00Z",
        "minutes": "60",
    }
    walked = 0
    for method, path, action in classified_routes(light.app):
        endless = path in ("/api/v1/events", "/api/v1/sign-out")  # or ends the walk
        if action not in MAY[role] or action is Action.TEST or method == "HEAD" or endless:
            continue
        walked += 1
        concrete = re.sub(r"{([^}]*)}", lambda part: named.get(part[1], "some"), path)
        told = f"{role}: {method} {path}"
        if any(f"{{{name}}}" in path for name in OF_ONE_SITE):
            answer = await client.request(method, concrete, json={}, params=query)
            assert answer.status_code == 404, (told, answer.text)
        elif method == "GET":
            for params in (dict[str, str](), query):
                answer = await client.get(concrete, params=params)
                assert answer.status_code in (200, 404, 422), told
                # pages repeat their own address, so what was asked for tells nothing
                shown = [
                    word
                    for word in NEIGHBOURS
                    if word in answer.text and word not in params.values()
                ]
                assert answer.status_code != 200 or not shown, (told, shown)
        elif path not in NO_SITES:
            body = NEIGHBOURS_BODIES[path]
            sent = {"content": body} if isinstance(body, str) else {"json": body}
            headers = {"Content-Type": "text/csv"} if isinstance(body, str) else {}
            answer = await client.request(method, concrete, headers=headers, **sent)
            assert answer.status_code in (403, 404, 422), (told, answer.text)
            why = ("no site", "no commune", "your area", "muong-phang")  # and nothing else is wrong
            assert any(word in answer.text for word in why), told
    assert walked > 20
    assert await neighbours_state(admin) == before


async def neighbours_state(admin: httpx.AsyncClient) -> list[Any]:
    """Return all that the neighbouring province has, but for verdicts, whose age grows."""
    answers = [
        (await admin.get(f"/api/v1{path}")).json()
        for path in (
            "/communes",
            "/sites",
            "/sites/muong-phang/tokens",
            "/sites/muong-phang/measurements",
            "/sites/muong-phang/predictions",
            "/notices?site=muong-phang",
        )
    ]
    found = (await admin.get("/api/v1/sessions?site=muong-phang")).json()["items"]
    return [*answers, [item | {"verdict": None} for item in found]]


@pytest.mark.parametrize("path", ["/sites/{site_id}/more", "/things/{thing_id}"])
async def test_a_route_that_forgets_the_area_is_never_served(light: Running, path: str) -> None:
    @light.app.get(path)
    async def forgets(principal: Reader) -> None: ...

    with pytest.raises(RuntimeError, match="in the asker's area"):
        classified_routes(light.app)


async def test_a_route_that_nobody_classified_is_never_served(light: Running) -> None:
    @light.app.get("/more")
    async def forgets() -> None: ...

    with pytest.raises(RuntimeError, match="names no action"):
        classified_routes(light.app)


async def test_a_token_writes_to_its_own_site_alone(light: Running) -> None:
    device = await light.device("binh-lu")
    body = BODIES["/api/v1/sites/{site_id}/measurements"]
    assert (await device.post("/api/v1/sites/binh-lu/measurements", json=body)).status_code == 201
    assert (await device.post("/api/v1/sites/sin-ho/measurements", json=body)).status_code == 404


async def test_a_commune_revokes_no_token_of_another(light: Running) -> None:
    admin = await light.signed_in("admin")
    made = (await admin.post("/api/v1/sites/sin-ho/tokens", json={"label": "phone"})).json()
    neighbour = await light.signed_in("commune", "03390")
    assert (await neighbour.delete(f"/api/v1/tokens/{made['token_id']}")).status_code == 404
    device = light.client(Authorization=f"Bearer {made['secret']}")
    assert (await device.get("/api/v1/sites/sin-ho")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": "forged"},
        {"X-CSRF-Token": ""},
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_another_sites_page_cannot_use_the_cookie(
    light: Running, headers: dict[str, str]
) -> None:
    client = await light.signed_in("admin")
    refused = await client.post("/api/v1/scrapers", json={"label": "x"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")


async def test_no_secret_stands_in_an_answer_that_lists_things(light: Running) -> None:
    admin = await light.signed_in("admin")
    hook = {"url": "https://hooks.example/x", "kinds": ["verdict.changed"]}
    secrets = [
        (await admin.post("/api/v1/webhooks", json=hook)).json()["secret"],
        (await admin.post("/api/v1/scrapers", json={"label": "p"})).json()["secret"],
        (await admin.post("/api/v1/sites/binh-lu/tokens", json={"label": "t"})).json()["secret"],
    ]
    for path in ("/webhooks", "/scrapers", "/sites/binh-lu/tokens", "/audit", "/people"):
        text = (await admin.get(f"/api/v1{path}")).text
        assert not any(secret in text for secret in secrets), path
