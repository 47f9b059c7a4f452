"""How far apart key frames are: told where it is known; who hangs or is away hurts nobody."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.monitoring.clock import SystemClock
from lensong.monitoring.outbound import Lookup, look_up
from lensong.monitoring.streams import keyframes
from lensong.monitoring.streams.allowed import AllowList, GuardedClient
from lensong.monitoring.streams.keyframes import (
    LONGEST_WATCH_S,
    KeyframeWatch,
    Packet,
    keyframe_interval_s,
    read_packet,
    watch_packets,
)
from lensong.monitoring.streams.sample import CollectorError
from lensong.monitoring.streams.target import CollectorTarget
from lensong.propagation.errors import InvalidInputError
from tests.running_service import TurnedClock
from tests.test_monitoring.test_streams.rough_server import Handler, answer, serving
from tests.waiting import PATIENCE_S

LIMIT_S = 4.0
SECRET = "5ecr3t-key"
no_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not here")


def pictures(keys_s: list[float], until_s: float, rate_hz: float = 25.0) -> list[Packet]:
    stamps = sorted({n / rate_hz for n in range(int(until_s * rate_hz) + 1)} | set(keys_s))
    return [(at_s, at_s in keys_s) for at_s in stamps]


@pytest.mark.parametrize(
    ("keys_s", "until_s", "told_s"),
    [
        ([0.0, 2.0, 4.0], 5.0, 2.0),
        ([0.0, 2.0, 5.0, 6.0], 6.0, 3.0),
        ([1.0, 9.0], 12.0, 8.0),
        ([0.0], 3.0, None),  # may be anything above 3 s
        ([0.0], 17.0, 17.0),
        ([6.0], 10.0, 6.0),
        ([], 10.0, 10.0),
        ([], 2.0, None),
    ],
)
def test_the_longest_distance_or_what_is_known_of_it(
    keys_s: list[float], until_s: float, told_s: float | None
) -> None:
    assert keyframe_interval_s(pictures(keys_s, until_s), LIMIT_S) == told_s


def test_nothing_and_a_jump_of_the_time_line_tell_nothing() -> None:
    assert keyframe_interval_s([], LIMIT_S) is None
    jump = [(0.0, True), (2.0, True), (9e6, True)]
    assert keyframe_interval_s(jump, LIMIT_S) is None
    assert keyframe_interval_s([(2.0, True), (2.0, True)], LIMIT_S) is None


@given(
    st.floats(0.5, 8.0), st.floats(0.0, 1.0), st.floats(-1e5, 1e5), st.sampled_from([10.0, 25.0])
)
def test_an_even_distance_is_found_wherever_one_begins(
    interval_s: float, phase: float, begun_s: float, rate_hz: float
) -> None:
    per_group = max(1, round(interval_s * rate_hz))
    first = round(phase * (per_group - 1))
    packets = [
        (begun_s + n / rate_hz, n % per_group == first) for n in range(int(17.0 * rate_hz) + 1)
    ]
    told_s = keyframe_interval_s(packets, LIMIT_S)
    # time stamps of 1e5 s have some 1e-11 s of rounding
    assert told_s == pytest.approx(per_group / rate_hz, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.booleans()), max_size=30))
def test_what_is_told_is_longer_than_nothing(packets: list[Packet]) -> None:
    told_s = keyframe_interval_s(packets, LIMIT_S)
    assert told_s is None or told_s > 0.0
    if sum(is_key for _, is_key in packets) < 2:
        assert told_s is None or told_s > LIMIT_S


def test_a_line_of_ffprobe() -> None:
    line = b"packet|codec_type=video|stream_index=1|pts=877|pts_time=0.877000|size=126|flags=%s\n"
    assert read_packet(line % b"K_") == (0.877, True)
    assert read_packet(line % b"__") == (0.877, False)
    assert read_packet((line % b"K_").replace(b"0.877000", b"N/A")) is None
    assert read_packet((line % b"K_").replace(b"0.877000", b"nan")) is None
    assert read_packet((line % b"K_").replace(b"video", b"audio")) is None


@given(st.binary(max_size=200))
def test_no_bytes_of_a_line_are_an_exception(line: bytes) -> None:
    packet = read_packet(line)
    assert packet is None or packet[0] == packet[0]


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://127.0.0.1/live/x",
        "file:///etc/passwd",
        "concat:a|b",
        "-i",
        "rtmp:///live/x",
        "rtmp://u:w0rd@127.0.0.1/live/x",
        "rtmp://127.0.0.1/live/x y",
        "rtmp://127.0.0.1/live/x\noption",
        "srt://127.0.0.1?streamid=x",
        "srt://127.0.0.1:9000?mode=listener",
        "srt://127.0.0.1:9000?latency=1&mode=rendezvous",
        "http://127.0.0.1/live/x.m3u8?k=1",
        "http://127.0.0.1/" + "a" * 600,
    ],
)
def test_addresses_that_no_stream_is_played_from(url: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        CollectorTarget(kind="ffmpeg", media_url=url)
    assert "w0rd" not in str(refused.value)


def test_an_address_of_a_stream_does_not_show() -> None:
    target = CollectorTarget(kind="ffmpeg", media_url=f"srt://127.0.0.1:9000?streamid={SECRET}")
    assert SECRET not in repr(target)
    CollectorTarget(kind="ffmpeg", media_url="srt://127.0.0.1:9000?mode=caller&streamid=#!::r=a")


def children() -> set[str]:
    """Return the processes that this one started, dead ones that nobody asked after among them."""
    found = set()
    for thread in Path(f"/proc/{os.getpid()}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found |= set((thread / "children").read_text().split())
    return found


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """Hold that no process is left behind, and no zombie."""
    before = children()
    yield
    assert children() <= before


def watched(
    handle: Handler, scheme: str = "http", *, longest_s: float = 5.0, lookup: Lookup = look_up
) -> list[Packet]:
    async def once() -> list[Packet]:
        allow = AllowList.of()
        async with serving(handle) as url, GuardedClient(allow, lookup=lookup) as http:
            url = url.replace("http", scheme)
            return await watch_packets(f"{url}/live/{SECRET}", http, longest_s=longest_s)

    return asyncio.run(once())


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
def test_a_stream_over_http_is_fetched_by_us_and_piped(tmp_path: Path) -> None:
    film = tmp_path / "film.flv"
    subprocess.run(
        ["ffmpeg", "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i",
         "testsrc=size=160x90:rate=25:duration=7", "-c:v", "libx264", "-preset", "ultrafast",
         "-g", "75", "-sc_threshold", "0", str(film)],
        check=True,
    )  # fmt: skip
    packets = watched(answer(film.read_bytes()))
    assert keyframe_interval_s(packets, LIMIT_S) == pytest.approx(3.0, abs=0.001)


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(
    "body",
    [
        b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:{port}/forged\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/forged'\n",
        b"\x00\xff" * 5_000,
        b"",
    ],
    ids=["playlist", "list", "garbage", "nothing"],
)
def test_what_is_no_stream_leads_nowhere(body: bytes) -> None:
    asked: list[str] = []

    async def handle(head: str, writer: asyncio.StreamWriter) -> None:
        asked.append(head.partition("\r\n")[0])
        port = writer.get_extra_info("sockname")[1]
        await answer(body.replace(b"{port}", str(port).encode()))(head, writer)

    assert watched(handle) == []
    assert len(asked) == 1


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("status", ["302 Found", "403 Forbidden"])
def test_another_status_is_told_and_no_redirect_followed(status: str) -> None:
    moved = answer(b"", status=status, headers="Location: http://127.0.0.1:1/inner\r\n")
    with pytest.raises(CollectorError) as refused:
        watched(moved)
    assert refused.value.code == "bad_status"


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("scheme", ["http", "rtmp"])
def test_a_server_that_hangs_is_left_in_time(scheme: str) -> None:
    async def hang(_: str, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    assert watched(hang, scheme, longest_s=1.0) == []


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("scheme", ["http", "rtmp"])
def test_an_address_that_is_not_allowed_is_not_asked(scheme: str) -> None:
    async def elsewhere(_: str, __: int) -> list[str]:
        return ["10.0.0.5"]

    with pytest.raises(CollectorError) as refused:
        watched(answer(b""), scheme, lookup=elsewhere)
    assert refused.value.code == "forbidden_address"
    assert SECRET not in str(refused.value)


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
def test_the_stream_is_no_argument_that_other_users_can_read() -> None:
    seen: list[str] = []

    async def hang(_: str, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def look() -> None:
        async with serving(hang) as url, GuardedClient(AllowList.of()) as http:
            before = children()
            media_url = f"{url.replace('http', 'rtmp')}/live/{SECRET}"
            playing = asyncio.create_task(watch_packets(media_url, http))
            async with asyncio.timeout(PATIENCE_S):
                while not seen:
                    await asyncio.sleep(0.05)
                    seen.extend(
                        command
                        for child in children() - before
                        if "pipe:0" in (command := Path(f"/proc/{child}/cmdline").read_text())
                    )
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)

    asyncio.run(look())
    assert all(SECRET not in command for command in seen)


def test_without_ffprobe_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(CollectorError) as missing:
        watched(answer(b""))
    assert missing.value.code == "no_ffprobe"


class Watched:
    """A watch over streams that a test plays, by a clock that it turns."""

    def __init__(self, http: GuardedClient) -> None:
        self.clock = TurnedClock()
        self.played: list[str] = []
        self.at_once = self.most_at_once = 0
        self.holding: asyncio.Event | None = None
        self.outcome: Callable[[], list[Packet]] = lambda: pictures([0.0, 2.0, 4.0], 5.0)
        self.watch = KeyframeWatch(http, self.clock, watch=self._play)

    async def _play(self, url: str, _: GuardedClient) -> list[Packet]:
        self.played.append(url)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.holding is not None:
                await self.holding.wait()
            return self.outcome()
        finally:
            self.at_once -= 1

    async def look(self, site_id: str = "a", url: str = "rtmp://x/a") -> float | None:
        self.watch.look(site_id, url, LIMIT_S)
        for _ in range(20):
            await asyncio.sleep(0)
        return self.watch.interval_s(site_id, url)


def run(body: Callable[[Watched], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with GuardedClient(AllowList.of()) as http:
            bench = Watched(http)
            await body(bench)
            await bench.watch.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(whole())


def test_a_stream_is_played_once_a_minute_and_forgotten_after_three() -> None:
    async def body(bench: Watched) -> None:
        assert await bench.look() == 2.0
        bench.clock.turn(seconds=59)
        assert await bench.look() == 2.0
        assert len(bench.played) == 1
        bench.outcome = list
        bench.clock.turn(seconds=2)
        assert await bench.look() == 2.0  # nothing was seen this time
        assert len(bench.played) == 2
        bench.clock.turn(seconds=118)
        assert await bench.look() == 2.0
        bench.clock.turn(seconds=2)
        assert await bench.look() is None
        assert await bench.look(url="rtmp://x/another") is None

    run(body)


def test_two_are_played_at_once_and_those_that_are_over_are_left() -> None:
    async def body(bench: Watched) -> None:
        bench.holding = asyncio.Event()
        for name in "abcde":
            await bench.look(name, f"rtmp://x/{name}")
        assert (len(bench.played), bench.at_once) == (2, 2)
        bench.watch.keep([("d", "rtmp://x/d")])
        for _ in range(20):
            await asyncio.sleep(0)
        assert bench.played[2:] == ["rtmp://x/d"]
        bench.holding.set()
        assert await bench.look("d", "rtmp://x/d") == 2.0
        assert bench.watch.interval_s("a", "rtmp://x/a") is None
        assert bench.most_at_once == 2

    run(body)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (CollectorError("no_ffprobe", "there is no ffprobe here"), "all sites"),
        (OSError("no memory"), "all sites"),
        (CollectorError("forbidden_address", "not allowed"), "site a"),
        (None, "site a"),
    ],
)
def test_what_fails_is_told_once_without_the_address(
    error: Exception | None, word: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="lensong")

    async def body(bench: Watched) -> None:
        def outcome() -> list[Packet]:
            if error is not None:
                raise error
            return []

        bench.outcome = outcome
        url = f"rtmp://x/{SECRET}"
        for _ in range(5):
            assert await bench.look(url=url) is None
            bench.clock.turn(minutes=2)
        assert len(bench.played) == 5

    run(body)
    (line,) = [record.getMessage() for record in caplog.records if "key frames" in record.message]
    assert word in line
    assert SECRET not in caplog.text


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
def test_who_stops_in_the_midst_leaves_no_process() -> None:
    async def hang(_: str, __: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async def whole() -> None:
        before = children()
        async with serving(hang) as url, GuardedClient(AllowList.of()) as http:
            watch = KeyframeWatch(http, SystemClock())
            watch.look("a", f"{url.replace('http', 'rtmp')}/live/x", LIMIT_S)
            async with asyncio.timeout(PATIENCE_S):
                while not children() - before:
                    await asyncio.sleep(0.02)
            await watch.close()

    asyncio.run(whole())


def test_the_longest_look_sees_two_key_frames_8_s_apart() -> None:
    assert LONGEST_WATCH_S > 2 * 8.0


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
def test_a_stream_over_srt(tmp_path: Path) -> None:
    if "srt" not in subprocess.run(["ffmpeg", "-protocols"], capture_output=True, text=True,
                                   check=True).stdout.split():  # fmt: skip
        pytest.skip("ffmpeg has no SRT here")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        url = f"srt://127.0.0.1:{free.getsockname()[1]}"
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i",
               "testsrc=size=160x90:rate=25", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25",
               "-t", "30", "-f", "mpegts", f"{url}?mode=listener"]  # fmt: skip

    async def until_it_listens() -> list[Packet]:
        async with GuardedClient(AllowList.of()) as http, asyncio.timeout(PATIENCE_S):
            while not (packets := await watch_packets(f"{url}?streamid=#!::r={SECRET}", http)):
                await asyncio.sleep(0.1)
            return packets

    with (tmp_path / "log").open("w") as log:
        sending = subprocess.Popen(command, stderr=log)
        try:
            packets = asyncio.run(until_it_listens())
        finally:
            sending.kill()
            sending.wait()
    assert keyframe_interval_s(packets, LIMIT_S) == pytest.approx(1.0, abs=0.001)


@no_ffprobe
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("name", "trusted"), [("media", True), ("other", True), ("media", False)])
def test_the_certificate_of_rtmps_is_checked_against_the_name(
    name: str, trusted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=media", "-addext", "subjectAltName=DNS:media",
         "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode != 0:
        pytest.skip("openssl cannot make a certificate here")
    if trusted:
        known = keyframes._FINDING | {"ca_file": str(certificate)}
        monkeypatch.setattr(keyframes, "_FINDING", known)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    async def here(_: str, __: int) -> list[str]:
        return ["127.0.0.1"]

    async def once() -> list[Packet]:
        server = await asyncio.start_server(hear, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        async with server, GuardedClient(AllowList.of(), lookup=here) as http:
            return await watch_packets(f"rtmps://{name}:{port}/live/{SECRET}", http)

    assert asyncio.run(once()) == []
    # 3: the version of RTMP, the first that is said once TLS stands
    assert b"".join(heard) == (b"\x03" if trusted and name == "media" else b"")
