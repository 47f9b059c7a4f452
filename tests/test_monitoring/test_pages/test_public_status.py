"""A commune's public page: off unless it is set, and nothing private on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.running_service import running_service, sqlite_url

pytestmark = pytest.mark.anyio


async def test_what_is_public_is_what_was_set_and_holds_nothing_private(tmp_path: Path) -> None:
    async with running_service(sqlite_url(tmp_path), public_status=("03390",)) as running:
        admin = await running.signed_in("admin")
        session = {
            "site_id": "binh-lu",
            "title": "Họp kín của xã",
            "profile_code": "voice-still",
            "starts_at": "2026-11-28T02:00:00Z",
            "ends_at": "2026-11-28T04:00:00Z",
        }
        assert (await admin.post("/api/v1/sessions", json=session)).status_code == 201
        mute = {"kind": "muted", "site_id": "binh-lu", "minutes": 60, "note": "chị Mai nghỉ ốm"}
        assert (await admin.post("/api/v1/notices", json=mute)).status_code == 201
        nobody = running.client(**{"Accept": "text/html", "Accept-Language": "en"})
        page = await nobody.get("/status/03390")
        assert page.status_code == 200
        for told in ("Livestreams in Bình Lư", "Chợ Bình Lư", "UNKNOWN", "09:00 today"):
            assert told in page.text
        for private in (
            "Họp kín", "chị Mai", "Somebody", "Viettel", "22.35", "103.67", "binh-lu", "Sìn Hồ",
            "Mbit/s", "voice-still",
        ):  # fmt: skip
            assert private not in page.text, private
        for code in ("03433", "03127", "99999"):
            assert (await nobody.get(f"/status/{code}")).status_code == 404


async def test_nothing_is_public_unless_it_is_set(tmp_path: Path) -> None:
    async with running_service(sqlite_url(tmp_path)) as running:
        assert (await running.client().get("/status/03390")).status_code == 404
        reader = await running.signed_in("site", "binh-lu")
        page = (await reader.get("/runbooks", headers={"Accept": "text/html"})).text
        assert 'id="operatordown"' in page
