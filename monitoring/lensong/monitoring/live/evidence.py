"""Putting together what a verdict rests on, out of the store."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.live.company import with_company
from lensong.monitoring.live.directory import Directory
from lensong.monitoring.readiness.evidence import (
    Evidence,
    HourSample,
    Need,
    PredictedUplink,
    Question,
    SessionBeside,
    SiteOption,
    StreamsAtOnce,
    UplinkTest,
)
from lensong.monitoring.readiness.outages import OutagePrior
from lensong.monitoring.records import Measurement, Motion, Outcome, Site, StreamProfile, Transport
from lensong.monitoring.store.measurements import Hour, hours_between, measurements_between
from lensong.monitoring.store.places import PlanStreams, Prediction
from lensong.monitoring.store.sessions import open_sessions
from lensong.monitoring.store.streams import finished_sessions
from lensong.monitoring.store.tables import clients
from lensong.monitoring.store.watches import as_evidence, watch_parts_between

__all__ = ["evidence_for", "need_of", "predicted_uplink", "question_for"]

_HISTORY = timedelta(days=120)
_COMMUNE = timedelta(days=30)
_COMMUNE_HOURS = 500
"""Of other sites: with so many the deviation of standing in for a site counts, not their number."""

_TESTS = timedelta(days=2)
_MOST_TESTS = 300
_SESSIONS = timedelta(days=365)
_MOST_SESSIONS = 2_000
_MOST_WATCH_PARTS = 4_000
_AHEAD = timedelta(days=8)
"""Other hours of the next week are looked at for a better one."""

_NEIGHBOUR_M = 15_000.0
_NEIGHBOURS = 12
_CLOCK_OFF_S = 86_400.0
"""A client whose clock is further off than this tells nothing about when it measured [s]."""


def need_of(profile: StreamProfile) -> Need:
    """Return what a stream profile asks of the uplink, as the verdict wants it."""
    return Need(
        profile_code=profile.code,
        transport=Transport(profile.transport),
        uplink_required_bps=profile.uplink_required_bps,
        srt_latency_ms=profile.srt_latency_ms,
        platform=profile.platform,
        tolerance=profile.tolerance,
    )


def predicted_uplink(prediction: Prediction) -> PredictedUplink:
    """Return what a coverage plan says of a site, as the verdict wants it."""
    return PredictedUplink(
        uplink_p50_bps=prediction.uplink_p50_bps,
        rsrp_dbm=prediction.rsrp_dbm,
        sigma_db=prediction.sigma_db,
        technology=prediction.technology,
        operator=prediction.operator or None,
        computed_at=prediction.computed_at,
        synthetic=prediction.synthetic,
        basis=prediction.basis,
    )


def question_for(
    directory: Directory,
    site: Site,
    profile: StreamProfile,
    starts_at: datetime,
    ends_at: datetime,
    *,
    technology: str | None = None,
    operator: str | None = None,
    motion: Motion = Motion.UNKNOWN,
) -> Question:
    """Return the question whether a site will hold a profile in a time."""
    return Question(
        site_id=site.site_id,
        technology=technology,
        operator=operator,
        need=need_of(profile),
        ladder=tuple(need_of(item) for item in directory.profiles.values()),
        starts_at=starts_at,
        ends_at=ends_at,
        motion=motion,
        operators=site.operators,
        technologies=site.technologies,
        synthetic=site.synthetic,
    )


async def evidence_for(
    connection: AsyncConnection,
    directory: Directory,
    site: Site,
    now: datetime,
    safe_bps_of: Callable[[str], float | None],
    *,
    outage_prior: OutagePrior | None = None,
    besides: str | None = None,
    until: datetime | None = None,
) -> Evidence:
    """Return all that is known of a site and of its commune.

    Parameters
    ----------
    besides : str, optional
        The session that is asked about: it is not beside itself.
    until : datetime, optional
        Its end: sessions that begin by then, or within the next days, are looked at.
    outage_prior : OutagePrior, optional
        Of the province; the shipped one if none is given.
    safe_bps_of : callable
        Returns the safe uplink of another site's present verdict, None where it has none.
    """
    # invented places say nothing of real ones, nor the other way round
    alike = {
        other.site_id for other in directory.sites.values() if other.synthetic is site.synthetic
    }
    others = [
        other.site_id
        for other in directory.sites.values()
        if other.commune_code == site.commune_code and other.site_id in alike - {site.site_id}
    ]
    hours = await hours_between(connection, [site.site_id], now - _HISTORY)
    around = await hours_between(connection, others, now - _COMMUNE, newest=_COMMUNE_HOURS)
    # a test of the future was stored by a false clock
    tests = await measurements_between(
        connection, [site.site_id], now - _TESTS, now, newest=_MOST_TESTS
    )
    watched = await watch_parts_between(
        connection, [site.site_id], now - _HISTORY, now, newest=_MOST_WATCH_PARTS
    )
    watched_around = await watch_parts_between(
        connection, others, now - _COMMUNE, now, newest=_MOST_WATCH_PARTS
    )
    past = await finished_sessions(connection, now - _SESSIONS, now, newest=_MOST_SESSIONS)
    return Evidence(
        predictions=tuple(
            predicted_uplink(item) for item in directory.predictions.get(site.site_id, ())
        ),
        site_history=_samples(hours),
        commune_history=_samples(around),
        tests=tuple(_test(item) for item in tests),
        sessions=with_company((one for one in past if one.finished.site_id in alike), site.site_id),
        neighbours=_neighbours(
            (other for other in directory.sites.values() if other.site_id in alike),
            site,
            safe_bps_of,
        ),
        watches=as_evidence(watched),
        commune_watches=as_evidence(watched_around),
        beside=await _beside(
            connection, directory, site, now, besides, max(until or now, now) + _AHEAD
        ),
        streams=tuple(_streams(item) for item in directory.plan_streams.get(site.site_id, ())),
        outage_prior=outage_prior,
        clock_fault=await _clock_is_off(connection, site.site_id, {t.client_id for t in tests}),
    )


async def _beside(
    connection: AsyncConnection,
    directory: Directory,
    site: Site,
    now: datetime,
    besides: str | None,
    until: datetime,
) -> tuple[SessionBeside, ...]:
    """Return the open sessions that share the uplink: of the site, and of those on its cells."""
    sharing = {site.site_id, *directory.on_the_same_cells(site)}
    found = await open_sessions(connection, site_ids=sharing, until=until)
    return tuple(
        SessionBeside(
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            uplink_required_bps=directory.profiles[one.profile_code].uplink_required_bps,
            here=one.site_id == site.site_id,
        )
        for one in found
        if one.session_id != besides and one.ends_at > now
    )


def _streams(kept: PlanStreams) -> StreamsAtOnce:
    return StreamsAtOnce(
        operator=kept.operator or None,
        uplink_bps=kept.uplink_bps,
        probability=kept.probability,
        chances=kept.chances,
        computed_at=kept.computed_at,
        synthetic=kept.synthetic,
    )


def _samples(hours: Iterable[Hour]) -> tuple[HourSample, ...]:
    return tuple(
        HourSample(
            hour_starts_at=hour.hour_starts_at,
            technology=hour.technology or None,
            operator=hour.operator or None,
            uplink_p10_bps=hour.uplink_p10_bps,
            uplink_p50_bps=hour.uplink_p50_bps,
            tests=hour.tests,
        )
        for hour in hours
        if hour.uplink_p10_bps is not None and hour.tests > 0
    )


def _test(measured: Measurement) -> UplinkTest:
    return UplinkTest(
        measured_at=measured.started_at + timedelta(seconds=measured.duration_s or 0.0),
        succeeded=measured.outcome is Outcome.SUCCESS,
        technology=measured.technology,
        operator=measured.operator,
        bins=len(measured.uplink_bins_bps),
        counted_by=measured.counted_by,
        spot=measured.spot,
        motion=measured.motion,
        outages_s=_outages_s(measured.uplink_bins_bps),
        **measured.figures(),
    )


def _outages_s(bins_bps: Sequence[float]) -> tuple[float, ...]:
    """Return how long nothing at all came through, each time, by seconds of a test [s]."""
    return tuple(
        float(sum(1 for _ in run)) for empty, run in groupby(b <= 0.0 for b in bins_bps) if empty
    )


async def _clock_is_off(
    connection: AsyncConnection, site_id: str, client_ids: Collection[str]
) -> bool:
    """Return whether all clients that measured lately have a clock that cannot be true."""
    if not client_ids:
        return False
    rows = await connection.execute(
        select(clients.c.clock_offset_s).where(
            clients.c.site_id == site_id, clients.c.client_id.in_(sorted(client_ids))
        )
    )
    offsets = [row.clock_offset_s for row in rows]
    return bool(offsets) and all(
        offset is not None and abs(offset) > _CLOCK_OFF_S for offset in offsets
    )


def _neighbours(
    sites: Iterable[Site], site: Site, safe_bps_of: Callable[[str], float | None]
) -> tuple[SiteOption, ...]:
    near: list[SiteOption] = []
    for other in sites:
        if other.site_id == site.site_id or (away := _distance_m(site, other)) is None:
            continue
        if away <= _NEIGHBOUR_M and (safe := safe_bps_of(other.site_id)) is not None:
            near.append(
                SiteOption(
                    site_id=other.site_id, name=other.name, distance_m=away, uplink_safe_bps=safe
                )
            )
    return tuple(sorted(near, key=lambda option: option.distance_m)[:_NEIGHBOURS])


def _distance_m(a: Site, b: Site) -> float | None:
    """Return the distance of two sites on a sphere, near enough to say which one is nearer [m]."""
    if a.lat_deg is None or a.lon_deg is None or b.lat_deg is None or b.lon_deg is None:
        return None
    north = math.radians(b.lat_deg - a.lat_deg)
    east = math.radians(b.lon_deg - a.lon_deg) * math.cos(
        math.radians((a.lat_deg + b.lat_deg) / 2.0)
    )
    return 6_371_000.0 * math.hypot(north, east)
