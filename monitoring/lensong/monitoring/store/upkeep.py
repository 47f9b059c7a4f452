"""Looking after a database: is it sound, and a copy of it while it is in use."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from lensong.monitoring.errors import StoreBrokenError
from lensong.monitoring.store.engine import Database, is_broken, is_unavailable
from lensong.monitoring.store.migrate import head_revision, revision
from lensong.monitoring.store.tables import metadata
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["Checked", "back_up", "check", "part_of", "require_file", "require_sound", "sync_folder"]

_PART = re.compile(r"\..+\.[0-9a-f]{12}\.part")
"""Name of a file that is not complete yet."""

_SAVE = (
    "stop the service, then put a backup in the place of the file, or save what can be read by "
    "`lensong db recover`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """How a database is.

    Parameters
    ----------
    problems : tuple of str
        What is wrong with it; empty where it is sound.
    rows : dict
        Rows by table; empty where the tables are of another version.
    """

    revision: str | None
    head: str
    problems: tuple[str, ...]
    rows: dict[str, int]


def require_file(database: Database) -> None:
    """Refuse a SQLite file that is not there: opening it would make an empty one.

    Raises
    ------
    ConfigError
    """
    if database.is_sqlite and not Path(str(database.url.database)).is_file():
        raise ConfigError(
            f"there is no database {database.url.database}: check --db, or make it by "
            "`lensong serve` or `lensong db migrate`"
        )


async def require_sound(database: Database) -> None:
    """Refuse a SQLite file whose pages do not fit together, before anything is served out of it.

    Raises
    ------
    StoreBrokenError
        It is damaged.
    """
    if not database.is_sqlite:
        return
    async with database.reading() as connection:
        told = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar()
    if told != "ok":
        raise StoreBrokenError(f"{database.url.database} is damaged ({_one_line(told)}): {_SAVE}")


async def check(database: Database) -> Checked:
    """Return whether a database is sound and of this version, and how much is in it.

    What is damaged is among the problems; what can still be counted is counted.

    Notes
    -----
    PostgreSQL itself holds the integrity of its files and of foreign keys; there, the version
    and the rows are looked at.
    """
    wanted = head_revision()
    try:
        has = await revision(database)
    except StoreBrokenError as error:
        # without its first pages nothing can be told of a file
        return Checked(revision=None, head=wanted, problems=(str(error),), rows={})
    problems: list[str] = []
    rows: dict[str, int] = {}
    try:
        async with database.read_engine.connect() as connection:
            if database.is_sqlite:
                problems += await _damage(connection)
            if has == wanted:
                for table in metadata.sorted_tables:
                    try:
                        counted = await connection.execute(select(func.count()).select_from(table))
                        rows[table.name] = int(counted.scalar_one())
                    except SQLAlchemyError as error:
                        if not is_broken(error):
                            raise
                        problems.append(f"the rows of {table.name} cannot be read: {_SAVE}")
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        if is_unavailable(error):
            raise database.away(error) from error
        raise
    if has != wanted:
        problems.append(
            f"the tables have version {has or 'none'}, this program wants {wanted}: "
            "`lensong db migrate`"
        )
    return Checked(revision=has, head=wanted, problems=tuple(problems), rows=rows)


async def _damage(connection: AsyncConnection) -> list[str]:
    """Return what SQLite finds wrong with the file."""
    found: list[str] = []
    try:
        told = (await connection.execute(text("PRAGMA integrity_check(20)"))).scalars().all()
        found += [f"{_one_line(line)}: {_SAVE}" for line in told if line != "ok"]
    except SQLAlchemyError as error:
        if not is_broken(error):
            raise
        found.append(f"the file is damaged so much that SQLite cannot look it over: {_SAVE}")
    if found:
        return found  # what points to nothing is known only where all can be read
    for table, row, parent, _ in await connection.execute(text("PRAGMA foreign_key_check")):
        found.append(f"row {row} of {table} points to nothing in {parent}")
    return found


def _one_line(told: object) -> str:
    """Return a finding of SQLite, which may have several lines, without its frame."""
    lines = [line.strip() for line in str(told).splitlines()]
    return "; ".join(line for line in lines if line and not line.startswith("***"))[:300]


@contextmanager
def part_of(target: Path) -> Iterator[Path]:
    """Yield an empty file beside a target, its owner's alone, that is gone at the end.

    What a killed process has left in that folder is cleared away first: a part that somebody
    still writes is locked.
    """
    for old in target.parent.glob(".*.part"):
        if _PART.fullmatch(old.name) and (unused := _locked(old)) is not None:
            old.unlink(missing_ok=True)
            os.close(unused)
    part = target.with_name(f".{target.name}.{uuid4().hex[:12]}.part")
    os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    held = _locked(part)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
        part.with_name(f"{part.name}-journal").unlink(missing_ok=True)
        if held is not None:
            os.close(held)  # last: to close a file takes the locks of SQLite on it away


def _locked(path: Path) -> int | None:
    """Return a descriptor that locks a file, None where another process has the lock."""
    try:
        import fcntl
    except ImportError:  # Windows has no such lock
        return None
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # gone, or another user's
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def back_up(database: Database, target: Path) -> int:
    """Copy a SQLite database that may be in use, and return the size of the copy [bytes].

    Parameters
    ----------
    target : Path
        File of the copy; replaced at once when the copy is complete and found sound, readable by
        its owner alone.

    Raises
    ------
    ConfigError
        It is a PostgreSQL database, or the target is the database itself.
    StoreBrokenError
        The database is damaged.
    DataError
        The copy cannot be written.

    References
    ----------
    .. [1] SQLite, "SQLite Backup API", https://www.sqlite.org/backup.html.
    """
    if not database.is_sqlite:
        there = database.url
        url = URL.create("postgresql", there.username, None, there.host, there.port, there.database)
        raise ConfigError(
            "PostgreSQL is copied by its own tool, run: pg_dump --format=custom "
            f"--file={target} --dbname={url.render_as_string()}"
        )
    require_file(database)
    source = Path(str(database.url.database)).resolve()
    if target.resolve() == source:
        raise ConfigError(f"{target} is the database itself: name another file")
    try:
        with part_of(target) as part:
            _copy(source, part)
            size = part.stat().st_size
            os.replace(part, target)
        sync_folder(target.resolve().parent)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"cannot write {target}: {reason}: check the folder and its space"
        ) from error
    return size


def _copy(source: Path, target: Path) -> None:
    reader = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)
    writer = sqlite3.connect(target)
    try:
        try:
            reader.execute("SELECT count(*) FROM sqlite_master").fetchall()
        except sqlite3.OperationalError as error:  # the target is not at fault
            raise DataError(f"cannot read {source}: {error}: check its rights") from error
        reader.backup(writer)
        # one file, that can be carried away without its companions
        writer.execute("PRAGMA journal_mode = DELETE")
        told = [line for (line,) in writer.execute("PRAGMA quick_check(5)")]
    except sqlite3.DatabaseError as error:
        if not is_broken(error):
            raise
        told = [str(error)]
    finally:
        writer.close()
        reader.close()
    if told != ["ok"]:
        raise StoreBrokenError(
            f"{source} is damaged ({_one_line(told[0])}), no copy was made: {_SAVE}"
        )
    with target.open("rb+") as copied:
        os.fsync(copied.fileno())


def sync_folder(folder: Path) -> None:
    """Let the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
