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
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import DatabaseInUseError
from lensong.monitoring.store.engine import Database, database_url, is_unavailable
from lensong.propagation.errors import ConfigError

__all__ = ["only_connection", "only_process"]

_LOG = logging.getLogger(__name__)
_LOCK = 7_308_604_898
"""Number of PostgreSQL's advisory lock; any, as long as nobody else takes the same."""

_LOCK_NOT_AVAILABLE = "55P03"
"""PostgreSQL's word for a lock that was not got in time."""

_WAIT_S = 5
"""For the lock at a time; then the connection is seen to live, and it is waited for again [s]."""

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
    database: Database,
    on_lost: Callable[[], None] = lambda: None,
    ask_every_s: float = 2.0,
    *,
    on_waiting: Callable[[], None] | None = None,
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
    on_waiting : callable, optional
        Wait until no other process has it, and while the database does not answer: who works on it
        is not known then. Called once where another process has it.

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
    connection = await (
        _at_once(database) if on_waiting is None else _once_free(database, on_waiting)
    )

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


async def _at_once(database: Database) -> AsyncConnection:
    """Return a connection that holds the lock, or refuse."""
    try:
        return await _locked(database)
    except (SQLAlchemyError, OSError) as error:
        if is_unavailable(error):
            raise database.away(error) from error
        raise


async def _once_free(database: Database, on_waiting: Callable[[], None]) -> AsyncConnection:
    """Return a connection that holds the lock, however long that takes.

    PostgreSQL itself says when it is free: no time is lost between two questions.
    """
    away = waits = False
    while True:
        try:
            return await _locked(database, wait=waits)
        except DatabaseInUseError:
            if not waits:
                on_waiting()
            waits, away = True, False
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            if not is_unavailable(error):
                raise
            if not away:
                _LOG.warning("%s", database.away(error))
            away = True
            await asyncio.sleep(1.0)


async def _locked(database: Database, *, wait: bool = False) -> AsyncConnection:
    """Return a connection that holds the lock for as long as it lives."""
    connection = await database.write_engine.connect()
    try:
        for name, value in _ALIVE.items():
            await connection.execute(text(f"SET {name} = {value}"))
        await connection.commit()  # what is waited for in vain takes these settings back no more
        if not (await (_waited(connection) if wait else _tried(connection))):
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


async def _tried(connection: AsyncConnection) -> bool:
    taken = await connection.execute(
        text("SELECT pg_try_advisory_lock(:number)"), {"number": _LOCK}
    )
    return bool(taken.scalar_one())


async def _waited(connection: AsyncConnection) -> bool:
    """Return whether the lock was got within some seconds."""
    await connection.execute(text(f"SET LOCAL lock_timeout = '{_WAIT_S}s'"))
    try:
        async with asyncio.timeout(2 * _WAIT_S):  # the server may be gone without a word
            await connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK})
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


async def _let_go(connection: AsyncConnection) -> None:
    """End a connection, and its lock with it; back in the pool it would keep it."""
    with contextlib.suppress(SQLAlchemyError, OSError):
        if not connection.closed:
            await connection.invalidate()
            await connection.close()
