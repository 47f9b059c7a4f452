from __future__ import annotations

import subprocess
from shutil import which

import pytest

from lensong.monitoring.metrics.collector import SnapshotCollector
from lensong.monitoring.metrics.own_counters import REPORT_RESULTS, ServiceMetrics
from lensong.monitoring.metrics.text import write_text
from tests.test_monitoring.test_metrics.full_snapshot import NOW, full_snapshot
from tests.waiting import PATIENCE_S


def lines(service: ServiceMetrics) -> list[str]:
    return write_text(service.collect()).decode().splitlines()


def test_requests_are_counted_by_route_method_and_code() -> None:
    service = ServiceMetrics()
    service.count_request("/api/v1/sites/{site_id}", "GET", 200, 0.004)
    service.count_request("/api/v1/sites/{site_id}", "GET", 200, 0.3)
    service.count_request("", "BREW", 418, 0.001)
    told = lines(service)
    assert (
        'lensong_http_requests_total{code="200",method="GET",route="/api/v1/sites/{site_id}"} 2.0'
    ) in told
    assert 'lensong_http_requests_total{code="418",method="other",route="none"} 1.0' in told
    assert (
        'lensong_http_request_duration_seconds_bucket{le="0.005",method="GET",'
        'route="/api/v1/sites/{site_id}"} 1.0'
    ) in told


def test_every_result_of_a_report_starts_at_0() -> None:
    service = ServiceMetrics()
    service.count_reports("accepted", 100)
    counts = [line for line in lines(service) if line.startswith("lensong_ingest_reports_total{")]
    assert sorted(counts) == sorted(
        f'lensong_ingest_reports_total{{result="{result}"}} {100.0 * (result == "accepted")}'
        for result in REPORT_RESULTS
    )


def test_a_gauge_exists_only_where_somebody_feeds_it() -> None:
    service = ServiceMetrics()
    assert not any("lensong_writer_queue_reports" in line for line in lines(service))
    service.watch_writer_queue(lambda: 7)
    service.watch_uplink_tests(lambda: 1)
    service.watch_event_listeners(lambda: 2)
    told = lines(service)
    assert "lensong_writer_queue_reports 7.0" in told
    assert "lensong_uplink_tests_running 1.0" in told
    assert "lensong_event_listeners 2.0" in told


def test_two_services_in_one_process_do_not_meet() -> None:
    one, other = ServiceMetrics(), ServiceMetrics()
    one.count_verdict_change("ready")
    one.observe_commit(0.004)
    one.count_webhook(delivered=False)
    assert 'lensong_verdict_changes_total{state="ready"} 1.0' in lines(one)
    assert 'lensong_webhook_deliveries_total{result="failure"} 1.0' in lines(one)
    assert 'lensong_writer_commit_duration_seconds_bucket{le="0.005"} 1.0' in lines(one)
    assert 'lensong_verdict_changes_total{state="ready"} 0.0' in lines(other)


def test_the_process_is_told() -> None:
    told = lines(ServiceMetrics())
    assert any(line.startswith("process_resident_memory_bytes ") for line in told)
    assert any(line.startswith("lensong_build_info{version=") for line in told)


@pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("sites", [0, 3])
def test_promtool_finds_nothing_to_say_about_the_whole_page(sites: int) -> None:
    service = ServiceMetrics()
    service.count_request("/metrics", "GET", 200, 0.01)
    service.watch_writer_queue(lambda: 0)
    page = write_text([*service.collect(), *SnapshotCollector(full_snapshot(sites), NOW).collect()])
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True,
                          check=False, timeout=PATIENCE_S)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
