"""The planner inside the service: who sees it, who edits, what it says when it cannot be opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from lensong.monitoring.access import MAY, Role
from lensong.monitoring.rate_limit import RateLimit
from lensong.monitoring.web.routes import classified_routes
from lensong.propagation.errors import ConfigError
from tests.running_service import Running, running_service, sqlite_url
from tests.test_monitoring.test_access import ROLES, answer, clients_of
from tests.test_planner.small_valley import place_deg, write_small_valley
from tests.waiting import wait_until

pytestmark = pytest.mark.anyio

BASE = "/api/v1/plans/valley"


@pytest.fixture
async def broken(tmp_path: Path) -> AsyncIterator[Running]:
    """Yield a service whose scenario is none."""
    scenario = tmp_path / "valley" / "scenario.toml"
    scenario.parent.mkdir()
    scenario.write_text("title = [", encoding="utf-8")
    async with running_service(sqlite_url(tmp_path), scenario=scenario) as running:
        yield running


@pytest.fixture
async def planned(tmp_path: Path) -> AsyncIterator[Running]:
    """Yield a service with a small valley, opened."""
    scenario = write_small_valley(tmp_path / "valley")
    async with running_service(sqlite_url(tmp_path), scenario=scenario) as running:
        await opened(running)
        assert running.app.state.plan.state == "ready", running.app.state.plan.why
        yield running


async def opened(running: Running) -> None:
    plan = running.app.state.plan
    await asyncio.to_thread(wait_until, lambda: plan.state != "opening")


def plan_routes_of(running: Running) -> list[tuple[str, str, Any]]:
    return [
        (method, path, action)
        for method, path, action in classified_routes(running.app)
        if path.startswith(("/planner", "/api/v1/plans")) and method != "HEAD"
    ]


@pytest.mark.parametrize("role", ROLES)
async def test_every_route_of_a_plan_lets_in_whom_the_table_names(
    broken: Running, role: str
) -> None:
    client = (await clients_of(broken))[role]
    found = plan_routes_of(broken)
    assert len(found) > 25
    assert {str(action) for _, _, action in found} == {"public", "read", "manage"}
    for method, path, action in found:
        if path == "/api/v1/plans/{plan_id}/events":
            path = path.replace("{plan_id}", "nowhere")  # that of the plan would never end
        status = await answer(client, method, path, action)
        told = f"{role}: {method} {path} ({action}) answered {status}"
        if action == "public":
            assert path.startswith("/planner/static/"), told
        elif role == "anonymous":
            assert status == 401, told
        elif action in MAY[Role(role)]:
            assert status not in (401, 403, 500), told
        else:
            assert status == 403, told


async def test_a_scenario_that_cannot_be_read_stops_nothing(
    broken: Running, caplog: pytest.LogCaptureFixture
) -> None:
    client = await broken.signed_in("province", "12")
    await opened(broken)
    told = (await client.get(BASE)).json()
    assert told["state"] == "failed"
    assert "scenario.toml" in told["why"]
    logged = [*caplog.get_records("setup"), *caplog.records]
    assert any("cannot be opened" in record.getMessage() for record in logged)
    page = await client.get("/planner")
    assert page.status_code == 200
    assert 'name="csrf"' in page.text
    refused = await client.get(f"{BASE}/variants", headers={"Accept-Language": "vi"})
    assert (refused.status_code, refused.json()["code"]) == (409, "read_only")
    assert refused.json()["title"] == "Lúc này không sửa được"
    assert (await client.get("/api/v1/sites")).status_code == 200


async def test_requests_are_logged_by_the_whole_path_of_their_route(
    broken: Running, caplog: pytest.LogCaptureFixture
) -> None:
    client = await broken.signed_in("province", "12")
    with caplog.at_level("INFO", "lensong.requests"):
        await client.get(f"{BASE}/variants/base/villages")
    (told,) = [r.getMessage() for r in caplog.records if r.name == "lensong.requests"]
    assert told.startswith("GET /api/v1/plans/{plan_id}/variants/{variant_id}/villages 409 ")


async def test_strangers_are_sent_to_the_sign_in(broken: Running) -> None:
    sent = await broken.client(Accept="text/html").get("/planner")
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=/planner")


async def test_who_may_not_ask_is_refused_before_what_they_sent(broken: Running) -> None:
    json = {"Content-Type": "application/json"}

    async def statuses(path: str) -> list[int]:
        people = [
            broken.client(),
            await broken.signed_in("commune", "03390"),
            await broken.signed_in("admin"),
        ]
        answers = [await person.post(path, content=b"{", headers=json) for person in people]
        return [answer.status_code for answer in answers]

    assert await statuses(f"{BASE}/variants") == [401, 403, 422]
    assert await statuses("/api/v1/sites") == [401, 403, 400]
    assert await statuses("/api/v1/sign-in") == [400, 400, 400]  # everybody may


async def test_a_page_that_refuses_leads_on_whoever_is_signed_in(broken: Running) -> None:
    reader = await broken.signed_in("commune", "03390")
    for path in ("/nowhere", "/sites/nowhere", "/admin", "/planner/place"):
        refused = await reader.get(path, headers={"Accept": "text/html"})
        assert refused.status_code in (403, 404, 422), path
        assert '<a href="/sites"' in refused.text, path
        assert "Somebody of commune" in refused.text
    stranger = await broken.client(Accept="text/html").get("/nowhere")
    assert stranger.status_code == 404
    assert "<nav" not in stranger.text


async def menu_of(running: Running) -> str:
    client = await running.signed_in("commune", "03390")
    return (await client.get("/sites", headers={"Accept": "text/html"})).text


async def test_the_menu_leads_to_the_planner(broken: Running) -> None:
    assert 'href="/planner"' in await menu_of(broken)


async def test_without_a_plan_there_is_no_planner(light: Running) -> None:
    assert 'href="/planner"' not in await menu_of(light)
    assert not plan_routes_of(light)


def moved() -> dict[str, Any]:
    lat, lon = place_deg(64.0, 78.0)
    return {"kind": "move_mast", "mast_id": "K1", "lat_deg": lat, "lon_deg": lon}


@pytest.mark.slow
async def test_an_edit_carries_the_name_of_who_made_it(
    planned: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = await planned.signed_in("province", "12")
    made = await editor.post(f"{BASE}/variants", json={"name": "A"})
    assert made.status_code == 201, made.text
    assert made.json()["created_by"] == "Somebody of province"
    at = f"{BASE}/variants/{made.json()['variant_id']}"
    body = {"revision": 0, "edits": [moved()]}
    assert (await editor.post(f"{at}/edits", json=body)).status_code == 200
    steps = (await editor.get(f"{at}/history")).json()["steps"]
    assert [step["by"] for step in steps] == ["Somebody of province"]

    admin = await planned.signed_in("admin")
    late = (await admin.post(f"{at}/edits", json=body)).json()
    assert (late["code"], late["changed_by"]) == ("stale_revision", "Somebody of province")
    wrong = await admin.post(f"{at}/edits", json={"revision": 1, "edits": [{"kind": "fly"}]})
    assert (wrong.status_code, wrong.json()["errors"][0]["edit"]) == (422, 0)
    theirs = await admin.post(f"{at}/undo", json={"revision": 1})
    assert (theirs.status_code, theirs.json()["code"]) == (409, "of_another")
    assert theirs.json()["changed_by"] == "Somebody of province"
    assert theirs.json()["what"] == "move_mast K1"
    knowing = {"revision": 1, "of_others": True}
    assert (await admin.post(f"{at}/undo", json=knowing)).json()["revision"] == 2
    assert (await editor.post(f"{at}/redo", json={"revision": 2})).json()["revision"] == 3

    reader = await planned.signed_in("commune", "03390")
    assert (await reader.get(BASE)).json()["may_edit"] is False
    assert (await reader.get(f"{at}/network")).json()["revision"] == 3
    assert (await reader.post(f"{at}/edits", json=body)).status_code == 403
    forged = {"X-CSRF-Token": "forged"}
    refused = await editor.post(f"{at}/undo", json={"revision": 1}, headers=forged)
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf")
    large = await editor.post(f"{at}/read?name=x.csv", content=b"x" * 2_000_000)
    assert large.status_code == 422, large.text
    larger = await editor.post(f"{at}/read?name=x.csv", content=b"x" * 20_000_001)
    assert larger.status_code == 413
    # who asks for too much is told so, others go on
    planned.app.state.plan_limit = RateLimit(2, 60.0, lambda: 0.0)
    path = {"to": {"village_id": "B"}}
    asked = [await editor.post(f"{at}/path", json=path) for _ in range(3)]
    assert [one.status_code for one in asked] == [200, 200, 429]
    assert asked[-1].headers["retry-after"] == "30"
    assert (await admin.post(f"{at}/path", json=path)).status_code == 200

    # an input that is a wrong setting is told, as elsewhere it would be a fault of ours
    def wrong_setting(*_: object) -> None:
        raise ConfigError("radius_m is 0: correct it")

    monkeypatch.setattr("lensong.planner.routes_paths.studied", wrong_setting)
    said = await admin.post(f"{at}/path", json=path)
    assert (said.status_code, said.json()["detail"]) == (422, "radius_m is 0: correct it")


@pytest.mark.slow
async def test_a_village_tells_what_is_measured_beside_what_is_predicted(
    planned: Running,
) -> None:
    lat, lon = place_deg(58.0, 74.0)  # village A
    far_lat, far_lon = place_deg(64.0, 112.0)  # village H, of the other province
    admin = await planned.signed_in("admin")
    for site_id, commune, at in (("a", "03390", (lat, lon)), ("h", "03127", (far_lat, far_lon))):
        body = {"site_id": site_id, "name": site_id.upper(), "commune_code": commune}
        place = {"lat_deg": at[0] + 0.004, "lon_deg": at[1]}  # 440 m from its middle, 140 m out
        made = await admin.post("/api/v1/sites", json=body | place)
        assert made.status_code == 201, made.text
    village = f"{BASE}/variants/base/villages/A"
    before = (await admin.get(village)).json()
    assert [site["site_id"] for site in before["sites"]] == ["a"]
    assert before["sites"][0]["uplink"] is None
    assert before["sites"][0]["session"] is None
    assert before["sites"][0]["distance_m"] == pytest.approx(143.0, abs=3.0)
    assert before["predicted"]["4G"]["rsrp_p50_dbm"] >= before["predicted"]["4G"]["rsrp_p10_dbm"]

    test = {
        "started_at": "2026-11-28T00:30:00Z",
        "method": "cli",
        "result": "success",
        "uplink_bins_bps": [4e6] * 27,
        "uplink_p10_bps": 4e6,
        "uplink_p50_bps": 4e6,
        "uplink_min_bps": 4e6,
        "uplink_mean_bps": 4e6,
    }
    sent = await admin.post(
        "/api/v1/sites/a/measurements",
        json={"client_id": "walker", "measurements": [test | {"seq": 0}]},
    )
    assert sent.status_code == 201, sent.text
    session = {
        "site_id": "a",
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": "2026-11-28T02:00:00Z",
        "ends_at": "2026-11-28T04:00:00Z",
    }
    assert (await admin.post("/api/v1/sessions", json=session)).status_code == 201
    (site,) = (await admin.get(village)).json()["sites"]
    assert (site["tests"], site["uplink"]["p10_bps"]) == (1, 4e6)
    assert site["uplink"]["at"].startswith("2026-11-28T00:30:00")
    assert site["session"]["title"] == "Chợ phiên"
    assert site["session"]["verdict"] in ("ready", "at_risk", "not_ready", "unknown")

    told = (await admin.get(f"{BASE}/variants/base/measurements")).json()
    (point,) = [one["properties"] for one in told["features"]]
    assert (point["source"], point["measured"], point["unit"]) == ("A", 4.0, "Mbit/s")
    layers = {"4G": "uplink-4g", "5G": "uplink-5g"}
    here = (
        await admin.get(
            f"{BASE}/variants/base/point", params={"lat_deg": lat + 0.004, "lon_deg": lon}
        )
    ).json()["values"]
    assert point["predicted"] == pytest.approx(
        max(here[layer] or 0.0 for layer in layers.values()), abs=1e-3
    )

    # of the other province nothing is told, though its network is that of the plan
    reader = await planned.signed_in("province", "12")
    seen = (await reader.get(f"{BASE}/sites")).json()["sites"]
    assert {one["site_id"] for one in seen} == {"a", "binh-lu", "sin-ho"}
    assert (await reader.get(f"{BASE}/variants/base/villages/H")).json()["sites"] == []
    assert (await admin.get(f"{BASE}/variants/base/villages/H")).json()["sites"]
    assert (await admin.get(f"{BASE}/variants/base/villages/Z")).status_code == 404
