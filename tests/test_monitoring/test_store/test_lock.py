"""One process at a time, on either kind of database."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.lock import only_connection, only_process
from lensong.monitoring.store.migrate import migrate
from lensong.propagation.errors import ConfigError
from tests.postgres_server import Postgres
from tests.running_service import sqlite_url
from tests.waiting import PATIENCE_S

HOLD = """\
import sys
from lensong.monitoring.store.lock import only_process
with only_process(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_file_is_held_by_one_process_and_freed_by_its_death(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-P", "-c", HOLD, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ConfigError, match=f"process {other.pid}"), only_process(url):
            raise AssertionError("two processes hold it")
        other.kill()
        other.wait()
        with only_process(url):
            pass


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    with only_process(url):
        with pytest.raises(ConfigError, match="in use"), only_process(url):
            raise AssertionError("held twice")
        with only_process(sqlite_url(tmp_path).replace("lensong", "other")):
            pass
    with only_process(url):
        pass


def test_a_folder_that_is_not_there_or_not_writable_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigError, match="no folder"),
        only_process(f"sqlite:///{tmp_path}/x/y.db"),
    ):
        raise AssertionError("held")
    (tmp_path / "z.db.lock").mkdir()
    with (
        pytest.raises(ConfigError, match="cannot write"),
        only_process(f"sqlite:///{tmp_path}/z.db"),
    ):
        raise AssertionError("held")


@pytest.mark.anyio
async def test_a_postgresql_database_is_held_by_one_connection(postgres: Postgres) -> None:
    url = postgres.new_database()
    first, second = Database(url), Database(url)
    other = Database(postgres.new_database())
    try:
        async with only_connection(first):
            with pytest.raises(ConfigError, match="another process is at work"):
                async with only_connection(second):
                    raise AssertionError("held twice")
            async with only_connection(other):  # another database of the same server
                pass
            # no transaction stays open: tables can be changed meanwhile
            await migrate(first)
        async with only_connection(second):
            pass
    finally:
        for database in (first, second, other):
            await database.close()


@pytest.mark.anyio
async def test_a_lock_that_the_server_forgot_is_taken_again(postgres: Postgres) -> None:
    url = postgres.new_database()
    first, second = Database(url), Database(url)
    lost: list[str] = []
    try:
        async with only_connection(first, lambda: lost.append("first"), ask_every_s=0.5):
            await end_other_connections(second)
            await until_held(second, 0)
            await until_held(second, 1)
            with pytest.raises(ConfigError, match="another process is at work"):
                async with only_connection(second):
                    raise AssertionError("held twice")
            assert lost == []
            await end_other_connections(second)
            await until_held(second, 0)
            async with only_connection(second):  # quicker than the first
                await asyncio.sleep(1.5)
                assert lost == ["first"]
    finally:
        for database in (first, second):
            await database.close()


async def end_other_connections(database: Database) -> None:
    """Do to the others what a restart of the server does."""
    async with database.reading() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )


async def until_held(database: Database, by: int) -> None:
    """Wait until so many connections hold the lock."""
    held = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with database.reading() as connection:
                if await connection.scalar(text(held)) == by:
                    return
            await asyncio.sleep(0.01)


@pytest.mark.anyio
async def test_a_file_needs_no_lock_in_the_database(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    async with only_connection(database), only_connection(database):
        pass
    await database.close()
