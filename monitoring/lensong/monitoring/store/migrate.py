"""Bringing the tables to this version, under a lock, so that two starts do not meet."""

from __future__ import annotations

import time
from functools import cache
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from lensong.monitoring.store.engine import Database, is_unavailable
from lensong.propagation.errors import DataError

__all__ = ["head_revision", "migrate", "revision"]

_LOCK = 7_308_604_897
"""Number of PostgreSQL's advisory lock; any, as long as nobody else takes the same."""

_PATIENCE_S = 10.0
"""How long a SQLite file may be locked, by another process that brings it up, say [s]."""


def _config() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(files("lensong.monitoring.store").joinpath("migrations"))
    )
    return config


@cache
def _known() -> tuple[str, frozenset[str]]:
    """Return the version that this program wants, and all that it knows."""
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head()
    assert head is not None  # versions/ is part of the package
    return head, frozenset(script.revision for script in scripts.walk_revisions())


def head_revision() -> str:
    """Return the version that this program wants."""
    return _known()[0]


async def revision(database: Database) -> str | None:
    """Return the version that the database has, None where it is empty."""
    async with database.reading() as connection:
        return await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )


async def migrate(database: Database) -> tuple[str | None, str]:
    """Bring the tables to this version.

    Returns
    -------
    tuple of str
        Version before (None where empty) and after.

    Raises
    ------
    DataError
        The database was written by a newer version.
    StoreUnavailableError
        It does not answer.
    """
    until_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            # SQLite: BEGIN IMMEDIATE is the lock; both undo a migration that fails half-way
            async with database.write_engine.begin() as connection:
                if not database.is_sqlite:
                    await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                return await connection.run_sync(_upgrade)
        except (SQLAlchemyError, OSError) as error:
            if not is_unavailable(error):
                raise
            away = database.away(error)
            if not _is_locked(error) or time.monotonic() >= until_s:
                raise away from error


def _is_locked(error: BaseException) -> bool:
    """Return whether another process writes a SQLite file: it may be at the same work."""
    return "database is locked" in str(error)


def _upgrade(connection: Connection) -> tuple[str | None, str]:
    head, known = _known()
    before = MigrationContext.configure(connection).get_current_revision()
    if before == head:
        return before, head
    if before is not None and before not in known:
        raise DataError(
            f"the database has version {before}, which this program does not know: it was written "
            "by a newer lensong, use that one"
        )
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return before, head
