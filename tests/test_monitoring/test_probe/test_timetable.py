from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.probe.timetable import (
    QuietHours,
    next_test,
    parse_duration,
    parse_quiet_hours,
    phase_of,
)
from lensong.propagation.errors import ConfigError

VIETNAM = timezone(timedelta(hours=7))
NIGHT = QuietHours(begins=time(22), ends=time(5))
NOON = QuietHours(begins=time(12), ends=time(13, 30))

moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(VIETNAM))
intervals = st.integers(1, 1_440).map(lambda minutes: timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30m", 1_800), ("90s", 90), ("2h", 7_200), ("1.5h", 5_400), (" 5 min ", 300)],
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "m", "30 days", "5s", "25h", "-30m", "1h30m", "nan"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="30m, 90s or 2h"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    ["", "22:00", "22-5", "25:00-05:00", "22:60-05:00", "22:00-22:00", "a:b-c:d", "22:00–05:00"],
)
def test_other_quiet_hours_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="22:00-05:00"):
        parse_quiet_hours(text)


def test_quiet_hours_go_over_midnight_or_not() -> None:
    day = datetime(2026, 11, 28, tzinfo=VIETNAM)
    quiet = {
        hour for hour in range(24) if parse_quiet_hours("22:00-5:00").covers(day.replace(hour=hour))
    }
    assert quiet == {22, 23, 0, 1, 2, 3, 4}
    assert NOON.covers(day.replace(hour=13, minute=29))
    assert not NOON.covers(day.replace(hour=13, minute=30))


def test_quiet_hours_end_today_or_tomorrow() -> None:
    evening = datetime(2026, 11, 28, 23, tzinfo=VIETNAM)
    assert NIGHT.end_after(evening) == datetime(2026, 11, 29, 5, tzinfo=VIETNAM)
    assert NIGHT.end_after(evening.replace(hour=3)) == datetime(2026, 11, 28, 5, tzinfo=VIETNAM)


def test_tests_come_at_the_same_minutes_every_day() -> None:
    every, phase = timedelta(minutes=30), timedelta(minutes=7)
    now = datetime(2026, 11, 28, 9, 0, tzinfo=VIETNAM)
    assert next_test(now, every=every, phase=phase) == now.replace(minute=7)
    assert next_test(now.replace(minute=7), every=every, phase=phase) == now.replace(minute=37)


def test_the_night_is_skipped() -> None:
    now = datetime(2026, 11, 28, 21, 50, tzinfo=VIETNAM)
    due = next_test(now, every=timedelta(minutes=30), phase=timedelta(minutes=7), quiet=NIGHT)
    assert due == datetime(2026, 11, 29, 5, 7, tzinfo=VIETNAM)


def test_a_daily_test_that_falls_into_the_night_comes_when_it_ends() -> None:
    now = datetime(2026, 11, 28, 12, 0, tzinfo=VIETNAM)
    due = next_test(now, every=timedelta(hours=24), phase=timedelta(hours=23), quiet=NIGHT)
    assert due == datetime(2026, 11, 29, 5, 0, tzinfo=VIETNAM)


@given(moments, intervals, st.floats(0.0, 0.999), st.sampled_from([None, NIGHT, NOON]))
def test_the_next_test_is_later_soon_and_never_quiet(
    now: datetime, every: timedelta, share: float, quiet: QuietHours | None
) -> None:
    due = next_test(now, every=every, phase=every * share, quiet=quiet)
    assert due > now
    if quiet is None:
        assert due - now <= every + timedelta(days=0, hours=0) or due.date() != now.date()
        assert due - now <= 2 * every
    else:
        assert not quiet.covers(due)
        assert due - now <= 3 * every + timedelta(hours=7)


def test_machines_are_spread_over_the_interval() -> None:
    every = timedelta(minutes=30)
    phases = [phase_of(f"3f2b8f8e-0d2f-4a7e-9f0b-{k * 7919:012x}", every) for k in range(300)]
    assert all(timedelta(0) <= phase < every for phase in phases)
    by_minute = [sum(p // timedelta(minutes=1) == minute for p in phases) for minute in range(30)]
    assert max(by_minute) <= 30  # 10 each on average
    assert phase_of("abc", every) == phase_of("abc", every)
