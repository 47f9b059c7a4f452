"""srt-live-server (SLS), as receivers of BELABOX and other bonded encoders run it: its statistics.

Gives a rate over the last seconds and, of SRT, the round trip and the packets lost for good; no
bytes, frames or media time. ``mbpsRecvRate`` beside it is a mean since the start, which hides a
fall. Packets that were missing at first are counted too, but with a bonded encoder most of them are
only late on another link, and how many came is not told: no share of loss is made of them.

References
----------
.. [1] Edward Wu, srt-live-server, and its forks by BELABOX, IRLToolkit and OpenIRL: ``/stats``; the
   answer in issue 170 of NOALBS.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import Answer, fetch, parsed_json
from lensong.monitoring.streams.sample import CollectorError, Publishers, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect", "parse"]

_YOUNG_S = 10.0
"""A rate of 0 in a younger connection means that none was counted yet [s]."""

_KNOWN = frozenset(
    str.split(
        "bitrate bytesRcvDrop bytesRcvLoss mbpsBandwidth mbpsRecvRate msRcvBuf pktRcvDrop "
        "pktRcvLoss pktRcvRetrans rtt uptime latency connected network dropped_pkts buffer"
    )
)
"""Fields that are read, or known and left: ``dropped_pkts`` and ``network`` of some forks are
counted over a time that nobody tells."""


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> Publishers:
    """Return the publishers of the stream."""
    assert target.url is not None
    body = await fetch(http, target.url, secret=target.secret)
    return parse(body, target, at=now())


def parse(body: bytes, target: CollectorTarget, *, at: datetime) -> Publishers:
    """Return the publishers of the stream that an answer shows.

    Raises
    ------
    CollectorError
        That are no such statistics, or the server tells of an error.
    """
    answer = parsed_json(body)
    if answer.has("status") and answer.text("status") != "ok":
        raise CollectorError("bad_answer", "the server answered with an error")
    found: list[Answer] = []
    if answer.has("publishers"):
        listed = answer.inner("publishers")
        found = [
            listed.inner(name)
            for name in sorted(listed.names())
            if target.stream_key is None or _is_key(name, target.stream_key)
        ]
    elif answer.has("publisher"):  # one fork tells of one stream, named in the address
        found = [answer.inner("publisher")]
    elif not answer.has("status"):
        raise CollectorError("bad_answer", "that are no statistics of srt-live-server")
    there = [one for one in found if one.flag("connected") is not False]
    unknown = frozenset().union(*(one.names() for one in there)) - _KNOWN
    return Publishers(
        (_sample(one, at) for one in there), unknown_fields=(name[:40] for name in unknown)
    )


def _is_key(name: str, key: str) -> bool:
    """Return whether a stream's name, ``publish/live/market``, is a key or ends in it."""
    return name == key or name.endswith(f"/{key}")


def _sample(one: Answer, at: datetime) -> StreamSample:
    rate_kbps, age_s = one.number("bitrate"), one.number("uptime")
    if not rate_kbps and (age_s is None or age_s < _YOUNG_S):
        rate_kbps = None
    return StreamSample(
        at=at,
        collector="sls",
        connected_s=age_s,
        received_bps=None if rate_kbps is None else rate_kbps * 1e3,
        rtt_ms=one.number("rtt"),
        srt_latency_ms=one.number("latency") or None,
        packets_dropped_total=one.count("pktRcvDrop"),
    )
