"""One process on a database: it holds the state of every site in its memory."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import DatabaseInUseError, StoreUnavailableError
from lensong.monitoring.store.engine import Database, database_url, is_unavailable
from lensong.propagation.errors import ConfigError

__all__ = ["only_connection", "only_process", "until_free"]

_LOG = logging.getLogger(__name__)
_LOCK = 7_308_604_898
"""Number of PostgreSQL's advisory lock; any, as long as nobody else takes the same."""

_ALIVE = {
    "tcp_keepalives_idle": 3,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 6_000,
}
"""A machine that lost its power says nothing: PostgreSQL asks the connection that holds the lock,
and ends it after six seconds without an answer. Settings of PostgreSQL [s, s, 1, ms]."""


@contextmanager
def only_process(db: str) -> Iterator[None]:
    """Keep other processes off a SQLite file until the block ends.

    Parameters
    ----------
    db : str
        Address of the database; one of PostgreSQL is left to `only_connection`.

    Raises
    ------
    ConfigError
        Another process has it, or the lock cannot be written.
    """
    url = database_url(db)
    if url.get_backend_name() != "sqlite":
        yield
        return
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        yield
        return
    database = Path(str(url.database)).resolve()
    if not database.parent.is_dir():
        raise ConfigError(f"--db names {database.parent}, which is no folder: make it first")
    path = database.with_name(f"{database.name}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror}: the folder of the database must be writable"
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            raise ConfigError(
                f"{database} is in use by process {holder}, which keeps its state in memory: stop "
                "that one first, or ask it by --server"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)  # which gives the lock back; the file stays for the next one


@asynccontextmanager
async def only_connection(
    database: Database, on_lost: Callable[[], None] = lambda: None, ask_every_s: float = 2.0
) -> AsyncIterator[None]:
    """Keep other processes off a PostgreSQL database until the block ends.

    A server that restarts forgets the lock, so it is asked for again.

    Parameters
    ----------
    database : Database
        One of SQLite is left to `only_process`.
    on_lost : callable
        Called once if another process was quicker after the server had been away.
    ask_every_s : float
        How often it is asked whether the lock still stands [s].

    Raises
    ------
    DatabaseInUseError
        Another process has it.
    StoreUnavailableError
        The database does not answer.
    """
    if database.is_sqlite:
        yield
        return
    try:
        connection = await _locked(database)
    except (SQLAlchemyError, OSError) as error:
        if is_unavailable(error):
            raise database.away(error) from error
        raise

    async def keep() -> None:
        nonlocal connection
        while True:
            await asyncio.sleep(ask_every_s)
            try:
                if connection.invalidated or connection.closed:
                    connection = await _locked(database)
                else:
                    await connection.execute(text("SELECT 1"))
                    await connection.commit()
            except (SQLAlchemyError, OSError):  # it is away: nobody can take the lock meanwhile
                await _let_go(connection)
            except DatabaseInUseError as error:
                _LOG.error("%s", error)
                on_lost()
                return

    keeper = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await _let_go(connection)


async def until_free(database: Database, ask_every_s: float = 1.0) -> None:
    """Return once no other process is at work on a PostgreSQL database.

    A database that does not answer is waited for as well: who works on it is not known then.
    """
    told = False
    while True:
        try:
            async with only_connection(database):
                return
        except DatabaseInUseError:
            told = False
        except StoreUnavailableError as error:
            if not told:
                _LOG.warning("%s", error)
            told = True
        await asyncio.sleep(ask_every_s)


async def _locked(database: Database) -> AsyncConnection:
    """Return a connection that holds the lock for as long as it lives."""
    connection = await database.write_engine.connect()
    try:
        for name, value in _ALIVE.items():
            await connection.execute(text(f"SET {name} = {value}"))
        taken = await connection.execute(
            text("SELECT pg_try_advisory_lock(:number)"), {"number": _LOCK}
        )
        if not taken.scalar_one():
            raise DatabaseInUseError(
                f"another process is at work on the database {database.url.database} and keeps its "
                "state in memory: stop that one first, ask it by --server, or wait to take over "
                "from it with --standby"
            )
        await connection.commit()  # the lock is the connection's, no transaction stays open
    except BaseException:
        await _let_go(connection)
        raise
    return connection


async def _let_go(connection: AsyncConnection) -> None:
    """End a connection, and its lock with it; back in the pool it would keep it."""
    with contextlib.suppress(SQLAlchemyError, OSError):
        if not connection.closed:
            await connection.invalidate()
            await connection.close()
