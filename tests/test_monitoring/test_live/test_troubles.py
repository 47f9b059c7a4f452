"""What the wall says is in trouble, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.live.snapshot import SiteSnapshot, StreamSnapshot
from lensong.monitoring.live.troubles import troubles_of

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


def a_site(site_id: str = "binh-lu", **values: object) -> SiteSnapshot:
    site = SiteSnapshot(
        site_id=site_id,
        name=site_id,
        commune_code="03390",
        commune_name="Bình Lư",
        province_code="12",
        province_name="Lai Châu",
        lat_deg=22.3,
        lon_deg=103.6,
        operator="Viettel",
        technology="4G",
    )
    return replace(site, **values)  # type: ignore[arg-type]  # values of several fields


def planned(site_id: str, state: str, hours: float, **values: object) -> SiteSnapshot:
    return a_site(
        site_id,
        session_id=f"of-{site_id}",
        session_starts_at=NOW + timedelta(hours=hours),
        session_ends_at=NOW + timedelta(hours=hours + 2.0),
        readiness_state=state,
        uplink_required_bps=2.8e6,
        **values,
    )


def live(site_id: str, state: str, lag_s: float | None = None) -> SiteSnapshot:
    return a_site(
        site_id,
        session_id=f"of-{site_id}",
        session_starts_at=NOW - timedelta(hours=1),
        session_ends_at=NOW + timedelta(hours=1),
        session_live=True,
        stream=StreamSnapshot(
            up={"down": False, "unknown": None}.get(state, True),
            state=state,
            lag_s=lag_s,
            sampled_at=NOW,
        ),
    )


def keys(*sites: SiteSnapshot) -> list[tuple[str, str]]:
    return [(trouble.site.site_id, trouble.key) for trouble in troubles_of(sites, NOW)]


def test_what_viewers_see_now_goes_before_what_they_will_see() -> None:
    sites = (
        planned("soon-at-risk", "at_risk", 0.5, uplink_safe_bps=1e6),
        planned("tomorrow-short", "not_ready", 20.0, uplink_safe_bps=1e6),
        planned("soon-short", "not_ready", 2.0, uplink_safe_bps=1e6),
        live("lagging", "at_risk", 2.5),
        live("breaking", "not_ok", 6.0),
        live("breaking-worse", "not_ok", 9.0),
        live("gone", "down"),
        live("fine", "ok", 0.2),
        live("unwatched", "unknown"),
        planned("ready", "ready", 1.0, uplink_safe_bps=9e6),
        planned("untested", "unknown", 1.0, never_measured=True),
    )
    assert keys(*sites) == [
        ("gone", "trouble.down"),
        ("breaking-worse", "trouble.stream"),
        ("breaking", "trouble.stream"),
        ("soon-short", "trouble.short"),
        ("lagging", "trouble.stream"),
        ("soon-at-risk", "trouble.short"),
        ("unwatched", "trouble.unwatched"),
        ("untested", "trouble.untested"),
        ("tomorrow-short", "trouble.short"),
    ]
    assert [t.site.site_id for t in troubles_of(sites, NOW) if t.ahead] == ["tomorrow-short"]


def test_a_site_whose_session_is_days_away_is_in_no_trouble_yet() -> None:
    assert keys(planned("later", "not_ready", 25.0, uplink_safe_bps=1e6)) == []


def test_what_is_in_doubt_is_named() -> None:
    assert keys(planned("short", "at_risk", 1.0, uplink_safe_bps=2e6, ready_probability=0.8)) == [
        ("short", "trouble.short")
    ]
    # fast enough, yet not sure to last: no rate would be safe
    assert keys(planned("outages", "at_risk", 1.0, ready_probability=0.8)) == [
        ("outages", "trouble.unsure")
    ]
    assert keys(planned("lossy", "at_risk", 1.0, uplink_safe_bps=8e6, ready_probability=0.8)) == [
        ("lossy", "trouble.unsure")
    ]
    assert keys(planned("never-measured", "at_risk", 1.0, never_measured=True)) == [
        ("never-measured", "trouble.untested")
    ]


def test_a_failed_test_and_a_phone_that_holds_back_are_told() -> None:
    failed = a_site("failed", probe_succeeded=False, probe_last_attempt_at=NOW)
    behind = a_site("behind", edge_queue_reports=12, edge_oldest_report_at=NOW - timedelta(hours=3))
    just_now = a_site("just-now", edge_queue_reports=1, edge_oldest_report_at=NOW)
    assert keys(behind, just_now, failed) == [
        ("failed", "trouble.test_failed"),
        ("behind", "trouble.backlog"),
    ]
    # to be handled now only where somebody needs the site now
    found = troubles_of([failed, behind, replace(failed, session_live=True)], NOW)
    assert [trouble.ahead for trouble in found] == [False, True, True]


_STATES = st.sampled_from(["ready", "at_risk", "not_ready", "unknown"])


@given(st.lists(st.tuples(_STATES, st.floats(0.01, 30.0)), max_size=12))
def test_each_site_is_told_once_and_a_sooner_session_first(
    given_sites: list[tuple[str, float]],
) -> None:
    sites = [
        planned(f"s-{i}", state, hours, uplink_safe_bps=1e6)
        for i, (state, hours) in enumerate(given_sites)
    ]
    found = troubles_of(sites, NOW)
    assert len({trouble.site.site_id for trouble in found}) == len(found)
    assert {trouble.site.site_id for trouble in found} == {
        site.site_id
        for site, (state, hours) in zip(sites, given_sites, strict=True)
        if state != "ready" and timedelta(hours=hours) <= timedelta(hours=24)
    }
    for state in ("at_risk", "not_ready", "unknown"):
        of_state = [t.site.session_starts_at for t in found if t.state == state]
        assert of_state == sorted(of_state)  # type: ignore[type-var]  # each has a start
