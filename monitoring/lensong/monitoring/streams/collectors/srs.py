"""SRS: its HTTP API, version 1.

Gives bytes, frames and a rate over 30 s; no media time, so there is no lag. ``live_ms`` is the
server's clock, not the stream's.

References
----------
.. [1] SRS documentation, "HTTP API": ``/api/v1/streams/``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import Answer, fetch, parsed_json
from lensong.monitoring.streams.sample import CollectorError, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect"]

_MOST_STREAMS = 1_000


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> list[StreamSample]:
    """Return the publishers of the stream."""
    assert target.url is not None
    application, name = target.application_and_name
    answer = parsed_json(
        await fetch(
            http,
            f"{target.url.rstrip('/')}/api/v1/streams/",
            secret=target.secret,
            params={"start": 0, "count": _MOST_STREAMS},
        )
    )
    if answer.count("code") != 0:
        raise CollectorError("bad_answer", "SRS answered with an error code")
    return [
        _sample(stream, now())
        for stream in answer.items("streams")
        if (name is None or stream.text("name") == name)
        and (application is None or stream.text("app") == application)
        and stream.inner("publish").flag("active")
    ]


def _sample(stream: Answer, at: datetime) -> StreamSample:
    rate_kbps = stream.inner("kbps").number("recv_30s")
    video, audio = stream.inner("video"), stream.inner("audio")
    return StreamSample(
        at=at,
        collector="srs",
        publisher_id=stream.inner("publish").word("cid"),
        received_bytes_total=stream.count("recv_bytes"),
        # 0 until its first 30 s are over
        received_bps=rate_kbps * 1e3 if rate_kbps else None,
        width_px=video.count("width"),
        height_px=video.count("height"),
        video_codec=video.word("codec"),
        audio_codec=audio.word("codec"),
        frames_total=stream.count("frames"),
    )
