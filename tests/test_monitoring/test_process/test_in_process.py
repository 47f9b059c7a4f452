"""The application without a server: whole for who may open its database, closed for all others."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.process.in_process import in_process, opened
from lensong.monitoring.service import Service
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.migrate import migrate
from lensong.monitoring.web.app import create_app
from lensong.propagation.errors import ConfigError
from tests.running_service import sqlite_url

SITES = (
    "site_id,name,commune_code,commune,province_code,province\n"
    "binh-lu,Chợ Bình Lư,03390,Bình Lư,12,Lai Châu\n"
)
CSV = {"Content-Type": "text/csv"}


@pytest.fixture
async def config(tmp_path: Path) -> ServiceConfig:
    """Return the settings of a service whose database is of this version."""
    url = sqlite_url(tmp_path)
    database = Database(url)
    await migrate(database)
    await database.close()
    return ServiceConfig(db=url)


@pytest.mark.anyio
async def test_who_opened_the_database_may_do_everything_and_is_named(
    config: ServiceConfig,
) -> None:
    async with in_process(config, writes=True) as client:
        taken = await client.post("/api/v1/import/sites", content=SITES.encode(), headers=CSV)
        assert taken.status_code == 200
        assert (await client.post("/api/v1/scrapers", json={"label": "x"})).status_code == 201
        trail = (await client.get("/api/v1/audit")).json()["items"]
    assert {item["action"] for item in trail} >= {"import.sites", "token.make"}
    assert {item["actor"].partition(":")[0] for item in trail} == {"cli"}


@pytest.mark.anyio
async def test_nobody_else_gets_in_by_the_same_database(config: ServiceConfig) -> None:
    async with opened(config, writes=True) as service:
        transport = httpx.ASGITransport(create_app(service))
        async with httpx.AsyncClient(transport=transport, base_url="http://in-process") as client:
            assert (await client.get("/api/v1/sites")).status_code == 401


@pytest.mark.anyio
async def test_nothing_is_begun_that_works_by_itself(
    config: ServiceConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def started(_: Service) -> None:
        raise AssertionError("the service was started")

    monkeypatch.setattr(Service, "start", started)
    before = asyncio.all_tasks()
    async with in_process(config, writes=True) as client:
        assert (await client.get("/api/v1/sites")).json()["items"] == []
    assert asyncio.all_tasks() == before


@pytest.mark.anyio
async def test_what_was_changed_is_judged_before_the_end(config: ServiceConfig) -> None:
    starts_at = datetime.now(UTC) + timedelta(days=1)
    session = {
        "site_id": "binh-lu",
        "title": "Chợ phiên",
        "profile_code": "voice-still",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
    }
    predicted = {
        "computed_at": "2026-11-27T00:00:00Z",
        "predictions": [{"site_id": "binh-lu", "technology": "4G", "rsrp_dbm": -80.0,
                         "uplink_p50_bps": 9e6, "sigma_db": 8.0}],
    }  # fmt: skip
    async with in_process(config, writes=True) as client:
        await client.post("/api/v1/import/sites", content=SITES.encode(), headers=CSV)
        made = (await client.post("/api/v1/sessions", json=session)).json()
        assert made["verdict"]["state"] == "unknown"
        put = await client.put("/api/v1/coverage-runs/one/predictions", json=predicted)
        assert put.status_code == 200
    async with in_process(config, writes=False) as client:
        verdict = (await client.get(f"/api/v1/sessions/{made['session_id']}/verdict")).json()
    assert "prediction" in {item["kind"] for item in verdict["evidence"]}


@pytest.mark.anyio
async def test_a_list_is_not_held_to_the_limit_of_strangers(config: ServiceConfig) -> None:
    small = config.model_copy(
        update={"limits": config.limits.model_copy(update={"body_bytes": 100})}
    )
    assert len(SITES.encode()) > 100
    async with in_process(small, writes=True) as client:
        taken = await client.post("/api/v1/import/sites", content=SITES.encode(), headers=CSV)
        assert taken.status_code == 200


@pytest.mark.anyio
async def test_a_database_of_no_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lensong.db").touch()
    with pytest.raises(ConfigError, match="lensong db migrate"):
        async with in_process(ServiceConfig(db=sqlite_url(tmp_path)), writes=False):
            pass
