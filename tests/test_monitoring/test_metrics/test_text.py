from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client import generate_latest as write_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as write_openmetrics
from prometheus_client.registry import Collector

from lensong.monitoring.metrics.collector import SnapshotCollector
from lensong.monitoring.metrics.text import write_text
from tests.test_monitoring.test_metrics.full_snapshot import NOW, full_snapshot

_VALUES = st.floats() | st.integers(-(2**60), 2**60) | st.booleans()
_LABELS = st.dictionaries(
    st.sampled_from(["site", "quantile", "state", "le"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


class Fixed(Collector):
    """Metrics without creation times."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        for metric in self._metrics:
            kept = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            kept.samples = [s for s in metric.samples if s.name != metric.name + "_created"]
            yield kept


def assert_same(metrics: list[Metric]) -> None:
    assert write_text(metrics) == write_latest(Fixed(metrics))
    assert write_text(metrics, openmetrics=True) == write_openmetrics(Fixed(metrics))  # type: ignore[no-untyped-call]


def test_a_snapshot_is_written_as_prometheus_client_writes_it() -> None:
    assert_same(list(SnapshotCollector(full_snapshot(50), NOW).collect()))


def test_all_types_are_written_as_prometheus_client_writes_them() -> None:
    registry = CollectorRegistry()
    Counter("c", "A \\ counter.", ["route"], registry=registry).labels(route='a"b\\c\nd').inc(3)
    Gauge("g", 'Of "one".', registry=registry).set(1e21)
    Gauge("g_bytes", "With a unit.", unit="bytes", registry=registry).set(float("-inf"))
    Histogram("h", "Two\nlines.", registry=registry).observe(0.3)
    Summary("s", "Sum.", registry=registry).observe(0.3)
    Info("i", "What.", registry=registry).info({"version": "ỷ"})
    Enum("e", "State.", states=["on", "off"], registry=registry).state("off")
    assert_same(list(registry.collect()))


@given(
    st.sampled_from(["gauge", "counter", "info", "summary", "histogram", "unknown", "stateset"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.lists(st.tuples(_LABELS, _VALUES), max_size=8),
)
def test_any_label_and_value_is_written_as_prometheus_client_writes_it(
    kind: str, text: str, samples: list[tuple[dict[str, str], float]]
) -> None:
    ending = {"counter": "_total", "info": "_info"}.get(kind, "")
    metric = Metric("lensong_x", text, kind)
    for labels, value in samples:
        metric.add_sample("lensong_x" + ending, labels, value)
    assert_same([metric])


def test_creation_times_are_left_out() -> None:
    registry = CollectorRegistry()
    Counter("c", "Counter.", registry=registry).inc()
    assert b"c_created" in write_latest(registry)
    assert b"created" not in write_text(registry.collect())
    assert b"created" not in write_text(registry.collect(), openmetrics=True)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_no_metrics_make_an_empty_page(openmetrics: bool) -> None:
    assert write_text([], openmetrics=openmetrics) == (b"# EOF\n" if openmetrics else b"")
