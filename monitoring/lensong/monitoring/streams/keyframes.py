"""How far apart the key frames of a stream are, by watching the stream itself for some seconds.

No media server tells it. So a stream that is up is played now and then, and Debian's ``ffprobe``
(package ffmpeg) says which of its packets are key frames. What it may reach is as narrow as for
every collector: HTTP is fetched by our own client and piped into it, and for the other schemes it
is given an address that was checked, and the protocols of that scheme alone. Whatever goes wrong,
the distance is unknown, and nothing else suffers.
"""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from urllib.parse import urlsplit

import httpx

from lensong.monitoring.clock import Clock
from lensong.monitoring.outbound import DEFAULT_PORTS
from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.sample import CollectorError

__all__ = [
    "LONGEST_WATCH_S",
    "KeyframeWatch",
    "Packet",
    "keyframe_interval_s",
    "read_packet",
    "watch_packets",
]

Packet = tuple[float, bool]
"""Time stamp of a picture [s], and whether it is a key frame."""

_EVERY_S = 60.0
_STALE_S = 180.0
_AT_ONCE = 2
LONGEST_WATCH_S = 20.0
"""Two key frames 8 s apart are seen within 16 s, at whatever moment one begins to watch [s]."""

_ENOUGH_KEYFRAMES = 3
_MOST_BYTES = 1_000_000
_LONGEST_STEP_S = 10.0
"""Between two pictures that follow each other; a longer one is a jump of the time line [s]."""

_PROTOCOLS = {"rtmp": "rtmp,tcp", "rtmps": "rtmps,rtmp,tls,tcp", "srt": "srt"}
_FORMATS = "flv,mpegts"
"""None of them names further addresses, as playlists do."""

_FINDING = {"analyzeduration": "10000000", "probesize": "20000000"}
"""Until the first picture: some servers send none before a key frame [µs, bytes]."""

_log = logging.getLogger(__name__)


def keyframe_interval_s(packets: Sequence[Packet], limit_s: float) -> float | None:
    """Return the longest distance between key frames [s], None where it is unknown.

    Parameters
    ----------
    packets : sequence
        Pictures in the order in which they came.
    limit_s : float
        Above which a distance is too long [s].

    Notes
    -----
    With fewer than two key frames the distance is longer than what was watched without one. That
    is told where it is above the limit already; else nothing is known.

    Examples
    --------
    >>> keyframe_interval_s([(0.0, True), (1.0, False), (2.0, True)], 4.0)
    2.0
    """
    times = [at_s for at_s, _ in packets]
    if any(abs(after - before) > _LONGEST_STEP_S for before, after in pairwise(times)):
        return None
    keys = [at_s for at_s, is_key in packets if is_key]
    if len(keys) >= 2:
        longest_s = _longest_step(keys)
        return longest_s if longest_s > 0.0 else None
    if not times:
        return None
    bounds = [min(times), *keys, max(times)]
    without_s = _longest_step(bounds)
    return without_s if without_s > limit_s else None


def _longest_step(times: Sequence[float]) -> float:
    # ffprobe writes microseconds
    return round(max(after - before for before, after in pairwise(times)), 6)


def read_packet(line: bytes) -> Packet | None:
    """Return what one line of ``ffprobe -show_packets -print_format compact`` says of a picture.

    None where it is about something else.
    """
    words = dict(word.partition(b"=")[::2] for word in line.strip().split(b"|"))
    try:
        at_s = float(words[b"pts_time"])
    except (KeyError, ValueError):
        return None
    if words.get(b"codec_type") != b"video" or not math.isfinite(at_s):
        return None
    return at_s, words.get(b"flags", b"").startswith(b"K")


async def watch_packets(
    url: str, http: GuardedClient, *, longest_s: float = LONGEST_WATCH_S
) -> list[Packet]:
    """Return the pictures of a stream that is played for some seconds, none where it hangs.

    Raises
    ------
    CollectorError
        The address may not be asked, or there is no ffprobe. It tells nothing of the address.
    """
    program = shutil.which("ffprobe")
    if program is None:
        raise CollectorError("no_ffprobe", "there is no ffprobe here (package ffmpeg)")
    packets: list[Packet] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(longest_s):
            if urlsplit(url).scheme in _PROTOCOLS:
                script = await _script(url, http)
                await _play(program, _SCRIPTED, _written(script), packets)
            else:
                await _play(program, _PIPED, _fetched(url, http), packets)
    return packets


_Feed = Callable[[asyncio.StreamWriter], Awaitable[None]]

_COMMON = (
    "-loglevel", "quiet", "-select_streams", "v:0", "-read_intervals", f"%+{LONGEST_WATCH_S:g}",
    # with all fields: it writes in blocks of 4 kB, so that long lines come sooner
    "-show_packets", "-print_format", "compact", "-protocol_whitelist", "pipe",
)  # fmt: skip
_SCRIPTED = (
    *_COMMON, "-nofind_stream_info", "-format_whitelist", "concat", "-f", "concat", "-safe", "0",
    "-i", "pipe:0",
)  # fmt: skip
_PIPED = (
    *_COMMON, *(word for name, value in _FINDING.items() for word in (f"-{name}", value)),
    "-format_whitelist", _FORMATS, "-i", "pipe:0",
)  # fmt: skip


async def _play(program: str, arguments: Sequence[str], feed: _Feed, into: list[Packet]) -> None:
    """Let ffprobe run until enough was seen; it is gone afterwards, whatever happens."""
    process = await asyncio.create_subprocess_exec(
        program, *arguments, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
    )
    assert process.stdin is not None
    assert process.stdout is not None
    feeding = asyncio.create_task(_feed(feed, process.stdin))
    try:
        await _read(process.stdout, into)
        if feeding.done() and not into:
            feeding.result()
    finally:
        feeding.cancel()
        with suppress(ProcessLookupError):
            process.kill()
        await asyncio.gather(feeding, return_exceptions=True)
        await process.wait()


async def _read(output: asyncio.StreamReader, into: list[Packet]) -> None:
    taken = keyframes = 0
    with suppress(ValueError):  # a line without end
        while keyframes < _ENOUGH_KEYFRAMES and taken < _MOST_BYTES:
            if not (line := await output.readline()):
                return
            taken += len(line)
            if (packet := read_packet(line)) is not None:
                into.append(packet)
                keyframes += packet[1]


async def _feed(feed: _Feed, into: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):  # it was told enough
            await feed(into)
    finally:
        into.close()


async def _script(url: str, http: GuardedClient) -> str:
    """Return what names the stream to ffprobe: as an argument every user of the machine saw it."""
    parts = urlsplit(url)
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    host = parts.hostname or ""
    address = (await http.addresses(host, port))[0]
    pinned = parts._replace(netloc=f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
    options = {
        "protocol_whitelist": _PROTOCOLS[parts.scheme],
        "format_whitelist": _FORMATS,
        **_FINDING,
    }
    if parts.scheme == "rtmps":
        options |= {"tls_verify": "1", "verifyhost": host}
    quoted = pinned.geturl().replace("'", r"'\''")
    lines = ["ffconcat version 1.0", f"file '{quoted}'"]
    return "\n".join([*lines, *(f"option {name} {value}" for name, value in options.items()), ""])


def _written(script: str) -> _Feed:
    async def feed(into: asyncio.StreamWriter) -> None:
        into.write(script.encode("utf-8", "replace"))
        await into.drain()

    return feed


def _fetched(url: str, http: GuardedClient) -> _Feed:
    async def feed(into: asyncio.StreamWriter) -> None:
        try:
            async with http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
                if response.status_code != 200:
                    raise CollectorError("bad_status", f"status {response.status_code}, wanted 200")
                async for chunk in response.aiter_raw(65_536):
                    into.write(chunk)
                    await into.drain()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise CollectorError("unreachable", "that is no whole HTTP answer") from error

    return feed


class KeyframeWatch:
    """Plays streams now and then, at most two at once, and knows what was seen lately.

    Parameters
    ----------
    http : GuardedClient
        Which knows the addresses that may be asked.
    watch : async callable
        Plays one stream.

    Notes
    -----
    A stream is played once a minute, or later where many wait for their turn, and what was seen
    counts for 3 minutes.
    """

    def __init__(
        self,
        http: GuardedClient,
        clock: Clock,
        *,
        watch: Callable[[str, GuardedClient], Awaitable[list[Packet]]] = watch_packets,
    ) -> None:
        self._http, self._clock, self._watch = http, clock, watch
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._begun_s: dict[tuple[str, str], float] = {}
        self._seen: dict[tuple[str, str], tuple[float, float]] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._told: set[str] = set()

    def interval_s(self, site_id: str, url: str) -> float | None:
        """Return the distance of a stream's key frames [s], None where it is unknown."""
        at_s, interval_s = self._seen.get((site_id, url), (-math.inf, None))
        return interval_s if self._clock.monotonic_s() - at_s <= _STALE_S else None

    def look(self, site_id: str, url: str, limit_s: float) -> None:
        """Begin to play a stream, unless that was done within the last minute."""
        key, now_s = (site_id, url), self._clock.monotonic_s()
        if key in self._tasks or now_s - self._begun_s.get(key, -math.inf) < _EVERY_S:
            return
        self._tasks[key] = asyncio.create_task(self._look(key, limit_s))
        self._tasks[key].add_done_callback(lambda _: self._tasks.pop(key, None))

    def keep(self, streams: Iterable[tuple[str, str]]) -> None:
        """Forget all streams but these, given by site and address."""
        kept = set(streams)
        for key in self._begun_s.keys() - kept:
            del self._begun_s[key]
            self._seen.pop(key, None)
        for key in self._tasks.keys() - kept:
            self._tasks[key].cancel()

    async def close(self) -> None:
        """Play nothing any more, and leave no process behind."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self, key: tuple[str, str], limit_s: float) -> None:
        site_id, url = key
        async with self._gate:
            self._begun_s[key] = self._clock.monotonic_s()
            try:
                packets = await self._watch(url, self._http)
            except CollectorError as error:
                self._tell("" if error.code == "no_ffprobe" else site_id, error.detail)
                return
            except OSError:
                self._tell("", "ffprobe could not be started")
                return
        if not packets:
            self._tell(site_id, f"no picture came within {LONGEST_WATCH_S:g} s")
            return
        self._told -= {"", site_id}
        interval_s = keyframe_interval_s(packets, limit_s)
        if interval_s is not None:
            self._seen[key] = (self._clock.monotonic_s(), interval_s)

    def _tell(self, site_id: str, why: str) -> None:
        """Write to the log that nothing is known of a site, or of any, once until that changes."""
        if site_id not in self._told:
            self._told.add(site_id)
            of_whom = f"site {site_id}" if site_id else "all sites"
            _log.warning("the distance of key frames of %s is unknown: %s", of_whom, why)
