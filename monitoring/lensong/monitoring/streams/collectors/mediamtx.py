"""MediaMTX: its control API, version 3.

Gives bytes and, for SRT publishers, the counters of SRT; no media time, so there is no lag.
Paths are listed, not asked for by name: a name in an address would stand in the logs on the way.

References
----------
.. [1] MediaMTX, ``api/openapi.yaml``: ``/v3/paths/list``, ``/v3/srtconns/get/{id}``. Fields were
   renamed on the way to release 1.20 and the old ones kept as deprecated: ``bytesReceived`` to
   ``inboundBytes``, ``ready`` to ``available`` and ``online``, ``tracks`` to ``tracks2``. Both are
   read, the new one first. Those of SRT connections were not renamed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import Answer, fetch, parsed_json
from lensong.monitoring.streams.sample import CollectorError, Publishers, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect"]

_PER_PAGE, _MOST_PAGES = 200, 10

_KNOWN = frozenset(
    str.split(
        "name confName ready readyTime available availableTime online onlineTime source tracks "
        "tracks2 readers inboundBytes outboundBytes inboundFramesInError bytesReceived bytesSent"
    )
)
_VIDEO = frozenset(
    ("H264", "H265", "AV1", "VP8", "VP9", "MPEG-4 Video", "MPEG-1/2 Video", "M-JPEG")
)
_AUDIO = frozenset(
    ("Opus", "Vorbis", "MPEG-4 Audio", "MPEG-4 Audio LATM", "MPEG-1/2 Audio", "AC3", "Speex",
     "G726", "G722", "G711", "LPCM")
)  # fmt: skip
"""Names of codecs in ``tracks``, which tells nothing else of them."""


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> Publishers:
    """Return the publishers of the stream."""
    assert target.url is not None
    base = target.url.rstrip("/")
    samples: list[StreamSample] = []
    unknown: set[str] = set()
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
            unknown |= {name[:40] for name in path.names() - _KNOWN}
            if path.has("source") and _is_published(path):
                srt = await _srt(path.inner("source"), base, target, http)
                samples.append(_sample(path, srt, now()))
        if page + 1 >= (listed.count("pageCount") or 1):
            break
    return Publishers(samples, unknown_fields=unknown)


def _is_published(path: Answer) -> bool:
    """Return whether somebody publishes now.

    A path that is always available plays a still picture meanwhile: it is online only with a
    publisher.
    """
    for name in ("online", "available", "ready"):
        if path.has(name):
            return bool(path.flag(name))
    return False


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
    video, audio, width, height = _tracks(path)
    counters = srt or Answer({}, "srtconn")
    return StreamSample(
        at=at,
        collector="mediamtx",
        publisher_id=path.inner("source").word("id"),
        received_bytes_total=path.count("bytesReceived") if counted is None else counted,
        frames_in_error_total=path.count("inboundFramesInError"),
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


def _tracks(path: Answer) -> tuple[str | None, str | None, int | None, int | None]:
    """Return the codecs of video and audio, and the width and height of the picture [px]."""
    video = audio = None
    width = height = None
    for track in path.items("tracks2"):
        codec, properties = track.word("codec"), track.inner("codecProps")
        if codec in _VIDEO or properties.has("width"):
            video = video or codec
            width = width or properties.count("width")
            height = height or properties.count("height")
        elif codec in _AUDIO or properties.has("sampleRate") or properties.has("channelCount"):
            audio = audio or codec
    if video is None and audio is None:
        names = path.words("tracks")
        video = next((name for name in names if name in _VIDEO), None)
        audio = next((name for name in names if name in _AUDIO), None)
    return video, audio, width, height
