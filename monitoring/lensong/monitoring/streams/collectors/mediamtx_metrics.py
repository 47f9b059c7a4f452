"""MediaMTX: its Prometheus page, where the control API is not open to us.

References
----------
.. [1] MediaMTX, ``docs/2-features/23-metrics.md``: ``paths``, ``paths_inbound_bytes`` (earlier
   ``paths_bytes_received``), ``srt_conns_*`` with the labels ``path`` and ``state``.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import datetime

from prometheus_client.parser import text_string_to_metric_families

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import fetch
from lensong.monitoring.streams.sample import CollectorError, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect", "parse"]

_CONNECTIONS = ("srt_conns", "rtmp_conns", "rtmps_conns", "rtsp_sessions", "webrtc_sessions")


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> list[StreamSample]:
    """Return the publishers of the stream."""
    assert target.url is not None
    body = await fetch(http, target.url, secret=target.secret)
    at = now()
    return await asyncio.to_thread(parse, body.decode("utf-8", "replace"), target, at=at)


def parse(text: str, target: CollectorTarget, *, at: datetime) -> list[StreamSample]:
    """Return the publishers of the stream that a page of metrics shows.

    Raises
    ------
    CollectorError
        It is no page of metrics.
    """
    by_path: dict[str, dict[str, float]] = {}
    publishers: dict[str, str] = {}
    ready: list[str] = []
    any_sample = False
    try:
        for family in text_string_to_metric_families(text):
            for name, labels, value, *_ in family.samples:
                any_sample = True
                path = labels.get("path") or labels.get("name", "")
                if target.stream_key is not None and path != target.stream_key:
                    continue
                if name == "paths" and value == 1 and labels.get("state") == "ready":
                    ready.append(path)
                elif name.startswith("paths_") or labels.get("state") == "publish":
                    by_path.setdefault(path, {})[name] = value
                    if name in _CONNECTIONS and value == 1:
                        publishers[path] = labels.get("id", "")[:40]
    except (ValueError, KeyError, IndexError, AttributeError) as error:
        raise CollectorError("bad_answer", "the answer is no page of metrics") from error
    if not any_sample:
        raise CollectorError("bad_answer", "the page has no metrics: is it /metrics of MediaMTX?")
    return [_sample(by_path.get(path, {}), publishers.get(path), at) for path in ready]


def _sample(values: dict[str, float], publisher: str | None, at: datetime) -> StreamSample:
    return StreamSample(
        at=at,
        collector="mediamtx_metrics",
        publisher_id=publisher or None,
        received_bytes_total=_count(values, "paths_inbound_bytes", "paths_bytes_received"),
        rtt_ms=values.get("srt_conns_ms_rtt"),
        srt_latency_ms=values.get("srt_conns_ms_receive_tsb_pd_delay"),
        packets_received_total=_count(values, "srt_conns_packets_received"),
        packets_lost_total=_count(values, "srt_conns_packets_received_loss"),
        packets_dropped_total=_count(values, "srt_conns_packets_received_drop"),
    )


def _count(values: dict[str, float], *names: str) -> int | None:
    for name in names:
        if name in values:
            if not math.isfinite(values[name]) or values[name] < 0:
                raise CollectorError("wrong_type", f"{name} is no count")
            return int(values[name])
    return None
