from __future__ import annotations

from dataclasses import replace
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from lensong.monitoring.live.snapshot import ServiceSnapshot, SiteSnapshot
from lensong.monitoring.metrics.collector import SnapshotCollector
from lensong.monitoring.metrics.exposition import Exposition
from lensong.monitoring.metrics.next_sessions import LONGEST_TITLE, next_sessions
from tests.test_monitoring.test_metrics.full_snapshot import (
    NOW,
    TurnedClock,
    empty_site,
    full_site,
    full_snapshot,
)

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def told(*sites: SiteSnapshot, public_url: str = "") -> list[dict[str, str]]:
    return [sample.labels for sample in next_sessions(sites, VIETNAM, public_url).samples]


def test_a_session_is_told_with_its_title_its_time_and_the_way_to_its_page() -> None:
    assert told(full_site(), empty_site(), public_url="https://live.example.vn/so") == [
        {
            "site": "binh-lu-cho",
            "lane": "1",
            "worst": "true",
            "title": 'Chợ phiên "sáng"',
            "starts_at": "2026-11-28 09:00+07:00",
            "link": "https://live.example.vn/so/sessions/sat-0900",
        }
    ]


def test_without_a_public_url_the_link_is_the_path_alone() -> None:
    assert told(full_site())[0]["link"] == "/sessions/sat-0900"


def test_of_sessions_at_once_exactly_one_is_the_one_that_the_site_is_called_by() -> None:
    one = full_site()
    worst = replace(one, lane=2, session_id="sat-0930", session_title="Chè")
    at_once = told(replace(worst, lanes=(one, worst)))
    assert [(s["lane"], s["worst"], s["title"]) for s in at_once] == [
        ("1", "false", 'Chợ phiên "sáng"'),
        ("2", "true", "Chè"),
    ]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("đ" * LONGEST_TITLE, "đ" * LONGEST_TITLE),
        ("đ" * 200, "đ" * (LONGEST_TITLE - 1) + "…"),
        ("a\nlensong_up 1", "a\ufffdlensong_up 1"),
        (None, ""),
    ],
)
def test_a_title_is_one_short_line(title: str | None, shown: str) -> None:
    assert told(replace(full_site(), session_title=title))[0]["title"] == shown


def test_a_session_that_is_over_is_told_no_more() -> None:
    site = full_site()
    later = NOW + timedelta(hours=3)
    for now, series in ((NOW, 1), (later, 0)):
        found = SnapshotCollector(ServiceSnapshot(taken_at=now, sites=(site,)), now).collect()
        assert sum(len(m.samples) for m in found if m.name == "lensong_next_session") == series


@pytest.mark.anyio
async def test_the_page_of_metrics_writes_times_and_links_as_the_service_is_set() -> None:
    for zone, public_url, wanted in (
        (UTC, "", 'link="/sessions/sat-0900",'),
        (VIETNAM, "https://live.example.vn", 'link="https://live.example.vn/sessions/sat-0900",'),
    ):
        exposition = Exposition(
            lambda: full_snapshot(1), TurnedClock(), zone=zone, public_url=public_url
        )
        body = (await exposition.page()).body.decode()
        (line,) = (at for at in body.splitlines() if at.startswith("lensong_next_session_info{"))
        assert wanted in line
        assert f'starts_at="2026-11-28 {"02:00+00:00" if zone is UTC else "09:00+07:00"}"' in line
