"""Views in a GeoPackage or SQLite file: queries of whoever made it, which may never end.

Whatever opens such a file runs them, some only to list the layers; nothing there bounds that. So
every view is run here first, under a limit that counts SQLite's own steps and not time.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from lensong.propagation.errors import DataError

__all__ = ["check_views"]

MOST_STEPS = 60_000_000
"""Instructions of SQLite's machine for all views of a file: some per value, so that views of a
million features with 50 columns pass, and seconds on any computer."""

_STEPS_AT_ONCE = 100_000
_MOST_VALUE_BYTES = 64 * 2**20


def check_views(path: Path, shown: str, most_steps: int = MOST_STEPS) -> None:
    """Refuse an SQLite file of which a view does not end, or cannot be run to see whether it does.

    Parameters
    ----------
    path : Path
        A file that begins as SQLite files do; one that is damaged passes, for its reader to tell.
    shown : str
        Its name for messages.

    Raises
    ------
    DataError
        The message names the view.
    """
    left = most_steps // _STEPS_AT_ONCE

    def count() -> bool:
        nonlocal left
        left -= 1
        return left < 0  # true interrupts

    address = f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_VALUE_BYTES)
            database.execute("PRAGMA trusted_schema = OFF")
            database.set_progress_handler(count, _STEPS_AT_ONCE)
            named = database.execute("SELECT name FROM sqlite_master WHERE type = 'view'")
            for (name,) in named.fetchall():
                _run(database, str(name), shown)
                if left < 0:
                    raise DataError(_endless(str(name), shown))
    except sqlite3.DatabaseError:
        return


def _run(database: sqlite3.Connection, name: str, shown: str) -> None:
    quoted = name.replace('"', '""')
    try:
        rows = database.execute(f'SELECT * FROM "{quoted}"')
        while rows.fetchmany(1_000):
            pass
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            raise DataError(_endless(name, shown)) from None
        if "no such function" in str(error):
            raise DataError(
                f"{shown} has a view {name[:80]!r} that cannot be run alone ({error}): {_SAVE}"
            ) from None
        # one of a table that is gone: it ends at once, and is told where it is asked for
    except sqlite3.DataError:
        raise DataError(
            f"{shown} has a view {name[:80]!r} with values of over {_MOST_VALUE_BYTES >> 20} MiB: "
            f"{_SAVE}"
        ) from None


_SAVE = "save its rows as a layer of their own, such as by 'Export features' in QGIS"


def _endless(name: str, shown: str) -> str:
    return f"{shown} has a view {name[:80]!r} that does not end, or takes too long: {_SAVE}"
