"""A server on loopback that answers whatever a test wants, well or badly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

Handler = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[str]:
    """Yield ``http://127.0.0.1:port`` of a server that gives each request to a handler."""

    at_work: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        at_work.add(task)
        # cancelled only at the end, below; asyncio would report a task that ends by it
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            told = re.search(r"(?i)^content-length: *(\d+)", head, re.MULTILINE)
            body = await reader.readexactly(int(told[1]) if told else 0)
            await handle(head + body.decode("latin-1"), writer)
        writer.close()
        with suppress(ConnectionError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(writer.wait_closed(), 0.2)
        writer.transport.abort()
        at_work.discard(task)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(at_work):
            task.cancel()
        if at_work:
            await asyncio.wait(at_work, timeout=5.0)


def answer(
    body: bytes | str, *, status: str = "200 OK", headers: str = "", length: int | None = None
) -> Handler:
    """Return a handler that sends one answer."""
    raw = body.encode() if isinstance(body, str) else body

    async def handle(_: str, writer: asyncio.StreamWriter) -> None:
        told = len(raw) if length is None else length
        writer.write(
            f"HTTP/1.1 {status}\r\nContent-Length: {told}\r\nConnection: close\r\n{headers}\r\n"
            .encode() + raw
        )  # fmt: skip
        await writer.drain()

    return handle


def by_path(answers: dict[str, Handler], asked: list[str] | None = None) -> Handler:
    """Return a handler that answers by the path of a request and keeps each request's head."""

    async def handle(head: str, writer: asyncio.StreamWriter) -> None:
        if asked is not None:
            asked.append(head)
        path = head.split(" ")[1].partition("?")[0]
        await answers.get(path, answer("", status="404 Not Found"))(head, writer)

    return handle
