"""nginx with the RTMP module: the XML of its ``rtmp_stat`` page.

Rates (``bw_*``) are bit/s over windows of 10 s that are compiled in, and 0 until the first one
closes; the byte counters beside them are exact at once. ``time`` is the age of a connection and
``timestamp`` the stamp of its newest media, both in ms, so that the media lag needs no clock but
the server's own. What the page shows as frame rate is what the encoder announced.

A relay's connections to platforms (``push``) stand among the viewers, by the name that the module
gives itself. The address that the page shows for one holds the platform's key where the directive
has it in its URL: nothing of it is kept.

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
from lensong.monitoring.streams.sample import CollectorError, StreamSample
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["collect", "parse"]

_FIRST_WINDOW_MS = 20_000
"""A rate of 0 in a younger connection means that no window has closed yet [ms]."""
_DEEPEST, _LONGEST_TEXT = 20, 1_000
_FORWARDING = "ngx-local-relay"
"""As what the module itself plays a stream that it pushes on."""

_STREAM = ("rtmp", "server", "application", "live", "stream")
_CLIENT = (*_STREAM, "client")


async def collect(
    target: CollectorTarget, http: GuardedClient, *, now: Callable[[], datetime]
) -> list[StreamSample]:
    """Return the publishers of the stream."""
    assert target.url is not None
    body = await fetch(http, target.url, secret=target.secret)
    at = now()
    return await asyncio.to_thread(parse, body, target, at=at)


def parse(body: bytes, target: CollectorTarget, *, at: datetime) -> list[StreamSample]:
    """Return the publishers of the stream that a page of statistics shows.

    Raises
    ------
    CollectorError
        No such page: broken XML, a document type or entities, text where a number is wanted.
    """
    application, name = target.application_and_name
    page = _Page()
    page.read(body)
    return [
        _sample(stream, client, page.pid, at)
        for stream in page.streams
        if (name is None or stream.get("name") == name)
        and (application is None or stream.get("application") == application)
        for client in stream["clients"]
        if "publishing" in client
    ]


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
        connected_s=None if age_ms is None else age_ms / 1e3,
        media_time_s=None if stamp_ms is None else stamp_ms / 1e3,
        received_bytes_total=_count(stream, "bytes_in"),
        received_bps=rate_bps,
        frame_rate_hz=_number(stream, "meta.video.frame_rate"),
        width_px=_count(stream, "meta.video.width"),
        height_px=_count(stream, "meta.video.height"),
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
        self.pid, self.streams = "0", list[dict[str, Any]]()
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
            parser.Parse(body, True)
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
        elif path[: len(_STREAM)] == _STREAM:
            self._stream[".".join(path[len(_STREAM) :])] = text
        elif path == ("rtmp", "pid"):
            self.pid = text[:20]
        elif path == ("rtmp", "server", "application", "name"):
            self._application = text


def _refuse(*_: object) -> Never:
    raise CollectorError("bad_answer", "the XML declares a document type or entities")
