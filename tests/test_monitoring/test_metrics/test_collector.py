from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from lensong.monitoring.live.snapshot import ServiceSnapshot, SiteSnapshot
from lensong.monitoring.metrics.collector import SnapshotCollector, metrics_of_one
from lensong.monitoring.metrics.families import FAMILIES, READINESS_STATES
from lensong.monitoring.metrics.label_text import label_text
from lensong.monitoring.metrics.text import write_text
from tests.test_monitoring.test_metrics.full_snapshot import (
    NOW,
    empty_site,
    full_site,
    full_snapshot,
)
from tests.waiting import PATIENCE_S


def collector(*sites: SiteSnapshot) -> SnapshotCollector:
    return SnapshotCollector(ServiceSnapshot(taken_at=NOW, sites=sites), NOW)


def test_the_whole_text_of_a_full_and_an_empty_site() -> None:
    text = write_text(collector(full_site(), empty_site()).collect()).decode()
    assert text == Path(__file__).with_name("two_sites.prom").read_text("utf-8")


def test_a_full_site_has_at_most_48_series() -> None:
    samples = [s for metric in collector(full_site()).collect() for s in metric.samples]
    of_site = [sample for sample in samples if "site" in sample.labels]
    assert {family.name for family in FAMILIES} == {
        metric.name for metric in collector(full_site()).collect()
    } - {"lensong_rtt_seconds", "lensong_next_session"}
    # promised in docs/reference/metrics.md, and the most but for what people handle
    handled = ("lensong_notice_active", "lensong_operator_outage_member")
    assert len([sample for sample in of_site if sample.name not in handled]) == 48


def test_a_site_that_nobody_watches_has_no_figures_of_a_watch() -> None:
    unwatched = collector(replace(full_site(), watch=None))
    samples = [s for metric in unwatched.collect() for s in metric.samples if "site" in s.labels]
    assert len(samples) == 45
    assert not [sample for sample in samples if "_watch_" in sample.name]


def test_each_further_stream_of_a_site_is_eleven_series_with_its_lane() -> None:
    one = full_site()
    other = replace(one, lane=2, session_id="sat-0930")
    both = replace(one, lanes=(one, other))

    def by_lane(site: SiteSnapshot) -> list[str]:
        found = [s for metric in collector(site).collect() for s in metric.samples]
        return sorted(s.labels.get("lane", "") for s in found if "site" in s.labels)

    assert by_lane(both) == sorted([*by_lane(one), *["2"] * 11])
    assert set(by_lane(one)) == {"", "1"}


def test_what_is_not_by_site_grows_with_communes_only() -> None:
    samples = [
        sample
        for metric in SnapshotCollector(full_snapshot(100, communes=2), NOW).collect()
        for sample in metric.samples
        if not {"site", "operator"} & sample.labels.keys()
    ]
    assert {sample.labels["commune"] for sample in samples} == {"00000", "00001"}
    assert len(samples) == 2 * 22


def test_histograms_of_a_commune_are_added_up() -> None:
    two = SnapshotCollector(full_snapshot(2, communes=1), NOW)
    (histogram,) = (m for m in two.collect() if m.name == "lensong_rtt_seconds")
    values = {(s.name, s.labels["load"], s.labels.get("le")): s.value for s in histogram.samples}
    assert values["lensong_rtt_seconds_count", "idle", None] == 82.0
    assert values["lensong_rtt_seconds_sum", "loaded", None] == 29.5
    assert values["lensong_rtt_seconds_bucket", "loaded", "0.4"] == 64.0
    assert values["lensong_rtt_seconds_bucket", "loaded", "3.2"] == 80.0
    assert values["lensong_rtt_seconds_bucket", "loaded", "+Inf"] == 82.0


@given(st.sampled_from([*READINESS_STATES, "", "READY", "no such state"]))
def test_exactly_one_readiness_state_is_1(state: str) -> None:
    text = write_text(collector(replace(full_site(), readiness_state=state)).collect()).decode()
    values = {
        s.labels["state"]: s.value
        for family in read_text(text)
        if family.name == "lensong_readiness_state"
        for s in family.samples
    }
    assert sum(values.values()) == 1.0
    assert values[state if state in READINESS_STATES else "unknown"] == 1.0


def told(families: Iterable[Metric]) -> dict[tuple[object, ...], float]:
    return {(s.name, *sorted(s.labels.items())): s.value for f in families for s in f.samples}


def test_both_formats_are_read_by_their_parsers_and_say_the_same() -> None:
    metrics = list(collector(full_site(), empty_site()).collect())
    text = told(read_text(write_text(metrics).decode()))
    openmetrics = told(read_openmetrics(write_text(metrics, openmetrics=True).decode()))  # type: ignore[no-untyped-call]
    assert text == openmetrics
    assert len(text) > 60


def test_the_collector_works_in_a_registry_of_prometheus_client() -> None:
    registry = CollectorRegistry()
    registry.register(collector(full_site(), empty_site()))
    metrics = list(collector(full_site(), empty_site()).collect())
    assert generate_latest(registry) == write_text(metrics)
    assert generate_openmetrics(registry) == write_text(metrics, openmetrics=True)  # type: ignore[no-untyped-call]


def test_no_series_is_told_twice() -> None:
    series = Counter(
        (s.name, *sorted(s.labels.items()))
        for metric in SnapshotCollector(full_snapshot(80), NOW).collect()
        for s in metric.samples
    )
    assert series.most_common(1)[0][1] == 1


@given(st.text(max_size=30))
@pytest.mark.slow
def test_names_that_people_typed_come_back_and_break_no_line(name: str) -> None:
    site = replace(full_site(), name=name, commune_code=name, session_title=name)
    for openmetrics in (False, True):
        page = write_text(collector(site, empty_site()).collect(), openmetrics=openmetrics).decode()
        read = read_openmetrics if openmetrics else read_text
        families = list(read(page))
        (info,) = (f for f in families if f.name in ("lensong", "lensong_info"))
        assert info.samples[0].labels["site_name"] == label_text(name)
        assert len(page.splitlines()) == page.count("\n")


def test_control_characters_and_lone_surrogates_cannot_occur() -> None:
    bad = "a\x00b\x1fc\x7fd\x85e\u2028f\ud800g\n"
    page = write_text(collector(replace(full_site(), name=bad)).collect()).decode()
    assert 'site_name="a\ufffdb\ufffdc\ufffdd\ufffde\ufffdf\ufffdg\ufffd"' in page


def test_what_is_no_number_is_absent() -> None:
    site = replace(full_site(), uplink_p10_bps=float("nan"), jitter_s=float("inf"))
    page = write_text(collector(site).collect()).decode()
    assert "lensong_jitter_seconds" not in page
    assert 'quantile="0.5"' in page
    assert "NaN" not in page
    assert 'lensong_uplink_throughput_bytes_per_second{quantile="0.1"' not in page


def test_a_page_about_one_site_leaves_the_label_to_prometheus() -> None:
    page = write_text(metrics_of_one(full_site(), NOW)).decode()
    assert "site=" not in page
    assert 'lensong_rtt_seconds_bucket{le="0.4",load="loaded"} 32.0' in page
    assert 'lensong_uplink_throughput_bytes_per_second{quantile="0.1"} 400000.0' in page


@pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_say_about_the_sites() -> None:
    page = write_text(collector(full_site(), empty_site()).collect())
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True,
                          check=False, timeout=PATIENCE_S)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
