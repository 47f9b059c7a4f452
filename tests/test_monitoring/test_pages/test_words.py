"""Numbers, times and words as one reader reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lensong.monitoring.readiness.verdict import Plan, State, Step, Verdict
from lensong.monitoring.web.pages.doors import local_path
from lensong.monitoring.web.pages.words import Words

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)  # Saturday, 08:00 in Lai Châu
LAI_CHAU = ZoneInfo("Asia/Ho_Chi_Minh")
VI, EN = Words("vi", LAI_CHAU, NOW), Words("en", LAI_CHAU, NOW)


@pytest.mark.parametrize(
    ("moment", "vi", "en"),
    [
        (NOW, "08:00 hôm nay", "08:00 today"),
        (NOW + timedelta(hours=15, minutes=59), "23:59 hôm nay", "23:59 today"),
        (NOW + timedelta(hours=16), "00:00 ngày mai", "00:00 tomorrow"),
        (NOW - timedelta(hours=9), "23:00 hôm qua", "23:00 yesterday"),
        (NOW + timedelta(days=3), "08:00 T3 1/12", "08:00 Tue 1/12"),
        (NOW + timedelta(days=40), "08:00 T5 7/1/2027", "08:00 Thu 7/1/2027"),
    ],
)
def test_days_near_by_have_names_and_others_a_date(moment: datetime, vi: str, en: str) -> None:
    assert VI.when(moment) == vi
    assert EN.when(moment) == en


def test_what_happens_today_needs_no_day() -> None:
    assert VI.soon(NOW + timedelta(hours=1)) == "09:00"
    assert VI.soon(NOW + timedelta(days=1)) == "08:00 ngày mai"
    assert VI.soon(None) == "–"


def test_rates_are_written_as_the_language_writes_numbers() -> None:
    assert VI.mbps(2.786e6) == "2,8\u00a0Mbit/s"
    assert EN.mbps(2.786e6) == "2.8\u00a0Mbit/s"
    assert VI.mbps(0.3e6) == "0,30\u00a0Mbit/s"
    assert VI.mbps(31.4e6) == "31\u00a0Mbit/s"
    assert VI.mbps(None) == "–"
    assert VI.mbps(1e3) == "chưa có"  # no rate is safe: not a rate of nothing


def test_nothing_that_is_only_likely_is_certain() -> None:
    assert VI.percent(0.9996) == "99\u00a0%"
    assert VI.percent(0.0001) == "1\u00a0%"
    assert VI.percent(None) == "–"


def test_a_number_stays_with_its_unit() -> None:
    told = EN.t("reason.rtt_loaded_high", rtt_loaded_ms=1200, limit_ms=1000)
    assert "1,200\u00a0ms" in told
    assert "1,000\u00a0ms" in told


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example", "\n//e.x",
     "javascript:alert(1)", "", None, "/a b"],
)  # fmt: skip
def test_nobody_is_sent_to_another_site(wanted: str | None) -> None:
    assert local_path(wanted) == "/"
    assert local_path("/sites/binh-lu?x=1&y=%20") == "/sites/binh-lu?x=1&y=%20"


def test_the_steps_of_a_plan_are_told_with_their_times() -> None:
    """No time of a step is left out: a dash in a sentence is one that was."""
    day = NOW + timedelta(days=1)
    steps = (
        Step(kind="test", n=1, hours=0.0, from_at=NOW, until_at=NOW + timedelta(hours=2)),
        Step(kind="test", n=3, hours=0.0, from_at=day, until_at=day + timedelta(days=3)),
        Step(kind="watch", n=1, hours=4.0, from_at=NOW, until_at=day),
    )
    verdict = Verdict(
        site_id="a", profile_code="b", starts_at=day, ends_at=day + timedelta(hours=2),
        judged_at=NOW, state=State.AT_RISK, probability=0.8, uplink_required_bps=2.8e6,
        uplink_safe_bps=None, plans=tuple(Plan(steps=(step,), probability=0.93) for step in steps),
        reasons=(), model_version="t",
    )  # fmt: skip
    for words in (VI, EN):
        told = words.plans(verdict)
        assert len(told) == 3
        assert not any(re.search(r"(^|\s)–(\s|$)", text) for text in told), told
        assert "08:00" in told[0]
        assert "10:00" in told[0]
