from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.live.freshness import FRESHNESS, as_of
from lensong.monitoring.live.snapshot import SiteSnapshot, StreamSnapshot
from tests.test_monitoring.test_metrics.full_snapshot import NOW, empty_site, full_site


def forgotten(site: SiteSnapshot) -> set[str]:
    """Return the fields that are known of a site and not shown any more."""
    shown = as_of(site, NOW)
    return {f.name for f in fields(site) if getattr(site, f.name) != getattr(shown, f.name)}


def with_stream(site: SiteSnapshot, stream: StreamSnapshot) -> SiteSnapshot:
    return replace(site, stream=stream)


def test_nothing_is_forgotten_of_a_site_that_is_fresh() -> None:
    assert as_of(full_site(), NOW) == full_site()


def test_figures_of_a_test_are_gone_a_day_later_and_its_counters_stay() -> None:
    old = NOW - FRESHNESS.test - timedelta(seconds=1)
    site = replace(full_site(), probe_last_attempt_at=old, probe_last_success_at=old)
    assert forgotten(site) == {
        "uplink_p10_bps",
        "uplink_p50_bps",
        "rtt_idle_s",
        "rtt_loaded_s",
        "jitter_s",
        "loss_up_ratio",
        "probe_succeeded",
        "probe_duration_s",
        "rsrp_dbm",
        "sinr_db",
        "edge_queue_reports",
        "edge_oldest_report_at",
    }


def test_a_failed_attempt_does_not_refresh_what_an_old_success_measured() -> None:
    site = replace(
        full_site(),
        probe_succeeded=False,
        probe_last_success_at=NOW - FRESHNESS.test - timedelta(seconds=1),
    )
    assert as_of(site, NOW).uplink_p10_bps is None
    assert as_of(site, NOW).probe_succeeded is False


def test_a_stream_sample_is_gone_after_30_seconds() -> None:
    stream = full_site().stream
    assert stream is not None
    just = replace(stream, sampled_at=NOW - timedelta(seconds=30))
    late = replace(stream, sampled_at=NOW - timedelta(seconds=30, milliseconds=1))
    assert as_of(with_stream(full_site(), just), NOW).stream == just
    assert as_of(with_stream(full_site(), late), NOW).stream is None


@pytest.mark.parametrize(
    "site",
    [
        replace(full_site(), verdict_at=None),
        replace(full_site(), verdict_at=NOW - FRESHNESS.verdict - timedelta(seconds=1)),
        replace(full_site(), verdict_at=NOW + timedelta(days=1)),
    ],
    ids=["never", "old", "clock jumped"],
)
def test_a_verdict_that_is_not_fresh_is_unknown_without_a_probability(site: SiteSnapshot) -> None:
    shown = as_of(site, NOW)
    assert shown.readiness_state == "unknown"
    assert shown.ready_probability is None
    assert shown.uplink_safe_bps is None
    assert shown.uplink_required_bps == site.uplink_required_bps


def test_a_verdict_without_a_coming_session_is_unknown() -> None:
    site = replace(
        full_site(),
        session_starts_at=NOW - timedelta(hours=3),
        session_ends_at=NOW,
    )
    shown = as_of(site, NOW)
    assert shown.readiness_state == "unknown"
    assert shown.session_starts_at is None
    assert shown.uplink_required_bps is None
    assert shown.session_live is False


def test_a_session_counts_until_its_end() -> None:
    site = replace(
        full_site(),
        session_starts_at=NOW - timedelta(hours=3),
        session_ends_at=NOW + timedelta(seconds=1),
    )
    assert as_of(site, NOW).readiness_state == "at_risk"


def test_a_clock_that_is_a_little_ahead_is_tolerated() -> None:
    site = replace(full_site(), probe_last_success_at=NOW + timedelta(minutes=4))
    assert as_of(site, NOW).uplink_p10_bps is not None
    site = replace(full_site(), probe_last_success_at=NOW + timedelta(minutes=6))
    assert as_of(site, NOW).uplink_p10_bps is None


def test_of_an_empty_site_nothing_is_made_up() -> None:
    assert as_of(empty_site(), NOW) == empty_site()


@given(st.timedeltas(timedelta(0), timedelta(days=30)), st.timedeltas(timedelta(0)))
def test_what_is_forgotten_stays_forgotten_as_time_goes_on(
    first: timedelta, further: timedelta
) -> None:
    def known(after: timedelta) -> set[str]:
        shown = as_of(full_site(), NOW + min(after, timedelta(days=300)))
        told = {f.name: getattr(shown, f.name) for f in fields(shown) if f.name != "probes"}
        return {name for name, value in told.items() if value not in (None, False, "unknown")}

    assert known(first + min(further, timedelta(days=200))) <= known(first)
