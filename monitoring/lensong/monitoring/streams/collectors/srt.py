"""SRT: the statistics of ``srt-live-transmit``, as JSON lines or as CSV.

They are sent to us as they are written, or polled as a file or over HTTP; the newest line counts.
With ``-fullstats`` a line holds totals since the connection was made, without it the counts of its
own interval; either is read. SRT keeps no media time, so there is no lag; in its place stand the
loss counters, and the packets that were dropped because they came too late. Where the program sends
the stream on, its own connection out is the one that is read.

References
----------
.. [1] Haivision SRT, ``docs/apps/srt-live-transmit.md`` and ``docs/API/statistics.md``; tried
   with Debian's srt-tools 1.5.1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.collectors.srt_lines import Counts, Line, read_lines
from lensong.monitoring.streams.fetch import fetch
from lensong.monitoring.streams.sample import CollectorError, Interval, Publishers, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect", "parse"]

_NEWEST_BYTES = 65_536
_HEADER_BYTES = 4_096
_STALE_AFTER = timedelta(seconds=15)
"""A polled file whose newest line is older was left by a stream that is over."""
_MOST_INTERVALS = 60
_FIRST_LINE_SHARE = 0.8
"""A line whose counts took less than this share of the connection's age is of an interval."""


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> Publishers:
    """Return the stream by the newest line of the file."""
    assert target.url is not None
    parts = urlsplit(target.url)
    written_at = None
    if parts.scheme == "file":
        path = http.allow.file(Path(unquote(parts.path)))
        body, written_at = await asyncio.to_thread(_newest, path)
    else:
        body = _shortened(await fetch(http, target.url, secret=target.secret))
    return parse(
        body.decode("utf-8", "replace"), at=now(), stale_after=_STALE_AFTER, written_at=written_at
    )


def _newest(path: Path) -> tuple[bytes, datetime]:
    """Return the head and the end of a file, and when it was written last."""
    try:
        with path.open("rb") as file:
            told = path.stat()
            written_at = datetime.fromtimestamp(told.st_mtime, UTC)
            if told.st_size <= _NEWEST_BYTES:
                return file.read(_NEWEST_BYTES), written_at
            header = file.read(_HEADER_BYTES)
            file.seek(told.st_size - _NEWEST_BYTES)
            return _joined(header, file.read(_NEWEST_BYTES)), written_at
    except OSError as error:
        raise CollectorError("unreachable", "the file cannot be read") from error


def _shortened(body: bytes) -> bytes:
    return body if len(body) <= _NEWEST_BYTES else _joined(body, body[-_NEWEST_BYTES:])


def _joined(header: bytes, end: bytes) -> bytes:
    """Return the end of a text, after its first line where that is a header of CSV."""
    first = header[:_HEADER_BYTES].partition(b"\n")[0]
    whole = end.partition(b"\n")[2] or end
    return first + b"\n" + whole if first.startswith(b"Time") else whole


def parse(
    text: str,
    *,
    at: datetime,
    stale_after: timedelta | None = None,
    written_at: datetime | None = None,
) -> Publishers:
    """Return the stream by the newest of some lines, nobody where there is none.

    Parameters
    ----------
    stale_after : timedelta, optional
        A newest line that is older stands for a stream that is over.
    written_at : datetime, optional
        When the file was written last; counts where the lines themselves bear no time.

    Raises
    ------
    CollectorError
        No line is such a line.
    """
    lines, unknown = read_lines(text[-2 * _NEWEST_BYTES :])
    if not lines:
        return Publishers(unknown_fields=unknown)
    newest = lines[-1]
    wrote_at = newest.written_at or written_at
    if stale_after is not None and wrote_at is not None and at - wrote_at > stale_after:
        return Publishers(unknown_fields=unknown)
    same = _of_one_connection(lines)
    sends = not any(line.received for line in same) and any(line.sent for line in same)
    counts = [line.sent if sends else line.received for line in same]
    totals = _are_totals(same, counts)
    last = counts[-1]
    sample = StreamSample(
        at=at,
        collector="srt",
        publisher_id=newest.socket,
        connected_s=newest.time_s,
        received_bytes_total=last.size_bytes if totals else None,
        received_bps=None if totals or not last.took_s else last.rate_bps,
        rtt_ms=newest.rtt_ms,
        srt_latency_ms=newest.latency_ms,
        packets_received_total=last.packets if totals else None,
        packets_lost_total=last.lost if totals else None,
        packets_dropped_total=last.dropped if totals else None,
        intervals=() if totals else _intervals(same, counts),
    )
    return Publishers([sample], unknown_fields=unknown)


def _of_one_connection(lines: list[Line]) -> list[Line]:
    """Return the newest lines that are of one connection: its time begins anew with each."""
    same = [lines[-1]]
    for line in reversed(lines[:-1]):
        first = same[-1]
        restarted = (
            line.time_s is not None and first.time_s is not None and line.time_s > first.time_s
        )
        if line.socket != first.socket or restarted:
            break
        same.append(line)
    return same[::-1]


def _are_totals(lines: list[Line], counts: list[Counts]) -> bool:
    """Return whether the counts are since the connection was made, by the time that they took.

    The rate beside them tells: bytes over rate is the connection's age, or an interval.
    """
    for number in range(len(lines) - 1, -1, -1):
        age_s, took_s = lines[number].time_s, counts[number].took_s
        if age_s is None or took_s is None:
            continue
        before_s = lines[number - 1].time_s if number else None
        if before_s is not None:
            return abs(took_s - age_s) < abs(took_s - (age_s - before_s))
        return False if took_s < _FIRST_LINE_SHARE * age_s else len(lines) > 1
    sizes = [of_line.size_bytes or 0 for of_line in counts]
    fell = any(after < before for before, after in pairwise(sizes))
    return any(sizes) and not fell


def _intervals(lines: list[Line], counts: list[Counts]) -> tuple[Interval, ...]:
    intervals = []
    before_s: float | None = None
    for line, count in zip(lines, counts, strict=True):
        until_s = line.time_s
        if until_s is None or (before_s is not None and until_s <= before_s):
            continue
        took_s = count.took_s
        from_s = until_s - took_s if took_s is not None else before_s
        intervals.append(
            Interval(
                from_s=max(0.0, until_s if from_s is None else from_s),
                until_s=until_s,
                received_bytes=count.size_bytes or 0,
                packets_received=count.packets,
                packets_lost=count.lost,
                packets_dropped=count.dropped,
            )
        )
        before_s = until_s
    return tuple(intervals[-_MOST_INTERVALS:])
