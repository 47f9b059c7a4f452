"""Days of rules, held against dateutil where that answers, and bounded where it would not."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import Any

import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]  # ships no types
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lensong.monitoring.lists.recurrence import Recurrence
from lensong.propagation.errors import InvalidInputError

# dateutil looks for the next day as far as the year 9999: here that is not far
NEAR_THE_END = st.dates(date(9988, 1, 1), date(9994, 12, 31))
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def rule_text(rule: dict[str, Any]) -> str:
    return ";".join(
        f"{name}={','.join(map(str, value)) if isinstance(value, list) else value}"
        for name, value in rule.items()
    )


def parsed(text: str) -> Recurrence:
    parts = (part.partition("=") for part in text.split(";"))
    return Recurrence.parse({name: value.split(",") for name, _, value in parts})


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    frequency = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    rule: dict[str, Any] = {"FREQ": frequency, "INTERVAL": draw(st.integers(1, 4))}
    if draw(st.booleans()):
        rule["COUNT"] = draw(st.integers(1, 30))
    if draw(st.booleans()):
        number = (
            st.sampled_from(["", "1", "2", "-1", "5"])
            if frequency in ("MONTHLY", "YEARLY")
            else st.just("")
        )
        rule["BYDAY"] = draw(
            st.lists(st.builds(str.__add__, number, st.sampled_from(DAYS)), min_size=1, max_size=3)
        )
    # RFC 5545, 3.3.10: BYMONTHDAY MUST NOT be used in a WEEKLY rule
    if frequency != "WEEKLY" and draw(st.booleans()):
        days = st.integers(-31, 31).filter(bool)
        rule["BYMONTHDAY"] = draw(st.lists(days, min_size=1, max_size=3))
    if draw(st.booleans()):
        rule["BYMONTH"] = draw(st.lists(st.integers(1, 12), min_size=1, max_size=4))
    if frequency == "WEEKLY" and draw(st.booleans()):
        rule["WKST"] = draw(st.sampled_from(DAYS))
    return rule


@given(rules(), NEAR_THE_END, st.integers(0, 800))
def test_the_days_are_those_of_dateutil(rule: dict[str, Any], start: date, later: int) -> None:
    # where a numbered weekday meets a day of the month in a yearly rule, the texts differ on what
    # the number counts; dateutil leaves the number out
    assume("BYMONTHDAY" not in rule or not any(len(d) > 2 for d in rule.get("BYDAY", [])))
    # every Monday and the first one: dateutil takes only days that are both
    assume(len({len(day) > 2 for day in rule.get("BYDAY", [])}) < 2)
    text = rule_text(rule)
    after, until = start + timedelta(days=later), start + timedelta(days=later + 700)
    theirs = rrulestr(text, dtstart=datetime.combine(start, datetime.min.time()))
    expected = [
        d.date() for d in takewhile(lambda d: d.date() <= until, theirs) if d.date() >= after
    ]
    if start not in {d.date() for d in takewhile(lambda d: d.date() <= start, theirs)}:
        # the event itself is the first one, whether or not its rule names it (RFC 5545, DTSTART)
        assume("COUNT" not in rule)
        expected = sorted({*expected, *([start] if after <= start <= until else [])})
    assert list(parsed(text).days(start, after, until)) == expected


def test_weekly_markets_of_a_year() -> None:
    days = list(
        parsed("FREQ=WEEKLY;BYDAY=SA,SU").days(
            date(2026, 11, 28), date(2026, 11, 28), date(2026, 12, 13)
        )
    )
    assert [day.day for day in days] == [28, 29, 5, 6, 12, 13]
    monthly = parsed("FREQ=MONTHLY;BYDAY=-1SU").days(
        date(2026, 11, 29), date(2026, 11, 1), date(2027, 2, 28)
    )
    assert [str(day) for day in monthly] == ["2026-11-29", "2026-12-27", "2027-01-31", "2027-02-28"]


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=HOURLY",
        "FREQ=SECONDLY;COUNT=3",
        "INTERVAL=2",
        "FREQ=WEEKLY;INTERVAL=0",
        "FREQ=WEEKLY;INTERVAL=x",
        "FREQ=WEEKLY;COUNT=0",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=MONTHLY;BYDAY=0SU",
        "FREQ=WEEKLY;BYDAY=1SU",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYWEEKNO=20",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0",
        "FREQ=MONTHLY;BYSETPOS=1",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYHOUR=x",
        "FREQ=HOURLY;BYHOUR=9",
        f"FREQ=DAILY;BYMINUTE={','.join(map(str, range(60)))}",
    ],
)
def test_what_is_not_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        parsed(text)


def test_a_rule_that_never_matches_costs_no_more_than_its_days() -> None:
    start = date(2016, 11, 29)  # a Tuesday
    rule = parsed("FREQ=DAILY;INTERVAL=7;BYDAY=MO;COUNT=5")
    # looked at day by day: 4,000 of them, where a search for the next one looks at 2.9 million
    assert list(rule.days(start, date(2026, 11, 1), date(2027, 11, 1))) == []
    with pytest.raises(InvalidInputError, match="ten years"):
        list(rule.days(date(1990, 1, 1), date(2026, 11, 1), date(2027, 11, 1)))
    endless = parsed("FREQ=DAILY;INTERVAL=7;BYDAY=MO")
    assert list(endless.days(date(1, 1, 2), date(2026, 11, 1), date(2027, 11, 1))) == []


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",  # the last working day, as Outlook says it
        "FREQ=MONTHLY;BYDAY=SA;BYSETPOS=2;COUNT=5",
        "FREQ=MONTHLY;INTERVAL=2;BYDAY=SU,SA;BYSETPOS=1,-1",
        "FREQ=YEARLY;BYMONTH=3,9;BYDAY=MO;BYSETPOS=-1",
        "FREQ=WEEKLY;BYDAY=SA;BYHOUR=9,15;BYMINUTE=30",
        "FREQ=DAILY;BYHOUR=7;BYMINUTE=0;BYSECOND=0;COUNT=9",
        "FREQ=MONTHLY;BYDAY=SA;BYHOUR=8,20;BYSETPOS=-1,1",
    ],
)
@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)).map(
        lambda moment: moment.replace(minute=30, second=0, microsecond=0)
    )
)
@settings(max_examples=20, deadline=None)
def test_positions_and_times_of_day_are_as_dateutil_reads_them(text: str, first: datetime) -> None:
    until = first + timedelta(days=400)
    wanted = list(
        takewhile(
            lambda moment: moment <= until, rrulestr(text, dtstart=first).xafter(first, inc=True)
        )
    )
    found = list(parsed(text).starts(first, first.date(), until.date()))
    # the event itself counts as the first, as RFC 5545 has it; for dateutil the rule alone does
    if first in wanted or parsed(text).count is None:
        assert [moment for moment in found if moment <= until and moment != first] == [
            moment for moment in wanted if moment != first
        ]
    assert found[0] == first
