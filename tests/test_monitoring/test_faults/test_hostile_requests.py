"""What no honest client sends, over real sockets: refused in words, and the service goes on."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from lensong.monitoring.web.middleware import Guard
from tests.reporting_clients import report_body, report_request
from tests.service_process import Population, ServiceProcess, populated, service_process
from tests.waiting import PATIENCE_S, wait_until

BODY_S, HEAD_S = 0.7, 0.7


@dataclass
class Target:
    """A service, and a site of it with its token."""

    service: ServiceProcess
    there: Population
    site_id: str
    token: str

    def head(self, method: str, path: str, *headers: str) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {self.token}",
            *headers,
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"

    def post(self, body: bytes, *headers: str, path: str | None = None) -> bytes:
        told = headers or (f"Content-Length: {len(body)}",)
        at = path or f"/api/v1/sites/{self.site_id}/measurements"
        return self.head("POST", at, "Content-Type: application/json", *told) + body

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.service.port), timeout=PATIENCE_S)

    def ask(self, data: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and document of the answer; 0 where the connection just ended."""
        with self.connect() as connection:
            with contextlib.suppress(
                OSError
            ):  # refused before it was all sent: the answer is there
                connection.sendall(data)
            return answer_of(connection)


def answer_of(connection: socket.socket) -> tuple[int, dict[str, Any]]:
    received = b""
    while b"\r\n\r\n" not in received:
        try:
            part = connection.recv(65_536)
        except OSError:
            part = b""
        if not part:
            return 0, {}
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line)
    while len(body) < int(fields.get(b"content-length", b"0")):
        part = connection.recv(65_536)
        if not part:
            break
        body += part
    is_json = b"json" in fields.get(b"content-type", b"") and body
    return int(head[9:12]), json.loads(body) if is_json else {}


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("hostile")
    db = f"sqlite:///{folder / 'lensong.db'}"
    there = populated(db, 3)
    site_id, token = next(iter(there.tokens.items()))
    limits = {"body_seconds": BODY_S, "head_seconds": HEAD_S}
    with service_process(folder, db, limits=limits) as service:
        aimed = Target(service, there, site_id, token)
        assert aimed.ask(report_request(site_id, token, report_body(0)))[0] == 201
        before = service.open_connections()
        yield aimed
        assert aimed.ask(report_request(site_id, token, report_body(1)))[0] == 201
        assert service.get("/-/ready")[0] == 200
        assert "Traceback" not in service.log()
        wait_until(lambda: service.open_connections() <= before, "the end of all connections")


def is_problem(answer: tuple[int, dict[str, Any]], status: int, code: str) -> bool:
    return (answer[0], answer[1].get("code"), answer[1].get("status")) == (status, code, status)


# --- bodies that are too large, too slow, or bombs ------------------------------------------------


def test_a_body_that_is_declared_too_large_is_not_read(target: Target) -> None:
    answer = target.ask(target.post(b"", "Content-Length: 100000000000"))
    assert is_problem(answer, 413, "too_large")


@pytest.mark.parametrize("end", [b"0\r\n\r\n", b""])
def test_a_body_in_chunks_is_cut_off_when_it_is_too_large(target: Target, end: bytes) -> None:
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    sent = target.post(chunk * 40 + end, "Transfer-Encoding: chunked")
    assert is_problem(target.ask(sent), 413, "too_large")


def test_who_sends_on_hears_the_refusal_all_the_same(target: Target) -> None:
    sent = target.post(b" " * 3_000_000)
    assert is_problem(target.ask(sent), 413, "too_large")


def test_who_asks_first_does_not_have_to_send(target: Target) -> None:
    answer = target.ask(target.post(b"", "Content-Length: 3000000", "Expect: 100-continue"))
    assert is_problem(answer, 413, "too_large")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "GZIP"])
def test_compressed_bodies_are_not_unpacked(target: Target, encoding: str) -> None:
    bomb = gzip.compress(b" " * 10_000_000) if "gzip" in encoding else zlib.compress(b" " * 9_999)
    answer = target.ask(
        target.post(bomb, f"Content-Encoding: {encoding}", f"Content-Length: {len(bomb)}")
    )
    assert is_problem(answer, 415, "unsupported_media_type")


def test_a_body_that_drips_is_given_up(target: Target) -> None:
    with target.connect() as connection:
        connection.sendall(target.post(b"{", "Content-Length: 5000"))
        for _ in range(100):
            try:
                connection.sendall(b" ")
            except OSError:
                break
            time.sleep(BODY_S / 20)  # this is how slow it is
            connection.setblocking(False)
            try:
                if connection.recv(1, socket.MSG_PEEK):
                    break
            except BlockingIOError:
                pass
            finally:
                connection.settimeout(PATIENCE_S)
        assert is_problem(answer_of(connection), 408, "request_timeout")


def test_many_half_sent_bodies_are_all_answered(target: Target) -> None:
    request = target.post(b" " * 1_000_000, "Content-Length: 1000001")
    connections = [target.connect() for _ in range(250)]
    for connection in connections:
        with contextlib.suppress(OSError):
            connection.sendall(request)
    answers = [answer_of(connection) for connection in connections]
    for connection in connections:
        connection.close()
    assert {answer[0] for answer in answers} <= {408, 503, 0}


@pytest.mark.anyio
async def test_no_more_is_held_of_half_sent_bodies_than_allowed() -> None:
    allowed_bytes = 67_108_864
    part, parts, senders = b" " * 65_536, 15, 250
    most_bytes, waiting, refused = 0, 0, []
    all_sent = asyncio.Event()

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal most_bytes
        try:
            while (await receive())["type"] == "http.request":
                most_bytes = max(most_bytes, guard.held_bytes)
        except HTTPException as error:
            start = {"type": "http.response.start", "status": error.status_code, "headers": []}
            await send(start)
            await send({"type": "http.response.body", "body": b""})

    guard = Guard(app, body_bytes=1_048_576, body_seconds=3_600.0, count=lambda *_told: None)

    async def sender() -> None:
        left = parts

        async def receive() -> Message:
            nonlocal left, waiting
            if left > 0:
                left -= 1
                await asyncio.sleep(0)  # as many others send
                return {"type": "http.request", "body": part, "more_body": True}
            waiting += 1  # the rest does not come
            await all_sent.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                refused.append(message["status"])

        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b""}
        # who is refused need not be listened to
        await guard(scope | {"headers": [(b"expect", b"100-continue")]}, receive, send)

    async def end_of_sending() -> None:
        while waiting + len(refused) < senders:
            await asyncio.sleep(0)
        assert guard.held_bytes == waiting * parts * len(part)
        all_sent.set()

    await asyncio.gather(end_of_sending(), *(sender() for _ in range(senders)))
    assert 0 < most_bytes <= allowed_bytes
    assert waiting == allowed_bytes // (parts * len(part)) == senders - len(refused)
    assert set(refused) == {503}
    assert guard.held_bytes == 0


# --- heads ----------------------------------------------------------------------------------------


def test_a_head_that_drips_is_given_up(target: Target) -> None:
    for begin in (b"", b"GET / HTTP/1.1\r\nHost: h\r\nX: ", b"\r\n"):
        with target.connect() as connection:
            connection.sendall(begin)
            assert is_problem(answer_of(connection), 408, "request_timeout"), begin


def test_a_second_request_may_drip_no_more_than_the_first(target: Target) -> None:
    with target.connect() as connection:
        connection.sendall(target.head("GET", "/-/healthy"))
        assert answer_of(connection)[0] == 200
        connection.sendall(b"GET /-/heal")
        assert is_problem(answer_of(connection), 408, "request_timeout")


def test_a_head_without_end_is_cut_off(target: Target) -> None:
    with target.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n")
        try:
            for number in range(30_000):  # more than the kernel holds for a busy service
                connection.sendall(b"X-%d: %s\r\n" % (number, b"a" * 1_000))
        except OSError:
            pass
        else:
            pytest.fail("30 MB of headers were taken")
        with contextlib.suppress(OSError):  # a reset may overtake the answer
            assert answer_of(connection)[0] in (431, 0)


@pytest.mark.parametrize(
    "head",
    [
        ("GET", "/-/healthy", "X: " + "a" * 40_000),
        ("GET", "/-/healthy", *(f"X-{n}: {'a' * 400}" for n in range(100))),
        ("GET", "/-/healthy?" + "a" * 40_000),
        ("GET", "/" + "a" * 40_000),
    ],
)
def test_a_long_head_is_refused(target: Target, head: tuple[str, ...]) -> None:
    assert is_problem(target.ask(target.head(head[0], head[1], *head[2:])), 431, "head_too_large")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX: a\rSet-Cookie: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nX\x01: a\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),  # TLS says hello
        b"\x00" * 100,
    ],
)
def test_what_is_no_http_is_refused(target: Target, raw: bytes) -> None:
    assert target.ask(raw)[0] in (400, 0)


@pytest.mark.parametrize(
    "header",
    [
        "Accept-Language: \xff\xfe, ;q=9e999, vi;q=nan",
        "Cookie: lensong_session=\xff; =; ;;; lensong_language=\r\x01"[:40],
        "Idempotency-Key: " + "\xe1" * 199,
        "If-None-Match: W/\"' OR 1=1",
        "Last-Event-ID: 99999999999999999999",
        "Origin: http://[::1",
        "X-Forwarded-For: 1.2.3.4, \xff",
        "Accept: " + "*/*;q=0.1," * 500,
        "Range: bytes=0-18446744073709551615",
        "Expect: the-unexpected",
    ],
)
def test_strange_headers_break_nothing(target: Target, header: str) -> None:
    for method, path in (("GET", "/api/v1/me"), ("GET", "/metrics"), ("GET", "/api/v1/sites")):
        status, _ = target.ask(target.head(method, path, header, "Connection: close"))
        assert status in (200, 400, 401, 403), (path, header)


def test_a_forwarded_address_is_not_believed_without_a_proxy(target: Target) -> None:
    statuses = set()
    guess = json.dumps({"person_id": "admin", "password": "one two three"}).encode()
    for number in range(14):
        request = target.post(
            guess,
            f"Content-Length: {len(guess)}",
            f"X-Forwarded-For: 10.0.0.{number}",
            path="/api/v1/sign-in",
        )
        statuses.add(target.ask(request)[0])
    assert statuses == {401, 429}


# --- bodies that are read ------------------------------------------------------------------------


def body(**changes: Any) -> bytes:
    whole = json.loads(report_body(77))
    whole["measurements"][0] |= changes.pop("measurement", {})
    return json.dumps(whole | changes).encode()


@pytest.mark.parametrize(
    "sent",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"{",
        b"",
        b"\xff\xfe{\x00}\x00",
        b'{"client_id": "\xc3\x28"}',
        b"9" * 5_000,
    ],
)
@pytest.mark.slow
def test_what_is_no_json_is_refused(target: Target, sent: bytes) -> None:
    status, problem = target.ask(target.post(sent))
    assert (status, problem["code"]) in ((400, "bad_request"), (422, "invalid"))


@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("uplink_p10_bps", "NaN"),
        ("uplink_p10_bps", "Infinity"),
        ("rtt_idle_ms", "-Infinity"),
        ("uplink_p10_bps", "1e999"),
        ("uplink_p10_bps", "-1"),
        ("uplink_p10_bps", "9" * 400),
        ("loss_ratio", "1.0000001"),
        ("seq", "9" * 400),
        ("seq", "9007199254740993"),
        ("seq", "-1"),
        ("seq", "1.5"),
        ("seq", '"x"'),
        ("sent_bytes", "18446744073709551616"),
        ("duration_s", "1e300"),
        ("uplink_bins_bps", "[NaN]"),
        ("uplink_bins_bps", "[" + ",".join(["1"] * 301) + "]"),
        ("uplink_bins_bps", "{}"),
        ("started_at", '"0001-01-01T00:00:00+14:00"'),
        ("started_at", '"9999-12-31T23:59:59-12:00"'),
        ("started_at", "1e300"),
        ("started_at", '"2026-11-28T01:00:00"'),
        ("operator", '"\\u0000"'),
        ("operator", '"a\\nlensong_up 1"'),
        ("operator", '"\\ud800"'),
        ("technology", '"4G\\n"'),
        ("no_such_key", "1"),
    ],
)
def test_values_that_cannot_be_are_refused(target: Target, name: str, literal: str) -> None:
    whole = json.loads(report_body(78))
    whole["measurements"][0][name] = "HERE"
    sent = json.dumps(whole).replace('"HERE"', literal).encode()
    assert is_problem(target.ask(target.post(sent)), 422, "invalid")


@pytest.mark.parametrize(
    "sent_at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2099-01-01T00:00:00Z"]
)
def test_a_clock_out_of_this_world_is_refused(target: Target, sent_at: str) -> None:
    status, problem = target.ask(target.post(body(sent_at=sent_at)))
    assert (status, problem["code"]) == (422, "invalid")


def test_of_a_key_that_comes_twice_the_last_counts(target: Target) -> None:
    twice = report_body(90).replace(b'"seq": 90', b'"seq": 4, "seq": 91')
    status, answer = target.ask(target.post(twice))
    assert status == 201
    assert answer[0]["seq"] == 91  # type: ignore[index]  # a list


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/sites/..%2f..%2f..%2fetc%2fpasswd",
        "/api/v1/sites/%00",
        "/api/v1/sites/%ff%fe",
        "/api/v1/sites/binh-lu%0d%0aSet-Cookie:a=b",
        "/api/v1/sites/../../../etc/passwd",
        "/api/v1/sites/{site}/tests/..%2f..%2fsecret",
        "/api/v1/sites/{site}/tests/%00",
        "/static/..%2f..%2f..%2fpyproject.toml",
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/p/..%2f..%2f",
    ],
)
def test_no_path_leads_anywhere_else(target: Target, path: str) -> None:
    status, _ = target.ask(target.head("GET", path.replace("{site}", target.site_id)))
    assert status in (404, 422, 405)


@pytest.mark.parametrize(
    "query",
    [
        "start=9999-12-31T23:59:59Z&duration=86400&profile=voice-still",
        "start=0001-01-01T00:00:00%2B14:00&profile=voice-still",
        "profile=voice-still&duration=nan",
        "profile=voice-still&duration=inf",
        "profile=voice-still&duration=1e400",
        "profile=%00",
        "profile=voice-still&operator=%00",
    ],
)
def test_queries_that_cannot_be_are_refused(target: Target, query: str) -> None:
    path = f"/api/v1/sites/{target.site_id}/readiness?{query}"
    status, problem = target.ask(target.head("GET", path))
    assert status in (404, 422), problem


def test_another_sites_token_is_of_no_use(target: Target) -> None:
    other = next(site for site in target.there.tokens if site != target.site_id)
    status, problem = target.ask(report_request(other, target.token, report_body(0)))
    assert (status, problem["code"]) == (404, "not_found")


def test_a_method_that_there_is_not_is_refused(target: Target) -> None:
    for method in ("TRACE", "DELETE", "PROPFIND", "CONNECT"):
        assert target.ask(target.head(method, "/-/healthy"))[0] in (400, 404, 405)
