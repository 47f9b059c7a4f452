"""Parts of pages that many people see alike: drawn once, in a thread, and handed to all of them."""

from __future__ import annotations

import asyncio
import gzip
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from fastapi import Request, Response
from markupsafe import Markup

from lensong.monitoring.clock import Clock
from lensong.monitoring.metrics.shared_result import SharedResult

__all__ = ["KEEP_S", "Drawing", "SharedDrawings", "packed", "takes_gzip"]

T = TypeVar("T")

KEEP_S = 1.5
"""A part is drawn at most once in this time, and is never older when it is handed out [s]."""

_KEPT = 64
"""Parts that are kept; the one that was asked for longest ago is forgotten first."""


_PACKED_AT = 5
"""Level of gzip: a page of 300 sites becomes a tenth in 2 ms, once for all who see it."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A part of a page, as text that goes into the page and as bytes that go over the wire."""

    text: Markup
    plain: bytes
    packed: bytes

    @classmethod
    def of(cls, text: Markup) -> Drawing:
        """Return the drawing of a text."""
        plain = text.encode()
        return cls(text, plain, gzip.compress(plain, _PACKED_AT, mtime=0))


def takes_gzip(request: Request) -> bool:
    """Return whether who asks takes a packed answer."""
    return "gzip" in request.headers.get("accept-encoding", "")


def packed(page: Response) -> Response:
    """Return a page as bytes that the middleware need not pack in the event loop."""
    page.body = gzip.compress(bytes(page.body), _PACKED_AT, mtime=0)
    page.headers["Content-Length"] = str(len(page.body))
    page.headers["Content-Encoding"] = "gzip"
    page.headers["Vary"] = "Accept-Encoding"
    return page


class SharedDrawings:
    """Keeps what was drawn, by what it shows and to whom.

    One thread draws, one part after the other, so that however many walls hang the event loop
    and all but one core stay free for reports.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="drawing")
        self._parts: OrderedDict[Hashable, SharedResult[tuple[float, Drawing]]] = OrderedDict()

    async def in_turn(self, draw: Callable[[], T]) -> T:
        """Return what is drawn in the thread, after what waits for it already."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, draw)

    async def get(
        self, key: Hashable, read: Callable[[], Awaitable[Callable[[], Markup]]]
    ) -> Drawing:
        """Return a part, drawn at most `KEEP_S` before it was asked for.

        Parameters
        ----------
        key : hashable
            All on which the part depends, the area of who asks among it.
        read : coroutine function
            Reads, in the event loop, what is to be shown, and returns what draws it in a thread.
        """
        asked_s = self._clock.monotonic_s()

        async def make() -> tuple[float, Drawing]:
            began_s = self._clock.monotonic_s()
            draw = await read()
            return began_s, await self.in_turn(lambda: Drawing.of(draw()))

        part = self._parts.pop(key, None) or SharedResult(make, self._clock, KEEP_S)
        self._parts[key] = part
        if len(self._parts) > _KEPT:
            self._parts.popitem(last=False)
        began_s, drawn = await part.get()
        if began_s < asked_s - KEEP_S:  # it took so long that it may lack what the asker waits for
            _, drawn = await part.get()
        return drawn
