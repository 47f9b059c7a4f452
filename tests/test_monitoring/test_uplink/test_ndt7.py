"""ndt7 as its specification has it, and clients that do not keep to it."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from lensong.monitoring.uplink import channel, ndt7
from lensong.monitoring.uplink.counting import UplinkResult
from lensong.monitoring.uplink.measurement import connection_info, measurement
from lensong.monitoring.uplink.outcomes import DownloadResult, UplinkFailure
from lensong.monitoring.uplink.tcp_info import TcpInfo
from tests.uplink_server import TOKEN, Store, make_app, serving, settings_for
from tests.waiting import PATIENCE_S, wait_until

NDT7 = Subprotocol("net.measurementlab.ndt.v7")
SECONDS = 5.0


@pytest.fixture(autouse=True)
def _shorter_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndt7, "_SECONDS", SECONDS)


@contextmanager
def rig(**overrides: Any) -> Iterator[tuple[int, Store]]:
    store = Store()
    store.daily_budget_bytes = 10**12
    app, _ = make_app(store, settings_for(**{"max_bytes": 10**12, **overrides}))
    with serving(app) as port:
        yield port, store


@contextmanager
def opened(
    port: int, test: str, query: str = f"?access_token={TOKEN}a", **options: Any
) -> Iterator[ClientConnection]:
    given = {"subprotocols": [NDT7], "compression": "deflate", "proxy": None, "max_size": 1 << 24}
    given["max_queue"] = None  # not every test reads what it is sent
    url = f"ws://127.0.0.1:{port}/ndt/v7/{test}{query}"
    with connect(url, **{**given, **options}) as socket_:
        yield socket_


def settled(store: Store) -> Any:
    wait_until(lambda: store.finished, "a stored test")
    (finished,) = store.finished
    return finished


def read_to_end(socket_: ClientConnection) -> int | None:
    """Read until the server closes; return its close code."""
    with suppress(ConnectionClosed):
        while True:
            socket_.recv(timeout=PATIENCE_S)
    return None if socket_.protocol.close_rcvd is None else socket_.protocol.close_rcvd.code


def upload(socket_: ClientConnection, payload: bytes, pause_s: float = 0.02) -> list[Any]:
    """Send until the server closes; return its measurements."""
    seen: list[dict[str, Any]] = []
    try:
        while True:
            socket_.send(payload)
            try:
                seen.append(json.loads(socket_.recv(timeout=pause_s)))
            except TimeoutError:
                continue
    except ConnectionClosed:
        return seen


@pytest.mark.slow
def test_an_upload_is_measured_and_told_by_the_server() -> None:
    with rig() as (port, store), opened(port, "upload") as socket_:
        assert socket_.subprotocol == NDT7
        assert socket_.protocol.extensions == []
        seen = upload(socket_, os.urandom(65_536))
        finished = settled(store)
    assert isinstance(finished.outcome, UplinkResult)
    assert (finished.method, finished.permit.site_id) == ("ndt7", "a")
    assert not finished.outcome.sustained
    assert [("ConnectionInfo" in message) for message in seen].count(True) == 1
    assert seen[0]["ConnectionInfo"].keys() == {"Client", "Server"}
    assert seen[0]["ConnectionInfo"]["Server"] == f"127.0.0.1:{port}"
    for message in seen:
        assert (message["Origin"], message["Test"]) == ("server", "upload")
    elapsed = [message["AppInfo"]["ElapsedTime"] for message in seen]
    received = [message["AppInfo"]["NumBytes"] for message in seen]
    assert elapsed == sorted(elapsed)
    assert received == sorted(received)
    assert len(seen) <= 10 * SECONDS  # no more than ten a second, says the specification
    assert received[-1] == pytest.approx(finished.outcome.received_bytes, rel=0.1)
    assert seen[-1]["TCPInfo"]["BytesReceived"] > 0
    assert not {"BBRInfo", "WSPingInfo"} & seen[-1].keys()


@pytest.mark.slow
def test_a_client_may_end_an_upload_and_still_has_a_result() -> None:
    with rig() as (port, store):
        with opened(port, "upload") as socket_:
            until_s = time.monotonic() + SECONDS - 0.5
            while time.monotonic() < until_s:
                socket_.send(os.urandom(16_384))
                time.sleep(0.02)
        assert isinstance(settled(store).outcome, UplinkResult)


@pytest.mark.slow
def test_an_upload_of_zeros_is_answered_but_no_evidence() -> None:
    with rig() as (port, store), opened(port, "upload") as socket_:
        seen = upload(socket_, bytes(65_536))
        outcome = settled(store).outcome
    assert seen[-1]["AppInfo"]["NumBytes"] > 0
    assert isinstance(outcome, UplinkFailure)
    assert (outcome.kind, outcome.code) == ("refused", "compressible")
    assert outcome.received_bytes > 0


def test_messages_of_16_mib_are_taken_and_larger_ones_are_not() -> None:
    with rig() as (port, store), opened(port, "upload") as socket_:
        socket_.send(os.urandom(1 << 24))
        with suppress(ConnectionClosed):  # closed after the first 14 bytes of it
            socket_.send(os.urandom((1 << 24) + 1))
        assert read_to_end(socket_) in (1009, None)
        outcome = settled(store).outcome
    assert isinstance(outcome, UplinkFailure)
    assert outcome.code == "message_too_large"
    assert outcome.received_bytes >= 1 << 24


def test_measurements_of_the_client_are_allowed_but_no_flood_of_them() -> None:
    with rig() as (port, store), opened(port, "upload") as socket_:
        socket_.send(json.dumps({"AppInfo": {"ElapsedTime": 1, "NumBytes": 1}}))
        with suppress(ConnectionClosed):
            for _ in range(1_000):
                socket_.send("x" * 10_000)
        assert settled(store).outcome.code == "text_frames"


def test_a_download_lasts_its_time_and_is_random(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndt7, "_SECONDS", 2.0)
    with rig() as (port, store), opened(port, "download") as socket_:
        seen, sizes, sample = [], [], b""
        try:
            while True:
                message = socket_.recv(timeout=PATIENCE_S)
                if isinstance(message, bytes):
                    sizes.append(len(message))
                    sample = sample or message
                else:
                    seen.append(json.loads(message))
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
        outcome = settled(store).outcome
    assert code == 1000
    assert sizes[0] == 1 << 13
    assert all(size & (size - 1) == 0 and 1 << 10 <= size <= 1 << 24 for size in sizes)
    assert len(set(sample)) > 200
    assert seen[0]["ConnectionInfo"]["Client"].startswith("127.0.0.1:")
    assert isinstance(outcome, DownloadResult)
    # nobody else ended it; timers of uvloop count from when its loop last looked at the clock
    assert outcome.duration_s >= 2.0 - 0.01
    # what the client had when the time was over, and what the buffers held
    assert outcome.sent_bytes == pytest.approx(sum(sizes), rel=0.2)


def test_a_client_that_uploads_during_a_download_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ndt7, "_SECONDS", 10.0 * PATIENCE_S)  # it does not end by itself
    with rig() as (port, store), opened(port, "download") as socket_:
        socket_.send(os.urandom(2_048))
        until_s = time.monotonic() + PATIENCE_S
        with suppress(ConnectionClosed):
            while time.monotonic() < until_s:
                socket_.recv(timeout=PATIENCE_S)
        assert isinstance(settled(store).outcome, DownloadResult)


def test_a_slow_reader_of_a_download_is_cut_and_costs_no_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channel, "_CLOSING_S", 0.5)
    monkeypatch.setattr(channel, "_SENDING_S", 1.0)
    with rig() as (port, store), raw_download(port) as raw:
        outcome = settled(store).outcome  # although nothing is read here
        assert isinstance(outcome, DownloadResult)
        # what the two kernels buffer on a loopback, no more
        assert outcome.sent_bytes < 20_000_000
        raw.settimeout(PATIENCE_S)
        with suppress(ConnectionResetError):  # either way it has an end, and nobody waits for it
            while raw.recv(1 << 16):
                pass


@contextmanager
def raw_download(port: int) -> Iterator[socket.socket]:
    """Yield a socket of which nobody reads: a WebSocket library would."""
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(
            f"GET /ndt/v7/download?access_token={TOKEN}a HTTP/1.1\r\nHost: x\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: DOdm+5/Cm3WwvhfcAlhJoQ==\r\n"
            f"Sec-WebSocket-Protocol: {NDT7}\r\n\r\n".encode()
        )
        yield raw


@pytest.mark.parametrize(
    ("query", "options", "status", "code"),
    [
        ("", {}, 401, "bad_token"),
        ("?access_token=forged", {}, 401, "bad_token"),
        (f"?access_token={TOKEN}a", {"subprotocols": None}, 400, "wrong_subprotocol"),
        (f"?access_token={TOKEN}a&x={'y' * 4_100}", {}, 400, "bad_hello"),
    ],
)
@pytest.mark.parametrize("test", ["upload", "download"])
def test_a_refusal_answers_the_upgrade(
    test: str, query: str, options: dict[str, Any], status: int, code: str
) -> None:
    with rig() as (port, store):
        with pytest.raises(InvalidStatus) as refused, opened(port, test, query, **options):
            pass
        assert refused.value.response.status_code == status
        assert json.loads(refused.value.response.body or b"")["code"] == code
        assert not store.finished


def test_ndt7_has_no_queue_but_says_when_to_come_back() -> None:
    with rig(tests_at_once=1) as (port, _), opened(port, "upload"):
        other = f"?access_token={TOKEN}b"
        with pytest.raises(InvalidStatus) as refused, opened(port, "upload", other):
            pass
    answer = refused.value.response
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= SECONDS + 10
    assert json.loads(answer.body or b"")["code"] == "too_many_waiting"


def test_the_token_may_be_in_a_header_and_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    header = {"Authorization": f"Bearer {TOKEN}a"}
    with caplog.at_level(logging.INFO), rig() as (port, store):
        with opened(port, "upload", "?client_name=x", additional_headers=header):
            pass
        with opened(port, "upload", f"?client_name=x&access_token={TOKEN}secret"):
            pass
        with pytest.raises(InvalidStatus), opened(port, "upload", "?access_token=forged-secret"):
            pass
        assert {done.permit.site_id for done in store.finished} <= {"a", "secret"}
    assert "/ndt/v7/upload?client_name=x" in caplog.text
    assert "secret" not in caplog.text


def test_what_is_unknown_is_absent_from_a_measurement() -> None:
    told = measurement("upload", elapsed_s=1.5, num_bytes=9, info=TcpInfo(rtt_us=61_000))
    assert told == {
        "AppInfo": {"ElapsedTime": 1_500_000, "NumBytes": 9},
        "Origin": "server",
        "Test": "upload",
        "TCPInfo": {"ElapsedTime": 1_500_000, "RTT": 61_000},
    }
    assert "TCPInfo" not in measurement("upload", elapsed_s=0.0, num_bytes=0)


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        (
            {"client": ("::1", 5), "server": ("10.0.0.1", 80)},
            {"Client": "[::1]:5", "Server": "10.0.0.1:80"},
        ),
        ({"client": None, "server": ("10.0.0.1", 80)}, None),
        ({}, None),
    ],
)
def test_both_ends_are_named_or_neither(scope: dict[str, Any], wanted: object) -> None:
    assert connection_info(scope).get("ConnectionInfo") == wanted
