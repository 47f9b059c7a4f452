"""A running service of a test, reachable over a socket of loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from lensong.monitoring.uplink.transport import MeteredWebSocketProtocol


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Yield the address of an app whose lifespan is already running, served in this loop."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            lifespan="off",
            access_log=False,
            log_config=None,  # uvicorn would set up logging for the whole process
            ws=MeteredWebSocketProtocol,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=2,
        )
    )
    task = asyncio.create_task(server._serve())
    try:
        while not server.started:
            if task.done():
                task.result()
            await asyncio.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        await task
