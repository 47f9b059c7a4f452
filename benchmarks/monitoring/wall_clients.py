"""Walls that hang, in a process of their own: each does what `live.js` does in a browser.

    python -m benchmarks.monitoring.wall_clients   (started by `benchmarks.monitoring.walls`)

A job comes as a line of JSON on stdin. Each line after it is answered with what was seen since the
one before; the walls are taken down when stdin ends.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.reporting_clients import connected

_EVENTS, _PART = "/api/v1/events?only=changes", "/wall"
_AFTER_S, _SPREAD_S, _EVERY_S = 0.6, 1.4, 10.0
"""As `wall_part.html` tells the page."""


@dataclass
class Seen:
    """What the walls saw."""

    pages: Counter[str] = field(default_factory=Counter)
    page_bytes: int = 0
    events: int = 0
    broken: int = 0


def _head(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/html, text/event-stream"]
    lines += ["Accept-Encoding: gzip"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class _Walls:
    def __init__(self, job: dict[str, Any]) -> None:
        self.url, self.headers = str(job["url"]), dict(job["headers"])
        self.walls, self.within_s = int(job["walls"]), float(job["within_s"])
        self.seen = Seen()

    async def hang(self) -> None:
        """Open the walls, one after the other within a time, and keep them."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self.walls):
                tasks.create_task(self._wall(self.within_s * number / max(1, self.walls)))

    async def _wall(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        due = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(due))
                tasks.create_task(self._show(due))
        except* OSError:
            self.seen.broken += 1

    async def _listen(self, due: asyncio.Event) -> None:
        address = urlsplit(self.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        try:
            writer.write(_head(_EVENTS, self.headers))
            if b" 200 " not in await reader.readline():
                raise ConnectionError("the stream of events was refused")
            while line := await reader.readline():
                if line.startswith(b"event:"):
                    self.seen.events += 1
                    due.set()
        finally:
            writer.close()

    async def _show(self, due: asyncio.Event) -> None:
        connection = await connected(self.url)
        request = _head("/", self.headers)
        while True:
            due.clear()
            status, _, page = await connection.ask(request)
            self.seen.pages[str(status)] += 1
            self.seen.page_bytes += len(page)
            request = _head(_PART, self.headers)
            with suppress(TimeoutError):
                await asyncio.wait_for(due.wait(), _EVERY_S)
                await asyncio.sleep(_AFTER_S + random.uniform(0.0, _SPREAD_S))


async def _main() -> None:
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    walls = _Walls(json.loads(await lines.readline()))
    hanging = asyncio.create_task(walls.hang())
    while await lines.readline():
        seen, walls.seen = walls.seen, Seen()
        print(json.dumps(vars(seen)), flush=True)
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)


@dataclass
class WallProcess:
    """Walls that hang until the block ends."""

    process: subprocess.Popen[str]

    def seen(self) -> Seen:
        """Return what they saw since they were asked before."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found = json.loads(self.process.stdout.readline())
        return Seen(**{**found, "pages": Counter(found["pages"])})


@contextmanager
def hanging_walls(
    url: str, headers: dict[str, str], walls: int, within_s: float
) -> Iterator[WallProcess]:
    """Yield walls that open, one after the other, within a time from now."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.monitoring.wall_clients"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    try:
        job = {"url": url, "headers": headers, "walls": walls, "within_s": within_s}
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        yield WallProcess(process)
    finally:
        process.stdin.close()
        try:
            process.wait(20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    asyncio.run(_main())
