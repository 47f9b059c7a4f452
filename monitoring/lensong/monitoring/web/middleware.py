"""What holds for every request: limits of the body, security headers, counting, draining.

Plain ASGI, because Starlette's BaseHTTPMiddleware would buffer streams of events.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lensong.monitoring.messages import preferred_language, say

__all__ = ["Guard", "content_security_policy"]

_LOG = logging.getLogger("lensong.requests")

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # addresses of join links hold a secret
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), payment=()",
}


def content_security_policy(nonce: str) -> str:
    """Return a policy that lets a page load from this service alone."""
    return (
        f"default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' "
        "'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    )


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
    ) -> None:
        self._app = app
        self._body_bytes, self._body_seconds, self._count = body_bytes, body_seconds, count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request within the limits."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Content-Security-Policy", content_security_policy(nonce))
            await send(message)

        try:
            self._check_headers(scope)
            await self._app(scope, self._limited(receive, time.monotonic()), sending)
        except _RefusedError as refused:
            await _send_problem(scope, sending, refused)
        finally:
            route = getattr(scope.get("route"), "path", "")
            took_s = time.perf_counter() - began_s
            self._count(route, scope["method"], status, took_s)
            # the template of the path: the path itself may hold the secret of a join link
            _LOG.info("%s %s %d %.1f ms", scope["method"], route or "-", status, took_s * 1e3)

    def _check_headers(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise _RefusedError(
                    415, "unsupported_media_type", "the body is compressed: send it as it is"
                )
            if name == b"content-length" and value.isdigit() and int(value) > self._body_bytes:
                raise _RefusedError(413, "too_large", self._too_large)

    @property
    def _too_large(self) -> str:
        return f"the body is larger than {self._body_bytes} bytes: send less at once"

    def _limited(self, receive: Receive, began_s: float) -> Receive:
        read, whole = 0, False

        async def receiving() -> Message:
            nonlocal read, whole
            if whole:  # what comes now is the end of the connection, and may take its time
                return await receive()
            left_s = began_s + self._body_seconds - time.monotonic()
            try:
                message = await asyncio.wait_for(receive(), max(0.001, left_s))
            except TimeoutError:
                # FastAPI lets this one kind of error through, and the app answers it
                raise HTTPException(
                    408, f"the body took over {self._body_seconds:g} s", {"Connection": "close"}
                ) from None
            if message["type"] == "http.request":
                read += len(message.get("body", b""))
                whole = not message.get("more_body", False)
                if read > self._body_bytes:
                    raise HTTPException(413, self._too_large, {"Connection": "close"})
            return message

        return receiving


async def _send_problem(scope: Scope, send: Send, refused: _RefusedError) -> None:
    asked = dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1")
    language = preferred_language(asked)
    body = {
        "type": f"urn:lensong:problem:{refused.code}",
        "title": say(f"problem.{refused.code}", language),
        "status": refused.status,
        "code": refused.code,
        "detail": refused.detail,
    }
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [
                (b"content-type", b"application/problem+json"),
                (b"content-language", language.encode()),
                (b"connection", b"close"),  # the rest of the body is not wanted
            ],
        }
    )
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
