"""Real answers and logs of ingest servers, as their users published them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lensong.monitoring.streams.collecting import Outcome
from lensong.monitoring.streams.collectors import nginx_rtmp, sls, srt
from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState, StreamHealth
from lensong.monitoring.streams.limits import StreamLimits
from lensong.monitoring.streams.sample import Publishers, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "ingest-samples"
NOW = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="../shared/data/ingest-samples is missing"
)


def one(outcome: Outcome) -> StreamSample:
    assert isinstance(outcome, Publishers), outcome
    assert outcome.unknown_fields == frozenset()
    (sample,) = outcome
    return sample


def test_a_line_of_libsrt_1_4_3_in_which_every_number_is_a_string() -> None:
    text = (SAMPLES / "srt_live_transmit_record_richtertoralf.json").read_text()
    for written in (text, json.dumps(json.loads(text)), json.dumps(json.loads(text)) + ",\n"):
        sample = one(srt.parse(written, at=NOW))
        assert sample.publisher_id == "118877286"
        assert (sample.rtt_ms, sample.srt_latency_ms) == (38.286, 120.0)
        assert sample.received_bps == 689_269.0  # it sends the stream on
        (interval,) = sample.intervals  # 13.4 s of a connection of 110 minutes
        assert (interval.received_bytes, interval.packets_received) == (1_151_996, 994)


def test_the_first_seconds_of_larix_say_nothing_of_rates() -> None:
    body = (SAMPLES / "nginx_rtmp_larix_first_seconds.xml").read_bytes()
    target = CollectorTarget(kind="nginx_rtmp", url="http://127.0.0.1/", stream_key="publish/test")
    for page in (body, b" \n" + body, b"\xef\xbb\xbf" + body):
        sample = one(nginx_rtmp.parse(page, target, at=NOW))
        assert (sample.connected_s, sample.media_time_s) == (2.008, 3.361)
        assert sample.received_bytes_total == 766_897
        assert sample.received_bps is None
        assert sample.frame_rate_hz is None
        assert (sample.width_px, sample.height_px, sample.video_codec) == (1280, 720, "H264")
        assert sample.audio_codec is None
        _, health = advance(
            HealthState(), sample, limits=StreamLimits(frame_rate_hz=30.0),
            configured_bps=2.5e6, now=NOW,
        )  # fmt: skip
        assert (health.state, health.frame_rate_hz) == ("ok", None)


def test_a_belabox_receiver_whose_stream_was_fine() -> None:
    body = (SAMPLES / "sls_belabox_noalbs170.json").read_text()
    told = json.loads(body)
    assert told.pop("fixed_by")
    target = CollectorTarget(kind="sls", url="http://127.0.0.1/", stream_key="publish/live/MY_NAME")
    state = HealthState()
    for second in range(0, 60, 2):  # its counters go on as they did over 1,036 s
        publisher = told["publishers"]["publish/live/MY_NAME"]
        publisher["uptime"] = 1_036 + second
        publisher["pktRcvLoss"] = 78_458 + 76 * second
        at = NOW + timedelta(seconds=second)
        sample = one(sls.parse(json.dumps(told).encode(), target, at=at))
        assert (sample.received_bps, sample.rtt_ms) == (3.99e6, 50.535)
        assert sample.srt_latency_ms is None
        state, health = advance(state, sample, limits=StreamLimits(), configured_bps=4e6, now=at)
        assert health.state == "ok", health
        assert health.loss_ratio is None  # how many packets came is not told


def rows_of(name: str) -> list[str]:
    return gzip.decompress((SAMPLES / name).read_bytes()).decode().splitlines()


def replayed(name: str) -> Iterator[tuple[StreamSample, StreamHealth]]:
    """Yield what each row of a log of statistics told when it was the newest."""
    header, *rows = rows_of(name)
    state, began_s = HealthState(), 0.0
    before: StreamSample | None = None
    for newest in range(1, len(rows) + 1):
        text = "\n".join([header, *rows[max(0, newest - 20) : newest]]) + "\n"
        sample = one(srt.parse(text, at=NOW))
        assert sample.connected_s is not None
        if before is not None and before.publisher_id != sample.publisher_id:
            assert before.connected_s is not None
            began_s += before.connected_s + 2.0
        before = sample
        sample = replace(sample, at=NOW + timedelta(seconds=began_s + sample.connected_s))
        state, health = advance(
            state, sample, limits=StreamLimits(), configured_bps=8.2e6, now=sample.at
        )
        yield sample, health


def codes(health: StreamHealth) -> set[str]:
    return {reason.code for reason in health.reasons}


def test_a_clean_log_raises_nothing() -> None:
    told = [health for _, health in replayed("srt_2020-06-24_13-52_snd.csv.gz")]
    assert len(told) == 102
    assert {health.state for health in told} == {"ok"}
    rates = [health.received_bps for health in told if health.received_bps is not None]
    assert min(rates) > 8.0e6
    assert max(rates) < 8.6e6


@pytest.mark.parametrize(
    ("name", "reconnects"),
    [("srt_2020-06-29_13-31_snd.csv.gz", 3), ("srt_2020-06-29_15-32_snd.csv.gz", 6)],
)
def test_each_socket_of_a_log_is_a_connection(name: str, reconnects: int) -> None:
    looks = list(replayed(name))
    told = [health for _, health in looks]
    assert told[-1].reconnects_total == reconnects
    rates = [
        health.received_bps
        for sample, health in looks
        if health.received_bps is not None and (sample.connected_s or 0.0) > 10.0
    ]
    assert min(rates) > 8.0e6  # no restart of the time makes a rate of its own
    assert max(rates) < 8.6e6
    counts = Counter(code for health in told for code in codes(health))
    assert counts["starving"] == counts["bitrate_reduced"] == counts["srt_loss"] == 0


@pytest.mark.slow
def test_rows_with_drops_are_at_risk_and_others_are_not_for_them() -> None:
    name = "srt_2020-06-29_15-32_snd.csv.gz"
    header = rows_of(name)[0].split(",")
    dropping = [int(row.split(",")[header.index("pktSndDrop")]) > 0 for row in rows_of(name)[1:]]
    assert sum(dropping) == 35
    told = list(replayed(name))
    for number, (sample, health) in enumerate(told):
        # one row is not judged: 3 s after a connection is made
        if dropping[number] and (sample.connected_s or 0.0) > 6.0:
            assert "srt_dropped" in codes(health), number
        # ten seconds are eight rows of 1.3 s
        if not any(dropping[max(0, number - 9) : number + 1]):
            assert "srt_dropped" not in codes(health), number


def test_a_log_whose_rows_are_totals() -> None:
    told = list(replayed("srt_rcv_log.csv.gz"))
    last, health = told[-1]
    assert last.received_bytes_total == 392_041_760
    assert last.packets_dropped_total == 17_443
    assert last.intervals == ()
    assert {"srt_dropped"} <= {code for _, told_of in told for code in codes(told_of)}
    assert health.state in ("ok", "at_risk")
    rates = [each.received_bps for _, each in told if each.received_bps is not None]
    # the windows of 5 s overlap, and those around a stall are fewer than their share of the time
    assert sum(rates) / len(rates) == pytest.approx(9.75e6, rel=0.1)
