"""The uplink test over real sockets: what it answers, and what it does not put up with."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.probe.client import NotMeasuredError, measure_uplink
from lensong.monitoring.uplink import channel, counting, enough, round_trips
from lensong.monitoring.uplink.counting import UplinkResult
from lensong.monitoring.uplink.outcomes import FinishedTest, UplinkFailure
from lensong.monitoring.uplink.service import UplinkService
from lensong.monitoring.uplink.upload import ENOUGH
from tests.uplink_server import TOKEN, Store, make_app, serving, settings_for
from tests.waiting import PATIENCE_S, wait_until

OURS = Subprotocol("lensong.uplink.v1")
SECONDS = 5
SHORT_S = 3
"""Of a test that is waited for to its end; of its warm-up a third is left here."""


@dataclass
class Rig:
    port: int
    store: Store
    service: UplinkService

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def connect(self, path: str = "/uplink/v1/test", **options: Any) -> Iterator[ClientConnection]:
        given = {"subprotocols": [OURS], "compression": None, "proxy": None, "ping_interval": None}
        with connect(f"ws://127.0.0.1:{self.port}{path}", **{**given, **options}) as socket_:
            yield socket_

    def measure(self, site: str = "binh-lu", **options: Any) -> UplinkResult:
        """Run the whole of a client's test and return what was stored."""
        given = {"seconds": SHORT_S, "client_id": "tester", "clock": SystemClock()}
        told = asyncio.run(measure_uplink(self.address, TOKEN + site, **{**given, **options}))
        stored = wait_until(lambda: self.store.finished and self.store.finished[-1])
        assert isinstance(stored, FinishedTest)
        assert told.result["test_id"] == stored.test_id
        assert isinstance(stored.outcome, UplinkResult)
        assert told.result["uplink_p10_bps"] == stored.outcome.uplink_p10_bps
        return stored.outcome

    def failure(self) -> UplinkFailure:
        """Return the one test that was stored, which failed."""
        wait_until(lambda: self.store.finished)
        (finished,) = self.store.finished
        assert isinstance(finished.outcome, UplinkFailure)
        return finished.outcome

    def wait_until_idle(self) -> None:
        wait_until(lambda: self.service.admission.running == 0, "the end of the test")


@contextmanager
def rig(
    *, metered: bool = True, loop: Literal["asyncio", "uvloop"] = "uvloop", **overrides: Any
) -> Iterator[Rig]:
    given = {"seconds": (SECONDS, SHORT_S), "max_rate_bps": 8e6, "idle_s": 0.5}
    need_bps = overrides.pop("need_bps", None)
    store = Store()
    app, service = make_app(store, settings_for(**{**given, **overrides}), need_bps=need_bps)
    with serving(app, metered=metered, loop=loop) as port:
        yield Rig(port, store, service)


@pytest.fixture(autouse=True)
def _shorter_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (counting, round_trips, enough):
        monkeypatch.setattr(module, "WARM_UP_S", 1)
    monkeypatch.setattr(enough, "LEAST_BINS", 1)


@pytest.fixture(autouse=True)
def _no_error_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO):
        yield
    ours = (record for record in caplog.records if record.name != "websockets.client")
    loud = [record.getMessage() for record in ours if record.levelno >= logging.ERROR]
    assert not loud
    assert TOKEN not in caplog.text


def hello(of: str = "binh-lu", **members: Any) -> str:
    given = {"type": "hello", "token": TOKEN + of, "seconds": SECONDS, "method": "page"}
    return json.dumps(given | members)


def hear(socket_: ClientConnection, kind: str) -> dict[str, Any]:
    """Return the next message of a type, passing over measurements."""
    while True:
        message: dict[str, Any] = json.loads(socket_.recv(timeout=PATIENCE_S))
        if message["type"] == kind:
            return message
        assert message["type"] in ("measurement", "queued", "stop"), message


@contextmanager
def admitted(server: Rig, site: str = "binh-lu", **members: Any) -> Iterator[ClientConnection]:
    """Yield the socket of a test that may send now."""
    with server.connect() as socket_:
        socket_.send(hello(site, **members))
        hear(socket_, "admitted")
        hear(socket_, "go")
        yield socket_


def closed_with(
    socket_: ClientConnection, flood: bytes | str | Callable[[], bytes] | None = None
) -> tuple[int, str]:
    """Return close code and reason, sending until then what there is to send."""
    with pytest.raises(ConnectionClosed) as closed:
        _until_closed(socket_, flood)
    received = closed.value.rcvd  # None where what it still sent was met by a reset
    return (1006, "") if received is None else (received.code, received.reason)


def _until_closed(
    socket_: ClientConnection, flood: bytes | str | Callable[[], bytes] | None
) -> None:
    while True:
        if flood is not None:
            socket_.send(flood() if callable(flood) else flood)
        else:
            socket_.recv(timeout=PATIENCE_S)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.slow
def test_a_test_is_counted_stored_and_told(loop: Literal["asyncio", "uvloop"]) -> None:
    with rig(loop=loop) as server:
        before = datetime.now(UTC)
        result = server.measure()
        (finished,) = server.store.finished
    assert 0.0 < result.uplink_mean_bps < 8e6 * 1.1  # no more than the agreed pace
    assert not result.sustained
    assert len(result.uplink_bins_bps) == SHORT_S - 1
    assert result.rtt_idle_ms is not None
    assert result.rtt_loaded_ms is not None
    assert result.jitter_ms is not None
    assert result.tcp_rtt_ms is not None  # every Linux kernel since 2.4 tells
    assert finished.permit.site_id == "binh-lu"
    assert (finished.client_id, finished.method) == ("tester", "cli")
    assert before <= finished.started_at <= datetime.now(UTC)


@pytest.mark.slow
def test_a_server_without_our_protocol_class_counts_messages() -> None:
    with rig(metered=False) as server:
        result = server.measure()
    assert 0.0 < result.uplink_mean_bps < 8e6 * 1.1
    assert result.tcp_rtt_ms is None


class WrongClock(SystemClock):
    def now(self) -> datetime:
        return super().now() + timedelta(days=400)


@pytest.mark.slow
def test_a_client_with_a_wrong_clock_measures_as_any_other() -> None:
    with rig() as server:
        before = datetime.now(UTC)
        result = server.measure(clock=WrongClock())
        (finished,) = server.store.finished
    assert 0.0 < result.uplink_mean_bps < 8e6 * 1.1
    assert before <= finished.started_at <= datetime.now(UTC)
    assert finished.clock_offset_s == pytest.approx(400 * 86_400, abs=PATIENCE_S)


@pytest.mark.slow
def test_what_could_not_be_stored_is_not_told_as_a_result() -> None:
    with rig() as server:
        server.store.failing = True
        with pytest.raises(NotMeasuredError) as raised:
            server.measure()
        server.wait_until_idle()
    assert (raised.value.kind, raised.value.code) == ("failure", "not_stored")
    assert raised.value.test_id is not None
    assert raised.value.sent_bytes > 0


@pytest.mark.parametrize(
    "payload",
    [bytes(8_192), b"xin chao " * 900, os.urandom(512) * 16],
    ids=["zeros", "text", "repeated"],
)
def test_compressible_data_give_no_figure(payload: bytes) -> None:
    with rig() as server:
        with admitted(server) as socket_:
            code, reason = closed_with(socket_, payload)
        failure = server.failure()
    assert (code, json.loads(reason)["code"]) == (4415, "compressible")
    assert (failure.kind, failure.code) == ("refused", "compressible")
    assert failure.received_bytes > 0


def test_text_in_place_of_data_is_refused() -> None:
    with rig() as server:
        with admitted(server) as socket_:
            code, reason = closed_with(socket_, "x" * 4_000)
        assert server.failure().code == "text_frames"
    assert (code, json.loads(reason)["code"]) == (4400, "text_frames")


@pytest.mark.slow
def test_a_test_that_knows_enough_stops_and_counts_as_what_it_is() -> None:
    with rig(need_bps=2e6) as server:
        result = server.measure(seconds=SECONDS)
        spent = server.store.finished[-1].spent_bytes
    assert 2.0 <= result.duration_s < SECONDS - 0.5
    assert len(result.uplink_bins_bps) == int(result.duration_s) - 1
    assert min(result.uplink_bins_bps) >= 0.8 * 6e6
    assert spent == result.received_bytes < 8e6 * (SECONDS - 0.5) / 8.0


def test_a_link_that_is_short_of_three_times_the_need_is_tested_to_the_end() -> None:
    with rig(need_bps=2.6e6, max_rate_bps=8e6) as server, admitted(server) as socket_:
        # 7.8 Mbit/s would be enough, and this client sends hardly anything
        socket_.send(os.urandom(8_192))
        assert json.loads(socket_.recv(timeout=PATIENCE_S))["type"] == "measurement"
    with rig(need_bps=2.8e6) as server, server.connect() as socket_:
        socket_.send(hello())
        assert "enough" not in hear(socket_, "admitted")  # a test never shows 8.4 Mbit/s


def test_who_was_not_told_what_is_enough_may_not_say_so() -> None:
    with rig() as server:
        with admitted(server) as socket_:
            socket_.send(os.urandom(8_192))
            code, reason = closed_with(socket_, ENOUGH)
        assert server.failure().code == "text_frames"
    assert (code, json.loads(reason)["code"]) == (4400, "text_frames")


@pytest.mark.parametrize(("size", "wanted"), [(65_537, 4413), (200_000, 1009), (50_000_000, 1009)])
def test_huge_messages_are_refused(size: int, wanted: int) -> None:
    with rig() as server:
        with admitted(server) as socket_:
            code, _ = closed_with(socket_, os.urandom(size))
        assert code in (wanted, 1006)
        assert server.failure().code == "message_too_large"
        server.wait_until_idle()


def test_a_client_that_sends_nothing_fails_and_may_try_again() -> None:
    with rig(first_byte_s=0.5, interval_s=300.0) as server:
        with admitted(server) as socket_:
            code, reason = closed_with(socket_)
        assert (code, json.loads(reason)["code"]) == (4408, "stalled")
        assert server.failure().received_bytes == 0
        with admitted(server):  # no rest is due
            pass


def test_a_client_that_goes_silent_fails() -> None:
    with rig(stall_s=0.7) as server:
        with admitted(server) as socket_:
            socket_.send(os.urandom(50_000))
            code, _ = closed_with(socket_)
        failure = server.failure()
    assert code == 4408
    assert failure.kind == "failure"
    assert failure.received_bytes >= 50_000


@pytest.mark.slow
def test_a_trickle_of_data_is_a_slow_link_not_a_fast_one() -> None:
    with rig() as server, admitted(server, seconds=SHORT_S) as socket_:
        sent = trickle(socket_)
        result = hear(socket_, "result")
    assert result["uplink_mean_bps"] < 8.0 * 2.0 * sent / SHORT_S
    assert not result["sustained"]


def trickle(socket_: ClientConnection) -> int:
    """Send a little now and then until the server has closed; return how much."""
    sent = 0
    with suppress(ConnectionClosed):
        while sent < 1_000_000:
            socket_.send(os.urandom(1_000))
            sent += 1_000
            time.sleep(0.1)
    return sent


def test_a_client_that_sends_too_much_is_cut() -> None:
    # a full second after the warm-up is out of reach: the cap comes first
    with rig(max_bytes=4_000_000, least_rate_bps=1e6) as server:
        with admitted(server) as socket_:
            code, reason = closed_with(socket_, lambda: os.urandom(60_000))
        failure = server.failure()
        server.wait_until_idle()
    assert (code, json.loads(reason)["code"]) == (4422, "too_little_data")
    assert failure.received_bytes < 4_000_000 + 500_000  # what one read of the socket may bring


@pytest.mark.slow
def test_a_test_ends_on_time_for_a_client_that_does_not_stop() -> None:
    with rig(max_bytes=10**10, max_rate_bps=8e9) as server:
        with admitted(server, seconds=SHORT_S) as socket_:
            code, _ = closed_with(socket_, lambda: os.urandom(8_192))
        server.wait_until_idle()
        (finished,) = server.store.finished
    assert code == 1000
    assert isinstance(finished.outcome, UplinkResult)
    assert finished.outcome.duration_s >= SHORT_S  # it is the server that ended it


def test_a_second_tab_is_refused_and_told_when_to_come_back() -> None:
    with rig() as server:
        with admitted(server), server.connect() as second:
            second.send(hello())
            error = hear(second, "error")
            code, reason = closed_with(second)
        assert (code, error["code"]) == (4409, "already_testing")
        assert 0 < json.loads(reason)["retry_after_s"] <= SECONDS + 10
        assert error["text"]["vi"]


def test_the_others_wait_for_their_turn_and_are_told_how_long() -> None:
    with (
        rig(tests_at_once=1) as server,
        admitted(server, "a") as first,
        server.connect() as second,
    ):
        second.send(hello("b"))
        queued = hear(second, "queued")
        assert queued["position"] == 1
        assert 0 < queued["wait_s"] <= SECONDS + 10
        first.close()
        hear(second, "admitted")


def test_who_leaves_the_queue_is_out_of_it() -> None:
    with rig(tests_at_once=1) as server:
        with admitted(server, "a"):
            with server.connect() as second:
                second.send(hello("b"))
                hear(second, "queued")
            wait_until(lambda: server.service.admission.waiting == 0)
        assert not [done for done in server.store.finished if done.permit.site_id == "b"]


def test_a_full_queue_refuses() -> None:
    with (
        rig(tests_at_once=1, queue_length=0) as server,
        admitted(server, "a"),
        server.connect() as second,
    ):
        second.send(hello("b"))
        assert hear(second, "error")["code"] == "too_many_waiting"


def test_a_site_must_rest_after_a_test() -> None:
    with rig(interval_s=300.0) as server:
        with admitted(server) as socket_:
            socket_.send(os.urandom(8_192))
            wait_until(
                lambda: json.loads(socket_.recv(timeout=PATIENCE_S)).get("type") == "measurement"
            )
        server.wait_until_idle()
        with server.connect() as again:
            again.send(hello())
            error = hear(again, "error")
    assert error["code"] == "too_soon"
    assert 200 < error["retry_after_s"] <= 300


def test_a_spent_budget_refuses_until_tomorrow() -> None:
    with rig() as server:
        server.store.daily_budget_bytes = 1_000_000
        with server.connect() as socket_:
            socket_.send(hello())
            error = hear(socket_, "error")
    assert (error["code"], error["retry_after_s"]) == ("budget_spent", 3_600)


def test_what_a_failed_test_cost_is_counted() -> None:
    with rig() as server:
        with admitted(server) as socket_:
            closed_with(socket_, bytes(8_192))
        permit = asyncio.run(server.store.authorize(TOKEN + "binh-lu", "127.0.0.1"))
        assert permit.spent_today_bytes == server.failure().received_bytes > 0  # type: ignore[union-attr]  # the token is good


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (hello(token="forged"), "bad_token"),
        (hello(token="t" * 5_000), "bad_hello"),
        (hello(site="another-site"), "wrong_site"),
        (hello(seconds=3_600), "bad_hello"),
        (hello(seconds=True), "bad_hello"),
        (hello(seconds="5"), "bad_hello"),
        (hello(seconds=[5]), "bad_hello"),
        (hello(method="ndt7"), "bad_hello"),
        (hello(method={}), "bad_hello"),
        (hello(token=None), "bad_hello"),
        (hello(client_id=7), "bad_hello"),
        (hello(client_id="x" * 65), "bad_hello"),
        ("{}", "bad_hello"),
        ("[]", "bad_hello"),
        ("null", "bad_hello"),
        ("{", "bad_hello"),
        ("[" * 4_000, "bad_hello"),
        (b"\x00", "bad_hello"),
    ],
)
def test_a_bad_hello_is_refused(message: str | bytes, code: str) -> None:
    with rig() as server:
        with server.connect() as socket_:
            socket_.send(message)
            error = hear(socket_, "error")
            closed, reason = closed_with(socket_)
        assert error["code"] == json.loads(reason)["code"] == code
        assert closed // 100 in (44, 45)
        assert server.service.admission.running == 0
        assert not server.store.finished


@pytest.mark.parametrize("sent_at", ["yesterday", 7, "9999-12-31T23:59:59-23:59", ""])
def test_a_clock_that_cannot_be_read_is_unknown(sent_at: object) -> None:
    with rig() as server, server.connect() as socket_:
        socket_.send(hello(sent_at=sent_at))
        hear(socket_, "admitted")


def test_silence_before_the_hello_is_not_waited_for_long() -> None:
    with rig(hello_s=0.3) as server, server.connect() as socket_:
        assert hear(socket_, "error")["code"] == "bad_hello"


@pytest.mark.parametrize("path", ["/uplink/v1/test", "/uplink/v1/probe"])
def test_however_many_say_nothing_a_device_tests(path: str) -> None:
    most = 64
    with rig(waiting_hellos=most, hello_s=PATIENCE_S) as server, ExitStack() as open_ones:
        silent = [open_ones.enter_context(server.connect(path)) for _ in range(most + 6)]
        wait_until(lambda: len(server.service.greetings) == 32, "as many as one address may have")
        with server.connect() as device:
            device.send(hello())
            key = hear(device, "admitted")["probe_key"]
            with server.connect("/uplink/v1/probe") as probe:
                probe.send(json.dumps({"type": "hello", "probe_key": key}))
                assert len(probe.recv(timeout=PATIENCE_S)) == 8
        # who was silent longest has given way, and may come again
        error = hear(silent[0], "error")
        assert error["code"] == "too_many_waiting"
        assert error["retry_after_s"] > 0


@pytest.mark.parametrize("path", ["/uplink/v1/test", "/uplink/v1/probe"])
def test_another_subprotocol_is_refused(path: str) -> None:
    with rig() as server, server.connect(path, subprotocols=None) as socket_:
        code, reason = closed_with(socket_)
    assert (code, json.loads(reason)["code"]) == (4400, "wrong_subprotocol")


def test_a_proper_close_is_an_abort_and_a_torn_connection_a_failure() -> None:
    with rig() as server:
        with admitted(server) as socket_:
            socket_.send(os.urandom(8_192))
        server.wait_until_idle()
        with admitted(server) as torn:
            torn.send(os.urandom(8_192))
            torn.socket.shutdown(socket.SHUT_RDWR)
            wait_until(lambda: len(server.store.finished) == 2)
    kinds = [done.outcome.kind for done in server.store.finished]  # type: ignore[union-attr]  # both failed
    assert kinds == ["aborted", "failure"]


def test_compression_is_never_agreed_to() -> None:
    with rig() as server, server.connect(compression="deflate") as socket_:
        assert socket_.protocol.extensions == []


def test_a_probe_key_serves_once() -> None:
    with rig(idle_s=2.0) as server, server.connect() as main:
        main.send(hello())
        key = hear(main, "admitted")["probe_key"]
        with server.connect("/uplink/v1/probe") as probe:
            probe.send(json.dumps({"type": "hello", "probe_key": key}))
            ping = probe.recv(timeout=PATIENCE_S)
            assert len(ping) == 8
            for wrong in (key, "guessed", None, {"a": 1}):
                with server.connect("/uplink/v1/probe") as other:
                    other.send(json.dumps({"type": "hello", "probe_key": wrong}))
                    assert hear(other, "error")["code"] == "unknown_probe"


@pytest.mark.slow
def test_made_up_answers_to_pings_are_no_round_trips() -> None:
    with rig(idle_s=0.5) as server, server.connect() as main:
        main.send(hello(seconds=SHORT_S))
        key = hear(main, "admitted")["probe_key"]
        with server.connect("/uplink/v1/probe") as probe:
            probe.send(json.dumps({"type": "hello", "probe_key": key}))
            for _ in range(200):
                probe.send(os.urandom(8))
            hear(main, "go")
            trickle(main)
            result = hear(main, "result")
    assert result["rtt_idle_ms"] is None
    # the one ping that was never answered has taken its whole age
    assert result["rtt_loaded_ms"] is None or result["rtt_loaded_ms"] > 1_000.0


def test_limits_tell_what_a_test_costs_and_when_it_may_be() -> None:
    with rig(interval_s=300.0) as server:
        url, good = f"{server.address}/uplink/v1/limits", {"Authorization": f"Bearer {TOKEN}a"}
        refused = httpx.get(url, trust_env=False)
        assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")
        limits = httpx.get(url, headers=good, trust_env=False).json()
        assert limits["site"] == "a"
        assert limits["max_bytes"]["5"] == 5_500_000  # 8 Mbit/s for 5 s and a tenth
        assert (limits["retry_after_s"], limits["wait_s"]) == (0, 0)
        with admitted(server, "a") as socket_:
            socket_.send(os.urandom(8_192))
            wait_until(
                lambda: json.loads(socket_.recv(timeout=PATIENCE_S)).get("type") == "measurement"
            )
            assert httpx.get(url, headers=good, trust_env=False).json()["running"] == 1
        server.wait_until_idle()
        limits = httpx.get(url, headers=good, trust_env=False).json()
        assert 200 < limits["retry_after_s"] <= 300


def test_a_client_that_reads_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its close frame cannot be delivered either; the connection must not stay for ever."""
    monkeypatch.setattr(channel, "_CLOSING_S", 0.5)
    with rig(loop="asyncio") as server, admitted(server) as socket_:
        stop = threading.Event()
        flood = threading.Thread(target=_flood, args=(socket_.socket, stop))
        # no thread of the client may read: it floods below its WebSocket library
        flood.start()
        wait_until(lambda: server.store.finished)
        server.wait_until_idle()
        stop.set()
        flood.join(PATIENCE_S)
        socket_.socket.close()


def _flood(raw: socket.socket, stop: threading.Event) -> None:
    frame = b"\x82\xfe\x20\x00\x00\x00\x00\x00" + os.urandom(8_192)
    try:
        while not stop.is_set():
            raw.sendall(frame)
    except OSError:
        pass
