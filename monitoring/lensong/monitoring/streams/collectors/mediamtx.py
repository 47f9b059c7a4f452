"""MediaMTX: its control API, version 3.

Gives bytes and, for SRT publishers, the counters of SRT; no media time, so there is no lag.
Paths are listed, not asked for by name: a name in an address would stand in the logs on the way.

References
----------
.. [1] MediaMTX, ``api/openapi.yaml``: ``/v3/paths/list``, ``/v3/srtconns/get/{id}``. Fields were
   renamed in 2025 (``bytesReceived`` to ``inboundBytes``, ``ready`` to ``available``); both are
   read.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import Answer, fetch, parsed_json
from lensong.monitoring.streams.sample import CollectorError, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect"]

_PER_PAGE, _MOST_PAGES = 200, 10


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> list[StreamSample]:
    """Return the publishers of the stream."""
    assert target.url is not None
    base = target.url.rstrip("/")
    samples = []
    for page in range(_MOST_PAGES):
        listed = parsed_json(
            await fetch(
                http,
                f"{base}/v3/paths/list",
                secret=target.secret,
                params={"itemsPerPage": _PER_PAGE, "page": page},
            )
        )
        if not (listed.has("items") or listed.has("itemCount")):
            raise CollectorError("bad_answer", "that is no list of paths: is it MediaMTX's API?")
        for path in listed.items("items"):
            if target.stream_key is not None and path.text("name") != target.stream_key:
                continue
            if path.has("source") and (path.flag("available") or path.flag("ready")):
                srt = await _srt(path.inner("source"), base, target, http)
                samples.append(_sample(path, srt, now()))
        if page + 1 >= (listed.count("pageCount") or 1):
            return samples
    return samples


async def _srt(
    source: Answer, base: str, target: CollectorTarget, http: GuardedClient
) -> Answer | None:
    number = source.word("id")
    if source.text("type") != "srtConn" or number is None:
        return None
    url = f"{base}/v3/srtconns/get/{quote(number, safe='')}"
    try:
        return parsed_json(await fetch(http, url, secret=target.secret))
    except CollectorError as error:
        if error.code == "not_found":  # it has just gone
            return None
        raise


def _sample(path: Answer, srt: Answer | None, at: datetime) -> StreamSample:
    counted = path.count("inboundBytes")
    width = height = video = audio = None
    for track in path.items("tracks2"):
        codec, properties = track.word("codec"), track.inner("codecProps")
        if properties.has("width"):
            video, width, height = codec, properties.count("width"), properties.count("height")
        elif properties.has("sampleRate") or properties.has("channelCount"):
            audio = codec
    counters = srt or Answer({}, "srtconn")
    return StreamSample(
        at=at,
        collector="mediamtx",
        publisher_id=path.inner("source").word("id"),
        received_bytes_total=path.count("bytesReceived") if counted is None else counted,
        width_px=width,
        height_px=height,
        video_codec=video,
        audio_codec=audio,
        rtt_ms=counters.number("msRTT"),
        srt_latency_ms=counters.number("msReceiveTsbPdDelay"),
        packets_received_total=counters.count("packetsReceived"),
        packets_lost_total=counters.count("packetsReceivedLoss"),
        packets_dropped_total=counters.count("packetsReceivedDrop"),
    )
