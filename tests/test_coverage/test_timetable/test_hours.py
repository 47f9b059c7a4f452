"""Hours and lengths of time as people write them in a list of sellers."""

from __future__ import annotations

import pytest

from lensong.coverage.timetable.hours import joined, read_length, read_spans
from lensong.propagation.errors import DataError


@pytest.mark.parametrize(
    ("text", "day", "wanted"),
    [
        ("28/11/2026 8h-11h; 14:00-17:30", "", ["28 08:00-28 11:00", "28 14:00-28 17:30"]),
        ("8-11", "28/11/2026", ["28 08:00-28 11:00"]),
        ("từ 8h đến 11h30 ngày 28/11/2026", "", ["28 08:00-28 11:30"]),
        ("2026-11-28 08:00 - 2026-11-28 11:00", "", ["28 08:00-28 11:00"]),
        ("2026-11-28T08:00 – 2026-11-28T11:00", "", ["28 08:00-28 11:00"]),
        ("20:00-1:00", "28/11/26", ["28 20:00-29 01:00"]),
        ("22h–24h", "28/11/26", ["28 22:00-29 00:00"]),
        ("8h-10h và 13h-15h", "2026-11-28T00:00:00", ["28 08:00-28 10:00", "28 13:00-28 15:00"]),
        ("28/11/26 8h-9h, 29/11/26 9h-10h", "", ["28 08:00-28 09:00", "29 09:00-29 10:00"]),
        ("7 giờ tối - 9 giờ tối", "28/11/26", ["28 19:00-28 21:00"]),
    ],
)
def test_hours_are_read_as_they_are_written(text: str, day: str, wanted: list[str]) -> None:
    assert [f"{a:%d %H:%M}-{b:%d %H:%M}" for a, b in read_spans(text, day)] == wanted


@pytest.mark.parametrize(
    ("text", "day", "told"),
    [
        ("12:00-9:00", "28/11/26", "backwards"),
        ("8:00-8:00", "28/11/26", "backwards"),
        ("8h-11h", "", "names no day"),
        ("sáng", "28/11/26", "no span of time"),
        ("8h", "28/11/26", "no span of time"),
        ("8h-11h-14h", "28/11/26", "no span of time"),
        ("8h-25h", "28/11/26", "is no time"),
        ("31/11/2026 8h-9h", "", "is no time"),
        ("28-29/11/2026 8h-11h", "", "no span of time|is no time"),
        ("2026-11-28T08:00+07:00 - 2026-11-28T09:00+07:00", "", "is no time|time zone"),
        ("", "28/11/26", "no hours"),
    ],
)
def test_what_is_no_hours_says_what_is_wanted(text: str, day: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read_spans(text, day)


def test_hours_that_overlap_or_touch_are_one() -> None:
    spans = read_spans("13h-15h; 8h-10h; 9h-12h; 12h-12h30", "28/11/26")
    assert [f"{a:%H:%M}-{b:%H:%M}" for a, b in joined(spans)] == ["08:00-12:30", "13:00-15:00"]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("1h30", 90), ("1:30", 90), ("2 giờ", 120), ("90 phút", 90), ("1,5h", 90)],
)
def test_lengths_of_time(text: str, minutes: float) -> None:
    assert read_length(text) == minutes
    with pytest.raises(DataError, match="no length of time"):
        read_length("a while")
