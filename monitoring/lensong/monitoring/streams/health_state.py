"""What is remembered of a stream between two looks at it; small, and survives a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from lensong.monitoring.messages import say
from lensong.monitoring.streams.pace import Pace
from lensong.monitoring.streams.window import Point
from lensong.monitoring.streams.workers import Workers
from lensong.propagation.errors import DataError

__all__ = [
    "Flow",
    "HealthState",
    "Reason",
    "Severity",
    "State",
    "StreamHealth",
    "Tally",
    "describe",
]

State = Literal["ok", "at_risk", "not_ok", "down", "unknown"]
Severity = Literal["info", "warning", "at_risk", "not_ok", "down", "unknown"]
_VERSION = 2
_SHOWN_AS = (
    ("_bps", "_mbps", 1e-6),
    ("_ratio", "_percent", 100.0),
    ("_s_per_s", "_s_per_min", 60.0),
)
"""Units in which people read a figure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a stream's state is what it is: a stable code, and figures whose names end in units."""

    code: str
    severity: Severity
    values: Mapping[str, float | str] = field(default_factory=dict)


def describe(reason: Reason, language: str) -> str:
    """Return a reason in plain words.

    Parameters
    ----------
    language : {"vi", "en"}
    """
    values: dict[str, Any] = dict(reason.values)
    for name, value in reason.values.items():
        for suffix, shown, factor in _SHOWN_AS:
            if name.endswith(suffix) and not isinstance(value, str):
                values[name.removesuffix(suffix) + shown] = value * factor
    return say(f"stream_{reason.code}", language, **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealth:
    """State of a stream at one moment. None is unknown.

    Parameters
    ----------
    state : {"ok", "at_risk", "not_ok", "down", "unknown"}
        ``down``: the media server says that nobody publishes, or nothing has arrived for long;
        ``unknown``: no answer from it, or one that does not show all its streams.
    since : datetime
        When the state began.
    up : bool, optional
        Whether somebody publishes.
    lag_s, lag_growth_s_per_s : float, optional
        Wall clock minus media time, over its least value since the connection was made [s], and
        how fast it grows, where it does [s/s].
    received_bps, frame_rate_hz : float, optional
        Over the last seconds [bit/s, Hz].
    """

    at: datetime
    state: State
    since: datetime
    reasons: tuple[Reason, ...] = ()
    up: bool | None = None
    publisher_since: datetime | None = None
    configured_bps: float | None = None
    lag_s: float | None = None
    lag_growth_s_per_s: float | None = None
    received_bps: float | None = None
    frame_rate_hz: float | None = None
    keyframe_interval_s: float | None = None
    rtt_ms: float | None = None
    loss_ratio: float | None = None
    received_bytes_total: int | None = None
    video_bytes_total: int | None = None
    audio_bytes_total: int | None = None
    frames_total: int | None = None
    frames_dropped_total: int | None = None
    reconnects_total: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the health as JSON types; times are RFC 3339 in UTC."""
        written: dict[str, Any] = _jsonable(asdict(self))
        return written

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> StreamHealth:
        """Return the health that `to_dict` wrote."""
        values = dict(given)
        for name in ("at", "since", "publisher_since"):
            values[name] = _moment(values.get(name))
        values["reasons"] = tuple(Reason(**reason) for reason in values["reasons"])
        return cls(**values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Whether media arrives: the newest time stamp against the clock, look by look.

    Parameters
    ----------
    seen_at_s, media_s : float, optional
        The last look, and the time stamp that it saw [s].
    flowed_at_s : float, optional
        The last look at which media was flowing, in it and in the one before [s].
    looks : int
        For how many looks on end it has been moving, two at most.
    stopped : bool
        Whether nothing arrives any more. One late frame does not end that.
    """

    seen_at_s: float | None = None
    media_s: float | None = None
    flowed_at_s: float | None = None
    looks: int = 2
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Totals since the connection was made, added up from intervals.

    Parameters
    ----------
    until_s : float
        Up to where intervals have been added, since the connection was made [s].
    """

    until_s: float
    received_bytes: int = 0
    packets_received: int | None = None
    packets_lost: int | None = None
    packets_dropped: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthState:
    """What `streams.health.advance` remembers; begin with ``HealthState()``.

    Parameters
    ----------
    publisher_id, publisher_since : str, datetime, optional
        Of the connection that the rest is about.
    gone : bool
        Whether the stream was seen not to be published since.
    reference_s : float, optional
        Least wall-minus-media so far, which stands for no lag [s].
    wall_is_servers : bool
        Whether the wall clock is the media server's own.
    swing_s : float
        Largest lag of the last minutes, the newest seconds left out: how far it swings anyway,
        with heavy key frames or a server that answers late [s].
    forwards_most : int
        Most connections on which the media server was seen to pass the stream on: it has that many
        platforms, and fewer now means that one is not reached.
    better_since : datetime, optional
        Since when the stream is better than the state that is told.
    paces : mapping of str to Pace
        How the counters of this connection move.
    links_most : int
        Most mobile links over which a bonded stream was seen to come.
    flow : Flow
        Whether media arrives at all.
    tally : Tally, optional
        Totals that were added up where only counts of intervals are told.
    workers : Workers
        Processes of the media server.
    """

    publisher_id: str | None = None
    publisher_since: datetime | None = None
    gone: bool = False
    reference_s: float | None = None
    last_offset_s: float | None = None
    last_media_time_s: float | None = None
    wall_is_servers: bool = False
    swing_s: float = 0.0
    points: tuple[Point, ...] = ()
    reconnected_at: tuple[datetime, ...] = ()
    reconnects_total: int = 0
    answered_at: datetime | None = None
    forwards_most: int = 0
    better_since: datetime | None = None
    paces: Mapping[str, Pace] = field(default_factory=dict)
    links_most: int = 0
    flow: Flow = field(default_factory=lambda: Flow())
    tally: Tally | None = None
    workers: Workers = field(default_factory=Workers)
    last: StreamHealth | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the state as JSON types."""
        written: dict[str, Any] = _jsonable(asdict(self))
        written["points"] = [
            {name: value for name, value in point.items() if value is not None}
            for point in written["points"]
        ]
        return written | {"version": _VERSION}

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> HealthState:
        """Return the state that `to_dict` wrote.

        Raises
        ------
        DataError
            It was not written by this version: begin with a new one.
        """
        values = dict(given)
        if values.pop("version", None) != _VERSION:
            raise DataError(
                f"the health of a stream was kept by another version, wanted {_VERSION}: begin "
                "with HealthState()"
            )
        try:
            for name in ("publisher_since", "answered_at", "better_since"):
                values[name] = _moment(values.get(name))
            values["reconnected_at"] = tuple(
                datetime.fromisoformat(at) for at in values["reconnected_at"]
            )
            values["points"] = tuple(Point(**point) for point in values["points"])
            values["paces"] = {name: _pace(pace) for name, pace in values["paces"].items()}
            values["flow"] = Flow(**values["flow"])
            values["tally"] = values["tally"] and Tally(**values["tally"])
            values["workers"] = Workers(**values["workers"])
            values["last"] = values["last"] and StreamHealth.from_dict(values["last"])
            return cls(**values)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"the kept health of a stream is damaged ({type(error).__name__}): begin with "
                "HealthState()"
            ) from error


def _pace(given: Mapping[str, Any]) -> Pace:
    steps = tuple((float(length_s), bool(still)) for length_s, still in given["steps"])
    return Pace(**{**given, "steps": steps})


def _moment(text: str | None) -> Any:
    return None if text is None else datetime.fromisoformat(text).astimezone(UTC)


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _jsonable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    return value
