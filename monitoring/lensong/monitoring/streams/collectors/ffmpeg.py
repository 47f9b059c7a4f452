"""ffmpeg: the blocks of ``-progress``, sent to us by the machine that encodes.

ffmpeg stops encoding while its output does not take more, so that its output time against the wall
clock is the media lag, seen from the sender's side: what waits in the buffers of the sender counts
as sent. ``fps`` and ``bitrate`` are means since the start and of no use here; the counters are.
``drop_frames`` counts frames left out to keep a constant frame rate, not for want of capacity.

References
----------
.. [1] ffmpeg documentation, option ``-progress``; tried with Debian's ffmpeg 5.1.
"""

from __future__ import annotations

from datetime import datetime

from lensong.monitoring.streams.sample import CollectorError, StreamSample

__all__ = ["parse"]

_NEWEST = 65_536
_UNKNOWN = "N/A"


def parse(text: str, *, at: datetime) -> list[StreamSample]:
    """Return the stream by the newest whole block, nothing where the last one was the end.

    Raises
    ------
    CollectorError
        There is no block, or a text where a number is wanted.
    """
    block: dict[str, str] = {}
    newest: dict[str, str] | None = None
    for line in text[-_NEWEST:].splitlines():
        name, equals, value = line.partition("=")
        if not equals:
            continue
        block[name.strip()] = value.strip()
        if name.strip() == "progress":
            newest, block = block, {}
    if newest is None:
        if text.strip():
            raise CollectorError("bad_answer", "no block ends with progress=: is it -progress?")
        return []
    if newest["progress"] == "end":
        return []
    # named milliseconds by mistake: both are microseconds
    out_time_us = _number(newest, "out_time_us")
    if out_time_us is None:
        out_time_us = _number(newest, "out_time_ms")
    return [
        StreamSample(
            at=at,
            collector="ffmpeg",
            media_time_s=None if out_time_us is None else out_time_us / 1e6,
            received_bytes_total=_count(newest, "total_size"),
            frames_total=_count(newest, "frame"),
        )
    ]


def _number(block: dict[str, str], name: str) -> int | None:
    text = block.get(name, _UNKNOWN)
    if text == _UNKNOWN:
        return None
    if len(text) > 20 or not text.removeprefix("-").isdecimal():
        raise CollectorError("wrong_type", f"{name} is no whole number")
    return int(text)


def _count(block: dict[str, str], name: str) -> int | None:
    number = _number(block, name)
    if number is not None and number < 0:
        raise CollectorError("wrong_type", f"{name} is below 0")
    return number
