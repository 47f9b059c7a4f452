"""What one look at a media server says about a stream: a sample, that nobody publishes, a failure.

A stream's key (the name that it is published under) is a secret: it serves to find the stream in
an answer and stands in no sample, failure or error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lensong.monitoring.streams.workers import ServerView
from lensong.propagation.errors import InvalidInputError, LensongError

__all__ = [
    "CollectorError",
    "CollectorFailure",
    "Interval",
    "NotPublishing",
    "Observation",
    "Publishers",
    "StreamSample",
]

_NOT_NEGATIVE = (
    "connected_s",
    "received_bytes_total",
    "video_bytes_total",
    "audio_bytes_total",
    "received_bps",
    "frame_rate_hz",
    "width_px",
    "height_px",
    "keyframe_interval_s",
    "frames_total",
    "frames_dropped_total",
    "rtt_ms",
    "srt_latency_ms",
    "packets_received_total",
    "packets_lost_total",
    "packets_dropped_total",
    "forwards",
    "forward_frames_dropped_total",
    "frames_in_error_total",
    "links",
)

_LONGEST_CONNECTION_S = 10 * 366 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Counts of one interval alone, where a program begins anew with each line that it writes.

    Parameters
    ----------
    from_s, until_s : float
        Its bounds, since the connection was made [s].
    """

    from_s: float
    until_s: float
    received_bytes: int
    packets_received: int | None = None
    packets_lost: int | None = None
    packets_dropped: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSample:
    """A stream as its media server, or its encoder, sees it at one moment. None is unknown.

    Parameters
    ----------
    at : datetime
        When the answer was there, by our clock.
    collector : str
        Kind of collector that it comes from.
    publisher_id : str, optional
        Of the publishing connection at the media server; a new one is a new connection.
    connected_s : float, optional
        Age of that connection by the server's clock [s].
    media_time_s : float, optional
        Time stamp of the newest media that arrived [s]; need not begin at 0.
    received_bytes_total, video_bytes_total, audio_bytes_total : int, optional
        Arrived since the connection was made [byte].
    received_bps : float, optional
        As the server says, over whatever window it uses [bit/s].
    frame_rate_hz : float, optional
        As the server says: measured or, at nginx-rtmp, what the encoder announced [Hz].
    frames_total, frames_dropped_total : int, optional
        All frames, dropped ones among them; frames dropped for want of capacity.
    rtt_ms, srt_latency_ms : float, optional
        Round trip; the delay that an SRT receiver grants to late packets [ms].
    packets_received_total, packets_lost_total, packets_dropped_total : int, optional
        SRT: arrived; missing at first; missing for good.
    forwards, forward_frames_dropped_total : int, optional
        Connections by which the media server passes the stream on to platforms at this moment, and
        frames that it had to drop on them.
    frames_in_error_total : int, optional
        Frames that arrived and could not be read.
    links : int, optional
        Mobile links over which a bonded stream (SRTLA) comes at this moment.
    intervals : tuple of Interval
        Counts in place of totals, the earliest first; those seen before may be among them.
    view : ServerView, optional
        Which processes of the media server were asked, where that decides what is seen.
    worker : str, optional
        The one of them that has the stream.
    """

    at: datetime
    collector: str
    publisher_id: str | None = None
    connected_s: float | None = None
    media_time_s: float | None = None
    received_bytes_total: int | None = None
    video_bytes_total: int | None = None
    audio_bytes_total: int | None = None
    received_bps: float | None = None
    frame_rate_hz: float | None = None
    width_px: int | None = None
    height_px: int | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    keyframe_interval_s: float | None = None
    frames_total: int | None = None
    frames_dropped_total: int | None = None
    rtt_ms: float | None = None
    srt_latency_ms: float | None = None
    packets_received_total: int | None = None
    packets_lost_total: int | None = None
    packets_dropped_total: int | None = None
    forwards: int | None = None
    forward_frames_dropped_total: int | None = None
    frames_in_error_total: int | None = None
    links: int | None = None
    intervals: tuple[Interval, ...] = ()
    view: ServerView | None = None
    worker: str | None = None

    def __post_init__(self) -> None:
        _check_aware(self.at)
        for name in _NOT_NEGATIVE:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise InvalidInputError(f"{name} is {value!r}, wanted 0 or more, or None: unknown")
        if self.connected_s is not None and self.connected_s > _LONGEST_CONNECTION_S:
            raise InvalidInputError(
                f"connected_s is {self.connected_s!r}, wanted at most {_LONGEST_CONNECTION_S:.0f}"
            )
        if self.media_time_s is not None and not math.isfinite(self.media_time_s):
            raise InvalidInputError(
                f"media_time_s is {self.media_time_s!r}, wanted a finite number, or None: unknown"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPublishing:
    """The media server answered, and shows nobody who publishes the stream.

    Parameters
    ----------
    view : ServerView, optional
        Which processes of it were asked, where one does not know of another's streams.
    """

    at: datetime
    view: ServerView | None = None

    def __post_init__(self) -> None:
        _check_aware(self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectorFailure:
    """A look at a media server that told nothing about the stream.

    Parameters
    ----------
    code : str
        What went wrong, for programs: ``timeout``, ``unreachable``, ``too_large`` ...
    detail : str
        The same for people; holds no stream key, password or part of the answer.
    """

    at: datetime
    code: str
    detail: str

    def __post_init__(self) -> None:
        _check_aware(self.at)


Observation = StreamSample | NotPublishing | CollectorFailure


class Publishers(list[StreamSample]):
    """Who publishes a stream by one look, and what else the answer told.

    Parameters
    ----------
    view : ServerView, optional
        Which processes of the media server were asked.
    unknown_fields : frozenset of str
        Names of fields in the answer that mean nothing to us; never a name out of a stream's key.
    """

    def __init__(
        self,
        samples: Iterable[StreamSample] = (),
        *,
        view: ServerView | None = None,
        unknown_fields: Iterable[str] = (),
    ) -> None:
        super().__init__(samples)
        self.view, self.unknown_fields = view, frozenset(unknown_fields)


class CollectorError(LensongError):
    """Raised inside a collector; `streams.collecting.collect` makes it a `CollectorFailure`."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail = code, detail


def _check_aware(at: datetime) -> None:
    if at.tzinfo is None:
        raise InvalidInputError(f"at is {at.isoformat()}, wanted a time with its zone")
