"""What is known of every site right now, in memory: metrics and wallboard read it, writers feed it.

Everything here can be read again from the store, and is, at a start.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import is_
from typing import Any

from lensong.monitoring.live.directory import Directory
from lensong.monitoring.live.evidence import predicted_uplink
from lensong.monitoring.live.operator_outages import OperatorOutage
from lensong.monitoring.live.snapshot import (
    RTT_BUCKETS_S,
    RttHistogram,
    ServiceSnapshot,
    SiteSnapshot,
    StreamSnapshot,
    WatchSnapshot,
)
from lensong.monitoring.notices import Notice
from lensong.monitoring.readiness.networks import why_left_out
from lensong.monitoring.readiness.radio_prior import predicted_log10_bps
from lensong.monitoring.readiness.verdict import Verdict
from lensong.monitoring.records import (
    Commune,
    Measurement,
    Outcome,
    Province,
    Session,
    SessionStatus,
    Site,
)

__all__ = ["Board"]


_UNMEASURED = ("never_measured", "no_evidence")


@dataclass(slots=True)
class _Live:
    """What was last heard of a site."""

    last: Measurement | None = None
    last_success: Measurement | None = None
    probes: dict[str, int] = field(default_factory=dict)
    counted: int = 0
    sent_bytes: int = 0
    rtt_idle: RttHistogram = field(default_factory=RttHistogram)
    rtt_loaded: RttHistogram = field(default_factory=RttHistogram)
    session: Session | None = None
    verdict: Verdict | None = None
    stream: StreamSnapshot | None = None
    queue_reports: int | None = None
    oldest_report_at: datetime | None = None


_NOTHING = _Live()


class Board:
    """The live state of every site of a directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._live: dict[str, _Live] = {}
        self._made: dict[str, tuple[tuple[object, ...], tuple[object, ...], SiteSnapshot]] = {}
        self.watched: Callable[[], Mapping[str, WatchSnapshot]] = dict
        """Returns what light watches say of sites right now."""
        self.notices: tuple[Notice, ...] = ()
        """What people say about trouble, now or in time to come."""
        self.outages: tuple[OperatorOutage, ...] = ()
        """Operators whose sites fell together and are not back."""

    def _of(self, site_id: str) -> _Live:
        return self._live.setdefault(site_id, _Live())

    def forget(self, site_id: str) -> None:
        """Drop a site that is no more."""
        self._live.pop(site_id, None)
        self._made.pop(site_id, None)

    def start_from(self, latest: Iterable[Measurement]) -> None:
        """Take over what the store knows of the latest measurements.

        Counters begin at 0 with each start, as Prometheus expects; to count what is stored would
        take minutes where there are millions.
        """
        for live in self._live.values():
            live.last = live.last_success = None
        for measurement in latest:
            self._remember(measurement)

    def measured(self, measurement: Measurement) -> None:
        """Count a measurement that is new, and show it if it is the latest."""
        live = self._of(measurement.site_id)
        outcome = measurement.outcome.value
        live.probes[outcome] = live.probes.get(outcome, 0) + 1
        live.sent_bytes += measurement.sent_bytes
        live.rtt_idle = _with(live.rtt_idle, measurement.rtt_idle_ms)
        live.rtt_loaded = _with(live.rtt_loaded, measurement.rtt_loaded_ms)
        self._remember(measurement)
        live.counted += 1  # last: what is made of the site meanwhile is made anew

    def completed(self, measurement: Measurement) -> None:
        """Show what a client adds to a test that was counted before."""
        self._remember(measurement)

    def _remember(self, measurement: Measurement) -> None:
        live = self._of(measurement.site_id)
        if live.last is None or measurement.started_at >= live.last.started_at:
            live.last = measurement
        if measurement.outcome is Outcome.SUCCESS and (
            live.last_success is None or measurement.started_at >= live.last_success.started_at
        ):
            live.last_success = measurement

    def backlog(self, site_id: str, reports: int | None, oldest_at: datetime | None) -> None:
        """Show how much a client says that it still holds."""
        live = self._of(site_id)
        live.queue_reports, live.oldest_report_at = reports, oldest_at

    def planned(self, site_id: str, session: Session | None, verdict: Verdict | None) -> None:
        """Show the session that is live or comes next, and its verdict."""
        live = self._of(site_id)
        live.session, live.verdict = session, verdict

    def judged(self, session_id: str, verdict: Verdict) -> None:
        """Show a new verdict, if its session is the one that is shown."""
        live = self._of(verdict.site_id)
        if live.session is not None and live.session.session_id == session_id:
            live.verdict = verdict

    def streaming(self, site_id: str, stream: StreamSnapshot | None) -> None:
        """Show what a media server says of a site's stream."""
        self._of(site_id).stream = stream

    def session_of(self, site_id: str) -> Session | None:
        """Return the session that is live or comes next."""
        return self._of(site_id).session

    def verdict_of(self, site_id: str) -> Verdict | None:
        """Return the verdict for the session that is live or comes next."""
        return self._of(site_id).verdict

    def stream_of(self, site_id: str) -> StreamSnapshot | None:
        """Return what a media server last said of a site's stream."""
        return self._of(site_id).stream

    def last_of(self, site_id: str) -> Measurement | None:
        """Return the last measurement of a site."""
        return self._of(site_id).last

    def snapshot(self, now: datetime, sites: Sequence[Site] | None = None) -> ServiceSnapshot:
        """Return what is known of every site, or of some, at this moment."""
        # Prometheus' page is made in a thread: what changes meanwhile must not be walked over
        chosen = tuple(self._directory.sites.values()) if sites is None else sites
        watched = self.watched()
        holding = [notice for notice in self.notices if notice.holds_at(now)]
        outages = self.outages
        member_of = {name: outage for outage in outages for name in outage.site_ids}
        return ServiceSnapshot(
            taken_at=now,
            sites=tuple(self._site(site, watched, holding, member_of) for site in chosen),
            outages=outages,
        )

    def _site(
        self,
        site: Site,
        watched: Mapping[str, WatchSnapshot],
        holding: Sequence[Notice],
        member_of: Mapping[str, OperatorOutage],
    ) -> SiteSnapshot:
        directory = self._directory
        live = self._live.get(site.site_id, _NOTHING)
        commune = directory.communes[site.commune_code]
        province = directory.provinces[commune.province_code]
        # of thousands of sites few have changed since they were last shown
        rests_on = (
            site,
            commune,
            province,
            directory.predictions.get(site.site_id),
            live.last,
            live.last_success,
            live.session,
            live.verdict,
            live.stream,
        )
        counts = live.counted, live.queue_reports, live.oldest_report_at
        kept = self._made.get(site.site_id)
        if kept is not None and kept[1] == counts and all(map(is_, kept[0], rests_on)):
            made = kept[2]
        else:
            made = self._make(site, live, commune, province)
            self._made[site.site_id] = rests_on, counts, made
        watch, outage = watched.get(site.site_id), member_of.get(site.site_id)
        notices = tuple(
            notice
            for notice in holding
            if notice.concerns(
                site_id=site.site_id,
                commune_code=commune.code,
                province_code=province.code,
                operator=made.operator,
            )
        )
        if watch is None and outage is None and not notices:
            return made
        return replace(made, watch=watch, outage=outage, notices=notices)

    def _make(self, site: Site, live: _Live, commune: Commune, province: Province) -> SiteSnapshot:
        """Return what is known of a site, but for what watches and people say now."""
        operator = site.operators[0] if site.operators else None
        low, middle = self._predicted_bps(site)
        last, good = live.last, live.last_success
        # one object of many fields, made once: Any, for they are of several types
        values: dict[str, Any] = {
            "site_id": site.site_id,
            "name": site.name,
            "commune_code": commune.code,
            "commune_name": commune.name,
            "province_code": province.code,
            "province_name": province.name,
            "lat_deg": site.lat_deg,
            "lon_deg": site.lon_deg,
            "operator": operator,
            "technology": site.technologies[0] if site.technologies else None,
            "synthetic": site.synthetic,
            "uplink_predicted_p10_bps": low,
            "uplink_predicted_p50_bps": middle,
            "probes": dict(live.probes),
            "probe_sent_bytes": live.sent_bytes,
            "rtt_idle": live.rtt_idle,
            "rtt_loaded": live.rtt_loaded,
            "stream": live.stream,
            "edge_queue_reports": live.queue_reports,
            "edge_oldest_report_at": live.oldest_report_at,
        }
        if last is not None:
            values |= {
                "probe_succeeded": last.outcome is Outcome.SUCCESS,
                "probe_duration_s": last.duration_s,
                "probe_last_attempt_at": last.started_at,
                "rsrp_dbm": last.rsrp_dbm,
                "sinr_db": last.sinr_db,
            }
        if good is not None:
            values |= {
                "probe_last_success_at": good.started_at,
                "uplink_p10_bps": good.uplink_p10_bps,
                "uplink_p50_bps": good.uplink_p50_bps,
                "rtt_idle_s": _seconds(good.rtt_idle_ms),
                "rtt_loaded_s": _seconds(good.rtt_loaded_ms),
                "jitter_s": _seconds(good.jitter_ms),
                "loss_up_ratio": good.loss_ratio,
            }
        if live.session is not None:
            values |= {
                "session_id": live.session.session_id,
                "session_starts_at": live.session.starts_at,
                "session_ends_at": live.session.ends_at,
                "session_live": live.session.status is SessionStatus.LIVE,
                "profile_code": live.session.profile_code,
            }
        if (verdict := live.verdict) is not None:
            values |= {
                "readiness_state": verdict.state.value,
                "ready_probability": verdict.probability,
                "never_measured": any(reason.code in _UNMEASURED for reason in verdict.reasons),
                "verdict_at": verdict.judged_at,
                "uplink_required_bps": verdict.uplink_required_bps,
                "uplink_safe_bps": verdict.uplink_safe_bps,
            }
        return SiteSnapshot(**values)

    def _predicted_bps(self, site: Site) -> tuple[float | None, float | None]:
        """Return the tenth percentile and the median that plans promise, of the best network."""
        best: tuple[float | None, float | None] = (None, None)
        for kept in self._directory.predictions.get(site.site_id, ()):
            plan = predicted_uplink(kept)
            if plan.synthetic and not site.synthetic:
                continue
            if why_left_out(plan, operators=site.operators, technologies=site.technologies):
                continue
            found = predicted_log10_bps(plan)
            if found is not None and (best[1] is None or 10.0 ** found[0] > best[1]):
                mean, sd = found
                best = (10.0 ** (mean - 1.2816 * sd), 10.0**mean)
        return best


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


def _with(histogram: RttHistogram, rtt_ms: float | None) -> RttHistogram:
    if rtt_ms is None:
        return histogram
    counts = list(histogram.counts)
    counts[bisect_left(RTT_BUCKETS_S, rtt_ms / 1e3)] += 1
    return RttHistogram(counts=tuple(counts), sum_s=histogram.sum_s + rtt_ms / 1e3)
