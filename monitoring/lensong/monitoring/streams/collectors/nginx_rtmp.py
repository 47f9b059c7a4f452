"""nginx with the RTMP module: the XML of its ``rtmp_stat`` page.

Rates (``bw_*``) are bit/s over windows of 10 s that are compiled in, and 0 until the first one
closes; the byte counters beside them are exact at once. ``time`` is the age of a connection and
``timestamp`` the stamp of its newest media, both in ms, so that the media lag needs no clock but
the server's own. What the page shows as frame rate is what the encoder announced.

A relay's connections to platforms (``push``) stand among the viewers, by the name that the module
gives itself. The address that the page shows for one holds the platform's key where the directive
has it in its URL: nothing of it is kept.

A page shows the streams of the one worker process that answers. Now and then, and whenever it does
not show the stream, several connections are opened at once, so that other workers answer too; what
absence is worth after that is told by `streams.workers`.

References
----------
.. [1] nginx-rtmp-module, ``ngx_rtmp_stat_module`` and the directives ``rtmp_stat``; tried with
   Debian's libnginx-mod-rtmp 1.2.2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, Never
from xml.parsers import expat

from lensong.monitoring.streams.allowed import GuardedClient
from lensong.monitoring.streams.fetch import fetch
from lensong.monitoring.streams.sample import CollectorError, Publishers, StreamSample
from lensong.monitoring.streams.target import CollectorTarget
from lensong.monitoring.streams.workers import ServerView

__all__ = ["collect", "parse"]

_FIRST_WINDOW_MS = 20_000
"""A rate of 0 in a younger connection means that no window has closed yet [ms]."""
_DEEPEST, _LONGEST_TEXT = 20, 1_000
_MOST_UNKNOWN = 50
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FORWARDING = "ngx-local-relay"
"""As what the module itself plays a stream that it pushes on."""

_ASKED_AT_ONCE = 8
"""Connections that are opened at once: a worker that is busy leaves some to another."""
_SEEN_ASK_S, _UNSEEN_ASK_S = 60.0, 4.0
"""How often it is asked so while the stream is seen, and while it is not [s]; with every look where
several workers are known and the stream is not seen."""

_KNOWN = {
    "page": frozenset(
        str.split(
            "nginx_version nginx_rtmp_version nginx_http_flv_version compiler built pid uptime "
            "naccepted bw_in bytes_in bw_out bytes_out server workers nworkers"
        )
    ),
    "stream": frozenset(
        str.split(
            "name time bw_in bytes_in bw_out bytes_out bw_audio bw_video bw_data client meta "
            "nclients publishing active application clients recorders"
        )
    ),
    "meta": frozenset(
        str.split(
            "video audio video.width video.height video.frame_rate video.codec video.profile "
            "video.compat video.level audio.codec audio.profile audio.channels audio.sample_rate "
            "video.data_rate audio.data_rate"
        )
    ),
    "client": frozenset(
        str.split(
            "id address port time flashver pageurl swfurl bytes_in bytes_out dropped avsync "
            "timestamp publishing active"
        )
    ),
}
"""Fields that are read, or known to say nothing of a stream's health."""

_STREAM = ("rtmp", "server", "application", "live", "stream")
_CLIENT = (*_STREAM, "client")


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> Publishers:
    """Return the publishers of the stream."""
    assert target.url is not None
    url = target.url

    async def ask(*, afresh: bool) -> Publishers:
        body = await fetch(http, url, secret=target.secret, afresh=afresh)
        at = now()
        return await asyncio.to_thread(parse, body, target, at=at)

    seen = await ask(afresh=False)
    if seen.view is None:
        return seen
    asked_at, processes = http.asked_widely.get(url, (None, 1))
    wait_s = _SEEN_ASK_S if seen else _UNSEEN_ASK_S if processes == 1 else 0.0
    if asked_at is not None and (now() - asked_at).total_seconds() < wait_s:
        return seen
    more = await asyncio.gather(
        *(ask(afresh=True) for _ in range(_ASKED_AT_ONCE)), return_exceptions=True
    )
    whole = _together([seen, *(page for page in more if isinstance(page, Publishers))])
    assert whole.view is not None
    http.asked_widely[url] = now(), len(whole.view.ages_s)
    return whole


def _together(pages: list[Publishers]) -> Publishers:
    """Return what several pages show, each process once."""
    samples: dict[str, list[StreamSample]] = {}
    ages_s: dict[str, float | None] = {}
    total: int | None = None
    unknown: set[str] = set()
    for page in pages:
        if page.view is None:
            continue
        for process, age_s in page.view.ages_s.items():
            ages_s[process], samples[process] = age_s, list(page)
        total = page.view.total if total is None else total
        unknown |= page.unknown_fields
    return Publishers(
        (sample for of_process in samples.values() for sample in of_process),
        view=ServerView(ages_s=ages_s, total=total),
        unknown_fields=unknown,
    )


def parse(body: bytes, target: CollectorTarget, *, at: datetime) -> Publishers:
    """Return the publishers of the stream that a page of statistics shows.

    Raises
    ------
    CollectorError
        No such page: broken XML, a document type or entities, text where a number is wanted.
    """
    application, name = target.application_and_name
    page = _Page()
    page.read(body)
    process = page.values.get("pid", "")[:20]
    view = None
    if process:
        told = _count(page.values, "nworkers") or _count(page.values, "workers")
        view = ServerView(ages_s={process: _number(page.values, "uptime")}, total=told)
    return Publishers(
        (
            _sample(stream, client, process or "0", at)
            for stream in page.streams
            if (name is None or stream.get("name") == name)
            and (application is None or stream.get("application") == application)
            for client in _publishing(stream["clients"])
        ),
        view=view,
        unknown_fields=page.unknown,
    )


def _publishing(clients: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return who publishes; another worker that plays a stream on to this one only where alone."""
    found = [client for client in clients if "publishing" in client]
    own = [client for client in found if not client.get("address", "").startswith("unix:")]
    return own or found


def _sample(stream: dict[str, Any], client: dict[str, str], pid: str, at: datetime) -> StreamSample:
    age_ms, stamp_ms = _number(client, "time"), _number(client, "timestamp")
    rate_bps = _number(stream, "bw_in")
    if not rate_bps and (age_ms is None or age_ms < _FIRST_WINDOW_MS):
        rate_bps = None
    number = client.get("id")
    forwards = [
        other
        for other in stream["clients"]
        if "publishing" not in other and other.get("flashver") == _FORWARDING
    ]
    dropped = [_count(other, "dropped") or 0 for other in forwards]
    return StreamSample(
        at=at,
        collector="nginx_rtmp",
        # clients are counted from 1 by each worker process
        publisher_id=f"{pid}-{number[:20]}" if number else None,
        worker=pid,
        connected_s=None if age_ms is None else age_ms / 1e3,
        media_time_s=None if stamp_ms is None else stamp_ms / 1e3,
        received_bytes_total=_count(stream, "bytes_in"),
        received_bps=rate_bps,
        # an encoder that announces none is shown with 0
        frame_rate_hz=_number(stream, "meta.video.frame_rate") or None,
        width_px=_count(stream, "meta.video.width") or None,
        height_px=_count(stream, "meta.video.height") or None,
        video_codec=_word(stream, "meta.video.codec"),
        audio_codec=_word(stream, "meta.audio.codec"),
        forwards=len(forwards),
        forward_frames_dropped_total=sum(dropped) if forwards else None,
    )


def _number(values: dict[str, Any], name: str) -> float | None:
    text = values.get(name)
    if text is None or text == "":
        return None
    try:
        return float(text)
    except ValueError as error:
        raise CollectorError("wrong_type", f"{name} is a text, wanted a number") from error


def _count(values: dict[str, Any], name: str) -> int | None:
    number = _number(values, name)
    if number is None:
        return None
    if not 0 <= number < 2**63:
        raise CollectorError("wrong_type", f"{name} is no count")
    return int(number)


def _word(values: dict[str, Any], name: str) -> str | None:
    text: str | None = values.get(name)
    return "".join(letter for letter in text if letter.isprintable())[:40] or None if text else None


class _Page:
    """Reads the page element by element; keeps only what is wanted of it."""

    def __init__(self) -> None:
        self.values, self.streams = dict[str, str](), list[dict[str, Any]]()
        self.unknown: set[str] = set()
        self._path: tuple[str, ...] = ()
        self._text: list[str] = []
        self._length = 0
        self._application = ""
        self._stream: dict[str, Any] = {}
        self._client: dict[str, str] = {}

    def read(self, body: bytes) -> None:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        # entities can unpack to gigabytes or name files of this machine: none is declared here
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        parser.ExternalEntityRefHandler = _refuse
        parser.UnparsedEntityDeclHandler = _refuse
        try:
            # some servers, and scripts between us and them, send a blank line first
            parser.Parse(body.removeprefix(_BYTE_ORDER_MARK).lstrip(), True)
        except expat.ExpatError as error:
            raise CollectorError("bad_answer", f"line {error.lineno} is no XML") from error
        except (LookupError, ValueError) as error:
            raise CollectorError("bad_answer", "the XML is in an unknown encoding") from error

    def _start(self, name: str, _: dict[str, str]) -> None:
        self._path = (*self._path, name)
        if len(self._path) > _DEEPEST:
            raise CollectorError("bad_answer", f"the XML is nested more than {_DEEPEST} deep")
        if len(self._path) == 1 and name != "rtmp":
            raise CollectorError("bad_answer", "this is no rtmp_stat page: its root is not rtmp")
        self._text, self._length = [], 0
        if self._path == _STREAM:
            self._stream = {"application": self._application, "clients": []}
        elif self._path == _CLIENT:
            self._client = {}

    def _characters(self, text: str) -> None:
        self._text.append(text[: _LONGEST_TEXT - self._length])
        self._length = min(_LONGEST_TEXT, self._length + len(text))

    def _end(self, name: str) -> None:
        path, text = self._path, "".join(self._text).strip()
        self._path, self._text, self._length = path[:-1], [], 0
        if path == _STREAM:
            self.streams.append(self._stream)
        elif path == _CLIENT:
            self._stream["clients"].append(self._client)
        elif path[:-1] == _CLIENT:
            self._client[name] = text
            self._note("client", name)
        elif path[: len(_STREAM)] == _STREAM:
            inside = ".".join(path[len(_STREAM) :])
            self._stream[inside] = text
            self._note("meta" if inside.startswith("meta.") else "stream", inside)
        elif len(path) == 2:
            self.values[name] = text
            self._note("page", name)
        elif path == ("rtmp", "server", "application", "name"):
            self._application = text

    def _note(self, where: str, name: str) -> None:
        if name.removeprefix("meta.") not in _KNOWN[where] and len(self.unknown) < _MOST_UNKNOWN:
            self.unknown.add(f"{where}.{name.removeprefix('meta.')}"[:40])


def _refuse(*_: object) -> Never:
    raise CollectorError("bad_answer", "the XML declares a document type or entities")
