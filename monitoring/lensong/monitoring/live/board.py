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
from lensong.monitoring.live.standing import STANDINGS, standing_of
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

__all__ = ["Board", "Planned"]


Planned = tuple[Session, Verdict | None]
"""A session that runs or comes, and its verdict."""

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
    coming: tuple[Planned, ...] = ()
    streams: Mapping[int, StreamSnapshot] = field(default_factory=dict)
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

    def planned(
        self,
        site_id: str,
        session: Session | None,
        verdict: Verdict | None,
        *,
        then: Iterable[Planned] = (),
    ) -> None:
        """Show the session that is live or comes next, its verdict, and those beside and after."""
        first = () if session is None else ((session, verdict),)
        self._of(site_id).coming = (*first, *then)

    def came_in(self, session: Session) -> None:
        """Show a session of which nobody could ask the store what comes first."""
        there = self.coming(session.site_id)
        others = [one for one in there if one[0].session_id != session.session_id]
        first, *then = sorted([*others, (session, None)], key=lambda one: _comes(one[0]))
        self.planned(session.site_id, *first, then=then)

    def judged(self, session_id: str, verdict: Verdict) -> None:
        """Show a new verdict, if its session is shown."""
        live = self._of(verdict.site_id)
        live.coming = tuple(
            (session, verdict if session.session_id == session_id else known)
            for session, known in live.coming
        )

    def streaming(self, site_id: str, stream: StreamSnapshot | None, lane: int = 1) -> None:
        """Show what a media server says of the stream of a site's lane."""
        live = self._of(site_id)
        others = {at: known for at, known in live.streams.items() if at != lane}
        live.streams = others if stream is None else others | {lane: stream}

    def coming(self, site_id: str) -> tuple[Planned, ...]:
        """Return the sessions that are live or come within a day of the next, by start."""
        return self._of(site_id).coming

    def session_of(self, site_id: str) -> Session | None:
        """Return the session that is live or comes next; of several the first."""
        return next((session for session, _ in self._of(site_id).coming), None)

    def session_named(self, site_id: str, session_id: str | None) -> Session | None:
        """Return a session of a site that is live or comes, None where there is none such."""
        found = (session for session, _ in self._of(site_id).coming)
        return next((session for session in found if session.session_id == session_id), None)

    def verdict_of(self, site_id: str) -> Verdict | None:
        """Return the verdict for the session that is live or comes next; of several the first."""
        return next((verdict for _, verdict in self._of(site_id).coming), None)

    def streams_of(self, site_id: str) -> Mapping[int, StreamSnapshot]:
        """Return what a media server last said of the streams of a site, by lane."""
        return self._of(site_id).streams

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
            live.coming,
            live.streams,
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
        said: dict[str, Any] = {"watch": watch, "outage": outage, "notices": notices}
        return replace(made, **said, lanes=tuple(replace(lane, **said) for lane in made.lanes))

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
            "stream": live.streams.get(1),
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
        shown = _shown_together(live.coming)
        lanes = [
            SiteSnapshot(**(values | _of_session(session, verdict, live.streams)))
            for session, verdict in shown
        ]
        if not lanes:
            return SiteSnapshot(**values)
        if len(lanes) == 1:
            return lanes[0]
        # what stands worst is what the site is called by; the first of equal ones
        worst = min(lanes, key=lambda lane: STANDINGS.index(standing_of(lane).state))
        # as many more as fit beside each of them, until the first moment when that ends
        room = [
            (lane.more_sellers, lane.more_sellers_until)
            for lane in lanes
            if lane.more_sellers is not None and lane.more_sellers_until is not None
        ]
        more, until = min(room, default=(None, None))
        return replace(worst, lanes=tuple(lanes), more_sellers=more, more_sellers_until=until)

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


def _comes(session: Session) -> tuple[bool, datetime, str]:
    return session.status is not SessionStatus.LIVE, session.starts_at, session.session_id


def _shown_together(coming: Sequence[Planned]) -> list[Planned]:
    """Return the sessions that are live, else the next one and those that begin during it."""
    if not coming:
        return []
    shown = [one for one in coming if one[0].status is SessionStatus.LIVE]
    if not shown:
        first = coming[0][0]
        shown = [one for one in coming if one[0].starts_at < first.ends_at]
    return sorted(shown, key=lambda one: (one[0].lane or 1, one[0].starts_at))


def _of_session(
    session: Session, verdict: Verdict | None, streams: Mapping[int, StreamSnapshot]
) -> dict[str, Any]:
    """Return what a snapshot says of one session; one object of many fields of several types."""
    values: dict[str, Any] = {
        "session_id": session.session_id,
        "session_title": session.title,
        "session_starts_at": session.starts_at,
        "session_ends_at": session.ends_at,
        "session_live": session.status is SessionStatus.LIVE,
        "profile_code": session.profile_code,
        "lane": session.lane or 1,
        "stream": streams.get(session.lane or 1),
    }
    if verdict is not None:
        values |= {
            "readiness_state": verdict.state.value,
            "ready_probability": verdict.probability,
            "never_measured": any(reason.code in _UNMEASURED for reason in verdict.reasons),
            "verdict_at": verdict.judged_at,
            "uplink_required_bps": verdict.uplink_required_bps,
            "uplink_safe_bps": verdict.uplink_safe_bps,
            "more_sellers": verdict.more_sellers,
            "more_sellers_until": verdict.more_sellers_until,
        }
    return values


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1e3


def _with(histogram: RttHistogram, rtt_ms: float | None) -> RttHistogram:
    if rtt_ms is None:
        return histogram
    counts = list(histogram.counts)
    counts[bisect_left(RTT_BUCKETS_S, rtt_ms / 1e3)] += 1
    return RttHistogram(counts=tuple(counts), sum_s=histogram.sum_s + rtt_ms / 1e3)
