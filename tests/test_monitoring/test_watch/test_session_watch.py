"""What a session's report says of the watches beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lensong.monitoring.records import WatchPart
from lensong.monitoring.tolerance import Tolerance
from lensong.monitoring.watch.session_watch import SessionWatch, session_watch

STARTS = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
ENDS = STARTS + timedelta(hours=1)


def part(
    from_min: float, to_min: float, *outages: tuple[float, float], client: str = "c", **more: float
) -> WatchPart:
    """Return a part that was watched all the time; outages begin so many minutes after STARTS."""
    begins = STARTS + timedelta(minutes=from_min)
    return WatchPart(
        site_id="binh-lu",
        watch_id=client * 16,
        client_id=client,
        started_at=begins,
        ended_at=STARTS + timedelta(minutes=to_min),
        watched_s=more.pop("watched_s", 60.0 * (to_min - from_min)),
        outages_s=tuple(length_s for _, length_s in outages),
        outage_starts_s=tuple(60.0 * (at_min - from_min) for at_min, _ in outages),
        **more,  # type: ignore[arg-type]
    )


def seen(*parts: WatchPart, now: datetime = ENDS) -> SessionWatch | None:
    return session_watch(parts, STARTS, ENDS, tolerance=Tolerance(), now=now)


def test_of_a_part_over_an_end_only_what_lies_inside_counts() -> None:
    found = seen(part(-10, 5, (-3, 40.0), (2, 4.0)), part(5, 20), part(55, 70, (62, 30.0)))
    assert found is not None
    assert found.watched_s == 60.0 * (5 + 15 + 5)
    assert found.outages_s == (4.0,)
    assert found.outage_starts_at == (STARTS + timedelta(minutes=2),)
    assert found.watched_ratio == 25 / 60
    assert found.breach is None


def test_two_who_watch_are_not_added_up() -> None:
    one = [part(0, 15, (3, 5.0)), part(15, 30)]
    found = seen(*one, part(0, 15, (3, 5.0), client="d"))
    assert found is not None
    assert (found.watchers, found.watched_s, found.outages_s) == (2, 1_800.0, (5.0,))


def test_what_was_not_watched_is_no_report() -> None:
    assert seen() is None
    assert seen(part(-60, -30)) is None
    assert seen(part(0, 15, watched_s=0.0)) is None  # the page was hidden all the time


def test_a_session_that_runs_is_judged_by_what_has_passed() -> None:
    found = seen(part(0, 15), now=STARTS + timedelta(minutes=15))
    assert found is not None
    assert found.watched_ratio == 1.0


def test_outages_beyond_the_tolerance_are_named() -> None:
    long = seen(part(0, 60, (10, 12.0)))
    often = seen(part(0, 60, *((float(n), 4.0) for n in range(10))))
    assert (long is not None and long.breach, often is not None and often.breach) == (
        "freeze_long",
        "frozen_much",
    )
    assert often is not None
    assert [at for at, _ in often.worst_outages(3)] == sorted(
        at for at, _ in often.worst_outages(3)
    )
