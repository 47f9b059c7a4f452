"""Opening the database: SQLite in WAL mode with every commit synced, or PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from sqlalchemy import event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from lensong.monitoring.errors import StoreBrokenError, StoreUnavailableError
from lensong.propagation.errors import ConfigError

__all__ = ["Database", "database_url", "is_broken", "is_unavailable", "unavailable"]

_BUSY_MS = 2_000
"""How long SQLite waits for another process's lock before the caller hears 503 [ms]."""

_READERS = 4


def database_url(text: str) -> URL:
    """Return the address of a database with the driver that we use.

    Parameters
    ----------
    text : str
        ``sqlite:///path`` or ``postgresql://user@host/name``.

    Raises
    ------
    ConfigError
        It is neither, or no address at all.
    """
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise ConfigError(
            f"--db is {_without_password(text)!r}, wanted sqlite:///path or "
            "postgresql://user@host/name"
        ) from error
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
    backend = url.get_backend_name()
    if backend not in drivers:
        raise ConfigError(
            f"--db asks for {backend}, wanted sqlite:///path or postgresql://user@host/name"
        )
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError("--db names no file, wanted sqlite:///path: a memory is lost at the end")
    return url.set(drivername=drivers[backend])


class Database:
    """One database: a connection that writes, and several that read.

    Parameters
    ----------
    text : str
        Address, see `database_url`.
    """

    def __init__(self, text: str) -> None:
        self.url = database_url(text)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._broken: str | None = None
        self._threads: list[Thread] = []
        self.on_damage: Callable[[str], None] = lambda _told: None
        if self.is_sqlite:
            folder = Path(str(self.url.database)).resolve().parent
            if not folder.is_dir():
                raise ConfigError(f"--db names {folder}, which is no folder: make it first")
            self.write_engine = self._sqlite("BEGIN IMMEDIATE", 1)
            self.read_engine = self._sqlite("BEGIN", _READERS)
        else:
            self.write_engine = self.read_engine = create_async_engine(
                self.url,
                pool_size=_READERS + 1,
                max_overflow=4,
                pool_timeout=5.0,
                pool_pre_ping=True,
                hide_parameters=True,  # errors are logged, and values may be secrets
                connect_args={"timeout": 5.0, "command_timeout": 30.0},
            )

    def free_bytes(self) -> int | None:
        """Return what is free on the disk of the database [B], None where it is not on ours."""
        if not self.is_sqlite:
            return None
        try:
            return shutil.disk_usage(Path(self.url.database or "").absolute().parent).free
        except OSError:
            return None  # the folder is away: the next writing says so

    def _sqlite(self, begin: str, connections: int) -> AsyncEngine:
        engine = create_async_engine(
            self.url,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=5.0,
            hide_parameters=True,
            connect_args={"timeout": _BUSY_MS / 1e3},
        )

        @event.listens_for(engine.sync_engine, "connect")
        def configure(connection: Any, record: Any) -> None:  # noqa: ARG001 (SQLAlchemy's signature)
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(connection.driver_connection._thread)
            # the driver would begin transactions by itself, and too late
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in (
                "journal_mode = WAL",
                "synchronous = FULL",  # an acknowledged report survives a power cut
                "foreign_keys = ON",
                "cache_size = -16000",
                "journal_size_limit = 67108864",
            ):
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()

        @event.listens_for(engine.sync_engine, "begin")
        def begin_at_once(connection: Any) -> None:
            connection.exec_driver_sql(begin)

        return engine

    def require_whole(self) -> None:
        """Refuse to go on with a file that was found damaged: half of it would be served as all.

        Raises
        ------
        StoreBrokenError
        """
        if self._broken is not None:
            raise StoreBrokenError(self._broken)

    def away(self, error: BaseException) -> StoreUnavailableError:
        """Return what to raise in place of an error of the database; damage is remembered."""
        found = unavailable(error)
        if isinstance(found, StoreBrokenError):
            if self._broken is None:
                self.on_damage(str(found))
            self._broken = str(found)
        return found

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection to read from.

        Raises
        ------
        StoreUnavailableError
            The database does not answer, or is damaged.
        """
        self.require_whole()
        try:
            async with self.read_engine.begin() as connection:
                yield connection
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            if is_unavailable(error):
                raise self.away(error) from error
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self.write_engine.dispose()
        if self.read_engine is not self.write_engine:
            await self.read_engine.dispose()
        # one whose question was given up ends by itself, and would tell a loop that is closed
        for thread in self._threads:
            await asyncio.to_thread(thread.join, _BUSY_MS / 1e3)


def is_unavailable(error: BaseException) -> bool:
    """Return whether the database, not the request, is at fault."""
    if is_broken(error):
        return True
    if isinstance(error, DBAPIError):
        # a PostgreSQL server that shuts down says so in an error of no particular class
        return (
            isinstance(error, OperationalError | InterfaceError)
            or type(error) is DBAPIError
            or error.connection_invalidated
        )
    return isinstance(error, PoolTimeoutError | OSError | TimeoutError | sqlite3.OperationalError)


def is_broken(error: BaseException) -> bool:
    """Return whether SQLite says that the file itself is damaged, or is no database."""
    code = getattr(getattr(error, "orig", None) or error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def unavailable(error: BaseException) -> StoreUnavailableError:
    """Return what is wrong with the database, without statements, values or addresses."""
    text = str(getattr(error, "orig", None) or error).lower()
    if is_broken(error):
        return StoreBrokenError(
            f"the file of the database is damaged ({text.splitlines()[0]}): stop the service, then "
            "put a backup in its place, or save what can be read by `lensong db recover`"
        )
    if "locked" in text or "busy" in text:
        told = "the database is locked by another process: try again"
    elif "full" in text or "no space" in text:
        told = "the disk of the database is full: make room"
    elif "readonly" in text or "read-only" in text:
        told = "the database cannot be written: check its rights"
    elif "disk i/o error" in text:
        told = "the disk of the database gives errors: look at the machine's log"
    elif "unable to open" in text:
        told = "the file of the database cannot be opened: check the path and its rights"
    else:
        told = "the database does not answer: try again"
    return StoreUnavailableError(told)


def _without_password(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
