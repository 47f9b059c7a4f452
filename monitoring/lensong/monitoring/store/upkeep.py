"""Looking after a database: is it sound, and a copy of it while it is in use."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import URL, func, select, text

from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.migrate import head_revision, revision
from lensong.monitoring.store.tables import metadata
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["Checked", "back_up", "check", "require_file"]


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


async def check(database: Database) -> Checked:
    """Return whether a database is sound and of this version, and how much is in it.

    Notes
    -----
    PostgreSQL itself holds the integrity of its files and of foreign keys; there, the version
    and the rows are looked at.
    """
    has, wanted = await revision(database), head_revision()
    problems = []
    rows: dict[str, int] = {}
    async with database.reading() as connection:
        if database.is_sqlite:
            told = (await connection.execute(text("PRAGMA integrity_check(20)"))).scalars().all()
            problems += [str(line) for line in told if line != "ok"]
            for table, row, parent, _ in await connection.execute(text("PRAGMA foreign_key_check")):
                problems.append(f"row {row} of {table} points to nothing in {parent}")
        if has == wanted:
            for table in metadata.sorted_tables:
                counted = await connection.execute(select(func.count()).select_from(table))
                rows[table.name] = int(counted.scalar_one())
    if has != wanted:
        problems.append(
            f"the tables have version {has or 'none'}, this program wants {wanted}: "
            "`lensong db migrate`"
        )
    return Checked(revision=has, head=wanted, problems=tuple(problems), rows=rows)


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
    DataError
        The copy is not sound, or cannot be written.

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
    part = target.with_name(f".{target.name}.{uuid4().hex[:12]}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(source, part)
        size = part.stat().st_size
        os.replace(part, target)
        _sync_folder(target.resolve().parent)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"cannot write {target}: {reason}: check the folder and its space"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return size


def _copy(source: Path, target: Path) -> None:
    reader = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)
    writer = sqlite3.connect(target)
    try:
        reader.backup(writer)
        # one file, that can be carried away without its companions
        writer.execute("PRAGMA journal_mode = DELETE")
        told = [line for (line,) in writer.execute("PRAGMA quick_check(5)")]
        if told != ["ok"]:
            raise DataError(f"the copy of {source} is not sound: {told[0]}: `lensong db check`")
    finally:
        writer.close()
        reader.close()
    with target.open("rb+") as copied:
        os.fsync(copied.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
