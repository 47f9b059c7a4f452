"""Pages and lists travel compressed; a stream of events does not wait for more to compress."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from lensong.monitoring.config import load_config
from lensong.propagation.errors import ConfigError
from tests.running_service import Running

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/", "/sites", "/admin", "/places", "/api/v1/export/sites.csv"])
async def test_what_is_long_travels_compressed(light: Running, path: str) -> None:
    admin = await light.signed_in("admin")
    packed = await admin.get(path, headers={"Accept-Encoding": "gzip", "Accept": "text/html"})
    plain = await admin.get(path, headers={"Accept-Encoding": "identity", "Accept": "text/html"})
    assert packed.status_code == plain.status_code == 200
    if len(plain.content) < 1_400:
        assert "content-encoding" not in packed.headers
        return
    assert packed.headers["content-encoding"] == "gzip"
    assert "accept-encoding" in packed.headers["vary"].lower()
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert "content-encoding" not in plain.headers


async def test_events_come_one_by_one_and_uncompressed(light: Running) -> None:
    admin = await light.signed_in("admin")
    heard: asyncio.Queue[Any] = asyncio.Queue()
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        await heard.put(message)

    cookie = "; ".join(f"{name}={value}" for name, value in admin.cookies.items())
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/api/v1/events",
        "raw_path": b"/api/v1/events",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1:8790"),
            (b"accept-encoding", b"gzip"),
            (b"cookie", cookie.encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8790),
    }
    serving = asyncio.create_task(light.app(scope, receive, send))
    start = await asyncio.wait_for(heard.get(), 20)
    assert start["status"] == 200
    assert not [name for name, _ in start["headers"] if name.lower() == b"content-encoding"]
    first = await asyncio.wait_for(heard.get(), 20)
    assert first["more_body"]
    gone.set()
    light.service.bus.close()
    await asyncio.wait_for(serving, 20)


@pytest.mark.parametrize(
    "url",
    [
        "https://host.example/a b",
        "https://h/a/../b",
        "https://h/a//b",
        "host.example",
        "https://h/?a=1",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="public_url"):
        load_config(None, public_url=url)


def test_an_address_with_a_port_or_a_slash_is_fine() -> None:
    assert load_config(None, public_url="https://live.example:8443/").public_url == (
        "https://live.example:8443"
    )
