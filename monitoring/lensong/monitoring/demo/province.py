"""A synthetic province for newcomers: invented places, invented measurements, and they say so."""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.demo.streams import dips, seen_of, synthetic_verdict
from lensong.monitoring.errors import NotFoundError
from lensong.monitoring.readiness.past import FinishedSession
from lensong.monitoring.readiness.verdict import Verdict
from lensong.monitoring.records import (
    Commune,
    CountedBy,
    Measurement,
    Method,
    Outcome,
    Province,
    Session,
    SessionOutcome,
    SessionStatus,
    Site,
    StreamProfile,
)
from lensong.monitoring.service import Service
from lensong.monitoring.store.events import add_verdict
from lensong.monitoring.store.measurements import Hour, hour_of
from lensong.monitoring.store.places import (
    Prediction,
    put_commune,
    put_predictions,
    put_province,
    put_site,
)
from lensong.monitoring.store.rows import to_row
from lensong.monitoring.store.sessions import put_session, set_report, set_status
from lensong.monitoring.store.streams import StreamSource, put_finished_session, put_source
from lensong.monitoring.store.tables import hourly, stream_samples
from lensong.monitoring.streams.health_state import StreamHealth
from lensong.monitoring.streams.session_report import finished_session, report_session
from lensong.monitoring.streams.target import CollectorTarget

__all__ = ["fill", "keep_alive"]

_SEED = 20_261_128
_WEEKS = 8
_RUN = "demo-plan-0001"

_PLACES: dict[str, dict[str, float]] = {
    # commune: its sites, with the median of their uplink at a quiet hour [Mbit/s]
    "Nậm Hoa": {"Chợ Nậm Hoa": 34.0, "Bản Pom Lót": 9.0, "Bản Nà Lán": 3.1, "Bến Nậm Hoa": 21.0},
    "Pa Lĩnh": {"Chợ Pa Lĩnh": 27.0, "Bản Sín Chải": 2.2, "Bản Tả Phìn": 6.5, "Đồi chè": 14.0},
    "Tà Mung": {"Chợ Tà Mung": 18.0, "Bản Hua Nậm": 4.2, "Bản Khun Há": 1.3, "HTX Mật ong": 24.0},
    "Mường Vân": {"Phố Mường Vân": 46.0, "Bản Trong": 12.0, "Bản Ngoài": 7.8, "HTX Gạo nếp": 30.0},
    "Sà Phìn": {"Chợ Sà Phìn": 16.0, "Lùng Thàng": 3.6, "Bản Chu Va": 8.4, "Vườn mận": 19.0},
    "Thèn Pả": {"Chợ Thèn Pả": 22.0, "Bản Cao Sơn": 1.9, "Bản Nậm Cáy": 5.5, "HTX Sâm núi": 26.0},
}

_SESSIONS: tuple[tuple[int, str, float, float, str], ...] = (
    # site, title, begins in so many hours, lasts, profile
    (0, "Chợ phiên Nậm Hoa", -0.6, 2.5, "tiktok-720p30"),
    (9, "Bán mật ong Hua Nậm", -0.3, 2.0, "facebook-480p30"),
    (3, "Cá sông Nậm Hoa", 0.7, 2.0, "tiktok-720p30"),
    (2, "Rau rừng Nà Lán", 1.5, 1.0, "tiktok-720p30"),
    (6, "Thổ cẩm Tả Phìn", 2.0, 1.5, "tiktok-720p30"),
    (12, "Gạo Mường Vân", 3.0, 4.0, "tiktok-1080p30"),
    (15, "Ngày hội nếp", 5.0, 3.0, "tiktok-1080p30"),
    (17, "Mận Lùng Thàng", 6.5, 2.0, "facebook-720p30"),
    (11, "Mật ong Tà Mung", 20.0, 2.0, "tiktok-720p30"),
    (7, "Chè Pa Lĩnh", 22.0, 2.0, "tiktok-720p30"),
    (10, "Sa nhân Khun Há", 23.0, 1.0, "facebook-720p30"),
    (23, "Sâm núi Thèn Pả", 26.0, 3.0, "tiktok-1080p30"),
    (19, "Mận Sà Phìn", 30.0, 2.0, "tiktok-720p30"),
    (21, "Lợn cắp nách Cao Sơn", 44.0, 2.0, "tiktok-720p30"),
    (5, "Tết Sín Chải", 50.0, 2.0, "tiktok-720p30"),
)

_STEADY_FROM_BPS = 5e6
_SPREAD_LOG10 = {True: 0.025, False: 0.07}
"""How the seconds of a test vary, in decades, of a phone at rest: on a good link, on a weak one."""

_NEVER_MEASURED = {17, 10}
_TOLD = 3
"""Past sessions of which the stream and the report are kept."""

_BEAT_S = 2.0


@dataclass(frozen=True, slots=True)
class _Place:
    site: Site
    median_bps: float

    @property
    def spread_log10(self) -> float:
        return _SPREAD_LOG10[self.median_bps >= _STEADY_FROM_BPS]


def _places() -> Iterator[tuple[Commune, list[_Place]]]:
    number = 0
    chance = random.Random(_SEED)
    for order, (name, sites) in enumerate(_PLACES.items()):
        code = f"demo-{order + 1}"
        centre = (22.15 + 0.17 * (order // 3) + 0.05 * (order % 2), 103.1 + 0.22 * (order % 3))
        found = []
        for title, mbps in sites.items():
            number += 1
            found.append(
                _Place(
                    Site(
                        site_id=f"demo-{number:02d}",
                        name=title,
                        commune_code=code,
                        lat_deg=round(centre[0] + chance.uniform(-0.06, 0.06), 4),
                        lon_deg=round(centre[1] + chance.uniform(-0.07, 0.07), 4),
                        operators=("Mạng A", "Mạng B"),
                        technologies=("5G", "4G") if mbps > 25.0 else ("4G",),
                        synthetic=True,
                    ),
                    mbps * 1e6,
                )
            )
        yield Commune(code=code, name=name, province_code="demo"), found


def _load(local: datetime) -> float:
    """Return by how much the network is slower than at its best, in decades."""
    evening = math.exp(-(((local.hour + local.minute / 60.0) - 20.5) ** 2) / 8.0)
    noon = math.exp(-(((local.hour + local.minute / 60.0) - 11.5) ** 2) / 6.0)
    return 0.35 * evening + 0.12 * noon


async def fill(service: Service) -> None:
    """Fill an empty database with the synthetic province; the same every time but for the date."""
    now = service.clock.now()
    zone = ZoneInfo(service.config.time_zone)
    chance = random.Random(_SEED)
    groups = list(_places())
    places = [place for _, found in groups for place in found]

    async def settle(connection: AsyncConnection) -> None:
        await put_province(connection, Province(code="demo", name="Tỉnh mẫu (giả lập)"))
        for commune, found in groups:
            await put_commune(connection, commune)
            for place in found:
                await put_site(connection, place.site, now=now)
        await put_predictions(connection, [_prediction(place, now) for place in places])

    await service.writer.run(settle)
    await service.reload()
    await service.writer.run(lambda connection: _history(connection, places, now, zone, chance))
    await service.writer.run(
        lambda connection: _past(connection, places, service.directory.profiles, now, chance)
    )
    await _recent(service, places, now, zone, chance)
    await service.writer.run(
        lambda connection: _planned(connection, places, service.directory.profiles, now)
    )
    for index in (0, 9):  # the two that are live
        source = StreamSource(
            site_id=places[index].site.site_id,
            target=CollectorTarget(kind="ffmpeg"),
            created_at=now,
        )
        await service.writer.run(partial(put_source, source=source))
    await service.streams.reload()
    for site_id, hours in service.ingest.take_dirty().items():
        await service.judge.evidence_arrived(site_id, hours)
    for index, *_ in _SESSIONS:
        await service.judge.rejudge_site(places[index].site.site_id, "planned")


def _prediction(place: _Place, now: datetime) -> Prediction:
    return Prediction(
        site_id=place.site.site_id,
        technology=place.site.technologies[0],
        operator="Mạng A",
        coverage_run=_RUN,
        rsrp_dbm=round(-115.0 + 32.0 * math.log10(place.median_bps / 1e6), 1),
        uplink_p50_bps=round(place.median_bps * 1.1),
        sigma_db=8.0,
        computed_at=now - timedelta(days=20),
        synthetic=True,
    )


async def _history(
    connection: AsyncConnection,
    places: list[_Place],
    now: datetime,
    zone: ZoneInfo,
    chance: random.Random,
) -> None:
    rows: list[dict[str, Any]] = []
    for index, place in enumerate(places):
        if index in _NEVER_MEASURED:
            continue
        for back in range(24 * 3, 24 * 7 * _WEEKS):
            at = hour_of(now) - timedelta(hours=back)
            if not 6 <= at.astimezone(zone).hour <= 22 or chance.random() < 0.72:
                continue
            level = math.log10(place.median_bps) - _load(at.astimezone(zone))
            level += chance.gauss(0.0, 0.09)
            rows.append(
                to_row(
                    Hour(
                        site_id=place.site.site_id,
                        hour_starts_at=at,
                        technology=place.site.technologies[0],
                        operator="Mạng A",
                        tests=1,
                        failures=0,
                        uplink_p10_bps=10.0 ** (level - 1.3 * place.spread_log10),
                        uplink_p50_bps=10.0**level,
                        sent_bytes=30_000_000,
                    )
                )
            )
    await connection.execute(hourly.insert(), rows)


async def _past(
    connection: AsyncConnection,
    places: list[_Place],
    profiles: Mapping[str, StreamProfile],
    now: datetime,
    chance: random.Random,
) -> None:
    profile = profiles["tiktok-720p30"]
    for number in range(60):
        place = places[chance.randrange(len(places))]
        ends_at = now - timedelta(days=2 + number * 0.85, hours=chance.uniform(0.0, 8.0))
        session = Session(
            session_id=f"demo-past-{number:02d}",
            site_id=place.site.site_id,
            title="Phiên đã qua (giả lập)",
            profile_code=profile.code,
            starts_at=ends_at - timedelta(hours=1),
            ends_at=ends_at,
            status=SessionStatus.ENDED,
        )
        await put_session(connection, session, now=now)
        predicted = math.log10(place.median_bps) - 0.35
        verdict = synthetic_verdict(session, profile, predicted, 0.17)
        await add_verdict(connection, session.session_id, verdict, "t-0.25h")
        could = predicted + chance.gauss(0.03, 0.13)
        needed = math.log10(profile.uplink_required_bps)
        held = could >= needed
        past: FinishedSession | None = FinishedSession(
            ended_at=ends_at,
            site_id=place.site.site_id,
            technology=place.site.technologies[0],
            outcome=SessionOutcome.HELD if held else SessionOutcome.FROZE,
            uplink_required_bps=profile.uplink_required_bps,
            carried_bps=10.0 ** min(could, needed),
            watched_s=3_600.0,
            predicted_probability=verdict.probability,
        )
        if number < _TOLD:
            past = await _told(connection, session, profile, verdict, could - needed)
        if past is not None:
            await put_finished_session(connection, session.session_id, past)


async def _told(
    connection: AsyncConnection,
    session: Session,
    profile: StreamProfile,
    verdict: Verdict,
    decades_over: float,
) -> FinishedSession | None:
    """Keep what was seen of a session's stream, and its report; return what it teaches."""
    bad = (600.0, 240.0, 10.0**decades_over) if decades_over < 0.0 else (600.0, 20.0, 0.93)
    seen = list(seen_of(session.starts_at, session.ends_at, profile, dips(bad, (1_900, 15, 0.95))))
    await _keep_seen(connection, session, seen)
    report = report_session(
        seen,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        configured_bps=profile.video_bps + profile.audio_bps,
        verdict=verdict,
        tolerance=profile.tolerance,
    )
    await set_report(connection, session.session_id, report.to_dict())
    return finished_session(
        report,
        verdict,
        site_id=session.site_id,
        technology="4G",
        uplink_required_bps=profile.uplink_required_bps,
        tolerance=profile.tolerance,
    )


async def _keep_seen(
    connection: AsyncConnection, session: Session, seen: Iterable[StreamHealth]
) -> None:
    rows = [
        {
            "site_id": session.site_id,
            "session_id": session.session_id,
            "at": health.at,
            "state": health.state,
            "lag_s": health.lag_s,
            "received_bps": health.received_bps,
            "body": health.to_dict(),
        }
        for health in seen
    ]
    if rows:
        await connection.execute(stream_samples.insert(), rows)


async def _recent(
    service: Service,
    places: list[_Place],
    now: datetime,
    zone: ZoneInfo,
    chance: random.Random,
) -> None:
    seq = 0
    for index, place in enumerate(places):
        if index in _NEVER_MEASURED:
            continue
        for back_h in (60.0, 44.0, 30.0, 21.0, 9.0, 2.5, chance.uniform(0.05, 0.9)):
            seq += 1
            at = now - timedelta(hours=back_h)
            await service.ingest.counted(_test(place, at, zone, chance, seq))


def _test(
    place: _Place, at: datetime, zone: ZoneInfo, chance: random.Random, number: int
) -> Measurement:
    common: dict[str, Any] = {
        "site_id": place.site.site_id,
        "client_id": "demo-phone",
        "seq": None,
        "test_id": f"demo-{number:06d}",
        "started_at": at,
        "received_at": at + timedelta(seconds=40),
        "method": Method.PAGE,
        "counted_by": CountedBy.SERVER,
        "technology": place.site.technologies[0],
        "operator": "Mạng A",
        "spot": chance.choice(("sân chợ", "nhà văn hoá", "đầu bản")),
    }
    if chance.random() < 0.04:
        return Measurement(
            **common, outcome=Outcome.FAILURE, failure_reason="connection_lost", duration_s=7.0,
            sent_bytes=2_000_000,
        )  # fmt: skip
    level = math.log10(place.median_bps) - _load(at.astimezone(zone)) + chance.gauss(0.0, 0.06)
    bins = sorted(10.0 ** (level + chance.gauss(0.0, place.spread_log10)) for _ in range(27))
    return Measurement(
        **common,
        outcome=Outcome.SUCCESS,
        duration_s=30.0,
        uplink_bins_bps=tuple(round(value) for value in bins),
        uplink_p10_bps=round(bins[2]),
        uplink_p50_bps=round(bins[13]),
        uplink_min_bps=round(bins[0]),
        uplink_mean_bps=round(sum(bins) / len(bins)),
        rtt_idle_ms=round(chance.uniform(28.0, 60.0), 1),
        rtt_loaded_ms=round(min(60.0 + 4e8 / place.median_bps, 700.0), 1),
        jitter_ms=round(chance.uniform(2.0, 18.0), 1),
        sent_bytes=round(sum(bins) / 8.0 * 1.1),
        rsrp_dbm=round(-115.0 + 32.0 * math.log10(place.median_bps / 1e6) + chance.gauss(0, 3), 1),
    )


async def _planned(
    connection: AsyncConnection,
    places: list[_Place],
    profiles: Mapping[str, StreamProfile],
    now: datetime,
) -> None:
    for number, (index, title, begins_h, lasts_h, profile) in enumerate(_SESSIONS):
        begins = (now + timedelta(hours=begins_h)).replace(second=0, microsecond=0)
        begins -= timedelta(minutes=begins.minute % 5)
        session = Session(
            session_id=f"demo-session-{number:02d}",
            site_id=places[index].site.site_id,
            title=title,
            profile_code=profile,
            starts_at=begins,
            ends_at=begins + timedelta(hours=lasts_h),
        )
        await put_session(connection, session, now=now)
        if begins <= now:
            await set_status(connection, session.session_id, SessionStatus.LIVE, now=now)
            link = dips(*((240.0 * n, 40.0, 0.94) for n in range(1, 40))) if number else dips()
            seen = seen_of(begins, now, profiles[profile], link)
            await _keep_seen(connection, session, seen)


async def keep_alive(service: Service) -> None:
    """Let the two live streams run, one well and one swaying, and measure now and then."""
    chance = random.Random()
    zone = ZoneInfo(service.config.time_zone)
    places = [place for _, found in _places() for place in found]
    steady, swaying = places[0].site.site_id, places[9].site.site_id
    number, beat = 900_000, 0
    while True:
        at_s = beat * _BEAT_S
        lag_s = 1.5 * (1.0 - math.cos(2.0 * math.pi * at_s / 240.0))
        for site_id, media_s, bps in ((steady, at_s, 2.63e6), (swaying, at_s - lag_s, 1.62e6)):
            if service.board.session_of(site_id) is not None:
                await _push(service, site_id, media_s, bps)
        beat += 1
        if beat % 10 == 0:
            number += 1
            place = places[chance.randrange(len(places))]
            test = _test(place, service.clock.now(), zone, chance, number)
            await service.ingest.counted(test)
        await asyncio.sleep(_BEAT_S)


async def _push(service: Service, site_id: str, media_s: float, bps: float) -> None:
    text = (
        f"frame={int(media_s * 30)}\nfps=30.0\nbitrate={bps / 1e3:.1f}kbits/s\n"
        f"total_size={int(media_s * bps / 8.0)}\nout_time_us={int(media_s * 1e6)}\n"
        "dup_frames=0\ndrop_frames=0\nspeed=1x\nprogress=continue\n"
    )
    try:
        await service.streams.pushed(site_id, "ffmpeg", text)
    except NotFoundError:
        return  # its session is over
