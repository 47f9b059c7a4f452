"""Saving what can be read out of a damaged SQLite file into a sound one."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, Float, Table, Text

from lensong.monitoring.store.engine import Database
from lensong.monitoring.store.migrate import head_revision, migrate
from lensong.monitoring.store.tables import metadata
from lensong.monitoring.store.upkeep import part_of, require_file, sync_folder
from lensong.propagation.errors import ConfigError, DataError

__all__ = ["Recovered", "recover"]

_LAST_ROWID = 2**63 - 1
_MAGIC = b"SQLite format 3\x00"
_PAGE_BYTES = 4_096
"""Of a page, as SQLite makes databases unless it is told otherwise."""

_MOST_TIMES_SIZE = 1_000
"""A header that asks for more than so many times the file is taken to be damaged itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What was saved of a damaged database.

    Parameters
    ----------
    saved : dict
        Rows by table.
    left_out : dict
        Rows by table that were read, and are no rows of ours: a value of the wrong kind, one that
        is missing, or a row that was there twice.
    orphans : dict
        Rows by table that were left out because what they belong to is lost.
    holes : tuple of str
        Tables of which a stretch could not be read.
    """

    saved: dict[str, int]
    left_out: dict[str, int]
    orphans: dict[str, int]
    holes: tuple[str, ...]


async def recover(database: Database, target: Path) -> Recovered:
    """Save what can be read of a SQLite database into a new file; the damaged one is not touched.

    A copy is given what SQLite needs to open it: a header, and pages in place of those that were
    cut off [1]_. Its tables are read row by row; what cannot be read is stepped over. Rows
    are kept that fit the tables of this version and belong to something.

    Parameters
    ----------
    target : Path
        New file, put in place at once when it is complete.

    Raises
    ------
    ConfigError
        It is a PostgreSQL database, or the target exists.
    DataError
        Nothing could be read, the database is of another version, or the target cannot be written.

    References
    ----------
    .. [1] SQLite, "Database File Format", section 1.3, https://www.sqlite.org/fileformat2.html.
    """
    if not database.is_sqlite:
        raise ConfigError("db recover is for SQLite files; PostgreSQL is restored from its backups")
    require_file(database)
    if target.exists():
        raise ConfigError(f"{target} is there already: name a new file")
    source, target = Path(str(database.url.database)).resolve(), target.resolve()
    try:
        with part_of(target) as fresh, part_of(target.with_name(f"{target.name}.read")) as read:
            made = Database(f"sqlite:///{fresh}")
            try:
                await migrate(made)
            finally:
                await made.close()
            _mended(source, read)
            try:
                found = _copy(read, fresh)
            finally:
                for end in ("-wal", "-shm"):
                    read.with_name(f"{read.name}{end}").unlink(missing_ok=True)
            if not any(found.saved.values()):
                raise DataError(
                    f"no row of {source} can be read: put a backup in its place, nothing was made"
                )
            with fresh.open("rb+") as written:
                os.fsync(written.fileno())
            os.replace(fresh, target)
        sync_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise DataError(f"cannot write {target}: {why}: check the folder and its space") from error
    return found


def _mended(source: Path, into: Path) -> None:
    """Copy a damaged file so that SQLite opens it: with a header, and pages up to its end."""
    shutil.copyfile(source, into)
    log = source.with_name(f"{source.name}-wal")
    has_log = log.is_file() and log.stat().st_size > 0
    if has_log:
        shutil.copyfile(log, into.with_name(f"{into.name}-wal"))
    with into.open("rb+") as file:
        header, size = file.read(100), into.stat().st_size
        if header[:16] == _MAGIC:
            page_bytes = int.from_bytes(header[16:18], "big")
            page_bytes = 65_536 if page_bytes == 1 else page_bytes
            wanted = page_bytes * int.from_bytes(header[28:32], "big")
            if size < wanted <= _MOST_TIMES_SIZE * max(size, _PAGE_BYTES):
                file.truncate(wanted)  # what was cut off reads as pages that are none
            return
        kind = 2 if has_log else 1
        file.seek(0)
        file.write(
            struct.pack(
                ">16sH6B12I20xII", _MAGIC, _PAGE_BYTES, kind, kind, 0, 64, 32, 32,
                1, size // _PAGE_BYTES, 0, 0, 1, 4, 0, 0, 1, 0, 0, 0, 1, 0,
            )
        )  # fmt: skip


def _copy(source: Path, fresh: Path) -> Recovered:
    reader = sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)
    writer = sqlite3.connect(fresh, isolation_level=None)
    saved: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    orphans: Counter[str] = Counter()
    holes: list[str] = []
    try:
        _require_version(reader)
        writer.execute("PRAGMA journal_mode = DELETE")
        writer.execute("PRAGMA foreign_keys = OFF")
        writer.execute("BEGIN")
        for table in metadata.sorted_tables:
            writer.execute(f'DELETE FROM "{table.name}"')  # what a new database begins with
            for row in _rows(reader, table, holes):
                if _fits(table, row) and _inserted(writer, table, row):
                    saved[table.name] += 1
                else:
                    left_out[table.name] += 1
        while lost := writer.execute("PRAGMA foreign_key_check").fetchall():
            for name, rowid in {(name, rowid) for name, rowid, _, _ in lost}:
                writer.execute(f'DELETE FROM "{name}" WHERE rowid = ?', (rowid,))
                saved[name] -= 1
                orphans[name] += 1
        writer.execute("COMMIT")
    finally:
        reader.close()
        writer.close()
    return Recovered(
        saved={table.name: saved[table.name] for table in metadata.sorted_tables},
        left_out=dict(left_out),
        orphans=dict(orphans),
        holes=tuple(holes),
    )


def _require_version(reader: sqlite3.Connection) -> None:
    """Refuse another version; one that cannot be read any more is taken to be this one."""
    try:
        row = reader.execute("SELECT version_num FROM alembic_version").fetchone()
    except sqlite3.DatabaseError:
        return
    if row is not None and row[0] != head_revision():
        raise DataError(
            f"the database has version {str(row[0])[:80]!r}, this program saves {head_revision()}: "
            "recover it by the lensong that wrote it"
        )


def _rows(reader: sqlite3.Connection, table: Table, holes: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yield what can be read of a table; stretches that cannot are stepped over and named."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    after = 0  # ours are counted from 1
    query = f'SELECT rowid, {names} FROM "{table.name}" WHERE rowid > ? ORDER BY rowid'

    def readable(rowid: int) -> bool:
        try:
            reader.execute(f"{query} LIMIT 1", (rowid,)).fetchone()
        except sqlite3.DatabaseError:
            return False
        return True

    while True:
        try:
            for row in reader.execute(query, (after,)):
                after = row[0]
                yield row[1:]
            return
        except sqlite3.DatabaseError:
            holes.append(table.name)
        bad, good = after, _first_readable(readable, after)
        if good is None:
            return
        while good - bad > 1:
            middle = (bad + good) // 2
            bad, good = (bad, middle) if readable(middle) else (middle, good)
        after = good


def _first_readable(readable: Callable[[int], bool], after: int) -> int | None:
    """Return a row number not far behind a stretch that cannot be read, None where there is none.

    The further away, the longer the strides: a part that can be read is found unless it is shorter
    than a tenth of the way to it.
    """
    stride = 1.0
    while after + int(stride) < _LAST_ROWID:
        if readable(after + int(stride)):
            return after + int(stride)
        stride = stride * 1.1 + 1.0
    return None


def _fits(table: Table, row: tuple[Any, ...]) -> bool:
    return all(_is_one(column, value) for column, value in zip(table.columns, row, strict=True))


def _is_one(column: Column[Any], value: Any) -> bool:
    """Return whether a value is one that a column of ours may hold."""
    if value is None:
        return bool(column.nullable)
    if isinstance(column.type, JSON):
        try:
            json.loads(value)
        except (ValueError, TypeError, RecursionError):
            return False
        return True
    if isinstance(column.type, Text):
        return isinstance(value, str)
    if isinstance(column.type, Float):
        return isinstance(value, int | float)
    return isinstance(value, int)  # whole numbers, moments, yes and no


def _inserted(writer: sqlite3.Connection, table: Table, row: tuple[Any, ...]) -> bool:
    marks = ", ".join("?" * len(row))
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    try:
        writer.execute(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', row)
    except sqlite3.IntegrityError:
        return False
    return True
