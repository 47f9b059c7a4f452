"""All collectors behind one signature: whatever a media server does, the outcome is data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

import httpx

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.collectors import (
    ffmpeg,
    mediamtx,
    mediamtx_metrics,
    nginx_rtmp,
    obs,
    sls,
    srs,
    srt,
)
from lensong.monitoring.streams.sample import CollectorError, CollectorFailure, StreamSample
from lensong.monitoring.streams.target import CollectorTarget
from lensong.propagation.errors import InvalidInputError

__all__ = ["LONGEST_COLLECT_S", "Outcome", "collect", "read_pushed"]

LONGEST_COLLECT_S = 5.0

Outcome = list[StreamSample] | CollectorFailure
"""Who publishes the stream, nobody among it; or why that is not known."""


class _Poll(Protocol):
    def __call__(
        self, target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
    ) -> Awaitable[list[StreamSample]]: ...


_POLLED: dict[str, _Poll] = {
    "nginx_rtmp": nginx_rtmp.collect,
    "srt": srt.collect,
    "mediamtx": mediamtx.collect,
    "mediamtx_metrics": mediamtx_metrics.collect,
    "srs": srs.collect,
    "sls": sls.collect,
    "obs": obs.collect,
}


async def collect(
    target: CollectorTarget,
    http: GuardedClient,
    *,
    now: Callable[[], datetime],
    timeout_s: float = LONGEST_COLLECT_S,
) -> Outcome:
    """Return who publishes a stream, by one question to its media server.

    Parameters
    ----------
    http : GuardedClient
        Which knows the addresses that may be asked.
    now : callable
        Tells the time.
    timeout_s : float
        For the whole of it [s].

    Notes
    -----
    Raises nothing but cancellation: a server that hangs, sends rubbish, or sends it without end is
    a `CollectorFailure`.
    """
    poll = _POLLED.get(target.kind)
    if poll is None or target.url is None:
        return CollectorFailure(at=now(), code="not_polled", detail="its figures are sent to us")
    try:
        async with asyncio.timeout(timeout_s):
            return await poll(target, http, now=now)
    except CollectorError as error:
        return CollectorFailure(at=now(), code=error.code, detail=error.detail)
    except (TimeoutError, httpx.TimeoutException):
        code, detail = "timeout", f"no whole answer within {timeout_s:g} s"
    except (httpx.ConnectError, OSError):
        code, detail = "unreachable", "nothing answers at the address"
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError):
        code, detail = "bad_answer", "that is no whole HTTP answer"
    except InvalidInputError as error:
        code, detail = "bad_answer", str(error)  # names a field and a number
    return CollectorFailure(at=now(), code=code, detail=detail)


def read_pushed(kind: str, text: str, *, at: datetime) -> Outcome:
    """Return who publishes a stream, by figures that were sent to us.

    Parameters
    ----------
    kind : {"srt", "ffmpeg"}
    text : str
        As the program wrote it; the newest part of it counts.
    at : datetime
        When it came.
    """
    try:
        if kind == "srt":
            return srt.parse(text, at=at)
        if kind == "ffmpeg":
            return ffmpeg.parse(text, at=at)
    except CollectorError as error:
        return CollectorFailure(at=at, code=error.code, detail=error.detail)
    except InvalidInputError as error:
        return CollectorFailure(at=at, code="bad_answer", detail=str(error))
    raise InvalidInputError(f"figures of kind {kind[:40]!r} are not sent, wanted srt or ffmpeg")
