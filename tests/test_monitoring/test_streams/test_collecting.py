"""A media server may do what it likes: a failure with a code comes out, and memory is bounded."""

from __future__ import annotations

import asyncio
import json
import logging
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import Outcome, collect, read_pushed
from lensong.monitoring.streams.sample import CollectorFailure
from lensong.monitoring.streams.target import KINDS, CollectorTarget
from lensong.propagation.errors import InvalidInputError
from tests.test_monitoring.test_streams.rough_server import Handler, answer, serving
from tests.waiting import PATIENCE_S

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
OVER_HTTP = [kind for kind, schemes in KINDS.items() if "http" in schemes]
KEY = "live/5ecr3t-key"


def ask(kind: str, handle: Handler, *, timeout_s: float = 5.0) -> Outcome:
    async def once() -> Outcome:
        async with serving(handle) as url, GuardedClient(AllowList.of()) as http:
            if kind == "obs":
                url = url.replace("http", "ws")
            target = CollectorTarget(kind=kind, url=url, stream_key=KEY, secret="u:5ecr3t-w0rd")
            return await collect(target, http, now=lambda: NOW, timeout_s=timeout_s)

    return asyncio.run(once())


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, CollectorFailure), outcome
    assert outcome.at == NOW
    assert "5ecr3t" not in outcome.detail
    return outcome.code


@pytest.mark.parametrize("kind", [*OVER_HTTP, "obs"])
@pytest.mark.parametrize("status", ["500 Broken", "404 Not Found", "401 Unauthorized"])
def test_another_status_than_200(kind: str, status: str) -> None:
    wanted = {"500": "bad_status", "404": "not_found", "401": "refused"}[status[:3]]
    told = code(ask(kind, answer("5ecr3t", status=status)))
    assert told == (wanted if kind != "obs" else "bad_answer")


@pytest.mark.parametrize("kind", OVER_HTTP)
@pytest.mark.parametrize(
    "body",
    [
        "rubbish 5ecr3t",
        '{"5ecr3t": ',
        "<rtmp><server>5ecr3t",
        "[" * 100_000,
        '{"a":' * 50_000,
        b"\xff\xfe\x00\x00\x80",
        "[]",
        "{}x",
        '{"code": NaN}',
        '{"recv": {"bytes": 1e999}}',
        '{"code":' + "9" * 5000 + "}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_broken_answers(kind: str, body: bytes | str) -> None:
    assert code(ask(kind, answer(body))) in ("bad_answer", "wrong_type")


@pytest.mark.parametrize("kind", [*OVER_HTTP, "obs"])
def test_a_server_that_hangs(kind: str) -> None:
    async def hang(_: str, __: asyncio.StreamWriter) -> None:
        await asyncio.wait_for(asyncio.Event().wait(), 10.0 * PATIENCE_S)

    assert code(ask(kind, hang, timeout_s=0.3)) == "timeout"


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_server_that_drips(kind: str) -> None:
    """Each byte comes in time, the whole never does."""

    async def drip(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _byte in range(1_000):
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.01)

    assert code(ask(kind, drip, timeout_s=0.4)) == "timeout"


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_an_answer_of_ten_gigabytes(kind: str) -> None:
    sent = 0

    async def flood(_: str, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        # the length is not told, so only counting helps
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        chunk = b" " * 1_000_000
        for _part in range(10_000):
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)

    assert code(ask(kind, flood)) == "too_large"
    # the connection was closed, not drained: what was not taken is held by nobody
    assert sent < 100_000_000


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_length_of_ten_gigabytes_is_not_awaited(kind: str) -> None:
    assert code(ask(kind, answer("x", length=10 * 2**30), timeout_s=2.0)) == "too_large"


@pytest.mark.parametrize("kind", OVER_HTTP)
def test_a_compressed_bomb(kind: str) -> None:
    bomb = zlib.compress(b" " * 50_000_000, 9)
    told = code(ask(kind, answer(bomb, headers="Content-Encoding: deflate\r\n")))
    assert told == "bad_answer"


@pytest.mark.parametrize("kind", [*OVER_HTTP, "obs"])
@pytest.mark.parametrize(
    "raw", [b"", b"SSH-2.0-OpenSSH_9\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000]
)
def test_something_that_is_no_http(kind: str, raw: bytes) -> None:
    async def speak(_: str, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()

    assert code(ask(kind, speak)) in ("bad_answer", "unreachable")


@pytest.mark.parametrize("kind", [*OVER_HTTP, "obs"])
def test_nobody_listens(kind: str) -> None:
    async def once() -> Outcome:
        scheme = "ws" if kind == "obs" else "http"
        async with GuardedClient(AllowList.of()) as http:
            target = CollectorTarget(kind=kind, url=f"{scheme}://127.0.0.1:1/")
            return await collect(target, http, now=lambda: NOW)

    assert code(asyncio.run(once())) == "unreachable"


def test_the_end_of_a_connection_in_mid_answer() -> None:
    assert code(ask("srs", answer('{"code":0', length=5_000))) == "bad_answer"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("srs", {"code": 0, "streams": "many"}),
        ("srs", {"code": "0x", "streams": []}),
        ("srs", {"code": 0, "streams": [7]}),
        ("srs", {"code": 0, "streams": [{"name": ["5ecr3t-key"]}]}),
        ("srs", {"code": 0, "streams": [{"name": "5ecr3t-key", "app": "live",
                 "publish": {"active": True}, "recv_bytes": -5}]}),
        ("srs", {"code": 0, "streams": [{"name": "5ecr3t-key", "app": "live",
                 "publish": {"active": True}, "recv_bytes": 1.5}]}),
        ("mediamtx", {"items": {"name": "x"}}),
        ("mediamtx", {"items": [{"name": KEY, "ready": True, "source": "5ecr3t"}]}),
        ("mediamtx", {"items": [{"name": KEY, "ready": "yes", "source": {}}]}),
        ("mediamtx", {"items": [{"name": KEY, "ready": True, "source": {"id": "a"},
                      "bytesReceived": "5ecr3t"}]}),
        ("srt", {"sid": 1, "recv": [1]}),
        ("srt", {"sid": 1, "link": {"rtt": "5ecr3t"}}),
        ("srt", {"sid": 1, "timepoint": "5ecr3t"}),
    ],
    ids=str,
)  # fmt: skip
def test_fields_of_the_wrong_type(kind: str, body: object) -> None:
    assert code(ask(kind, answer(json.dumps(body)))) == "wrong_type"


def test_no_key_and_no_password_reaches_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for kind in OVER_HTTP:
        ask(kind, answer('{"code":0,"itemCount":0,"items":[],"streams":[]}'))
    assert caplog.records  # httpx does log each request
    assert "5ecr3t" not in caplog.text


def test_what_is_sent_to_us_is_not_polled() -> None:
    async def once() -> Outcome:
        async with GuardedClient(AllowList.of()) as http:
            return await collect(CollectorTarget(kind="ffmpeg"), http, now=lambda: NOW)

    assert code(asyncio.run(once())) == "not_polled"


def test_pushed_figures_of_an_unknown_kind_are_an_error() -> None:
    with pytest.raises(InvalidInputError, match="wanted srt or ffmpeg"):
        read_pushed("obs", "", at=NOW)


@given(st.sampled_from(["srt", "ffmpeg"]), st.one_of(st.text(), st.text('{}[]":=1e-\nprogsn,')))
def test_no_pushed_text_is_an_exception(kind: str, text: str) -> None:
    outcome = read_pushed(kind, text, at=NOW)
    assert isinstance(outcome, list | CollectorFailure)
