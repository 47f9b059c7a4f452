"""What holds for every request: limits of the body, security headers, counting, draining.

Plain ASGI, because Starlette's BaseHTTPMiddleware would buffer streams of events.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import time
from collections.abc import Callable, Mapping

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lensong.monitoring.messages import preferred_language
from lensong.monitoring.web.addresses import path_within
from lensong.monitoring.web.problem_document import MEDIA_TYPE, problem_document

__all__ = ["Guard", "UnderPath", "content_security_policy"]

_LOG = logging.getLogger("lensong.requests")

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",  # addresses of join links hold a secret
    b"x-frame-options": b"DENY",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), payment=()",
    b"cache-control": b"private, no-store",  # what says nothing of it, whatever its kind
}


def content_security_policy(host: str = "") -> str:
    """Return a policy that lets a page load from this service alone.

    Parameters
    ----------
    host : str
        The page's own, by which WebSockets are named: not all browsers count them to ``'self'``.
    """
    sockets = f" ws://{host} wss://{host}" if host else ""
    return (
        "default-src 'self'; script-src 'self'; style-src 'self' "
        f"'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'{sockets}; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


_PLAIN_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")

_HEAD_BYTES = 32_768
_BODIES_BYTES = 67_108_864
"""Of all bodies that wait for their rest; one read of a socket comes on top, for each sender."""

_DISCARDED_BYTES = 8_388_608


def _host(scope: Scope) -> str:
    """Return the host that was asked for, empty where it is no plain one."""
    given = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    return given if _PLAIN_HOST.fullmatch(given) else ""


class UnderPath:
    """Serves an app under a path, whether a proxy in front leaves that away or not.

    Parameters
    ----------
    root : str
        Like ``/live``; inside, every path begins with it.
    """

    def __init__(self, app: ASGIApp, *, root: str) -> None:
        self._app, self._root = app, root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] in ("http", "websocket"):
            path: str = scope["path"]
            if path == self._root:
                path += "/"
            elif not path.startswith(f"{self._root}/"):
                path = self._root + path
            scope = dict(scope) | {"path": path, "root_path": self._root}
        await self._app(scope, receive, send)


class _RefusedError(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        self.status, self.code, self.detail = status, code, detail
        super().__init__(detail)


class Guard:
    """Wraps the app.

    Parameters
    ----------
    body_bytes, body_seconds
        The most that a body may hold, and how long it may take to arrive.
    larger_bodies : mapping
        The most that a body to a path may hold, where that is more; paths are regular expressions.
    count : callable
        Takes route, method, status and duration [s] of every request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_bytes: int,
        body_seconds: float,
        count: Callable[[str, str, int, float], None],
        larger_bodies: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        larger = (larger_bodies or {}).items()
        self._larger = tuple((re.compile(path), most_bytes) for path, most_bytes in larger)
        self.body_bytes, self.body_seconds, self._count = body_bytes, body_seconds, count
        self.held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request within the limits."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        body = _Body(self, scope, receive)
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if status >= 400:
                    await body.discard()
                given = dict(message["headers"])
                added = [item for item in _HEADERS.items() if item[0] not in given]
                if given.get(b"content-type", b"").startswith(b"text/html"):
                    policy = content_security_policy(_host(scope))
                    added.append((b"content-security-policy", policy.encode()))
                message["headers"] = [*message["headers"], *added]
            await send(message)

        try:
            self._check_head(scope)
            await self._app(scope, body.receive, sending)
        except _RefusedError as refused:
            await _send_problem(scope, sending, refused)
        finally:
            self.held_bytes -= body.read_bytes
            route = getattr(scope.get("route"), "path", "")
            took_s = time.perf_counter() - began_s
            self._count(route, scope["method"], status, took_s)
            # the template of the path: the path itself may hold the secret of a join link
            _LOG.info("%s %s %d %.1f ms", scope["method"], route or "-", status, took_s * 1e3)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a WebSocket; it stands in the log as requests do, refused or not."""
        began_s = time.perf_counter()
        status = 403  # as the server answers where nobody does

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.http.response.start":
                status = message["status"]
            elif message["type"] == "websocket.close" and message.get("code", 0) >= 4_000:
                status = message["code"]  # refused in words of the protocol's own
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            route = getattr(scope.get("route"), "path", "")
            took_s = time.perf_counter() - began_s
            _LOG.info("WS %s %d %.1f ms", route or "-", status, took_s * 1e3)

    def _check_head(self, scope: Scope) -> None:
        size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        for name, value in scope["headers"]:
            size += len(name) + len(value)
            if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise _RefusedError(
                    415, "unsupported_media_type", "the body is compressed: send it as it is"
                )
            if name == b"host" and value and not _PLAIN_HOST.fullmatch(value.decode("latin-1")):
                raise _RefusedError(400, "bad_request", "Host is no address")
            if (
                name == b"content-length"
                and value.isdigit()
                and int(value) > self.most_bytes(scope)
            ):
                raise _RefusedError(413, "too_large", self.too_large(scope))
        if size > _HEAD_BYTES:
            raise _RefusedError(
                431, "head_too_large", f"address and headers are larger than {_HEAD_BYTES} bytes"
            )

    def most_bytes(self, scope: Scope) -> int:
        """Return how many bytes a body may hold."""
        path = path_within(scope)
        larger = (most for there, most in self._larger if there.fullmatch(path))
        return max(self.body_bytes, *larger, 0)

    def too_large(self, scope: Scope) -> str:
        """Return what to tell the sender of a body that is too large."""
        return f"the body is larger than {self.most_bytes(scope)} bytes: send less at once"


class _Body:
    """The body of one request, as it arrives.

    Its refusals are of the one kind of error that FastAPI lets through, so that the app answers.
    """

    def __init__(self, guard: Guard, scope: Scope, receive: Receive) -> None:
        self._guard, self._scope, self._receive = guard, scope, receive
        self._until_s = asyncio.get_running_loop().time() + guard.body_seconds
        self._whole = False
        self.read_bytes = 0

    async def receive(self) -> Message:
        """Return the next part."""
        if self._whole:  # what comes now is the end of the connection, and may take its time
            return await self._receive()
        guard = self._guard
        try:
            async with asyncio.timeout_at(self._until_s):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(
                408, f"the body took over {guard.body_seconds:g} s", {"Connection": "close"}
            ) from None
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self.read_bytes += size
            guard.held_bytes += size
            self._whole = not message.get("more_body", False)
            if self.read_bytes > guard.most_bytes(self._scope):
                raise HTTPException(413, guard.too_large(self._scope), {"Connection": "close"})
            if guard.held_bytes > _BODIES_BYTES:
                raise HTTPException(
                    503,
                    "too many bodies are on their way: try again",
                    {"Connection": "close", "Retry-After": "5"},
                )
        return message

    async def discard(self) -> None:
        """Read a rest that nobody wants: who still sends would not hear the refusal otherwise."""
        self._guard.held_bytes -= self.read_bytes  # nobody holds it any more
        self.read_bytes = 0
        told = dict(self._scope["headers"])
        declared = told.get(b"content-length", b"0")
        if b"expect" in told or not declared.isdigit() or int(declared) > _DISCARDED_BYTES:
            return
        left_bytes = _DISCARDED_BYTES
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._until_s):
                while not self._whole and left_bytes > 0:
                    message = await self._receive()
                    left_bytes -= len(message.get("body", b""))
                    self._whole = not message.get("more_body", False)


async def _send_problem(scope: Scope, send: Send, refused: _RefusedError) -> None:
    asked = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
    language = preferred_language(asked)
    problem = problem_document(refused.status, refused.code, language, refused.detail)
    body = json.dumps(problem, ensure_ascii=False).encode()
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [
                (b"content-length", str(len(body)).encode()),
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-language", language.encode()),
                (b"connection", b"close"),  # the rest of the body is not wanted
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})
