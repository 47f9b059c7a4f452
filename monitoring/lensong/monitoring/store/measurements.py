"""Measurements: taken in once each however often they arrive, and rolled up by the hour."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    TextClause,
    and_,
    delete,
    func,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.records import CountedBy, Measurement, Method, Motion, Outcome
from lensong.monitoring.store.rows import (
    Page,
    cursor_values,
    from_row,
    make_cursor,
    page_of,
    to_row,
)
from lensong.monitoring.store.tables import (
    from_microseconds,
    hourly,
    measurements,
    sites,
    to_microseconds,
)

__all__ = [
    "Fate",
    "Hour",
    "Taken",
    "content_hash",
    "count_measurements",
    "count_successes",
    "hour_of",
    "hours_between",
    "hours_received_since",
    "latest_by_site",
    "list_measurements",
    "measurements_between",
    "result_of_test",
    "roll_up",
    "store_measurements",
]

_KEYS_AT_ONCE = 200
"""Keys of one look-up: SQLite takes a limited number of values in a statement."""

_SIZES = (1, 4, 16, 64, _KEYS_AT_ONCE)
"""Numbers of keys for which there is a statement: each size has to be prepared once."""

_HOUR_US = 3_600_000_000

_OF_THE_CLIENT = (
    "technology",
    "operator",
    "rsrp_dbm",
    "sinr_db",
    "spot",
    "lat_deg",
    "lon_deg",
    "rtt_idle_ms",
    "rtt_loaded_ms",
    "jitter_ms",
    "loss_ratio",
)
"""What a client's report adds to the server's own count of the same test."""


class Fate(StrEnum):
    """What became of a report."""

    CREATED = "created"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Taken:
    """A report's fate, and the measurement as it is kept.

    ``completes`` tells that it adds to a test which the server had counted.
    """

    fate: Fate
    measurement: Measurement
    completes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """The tests of one hour at a site."""

    site_id: str
    hour_starts_at: datetime
    technology: str
    operator: str
    tests: int
    failures: int
    uplink_p10_bps: float | None
    uplink_p50_bps: float | None
    sent_bytes: int


def content_hash(measurement: Measurement) -> str:
    """Return what two sendings of the same report have in common."""
    return _hash_of(to_row(measurement))


def _hash_of(row: dict[str, Any]) -> str:
    ours = ("received_at", "started_at", "counted_by")  # the sender knows nothing of them
    told = {name: value for name, value in row.items() if name not in ours}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour of a moment."""
    return moment.replace(minute=0, second=0, microsecond=0)


def _measurement(row: Any) -> Measurement:
    words = {
        "method": Method(row["method"]),
        "outcome": Outcome(row["outcome"]),
        "counted_by": CountedBy(row["counted_by"]),
        "motion": Motion(row["motion"]),
    }
    return from_row(Measurement, {**row, **words})


async def store_measurements(
    connection: AsyncConnection, reports: Sequence[Measurement]
) -> list[Taken]:
    """Store reports that are new and say of each what became of it.

    A report is known by site, client and running number. The same again is a duplicate and changes
    nothing; the same key with another content is a conflict. A report of a test that the server
    counted itself completes the server's row.
    """
    known = await _known(connection, reports)
    tests = await _tests(connection, reports)
    taken: list[Taken] = []
    new: list[dict[str, Any]] = []
    for report in reports:
        row = to_row(report)
        digest = _hash_of(row)
        key = (report.site_id, report.client_id, report.seq)
        before = known.get(key) if report.seq is not None else None
        if before is not None:
            fate = Fate.DUPLICATE if before == digest else Fate.CONFLICT
            taken.append(Taken(fate, report))
            continue
        own = tests.get(report.test_id) if report.test_id is not None else None
        if own is not None and (own["site_id"] != report.site_id or own["content_hash"]):
            taken.append(Taken(Fate.CONFLICT, report))  # another site's test, or reported before
            continue
        if report.seq is not None:
            known[key] = digest
        if own is not None:
            completed = {
                name: value
                for name in _OF_THE_CLIENT
                if own[name] is None and (value := getattr(report, name)) is not None
            } | {"client_id": report.client_id, "seq": report.seq, "content_hash": digest}
            if report.motion is not Motion.UNKNOWN:
                completed["motion"] = report.motion.value
            await connection.execute(
                measurements.update().where(measurements.c.id == own["id"]).values(**completed)
            )
            tests[str(report.test_id)] = {**own, **completed}
            taken.append(Taken(Fate.CREATED, _measurement({**own, **completed}), completes=True))
            continue
        # a server's own count is completed later by its client
        mine = report.counted_by is CountedBy.SERVER
        new.append(row | {"content_hash": None if mine else digest})
        taken.append(Taken(Fate.CREATED, report))
    if new:
        await connection.execute(measurements.insert(), new)
    return taken


async def _known(
    connection: AsyncConnection, reports: Sequence[Measurement]
) -> dict[tuple[str, str, int | None], str | None]:
    keys = [(r.site_id, r.client_id, r.seq) for r in reports if r.seq is not None]
    found: dict[tuple[str, str, int | None], str | None] = {}
    for at in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[at : at + _KEYS_AT_ONCE]
        size = next(size for size in _SIZES if size >= len(some))
        some += [some[-1]] * (size - len(some))
        values = {
            f"{n}{i}": value
            for i, key in enumerate(some)
            for n, value in zip("scq", key, strict=True)
        }
        rows = await connection.execute(_look_up(size), values)
        found |= {(row.site_id, row.client_id, row.seq): row.content_hash for row in rows}
    return found


@cache
def _look_up(size: int) -> TextClause:
    """Return the statement that finds so many reports by their keys.

    SQLite walks over the whole table for ``(site_id, client_id, seq) IN (VALUES ...)``.
    """
    keys = ", ".join(
        f"(CAST(:s{i} AS TEXT), CAST(:c{i} AS TEXT), CAST(:q{i} AS BIGINT))" for i in range(size)
    )
    return text(
        f"WITH wanted (site_id, client_id, seq) AS (VALUES {keys}) "  # numbers of places alone
        "SELECT m.site_id, m.client_id, m.seq, m.content_hash FROM wanted JOIN measurements AS m "
        "ON m.site_id = wanted.site_id AND m.client_id = wanted.client_id AND m.seq = wanted.seq"
    )


async def _tests(
    connection: AsyncConnection, reports: Sequence[Measurement]
) -> dict[str, dict[str, Any]]:
    wanted = sorted({r.test_id for r in reports if r.test_id is not None})
    found: dict[str, dict[str, Any]] = {}
    for at in range(0, len(wanted), _KEYS_AT_ONCE):
        rows = await connection.execute(
            select(measurements).where(measurements.c.test_id.in_(wanted[at : at + _KEYS_AT_ONCE]))
        )
        found |= {row["test_id"]: dict(row) for row in rows.mappings()}
    return found


async def result_of_test(
    connection: AsyncConnection, site_id: str, test_id: str
) -> Measurement | None:
    """Return what the server counted in one of its tests."""
    rows = await connection.execute(
        select(measurements).where(
            measurements.c.test_id == test_id, measurements.c.site_id == site_id
        )
    )
    row = rows.mappings().first()
    return None if row is None else _measurement(row)


async def count_measurements(connection: AsyncConnection, site_id: str) -> int:
    """Return how many measurements are kept of a site."""
    counted = select(func.count()).select_from(measurements)
    rows = await connection.execute(counted.where(measurements.c.site_id == site_id))
    return int(rows.scalar_one())


async def count_successes(connection: AsyncConnection, site_ids: Collection[str]) -> dict[str, int]:
    """Return how many measurements that succeeded are kept of sites; of those without, nothing."""
    counted = (
        select(measurements.c.site_id, func.count())
        .where(
            measurements.c.site_id.in_(site_ids),
            measurements.c.outcome == Outcome.SUCCESS.value,
        )
        .group_by(measurements.c.site_id)
    )
    return {str(site_id): int(n) for site_id, n in await connection.execute(counted)}


async def list_measurements(
    connection: AsyncConnection,
    site_id: str,
    *,
    since: datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Page[Measurement]:
    """Return the measurements of a site, the latest first, a page at a time."""
    wanted = select(measurements).where(measurements.c.site_id == site_id)
    if since is not None:
        wanted = wanted.where(measurements.c.started_at >= since)
    if (last := cursor_values(cursor, int, int)) is not None:
        started_at = from_microseconds(last[0])
        wanted = wanted.where(
            or_(
                measurements.c.started_at < started_at,
                and_(measurements.c.started_at == started_at, measurements.c.id < last[1]),
            )
        )
    rows = await connection.execute(
        wanted.order_by(measurements.c.started_at.desc(), measurements.c.id.desc()).limit(limit + 1)
    )
    found = rows.mappings().all()
    page = page_of(
        found,
        limit,
        lambda row: make_cursor(to_microseconds(row["started_at"]), row["id"]),
    )
    return Page(items=tuple(_measurement(row) for row in page.items), next_cursor=page.next_cursor)


async def measurements_between(
    connection: AsyncConnection,
    site_ids: Collection[str],
    since: datetime,
    until: datetime,
    *,
    newest: int | None = None,
) -> tuple[Measurement, ...]:
    """Return the measurements of some sites in a time, the earliest first; of many the newest."""
    rows = await connection.execute(
        select(measurements)
        .where(
            measurements.c.site_id.in_(sorted(site_ids)),
            measurements.c.started_at >= since,
            measurements.c.started_at <= until,
        )
        .order_by(measurements.c.started_at.desc(), measurements.c.id.desc())
        .limit(newest)
    )
    return tuple(_measurement(row) for row in reversed(rows.mappings().all()))


async def latest_by_site(connection: AsyncConnection, until: datetime) -> tuple[Measurement, ...]:
    """Return the last measurement until a moment and the last successful one of every site."""
    found: list[Measurement] = []
    table = measurements.c
    past = table.started_at <= until
    for only in ((past,), (past, table.outcome == Outcome.SUCCESS.value)):
        # one step into the index for each site, where a maximum by site would read all of it
        last = (
            select(table.id)
            .where(table.site_id == sites.c.site_id, *only)
            .order_by(table.started_at.desc(), table.id.desc())
            .limit(1)
            .correlate(sites)
            .scalar_subquery()
        )
        rows = await connection.execute(select(measurements).where(table.id.in_(select(last))))
        found += [_measurement(row) for row in rows.mappings()]
    return tuple(found)


async def hours_received_since(
    connection: AsyncConnection, since: datetime
) -> set[tuple[str, datetime]]:
    """Return the hours, by site, of which something arrived since a moment."""
    table = measurements.c
    # rows are numbered as they arrive: from the last one before, without an index on arrivals
    before = (
        select(table.id).where(table.received_at < since).order_by(table.id.desc()).limit(1)
    ).scalar_subquery()
    started = type_coerce(table.started_at, BigInteger)
    rows = await connection.execute(
        select(table.site_id, (started - started % _HOUR_US).label("hour"))
        .where(table.id > func.coalesce(before, 0))
        .distinct()
    )
    return {(row.site_id, from_microseconds(row.hour)) for row in rows}


async def roll_up(connection: AsyncConnection, hours: Collection[tuple[str, datetime]]) -> None:
    """Sum up hours anew from their measurements; doing it twice changes nothing."""
    table = measurements.c
    summed = (
        table.technology,
        table.operator,
        table.outcome,
        table.counted_by,
        table.uplink_p10_bps,
        table.uplink_p50_bps,
        table.sent_bytes,
    )  # the bins would be most of the work, and are not wanted
    for site_id, starts_at in sorted(hours):
        rows = await connection.execute(
            select(*summed).where(
                table.site_id == site_id,
                table.started_at >= starts_at,
                table.started_at < starts_at + timedelta(hours=1),
            )
        )
        groups: defaultdict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in rows:
            groups[row.technology or "", row.operator or ""].append(row)
        if not groups:
            continue  # pruned: its sum stays
        await connection.execute(
            delete(hourly).where(hourly.c.site_id == site_id, hourly.c.hour_starts_at == starts_at)
        )
        await connection.execute(
            hourly.insert(),
            [
                to_row(_hour(site_id, starts_at, technology, operator, tests))
                for (technology, operator), tests in groups.items()
            ],
        )


def _hour(
    site_id: str, starts_at: datetime, technology: str, operator: str, tests: list[Any]
) -> Hour:
    # browsers count too much on slow links: their own figures make no history
    counted = [t for t in tests if t.counted_by == CountedBy.SERVER.value]
    p10 = [t.uplink_p10_bps for t in counted if t.uplink_p10_bps]
    p50 = [t.uplink_p50_bps for t in counted if t.uplink_p50_bps]
    return Hour(
        site_id=site_id,
        hour_starts_at=starts_at,
        technology=technology,
        operator=operator,
        tests=len(p10),
        failures=sum(t.outcome == Outcome.FAILURE.value for t in tests),
        uplink_p10_bps=_geometric_mean(p10),
        uplink_p50_bps=_geometric_mean(p50),
        sent_bytes=sum(t.sent_bytes for t in tests),
    )


def _geometric_mean(rates_bps: list[float]) -> float | None:
    """Return the mean in the logarithm, in which rates of mobile networks are near to normal."""
    return float(np.exp(np.mean(np.log(rates_bps)))) if rates_bps else None


async def hours_between(
    connection: AsyncConnection,
    site_ids: Collection[str],
    since: datetime,
    *,
    newest: int | None = None,
) -> tuple[Hour, ...]:
    """Return the hourly sums of some sites since a moment, the earliest first; of many the newest.

    Parameters
    ----------
    newest : int, optional
        No more than so many.
    """
    if not site_ids:
        return ()
    rows = await connection.execute(
        select(hourly)
        .where(hourly.c.site_id.in_(sorted(site_ids)), hourly.c.hour_starts_at >= since)
        .order_by(hourly.c.hour_starts_at.desc(), hourly.c.site_id.desc())
        .limit(newest)
    )
    names = tuple(rows.keys())
    return tuple(Hour(**dict(zip(names, row, strict=True))) for row in reversed(rows.all()))
