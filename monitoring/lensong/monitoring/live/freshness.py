"""What is still true of a site: the one place that says when a value is too old to be shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
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


class _Fields:
    """Fields of a site, and what they are when nothing is known: None unless it is said."""

    def __init__(self, *names: str, **values: object) -> None:
        self.names = (*names, *values)
        self.unknown = (*(None for _ in names), *values.values())
        self.of = attrgetter(*self.names)


_OF_SUCCESS = _Fields(
    "uplink_p10_bps",
    "uplink_p50_bps",
    "rtt_idle_s",
    "rtt_loaded_s",
    "jitter_s",
    "loss_up_ratio",
)
_OF_ATTEMPT = _Fields(
    "probe_succeeded",
    "probe_duration_s",
    "rsrp_dbm",
    "sinr_db",
    "edge_queue_reports",
    "edge_oldest_report_at",
)
_OF_VERDICT = _Fields(
    "ready_probability",
    "uplink_safe_bps",
    "more_sellers",
    "more_sellers_until",
    readiness_state="unknown",
    never_measured=False,
)
_OF_SESSION = _Fields(
    "session_id",
    "session_title",
    "lane",
    "session_starts_at",
    "session_ends_at",
    "profile_code",
    "uplink_required_bps",
    session_live=False,
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
    gone: dict[str, Any] = {}  # Any: fields of several types; most of thousands have none of them

    def is_fresh(moment: datetime | None, longest: timedelta) -> bool:
        return moment is not None and -_CLOCK_TOLERANCE <= now - moment <= longest

    def forget(fields: _Fields) -> None:
        if fields.of(site) != fields.unknown:
            gone.update(zip(fields.names, fields.unknown, strict=True))

    coming = _is_coming(site, now)
    if not is_fresh(site.probe_last_success_at, limits.test):
        forget(_OF_SUCCESS)
    if not is_fresh(site.probe_last_attempt_at, limits.test):
        forget(_OF_ATTEMPT)
    if not coming:
        forget(_OF_SESSION)
    if not (coming and is_fresh(site.verdict_at, limits.verdict)):
        forget(_OF_VERDICT)
    if site.stream is not None and not is_fresh(site.stream.sampled_at, limits.stream):
        gone["stream"] = None
    if site.more_sellers_until is not None and site.more_sellers_until <= now:
        gone |= {"more_sellers": None, "more_sellers_until": None}
    if site.lanes:
        coming_lanes = [lane for lane in site.lanes if _is_coming(lane, now)]
        gone["lanes"] = tuple(as_of(lane, now, limits) for lane in coming_lanes)
    return replace(site, **gone) if gone else site


def _is_coming(site: SiteSnapshot, now: datetime) -> bool:
    last = site.session_ends_at or site.session_starts_at
    return last is not None and last > now
