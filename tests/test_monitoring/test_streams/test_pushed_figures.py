"""Figures that the programs themselves write: srt-live-transmit and ffmpeg."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import Outcome, collect, read_pushed
from lensong.monitoring.streams.sample import CollectorFailure, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

NOW = datetime(2026, 11, 24, 8, 21, 50, tzinfo=UTC)


def srt_line(time_ms: int, *, sid: int = 388866349, **received: Any) -> str:
    counters = {"packets": 257, "packetsLost": 5, "packetsDropped": 1, "bytes": 334_856,
                "mbitRate": 3.68483, "msTsbPdDelay": 200}  # fmt: skip
    at = NOW - timedelta(seconds=1)
    return json.dumps(
        {
            "sid": sid,
            "timepoint": at.strftime("%Y-%m-%dT%H:%M:%S.%f+0000"),
            "time": time_ms,
            "link": {"rtt": 42.603, "bandwidth": 11.196},
            "recv": counters | received,
        }
    )


def one(outcome: Outcome) -> StreamSample:
    assert isinstance(outcome, list), outcome
    (sample,) = outcome
    return sample


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, CollectorFailure), outcome
    return outcome.code


def test_the_newest_srt_line_counts() -> None:
    text = "\n".join([srt_line(726), srt_line(1410, packets=452, bytes=589_340)]) + "\n"
    sample = one(read_pushed("srt", text, at=NOW))
    assert sample.publisher_id == "388866349"
    assert sample.connected_s == 1.41
    assert sample.received_bytes_total == 589_340
    assert sample.packets_received_total == 452
    assert sample.packets_lost_total == 5
    assert sample.packets_dropped_total == 1
    assert sample.rtt_ms == 42.603
    assert sample.srt_latency_ms == 200.0
    assert sample.media_time_s is None


def test_srt_lines_cut_at_either_end_are_left_out() -> None:
    text = srt_line(100)[40:] + "\n" + srt_line(726) + "\n" + srt_line(1410)[:50]
    assert one(read_pushed("srt", text, at=NOW)).connected_s == 0.726
    assert read_pushed("srt", "", at=NOW) == []
    assert code(read_pushed("srt", "======= SRT STATS: sid=1\nPACKETS\n", at=NOW)) == "bad_answer"
    broken = "\n".join([srt_line(1), "5ecr3t", srt_line(2)])
    assert code(read_pushed("srt", broken, at=NOW)) == "bad_answer"


def test_srt_counts_of_intervals_are_told() -> None:
    text = srt_line(726, bytes=300_000) + "\n" + srt_line(1410, bytes=200_000)
    outcome = read_pushed("srt", text, at=NOW)
    assert code(outcome) == "interval_counts"
    assert isinstance(outcome, CollectorFailure)
    assert "-fullstats" in outcome.detail
    other_stream = srt_line(726, bytes=300_000) + "\n" + srt_line(10, sid=9, bytes=2_000)
    assert one(read_pushed("srt", other_stream, at=NOW)).publisher_id == "9"


def test_a_file_of_srt_lines_is_read_from_its_end_and_only_where_allowed(tmp_path: Path) -> None:
    file = tmp_path / "rx.json"
    file.write_text("".join(srt_line(n) + "\n" for n in range(2_000)))
    assert file.stat().st_size > 500_000
    target = CollectorTarget(kind="srt", url=file.as_uri())

    async def read(allow: AllowList, at: datetime) -> Outcome:
        async with GuardedClient(allow) as http:
            return await collect(target, http, now=lambda: at)

    allow = AllowList.of(folders=[tmp_path])
    assert one(asyncio.run(read(allow, NOW))).connected_s == 1.999
    # the program has long ended: nobody publishes, however healthy the last line looks
    assert asyncio.run(read(allow, NOW + timedelta(seconds=60))) == []
    assert code(asyncio.run(read(AllowList.of(), NOW))) == "forbidden_file"
    file.unlink()
    assert code(asyncio.run(read(allow, NOW))) == "unreachable"


def block(out_time: str = "23601000", end: str = "continue", frame: str = "591") -> str:
    return (
        f"frame={frame}\nfps=17.63\nstream_0_0_q=32.0\nbitrate=2650.1kbits/s\n"
        f"total_size=7818096\nout_time_us={out_time}\nout_time_ms={out_time}\n"
        "out_time=00:00:23.601000\ndup_frames=0\ndrop_frames=0\nspeed=0.704x\n"
        f"progress={end}\n"
    )


def test_the_newest_block_of_ffmpeg_counts() -> None:
    sample = one(read_pushed("ffmpeg", block("1000000") + block() + "frame=99999\nfps=1\n", at=NOW))
    assert sample.media_time_s == pytest.approx(23.601)
    assert sample.received_bytes_total == 7_818_096
    assert sample.frames_total == 591
    assert sample.received_bps is None  # its mean since the start would hide a fall
    assert sample.frames_dropped_total is None


def test_the_end_of_ffmpeg_is_nobody_publishing() -> None:
    assert read_pushed("ffmpeg", block() + block(end="end"), at=NOW) == []
    assert read_pushed("ffmpeg", "", at=NOW) == []


def test_what_ffmpeg_does_not_know_is_unknown() -> None:
    sample = one(read_pushed("ffmpeg", block("N/A"), at=NOW))
    assert sample.media_time_s is None
    older = block().replace("out_time_us=23601000\n", "")
    assert one(read_pushed("ffmpeg", older, at=NOW)).media_time_s == pytest.approx(23.601)


@pytest.mark.parametrize("text", [block("12x"), block(frame="-3"), block(frame="1" * 30)])
def test_text_in_place_of_numbers(text: str) -> None:
    assert code(read_pushed("ffmpeg", text, at=NOW)) == "wrong_type"


def test_what_is_no_progress_is_told() -> None:
    assert code(read_pushed("ffmpeg", "ffmpeg version 5.1\n", at=NOW)) == "bad_answer"
