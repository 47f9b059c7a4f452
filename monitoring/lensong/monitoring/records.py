"""The things that the service knows: places, sites, stream profiles, sessions, measurements."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from lensong.monitoring.errors import FieldError
from lensong.monitoring.tolerance import Tolerance
from lensong.monitoring.uplink_figures import UplinkFigures
from lensong.propagation.errors import InvalidInputError, OutOfRangeError

__all__ = [
    "IDENTIFIER",
    "MOST_AT_ONCE",
    "TECHNOLOGIES",
    "Commune",
    "CountedBy",
    "Measurement",
    "Method",
    "Motion",
    "Outcome",
    "Province",
    "Session",
    "SessionOutcome",
    "SessionStatus",
    "SessionWord",
    "Site",
    "StreamProfile",
    "ToldBy",
    "Transport",
    "WatchPart",
    "check_identifier",
]

TECHNOLOGIES = ("3G", "4G", "5G")

MOST_AT_ONCE = 60
"""Sessions at once that a site may be set to: as many as a coverage plan counts at the most."""

IDENTIFIER = r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?"
"""Pattern of what may stand in addresses and labels."""

OVERHEAD_RATIO = 0.06
"""What the container and TCP/IP add to video and audio."""


def check_identifier(name: str, value: str) -> str:
    """Return an identifier that may stand in addresses and labels, or refuse it."""
    if not re.fullmatch(IDENTIFIER, value):
        raise InvalidInputError(
            f"{name} is {value[:80]!r}, wanted 1 to 64 small letters a-z, digits and hyphens, "
            "beginning and ending with a letter or digit"
        )
    return value


def _check_text(name: str, value: str, longest: int = 200) -> None:
    if (
        not value.strip()
        or len(value) > longest
        or any(ord(c) < 32 or ord(c) == 127 for c in value)
    ):
        raise InvalidInputError(
            f"{name} is {value[:40]!r}, wanted 1 to {longest} characters without control characters"
        )


def _check_aware(name: str, value: datetime) -> None:
    if value.tzinfo is None:
        raise InvalidInputError(
            f"{name} is {value.isoformat()}, wanted a time with its zone, e.g. "
            "2026-11-28T09:00:00+07:00"
        )


def _check_number(name: str, value: float | None, low: float, high: float, hint: str = "") -> None:
    if value is not None and not low <= value <= high:  # NaN is neither
        raise OutOfRangeError(name, value, low, high, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Province:
    """A province: its official code and name."""

    code: str
    name: str

    def __post_init__(self) -> None:
        _check_text("province code", self.code, 20)
        _check_text("province name", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commune:
    """A commune of a province: its official code and name."""

    code: str
    name: str
    province_code: str

    def __post_init__(self) -> None:
        _check_text("commune code", self.code, 20)
        _check_text("commune name", self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A place from which people stream.

    Parameters
    ----------
    site_id : str
        Small letters, digits and hyphens; stands in addresses and metric labels.
    operators, technologies : tuple of str
        Networks that can be used there, the usual one first; technologies out of `TECHNOLOGIES`.
    coverage_run : str, optional
        Identifier of the coverage plan that predicts the site.
    sessions_at_once : int
        How many sessions may be planned at the same time, 1 to `MOST_AT_ONCE`: each has its lane.
    """

    site_id: str
    name: str
    commune_code: str
    lat_deg: float | None = None
    lon_deg: float | None = None
    operators: tuple[str, ...] = ()
    technologies: tuple[str, ...] = ()
    coverage_run: str | None = None
    synthetic: bool = False
    sessions_at_once: int = 1

    def __post_init__(self) -> None:
        check_identifier("site_id", self.site_id)
        _check_number("sessions_at_once", self.sessions_at_once, 1, MOST_AT_ONCE)
        _check_text("site name", self.name)
        _check_number("lat_deg", self.lat_deg, -90.0, 90.0)
        _check_number("lon_deg", self.lon_deg, -180.0, 180.0)
        if (self.lat_deg is None) != (self.lon_deg is None):
            raise InvalidInputError(
                f"site {self.site_id} has only one of lat_deg and lon_deg: give both or none"
            )
        for operator in self.operators:
            _check_text("operator", operator, 60)
        for technology in self.technologies:
            if technology not in TECHNOLOGIES:
                raise InvalidInputError(
                    f"technology is {technology!r}, wanted one of {', '.join(TECHNOLOGIES)}"
                )


class Transport(StrEnum):
    """How a stream travels."""

    RTMP = "rtmp"
    SRT = "srt"
    WEBRTC = "webrtc"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamProfile:
    """What a stream asks of the uplink.

    Parameters
    ----------
    video_bps, audio_bps : float
        Rates that the encoder is set to [bit/s].
    srt_latency_ms : float, optional
        Latency that an SRT sender is set to [ms]; only for SRT.
    longest_freeze_s, most_frozen_ratio, most_frozen_s, reconnects_an_hour, encoder_queue_s : float
        What counts as held: see `lensong.monitoring.tolerance.Tolerance`.
    """

    code: str
    name: str
    platform: str
    transport: Transport = Transport.RTMP
    video_bps: float
    audio_bps: float
    height_px: int | None = None
    frame_rate_hz: float | None = None
    srt_latency_ms: float | None = None
    longest_freeze_s: float = 10.0
    most_frozen_ratio: float = 0.01
    most_frozen_s: float = 3.0
    reconnects_an_hour: float = 2.0
    encoder_queue_s: float = 2.0

    def __post_init__(self) -> None:
        check_identifier("profile code", self.code)
        _check_text("profile name", self.name)
        _check_text("platform", self.platform, 60)
        _check_number("video_bps", self.video_bps, 0.0, 1e9)
        _check_number("audio_bps", self.audio_bps, 0.0, 1e7)
        _check_number("height_px", self.height_px, 16, 10_000)
        _check_number("frame_rate_hz", self.frame_rate_hz, 0.1, 1_000.0)
        _check_number("srt_latency_ms", self.srt_latency_ms, 20.0, 60_000.0)
        _ = self.tolerance  # which checks itself
        if self.video_bps + self.audio_bps <= 0.0:
            raise FieldError(
                f"profile {self.code} has no video_bps and no audio_bps: a stream sends something",
                field="video_bps",
                reason="no_rate",
            )

    @property
    def uplink_required_bps(self) -> float:
        """Return what the uplink must carry, container and headers included [bit/s]."""
        return (self.video_bps + self.audio_bps) * (1.0 + OVERHEAD_RATIO)

    @property
    def tolerance(self) -> Tolerance:
        """Return how much freezing a session may show and still have held."""
        return Tolerance(
            longest_freeze_s=self.longest_freeze_s,
            most_frozen_ratio=self.most_frozen_ratio,
            most_frozen_s=self.most_frozen_s,
            reconnects_an_hour=self.reconnects_an_hour,
            encoder_queue_s=self.encoder_queue_s,
        )


class SessionStatus(StrEnum):
    """Where a session stands."""

    PLANNED = "planned"
    LIVE = "live"
    ENDED = "ended"
    CANCELLED = "cancelled"


LONGEST_SESSION = timedelta(hours=24)


class Motion(StrEnum):
    """Whether a phone or modem stood still, as sensed or told."""

    AT_REST = "at_rest"
    MOVING = "moving"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A livestream that is planned, live, over or called off.

    ``motion`` is what was told of the phone; a site is a place, so unknown is at rest. ``lane``
    tells the sessions apart that run at a site at the same time: each has its own phone and, where
    there is a media server, its own stream. One that was not chosen (None) the store chooses.
    ``operator`` is whose SIM card the phone will have: the verdict then counts what was measured
    and planned of that operator; None counts any.
    """

    session_id: str
    site_id: str
    title: str
    profile_code: str
    starts_at: datetime
    ends_at: datetime
    status: SessionStatus = SessionStatus.PLANNED
    motion: Motion = Motion.UNKNOWN
    lane: int | None = None
    operator: str | None = None

    def __post_init__(self) -> None:
        check_identifier("session_id", self.session_id)
        if self.operator is not None:
            _check_text("operator", self.operator, 60)
        _check_number("lane", self.lane, 1, MOST_AT_ONCE)
        _check_text("title", self.title)
        _check_aware("starts_at", self.starts_at)
        _check_aware("ends_at", self.ends_at)
        if not timedelta(0) < self.ends_at - self.starts_at <= LONGEST_SESSION:
            raise InvalidInputError(
                f"session lasts {self.ends_at - self.starts_at}, wanted more than 0 and up "
                "to 24 h: ends_at comes after starts_at"
            )


class SessionOutcome(StrEnum):
    """What became of a session, by the profile's tolerance or by a person's word.

    ``froze``: the network was there and carried too little. ``lost``: it was away.
    """

    HELD = "held"
    FROZE = "froze"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionWord:
    """A person's word on a session: the latest of each teller, during it and after it.

    Parameters
    ----------
    session_id : str
    teller : str
        As the audit trail names them: ``person:lan``, ``token:1a2b``, ``link:1a2b3c4d``.
    during : bool
        How it goes at that moment; otherwise what became of the whole session.
    word : SessionOutcome
    at : datetime
        Aware.
    """

    session_id: str
    teller: str
    during: bool
    word: SessionOutcome
    at: datetime


class ToldBy(StrEnum):
    """Who says what became of a session: a person's word weighs less than a server's figures."""

    MEDIA_SERVER = "media_server"
    WATCH = "watch"
    PERSON = "person"


class Method(StrEnum):
    """What made a measurement."""

    PAGE = "page"
    CLI = "cli"
    NDT7 = "ndt7"
    EXTERNAL = "external"


class Outcome(StrEnum):
    """How a measurement went."""

    SUCCESS = "success"
    FAILURE = "failure"
    REFUSED = "refused"
    ABORTED = "aborted"


class CountedBy(StrEnum):
    """Who counted the bytes: the server's count is the one to trust."""

    SERVER = "server"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement(UplinkFigures):
    """One active test of the uplink, or the report that it failed.

    Parameters
    ----------
    client_id, seq : str, int
        Who measured, and that client's running number: with the site, the key of the report.
    test_id : str, optional
        Of the server's own test behind it.
    started_at, received_at : datetime
        By the client's clock, corrected by its offset where that is known; by ours.
    uplink_bins_bps : tuple of float
        One-second means after the first 3 s [bit/s].
    uplink_min_bps, uplink_mean_bps : float, optional
        Of the bins [bit/s].
    sent_bytes : int
        Data that the test cost.
    motion : Motion
        Whether the client stood still meanwhile, as it sensed or was told.
    """

    site_id: str
    client_id: str
    seq: int | None
    started_at: datetime
    received_at: datetime
    method: Method
    outcome: Outcome
    counted_by: CountedBy
    failure_reason: str | None = None
    test_id: str | None = None
    duration_s: float | None = None
    uplink_bins_bps: tuple[float, ...] = field(default=())
    uplink_min_bps: float | None = None
    uplink_mean_bps: float | None = None
    sent_bytes: int = 0
    technology: str | None = None
    operator: str | None = None
    rsrp_dbm: float | None = None
    sinr_db: float | None = None
    spot: str | None = None
    lat_deg: float | None = None
    lon_deg: float | None = None
    motion: Motion = Motion.UNKNOWN

    def __post_init__(self) -> None:
        _check_text("client_id", self.client_id, 64)
        _check_number("seq", self.seq, 0, 2**53)
        _check_aware("started_at", self.started_at)
        for name in ("uplink_p10_bps", "uplink_p50_bps", "uplink_min_bps", "uplink_mean_bps"):
            _check_number(name, getattr(self, name), 0.0, 1e11)
        for bin_bps in self.uplink_bins_bps:
            _check_number("uplink_bins_bps", bin_bps, 0.0, 1e11)
        for name in ("rtt_idle_ms", "rtt_loaded_ms", "jitter_ms"):
            _check_number(name, getattr(self, name), 0.0, 600_000.0)
        _check_number("duration_s", self.duration_s, 0.0, 86_400.0)
        _check_number("loss_ratio", self.loss_ratio, 0.0, 1.0, "a ratio, not percent")
        _check_number("rsrp_dbm", self.rsrp_dbm, -160.0, -20.0)
        _check_number("sinr_db", self.sinr_db, -30.0, 60.0)
        _check_number("sent_bytes", self.sent_bytes, 0, 2**53)
        _check_number("lat_deg", self.lat_deg, -90.0, 90.0)
        _check_number("lon_deg", self.lon_deg, -180.0, 180.0)
        if self.outcome is Outcome.SUCCESS and self.uplink_p10_bps is None:
            raise InvalidInputError(
                "a measurement with result success has no uplink_p10_bps: give the figures, or the "
                "result failure with its failure_reason"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchPart:
    """A stretch of a light watch, a quarter of an hour at most: what is kept of it.

    Parameters
    ----------
    watch_id, client_id : str
        The watch, over all its connections, and who watches.
    started_at, ended_at : datetime
        Of the first and the last message in it, by our clock; with site and watch, the key.
    watched_s : float
        Of that time, what was watched: not that in which the page was hidden, the phone asleep or
        this service away [s].
    outages_s : tuple of float
        How long nothing came, each time that it was 2 s or more [s].
    outage_starts_s : tuple of float
        When each of them began, since ``started_at`` [s].
    received, missed : int
        Messages that came, and those that the client sent and that never did.
    rtt_p50_ms, rtt_p95_ms : float, optional
        Round trips, by the client's clock [ms].
    """

    site_id: str
    watch_id: str
    client_id: str
    started_at: datetime
    ended_at: datetime
    watched_s: float
    outages_s: tuple[float, ...] = ()
    outage_starts_s: tuple[float, ...] = ()
    received: int = 0
    missed: int = 0
    rtt_p50_ms: float | None = None
    rtt_p95_ms: float | None = None
    method: Method = Method.PAGE
    motion: Motion = Motion.UNKNOWN
    technology: str | None = None
    operator: str | None = None
