"""From failing tests of a site to a message and back, through everything that is shipped."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI, Request

from lensong.monitoring.config import ServiceConfig
from lensong.monitoring.service import Service
from lensong.monitoring.store.people import Person, add_join, add_person
from lensong.monitoring.web.app import create_app
from tests.ports import free_port
from tests.test_deploy.programs import (
    alertmanager,
    prometheus,
    query,
    served,
    shipped_alertmanager,
    shipped_prometheus,
    wait_for,
)
from tests.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        which("prometheus") is None or which("prometheus-alertmanager") is None,
        reason="prometheus or prometheus-alertmanager is not installed",
    ),
]

PASSWORD = "a password for this test"
SITE = {
    "site_id": "binh-lu",
    "name": "Chợ Bình Lư",
    "commune_code": "03390",
    "operators": ["Viettel"],
    "technologies": ["4G"],
}


class Inbox:
    """What a webhook of Alertmanager received."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self._messages: list[dict[str, Any]] = []
        self._lock = threading.Lock()

        @self.app.post("/alerts")
        async def take(request: Request) -> None:
            message = await request.json()
            with self._lock:
                self._messages.append(message)

        @self.app.get("/-/ready")
        async def ready() -> str:
            return "ready"

    def alerts(self, status: str) -> list[dict[str, Any]]:
        with self._lock:
            return [a for m in self._messages for a in m["alerts"] if a["status"] == status]

    def first(self, name: str, status: str) -> dict[str, Any] | None:
        found = (a for a in self.alerts(status) if a["labels"]["alertname"] == name)
        return next(found, None)


async def first_administrator(config: ServiceConfig) -> str:
    """Return the one-time link's secret of an administrator of a new database."""
    service = Service(config)
    await service.start()
    try:
        now = service.clock.now()
        person = Person(
            person_id="admin",
            name="Admin",
            role="admin",
            scope="",
            password_hash=None,
            disabled_at=None,
            created_at=now,
        )

        async def work(connection: Any) -> str:
            await add_person(connection, person)
            return await add_join(
                connection, now=now, valid_for=timedelta(hours=1), person_id=person.person_id
            )

        return await service.writer.run(work)
    finally:
        await service.stop()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[httpx.Client]:
    """Return a signed-in administrator's client of a service that listens."""
    config = ServiceConfig(db=f"sqlite:///{tmp_path / 'lensong.db'}")
    secret = asyncio.run(first_administrator(config))
    port = free_port()
    with (
        served(create_app(Service(config)), port),
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        begun = client.post("/api/v1/welcome", json={"secret": secret, "password": PASSWORD})
        assert begun.status_code == 200, begun.text
        # as the how-to says it
        me = client.post("/api/v1/sign-in", json={"person_id": "admin", "password": PASSWORD})
        client.headers["X-CSRF-Token"] = me.json()["csrf"]
        yield client


def done(answer: httpx.Response) -> Any:
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def settle(api: httpx.Client) -> str:
    """Add a site with a session in half an hour; return the token of its phone."""
    done(api.put("/api/v1/provinces/12", json={"code": "12", "name": "Lai Châu"}))
    commune = {"code": "03390", "name": "Bình Lư", "province_code": "12"}
    done(api.put("/api/v1/communes/03390", json=commune))
    done(api.post("/api/v1/sites", json=SITE))
    starts_at = datetime.now(UTC) + timedelta(minutes=30)
    session = {
        "site_id": "binh-lu",
        "title": "Chợ phiên",
        "profile_code": "tiktok-720p30",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
    }
    done(api.post("/api/v1/sessions", json=session))
    token: str = done(api.post("/api/v1/sites/binh-lu/tokens", json={"label": "phone"}))["secret"]
    return token


def held_back(alertmanager_url: str, name: str) -> bool:
    """Return whether Alertmanager has an alert and holds it back."""
    alerts = httpx.get(f"{alertmanager_url}/api/v2/alerts").json()
    return any(a["labels"]["alertname"] == name and a["status"]["inhibitedBy"] for a in alerts)


def report(api: httpx.Client, token: str, seq: int, measured_bps: float | None) -> None:
    """Send a test of 20 seconds at a steady rate, or one that failed."""
    measurement: dict[str, Any] = {
        "seq": seq,
        "started_at": (datetime.now(UTC) - timedelta(seconds=30)).isoformat(),
        "method": "cli",
        "result": "failure" if measured_bps is None else "success",
        "duration_s": 23.0,
        "technology": "4G",
        "operator": "Viettel",
    }
    if measured_bps is None:
        measurement["failure_reason"] = "connection lost"
    else:
        measurement |= {
            "uplink_bins_bps": [measured_bps] * 20,
            "uplink_p10_bps": measured_bps,
            "uplink_p50_bps": measured_bps,
            "uplink_min_bps": measured_bps,
            "rtt_idle_ms": 40.0,
            "rtt_loaded_ms": 120.0,
            "sent_bytes": int(measured_bps * 23 / 8),
        }
    done(
        httpx.post(
            api.base_url.join("/api/v1/sites/binh-lu/measurements"),
            json={"client_id": "phone", "measurements": [measurement]},
            headers={"Authorization": f"Bearer {token}"},
        )
    )


@pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_say_about_a_service_that_works(api: httpx.Client) -> None:
    report(api, settle(api), 1, 5_000_000.0)
    token = done(api.post("/api/v1/scrapers", json={"label": "prometheus"}))["secret"]
    page = httpx.get(
        api.base_url.join("/metrics"), headers={"Authorization": f"Bearer {token}"}
    ).content
    assert b'lensong_uplink_throughput_bytes_per_second{quantile="0.1",site="binh-lu"}' in page
    assert token.encode() not in page
    checked = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True,
                             check=False, timeout=PATIENCE_S)  # fmt: skip
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_failing_tests_bring_a_message_and_good_ones_end_it(
    api: httpx.Client, tmp_path: Path
) -> None:
    phone = settle(api)
    scraper = done(api.post("/api/v1/scrapers", json={"label": "prometheus"}))["secret"]
    inbox, inbox_port, alertmanager_port = Inbox(), free_port(), free_port()
    rules = shipped_prometheus(
        tmp_path / "prometheus",
        service=api.base_url.port or 0,
        alertmanager=alertmanager_port,
        token=scraper,
    )
    routes = shipped_alertmanager(
        tmp_path / "alertmanager", webhook=f"http://127.0.0.1:{inbox_port}/alerts"
    )
    with (
        served(inbox.app, inbox_port),
        alertmanager(routes, alertmanager_port) as managing,
        prometheus(rules) as address,
    ):
        mute = {"kind": "muted", "site_id": "binh-lu", "minutes": 60, "note": "thử trước"}
        muted = done(api.post("/api/v1/notices", json=mute))
        report(api, phone, 1, 250_000.0)
        report(api, phone, 2, None)
        wait_for(lambda: held_back(managing, "SiteNotReady"), "SiteNotReady held back")
        assert inbox.first("SiteNotReady", "firing") is None
        # nobody speaks for the site any more
        ended = api.delete(f"/api/v1/notices/{muted['notice_id']}")
        assert ended.status_code == 204, ended.text
        fired = wait_for(lambda: inbox.first("SiteNotReady", "firing"), "SiteNotReady")
        assert fired["labels"]["site"] == "binh-lu"
        assert fired["labels"]["commune_name"] == "Bình Lư"
        assert fired["annotations"]["summary"] == "Chợ Bình Lư (Bình Lư) chưa sẵn sàng phát sóng"
        (session,) = done(api.get("/api/v1/sessions"))["items"]
        begin = datetime.fromisoformat(session["starts_at"])
        local = begin.astimezone(ZoneInfo("Asia/Ho_Chi_Minh"))
        told = local.isoformat(sep=" ", timespec="minutes")
        assert fired["annotations"]["session"] == f"Chợ phiên, {told}"
        # nobody set public_url here
        assert fired["annotations"]["link"] == f"/sessions/{session['session_id']}"
        wait_for(
            lambda: query(address, 'commune:lensong_readiness:count{state="not_ready"} == 1'),
            "the count of a commune",
        )
        wait_for(lambda: query(address, 'probe_success{site="binh-lu"} == 0'), "a failed probe")

        for seq in range(3, 6):
            report(api, phone, seq, 30_000_000.0)
        wait_for(lambda: inbox.first("SiteNotReady", "resolved"), "the end of SiteNotReady")
        wait_for(lambda: query(address, 'probe_success{site="binh-lu"} == 1'), "a good probe")
        # on a machine that is too busy a scrape may fail, and then it is right to say so
        if not query(address, 'min_over_time(up{job="lensong"}[1h]) == 0'):
            assert inbox.first("ApiDown", "firing") is None


def test_a_service_that_is_gone_brings_api_down_and_holds_back_the_rest(tmp_path: Path) -> None:
    inbox, inbox_port, alertmanager_port = Inbox(), free_port(), free_port()
    rules = shipped_prometheus(
        tmp_path / "prometheus",
        service=free_port(),
        alertmanager=alertmanager_port,
        wait="1s",
    )
    routes = shipped_alertmanager(
        tmp_path / "alertmanager", webhook=f"http://127.0.0.1:{inbox_port}/alerts"
    )
    with (
        served(inbox.app, inbox_port),
        alertmanager(routes, alertmanager_port) as managing,
        prometheus(rules),
    ):
        wait_for(lambda: inbox.first("ApiDown", "firing"), "ApiDown")
        not_ready = {
            "labels": {
                "alertname": "SiteNotReady",
                "service": "lensong",
                "severity": "critical",
                "site": "binh-lu",
                "province": "12",
                "commune": "03390",
            }
        }
        httpx.post(f"{managing}/api/v2/alerts", json=[not_ready]).raise_for_status()

        def states() -> dict[str, str]:
            listed = httpx.get(f"{managing}/api/v2/alerts").json()
            return {a["labels"]["alertname"]: a["status"]["state"] for a in listed}

        wait_for(lambda: states().get("SiteNotReady") == "suppressed", "SiteNotReady held back")
        assert states()["ApiDown"] == "active"
        assert inbox.first("SiteNotReady", "firing") is None
