"""Who sees which page, and what comes with it."""

from __future__ import annotations

import re

import pytest

from tests.running_service import Running

pytestmark = pytest.mark.anyio
HTML = {"Accept": "text/html"}


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(light: Running) -> None:
    nobody = light.client(**HTML)
    for path in ("/", "/sites", "/sites/binh-lu?x=1", "/sessions/new", "/admin"):
        answer = await nobody.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=/")
    page = (await nobody.get("/sign-in?next=//evil.example")).text
    assert 'data-then="goto:/"' in page


_JOIN = "/sites/binh-lu/join"


@pytest.mark.parametrize(
    ("role", "scope", "allowed", "refused"),
    [
        ("admin", "", ("/", "/sites/sin-ho", "/sites/sin-ho/join", "/admin"), ()),
        ("province", "12", ("/sites/sin-ho", _JOIN), ("/admin", "/sites/muong-phang")),
        ("commune", "03390", ("/", _JOIN, "/sessions/new"), ("/admin", "/sites/sin-ho")),
        ("site", "binh-lu", ("/", "/sites/binh-lu", "/sessions/new"), (_JOIN, "/admin")),
    ],
)  # fmt: skip
async def test_a_role_sees_its_pages_and_its_area_alone(
    light: Running, role: str, scope: str, allowed: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    somebody = await light.signed_in(role, scope)
    somebody.headers.update(HTML)
    for path in allowed:
        assert (path, (await somebody.get(path)).status_code) == (path, 200)
    for path in refused:
        answer = await somebody.get(path)
        assert answer.status_code in (403, 404), path
        assert answer.headers["content-type"].startswith("text/html")


async def test_a_refusal_is_a_page_for_people_and_a_problem_for_programs(light: Running) -> None:
    admin = await light.signed_in("admin")
    page = await admin.get("/sites/nowhere", headers=HTML)
    assert page.status_code == 404
    assert "<h1>" in page.text
    problem = await admin.get("/sites/nowhere", headers={"Accept": "application/json"})
    assert problem.json()["code"] == "not_found"


async def test_text_of_users_stays_text(light: Running) -> None:
    admin = await light.signed_in("admin")
    evil = '"><script>alert(1)</script>'
    made = await admin.post(
        "/api/v1/sites", json={"site_id": "evil", "name": evil, "commune_code": "03390"}
    )
    assert made.status_code == 201
    session = await admin.post(
        "/api/v1/sessions",
        json={
            "site_id": "evil",
            "title": evil,
            "profile_code": "tiktok-720p30",
            "starts_at": "2026-11-28T09:00:00+07:00",
            "ends_at": "2026-11-28T11:00:00+07:00",
        },
    )
    for path in (
        "/",
        "/sites",
        "/sites/evil",
        f"/sessions/{session.json()['session_id']}",
        "/admin",
    ):
        page = await admin.get(path, headers=HTML)
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<script>alert" not in page.text.replace("&#34;", '"')


async def test_pages_allow_scripts_of_the_service_alone(light: Running) -> None:
    admin = await light.signed_in("admin")
    page = await admin.get("/", headers=HTML)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe-eval" not in policy
    assert page.headers["cache-control"] == "private, no-store"
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert addresses
    assert all(address.startswith(("/", "#")) for address in addresses)
    for asset in sorted({address for address in addresses if address.startswith("/static/")}):
        answer = await admin.get(asset)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        old = asset.replace(asset.split("/")[2], "0" * 12)
        assert (await admin.get(old)).status_code == 404  # never an old file under a new name


async def test_the_verdict_before_saving_takes_local_time(light: Running) -> None:
    admin = await light.signed_in("admin")
    query = "site=binh-lu&profile=tiktok-720p30&start=2026-11-28T09:00&minutes=90"
    part = await admin.get(f"/sessions/new/verdict?{query}", headers=HTML)
    assert part.status_code == 200
    assert 'data-starts-at="2026-11-28T02:00:00Z"' in part.text
    assert 'data-ends-at="2026-11-28T03:30:00Z"' in part.text
    wrong = await admin.get("/sessions/new/verdict?" + query.replace("09:00", "nine"), headers=HTML)
    assert wrong.status_code == 422


async def test_a_qr_code_is_asked_for_by_post_with_the_pages_token(light: Running) -> None:
    admin = await light.signed_in("admin")
    drawn = await admin.post("/qr", json={"text": "http://127.0.0.1/p/x"})
    assert drawn.status_code == 200
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "http://www.w3.org/2000/svg" in drawn.text
    assert (await admin.get("/qr?text=x")).status_code == 405
    admin.headers.pop("X-CSRF-Token")
    assert (await admin.post("/qr", json={"text": "x"})).status_code == 403
