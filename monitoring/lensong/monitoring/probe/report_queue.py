"""Reports that wait for the network, on disk: nothing is lost by a power cut, nothing doubled."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lensong.monitoring.clock import rfc3339
from lensong.propagation.errors import DataError

__all__ = ["KEPT", "MOST_REPORTS", "QueuedReport", "ReportQueue"]

KEPT = timedelta(hours=168)
"""A week: more than the 72 h that a site may be offline without losing anything."""

MOST_REPORTS = 5_000
"""About 10 MB; a week of one test in two minutes."""

_TABLES = (
    "CREATE TABLE IF NOT EXISTS identity (one INTEGER PRIMARY KEY CHECK (one = 1), "
    "client_id TEXT NOT NULL, next_seq INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS reports (seq INTEGER PRIMARY KEY, server TEXT NOT NULL, "
    "queued_at TEXT NOT NULL, body TEXT NOT NULL, rejected TEXT)",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedReport:
    """A report that has not been delivered.

    Parameters
    ----------
    seq : int
        Its running number, never used twice by one client.
    queued_at : datetime
    body : dict
        What the service takes, ``seq`` included.
    """

    seq: int
    queued_at: datetime
    body: dict[str, Any]


class ReportQueue:
    """Reports of this machine in one SQLite file; several processes may share it.

    Parameters
    ----------
    path : Path
        Made if missing, readable by its owner only.

    Raises
    ------
    DataError
        The file cannot be opened or is no queue.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path, timeout=30.0, isolation_level=None)
            # A report is on the disk, not only in its cache, before the test counts as kept.
            self._database.execute("PRAGMA synchronous = FULL")
            with self._transaction():
                for statement in _TABLES:
                    self._database.execute(statement)
                self._database.execute(
                    "INSERT OR IGNORE INTO identity VALUES (1, ?, 1)", (str(uuid.uuid4()),)
                )
        except (OSError, sqlite3.Error) as error:
            raise DataError(
                f"cannot use the queue {path}: {error}: check the path, its rights and free "
                "space, or choose another by --queue"
            ) from error

    @property
    def client_id(self) -> str:
        """Return the name under which this machine reports."""
        row = self._database.execute("SELECT client_id FROM identity").fetchone()
        return str(row[0])

    def add(self, server: str, body: Mapping[str, Any], *, now: datetime) -> int:
        """Keep a report for a server and return its running number."""
        with self._transaction():
            (seq,) = self._database.execute("SELECT next_seq FROM identity").fetchone()
            whole = dict(body) | {"seq": seq}
            self._database.execute("UPDATE identity SET next_seq = next_seq + 1")
            self._database.execute(
                "INSERT INTO reports VALUES (?, ?, ?, ?, NULL)",
                (seq, server, rfc3339(now), json.dumps(whole, ensure_ascii=False)),
            )
        return int(seq)

    def waiting(self, server: str, limit: int = -1) -> list[QueuedReport]:
        """Return what waits for a server, the oldest first."""
        rows = self._database.execute(
            "SELECT seq, queued_at, body FROM reports WHERE server = ? AND rejected IS NULL "
            "ORDER BY seq LIMIT ?",
            (server, limit),
        )
        return [
            QueuedReport(seq=seq, queued_at=datetime.fromisoformat(at), body=json.loads(body))
            for seq, at, body in rows
        ]

    def count(self, server: str) -> int:
        """Return how many reports wait for a server."""
        row = self._database.execute(
            "SELECT count(*) FROM reports WHERE server = ? AND rejected IS NULL", (server,)
        ).fetchone()
        return int(row[0])

    def delivered(self, seqs: Sequence[int]) -> None:
        """Forget reports that the service has stored."""
        with self._transaction():
            self._database.executemany(
                "DELETE FROM reports WHERE seq = ?", [(seq,) for seq in seqs]
            )

    def reject(self, seq: int, why: str) -> None:
        """Set a report aside that the service will never take; it is kept to be looked at."""
        self._database.execute("UPDATE reports SET rejected = ? WHERE seq = ?", (why[:500], seq))

    def rejected(self) -> list[tuple[int, str]]:
        """Return the numbers of reports set aside, and why."""
        rows = self._database.execute(
            "SELECT seq, rejected FROM reports WHERE rejected IS NOT NULL ORDER BY seq"
        )
        return [(int(seq), str(why)) for seq, why in rows]

    def prune(self, *, now: datetime) -> int:
        """Drop what is older than `KEPT` or beyond `MOST_REPORTS`; return how many waited."""
        with self._transaction():
            oldest = rfc3339(now - KEPT)
            bound = self._database.execute(
                "SELECT max(seq) FROM reports WHERE seq <= (SELECT max(seq) FROM reports) - ?",
                (MOST_REPORTS,),
            ).fetchone()[0]
            dropped = self._database.execute(
                "SELECT count(*) FROM reports WHERE rejected IS NULL "
                "AND (queued_at < ? OR seq <= ?)",
                (oldest, bound or 0),
            ).fetchone()[0]
            self._database.execute(
                "DELETE FROM reports WHERE queued_at < ? OR seq <= ?", (oldest, bound or 0)
            )
        return int(dropped)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")
