from __future__ import annotations

import re
from pathlib import Path

from lensong.monitoring.metrics.collector import SnapshotCollector, metrics_of_one
from lensong.monitoring.metrics.own_counters import ServiceMetrics
from lensong.monitoring.metrics.probe import probe_metrics
from lensong.monitoring.profiles import DEFAULT_PROFILES
from tests.test_monitoring.test_metrics.full_snapshot import NOW, full_site, full_snapshot

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference" / "metrics.md").read_text("utf-8")
ENDINGS = {"counter": "_total", "info": "_info"}


def told_by_code() -> dict[str, str]:
    service = ServiceMetrics()
    service.watch_writer_queue(lambda: 0)
    service.watch_uplink_tests(lambda: 0)
    service.watch_event_listeners(lambda: 0)
    metrics = [
        *SnapshotCollector(full_snapshot(1), NOW).collect(),
        *metrics_of_one(full_site(), NOW),
        *probe_metrics(full_site(), DEFAULT_PROFILES[0], NOW, 0.1),
        *service.collect(),
    ]
    return {
        metric.name + ENDINGS.get(metric.type, ""): metric.type
        for metric in metrics
        if metric.name.startswith(("lensong", "probe_"))
    }


def told_by_docs() -> dict[str, str]:
    """Return names in the first column of tables, with the word that begins the second."""
    told = {}
    for line in REFERENCE.splitlines():
        if line.startswith("| `"):
            _, names, kind, *_ = (cell.strip() for cell in line.split(" | "[1:2]))
            for name in re.findall(r"`((?:lensong|probe)_\w+)`", names):
                told[name] = kind.split(":")[0]
    return told


def test_the_reference_names_every_metric_and_no_other() -> None:
    assert set(told_by_docs()) == set(told_by_code())


def test_the_reference_tells_the_right_types() -> None:
    for name, kind in told_by_docs().items():
        if name.startswith("lensong_"):
            assert told_by_code()[name] == kind, name
