"""The bodies of the API; they turn into records at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from fastapi import Header
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
)

from lensong.monitoring.clock import rfc3339
from lensong.monitoring.live.standing import Seen
from lensong.monitoring.messages import LANGUAGES, say
from lensong.monitoring.operations.sessions import SessionChanges, SessionPlan
from lensong.monitoring.profiles import ANY_PLATFORM
from lensong.monitoring.readiness.verdict import Verdict
from lensong.monitoring.records import (
    IDENTIFIER,
    MOST_AT_ONCE,
    Commune,
    CountedBy,
    Measurement,
    Method,
    Motion,
    Outcome,
    Province,
    Session,
    SessionStatus,
    Site,
    StreamProfile,
    Transport,
)

if TYPE_CHECKING:
    from lensong.monitoring.web.pages.words import Words

__all__ = [
    "CommuneBody",
    "Cursor",
    "IdempotencyKey",
    "Identifier",
    "Limit",
    "Line",
    "MeasurementIn",
    "MeasurementOut",
    "MeasurementsIn",
    "Moment",
    "Paged",
    "ProfileBody",
    "ProvinceBody",
    "ReportOut",
    "SessionChange",
    "SessionIn",
    "SessionOut",
    "SiteBody",
    "SiteChange",
    "Time",
    "VerdictOut",
    "verdict_out",
]

T = TypeVar("T")


def _of_our_time(moment: datetime) -> datetime:
    if not 2000 <= moment.year < 2200:  # sums with anything further away do not fit a datetime
        raise ValueError("wanted a time of the years 2000 to 2199")
    return moment


Moment = Annotated[AwareDatetime, AfterValidator(_of_our_time)]
Time = Annotated[Moment, PlainSerializer(rfc3339, return_type=str, when_used="json")]
Lane = Annotated[int, Field(ge=1, le=MOST_AT_ONCE)]
Identifier = Annotated[str, Field(pattern=f"^{IDENTIFIER}$", max_length=64)]
_PRINTABLE = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$"
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""Text of any length without control characters: PostgreSQL keeps no NUL, and logs no line ends."""
Text = Annotated[str, Field(max_length=200, pattern=_PRINTABLE)]
Short = Annotated[str, Field(max_length=64, pattern=_PRINTABLE)]
Operator = Annotated[str, Field(max_length=60, pattern=r"^[^\x00-\x1f\x7f]*$")]
Rate = Annotated[float, Field(ge=0.0, le=1e11, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(ge=0.0, le=600_000.0, allow_inf_nan=False)]
Latitude = Annotated[float, Field(ge=-90.0, le=90.0, allow_inf_nan=False)]
Longitude = Annotated[float, Field(ge=-180.0, le=180.0, allow_inf_nan=False)]
Technology = Annotated[str, Field(pattern="^(3G|4G|5G)$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,20}$")]
Cursor = Annotated[str | None, Field(max_length=400)]
Limit = Annotated[int, Field(ge=1, le=500)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=200,
        description="The same key with the same body within 7 days gets the first answer again.",
    ),
]


class Body(BaseModel):
    """What all bodies have in common: an unknown key is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", ser_json_inf_nan="null")


class Paged(Body, Generic[T]):
    """A part of a listing; ``next_cursor`` asks for the next one."""

    items: list[T]
    next_cursor: str | None = None


class ProvinceBody(Body):
    """A province."""

    code: Code
    name: Text

    @classmethod
    def of(cls, province: Province) -> ProvinceBody:
        """Return the body of a province."""
        return cls(code=province.code, name=province.name)


class CommuneBody(Body):
    """A commune of a province."""

    code: Code
    name: Text
    province_code: Code

    @classmethod
    def of(cls, commune: Commune) -> CommuneBody:
        """Return the body of a commune."""
        return cls(code=commune.code, name=commune.name, province_code=commune.province_code)


class SiteChange(Body):
    """A site but for its identifier."""

    name: Text
    commune_code: Code
    lat_deg: Latitude | None = None
    lon_deg: Longitude | None = None
    operators: list[Short] = Field(default_factory=list, max_length=8)
    technologies: list[Technology] = Field(default_factory=list, max_length=3)
    coverage_run: Short | None = None
    synthetic: bool = False
    sessions_at_once: Annotated[
        int,
        Field(
            ge=1,
            le=MOST_AT_ONCE,
            description="How many sessions may be planned at the same time, each in its lane.",
        ),
    ] = 1

    def record(self, site_id: str) -> Site:
        """Return the site."""
        return Site(
            site_id=site_id,
            **self.model_dump(exclude={"operators", "technologies", "site_id"}),
            operators=tuple(self.operators),
            technologies=tuple(self.technologies),
        )


class SiteBody(SiteChange):
    """A place from which people stream."""

    site_id: Identifier

    @classmethod
    def of(cls, site: Site) -> SiteBody:
        """Return the body of a site."""
        return cls(
            site_id=site.site_id,
            name=site.name,
            commune_code=site.commune_code,
            lat_deg=site.lat_deg,
            lon_deg=site.lon_deg,
            operators=list(site.operators),
            technologies=list(site.technologies),
            coverage_run=site.coverage_run,
            synthetic=site.synthetic,
            sessions_at_once=site.sessions_at_once,
        )


class ProfileBody(Body):
    """What a stream asks of the uplink."""

    code: Identifier
    name: Text
    platform: Annotated[Short, Field(max_length=60)]
    transport: Transport = Transport.RTMP
    video_bps: Annotated[float, Field(ge=0.0, le=1e9, allow_inf_nan=False)]
    audio_bps: Annotated[float, Field(ge=0.0, le=1e7, allow_inf_nan=False)]
    height_px: Annotated[int, Field(ge=16, le=10_000)] | None = None
    frame_rate_hz: Annotated[float, Field(ge=0.1, le=1_000.0)] | None = None
    srt_latency_ms: Annotated[float, Field(ge=20.0, le=60_000.0)] | None = None
    longest_freeze_s: Annotated[float, Field(ge=0.0, le=3_600.0)] = 10.0
    most_frozen_ratio: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    most_frozen_s: Annotated[float, Field(ge=0.0, le=3_600.0)] = 3.0
    reconnects_an_hour: Annotated[float, Field(ge=0.0, le=3_600.0)] = 2.0
    encoder_queue_s: Annotated[float, Field(ge=0.0, le=3_600.0)] = 2.0
    uplink_required_bps: Annotated[
        float | None, Field(description="Computed; what is sent here is not looked at.")
    ] = None

    def record(self) -> StreamProfile:
        """Return the profile; one for any platform is the same one in each language."""
        fields = self.model_dump(exclude={"uplink_required_bps"})
        anyone = {say("profile.any_platform", language).casefold() for language in LANGUAGES}
        if self.platform.casefold() in anyone:
            fields["platform"] = ANY_PLATFORM
        return StreamProfile(**fields)

    @classmethod
    def of(cls, profile: StreamProfile) -> ProfileBody:
        """Return the body of a profile."""
        return cls(
            code=profile.code,
            name=profile.name,
            platform=profile.platform,
            transport=profile.transport,
            video_bps=profile.video_bps,
            audio_bps=profile.audio_bps,
            height_px=profile.height_px,
            frame_rate_hz=profile.frame_rate_hz,
            srt_latency_ms=profile.srt_latency_ms,
            longest_freeze_s=profile.longest_freeze_s,
            most_frozen_ratio=profile.most_frozen_ratio,
            most_frozen_s=profile.most_frozen_s,
            reconnects_an_hour=profile.reconnects_an_hour,
            encoder_queue_s=profile.encoder_queue_s,
            uplink_required_bps=profile.uplink_required_bps,
        )


class SessionIn(Body):
    """A livestream to be planned; it lasts up to 24 h."""

    site_id: Identifier
    title: Text
    profile_code: Identifier
    starts_at: Time
    ends_at: Time
    motion: Motion = Motion.UNKNOWN
    lane: Annotated[
        Lane | None,
        Field(description="Which of the site's sessions at once; left out, one that is free."),
    ] = None
    operator: Annotated[
        Operator | None,
        Field(description="Whose SIM card the phone will have; left out or empty, any counts."),
    ] = None

    def record(self) -> SessionPlan:
        """Return what is wanted."""
        return SessionPlan(
            site_id=self.site_id,
            title=self.title,
            profile_code=self.profile_code,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            motion=self.motion,
            lane=self.lane,
            operator=(self.operator or "").strip() or None,
        )


class SessionChange(Body):
    """What of a session may change; what is left out stays."""

    title: Text | None = None
    profile_code: Identifier | None = None
    starts_at: Time | None = None
    ends_at: Time | None = None
    status: SessionStatus | None = None
    motion: Motion | None = None
    lane: Annotated[
        Lane | None,
        Field(description="Left out, it stays if it is free, else another is taken."),
    ] = None
    operator: Annotated[Operator | None, Field(description="Empty is any.")] = None

    def record(self) -> SessionChanges:
        """Return what is to change."""
        return SessionChanges(**dict(self))


class ReasonOut(Body):
    """Why a verdict is what it is."""

    code: str
    severity: str
    text: str
    values: dict[str, Any]


class EvidenceOut(Body):
    """One kind of evidence, its age and how much it counted."""

    kind: str
    age_s: float | None
    weight: float
    values: dict[str, Any]


class VerdictOut(Body):
    """A verdict with its reasons in the reader's language."""

    site_id: str
    profile_code: str
    starts_at: Time
    ends_at: Time
    judged_at: Time
    state: str
    state_text: str
    probability: float | None
    probability_percent: int | None
    ready_from: float
    not_ready_to: float
    motion: str
    motion_by: str | None
    short_freezes_an_hour: list[int] | None
    short_freezes_text: str | None
    uplink_required_bps: float
    uplink_safe_bps: float | None
    best_profile_code: str | None
    ready_until: Time | None
    plans: Annotated[
        list[dict[str, Any]], Field(description="What would make it READY; `text` says it.")
    ]
    better_hour: dict[str, Any] | None
    better_operator: dict[str, Any] | None
    better_site: dict[str, Any] | None
    better_spot: dict[str, Any] | None
    predicted_log10_bps: float | None
    reasons: list[ReasonOut]
    evidence: list[EvidenceOut]
    model_version: str
    others: Annotated[
        int, Field(description="Sessions beside it at the busiest moment, here or on its cells.")
    ]
    more_sellers: Annotated[
        int | None,
        Field(description="How many more of this profile fit; null where nothing is known."),
    ]
    more_sellers_until: Time | None
    more_sellers_by: Annotated[
        str | None,
        Field(description="`measured`: all of them READY. `plan`: as many as it lets hold."),
    ]
    more_sellers_text: str | None


def verdict_out(verdict: Verdict, words: Words) -> VerdictOut:
    """Return the body of a verdict, with its reasons and plans as one reader reads them."""
    body = verdict.to_dict()
    for reason in body["reasons"]:
        reason["text"] = say(f"reason.{reason['code']}", words.language, **reason["values"])
    for plan, text in zip(body["plans"], words.plans(verdict), strict=True):
        plan["text"] = text
    return VerdictOut(
        **body,
        state_text=words.t(f"state.{verdict.state.value}"),
        short_freezes_text=words.freezes(verdict),
        more_sellers_text=words.more_sellers(verdict),
    )


class SessionOut(SessionIn):
    """A session, with its last verdict where there is one."""

    session_id: str
    status: Annotated[
        SessionStatus, Field(description="By plan and clock; what is seen of it stands in `seen`.")
    ]
    seen: Annotated[
        Seen | None,
        Field(description="What is seen at its time: a stream, none, the network alone, nothing."),
    ] = None
    verdict: VerdictOut | None = None

    @classmethod
    def of(
        cls, session: Session, verdict: Verdict | None, words: Words, *, seen: Seen | None
    ) -> SessionOut:
        """Return the body of a session."""
        return cls(
            session_id=session.session_id,
            site_id=session.site_id,
            title=session.title,
            profile_code=session.profile_code,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
            status=session.status,
            seen=seen,
            motion=session.motion,
            lane=session.lane,
            operator=session.operator,
            verdict=None if verdict is None else verdict_out(verdict, words),
        )


class MeasurementIn(Body):
    """One active test of the uplink, or the report that it failed."""

    seq: Annotated[int, Field(ge=0, le=2**53)]
    started_at: Time
    method: Method
    result: Outcome
    failure_reason: Short | None = None
    test_id: Short | None = None
    duration_s: Annotated[float, Field(ge=0.0, le=86_400.0, allow_inf_nan=False)] | None = None
    uplink_bins_bps: list[Rate] = Field(default_factory=list, max_length=300)
    uplink_p10_bps: Rate | None = None
    uplink_p50_bps: Rate | None = None
    uplink_min_bps: Rate | None = None
    uplink_mean_bps: Rate | None = None
    burst_only: bool = False
    rtt_idle_ms: Milliseconds | None = None
    rtt_loaded_ms: Milliseconds | None = None
    jitter_ms: Milliseconds | None = None
    loss_ratio: Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)] | None = None
    sent_bytes: Annotated[int, Field(ge=0, le=2**53)] = 0
    technology: Technology | None = None
    operator: Short | None = None
    rsrp_dbm: Annotated[float, Field(ge=-160.0, le=-20.0, allow_inf_nan=False)] | None = None
    sinr_db: Annotated[float, Field(ge=-30.0, le=60.0, allow_inf_nan=False)] | None = None
    spot: Short | None = None
    lat_deg: Latitude | None = None
    lon_deg: Longitude | None = None
    motion: Motion = Motion.UNKNOWN

    def record(self, site_id: str, client_id: str, received_at: datetime) -> Measurement:
        """Return the measurement; its figures are the client's own count."""
        values = dict(self)
        bins_bps = values.pop("uplink_bins_bps")
        return Measurement(
            site_id=site_id,
            client_id=client_id,
            received_at=received_at,
            outcome=values.pop("result"),
            counted_by=CountedBy.CLIENT,
            uplink_bins_bps=tuple(bins_bps),
            **values,
        )


class MeasurementsIn(Body):
    """Reports of one client, with what its clock says and what it still holds."""

    client_id: Short
    sent_at: Time | None = None
    queue_reports: Annotated[int, Field(ge=0, le=10**6)] | None = None
    oldest_report_at: Time | None = None
    measurements: Annotated[list[MeasurementIn], Field(min_length=1, max_length=500)]


class ReportOut(Body):
    """What became of one report: created, duplicate (stored before) or conflict (not stored)."""

    seq: int
    fate: str


class MeasurementOut(Body):
    """A measurement as it is kept."""

    client_id: str
    seq: int | None
    test_id: str | None
    started_at: Time
    received_at: Time
    method: str
    result: str
    counted_by: str
    failure_reason: str | None
    duration_s: float | None
    uplink_bins_bps: list[float]
    uplink_p10_bps: float | None
    uplink_p50_bps: float | None
    uplink_min_bps: float | None
    uplink_mean_bps: float | None
    burst_only: bool
    rate_limited: bool
    rtt_idle_ms: float | None
    rtt_loaded_ms: float | None
    jitter_ms: float | None
    loss_ratio: float | None
    sent_bytes: int
    technology: str | None
    operator: str | None
    rsrp_dbm: float | None
    sinr_db: float | None
    spot: str | None
    lat_deg: float | None
    lon_deg: float | None
    motion: str

    @classmethod
    def of(cls, measurement: Measurement) -> MeasurementOut:
        """Return the body of a measurement."""
        values = {
            name: getattr(measurement, name)
            for name in cls.model_fields
            if name not in ("result", "uplink_bins_bps", "method", "counted_by", "motion")
        }
        return cls(
            **values,
            result=measurement.outcome.value,
            method=measurement.method.value,
            counted_by=measurement.counted_by.value,
            motion=measurement.motion.value,
            uplink_bins_bps=list(measurement.uplink_bins_bps),
        )
