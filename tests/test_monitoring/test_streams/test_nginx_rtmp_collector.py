"""The statistics page of nginx-rtmp, in the form of Debian's 1.2.2 (see test_real_streams)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.streams.collectors.nginx_rtmp import parse
from lensong.monitoring.streams.sample import CollectorError
from lensong.monitoring.streams.target import CollectorTarget

NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)


def target(key: str | None = "live/k3y") -> CollectorTarget:
    return CollectorTarget(kind="nginx_rtmp", url="http://127.0.0.1/stat", stream_key=key)


def client(number: int, *, publishing: bool, time_ms: int, stamp_ms: int) -> str:
    role = "<publishing/>" if publishing else ""
    return (
        f"<client><id>{number}</id><address>10.77.0.1</address><time>{time_ms}</time>"
        f"<flashver>x</flashver><dropped>0</dropped><avsync>-17</avsync>"
        f"<timestamp>{stamp_ms}</timestamp>{role}<active/></client>"
    )


def page(
    *clients: str, name: str = "k3y", application: str = "live", rate_bps: int = 2_722_112
) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8" ?>\n<rtmp><pid>7639</pid><bw_in>9</bw_in>'
        f"<server><application><name>{application}</name><live><stream><name>{name}</name>"
        f"<time>15664</time><bw_in>{rate_bps}</bw_in><bytes_in>5027071</bytes_in>"
        f"<bw_video>2600592</bw_video>{''.join(clients)}"
        "<meta><video><width>1280</width><height>720</height><frame_rate>25</frame_rate>"
        "<codec>H264</codec></video><audio><codec>AAC</codec><channels>1</channels></audio></meta>"
        "<nclients>2</nclients></stream></live></application></server></rtmp>"
    ).encode()


def test_the_publisher_of_the_stream() -> None:
    viewer = client(1, publishing=False, time_ms=90_000, stamp_ms=1)
    publisher = client(3, publishing=True, time_ms=15_841, stamp_ms=15_093)
    (sample,) = parse(page(viewer, publisher), target(), at=NOW)
    assert sample.publisher_id == "7639-3"
    assert sample.connected_s == 15.841
    assert sample.media_time_s == 15.093
    assert sample.received_bytes_total == 5_027_071
    assert sample.video_bytes_total is None
    assert sample.received_bps == 2_722_112
    assert (sample.width_px, sample.height_px, sample.frame_rate_hz) == (1280, 720, 25.0)
    assert (sample.video_codec, sample.audio_codec) == ("H264", "AAC")
    assert sample.rtt_ms is None
    assert "k3y" not in repr(sample)
    assert "10.77" not in repr(sample)


def relayed(number: int, dropped: int) -> str:
    """As Debian's module shows a push whose URL holds the key of the platform."""
    return (
        f"<client><id>{number}</id><address>127.0.0.1:19350/rtmp/PL4TFORM-KEY</address>"
        f"<time>3636</time><flashver>ngx-local-relay</flashver><dropped>{dropped}</dropped>"
        "<avsync>-3440</avsync><timestamp>3440</timestamp><active/></client>"
    )


def test_connections_to_platforms_are_counted_and_their_keys_are_not_kept() -> None:
    publisher = client(3, publishing=True, time_ms=15_841, stamp_ms=15_093)
    viewer = client(1, publishing=False, time_ms=90_000, stamp_ms=1)
    whole = page(relayed(7, 2), relayed(8, 3), publisher, viewer)
    (sample,) = parse(whole, target(), at=NOW)
    assert sample.forwards == 2
    assert sample.forward_frames_dropped_total == 5
    assert "PL4TFORM" not in repr(sample)
    (alone,) = parse(page(publisher, viewer), target(), at=NOW)
    assert alone.forwards == 0
    assert alone.forward_frames_dropped_total is None


def test_a_rate_of_zero_before_the_first_window_is_unknown() -> None:
    young = client(1, publishing=True, time_ms=9_000, stamp_ms=9_000)
    assert parse(page(young, rate_bps=0), target(), at=NOW)[0].received_bps is None
    stalled = client(1, publishing=True, time_ms=60_000, stamp_ms=30_000)
    assert parse(page(stalled, rate_bps=0), target(), at=NOW)[0].received_bps == 0.0


@pytest.mark.parametrize(
    ("key", "count"),
    [("live/k3y", 1), ("k3y", 1), (None, 1), ("other/k3y", 0), ("live/other", 0), ("live/k3", 0)],
)
def test_the_key_finds_the_stream(key: str | None, count: int) -> None:
    publisher = client(1, publishing=True, time_ms=1, stamp_ms=1)
    assert len(parse(page(publisher), target(key), at=NOW)) == count


def test_viewers_alone_publish_nothing() -> None:
    assert parse(page(client(1, publishing=False, time_ms=1, stamp_ms=1)), target(), at=NOW) == []
    assert parse(b"<rtmp/>", target(), at=NOW) == []


def test_missing_fields_are_unknown_and_not_zero() -> None:
    bare = b"<name>k3y</name><client><publishing/></client>"
    bare = b"<name>live</name><live><stream>" + bare + b"</stream></live>"
    bare = b"<rtmp><server><application>" + bare + b"</application></server></rtmp>"
    (sample,) = parse(bare, target(), at=NOW)
    for field in ("publisher_id", "connected_s", "media_time_s", "received_bytes_total",
                  "received_bps", "frame_rate_hz", "width_px", "video_codec"):  # fmt: skip
        assert getattr(sample, field) is None, field


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE rtmp [<!ENTITY a "aaaa">]><rtmp>&a;</rtmp>',
        b'<!DOCTYPE rtmp [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><rtmp>&b;&b;</rtmp>',
        b'<!DOCTYPE rtmp [<!ENTITY x SYSTEM "file:///etc/passwd">]><rtmp>&x;</rtmp>',
        b'<!DOCTYPE rtmp SYSTEM "http://127.0.0.1:1/x.dtd"><rtmp/>',
        b"<rtmp>" + b"<a>" * 5_000 + b"</a>" * 5_000 + b"</rtmp>",
        b"<rtmp><server></rtmp>",
        b"<html><body>It works</body></html>",
        b'<?xml version="1.0" encoding="shift_jis"?><rtmp/>',
        b'<?xml version="1.0" encoding="nonsense"?><rtmp/>',
        b"",
    ],
    ids=lambda body: body[:30].decode(),
)
def test_what_is_no_such_page_is_refused(body: bytes) -> None:
    with pytest.raises(CollectorError) as refused:
        parse(body, target(), at=NOW)
    assert refused.value.code == "bad_answer"


def test_a_blank_before_the_declaration_and_zeros_of_an_encoder_that_announces_nothing() -> None:
    publisher = client(1, publishing=True, time_ms=2_008, stamp_ms=3_361)
    body = page(publisher, rate_bps=0).replace(b"<width>1280", b"<width>0")
    body = body.replace(b"<frame_rate>25", b"<frame_rate>0.000").replace(
        b"<audio><codec>AAC</codec><channels>1</channels></audio>", b"<audio></audio>"
    )
    for blank in (b" ", b"\n", b"\r\n\t", b"\xef\xbb\xbf"):
        (sample,) = parse(blank + body, target(), at=NOW)
        assert sample.frame_rate_hz is None
        assert sample.width_px is None
        assert sample.audio_codec is None
        assert sample.received_bps is None


def test_fields_of_a_page_that_mean_nothing_are_told() -> None:
    publisher = client(1, publishing=True, time_ms=1, stamp_ms=1)
    assert parse(page(publisher), target(), at=NOW).unknown_fields == frozenset()
    newer = page(publisher).replace(b"<bw_video>", b"<jitter>3</jitter><bw_video>")
    assert parse(newer, target(), at=NOW).unknown_fields == {"stream.jitter"}


@pytest.mark.parametrize("wrong", ["k3y-text", "-5", "nan", "1e30"])
def test_text_in_place_of_a_number_is_told_without_the_text(wrong: str) -> None:
    publisher = client(1, publishing=True, time_ms=1, stamp_ms=1)
    body = page(publisher).replace(b"5027071", wrong.encode())
    with pytest.raises(CollectorError) as refused:
        parse(body, target(), at=NOW)
    assert refused.value.code == "wrong_type"
    assert "k3y" not in refused.value.detail


def test_a_long_text_is_cut() -> None:
    publisher = client(1, publishing=True, time_ms=1, stamp_ms=1)
    body = page(publisher).replace(b"H264", b"H" * 100_000)
    (sample,) = parse(body, target(), at=NOW)
    assert sample.video_codec == "H" * 40


@given(st.binary(max_size=300))
def test_no_bytes_are_an_exception_of_another_kind(body: bytes) -> None:
    with suppress(CollectorError):
        assert parse(body, target(), at=NOW) == []
