"""What is known of every site at one moment: the only thing that metrics and wallboard read.

Values that are unknown or out of date are None here and absent, or ``unknown``, there; never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lensong.monitoring.live.operator_outages import OperatorOutage
from lensong.monitoring.notices import Notice

__all__ = [
    "RTT_BUCKETS_S",
    "RttHistogram",
    "ServiceSnapshot",
    "SiteSnapshot",
    "StreamSnapshot",
    "WatchSnapshot",
]

RTT_BUCKETS_S = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Upper edges of the round-trip histogram [s]; the last bucket is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RttHistogram:
    """Round trips counted by bucket, not accumulated: one count more than there are edges."""

    counts: tuple[int, ...] = (0,) * (len(RTT_BUCKETS_S) + 1)
    sum_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSnapshot:
    """A stream that a media server reports, or that should be there.

    Parameters
    ----------
    up : bool or None
        Whether somebody publishes; None while the media server does not answer, or by a part of
        itself that does not show the stream.
    unseen : bool
        It answers, and what it shows is a part of its streams, this one not among them.
    """

    up: bool | None
    state: str  # ok, at_risk, not_ok, down, unknown
    lag_s: float | None = None
    received_bytes: int | None = None
    received_video_bytes: int | None = None
    received_audio_bytes: int | None = None
    received_bps: float | None = None
    frames: int | None = None
    frames_dropped: int | None = None
    frame_rate_hz: float | None = None
    keyframe_interval_s: float | None = None
    reconnects: int = 0
    unseen: bool = False
    sampled_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSnapshot:
    """What light watches say of a site's network.

    Parameters
    ----------
    state : str
        ``there``, ``slow``, ``gone``, or ``not_watched`` where nobody watches right now.
    gone_s : float, optional
        How long nothing has come, where it is gone [s].
    rtt_s : float, optional
        The last round trip [s].
    watched_s, outages, outage_s
        Counters since the service started [s].
    """

    state: str
    gone_s: float | None = None
    rtt_s: float | None = None
    watched_s: float = 0.0
    outages: int = 0
    outage_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSnapshot:
    """A site as it stands.

    Parameters
    ----------
    readiness_state : str
        ``ready``, ``at_risk``, ``not_ready`` or ``unknown``: the verdict for the next session.
    never_measured : bool
        The verdict found no measurement of the site at all.
    uplink_p10_bps, uplink_p50_bps : float, optional
        Of the last successful active test, while it is fresh [bit/s].
    probes, probe_sent_bytes : mapping, int
        Tests so far by result (success, failure, refused, aborted), and the data that they cost:
        counters, which never fall when old measurements are deleted.
    rtt_idle_s, rtt_loaded_s, jitter_s, loss_up_ratio : float, optional
        Of the last successful active test.
    rtt_idle, rtt_loaded : RttHistogram
        Round trips of all tests so far: counters too.
    rsrp_dbm, sinr_db : float, optional
        As the client reported them with its last attempt.
    edge_queue_reports, edge_oldest_report_at
        Backlog that a client says it holds.
    notices : tuple of Notice
        What people say about its trouble right now.
    outage : OperatorOutage, optional
        With which other sites of its operator it fell.
    more_sellers, more_sellers_until : int, datetime, optional
        How many more sellers fit beside the session, and until when.
    lane, lanes : int, tuple of SiteSnapshot
        In which lane the session is; and, where several run or begin together, the site once for
        each of them: then the site's own session is the one that stands worst.
    """

    site_id: str
    name: str
    commune_code: str
    commune_name: str
    province_code: str
    province_name: str
    lat_deg: float | None
    lon_deg: float | None
    operator: str | None
    technology: str | None
    synthetic: bool = False
    readiness_state: str = "unknown"
    ready_probability: float | None = None
    never_measured: bool = False
    verdict_at: datetime | None = None
    profile_code: str | None = None
    uplink_required_bps: float | None = None
    uplink_safe_bps: float | None = None
    uplink_predicted_p10_bps: float | None = None
    uplink_predicted_p50_bps: float | None = None
    uplink_p10_bps: float | None = None
    uplink_p50_bps: float | None = None
    probe_succeeded: bool | None = None
    probe_duration_s: float | None = None
    probe_last_attempt_at: datetime | None = None
    probe_last_success_at: datetime | None = None
    probes: Mapping[str, int] = field(default_factory=dict)
    probe_sent_bytes: int = 0
    rtt_idle_s: float | None = None
    rtt_loaded_s: float | None = None
    rtt_idle: RttHistogram = RttHistogram()
    rtt_loaded: RttHistogram = RttHistogram()
    jitter_s: float | None = None
    loss_up_ratio: float | None = None
    session_id: str | None = None
    session_title: str | None = None
    session_starts_at: datetime | None = None
    session_ends_at: datetime | None = None
    session_live: bool = False
    stream: StreamSnapshot | None = None
    watch: WatchSnapshot | None = None
    rsrp_dbm: float | None = None
    sinr_db: float | None = None
    edge_queue_reports: int | None = None
    edge_oldest_report_at: datetime | None = None
    notices: tuple[Notice, ...] = ()
    outage: OperatorOutage | None = None
    more_sellers: int | None = None
    more_sellers_until: datetime | None = None
    lane: int | None = None
    lanes: tuple[SiteSnapshot, ...] = ()

    @property
    def by_lane(self) -> tuple[SiteSnapshot, ...]:
        """Return the site once for each session that runs or begins together with others."""
        return self.lanes or ((self,) if self.session_id is not None else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSnapshot:
    """All sites at one moment."""

    taken_at: datetime
    sites: tuple[SiteSnapshot, ...] = ()
    outages: tuple[OperatorOutage, ...] = ()
