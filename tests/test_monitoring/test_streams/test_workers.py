"""A page of statistics that shows one worker process: what absence in it is worth."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle

import pytest

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import Outcome, collect
from lensong.monitoring.streams.collectors.nginx_rtmp import parse
from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.polling import StreamPoller, WatchedStream, observation_of
from lensong.monitoring.streams.sample import Publishers
from lensong.monitoring.streams.target import CollectorTarget
from tests.test_monitoring.test_streams.rough_server import answer, serving

START = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
TARGET = CollectorTarget(kind="nginx_rtmp", url="http://127.0.0.1/stat", stream_key="live/k3y")


def page(
    pid: int,
    uptime_s: float,
    *,
    published_s: float | None = None,
    rest: str = "",
    client: int = 1,
    address: str = "10.77.0.1",
) -> bytes:
    stream = ""
    if published_s is not None:
        age_ms = int(published_s * 1_000)
        stream = (
            f"<stream><name>k3y</name><bytes_in>{int(published_s * 250_000)}</bytes_in>"
            f"<client><id>{client}</id><address>{address}</address><time>{age_ms}</time>"
            f"<timestamp>{age_ms}</timestamp><publishing/></client></stream>"
        )
    return (
        f"<rtmp><pid>{pid}</pid><uptime>{int(uptime_s)}</uptime>{rest}<server><application>"
        f"<name>live</name><live>{stream}</live></application></server></rtmp>"
    ).encode()


class Watched:
    """A stream whose pages are given one by one, two seconds apart."""

    def __init__(self) -> None:
        self.state, self.second = HealthState(), 0.0

    def look(self, *pages: bytes) -> StreamHealth:
        self.second += 2.0
        at = START + timedelta(seconds=self.second)
        seen = [parse(body, TARGET, at=at) for body in pages]
        views = [one.view for one in seen if one.view is not None]
        whole = Publishers(
            (sample for one in seen for sample in one),
            view=None if not views else type(views[0])(
                ages_s={pid: age for view in views for pid, age in view.ages_s.items()},
                total=views[0].total,
            ),
        )  # fmt: skip
        observation = observation_of(whole, at, holder=self.state.workers.holder)
        self.state, health = advance(
            self.state, observation, limits=StreamLimits(), configured_bps=2e6, now=at
        )
        # as over a restart of the service
        self.state = HealthState.from_dict(self.state.to_dict())
        return health


def codes(health: StreamHealth) -> set[str]:
    return {reason.code for reason in health.reasons}


def test_one_worker_that_does_not_show_it_is_enough() -> None:
    watched = Watched()
    assert watched.look(page(7, 100)).state == "down"
    for second in range(10):
        assert watched.look(page(7, 102 + 2 * second, published_s=2.0 * second)).state == "ok"
    gone = watched.look(page(7, 130))
    assert (gone.state, gone.up) == ("down", False)


def test_absence_in_one_of_two_workers_is_unknown() -> None:
    watched = Watched()
    for second in range(6):
        health = watched.look(page(7, 100 + 2 * second, published_s=2.0 * second))
        assert codes(health) <= {"settling"}
    states = [watched.look(page(8, 112 + 2 * n)) for n in range(8)]
    # for 7 s the last look counts, as it does where the server does not answer
    assert [health.state for health in states[:3]] == ["ok"] * 3
    assert {health.state for health in states[4:]} == {"unknown"}
    assert states[-1].up is None
    assert codes(states[-1]) == {"unseen_several_workers"}
    (reason,) = states[-1].reasons
    assert reason.values == {"n": 2}
    back = watched.look(page(7, 130, published_s=30.0))
    assert back.state == "ok"
    assert back.reconnects_total == 0  # it was there all the time
    assert "several_workers" in codes(back)
    assert [r.severity for r in back.reasons if r.code == "several_workers"] == ["warning"]


def test_pages_that_take_turns_with_the_stream_in_neither_are_unknown() -> None:
    watched = Watched()
    watched.look(page(7, 100))  # the first alone cannot know
    states = [watched.look(page(pid, 100 + 2 * n)) for n, pid in enumerate([8, 7] * 5, start=1)]
    assert {health.state for health in states[4:]} == {"unknown"}


def test_a_page_that_tells_the_number_of_workers_needs_all_of_them() -> None:
    told = "<nworkers>2</nworkers>"
    watched = Watched()
    assert watched.look(page(7, 100, rest=told)).state == "unknown"
    both = (page(7, 102, rest=told), page(8, 102, rest=told))
    assert watched.look(*both).state == "down"
    assert watched.look(page(7, 104, rest="<nworkers>1</nworkers>")).state == "down"
    lone = Watched()
    assert lone.look(page(7, 100, rest="<nworkers>1</nworkers>")).state == "down"


def test_a_reload_leaves_the_stream_with_a_worker_that_nobody_sees() -> None:
    watched = Watched()
    for second in range(6):
        watched.look(page(7, 100 + 2 * second, published_s=2.0 * second))
    states = [watched.look(page(8, 1 + 2 * n)) for n in range(8)]
    assert {health.state for health in states[4:]} == {"unknown"}
    assert codes(states[-1]) == {"unseen_older_worker"}
    again = watched.look(page(8, 20, published_s=1.0))  # the encoder connected anew
    assert again.state == "ok"
    assert again.reconnects_total == 1
    assert "several_workers" not in codes(again)
    assert watched.look(page(8, 22)).state == "down"  # seen to be gone from where it was


def test_a_reload_before_anybody_publishes_changes_nothing() -> None:
    watched = Watched()
    for n in range(3):
        assert watched.look(page(7, 100 + 2 * n)).state == "down"
    for n in range(3):
        assert watched.look(page(8, 1 + 2 * n)).state == "down"


def test_workers_that_play_the_stream_to_each_other_are_no_new_connections() -> None:
    watched = Watched()
    for second in range(4, 40, 2):
        # rtmp_auto_push: the other worker shows a copy, a little younger
        body = (
            page(7, 100 + second, published_s=float(second), client=3)
            if second % 4
            else page(8, 100 + second, published_s=second - 0.5, client=9, address="unix:")
        )
        health = watched.look(body)
        assert health.up is True
        assert health.reconnects_total == 0


def test_a_copy_is_not_taken_for_a_second_publisher() -> None:
    body = page(7, 10, published_s=9.0)
    copy = page(7, 10, published_s=8.0, client=2, address="unix:/tmp/x").partition(b"<client>")[2]
    both = body.replace(b"</client>", b"</client><client>" + copy.partition(b"</client>")[0]
                        + b"</client>", 1)  # fmt: skip
    (sample,) = parse(both, TARGET, at=START)
    assert sample.connected_s == 9.0


def asked(pages: Sequence[bytes], looks: int) -> tuple[list[Outcome], int]:
    """Return what looks at a server find that answers with pages in turn, and how often it was."""
    turn, count = cycle(pages), 0

    async def handle(head: str, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        await answer(next(turn))(head, writer)

    async def whole() -> list[Outcome]:
        found: list[Outcome] = []
        async with serving(handle) as url, GuardedClient(AllowList.of()) as http:
            target = CollectorTarget(kind="nginx_rtmp", url=url, stream_key="live/k3y")
            for look in range(looks):
                at = START + timedelta(seconds=2 * look)
                found.append(await collect(target, http, now=lambda at=at: at))  # type: ignore[misc]
        return found

    return asyncio.run(whole()), count


def test_a_stream_that_the_first_page_lacks_is_looked_for_in_other_workers() -> None:
    found, _ = asked([page(7, 100), page(8, 100, published_s=30.0)], 1)
    (outcome,) = found
    assert isinstance(outcome, Publishers)
    assert [sample.worker for sample in outcome] == ["8"]
    assert outcome.view is not None
    assert set(outcome.view.ages_s) == {"7", "8"}


def test_a_stream_that_is_seen_costs_one_question_a_look() -> None:
    found, count = asked([page(7, 100, published_s=30.0)], 20)
    assert all(isinstance(outcome, Publishers) and len(outcome) == 1 for outcome in found)
    assert count == 20 + 8  # and once a minute whether other workers answer


def test_several_workers_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    async def whole() -> None:
        turn = cycle([page(7, 100), page(8, 100)])

        async def handle(head: str, writer: asyncio.StreamWriter) -> None:
            await answer(next(turn))(head, writer)

        async with serving(handle) as url, GuardedClient(AllowList.of()) as http:

            async def on_health(*given: object) -> None:
                told.append(given[3].state)  # type: ignore[attr-defined]

            poller = StreamPoller(http, on_health, clock=SystemClock(), every_s=0.05)
            target = CollectorTarget(kind="nginx_rtmp", url=url, stream_key="live/k3y")
            poller.watch([WatchedStream(site_id=name, target=target) for name in ("a", "b")])
            running = asyncio.create_task(poller.run())
            async with asyncio.timeout(30.0):
                while len(told) < 6:
                    await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    with caplog.at_level(logging.WARNING):
        asyncio.run(whole())
    assert set(told) == {"unknown"}
    (record,) = [r for r in caplog.records if "worker processes" in r.message]
    assert "worker_processes 1" in record.message
    assert "k3y" not in caplog.text
