"""Reads one list in a process of its own: what a file unfolds to harms nobody but this process.

Started by `reader.ListReader` as ``python -m lensong.monitoring.lists.worker``: a job comes in, an
outcome goes out. The limits here hold even where the process that started it is gone.
"""

from __future__ import annotations

import pickle
import resource
import sys
from dataclasses import dataclass
from typing import Literal

from lensong.monitoring.lists.calendars import parse_calendar
from lensong.monitoring.lists.communes import CommuneRows, parse_communes
from lensong.monitoring.lists.csv_lists import (
    KnownPlaces,
    SiteRows,
    parse_sessions,
    parse_sites,
)
from lensong.monitoring.lists.rows import KnownSessions, SessionRows
from lensong.monitoring.lists.told import RowNote, RowsError
from lensong.propagation.errors import LensongError

__all__ = ["MOST_BYTES", "Job", "Kind", "Outcome", "work"]

Kind = Literal["sites", "communes", "sessions", "calendar"]

MOST_BYTES = 1_073_741_824
"""Address space that the process may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A list to be read, how many seconds of a processor that may take, and what for wrong rows."""

    kind: Kind
    data: bytes
    known: KnownPlaces | KnownSessions
    seconds: int
    skip: bool = False
    layer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was read, or why nothing was: rows that are wrong, or a sentence."""

    rows: SiteRows | CommuneRows | SessionRows | None = None
    wrong: tuple[RowNote, ...] = ()
    refused: str = ""


def work(job: Job) -> Outcome:
    """Return what a list holds."""
    try:
        if isinstance(job.known, KnownPlaces):
            if job.kind == "communes":
                return Outcome(
                    rows=parse_communes(job.data, job.known, skip=job.skip, layer=job.layer)
                )
            return Outcome(rows=parse_sites(job.data, job.known, skip=job.skip))
        parse = parse_calendar if job.kind == "calendar" else parse_sessions
        return Outcome(rows=parse(job.data, job.known, skip=job.skip))
    except RowsError as error:
        return Outcome(wrong=error.errors)
    except LensongError as error:
        return Outcome(refused=str(error))
    except (MemoryError, RecursionError):
        return Outcome(refused="the list unfolds to more than can be held: send it in parts")


def main() -> None:
    """Read a job, write its outcome."""
    job: Job = pickle.load(sys.stdin.buffer)  # of the process that started this one
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (job.seconds, job.seconds + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pickle.dump(work(job), sys.stdout.buffer)


if __name__ == "__main__":
    # under its own name, by which the other process knows the classes that go in and out
    from lensong.monitoring.lists import worker

    worker.main()
