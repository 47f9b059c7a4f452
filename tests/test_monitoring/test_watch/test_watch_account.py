"""What a watch makes of the messages that come, and of those that do not."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from lensong.monitoring.records import Method, Motion, WatchPart
from lensong.monitoring.store.watches import as_evidence
from lensong.monitoring.watch.account import NetworkState, WatchAccount, Watcher
from lensong.monitoring.watch.messages import ahead, pack_tick, unpack_tick, wire_bytes_per_s

AT = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)


def an_account(**members: object) -> WatchAccount:
    given = {"site_id": "binh-lu", "watch_id": "w" * 16, "client_id": "c", "method": Method.CLI}
    return WatchAccount(Watcher(**{**given, **members}))  # type: ignore[arg-type]


class Hearing:
    """Feeds an account by a clock of its own."""

    def __init__(self) -> None:
        self.account, self.now_s, self.seq = an_account(), 0.0, 0

    def hear(self, after_s: float = 1.0, rtt_ms: int | None = 40, lost: int = 0) -> float | None:
        self.now_s += after_s
        self.seq = (self.seq + 1 + lost) % 65_536
        at = AT + timedelta(seconds=self.now_s)
        return self.account.heard(self.seq, rtt_ms, now_s=self.now_s, at=at)


def test_every_second_heard_is_a_second_watched() -> None:
    one = Hearing()
    for _ in range(101):
        assert one.hear() is None
    assert one.account.watched_s == pytest.approx(100.0)
    (part,) = one.account.take_parts()
    assert (part.received, part.missed, part.outages_s) == (101, 0, ())
    assert (part.rtt_p50_ms, part.rtt_p95_ms) == (40.0, 40.0)
    assert (part.ended_at - part.started_at).total_seconds() == pytest.approx(100.0)


@pytest.mark.parametrize(("late_s", "outage_s"), [(2.4, None), (2.5, 2.0), (11.0, 10.5)])
def test_a_gap_of_two_seconds_and_more_is_an_outage(late_s: float, outage_s: float | None) -> None:
    one = Hearing()
    one.hear()
    assert one.hear(late_s) == outage_s
    assert one.account.watched_s == pytest.approx(late_s)


def test_the_swing_of_a_network_is_no_outage() -> None:
    one = Hearing()
    for n in range(200):
        assert one.hear(1.9 if n % 2 else 0.1) is None


def test_what_the_client_slept_is_neither_clean_nor_an_outage() -> None:
    one = Hearing()
    one.hear()
    one.account.unwatched(3_600.0)
    assert one.hear(3_601.0) is None
    assert one.account.watched_s == pytest.approx(1.0)
    # of a gap that it slept in part, the rest counts
    one.account.unwatched(10.0)
    assert one.hear(26.5) == pytest.approx(16.0)


def test_nobody_sleeps_longer_than_the_gap() -> None:
    one = Hearing()
    one.hear()
    one.account.unwatched(1e6)
    assert one.hear(1.0) is None
    assert one.account.watched_s == 0.0
    assert one.hear(5.0) == 4.5  # what was told counts once


def test_a_hidden_page_is_not_watched_even_if_it_does_not_say_for_how_long() -> None:
    one = Hearing()
    one.hear()
    one.account.pause()
    assert one.account.state(one.now_s + 30.0) is NetworkState.NOT_WATCHED
    assert one.hear(600.0) is None
    assert one.account.watched_s == 0.0


def test_messages_that_never_came_are_counted() -> None:
    one = Hearing()
    one.seq = 65_530
    one.hear()
    one.hear(8.0, lost=6)
    assert one.account.missed == 6


def test_a_part_is_a_quarter_of_an_hour_and_parts_join_without_a_seam() -> None:
    one = Hearing()
    for _ in range(3_601):
        one.hear()
    parts = one.account.take_parts()
    assert len(parts) == 4
    assert sum(part.watched_s for part in parts) == pytest.approx(3_600.0)
    for before, after in itertools.pairwise(parts):
        assert before.ended_at == after.started_at


def test_the_running_part_is_given_again_as_it_grows_and_only_then() -> None:
    one = Hearing()
    one.hear()
    (first,) = one.account.take_parts()
    assert one.account.take_parts() == []
    one.hear()
    (second,) = one.account.take_parts()
    assert second.started_at == first.started_at
    assert second.watched_s == 1.0


def test_parts_that_could_not_be_kept_come_again() -> None:
    one = Hearing()
    for _ in range(1_000):
        one.hear()
    parts = one.account.take_parts()
    assert len(parts) == 2
    one.account.put_back(parts)
    assert one.account.take_parts() == parts


def test_who_begins_to_move_begins_a_part() -> None:
    one = Hearing()
    for _ in range(11):
        one.hear()
    moving = Watcher(
        site_id="binh-lu", watch_id="w" * 16, client_id="c", method=Method.CLI, motion=Motion.MOVING
    )
    one.account.tell(moving)
    for _ in range(10):
        one.hear()
    first, second = one.account.take_parts()
    assert (first.motion, second.motion) == (Motion.UNKNOWN, Motion.MOVING)
    assert first.watched_s + second.watched_s == pytest.approx(20.0)


def test_states() -> None:
    one = Hearing()
    assert one.account.state(0.0) is NetworkState.NOT_WATCHED
    one.hear()
    assert one.account.state(one.now_s + 1.0) is NetworkState.THERE
    assert one.account.state(one.now_s + 4.0) is NetworkState.GONE
    assert one.account.state(one.now_s + 3_000.0) is NetworkState.NOT_WATCHED
    one.hear(rtt_ms=1_800)
    assert one.account.state(one.now_s) is NetworkState.SLOW


def test_time_without_a_beginning_is_not_watched() -> None:
    one = Hearing()
    one.hear()
    one.account.lose_track()
    assert one.hear(500.0) is None
    assert one.account.watched_s == 0.0


def test_an_hour_costs_less_than_a_megabyte() -> None:
    assert wire_bytes_per_s() * 3_600.0 <= 1e6


def test_ticks_travel_and_numbers_wrap() -> None:
    assert unpack_tick(pack_tick(70_000, 12.4)) == (70_000 - 65_536, 12)
    assert unpack_tick(pack_tick(1, None)) == (1, None)
    assert unpack_tick(pack_tick(1, 1e9)) == (1, 65_534)
    assert unpack_tick(b"abc") is None
    assert [ahead(0, 65_535), ahead(65_535, 0), ahead(5, 5)] == [1, -1, 0]


def test_evidence_is_a_watch_by_day_and_motion() -> None:
    def part(hours: float, **members: object) -> WatchPart:
        given = {
            "site_id": "binh-lu", "watch_id": "w" * 16, "client_id": "c",
            "started_at": AT + timedelta(hours=hours),
            "ended_at": AT + timedelta(hours=hours + 0.25),
            "watched_s": 900.0,
        }  # fmt: skip
        return WatchPart(**{**given, **members})  # type: ignore[arg-type]

    parts = [part(0), part(0.25, outages_s=(4.5,)), part(0.5, motion=Motion.MOVING), part(30)]
    rest, moving, later = as_evidence([*parts, part(31, watch_id="v" * 16, watched_s=0.0)])
    assert (rest.watched_s, rest.outages_s) == (1_800.0, (4.5,))
    assert (moving.motion, moving.watched_s) == (Motion.MOVING, 900.0)
    assert later.ended_at == AT + timedelta(hours=30.25)
