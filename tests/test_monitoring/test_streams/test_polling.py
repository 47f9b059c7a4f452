"""Many streams are looked at in time, by a clock that only the tests turn."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import Outcome, read_pushed
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.keyframes import KeyframeWatch, Packet
from lensong.monitoring.streams.polling import StreamPoller, WatchedStream, observation_of
from lensong.monitoring.streams.sample import (
    CollectorFailure,
    NotPublishing,
    Publishers,
    StreamSample,
)
from lensong.monitoring.streams.target import CollectorTarget
from tests.waiting import PATIENCE_S

START = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


class VirtualTime:
    """A clock, and a sleep that lasts until `pass_s` has turned the clock so far."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.now_s)

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self.now_s + seconds, next(self._count), future))
        await future

    async def pass_s(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        await self._settle()
        while self._waiting and self._waiting[0][0] <= until_s:
            self.now_s, _, future = heapq.heappop(self._waiting)
            if not future.done():
                future.set_result(None)
            await self._settle()
        self.now_s = until_s

    @staticmethod
    async def _settle() -> None:
        for _ in range(20):
            await asyncio.sleep(0)


class Bench:
    """A poller over fake collectors, and what it told."""

    def __init__(self, time: VirtualTime, http: GuardedClient, *, at_once: int = 64) -> None:
        self.time = time
        self.told: list[tuple[float, str, str]] = []
        self.samples: list[StreamSample | None] = []
        self.looks: list[tuple[float, str]] = []
        self.delay_s: dict[str, float] = {}
        self.outcome: Callable[[str], Outcome] = self.healthy
        self.played: list[tuple[float, str]] = []
        self.healths: list[StreamHealth] = []
        self.poller = StreamPoller(
            http, self._on_health, clock=time, sleep=time.sleep, collect_one=self._collect,
            at_once=at_once, keyframes=KeyframeWatch(http, time, watch=self._play),
        )  # fmt: skip

    def healthy(self, _: str) -> Outcome:
        t = self.time.now_s
        return [
            StreamSample(at=self.time.now(), collector="test", publisher_id="1", connected_s=t,
                         media_time_s=t, received_bytes_total=int(t * 250_000)),
        ]  # fmt: skip

    async def _collect(self, target: CollectorTarget) -> Outcome:
        assert target.url is not None
        name = target.url.rpartition("/")[2]
        self.looks.append((self.time.now_s, name))
        if delay_s := self.delay_s.get(name, 0.0):
            await self.time.sleep(delay_s)
        return self.outcome(name)

    async def _play(self, url: str, _: GuardedClient) -> list[Packet]:
        self.played.append((self.time.now_s, url))
        return [(second / 2.0, second % 10 == 0) for second in range(30)]

    async def _on_health(
        self, site_id: str, _: str | None, sample: StreamSample | None, health: StreamHealth
    ) -> None:
        self.told.append((self.time.now_s, site_id, health.state))
        self.samples.append(sample)
        self.healths.append(health)

    def times_of(self, name: str) -> list[float]:
        return [t for t, looked_at in self.looks if looked_at == name]


def stream(name: str, *, session: str | None = "s", **given: object) -> WatchedStream:
    target = CollectorTarget(kind="srs", url=f"http://127.0.0.1/{name}")
    values: dict[str, object] = {"site_id": name, "session_id": session, "target": target,
                                 "configured_bps": 2e6}  # fmt: skip
    return WatchedStream(**(values | given))  # type: ignore[arg-type] # fields given by name


def run(body: Callable[[Bench], Awaitable[None]], *, at_once: int = 64) -> None:
    async def whole() -> None:
        async with GuardedClient(AllowList.of()) as http:
            bench = Bench(VirtualTime(), http, at_once=at_once)
            running = asyncio.create_task(bench.poller.run())
            await asyncio.sleep(0)
            await body(bench)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert asyncio.all_tasks() == {asyncio.current_task()}  # nothing is left under way

    asyncio.run(whole())


def test_each_stream_is_looked_at_every_two_seconds() -> None:
    async def body(bench: Bench) -> None:
        bench.poller.watch([stream("a"), stream("b")])
        await bench.time.pass_s(20.5)
        assert bench.times_of("a") == pytest.approx([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20])
        assert bench.times_of("b") == pytest.approx([1 + 2 * n for n in range(10)])
        assert {state for _, _, state in bench.told} == {"ok"}
        assert bench.samples[-1] is not None

    run(body)


def test_a_slow_stream_delays_no_other() -> None:
    async def body(bench: Bench) -> None:
        bench.delay_s["slow"] = 5.0
        bench.poller.watch([stream("slow"), *(stream(f"n{i}") for i in range(20))])
        await bench.time.pass_s(20.0)
        for i in range(20):
            times = bench.times_of(f"n{i}")
            assert len(times) >= 9
            steps = [after - before for before, after in itertools.pairwise(times)]
            assert steps == pytest.approx([2.0] * len(steps))
        assert len(bench.times_of("slow")) == 4  # 5 s and the shortest pause each

    run(body)


def test_servers_that_hang_cannot_take_all_places() -> None:
    async def body(bench: Bench) -> None:
        for i in range(30):
            bench.delay_s[f"hang{i}"] = 5.0
        bench.outcome = lambda name: (
            CollectorFailure(at=bench.time.now(), code="timeout", detail="x")
            if name.startswith("hang")
            else bench.healthy(name)
        )
        bench.poller.watch([stream("good"), *(stream(f"hang{i}") for i in range(30))])
        await bench.time.pass_s(60.0)
        late = [t for t in bench.times_of("good") if t > 15.0]
        steps = [after - before for before, after in itertools.pairwise(late)]
        assert max(steps) <= 2.5
        assert all(len(bench.times_of(f"hang{i}")) >= 1 for i in range(30))

    run(body, at_once=8)


def test_what_is_watched_can_change_and_states_go_with_it() -> None:
    async def body(bench: Bench) -> None:
        bench.poller.watch([stream("a"), stream("b")])
        await bench.time.pass_s(6.5)
        kept = bench.poller.state_of("a", "s")
        assert kept is not None
        assert kept.publisher_id == "1"
        bench.poller.watch([stream("a"), stream("c")])
        await bench.time.pass_s(6.5)
        assert bench.poller.state_of("b", "s") is None
        assert max(bench.times_of("b")) < 7.0
        assert min(bench.times_of("c")) >= 6.5
        still = bench.poller.state_of("a", "s")
        assert still is not None
        assert still.publisher_since == kept.publisher_since
        bench.poller.watch([])
        count = len(bench.looks)
        await bench.time.pass_s(10.0)
        assert len(bench.looks) == count

    run(body)


def test_a_state_kept_from_before_a_restart_goes_on() -> None:
    kept = HealthState(publisher_id="0", publisher_since=START, reconnects_total=3)

    async def body(bench: Bench) -> None:
        bench.poller.watch([stream("a", state=kept)])
        await bench.time.pass_s(3.0)
        state = bench.poller.state_of("a", "s")
        assert state is not None
        assert state.reconnects_total == 4  # the publisher is another one than before

    run(body)


def test_a_failing_collector_ends_in_unknown_and_an_absent_stream_in_down() -> None:
    async def body(bench: Bench) -> None:
        bench.outcome = lambda name: (
            []
            if name == "absent"
            else CollectorFailure(at=bench.time.now(), code="unreachable", detail="x")
        )
        bench.poller.watch([stream("absent"), stream("failing")])
        await bench.time.pass_s(10.0)
        assert {(site, state) for _, site, state in bench.told} == {
            ("absent", "down"),
            ("failing", "unknown"),
        }
        assert set(bench.samples) == {None}

    run(body)


def test_a_fault_in_a_collector_or_a_callback_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)

    async def body(bench: Bench) -> None:
        def fault(name: str) -> Outcome:
            if name == "bad" and bench.time.now_s < 5.0:
                raise RuntimeError("a fault")
            return bench.healthy(name)

        bench.outcome = fault
        bench.poller.watch([stream("bad"), stream("good")])
        await bench.time.pass_s(12.0)
        assert len(bench.times_of("bad")) == len(bench.times_of("good")) or (
            len(bench.times_of("bad")) == len(bench.times_of("good")) + 1
        )
        assert {site for _, site, _ in bench.told} == {"bad", "good"}
        assert "site bad" in caplog.text

    run(body)


def progress(out_time_s: float) -> str:
    return f"frame=1\ntotal_size={int(out_time_s * 250_000)}\nout_time_us={int(out_time_s * 1e6)}\nprogress=continue\n"  # noqa: E501 (as it is written)


def test_figures_that_are_sent_to_us_and_their_silence() -> None:
    pushed = stream("cam", target=CollectorTarget(kind="ffmpeg"))

    async def body(bench: Bench) -> None:
        bench.poller.watch([pushed])
        await bench.time.pass_s(0.5)
        for second in range(1, 11):
            await bench.time.pass_s(1.0)
            outcome = read_pushed("ffmpeg", progress(second), at=bench.time.now())
            assert (await bench.poller.push(pushed, outcome)).state == "ok"
        assert [state for _, _, state in bench.told[-10:]] == ["ok"] * 10
        await bench.time.pass_s(6.0)
        assert bench.told[-1][2] == "ok"
        await bench.time.pass_s(4.0)
        assert bench.told[-1][2] == "unknown"
        assert bench.looks == []  # nothing was asked

    run(body)


def test_key_frames_are_looked_at_while_a_stream_is_up() -> None:
    url = "rtmp://127.0.0.1/live/a"
    polled = CollectorTarget(kind="srs", url="http://127.0.0.1/a", media_url=url)

    async def body(bench: Bench) -> None:
        bench.outcome = lambda name: [] if bench.time.now_s < 9.0 else bench.healthy(name)
        bench.poller.watch([stream("a", target=polled), stream("b")])
        await bench.time.pass_s(9.0)
        assert bench.played == []
        await bench.time.pass_s(121.0)
        assert [round(at_s) for at_s, _ in bench.played] == [10, 70, 130]
        told = {
            site: health for (_, site, _), health in zip(bench.told, bench.healths, strict=True)
        }
        assert told["a"].keyframe_interval_s == 5.0
        assert told["a"].state == "ok"
        assert [reason.code for reason in told["a"].reasons] == ["keyframe_interval"]
        assert told["b"].keyframe_interval_s is None  # nobody said where to play it

    run(body)


def test_key_frames_of_a_stream_whose_figures_are_sent_to_us() -> None:
    target = CollectorTarget(kind="ffmpeg", media_url="rtmp://127.0.0.1/live/cam")
    pushed = stream("cam", target=target)

    async def body(bench: Bench) -> None:
        bench.poller.watch([pushed])
        await bench.time.pass_s(0.5)
        for second in range(1, 8):
            await bench.time.pass_s(1.0)
            outcome = read_pushed("ffmpeg", progress(second), at=bench.time.now())
            await bench.poller.push(pushed, outcome)
        assert len(bench.played) == 1
        assert bench.healths[-1].keyframe_interval_s == 5.0

    run(body)


def test_unknown_fields_are_logged_once_for_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    async def body(bench: Bench) -> None:
        def answered(name: str) -> Outcome:
            found = bench.healthy(name)
            assert isinstance(found, list)
            return Publishers(found, unknown_fields={"inboundMegabytes", "colour"})

        bench.outcome = answered
        bench.poller.watch([stream("a"), stream("b")])
        with caplog.at_level(logging.WARNING):
            await bench.time.pass_s(20.0)
        assert len(bench.told) >= 18
        (record,) = [r for r in caplog.records if "unknown" in r.message]
        assert "2 fields" in record.message
        assert "colour, inboundMegabytes" in record.message

    run(body)


def test_of_two_publishers_the_newest_connection_counts() -> None:
    old, new, nameless = (
        StreamSample(at=START, collector="x", publisher_id=name, connected_s=age)
        for name, age in (("old", 900.0), ("new", 3.0), ("nameless", None))
    )
    assert observation_of([old, new, nameless], START) == new
    assert observation_of([nameless], START) == nameless
    assert observation_of([], START) == NotPublishing(at=START)


def test_over_http_with_the_real_clock_of_the_loop() -> None:
    """The default parts together: nobody listens, and that is told as unknown."""

    async def once() -> list[str]:
        told: asyncio.Queue[str] = asyncio.Queue()

        async def on_health(
            _: str, __: str | None, ___: StreamSample | None, health: StreamHealth
        ) -> None:
            told.put_nowait(health.state)

        async with GuardedClient(AllowList.of()) as http:
            poller = StreamPoller(http, on_health, clock=VirtualTime(), every_s=0.1)
            poller.watch([
                stream("x", target=CollectorTarget(kind="srs", url="http://127.0.0.1:1"))
            ])  # fmt: skip
            running = asyncio.create_task(poller.run())
            states = [await asyncio.wait_for(told.get(), PATIENCE_S) for _ in range(2)]
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return states

    assert asyncio.run(once()) == ["unknown", "unknown"]
