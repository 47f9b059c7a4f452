"""Figures that the programs themselves write: srt-live-transmit and ffmpeg."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.collecting import Outcome, collect, read_pushed
from lensong.monitoring.streams.health import advance
from lensong.monitoring.streams.health_state import HealthState
from lensong.monitoring.streams.limits import StreamLimits
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


def test_srt_counts_of_intervals_become_totals() -> None:
    lines = [
        srt_line(1_000 * n, bytes=400_000, packets=300, packetsLost=3, packetsDropped=int(n == 8),
                 mbitRate=3.2)
        for n in range(1, 19)
    ]  # fmt: skip
    state, told = HealthState(), []
    for newest in range(2, len(lines), 2):  # a look in two seconds, at the end of the file
        sample = one(read_pushed("srt", "\n".join(lines[:newest]), at=NOW))
        assert sample.received_bytes_total is None  # a count of one interval is no total
        sample = replace(sample, at=NOW + timedelta(seconds=newest))
        state, health = advance(
            state, sample, limits=StreamLimits(), configured_bps=3.2e6, now=sample.at
        )
        told.append(health)
    assert [health.received_bytes_total for health in told] == [800_000 * n for n in range(1, 9)]
    assert told[-1].received_bps == pytest.approx(3.2e6)
    assert told[-1].loss_ratio == pytest.approx(0.01)
    codes = [{reason.code for reason in health.reasons} for health in told]
    assert ["srt_dropped" in of_look for of_look in codes] == [number >= 3 for number in range(8)]
    other_stream = srt_line(726, bytes=300_000) + "\n" + srt_line(10, sid=9, bytes=2_000)
    assert one(read_pushed("srt", other_stream, at=NOW)).publisher_id == "9"


def test_missing_lines_of_intervals_are_no_slow_link() -> None:
    state, rates = HealthState(), []
    for second in [*range(1, 20), *range(26, 45)]:
        line = srt_line(1_000 * second, bytes=400_000, packets=300, packetsDropped=0, mbitRate=3.2)
        sample = replace(one(read_pushed("srt", line, at=NOW)), at=NOW + timedelta(seconds=second))
        state, health = advance(
            state, sample, limits=StreamLimits(), configured_bps=3.2e6, now=sample.at
        )
        assert health.state == "ok", (second, health)
        rates.append(health.received_bps)
    assert rates[-1] == pytest.approx(3.2e6)


def test_srt_lines_of_1_4_3_have_strings_and_a_comma_too_much() -> None:
    line = srt_line(60_000, packetsLost=0, packetsDropped=0, bytes=399_996, mbitRate=3.2)
    strings = re.sub(r": (-?[0-9.]+)", r': "\1"', line)
    assert '"bytes": "399996"' in strings
    for text in (strings, f"{strings},", strings.replace("}}", ",}}"), f"{strings},\n{strings},"):
        sample = one(read_pushed("srt", text, at=NOW))
        assert (sample.rtt_ms, sample.srt_latency_ms) == (42.603, 200.0)
        assert sample.received_bps == 3.2e6
        assert sample.connected_s == 60.0
        assert sample.intervals[-1].received_bytes == 399_996


def test_a_sender_is_read_by_what_it_sends() -> None:
    sent = {"packets": 994, "packetsUnique": 990, "packetsLost": 5, "packetsDropped": 2,
            "bytes": 1_360_000, "bytesUnique": 1_350_000, "mbitRate": 8.1}  # fmt: skip
    nothing = dict.fromkeys(("packets", "packetsLost", "packetsDropped", "bytes", "mbitRate"), 0)
    whole = json.loads(srt_line(500_000)) | {"send": sent, "recv": nothing}
    sample = one(read_pushed("srt", json.dumps(whole), at=NOW))
    (interval,) = sample.intervals
    assert (interval.received_bytes, interval.packets_lost, interval.packets_dropped) == (
        1_350_000, 5, 2,
    )  # fmt: skip


CSV_2020 = (
    "Time,SocketID,pktFlowWindow,pktCongestionWindow,pktFlightSize,msRTT,mbpsBandwidth,mbpsMaxBW,"
    "pktSent,pktSndLoss,pktSndDrop,pktRetrans,byteSent,byteSndDrop,mbpsSendRate,usPktSndPeriod,"
    "pktRecv,pktRcvLoss,pktRcvDrop,pktRcvRetrans,pktRcvBelated,byteRecv,byteRcvLoss,byteRcvDrop,"
    "mbpsRecvRate,RCVLATENCYms"
)
FILTERS = "pktSndFilterExtra,pktRcvFilterExtra,pktRcvFilterSupply,pktRcvFilterLoss"
CSV_2022 = (
    "Timepoint,Time,SocketID,Time,pktFlowWindow,pktCongestionWindow,pktFlightSize,msRTT,"
    "mbpsBandwidth,mbpsMaxBW,pktSent,pktSentUnique,pktSndLoss,pktSndDrop,pktRetrans,"
    "pktSndFilterExtra,byteSent,byteSentUnique,byteSndDrop,byteAvailSndBuf,msSndBuf,mbpsSendRate,"
    "usPktSndPeriod,pktRecv,pktRecvUnique,pktRcvLoss,pktRcvDrop,pktRcvRetrans,pktRcvBelated,"
    "pktRcvFilterExtra,pktRcvFilterSupply,pktRcvFilterLoss,byteRecv,byteRecvUnique,byteRcvLoss,"
    "byteRcvDrop,byteAvailRcvBuf,msRcvBuf,mbpsRecvRate,msRcvTsbPdDelay"
)
CSV_TWICE = CSV_2022.replace("Timepoint,", "") + ",msRcvTsbPdDelay"
"""Two columns are called Time, and two msRcvTsbPdDelay."""


def csv_row(header: str, time_ms: int, *, socket: int = 7, **values: Any) -> str:
    told = {"Time": time_ms, "SocketID": socket, "msRTT": 41.5, "RCVLATENCYms": 500,
            "msRcvTsbPdDelay": 500, "Timepoint": NOW.strftime("%Y-%m-%dT%H:%M:%S.%f+0000"),
            **values}  # fmt: skip
    return ",".join(str(told.get(name, 0)) for name in header.split(","))


@pytest.mark.parametrize("header", [CSV_2020, f"{CSV_2020},{FILTERS}", CSV_2022, CSV_TWICE])
def test_srt_statistics_as_csv(header: str) -> None:
    rows = [
        csv_row(header, 2_000 * n, pktRecv=600, byteRecv=800_000, pktRcvLoss=6, mbpsRecvRate=3.2)
        for n in range(1, 6)
    ]
    text = "\n".join([header, *rows]) + "\n"
    sample = one(read_pushed("srt", text, at=NOW))
    assert (sample.publisher_id, sample.connected_s) == ("7", 10.0)
    assert (sample.rtt_ms, sample.srt_latency_ms) == (41.5, 500.0)
    assert sample.received_bps == 3.2e6
    assert [interval.until_s for interval in sample.intervals] == [2.0, 4.0, 6.0, 8.0, 10.0]
    # the same as totals, as -fullstats writes them
    rows = [
        csv_row(header, 2_000 * n, pktRecv=600 * n, byteRecv=800_000 * n, mbpsRecvRate=3.2)
        for n in range(1, 6)
    ]
    sample = one(read_pushed("srt", "\n".join([header, *rows]) + "\n", at=NOW))
    assert (sample.received_bytes_total, sample.packets_received_total) == (4_000_000, 3_000)
    # the time begins anew with each connection
    more = csv_row(header, 1_300, socket=8, pktRecv=300, byteRecv=520_000, mbpsRecvRate=3.2)
    sample = one(read_pushed("srt", "\n".join([header, *rows, more]) + "\n", at=NOW))
    assert (sample.publisher_id, sample.connected_s) == ("8", 1.3)


@pytest.mark.parametrize("header", [CSV_2020, f"{CSV_2020},{FILTERS}", CSV_2022])
def test_csv_is_sent_line_by_line_without_its_header(header: str) -> None:
    row = csv_row(header, 90_000, pktRecv=600, byteRecv=800_000, mbpsRecvRate=3.2)
    sample = one(read_pushed("srt", row + "\n", at=NOW))
    assert sample.received_bps == 3.2e6
    assert read_pushed("srt", header + "\n", at=NOW) == []  # the header alone is nobody yet
    assert code(read_pushed("srt", "1,2,3\n4,5,6\n7,8,9\n", at=NOW)) == "bad_answer"


def test_csv_without_a_time_is_stale_by_its_file(tmp_path: Path) -> None:
    header = f"{CSV_2020},{FILTERS}"
    file = tmp_path / "rx.csv"
    rows = [csv_row(header, 2_000 * n, pktRecv=600, byteRecv=800_000, mbpsRecvRate=3.2)
            for n in range(1, 3_000)]  # fmt: skip
    file.write_text("\n".join([header, *rows]) + "\n" + rows[-1][:20])  # a line half written
    assert file.stat().st_size > 200_000
    target = CollectorTarget(kind="srt", url=file.as_uri())
    allow = AllowList.of(folders=[tmp_path])

    async def read(at: datetime) -> Outcome:
        async with GuardedClient(allow) as http:
            return await collect(target, http, now=lambda: at)

    written = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    assert one(asyncio.run(read(written))).connected_s == 5_998.0
    assert asyncio.run(read(written + timedelta(seconds=60))) == []


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
