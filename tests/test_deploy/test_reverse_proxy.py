"""The shipped nginx configuration in a real nginx, in front of a small application."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import StreamingResponse
from websockets.sync.client import connect

from lensong.monitoring.web.middleware import Guard
from tests.ports import free_port
from tests.test_deploy.programs import DEPLOY, program, served
from tests.waiting import PATIENCE_S, wait_until

pytestmark = pytest.mark.skipif(
    which("nginx") is None or which("openssl") is None,
    reason="nginx or openssl is not installed",
)

NAME = "lensong.example.org"
NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/lensong.conf;
}}
"""


@dataclass
class Proxy:
    plain: str
    port: int
    context: ssl.SSLContext

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=f"https://127.0.0.1:{self.port}", verify=self.context)


def certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "1", "-subj", f"/CN={NAME}",
         "-addext", f"subjectAltName=DNS:{NAME},IP:127.0.0.1",
         "-keyout", "privkey.pem", "-out", "fullchain.pem"],
        cwd=folder, check=True, capture_output=True, timeout=PATIENCE_S,
    )  # fmt: skip


def configured(folder: Path, *, service: int, http: int, https: int) -> Path:
    """Write the shipped file with other places, and a frame to stand in."""
    certificate(folder)
    text = (DEPLOY / "reverse-proxy" / "nginx.conf").read_text("utf-8")
    lines = [line for line in text.splitlines() if "listen [::]" not in line]  # not everywhere
    text = "\n".join(lines)
    for old, new in (
        ("127.0.0.1:8790", f"127.0.0.1:{service}"),
        ("listen 80;", f"listen 127.0.0.1:{http};"),
        ("listen 443 ", f"listen 127.0.0.1:{https} "),
        ("/etc/ssl/lensong/", f"{folder}/"),
        ("/var/log/nginx/", f"{folder}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "lensong.conf").write_text(text + "\n")
    path = folder / "nginx.conf"
    user = "user root;\n" if os.geteuid() == 0 else ""  # the folder of a test is its owner's alone
    path.write_text(user + NGINX.format(folder=folder))
    return path


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/-/ready")
    @app.get("/metrics")
    @app.get("/api/v1/sd/prometheus")
    async def ready() -> str:
        return "ready"

    @app.get("/seen")
    async def seen(request: Request) -> dict[str, str]:
        return dict(request.headers)

    @app.post("/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def forever() -> AsyncIterator[bytes]:
            yield b"data: first\n\n"
            await asyncio.Event().wait()  # a proxy that gathers would wait with it

        return StreamingResponse(forever(), media_type="text/event-stream")

    @app.websocket("/ndt/v7/upload")
    async def upload(socket: WebSocket) -> None:
        await socket.accept(subprotocol="net.measurementlab.ndt.v7")
        received = len(await socket.receive_bytes())
        await socket.send_text(str(received))
        await socket.close()

    return app


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    service, http, https = free_port(), free_port(), free_port()
    config = configured(tmp_path, service=service, http=http, https=https)
    context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    plain = f"http://127.0.0.1:{http}"
    with (
        served(application(), service),
        program(["nginx", "-c", str(config), "-p", str(tmp_path)], tmp_path, plain, status=301),
    ):
        yield Proxy(plain, https, context)


def test_the_log_holds_no_secret_of_a_link_or_a_test(proxy: Proxy, tmp_path: Path) -> None:
    with proxy.client() as client:
        for path in ("/p/S3cretLink", "/welcome/S3cretLink", "/seen?access_token=S3cretToken"):
            client.get(path)
    log = tmp_path / "lensong.log"
    # nginx writes after it has answered
    wait_until(lambda: len(log.read_text().splitlines()) >= 3, "three lines of the log")
    written = log.read_text()
    assert "/p/-" in written
    assert "GET /seen" in written
    assert "S3cret" not in written


def test_nginx_finds_the_configuration_right(tmp_path: Path) -> None:
    config = configured(tmp_path, service=8790, http=free_port(), https=free_port())
    done = subprocess.run(["nginx", "-t", "-c", str(config), "-p", str(tmp_path)], text=True,
                          capture_output=True, check=False, timeout=PATIENCE_S)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_plain_requests_are_sent_to_tls(proxy: Proxy) -> None:
    answer = httpx.get(f"{proxy.plain}/sites/binh-lu?a=1", headers={"Host": NAME})
    assert answer.status_code == 301
    assert answer.headers["location"] == f"https://{NAME}/sites/binh-lu?a=1"


def test_the_service_learns_who_asks_and_a_client_cannot_forge_it(proxy: Proxy) -> None:
    with proxy.client() as client:
        answer = client.get("/seen", headers={"Host": NAME, "X-Forwarded-For": "203.0.113.9"})
    assert answer.json()["x-forwarded-for"] == "127.0.0.1"
    assert answer.json()["x-forwarded-proto"] == "https"
    assert answer.json()["host"] == NAME
    assert answer.headers["strict-transport-security"] == "max-age=31536000"
    assert "/" not in answer.headers["server"]


def test_an_uplink_test_passes_as_a_websocket(proxy: Proxy) -> None:
    with connect(
        f"wss://127.0.0.1:{proxy.port}/ndt/v7/upload",
        ssl=proxy.context,
        subprotocols=["net.measurementlab.ndt.v7"],  # type: ignore[list-item]  # a NewType of str
        max_size=None,
    ) as socket:
        socket.send(b"\x5a" * 8_000_000)  # more than any request body may have
        assert socket.recv(timeout=PATIENCE_S) == "8000000"


def test_events_arrive_as_they_happen(proxy: Proxy) -> None:
    with proxy.client() as client, client.stream("GET", "/events") as answer:
        assert next(answer.iter_bytes()).startswith(b"data: first")


def test_a_body_that_is_too_large_is_refused_before_the_service_sees_it(proxy: Proxy) -> None:
    with proxy.client() as client:
        assert client.post("/size", content=b"a" * 1_000_000).json() == 1_000_000
        assert client.post("/size", content=b"a" * 2_000_000).status_code == 413


def bytes_in_open_files(pid_file: Path, folder: Path) -> int:
    """Return the size of the files in a folder that nginx has open; it unlinks them at once."""
    pid = pid_file.read_text().strip()
    size = 0
    for worker in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        for opened in Path(f"/proc/{worker}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed since
                if str(opened.readlink()).startswith(str(folder)):
                    size += opened.stat().st_size
    return size


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is no /proc to look into")
def test_half_sent_bodies_are_held_by_nginx_and_not_by_the_service(tmp_path: Path) -> None:
    """The application's own guard counts what it holds, as in the service."""
    service, http, https = free_port(), free_port(), free_port()
    config = configured(tmp_path, service=service, http=http, https=https)
    context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    plain = f"http://127.0.0.1:{http}"
    finished: list[int] = []
    guard = Guard(
        application(),
        body_bytes=1_000_000,
        body_seconds=PATIENCE_S,
        count=lambda _route, _method, status, _took_s: finished.append(status),
    )
    held: list[int] = []

    async def looked_at(scope: Any, receive: Any, send: Any) -> None:
        async def taken() -> Any:
            message = await receive()
            if message["type"] == "http.request":
                held.append(len(message.get("body", b"")))
            return message

        await guard(scope, taken, send)

    body, sent, senders = bytes(400_000), 300_000, 20
    head = f"POST /size HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {len(body)}\r\n\r\n"

    def taken_in() -> bool:
        """Return whether all that was sent is somewhere: in files of nginx, or in the service."""
        in_files = bytes_in_open_files(tmp_path / "nginx.pid", tmp_path / "body")
        return in_files + sum(held) >= senders * (sent - 16_384)  # a buffer of nginx is no file yet

    with (
        served(looked_at, service),
        program(["nginx", "-c", str(config), "-p", str(tmp_path)], tmp_path, plain, status=301),
        ExitStack() as open_sockets,
    ):
        sockets = []
        for _ in range(senders):
            raw = socket.create_connection(("127.0.0.1", https), timeout=PATIENCE_S)
            half = open_sockets.enter_context(context.wrap_socket(raw, server_hostname=NAME))
            half.sendall(head.encode() + body[:sent])
            sockets.append(half)
        wait_until(taken_in, "all bytes that were sent")
        assert held == []
        assert guard.held_bytes == 0
        for half in sockets:
            half.sendall(body[sent:])
            assert half.recv(100).startswith(b"HTTP/1.1 200")
        assert sum(held) == senders * len(body)
        wait_until(lambda: finished == [200] * senders, "the ends of all requests")
        assert guard.held_bytes == 0


def test_prometheus_may_scrape_from_this_machine(proxy: Proxy) -> None:
    with proxy.client() as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/api/v1/sd/prometheus").status_code == 200


def test_nobody_scrapes_from_elsewhere(tmp_path: Path) -> None:
    """The same file, in which this machine is none of those that may."""
    service, http, https = free_port(), free_port(), free_port()
    config = configured(tmp_path, service=service, http=http, https=https)
    inner = tmp_path / "lensong.conf"
    inner.write_text(inner.read_text().replace("allow 127.0.0.1;", ""))
    context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    plain = f"http://127.0.0.1:{http}"
    with (
        served(application(), service),
        program(["nginx", "-c", str(config), "-p", str(tmp_path)], tmp_path, plain, status=301),
        httpx.Client(base_url=f"https://127.0.0.1:{https}", verify=context) as client,
    ):
        assert client.get("/metrics").status_code == 403
        assert client.get("/probe").status_code == 403
        assert client.get("/api/v1/sd/prometheus").status_code == 403
        assert client.get("/-/ready").status_code == 200
