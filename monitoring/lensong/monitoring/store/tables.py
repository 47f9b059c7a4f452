"""The tables, the same on SQLite and PostgreSQL; those of coverage plans in `plan_tables`."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from lensong.monitoring.store.columns import (
    Moment,
    Serial,
    from_microseconds,
    metadata,
    site_column,
    to_microseconds,
)
from lensong.monitoring.store.plan_tables import plan_grounds, plan_streams, predictions

__all__ = [
    "Moment",
    "audit",
    "calendar_feeds",
    "clients",
    "communes",
    "deliveries",
    "events",
    "from_microseconds",
    "hourly",
    "idempotency",
    "joins",
    "marks",
    "measurements",
    "metadata",
    "notices",
    "outlines",
    "past_sessions",
    "people",
    "plan_grounds",
    "plan_streams",
    "predictions",
    "profiles",
    "provinces",
    "session_words",
    "sessions",
    "shared_links",
    "sites",
    "stream_health",
    "stream_samples",
    "stream_sources",
    "to_microseconds",
    "tokens",
    "verdicts",
    "watches",
    "web_sessions",
    "webhooks",
    "word_links",
]

provinces = Table(
    "provinces",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("archived_at", Moment),
)

communes = Table(
    "communes",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("province_code", Text, ForeignKey("provinces.code"), nullable=False, index=True),
    Column("archived_at", Moment),
)

outlines = Table(
    "outlines",
    metadata,
    Column("commune_code", Text, ForeignKey("communes.code", ondelete="CASCADE"), primary_key=True),
    Column("rings_deg", JSON, nullable=False),
    Column("synthetic", Boolean, nullable=False),
    Column("updated_at", Moment, nullable=False),
)

sites = Table(
    "sites",
    metadata,
    Column("site_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("commune_code", Text, ForeignKey("communes.code"), nullable=False, index=True),
    Column("lat_deg", Float),
    Column("lon_deg", Float),
    Column("operators", JSON, nullable=False),
    Column("technologies", JSON, nullable=False),
    Column("coverage_run", Text),
    Column("synthetic", Boolean, nullable=False, default=False),
    Column("sessions_at_once", Integer, nullable=False, server_default="1"),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("archived_at", Moment),
)

profiles = Table(
    "profiles",
    metadata,
    Column("code", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("transport", Text, nullable=False),
    Column("video_bps", Float, nullable=False),
    Column("audio_bps", Float, nullable=False),
    Column("height_px", Integer),
    Column("frame_rate_hz", Float),
    Column("srt_latency_ms", Float),
    Column("longest_freeze_s", Float, nullable=False),
    Column("most_frozen_ratio", Float, nullable=False),
    Column("most_frozen_s", Float, nullable=False),
    Column("reconnects_an_hour", Float, nullable=False),
    Column("encoder_queue_s", Float, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", Text, primary_key=True),
    site_column(),
    Column("title", Text, nullable=False),
    Column("profile_code", Text, ForeignKey("profiles.code"), nullable=False),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("status", Text, nullable=False),
    Column("motion", Text, nullable=False, server_default="unknown"),
    Column("lane", Integer, nullable=False, server_default="1"),
    Column("operator", Text),
    Column("calendar_uid", Text),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("report", JSON),
    UniqueConstraint("site_id", "calendar_uid"),
    Index("ix_sessions_site_starts", "site_id", "starts_at"),
    Index("ix_sessions_status_starts", "status", "starts_at"),
)

measurements = Table(
    "measurements",
    metadata,
    Column("id", Serial, primary_key=True),
    site_column(),
    Column("client_id", Text, nullable=False),
    Column("seq", BigInteger),
    Column("content_hash", Text),
    Column("test_id", Text, unique=True),
    Column("started_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("method", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("counted_by", Text, nullable=False),
    Column("failure_reason", Text),
    Column("duration_s", Float),
    Column("uplink_bins_bps", JSON, nullable=False),
    Column("uplink_p10_bps", Float),
    Column("uplink_p50_bps", Float),
    Column("uplink_min_bps", Float),
    Column("uplink_mean_bps", Float),
    Column("burst_only", Boolean, nullable=False),
    Column("rate_limited", Boolean, nullable=False),
    Column("rtt_idle_ms", Float),
    Column("rtt_loaded_ms", Float),
    Column("jitter_ms", Float),
    Column("loss_ratio", Float),
    Column("sent_bytes", BigInteger, nullable=False),
    Column("technology", Text),
    Column("operator", Text),
    Column("rsrp_dbm", Float),
    Column("sinr_db", Float),
    Column("spot", Text),
    Column("lat_deg", Float),
    Column("lon_deg", Float),
    Column("motion", Text, nullable=False, server_default="unknown"),
    UniqueConstraint("site_id", "client_id", "seq"),
    Index("ix_measurements_site_started", "site_id", "started_at"),
    Index("ix_measurements_started", "started_at"),
)

hourly = Table(
    "hourly",
    metadata,
    site_column(primary_key=True),
    Column("hour_starts_at", Moment, primary_key=True),
    Column("technology", Text, primary_key=True),  # "" where nobody said
    Column("operator", Text, primary_key=True),
    Column("tests", Integer, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("uplink_p10_bps", Float),
    Column("uplink_p50_bps", Float),
    Column("sent_bytes", BigInteger, nullable=False),
    Index("ix_hourly_hour", "hour_starts_at"),
)

clients = Table(
    "clients",
    metadata,
    site_column(primary_key=True),
    Column("client_id", Text, primary_key=True),
    Column("clock_offset_s", Float),
    Column("last_seen_at", Moment, nullable=False),
    Column("queue_reports", Integer),
    Column("oldest_report_at", Moment),
)

watches = Table(
    "watches",
    metadata,
    site_column(primary_key=True),
    Column("watch_id", Text, primary_key=True),
    Column("started_at", Moment, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("ended_at", Moment, nullable=False),
    Column("watched_s", Float, nullable=False),
    Column("outages_s", JSON, nullable=False),
    Column("outage_starts_s", JSON, nullable=False),
    Column("received", Integer, nullable=False),
    Column("missed", Integer, nullable=False),
    Column("rtt_p50_ms", Float),
    Column("rtt_p95_ms", Float),
    Column("method", Text, nullable=False),
    Column("motion", Text, nullable=False, server_default="unknown"),
    Column("technology", Text),
    Column("operator", Text),
    Index("ix_watches_site_ended", "site_id", "ended_at"),
    Index("ix_watches_started", "started_at"),
)

stream_sources = Table(
    "stream_sources",
    metadata,
    site_column(primary_key=True),
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("url", Text),  # None where the media server pushes
    Column("stream_key", Text),
    Column("secret", Text),
    Column("media_url", Text),
    Column("created_at", Moment, nullable=False),
)

stream_samples = Table(
    "stream_samples",
    metadata,
    Column("id", Serial, primary_key=True),
    site_column(),
    Column("session_id", Text, ForeignKey("sessions.session_id", ondelete="CASCADE")),
    Column("at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("lag_s", Float),
    Column("received_bps", Float),
    Column("body", JSON, nullable=False),
    Index("ix_stream_samples_at", "at"),
    Index("ix_stream_samples_site_at", "site_id", "at"),
    Index("ix_stream_samples_session_at", "session_id", "at"),
)

stream_health = Table(
    "stream_health",
    metadata,
    site_column(primary_key=True),
    Column("lane", Integer, primary_key=True, autoincrement=False),
    Column("body", JSON, nullable=False),
    Column("at", Moment, nullable=False),
)

past_sessions = Table(
    "past_sessions",
    metadata,
    Column(
        "session_id",
        Text,
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    site_column(index=True),
    Column("ended_at", Moment, nullable=False, index=True),
    Column("technology", Text),
    Column("operator", Text),
    Column("motion", Text, nullable=False, server_default="unknown"),
    Column("told_by", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("uplink_required_bps", Float, nullable=False),
    Column("carried_bps", Float),
    Column("watched_s", Float, nullable=False),
    Column("outages_s", JSON, nullable=False),
    Column("predicted_probability", Float),
)

session_words = Table(
    "session_words",
    metadata,
    Column(
        "session_id",
        Text,
        ForeignKey("sessions.session_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("teller", Text, primary_key=True),  # as the audit trail names them
    Column("during", Boolean, primary_key=True),  # how it goes, or whether it held
    Column("word", Text, nullable=False),
    Column("at", Moment, nullable=False),
)

word_links = Table(
    "word_links",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column(
        "session_id", Text, ForeignKey("sessions.session_id", ondelete="CASCADE"), nullable=False
    ),
    Column("expires_at", Moment, nullable=False),
)

verdicts = Table(
    "verdicts",
    metadata,
    Column("id", Serial, primary_key=True),
    site_column(),
    Column(
        "session_id", Text, ForeignKey("sessions.session_id", ondelete="CASCADE"), nullable=False
    ),
    Column("judged_at", Moment, nullable=False),
    Column("state", Text, nullable=False),
    Column("probability", Float),
    Column("trigger", Text, nullable=False),
    Column("body", JSON, nullable=False),
    Index("ix_verdicts_session_judged", "session_id", "judged_at"),
    Index("ix_verdicts_site_judged", "site_id", "judged_at"),
)

people = Table(
    "people",
    metadata,
    Column("person_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),  # site, commune or province code; "" for admin
    Column("password_hash", Text),
    Column("disabled_at", Moment),
    Column("created_at", Moment, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),  # site or scraper
    Column("site_id", Text, ForeignKey("sites.site_id", ondelete="CASCADE"), index=True),
    Column("label", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)

joins = Table(
    "joins",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("site_id", Text, ForeignKey("sites.site_id", ondelete="CASCADE")),
    Column("person_id", Text, ForeignKey("people.person_id", ondelete="CASCADE")),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

shared_links = Table(
    "shared_links",
    metadata,
    Column("link_id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # wall or calendar
    Column("area", Text, nullable=False),  # site, commune, province or all
    Column("code", Text, nullable=False),  # of the area; "" for all
    Column("label", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment),
    Column("revoked_at", Moment),
)

person_tokens = Table(
    "person_tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("sha256", Text, nullable=False, unique=True),
    Column("person_id", Text, ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False),
    Column("label", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("used_at", Moment),
)

push_keys = Table(  # by which push services know this one
    "push_keys",
    metadata,
    Column("name", Text, primary_key=True),
    Column("secret", Text, nullable=False),
)

push_subscriptions = Table(
    "push_subscriptions",
    metadata,
    Column("subscription_id", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False),
    Column("browser_sha256", Text, nullable=False),
    Column("endpoint", Text, nullable=False, unique=True),
    Column("p256dh", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_event_id", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("failure", Text, nullable=False),
)

web_sessions = Table(
    "web_sessions",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.person_id", ondelete="CASCADE"), nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", JSON, nullable=False),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Moment, nullable=False, index=True),
)

events = Table(
    "events",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", Moment, nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("site_id", Text, ForeignKey("sites.site_id", ondelete="CASCADE")),
    Column("session_id", Text),
    Column("body", JSON, nullable=False),
    Index("ix_events_site_at", "site_id", "at"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("webhook_id", Text, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("form", Text, nullable=False, server_default="lensong"),
    Column("options", JSON, nullable=False, server_default="{}"),
    Column("language", Text, nullable=False, server_default="vi"),
)

calendar_feeds = Table(
    "calendar_feeds",
    metadata,
    Column("feed_id", Text, primary_key=True),
    *(Column(name, Text, nullable=False) for name in ("label", "url", "created_by")),
    # of what may be archived or deleted: the feed tells of it then
    *(Column(name, Text) for name in ("commune_code", "site_id", "profile_code")),
    Column("created_at", Moment, nullable=False),
    *(Column(name, Moment) for name in ("next_at", "asked_at", "read_at", "taken_at")),
    *(
        Column(name, Text, nullable=False)
        for name in ("etag", "last_modified", "failure", "failure_detail")
    ),
    Column("moved", Boolean, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("told", JSON, nullable=False),
)

notices = Table(
    "notices",
    metadata,
    Column("notice_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("site_id", Text, ForeignKey("sites.site_id", ondelete="CASCADE"), index=True),
    Column("commune_code", Text, ForeignKey("communes.code", ondelete="CASCADE")),
    Column("operator", Text),
    Column("province_code", Text, ForeignKey("provinces.code", ondelete="CASCADE")),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False, index=True),
    Column("note", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("trouble", Text),
    Column("created_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("ended_by", Text),
)

marks = Table(  # how far a job has come
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", Moment, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Serial, primary_key=True),
    Column(
        "webhook_id", Text, ForeignKey("webhooks.webhook_id", ondelete="CASCADE"), nullable=False
    ),
    Column("event_id", BigInteger, nullable=False, index=True),
    Column("body", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Moment, index=True),  # None once it arrived or was given up
    Column("delivered_at", Moment),
    Column("last_error", Text),
)
