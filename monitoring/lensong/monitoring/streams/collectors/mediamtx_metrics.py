"""MediaMTX: its Prometheus page, where the control API is not open to us.

References
----------
.. [1] MediaMTX 1.20, ``docs/2-features/23-metrics.md``: ``paths``, ``paths_inbound_bytes`` (earlier
   ``paths_bytes_received``), ``paths_inbound_frames_in_error``, ``srt_conns_*`` with the labels
   ``path`` and ``state``, ``rtsp_sessions_inbound_rtp_packets*`` and those of WebRTC (earlier
   ``*_rtp_packets_received`` and ``*_rtp_packets_lost``).
.. [2] MediaMTX, pull request 5811 (SRTLA receiver, not released): ``srtla_groups`` and
   ``srtla_groups_conns_active`` with the label ``path``. The stream itself comes to the path as an
   SRT connection from this machine.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable
from datetime import datetime

from prometheus_client.parser import text_string_to_metric_families

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import fetch
from lensong.monitoring.streams.sample import CollectorError, Publishers, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect", "parse"]

_PUBLISHES = "publish"
_KNOWN = re.compile(
    r"(paths|hls_|rtsps?_|rtmps?_|srt_conns|srtla_groups|webrtc_|moq_|go_|process_|forward)"
)
_CONNECTIONS = ("srt_conns", "rtmp_conns", "rtmps_conns", "rtsp_sessions", "rtsps_sessions",
                "webrtc_sessions")  # fmt: skip
_LINKS = "srtla_groups_conns_active"


def _rtp(*names: str) -> list[str]:
    """Return a counter's names for RTSP and WebRTC publishers, the newest first."""
    return [f"{kind}_sessions_{name}" for name in names for kind in ("webrtc", "rtsp", "rtsps")]


_RECEIVED = ("srt_conns_packets_received", *_rtp("inbound_rtp_packets", "rtp_packets_received"))
_LOST = ("srt_conns_packets_received_loss", *_rtp("inbound_rtp_packets_lost", "rtp_packets_lost"))


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> Publishers:
    """Return the publishers of the stream."""
    assert target.url is not None
    body = await fetch(http, target.url, secret=target.secret)
    at = now()
    return await asyncio.to_thread(parse, body.decode("utf-8", "replace"), target, at=at)


def parse(text: str, target: CollectorTarget, *, at: datetime) -> Publishers:
    """Return the publishers of the stream that a page of metrics shows.

    Raises
    ------
    CollectorError
        It is no page of metrics.
    """
    by_path: dict[str, dict[str, float]] = {}
    publishers: dict[str, str] = {}
    ready: list[str] = []
    unknown: set[str] = set()
    any_sample = False
    try:
        for family in text_string_to_metric_families(text):
            for name, labels, value, *_ in family.samples:
                any_sample = True
                if not _KNOWN.match(name):
                    unknown.add(name[:40])
                path = labels.get("path") or labels.get("name", "")
                if target.stream_key is not None and path != target.stream_key:
                    continue
                if name == "paths" and value == 1 and labels.get("state") == "ready":
                    ready.append(path)
                elif name.startswith("paths_") or labels.get("state") == _PUBLISHES:
                    by_path.setdefault(path, {})[name] = value
                    if name in _CONNECTIONS and value == 1:
                        publishers[path] = labels.get("id", "")[:40]
                elif name == _LINKS and path:
                    values = by_path.setdefault(path, {})
                    values[name] = values.get(name, 0.0) + value
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise CollectorError("bad_answer", "the answer is no page of metrics") from error
    if not any_sample:
        raise CollectorError("bad_answer", "the page has no metrics: is it /metrics of MediaMTX?")
    return Publishers(
        (_sample(by_path.get(path, {}), publishers.get(path), at) for path in ready),
        unknown_fields=unknown,
    )


def _sample(values: dict[str, float], publisher: str | None, at: datetime) -> StreamSample:
    return StreamSample(
        at=at,
        collector="mediamtx_metrics",
        publisher_id=publisher or None,
        received_bytes_total=_count(values, "paths_inbound_bytes", "paths_bytes_received"),
        frames_in_error_total=_count(values, "paths_inbound_frames_in_error"),
        rtt_ms=values.get("srt_conns_ms_rtt"),
        srt_latency_ms=values.get("srt_conns_ms_receive_tsb_pd_delay"),
        packets_received_total=_count(values, *_RECEIVED),
        packets_lost_total=_count(values, *_LOST),
        packets_dropped_total=_count(values, "srt_conns_packets_received_drop"),
        links=_count(values, _LINKS),
    )


def _count(values: dict[str, float], *names: str) -> int | None:
    for name in names:
        if name in values:
            if not math.isfinite(values[name]) or values[name] < 0:
                raise CollectorError("wrong_type", f"{name} is no count")
            return int(values[name])
    return None
