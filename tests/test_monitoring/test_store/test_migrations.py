"""The migrations make the tables that the code wants, once, whoever starts at the same time."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import JSON, Connection, inspect, text

from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.migrate import head_revision, migrate, revision
from lensong.monitoring.store.tables import metadata
from lensong.propagation.errors import DataError

pytestmark = pytest.mark.anyio

_MIGRATE = """\
import asyncio, sys
from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.migrate import migrate
async def main():
    database = Database(sys.argv[1])
    sys.stdin.readline()
    print(*await migrate(database))
    await database.close()
asyncio.run(main())
"""


async def test_the_migrations_make_the_tables_of_the_code(store_url: str) -> None:
    database = Database(store_url)
    assert await migrate(database) == (None, head_revision())

    def differences(connection: Connection) -> Any:  # alembic's tuples
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": _other_default}
        )
        return compare_metadata(context, metadata)

    async with database.reading() as connection:
        assert await connection.run_sync(differences) == []
        there = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    assert there == {*metadata.tables, "alembic_version"}
    await database.close()


def _other_default(
    _context: Any, _there: Any, wanted: Any, given: str | None, _default: Any, told: str | None
) -> bool | None:
    """Return whether two defaults differ; PostgreSQL cannot compare JSON, the rest alembic does."""
    if given is None or told is None or not isinstance(wanted.type, JSON):
        return None
    return given.removesuffix("::json").strip("'") != told.strip("'")


async def test_a_second_start_changes_nothing(store_url: str) -> None:
    database = Database(store_url)
    await migrate(database)
    assert await migrate(database) == (head_revision(), head_revision())
    assert await revision(database) == head_revision()
    await database.close()


async def test_processes_that_start_at_once_do_not_meet(store_url: str) -> None:
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", _MIGRATE, store_url,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    ended = await asyncio.gather(*(process.communicate(b"go\n") for process in started))
    assert [process.returncode for process in started] == [0, 0, 0], ended
    befores = sorted(out.decode().split()[0] for out, _ in ended)
    assert befores == sorted(["None", head_revision(), head_revision()])  # one did the work


async def test_a_database_of_a_newer_program_is_refused(store_url: str) -> None:
    database = Database(store_url)
    await migrate(database)
    async with database.write_engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataError, match="newer lensong"):
        await migrate(database)
    assert await revision(database) == "9999"
    await database.close()


async def test_a_migration_that_fails_leaves_nothing_half_done(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(store_url)

    def breaks(*_arguments: object, **_options: object) -> None:
        raise RuntimeError("the power fails")

    with monkeypatch.context() as patched:
        patched.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", breaks)
        with pytest.raises(RuntimeError, match="power"):
            await migrate(database)
    async with database.reading() as connection:
        there = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    assert there == []
    assert await migrate(database) == (None, head_revision())
    await database.close()
