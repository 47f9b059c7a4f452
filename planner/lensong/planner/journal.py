"""What was done to the variants of a plan, a line each: kept before it is answered."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

from lensong.gis_data.atomic import atomic_path, write_error
from lensong.propagation.errors import DataError

__all__ = ["Journal"]

_FOLDER = ".lensong-planner"


class Journal:
    """The journal of one plan, beside its scenario.

    Parameters
    ----------
    path : Path
        Of the file; made when the first line comes.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()

    @classmethod
    def beside(cls, scenario: Path) -> Journal:
        """Return the journal of a scenario's file."""
        return cls(scenario.parent / _FOLDER / f"{scenario.stem}.jsonl")

    def read(self) -> Iterator[dict[str, Any]]:
        """Yield what was done, the oldest first.

        A last line that was cut off by a crash was never answered: it is taken out of the file.

        Raises
        ------
        DataError
            Another line cannot be read; says which.
        """
        if not self._path.exists():
            return
        text = self._path.read_bytes()
        lines = text.split(b"\n")
        if lines[-1]:  # a line that was answered ends
            with atomic_path(self._path) as part:
                part.write_bytes(text[: len(text) - len(lines[-1])])
        for number, line in enumerate(lines[:-1], start=1):
            try:
                entry = json.loads(line)
            except ValueError as error:
                raise DataError(
                    f"{self._path}, line {number} cannot be read ({error}): correct or remove the "
                    "line; what comes after it builds on it"
                ) from error
            yield entry

    def write(self, entry: dict[str, Any]) -> None:
        """Add a line; it is on the disk when this returns."""
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        with self._lock:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("ab") as file:
                    file.write(line.encode() + b"\n")
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise write_error(self._path, error) from error
