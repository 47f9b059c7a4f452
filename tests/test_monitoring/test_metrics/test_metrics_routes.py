from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping

import pytest
from fastapi import Depends, FastAPI, HTTPException
from httpx import ASGITransport, AsyncClient, Response

from lensong.monitoring.live.snapshot import ServiceSnapshot
from lensong.monitoring.metrics.exposition import Exposition
from lensong.monitoring.metrics.own_counters import ServiceMetrics
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.records import StreamProfile
from lensong.monitoring.web.api.metrics import metrics_router
from lensong.monitoring.web.problems import register
from tests.test_monitoring.test_metrics.full_snapshot import (
    NOW,
    TurnedClock,
    empty_site,
    full_site,
)


class Client:
    """Asks an application without a network, in one event loop for all requests."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner) -> None:
        self._transport, self._runner = ASGITransport(app), runner

    def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        async def ask() -> Response:
            async with AsyncClient(transport=self._transport, base_url="http://test") as client:
                return await client.get(path, params=params, headers=headers)

        return self._runner.run(ask())


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def find_profile(code: str) -> StreamProfile | None:
    return next((p for p in DEFAULT_PROFILES if p.code == code), None)


@pytest.fixture
def client(runner: asyncio.Runner) -> Client:
    exposition = Exposition(
        lambda: ServiceSnapshot(taken_at=NOW, sites=(full_site(), empty_site())),
        TurnedClock(),
        service=ServiceMetrics(),
    )
    app = FastAPI()
    app.include_router(metrics_router(exposition, find_profile))

    register(app)
    return Client(app, runner)


def test_metrics_are_text_with_sites_and_service(client: Client) -> None:
    answer = client.get("/metrics", headers={"Accept-Encoding": "identity"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["vary"] == "Accept, Accept-Encoding"
    assert 'lensong_readiness_state{site="binh-lu-cho",state="at_risk"} 1.0' in answer.text
    assert "process_cpu_seconds_total" in answer.text


def test_metrics_are_packed_for_who_asks(client: Client) -> None:
    plain = client.get("/metrics?part=sites", headers={"Accept-Encoding": "identity"})
    packed = client.get("/metrics?part=sites", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content) / 4
    assert packed.content == plain.content  # unpacked by the client


def test_metrics_of_a_part(client: Client) -> None:
    sites = client.get("/metrics", params={"commune": "00004"}).text
    assert "nam-loong" in sites
    assert "binh-lu-cho" not in sites
    assert "process_" not in sites
    assert client.get("/metrics", params={"part": "other"}).status_code == 422
    assert client.get("/metrics", params={"commune": "00099"}).status_code == 404


def test_a_probe_answers_from_what_is_known(client: Client) -> None:
    answer = client.get("/probe", params={"target": "binh-lu-cho", "module": "tiktok-720p30"})
    assert answer.status_code == 200
    assert "\nprobe_success 1.0\n" in answer.text
    assert "\nprobe_duration_seconds 0.0\n" in answer.text
    assert 'lensong_uplink_throughput_bytes_per_second{quantile="0.1"} 400000.0' in answer.text
    assert "process_" not in answer.text


def test_a_probe_of_an_unknown_target_or_module_is_refused(client: Client) -> None:
    unknown_target = {"target": "nowhere", "module": "tiktok-720p30"}
    unknown_module = {"target": "binh-lu-cho", "module": "betamax"}
    assert client.get("/probe", params=unknown_target).status_code == 404
    refused = client.get("/probe", params=unknown_module)
    assert refused.status_code == 400
    assert refused.headers["content-type"] == "application/problem+json"
    assert "'betamax'" in refused.json()["detail"]
    assert client.get("/probe").status_code == 422


@pytest.mark.parametrize("limit", ["0", "-1", "nan", "inf", "soon"])
def test_a_limit_that_is_no_time_is_refused(client: Client, limit: str) -> None:
    answer = client.get(
        "/probe",
        params={"target": "binh-lu-cho", "module": "tiktok-720p30"},
        headers={"X-Prometheus-Scrape-Timeout-Seconds": limit},
    )
    assert answer.status_code == 400


def test_the_targets_are_all_sites_with_text_for_labels(client: Client) -> None:
    answer = client.get("/api/v1/sd/prometheus")
    assert answer.headers["content-type"] == "application/json"
    groups = json.loads(answer.content)
    assert [group["targets"] for group in groups] == [["binh-lu-cho"], ["nam-loong"]]
    assert groups[0]["labels"]["__meta_commune_name"] == "Bình Lư"
    assert groups[0]["labels"]["__meta_operator"] == "Viettel"
    assert all(isinstance(text, str) for group in groups for text in group["labels"].values())


def test_without_sites_the_list_of_targets_is_empty(runner: asyncio.Runner) -> None:
    app = FastAPI()
    empty = Exposition(lambda: ServiceSnapshot(taken_at=NOW), TurnedClock())
    app.include_router(metrics_router(empty, find_profile))
    client = Client(app, runner)
    assert client.get("/api/v1/sd/prometheus").json() == []
    assert client.get("/metrics").text == ""


def test_dependencies_guard_every_route(runner: asyncio.Runner) -> None:
    def refuse() -> None:
        raise HTTPException(401)

    app = FastAPI()
    empty = Exposition(lambda: ServiceSnapshot(taken_at=NOW), TurnedClock())
    app.include_router(metrics_router(empty, find_profile, dependencies=[Depends(refuse)]))
    client = Client(app, runner)
    for path in ("/metrics", "/probe?target=a&module=b", "/api/v1/sd/prometheus"):
        assert client.get(path).status_code == 401
