"""SRT: the JSON lines of ``srt-live-transmit -statspf:json -fullstats``.

They are sent to us as they are written, or polled as a file or over HTTP; the newest line counts.
``-fullstats`` is needed: without it each line holds the counts of its own interval. SRT keeps no
media time, so there is no lag; in its place stand the loss counters, and the packets that were
dropped because they came too late.

References
----------
.. [1] Haivision SRT, ``docs/apps/srt-live-transmit.md`` and ``docs/API/statistics.md``; tried
   with Debian's srt-tools 1.5.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import Answer, fetch, parsed_json
from lensong.monitoring.streams.sample import CollectorError, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect", "parse"]

_NEWEST_BYTES = 65_536
_STALE_AFTER = timedelta(seconds=15)
"""A polled file whose newest line is older was left by a stream that is over."""


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> list[StreamSample]:
    """Return the stream by the newest line of the file."""
    assert target.url is not None
    parts = urlsplit(target.url)
    if parts.scheme == "file":
        path = http.allow.file(Path(unquote(parts.path)))
        body = await asyncio.to_thread(_newest, path)
    else:
        body = (await fetch(http, target.url, secret=target.secret))[-_NEWEST_BYTES:]
    return parse(body.decode("utf-8", "replace"), at=now(), stale_after=_STALE_AFTER)


def _newest(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _NEWEST_BYTES))
            return file.read(_NEWEST_BYTES)
    except OSError as error:
        raise CollectorError("unreachable", "the file cannot be read") from error


def parse(text: str, *, at: datetime, stale_after: timedelta | None = None) -> list[StreamSample]:
    """Return the stream by the newest of some lines, nothing where there is none.

    Parameters
    ----------
    stale_after : timedelta, optional
        A newest line that is older stands for a stream that is over.

    Raises
    ------
    CollectorError
        No line is such a line, or the counts are those of intervals.
    """
    lines = [line for line in text[-_NEWEST_BYTES:].splitlines() if line.strip()]
    if not lines:
        return []
    read: list[Answer] = []
    # the first may be cut by the limit of length, the last by a writer that is not done
    for number, line in enumerate(lines[-3:], start=max(0, len(lines) - 3)):
        try:
            read.append(parsed_json(line))
        except CollectorError:
            if number not in (0, len(lines) - 1):
                raise
    if not read:
        raise CollectorError("bad_answer", "no line is JSON: srt-live-transmit wants -statspf:json")
    _check_totals(read)
    newest = read[-1]
    if stale_after is not None and _is_stale(newest, at, stale_after):
        return []
    age_ms, received = newest.number("time"), newest.inner("recv")
    return [
        StreamSample(
            at=at,
            collector="srt",
            publisher_id=newest.word("sid"),
            connected_s=None if age_ms is None else age_ms / 1e3,
            received_bytes_total=received.count("bytes"),
            rtt_ms=newest.inner("link").number("rtt"),
            srt_latency_ms=received.number("msTsbPdDelay"),
            packets_received_total=received.count("packets"),
            packets_lost_total=received.count("packetsLost"),
            packets_dropped_total=received.count("packetsDropped"),
        )
    ]


def _check_totals(lines: list[Answer]) -> None:
    for before, after in pairwise(lines):
        same = before.text("sid") == after.text("sid")
        later = (after.number("time") or 0.0) > (before.number("time") or 0.0)
        first, last = before.inner("recv").count("bytes"), after.inner("recv").count("bytes")
        if same and later and first is not None and last is not None and last < first:
            raise CollectorError(
                "interval_counts", "the counts fall: start srt-live-transmit with -fullstats"
            )


def _is_stale(line: Answer, at: datetime, stale_after: timedelta) -> bool:
    written = line.text("timepoint")
    if written is None:
        return False
    try:
        # ISO 8601 with an offset without colon, which Python reads from 3.11 on
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise CollectorError("wrong_type", "timepoint is no time") from error
    return moment.tzinfo is not None and at - moment > stale_after
