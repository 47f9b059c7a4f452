"""What is still true of a site: the one place that says when a value is too old to be shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from lensong.monitoring.live.snapshot import SiteSnapshot

__all__ = ["FRESHNESS", "Freshness", "as_of"]

_CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a time may lie in the future: more is a clock that jumped, and nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """How old a value may be.

    Parameters
    ----------
    test : timedelta
        Figures of an active test, and what came with its report (radio, backlog).
    stream : timedelta
        A sample from a media server, which is polled every few seconds.
    verdict : timedelta
        A verdict; it is made anew whenever evidence arrives, so an older one has lost its evidence.
    """

    test: timedelta = timedelta(hours=24)
    stream: timedelta = timedelta(seconds=30)
    verdict: timedelta = timedelta(days=7)


FRESHNESS = Freshness()

_OF_SUCCESS = (
    "uplink_p10_bps",
    "uplink_p50_bps",
    "rtt_idle_s",
    "rtt_loaded_s",
    "jitter_s",
    "loss_up_ratio",
)
_OF_ATTEMPT = (
    "probe_succeeded",
    "probe_duration_s",
    "rsrp_dbm",
    "sinr_db",
    "edge_queue_reports",
    "edge_oldest_report_at",
)
_OF_VERDICT = ("ready_probability", "uplink_safe_bps")
_OF_SESSION = (
    "session_id",
    "session_starts_at",
    "session_ends_at",
    "profile_code",
    "uplink_required_bps",
)


def as_of(site: SiteSnapshot, now: datetime, limits: Freshness = FRESHNESS) -> SiteSnapshot:
    """Return a site without what is too old to be shown: None, or ``unknown`` for the verdict.

    A verdict needs a session that is not over. Counters, times and the prediction do not age: a
    plan stays what it was, and a time says itself how old it is.

    Parameters
    ----------
    now : datetime
        Aware. A value that is dated more than 5 minutes after it is as little known as an old one.
    """
    gone: dict[str, Any] = {}  # Any: fields of several types

    def is_fresh(moment: datetime | None, longest: timedelta) -> bool:
        return moment is not None and -_CLOCK_TOLERANCE <= now - moment <= longest

    def forget(names: tuple[str, ...]) -> None:
        gone.update(dict.fromkeys(names))

    if not is_fresh(site.probe_last_success_at, limits.test):
        forget(_OF_SUCCESS)
    if not is_fresh(site.probe_last_attempt_at, limits.test):
        forget(_OF_ATTEMPT)
    if not _is_coming(site, now):
        forget(_OF_SESSION)
        gone["session_live"] = False
    if not (_is_coming(site, now) and is_fresh(site.verdict_at, limits.verdict)):
        forget(_OF_VERDICT)
        gone["readiness_state"], gone["never_measured"] = "unknown", False
    if site.stream is not None and not is_fresh(site.stream.sampled_at, limits.stream):
        gone["stream"] = None
    return replace(site, **gone) if gone else site


def _is_coming(site: SiteSnapshot, now: datetime) -> bool:
    last = site.session_ends_at or site.session_starts_at
    return last is not None and last > now
