"""What `lensong timetable` leaves on disk."""

from __future__ import annotations

import json
from pathlib import Path

from lensong.coverage.timetable.make import Timetable
from lensong.coverage.timetable.tables import sessions_table, sites_table, timetable_json
from lensong.coverage.timetable.wishes import Wishes
from lensong.gis_data.atomic import atomic_path
from lensong.gis_data.land import Land
from lensong.gis_data.vector_write import write_csv

__all__ = ["CHANGED", "PROOF", "SESSIONS", "SITES", "write_timetable"]

SESSIONS = "sessions.csv"
CHANGED = "sessions_changed.csv"
SITES = "sites.csv"
PROOF = "timetable.json"


def write_timetable(made: Timetable, wishes: Wishes, land: Land, folder: Path) -> list[Path]:
    """Write sessions, sites and proof, each whole or not at all; return what was written.

    A file with changed sessions of a former run is taken away where no change is needed now.

    Raises
    ------
    DataError
        The folder cannot be written, or the disk is full.
    """
    told = timetable_json(made, wishes, land)
    text = json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    write_csv(folder / SESSIONS, sessions_table(made.entries))
    write_csv(folder / SITES, sites_table(made, land))
    written = [folder / SESSIONS, folder / SITES]
    if made.changed is not None:
        write_csv(folder / CHANGED, sessions_table(made.changed.entries))
        written.append(folder / CHANGED)
    else:
        (folder / CHANGED).unlink(missing_ok=True)
    with atomic_path(folder / PROOF, needed_bytes=len(text)) as part:
        part.write_text(text, encoding="utf-8")
    return [*written, folder / PROOF]
