"""Every panel of the dashboard, asked of a real Prometheus that scraped a synthetic service."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml
from fastapi import FastAPI

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.live.snapshot import RttHistogram, ServiceSnapshot, SiteSnapshot
from lensong.monitoring.metrics.exposition import Exposition
from lensong.monitoring.metrics.own_counters import ServiceMetrics
from lensong.monitoring.profiles import DEFAULT_PROFILES
from lensong.monitoring.records import StreamProfile
from lensong.monitoring.web.api.metrics import metrics_router
from tests.ports import free_port
from tests.test_deploy.programs import (
    DEPLOY,
    prometheus,
    query,
    served,
    shipped_prometheus,
    wait_for,
)
from tests.test_monitoring.test_metrics.full_snapshot import full_site

DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "lensong.json").read_text("utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = {"province": ".*", "commune": ".*", "site": ".*", "__rate_interval": "1m"}


def as_asked(expression: str) -> str:
    for name, value in VARIABLES.items():
        expression = expression.replace(f"${name}", value)
    assert "$" not in expression
    return expression


class SyntheticService:
    """A service whose counters move at every scrape."""

    def __init__(self) -> None:
        self.metrics = ServiceMetrics()
        self.metrics.watch_writer_queue(lambda: 3)
        self._scrapes = 0

    def _site(self, site_id: str, now: datetime, commune: int) -> SiteSnapshot:
        n = self._scrapes
        site = full_site(site_id, now, commune)
        assert site.stream is not None
        return replace(
            site,
            synthetic=False,
            session_starts_at=now - timedelta(minutes=1),
            probes={"success": n, "failure": n},
            probe_sent_bytes=1_000 * n,
            rtt_loaded=RttHistogram(counts=(0, 0, n, n, 0, 0, 0, 0, 0), sum_s=0.3 * n),
            stream=replace(
                site.stream,
                lag_s=6.0,
                frames=30 * n,
                frames_dropped=n,
                reconnects=n,
                received_video_bytes=300_000 * n,
                received_audio_bytes=16_000 * n,
            ),
        )

    def snapshot(self) -> ServiceSnapshot:
        now = datetime.now(UTC)
        self._scrapes += 1
        self.metrics.count_request("/api/v1/sites", "GET", 200, 0.01)
        self.metrics.count_reports("accepted", 5)
        self.metrics.observe_commit(0.004)
        self.metrics.count_verdict_change("at_risk")
        self.metrics.count_webhook(delivered=True)
        sites = (self._site("binh-lu-cho", now, 3), self._site("nam-loong", now, 4))
        return ServiceSnapshot(taken_at=now, sites=sites)


async def find_profile(code: str) -> StreamProfile | None:
    return next((p for p in DEFAULT_PROFILES if p.code == code), None)


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    service = SyntheticService()
    exposition = Exposition(service.snapshot, SystemClock(), 0.0, service=service.metrics)
    app = FastAPI()
    app.include_router(metrics_router(exposition, find_profile))
    port = free_port()
    folder = tmp_path_factory.mktemp("scraped") / "prometheus"
    config = shipped_prometheus(folder, service=port, alertmanager=free_port())
    with served(app, port), prometheus(config) as address:
        wait_for(
            lambda: query(address, "min(count_over_time(lensong_probes_total[1m])) > 3")
            and query(address, "sum(rate(lensong_stream_received_bytes_total[1m])) > 0")
            and query(address, 'ALERTS{alertstate="firing", alertname="StreamLagging"}')
            and query(address, 'province:lensong_ready:ratio and on () probe_success'),
            "some scrapes of both jobs and evaluations of all rules",
        )  # fmt: skip
        yield address


def answered(address: str, expression: str) -> list[dict[str, Any]]:
    """Return the samples of a query once there are any: a scrape of a busy machine may be late."""
    samples: list[dict[str, Any]] = wait_for(lambda: query(address, expression), expression)
    return samples


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
@pytest.mark.slow
def test_every_query_of_a_panel_returns_data(scraped: str, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        found = answered(scraped, as_asked(target["expr"]))
        values = [float(sample["value"][1]) for sample in found]
        assert any(value == value for value in values), f"{target['expr']}: nothing but NaN"


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_every_label_in_a_legend_is_there(scraped: str, panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        labels = set.intersection(
            *(set(sample["metric"]) for sample in answered(scraped, as_asked(target["expr"])))
        )
        assert wanted <= labels, target["expr"]


def test_the_alerts_that_the_service_earns_are_counted(scraped: str) -> None:
    (panel,) = (p for p in PANELS if "Alerts" in p["title"])
    (sample,) = answered(scraped, panel["targets"][0]["expr"])
    assert float(sample["value"][1]) >= 2.0


def test_the_variables_find_their_values(scraped: str) -> None:
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert asked is not None
            found = answered(scraped, as_asked(asked[1]))
            assert all(asked[2] in sample["metric"] for sample in found)


def test_both_jobs_tell_nothing_twice(scraped: str) -> None:
    assert (
        query(scraped, 'count by (__name__) ({job="lensong-probe", __name__=~"lensong_.*"})') == []
    )
    found = answered(scraped, 'probe_success{site="binh-lu-cho"}')
    assert [sample["metric"]["profile"] for sample in found] == ["tiktok-720p30"]
    assert answered(scraped, "count(count by (site) (lensong_info)) == count(lensong_info)")


def test_the_dashboard_has_the_form_that_grafana_loads() -> None:
    assert DASHBOARD["schemaVersion"] == 38
    assert DASHBOARD["uid"] == "lensong"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] <= place["x"] + place["w"] <= 24
        assert panel["title"]
    for panel in PANELS:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        refs = [target["refId"] for target in panel["targets"]]
        assert len(set(refs)) == len(refs) > 0


def test_no_two_panels_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_the_provisioning_points_at_what_is_shipped() -> None:
    folder = DEPLOY / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "lensong.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((folder / "dashboards" / "lensong.yml").read_text())["providers"]
    assert source["type"] == "prometheus"
    assert provider["type"] == "file"
    assert Path(provider["options"]["path"]).name == "lensong"
