"""Synthetic sites on which everything is known, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lensong.monitoring.live.operator_outages import OperatorOutage
from lensong.monitoring.live.snapshot import (
    RttHistogram,
    ServiceSnapshot,
    SiteSnapshot,
    StreamSnapshot,
    WatchSnapshot,
)
from lensong.monitoring.notices import Notice, NoticeKind

NOW = datetime(2026, 11, 28, 1, 30, tzinfo=UTC)

OUTAGE = OperatorOutage(
    outage_id="o1",
    operator="Viettel",
    province_code="12",
    began_at=NOW,
    site_ids=("binh-lu-cho", "s2", "s3"),
    fell=4,
    of_sites=12,
    commune_codes=("00003",),
)


class TurnedClock:
    """A clock that stands until it is turned."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now, self._monotonic_s = now, 1_000.0

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def turn(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds


def full_site(site_id: str = "binh-lu-cho", now: datetime = NOW, commune: int = 3) -> SiteSnapshot:
    """Return a site of which every field is known."""
    return SiteSnapshot(
        site_id=site_id,
        name='Chợ "Bình Lư"',
        commune_code=f"{commune:05d}",
        commune_name="Bình Lư",
        province_code="12",
        province_name="Lai Châu",
        lat_deg=22.32,
        lon_deg=103.62,
        operator="Viettel",
        technology="4G",
        synthetic=True,
        readiness_state="at_risk",
        ready_probability=0.75,
        verdict_at=now - timedelta(minutes=5),
        profile_code="tiktok-720p30",
        uplink_required_bps=2_800_000.0,
        uplink_safe_bps=2_400_000.0,
        more_sellers=3,
        more_sellers_until=now + timedelta(minutes=90),
        lane=1,
        uplink_predicted_p10_bps=800_000.0,
        uplink_predicted_p50_bps=4_000_000.0,
        uplink_p10_bps=3_200_000.0,
        uplink_p50_bps=16_000_000.0,
        probe_succeeded=True,
        probe_duration_s=30.25,
        probe_last_attempt_at=now - timedelta(minutes=10),
        probe_last_success_at=now - timedelta(minutes=10),
        probes={"success": 41, "failure": 2, "aborted": 1},
        probe_sent_bytes=1_234_567_890,
        rtt_idle_s=0.045,
        rtt_loaded_s=0.31,
        rtt_idle=RttHistogram(counts=(0, 30, 8, 2, 1, 0, 0, 0, 0), sum_s=2.5),
        rtt_loaded=RttHistogram(counts=(0, 0, 3, 9, 20, 6, 2, 0, 1), sum_s=14.75),
        jitter_s=0.012,
        loss_up_ratio=0.01,
        session_id="sat-0900",
        session_title='Chợ phiên "sáng"',
        session_starts_at=now + timedelta(minutes=30),
        session_ends_at=now + timedelta(minutes=150),
        session_live=True,
        stream=StreamSnapshot(
            up=True,
            state="ok",
            lag_s=0.5,
            received_video_bytes=90_000_000,
            received_audio_bytes=4_000_000,
            received_bps=2_600_000.0,
            frames=9_000,
            frames_dropped=12,
            frame_rate_hz=30.0,
            keyframe_interval_s=2.0,
            reconnects=1,
            sampled_at=now - timedelta(seconds=2),
        ),
        watch=WatchSnapshot(state="there", rtt_s=0.05, watched_s=7_200.0, outages=2, outage_s=9.5),
        rsrp_dbm=-104.0,
        sinr_db=6.5,
        edge_queue_reports=3,
        edge_oldest_report_at=now - timedelta(hours=2),
        notices=(
            Notice(
                notice_id="n1",
                kind=NoticeKind.MUTED,
                site_id=site_id,
                starts_at=now,
                ends_at=now + timedelta(hours=1),
                note="thử",
                actor="person:lan",
                author="Lan",
                created_at=now,
            ),
        ),
        outage=OUTAGE,
    )


def empty_site(site_id: str = "nam-loong") -> SiteSnapshot:
    """Return a site of which nothing is known but its name and place."""
    return SiteSnapshot(
        site_id=site_id,
        name="Nậm Loỏng",
        commune_code="00004",
        commune_name="Đoàn Kết",
        province_code="12",
        province_name="Lai Châu",
        lat_deg=None,
        lon_deg=None,
        operator=None,
        technology=None,
    )


def full_snapshot(sites: int, now: datetime = NOW, communes: int = 38) -> ServiceSnapshot:
    """Return a snapshot of so many full sites in 38 communes."""
    return ServiceSnapshot(
        taken_at=now,
        sites=tuple(full_site(f"site-{n:04d}", now, n % communes) for n in range(sites)),
        outages=(OUTAGE,),
    )
