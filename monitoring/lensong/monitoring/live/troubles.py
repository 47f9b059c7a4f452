"""Which sites are in trouble, what the trouble is, and which one hurts first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lensong.monitoring.live.snapshot import SiteSnapshot
from lensong.monitoring.live.standing import NETWORK_LOOKS_LIKE, STREAM_LOOKS_LIKE

__all__ = ["URGENCY", "Trouble", "trouble_of", "troubles_of"]

_NOW, _AHEAD = timedelta(hours=2), timedelta(hours=24)
"""A session that begins within the first is to be handled now, within the second to be prepared."""

_BACKLOG_AFTER = timedelta(hours=1)

URGENCY = ("down", "breaking", "not_ready", "lagging", "at_risk", "unknown", "failed", "backlog")
"""Kinds of trouble: what viewers see now goes first, then what they will see."""

_DOWN, _BREAKING, _NOT_READY, _LAGGING, _AT_RISK, _UNKNOWN, _FAILED, _BACKLOG = range(8)
_NETWORK = {"gone": _BREAKING, "slow": _LAGGING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A site in trouble.

    Parameters
    ----------
    rank : tuple of int and float
        Kind of trouble, then how soon it hurts [s]: the smaller, the more urgent.
    state : str
        Which of the four shapes it is drawn with.
    key, values
        The message that tells it.
    ahead : bool
        It hurts within a day, and not yet: to be prepared, not to be handled now.
    """

    rank: tuple[int, float]
    site: SiteSnapshot
    state: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    ahead: bool = False

    @property
    def kind(self) -> str:
        """Return which of `URGENCY` it is."""
        return URGENCY[self.rank[0]]


def trouble_of(site: SiteSnapshot, now: datetime) -> Trouble | None:
    """Return the worst trouble of a site, None where it has none.

    Parameters
    ----------
    site : SiteSnapshot
        As of ``now``: without what is out of date.
    """
    return min(_troubles(site, now), key=_order, default=None)


def troubles_of(sites: Sequence[SiteSnapshot], now: datetime) -> tuple[Trouble, ...]:
    """Return the sites in trouble, the most urgent first, each with its worst trouble alone.

    Parameters
    ----------
    sites : sequence of SiteSnapshot
        As of ``now``: without what is out of date.
    """
    found = [trouble for site in sites if (trouble := trouble_of(site, now)) is not None]
    return tuple(sorted(found, key=lambda trouble: (*_order(trouble), trouble.site.site_id)))


def _order(trouble: Trouble) -> tuple[bool, tuple[int, float]]:
    return trouble.ahead, trouble.rank


def _troubles(site: SiteSnapshot, now: datetime) -> Iterable[Trouble]:
    yield from _stream_troubles(site)
    starts_at = site.session_starts_at
    seen = site.session_live and (site.stream is not None or _network(site) is not None)
    if starts_at is not None and starts_at - now <= _AHEAD and not seen:
        kinds = {"not_ready": _NOT_READY, "at_risk": _AT_RISK, "unknown": _UNKNOWN}
        if (kind := kinds.get(site.readiness_state)) is not None:
            yield Trouble(
                rank=(kind, (starts_at - now).total_seconds()),
                site=site,
                state=site.readiness_state,
                ahead=starts_at - now > _NOW,
                key=_why(site),
                values={
                    "starts_at": starts_at,
                    "required_bps": site.uplink_required_bps,
                    "safe_bps": site.uplink_safe_bps,
                    "probability": site.ready_probability,
                },
            )
    # of a site that nobody needs within two hours, neither is to be handled now
    later = not site.session_live and (starts_at is None or starts_at - now > _NOW)
    if site.probe_succeeded is False and site.probe_last_attempt_at is not None:
        yield Trouble(
            rank=(_FAILED, (now - site.probe_last_attempt_at).total_seconds()),
            site=site,
            state="at_risk",
            ahead=later,
            key="trouble.test_failed",
            values={"at": site.probe_last_attempt_at},
        )
    oldest = site.edge_oldest_report_at
    if oldest is not None and site.edge_queue_reports and now - oldest > _BACKLOG_AFTER:
        yield Trouble(
            rank=(_BACKLOG, -(now - oldest).total_seconds()),
            site=site,
            state="unknown",
            ahead=later,
            key="trouble.backlog",
            values={"n": site.edge_queue_reports},
        )


def _why(site: SiteSnapshot) -> str:
    safe_bps, required_bps = site.uplink_safe_bps, site.uplink_required_bps
    if site.never_measured:
        return "trouble.untested"
    if site.readiness_state == "unknown":
        return "trouble.unknown"
    # to the tenth of a Mbit/s that is shown: "needs 2.8, safe 2.8" would explain nothing
    short = (
        safe_bps is not None
        and required_bps is not None
        and round(safe_bps / 1e5) < round(required_bps / 1e5)
    )
    return "trouble.short" if short else "trouble.unsure"


def _network(site: SiteSnapshot) -> str | None:
    state = None if site.watch is None else site.watch.state
    return state if state in NETWORK_LOOKS_LIKE else None


def _stream_troubles(site: SiteSnapshot) -> Iterable[Trouble]:
    stream = site.stream
    if not site.session_live:
        return
    if stream is None:
        if (state := _network(site)) is not None:
            yield Trouble(
                rank=(_NETWORK[state], 0.0),
                site=site,
                state=NETWORK_LOOKS_LIKE[state],
                key=f"trouble.network_{state}",
            )
        return
    if stream.state == "down":  # nobody publishes, or nothing arrives any more
        yield Trouble(rank=(_DOWN, 0.0), site=site, state="not_ready", key="trouble.down")
    elif stream.up is None:
        key = "trouble.unseen" if stream.unseen else "trouble.unwatched"
        yield Trouble(rank=(_UNKNOWN, 0.0), site=site, state="unknown", key=key)
    elif stream.state in ("at_risk", "not_ok"):
        yield Trouble(
            rank=(_BREAKING if stream.state == "not_ok" else _LAGGING, -(stream.lag_s or 0.0)),
            site=site,
            state=STREAM_LOOKS_LIKE[stream.state],
            key="trouble.stream" if stream.lag_s is not None else "trouble.stream_rate",
            values={"lag_s": stream.lag_s, "received_bps": stream.received_bps},
        )
