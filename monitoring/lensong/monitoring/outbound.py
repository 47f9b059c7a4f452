"""Asking somebody else's server: never for longer, nor for more, than we can bear.

Every HTTP request that the service makes by itself goes through here: to media servers and to
webhooks. A timeout of httpx begins anew with every byte; the one here is for all of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

__all__ = ["FAILURES", "asking", "body_of"]

FAILURES = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError, OSError)
"""What an exchange may end in, beyond what the caller itself raises."""

_AT_ONCE_BYTES = 65_536


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
