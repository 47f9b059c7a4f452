"""The one task that writes: what is committed together, what a failing job takes with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import BusyError, StoreUnavailableError
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.migrate import migrate
from lensong.monitoring.store.tables import provinces
from lensong.monitoring.store.writer import Writer
from lensong.propagation.errors import InvalidInputError

pytestmark = pytest.mark.anyio


async def keep_all(connection: AsyncConnection, items: Sequence[str]) -> list[str]:
    """Store a province of each code; one that is called "bad" does not fit."""
    for code in items:
        await connection.execute(insert(provinces), {"code": code, "name": "x"})
        if code == "bad":
            raise InvalidInputError("bad does not fit")
    return [f"kept {code}" for code in items]


async def codes(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.execute(select(provinces.c.code))).scalars())


@pytest.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    opened = Database(store_url)
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
async def writer(database: Database) -> AsyncIterator[Writer]:
    started = Writer(database, keep_all, capacity=4)
    started.start()
    yield started
    await started.stop()


def adding(code: str) -> Any:  # a job of the writer
    async def work(connection: AsyncConnection) -> str:
        await connection.execute(insert(provinces), {"code": code, "name": "x"})
        return code

    return work


async def test_jobs_that_wait_together_are_one_commit(database: Database) -> None:
    commits: list[float] = []
    writer = Writer(database, keep_all, observe=commits.append)
    waiting = [asyncio.create_task(writer.run(adding(f"p{n}"))) for n in range(20)]
    waiting += [asyncio.create_task(writer.ingest(f"i{n}")) for n in range(20)]
    await asyncio.sleep(0)  # all have asked, nobody has begun
    assert writer.depth == 40
    writer.start()
    assert await asyncio.gather(*waiting) == [
        *(f"p{n}" for n in range(20)),
        *(f"kept i{n}" for n in range(20)),
    ]
    await writer.stop()
    assert len(commits) == 1
    assert len(await codes(database)) == 40


async def test_a_failing_job_undoes_only_itself(database: Database) -> None:
    writer = Writer(database, keep_all)

    async def fails(connection: AsyncConnection) -> None:
        await connection.execute(insert(provinces), {"code": "half", "name": "x"})
        raise InvalidInputError("no")

    async def breaks_a_rule(connection: AsyncConnection) -> None:
        await connection.execute(insert(provinces), {"code": "first", "name": "again"})

    waiting = [
        asyncio.create_task(job)
        for job in (
            writer.run(adding("first")),
            writer.run(fails),
            writer.run(breaks_a_rule),
            writer.run(adding("last")),
            writer.ingest("good"),
            writer.ingest("bad"),
            writer.ingest("better"),
        )
    ]
    await asyncio.sleep(0)
    writer.start()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    await writer.stop()
    assert [results[n] for n in (0, 3, 4, 6)] == ["first", "last", "kept good", "kept better"]
    assert isinstance(results[1], InvalidInputError)
    assert "UNIQUE" in str(results[2]).upper()
    assert isinstance(results[5], InvalidInputError)
    assert set(await codes(database)) == {"first", "last", "good", "better"}


async def test_more_than_it_can_hold_is_refused_at_once(database: Database) -> None:
    writer = Writer(database, keep_all, capacity=4)  # not started: nothing leaves the queue
    waiting = [asyncio.create_task(writer.ingest(f"p{n}")) for n in range(4)]
    await asyncio.sleep(0)
    with pytest.raises(BusyError) as refused:
        await writer.ingest("one too many")
    assert refused.value.retry_after_s > 0
    writer.start()
    await asyncio.gather(*waiting)
    await writer.stop()
    assert set(await codes(database)) == {"p0", "p1", "p2", "p3"}


async def test_who_goes_away_does_not_undo_what_was_asked(
    database: Database, writer: Writer
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(connection: AsyncConnection) -> None:
        await connection.execute(insert(provinces), {"code": "slow", "name": "x"})
        begun.set()
        await go_on.wait()

    task = asyncio.create_task(writer.run(slow))
    await begun.wait()
    beside = asyncio.create_task(writer.ingest("beside"))
    await asyncio.sleep(0)
    task.cancel()
    beside.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await writer.run(adding("after"))
    assert set(await codes(database)) == {"slow", "beside", "after"}


async def test_what_waits_is_stored_before_it_stops(database: Database) -> None:
    writer = Writer(database, keep_all)
    waiting = [asyncio.create_task(writer.ingest(f"p{n}")) for n in range(600)]
    await asyncio.sleep(0)
    writer.start()
    await writer.stop()
    assert len(await codes(database)) == 600
    assert len(await asyncio.gather(*waiting)) == 600


async def test_a_store_that_is_away_fails_the_whole_commit_and_no_later_one(
    database: Database, writer: Writer
) -> None:
    await writer.run(adding("before"))
    nobody = Database("postgresql://nobody@127.0.0.1:9/nothing")  # the port of "discard"
    there, database.write_engine = database.write_engine, nobody.write_engine
    lost = await asyncio.gather(
        writer.ingest("lost"), writer.run(adding("lost too")), return_exceptions=True
    )
    assert [type(error) for error in lost] == [StoreUnavailableError, StoreUnavailableError]
    assert "127.0.0.1" not in str(lost[0])
    assert writer.last_error == str(lost[0])
    database.write_engine = there
    await writer.ingest("later")
    assert writer.last_error is None
    assert set(await codes(database)) == {"before", "later"}
    await nobody.close()


async def test_a_commit_survives_a_power_cut(database: Database) -> None:
    async with database.write_engine.connect() as connection:
        if database.is_sqlite:
            mode = (await connection.execute(text("PRAGMA journal_mode"))).scalar()
            synced = (await connection.execute(text("PRAGMA synchronous"))).scalar()
            assert (mode, synced) == ("wal", 2)
        else:
            shown = (await connection.execute(text("SHOW synchronous_commit"))).scalar()
            assert shown == "on"


async def test_reports_that_are_alone_in_a_commit_undo_each_other_no_more(
    database: Database,
) -> None:
    writer = Writer(database, keep_all)
    waiting = [
        asyncio.create_task(writer.ingest(code)) for code in ("good", "bad", "better", "best")
    ]
    await asyncio.sleep(0)
    writer.start()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[1], InvalidInputError)
    assert [results[n] for n in (0, 2, 3)] == ["kept good", "kept better", "kept best"]
    with pytest.raises(InvalidInputError):
        await writer.ingest("bad")  # all alone
    await writer.ingest("last")
    await writer.stop()
    assert set(await codes(database)) == {"good", "better", "best", "last"}


async def test_a_failing_job_that_is_alone_leaves_nothing(
    database: Database, writer: Writer
) -> None:
    async def fails(connection: AsyncConnection) -> None:
        await connection.execute(insert(provinces), {"code": "half", "name": "x"})
        raise InvalidInputError("no")

    with pytest.raises(InvalidInputError):
        await writer.run(fails)
    await writer.run(adding("next"))
    assert await codes(database) == ["next"]
