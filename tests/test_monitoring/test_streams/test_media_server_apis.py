"""MediaMTX and SRS, against a small emulation of their documented HTTP APIs.

Neither is in Debian, so that the real programs are not run here: the answers below follow
MediaMTX's ``api/openapi.yaml`` and metrics page and the "HTTP API" page of SRS.
"""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest

from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import Outcome, collect
from lensong.monitoring.streams.collectors.mediamtx_metrics import parse as parse_metrics
from lensong.monitoring.streams.sample import CollectorError, CollectorFailure, StreamSample
from lensong.monitoring.streams.target import CollectorTarget
from tests.test_monitoring.test_streams.rough_server import Handler, answer, by_path, serving

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)
KEY = "live/k3y"


def ask(
    kind: str, handle: Handler, *, key: str | None = KEY, secret: str | None = None, path: str = ""
) -> Outcome:
    async def once() -> Outcome:
        async with serving(handle) as url, GuardedClient(AllowList.of()) as http:
            target = CollectorTarget(kind=kind, url=url + path, stream_key=key, secret=secret)
            return await collect(target, http, now=lambda: NOW)

    return asyncio.run(once())


def one(outcome: Outcome) -> StreamSample:
    assert isinstance(outcome, list), outcome
    (sample,) = outcome
    assert "k3y" not in repr(sample)
    return sample


# --- MediaMTX, control API -----------------------------------------------------------------------

RTMP_ID, SRT_ID = "6f0c6f8e-1f53-4a55-8f8e-1f534a558f8e", "a0b1c2d3-e4f5-6789-abcd-ef0123456789"


def path_of_2025(**changed: Any) -> dict[str, Any]:
    return {
        "name": KEY, "confName": "all_others", "ready": True, "readyTime": "2026-11-28T01:50:00Z",
        "available": True, "availableTime": "2026-11-28T01:50:00Z", "online": True,
        "source": {"type": "rtmpConn", "id": RTMP_ID},
        "tracks": ["H264", "MPEG-4 Audio"],
        "tracks2": [
            {"codec": "H264", "codecProps": {"width": 1280, "height": 720, "profile": "High",
                                             "level": "3.1"}},
            {"codec": "MPEG-4 Audio", "codecProps": {"sampleRate": 48000, "channelCount": 2}},
        ],
        "bytesReceived": 5_000_000, "inboundBytes": 5_000_000, "bytesSent": 0, "outboundBytes": 0,
        "inboundFramesInError": 0, "readers": [],
    } | changed  # fmt: skip


def mediamtx(paths: list[dict[str, Any]], **connections: dict[str, Any]) -> Handler:
    """Answer as MediaMTX does, two paths a page whatever is asked for."""
    per_page = 2

    async def handle(head: str, writer: asyncio.StreamWriter) -> None:
        path, _, query = head.split(" ")[1].partition("?")
        if path == "/v3/paths/list":
            page = int(parse_qs(query).get("page", ["0"])[0])
            body = {
                "itemCount": len(paths),
                "pageCount": -(-len(paths) // per_page),
                "items": paths[page * per_page : (page + 1) * per_page],
            }
            await answer(json.dumps(body))(head, writer)
        elif path.startswith("/v3/srtconns/get/") and path.rpartition("/")[2] in connections:
            await answer(json.dumps(connections[path.rpartition("/")[2]]))(head, writer)
        else:
            await answer('{"status":"error","error":"not found"}', status="404 Not Found")(
                head, writer
            )

    return handle


def test_mediamtx_an_rtmp_publisher() -> None:
    sample = one(ask("mediamtx", mediamtx([path_of_2025()])))
    assert sample.publisher_id == RTMP_ID
    assert sample.received_bytes_total == 5_000_000
    assert (sample.width_px, sample.height_px) == (1280, 720)
    assert (sample.video_codec, sample.audio_codec) == ("H264", "MPEG-4 Audio")
    assert sample.media_time_s is None
    assert sample.rtt_ms is None


def test_mediamtx_as_it_was_before_fields_were_renamed() -> None:
    before = {"name": KEY, "ready": True, "source": {"type": "rtmpConn", "id": RTMP_ID},
              "tracks": ["H264"], "bytesReceived": 77, "readers": []}  # fmt: skip
    assert one(ask("mediamtx", mediamtx([before]))).received_bytes_total == 77


def test_mediamtx_an_srt_publisher_with_its_counters() -> None:
    path = path_of_2025(source={"type": "srtConn", "id": SRT_ID})
    counters = {"id": SRT_ID, "state": "publish", "path": KEY, "packetsReceived": 20_000,
                "packetsReceivedLoss": 40, "packetsReceivedDrop": 3, "msRTT": 137.5,
                "msReceiveTsbPdDelay": 2_500, "mbpsReceiveRate": 3.25}  # fmt: skip
    sample = one(ask("mediamtx", mediamtx([path], **{SRT_ID: counters})))
    assert sample.rtt_ms == 137.5
    assert sample.srt_latency_ms == 2_500
    assert sample.packets_received_total == 20_000
    assert sample.packets_lost_total == 40
    assert sample.packets_dropped_total == 3
    # the connection went between the two questions
    assert one(ask("mediamtx", mediamtx([path]))).rtt_ms is None


def test_mediamtx_on_a_later_page_absent_or_idle() -> None:
    others = [path_of_2025(name=f"other{n}") for n in range(5)]
    assert len(others) // 2 >= 2
    one(ask("mediamtx", mediamtx([*others, path_of_2025()])))
    assert ask("mediamtx", mediamtx(others)) == []
    assert ask("mediamtx", mediamtx([])) == []
    idle = path_of_2025(ready=False, available=False, source=None)
    assert ask("mediamtx", mediamtx([idle])) == []


def test_mediamtx_the_key_stands_in_no_request_and_the_password_is_sent() -> None:
    asked: list[str] = []
    listed = answer(json.dumps({"itemCount": 1, "pageCount": 1, "items": [path_of_2025()]}))
    one(ask("mediamtx", by_path({"/v3/paths/list": listed}, asked), secret="u:w0rd"))
    assert "k3y" not in "".join(asked)
    assert base64.b64encode(b"u:w0rd").decode() in asked[0]


# --- MediaMTX, metrics ---------------------------------------------------------------------------

METRICS = f"""\
# Paths
paths{{name="{KEY}",state="ready"}} 1
paths_readers{{name="{KEY}",state="ready",readerType="hls"}} 5
paths_inbound_bytes{{name="{KEY}",state="ready"}} 123456
paths{{name="other",state="ready"}} 1
paths_inbound_bytes{{name="other",state="ready"}} 9
paths{{name="idle",state="notReady"}} 1
# SRT connections
srt_conns{{id="{SRT_ID}",path="{KEY}",remoteAddr="10.0.0.7:5000",state="publish"}} 1
srt_conns_packets_received{{id="{SRT_ID}",path="{KEY}",state="publish"}} 2000
srt_conns_packets_received_loss{{id="{SRT_ID}",path="{KEY}",state="publish"}} 4
srt_conns_packets_received_drop{{id="{SRT_ID}",path="{KEY}",state="publish"}} 0
srt_conns_ms_rtt{{id="{SRT_ID}",path="{KEY}",state="publish"}} 42.5
srt_conns_ms_rtt{{id="ffff",path="{KEY}",state="read"}} 999
"""


def test_mediamtx_metrics() -> None:
    sample = one(ask("mediamtx_metrics", by_path({"/metrics": answer(METRICS)}), path="/metrics"))
    assert sample.publisher_id == SRT_ID
    assert sample.received_bytes_total == 123_456
    assert sample.rtt_ms == 42.5
    assert (sample.packets_received_total, sample.packets_lost_total) == (2000, 4)
    assert sample.packets_dropped_total == 0
    assert sample.srt_latency_ms is None
    assert ask("mediamtx_metrics", answer(METRICS), key="idle") == []
    assert ask("mediamtx_metrics", answer(METRICS), key="nowhere") == []
    earlier = METRICS.replace("inbound_bytes", "bytes_received")
    assert one(ask("mediamtx_metrics", answer(earlier))).received_bytes_total == 123_456


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf"])
def test_mediamtx_metrics_that_are_no_counts(value: str) -> None:
    target = CollectorTarget(kind="mediamtx_metrics", url="http://127.0.0.1/", stream_key=KEY)
    with pytest.raises(CollectorError, match="paths_inbound_bytes"):
        parse_metrics(METRICS.replace("123456", value), target, at=NOW)


# --- SRS -----------------------------------------------------------------------------------------


def srs_stream(**changed: Any) -> dict[str, Any]:
    return {
        "id": "vid-1", "name": "k3y", "vhost": "vid-2", "app": "live",
        "tcUrl": "rtmp://10.0.0.1/live", "url": "/live/k3y", "live_ms": 1_678_901_234_567,
        "clients": 1, "frames": 12_345, "send_bytes": 7, "recv_bytes": 12_345_678,
        "kbps": {"recv_30s": 2048, "send_30s": 0},
        "publish": {"active": True, "cid": "vid-c9"},
        "video": {"codec": "H264", "profile": "High", "level": "3.1", "width": 1280, "height": 720},
        "audio": {"codec": "AAC", "sample_rate": 44_100, "channel": 2, "profile": "LC"},
    } | changed  # fmt: skip


def srs(*streams: dict[str, Any], code: int = 0) -> Handler:
    body = {"code": code, "server": "vid-0", "service": "x", "pid": "1", "streams": list(streams)}
    return by_path({"/api/v1/streams/": answer(json.dumps(body))})


def test_srs_a_publisher() -> None:
    sample = one(ask("srs", srs(srs_stream(name="other"), srs_stream(app="x"), srs_stream())))
    assert sample.publisher_id == "vid-c9"
    assert sample.received_bytes_total == 12_345_678
    assert sample.received_bps == 2_048_000
    assert sample.frames_total == 12_345
    assert (sample.video_codec, sample.audio_codec) == ("H264", "AAC")
    assert sample.media_time_s is None
    assert sample.connected_s is None


def test_srs_a_number_for_a_client_no_audio_and_no_rate_yet() -> None:
    old = srs_stream(publish={"active": True, "cid": 429}, audio=None, kbps={"recv_30s": 0})
    sample = one(ask("srs", srs(old)))
    assert sample.publisher_id == "429"
    assert sample.audio_codec is None
    assert sample.received_bps is None


def test_srs_nobody_publishes() -> None:
    assert ask("srs", srs(srs_stream(publish={"active": False, "cid": ""}))) == []
    assert ask("srs", srs()) == []


def test_srs_an_error_of_its_own() -> None:
    outcome = ask("srs", srs(code=1061))
    assert isinstance(outcome, CollectorFailure)
    assert outcome.code == "bad_answer"
