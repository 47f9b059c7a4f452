"""Forgetting: a little at a time, never a sum, and reports hardly wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.config import Retention
from lensong.monitoring.records import (
    Commune,
    CountedBy,
    Measurement,
    Method,
    Outcome,
    Province,
    Site,
)
from lensong.monitoring.store import retention as retention_module
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.measurements import (
    Hour,
    hour_of,
    hours_between,
    hours_received_since,
    roll_up,
    store_measurements,
)
from lensong.monitoring.store.migrate import migrate
from lensong.monitoring.store.places import put_commune, put_province, put_site
from lensong.monitoring.store.retention import prune
from lensong.monitoring.store.tables import audit, events, idempotency, measurements, web_sessions
from lensong.monitoring.store.writer import Writer

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 28, 1, 20, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def measured(seq: int, at: datetime, site_id: str = "binh-lu", **changes: Any) -> Measurement:
    values: dict[str, Any] = {
        "site_id": site_id,
        "client_id": "phone",
        "seq": seq,
        "started_at": at,
        "received_at": at,
        "method": Method.PAGE,
        "outcome": Outcome.SUCCESS,
        "counted_by": CountedBy.SERVER,
        "uplink_p10_bps": 4e6,
        "uplink_p50_bps": 5e6,
        "sent_bytes": 1_000,
    }
    return Measurement(**(values | changes))


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    opened = Database(store_url)
    await migrate(opened)
    async with opened.write_engine.begin() as connection:
        await put_province(connection, Province(code="12", name="Lai Châu"))
        await put_commune(connection, Commune(code="03390", name="Bình Lư", province_code="12"))
        for site_id in ("binh-lu", "sin-ho"):
            site = Site(site_id=site_id, name=site_id, commune_code="03390")
            await put_site(connection, site, now=NOW)
    yield opened
    await opened.close()


async def put(database: Database, *items: Measurement) -> None:
    async with database.write_engine.begin() as connection:
        await store_measurements(connection, items)


async def sum_up(database: Database, *hours: tuple[str, datetime]) -> None:
    async with database.write_engine.begin() as connection:
        await roll_up(connection, hours)


async def sums(database: Database) -> tuple[Hour, ...]:
    async with database.reading() as connection:
        return await hours_between(connection, ["binh-lu", "sin-ho"], EPOCH)


async def count(database: Database, table: Any) -> int:
    async with database.reading() as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def prune_all(database: Database, retention: Retention, now: datetime) -> list[int]:
    steps: list[int] = []
    while not steps or steps[-1]:
        async with database.write_engine.begin() as connection:
            steps.append(await prune(connection, retention, now))
    return steps


async def test_an_hour_is_the_sum_of_its_tests_by_technology_and_operator(
    database: Database,
) -> None:
    hour = hour_of(NOW)
    await put(
        database,
        measured(0, hour, technology="4G", operator="Viettel", uplink_p10_bps=1e6),
        measured(1, NOW, technology="4G", operator="Viettel", uplink_p10_bps=4e6),
        measured(2, NOW, technology="4G", operator="Viettel", counted_by=CountedBy.CLIENT),
        measured(
            3,
            NOW,
            technology="4G",
            operator="Viettel",
            outcome=Outcome.FAILURE,
            uplink_p10_bps=None,
            uplink_p50_bps=None,
        ),
        measured(4, NOW, technology="5G", operator="VNPT", uplink_p10_bps=0.0),
        measured(5, hour + timedelta(hours=1), uplink_p10_bps=9e6),  # the next hour
        measured(6, NOW, site_id="sin-ho", uplink_p10_bps=9e6),
    )
    await sum_up(database, ("binh-lu", hour))
    first, second = sorted(await sums(database), key=lambda item: item.technology)
    assert (first.technology, first.operator) == ("4G", "Viettel")
    assert (first.tests, first.failures, first.sent_bytes) == (2, 1, 4_000)
    assert first.uplink_p10_bps == pytest.approx(2e6)  # the mean in the logarithm
    assert (second.technology, second.tests, second.uplink_p10_bps) == ("5G", 0, None)
    await sum_up(database, ("binh-lu", hour))
    assert sorted(await sums(database), key=lambda item: item.technology) == [first, second]


async def test_raw_measurements_go_and_their_sums_stay(database: Database) -> None:
    old = NOW - timedelta(days=100)
    await put(database, measured(0, old), measured(1, NOW))
    hours = [("binh-lu", hour_of(old)), ("binh-lu", hour_of(NOW))]
    await sum_up(database, *hours)
    before = await sums(database)
    await prune_all(database, Retention(raw_days=90.0), NOW)
    assert await count(database, measurements) == 1
    assert await sums(database) == before
    await sum_up(database, *hours)  # summing up what is gone makes no zero out of it
    assert await sums(database) == before
    await prune_all(database, Retention(raw_days=90.0, hourly_days=95.0), NOW)
    assert [hour.hour_starts_at for hour in await sums(database)] == [hour_of(NOW)]


async def test_it_goes_in_small_steps(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention_module, "_AT_ONCE", 10)
    old = NOW - timedelta(days=100)
    await put(database, *(measured(n, old + timedelta(seconds=n)) for n in range(34)))
    steps = await prune_all(database, Retention(), NOW)
    assert steps == [10, 10, 10, 4, 0]


async def test_reports_are_taken_between_the_steps(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention_module, "_AT_ONCE", 20)
    old = NOW - timedelta(days=100)
    await put(database, *(measured(n, old + timedelta(seconds=n)) for n in range(200)))
    writer = Writer(database, store_measurements)
    writer.start()
    order: list[str] = []

    async def forget() -> None:
        while await writer.run(lambda connection: prune(connection, Retention(), NOW)):
            order.append("pruned")
            await asyncio.sleep(0)

    async def report() -> None:
        for number in range(5):
            await writer.ingest(measured(10_000 + number, NOW))
            order.append("taken")

    await asyncio.gather(forget(), report())
    await writer.stop()
    assert await count(database, measurements) == 5
    assert order.index("taken") < len(order) - 1 - order[::-1].index("pruned")  # not after it all


async def test_everything_else_that_grows_is_forgotten_in_its_time(database: Database) -> None:
    ages = (timedelta(hours=1), timedelta(days=8), timedelta(days=31), timedelta(days=800))

    async def fill(connection: AsyncConnection) -> None:
        for number, age in enumerate(ages):
            at = NOW - age
            await connection.execute(
                audit.insert(),
                {"at": at, "actor": "a", "action": "b", "subject": "c", "detail": {}},
            )
            await connection.execute(events.insert(), {"at": at, "kind": "k", "body": {}})
            await connection.execute(
                idempotency.insert(),
                {
                    "actor": "a",
                    "key": str(number),
                    "request_hash": "",
                    "status": 201,
                    "body": {},
                    "created_at": at,
                },
            )

    async with database.write_engine.begin() as connection:
        await fill(connection)
    await prune_all(database, Retention(), NOW)
    assert await count(database, audit) == 3
    assert await count(database, events) == 2
    assert await count(database, idempotency) == 1
    assert await count(database, web_sessions) == 0


async def test_what_arrived_since_is_found_by_its_hour(database: Database) -> None:
    long_ago = NOW - timedelta(days=3)
    await put(
        database,
        measured(0, NOW, received_at=NOW - timedelta(hours=2)),
        measured(1, long_ago, received_at=NOW),  # of a phone that was offline
        measured(2, long_ago + timedelta(seconds=1), received_at=NOW),
        measured(3, NOW, site_id="sin-ho"),
    )
    async with database.reading() as connection:
        everything = await hours_received_since(connection, EPOCH)
        lately = await hours_received_since(connection, NOW - timedelta(minutes=5))
    assert lately == {("binh-lu", hour_of(long_ago)), ("sin-ho", hour_of(NOW))}
    assert everything == lately | {("binh-lu", hour_of(NOW))}
