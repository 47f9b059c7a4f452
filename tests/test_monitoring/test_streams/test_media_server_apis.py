"""MediaMTX, SRS and srt-live-server, against a small emulation of their documented HTTP APIs.

None is in Debian, so that the real programs are not run here. The answers below follow MediaMTX
1.20: its ``api/openapi.yaml`` (schemas Path, PathList, SRTConn), which still has the fields of
before as deprecated, and ``docs/2-features/23-metrics.md``; the "HTTP API" page of SRS 7; and
answers of srt-live-server that its users published.
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import Outcome, collect
from lensong.monitoring.streams.collectors.mediamtx_metrics import parse as parse_metrics
from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import (
    CollectorError,
    CollectorFailure,
    Publishers,
    StreamSample,
)
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


def path_of_1_20(**changed: Any) -> dict[str, Any]:
    return {
        "name": KEY, "confName": "all_others", "ready": True, "readyTime": "2026-11-28T01:50:00Z",
        "available": True, "availableTime": "2026-11-28T01:50:00Z", "online": True,
        "onlineTime": "2026-11-28T01:50:00Z",
        "source": {"type": "rtmpConn", "id": RTMP_ID},
        "tracks": ["H264", "MPEG-4 Audio"],
        "tracks2": [
            {"codec": "H264", "codecProps": {"width": 1280, "height": 720, "profile": "High",
                                             "level": "3.1"}},
            {"codec": "MPEG-4 Audio", "codecProps": {"sampleRate": 48000, "channelCount": 2}},
        ],
        "bytesReceived": 5_000_000, "inboundBytes": 5_000_000, "bytesSent": 0, "outboundBytes": 0,
        "inboundFramesInError": 4, "readers": [{"type": "hlsSession", "id": RTMP_ID}],
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
    sample = one(ask("mediamtx", mediamtx([path_of_1_20()])))
    assert sample.publisher_id == RTMP_ID
    assert sample.received_bytes_total == 5_000_000
    assert (sample.width_px, sample.height_px) == (1280, 720)
    assert (sample.video_codec, sample.audio_codec) == ("H264", "MPEG-4 Audio")
    assert sample.media_time_s is None
    assert sample.rtt_ms is None
    assert sample.frames_in_error_total == 4


def test_mediamtx_as_it_was_before_fields_were_renamed() -> None:
    before = {"name": KEY, "ready": True, "source": {"type": "rtmpConn", "id": RTMP_ID},
              "tracks": ["MPEG-4 Audio", "H264"], "bytesReceived": 77, "readers": []}  # fmt: skip
    sample = one(ask("mediamtx", mediamtx([before])))
    assert sample.received_bytes_total == 77
    assert (sample.video_codec, sample.audio_codec) == ("H264", "MPEG-4 Audio")
    assert sample.width_px is None


def test_mediamtx_once_the_deprecated_fields_are_gone() -> None:
    deprecated = ("ready", "readyTime", "tracks", "bytesReceived", "bytesSent")
    after = {name: value for name, value in path_of_1_20().items() if name not in deprecated}
    sample = one(ask("mediamtx", mediamtx([after])))
    assert sample.received_bytes_total == 5_000_000
    assert (sample.video_codec, sample.width_px) == ("H264", 1280)


def test_mediamtx_a_codec_without_properties() -> None:
    tracks = [{"codec": "VP8", "codecProps": None}, {"codec": "Opus", "codecProps": None}]
    sample = one(ask("mediamtx", mediamtx([path_of_1_20(tracks2=tracks)])))
    assert (sample.video_codec, sample.audio_codec) == ("VP8", "Opus")


def test_mediamtx_a_path_that_is_always_available_is_not_always_published() -> None:
    still = path_of_1_20(online=False, onlineTime=None)
    assert ask("mediamtx", mediamtx([still])) == []
    assert ask("mediamtx", mediamtx([path_of_1_20(online=False, source=None)])) == []
    one(ask("mediamtx", mediamtx([path_of_1_20(ready=False, available=False)])))  # online decides


def test_fields_that_mean_nothing_are_told_by_their_names() -> None:
    newer = path_of_1_20(inboundMegabytes=5, name=KEY)
    outcome = ask("mediamtx", mediamtx([newer]))
    assert isinstance(outcome, Publishers)
    assert outcome.unknown_fields == {"inboundMegabytes"}
    known = ask("mediamtx", mediamtx([path_of_1_20()]))
    assert isinstance(known, Publishers)
    assert known.unknown_fields == frozenset()


def test_mediamtx_an_srt_publisher_with_its_counters() -> None:
    path = path_of_1_20(source={"type": "srtConn", "id": SRT_ID})
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
    others = [path_of_1_20(name=f"other{n}") for n in range(5)]
    assert len(others) // 2 >= 2
    one(ask("mediamtx", mediamtx([*others, path_of_1_20()])))
    assert ask("mediamtx", mediamtx(others)) == []
    assert ask("mediamtx", mediamtx([])) == []
    idle = path_of_1_20(ready=False, available=False, source=None)
    assert ask("mediamtx", mediamtx([idle])) == []


def test_mediamtx_the_key_stands_in_no_request_and_the_password_is_sent() -> None:
    asked: list[str] = []
    listed = answer(json.dumps({"itemCount": 1, "pageCount": 1, "items": [path_of_1_20()]}))
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


def test_mediamtx_metrics_of_a_bonded_stream_have_its_links() -> None:
    groups = (
        f'srtla_groups{{id="a1b2",path="{KEY}"}} 1\n'
        f'srtla_groups_conns_active{{id="a1b2",path="{KEY}"}} 3\n'
        f'srtla_groups_bytes_received{{id="a1b2",path="{KEY}"}} 999999999\n'
        'srtla_groups_conns_active{id="c3d4",path="other"} 1\n'
        'srtla_groups_conns_active{id="e5f6",path=""} 2\n'
    )
    outcome = ask("mediamtx_metrics", answer(METRICS + groups))
    sample = one(outcome)
    assert sample.links == 3
    assert sample.received_bytes_total == 123_456
    assert sample.publisher_id == SRT_ID
    assert one(ask("mediamtx_metrics", answer(METRICS))).links is None
    state, told = HealthState(), []
    for second in range(0, 20, 2):
        links = 3 if second < 10 else 1
        seen = replace(sample, at=NOW + timedelta(seconds=second), links=links,
                       received_bytes_total=second * 300_000)  # fmt: skip
        state, health = advance(
            state, seen, limits=StreamLimits(), configured_bps=2.4e6, now=seen.at
        )
        told.append({reason.code for reason in health.reasons})
        assert health.state == "ok"  # the stream itself is fine as long as it arrives
    assert "links_gone" not in told[4]
    assert "links_gone" in told[-1]


def test_mediamtx_metrics_of_rtsp_and_webrtc_by_either_name() -> None:
    page = (
        f'paths{{name="{KEY}",state="ready"}} 1\n'
        f'paths_inbound_bytes{{name="{KEY}",state="ready"}} 5\n'
        f'paths_inbound_frames_in_error{{name="{KEY}",state="ready"}} 2\n'
        f'webrtc_sessions{{id="w1",path="{KEY}",state="publish"}} 1\n'
        f'webrtc_sessions_inbound_rtp_packets{{id="w1",path="{KEY}",state="publish"}} 700\n'
        f'webrtc_sessions_inbound_rtp_packets_lost{{id="w1",path="{KEY}",state="publish"}} 7\n'
        f'webrtc_sessions_rtp_packets_received{{id="w1",path="{KEY}",state="publish"}} 700\n'
        "something_new 1\n"
    )
    outcome = ask("mediamtx_metrics", answer(page))
    sample = one(outcome)
    assert (sample.publisher_id, sample.frames_in_error_total) == ("w1", 2)
    assert (sample.packets_received_total, sample.packets_lost_total) == (700, 7)
    assert isinstance(outcome, Publishers)
    assert outcome.unknown_fields == {"something_new"}
    before = page.replace("_inbound_rtp_packets_lost", "_rtp_packets_lost").replace(
        "webrtc_sessions_inbound_rtp_packets", "x_ignored"
    )
    assert one(ask("mediamtx_metrics", answer(before))).packets_lost_total == 7


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


def test_srs_frames_of_video_alone_where_both_are_told() -> None:
    newer = srs_stream(frames=20_000, video_frames=12_000, audio_frames=8_000)
    assert one(ask("srs", srs(newer))).frames_total == 12_000


def test_srs_an_srt_publisher_as_in_its_issue_4554() -> None:
    bare = srs_stream(frames=0, video=None, audio=None, tcUrl="srt://10.0.0.1/live")
    sample = one(ask("srs", srs(bare)))
    assert sample.frames_total == 0  # what is made of it: test_pace
    assert sample.received_bytes_total == 12_345_678
    assert sample.width_px is None


# --- srt-live-server (BELABOX) -------------------------------------------------------------------


def sls(**publishers: dict[str, Any]) -> Handler:
    named = {f"publish/live/{name}": told for name, told in publishers.items()}
    return answer(json.dumps({"publishers": named, "status": "ok"}))


def sls_stream(**changed: Any) -> dict[str, Any]:
    return {
        "bitrate": 3_990, "bytesRcvDrop": 14_960, "bytesRcvLoss": 106_702_880,
        "mbpsBandwidth": 9.276, "mbpsRecvRate": 5.158, "msRcvBuf": 1_935, "pktRcvDrop": 11,
        "pktRcvLoss": 78_458, "rtt": 50.535, "uptime": 1_036,
    } | changed  # fmt: skip


@pytest.mark.parametrize("key", ["publish/live/k3y", "live/k3y", "k3y"])
def test_sls_the_publisher_of_a_key(key: str) -> None:
    outcome = ask("sls", sls(other=sls_stream(rtt=1.0), k3y=sls_stream()), key=key)
    sample = one(outcome)
    assert (sample.rtt_ms, sample.connected_s) == (50.535, 1_036.0)
    assert sample.received_bps == 3.99e6  # and not the mean since the start beside it
    assert sample.packets_dropped_total == 11
    assert sample.packets_lost_total is None
    assert isinstance(outcome, Publishers)
    assert outcome.unknown_fields == frozenset()


def test_sls_nobody_publishes_and_what_is_no_statistics() -> None:
    assert ask("sls", sls()) == []
    assert ask("sls", sls(other=sls_stream())) == []
    assert ask("sls", sls(k3y=sls_stream(connected=False))) == []
    for body in ('{"status":"error","message":"no"}', '{"a":1}', '{"publishers":[1]}'):
        outcome = ask("sls", answer(body))
        assert isinstance(outcome, CollectorFailure)
        assert outcome.code in ("bad_answer", "wrong_type")
        assert "k3y" not in outcome.detail


def test_sls_of_one_stream_and_its_first_seconds() -> None:
    body = {"publisher": sls_stream(latency=2_000, bitrate=0, uptime=3), "status": "ok"}
    sample = one(ask("sls", answer(json.dumps(body))))
    assert sample.srt_latency_ms == 2_000
    assert sample.received_bps is None
    stalled = one(ask("sls", sls(k3y=sls_stream(bitrate=0))))
    assert stalled.received_bps == 0.0
