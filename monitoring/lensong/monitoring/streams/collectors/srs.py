"""SRS: its HTTP API, version 1.

Gives bytes, frames and a rate over 30 s; no media time, so there is no lag. ``live_ms`` is the
server's clock, not the stream's. The counters are brought up to date once in 5 to 10 s, and
``frames`` stays 0 for SRT publishers: see `streams.pace` for what is made of such counters.

References
----------
.. [1] SRS documentation, "HTTP API": ``/api/v1/streams/``; issue 4554 (SRT publishers) and pull
   request 4564 (``frames`` became those of video and audio together) of ossrs/srs.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import Answer, fetch, parsed_json
from lensong.monitoring.streams.sample import CollectorError, Publishers, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect"]

_MOST_STREAMS = 1_000
_KNOWN = frozenset(
    str.split(
        "id name vhost app tcUrl url live_ms clients frames audio_frames video_frames send_bytes "
        "recv_bytes kbps publish video audio"
    )
)


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> Publishers:
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
    found = [
        stream
        for stream in answer.items("streams")
        if (name is None or stream.text("name") == name)
        and (application is None or stream.text("app") == application)
        and stream.inner("publish").flag("active")
    ]
    unknown = frozenset().union(*(stream.names() for stream in found)) - _KNOWN
    return Publishers(
        (_sample(stream, now()) for stream in found),
        unknown_fields=(field[:40] for field in unknown),
    )


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
        frames_total=stream.count("video_frames" if stream.has("video_frames") else "frames"),
    )
