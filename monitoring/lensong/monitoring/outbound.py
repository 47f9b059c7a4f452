"""Asking somebody else's server: never for longer, nor for more, than we can bear.

Every HTTP request that the service makes by itself goes through here: to media servers and to
webhooks. A timeout of httpx begins anew with every byte; the one here is for all of it. Names are
looked up in threads of their own: the system's resolver may take half a minute, whoever waits.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache

import httpx

__all__ = ["DEFAULT_PORTS", "FAILURES", "Lookup", "PinnedTransport", "asking", "body_of", "look_up"]

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "rtmp": 1935, "rtmps": 443}

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""From a host and a port to the addresses of the host."""

FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, OSError)
"""What an exchange may end in, beyond what the caller itself raises."""

_AT_ONCE_BYTES = 65_536

_NAMES_AT_ONCE = 16
_looked_up: dict[tuple[str, int], asyncio.Future[list[str]]] = {}
"""Names that are being looked up: each takes one thread, however many ask and give up."""


async def look_up(host: str, port: int) -> list[str]:
    """Return all addresses of a host by the system's resolver.

    Raises
    ------
    OSError, UnicodeError
        The name means nothing, or too many names are being looked up that nobody answers for.
    """
    with suppress(ValueError):
        ipaddress.ip_address(host.partition("%")[0])
        return [host]  # nothing to look up
    asked = _looked_up.get((host, port))
    if asked is None or asked.get_loop() is not asyncio.get_running_loop():
        if len(_looked_up) >= _NAMES_AT_ONCE:
            raise OSError(f"{_NAMES_AT_ONCE} names are being looked up: the resolver is slow")
        asked = _looked_up[host, port] = asyncio.get_running_loop().create_future()
        # a thread that does not hold up the end of the process
        threading.Thread(
            target=_resolve, args=(host, port, asked), name="names", daemon=True
        ).start()
    # who gives up leaves it to the others, and to its end
    return await asyncio.shield(asked)


def _resolve(host: str, port: int, asked: asyncio.Future[list[str]]) -> None:
    error: Exception | None = None
    addresses: list[str] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    except (OSError, UnicodeError) as told:
        error = told

    def tell() -> None:
        if _looked_up.get((host, port)) is asked:
            del _looked_up[host, port]
        if error is None:
            asked.set_result(addresses)
        else:
            asked.set_exception(error)
            asked.exception()  # all who asked may have given up: that is no news for the log

    with suppress(RuntimeError):  # the service has ended meanwhile
        asked.get_loop().call_soon_threadsafe(tell)


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom TLS trusts, read once: it takes longer than all else that a client needs."""
    return httpx.create_ssl_context(trust_env=False)


class PinnedTransport(httpx.AsyncBaseTransport):
    """Looks a name up by itself and connects to exactly the addresses that were found.

    Parameters
    ----------
    lookup : coroutine function
        Returns the addresses; what it raises is raised.
    """

    def __init__(self, lookup: Lookup, limits: httpx.Limits) -> None:
        self._lookup = lookup
        self._inner = httpx.AsyncHTTPTransport(verify=_trusted(), limits=limits, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask one address after the other, until one answers."""
        host = request.url.host
        port = request.url.port or DEFAULT_PORTS[request.url.scheme]
        # the Host header was set from the name; TLS must be told it
        extensions = {**request.extensions, "sni_hostname": host}
        refused: httpx.ConnectError | None = None
        for address in await self._lookup(host, port):
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except httpx.ConnectError as error:
                refused = error
        raise refused or httpx.ConnectError("the name of the host has no address")

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


@asynccontextmanager
async def asking(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    total_s: float,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    params: Mapping[str, str | int] | None = None,
    auth: httpx.Auth | None = None,
) -> AsyncIterator[httpx.Response]:
    """Yield the head of an answer, its body unread; redirects are not followed.

    Parameters
    ----------
    total_s : float
        For looking up, connecting, sending, and all that is read within [s].

    Raises
    ------
    TimeoutError
        It took longer.
    """
    # a few bytes can unpack to gigabytes: nothing is unpacked here
    undecoded = {**(headers or {}), "Accept-Encoding": "identity"}
    async with (
        asyncio.timeout(total_s),
        http.stream(
            method,
            url,
            content=content,
            headers=undecoded,
            params=params,
            auth=auth,
            follow_redirects=False,
        ) as response,
    ):
        yield response


async def body_of(response: httpx.Response, longest_bytes: int) -> bytes | None:
    """Return a body as it came over the wire, None where it is longer than that.

    No more than ``longest_bytes`` and one chunk are ever held.
    """
    body = bytearray()
    async for chunk in response.aiter_raw(_AT_ONCE_BYTES):
        body += chunk
        if len(body) > longest_bytes:
            return None
    return bytes(body)
